import GloveboxCore
import LogFormats
import NIOSSL
import OutboundHTTP

/// A collector, by OTLP over HTTP. Tried again is what the specification says may be (429, 502, 503, 504, and no answer),
/// and what says that the address or the right to it is wrong rather than the records; given up are records that the
/// collector can't read (400).
struct OTLPOutput: LogOutput {
    private static let timeout = Duration.seconds(10)
    private static let mostAnswer = 64 << 10
    /// Longest that a `Retry-After` is followed.
    private static let longestWait = Duration.seconds(300)

    private let url: String
    private let client: OutboundClient

    /// - Parameter authority: a file of certificates in PEM that the collector's is proven by; else the system's.
    /// - Throws: `configuration_invalid`.
    init(url: String, authority: String?) throws(GloveboxError) {
        var tls = TLSConfiguration.makeClientConfiguration()
        if let authority {
            do {
                tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(authority))
            } catch {
                throw GloveboxError(
                    .configurationInvalid, "\(authority) holds no certificates in PEM that can be read", cause: error)
            }
        }
        self.url = url
        self.client = OutboundClient(tls: tls, timeout: Self.timeout, mostBytes: Self.mostAnswer)
    }

    func deliver(_ records: [LogRecord]) async throws -> Int {
        let answer: OutboundClient.Answer
        do {
            answer = try await self.client.send(
                "POST", self.url, headers: [("Content-Type", "application/x-protobuf")],
                body: OTLPLogs.protobuf(records))
        } catch let failure as OutboundFailure {
            let why =
                switch failure {
                case .untrusted: "its certificate isn't one to trust"
                case .unresolved: "its name can't be resolved"
                case .unreachable(let why, _): why
                }
            throw DeliveryFailure.later("the collector \(self.url) can't be reached: \(why)", after: nil)
        }
        switch answer.status {
        case 200..<300: return OTLPAnswer.rejected(protobuf: answer.body)
        case 400: throw DeliveryFailure.never("the collector \(self.url) can't read them (400)")
        case 413: throw DeliveryFailure.tooMany("the collector \(self.url) takes no request so large (413)")
        default:
            let after = answer.retryAfter.flatMap { Int64($0) }.map { min(.seconds(max(0, $0)), Self.longestWait) }
            throw DeliveryFailure.later("the collector \(self.url) answers \(answer.status)", after: after)
        }
    }

    func close() async {
        await self.client.shutdown()
    }
}
