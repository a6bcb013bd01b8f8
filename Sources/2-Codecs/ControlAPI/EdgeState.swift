package import GloveboxCore

/// What edges that take a target's state are told: which share of ordinary requests each version gets, and which test runs
/// there are. It travels as flags do, each entry a flag of its own, so that it has epochs, acknowledgements, an undo and an
/// expiry that an edge keeps by itself.
package struct EdgeState: Hashable, Sendable {
    /// Weights by service and version.
    package var weights: [String: [String: Int]] = [:]
    package var runs: [String: TestRunEdit] = [:]

    package init() {}

    /// - Parameter flags: definitions by key, as flagd's files have them; what isn't an edge's is passed by.
    /// - Throws: `flags_invalid` for an entry that this version doesn't understand.
    package init(flags: [String: String]) throws(GloveboxError) {
        for (key, definition) in flags {
            guard let entry = Entry(key: key) else { continue }
            let value = try Self.value(definition, of: key)
            do {
                switch entry {
                case .route(let service):
                    self.weights[service] = try JSONForm.decode([String: Int].self, from: JSONForm.encode(value))
                case .run(let id):
                    self.runs[id] = try JSONForm.decode(
                        TestRunEdit.self, from: JSONForm.encode(value.without(Self.leasesField)))
                }
            } catch {
                throw GloveboxError(.flagsInvalid, "'\(key)' isn't what an edge understands", cause: error)
            }
        }
    }

    /// Whose entry a flag is.
    package enum Entry: Hashable, Sendable {
        case route(service: String)
        case run(String)

        package init?(key: String) {
            if key.hasPrefix(Self.route), key.utf8.count > Self.route.utf8.count {
                self = .route(service: String(key.dropFirst(Self.route.count)))
            } else if key.hasPrefix(Self.run), key.utf8.count > Self.run.utf8.count {
                self = .run(String(key.dropFirst(Self.run.count)))
            } else {
                return nil
            }
        }

        package var key: String {
            switch self {
            case .route(let service): Self.route + service
            case .run(let id): Self.run + id
            }
        }

        private static let route = "edge/route/"
        private static let run = "edge/run/"
    }

    package static func definition(_ edit: RouteEdit) -> JSONValue {
        self.definition(.object(edit.weights.mapValues { .integer(Int64($0)) }))
    }

    /// - Parameter leases: those under which the run changes more than itself: what's changed under them goes back with it
    ///   when nobody attends to it any more.
    package static func definition(_ edit: TestRunEdit, leases: [LeaseID] = []) -> JSONValue {
        let routes = edit.routes.map { route in
            var fields: [String: JSONValue] = ["path": .string(route.path)]
            if let host = route.host { fields["host"] = .string(host) }
            return JSONValue.object(fields)
        }
        return self.definition(
            .object([
                "routes": .array(routes), "writes": .integer(Int64(edit.writes)),
                Self.leasesField: .array(leases.map { .string($0.rawValue) }),
            ]))
    }

    /// Those that a run's entry names.
    package static func leases(_ definition: String, of key: String) -> [LeaseID] {
        guard case .object(let fields)? = try? self.value(definition, of: key),
            case .array(let leases)? = fields[Self.leasesField]
        else { return [] }
        return leases.compactMap { if case .string(let text) = $0 { try? LeaseID(text) } else { nil } }
    }

    private static let leasesField = "leases"

    private static let variant = "set"

    private static func definition(_ value: JSONValue) -> JSONValue {
        .object([
            "state": .string("ENABLED"), "variants": .object([Self.variant: value]),
            "defaultVariant": .string(Self.variant),
        ])
    }

    /// What an entry says.
    package static func value(_ definition: String, of key: String) throws(GloveboxError) -> JSONValue {
        guard let whole = try? JSONForm.decode(JSONValue.self, from: Array(definition.utf8)),
            case .object(let fields) = whole, case .object(let variants)? = fields["variants"],
            let value = variants[Self.variant]
        else { throw GloveboxError(.flagsInvalid, "'\(key)' isn't what an edge understands") }
        return value
    }
}

extension JSONValue {
    fileprivate func without(_ name: String) -> JSONValue {
        guard case .object(var fields) = self else { return self }
        fields[name] = nil
        return .object(fields)
    }
}
