import GloveboxKit
import Logging
import Synchronization
import Testing

@Suite("The masking log handler")
struct MaskingLogHandlerTests {
    private let log = Recorded()

    private func logger(fields: FieldMask = FieldMask(), provider: Logger.MetadataProvider? = nil) -> Logger {
        var logger = Logger(label: "test") { [log] _ in
            MaskingLogHandler(RecordingLogHandler(log: log, metadataProvider: provider), fields: fields)
        }
        logger.logLevel = .trace
        return logger
    }

    @Test(
        "a value under a sensitive name is masked whatever it looks like",
        arguments: [
            ("dbPassword", "‹password›"), ("user_password", "‹password›"), ("AWS_SECRET_ACCESS_KEY", "‹api_key›"),
            ("x-api-key", "‹api_key›"), ("card-number", "‹card›"), ("Authorization", "‹credential›"),
            ("token", "‹token›"),
            ("pin", "‹pin›"), ("email", "‹email›"),
        ])
    func names(_ name: String, _ expected: String) {
        let values: [Logger.Metadata.Value] = [
            "x", "1234", "", .stringConvertible(true), ["a": "b"], ["a", ["b"]], "\(Double.pi)",
        ]
        for value in values {
            self.logger().info("m", metadata: [name: value])
            #expect(self.log.last?.metadata == [name: .string(expected)])
        }
    }

    @Test(
        "what a name says about a secret isn't one",
        arguments: ["passwordChangedAt", "token_count", "passenger", "keyboard", "author", "public_key", "request-id"])
    func harmless(_ name: String) {
        self.logger().info("m", metadata: [name: "2026-01-02"])
        #expect(self.log.last?.metadata == [name: "2026-01-02"])
    }

    @Test("names are found at any depth, and what stands beside them stays")
    func nested() {
        self.logger().info(
            "m",
            metadata: [
                "request": [
                    "headers": ["x-api-key": "k1", "accept": "*/*"], "tries": [["password": "p1", "n": "1"], "two"],
                ]
            ])
        #expect(
            self.log.last?.metadata == [
                "request": [
                    "headers": ["x-api-key": "‹api_key›", "accept": "*/*"],
                    "tries": [["password": "‹password›", "n": "1"], "two"],
                ]
            ])
    }

    @Test("metadata of the logger, of the wrapped handler and of a provider is masked")
    func everyMetadata() {
        var logger = self.logger(provider: Logger.MetadataProvider { ["secret": "s1", "trace": "t"] })
        logger[metadataKey: "password"] = "p1"
        logger[metadataKey: "user"] = "anna"
        logger.info("m")
        #expect(
            self.log.last?.metadata == ["secret": "‹secret›", "trace": "t", "password": "‹password›", "user": "anna"])
        #expect(logger[metadataKey: "password"] == "‹password›")

        var inner = RecordingLogHandler(log: self.log, metadataProvider: nil)
        inner.metadata = ["client_secret": "c1"]
        var outer = MaskingLogHandler(inner)
        #expect(outer.metadata == ["client_secret": "‹secret›"])
        outer.metadata = ["apiKey": "a1", "n": "1"]
        #expect(outer.metadata == ["apiKey": "‹api_key›", "n": "1"])
        outer.metadataProvider = Logger.MetadataProvider { ["token": "t1"] }
        outer.log(
            event: LogEvent(level: .info, message: "m", metadata: nil, source: nil, file: "", function: "", line: 1))
        #expect(self.log.last?.metadata == ["apiKey": "‹api_key›", "n": "1", "token": "‹token›"])
        outer.metadataProvider = nil
        outer.log(
            event: LogEvent(level: .info, message: "m", metadata: nil, source: nil, file: "", function: "", line: 1))
        #expect(self.log.last?.metadata == ["apiKey": "‹api_key›", "n": "1"])
    }

    @Test(
        "what stands behind a sensitive name in a text is masked",
        arguments: [
            ("login password=hunter2 ok", "login password=‹password› ok"),
            ("DB_PASSWORD: 's3cr3t value' read", "DB_PASSWORD: '‹password›' read"),
            (#"body {"apiKey": "k", "n": 1}"#, #"body {"apiKey": "‹api_key›", "n": 1}"#),
            (#"body {\"password\":\"nested one\",\"n\":1}"#, #"body {\"password\":\"‹password›\",\"n\":1}"#),
            (#"{"client_secret":["a","b]"],"n":1}"#, #"{"client_secret":‹secret›,"n":1}"#),
            ("a=1&access_token=Qx7Lm29Z&b=2", "a=1&access_token=‹token›&b=2"),
            ("Authorization: Basic YW5uYTpw\nHost: a", "Authorization: ‹credential›\nHost: a"),
            ("password=\"unclosed", "password=\"‹password›"),
            ("password=p1, secret=s1", "password=‹password›, secret=‹secret›"),
            ("token=Zm9vYmFyMTIz", "token=‹token›"),
            ("Passwört=x password=é", "Passwört=x password=‹password›"),
        ])
    func texts(_ text: String, _ expected: String) {
        self.logger().info("\(text)", metadata: ["body": "\(text)"])
        #expect(self.log.last?.message == expected)
        #expect(self.log.last?.metadata == ["body": .string(expected)])
    }

    @Test(
        "prose about secrets stays",
        arguments: [
            "the password is wrong", "token: unexpected end of input", "password=", "key=value", "password:", "a::b",
            "see https://example.com/password", "token_count: 512", "Password::init", "passenger=anna", "",
        ])
    func prose(_ text: String) {
        self.logger().info("\(text)", metadata: ["body": "\(text)"])
        #expect(self.log.last?.message == text)
        #expect(self.log.last?.metadata == ["body": .string(text)])
    }

    @Test("an error's description is masked, and an error without anything to mask stays itself")
    func errors() {
        struct Failure: Error, CustomStringConvertible { var description: String }
        let handler = MaskingLogHandler(RecordingLogHandler(log: self.log, metadataProvider: nil))
        for (text, expected) in [("no route", "no route"), ("refused: password=p1", "refused: password=‹password›")] {
            handler.log(
                event: LogEvent(
                    level: .error, message: "m", error: Failure(description: text), metadata: nil, source: nil,
                    file: "",
                    function: "", line: 1))
            #expect(self.log.last?.error == expected)
        }
    }

    @Test("names of one's own are masked or shown, in any case of letters")
    func ownNames() {
        let fields = FieldMask(alsoMasking: ["Tenant"], showing: ["session-token"])
        self.logger(fields: fields).info(
            "tenant=acme", metadata: ["TENANT": "acme", "Session-Token": "shown", "password": "p1"])
        #expect(self.log.last?.message == "tenant=‹masked›")
        #expect(
            self.log.last?.metadata == ["TENANT": "‹masked›", "Session-Token": "shown", "password": "‹password›"])
    }

    @Test("a factory's handlers are wrapped, and the level is the wrapped handler's")
    func factory() {
        let factory = MaskingLogHandler.wrapping { [log] _ in RecordingLogHandler(log: log, metadataProvider: nil) }
        var handler = factory("label")
        handler.logLevel = .critical
        #expect(handler.logLevel == .critical)
        Logger(label: "label", factory: factory).critical("password=p1")
        #expect(self.log.last?.message == "password=‹password›")
    }
}

/// What a handler was given.
private final class Recorded: Sendable {
    struct Entry {
        var message: String
        var metadata: Logger.Metadata
        var error: String?
    }

    private let entry = Mutex<Entry?>(nil)

    var last: Entry? { self.entry.withLock { $0 } }

    func take(_ entry: sending Entry) { self.entry.withLock { $0 = entry } }
}

private struct RecordingLogHandler: LogHandler {
    let log: Recorded
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    var logLevel = Logger.Level.trace

    init(log: Recorded, metadataProvider: Logger.MetadataProvider?) {
        self.log = log
        self.metadataProvider = metadataProvider
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = self.metadata.merging(self.metadataProvider?.get() ?? [:]) { $1 }.merging(event.metadata ?? [:]) {
            $1
        }
        self.log.take(
            Recorded.Entry(message: event.message.description, metadata: all, error: event.error.map { "\($0)" }))
    }
}
