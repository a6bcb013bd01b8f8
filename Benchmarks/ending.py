"""How long an end takes: from the API call to the closing of the clients' sockets.

200 sessions of one lease run a statement each that sends rows for ever; then one call of the API, over a connection that
stands already, ends the lease (`POST /v1/leases/ID/end`), or its holder with all that they hold (`POST
/v1/identities/NAME/disable`, by another administrator). Counted for each client is the time from the first byte of the
call to the end of its connection, read from the raw socket; in the end nothing may run in the database any more. Glovebox
runs as `glovebox up`, from the shipped build.
"""

import argparse
import contextlib
import http.client
import json
import os
import select
import signal
import ssl
import subprocess
import sys
import tempfile
import time

import psycopg

import ways

STATEMENT = b"SELECT number, pg_sleep(0.05), repeat('x', 1000) FROM generate_series(1, 1000000) AS number"


def percentile(sorted_values, part):
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * part))]


def connect_api(home):
    with open(os.path.join(home, "profile.json"), encoding="utf-8") as file:
        gateway = json.load(file)["gateway"]
    host, port = gateway.removeprefix("https://").rsplit(":", 1)
    context = ssl.create_default_context(cafile=os.path.join(home, "ca.pem"))
    context.load_cert_chain(os.path.join(home, "client.pem"), os.path.join(home, "client.key"))
    connection = http.client.HTTPSConnection(host, int(port), context=context)
    connection.request("GET", "/v1/whoami")
    answer = connection.getresponse()
    answer.read()
    if answer.status != 200:
        ways.fail(f"the API answers {answer.status}")
    return connection


def second_administrator(leg):
    """Somebody who may disable the one that holds the lease. Returns their profile's folder."""
    def glovebox(home, *arguments, text=None):
        environment = {**os.environ, "GLOVEBOX_HOME": os.path.join(leg.folder, home)}
        return subprocess.run(
            [ways.PROGRAM, *arguments], env=environment, input=text, stdout=subprocess.PIPE, text=True, check=True).stdout

    invitation = json.loads(glovebox("home", "identity", "invite", "second", "--role", "admin", "--json"))
    with open(os.path.join(leg.folder, "home", "profile.json"), encoding="utf-8") as file:
        gateway = json.load(file)["gateway"]
    glovebox("second", "login", "--gateway", gateway, text=invitation["code"] + "\n")
    return os.path.join(leg.folder, "second")


def run(bench, what, sessions, seconds):
    """Milliseconds from the call to the end of each client's connection."""
    leg = bench.run_glovebox("glovebox-up", bench.path(f"glovebox-{time.monotonic_ns()}"), together=True)
    if what == "disable":
        home, path, fields = second_administrator(leg), "/v1/identities/admin/disable", {"If-Match": "*"}
    else:
        home, path, fields = os.path.join(leg.folder, "home"), f"/v1/leases/{leg.lease}/end", {}
    clients = []
    for _ in range(sessions):
        client = psycopg.connect(
            f"{leg.connection} passfile=/proc/self/fd/{leg.passfile}", autocommit=True)
        client.pgconn.send_query(STATEMENT)
        client.pgconn.flush()
        clients.append(client)
    sockets = {client.pgconn.socket: client for client in clients}
    poller = select.epoll()
    for number in sockets:
        os.set_blocking(number, False)
        poller.register(number, select.EPOLLIN | select.EPOLLRDHUP)
    ended = {}

    def read(until):
        while len(ended) < sessions and time.monotonic() < until:
            for number, _ in poller.poll(timeout=0.05):
                with contextlib.suppress(BlockingIOError):
                    while True:
                        try:
                            data = os.read(number, 1 << 16)
                        except ConnectionResetError:
                            data = b""
                        if not data:
                            ended[number] = time.monotonic()
                            poller.unregister(number)
                            break

    read(time.monotonic() + seconds)
    if ended:
        ways.fail("a session ended by itself")
    running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%generate_series(1, 1000000)%' AND pid <> pg_backend_pid()"
    if int(bench.database("psql", "--dbname", "shop", "-At", text=running)) < sessions:
        ways.fail("not all sessions are busy")
    api = connect_api(home)
    # The answer is read after the clients' ends: the call is what begins everything.
    begun = time.monotonic()
    api.request("POST", path, headers=fields)
    read(begun + 30)
    status = api.getresponse().status
    if status != 200 or len(ended) < sessions:
        ways.fail(f"the API answered {status}; {len(ended)} of {sessions} clients' connections ended")
    left = 1
    while left and time.monotonic() < begun + 30:
        left = int(bench.database("psql", "--dbname", "shop", "-At", text=running))
    if left:
        ways.fail(f"{left} statements still run in the database")
    return [(end - begun) * 1000 for end in ended.values()]


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench ending")
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2, help="how long they run before the end")
    options = parser.parse_args()
    if min(options.sessions, options.rounds, options.seconds) < 1 or options.sessions > 240:
        parser.error("sessions (up to 240), rounds and seconds are at least 1")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="glovebox-bench-") as folder:
        os.chmod(folder, 0o711)
        bench = ways.Bench(folder, [])
        try:
            bench.start()
            print(f"{os.cpu_count()} cores; {options.sessions} busy sessions of one lease, ms from the call to a client's end")
            print(f"  {'':<20}{'p50':>8}{'p99':>8}{'last':>8}")
            for number in range(options.rounds):
                for what, name in (("end", "lease ended"), ("disable", "holder disabled")):
                    times = sorted(run(bench, what, options.sessions, options.seconds))
                    print(
                        f"  {name:<16}{number + 1:>3} {percentile(times, 0.5):>8.1f}{percentile(times, 0.99):>8.1f}"
                        f"{times[-1]:>8.1f}", flush=True)
        finally:
            bench.stop()


if __name__ == "__main__":
    main()
