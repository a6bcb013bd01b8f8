import GloveboxCore

extension DetectorTable {
    typealias Example = Detector.Example

    /// Tokens without a mark of their own, near their vendor's word.
    static func vendors() throws(GloveboxError) -> [Detector] {
        func near(
            _ name: String, _ words: [StaticString], _ pattern: StaticString, within distance: Int = 56,
            validator: Detector.Validator = .none, sample: String
        ) throws(GloveboxError) -> Detector {
            Detector(
                name: name, kind: Kind(name), form: .near(try Self.pattern(pattern, of: name), within: distance),
                anchors: words, ignoresCase: true, validator: validator, reach: 512,
                positive: words.map { Example(text: "\($0) uses \(sample), doesn't it", secret: sample) },
                negative: words.map { "\($0) is a word" })
        }
        return [
            try near(
                "aws_secret_key", ["aws"], "[A-Za-z0-9/+]{40}", validator: .threeClasses,
                sample: "q7Vt2LxZ/9bYw+Kd3RfPn8sJmXc5GhTeUa1QoBiW"),
            try near(
                "discord_token", ["discord"], "[A-Za-z0-9_-]{23,28}\\.[A-Za-z0-9_-]{6,7}\\.[A-Za-z0-9_-]{27,}",
                sample: "NzY1OTAyMTQ0ODgzMjAxNTkw.GxT2vQ.b7LwR0dYk3Zs9HcQf1MnXe5UtVj8PaWiBoK4Tg"),
            try near(
                "heroku_uuid", ["heroku"],
                "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}",
                sample: "7d3b1c9e-52af-4e08-b6d4-90c2f17a8e35"),
            try near(
                "datadog_key", ["datadog", "dd_api_key", "dd-api-key"], "[0-9a-f]{32,40}", validator: .hexadecimal,
                sample: "4be1907c3fa85d26e0b7194cd83f52a6"),
            try near(
                "cloudflare_key", ["cloudflare", "x-auth-key"], "[0-9a-f]{37}", validator: .hexadecimal,
                sample: "9c04be71d35fa8260e9b147cd385f2a60b1e7"),
            try near(
                "twilio_auth_token", ["twilio"], "[0-9a-f]{32}", validator: .hexadecimal,
                sample: "c58e02f7194bd3a60f8e71b25c94ad30"),
        ]
    }

    static let secrets: [Detector] = {
        let jwt = Detector(
            name: "jwt", kind: .jwt, form: .jwt, anchors: ["eyJ"],
            validator: .jwtHeader, reach: 8192,
            positive: [
                Example(
                    text:
                        "cookie is eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbm5hIn0.Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MGFiY2Q",
                    secret:
                        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbm5hIn0.Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MGFiY2Q"),
                Example(
                    text: "{\"v\":\"eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0.eyJpZCI6MTIzNDV9.\"}",
                    secret: "eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0.eyJpZCI6MTIzNDV9."),
            ],
            negative: ["eyJ", "eyJmb28iOiJiYXIifQ", "eyJmb28iOiJiYXIifQ.eyJmb28iOiJiYXIifQ.x"])
        let key = Detector(
            name: "private_key", kind: .privateKey, form: .armour, anchors: ["-----BEGIN"], reach: 96,
            positive: [
                Example(
                    text:
                        "-----BEGIN PRIVATE KEY-----\nTUlHSEFnRUFNQk1HQnlxR1NNNDlBZ0VH\nQ0NxR1NNNDlBd0VI\n-----END PRIVATE KEY-----\nnext",
                    secret: "TUlHSEFnRUFNQk1HQnlxR1NNNDlBZ0VH\nQ0NxR1NNNDlBd0VI"),
                Example(
                    text: "key: -----BEGIN RSA PRIVATE KEY-----\nTUlJRXBBSUJBQUtDQVFFQQ==\n",
                    secret: "TUlJRXBBSUJBQUtDQVFFQQ=="),
                Example(
                    text:
                        "{\"pem\":\"-----BEGIN OPENSSH PRIVATE KEY-----\\nYjNCbGJuTnphQzFyWlhrdA\\n-----END OPENSSH PRIVATE KEY-----\\n\"}",
                    secret: "YjNCbGJuTnphQzFyWlhrdA"),
                Example(
                    text:
                        "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nbFFPWUJGa2ZqUUVCQ0FD\n-----END PGP PRIVATE KEY BLOCK-----",
                    secret: "bFFPWUJGa2ZqUUVCQ0FD"),
            ],
            negative: [
                "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0C\n-----END PUBLIC KEY-----",
                "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", "-----BEGIN of a private key",
            ])
        let url = Detector(
            name: "url_password", kind: .urlPassword, form: .urlPassword, anchors: ["://"], reach: 1024,
            positive: [
                Example(text: "postgres://shop:Tr0ub4dor@db.internal:5432/shop", secret: "Tr0ub4dor"),
                Example(text: "redis://:hunter2hunter2@cache/0", secret: "hunter2hunter2"),
                Example(text: "amqp://u:p@ss:w0rd@mq/vhost", secret: "p@ss:w0rd"),
                Example(text: "mysql://root:ab/cd#ef9@db/x", secret: "ab/cd#ef9"),
            ],
            negative: [
                "https://example.com:8080/a@b", "http://localhost:3000/", "https://example.com/x:y@z",
                "ssh://git@host/repo",
                "://:@",
            ])
        let bearer = Detector(
            name: "bearer", kind: .token, form: .bearer, anchors: ["bearer"], ignoresCase: true, validator: .mixed,
            positive: [
                Example(text: "sent Bearer 7fK2-9xQv.Lm3_Tz81Rw with it", secret: "7fK2-9xQv.Lm3_Tz81Rw")
            ],
            negative: ["the bearer of this letter", "Bearer authentication-is-required-here"])
        return [jwt, key, url, bearer]
    }()

    static let keyed = Detector(
        name: "keyed_value", kind: .secret, form: .keyed,
        anchors: [
            "pass", "pwd", "pswd", "secret", "token", "key", "credential", "creds", "auth", "cookie", "sess", "jwt",
            "bearer", "otp", "pin", "cvv", "cvc", "cvn", "card", "iban", "account", "routing", "ssn", "social", "tax",
            "license", "phone", "mobile", "telephone", "msisdn", "mail", "birth", "dob", "ccnum", "cc_num", "credit",
            "code", "national",
        ],
        ignoresCase: true,
        positive: [
            Example(text: "password=correct-horse", secret: "correct-horse"),
            Example(text: "DB_PASSWORD: \"s3cr3t value\"", secret: "s3cr3t value"),
            Example(text: "{\"dbPassword\": \"hunter2\", \"n\": 1}", secret: "hunter2"),
            Example(text: "{\"api_key\":12345678}", secret: "12345678"),
            Example(text: "{\"client_secret\":[\"abcdef\",\"ghijkl\"]}", secret: "[\"abcdef\",\"ghijkl\"]"),
            Example(text: "ALTER ROLE bob PASSWORD 'Winter2024!'", secret: "Winter2024!"),
            Example(text: "AWS_SECRET_ACCESS_KEY=Zm9vYmFyYmF6", secret: "Zm9vYmFyYmF6"),
            Example(text: "x-api-key: 0f3c9a7e21", secret: "0f3c9a7e21"),
            Example(text: "mysql --password swordfish9 -h db", secret: "swordfish9"),
            Example(text: "<password>swordfish</password>", secret: "swordfish"),
            Example(text: "Authorization: Basic YW5uYTpzZWNyZXQ=", secret: "Basic YW5uYTpzZWNyZXQ="),
            Example(text: "a=1&access_token=Qx7Lm29ZkP&b=2", secret: "Qx7Lm29ZkP"),
            Example(text: "{\\\"password\\\":\\\"nested-one\\\"}", secret: "nested-one"),
            Example(text: "card-number: 123456", secret: "123456"),
            Example(text: "phone=0791234567", secret: "0791234567"),
            Example(text: "user[password]=swordfish", secret: "swordfish"),
        ],
        negative: [
            "password_changed_at=2024-01-02", "token_count: 512", "max_tokens=4096", "password: null", "password=",
            "the password is wrong", "key=value", "primary key: id", "passenger=anna", "token: unexpected end of input",
            "{\"password\":\"‹password:k3f9x2m7q4w8z1bn›\"}", "PASSWORD=$DB_PASSWORD", "public_key: abcdef",
            "author: anna", "\"email_verified\": true", "keyboard=qwertz", "shipping: express",
        ])

    static let personal: [Detector] = [
        Detector(
            name: "email", kind: .email, form: .email, reach: 512,
            positive: [
                Example(text: "to anna.meier@example.com today", secret: "anna.meier@example.com"),
                Example(text: "<o'neil+tag@sub.example.co.uk>", secret: "o'neil+tag@sub.example.co.uk"),
                Example(text: "\"jürg@zürich.example\"", secret: "jürg@zürich.example"),
                Example(text: "a@b.io", secret: "a@b.io"),
            ],
            negative: [
                "root@localhost", "@Override", "user @ host", "icon@2x.png", "react@18.2.0", "git@github.com:org/repo",
                "a@b", "meet @ noon.", "getty@tty1.service",
            ]),
        Detector(
            name: "card", kind: .card, form: .card, reach: 64,
            positive: [
                Example(text: "paid 4111111111111111 ok", secret: "4111111111111111"),
                Example(text: "5555 5555 5555 4444", secret: "5555 5555 5555 4444"),
                Example(text: "3782-822463-10005.", secret: "3782-822463-10005"),
                Example(text: "6011-1111-1111-1117", secret: "6011-1111-1111-1117"),
                Example(text: "30569309025904", secret: "30569309025904"),
            ],
            negative: [
                "4111111111111112", "1716239022123", "4222222222222", "1716239022123456", "order 1234567812345670",
                "550e8400-e29b-41d4-a716-446655440000", "0000000000000000", "0.4111111111111111", "a4111111111111111",
            ]),
        Detector(
            name: "iban", kind: .iban, form: .iban, reach: 80,
            positive: [
                Example(text: "to CH9300762011623852957", secret: "CH9300762011623852957"),
                Example(text: "GB82 WEST 1234 5698 7654 32,", secret: "GB82 WEST 1234 5698 7654 32"),
                Example(text: "DE89370400440532013000", secret: "DE89370400440532013000"),
                Example(text: "NO93 8601 1117 947", secret: "NO93 8601 1117 947"),
            ],
            negative: ["CH9300762011623852958", "DE8937040044053201300", "AB12345678901234567", "GB82 WEST"]),
        Detector(
            name: "us_ssn", kind: .ssn, form: .ssn, reach: 32,
            positive: [
                Example(text: "SSN: 219-09-9999", secret: "219-09-9999"),
                Example(text: "my social security number is 219 09 9998", secret: "219 09 9998"),
                Example(text: "ssn 219099997", secret: "219099997"),
            ],
            negative: ["part 219-09-9999", "ssn 000-12-3456", "ssn 666-12-3456", "ssn 987-65-4320"]),
        Detector(
            name: "phone", kind: .phone, form: .phone, reach: 64,
            positive: [
                Example(text: "ring +41 79 123 45 67 now", secret: "+41 79 123 45 67"),
                Example(text: "+14155550132", secret: "+14155550132"),
                Example(text: "+1 (415) 555-0132", secret: "+1 (415) 555-0132"),
                Example(text: "0041 79 123 45 67", secret: "0041 79 123 45 67"),
                Example(text: "(415) 555-0132 x12", secret: "(415) 555-0132 x12"),
                Example(text: "415-555-0132", secret: "415-555-0132"),
                Example(text: "079 123 45 67", secret: "079 123 45 67"),
                Example(text: "01 23 45 67 89", secret: "01 23 45 67 89"),
                Example(text: "phone 5550132", secret: "5550132"),
                Example(text: "+49 30 901820", secret: "+49 30 901820"),
            ],
            negative: [
                "1716239022123", "2024-01-02 10:11:12", "1.2.3-4567890", "build 20240102101112", "0x1234567890",
                "550e8400-e29b-41d4-a716-446655440000", "id 123456789", "192.168.100.200", "+0100", "+5", "10-11-2023",
                "5d41402abc4b2a76b9719d911017c592", "0.123456789", "12345-6789", "v2.10.3", "00000000000123",
                "1716239022.123456", "3.14159265358979",
            ]),
    ]
}
