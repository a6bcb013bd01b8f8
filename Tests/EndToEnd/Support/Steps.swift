import TestSupport

/// A client that is in one step of a session when something is killed: it says `READY` there, and once it's told to go
/// on, how its connection ended.
enum Step: String, CaseIterable, Sendable {
    /// The gateway answered its request for TLS, and it says nothing more.
    case connecting
    case idle
    case inFlight = "in flight"
    case inTransaction = "in a transaction"
    case midResult = "in mid-result"
    case copyOut = "in COPY out"
    case copyIn = "in COPY in"
    /// One statement after the other, each on its own.
    case busy

    /// How a connection ended.
    struct Ending: Decodable, Sendable {
        var error: String
        var state: String?
        /// Statements of `busy` that were answered.
        var answered: Int?
    }

    /// - Parameter mark: what its statements are told by.
    func start(_ lease: OpenedLease, mark: String) throws -> RunningProcess {
        try lease.startPython(Self.preamble + self.program(mark))
    }

    static func ending(of client: RunningProcess) async throws -> Ending {
        try? client.write("go\n")
        guard await client.finished(timeout: .seconds(60)) else { throw TestSupportError("a client hangs") }
        guard let last = client.output.split(separator: "\n").last else {
            throw TestSupportError("a client said \(client.errors)")
        }
        return try decode(Ending.self, from: last)
    }

    private static let preamble = """
        def ready():
            print("READY")
            sys.stdin.readline()

        def ended(error, state=None, answered=None):
            show({"error": str(error), "state": state, "answered": answered})
            sys.exit(0)

        def until_error(body):
            try:
                body()
            except psycopg.Error as error:
                ended(error, error.sqlstate)
            ended("")

        def result(connection):
            last = connection.pgconn.get_result()
            while last is not None and last.status in (psycopg.pq.ExecStatus.SINGLE_TUPLE, psycopg.pq.ExecStatus.TUPLES_OK):
                last = connection.pgconn.get_result()
            if last is None:
                return ended(connection.pgconn.error_message.decode())
            state = last.error_field(psycopg.pq.DiagnosticField.SQLSTATE)
            ended(last.error_message.decode(), state and state.decode())


        """

    private func program(_ mark: String) -> String {
        switch self {
        case .connecting:
            """
            peer = socket.create_connection((os.environ["PGHOST"], int(os.environ["PGPORT"])))
            peer.sendall(struct.pack("!ii", 8, 80877103))
            assert peer.recv(1) == b"S"
            ready()
            peer.settimeout(40)
            try:
                ended("closed" if peer.recv(1) == b"" else "answered")
            except OSError as error:
                ended(error)
            """
        case .idle:
            """
            connection = connect()
            connection.execute("SELECT '\(mark) idle'")
            ready()
            select.select([connection.pgconn.socket], [], [], 40)
            until_error(lambda: connection.execute("SELECT '\(mark) too late'"))
            """
        case .inFlight:
            """
            connection = connect()
            connection.pgconn.send_query(b"SELECT '\(mark) in flight', pg_sleep(120)")
            ready()
            result(connection)
            """
        case .inTransaction:
            """
            connection = connect(autocommit=False)
            connection.execute("INSERT INTO kept VALUES ('\(mark) uncommitted')")
            ready()
            select.select([connection.pgconn.socket], [], [], 40)
            until_error(connection.commit)
            """
        case .midResult:
            """
            connection = connect()
            connection.pgconn.send_query(b"SELECT '\(mark) result', repeat('x', 1000) FROM generate_series(1, 3000000)")
            connection.pgconn.set_single_row_mode()
            for _ in range(10):
                connection.pgconn.get_result()
            ready()
            result(connection)
            """
        case .copyOut:
            """
            connection = connect()
            def body():
                with connection.cursor().copy(
                    "COPY (SELECT '\(mark) out', repeat('x', 1000) FROM generate_series(1, 3000000)) TO STDOUT") as copy:
                    for _ in range(10):
                        copy.read()
                    ready()
                    while copy.read():
                        pass
            until_error(body)
            """
        case .copyIn:
            """
            connection = connect()
            def body():
                with connection.cursor().copy("COPY kept FROM STDIN /* \(mark) in */") as copy:
                    for number in range(1000):
                        copy.write(f"\(mark) copied {number}\\n")
                    ready()
                    while True:
                        copy.write("\(mark) copied\\n" * 1000)
            until_error(body)
            """
        case .busy:
            """
            connection = connect()
            answered = 0
            def told():
                print("READY")
            try:
                while True:
                    connection.execute(f"INSERT INTO kept VALUES ('\(mark) busy {answered + 1}')")
                    answered += 1
                    if answered == 20:
                        told()
            except psycopg.Error as error:
                ended(error, error.sqlstate, answered)
            """
        }
    }
}
