"""Durable appends to the audit log, beside SQLite and PostgreSQL with the same durability, and its verification.

All three put records of one size on the same file system, and answer only once they are on disk: Glovebox by one
fdatasync for all that waits, SQLite in WAL mode with synchronous=FULL by one transaction for as many rows, PostgreSQL
with synchronous_commit=on by pgbench, whose clients' commits share flushes. Each is measured with writers that write
one record at a time, and with records written many at a time. Glovebox's tree, with its signed checkpoints, is built
while it's written to; the others build nothing of the kind.
"""

import argparse
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

POSTGRES = "/usr/lib/postgresql/15/bin"


def glovebox(program, folder, seconds, writers, together):
    output = subprocess.run(
        [program, os.path.join(folder, f"log-{writers}-{together}"), str(seconds), str(writers), str(together)],
        check=True, capture_output=True, text=True)
    return json.loads(output.stdout)


def sqlite(folder, seconds, size, together):
    path = os.path.join(folder, f"rows-{together}.sqlite")
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE records (position INTEGER PRIMARY KEY, record BLOB NOT NULL)")
    rows = [(b"x" * size,)] * together
    count, start = 0, time.monotonic()
    while time.monotonic() - start < seconds:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO records (record) VALUES (?)", rows)
        connection.execute("COMMIT")
        count += together
    rate = count / (time.monotonic() - start)
    connection.close()
    return rate


class Postgres:
    """A cluster of its own, as initdb makes it, on a Unix socket."""

    def __init__(self, folder):
        self.data = os.path.join(folder, "postgres")
        self.socket = tempfile.mkdtemp(prefix="gbx-pg-")
        self.user = "postgres" if os.geteuid() == 0 else os.environ.get("USER", "postgres")
        if os.geteuid() == 0:
            os.chmod(folder, 0o755)
            os.makedirs(self.data)
            for path in (self.data, self.socket):
                shutil.chown(path, "postgres")
        self.run(f"{POSTGRES}/initdb", "-D", self.data, "-U", "postgres", "--auth=trust", "--no-sync")
        self.run(f"{POSTGRES}/pg_ctl", "-D", self.data, "-w", "-l", f"{self.data}/log", "-o",
                 f"-k {self.socket} -c listen_addresses= -c synchronous_commit=on -c fsync=on", "start")

    def run(self, *command):
        prefix = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
        done = subprocess.run(prefix + list(command), capture_output=True, text=True, cwd="/")
        if done.returncode != 0:
            sys.exit(f"{command[0]}: {done.stderr or done.stdout}")
        return done.stdout

    def inserts(self, seconds, size, clients, together):
        self.run("psql", "-h", self.socket, "-U", "postgres", "-qc",
                 "DROP TABLE IF EXISTS records; CREATE TABLE records (position bigserial PRIMARY KEY, record text)")
        script = os.path.join(self.socket, "insert.sql")
        value = "x" * size
        with open(script, "w", encoding="utf-8") as file:
            file.write("INSERT INTO records (record) VALUES " + ", ".join([f"('{value}')"] * together) + ";\n")
        os.chmod(script, 0o644)
        output = self.run(f"{POSTGRES}/pgbench", "-h", self.socket, "-U", "postgres", "-n", "-M", "prepared", "-f",
                          script, "-c", str(clients), "-j", "2", "-T", str(seconds), "postgres")
        rate = next(line for line in output.splitlines() if line.startswith("tps"))
        return float(rate.split()[2]) * together

    def stop(self):
        self.run(f"{POSTGRES}/pg_ctl", "-D", self.data, "-m", "fast", "-w", "stop")
        shutil.rmtree(self.socket, ignore_errors=True)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--program", required=True)
    arguments.add_argument("--seconds", type=int, default=10)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="gbx-audit-", dir=os.environ.get("TMPDIR", "/var/tmp")) as folder:
        postgres = Postgres(folder)
        try:
            print(f"{'records at a time':>17}  {'Glovebox':>12}  {'SQLite':>12}  {'PostgreSQL':>12}  ratios")
            for writers, together in [(1, 1), (64, 1), (64, 64)]:
                ours = glovebox(options.program, folder, options.seconds, writers, together)
                size = int(ours["bytesPerRecord"])
                rate = ours["appendsPerSecond"]
                # As many rows a transaction as Glovebox had waiting: one writer of SQLite's, since it has only one.
                lite = sqlite(folder, options.seconds, size, writers * together)
                post = postgres.inserts(options.seconds, size, writers, together)
                print(f"{f'{writers} × {together}':>17}  {rate:>10,.0f}/s  {lite:>10,.0f}/s  {post:>10,.0f}/s  "
                      f"{rate / lite:.2f} of SQLite, {rate / post:.2f} of PostgreSQL")
                print(f"{'':>17}  {ours['records']:,} records, the last under a checkpoint "
                      f"{ours['signedAfterSeconds']:.2f} s later; verified at {ours['verifiedPerSecond']:,.0f}/s")
        finally:
            postgres.stop()


if __name__ == "__main__":
    main()
