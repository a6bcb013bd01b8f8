"""PostgreSQL reached directly, through its peers and through Glovebox, in one run on one machine.

What is measured, with pgbench (libpq in C) as the client of each:
  - select-only (`pgbench -S -M prepared`) by 1, 8 and 64 clients: transactions a second, the median and 99th percentile
    of their latencies, and the CPU time that all processes of the way take for one
  - one result of 1,000,000 rows (about 100 MB as text), read to its end: rows a second

After a warm-up of each, legs take turns within a round, so that a slow minute of the machine hits all of them; the median
of the rounds counts. Glovebox's legs include the client's TLS, records and masking; the other legs do none of that, but
for the two HAProxies, which have mutual TLS 1.3 between them as Glovebox's gateway and agent have. Glovebox runs as
`glovebox up`: gateway and agent in one process, from the shipped build.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LEGS = ["direct", "haproxy", "pgbouncer", "haproxies", "glovebox", "glovebox-ram", "glovebox-masked"]
CLIENTS = [1, 8, 64]
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
SCALE = 10  # of 100,000 rows each
ROWS = SCALE * 100_000


def fail(message):
    raise SystemExit(f"bench: {message}")


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def wait_for_port(port, process, what):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if process.poll() is not None:
            fail(f"{what} ended with status {process.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    fail(f"{what} doesn't listen on port {port}")


def as_unprivileged(arguments):
    """Servers that refuse to be root run as the system's `postgres` user then."""
    if os.getuid() == 0:
        return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--", *arguments]
    return arguments


class Leg:
    """How a client reaches the database: a connection string, and a password that's in no argument and no file."""

    def __init__(self, name, connection, password, processes=()):
        self.name = name
        self.connection = connection
        self.processes = processes
        self.passfile = os.memfd_create("passfile", 0)
        os.fchmod(self.passfile, 0o600)
        os.write(self.passfile, b"*:*:*:*:" + password.replace("\\", "\\\\").replace(":", "\\:").encode() + b"\n")

    def pgbench(self, *arguments):
        environment = {**os.environ, "PGPASSFILE": f"/proc/self/fd/{self.passfile}"}
        done = subprocess.run(
            [PGBENCH, "--no-vacuum", *arguments, self.connection],
            env=environment, pass_fds=[self.passfile], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            timeout=600, check=False,
        )
        if done.returncode:
            fail(f"pgbench through {self.name}: {done.stderr.strip()[-600:]}")
        return done.stdout

    def cpu(self):
        """Seconds of CPU that the way's own processes have taken so far."""
        ticks = 0
        for process in self.processes:
            with open(f"/proc/{process.pid}/stat", encoding="utf-8") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / CLOCK_TICKS

    def memory(self):
        """Resident MiB of the way's own processes."""
        kilobytes = 0
        for process in self.processes:
            with open(f"/proc/{process.pid}/status", encoding="utf-8") as file:
                kilobytes += int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))
        return kilobytes / 1024

    def select_only(self, clients, seconds):
        """Transactions a second, latencies in ms (median, 99th percentile), CPU in µs a transaction."""
        with tempfile.TemporaryDirectory(prefix="glovebox-bench-log-") as folder:
            before = self.cpu()
            out = self.pgbench(
                "--select-only", "--protocol=prepared", f"--client={clients}", f"--jobs={min(clients, 2)}",
                f"--time={seconds}", f"--scale={SCALE}", "--log", "--sampling-rate=0.1",
                f"--log-prefix={folder}/transactions",
            )
            used = self.cpu() - before
            latencies = []
            for name in os.listdir(folder):
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    latencies += [int(line.split()[2]) / 1000 for line in file]
        if not latencies:
            fail(f"no transaction through {self.name} within {seconds} s")
        latencies.sort()
        count = int(re.search(r"transactions actually processed: (\d+)", out).group(1))
        return {
            "tps": float(re.search(r"tps = ([\d.]+) \(without", out).group(1)),
            "p50": latencies[len(latencies) // 2], "p99": latencies[len(latencies) * 99 // 100],
            "cpu": used / count * 1e6,
        }

    def large_result(self, script):
        out = self.pgbench("--client=1", "--transactions=2", f"--file={script}")
        milliseconds = float(re.search(r"latency average = ([\d.]+) ms", out).group(1))
        return ROWS / milliseconds * 1000


class Bench:
    def __init__(self, folder, legs):
        self.folder = folder
        self.wanted = legs
        self.processes = []
        self.folders = []
        self.legs = []
        self.environment = {**os.environ, "GLOVEBOX_DEMO": os.path.join(folder, "demo")}

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def write(self, name, text):
        path = self.path(name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def database(self, *arguments, text=None):
        done = subprocess.run(
            [os.path.join(ROOT, "scripts", "demo-database"), *arguments], env=self.environment, input=text, text=True,
            stdout=subprocess.PIPE, check=False,
        )
        if done.returncode:
            fail(f"the database: {arguments[0]} failed")
        return done.stdout.strip()

    def spawn(self, arguments, **options):
        process = subprocess.Popen(arguments, **options)
        self.processes.append(process)
        return process

    def start(self):
        self.database("start")
        # Peers keep their connections, and there are many.
        self.database("psql", "--dbname", "shop", text="ALTER SYSTEM SET max_connections = 500")
        self.database("stop")
        self.database("start")
        self.port = int(self.database("port"))
        with open(self.path("demo", "state", "read.password"), encoding="utf-8") as file:
            self.password = file.read()
        self.database("psql", "--dbname", "shop", text=f"""
            CREATE TABLE IF NOT EXISTS pgbench_branches (bid int PRIMARY KEY, bbalance int, filler char(88));
            INSERT INTO pgbench_branches SELECT n, 0 FROM generate_series(1, {SCALE}) AS n ON CONFLICT DO NOTHING;
            CREATE TABLE IF NOT EXISTS pgbench_accounts (aid int PRIMARY KEY, bid int, abalance int, filler char(84));
            INSERT INTO pgbench_accounts SELECT n, 1 + (n - 1) / 100000, 0, '' FROM generate_series(1, {ROWS}) AS n
                ON CONFLICT DO NOTHING;
            GRANT SELECT ON pgbench_branches, pgbench_accounts TO glovebox_read;
            VACUUM ANALYZE pgbench_accounts;
            SELECT count(*) FROM pgbench_accounts;
        """)
        for name in self.wanted:
            self.legs.append(getattr(self, name.replace("-", "_"))())

    def stop(self):
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)
        self.database("stop")
        # It may lie elsewhere, out of the temporary folder.
        with contextlib.suppress(FileNotFoundError), open(self.path("demo", "cluster"), encoding="utf-8") as file:
            shutil.rmtree(file.read().strip(), ignore_errors=True)

    def plain(self, name, port, processes=()):
        connection = f"host=127.0.0.1 port={port} dbname=shop user=glovebox_read sslmode=disable"
        return Leg(name, connection, self.password, processes)

    def direct(self):
        return self.plain("direct", self.port)

    def haproxy(self):
        port = free_port()
        process = self.run_haproxy("haproxy", port, "", f"127.0.0.1:{self.port}")
        return self.plain("haproxy", port, [process])

    def run_haproxy(self, name, port, binding, server):
        configuration = self.write(f"{name}.cfg", f"""
global
    maxconn 1000
    ssl-default-bind-options ssl-min-ver TLSv1.3
    ssl-default-server-options ssl-min-ver TLSv1.3
defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h
listen postgres
    bind 127.0.0.1:{port} {binding}
    server next {server}
""")
        process = self.spawn([find("haproxy"), "-db", "-q", "-f", configuration])
        wait_for_port(port, process, "HAProxy")
        return process

    def haproxies(self):
        """Two, with mutual TLS 1.3 between them."""
        def openssl(*arguments):
            subprocess.run(["openssl", *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        authority, authority_key = self.path("ca.pem"), self.path("ca.key")
        openssl("req", "-x509", *key, "-days", "1", "-subj", "/CN=bench", "-keyout", authority_key, "-out", authority)
        for name in ("near", "far"):
            request, certificate, private = self.path(f"{name}.csr"), self.path(f"{name}.crt"), self.path(f"{name}.key")
            openssl("req", "-new", *key, "-subj", f"/CN={name}", "-keyout", private, "-out", request)
            openssl("x509", "-req", "-in", request, "-CA", authority, "-CAkey", authority_key, "-CAcreateserial",
                    "-days", "1", "-out", certificate)
            with open(certificate, encoding="utf-8") as one, open(private, encoding="utf-8") as other:
                self.write(f"{name}.pem", one.read() + other.read())
        near, far = free_port(), free_port()
        second = self.run_haproxy(
            "far", far, f"ssl crt {self.path('far.pem')} ca-file {authority} verify required",
            f"127.0.0.1:{self.port}")
        first = self.run_haproxy(
            "near", near, "", f"127.0.0.1:{far} ssl crt {self.path('near.pem')} ca-file {authority} verify required")
        return self.plain("haproxies", near, [first, second])

    def pgbouncer(self):
        port = free_port()
        users = self.write("users.txt", f'"glovebox_read" "{self.password}"\n')
        configuration = self.write("pgbouncer.ini", f"""
[databases]
shop = host=127.0.0.1 port={self.port} dbname=shop
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = session
default_pool_size = 100
log_connections = 0
log_disconnections = 0
""")
        if os.getuid() == 0:
            for path in (users, configuration):
                shutil.chown(path, "postgres", "postgres")
        process = self.spawn(as_unprivileged([find("pgbouncer"), "-q", configuration]), stderr=subprocess.DEVNULL)
        wait_for_port(port, process, "PgBouncer")
        return self.plain("pgbouncer", port, [process])

    def glovebox(self):
        return self.run_glovebox("glovebox", self.path("glovebox"))

    def glovebox_ram(self):
        """Journal and log in memory: what recording costs without its disk."""
        folder = tempfile.mkdtemp(prefix="glovebox-bench-", dir="/dev/shm")
        self.folders.append(folder)
        return self.run_glovebox("glovebox-ram", folder)

    def glovebox_masked(self):
        """Every text cell of the rows is masked."""
        return self.run_glovebox(
            "glovebox-masked", self.path("glovebox-masked"), masked="filler")

    def run_glovebox(self, name, folder, masked=None):
        program = os.path.join(ROOT, ".build-ship", "release", "glovebox")
        if not os.access(program, os.X_OK):
            fail("there's no shipped build: run scripts/build --ship")
        state = os.path.join(folder, "state")
        os.makedirs(state, mode=0o700)
        for role in ("read", "write"):
            shutil.copy(self.path("demo", "state", f"{role}.password"), state)
        ports = {
            "API_PORT": free_port(), "POSTGRES_PORT": free_port(), "TUNNEL_PORT": free_port(),
            "DATABASE_PORT": self.port,
        }
        # The demo's own configuration, without bounds on rows and bytes: the same rows are read many times here.
        for file_name in ("policy", "ceiling", "agent", "gateway"):
            with open(os.path.join(ROOT, "Examples", "demo", f"{file_name}.yaml"), encoding="utf-8") as file:
                text = file.read()
            for placeholder, value in ports.items():
                text = text.replace(f"@{placeholder}@", str(value))
            text = re.sub(r"limits: \{.*\}", "limits: {seconds: 300, sessions: 250}", text)
            if masked and file_name == "ceiling":
                columns = f"    columns:\n      public.pgbench_accounts.{masked}: {masked}\n"
                text = text.replace("    columns:\n", columns, 1)
                if columns not in text:
                    fail("the demo's ceiling has no columns to add to")
            with open(os.path.join(state, f"{file_name}.yaml"), "w", encoding="utf-8") as file:
                file.write(text)
        environment = {**os.environ, "GLOVEBOX_HOME": os.path.join(folder, "home")}
        process = self.spawn(
            [program, "up", "--state", state], env=environment, stdout=subprocess.PIPE, text=True
        )
        for line in process.stdout:
            if line.startswith("ready"):
                break
        else:
            fail("Glovebox ended before it was ready")
        # What it prints from here on is read, so that it never waits for a full pipe.
        threading.Thread(target=process.stdout.read, daemon=True).start()
        done = subprocess.run(
            [program, "lease", "open", "shop-db", "--for", "1h", "--reason", "benchmark", "--json"],
            env=environment, stdout=subprocess.PIPE, text=True, check=False,
        )
        if done.returncode:
            fail("no lease")
        lease = json.loads(done.stdout)
        access = lease["postgres"]
        certificate = access["rootCertificate"]
        if certificate.startswith("-----BEGIN"):
            certificate = self.write("root.crt", certificate)
        leg = Leg(
            name,
            f"host={access['host']} port={access['port']} user={access['user']} dbname={access.get('database', 'shop')} "
            f"sslmode=verify-full sslrootcert={certificate}",
            lease["token"], [process],
        )
        leg.folder, leg.lease = folder, lease["id"]
        return leg


def find(program):
    path = shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin:/usr/lib/postgresql/15/bin")
    return path or fail(f"{program} isn't installed: run scripts/install-packages bench")


def median(results, figure=None):
    return statistics.median(result[figure] if figure else result for result in results)


def ratio(value, base):
    return f"{value / base:.2f}" if base else "–"


def table_of_transactions(title, results, wanted):
    print(f"\n{title}")
    print(f"  {'':<16}{'tps':>9}{'of direct':>11}{'of 2 HAProxies':>16}{'p50 ms':>9}{'p99 ms':>9}{'CPU µs':>9}")
    direct = median(results["direct"], "tps") if "direct" in results else None
    pair = median(results["haproxies"], "tps") if "haproxies" in results else None
    for name in wanted:
        tps = median(results[name], "tps")
        print(
            f"  {name:<16}{tps:>9,.0f}{ratio(tps, direct):>11}{ratio(tps, pair):>16}"
            f"{median(results[name], 'p50'):>9.3f}{median(results[name], 'p99'):>9.3f}"
            f"{median(results[name], 'cpu'):>9.0f}")


def table_of_rows(title, results, wanted):
    print(f"\n{title}")
    print(f"  {'':<16}{'rows/s':>12}{'of direct':>11}")
    direct = median(results["direct"]) if "direct" in results else None
    for name in wanted:
        print(f"  {name:<16}{median(results[name]):>12,.0f}{ratio(median(results[name]), direct):>11}")


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench postgres")
    parser.add_argument("--seconds", type=int, default=8, help="of each select-only run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--legs", default=",".join(LEGS))
    options = parser.parse_args()
    wanted = options.legs.split(",")
    unknown = set(wanted) - set(LEGS)
    if unknown or options.rounds < 1 or options.seconds < 1:
        parser.error(f"legs are {', '.join(LEGS)}; rounds and seconds at least 1")

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="glovebox-bench-") as folder:
        os.chmod(folder, 0o711)
        bench = Bench(folder, wanted)
        try:
            bench.start()
            script = bench.write("rows.sql", "SELECT aid, bid, abalance, filler FROM pgbench_accounts;\n")
            transactions = {clients: {name: [] for name in wanted} for clients in CLIENTS}
            rows = {name: [] for name in wanted}
            for leg in bench.legs:
                leg.select_only(max(CLIENTS), 4)
                leg.large_result(script)
            for number in range(options.rounds):
                for leg in bench.legs:
                    print(f"round {number + 1} of {options.rounds}: {leg.name}", file=sys.stderr)
                    for clients in CLIENTS:
                        transactions[clients][leg.name].append(leg.select_only(clients, options.seconds))
                    rows[leg.name].append(leg.large_result(script))
            print(f"{os.cpu_count()} cores; {options.rounds} rounds of {options.seconds} s, medians")
            for clients in CLIENTS:
                title = f"select-only, prepared, {clients} client{'s' * (clients > 1)}"
                table_of_transactions(title, transactions[clients], wanted)
            table_of_rows(f"one result of {ROWS:,} rows", rows, wanted)
            print("\nresident at the end, MiB")
            for leg in bench.legs:
                if leg.processes:
                    print(f"  {leg.name:<16}{leg.memory():>9,.0f}")
        finally:
            bench.stop()


PGBENCH = find("pgbench")

if __name__ == "__main__":
    main()
