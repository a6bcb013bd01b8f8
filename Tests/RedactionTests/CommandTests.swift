import Testing

@testable import Redaction

/// Secrets among the arguments of commands.
@Suite("Commands")
struct CommandTests {
    static let commands = [
        "curl -u ann:⟦Tr7v,q9&Lw2x⟧ https://example.com/a?b=c",
        "$ curl -sS -uann:⟦hunter2⟧ https://example.com",
        "curl --proxy-user=ann:⟦hunter2⟧ -X GET https://example.com",
        "curl -H 'Accept: x' \\\n  --user \"ann:⟦two words⟧\" \\\n  https://example.com",
        "{\"cmd\":\"curl -u ann:⟦hunter2⟧\",\"n\":1}",
        "{\"cmd\":\"curl -u \\\"ann:⟦hunter 2⟧\\\" https://example.com\",\"n\":1}",
        "mysql -h db -uroot -p⟦hunter2⟧ shop",
        "mysql -p'⟦two words⟧' -h db",
        "/usr/bin/mysqldump --single-transaction -p\"⟦hunter2⟧\" shop | gzip > x.gz",
        "CMD [\"mysqladmin\", \"-uroot\", \"-p⟦hunter2⟧\", \"ping\"]",
        "{\"args\":[\"sshpass\",\"-p\",\"⟦hunter2⟧\",\"ssh\",\"web-3\"]}",
        "type=EXECVE msg=audit(1): argc=4 a0=\"mysql\" a1=\"-p⟦hunter2⟧\" a2=\"shop\"",
        "root  4711  0.0  mysqldump -u ⟦root⟧ -p⟦hunt;er2⟧ shop",
        "sshpass -p ⟦hunter2⟧ ssh -p 22 ann@web-3", "sshpass -p'⟦hunter2⟧' scp a b:c",
        "PGPASSWORD=⟦hunter2⟧ psql -h db -U ann -c 'SELECT 1'",
        "redis-cli -h cache -p 6379 -a ⟦hunter2⟧ INFO", "mongosh db/shop -u ⟦ann⟧ -p ⟦hunter2⟧ --quiet",
        "mongodump --host db -p ⟦hunter2⟧", "openssl enc -aes-256-cbc -pass pass:⟦hunter2⟧ -in a -out b",
        "openssl pkcs12 -in a -passin 'pass:⟦hunter 2⟧' -nodes",
        "echo x; docker login registry.example.com -u ⟦ann⟧ -p ⟦hunter2⟧ && docker push a:b",
        "htpasswd -b /etc/users ann ⟦hunter2⟧", "htpasswd -nbB ann ⟦hunter2⟧ >> f",
        "$p = ConvertTo-SecureString \"⟦hunter2⟧\" -AsPlainText -Force", "net user ann ⟦hunter2⟧ /add",
        "useradd -m -p '⟦hunter2⟧' ann", "smbclient //srv/x -U ann%⟦hunter2⟧ -c ls",
        "wget --user=⟦ann⟧ --password=⟦hunter2⟧ https://example.com/x",
        "wget --http-user=⟦ann⟧ --http-password=⟦hunter2⟧ https://example.com/x",
        "ldapsearch -xw ⟦hunter2⟧ -D cn=x", "sqlplus shop/⟦hunt@er2⟧@orcl",
        "keytool -storepass ⟦hunter2⟧ -list\nkeep",
    ]

    static let plain = [
        "10.0.0.7 - - \"GET / HTTP/1.1\" 200 \"curl/8.5.0\" -u a:b", "docker run -u 1000:1000 app:8",
        "mkdir -p /var/lib/app", "the mysql server -p is a port", "mysql -h db -p shop", "ssh -p 2222 ann@web-3",
        "curl -o out.json https://example.com:8443/x", "docker login registry.example.com --password-stdin",
        "mysql: [Warning] Using a password on the command line interface can be insecure.",
        "curl: (7) Failed to connect to 10.0.0.7 port 443: Connection refused",
        "sshpass -p \"$PASS\" ssh web-3", "mysql -p${MYSQL_PW} shop", "openssl s_client -connect db:443 -servername db",
        "redis-cli -h cache -p 6379 PING", "net user ann /delete", "unzip -p a.zip b", "git push -u origin a:b",
    ]

    @Test(
        "a secret among a command's arguments is masked, and nothing else, however it's cut", arguments: Self.commands)
    func found(_ marked: String) throws {
        try MarkedText(marked).expectMasked(Fixture())
    }

    @Test("commands without a secret stay as they are", arguments: Self.plain)
    func untouched(_ text: String) throws {
        try MarkedText(text).expectMasked(Fixture())
    }

    @Test(
        "a pattern that doesn't say where the secret is is refused", arguments: ["", "-p", "-p …x", "_ -p …", "-p  …"])
    func refused(_ text: String) {
        #expect(CommandPattern(text) == nil)
    }

    @Test("a secret that is longer than a detector's reach is masked to its end")
    func long() throws {
        let secret = String(repeating: "aB3d", count: 3000)
        let out = try Fixture().stream(Array("mysql -h db -p\(secret) shop\n".utf8).map { [$0] })
        let text = String(decoding: out, as: UTF8.self)
        #expect(!text.contains("B3d") && text.hasSuffix(" shop\n"))
    }
}
