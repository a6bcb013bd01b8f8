import Testing

@testable import Redaction

/// Where values without quotes end, and what they go on behind.
@Suite("Where a value ends")
struct TailTests {
    static let tails = [
        "password=⟦ab,cd&ef⟧ x", "level=info password=⟦ab;cd⟧ user=ann", "?u=ann&password=⟦ab&cd⟧&next=1",
        "password=⟦a|b<c)d⟧ e", "a=1&password=⟦hunter2⟧&user[name]=x", "password=⟦hunter2⟧;Trust Server=true",
        "password=⟦hunter2⟧, user=ann", "User(id=1, password=⟦hunter2⟧)", "User(password=⟦hunter2⟧).save()",
        "(password=⟦hunter2⟧)",
        "password=⟦ab,cd⟧, n=1", "password=⟦hunter2⟧&amp;user=ann", "<user password=⟦hunter2⟧>text</user>",
        "password=⟦hunter2⟧<br>next", "{password:⟦hunter2⟧,user:ann}", "password=⟦hunter2⟧;", "password=⟦hunter2⟧|",
        "pwd: ⟦a,b⟧\nnext",
        "{\"m\":\"password=⟦ab,cd⟧\",\"n\":1}", "token=⟦Zk3x9vQ2m⟧,admin", "api_key=⟦Zk3x9vQ2m⟧&x",
        "secret: ⟦4a 6f 68 6e 20⟧ and", "psk=⟦4a6f 686e 2021 9f00⟧", "private_key: ⟦4a:6f:68:6e:20⟧ x",
        "secret=⟦ab⟧ cd x",
        "password=⟦hun\u{1B}[0mter2⟧\u{1B}[0m x", "password=⟦hunter2⟧\u{1B}[0muser=ann",
    ]

    static let headers = [
        "Authorization: ⟦Basic\r\n YW5uYTpzZWNyZXQ=⟧\r\nHost: x\r\n",
        "Authorization: ⟦Bearer abc,\n\tYW5uYTpzZWNyZXQ⟧\nHost: x\n",
        "Cookie: ⟦theme=dark;\r\n sid=hunter2⟧\r\nHost: x\r\n", "Cookie:\r\n ⟦sid=hunter2; theme=dark⟧\r\nHost: x\r\n",
        "{\"m\":\"Authorization: ⟦Basic\\r\\n YW5uYTpzZWNyZXQ=⟧\\r\\nHost: x\"}",
        "New names for a credential:\n  allocate_client_credentials\n  free_client_credentials\n",
        "  Authorization: ⟦Basic YW5uYTpzZWNyZXQ=⟧\n  Content-Type: text/plain\n",
        "Authorization: ⟦Basic YW5uYTpzZWNyZXQ=⟧\n\tat x.y.Z(Z.java:7)\n",
        "Authorization: ⟦Digest username=\"ann\",\r\n response=\"6629fae4\"⟧\r\nHost: x\r\n",
    ]

    @Test("a value without quotes is masked to its end, however it's cut", arguments: Self.tails)
    func found(_ marked: String) throws {
        try MarkedText(marked).expectMasked(Fixture())
    }

    @Test("a header's value is masked with the lines that it's folded over, however it's cut", arguments: Self.headers)
    func folded(_ marked: String) throws {
        try MarkedText(marked).expectMasked(Fixture())
    }
}
