"""The reverse proxies that `scripts/bench edge` measures, each before the same upstream, on one core.

A proxy gives HTTP/1.1 on one loopback port and HTTP/2 by TLS on another, keeps its connections to the upstream, tells it
the client's address, and writes no access log, unless its name says so.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

import marks

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# For so long after its start an edge takes no mark: one before it might have.
UNTIL_MARKS_COUNT = 5.5


def fail(message):
    raise SystemExit(f"bench: {message}")


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def find(name):
    """A peer's program: from the system, or from this checkout's Python environment."""
    beside = os.path.join(ROOT, ".build-venv", "bin", name)
    path = beside if os.access(beside, os.X_OK) else shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    return path or fail(f"{name} isn't there: run scripts/install-packages bench edge")


def program():
    path = os.environ.get("GLOVEBOX_PROGRAM", os.path.join(ROOT, ".build-ship", "release", "glovebox"))
    return path if os.access(path, os.X_OK) else fail("there's no shipped build: run scripts/build --ship")


def children(pid):
    """A process and all that it started."""
    found = [pid]
    for parent in found:
        try:
            with open(f"/proc/{parent}/task/{parent}/children", encoding="utf-8") as file:
                found += [int(word) for word in file.read().split()]
        except FileNotFoundError:
            pass
    return found


class Proxy:
    """One that runs."""

    def __init__(self, name, process, port, secure, telemetry=None, signer=None):
        self.name, self.process, self.port, self.secure = name, process, port, secure
        self.telemetry, self.signer = telemetry, signer

    def cpu(self):
        """Seconds of CPU time that its threads have taken so far: to the nanosecond, which `stat` isn't."""
        nanoseconds = 0
        for pid in children(self.process.pid):
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/schedstat", encoding="utf-8") as file:
                    nanoseconds += int(file.read().split()[0])
        return nanoseconds / 1e9

    def memory(self):
        """Resident MiB: now, and at the most so far."""
        now, most = 0, 0
        for pid in children(self.process.pid):
            with open(f"/proc/{pid}/status", encoding="utf-8") as file:
                status = file.read()
            now += int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024
            most += int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) / 1024
        return now, most

    def metric(self, line):
        """A metric of an edge's, by name and labels; all of its samples together where only its name is given."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.telemetry}/metrics") as answer:
            page = answer.read().decode()
        found = [
            float(text.rsplit(" ", 1)[1])
            for text in page.splitlines()
            if text.startswith(line + " ") or "{" not in line and text.startswith(line + "{")
        ]
        return int(sum(found))


class Proxies:
    """Upstream and proxies in a folder of their own: proxies on the first core, all else on the second."""

    def __init__(self, folder, cores=(0, 1)):
        self.folder, self.cores = folder, cores
        self.processes = []

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(
            os.open(self.path(name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
        ) as file:
            file.write(text)
        return self.path(name)

    def spawn(self, what, arguments, port, core=0, environment=None):
        log = open(self.path(f"{what}.log"), "wb")
        process = subprocess.Popen(
            ["taskset", "-c", str(self.cores[core]), *arguments],
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, **(environment or {})},
        )
        self.processes.append(process)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if process.poll() is not None:
                with open(log.name, encoding="utf-8") as file:
                    fail(f"{what} ended with status {process.returncode}:\n{file.read()[-2000:]}")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return process
            time.sleep(0.05)
        return fail(f"{what} doesn't listen on port {port}")

    def start(self):
        self.certificate, self.key = self.path("cert.pem"), self.path("key.pem")
        subprocess.run(
            [
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=localhost",
                "-addext",
                "subjectAltName=DNS:localhost,IP:127.0.0.1",
                "-keyout",
                self.key,
                "-out",
                self.certificate,
            ],
            check=True,
            stderr=subprocess.DEVNULL,
        )
        self.upstream = free_port()
        configuration = self.write(
            "upstream.conf",
            self.nginx_file(
                f"""
    server {{
        listen 127.0.0.1:{self.upstream};
        location / {{ default_type application/json; return 200 '{{"orders":[{{"id":17,"total":"12.50"}}]}}'; }}
    }}""",
                "upstream",
            ),
        )
        self.spawn("upstream", [find("nginx"), "-c", configuration, "-p", self.folder], self.upstream, core=1)

    def stop(self):
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()

    def nginx_file(self, servers, name):
        # As root, its worker would be somebody who may not read what's here.
        user = "user root;" if os.getuid() == 0 else ""
        return f"""{user}
daemon off;
worker_processes 1;
pid {self.path(name + ".pid")};
error_log {self.path(name + ".error")} error;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path {self.path(name + ".tmp")};
    proxy_temp_path {self.path(name + ".tmp2")};
    fastcgi_temp_path {self.path(name + ".tmp3")};
    uwsgi_temp_path {self.path(name + ".tmp4")};
    scgi_temp_path {self.path(name + ".tmp5")};
    {servers}
}}
"""

    # MARK: The proxies

    def nginx(self):
        port, secure = free_port(), free_port()
        configuration = self.write(
            "nginx.conf",
            self.nginx_file(
                f"""
    upstream next {{ server 127.0.0.1:{self.upstream}; keepalive 512; keepalive_requests 1000000000; }}
    server {{
        listen 127.0.0.1:{port};
        listen 127.0.0.1:{secure} ssl http2;
        ssl_certificate {self.certificate};
        ssl_certificate_key {self.key};
        location / {{
            proxy_pass http://next;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $remote_addr;
        }}
    }}""",
                "nginx",
            ),
        )
        return Proxy(
            "nginx", self.spawn("nginx", [find("nginx"), "-c", configuration, "-p", self.folder], port), port, secure
        )

    def haproxy(self):
        port, secure = free_port(), free_port()
        with open(self.certificate, encoding="utf-8") as one, open(self.key, encoding="utf-8") as other:
            both = self.write("both.pem", one.read() + other.read())
        configuration = self.write(
            "haproxy.cfg",
            f"""
global
    maxconn 4000
    nbthread 1
defaults
    mode http
    option forwardfor
    http-reuse always
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend users
    bind 127.0.0.1:{port}
    bind 127.0.0.1:{secure} ssl crt {both} alpn h2,http/1.1
    default_backend next
backend next
    server next 127.0.0.1:{self.upstream} pool-max-conn 512
""",
        )
        return Proxy(
            "haproxy", self.spawn("haproxy", [find("haproxy"), "-db", "-q", "-f", configuration], port), port, secure
        )

    def envoy(self):
        port, secure = free_port(), free_port()

        def listener(name, port, more):
            return f"""
  - name: {name}
    address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: users
          use_remote_address: true
          generate_request_id: false
          route_config:
            virtual_hosts:
            - {{name: all, domains: ["*"], routes: [{{match: {{prefix: "/"}}, route: {{cluster: next}}}}]}}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}{more}"""

        tls = f"""
      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            alpn_protocols: [h2, http/1.1]
            tls_certificates: [{{certificate_chain: {{filename: {self.certificate}}}, private_key: {{filename: {self.key}}}}}]"""
        configuration = self.write(
            "envoy.yaml",
            f"""
static_resources:
  listeners:{listener("plain", port, "")}{listener("secure", secure, tls)}
  clusters:
  - name: next
    type: STATIC
    connect_timeout: 5s
    load_assignment:
      cluster_name: next
      endpoints:
      - lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {self.upstream}}}}}}}}}]
""",
        )
        arguments = [
            find("envoy"),
            "-c",
            configuration,
            "--concurrency",
            "1",
            "--log-level",
            "error",
            "--disable-hot-restart",
        ]
        return Proxy("envoy", self.spawn("envoy", arguments, port), port, secure)

    def caddy(self):
        port, secure = free_port(), free_port()
        configuration = self.write(
            "Caddyfile",
            f"""{{
    admin off
    auto_https off
    persist_config off
    log {{
        level ERROR
    }}
    servers {{
        protocols h1 h2
    }}
}}
http://127.0.0.1:{port} {{
    reverse_proxy 127.0.0.1:{self.upstream} {{
        transport http {{
            keepalive_idle_conns_per_host 512
        }}
    }}
}}
https://127.0.0.1:{secure}, https://localhost:{secure} {{
    tls {self.certificate} {self.key}
    reverse_proxy 127.0.0.1:{self.upstream} {{
        transport http {{
            keepalive_idle_conns_per_host 512
        }}
    }}
}}
""",
        )
        arguments = [find("caddy"), "run", "--config", configuration, "--adapter", "caddyfile"]
        environment = {
            "GOMAXPROCS": "1",
            "HOME": self.folder,
            "XDG_DATA_HOME": self.folder,
            "XDG_CONFIG_HOME": self.folder,
        }
        return Proxy("caddy", self.spawn("caddy", arguments, port, environment=environment), port, secure)

    def glovebox(self):
        """With marks, so that each request may be one."""
        return self.edge("glovebox")

    def glovebox_unmarked(self):
        """Without `marks`: no request is looked at for one."""
        return self.edge("glovebox-unmarked", has_marks=False)

    def glovebox_logged(self):
        """With an access log, masked."""
        return self.edge("glovebox-logged", more="access: access.log\n")

    def glovebox_marked(self):
        """The same edge as `glovebox`; its requests carry marks."""
        return self.edge("glovebox-marked")

    def edge(self, name, has_marks=True, more=""):
        folder = tempfile.mkdtemp(prefix=name, dir=self.folder)
        port, secure, telemetry = free_port(), free_port(), free_port()
        signer = marks.Signer()
        marks.write_keys(folder, signer, marks.Signer(marks.INTERNAL))
        more += "marks: {edge: bench-edge, keys: [ingress.pub], signing: {key: internal.key}}\n" if has_marks else ""
        with open(os.path.join(folder, "edge.yaml"), "w", encoding="utf-8") as file:
            file.write(f"""version: 1
listen:
  - {{at: "127.0.0.1:{port}"}}
  - {{at: "127.0.0.1:{secure}", certificate: {self.certificate}, key: {self.key}}}
services:
  web:
    versions:
      primary: {{weight: 100, endpoints: ["127.0.0.1:{self.upstream}"]}}
      candidate: {{endpoints: ["127.0.0.1:{self.upstream}"]}}
routes: [{{name: shop, path: /, service: web}}]
limits: {{marked: 1000}}
telemetry: "127.0.0.1:{telemetry}"
{more}""")
        # As the others: one thread that serves.
        process = self.spawn(
            name,
            [program(), "edge", "--config", os.path.join(folder, "edge.yaml")],
            port,
            environment={"NIO_SINGLETON_GROUP_LOOP_COUNT": "1", "GLOVEBOX_HOME": folder},
        )
        return Proxy(name, process, port, secure, telemetry, signer)
