"""pgcli: all that it asks for its completion, and its commands, by its own classes and without a terminal."""

import logging
import os

from lab import ask, show
from pgcli.pgexecute import PGExecute
from pgspecial import PGSpecial

logging.disable(logging.CRITICAL)
environment = os.environ
client = PGExecute(
    database=environment["PGDATABASE"], user=environment["PGUSER"], password=environment["PGPASSWORD"],
    host=environment["PGHOST"], port=environment["PGPORT"], dsn=None, sslmode=environment["PGSSLMODE"],
    **({"sslrootcert": environment["PGSSLROOTCERT"]} if "PGSSLROOTCERT" in environment else {}))

for question in ("schemata", "tables", "views", "table_columns", "view_columns", "databases", "foreignkeys", "datatypes",
                 "casing", "search_path", "full_databases", "get_timezone"):
    ask(question, lambda: [repr(part) for part in getattr(client, question)()])
ask("functions", lambda: sorted(repr(vars(function)) for function in client.functions()))
ask("view_definition", lambda: client.view_definition("museum.large_rooms"))
ask("function_definition", lambda: client.function_definition("museum.twice"))


def run(statement):
    answers = []
    for title, cursor, headers, status, _, success, _ in client.run(statement, pgspecial=PGSpecial()):
        answers.append((title, headers, status, success, [tuple(row) for row in cursor] if cursor is not None else None))
    return answers


for statement in ("SELECT id, name FROM museum.rooms ORDER BY id LIMIT 3", "\\d customers", "\\d+ museum.items", "\\dt museum.*",
                  "\\df museum.*", "\\l", "\\du", "\\dT museum.*", "\\dx", "\\dn", "\\dv museum.*", "\\di museum.*",
                  "\\ds museum.*", "\\dm museum.*", "\\sf museum.twice", "\\dD museum.*", "\\dp museum.*", "\\ddp", "\\dE museum.*",
                  "\\db", "\\dF museum.*", "SELECT 1 FROM WHERE", "DROP TABLE customers", "SELECT 'goes on'",
                  "SELECT id, email FROM customers WHERE id = 3"):
    ask(f"run {statement}", lambda: run(statement))
show("done", True)
