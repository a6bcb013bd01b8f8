import Foundation
import GloveboxCore
import Identity
import TestContextToken
import YAMLDocument

/// Whose marks an edge takes, and with which key it marks for the services behind it.
///
///     marks:
///       edge: shop-edge                      # as marks name it; the gateway's target where there's a gateway
///       keys: [edge.pub]                     # files with public keys, in base 64, beside those that a gateway tells of
///       signing: {key: internal.key, validity: 60s}
package struct MarkConfiguration: Sendable {
    let edge: String
    /// Of files.
    let ownKeys: [TestContextKey]
    let signer: TestContextSigner
    /// Of what services get: long enough for all that one request does.
    let validity: Duration

    /// - Throws: `configuration_invalid`, `file_unusable`, `file_exposed`.
    init(_ node: YAMLNode, gateway: GatewayLinkConfiguration?, folder: String) throws(GloveboxError) {
        let fields = try node.mapping("edge", "keys", "signing")
        if let gateway {
            self.edge = gateway.target.rawValue
            if let name = fields["edge"], try name.string != self.edge {
                throw name.error("with a gateway, \(name.label) is its target '\(self.edge)': leave it out")
            }
        } else {
            self.edge = try fields.required("edge").name(IdentityName.self).rawValue
        }
        var keys: [TestContextKey] = []
        for node in try gateway == nil ? fields.required("keys").list : fields["keys"]?.list ?? [] {
            let bytes = try Self.key(node, folder, sharing: true)
            do {
                keys.append(
                    try TestContextKey(publicKey: bytes, audience: .ingress, validFrom: .earliest, validUntil: .latest))
            } catch {
                throw node.error(error.message)
            }
        }
        self.ownKeys = keys
        let signing = try fields.required("signing").mapping("key", "validity")
        let key = try signing.required("key")
        do {
            self.signer = try TestContextSigner(
                privateKey: Secret(try Self.key(key, folder, sharing: false)), audience: .internal,
                validFrom: .earliest, validUntil: .latest)
        } catch {
            throw key.error(error.message)
        }
        self.validity = try signing["validity"]?.duration ?? .seconds(60)
        guard self.validity >= .seconds(1), self.validity <= .seconds(300) else {
            throw signing.node.error("'validity' is from 1s to 300s")
        }
    }

    private static func key(_ node: YAMLNode, _ folder: String, sharing: Bool) throws(GloveboxError) -> [UInt8] {
        let path = EdgeConfiguration.path(try node.string, folder)
        let text = String(decoding: try PrivateFile.read(path, sharing: sharing), as: UTF8.self)
        guard let bytes = Data(base64Encoded: text.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            throw node.error("\(path) holds no base 64 of a key: 32 bytes of Ed25519")
        }
        return Array(bytes)
    }
}

extension WallTime {
    fileprivate static let earliest = WallTime(nanoseconds: 0)
    fileprivate static let latest = WallTime(nanoseconds: .max)
}
