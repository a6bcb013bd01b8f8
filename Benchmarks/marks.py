"""Marks of tests' requests, made as a gateway would: Sources/2-Codecs/TestContextToken says what they hold.

A token is, in base 64 for URLs without padding: a version byte, one for the audience, eight that name the key, the claims
in canonical form (docs/decisions/0003), and an Ed25519 signature over all before it behind the audience's prefix.
"""

import base64
import hashlib
import os
import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

INGRESS, INTERNAL = 1, 2
PREFIXES = {INGRESS: b"glovebox test context: ingress 1\0", INTERNAL: b"glovebox test context: internal 1\0"}


def varint(number):
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def field(tag, value):
    return varint(tag) + varint(len(value)) + value


def strings(values):
    return b"".join(field(index, value.encode()) for index, value in enumerate(values))


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Signer:
    """A private key, and what an edge's file says of it."""

    def __init__(self, audience=INGRESS, private=None):
        self.audience = audience
        self.key = Ed25519PrivateKey.from_private_bytes(private) if private else Ed25519PrivateKey.generate()
        self.public = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.private = self.key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        self.head = bytes([1, audience]) + hashlib.sha256(b"glovebox test context key 1\0" + self.public).digest()[:8]

    def token(self, claims):
        payload = self.head + claims
        return base64url(payload + self.key.sign(PREFIXES[self.audience] + payload))

    def ingress(
        self,
        edge="bench-edge",
        run="run-1",
        case="case-1",
        issued=None,
        lifetime=50_000,
        routes=("/",),
        methods=("GET",),
        budget=0,
        version="candidate",
        nonce=None,
    ):
        """One mark. `issued` and `lifetime` are in milliseconds; a route is a path, or a host and a path."""
        issued = milliseconds() if issued is None else issued
        pairs = [(None, route) if isinstance(route, str) else route for route in routes]
        places = b"".join(
            field(index, (b"" if host is None else field(0, host.encode())) + field(1, path.encode()))
            for index, (host, path) in enumerate(pairs)
        )
        return self.token(
            field(0, run.encode())
            + field(1, case.encode())
            + field(2, varint(issued))
            + field(3, varint(lifetime))
            + field(4, edge.encode())
            + field(5, varint(3_600_000))
            + field(6, nonce or os.urandom(16))
            + field(7, places)
            + field(8, strings(sorted(methods)))
            + field(9, varint(budget))
            + (b"" if version is None else field(10, version.encode()))
        )

    def internal(self, run="run-1", case="case-1", lifetime=60_000):
        """What an edge puts in a mark's place."""
        return self.token(
            field(0, run.encode())
            + field(1, case.encode())
            + field(2, varint(milliseconds()))
            + field(3, varint(lifetime))
            + field(4, varint(0))
            + field(5, run.encode())
        )


def milliseconds():
    return time.time_ns() // 1_000_000


def write_keys(folder, ingress, internal):
    """The files that an edge's `marks` name: `ingress.pub` and `internal.key`."""
    for name, key, mode in (("ingress.pub", ingress.public, 0o644), ("internal.key", internal.private, 0o600)):
        path = os.path.join(folder, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
            file.write(base64.b64encode(key) + b"\n")
