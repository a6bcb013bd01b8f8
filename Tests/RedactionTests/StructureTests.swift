import GloveboxCore
import NIOCore
import TestSupport
import Testing

@testable import Redaction

/// What stands in a structure beside or below its name. ⟦…⟧ is about what must be masked, and ⟪…⟫ about what becomes a text
/// in quotes; all else must stay as it is.
@Suite("Structures in text")
struct StructureTests {
    static let tables = [
        #"""
        id,name,password,city
        1,ann,⟦hunter2⟧,Bern
        2,"Bo, B.","⟦my ""secret"", pass
        word⟧",Basel
        3,cy,,Chur
        4,"d""x",⟦1234⟧,"a
        b"
        """#,
        #"""
        started, all is well
        user;api_key;note
        ann;⟦k-17⟧;x,y
        bo;"⟦k;18⟧";z

        that was all, folks; really
        """#,
        "\"Account\",\"Login Name\",\"Password\",\"Web Site\"\r\n\"shop\",\"ann\",\"⟦tr,ue⟧\",\"http\"\r\n\"b\",\"c\",\"⟦d⟧\",\"\"\r\n",
        "id\tcard-number\tnote\n1\t⟦none⟧\tx\n2\t⟦a b⟧\t\n\nplain text\twith tabs\n",
        #"""
         id | password | note
        ----+----------+------
          1 | ⟦hunter2⟧  | a
          2 | ⟦x y⟧      |
        (2 rows)
        """#,
        #"""
        +----+----------+
        | id | password |
        +----+----------+
        |  1 | ⟦hunter2⟧  |
        |  2 | ⟦swordfish⟧ |
        +----+----------+
        2 rows in set
        """#,
        "COPY public.users (id, \"password\", note) FROM stdin;\n1\t⟦a\\tb⟧\tx\n2\t\\N\ty\n\\.\n3\tfree\tz\n",
        // Rows that could be heads, and a head of other columns.
        "a,b,token\n1,secret,⟦x1⟧\npin,token,⟦x2⟧\nn,password\n7,⟦x3⟧\n",
        // A row that is short, and other text behind the table.
        "a,b,token\n1,2,⟦x1⟧\n1,2\n1,2,⟦x2⟧\nA line of prose.\n",
    ]

    static let plainTables = [
        "INFO,auth,started\nINFO,auth,done\nINFO,auth,started again\n",
        "invalid password, please try again, or reset, it\nnext, line, here, now\n",
        "name, email, password\nare needed\n",
        "id,password_changed_at,token_count\n1,2024,7\n",
        "INFO | token | ok\nINFO | token | ok\n",
        "user,password\n",
    ]

    static let markup = [
        "<c><password>⟦hunter2 and on⟧</password><n>1</n></c>",
        "<password>\n    ⟦two\n    lines⟧\n  </password>",
        "<password><![CDATA[x]]></password>".replacing("<![CDATA[x]]>", with: "⟦<![CDATA[x<y]]>⟧"),
        "<wsse:Password Type=\"t#Text\">⟦hunter2⟧</wsse:Password>",
        "<server host=\"ann\" password=\"⟦a &amp; b⟧\" age=\"7\"/>",
        "<user password='⟦two\n  lines⟧' age='7'/>",
        "<property><name>db.password</name><value>⟦x y⟧</value></property>",
        "<property>\n  <name>fs.s3a.secret.key</name>\n  <value>⟦abc⟧</value>\n  <final>true</final>\n</property>",
        "<entry key=\"password\">⟦x⟧</entry>",
        "<add key=\"ApiKey\" value=\"⟦x⟧\"/>",
        "<property name=\"password\" type=\"text\" value=\"⟦x y⟧\"/>",
        "<bean><property name=\"password\">\n <value>x</value></property></bean>"
            .replacing("<value>x</value>", with: "⟦<value>x</value>⟧"),
        "<server><id>a</id><username>ann</username>\n<password>{⟦COQLCE6DU6GtcS5P=⟧}</password></server>"
            .replacing("{⟦COQLCE6DU6GtcS5P=⟧}", with: "⟦{COQLCE6DU6GtcS5P=}⟧")
            .replacing("<username>ann", with: "<name>ann").replacing("</username>", with: "</name>"),
        "<dict><key>password</key>\n<string>⟦x⟧</string><key>n</key><string>y</string></dict>",
        "<string name=\"api_key\">⟦abc⟧</string>",
        "<credentials>\n<a>x</a>\n</credentials>".replacing("<a>x</a>", with: "⟦<a>x</a>⟧"),
    ]

    static let plainMarkup = [
        "usage: login <user> <password> [options]\n\nmore text <b>",
        "<password></password><password/>", "<password>${env.PASSWORD}</password>", "<token>\n</token>",
        "<name>password</name><type>text</type>", "<input type=\"password\" class=\"x\">",
    ]

    static let yaml = [
        "a: 1\npassword: |\n  ⟦line one⟧\n  ⟦line two⟧\n\n  ⟦three⟧\nb: 2\n",
        "x:\n  - password: >-\n      ⟦folded⟧\n      ⟦text⟧\n    other: y\n",
        "passwords:\n  - ⟦a⟧\n  - \"⟦b c⟧\"\nnext: 1\n",
        "passwords:\n- ⟦a⟧\n- ⟦b⟧\nnext: 1\n",
        "password: \"⟦one\n  two⟧\"\nb: 2\n",
        "password: '⟦it''s one⟧'\nb: 2\n",
        "env:\n- name: DB_PASSWORD\n  value: ⟦hunter2⟧\n- name: LEVEL\n  value: info\n",
        "env:\n  - name: \"DB_PASSWORD\"\n    value: \"⟦hunter 2⟧\"\n",
        "env: [{name: DB_PASSWORD, value: ⟦x1⟧}, {name: A, value: b}]\n",
        "    environment:\n      - POSTGRES_PASSWORD=⟦hunter2⟧\n      - A=b\n",
        "kind: Secret\nmetadata:\n  name: x\ndata:\n  tls.crt: ⟦aHVudGVyMg==⟧\n  blob: |\n    ⟦aGVsbG8=⟧\ntype: Opaque\n---\ndata:\n  a: b\n",
        "apiVersion: v1\ndata:\n  a: ⟦aHVudGVyMg==⟧\n  b: ⟦aGVsbG8=⟧\nkind: Secret\nmetadata:\n  name: x\n",
        "apiVersion: v1\nitems:\n- apiVersion: v1\n  data:\n    a: ⟦aHVudGVyMg==⟧\n  kind: Secret\n- apiVersion: v1\n  data:\n    a: b\n  kind: ConfigMap\nkind: List\n",
        "stringData:\n  a: \"⟦x y⟧\"\n  b: |\n    ⟦z⟧\nother:\n  a: b\n",
        "users:\n- name: a\n  user:\n    client-certificate-data: QUJD\n    client-key-data: ⟦QUJDREVG⟧\n    token: ⟦eyJhYmMiOjF9abcd⟧\n",
    ]

    static let json = [
        "{\"name\":\"DB_PASSWORD\",\"value\":\"⟦x⟧\"}",
        "{\"name\": \"DB_PASSWORD\",\n \"type\": \"text\",\n \"value\": \"⟦x y⟧\"}",
        "{\\\"name\\\":\\\"DB_PASSWORD\\\",\\\"value\\\":\\\"⟦xyz⟧\\\"}",
        "{\"ParameterKey\":\"DbPassword\",\"ParameterValue\":\"⟦x⟧\"}",
        "{\"password\":\n\"⟦hunter2⟧\",\"n\":1}",
        "{\r\n  \"password\":\r\n      \"⟦hunter2⟧\",\r\n  \"n\": 1\r\n}",
        "{\n  \"password\"\n  : \"⟦hunter2⟧\"\n  , \"n\"\n  : 1\n}",
        "{\n  \"n\": 1,\n  \"passwords\":\n  ⟪[\n    \"a1b2\",\n    \"c3\"\n  ]⟫,\n  \"m\":\n  [\n  2\n  ]\n}",
        "{\n                    \"pin\":\n                    ⟪4711⟫,\n  \"n\": 1\n}",
        "{\"a\":\"{\\n  \\\"password\\\":\\n    \\\"⟦hunter2⟧\\\",\\n  \\\"n\\\": 1}\"}",
        "{'api_key':\n    '⟦Zk3x9⟧', 'n':\n   'y'}",
        "1,\"{\"\"password\"\":\"\"⟦abc⟧\"\",\"\"n\"\":1}\",2",
    ]

    static let sql = [
        "INSERT INTO users (name, password) VALUES ('a', '⟦b⟧'), ('c','⟦d''s, (x)⟧');",
        "insert into \"s\".\"users\" (\"password\", pin, n) values (E'⟦it\\'s⟧', 1, NULL), ($1, $2, 3), ($$⟦a'b⟧$$, DEFAULT, 4)"
            .replacing("pin, n", with: "m, n"),
        "INSERT INTO u (pin, n) VALUES (crypt('⟦a⟧', gen_salt('⟦bf⟧')), 1)\nON CONFLICT DO NOTHING",
        "INSERT INTO u (n, password) OVERRIDING SYSTEM VALUE VALUES\n  (1, '⟦a\\⟧'),\n  (2, '⟦b⟧') RETURNING (n, 'x')",
        "UPDATE users SET password = '⟦it''s⟧', n = 1 WHERE token = '⟦abc⟧'",
        "ALTER ROLE x PASSWORD '⟦it''s⟧'; ALTER ROLE y PASSWORD $$⟦a b⟧$$; ALTER ROLE z PASSWORD E'⟦a\\'b⟧';",
        "CREATE USER a IDENTIFIED BY '⟦x y⟧'; CREATE USER b IDENTIFIED WITH 'mysql_native_password' AS '⟦*94BD⟧';",
    ]

    static let plainSQL = [
        "SELECT * FROM users WHERE \"password\" = $1 AND token = $2 AND pin = ?",
        "INSERT INTO users (name, password) VALUES ($1, $2)",
        "INSERT INTO users (name, password) VALUES (NULL, DEFAULT), (:name, :secret), (%s, %s)",
        "CREATE TABLE users (name text, password text, token text)",
        "the copy (password, token) from stdin was read",
    ]

    private static let all =
        Self.tables + Self.markup + Self.yaml + Self.json + Self.sql + Self.plainTables + Self.plainMarkup
        + Self.plainSQL

    @Test("what the structure says is sensitive is masked, and nothing else, however it's cut", arguments: Self.all)
    func masked(_ marked: String) throws {
        try MarkedText(marked).expectMasked(Fixture())
    }

    @Test("text in the same stream keeps a table from going on")
    func otherText() throws {
        let fixture = try Fixture()
        let text = "id,password\n1,hunter2\n" + "a, b, c\nd, e, f\ng, h, i\n" + "j,kept\n"
        let out = try #require(try fixture.mask(text))
        #expect(out.hasSuffix("j,kept\n"))
        #expect(!out.contains("hunter2"))
    }

    @Test("structures in disorder: a stream says what the whole does, and holds no more back than its bound")
    func noise() throws {
        let fixture = try Fixture()
        var pieces = Self.all.map { Array(MarkedText($0).text.utf8) }
        pieces += [
            ",", "\"", "'", "\n", "\t", "|", "(", ")", "<", ">", "</", "$$", "\\", "  ", "- ", ":", "---\n", "\r\n",
            "NULL", "\0",
        ]
        .map { Array($0.utf8) }
        pieces.append([0xFF, 0xE2])
        var generator = SeededGenerator(seed: 20_261_126)
        for _ in 0..<8_000 {
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 1...5, using: &generator) {
                let piece = pieces.randomElement(using: &generator) ?? []
                let start = Int.random(in: 0...piece.count, using: &generator)
                bytes += Bool.random(using: &generator) ? piece : Array(piece[..<start])
            }
            let whole = try fixture.masker().mask(ByteBuffer(bytes: bytes), as: .text, scope: .random)
            var expected = bytes
            if case .masked(let buffer) = whole { expected = Array(buffer.readableBytesView) }
            var chunks: [[UInt8]] = []
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = min(rest.count, Int.random(in: 1...60, using: &generator))
                chunks.append(Array(rest.prefix(count)))
                rest = rest.dropFirst(count)
            }
            let out = try fixture.stream(chunks)
            if levelled(out) != levelled(expected) {
                let texts = [bytes, expected, out].map { String(decoding: $0, as: UTF8.self).debugDescription }
                Issue.record("\(texts[0]): whole \(texts[1]) ≠ chunked \(texts[2])")
                return
            }
        }
    }

    static let long: [(name: String, head: String, unit: String, tail: String, isMasked: Bool)] = [
        ("a cell", "id,password\n1,x\n2,", "aB3d ", "\n3,y\n", true),
        ("a quoted cell", "id,password\n1,x\n2,\"", "a\"\"B, 3d\n", "\"\n3,y\n", true),
        ("a quote that nothing closes", "id,password\n1,x\n2,\"", "aB3d ", "", true),
        ("another cell", "id,password\n1,x\n", "aB 3d ", ",y\n", false),
        ("a tuple's text", "INSERT INTO u (n, password) VALUES (1, '", "a''B 3d ", "'), (2, 'y')\n", true),
        ("a block's line", "password: |\n  ", "aB 3d ", "\nn: 1\n", true),
        ("an element", "<password>", "aB 3d ", "</password>\n", true),
        ("rows", "id,password\n", "1,aB3d\n", "", true),
        ("columns", "a,password\n1,", ",", "\n", false),
    ]

    @Test(
        "what is a megabyte long is masked as it passes, and no more is held back than the bound", arguments: Self.long)
    func megabyte(_ long: (name: String, head: String, unit: String, tail: String, isMasked: Bool)) throws {
        let fixture = try Fixture()
        var stream = try RedactionStream(fixture.masker())
        var out = ByteBuffer()
        let body = String(repeating: long.unit, count: (1 << 20) / long.unit.utf8.count)
        var bytes = Array((long.head + body + long.tail).utf8)[...]
        while !bytes.isEmpty {
            try stream.write(ByteBuffer(bytes: bytes.prefix(4001)), into: &out)
            bytes = bytes.dropFirst(4001)
            #expect(stream.heldBack <= 3 * Rows.reach)
        }
        try stream.finish(into: &out)
        let text = levelled(String(buffer: out))
        #expect(!long.isMasked || !text.contains("B3d") && !text.contains("3d"))
        if !long.tail.isEmpty { #expect(text.hasSuffix("\n")) }
    }
}
