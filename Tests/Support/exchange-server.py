"""What tests of HTTP clients send their requests to. Listens on a loopback port that it prints; with a certificate and
its key as arguments it speaks TLS.

Everything it answers is worked out from the request, but for the counters of /count and /flaky, and for /shop: a shop
whose requests are a run's by their mark (`glovebox=RUN.N` in `baggage`), with one thing in stock for each run.
"""

import base64
import gzip
import hashlib
import json
import ssl
import sys
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

counters = {}
lock = threading.Lock()
shop = {"stock": {}, "marks": set(), "next": 1, "waiting": {}}
met = threading.Condition()

HTML = (
    '<!DOCTYPE html><html><head><title>Shop &amp; more</title><meta name="csrf" content="t0k3n"></head>'
    '<body><p>one<p>two<br><ul><li class="x">a</li><li>b</li></ul></body></html>'
)
XML = (
    '<?xml version="1.0"?><feed xmlns="urn:feed" xmlns:m="urn:more"><entry id="1"><m:price>1.5</m:price></entry>'
    '<entry id="2"/></feed>'
)
DOCUMENT = {
    "name": "shop", "count": 3, "price": 2.5, "big": 12345678901234567890123, "active": True, "gone": None,
    "tags": ["a", "b", "c"], "empty": [], "object": {"k": "v"}, "id": "0531f78f-7f87-44be-a7f2-969a1c4e6d97",
    "ip4": "192.168.0.1", "ip6": "::1", "when": "2024-02-29T12:30:00Z", "text": "{\"inner\":[1,2]}",
    "books": [{"title": "Sword", "n": 1}, {"title": "Moby", "n": 2}], "one": [7],
    "url": "https://a.example/p?x=1&y=a%20b", "html": "<b>x</b>", "b64": "aGVsbG8=", "number": "42", "decimal": "3.5",
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", headers=(), type="text/plain; charset=utf-8"):
        if isinstance(body, str):
            body = body.encode()
        self.send_response(status)
        if type:
            self.send_header("Content-Type", type)
        for name, value in headers:
            self.send_header(name, value)
        # As an edge has it for what it took for a test's; one in front of /stripped takes nothing for that.
        if "glovebox=" in (self.headers.get("baggage") or "") and "stripped" not in self.path:
            self.send_header("Cache-Control", "private, no-store")
            self.send_header("Glovebox-Test", "taken")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def handle_any(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while True:
                size = int(self.rfile.readline().split(b";")[0], 16)
                body += self.rfile.read(size)
                self.rfile.readline()
                if size == 0:
                    break
        # A proxy is asked for whole URLs.
        split = urlsplit(self.path)
        query = dict(parse_qsl(split.query, keep_blank_values=True))
        route = split.path.strip("/").split("/")
        handler = getattr(self, "on_" + route[0].replace("-", "_"), None)
        if handler is None:
            return self.answer(404, "not here")
        handler(route[1:], query, body)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = do_QUERY = handle_any

    def on_echo(self, rest, query, body):
        try:
            text = body.decode()
        except UnicodeDecodeError:
            text = None
        headers = {}
        for name, value in self.headers.items():
            headers.setdefault(name.lower(), []).append(value)
        self.answer(200, json.dumps({
            "method": self.command, "target": self.path, "query": query, "headers": headers, "body": text,
            "body64": base64.b64encode(body).decode(), "version": self.request_version,
            "form": dict(parse_qsl(text or "", keep_blank_values=True)),
        }), [("X-Echo", "yes")], "application/json")

    def on_status(self, rest, query, body):
        self.answer(int(rest[0]), "status")

    def on_repeated(self, rest, query, body):
        self.answer(200, "x", [("X-Many", "one"), ("X-Many", "two"), ("X-One", "only"), ("X-Empty", "")])

    def on_set(self, rest, query, body):
        self.answer(200, "set", [
            ("Set-Cookie", "session=abc; Path=/; HttpOnly; SameSite=Lax; Max-Age=60"),
            ("Set-Cookie", "theme=dark; Path=/; Expires=Wed, 13 Jan 2100 22:23:01 GMT"),
            ("Set-Cookie", "lone=1; Domain=other.example; Secure"),
        ])

    def on_redirect(self, rest, query, body):
        left = int(rest[0])
        target = "/echo?end=1" if left <= 1 else f"../redirect/{left - 1}"
        self.answer(302, "moved", [("Location", target)])

    def on_redirect_to(self, rest, query, body):
        self.answer(int(rest[0]), "moved", [("Location", query["url"])])

    def on_gzip(self, rest, query, body):
        self.answer(200, gzip.compress(b"hello gzip"), [("Content-Encoding", "gzip")])

    def on_deflate(self, rest, query, body):
        self.answer(200, zlib.compress(b"hello deflate"), [("Content-Encoding", "deflate")])

    def on_bare_deflate(self, rest, query, body):
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        self.answer(200, packer.compress(b"hello bare") + packer.flush(), [("Content-Encoding", "deflate")])

    def on_br(self, rest, query, body):
        self.answer(200, b"\x0b\x02\x80hello\x03", [("Content-Encoding", "br")])

    def on_twice(self, rest, query, body):
        self.answer(200, gzip.compress(zlib.compress(b"both")), [("Content-Encoding", "deflate, gzip")])

    def on_lie(self, rest, query, body):
        self.answer(200, "not gzip", [("Content-Encoding", "gzip")])

    def on_bomb(self, rest, query, body):
        self.answer(200, gzip.compress(bytes(int(rest[0]))), [("Content-Encoding", "gzip")])

    def on_unknown_coding(self, rest, query, body):
        self.answer(200, "x", [("Content-Encoding", "rot13")])

    def on_html(self, rest, query, body):
        self.answer(200, HTML, type="text/html; charset=utf-8")

    def on_xml(self, rest, query, body):
        self.answer(200, XML, type="application/xml")

    def on_json(self, rest, query, body):
        self.answer(200, json.dumps(DOCUMENT), type="application/json")

    def on_text(self, rest, query, body):
        self.answer(200, unquote("/".join(rest)))

    def on_latin1(self, rest, query, body):
        self.answer(200, "caf\u00e9".encode("latin-1"), type="text/plain; charset=iso-8859-1")

    def on_bytes(self, rest, query, body):
        self.answer(200, bytes(range(int(rest[0]))), type="application/octet-stream")

    def on_large(self, rest, query, body):
        self.answer(200, b"x" * int(rest[0]))

    def on_odd(self, rest, query, body):
        self.wfile.write(
            b"HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n"
            b"HTTP/1.1 200 OK\r\nX-Before: 1\r\nHTTP/2 500: x\r\nTransfer-Encoding: chunked\r\nTrailer: X-Trailer\r\n\r\n"
            b"5\r\nchunk\r\n0\r\nX-Trailer: end\r\n\r\n")

    def on_slow(self, rest, query, body):
        time.sleep(int(rest[0]) / 1000)
        self.answer(200, "late")

    def on_count(self, rest, query, body):
        with lock:
            counters[rest[0]] = counters.get(rest[0], 0) + 1
            count = counters[rest[0]]
        self.answer(200, str(count))

    def on_flaky(self, rest, query, body):
        with lock:
            counters[rest[0]] = counters.get(rest[0], 0) + 1
            count = counters[rest[0]]
        self.answer(200 if count > int(rest[1]) else 503, str(count))

    # The shop. A mark counts once; whoever brings none, or one again, isn't a run's.
    def shopper(self):
        members = [m.strip() for line in self.headers.get_all("baggage") or [] for m in line.split(",")]
        tokens = [m[len("glovebox="):] for m in members if m.startswith("glovebox=")]
        with lock:
            if len(tokens) != 1 or tokens[0] in shop["marks"]:
                return None
            shop["marks"].add(tokens[0])
        return tokens[0].rpartition(".")[0]

    def shop_answer(self, run, status, value, headers=()):
        seen = [("glovebox-test-seen", "web@2, orders@1")] if run else []
        self.answer(status, json.dumps(value), [("x-served-by", "web@2, orders@1")] + seen + list(headers),
                    "application/json")

    def meet(self, run):
        """Between looking and writing: until another of the run is here too, or a while has passed."""
        with met:
            shop["waiting"][run] = shop["waiting"].get(run, 0) + 1
            met.notify_all()
            met.wait_for(lambda: shop["waiting"][run] >= 2, timeout=0.2)

    def part(self, run):
        with met:
            shop["waiting"][run] -= 1

    def on_shop(self, rest, query, body):
        run = self.shopper()
        if rest[0] == "buy":
            if rest[1] == "safe":
                with lock:
                    left = shop["stock"].get(run, 1)
                    shop["stock"][run] = max(0, left - 1)
            else:
                left = shop["stock"].get(run, 1)
                self.meet(run)
                shop["stock"][run] = max(0, left - 1)
                time.sleep(0.05)
                self.part(run)
            with lock:
                shop["next"] += 1
                number = shop["next"]
            if left < 1:
                return self.shop_answer(run, 409, {"error": "out_of_stock", "request": number})
            return self.shop_answer(run, 201, {"id": f"o-{number}", "left": left - 1, "at": "2026-01-01T00:00:00Z"})
        if rest[0] == "number":
            number = shop["next"]
            if rest[1] == "racy":
                self.meet(run)
                shop["next"] = number + 1
                time.sleep(0.05)
                self.part(run)
            else:
                with lock:
                    number = shop["next"]
                    shop["next"] = number + 1
            return self.shop_answer(run, 200, {"number": number})
        if rest[0] == "add":
            # Two requests that add to what was read by the client: a lost update that only some orders have.
            with lock:
                shop["stock"].setdefault(run, 0)
                if self.command == "PUT":
                    shop["stock"][run] = int(query["to"])
                count = shop["stock"][run]
            return self.shop_answer(run, 200, {"count": count, "next": count + 1})
        if rest[0] == "mirror":
            return self.shop_answer(run, 200, {"baggage": self.headers.get("baggage"), "run": run,
                                               "traceparent": self.headers.get("traceparent"),
                                               "mail": "ada@example.org", "authorization": self.headers.get("authorization")})
        if rest[0] == "on":
            return self.shop_answer(run, 302, {}, [("Location", query["to"])])
        if rest[0] == "run":
            return self.shop_answer(run, 200 if run else 403, {"run": run})
        self.shop_answer(run, 404, {})

    def on_basic(self, rest, query, body):
        wanted = "Basic " + base64.b64encode(b"bob:s3cret").decode()
        if self.headers.get("Authorization") == wanted:
            return self.answer(200, "welcome")
        self.answer(401, "who?", [("WWW-Authenticate", 'Basic realm="r"')])

    def on_digest(self, rest, query, body):
        given = self.headers.get("Authorization", "")
        if given.startswith("Digest "):
            fields = {}
            for part in given[7:].split(","):
                name, _, value = part.strip().partition("=")
                fields[name] = value.strip('"')
            first = hashlib.md5(b"bob:r:s3cret").hexdigest()
            second = hashlib.md5(f"{self.command}:{fields.get('uri')}".encode()).hexdigest()
            wanted = hashlib.md5(
                f"{first}:{fields.get('nonce')}:{fields.get('nc')}:{fields.get('cnonce')}:{fields.get('qop')}:{second}".encode()
            ).hexdigest()
            if fields.get("response") == wanted:
                return self.answer(200, "welcome")
        self.answer(401, "who?", [("WWW-Authenticate", 'Digest realm="r", nonce="n1", qop="auth"')])


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if len(sys.argv) > 2:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[1], sys.argv[2])
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print(f"listening on {server.server_address[1]}.", flush=True)
    server.serve_forever()


main()
