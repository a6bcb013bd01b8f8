/// What a name says about the value beside it.
package struct SensitiveName: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        case password
        case passwordHash = "password_hash"
        case secret
        case token
        case apiKey = "api_key"
        case privateKey = "private_key"
        case credential
        case cookie
        case pin
        case card
        case cardCode = "card_code"
        case iban
        case bankAccount = "bank_account"
        case ssn = "us_ssn"
        case nationalID = "national_id"
        case email
        case phone
        case birthDate = "birth_date"
        case personName = "person_name"
        case address
    }

    package var kind: Kind
    /// Whether the name alone decides. Otherwise (`token`, `pin`, `pass`) prose uses the word too, and outside
    /// structured data the value should look the part.
    package var certain: Bool

    package init(_ kind: Kind, certain: Bool = true) {
        self.kind = kind
        self.certain = certain
    }
}

/// Judges a name by its segments: `dbPassword`, `user_password`, `AWS_SECRET_ACCESS_KEY`, `card-number`, `x-api-key`.
///
/// A name is cut at everything that isn't a letter or digit, where lower case meets upper case, and before the last
/// capital of a row of capitals (`APIKey`). Trailing digits of a segment are dropped (`password2`). What the last
/// segment says about the value itself (`token_count`, `password_changed_at`, `key_id`) makes a name harmless.
package enum NameSegments {
    /// Most bytes of a name that are looked at, from its end: what a value is stands last.
    package static let longestName = 96

    package static func judge(_ name: String) -> SensitiveName? {
        var name = name
        return name.withUTF8 { Self.judge($0) }
    }

    /// Whether a name ends with `key` and doesn't say that it's the key of a record: `acme_key`, not `cache_key`.
    package static func isPlainKey(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        var segments = Segments()
        segments.cut(name)
        return segments.isPlainKey
    }

    /// Judges a name in UTF-8 without allocating.
    package static func judge(_ name: UnsafeBufferPointer<UInt8>) -> SensitiveName? {
        var segments = Segments()
        segments.cut(name)
        if let judged = segments.judge() { return judged }
        return segments.hasOthers && Self.endsForeign(name) ? SensitiveName(.password) : nil
    }

    /// Words for a password in letters that segments don't have, as they are written in UTF-8: composed, in small letters
    /// or as the first of a sentence.
    private static let foreign: [StaticString] = [
        "contraseña", "Contraseña", "CONTRASEÑA", "lösenord", "Lösenord", "hasło", "Hasło", "şifre", "Şifre", "пароль",
        "Пароль", "ПАРОЛЬ", "密码", "密碼", "口令", "パスワード", "暗証番号", "비밀번호", "암호", "סיסמה", "كلمة_المرور",
        "รหัสผ่าน", "κωδικός",
    ]

    private static func endsForeign(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        self.foreign.contains { word in
            word.withUTF8Buffer { $0.count <= name.count && name.suffix($0.count).elementsEqual($0) }
        }
    }
}

/// One segment in lower case: up to 16 bytes, packed. Longer ones equal no word, but keep their end for suffixes.
private struct Word: Hashable {
    /// The last 8 bytes, and the 8 before them.
    var low: UInt64 = 0
    var high: UInt64 = 0
    var count = 0

    init() {}

    init(_ text: StaticString) {
        text.withUTF8Buffer { for byte in $0 { self.append(byte) } }
    }

    /// By one number: names are judged where each nanosecond counts.
    func hash(into hasher: inout Hasher) {
        hasher.combine(self.low ^ self.high &* 0x9E37_79B9_7F4A_7C15)
    }

    mutating func append(_ byte: UInt8) {
        self.high = self.high << 8 | self.low >> 56
        self.low = self.low << 8 | UInt64(byte)
        self.count += 1
    }

    mutating func dropTrailingDigits() {
        while self.count > 1, UInt8(truncatingIfNeeded: self.low) &- 0x30 < 10 {
            self.low = self.low >> 8 | self.high << 56
            self.high >>= 8
            self.count -= 1
            if self.count >= 16 { return }
        }
    }

    /// Whether the segment ends with `word` (at most 16 bytes) and is longer.
    func ends(with word: Word) -> Bool {
        guard self.count > word.count else { return false }
        let bits = UInt64(word.count * 8)
        if bits <= 64 {
            let mask = bits == 64 ? UInt64.max : (1 << bits) - 1
            return self.low & mask == word.low
        }
        let mask = bits == 128 ? UInt64.max : (1 << (bits - 64)) - 1
        return self.low == word.low && self.high & mask == word.high
    }
}

private struct Segments {
    private static let most = 8
    private var words = InlineArray<8, Word>(repeating: Word())
    private var count = 0
    /// Whether there are letters in it that aren't ASCII's.
    private(set) var hasOthers = false

    mutating func cut(_ name: UnsafeBufferPointer<UInt8>) {
        let first = max(0, name.count - NameSegments.longestName)
        var word = Word()
        for index in first..<name.count {
            let byte = name[index]
            let isUpper = byte &- 0x41 < 26
            let isLower = byte &- 0x61 < 26
            let isDigit = byte &- 0x30 < 10
            guard isUpper || isLower || isDigit else {
                if byte >= 0x80 { self.hasOthers = true }
                self.push(&word)
                continue
            }
            if isUpper, index > first {
                let before = name[index - 1]
                let afterIsLower = index + 1 < name.count && name[index + 1] &- 0x61 < 26
                if before &- 0x61 < 26 || before &- 0x30 < 10 || (before &- 0x41 < 26 && afterIsLower) {
                    self.push(&word)
                }
            }
            word.append(isUpper ? byte | 0x20 : byte)
        }
        self.push(&word)
    }

    private mutating func push(_ word: inout Word) {
        guard word.count > 0 else { return }
        word.dropTrailingDigits()
        if self.count == Self.most {
            for index in 1..<Self.most { self.words[index - 1] = self.words[index] }
            self.count -= 1
        }
        self.words[self.count] = word
        self.count += 1
        word = Word()
    }

    func judge() -> SensitiveName? {
        guard self.count > 0 else { return nil }
        let last = self.words[self.count - 1]
        if let judged = self.judgeIdentifier(last) ?? self.judgePair(last) { return judged }
        if Vocabulary.harmlessLast.contains(last) { return nil }
        if self.count > 1, Vocabulary.harmlessFirst.contains(self.words[0]) { return nil }

        var found: SensitiveName?
        for index in 0..<self.count {
            let word = self.words[index]
            let before = index > 0 ? self.words[index - 1] : Word()
            let after = index + 1 < self.count ? self.words[index + 1] : Word()
            guard let judged = Self.judge(word, before: before, after: after, isLast: index == self.count - 1) else {
                continue
            }
            if judged.kind == .password,
                after == Vocabulary.hash || after == Vocabulary.digest || after == Vocabulary.salt
            {
                return SensitiveName(.passwordHash)
            }
            // The later segment is the nearer to the value; a certain one isn't given up for a vague one.
            if found == nil || judged.certain || found?.certain == false { found = judged }
        }
        return found
    }

    var isPlainKey: Bool {
        guard self.count > 0 else { return false }
        let last = self.words[self.count - 1]
        guard self.count > 1, last == Vocabulary.key else { return last.ends(with: Vocabulary.key) }
        for index in 0..<(self.count - 1) where Vocabulary.recordQualifiers.contains(self.words[index]) { return false }
        return true
    }

    /// Names that end in `id`, `no` or `number` and are themselves what must not be shown.
    private func judgeIdentifier(_ last: Word) -> SensitiveName? {
        guard self.count > 1, Vocabulary.numberWords.contains(last) else { return nil }
        return Vocabulary.beforeNumber[self.words[self.count - 2]]
    }

    /// Names of people and postal addresses: only two segments together say so (`first_name`, `billing_address`).
    private func judgePair(_ last: Word) -> SensitiveName? {
        guard self.count > 1 else { return nil }
        let before = self.words[self.count - 2]
        switch last {
        case Vocabulary.name: return Vocabulary.beforeName.contains(before) ? SensitiveName(.personName) : nil
        case Vocabulary.address: return Vocabulary.beforeAddress.contains(before) ? SensitiveName(.address) : nil
        case Vocabulary.line: return before == Vocabulary.address ? SensitiveName(.address) : nil
        case Vocabulary.code: return Vocabulary.beforePostalCode.contains(before) ? SensitiveName(.address) : nil
        default: return nil
        }
    }

    private static func judge(_ word: Word, before: Word, after: Word, isLast: Bool) -> SensitiveName? {
        if let judged = Vocabulary.certain[word] { return SensitiveName(judged) }
        if word == Vocabulary.key {
            if before == Vocabulary.privateWord { return SensitiveName(.privateKey) }
            return Vocabulary.keyQualifiers.contains(before) ? SensitiveName(.apiKey) : nil
        }
        if word == Vocabulary.tokens {
            return Vocabulary.tokenQualifiers.contains(before) ? SensitiveName(.token) : nil
        }
        if word == Vocabulary.token {
            return SensitiveName(.token, certain: Vocabulary.tokenQualifiers.contains(before))
        }
        if word == Vocabulary.code {
            if Vocabulary.codeQualifiers.contains(before) { return SensitiveName(.pin) }
            return Vocabulary.cardCodeQualifiers.contains(before) ? SensitiveName(.cardCode) : nil
        }
        if word == Vocabulary.security, before == Vocabulary.social { return SensitiveName(.ssn) }
        if word == Vocabulary.birth || (word == Vocabulary.date && before == Vocabulary.birth) {
            return SensitiveName(.birthDate, certain: after == Vocabulary.date || isLast)
        }
        if word == Vocabulary.mail, before == Vocabulary.letterE { return SensitiveName(.email) }
        if word == Vocabulary.passe, before == Vocabulary.de { return SensitiveName(.password) }
        if isLast, word == Vocabulary.pw { return SensitiveName(.password) }
        if isLast, let judged = Vocabulary.lastOnly[word] { return SensitiveName(judged, certain: false) }
        if word.count > 5 {
            for (suffix, kind) in Vocabulary.suffixes where word.ends(with: suffix) { return SensitiveName(kind) }
        }
        return nil
    }
}

private enum Vocabulary {
    static let key = Word("key")
    static let token = Word("token")
    static let tokens = Word("tokens")
    static let code = Word("code")
    static let hash = Word("hash")
    static let digest = Word("digest")
    static let salt = Word("salt")
    static let social = Word("social")
    static let security = Word("security")
    static let birth = Word("birth")
    static let date = Word("date")
    static let passe = Word("passe")
    static let de = Word("de")
    static let pw = Word("pw")
    static let mail = Word("mail")
    static let letterE = Word("e")
    static let privateWord = Word("private")

    static let name = Word("name")
    static let address = Word("address")
    static let line = Word("line")
    static let beforeName: Set<Word> = [
        Word("first"), Word("last"), Word("full"), Word("given"), Word("family"), Word("middle"), Word("maiden"),
        Word("legal"), Word("holder"), Word("cardholder"), Word("patient"), Word("customer"), Word("contact"),
        Word("person"), Word("employee"),
    ]
    static let beforeAddress: Set<Word> = [
        Word("street"), Word("postal"), Word("home"), Word("shipping"), Word("billing"), Word("delivery"),
        Word("mailing"), Word("residential"), Word("customer"),
    ]
    static let beforePostalCode: Set<Word> = [Word("postal"), Word("zip"), Word("post")]

    static let certain: [Word: SensitiveName.Kind] = [
        Word("password"): .password, Word("passwords"): .password, Word("passwd"): .password,
        Word("passwrd"): .password,
        Word("pwd"): .password, Word("pswd"): .password, Word("passphrase"): .password, Word("passcode"): .password,
        Word("passwort"): .password, Word("kennwort"): .password, Word("motdepasse"): .password,
        Word("contrasena"): .password, Word("contrasenya"): .password, Word("senha"): .password,
        Word("haslo"): .password,
        Word("heslo"): .password, Word("wachtwoord"): .password, Word("losenord"): .password,
        Word("salasana"): .password,
        Word("storepass"): .password, Word("keypass"): .password,
        Word("pgpassword"): .password, Word("sshpass"): .password, Word("passwordhash"): .passwordHash,
        Word("secret"): .secret, Word("secrets"): .secret, Word("apikey"): .apiKey, Word("apikeys"): .apiKey,
        Word("appkey"): .apiKey, Word("accesskey"): .apiKey, Word("authkey"): .apiKey, Word("secretkey"): .apiKey,
        Word("privatekey"): .privateKey, Word("jwt"): .token, Word("bearer"): .token, Word("accesstoken"): .token,
        Word("authtoken"): .token, Word("refreshtoken"): .token, Word("sessionid"): .token, Word("sessid"): .token,
        Word("phpsessid"): .token, Word("jsessionid"): .token, Word("credential"): .credential,
        Word("credentials"): .credential, Word("creds"): .credential, Word("authorization"): .credential,
        Word("cvv"): .cardCode, Word("cvc"): .cardCode, Word("cvn"): .cardCode, Word("cardnumber"): .card,
        Word("cardno"): .card, Word("ccnumber"): .card, Word("ccnum"): .card, Word("creditcard"): .card,
        Word("iban"): .iban, Word("ssn"): .ssn, Word("email"): .email, Word("emails"): .email, Word("phone"): .phone,
        Word("phones"): .phone, Word("telephone"): .phone, Word("msisdn"): .phone, Word("phonenumber"): .phone,
        Word("dob"): .birthDate, Word("birthdate"): .birthDate, Word("birthday"): .birthDate,
        Word("dateofbirth"): .birthDate, Word("firstname"): .personName, Word("lastname"): .personName,
        Word("fullname"): .personName, Word("surname"): .personName, Word("givenname"): .personName,
        Word("familyname"): .personName, Word("maidenname"): .personName, Word("cardholder"): .personName,
        Word("street"): .address, Word("streetaddress"): .address, Word("postaladdress"): .address,
        Word("homeaddress"): .address, Word("zipcode"): .address, Word("postcode"): .address,
        Word("postalcode"): .address,
    ]

    /// Sensitive as the last segment only, and vague even there.
    static let lastOnly: [Word: SensitiveName.Kind] = [
        Word("pass"): .password, Word("mdp"): .password, Word("psk"): .password, Word("parola"): .password,
        Word("auth"): .credential,
        Word("cookie"): .cookie,
        Word("cookies"): .cookie, Word("pin"): .pin, Word("otp"): .pin, Word("totp"): .pin, Word("pan"): .card,
        Word("mobile"): .phone, Word("tel"): .phone, Word("fax"): .phone, Word("cell"): .phone,
        Word("passport"): .nationalID,
    ]

    static let suffixes: [(Word, SensitiveName.Kind)] = [
        (Word("password"), .password), (Word("passwd"), .password), (Word("passphrase"), .password),
        (Word("passwort"), .password), (Word("kennwort"), .password),
        (Word("apikey"), .apiKey), (Word("accesskey"), .apiKey), (Word("secretkey"), .apiKey),
        (Word("privatekey"), .privateKey), (Word("secret"), .secret), (Word("token"), .token),
    ]

    static let keyQualifiers: Set<Word> = [
        Word("api"), Word("access"), Word("secret"), Word("encryption"), Word("signing"), Word("master"),
        Word("service"),
        Word("shared"), Word("account"), Word("auth"), Word("session"), Word("license"), Word("ssh"), Word("deploy"),
        Word("webhook"), Word("storage"), Word("functions"), Word("app"), Word("application"), Word("consumer"),
        Word("client"), Word("integration"), Word("hmac"), Word("aes"), Word("admin"), Word("server"), Word("write"),
        Word("ingest"), Word("subscription"),
    ]

    /// What makes a key one that finds a record, or one that everybody may have.
    static let recordQualifiers: Set<Word> = [
        Word("primary"), Word("foreign"), Word("partition"), Word("sort"), Word("cache"), Word("public"),
        Word("routing"), Word("idempotency"), Word("object"), Word("s3"), Word("hash"), Word("index"), Word("row"),
        Word("map"), Word("dict"), Word("lookup"), Word("group"), Word("consumer"), Word("shard"), Word("dedup"),
        Word("dedupe"), Word("duplicate"), Word("unique"), Word("range"), Word("record"), Word("event"),
        Word("message"),
        Word("msg"), Word("job"), Word("task"), Word("item"), Word("entry"), Word("document"), Word("doc"),
        Word("file"),
        Word("blob"), Word("bucket"), Word("composite"), Word("natural"), Word("surrogate"), Word("business"),
        Word("correlation"), Word("trace"), Word("host"), Word("etag"), Word("build"), Word("artifact"), Word("lock"),
        Word("queue"), Word("topic"), Word("stream"), Word("redis"), Word("memcached"), Word("project"), Word("issue"),
        Word("hot"), Word("meta"), Word("metadata"), Word("join"), Word("clustering"), Word("distribution"),
        Word("registry"), Word("config"), Word("page"), Word("cursor"), Word("continuation"), Word("translation"),
        Word("i18n"), Word("locale"), Word("order"), Word("storage"), Word("content"), Word("digest"), Word("checksum"),
    ]

    static let tokenQualifiers: Set<Word> = [
        Word("access"), Word("refresh"), Word("auth"), Word("api"), Word("bearer"), Word("session"), Word("id"),
        Word("bot"), Word("oauth"), Word("csrf"), Word("xsrf"), Word("reset"), Word("user"), Word("security"),
        Word("registration"), Word("personal"), Word("deploy"), Word("webhook"), Word("verification"), Word("device"),
        Word("secret"), Word("push"), Word("login"), Word("remember"), Word("invite"), Word("client"), Word("app"),
        Word("service"), Word("access"), Word("private"), Word("npm"), Word("github"), Word("gitlab"), Word("slack"),
        Word("lease"), Word("x"),
    ]

    static let codeQualifiers: Set<Word> = [
        Word("otp"), Word("totp"), Word("mfa"), Word("verification"), Word("recovery"), Word("backup"), Word("pin"),
        Word("login"), Word("invite"),
    ]
    static let cardCodeQualifiers: Set<Word> = [Word("cvv"), Word("cvc"), Word("cvn"), Word("security")]

    static let numberWords: Set<Word> = [Word("number"), Word("num"), Word("no"), Word("nr"), Word("id"), Word("ids")]
    static let beforeNumber: [Word: SensitiveName] = [
        Word("card"): SensitiveName(.card), Word("cc"): SensitiveName(.card), Word("credit"): SensitiveName(.card),
        Word("account"): SensitiveName(.bankAccount, certain: false),
        Word("routing"): SensitiveName(.bankAccount, certain: false),
        Word("iban"): SensitiveName(.iban), Word("ssn"): SensitiveName(.ssn), Word("security"): SensitiveName(.ssn),
        Word("tax"): SensitiveName(.nationalID), Word("national"): SensitiveName(.nationalID),
        Word("passport"): SensitiveName(.nationalID), Word("license"): SensitiveName(.nationalID, certain: false),
        Word("phone"): SensitiveName(.phone), Word("mobile"): SensitiveName(.phone),
        Word("telephone"): SensitiveName(.phone),
        Word("fax"): SensitiveName(.phone), Word("tel"): SensitiveName(.phone), Word("pin"): SensitiveName(.pin),
        Word("session"): SensitiveName(.token, certain: false),
    ]

    /// What a value under such a name is about something sensitive, but not it.
    static let harmlessLast: Set<Word> = [
        Word("count"), Word("type"), Word("types"), Word("kind"), Word("at"), Word("by"), Word("on"), Word("enabled"),
        Word("disabled"), Word("required"), Word("verified"), Word("confirmed"), Word("valid"), Word("invalid"),
        Word("length"), Word("len"), Word("size"), Word("min"), Word("max"), Word("policy"), Word("expiry"),
        Word("expires"), Word("expired"), Word("expiration"), Word("ttl"), Word("age"), Word("time"), Word("timestamp"),
        Word("created"), Word("updated"), Word("changed"), Word("attempts"), Word("strength"), Word("status"),
        Word("state"), Word("url"), Word("uri"), Word("endpoint"), Word("path"), Word("file"), Word("filename"),
        Word("dir"), Word("name"), Word("names"), Word("id"), Word("ids"), Word("version"), Word("format"),
        Word("algorithm"), Word("alg"), Word("scope"), Word("scopes"), Word("provider"), Word("issuer"),
        Word("encoding"), Word("field"), Word("column"), Word("label"), Word("prefix"), Word("index"), Word("limit"),
        Word("limits"), Word("usage"), Word("used"), Word("budget"), Word("class"), Word("manager"), Word("service"),
        Word("store"), Word("rotation"), Word("domain"), Word("template"), Word("subject"), Word("in"), Word("mode"),
        Word("method"), Word("brand"), Word("country"), Word("provided"), Word("exists"), Word("set"), Word("sent"),
    ]

    static let harmlessFirst: Set<Word> = [
        Word("is"), Word("has"), Word("had"), Word("needs"), Word("requires"), Word("require"), Word("allow"),
        Word("max"), Word("min"), Word("num"), Word("total"), Word("count"), Word("can"), Word("should"),
        Word("public"),
    ]
}
