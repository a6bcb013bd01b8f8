"""libpq 17 and later by psycopg: how a connection is begun, cancels, pipelines, large objects, notifications."""

import psycopg
from lab import ask, describe, show


def connect(**options):
    return psycopg.connect("", autocommit=True, **options)


def one(connection, statement="SELECT 'in'", *parameters):
    return connection.execute(statement, *parameters).fetchone()[0]


show("libpq", psycopg.pq.version() >= 170000)
for name, options in {
    "at most 3.2": {"max_protocol_version": "3.2"}, "the latest": {"max_protocol_version": "latest"},
    "at least 3.2": {"min_protocol_version": "3.2"}, "direct TLS": {"sslnegotiation": "direct"},
    "GSSAPI preferred": {"gssencmode": "prefer"}, "SCRAM alone": {"require_auth": "scram-sha-256"},
    "channel binding preferred": {"channel_binding": "prefer"}, "a primary": {"target_session_attrs": "primary"},
    "read-only": {"target_session_attrs": "read-only"}, "read-write": {"target_session_attrs": "read-write"},
    "options": {"options": "-c role=postgres"},
}.items():
    ask(name, lambda: one(connect(**options)))

connection = connect()
pgconn = connection.pgconn


def pipeline():
    """A refusal in a pipeline: what's before it counts, what's behind it up to the Sync doesn't, then all goes on."""
    seen = []
    pgconn.enter_pipeline_mode()
    for statement in (b"SELECT 1 + $1::int", b"DELETE FROM museum.rooms WHERE id = $1::int", b"SELECT 3 + $1::int"):
        pgconn.send_query_params(statement, [b"1"])
    pgconn.pipeline_sync()
    pgconn.send_query_params(b"SELECT 4 + $1::int", [b"1"])
    pgconn.pipeline_sync()
    while seen.count("PIPELINE_SYNC") < 2:
        if (result := pgconn.get_result()) is not None:
            status = psycopg.pq.ExecStatus(result.status).name
            state = result.error_field(psycopg.pq.DiagnosticField.SQLSTATE)
            seen.append(status if not state else f"{status} {state.decode()} {result.error_message.decode().strip()}")
            if result.ntuples:
                seen.append(result.get_value(0, 0))
    pgconn.exit_pipeline_mode()
    seen.append(one(connection, "SELECT 'goes on'"))
    return seen


def failed_transaction():
    seen = []
    try:
        with connection.transaction():
            connection.execute("DROP TABLE museum.rooms")
    except psycopg.Error as error:
        seen.append(describe(error))
    connection.execute("BEGIN")
    for statement in ("CREATE TABLE mine (id int)", "SELECT 1", "ROLLBACK", "SELECT 'goes on'"):
        try:
            cursor = connection.execute(statement)
            seen.append(cursor.fetchone() if cursor.description else cursor.statusmessage)
        except psycopg.Error as error:
            seen.append(describe(error))
    return seen


def walk():
    with connection.transaction():
        with connection.cursor("walker", scrollable=True) as cursor:
            cursor.itersize = 40
            cursor.execute("SELECT id FROM museum.rooms ORDER BY id")
            rows = cursor.fetchmany(10)
            cursor.scroll(-3)
            rows += cursor.fetchmany(5)
            cursor.scroll(295, mode="absolute")
            return [row[0] for row in rows + cursor.fetchall()]


def held():
    connection.execute("DECLARE keeps CURSOR WITH HOLD FOR SELECT id FROM museum.rooms ORDER BY id")
    seen = connection.execute("FETCH 3 FROM keeps").fetchall() + connection.execute("FETCH LAST FROM keeps").fetchall()
    connection.execute("CLOSE keeps")
    return seen


def limited_portals():
    """Rows of a portal by the piece, in the simple result modes of libpq: one by one, and in chunks (libpq 17)."""
    seen = []
    for chunked in (False, True):
        pgconn.send_query_params(b"SELECT id FROM museum.rooms WHERE id < $1 ORDER BY id", [b"8"])
        if chunked:
            pgconn.set_chunked_rows_mode(3)
        else:
            pgconn.set_single_row_mode()
        while (result := pgconn.get_result()) is not None:
            seen.append(result.ntuples)
    return seen


def notices():
    heard = []
    connection.add_notice_handler(lambda notice: heard.append((notice.severity, notice.message_primary)))
    connection.execute("ROLLBACK")
    return heard


def place():
    """Where an error is, in characters."""
    seen = []
    for statement in ("SELECT 'é', FROM x", "SELECT 'é', nothing FROM museum.rooms", "SELECT 1; SELECT nothing()",
                      "COPY (SELECT nothing FROM museum.rooms) TO STDOUT"):
        for begin in (False, True):
            if begin:
                connection.execute("BEGIN")
            try:
                pgconn_result = pgconn.exec_(statement.encode())
                seen.append((pgconn_result.error_field(psycopg.pq.DiagnosticField.SQLSTATE).decode(),
                             (pgconn_result.error_field(psycopg.pq.DiagnosticField.STATEMENT_POSITION) or b"").decode()))
            finally:
                if begin:
                    connection.execute("ROLLBACK")
    return seen


ask("pipeline", pipeline)
ask("failed transaction", failed_transaction)
ask("cursor", walk)
ask("held cursor", held)
ask("limited portals", limited_portals)
ask("notices", notices)
ask("places", place)
ask("large objects listed", lambda: one(connection, "SELECT count(*) > 0 FROM pg_largeobject_metadata"))
ask("large object by SQL", lambda: one(connection, "SELECT lo_get(min(oid)) FROM pg_largeobject_metadata"))
ask("function call", lambda: connection.execute("SELECT pg_notify('museum', 'x')").fetchone())
ask("masked", lambda: connection.execute("SELECT id, email FROM customers WHERE id = 3", binary=True).fetchone())
ask("after it", lambda: one(connection, "SELECT 'goes on'"))
show("done", True)
