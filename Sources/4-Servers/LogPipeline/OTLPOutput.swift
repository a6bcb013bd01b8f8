import GloveboxCore
import Identity
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
    private let headers: [(name: String, value: Secret<String>)]
    private let isCompressed: Bool
    private let client: OutboundClient

    /// - Throws: `configuration_invalid`; `not_found`, `file_exposed`, `file_unusable` for a file with a secret.
    init(_ settings: PipelineConfiguration.CollectorSettings) throws(GloveboxError) {
        var tls = TLSConfiguration.makeClientConfiguration()
        if let certificate = settings.certificate, let key = settings.key {
            let bytes = try PrivateFile.read(key)
            do {
                tls.certificateChain = try NIOSSLCertificate.fromPEMFile(certificate).map { .certificate($0) }
                tls.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: bytes, format: .pem))
            } catch {
                throw GloveboxError(
                    .configurationInvalid, "\(certificate) and \(key) aren't a certificate and its key in PEM",
                    cause: error)
            }
        }
        if let authority = settings.authority {
            do {
                tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(authority))
            } catch {
                throw GloveboxError(
                    .configurationInvalid, "\(authority) holds no certificates in PEM that can be read", cause: error)
            }
        }
        self.url = settings.url
        self.isCompressed = settings.isCompressed
        var headers: [(name: String, value: Secret<String>)] = []
        for header in settings.headers { headers.append((header.name, try header.value.read())) }
        self.headers = headers
        self.client = OutboundClient(tls: tls, timeout: Self.timeout, mostBytes: Self.mostAnswer)
    }

    func deliver(_ records: [LogRecord]) async throws -> Int {
        var body = OTLPLogs.protobuf(records)
        var headers = self.headers.map { ($0.name, $0.value.exposeSecret()) }
        headers.append(("content-type", "application/x-protobuf"))
        if self.isCompressed, let packed = Gzip.packed(body) {
            body = packed
            headers.append(("content-encoding", "gzip"))
        }
        let answer: OutboundClient.Answer
        do {
            answer = try await self.client.send("POST", self.url, headers: headers, body: body)
        } catch let failure as OutboundFailure {
            throw DeliveryFailure.later("the collector \(self.url) can't be reached: \(failure.reason)", after: nil)
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
