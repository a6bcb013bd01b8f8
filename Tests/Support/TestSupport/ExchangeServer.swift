/// `Tests/Support/exchange-server.py` on loopback: what tests of HTTP clients send their requests to.
package final class ExchangeServer: Sendable {
    /// With the scheme, without a path.
    package let url: String
    package let port: Int
    private let process: RunningProcess

    /// - Parameter identity: paths of a certificate and its key, for TLS.
    package init(_ identity: (certificate: String, key: String)? = nil) async throws {
        let arguments = identity.map { [$0.certificate, $0.key] } ?? []
        self.process = try RunningProcess(
            ["python3", "-u", Repository.file("Tests/Support/exchange-server.py")] + arguments)
        try await self.process.printed(".\n")
        let digits = self.process.output.filter { $0.isNumber }
        guard let port = Int(digits) else { throw TestSupportError("the server told no port: \(self.process.output)") }
        self.port = port
        self.url = "\(identity == nil ? "http" : "https")://127.0.0.1:\(port)"
    }
}

/// A certificate for `localhost` and 127.0.0.1 that's its own authority.
package struct LoopbackIdentity: Sendable {
    package let folder: TemporaryFolder
    package var certificate: String { self.folder.file("certificate.pem") }
    package var key: String { self.folder.file("key.pem") }

    package init() async throws {
        self.folder = try TemporaryFolder()
        let process = try RunningProcess([
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/O=Glovebox/CN=localhost", "-set_serial", "0x1ee8b17f", "-addext",
            "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", self.folder.file("key.pem"), "-out",
            self.folder.file("certificate.pem"),
        ])
        guard await process.finished(), process.snapshot.status == 0 else {
            throw TestSupportError("openssl made no certificate: \(process.errors)")
        }
    }
}
