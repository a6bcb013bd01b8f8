import GloveboxCore
import NIOCore
import Synchronization
import Testing
import YAMLDocument

@testable import Redaction

@Suite("Masking profiles")
struct MaskingProfileTests {
    private let fixture: Fixture

    init() throws {
        self.fixture = try Fixture()
    }

    private static func profile(_ text: String) throws(GloveboxError) -> MaskingProfile {
        try MaskingProfile(YAMLNode(yaml: "version: 1\nname: support\n" + text, file: "support.yaml"))
    }

    private func mask(_ text: String, _ profile: MaskingProfile, now: WallTime? = nil) throws -> String? {
        let masker = try Masker(
            detectors: self.fixture.detectors, pseudonyms: Pseudonyms(linkable: false), profile: profile, now: { now })
        return Fixture.text(try masker.mask(ByteBuffer(string: text), as: .text, scope: .random), of: text)
    }

    @Test(
        "each treatment leaves what it says",
        arguments: [
            ("kinds: {email: partial}", "to anna@example.com.", "to a…@example.com."),
            ("kinds: {email: partial}", "to al@example.com.", "to ‹email:0000000000000000›."),
            ("kinds: {card: partial}", "card 4111 1111 1111 1111.", "card …1111."),
            ("kinds: {email: {as: show, reason: they are public}}", "to anna@example.com.", "to anna@example.com."),
            ("kinds: {email: nothing}", "to <anna@example.com>", "to <>"),
            ("kinds: {email: drop}", "to anna@example.com.", "to ‹dropped›."),
            ("kinds: {email: unlinked}", "to anna@example.com.", "to ‹email:0000000000000000›."),
            ("kinds: {birth_date: general}", "\"birth_date\": \"1987-03-12\"", "\"birth_date\": \"1987\""),
            ("kinds: {card: drop}", "to anna@example.com.", "to ‹email:0000000000000000›."),
        ])
    func treatments(_ rules: String, _ text: String, _ expected: String) throws {
        #expect(levelled(try #require(try self.mask(text, Self.profile(rules)))) == expected)
    }

    @Test("addresses become networks, and what isn't one becomes nothing that could be told")
    func networks() {
        func general(_ text: String) -> String? {
            var text = text
            return text.withUTF8 { Treatment.general.replacement(of: UnsafeRawBufferPointer($0), kind: Kind("ip")) }
                .map { String(decoding: $0, as: UTF8.self) }
        }
        #expect(general("192.0.2.77") == "192.0.2.0/24")
        #expect(general("2001:db8:7:1::5") == "2001:db8:7::/48")
        #expect(general("12.03.1987") == "1987")
        #expect(general("swordfish") == nil)
        #expect(general("1.2.3") == nil)
    }

    @Test("what is shown doesn't show a secret that overlaps it")
    func overlap() throws {
        let profile = try Self.profile("kinds: {email: {as: show, reason: they are public}}")
        let out = try #require(try self.mask("password=anna@example.com", profile))
        #expect(!out.contains("anna"))
    }

    @Test("an allowed value is shown until its day, and never without a clock")
    func allowances() throws {
        let profile = try Self.profile("allow: [{value: test@example.com, reason: our own account, until: 2027-01-31}]")
        let day = WallTime(nanoseconds: 1_801_353_600_000_000_000)
        #expect(profile.allowances.first?.until == day)
        let text = "to test@example.com"
        #expect(try self.mask(text, profile, now: day.advanced(by: .seconds(-1))) == text)
        #expect(try self.mask(text, profile, now: day) != text)
        #expect(try self.mask(text, profile) != text)
        #expect(try self.mask("to best@example.com", profile, now: WallTime(nanoseconds: 0)) != "to best@example.com")
    }

    @Test(
        "a file that isn't a profile is refused with its line",
        arguments: [
            ("kinds: {email: shown}", "3:16", "show"),
            ("kinds: {email: show}", "3:16", "needs a reason"),
            ("kinds: {password: partial}", "3:19", "not a character"),
            ("kinds: {E-mail: drop}", "3:9", "small letters"),
            ("allow: [{value: a, reason: b, until: 2027-02-30}]", "3:38", "write a day"),
            ("allow: [{value: a, until: 2027-02-01}]", "3:9", "reason"),
            ("kind: {email: drop}", "3:1", "unknown key"),
        ])
    func refused(_ text: String, _ place: String, _ what: String) {
        let error = #expect(throws: GloveboxError.self) { try Self.profile(text) }
        #expect(error?.code == .configurationInvalid)
        #expect(error?.message.hasPrefix("support.yaml:\(place): ") == true, "\(error?.message ?? "")")
        #expect(error?.message.contains(what) == true, "\(error?.message ?? "")")
    }
}
