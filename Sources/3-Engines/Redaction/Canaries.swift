import GloveboxCore
package import NIOCore

/// Secrets that nobody has, made anew for each round, that go every way on which something leaves a masker: one that comes
/// out shows that masking no longer does what it must, whatever the reason.
///
/// Whoever has an output names its ways, and sends by the masker that it has.
package struct Canaries: Sendable {
    /// A key of each of several vendors, a password under its name, a private key over three lines.
    package let secrets: [String]
    /// What is to be done about one that comes out, in words.
    private let mending: String

    /// - Parameter mending: goes on behind "a canary came out unmasked by …: ".
    package init(mending: String) {
        func draw(_ alphabet: String, _ count: Int) -> String {
            String((0..<count).map { _ in alphabet.randomElement() ?? "0" })
        }
        let digits = "0123456789"
        let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        let any = letters + letters.lowercased() + digits
        self.mending = mending
        self.secrets = [
            "AKIA" + draw(letters + digits, 16), "ghp_" + draw(any, 36), "sk_live_" + draw(any, 24),
            "xoxb-" + draw(digits, 12) + "-" + draw(any, 24), "password=" + draw(any, 20),
            "-----BEGIN PRIVATE KEY-----\n" + draw(any, 64) + "\n-----END PRIVATE KEY-----",
        ]
    }

    /// Sends each of them one way, and looks at what comes out.
    ///
    /// - Throws: `canary_leaked`, which names the way; what `send` throws.
    package func send(by way: String, _ send: (String) throws -> ByteBuffer) throws {
        for secret in self.secrets where Self.comes(secret, out: try send(secret)) {
            throw GloveboxError(.canaryLeaked, "a canary came out unmasked by \(way): \(self.mending)")
        }
    }

    /// Sends them through streams of `masker`, in one piece and in two. Leaves no trace in it.
    ///
    /// - Throws: `canary_leaked`, `redaction_failed`.
    package func sendText(by masker: Masker) throws {
        try masker.trial {
            for (way, cut) in [("a text", nil), ("a text in pieces", 12)] as [(String, Int?)] {
                try self.send(by: way) { secret in
                    var rest = ByteBuffer(string: "see \(secret) there\n")
                    var stream = try RedactionStream(masker)
                    var out = ByteBuffer()
                    if let cut, let piece = rest.readSlice(length: cut) { try stream.write(piece, into: &out) }
                    try stream.write(rest, into: &out)
                    try stream.finish(into: &out)
                    return out
                }
            }
        }
    }

    /// Whether eight bytes in a row of what is secret in it are in `out`.
    private static func comes(_ secret: String, out: ByteBuffer) -> Bool {
        let text = String(decoding: out.readableBytesView, as: UTF8.self)
        let core = secret.split(whereSeparator: { "=\n".contains($0) }).max { $0.count < $1.count } ?? ""
        let tail = Array(core.suffix(16))
        return tail.count >= 8 && (0...(tail.count - 8)).contains { text.contains(String(tail[$0..<($0 + 8)])) }
    }
}
