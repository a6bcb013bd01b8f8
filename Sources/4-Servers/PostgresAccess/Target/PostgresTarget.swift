package import GloveboxCore
package import Redaction

/// A PostgreSQL database that an agent opens sessions to, as its own configuration describes it.
package struct PostgresTarget: Sendable {
    package enum Address: Hashable, Sendable {
        case tcp(host: String, port: Int)
        /// The path of the socket itself, such as `/var/run/postgresql/.s.PGSQL.5432`.
        case unix(path: String)
    }

    package enum TLSMode: Hashable, Sendable {
        /// In the clear: for loopback and Unix sockets.
        case off
        /// Encrypted, whoever the server is.
        case require
        /// Encrypted, and the certificate must lead to `certificateAuthority` (a file in PEM; nil: the system's roots)
        /// and name `serverName` (nil: the host), or the IP address that was connected to.
        case verifyFull(certificateAuthority: String?, serverName: String?)
    }

    /// How connections to the server are shared by what stands before it.
    package enum Pooling: Hashable, Sendable {
        /// A session keeps its connection to its end, and nobody else's statements run on it.
        case session
        /// A session may have another connection for each transaction, after and before others.
        case transaction
    }

    /// How the agent signs in for one capability.
    package struct SignIn: Sendable {
        package var user: String
        /// Nil where the server trusts the agent without a password.
        package var credential: CredentialSource?

        package init(user: String, credential: CredentialSource?) {
            self.user = user
            self.credential = credential
        }
    }

    package var name: TargetName
    package var address: Address
    package var database: String
    package var tls: TLSMode
    package var signIns: [Capability: SignIn]
    /// Columns that are masked whatever they look like.
    package var classifications: [Classification]
    /// Columns that are shown although their names say that they are sensitive.
    package var shown: [ShownColumn] = []
    /// The ceiling names this: sessions may use a superuser role.
    package var allowsSuperuser: Bool
    /// The ceiling names this: `read` sessions may use a role that could write.
    package var allowsWritingReader: Bool
    /// How many answers about masked values a holder may have in a day.
    package var disclosures = Self.standardDisclosures
    /// How a pooler does it, where there's one; that there's one is found out.
    package var pooling = Pooling.transaction

    package static let standardDisclosures: Int64 = 50

    package init(
        name: TargetName, address: Address, database: String, tls: TLSMode, signIns: [Capability: SignIn],
        classifications: [Classification] = [], allowsSuperuser: Bool = false, allowsWritingReader: Bool = false
    ) {
        self.name = name
        self.address = address
        self.database = database
        self.tls = tls
        self.signIns = signIns
        self.classifications = classifications
        self.allowsSuperuser = allowsSuperuser
        self.allowsWritingReader = allowsWritingReader
    }
}

/// A column whose name doesn't count. What detectors find in it is masked all the same.
package struct ShownColumn: Hashable, Sendable {
    package var schema: String
    package var table: String
    package var column: String

    package init(schema: String = "public", table: String, column: String) {
        self.schema = schema
        self.table = table
        self.column = column
    }
}
