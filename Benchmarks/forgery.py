"""Marks of every kind, true and false, mixed with ordinary requests on every route of an edge, and counted on each side.

Each request says of which kind it is. Counted are what the clients sent and which version answered them, what reached each
version behind the edge, and what the edge's metrics say. All of it is known beforehand, and has to be so exactly: nothing
but a true mark, once, gets to a candidate, each false one is counted under its reason, and no mark that came with a request
gets through to a service.
"""

import argparse
import asyncio
import base64
import collections
import multiprocessing
import os
import random
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time

import marks
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from forged import CHUNK, CONNECTIONS, EDGE, KINDS, PIPELINED, ROUTES, SERVICES, Forger, Request
from proxies import UNTIL_MARKS_COUNT, fail, free_port, program


# MARK: Behind the edge


class Upstream(asyncio.Protocol):
    """One version of a service: answers with its name, and counts by kind."""

    counts = collections.Counter()
    key = None

    def __init__(self, name):
        self.name, self.rest = name, b""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        data = self.rest + data
        answers = []
        while (end := data.find(b"\r\n\r\n")) >= 0:
            head = data[: end + 2]
            length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
            whole = end + 4 + (int(length.group(1)) if length else 0)
            if len(data) < whole:
                break
            data = data[whole:]
            answers.append(self.answer(head))
        self.rest = data
        if answers:
            self.transport.write(b"".join(answers))

    def answer(self, head):
        kind = re.search(rb"(?i)\r\nx-kind: ([^\r]*)", head).group(1).decode()
        baggage = b",".join(re.findall(rb"(?i)\r\nbaggage: ([^\r]*)", head))
        mark = "unmarked"
        if b"glovebox" in baggage.lower() or b"%67" in baggage:
            mark = "marked" if self.verifies(baggage) else "wrongly marked"
        others = re.sub(rb",?glovebox=[\w-]+$", b"", baggage)
        if others not in (b"", b"user=7", b"user=7,region=eu;a=b"):
            mark += ", and others' baggage changed"
        Upstream.counts[f"{self.name}|{kind}|{mark}"] += 1
        body = f"{self.name} {mark}".encode()
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nCache-Control: max-age=60\r\n\r\n%s" % (len(body), body)

    def verifies(self, baggage):
        tokens = re.findall(rb"glovebox=([\w-]+)", baggage)
        if len(tokens) != 1 or not baggage.endswith(tokens[0]):
            return False
        token = base64.urlsafe_b64decode(tokens[0] + b"=" * (-len(tokens[0]) % 4))
        try:
            self.key.verify(token[-64:], marks.PREFIXES[marks.INTERNAL] + token[:-64])
        except InvalidSignature:
            return False
        return token[1] == marks.INTERNAL


def serve(service, ports, key, pipe):
    """A process for the versions of one service, until it's told to say what it counted."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    async def run():
        Upstream.key = Ed25519PublicKey.from_public_bytes(key)
        loop = asyncio.get_running_loop()
        for version, port in ports.items():
            await loop.create_server(lambda name=f"{service} {version}": Upstream(name), "127.0.0.1", port)
        pipe.send("ready")
        await loop.run_in_executor(None, pipe.recv)
        pipe.send(dict(Upstream.counts))

    asyncio.run(run())


# MARK: What is sent


class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""

    def answers(self, count):
        """Head and body of as many."""
        found, data = [], self.rest
        while len(found) < count:
            end = data.find(b"\r\n\r\n")
            if end >= 0:
                head = data[:end].lower()
                length = int(re.search(rb"content-length: (\d+)", head).group(1))
                if len(data) >= end + 4 + length:
                    found.append((head, data[end + 4 : end + 4 + length]))
                    data = data[end + 4 + length :]
                    continue
            more = self.socket.recv(262_144)
            if not more:
                raise SystemExit(f"forgery: the edge closed a connection behind {data[-200:]!r}")
            data += more
        self.rest = data
        return found


def send(port, keys, started, seed, count, pipe):
    """A process that sends; what it counted goes through the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    forger = Forger([marks.Signer(audience, private) for audience, private in keys], started, seed)
    lanes = [Connection(port) for _ in range(CONNECTIONS)]
    sent, wrong = collections.Counter(), []
    while sum(sent.values()) < count:
        chunk = forger.chunk(min(CHUNK, count - sum(sent.values())))
        for start in range(0, max(len(lane) for lane in chunk), PIPELINED):
            parts = [lane[start : start + PIPELINED] for lane in chunk]
            for connection, part in zip(lanes, parts):
                connection.socket.sendall(b"".join(request.bytes for request in part))
            for connection, part in zip(lanes, parts):
                for request, (head, body) in zip(part, connection.answers(len(part))):
                    sent[f"{request.kind}|{request.route}"] += 1
                    if problem := judge(request, head, body):
                        wrong.append(problem)
    pipe.send((sent, len(wrong), wrong[:5]))


def judge(request, head, body):
    text = body.decode()
    if request.kind == "unknown version":
        return None if b" 503 " in head[:20] and text.startswith(request.body) else f"unknown version: {text}"
    if b" 200 " not in head[:20] or text != request.body:
        return f"{request.kind} on {request.route}: {text!r}, not {request.body!r}"
    is_kept = b"cache-control: max-age=60" in head and b"no-store" not in head
    if is_kept != (request.body.endswith("unmarked")):
        return f"{request.kind} on {request.route}: may be kept: {is_kept}"
    return None


# MARK: Marks whose order nobody knows


def race(port, keys, rounds):
    """Each mark on several connections at once, and writing runs over their budget: how many were sent, and taken."""
    forger = Forger([marks.Signer(audience, private) for audience, private in keys], 0, -1)
    lanes = [Connection(port) for _ in range(CONNECTIONS)]
    sent, taken, uneven = collections.Counter(), collections.Counter(), []
    budget = 3
    for number in range(rounds):
        for kind in ("raced", "budget"):
            route = ROUTES[number % len(ROUTES)]
            name, host, path, header, service = route
            requests = []
            token = forger.mark()
            for _ in lanes:
                if kind == "budget":
                    token = forger.mark(run=f"budget-{number}", methods=["POST"], budget=budget)
                method = "POST" if kind == "budget" else "GET"
                requests.append(Request(kind, name, method, host, path, header, [f"glovebox={token}"], ""))
            for connection, request in zip(lanes, requests):
                connection.socket.sendall(request.bytes)
            answers = [connection.answers(1)[0][1].decode() for connection in lanes]
            sent[f"{kind}|{name}"] += len(lanes)
            yes, no = answers.count(f"{service} v2 marked"), answers.count(f"{service} v1 unmarked")
            taken[f"{kind}|{name}"] += yes
            if (yes, no) != ((1, CONNECTIONS - 1) if kind == "raced" else (budget, CONNECTIONS - budget)):
                uneven.append(f"{kind} on {name}: {yes} taken, {no} not")
    return sent, taken, uneven


# MARK: HTTP/2


def frame(kind, flags, stream, payload):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def literal(name, value):
    """A field without a table (RFC 7541, 6.2.2)."""

    def text(data):
        length = bytes([len(data)]) if len(data) < 127 else b"\x7f" + marks.varint(len(data) - 127)
        return length + data

    return b"\0" + text(name.encode()) + text(value.encode())


def send_by_http2(port, keys, started, count):
    """The same kinds over HTTP/2 by TLS, one after another; what's sent and what was wrong."""
    forger = Forger([marks.Signer(audience, private) for audience, private in keys], started, -2)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    sent, wrong = collections.Counter(), []
    while sum(sent.values()) < count:
        with context.wrap_socket(socket.create_connection(("127.0.0.1", port))) as connection:
            connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b""))
            data, stream = b"", 1
            # As many as a connection may have, and one with an answer each.
            requests = [request for lane in forger.chunk(min(400, count - sum(sent.values()))) for request in lane]
            for request in requests:
                method, host, path, header, lines = request.parts
                fields = [
                    (":method", method),
                    (":scheme", "https"),
                    (":authority", host),
                    (":path", path),
                    ("x-kind", request.kind),
                ]
                fields += [tuple(header.strip().lower().split(": "))] if header else []
                fields += [("baggage", line) for line in lines]
                is_post = method == "POST"
                fields += [("content-length", "5")] if is_post else []
                block = b"".join(literal(*field) for field in fields)
                connection.sendall(
                    frame(1, 4 if is_post else 5, stream, block) + (frame(0, 1, stream, b"sum=1") if is_post else b"")
                )
                body, has_ended = b"", False
                while not has_ended:
                    while len(data) < 9 or len(data) < 9 + int.from_bytes(data[:3], "big"):
                        more = connection.recv(65_536)
                        if not more:
                            raise SystemExit("forgery: the edge closed an HTTP/2 connection")
                        data += more
                    length, kind, flags = int.from_bytes(data[:3], "big"), data[3], data[4]
                    if int.from_bytes(data[5:9], "big") == stream:
                        body += data[9 : 9 + length] if kind == 0 else b""
                        has_ended = kind in (0, 1) and flags & 1 == 1 or kind == 3
                    data = data[9 + length :]
                stream += 2
                sent[f"{request.kind}|{request.route}"] += 1
                text = body.decode()
                if text != request.body and not (request.kind == "unknown version" and text.startswith(request.body)):
                    wrong.append(f"HTTP/2, {request.kind} on {request.route}: {text!r}, not {request.body!r}")
    return sent, wrong


# MARK: The edge, and the sums


class Edge:
    def __init__(self, folder, ports):
        self.port, self.secure, self.telemetry = free_port(), free_port(), free_port()
        self.keys = [marks.Signer(), marks.Signer(), marks.Signer(marks.INTERNAL)]
        marks.write_keys(folder, self.keys[0], self.keys[2])
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
                "-keyout",
                f"{folder}/key.pem",
                "-out",
                f"{folder}/cert.pem",
            ],
            check=True,
            stderr=subprocess.DEVNULL,
        )
        services = "".join(
            f"""
  {service}:
    versions:
      v1: {{weight: 100, endpoints: ["127.0.0.1:{versions["v1"]}"]}}
      v2: {{endpoints: ["127.0.0.1:{versions["v2"]}"]}}"""
            for service, versions in ports.items()
        )
        with open(f"{folder}/edge.yaml", "w", encoding="utf-8") as file:
            file.write(f"""version: 1
listen:
  - {{at: "127.0.0.1:{self.port}"}}
  - {{at: "127.0.0.1:{self.secure}", certificate: cert.pem, key: key.pem}}
services:{services}
routes:
  - {{name: shop, hosts: [shop.example], path: /, service: web}}
  - {{name: orders, hosts: [shop.example], path: /orders, service: stock}}
  - {{name: status, hosts: [shop.example], exact: /status, service: web}}
  - {{name: events, hosts: [shop.example], path: /events, headers: {{accept: text/event-stream}}, service: stock}}
  - {{name: admin, hosts: [admin.example], path: /, service: stock}}
  - {{name: wild, hosts: ["*.example"], path: /, service: web}}
marks: {{edge: {EDGE}, keys: [ingress.pub], signing: {{key: internal.key}}}}
telemetry: "127.0.0.1:{self.telemetry}"
""")
        self.started = marks.milliseconds()
        self.process = subprocess.Popen(
            [program(), "edge", "--config", f"{folder}/edge.yaml"],
            env={**os.environ, "GLOVEBOX_HOME": folder},
            stderr=subprocess.PIPE,
            text=True,
        )
        for line in self.process.stderr:
            if "requests are taken at" in line:
                return
        fail("the edge ended before it was ready")

    def metrics(self):
        """Name with labels, and value."""
        with socket.create_connection(("127.0.0.1", self.telemetry)) as connection:
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            data = b""
            while more := connection.recv(65_536):
                data += more
        found = re.findall(r"^(glovebox_edge_\w+)(?:\{([^}]*)\})? (\S+)\s*$", data.decode(), re.MULTILINE)
        return {
            (name, frozenset(re.findall(r'(\w+)="([^"]*)"', labels))): int(float(value))
            for name, labels, value in found
        }


def expected(sent, taken):
    """What each side has to say, of what was sent."""
    services = {name: service for name, _, _, _, service in ROUTES}
    upstream, requests, reasons = collections.Counter(), collections.Counter(), collections.Counter()
    admitted = unknown = 0
    for key, count in sent.items():
        kind, route = key.split("|")
        service = services[route]
        marked = count if kind in ("true", "writing", "primary") else taken.get(key, 0)
        reason = {"raced": "replayed", "budget": "over_budget"}.get(kind) or KINDS[kind][1]
        admitted += marked
        if kind == "unknown version":
            admitted += count
            unknown += count
            continue
        version = "v1" if kind == "primary" else "v2"
        if marked:
            upstream[f"{service} {version}|{kind}|marked"] += marked
            requests[service, version, "true"] += marked
        if count > marked:
            upstream[f"{service} v1|{kind}|unmarked"] += count - marked
            requests[service, "v1", "false"] += count - marked
            if reason:
                reasons[reason] += count - marked
    return upstream, requests, reasons, admitted, unknown


def compare(sent, taken, counted, metrics):
    """What differs between the sides."""
    upstream, requests, reasons, admitted, unknown = expected(sent, taken)
    differences = []

    def same(what, wanted, found):
        if wanted != found:
            differences.append(f"{what}: {found}, not {wanted}")

    for key in sorted(upstream | counted):
        same(f"behind the edge, {key}", upstream[key], counted[key])
    for (service, version, marked), count in requests.items():
        labels = {("service", service), ("version", version), ("marked", marked), ("status", "2xx")}
        same(
            f"the edge's requests, {service} {version}, marked {marked}",
            count,
            metrics.get(("glovebox_edge_requests_total", frozenset(labels)), 0),
        )
    same(
        "the edge's requests",
        sum(requests.values()),
        sum(count for (name, _), count in metrics.items() if name == "glovebox_edge_requests_total"),
    )
    same("marks", admitted, metrics.get(("glovebox_edge_marks_total", frozenset())))
    false = {
        dict(labels)["reason"]: count
        for (name, labels), count in metrics.items()
        if name == "glovebox_edge_false_marks_total"
    }
    for reason in sorted({*reasons, *false}):
        same(f"false marks, {reason}", reasons[reason], false.get(reason, 0))
    refused = {
        dict(labels)["code"]: count
        for (name, labels), count in metrics.items()
        if name == "glovebox_edge_refusals_total"
    }
    same("refusals", {"candidate_unknown": unknown}, refused)
    ordinary = [key for key in counted if " v2|" in key and not key.endswith("|marked")]
    same("ordinary requests at a candidate", [], ordinary)
    return differences, false


def show(sent, counted, false):
    print(f"{'kind':<18}{'sent':>9}{'primary':>9}{'candidate':>11}{'marked':>9}   counted as")
    kinds = collections.Counter()
    for key, count in sent.items():
        kinds[key.split("|")[0]] += count
    for kind, count in kinds.items():
        at = {version: sum(n for key, n in counted.items() if f" {version}|{kind}|" in key) for version in ("v1", "v2")}
        marked = sum(n for key, n in counted.items() if key.endswith(f"|{kind}|marked"))
        reason = {"raced": "replayed", "budget": "over_budget"}.get(kind) or KINDS[kind][1] or "–"
        print(f"{kind:<18}{count:>9,}{at['v1']:>9,}{at['v2']:>11,}{marked:>9,}   {reason}")
    print(
        f"{'all':<18}{sum(kinds.values()):>9,}; false marks by the edge: {', '.join(f'{k} {v:,}' for k, v in sorted(false.items()))}"
    )


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench forgery")
    parser.add_argument(
        "--requests", type=int, default=210_000, help="over HTTP/1.1; a twentieth more goes over HTTP/2"
    )
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options = parser.parse_args()
    workers = multiprocessing.get_context("fork")
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="glovebox-forgery-") as folder:
        ports = {service: {"v1": free_port(), "v2": free_port()} for service in SERVICES}
        edge = Edge(folder, ports)
        services = []
        try:
            for service in SERVICES:
                near, far = multiprocessing.Pipe()
                process = workers.Process(
                    target=serve, args=(service, ports[service], edge.keys[2].public, far), daemon=True
                )
                process.start()
                near.recv()
                services.append(near)
            time.sleep(UNTIL_MARKS_COUNT)
            keys = [(signer.audience, signer.private) for signer in edge.keys]
            print(f"seed {options.seed}, load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
            senders = []
            for number in range(2):
                near, far = multiprocessing.Pipe()
                share = (options.requests + number) // 2
                process = workers.Process(
                    target=send, args=(edge.port, keys, edge.started, options.seed + number, share, far), daemon=True
                )
                process.start()
                far.close()
                senders.append(near)
            sent, wrong, taken = collections.Counter(), [], collections.Counter()
            for near in senders:
                counts, count, examples = near.recv()
                sent += counts
                wrong += [f"{count} answers weren't as they had to be", *examples] if count else []
            raced, taken, uneven = race(edge.port, keys, max(60, options.requests // 400))
            counts, others = send_by_http2(edge.secure, keys, edge.started, options.requests // 20)
            sent += raced + counts
            wrong += uneven[:5] + others[:5]
            metrics = edge.metrics()
            counted = collections.Counter()
            for near in services:
                near.send("report")
                counted += collections.Counter(near.recv())
        finally:
            edge.process.send_signal(signal.SIGTERM)
            edge.process.wait(60)
    differences, false = compare(sent, taken, counted, metrics)
    show(sent, counted, false)
    print(f"{time.monotonic() - begun:.0f} s")
    for line in wrong + differences:
        print(f"WRONG: {line}")
    if wrong or differences:
        raise SystemExit(f"forgery: the sums don't agree (--seed {options.seed})")
    print("clients', edge's and services' sums agree; nothing ordinary reached a candidate")


if __name__ == "__main__":
    main()
