import Testing

@testable import Redaction

/// In structured data a value is masked for its name, whatever it looks like; in prose it has to look the part.
@Suite("Codes and numbers under their names")
struct NamedDataTests {
    static let data = [
        "{\"otp\":\"⟦abcDEF123⟧\"}", "{\"pin\":\"⟦ab12⟧\",\"n\":1}", "{\"cvv\": \"⟦12a⟧\"}",
        "{\"otp\":⟪true⟫,\"n\":false}",
        "{\"card-number\":\"⟦abcd-efgh⟧\"}", "{\"cardNumber\":⟪true⟫}", "{\"pin\":⟪7⟫}", "{\"ssn\":\"⟦unknown⟧\"}",
        "{\"iban\":⟪false⟫}", "{\\\"otp\\\":\\\"⟦abc def⟧\\\",\\\"n\\\":1}", "{'user_pin': '⟦ab⟧'}",
        "{\"pin_code\":⟪[1,2]⟫}",
        "{\"name\":\"otp\",\"value\":\"⟦abc⟧\"}", "GET /a?otp=⟦abcDEF⟧&n=1 HTTP/1.1", "user=ann&pin=⟦ab12⟧&cvv=⟦12a⟧",
        "user[otp]=⟦abcdef⟧&n=1", "user%5Botp%5D=⟦abcdef⟧", "level=info otp=⟦abcDEF123⟧ cvv=⟦x⟧ n=1",
        "pin=\"⟦a b⟧\" n=1",
        "<pin>⟦ab12⟧</pin>", "<card number=\"1\" cvv=\"⟦12a⟧\"/>", "login:\n  pin: ⟦ab12⟧\n  n: 1\n",
        "- otp: ⟦true⟧\n- n: 1\n",
        "cvv: \"⟦1 a⟧\"\nn: 1\n", "X-OTP: ⟦abcDEF⟧\r\nHost: a\r\n", "SELECT 1 FROM u WHERE pin = '⟦ab12⟧'",
    ]

    static let prose = [
        "pin: see below", "the otp: is sent", "otp: sent to the phone", "an otp was sent, pin: wrong",
        "pin = readPin()",
        "{\"pin\":null}", "{\"otp\":\"\"}", "otp= n=1", "INFO cvv: missing in form", "if pin == other", "pin: $PIN",
        "{\"pan\":0.5}",
        "{\"otp_sent\":true}", "{\"pin_required\":true}", "card_type=visa", "apic1=0 pin1=2 apic2=-1 pin2=-1",
        "{\"email\":true}", "phone=none",
    ]

    @Test("it is masked, and nothing else, however it's cut", arguments: Self.data)
    func masked(_ marked: String) throws {
        try MarkedText(marked).expectMasked(Fixture())
    }

    @Test("prose, what there is none of, and names that only read alike stay", arguments: Self.prose)
    func untouched(_ text: String) throws {
        try MarkedText(text).expectMasked(Fixture())
    }
}
