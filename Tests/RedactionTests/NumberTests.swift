import Testing

@testable import Redaction

/// Numbers in other separators, and under their own names.
@Suite("Numbers written otherwise")
struct NumberTests {
    static let numbers = [
        "card ⟦4111\u{A0}1111\u{A0}1111\u{A0}1111⟧ ok", "⟦3782\u{202F}822463\u{202F}10005⟧.",
        "⟦4111\u{2011}1111\u{2011}1111\u{2011}1111⟧",
        "paid ⟦4111.1111.1111.1111⟧, thanks", "to ⟦DE89\u{A0}3704\u{A0}0044\u{A0}0532\u{A0}0130\u{A0}00⟧ now",
        "mac:⟦3c:22:fb:9d:41:0e⟧", "⟦3c:22:fb:9d:41:0e⟧: lease renewed", "dhcp(eth0:⟦3c:22:fb:9d:41:0e⟧:)",
        "MAC address ⟦001a.2b3c.4d5e⟧ on Gi0/1", "Host ⟦3c22.fb9d.410e⟧ in vlan 10 is flapping",
        "IN=eth0 MAC=⟦3c:22:fb:9d:41:0e:00:11:22:33:44:55:08:00⟧ SRC=10.0.0.1", "vin: ⟦WVWZZZ1JZ3W386752⟧, red",
        "{\"vin\":\"⟦WVWZZZ1JZ3W386752⟧\"}", "VIN number ⟦WVWZZZ1JZ3W386752⟧",
    ]

    static let plain = [
        "4111\u{A0}1111\u{A0}1111\u{A0}1112", "4111\u{A0}1111 1111\u{A0}1111", "1939\u{2013}1945",
        "12\u{A0}345\u{A0}678",
        "0.4111.1111.1111.1111", "[.4300.0020.0011.0002]",
        "fingerprint 16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48",
        "3c:22:fb:9d:41:0e:77:12", "build 3c22.fb9d.410e", "mac 0000.0000.0000", "vin: unknown", "vin=12",
    ]

    @Test("such a number is masked, and nothing else, however it's cut", arguments: Self.numbers)
    func found(_ marked: String) throws {
        try MarkedText(marked).expectMasked(Fixture())
    }

    @Test("numbers that only read alike stay as they are", arguments: Self.plain)
    func untouched(_ text: String) throws {
        try MarkedText(text).expectMasked(Fixture())
    }
}
