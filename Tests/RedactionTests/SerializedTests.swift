import Testing

@testable import Redaction

/// Forms in parts, PHP's data, JSON Web Keys, and what languages print of their structures.
@Suite("Serialized data")
struct SerializedTests {
    static let d = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"
    static let long = String(repeating: "Zk3x9vQ2mLw-7_aB", count: 22)

    static let data = [
        "--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n⟦hun\"ter 2⟧\r\n--b\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\nx\r\n--b--\r\n",
        "--b\nContent-Disposition: form-data; name=\"pin\"\nContent-Type: text/plain; charset=utf-8\n\n⟦4711\n12⟧\n--b--\n",
        "{\"body\":\"--b\\r\\nContent-Disposition: form-data; name=\\\"api_key\\\"\\r\\n\\r\\n⟦Zk3x9⟧\\r\\n--b--\",\"n\":1}",
        "content-disposition: form-data; name=password\r\n\r\n⟦hunter2⟧\r\n--b--",
        "a:2:{s:4:\"user\";s:3:\"ann\";s:8:\"password\";s:9:\"⟦hun\"t;er2⟧\";}", "a:1:{s:3:\"pin\";i:⟦4711⟧;}",
        "{\"d\":\"a:1:{s:8:\\\"password\\\";s:7:\\\"⟦hunter2⟧\\\";}\"}",
        "O:4:\"User\":1:{s:14:\"\0User\0password\";s:7:\"⟦hunter2⟧\";}",
        "s:7:\"secrets\";a:1:⟦{i:0;s:2:\"ab\";}⟧i:1;",
        "array(2) {\n  [\"password\"]=>\n  string(7) \"⟦hunter2⟧\"\n  [\"n\"]=>\n  int(1)\n}",
        "object(User)#1 (1) {\n  [\"password\":protected]=>\n  string(7) \"⟦hunter2⟧\"\n}",
        "  [\"password\":\"User\":private]=>\n  string(7) \"⟦hunter2⟧\"\n",
        "Array\n(\n    [password] => ⟦hunter2⟧\n    [n] => 1\n)\n",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"MKBC\",\"y\":\"4Etl\",\"d\":\"⟦\(d)⟧\",\"kid\":\"1\"}",
        "{\n  \"d\": \"⟦\(d)⟧\",\n  \"kty\": \"OKP\"\n}",
        "{\"kty\":\"RSA\",\"n\":\"\(long)\",\"e\":\"AQAB\",\"d\":\"⟦\(long)⟧\",\"p\":\"⟦\(long)⟧\",\"q\":\"⟦\(long)⟧\",\"dp\":\"⟦\(d)⟧\",\"dq\":\"⟦\(d)⟧\",\"qi\":\"⟦\(d)⟧\"}",
        "{\"jwk\":\"{\\\"kty\\\":\\\"oct\\\",\\\"k\\\":\\\"⟦\(d)⟧\\\"}\"}",
        "#<User id: 1, password: \"⟦hunter2⟧\", n: 1>", "#<Person:0x01 @id=1, @password=\"⟦hunter2⟧\">",
        "{:password=>\"⟦hunter2⟧\", :n=>1}",
        "User(id=1, password='⟦hunter2⟧')", "{'password': '⟦hunter2⟧', 'n': 1}", "{Name:ann Password:⟦hunter2⟧ Age:3}",
        "main.User{Name:\"ann\", Password:\"⟦hunter2⟧\"}", "User { name: \"ann\", password: \"⟦hunter2⟧\" }",
        "%User{password: \"⟦hunter2⟧\", n: 1}",
    ]

    static let plain = [
        "Content-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b--",
        "a:1:{s:4:\"name\";s:3:\"ann\";}", "{\"d\":\"bW9yZSBkYXRhIHRoYW4gYSBrZXkgaGFz\",\"t\":1}",
        "{\"k\":\"a\",\"v\":\"b\"}",
        "{\"kty\":\"EC\",\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\"}", "the \"password\"; then",
        "[\"n\"]=>\n  int(1)",
    ]

    @Test("a value in serialized data is masked, and nothing else, however it's cut", arguments: Self.data)
    func found(_ marked: String) throws {
        try MarkedText(marked).expectMasked(Fixture())
    }

    @Test("data without a secret stays as it is", arguments: Self.plain)
    func untouched(_ text: String) throws {
        try MarkedText(text).expectMasked(Fixture())
    }
}
