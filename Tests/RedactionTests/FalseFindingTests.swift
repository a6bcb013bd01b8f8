import Testing

@testable import Redaction

/// What was taken for a value and isn't, beside what reads alike and is.
@Suite("False findings")
struct FalseFindingTests {
    @Test(
        "it stays as it is, however it's cut",
        arguments: [
            "secret: the volume couldn't be mounted", "secret: not found in store", "password: is required",
            "password: must be longer",
            "object=\"shop/x\" uid=\"550e8400-e29b-41d4-a716-446655440000\" msg=\"secret \\\"x\\\" missing\"",
            "lat: 12.8413, p99: 20.1", "p50 lat=12.841 ms", "long: 3.1415, int: 7",
            "  401000: 48 89 e5 41 57 41 56 41 55 41 54 53", "00 41 57 41 56 41 55 41 8b 3d",
            "48 8b 05 23 12 20 00 48 85",
            "address: 0x7f3c2000 size 4096 (anonymous heap)", "address: 7f3c2000-7f3c4000 mapped 12 pages",
            "x ? 'password'\n  : 'none'", "password = config.get(\"password\")", "token = os.getenv('API_TOKEN')",
            "secret: getSecret(\"db_password\"),",
            "{\"className\":\"OrderService\",\"orderId\":523456789}", "businessName=acme id=523456789",
            "processName: 523456789", "pod=\"x-kssn6\" version=523456789", "CLASSNAME 523456789",
            "being 12-3456789 built", "midnight 12345678Z", "manifest 12345678Z",
        ])
    func quiet(_ text: String) throws {
        try MarkedText(text).expectMasked(Fixture())
    }

    @Test(
        "it is masked all the same, however it's cut",
        arguments: [
            "secret: ⟦thevolume9⟧ x", "password: ⟦the⟧ quick", "passphrase: ⟦is⟧ this", "uid=⟦ann⟧ pwd=⟦hunter2⟧",
            "userSSN=⟦523456789⟧", "ssnNumber=⟦523456789⟧", "the SSNs: ⟦523456789⟧", "SSNValue ⟦523456789⟧",
            "user_ssn: ⟦523456789⟧", "EIN ⟦12-3456789⟧", "DNI ⟦12345678Z⟧",
            "lat: ⟦12.8413⟧, lon: ⟦3.1415⟧", "lat=⟦47.37689⟧&z=1", "latitude: ⟦12.841⟧ x",
            "call ⟦01 23 45 67 89⟧ de 9h", "fax ⟦01 23 45 67 89⟧",
            "address: ⟦12 Long Street, Bern⟧", "password = Optional(\"⟦hunter2⟧\")", "secret = md5(\"⟦hunter2⟧\")",
        ])
    func loud(_ marked: String) throws {
        try MarkedText(marked).expectMasked(Fixture())
    }
}
