import APIDocument
import ControlAPI
import GloveboxCore
import TestSupport
import Testing

@testable import ControlServer

/// Holds `openapi.json` against the code: one that differs fails, whichever of the two is right.
@Suite("The API's document")
struct DocumentTests {
    private let document: JSONValue
    /// By operationId.
    private let operations: [String: (path: String, method: String, operation: JSONValue)]

    /// Read once: each case of each test is a suite of its own.
    private static let document = Result { try JSONForm.decode(JSONValue.self, from: APIDocument.json) }

    init() throws {
        self.document = try Self.document.get()
        var operations: [String: (path: String, method: String, operation: JSONValue)] = [:]
        for (path, methods) in try #require(self.document["paths"]?.object) {
            for (method, operation) in try #require(methods.object) {
                let id = try #require(operation["operationId"]?.string, "\(method) \(path) has no operationId")
                #expect(operations.updateValue((path, method, operation), forKey: id) == nil, "\(id) is there twice")
            }
        }
        self.operations = operations
    }

    @Test("it's what the gateway serves to anyone")
    func served() async throws {
        try await TestGateway.run { gateway in
            let answer = try await gateway.request("GET /v1/openapi.json")
            #expect(answer.status == 200)
            #expect(answer.headers["content-type"] == "application/json")
            #expect(Array(answer.body.utf8) == APIDocument.json)
        }
    }

    @Test("it describes every endpoint, and no other")
    func everyEndpoint() {
        #expect(Set(self.operations.keys) == Set(Endpoint.allCases.map(\.rawValue)))
    }

    @Test("an endpoint's method, path, and status are those of the document", arguments: Endpoint.allCases)
    func endpoint(_ endpoint: Endpoint) throws {
        let (path, method, operation) = try #require(self.operations[endpoint.rawValue])
        #expect(path == endpoint.path)
        #expect(method == endpoint.method.rawValue.lowercased())
        let successes = try #require(operation["responses"]?.object).keys.filter { $0.hasPrefix("2") }
        let waits = endpoint == .openLease ? ["202"] : []
        #expect(Set(successes) == Set([String(endpoint.successStatus)] + waits))
        let isOpen = Authorisation.row(endpoint).isOpen
        #expect((operation["security"]?.array?.isEmpty == true) == isOpen)
        let places = (operation["parameters"]?.array ?? []).map { $0.resolved(in: self.document)["in"]?.string }
        #expect(places.contains("path") == path.contains("{id}"))
    }

    @Test("who may call an endpoint is what the server's table says", arguments: Endpoint.allCases)
    func authorisation(_ endpoint: Endpoint) throws {
        let operation = try #require(self.operations[endpoint.rawValue]?.operation)
        let stated = try #require(
            operation["x-glovebox-authorisation"]?.object, "\(endpoint) says nothing of who may call it")
        let row = Authorisation.row(endpoint)
        if row.isOpen {
            #expect(stated == ["anyone": .bool(true)])
        } else {
            let grants = [
                "member": row.member, "approver": row.approver, "auditor": row.auditor, "admin": row.admin,
                "agent": row.agent,
            ]
            #expect(stated == grants.mapValues { .string("\($0)") })
        }
    }

    @Test("what asks for a version says so, and answers with one", arguments: Endpoint.allCases)
    func versions(_ endpoint: Endpoint) throws {
        let operation = try #require(self.operations[endpoint.rawValue]?.operation)
        let parameters = (operation["parameters"]?.array ?? []).map { $0.resolved(in: self.document) }
        let field = parameters.first { $0["name"]?.string == "If-Match" }
        let changes: Set<Endpoint> = [
            .disableIdentity, .enableIdentity, .quarantineAgent, .releaseAgent, .removeAgent,
        ]
        #expect((field?["required"] == .bool(true)) == changes.contains(endpoint))
        #expect((operation["responses"]?["428"] != nil) == changes.contains(endpoint))
        let answers = changes.union([.showIdentity, .showAgent]).subtracting([.removeAgent])
        let fields = operation["responses"]?[String(endpoint.successStatus)]?["headers"]?.object ?? [:]
        #expect((fields["ETag"] != nil) == answers.contains(endpoint))
    }

    @Test("what creates takes an Idempotency-Key, and nothing else does", arguments: Endpoint.allCases)
    func idempotency(_ endpoint: Endpoint) throws {
        let operation = try #require(self.operations[endpoint.rawValue]?.operation)
        let parameters = (operation["parameters"]?.array ?? []).map { $0.resolved(in: self.document) }
        #expect(parameters.contains { $0["name"]?.string == "Idempotency-Key" } == endpoint.isCreation)
        #expect((operation["responses"]?["422"] != nil) == endpoint.isCreation)
    }

    @Test("every failure is described as a problem, and every reference leads somewhere", arguments: Endpoint.allCases)
    func responses(_ endpoint: Endpoint) throws {
        let operation = try #require(self.operations[endpoint.rawValue]?.operation)
        for (status, response) in try #require(operation["responses"]?.object) where !status.hasPrefix("2") {
            let schema = response.resolved(in: self.document)["content"]?[Problem.contentType]?["schema"]
            #expect(schema == .object(["$ref": .string("#/components/schemas/Problem")]), "\(endpoint) \(status)")
        }
        for reference in Self.references(in: operation) {
            #expect(self.document.resolve(reference) != nil, "\(endpoint): nothing at \(reference)")
        }
    }

    @Test("a query takes exactly the parameters that are described", arguments: Endpoint.allCases)
    func queries(_ endpoint: Endpoint) throws {
        let operation = try #require(self.operations[endpoint.rawValue]?.operation)
        let parameters = (operation["parameters"]?.array ?? []).map { $0.resolved(in: self.document) }
        let described = parameters.filter { $0["in"]?.string == "query" }.compactMap { $0["name"]?.string }
        #expect(Set(described) == Set(DocumentSamples.queries[endpoint] ?? []))
        #expect(described.isEmpty || endpoint.method == .get)
    }

    @Test("a list is paged: it takes a cursor and a limit, and its answer has items and a next cursor")
    func lists() throws {
        let lists = Endpoint.allCases.filter { $0.rawValue.hasPrefix("list") }
        try #require(lists.count >= 4)
        for endpoint in lists {
            let taken = DocumentSamples.queries[endpoint] ?? []
            #expect(taken.contains("after") && taken.contains("limit"), "\(endpoint)")
            let operation = try #require(self.operations[endpoint.rawValue]?.operation)
            let content = operation["responses"]?["200"]?["content"]?["application/json"]?["schema"]
            let fields = content?.resolved(in: self.document)["properties"]?.object ?? [:]
            #expect(Set(fields.keys) == ["items", "next"], "\(endpoint)")
        }
    }

    @Test("a schema has the fields that the code writes and reads, and marks those that are always there")
    func schemas() throws {
        let named = try #require(self.document["components"]?["schemas"]?.object)
        let samples = try DocumentSamples.all()
        let objects = named.filter { $0.value["type"]?.string == "object" }
        #expect(Set(objects.keys) == Set(samples.map(\.schema)), "each schema has a sample")
        for sample in samples {
            let schema = JSONSchema(named: sample.schema, in: self.document)
            let fields = Set(named[sample.schema]?["properties"]?.object?.keys.map { $0 } ?? [])
            let required = Set(named[sample.schema]?["required"]?.array?.compactMap(\.string) ?? [])
            for value in [sample.full, sample.least] {
                #expect(schema.faults(of: value) == [], "\(sample.schema)")
            }
            #expect(Set(sample.full.object?.keys.map { $0 } ?? []) == fields, "all fields of \(sample.schema)")
            #expect(Set(sample.least.object?.keys.map { $0 } ?? []) == required, "required of \(sample.schema)")
            if let taken = sample.fields {
                #expect(taken == fields, "what \(sample.schema) takes")
                #expect(named[sample.schema]?["additionalProperties"] == .bool(false), "\(sample.schema)")
            }
        }
    }

    @Test("an operation takes and answers what the code has there", arguments: Endpoint.allCases)
    func bodies(_ endpoint: Endpoint) throws {
        let operation = try #require(self.operations[endpoint.rawValue]?.operation)
        func name(_ content: JSONValue?) -> String? {
            content?["application/json"]?["schema"]?["$ref"]?.string?.split(separator: "/").last.map(String.init)
        }
        #expect(name(operation["requestBody"]?["content"]) == DocumentSamples.bodies[endpoint])
        let answer = operation["responses"]?[String(endpoint.successStatus)]?["content"]
        #expect(name(answer) == DocumentSamples.answers[endpoint])
        #expect((answer?[ServerEvent.contentType] != nil) == [.followRecords, .followFlags].contains(endpoint))
        let waits = operation["responses"]?["202"]?["content"]
        #expect(name(waits) == (endpoint == .openLease ? "ApprovalStatus" : nil))
    }

    @Test("who may call what is in docs/authorisation.md, made from the document")
    func matrix() throws {
        let roles = ["member", "approver", "auditor", "admin", "agent"]
        var lines = [
            """
            # Who may call what

            Made from `openapi.json`, which the gateway serves at `/v1/openapi.json`, by `ControlServerTests/DocumentTests`; the
            test fails where this page, the document and the server's own table differ. To make it anew:
            `GLOVEBOX_WRITE_DOCS=1 swift test --filter DocumentTests` (with the flags of `scripts/build-flags.sh`).

            *own*: only what the caller itself holds; anything else answers as if it weren't there. *all*: whoever holds it.
            Whether a lease may be opened at all is policy's affair, and the ceiling's. A token's scope may allow less.

            | endpoint | operation | anyone | \(roles.joined(separator: " | ")) |
            |---|---|---|\(roles.map { _ in "---" }.joined(separator: "|"))|
            """
        ]
        for endpoint in Endpoint.allCases {
            let operation = try #require(self.operations[endpoint.rawValue]?.operation)
            let stated = try #require(operation["x-glovebox-authorisation"]?.object)
            let isOpen = stated["anyone"] == .bool(true)
            let cells = roles.map { role in
                isOpen ? "" : stated[role]?.string.map { $0 == "no" ? "" : $0 } ?? "?"
            }
            lines.append(
                "| `\(endpoint.method.rawValue) \(endpoint.path)` | \(endpoint.rawValue) | \(isOpen ? "yes" : "") | \(cells.joined(separator: " | ")) |"
            )
        }
        try expectPage("docs/authorisation.md", lines.joined(separator: "\n") + "\n")
    }

    private static func references(in value: JSONValue) -> [String] {
        switch value {
        case .object(let fields):
            fields.flatMap { name, value in
                name == "$ref" ? [value.string ?? ""] : Self.references(in: value)
            }
        case .array(let items): items.flatMap(Self.references)
        default: []
        }
    }
}

/// Holds a page of the documentation against what made it, or writes it with `GLOVEBOX_WRITE_DOCS`.
func expectPage(_ path: String, _ made: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let file = Repository.file(path)
    if Repository.writesDocuments { try writeFile(file, Array(made.utf8), mode: 0o644) }
    let committed = String(decoding: try readFile(file), as: UTF8.self)
    #expect(
        committed == made, "run this test with GLOVEBOX_WRITE_DOCS=1, and look at what changes",
        sourceLocation: sourceLocation)
}
