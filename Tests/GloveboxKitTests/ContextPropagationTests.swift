import Contracts
import Foundation
import GloveboxCore
import Instrumentation
import TestContextToken
import TestSupport
import Testing

@testable import GloveboxKit

@Suite("Contexts of requests, from headers in to headers out")
struct ContextPropagationTests {
    private static let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    private let time = ManualTime()
    private let signer = TestContextSigner(
        audience: .internal, validFrom: WallTime(nanoseconds: 0), validUntil: WallTime(nanoseconds: .max))

    private func propagation(_ signers: TestContextSigner...) throws -> ContextPropagation {
        try ContextPropagation(
            publicKeys: signers.map { Data($0.publicKey.publicKey).base64EncodedString() }, time: self.time)
    }

    private func token(synthetic: Bool = true, lifetime: Duration = .seconds(60)) throws -> String {
        try self.signer.token(
            InternalContext(
                run: "run-1", testCase: "checkout", issuedAt: self.time.wall, lifetime: lifetime,
                declaresSyntheticWrites: synthetic, flagScope: "scope-1"))
    }

    private static func values(_ name: String) -> [String] {
        ContextPropagation.outgoingHeaders.filter { $0.name == name }.map(\.value)
    }

    @Test("a verified mark is the test context of the task and its children, and of nothing after")
    func verified() async throws {
        let headers = [(name: "Baggage", value: "tenant=a,glovebox=\(try self.token())")]
        let seen = try await self.propagation(self.signer).withContext(of: headers) {
            async let child = TestContext.current
            return (TestContext.current, await child)
        }
        let expected = TestContext(
            run: "run-1", testCase: "checkout", usesSyntheticData: true, flagScope: "scope-1")
        #expect(seen.0 == expected && seen.1 == expected)
        #expect(TestContext.current == nil)
        let reading = [(name: "baggage", value: "glovebox=\(try self.token(synthetic: false))")]
        let context = try self.propagation(self.signer).context(of: reading)
        #expect(context.testContext?.usesSyntheticData == false)
    }

    @Test("a mark that's altered, expired, doubled, for an edge, of another key or under no key is no test context")
    func refused() async throws {
        let token = try self.token()
        let other = TestContextSigner(
            audience: .internal, validFrom: WallTime(nanoseconds: 0), validUntil: WallTime(nanoseconds: .max))
        let edge = TestContextSigner(
            audience: .ingress, validFrom: WallTime(nanoseconds: 0), validUntil: WallTime(nanoseconds: .max))
        let ingress = try edge.token(
            IngressContext(
                run: "run-1", testCase: "c", edge: "e", issuedAt: self.time.wall, lifetime: .seconds(60),
                runEndsAt: self.time.wall.advanced(by: .seconds(60)), routes: [TestContextRoute(path: "/")],
                methods: ["GET"], writeBudget: 0))
        let mine = try self.propagation(self.signer)
        var altered = Array(token.utf8)
        altered[30] = altered[30] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
        let cases: [(String, ContextPropagation, [String])] = [
            ("altered", mine, ["glovebox=\(String(decoding: altered, as: UTF8.self))"]),
            ("doubled", mine, ["glovebox=\(token)", "glovebox=\(token)"]),
            ("for an edge", try self.propagation(self.signer, edge), ["glovebox=\(ingress)"]),
            ("of another key", try self.propagation(other), ["glovebox=\(token)"]),
            ("under no key", try self.propagation(), ["glovebox=\(token)"]),
            ("with a property", mine, ["glovebox=\(token);a=b"]),
            ("nonsense", mine, ["glovebox=yes"]),
        ]
        for (what, propagation, lines) in cases {
            await propagation.withContext(of: lines.map { (name: "baggage", value: $0) }) {
                #expect(TestContext.current == nil, "\(what)")
                #expect(Self.values("baggage") == lines, "\(what)")
                #expect(TestContext.seen(by: "web", version: "1", after: ["orders@1"]) == nil, "\(what)")
            }
        }
        #expect(mine.context(of: [(name: "baggage", value: "glovebox=\(token)")]).testContext != nil)
        self.time.advance(by: .seconds(60))
        #expect(mine.context(of: [(name: "baggage", value: "glovebox=\(token)")]).testContext == nil)
    }

    @Test("a trace goes on: its id and flags stay, each request that goes out has a span of its own")
    func traceGoesOn() async throws {
        let headers = [
            (name: "traceparent", value: Self.parent), (name: "TraceState", value: "a=1 ,b=2"),
            (name: "tracestate", value: "c=3"),
        ]
        try await self.propagation().withContext(of: headers) {
            let (first, second) = (Self.values("traceparent"), Self.values("traceparent"))
            for sent in [first, second] {
                #expect(sent.count == 1 && sent[0].hasPrefix("00-4bf92f3577b34da6a3ce929d0e0e4736-"))
                #expect(sent[0].hasSuffix("-01") && !sent[0].contains("00f067aa0ba902b7"))
            }
            #expect(first != second)
            #expect(Self.values("tracestate") == ["a=1 ,b=2", "c=3"])
            #expect(ContextPropagation.traceID == "4bf92f3577b34da6a3ce929d0e0e4736")
        }
    }

    @Test("a trace begins where none came, or two, or none that holds; its state is dropped then")
    func traceBegins() async throws {
        for parents in [
            [], ["00-\(String(repeating: "0", count: 32))-00f067aa0ba902b7-01"], [Self.parent, Self.parent],
        ] {
            let headers = parents.map { (name: "traceparent", value: $0) } + [(name: "tracestate", value: "a=1")]
            try await self.propagation().withContext(of: headers) {
                let sent = try #require(Self.values("traceparent").first)
                let parsed = try #require(TraceParent(Array(sent.utf8)))
                #expect(!parsed.isSampled && parsed.isRandom && !sent.contains("4bf92f3577b34da6a3ce929d0e0e4736"))
                #expect(sent.dropFirst(3).prefix(32) == ContextPropagation.traceID ?? "")
                #expect(Self.values("tracestate").isEmpty)
            }
        }
        #expect(ContextPropagation.traceID == nil && Self.values("traceparent").count == 1)
    }

    @Test("baggage goes on byte for byte, line by line, what's wrong in it too")
    func baggage() async throws {
        let lines = ["userId=al%20ice ;p=1, serverNode=DF%2028", "=broken,,", "glovebox=\(try self.token())"]
        try await self.propagation(self.signer).withContext(of: lines.map { (name: "baggage", value: $0) }) {
            #expect(Self.values("baggage") == lines)
            #expect(TestContext.current?.run == "run-1")
        }
    }

    @Test("what others put into the task's context stays")
    func others() async throws {
        enum Other: ServiceContextKey { typealias Value = Int }
        var context = ServiceContext.topLevel
        context[Other.self] = 7
        try await ServiceContext.withValue(context) {
            try await self.propagation().withContext(of: []) { #expect(ServiceContext.current?[Other.self] == 7) }
        }
    }

    @Test("those that saw the context are named, the nearest first, none twice")
    func seen() async throws {
        let headers = [(name: "baggage", value: "glovebox=\(try self.token())")]
        try await self.propagation(self.signer).withContext(of: headers) {
            #expect(TestContext.seen(by: "stock", version: "3") == "stock@3")
            let answers = ["orders@1, stock@3", "stock@3,  mail@2", ""]
            #expect(
                TestContext.seen(by: "web", version: "2", after: answers) == "web@2, orders@1, stock@3, mail@2")
        }
    }

    @Test("keys are read in both alphabets of base 64, from a list or a file's lines; what isn't one is refused")
    func keys() throws {
        let bytes = Data(self.signer.publicKey.publicKey)
        let forURL = bytes.base64EncodedString().map { $0 == "+" ? "-" : $0 == "/" ? "_" : $0 }.filter { $0 != "=" }
        let headers = [(name: "baggage", value: "glovebox=\(try self.token())")]
        let other = try ContextPropagation(publicKeys: [String(forURL)], time: self.time)
        #expect(other.context(of: headers).testContext?.run == "run-1")
        let folder = try TemporaryFolder()
        try folder.write("keys", "# the edge's\n\n\(bytes.base64EncodedString())\n")
        let file = try ContextPropagation(keysFile: folder.file("keys"), time: self.time)
        #expect(file.context(of: headers).testContext?.run == "run-1")
        for wrong in ["", "AAAA", "no key", bytes.base64EncodedString() + "AAAA"] {
            #expect(throws: (any Error).self) { try ContextPropagation(publicKeys: [wrong]) }
        }
        #expect(throws: (any Error).self) { try ContextPropagation(keysFile: folder.file("none")) }
    }
}
