import TestSupport

/// The files that the tests' installations run with. All targets are the same shop; they differ in what may be done.
enum Configuration {
    static func gateway(_ ports: Installation.Ports) -> String {
        """
        listen:
          api: 127.0.0.1:\(ports.api)
          postgres: 127.0.0.1:\(ports.postgres)
          tunnel: 127.0.0.1:\(ports.tunnel)
        names: [localhost, 127.0.0.1]
        policy: policy.yaml

        """
    }

    static let policy = """
        version: 1
        groups:
          oncall: [admin]
        rules:
          - name: oncall-reads
            groups: [oncall]
            targets: [shop-db, read-only, careless, boss, unlisted, few-by-ceiling]
            capabilities: [read]
            longest: 1h
          - name: oncall-writes
            groups: [oncall]
            targets: [shop-db, read-only]
            capabilities: [read, write]
            longest: 30m
          - name: members-read
            identities: [mia, mo]
            targets: [shop-db]
            capabilities: [read]
            longest: 10m
          - name: few-rows
            groups: [oncall]
            targets: [few-rows]
            capabilities: [read]
            longest: 1h
            limits: {rows: 10}
          - name: few-bytes
            groups: [oncall]
            targets: [few-bytes]
            capabilities: [read]
            longest: 1h
            limits: {bytes: 20kB}
          - name: one-session
            groups: [oncall]
            targets: [one-session]
            capabilities: [read]
            longest: 1h
            limits: {sessions: 1}
          - name: one-second
            groups: [oncall]
            targets: [one-second]
            capabilities: [read]
            longest: 1h
            limits: {seconds: 1}

        """

    static let ceiling = """
        version: 1
        targets:
          shop-db:
            capabilities: [read, write]
            longest: 2h
            columns:
              public.customers.password_hash: password_hash
              public.customers.card: card
              public.customers.iban: iban
          few-rows: {capabilities: [read], longest: 2h}
          few-bytes: {capabilities: [read], longest: 2h}
          one-session: {capabilities: [read], longest: 2h}
          one-second: {capabilities: [read], longest: 2h}
          few-by-ceiling: {capabilities: [read], longest: 2h, limits: {rows: 5}}
          read-only: {capabilities: [read], longest: 2h}
          careless: {capabilities: [read], longest: 2h}
          boss: {capabilities: [read], longest: 2h}
          private: {capabilities: [read], longest: 2h}

        """

    static func agent(_ ports: Installation.Ports, _ database: TestDatabase) -> String {
        let reader = "{user: \(ShopDatabase.readUser), password: {file: read.password}}"
        let writer = "{user: \(ShopDatabase.writeUser), password: {file: write.password}}"
        func target(_ name: String, read: String = reader, write: String? = nil) -> String {
            """
              \(name):
                kind: postgres
                host: \(database.server.host)
                port: \(database.server.port)
                database: \(database.name)
                labels: {env: test}
                tls: off
                roles:
                  read: \(read)
            \(write.map { "      write: \($0)\n" } ?? "")\
                columns:
                  public.customers.full_name: person_name
                  public.customers.date_of_birth: date_of_birth

            """
        }
        let targets = [
            target("shop-db", write: writer), target("few-rows"), target("few-bytes"), target("one-session"),
            target("one-second"), target("few-by-ceiling"), target("read-only", write: writer),
            target("careless", read: writer), target("boss", read: "{user: postgres}"), target("private"),
            target("unlisted"),
        ]
        return """
            name: test
            gateway: localhost:\(ports.tunnel)
            ceiling: ceiling.yaml

            targets:
            \(targets.joined())
            """
    }
}
