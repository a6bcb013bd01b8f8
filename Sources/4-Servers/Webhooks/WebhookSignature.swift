import Crypto
package import GloveboxCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Signs what a webhook carries, as Standard Webhooks 1.0 has it: HMAC-SHA256 over `ID.TIMESTAMP.BODY`, so that a
/// receiver can tell who sent it, that nothing was changed, and (by the time in it, and by remembering identifiers) that
/// it isn't an old one sent again.
package struct WebhookSecret: Sendable {
    private static let prefix = "whsec_"
    private static let sizes = 24...64

    private let key: SymmetricKey

    /// - Parameter text: `whsec_` and 24 to 64 random bytes in base 64.
    /// - Throws: `configuration_invalid`, without the text.
    package init(_ text: Secret<String>) throws(GloveboxError) {
        let text = text.exposeSecret()
        guard text.hasPrefix(Self.prefix), let bytes = Data(base64Encoded: String(text.dropFirst(Self.prefix.count))),
            Self.sizes.contains(bytes.count)
        else {
            throw GloveboxError(
                .configurationInvalid,
                "a webhook's secret is whsec_ and 24 to 64 random bytes in base 64: echo \"whsec_$(openssl rand -base64 32)\" makes one"
            )
        }
        self.key = SymmetricKey(data: bytes)
    }

    /// The `webhook-signature` header.
    package func signature(id: String, seconds: Int64, body: [UInt8]) -> String {
        var code = HMAC<SHA256>(key: self.key)
        code.update(data: Array("\(id).\(seconds).".utf8))
        code.update(data: body)
        return "v1,\(Data(code.finalize()).base64EncodedString())"
    }
}
