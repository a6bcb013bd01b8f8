import CCurl
import Contracts
import GloveboxCore

/// Takes what a transfer brings.
final class CurlReceiver {
    private let most: Int
    private let cancellation: Cancellation
    private(set) var body: [UInt8] = []
    private(set) var headers: [ExchangeRequest.Field] = []
    private(set) var sentHeaders: [ExchangeRequest.Field] = []
    private(set) var version: ExchangeAnswer.Version?
    private(set) var isTooLarge = false
    private(set) var isCancelled = false
    private var headerBytes = 0
    /// Behind a status line, and before the empty line that ends its headers.
    private var isInHeaders = false

    /// Of an answer's headers, in bytes.
    private static let mostHeaderBytes = 1 << 20

    init(most: Int, _ cancellation: Cancellation) {
        self.most = most
        self.cancellation = cancellation
    }

    func receive(from handle: CurlHandle) throws(GloveboxError) -> CURLcode {
        guard !self.cancellation.isCancelled else {
            throw GloveboxError(.exchangeCancelled, "the request was given up")
        }
        var sink = glovebox_curl_sink(
            context: Unmanaged.passUnretained(self).toOpaque(),
            body: { CurlReceiver.at($0)?.take(body: UnsafeBufferPointer(start: $1, count: $2)) ?? 1 },
            header: { CurlReceiver.at($0)?.take(header: UnsafeBufferPointer(start: $1, count: $2)) ?? 1 },
            sent_header: { CurlReceiver.at($0)?.take(sent: UnsafeBufferPointer(start: $1, count: $2)) ?? 1 },
            tick: { CurlReceiver.at($0)?.tick() ?? 1 })
        let code = withUnsafeMutablePointer(to: &sink) { sink in
            let code = glovebox_curl_set_sink(handle.pointer, sink)
            return code == CURLE_OK ? curl_easy_perform(handle.pointer) : code
        }
        return code
    }

    private static func at(_ context: UnsafeMutableRawPointer?) -> CurlReceiver? {
        context.map { Unmanaged<CurlReceiver>.fromOpaque($0).takeUnretainedValue() }
    }

    private func take(body: UnsafeBufferPointer<UInt8>) -> Int32 {
        guard self.body.count + body.count <= self.most else {
            self.isTooLarge = true
            return 1
        }
        self.body += body
        return 0
    }

    private func take(header: UnsafeBufferPointer<UInt8>) -> Int32 {
        self.headerBytes += header.count
        guard self.headerBytes <= Self.mostHeaderBytes else {
            self.isTooLarge = true
            return 1
        }
        let line = Self.text(header)
        if !self.isInHeaders, line.hasPrefix("HTTP/") {
            self.isInHeaders = true
            // What came before was in between: 100 Continue, or a question for credentials.
            self.headers = []
            self.body = []
            self.version =
                line.hasPrefix("HTTP/1.0")
                ? .http10 : line.hasPrefix("HTTP/1.") ? .http11 : line.hasPrefix("HTTP/2") ? .http2 : .http3
        } else if let field = Self.field(line) {
            self.headers.append(field)
        } else if line.allSatisfy(\.isNewline) {
            self.isInHeaders = false
        }
        return 0
    }

    private func take(sent: UnsafeBufferPointer<UInt8>) -> Int32 {
        let lines = Self.text(sent).split(whereSeparator: \.isNewline)
        self.sentHeaders = lines.dropFirst().compactMap { Self.field(String($0)) }
        return 0
    }

    private func tick() -> Int32 {
        guard self.cancellation.isCancelled else { return 0 }
        self.isCancelled = true
        return 1
    }

    private static func field(_ line: String) -> ExchangeRequest.Field? {
        guard let colon = line.firstIndex(of: ":") else { return nil }
        let value = line[line.index(after: colon)...]
        return ExchangeRequest.Field(self.trimmed(line[..<colon]), self.trimmed(value))
    }

    private static func trimmed(_ text: Substring) -> String {
        String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }

    /// UTF-8, or Latin-1 where it isn't that.
    private static func text(_ bytes: UnsafeBufferPointer<UInt8>) -> String {
        if let text = String(validating: bytes, as: UTF8.self) { return text }
        return String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
    }
}
