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

    @Test("values under names in JSON become what the profile says, and what is shown is judged all the same")
    func names() throws {
        let profile = try Self.profile(
            """
            names:
              nickname: drop
              e-mail: partial
              phone_number: nothing
              comment: {as: show, reason: support reads it}
            """)
        let masker = try Masker(
            detectors: self.fixture.detectors, pseudonyms: Pseudonyms(linkable: false), profile: profile)
        func mask(_ text: String) throws -> String {
            guard case .masked(let out) = try masker.mask(ByteBuffer(string: text), as: .json, scope: .random) else {
                return text
            }
            return levelled(String(buffer: out))
        }
        #expect(try mask("{\"nickName\":\"Bo\",\"n\":1}") == "{\"nickName\":\"‹dropped›\",\"n\":1}")
        #expect(try mask("{\"EMail\":\"anna@example.com\"}") == "{\"EMail\":\"a…@example.com\"}")
        #expect(try mask("{\"phone-number\":\"x\"}") == "{\"phone-number\":null}")
        #expect(try mask("{\"comment\":\"all well\"}") == "{\"comment\":\"all well\"}")
        #expect(
            try mask("{\"comment\":\"to anna@example.com\"}") == "{\"comment\":\"to ‹email:0000000000000000›\"}")
    }

    @Test("a classified column becomes what the profile says of it, else of its kind")
    func columns() throws {
        let profile = try Self.profile("kinds: {email: partial}\ncolumns: {public.customers.mail: drop}")
        let masker = try Masker(
            detectors: self.fixture.detectors, pseudonyms: Pseudonyms(linkable: false), profile: profile)
        func mask(_ column: String) throws -> String? {
            let name = MaskingProfile.ColumnName(schema: "public", table: "customers", column: column)
            let value = ByteBuffer(string: "anna@example.com")
            guard
                case .masked(let out) = try masker.maskWhole(
                    value, kind: .email, column: name, as: .text, scope: .random)
            else { return nil }
            return String(buffer: out)
        }
        #expect(try mask("mail") == "‹dropped›")
        #expect(try mask("other") == "a…@example.com")
    }

    @Test("a stream's findings become what the profile says, wherever it's cut")
    func streams() throws {
        let profile = try Self.profile(
            "kinds: {email: partial, card: drop, phone: {as: show, reason: callers read it out}}")
        let text =
            "to anna@example.com by 4111 1111 1111 1111, call +41 79 123 45 67 or ghp_"
            + String(repeating: "aB3", count: 12)
        for cut in 0...text.utf8.count {
            let masker = try Masker(
                detectors: self.fixture.detectors, pseudonyms: Pseudonyms(linkable: false), profile: profile)
            var stream = try RedactionStream(masker)
            var out = ByteBuffer()
            try stream.write(ByteBuffer(bytes: Array(text.utf8.prefix(cut))), into: &out)
            try stream.write(ByteBuffer(bytes: Array(text.utf8.dropFirst(cut))), into: &out)
            try stream.finish(into: &out)
            #expect(
                levelled(String(buffer: out))
                    == "to a…@example.com by ‹dropped›, call +41 79 123 45 67 or ‹github_token:0000000000000000›")
        }
    }

    @Test(
        "what a profile may not say is refused with its place",
        arguments: [
            ("kinds: {private_key: {as: show, reason: x}}", "support.yaml:3:27"),
            ("kinds: {token: partial}", "support.yaml:3:16"),
            ("names: {db_password: partial}", "support.yaml:3:22"),
            ("columns: {customers.mail: drop}", "support.yaml:3:11"),
            ("columns: {public.customers.mail: {as: show, reason: x}}", "support.yaml:3:11"),
        ])
    func refusals(_ rules: String, _ place: String) {
        let error = #expect(throws: GloveboxError.self) { try Self.profile(rules) }
        #expect(error?.code == .configurationInvalid)
        #expect(error?.message.hasPrefix(place) == true, "\(error?.message ?? "")")
    }

    @Test("rules know their profiles by name, and refuse one that isn't there and two of one name")
    func rules() throws {
        let document = try YAMLNode(yaml: "version: 1\nname: support\nkinds: {email: partial}", file: "support.yaml")
        let rules = try RedactionRules(profiles: [document])
        #expect(rules.profileNames == ["default", "support"])
        #expect(try rules.profile(named: "support").name == "support")
        #expect(throws: GloveboxError.self) { try rules.profile(named: "other") }
        #expect(throws: GloveboxError.self) { try RedactionRules(profiles: [document, document]) }
    }

    @Test(
        "a secret of any kind that a detector finds is shown neither whole nor in part; what a host adds is its own to say"
    )
    func secrets() throws {
        for rule in ["github_token: {as: show, reason: x}", "stripe_key: partial", "api_key: partial"] {
            let document = try YAMLNode(yaml: "version: 1\nname: support\nkinds: {\(rule)}", file: "support.yaml")
            let error = #expect(throws: GloveboxError.self) { try RedactionRules(profiles: [document]) }
            #expect(error?.message.hasPrefix("support.yaml:3:") == true, "\(error?.message ?? "")")
        }
        let own = try YAMLNode(yaml: "version: 1\nname: support\nkinds: {customer: partial}", file: "support.yaml")
        #expect(
            try RedactionRules(profiles: [own], classified: [Kind("customer")]).profileNames.contains("support"))
    }

    @Test(
        "a kind that there isn't is refused with its line, and those that it may stand for are named",
        arguments: [
            ("emial: drop", "email"), ("credit_card: drop", "card"), ("birthdate: general", "birth_date"),
            ("xyzzy: drop", "docs/detectors.md"),
        ])
    func unknownKind(_ rule: String, _ hint: String) throws {
        let document = try YAMLNode(yaml: "version: 1\nname: support\nkinds:\n  \(rule)", file: "support.yaml")
        let error = #expect(throws: GloveboxError.self) { try RedactionRules(profiles: [document]) }
        #expect(error?.code == .configurationInvalid)
        #expect(error?.message.hasPrefix("support.yaml:4:3: ") == true, "\(error?.message ?? "")")
        #expect(error?.message.contains(hint) == true, "\(error?.message ?? "")")
    }

    @Test("every kind of a name, of a detector and of a classified column may be named")
    func knownKinds() throws {
        let kinds = ["person_name", "us_ssn", "ip_address", "shop_voucher", "secret", "classified", "address", "iban"]
        let yaml = "version: 1\nname: support\nkinds: {\(kinds.map { "\($0): drop" }.joined(separator: ", "))}"
        let document = try YAMLNode(yaml: yaml, file: "support.yaml")
        #expect(throws: Never.self) {
            try RedactionRules(profiles: [document], classified: [Kind("shop_voucher")])
        }
    }

    private static let nameRules = """
        names:
          nick_name: drop
          e-mail: partial
          phone_number: nothing
          first_name: {as: show, reason: support reads it}
        """

    private func rules(_ text: String) throws -> RedactionRules {
        try RedactionRules(profiles: [
            YAMLNode(yaml: "version: 1\nname: support\n" + text, file: "support.yaml")
        ])
    }

    @Test(
        "a rule for a name holds in texts of other structures, too",
        arguments: [
            ("logfmt", "level=info nickname=Bo at=1", "level=info nickname=‹dropped› at=1"),
            ("quoted", "level=info nick_name=\"Bo B\" at=1", "level=info nick_name=\"‹dropped›\" at=1"),
            ("header", "GET /\r\nNick-Name: Bo\r\nhost: a", "GET /\r\nNick-Name: ‹dropped›\r\nhost: a"),
            ("query", "GET /a?id=1&nickName=Bo&x=2", "GET /a?id=1&nickName=‹dropped›&x=2"),
            ("form", "nick.name=Bo&b=2", "nick.name=‹dropped›&b=2"),
            ("xml", "<u><nickname>Bo B</nickname><n>1</n></u>", "<u><nickname>‹dropped›</nickname><n>1</n></u>"),
            ("attribute", "<user nickname=\"Bo\" n=\"1\"/>", "<user nickname=\"‹dropped›\" n=\"1\"/>"),
            ("yaml", "user:\n  nickname: Bo\n  n: 1", "user:\n  nickname: ‹dropped›\n  n: 1"),
            ("json in text", "got {\"nickName\":\"Bo\",\"n\":1}", "got {\"nickName\":\"‹dropped›\",\"n\":1}"),
            ("option", "run --nick-name Bo --n 1", "run --nick-name ‹dropped› --n 1"),
            ("a judged name", "to e_mail=anna@example.com now", "to e_mail=a…@example.com now"),
            ("its part of another", "nicknames=Bo unnickname=Bo", "nicknames=Bo unnickname=Bo"),
            ("another name", "name=Bo at=1", "name=Bo at=1"),
        ])
    func namesInText(_ structure: String, _ text: String, _ expected: String) throws {
        let masker = try self.rules(Self.nameRules).masker(
            profile: "support", pseudonyms: Pseudonyms(linkable: false))
        #expect(levelled(try masker.maskText(text)) == expected, "\(structure)")
        for cut in 0...text.utf8.count {
            var stream = try RedactionStream(masker)
            var out = ByteBuffer()
            try stream.write(ByteBuffer(bytes: Array(text.utf8.prefix(cut))), into: &out)
            try stream.write(ByteBuffer(bytes: Array(text.utf8.dropFirst(cut))), into: &out)
            try stream.finish(into: &out)
            #expect(levelled(String(buffer: out)) == expected, "\(structure), cut at \(cut)")
        }
    }

    @Test("of a value under a name in which something else is found nothing is told by the name's rule")
    func namedMixture() throws {
        let masker = try self.rules("names: {contact_line: partial, remark: drop}").masker(
            profile: "support", pseudonyms: Pseudonyms(linkable: false))
        #expect(
            levelled(try masker.maskText("contact_line=ghp_0123456789abcdefABCDEF0123456789abcd at=1"))
                == "contact_line=‹named:0000000000000000› at=1")
        #expect(try masker.maskText("remark=ghp_0123456789abcdefABCDEF0123456789abcd at=1") == "remark=‹dropped› at=1")
    }

    @Test("what a profile shows is counted by kind and reason, in values, texts, streams and under names")
    func shown() throws {
        let day = WallTime(nanoseconds: 1_801_353_600_000_000_000)
        let masker = try self.rules(
            """
            kinds:
              phone: {as: show, reason: callers read it out}
            names:
              first_name: {as: show, reason: support reads it}
            allow:
              - {value: test@example.com, reason: our own account, until: 2027-01-31}
            """
        ).masker(profile: "support", pseudonyms: Pseudonyms(linkable: false), now: { day.advanced(by: .seconds(-1)) })
        _ = try masker.maskText("call +41 79 123 45 67 or test@example.com or anna@example.com")
        _ = try masker.mask(ByteBuffer(string: "{\"first_name\":\"Ada\"}"), as: .json, scope: .random)
        var stream = try RedactionStream(masker)
        var out = ByteBuffer()
        try stream.write(ByteBuffer(string: "to test@exam"), into: &out)
        try stream.write(ByteBuffer(string: "ple.com and on"), into: &out)
        try stream.finish(into: &out)
        #expect(
            masker.shown == [
                ShownValue(kind: .phone, reason: "callers read it out"): 1,
                ShownValue(kind: .email, reason: "our own account"): 2,
                ShownValue(kind: Kind("person_name"), reason: "support reads it"): 1,
            ])
        #expect(masker.counts == [.email: 1])
        masker.resetCounts()
        #expect(masker.shown.isEmpty)
    }

    @Test("a rule for a column of secrets tells nothing of them")
    func secretColumn() throws {
        let profile = try Self.profile("columns: {public.users.hash: partial}")
        let name = MaskingProfile.ColumnName(schema: "public", table: "users", column: "hash")
        #expect(profile.treatment(ofClassified: .passwordHash, name) == .pseudonym(linkable: true))
        #expect(profile.treatment(ofClassified: Kind("customer"), name) == .partial)
    }

    @Test("a part of an address is told of an address alone, not of a text that has one")
    func sentences() throws {
        let profile = try Self.profile("kinds: {email: partial}\nnames: {contact: partial}")
        let masker = try Masker(
            detectors: self.fixture.detectors, pseudonyms: Pseudonyms(linkable: false), profile: profile)
        for text in [
            "ask anna@example.com, the code is swordfish", "\"anna@example.com\"", "anna@example.com swordfish",
            "{\"mail\":\"anna@example.com\",\"note\":\"swordfish\"}", "anna@swordfish",
        ] {
            for shape in [ValueShape.text, .json] {
                guard
                    case .masked(let out) = try masker.maskWhole(
                        ByteBuffer(string: text), kind: .email, as: shape, scope: .random)
                else {
                    Issue.record("\(text) isn't masked")
                    continue
                }
                let masked = levelled(String(buffer: out))
                #expect(masked == (shape == .json ? "\"‹email:0000000000000000›\"" : "‹email:0000000000000000›"))
            }
        }
    }

    @Test("a rule for a name doesn't lift that of a secret's name that folds to the same")
    func foldedSecret() throws {
        let profile = try Self.profile("names: {dbpass: {as: show, reason: a door}}")
        let masker = try Masker(
            detectors: self.fixture.detectors, pseudonyms: Pseudonyms(linkable: false), profile: profile)
        let result = try masker.mask(ByteBuffer(string: "{\"db_pass\":\"swordfish\"}"), as: .json, scope: .random)
        #expect(
            levelled(try #require(Fixture.text(result, of: ""))) == "{\"db_pass\":\"‹password:0000000000000000›\"}")
    }

    @Test("of what was worked out from classified columns nothing is told", arguments: ["partial", "general"])
    func workedOut(_ treatment: String) throws {
        #expect(throws: GloveboxError.self) { try Self.profile("kinds: {classified: \(treatment)}") }
        let profile = try Self.profile("columns: {public.users.hash: \(treatment)}")
        let name = MaskingProfile.ColumnName(schema: "public", table: "users", column: "hash")
        #expect(profile.treatment(ofClassified: Kind("classified"), name) == .pseudonym(linkable: true))
        #expect(profile.treatment(ofClassified: Kind("unknown_origin"), name) == .pseudonym(linkable: true))
    }
}
