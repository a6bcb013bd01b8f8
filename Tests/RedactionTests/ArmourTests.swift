import Foundation
import NIOCore
import Testing

@testable import Redaction

/// Private keys in each armour, in each carrier that brings them: nothing of the key's lines may be left.
@Suite("Private keys")
struct ArmourTests {
    /// Lines of an armour: those that hold the key are marked.
    struct Armour: Sendable, CustomTestStringConvertible {
        var name: String
        var head: [String]
        var key: [String]
        var tail: [String]

        var testDescription: String { self.name }
        var lines: [String] { self.head + self.key + self.tail }
    }

    struct Carrier: Sendable, CustomTestStringConvertible {
        var name: String
        var write: @Sendable ([String]) -> String

        var testDescription: String { self.name }
    }

    private static let body = [
        "MIIEpAIBAAKCAQEA7qx3Zk9vT1Qm2bYc8Lr5WnH0sKd4JfGuXeAoPiVtRyMzCgBw",
        "hN6lE9jU3qSxD1aOFp7k2TzWmYcRv8bLnQ5gHs0KdJ4fGuXeAoPiVtRyMzCgBwhN",
        "q7Vt2LxZ9bYwKd3RfPn8sJmXc5GhTeUa1QoBiWzA==",
    ]

    static let armours: [Armour] =
        [
            ("RSA PRIVATE KEY", []), ("PRIVATE KEY", []), ("OPENSSH PRIVATE KEY", []), ("EC PRIVATE KEY", []),
            ("ENCRYPTED PRIVATE KEY", []),
            ("RSA PRIVATE KEY", ["Proc-Type: 4,ENCRYPTED", "DEK-Info: AES-128-CBC,0F3C9A7E21", ""]),
            ("PGP PRIVATE KEY BLOCK", ["Version: GnuPG v2", "Comment: x", ""]),
        ].map { label, headers in
            Armour(
                name: headers.isEmpty ? label : "\(label) with headers", head: ["-----BEGIN \(label)-----"] + headers,
                key: Self.body + (label.hasPrefix("PGP") ? ["=a3Bd"] : []), tail: ["-----END \(label)-----"])
        } + [
            Armour(
                name: "SSH2",
                head: ["---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----", "Comment: \"a key that is \\", "ours\""],
                key: Self.body, tail: ["---- END SSH2 ENCRYPTED PRIVATE KEY ----"]),
            Armour(
                name: "PuTTY",
                head: [
                    "PuTTY-User-Key-File-3: ssh-rsa", "Encryption: none", "Comment: ours", "Public-Lines: 1",
                    "AAAAB3NzaC1yc2E=",
                    "Private-Lines: 3",
                ], key: Self.body, tail: ["Private-MAC: 0f3c9a7e21"]),
            Armour(
                name: "age", head: ["# created: 2026-11-26"],
                key: ["AGE-SECRET-KEY-1QZ3X9KV4N7LM2P8RT5WYH6CGF0EDJSAU3X9KV4N7LM2P8RT5WYH6CGF0QZ"], tail: [""]),
        ]

    static let carriers: [Carrier] = [
        Carrier(name: "a file") { $0.joined(separator: "\n") + "\n" },
        Carrier(name: "a file with CRLF") { $0.joined(separator: "\r\n") + "\r\n" },
        Carrier(name: "JSON") { "{\"a\":1,\"pem\":\"\($0.map(Self.escaped).joined(separator: "\\n"))\\n\",\"n\":2}\n" },
        Carrier(name: "JSON in JSON") {
            "{\"m\":\"{\\\"pem\\\":\\\"\($0.map { Self.escaped(Self.escaped($0)) }.joined(separator: "\\\\n"))\\\\n\\\"}\"}\n"
        },
        Carrier(name: "a YAML block") { "a: 1\npem: |\n" + $0.map { "  \($0)\n" }.joined() + "n: 2\n" },
        Carrier(name: "a YAML list's block") { "- pem: |-\n" + $0.map { "    \($0)\n" }.joined() + "- n: 2\n" },
        Carrier(name: "one line of env") { "A=b\nPEM=\"\($0.map(Self.escaped).joined(separator: "\\n"))\"\nN=2\n" },
        Carrier(name: "lines of env") { "A=b\nPEM=\"\($0.joined(separator: "\n"))\"\nN=2\n" },
        Carrier(name: "XML") { "<a><pem>\($0.joined(separator: "\n"))</pem><n>2</n></a>\n" },
        Carrier(name: "a log with a prefix") {
            $0.map { "2026-11-26T10:00:00Z web-1 app[7]: INFO \($0)\n" }.joined() + "2026-11-26T10:00:00Z web-1 ok\n"
        },
        Carrier(name: "a container's log") {
            $0.map { "2026-11-26T10:00:00.1Z stdout F \($0)\n" }.joined()
        },
        Carrier(name: "base64") { "data: \(Data($0.joined(separator: "\n").utf8).base64EncodedString())\n" },
        Carrier(name: "percents") {
            let allowed = CharacterSet.alphanumerics
            return "q=\($0.joined(separator: "\n").addingPercentEncoding(withAllowedCharacters: allowed) ?? "")&n=2\n"
        },
    ]

    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
    }

    private static func expectMasked(_ armour: Armour, _ out: String, _ note: String) {
        for line in armour.key {
            let bytes = Array(line.utf8)
            for start in stride(from: 0, through: max(0, bytes.count - 8), by: 1) {
                let part = String(decoding: bytes[start..<min(start + 8, bytes.count)], as: UTF8.self)
                if out.contains(part) {
                    Issue.record("\(note): \(part) is left in \(out.debugDescription)")
                    return
                }
            }
        }
    }

    @Test("no line of a key is left, whatever brings it", arguments: Self.armours, Self.carriers)
    func masked(_ armour: Armour, _ carrier: Carrier) throws {
        let fixture = try Fixture()
        let text = "before\n" + carrier.write(armour.lines) + "after all\n"
        let whole = try #require(try fixture.mask(text))
        Self.expectMasked(armour, whole, "whole")
        // What encodes a key is held against its own text, too.
        let encoded =
            carrier.name == "base64" ? carrier.write(armour.lines).split(separator: " ").last.map(String.init) : nil
        if let encoded { #expect(!whole.contains(encoded.prefix(400).suffix(40))) }
        #expect(whole.hasPrefix("before\n"))
        #expect(whole.hasSuffix("after all\n"))
        let bytes = Array(text.utf8)
        for place in stride(from: 0, through: bytes.count, by: 7) {
            let out = try fixture.stream([Array(bytes[..<place]), Array(bytes[place...])])
            #expect(levelled(String(decoding: out, as: UTF8.self)) == levelled(whole), "cut at \(place)")
        }
    }
}
