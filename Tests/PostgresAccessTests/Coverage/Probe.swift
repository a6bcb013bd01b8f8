import GloveboxCore
import NIOCore
import PostgresWire
import TestSupport

@testable import PostgresAccess

/// One message of a server's with a seed in it: how it's brought about, and where the seed stands.
struct Probe: Sendable {
    enum Source: String, Sendable {
        case server = "PostgreSQL"
        case script = "a scripted server"
    }

    /// What a run leaves: all that the client got, and the message that was sent to it, where that's known.
    typealias Run = @Sendable (CoverageShop) async throws -> (frames: [Frame], sent: Frame?)

    let kind: BackendMessage.Kind
    var format = "–"
    let place: String
    /// Of several that are tried of one place; the table names it only where it makes a difference.
    var variant: String?
    var seed = Seed.shaped
    let source: Source
    let run: Run

    /// Asks a real server.
    static func real(
        _ kind: BackendMessage.Kind, _ format: String, _ place: String, _ seed: Seed = .shaped, run: @escaping Run
    ) -> Probe {
        Probe(kind: kind, format: format, place: place, seed: seed, source: .server, run: run)
    }

    /// Asks `question`, to which the server says `script`, and to what the agent asks of its own before, `first`.
    static func scripted(
        _ message: BackendMessage, _ place: String, format: String = "–", _ seed: Seed = .shaped, tail: Bool = false,
        question: [FrontendMessage] = [.query("SELECT 1")], first: [ByteBuffer] = [.ready],
        _ script: @escaping @Sendable (ByteBuffer) -> [ByteBuffer]
    ) -> Probe {
        Probe(kind: message.kind, format: format, place: place, seed: seed, source: .script) { shop in
            let sent = tail ? Frame(message, endingWith: seed.value) : Frame(message)
            let answers = script(sent.bytes)
            let isSimple = question.contains { if case .query = $0 { true } else { false } }
            let frames = try await shop.ask(
                question,
                script: isSimple
                    ? .init(toQueries: [answers.joined()], toSyncs: [first.joined()])
                    : .init(toSyncs: [answers.joined()]))
            return (frames, sent)
        }
    }
}

/// The shop with seeds in it, behind a server that can be told what to say.
struct CoverageShop: Sendable {
    let database: TestDatabase
    let backend: ScriptedBackend
    let target: PostgresTarget

    init(afterSignIn: ByteBuffer = ByteBuffer()) async throws {
        self.database = try await PostgresServer.shared().makeShop(customers: 10)
        let (shaped, classified) = (Seed.shaped.value, Seed.classified.value)
        try await self.database.sql(
            """
            UPDATE customers SET full_name = '\(classified)', notes = 'write to \(shaped) soon',
              aliases = ARRAY['\(shaped)'], profile = '{"contact": "\(shaped)"}' WHERE id = 3;
            CREATE FUNCTION say(level text, what text) RETURNS text STABLE LANGUAGE plpgsql AS $$ BEGIN
              IF level = 'notice' THEN
                RAISE NOTICE USING MESSAGE = what, DETAIL = what, HINT = what, COLUMN = what, CONSTRAINT = what,
                  DATATYPE = what, TABLE = what, SCHEMA = what;
              ELSIF level = 'error' THEN
                RAISE EXCEPTION USING MESSAGE = what, DETAIL = what, HINT = what, COLUMN = what, CONSTRAINT = what,
                  DATATYPE = what, TABLE = what, SCHEMA = what;
              END IF;
              RETURN what;
            END $$;
            """)
        self.backend = try await ScriptedBackend.start(before: self.database.server, afterSignIn: afterSignIn)
        var target = try PostgresTarget.shop(self.database)
        target.address = .tcp(host: "127.0.0.1", port: self.backend.port)
        target.disclosures = 1000
        self.target = target
    }

    /// Opens a session, asks, and gives all that came up to the answer's end.
    ///
    /// - Parameter script: what the server says; nil for what PostgreSQL says.
    func ask(
        _ question: [FrontendMessage], script: ScriptedBackend.Script? = nil, _ capability: Capability = .read
    ) async throws -> [Frame] {
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let lease = glovebox.lease(capability)
            let client = try await RawClient(port: glovebox.portNumber)
            let greeting = try await client.signIn(user: lease.user, token: lease.token)
            guard greeting.last?.kind == BackendMessage.Kind.readyForQuery.rawValue, !question.isEmpty else {
                return greeting
            }
            if let script { self.backend.arm(script) }
            defer { self.backend.disarm() }
            var bytes = ByteBuffer()
            for message in question { message.write(into: &bytes) }
            client.send(bytes)
            var frames: [Frame] = []
            while let frame = try await client.next() {
                frames.append(frame)
                if frame.kind == BackendMessage.Kind.readyForQuery.rawValue { break }
            }
            return frames
        }
    }

    /// What a client gets that listens to a channel, when somebody else says `payload` to it.
    func listen(payload: String) async throws -> [Frame] {
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            _ = try await client.query("LISTEN orders")
            try await self.database.sql("NOTIFY orders, '\(payload)'")
            return try await [client.next()].compactMap(\.self)
        }
    }
}

extension Frame {
    init(_ message: BackendMessage) {
        var bytes = ByteBuffer()
        message.write(into: &bytes)
        self.init(kind: message.kind.rawValue, bytes: bytes)
    }

    /// The message with something behind its end.
    init(_ message: BackendMessage, endingWith tail: String) {
        var bytes = Frame(message).bytes
        bytes.writeString(tail)
        bytes.setInteger(UInt32(bytes.readableBytes - 1), at: bytes.readerIndex + 1)
        self.init(kind: message.kind.rawValue, bytes: bytes)
    }
}

extension [ByteBuffer] {
    func joined() -> ByteBuffer {
        var all = ByteBuffer()
        for buffer in self { all.writeImmutableBuffer(buffer) }
        return all
    }
}
