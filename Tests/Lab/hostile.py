"""What a hostile client of the edge may do, and what becomes of it: `hostile.py PROGRAM SCENARIO…`, all without a scenario.

The edge is the real program, with an upstream that keeps what reached it. Each scenario says what it saw, and fails where an
answer, what reached the upstream, or the memory that it took isn't as it should be. While it goes on, another client's
requests have to be answered.
"""

import contextlib
import os
import re
import resource
import select
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

MEGABYTE = 1 << 20
# What a scenario may add to the edge's memory, at the most.
MOST_GROWTH = 64 * MEGABYTE
# Of an answer that isn't taken so much may wait at the edge: what's written to the stream, and what was read by then.
MOST_HELD = 160 * 1024
ENHANCE_YOUR_CALM, COMPRESSION_ERROR = 11, 9


def has_news(connection):
    """Whether something can be read. By poll, since select knows no descriptor beyond 1023."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


class Wrong(Exception):
    pass


def expect(holds, what):
    if not holds:
        raise Wrong(what)


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Upstream:
    """Answers what has a whole head, and keeps all that came."""

    def __init__(self, port=0):
        self.heads, self.lock, self.is_over = [], threading.Lock(), False
        self.listener = socket.create_server(("127.0.0.1", port), backlog=1024)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        data = b""
        with connection, contextlib.suppress(OSError):
            while True:
                while (end := data.find(b"\r\n\r\n")) < 0:
                    more = connection.recv(65_536)
                    if not more:
                        return
                    data += more
                head, data = data[: end + 4], data[end + 4 :]
                with self.lock:
                    self.heads.append(head)
                data = self.body(connection, head.lower(), data)
                if data is None:
                    return
                path = head.split(b" ")[1]
                if path == b"/large":
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (256 * MEGABYTE))
                    for _ in range(256):
                        connection.sendall(bytes(MEGABYTE))
                else:
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    @staticmethod
    def body(connection, head, data):
        """What's behind the body; nothing where it breaks off."""
        length = re.search(rb"\r\ncontent-length: (\d+)", head)
        wanted = int(length.group(1)) if length else 0
        is_chunked = b"\r\ntransfer-encoding: chunked" in head
        while len(data) < wanted or is_chunked and b"0\r\n\r\n" not in data:
            more = connection.recv(65_536)
            if not more:
                return None
            data += more
        return data.split(b"0\r\n\r\n", 1)[1] if is_chunked else data[wanted:]

    def count(self, text=b""):
        with self.lock:
            return sum(text in head for head in self.heads)


class Edge:
    def __init__(self, program, folder, more=""):
        self.upstream = Upstream()
        self.port, self.secure = free_port(), free_port()
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
        with open(f"{folder}/edge.yaml", "w", encoding="utf-8") as file:
            file.write(f"""version: 1
listen:
  - {{at: "127.0.0.1:{self.port}"}}
  - {{at: "127.0.0.1:{self.secure}", certificate: cert.pem, key: key.pem}}
services: {{web: {{versions: {{v1: {{weight: 1, endpoints: ["127.0.0.1:{self.upstream.port}"]}}}}}}}}
routes: [{{name: all, path: /, service: web}}]
timeouts: {{head: 2s, body: 2s, send: 3s}}
{more}""")
        self.process = subprocess.Popen(
            [program, "edge", "--config", f"{folder}/edge.yaml"],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "GLOVEBOX_HOME": folder},
        )
        for line in self.process.stderr:
            if "requests are taken at" in line:
                break
        else:
            raise SystemExit("the edge ended before it was ready")
        threading.Thread(target=self.process.stderr.read, daemon=True).start()
        # Its first requests take memory that it keeps.
        for _ in range(20):
            self.get()
            with self.http2() as peer:
                peer.request(1)
                peer.until(lambda frames: ended(frames, 1))
        with open(f"/proc/{self.process.pid}/clear_refs", "w", encoding="utf-8") as file:
            file.write("5")
        self.before = self.memory("VmRSS")

    def memory(self, name):
        with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as file:
            return int(re.search(rf"{name}:\s+(\d+)", file.read()).group(1)) * 1024

    def growth(self):
        return self.memory("VmHWM") - self.before

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def get(self, path="/ok"):
        return self.ask(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())

    def ask(self, data):
        """All that comes back until the connection ends."""
        with self.connect() as connection:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(data)
            return read_all(connection)

    def http2(self):
        return Peer(self.secure)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.upstream.listener.close()


def read_all(connection):
    data = b""
    with contextlib.suppress(ConnectionResetError, ssl.SSLError):
        while more := connection.recv(65_536):
            data += more
    return data


def status(answer):
    return int(answer.split(b" ")[1]) if answer.startswith(b"HTTP/1.1 ") else None


# MARK: HTTP/2 by hand


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def text(data):
    if len(data) < 127:
        return bytes([len(data)]) + data
    rest, length = len(data) - 127, b"\x7f"
    while rest >= 128:
        length += bytes([rest & 0x7F | 0x80])
        rest >>= 7
    return length + bytes([rest]) + data


def literal(name, value, is_kept=False):
    """A field (RFC 7541, 6.2), into the table or not."""
    return (b"\x40" if is_kept else b"\0") + text(name) + text(value)


USUAL = b"".join(
    literal(*field)
    for field in ((b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"a"), (b":path", b"/ok"))
)


def ended(frames, stream):
    return any(
        kind == 3 and number == stream or kind <= 1 and flags & 1 and number == stream or kind == 7
        for kind, flags, number, _ in frames
    )


class Peer:
    """A client of HTTP/2 that writes what no proper one would."""

    def __init__(self, port, settings=b""):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        self.socket = context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=20))
        self.data, self.frames, self.is_closed = b"", [], False
        self.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, settings))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        """Whether it got out."""
        try:
            self.socket.sendall(data)
            return True
        except OSError:
            self.is_closed = True
            return False

    def request(self, stream, block=USUAL):
        return self.send(frame(1, 5, stream, block))

    def read(self):
        try:
            more = self.socket.recv(65_536)
        except OSError:
            more = b""
        self.is_closed = self.is_closed or not more
        self.data += more
        while len(self.data) >= 9 and len(self.data) >= 9 + int.from_bytes(self.data[:3], "big"):
            length = int.from_bytes(self.data[:3], "big")
            self.frames.append(
                (self.data[3], self.data[4], int.from_bytes(self.data[5:9], "big"), self.data[9 : 9 + length])
            )
            self.data = self.data[9 + length :]

    def drain(self):
        """Reads what's there, without waiting."""
        while not self.is_closed and (self.socket.pending() or has_news(self.socket)):
            self.read()

    def until(self, holds):
        while not holds(self.frames):
            expect(not self.is_closed, f"the connection ended; what came: {self.summary()}")
            self.read()

    def until_closed(self):
        while not self.is_closed:
            self.read()

    @property
    def goodbye(self):
        """The code of the last GOAWAY."""
        codes = [int.from_bytes(payload[4:8], "big") for kind, _, _, payload in self.frames if kind == 7]
        return codes[-1] if codes else None

    def resets(self):
        return {number: int.from_bytes(payload, "big") for kind, _, number, payload in self.frames if kind == 3}

    def summary(self):
        return [(kind, flags, number, payload[:20]) for kind, flags, number, payload in self.frames[-6:]]


def flood(edge, make, most=1_000_000, batch=100):
    """Sends what `make` gives for each number until the connection ends; what was sent, and the peer."""
    peer = edge.http2()
    sent = 0
    while sent < most and not peer.is_closed:
        is_out = peer.send(b"".join(make(number) for number in range(sent, sent + batch)))
        sent += batch
        if not is_out:
            break
        peer.drain()
    with contextlib.suppress(OSError):
        peer.until_closed() if sent < most else peer.drain()
    return sent, peer


def ended_by(edge, name, make, codes=(ENHANCE_YOUR_CALM,), most=1_000_000, requests=1000):
    before = edge.upstream.count()
    sent, peer = flood(edge, make, most)
    reached = edge.upstream.count() - before
    expect(peer.is_closed and sent < most, f"{name}: the connection goes on behind {sent} frames; {peer.summary()}")
    # What was on its way when the edge closed may have become a reset that takes the farewell along.
    expect(peer.goodbye in (*codes, None), f"{name}: GOAWAY {peer.goodbye}, not {codes}; {peer.summary()}")
    expect(reached <= requests, f"{name}: {reached} requests reached the upstream")
    return (
        f"{name}: ended behind at most {sent:,} frames, GOAWAY {peer.goodbye}, {reached} requests reached the upstream"
    )


# MARK: The scenarios


def smuggling(edge):
    """Requests that two might read in two ways: refused with the right status, and nothing of them reaches the upstream."""
    hidden = b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"
    post = b"POST / HTTP/1.1\r\nHost: a\r\n"
    cases = [
        ("CL.TE", post + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden, 400),
        (
            "TE.CL",
            post + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\n" + hidden + b"\r\n0\r\n\r\n",
            400,
        ),
        ("TE.TE", post + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + hidden, 400),
        ("TE of another kind", post + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + hidden, 501),
        ("TE behind a tab", post + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n" + hidden, 400),
        ("TE with a space before the colon", post + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + hidden, 400),
        ("TE with an underscore", post + b"Transfer_Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden, 400),
        ("TE folded", post + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + hidden, 400),
        ("TE in HTTP/1.0", b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden, 400),
        ("two lengths", post + b"Content-Length: 0\r\nContent-Length: 44\r\n\r\n" + hidden, 400),
        ("a list of lengths", post + b"Content-Length: 0, 44\r\n\r\n" + hidden, 400),
        ("a length with a sign", post + b"Content-Length: +0\r\n\r\n" + hidden, 400),
        ("a length that overflows", post + b"Content-Length: 18446744073709551616\r\n\r\n" + hidden, 400),
        (
            "a length that's dropped on the way",
            post + b"Connection: content-length\r\nContent-Length: 44\r\n\r\n" + hidden,
            400,
        ),
        (
            "a chunk's size that overflows",
            post + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n" + hidden,
            400,
        ),
        (
            "a chunk that ends in a line feed",
            post + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\n0\r\n\r\n" + hidden,
            400,
        ),
        ("a chunk's size that ends in a line feed", post + b"Transfer-Encoding: chunked\r\n\r\n0\n\r\n" + hidden, 400),
        ("a bare line feed", b"GET / HTTP/1.1\nHost: a\n\n" + hidden, 400),
        ("a bare carriage return", b"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n" + hidden, 400),
        ("a NUL", b"GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n" + hidden, 400),
        ("two hosts", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" + hidden, 400),
        ("no host", b"GET / HTTP/1.1\r\n\r\n" + hidden, 400),
        ("another host in the target", b"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n" + hidden, 400),
        ("HTTP/0.9", b"GET /\r\n" + hidden, 400),
        ("HTTP/2 without TLS", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + hidden, 505),
        ("CONNECT", b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n" + hidden, 501),
        ("TRACE", b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n" + hidden, 501),
        ("a body without a length", b"POST / HTTP/1.0\r\nHost: a\r\n\r\n" + hidden, 411),
        ("an expectation", post + b"Content-Length: 44\r\nExpect: 101-hidden\r\n\r\n" + hidden, 417),
        ("a way out", b"GET /%2e%2e/hidden HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ]
    before = edge.upstream.count()
    for name, data, wanted in cases:
        answer = edge.ask(data)
        expect(status(answer) == wanted, f"{name}: {answer[:80]!r}, not {wanted}")
        expect(len(re.findall(rb"(?m)^HTTP/1\.1 \d", answer)) == 1, f"{name}: answered more than once: {answer!r}")
        expect(b"\r\nconnection: close\r\n" in answer.lower(), f"{name}: the connection is said to go on")
    # Of a bad chunk the head is sent on before it comes.
    reached = edge.upstream.count() - before
    expect(edge.upstream.count(b"hidden") == 0, "a hidden request reached the upstream")
    two = [
        literal(b"transfer-encoding", b"chunked"),
        literal(b"connection", b"close"),
        literal(b"upgrade", b"h2c"),
        literal(b"x", b"a\r\nx: b"),
        literal(b"x\r\nx: b", b"a"),
        literal(b"content-length", b"44"),
        literal(b":path", b"/hidden"),
        literal(b"Host", b"b"),
        literal(b"host", b"b"),
        literal(b"x", b"a\0b"),
        literal(b"host", b"a\r\n\r\nGET /hidden HTTP/1.1"),
    ]
    for number, field in enumerate(two):
        with edge.http2() as peer:
            peer.request(1, USUAL + field)
            peer.until(lambda frames: ended(frames, 1))
            good = [
                payload for kind, _, stream, payload in peer.frames if stream == 1 and kind == 0 and payload == b"ok"
            ]
            expect(not good, f"HTTP/2, case {number}: it was served")
    expect(edge.upstream.count(b"hidden") == 0, "a hidden request reached the upstream by HTTP/2")
    expect(edge.upstream.count() - before <= reached, "a request that's malformed in HTTP/2 reached the upstream")
    return f"{len(cases)} cases over HTTP/1 and {len(two)} over HTTP/2 were refused; {reached} heads before a bad chunk went on"


def slowloris(edge):
    """Heads, bodies and handshakes that don't go on: 408 or the end, within their time, whoever drips."""
    count = 1000
    begun = time.monotonic()
    heads = [edge.connect() for _ in range(count)]
    for connection in heads:
        connection.sendall(b"GET /slow HTTP/1.1\r\nHost: a\r\n")
    shaking = [socket.create_connection(("127.0.0.1", edge.secure), timeout=20) for _ in range(200)]
    bodies = [edge.connect() for _ in range(200)]
    for connection in bodies:
        connection.sendall(b"POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\na")
    dripping = list(heads)
    while dripping:
        time.sleep(0.2)
        for connection in list(dripping):
            try:
                connection.sendall(b"X-Slow: 1\r\n")
            except OSError:
                dripping.remove(connection)
                continue
            if has_news(connection):
                dripping.remove(connection)
        expect(time.monotonic() - begun < 60, f"{len(dripping)} that drip are still there")
        expect(status(edge.get()) == 200, "another client isn't served")
    answers = [status(read_all(connection)) for connection in heads]
    # Whoever goes on sending may find the connection reset, and its answer gone.
    expect(set(answers) <= {408, None} and answers.count(408) >= count * 9 // 10, f"heads: {set(answers)}")
    answers = {status(read_all(connection)) for connection in bodies}
    expect(answers == {408}, f"bodies: {answers}")
    for connection in shaking:
        read_all(connection)
    for connection in heads + bodies + shaking:
        connection.close()
    expect(edge.upstream.count(b"GET /slow") == 0, "a head that wasn't whole reached the upstream")
    return f"{count:,} heads, 200 bodies and 200 handshakes were given up within {time.monotonic() - begun:.0f} s"


def head_bombs(edge):
    """Heads beyond their limits: 431 or 414, before they're whole."""
    head = b"GET /bomb HTTP/1.1\r\nHost: a\r\n"
    cases = [
        ("one long field", head + b"X: " + b"a" * MEGABYTE, 431),
        ("a long name", head + b"a" * MEGABYTE, 431),
        ("many fields", head + b"X: a\r\n" * 100_000, 431),
        ("many cookies", head + b"Cookie: a=b; c=d\r\n" * 50_000, 431),
        ("a long target", b"GET /" + b"a" * MEGABYTE, 414),
        ("a long method", b"G" * MEGABYTE, 414),
        ("empty lines", b"\r\n" * MEGABYTE, 400),
        (
            "a long chunk extension",
            head.replace(b"GET", b"POST") + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"a" * MEGABYTE,
            400,
        ),
        (
            "long trailers",
            head.replace(b"GET", b"POST") + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: " + b"a" * MEGABYTE,
            431,
        ),
        (
            "many trailers",
            head.replace(b"GET", b"POST") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: a\r\n" * 100_000,
            431,
        ),
    ]
    seen = {}
    for name, data, wanted in cases:
        seen[name] = status(edge.ask(data))
        # A client that goes on sending beyond what's read of it is cut off.
        expect(seen[name] in (wanted, None), f"{name}: {seen[name]}, not {wanted}")
    expect(sum(found is not None for found in seen.values()) >= len(cases) // 2, f"answers: {seen}")
    waiting = [edge.connect() for _ in range(500)]
    for connection in waiting:
        connection.sendall(head + b"X: " + b"a" * 30_000)
    expect(status(edge.get()) == 200, "another client isn't served")
    for connection in waiting:
        connection.close()
    expect(edge.upstream.count(b"GET /bomb") == 0, "a head beyond its limits reached the upstream")
    return f"{seen}"


def rapid_reset(edge):
    """CVE-2023-44487: requests that are taken back at once."""
    return ended_by(
        edge, "rapid reset", lambda n: frame(1, 5, 2 * n + 1, USUAL) + frame(3, 0, 2 * n + 1, b"\0\0\0\x08")
    )


def made_resets(edge):
    """CVE-2025-8671: a client that makes the edge reset its own streams, by frames that are wrong on them."""
    said = ended_by(
        edge,
        "resets that the edge makes",
        lambda n: frame(1, 4, 2 * n + 1, USUAL) + frame(8, 0, 2 * n + 1, bytes(4)),
        codes=(ENHANCE_YOUR_CALM, 1),
    )
    return (
        said
        + "; "
        + ended_by(edge, "malformed requests", lambda n: frame(1, 5, 2 * n + 1, USUAL + literal(b"Upper", b"1")))
    )


def continuations(edge):
    """CVE-2024-27316: a head that never ends."""

    def first(number, block, more):
        return frame(1, 1, 1, block) if number == 0 else frame(9, 0, 1, more)

    return "; ".join(
        ended_by(
            edge,
            name,
            lambda n, more=more: first(n, USUAL, more),
            codes=(ENHANCE_YOUR_CALM, 1, COMPRESSION_ERROR),
            requests=0,
        )
        for name, more in (
            ("small ones", literal(b"x", b"y")),
            ("empty ones", b""),
            ("large ones", literal(b"x", b"y" * 16_000)),
            ("indexed ones", b"\x82" * 16_000),
        )
    )


def control_floods(edge):
    """Frames that ask for an answer and carry nothing, from one who reads none."""
    said = []
    for name, one in (
        ("settings", frame(4, 0, 0)),
        ("pings", frame(6, 0, 0, bytes(8))),
        ("settings with a table's size", frame(4, 0, 0, b"\0\x01\0\0\x10\0")),
    ):
        peer, sent = edge.http2(), 0
        peer.socket.settimeout(5)
        # Nothing is read meanwhile: what the edge answers has to wait at it.
        while sent < 5_000_000 and peer.send(one * 500):
            sent += 500
        expect(sent < 5_000_000, f"{name}: the connection goes on behind {sent:,}")
        said.append(f"{name}: ended or stopped reading behind at most {sent:,}")
        peer.socket.close()
    said.append(ended_by(edge, "empty data", lambda n: frame(1, 4, 1, USUAL) if n == 0 else frame(0, 0, 1), requests=1))
    return "; ".join(said)


def priorities(edge):
    """Frames that are to be ignored, and windows that grow and grow: no memory is taken for them."""
    sent, peer = flood(edge, lambda n: frame(2, 0, 2 * n + 1, bytes(4) + b"\x10"), most=100_000)
    said = f"{sent:,} priorities, {'ended' if peer.is_closed else 'ignored'}"
    peer.socket.close()
    _, peer = flood(edge, lambda n: frame(8, 0, 0, (0x7FFF_FFFF).to_bytes(4, "big")), most=100)
    peer.until_closed()
    expect(peer.goodbye in (3, None), f"a window beyond its end: GOAWAY {peer.goodbye}")
    with edge.http2() as peer:
        peer.send(frame(0xFA, 0, 0, bytes(16_384)) * 200)
        peer.request(1)
        peer.until(lambda frames: ended(frames, 1))
    return said + "; a window beyond its end ends the connection; 200 frames of an unknown kind are ignored"


def hpack_bombs(edge):
    """Heads that are small on the wire and large in memory, and such as can't be decoded."""
    said = []
    before = edge.upstream.count()
    # 4,000 bytes put into the table once, and named by one byte each 16,000 times: 64 MB.
    with edge.http2() as peer:
        peer.request(1, USUAL + literal(b"x", b"a" * 3_900, is_kept=True) + b"\xbe" * 12_000)
        peer.until(lambda frames: ended(frames, 1) or any(kind == 7 for kind, *_ in frames))
        said.append(f"one byte for 4,000: GOAWAY {peer.goodbye}, resets {list(peer.resets().values())}")
    wrong = [
        ("a table above the limit", b"\x3f\xe1\xff\x03" + USUAL),
        ("an index that isn't there", USUAL + b"\xff\xff\x7f"),
        ("index 0", USUAL + b"\x80"),
        ("a number without an end", USUAL + b"\xff" + b"\xff" * 40),
        ("a text beyond its block", USUAL + b"\0\x01x\x7f\xff\xff\x7f"),
        ("a Huffman code that isn't one", USUAL + b"\0\x01x\x84\xff\xff\xff\xff"),
        ("a table's size behind fields", USUAL + b"\x20" + literal(b"x", b"y")),
    ]
    for name, block in wrong:
        with edge.http2() as peer:
            peer.request(1, block)
            peer.until_closed()
            expect(peer.goodbye in (COMPRESSION_ERROR, None), f"{name}: GOAWAY {peer.goodbye}")
            said.append(f"{name}: GOAWAY {peer.goodbye}")
    expect(edge.upstream.count() == before, "such a head reached the upstream")
    # As many in a head as it may hold, and again and again.
    sent, peer = flood(
        edge,
        lambda n: frame(1, 5, 2 * n + 1, USUAL + literal(b"x%d" % n, b"a" * 900, is_kept=True)),
        most=3000,
        batch=10,
    )
    peer.socket.close()
    return "; ".join(said + [f"{sent:,} heads that change the table"])


def windows(edge):
    """A client that asks for much and takes nothing: it waits at the upstream, not in memory."""
    peers = [Peer(edge.secure, settings=b"\0\x04\0\0\0\0") for _ in range(20)]
    large = USUAL.replace(literal(b":path", b"/ok"), literal(b":path", b"/large"))
    for peer in peers:
        for number in range(50):
            peer.request(2 * number + 1, large)
    plain = [edge.connect() for _ in range(50)]
    for connection in plain:
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        expect(status(edge.get()) == 200, "another client isn't served")
        time.sleep(0.1)
    for peer in peers:
        peer.socket.close()
    for connection in plain:
        connection.close()
    return "1,000 streams and 50 connections that take nothing of 256 MB each"


SCENARIOS = {
    "smuggling": smuggling,
    "slowloris": slowloris,
    "head-bombs": head_bombs,
    "rapid-reset": rapid_reset,
    "made-resets": made_resets,
    "continuations": continuations,
    "control-floods": control_floods,
    "priorities": priorities,
    "hpack-bombs": hpack_bombs,
    "windows": windows,
}
# Answers that are held up.
HELD = {"windows": 1050}


def main():
    # A thousand clients and the edge's side of them.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    program, *wanted = sys.argv[1:]
    failures = 0
    for name in wanted or SCENARIOS:
        with tempfile.TemporaryDirectory(prefix="glovebox-hostile-") as folder:
            edge = Edge(program, folder)
            try:
                said = SCENARIOS[name](edge)
                growth = edge.growth()
                expect(edge.process.poll() is None, "the edge ended")
                expect(status(edge.get()) == 200, "the edge doesn't serve any more")
                most = HELD.get(name, 0) * MOST_HELD or MOST_GROWTH
                expect(growth < most, f"{growth / MEGABYTE:.0f} MB more; {said}")
                print(f"{name}: {said}; {growth / MEGABYTE:.1f} MB more at the most", flush=True)
            except (Wrong, OSError) as error:
                failures += 1
                print(f"{name} FAILED: {error!r}", flush=True)
            finally:
                edge.stop()
    raise SystemExit(min(failures, 1))


if __name__ == "__main__":
    main()
