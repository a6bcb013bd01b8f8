"""What the lab's Python programs share: each prints a line per question, so that a run through Glovebox can be compared
with one without it. The connection is in libpq's environment variables; without PGSSLROOTCERT it's one without TLS."""

import inspect
import os
import ssl


def show(question, answer):
    print(f"{question}: {answer!r}", flush=True)


def describe(error):
    """An error as an application gets it."""
    state = getattr(error, "sqlstate", None) or getattr(getattr(error, "orig", None), "sqlstate", None)
    return f"{type(error).__name__} {state} {error}"


def ask(question, answer):
    try:
        show(question, answer())
    except Exception as error:
        show(question, describe(error))


async def ask_async(question, answer):
    try:
        answer = answer()
        show(question, await answer if inspect.isawaitable(answer) else answer)
    except Exception as error:
        show(question, describe(error))


def tls():
    root = os.environ.get("PGSSLROOTCERT")
    return ssl.create_default_context(cafile=root) if root else False


def options():
    """For clients that aren't libpq's."""
    environment = os.environ
    return dict(
        host=environment["PGHOST"], port=int(environment["PGPORT"]), user=environment["PGUSER"],
        password=environment["PGPASSWORD"], database=environment["PGDATABASE"])
