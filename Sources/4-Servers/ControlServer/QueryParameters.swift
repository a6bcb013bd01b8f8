import ControlAPI
import GloveboxCore

/// The parameters of a request's query. Reading one takes it out; what's left at the end is refused, so that a
/// misspelt filter doesn't silently filter nothing.
struct QueryParameters {
    private var values: [String: String] = [:]

    /// - Throws: `invalid_argument` for malformed or repeated parameters.
    init(_ query: String?) throws(GloveboxError) {
        for pair in (query ?? "").split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = parts.first.flatMap(percentDecoded),
                let value = parts.count == 2 ? percentDecoded(parts[1]) : ""
            else {
                throw GloveboxError(.invalidArgument, "the query is malformed: percent-encode its values")
            }
            guard self.values.updateValue(value, forKey: name) == nil else {
                throw GloveboxError(.invalidArgument, "query parameter '\(name.prefix(80))' is there twice")
            }
        }
    }

    mutating func string(_ name: String) -> String? {
        self.values.removeValue(forKey: name)
    }

    mutating func value<Value>(
        _ name: String, _ parse: (String) throws(GloveboxError) -> Value
    ) throws(GloveboxError) -> Value? {
        guard let text = self.string(name) else { return nil }
        do {
            return try parse(text)
        } catch {
            throw GloveboxError(error.code, "query parameter '\(name)': \(error.message)", cause: error.cause)
        }
    }

    mutating func flag(_ name: String) throws(GloveboxError) -> Bool? {
        switch self.string(name) {
        case nil: nil
        case "true": true
        case "false": false
        default: throw GloveboxError(.invalidArgument, "query parameter '\(name)': 'true' or 'false' is wanted")
        }
    }

    mutating func page() throws(GloveboxError) -> PageRequest {
        let after = self.string("after")
        guard let text = self.string("limit") else { return PageRequest(after: after) }
        guard let limit = Int(text), (1...PageRequest.mostLimit).contains(limit) else {
            throw GloveboxError(
                .invalidArgument, "query parameter 'limit': a number from 1 to \(PageRequest.mostLimit) is wanted")
        }
        return PageRequest(after: after, limit: limit)
    }

    /// - Throws: `invalid_argument` when there's a parameter that nobody took.
    func finish() throws(GloveboxError) {
        if let name = self.values.keys.min() {
            throw GloveboxError(.invalidArgument, "unknown query parameter '\(name.prefix(80))'")
        }
    }
}

extension PageRequest {
    init(query: String?) throws(GloveboxError) {
        var parameters = try QueryParameters(query)
        self = try parameters.page()
        try parameters.finish()
    }
}

extension LeaseQuery {
    init(query: String?) throws(GloveboxError) {
        var parameters = try QueryParameters(query)
        self.init(
            activeOnly: try parameters.flag("active") ?? false,
            holder: try parameters.value("holder", IdentityName.init(_:)),
            target: try parameters.value("target", TargetName.init(_:)), page: try parameters.page())
        try parameters.finish()
    }
}

extension RecordQuery {
    init(query: String?) throws(GloveboxError) {
        var parameters = try QueryParameters(query)
        self.init(
            identity: try parameters.value("identity", IdentityName.init(_:)),
            target: try parameters.value("target", TargetName.init(_:)),
            lease: try parameters.value("lease", LeaseID.init(_:)), event: parameters.string("event"),
            since: try parameters.value("since", Timestamp.init(parameter:)),
            until: try parameters.value("until", Timestamp.init(parameter:)), page: try parameters.page())
        try parameters.finish()
    }
}

extension ApprovalQuery {
    init(query: String?) throws(GloveboxError) {
        var parameters = try QueryParameters(query)
        self.init(
            openOnly: try parameters.flag("open") ?? false,
            unreviewedOnly: try parameters.flag("unreviewed") ?? false,
            asker: try parameters.value("asker", IdentityName.init(_:)), page: try parameters.page())
        try parameters.finish()
    }
}

extension ChangeQuery {
    init(query: String?) throws(GloveboxError) {
        var parameters = try QueryParameters(query)
        self.init(
            openOnly: try parameters.flag("open") ?? false, lease: try parameters.value("lease", LeaseID.init(_:)),
            page: try parameters.page())
        try parameters.finish()
    }
}

extension FlagQuery {
    init(query: String?) throws(GloveboxError) {
        var parameters = try QueryParameters(query)
        self.init(target: try parameters.value("target", TargetName.init(_:)), page: try parameters.page())
        try parameters.finish()
    }
}

extension Timestamp {
    fileprivate init(parameter text: String) throws(GloveboxError) {
        guard let moment = Timestamp(text) else {
            throw GloveboxError(.invalidArgument, "a moment is wanted, as in 2026-11-25T07:17:57Z")
        }
        self = moment
    }
}
