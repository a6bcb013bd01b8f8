import GloveboxCore
import NIOCore
import Testing

@testable import Redaction

@Suite("Detectors")
struct DetectorExamplesTests {
    let fixture: Fixture

    init() throws {
        self.fixture = try Fixture()
    }

    @Test("each detector masks its own examples, and says what they are")
    func positives() throws {
        var examples = 0
        for detector in self.fixture.detectors.table {
            #expect(!detector.positive.isEmpty, "\(detector.name) has no example")
            for example in detector.positive {
                let out = try #require(try self.fixture.mask(example.text))
                #expect(
                    !leaks(example.secret, in: out, beside: example.text), "\(detector.name): \(example.text) → \(out)")
                #expect(out.contains("‹"), "\(detector.name): \(example.text)")
                if Self.namesAnyKind(detector) {
                } else if detector.kind != .token {
                    #expect(out.contains("‹\(detector.kind.rawValue):"), "\(detector.name): \(example.text) → \(out)")
                }
                examples += 1
            }
        }
        #expect(examples > 400)
    }

    private static func namesAnyKind(_ detector: Detector) -> Bool {
        switch detector.form {
        case .keyed, .shortName: true
        default: false
        }
    }

    @Test("each detector leaves its counterexamples as they are")
    func negatives() throws {
        for detector in self.fixture.detectors.table {
            for text in detector.negative {
                #expect(try self.fixture.mask(text) == text, "\(detector.name): \(text)")
            }
        }
    }

    @Test("names and kinds of detectors are unique and well formed")
    func names() {
        let table = self.fixture.detectors.table
        #expect(Set(table.map(\.name)).count == table.count)
        for detector in table {
            #expect(
                detector.name.utf8.allSatisfy { $0 == UInt8(ascii: "_") || $0.isLower || $0.isDigit },
                "\(detector.name)")
            #expect(detector.kind.rawValue.utf8.count <= 32)
        }
        #expect(Set(table.map(\.kind)).count >= 100)
    }

    @Test(
        "times, ids, hashes and versions are not findings by their shape",
        arguments: [
            "1716239022123", "1716239022", "1716239022123456", "1716239022123456789",
            "550e8400-e29b-41d4-a716-446655440000",
            "5d41402abc4b2a76b9719d911017c592", "2fd4e1c67a2d28fced849ee1bb76e7391b93eb12",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "10.11.12.13",
            "2001:db8::8a2e:370:7334",
            "v1.22.333-rc.4", "12345678", "100200300", "2024-05-20T21:03:42.123456+02:00", "20240520210342",
            "21:03:42.123",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "order 1234567890123456", "0.12345678901234567",
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "1,234,567,890", "$1,299.00",
            "+2.5", "-17",
            "Zürich, Bahnhofstrasse 12, 8001", "ORD-2024-000123", "978-3-16-148410-0",
            "[2024-05-20 21:03:42.123 UTC] [12345] LOG",
            "6f1ed002ab5595859014ebf0951522d9", "A1B2-C3D4-E5F6-0718", "12-345-678", "55.7558, 37.6173",
            "{1716239022123,1716239022124}",
        ])
    func quiet(_ text: String) throws {
        #expect(try self.fixture.mask(text) == text)
        #expect(try self.fixture.mask(text, as: .opaque) == text)
    }

    @Test("a private key without an end is masked to the end of its value")
    func privateKeyWithoutEnd() throws {
        let body = String(repeating: "TUlJRXBBSUJBQUtDQVFFQTdx\n", count: 400)
        let out = try #require(try self.fixture.mask("head -----BEGIN RSA PRIVATE KEY-----\n\(body)"))
        #expect(levelled(out) == "head ‹private_key:0000000000000000›")
    }

    @Test("what follows a private key passes")
    func privateKeyWithEnd() throws {
        let body = String(repeating: "TUlJRXBBSUJBQUtDQVFFQTdx\n", count: 400)
        let out = try #require(
            try self.fixture.mask(
                "a -----BEGIN EC PRIVATE KEY-----\n\(body)-----END EC PRIVATE KEY-----\nb anna@example.com c"))
        #expect(levelled(out) == "a ‹private_key:0000000000000000›\nb ‹email:0000000000000000› c")
    }

    @Test("findings that overlap become one pseudonym")
    func overlap() throws {
        let out = try #require(try self.fixture.mask("password=anna@example.com,+41791234567 and 4111 1111 1111 1111."))
        #expect(!out.contains("anna"))
        #expect(!out.contains("1111"))
        #expect(
            levelled(out).hasPrefix(
                "password=‹password:0000000000000000› and ‹card:0000000000000000›"))
    }

    @Test("a token longer than a detector's reach is masked to its end")
    func longToken() throws {
        let token = "ghp_" + String(repeating: "aB3dE6gH", count: 4000)
        let out = try #require(try self.fixture.mask("x \(token) y"))
        #expect(levelled(out) == "x ‹github_token:0000000000000000› y")
    }

    @Test("an own pseudonym isn't masked again")
    func pseudonymsStay() throws {
        let first = try #require(try self.fixture.mask("password=swordfish, mail anna@example.com, {\"secret\": 12}"))
        #expect(try self.fixture.mask(first) == first)
        #expect(
            try self.fixture.mask("{\"password\":\"‹password:k3f9x2m7q4w8z1bn›\"}", as: .json)
                == "{\"password\":\"‹password:k3f9x2m7q4w8z1bn›\"}")
    }

    @Test("a secret in the clothes of a pseudonym is masked all the same")
    func forgedPseudonym() throws {
        let out = try #require(try self.fixture.mask("‹email:4111111111111111›"))
        #expect(!out.contains("4111111111111111"))
    }

    @Test("a value of another type becomes null when there is a finding")
    func opaque() throws {
        #expect(try self.fixture.mask("4111111111111111", as: .opaque) == nil)
        #expect(try self.fixture.mask("42", as: .opaque) == "42")
        let binary = ByteBuffer(bytes: [0, 0, 0, 1, 255, 254, 0, 9])
        #expect(try self.fixture.masker().mask(binary, as: .opaque, scope: .random) == .clean)
    }

    @Test("statements lose their secrets, not their sense")
    func statements() throws {
        let masker = try self.fixture.masker()
        let text = try masker.maskText(
            "SELECT * FROM users WHERE email = 'anna@example.com' AND id = 7; ALTER USER bob WITH PASSWORD 'winter'")
        #expect(
            levelled(text)
                == "SELECT * FROM users WHERE email = '‹email:0000000000000000›' AND id = 7; ALTER USER bob WITH PASSWORD '‹password:0000000000000000›'"
        )
        #expect(masker.counts == [.email: 1, .password: 1])
        masker.resetCounts()
        #expect(masker.counts.isEmpty)
    }
}
