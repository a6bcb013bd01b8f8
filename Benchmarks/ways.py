"""The ways to one PostgreSQL that the benchmarks measure: straight, through its peers, and through Glovebox.

A leg says how a client gets there, and names the processes on the way. Glovebox runs from the shipped build, either as
gateway and agent (two processes, as on two hosts) or as `glovebox up` (one).
"""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAM = os.path.join(ROOT, ".build-ship", "release", "glovebox")
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
    """How a client reaches the database: a connection string, and a password that's in no argument and no file.

    `processes` are those on the way, by what they are: `{"gateway": …, "agent": …}`.
    """

    def __init__(self, name, connection, password, processes=None):
        self.name = name
        self.connection = connection
        self.processes = processes or {}
        self.passfile = os.memfd_create("passfile", 0)
        os.fchmod(self.passfile, 0o600)
        os.write(self.passfile, b"*:*:*:*:" + password.replace("\\", "\\\\").replace(":", "\\:").encode() + b"\n")

    def cpu(self):
        """Seconds of CPU that each process of the way has taken so far."""
        seconds = {}
        for part, process in self.processes.items():
            with open(f"/proc/{process.pid}/stat", encoding="utf-8") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            seconds[part] = (int(fields[11]) + int(fields[12])) / CLOCK_TICKS
        return seconds

    def memory(self):
        """Resident MiB of each process of the way: now, and at the most so far."""
        sizes = {}
        for part, process in self.processes.items():
            with open(f"/proc/{process.pid}/status", encoding="utf-8") as file:
                status = file.read()
            sizes[part] = tuple(
                int(re.search(rf"{name}:\s+(\d+)", status).group(1)) / 1024 for name in ("VmRSS", "VmHWM"))
        return sizes


class Bench:
    """The database, and the ways to it that are wanted, in a folder of their own."""

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

    def plain(self, name, port, processes=None):
        connection = f"host=127.0.0.1 port={port} dbname=shop user=glovebox_read sslmode=disable"
        return Leg(name, connection, self.password, processes)

    def direct(self):
        return self.plain("direct", self.port)

    def haproxy(self):
        port = free_port()
        process = self.run_haproxy("haproxy", port, "", f"127.0.0.1:{self.port}")
        return self.plain("haproxy", port, {"haproxy": process})

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
        return self.plain("haproxies", near, {"near": first, "far": second})

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
        return self.plain("pgbouncer", port, {"pgbouncer": process})

    def glovebox(self):
        return self.run_glovebox("glovebox", self.path("glovebox"))

    def glovebox_ram(self):
        """Journal and log in memory: what recording costs without its disk."""
        return self.run_glovebox("glovebox-ram", self.folder_in_memory())

    def glovebox_masked(self):
        """Every text cell of the rows is masked."""
        return self.run_glovebox("glovebox-masked", self.path("glovebox-masked"), masked="filler")

    def glovebox_up(self):
        return self.run_glovebox("glovebox-up", self.path("glovebox-up"), together=True)

    def folder_in_memory(self):
        folder = tempfile.mkdtemp(prefix="glovebox-bench-", dir="/dev/shm")
        self.folders.append(folder)
        return folder

    def run_glovebox(self, name, folder, masked=None, together=False):
        """Glovebox in folders of its own, with a lease.

        `together` is `glovebox up`: gateway and agent in one process. `masked` is a column to classify.
        """
        program = PROGRAM
        if not os.access(program, os.X_OK):
            fail("there's no shipped build: run scripts/build --ship")
        state = os.path.join(folder, "state")
        agent_state = state if together else os.path.join(folder, "agent-host")
        api = self.configure(state, agent_state, masked)
        environment = {**os.environ, "GLOVEBOX_HOME": os.path.join(folder, "home")}

        def run(*arguments, text=None):
            done = subprocess.run(
                [program, *arguments], env=environment, input=text, stdout=subprocess.PIPE, text=True, check=False)
            if done.returncode:
                fail(f"glovebox {' '.join(arguments[:2])} failed")
            return done.stdout

        def start(*arguments):
            process = self.spawn([program, *arguments], env=environment, stdout=subprocess.PIPE, text=True)
            said = []
            for line in process.stdout:
                said.append(line.strip())
                if line.startswith("ready"):
                    break
            else:
                fail("Glovebox ended before it was ready")
            # What it prints from here on is read, so that it never waits for a full pipe.
            threading.Thread(target=process.stdout.read, daemon=True).start()
            return process, said

        if together:
            processes = {"up": start("up", "--state", state)[0]}
        else:
            gateway, said = start("gateway", "--state", state, "--invite-administrator")
            run("login", "--gateway", api, text=next(line for line in said if line.startswith("gbi_")) + "\n")
            invitation = json.loads(run("agent", "invite", "demo", "--json"))
            run("agent", "enrol", "--state", agent_state, "--gateway", api, text=invitation["code"] + "\n")
            agent = self.spawn([program, "agent", "--state", agent_state], env=environment)
            while not any(
                target["isOnline"] for target in json.loads(run("target", "list", "--json"))
                if target["name"] == "shop-db"
            ):
                if agent.poll() is not None:
                    fail("the agent ended")
                time.sleep(0.1)
            processes = {"gateway": gateway, "agent": agent}
        lease = json.loads(run("lease", "open", "shop-db", "--for", "1h", "--reason", "benchmark", "--json"))
        access = lease["postgres"]
        certificate = access["rootCertificate"]
        if certificate.startswith("-----BEGIN"):
            certificate = self.write(f"{os.path.basename(folder)}.crt", certificate)
        leg = Leg(
            name,
            f"host={access['host']} port={access['port']} user={access['user']} "
            f"dbname={access.get('database', 'shop')} sslmode=verify-full sslrootcert={certificate}",
            lease["token"], processes,
        )
        leg.folder, leg.lease = folder, lease["id"]
        return leg

    def configure(self, state, agent_state, masked):
        """Writes the demo's own configuration, without its bounds: the same rows are read many times here.

        Returns the address of the API.
        """
        for folder in {state, agent_state}:
            os.makedirs(folder, mode=0o700)
        for role in ("read", "write"):
            shutil.copy(self.path("demo", "state", f"{role}.password"), agent_state)
        ports = {
            "API_PORT": free_port(), "POSTGRES_PORT": free_port(), "TUNNEL_PORT": free_port(),
            "DATABASE_PORT": self.port,
        }
        shutil.copy(os.path.join(ROOT, "Examples", "demo", "shop.flagd.yaml"), state)
        for name, folder in (
            ("gateway", state), ("policy", state), ("agent", agent_state), ("ceiling", agent_state),
        ):
            with open(os.path.join(ROOT, "Examples", "demo", f"{name}.yaml"), encoding="utf-8") as file:
                text = file.read()
            for placeholder, value in ports.items():
                text = text.replace(f"@{placeholder}@", str(value))
            text = re.sub(r"limits: \{.*\}", "limits: {seconds: 300, sessions: 250}", text)
            if masked and name == "ceiling":
                columns = f"    columns:\n      public.pgbench_accounts.{masked}: {masked}\n"
                text = text.replace("    columns:\n", columns, 1)
                if columns not in text:
                    fail("the demo's ceiling has no columns to add to")
            with open(os.path.join(folder, f"{name}.yaml"), "w", encoding="utf-8") as file:
                file.write(text)
        return f"https://localhost:{ports['API_PORT']}"


def find(program):
    path = shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin:/usr/lib/postgresql/15/bin")
    return path or fail(f"{program} isn't installed: run scripts/install-packages bench")
