"""The requests of `forgery.py`, of every kind and in disorder: what each says, and what has to become of it."""

import random

import marks

EDGE = "shop-edge"
# Name, host, path, another header, service.
ROUTES = (
    ("shop", "shop.example", "/catalogue/7?colour=red", "", "web"),
    ("orders", "shop.example", "/orders/17", "", "stock"),
    ("status", "shop.example", "/status", "", "web"),
    ("events", "shop.example", "/events/all", "Accept: text/event-stream\r\n", "stock"),
    ("admin", "admin.example", "/users", "", "stock"),
    ("wild", "a.b.example", "/", "", "web"),
)
SERVICES = ("web", "stock")
# Of each kind: how many in a thousand, and the edge's reason; None: it's taken, or there's no mark.
KINDS = {
    "ordinary": (250, None),
    "baggage": (100, None),
    "true": (200, None),
    "writing": (20, None),
    "primary": (20, None),
    "altered": (40, "altered"),
    "unknown key": (30, "unknown_key"),
    "stranger": (20, "unknown_key"),
    "expired": (30, "expired"),
    "early": (20, "not_yet_valid"),
    "long": (20, "too_long_lived"),
    "foreign": (30, "foreign"),
    "internal": (20, "wrong_audience"),
    "route": (30, "route_not_allowed"),
    "host": (20, "route_not_allowed"),
    "method": (20, "method_not_allowed"),
    "duplicated": (30, "duplicated"),
    "malformed": (50, "malformed"),
    "before": (10, "replayed"),
    "no budget": (10, "over_budget"),
    "unknown version": (10, None),
    "replayed": (20, "replayed"),
}
CONNECTIONS = 8
PIPELINED = 32
# Requests of one worker whose marks are made together: they're sent within their time then.
CHUNK = 4096


class Forger:
    """Makes requests of each kind, and knows what becomes of them."""

    def __init__(self, keys, started, seed):
        self.signer, self.stranger, self.inner = keys
        self.started, self.seed = started, seed
        self.random = random.Random(seed)
        self.number = 0

    def mark(self, **what):
        return self.signer.ingress(edge=EDGE, version=what.pop("version", "v2"), **what)

    def request(self, kind, route, serial):
        """A request, and the body and status that answer it."""
        name, host, path, header, service = route
        method, lines, version = "GET", None, "v1"
        now = marks.milliseconds()
        draw = self.random
        if kind in ("ordinary", "replayed"):
            lines = []
        elif kind == "baggage":
            lines = [draw.choice(["user=7", "user=7,region=eu;a=b"])]
        elif kind == "true":
            version, token = "v2", self.mark(routes=[draw.choice(["/", (host, "/"), (host, path.split("?")[0])])])
        elif kind == "writing":
            version, method = "v2", "POST"
            token = self.mark(run=f"writes-{self.seed}-{serial // CHUNK}", methods=["GET", "POST"], budget=CHUNK)
        elif kind == "primary":
            # A test's request to the version that users get is marked nonetheless.
            token = self.mark(version="v1")
        elif kind == "unknown version":
            token = self.mark(version="v9")
        elif kind == "altered":
            token = self.mark()
            place = draw.choice([60, len(token) - 20])
            token = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        elif kind == "unknown key":
            token = self.mark()
            token = token[:5] + ("A" if token[5] != "A" else "B") + token[6:]
        elif kind == "stranger":
            token = self.stranger.ingress(edge=EDGE, version="v2")
        elif kind == "expired":
            token = self.mark(issued=now - draw.choice([61_000, 3_600_000]), lifetime=60_000)
        elif kind == "early":
            token = self.mark(issued=now + 120_000)
        elif kind == "long":
            token = self.mark(lifetime=60_001)
        elif kind == "foreign":
            token = self.signer.ingress(edge="other-edge", version="v2")
        elif kind == "internal":
            token = self.inner.internal()
        elif kind == "route":
            token = self.mark(routes=["/elsewhere", "/order", "/statu"])
        elif kind == "host":
            token = self.mark(routes=[("other.example", "/")])
        elif kind == "method":
            token = self.mark(methods=["POST", "PUT"], budget=9)
        elif kind == "duplicated":
            one, two = self.mark(), self.mark()
            lines = draw.choice(
                [
                    [f"glovebox={one},glovebox={two}"],
                    [f"glovebox={one}", f"glovebox={two}"],
                    [f"glovebox={one},user=7,glovebox={one}"],
                    [f"glovebox={one},GloveBox={two}"],
                ]
            )
        elif kind == "malformed":
            token = self.mark()
            lines = [
                draw.choice(
                    [
                        "glovebox=x",
                        "glovebox=",
                        "glovebox",
                        f"GloveBox={token}",
                        f"%67lovebox={token}",
                        f"glovebox={token};a=b",
                        f"glovebox={token}=",
                        f"glovebox=B{token[1:]}",
                        f"glovebox={token[:8]}",
                        f'glovebox="{token}"',
                        f"user=7,glovebox={'A' * 4097}",
                    ]
                )
            ]
        elif kind == "before":
            # Whoever was the edge before this one may have taken it.
            token = (
                self.mark(issued=max(self.started, now - 50_000), lifetime=60_000)
                if now < self.started + 50_000
                else None
            )
            if token is None:
                kind, lines = "ordinary", []
        elif kind == "no budget":
            method, token = "POST", self.mark(methods=["POST"])
        if lines is None:
            lines = draw.choice(
                [
                    [f"glovebox={token}"],
                    [f"user=7,glovebox={token}"],
                    [f"glovebox={token},user=7"],
                    [f"glovebox={token}", "user=7"],
                ]
            )
        is_marked = kind in ("true", "writing", "primary")
        body = f"{service} {version} {'marked' if is_marked else 'unmarked'}"
        if kind == "unknown version":
            body = "candidate_unknown"
        return Request(kind, name, method, host, path, header, lines, body)

    def chunk(self, count):
        """As many requests, in disorder, for each connection; a true mark's copies come behind it on the same one."""
        kinds, weights = zip(*((kind, share) for kind, (share, _) in KINDS.items()))
        requests = []
        for kind in self.random.choices(kinds, weights, k=count):
            self.number += 1
            requests.append(self.request(kind, self.random.choice(ROUTES), self.number))
        lanes = [requests[place::CONNECTIONS] for place in range(CONNECTIONS)]
        for lane in lanes:
            taken = []
            for place, request in enumerate(lane):
                if request.kind == "true":
                    taken.append(request)
                elif request.kind == "replayed":
                    if taken:
                        lane[place] = self.random.choice(taken).again()
                    else:
                        lane[place] = self.request("ordinary", self.random.choice(ROUTES), 0)
        return lanes


class Request:
    def __init__(self, kind, route, method, host, path, header, lines, body):
        self.kind, self.route, self.body = kind, route, body
        self.parts = (method, host, path, header, lines)
        content = b"sum=1" if method == "POST" else b""
        fields = "".join(f"Baggage: {line}\r\n" for line in lines)
        length = f"Content-Length: {len(content)}\r\n" if content else ""
        self.bytes = (
            f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nX-Kind: {kind}\r\n{header}{fields}{length}\r\n".encode()
            + content
        )

    def again(self):
        method, host, path, header, lines = self.parts
        service = self.body.split(" ")[0]
        return Request("replayed", self.route, method, host, path, header, lines, f"{service} v1 unmarked")
