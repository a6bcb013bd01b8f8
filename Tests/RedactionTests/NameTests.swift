import Testing

@testable import Redaction

/// Names for a password in short and in other languages, sessions and signatures.
@Suite("Names in text")
struct NameTests {
    static let names = [
        "db_pw=⟦hunter2⟧ x", "{\"pw\":\"⟦hunter2⟧\",\"n\":1}", "network={\n  ssid=\"home\"\n  psk=\"⟦hunter2 and⟧\"\n}",
        "PSK: ⟦hunter22⟧", "wpa_psk=⟦hunter⟧ x", "passwort=⟦hunter2⟧", "Kennwort: ⟦hunter2⟧", "mot_de_passe=⟦hunter2⟧",
        "motdepasse=⟦hunter2⟧",
        "mdp=⟦hunter2x⟧ n=1", "contraseña: ⟦hunter2⟧", "contrasena=⟦hunter2⟧", "{\"senha\":\"⟦hunter2⟧\"}",
        "haslo=⟦hunter2⟧ x",
        "hasło: ⟦hunter2⟧", "пароль=⟦hunter2⟧ x", "{\"Пароль\": \"⟦два слова⟧\", \"n\": 1}", "密码：⟦hunter2⟧ x",
        "密码=⟦123456⟧", "密码：⟦hunt⟧",
        "パスワード: ⟦hunter2⟧", "parola=⟦hunter22⟧ x", "clave=⟦hunter22⟧ x", "GET /a?sid=⟦9f86d081884c7d65⟧&b=2 HTTP/1.1",
        "set x.sid=⟦9f86d081884c7d65⟧ y", "{\"sid\":\"⟦9f86d081884c7d659a⟧\"}",
        "https://acme.example/x?sv=2022-11-02&sig=⟦n8Xv2QkLm3%2FpR7yT5w%3D⟧&se=2027",
        "https://b.s3.amazonaws.example/k?X-Amz-Expires=300&X-Amz-Signature=⟦9f86d081884c7d659a2feaa0c55ad015⟧ x",
        "https://d.cloudfront.example/k?Expires=1&Signature=⟦vjbyPxybdZaNmGa-yT272YEAiv4_⟧&Key-Pair-Id=K",
    ]

    static let plain = [
        "sid=S-1-5-21-3623811015-3361044348-30300820-1013 logged on", "sid=ORCL", "ssid=home-network-2026", "sid: 12",
        "{\"sid\":\"PRD\",\"n\":1}", "{\"clave\":\"001\"}", "clave: valor", "la clave del problema",
        "pw_uid=1000 pw_dir=/root",
        "неверный пароль: попробуйте ещё раз", "密码错误，请重试", "密码：请输入您的密码", "la parola: bella", "enclave=7 autoclave: on",
        "x?signature=valid&sign=1", "{\"signature\":\"v1\"}", "mdp: a model", "psk: update the hint",
        "let psk: String?", "pw=", "{\"pw\":\"\"}", "senhas",
        "inside: 7",
    ]

    @Test("what stands under such a name is masked, and nothing else, however it's cut", arguments: Self.names)
    func found(_ marked: String) throws {
        try MarkedText(marked).expectMasked(Fixture())
    }

    @Test("names that only read alike, and prose, stay as they are", arguments: Self.plain)
    func untouched(_ text: String) throws {
        try MarkedText(text).expectMasked(Fixture())
    }
}
