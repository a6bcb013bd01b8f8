"""Requests that are lost while something happens to the edge or behind it, counted: `losses.py PROGRAM SCENARIO…`.

Sixteen clients ask again and again, each on a connection that it keeps as long as it may, half of them with requests that
may be sent again (GET) and half with such that may not (POST). Lost is a request that went out and wasn't answered by a
service.
"""

import collections
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

CLIENTS = 16

# A service of its own, so that it can be killed: answers after a while, and counts.
SERVICE = """
import asyncio, sys
class Service(asyncio.Protocol):
    def connection_made(self, transport): self.transport, self.data = transport, b""
    def data_received(self, data):
        self.data += data
        while (end := self.data.find(b"\\r\\n\\r\\n")) >= 0:
            length = 5 if self.data.startswith(b"POST") else 0
            if len(self.data) < end + 4 + length: return
            self.data = self.data[end + 4 + length:]
            asyncio.get_running_loop().call_later(0.002, self.answer)
    def answer(self): self.transport.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n" + sys.argv[2].encode())
async def main():
    server = await asyncio.get_running_loop().create_server(Service, "127.0.0.1", int(sys.argv[1]), backlog=1024)
    print("ready", flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Production:
    """An edge before two endpoints of a version, and another version."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.port, self.telemetry = free_port(), free_port()
        self.ports = {name: free_port() for name in ("a1", "a2", "b1")}
        self.services = {}
        for name in self.ports:
            self.start(name)
        self.write("v1")
        self.edge = subprocess.Popen(
            [program, "edge", "--config", f"{folder}/edge.yaml"],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "GLOVEBOX_HOME": folder},
        )
        for line in self.edge.stderr:
            if "requests are taken at" in line:
                break
        else:
            raise SystemExit("the edge ended before it was ready")
        threading.Thread(target=self.edge.stderr.read, daemon=True).start()

    def start(self, name):
        process = subprocess.Popen(
            [sys.executable, "-I", "-c", SERVICE, str(self.ports[name]), name], stdout=subprocess.PIPE, text=True
        )
        process.stdout.readline()
        self.services[name] = process

    def write(self, version):
        """The file, with this version for ordinary requests."""
        weights = {"v1": int(version == "v1"), "v2": int(version == "v2")}
        text = f"""version: 1
listen: [{{at: "127.0.0.1:{self.port}"}}]
services:
  web:
    versions:
      v1: {{weight: {weights["v1"]}, endpoints: ["127.0.0.1:{self.ports["a1"]}", "127.0.0.1:{self.ports["a2"]}"]}}
      v2: {{weight: {weights["v2"]}, endpoints: ["127.0.0.1:{self.ports["b1"]}"]}}
routes: [{{name: all, path: /, service: web}}]
telemetry: "127.0.0.1:{self.telemetry}"
"""
        with open(f"{self.folder}/new.yaml", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(f"{self.folder}/new.yaml", f"{self.folder}/edge.yaml")

    def metric(self, name):
        with socket.create_connection(("127.0.0.1", self.telemetry)) as connection:
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            page = b""
            while more := connection.recv(65_536):
                page += more
        return sum(int(float(value)) for value in re.findall(rf"(?m)^{name}(?:\{{.*\}})? (\S+)\s*$", page.decode()))

    def stop(self):
        for process in [self.edge, *self.services.values()]:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()


class Clients:
    def __init__(self, port):
        self.port, self.is_over = port, threading.Event()
        self.counts, self.lock = collections.Counter(), threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=("POST" if n % 2 else "GET",)) for n in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def run(self, method):
        body = "sum=1" if method == "POST" else ""
        length = "Content-Length: 5\r\n" if body else ""
        request = f"{method} /orders HTTP/1.1\r\nHost: a\r\n{length}\r\n{body}".encode()
        while not self.is_over.is_set():
            try:
                connection = socket.create_connection(("127.0.0.1", self.port), timeout=30)
            except OSError:
                return
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                is_new = True
                while not self.is_over.is_set():
                    outcome = self.ask(connection, request)
                    # One that waited to be accepted when the edge stopped listening was never taken.
                    if is_new and outcome == "nothing":
                        return
                    is_new = False
                    with self.lock:
                        self.counts[method, outcome.split(" ")[0]] += 1
                    if outcome != "200":
                        break

    @staticmethod
    def ask(connection, request):
        try:
            connection.sendall(request)
            data = b""
            while b"\r\n\r\n" not in data or len(data.split(b"\r\n\r\n", 1)[1]) < Clients.length(data):
                more = connection.recv(65_536)
                if not more:
                    return "broken" if data else "nothing"
                data += more
        except OSError:
            return "nothing"
        return data[9:12].decode() + (" close" if b"\r\nconnection: close\r\n" in data.lower() else "")

    @staticmethod
    def length(data):
        return int(re.search(rb"(?i)content-length: (\d+)", data).group(1))

    def answered(self):
        with self.lock:
            return sum(count for (_, outcome), count in self.counts.items() if outcome == "200")

    def wait(self, more):
        """Until so many more are answered."""
        wanted = self.answered() + more
        while self.answered() < wanted:
            if not any(thread.is_alive() for thread in self.threads):
                raise SystemExit(f"the clients ended: {dict(self.counts)}")
            time.sleep(0.01)

    def end(self):
        self.is_over.set()
        for thread in self.threads:
            thread.join()
        lost = collections.Counter()
        for (method, outcome), count in self.counts.items():
            if outcome != "200":
                lost[method, outcome] += count
        return self.answered(), lost


def killed(production):
    """An endpoint is killed under load and comes back, five times."""
    clients = Clients(production.port)
    clients.wait(500)
    for _ in range(5):
        production.services["a1"].kill()
        production.services["a1"].wait()
        clients.wait(500)
        production.start("a1")
        clients.wait(500)
    answered, lost = clients.end()
    gets = sum(count for (method, _), count in lost.items() if method == "GET")
    posts = sum(count for (method, _), count in lost.items() if method == "POST")
    # As many as may have been under way there, each time.
    is_right = gets == 0 and posts <= 5 * CLIENTS // 2
    return (
        is_right,
        f"{answered:,} answered, lost: {gets} GET, {posts} POST that were under way at what was killed; "
        f"{production.metric('glovebox_edge_retries_total')} were sent again {dict(lost) or ''}",
    )


def reload(production):
    """The file changes which version serves, forty times, twice of three times to one that's broken between."""
    clients = Clients(production.port)
    clients.wait(500)
    for number in range(40):
        production.write("v2" if number % 2 == 0 else "v1")
        production.edge.send_signal(signal.SIGHUP)
        clients.wait(100)
        if number % 3:
            with open(f"{production.folder}/edge.yaml", "a", encoding="utf-8") as file:
                file.write("limits: {connections: many}\n")
            production.edge.send_signal(signal.SIGHUP)
            clients.wait(20)
    answered, lost = clients.end()
    return not lost, f"{answered:,} answered, lost: {sum(lost.values())} {dict(lost) or ''}"


def stop(production):
    """It's asked to stop under load."""
    clients = Clients(production.port)
    clients.wait(2000)
    production.edge.send_signal(signal.SIGTERM)
    status = production.edge.wait(60)
    answered, lost = clients.end()
    return (
        status == 0 and not lost,
        f"{answered:,} answered, lost: {sum(lost.values())}, it ended with {status} {dict(lost) or ''}",
    )


SCENARIOS = {"killed": killed, "reload": reload, "stop": stop}


def main():
    program, *wanted = sys.argv[1:]
    is_right = True
    for name in wanted or SCENARIOS:
        with tempfile.TemporaryDirectory(prefix="glovebox-losses-") as folder:
            production = Production(program, folder)
            try:
                held, said = SCENARIOS[name](production)
                print(f"{name}{'' if held else ' FAILED'}: {said}", flush=True)
                is_right = is_right and held
            finally:
                production.stop()
    raise SystemExit(0 if is_right else 1)


if __name__ == "__main__":
    main()
