import GloveboxCore

/// Password hashes as crypt(3), PHC strings, RFC 2307 and PostgreSQL write them.
extension DetectorTable {
    static let hashes: [Entry] = [
        .hash(
            "bcrypt", ["$2a$", "$2b$", "$2x$", "$2y$"], "[0-9]{2}\\$[./A-Za-z0-9]{53}",
            sample: "31$P28WoP3SAWZE47Twdl0gxxYxiM1mLww16f6BMPdjeNoDpVGprYA1G"),
        .hash(
            "argon2", ["$argon2id$", "$argon2i$", "$argon2d$"], "[A-Za-z0-9+/=,$.-]{24,}",
            sample: "dTBF1DkNlqPcshW19VvGdovRPRfAA"),
        .hash(
            "scrypt_hash", ["$scrypt$", "scrypt:"], "[A-Za-z0-9+/=,:$.-]{24,}",
            sample: "ZdjTw1fKUdpux1cNwC5cajBKm5soM"),
        .hash(
            "pbkdf2", ["$pbkdf2$", "$pbkdf2-", "pbkdf2_sha256$", "pbkdf2_sha1$", "pbkdf2:sha256:", "pbkdf2:sha512:"],
            "[A-Za-z0-9+/=,:$._-]{24,}", sample: "A4rXscmj2wKeUEZriB0r3vAHrtsfo"),
        .hash(
            "crypt_sha512", ["$6$"], "[A-Za-z0-9./=$]{90,}",
            sample: "QQZXF0RjGNIYmurFs5PJdVdjrcAfRZAez7rUvURwrvK1i7olfZw49QpryKMc5QmKt0zLiiAHSCLfFseEEnY9tDgFRkkezRR"),
        .hash(
            "crypt_sha256", ["$5$"], "[A-Za-z0-9./=$]{44,}",
            sample: "kBpDBPiABLShKcf8bOu1Y91YjH8VEwURJfSPpcBzg32OQgtiE"),
        .hash(
            "crypt_md5", ["$1$", "$apr1$"], "[A-Za-z0-9./]{1,16}\\$[./A-Za-z0-9]{22}",
            sample: "r9tEro9H$uhVLHaD0diltZ5v6MPsX7D"),
        .hash(
            "yescrypt", ["$y$", "$gy$"], "[A-Za-z0-9./$]{44,}",
            sample: "tDbzAmwEO9j7GgDTg52VPgeoLt88neYQ4kbgzfz8jNl2FjRzE"),
        .hash(
            "ldap_hash", ["{SSHA}", "{SHA}", "{SMD5}", "{CRYPT}", "{SSHA256}", "{SSHA512}"], "[A-Za-z0-9+/=$.]{24,}",
            sample: "KN6TLo1gEjXpjgGDFDsI7vKYHstjs"),
        .hash(
            "scram_verifier", ["SCRAM-SHA-256$", "SCRAM-SHA-1$"],
            "[0-9]{3,7}:[A-Za-z0-9+/=]{12,}\\$[A-Za-z0-9+/=]{20,}:[A-Za-z0-9+/=]{20,}",
            sample: "16558:JVrtuu200NFs2sAvo$mP6TVHH95TwA9BKmEef9kMH6I:sh4K9mp3ieedXbAalL1NSTbZ5"),
        .hash("postgres_md5", ["md5"], "[0-9a-f]{32}", sample: "f5bcce3ae073f5b6b24e738b29a629b1"),
    ]
}
