import Testing

@testable import Redaction

/// Passwords in the names of databases.
@Suite("Names of databases")
struct DataSourceTests {
    static let sources = [
        "# host:port\ndb.example.com:5432:shop:ann:⟦hunter2⟧\nlocalhost:*:*:bo:⟦two words⟧\n",
        "x db:5432:shop:ann:⟦hunter2⟧ y",
        "{\"m\":\"db:5432:shop:ann:⟦hunter2⟧\\nnext\",\"n\":1}", "PGPASS='db:6432:*:ann:⟦hun\\:ter2⟧' x",
        "ann:⟦hun@ter:2⟧@tcp(db:3306)/shop?parseTime=true", "dsn=\"ann:⟦hunter2⟧@unix(/run/mysql.sock)/shop\"",
        "DB_SOURCE=ann:⟦h/u#n⟧@tcp(10.0.0.7:3306)/shop x", "open shop/⟦hun/ter2⟧@//dbhost:1521/ORCL failed",
        "jdbc:oracle:thin:shop/⟦hunter2⟧@db:1521:ORCL", "url=\"jdbc:oracle:thin:shop/⟦hunter2⟧@//db:1521/ORCL\"",
        "shop/⟦hunter2⟧@dbhost:1521/ORCL,x", "\u{1B}[36mshop/⟦hunter2⟧@dbhost:1521/ORCL",
        "jdbc:mysql://db/shop?user=⟦bo⟧&password=⟦hunter2⟧&ssl=true",
        "jdbc:sqlserver://db;password=⟦hunter2⟧;encrypt=true",
        "Driver={ODBC Driver 18};Server=db;PWD=⟦hunter2⟧;Encrypt=yes", "Server=db;PWD=⟦{hun;ter2}⟧;Encrypt=yes",
    ]

    static let plain = [
        "0.0.0.0:5432:5432 is mapped", "db:5432:shop:ann", "2026-11-27 10.0.0.7:5432: connection refused",
        "ann@tcp(db:3306)/shop", "dial tcp(db:3306): refused", "jdbc:oracle:thin:@db:1521:ORCL", "/srv/b/c@//d",
        "http://db:1521/a/b@//c", "git@db:1521/x", "root:*:20228:0:99999:7:::", "s/^a(;b)?@//",
        "shop/${PASS}@//db:1521/ORCL", "ann:@tcp(db:3306)/shop",
    ]

    @Test("a password in a database's name is masked, and nothing else, however it's cut", arguments: Self.sources)
    func found(_ marked: String) throws {
        try MarkedText(marked).expectMasked(Fixture())
    }

    @Test("names without a password stay as they are", arguments: Self.plain)
    func untouched(_ text: String) throws {
        try MarkedText(text).expectMasked(Fixture())
    }
}
