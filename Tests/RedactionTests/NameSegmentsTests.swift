import SensitiveNames
import Testing

@Suite("Names by their segments")
struct NameSegmentsTests {
    @Test(
        "sensitive names",
        arguments: [
            ("password", SensitiveName.Kind.password), ("dbPassword", .password), ("user_password", .password),
            ("PGPASSWORD", .password), ("MYSQL_PWD", .password), ("password2", .password),
            ("spring.datasource.password", .password),
            ("userpassword", .password), ("password_hash", .passwordHash), ("passwordHash", .passwordHash),
            ("AWS_SECRET_ACCESS_KEY", .apiKey), ("x-api-key", .apiKey), ("apiKey", .apiKey), ("APIKey", .apiKey),
            ("apikey", .apiKey),
            ("stripeApiKey", .apiKey), ("clientSecret", .secret), ("client_secret", .secret), ("AWSSecret", .secret),
            ("private_key", .privateKey), ("sshPrivateKey", .privateKey), ("access_token", .token),
            ("authToken", .token),
            ("password_reset_token", .token), ("session_id", .token), ("Authorization", .credential),
            ("card-number", .card),
            ("cardNumber", .card), ("cvv2", .cardCode), ("iban", .iban), ("ssn", .ssn),
            ("social_security_number", .ssn),
            ("email", .email), ("customer_email", .email), ("e-mail", .email), ("phoneNumber", .phone),
            ("date_of_birth", .birthDate),
            ("pw", .password), ("db_pw", .password), ("wpa_psk", .password), ("passwort", .password),
            ("benutzerkennwort", .password), ("mot_de_passe", .password), ("motDePasse", .password), ("mdp", .password),
            ("contrasena", .password), ("contraseña", .password), ("nueva_contraseña", .password), ("senha", .password),
            ("haslo", .password), ("hasło", .password), ("Пароль", .password), ("用户密码", .password),
            ("パスワード", .password), ("parola", .password), ("wachtwoord", .password),
            ("refresh_tokens", .token), ("tax_id", .nationalID), ("pin", .pin), ("otp_code", .pin),
        ])
    func sensitive(_ name: String, _ kind: SensitiveName.Kind) {
        #expect(NameSegments.judge(name)?.kind == kind, "\(name)")
    }

    @Test(
        "harmless names",
        arguments: [
            "", "_", "id", "name", "key", "public_key", "primary_key", "keyboard", "monkey", "password_changed_at",
            "passwordPolicy",
            "token_count", "max_tokens", "tokens", "tokenizer", "is_secret", "secret_name", "email_verified",
            "emailCount",
            "card_type", "passenger", "compass", "author", "authenticated", "pinned", "shipping", "spinner",
            "accounting", "key_id",
            "phone_type", "credentials_file", "code", "status_code", "country_code", "birthplace", "sessions",
            "description",
            "clave", "clave_producto", "sid", "ssid", "sig", "signature", "pw_uid", "pw_dir", "passe", "enclave",
            "naïve",
            "größe", "密码长度", "session", "hash", "foreign_key", "partition_key", "has_password", "cardinality",
            "discard", "taxonomy",
        ])
    func harmless(_ name: String) {
        #expect(NameSegments.judge(name) == nil, "\(name)")
    }

    @Test("a vague name is vague, a certain one certain")
    func certainty() {
        #expect(NameSegments.judge("token")?.certain == false)
        #expect(NameSegments.judge("pass")?.certain == false)
        #expect(NameSegments.judge("mdp")?.certain == false)
        #expect(NameSegments.judge("parola")?.certain == false)
        #expect(NameSegments.judge("pw")?.certain == true)
        #expect(NameSegments.judge("access_token")?.certain == true)
        #expect(NameSegments.judge("password")?.certain == true)
    }

    @Test("a name of any length is judged by its end")
    func long() {
        #expect(NameSegments.judge(String(repeating: "a_", count: 5000) + "password")?.kind == .password)
        #expect(NameSegments.judge(String(repeating: "x", count: 5000)) == nil)
    }
}
