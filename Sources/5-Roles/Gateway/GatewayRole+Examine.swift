package import Contracts
import GloveboxCore
import Identity
import StorageSQLite
package import Telemetry
import YAMLDocument

extension GatewayRole {
    /// Looks at the gateway of `folder`, whether or not it runs; changes nothing.
    package static func examine(_ folder: String, time: any TimeSource) async -> [Finding] {
        let state = Self.stateFolder(folder)
        var findings: [Finding] = []
        var configuration: GatewayConfiguration?
        findings.append(
            await .of("gateway configuration") {
                let read = try Self.configuration(folder)
                configuration = read
                // Only who begins needs these: later the store has the flags.
                if !FolderCopy.isThere("\(state)/store.sqlite"),
                    let missing = read.flags.compactMap(\.missingSeed).first
                {
                    throw missing
                }
                return "\(folder)/gateway.yaml is sound"
            })
        if let configuration {
            findings.append(
                await .of("gateway policy") {
                    _ = try PolicyFile.load(configuration.policy)
                    return "\(configuration.policy) is sound"
                })
            findings.append(
                await .of("gateway detectors") {
                    _ = try configuration.readDetectors()
                    let count = configuration.detectors.count
                    return count == 0 ? "the built-in ones" : "the built-in ones, and \(count) files of one's own"
                })
        }
        guard FolderCopy.isThere("\(state)/store.sqlite") else {
            findings.append(Finding("gateway state", .warning, "there is none yet: 'glovebox gateway' makes it"))
            return findings
        }
        findings.append(
            await .of("gateway store") {
                try StorageSQLite.check("\(state)/store.sqlite")
                return "it's whole, and of a version that this program knows"
            })
        findings.append(await Self.authority(state, now: time.wall))
        findings.append(.disk("gateway disk", state))
        if let listen = configuration?.listen {
            for (name, host, port) in [
                ("API", listen.api.host, listen.api.port), ("PostgreSQL", listen.postgres.host, listen.postgres.port),
                ("agents", listen.tunnel.host, listen.tunnel.port),
            ] {
                let isThere = await Finding.listens(host, port)
                findings.append(
                    Finding(
                        "gateway port for \(name)", isThere ? .ok : .warning,
                        isThere
                            ? "something listens on \(host):\(port)"
                            : "nothing listens on \(host):\(port): start the gateway, or look in its log"))
            }
        }
        return findings
    }

    private static func authority(_ state: String, now: WallTime) async -> Finding {
        do {
            _ = try PrivateFile.read("\(state)/ca.key")
            let pem = String(decoding: try PrivateFile.read("\(state)/ca.pem", sharing: true), as: UTF8.self)
            return .certificate(
                "gateway CA", until: try CertificateReader.read(pem: pem).notAfter, now: now,
                least: .seconds(90 * 86_400),
                mend: "begin a new CA (move ca.key and ca.pem away), with which everyone enrols again")
        } catch {
            return await .of("gateway CA") { throw error }
        }
    }
}
