package import GloveboxCore

/// The share of ordinary requests that each version of a service gets, at the edges that take a target's state. Versions that
/// aren't named get none.
package struct RouteEdit: Sendable, Hashable, Codable {
    package var service: String
    package var weights: [String: Int]

    package init(service: String, weights: [String: Int]) {
        self.service = service
        self.weights = weights
    }

    private enum CodingKeys: String, CodingKey {
        case service, weights
    }

    package init(from decoder: any Decoder) throws {
        try decoder.allowOnly(["service", "weights"])
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.service = try container.decode(String.self, forKey: .service)
        self.weights = try container.decode([String: Int].self, forKey: .weights)
    }

    func validate() throws(GloveboxError) {
        guard isEdgeWord(self.service), self.weights.keys.allSatisfy(isEdgeWord) else {
            throw GloveboxError(
                .invalidArgument,
                "route: services and versions have 1 to 63 letters, digits, '-', '_' and '.', as in the edge's file")
        }
        guard (1...50).contains(self.weights.count), self.weights.values.allSatisfy({ (0...1_000_000).contains($0) }),
            self.weights.values.contains(where: { $0 > 0 })
        else {
            throw GloveboxError(
                .invalidArgument,
                "route of '\(self.service)': weights are from 0 to 1000000, and one at least is more than 0")
        }
    }
}

/// A test run: while the change is in force, edges take its marks.
package struct TestRunEdit: Sendable, Hashable, Codable {
    package struct Route: Sendable, Hashable, Codable {
        /// In small letters, without a port; absent for any.
        package var host: String?
        /// That and all under it.
        package var path: String

        package init(host: String? = nil, path: String) {
            self.host = host
            self.path = path
        }

        private enum CodingKeys: String, CodingKey {
            case host, path
        }

        package init(from decoder: any Decoder) throws {
            try decoder.allowOnly(["host", "path"])
            let container = try decoder.container(keyedBy: CodingKeys.self)
            self.host = try container.decodeIfPresent(String.self, forKey: .host)
            self.path = try container.decode(String.self, forKey: .path)
        }
    }

    /// Where its marks count.
    package var routes: [Route]
    /// How many writing requests it may send.
    package var writes: Int

    package static let mostRoutes = 32
    package static let mostWrites = 1_000_000

    package init(routes: [Route], writes: Int = 0) {
        self.routes = routes
        self.writes = writes
    }

    private enum CodingKeys: String, CodingKey {
        case routes, writes
    }

    package init(from decoder: any Decoder) throws {
        try decoder.allowOnly(["routes", "writes"])
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.routes = try container.decode([Route].self, forKey: .routes)
        self.writes = try container.decodeIfPresent(Int.self, forKey: .writes) ?? 0
    }

    func validate() throws(GloveboxError) {
        guard (1...Self.mostRoutes).contains(self.routes.count) else {
            throw GloveboxError(.invalidArgument, "testRun: name 1 to \(Self.mostRoutes) routes")
        }
        guard (0...Self.mostWrites).contains(self.writes) else {
            throw GloveboxError(.invalidArgument, "testRun: 'writes' is from 0 to \(Self.mostWrites)")
        }
    }
}

/// `POST /v1/changes/{id}/marks`: marks for requests of a run, each good for one.
package struct MarkRequest: RequestContent {
    package static let fields: Set<String> = ["testCase", "methods", "version", "count"]
    package static let most = 100

    /// Of the suite, as logs and services are to name it.
    package var testCase: String
    /// In capitals.
    package var methods: Set<String>
    /// The version that's to answer; absent: as an ordinary request's.
    package var version: String?
    package var count: Int

    package init(testCase: String, methods: Set<String>, version: String? = nil, count: Int = 1) {
        self.testCase = testCase
        self.methods = methods
        self.version = version
        self.count = count
    }

    private enum CodingKeys: String, CodingKey {
        case testCase, methods, version, count
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.testCase = try container.decode(String.self, forKey: .testCase)
        self.methods = try container.decode(Set<String>.self, forKey: .methods)
        self.version = try container.decodeIfPresent(String.self, forKey: .version)
        self.count = try container.decodeIfPresent(Int.self, forKey: .count) ?? 1
    }

    /// - Throws: `invalid_argument`.
    package func validate() throws(GloveboxError) {
        guard isEdgeWord(self.testCase), self.version.map(isEdgeWord) != false else {
            throw GloveboxError(
                .invalidArgument, "testCase and version have 1 to 63 letters, digits, '-', '_' and '.'")
        }
        guard (1...16).contains(self.methods.count) else {
            throw GloveboxError(.invalidArgument, "methods: name 1 to 16, in capitals")
        }
        guard (1...Self.most).contains(self.count) else {
            throw GloveboxError(.invalidArgument, "count: 1 to \(Self.most)")
        }
    }
}

/// What goes into the `glovebox` member of a request's `baggage`, one for each request.
package struct Marks: Sendable, Codable {
    package var marks: [String]
    /// None of them counts any more from then on.
    package var expiresAt: Timestamp

    package init(marks: [String], expiresAt: Timestamp) {
        self.marks = marks
        self.expiresAt = expiresAt
    }
}

/// `GET /v1/targets/{id}/marks/keys`: the keys that sign marks for an edge, one before it signs and one after that, too.
package struct MarkKeys: Sendable, Codable {
    package struct Key: Sendable, Hashable, Codable {
        /// 32 bytes of Ed25519, in base 64.
        package var publicKey: String
        package var validFrom: Timestamp
        package var validUntil: Timestamp

        package init(publicKey: String, validFrom: Timestamp, validUntil: Timestamp) {
            self.publicKey = publicKey
            self.validFrom = validFrom
            self.validUntil = validUntil
        }
    }

    package var keys: [Key]

    package init(keys: [Key]) {
        self.keys = keys
    }
}

/// As names in an edge's file are.
func isEdgeWord(_ text: String) -> Bool {
    (1...63).contains(text.utf8.count)
        && text.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."): true
            default: false
            }
        }
}
