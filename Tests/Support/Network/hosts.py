"""Two hosts on one machine: network namespaces of their own with nothing but a cable between them.

    hosts.py INWARD[,INWARD] OUTWARD

Each INWARD is a port of this machine's loopback that leads to the same port of the first host's loopback; OUTWARD is one
of the second host's that leads to this machine's. Prints the process ids that hold the two hosts ("ready FIRST SECOND"),
which are at 10.99.0.1 and 10.99.0.2; then takes commands on its input: `cut` (the cable is pulled: nothing goes through,
and neither side hears of it), `join`. Everything is gone with this process, whatever becomes of it.
"""

import asyncio
import ctypes
import os
import signal
import socket
import subprocess
import sys

NEW_NETWORK = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def check(result):
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def host():
    """A child in a network of its own that does nothing. Its id."""
    ready, done = os.pipe()
    child = os.fork()
    if child == 0:
        libc.prctl(1, signal.SIGKILL)  # with its parent
        check(libc.unshare(NEW_NETWORK))
        os.write(done, b".")
        while True:
            signal.pause()
    os.close(done)
    if not os.read(ready, 1):
        raise OSError("no network namespace")
    return child


def inside(child, *command):
    subprocess.run(["nsenter", "-t", str(child), "-n", "--", *command], check=True)


class Network:
    """What new sockets of this process belong to, one at a time."""

    def __init__(self, child):
        self.file = os.open(f"/proc/{child}/ns/net", os.O_RDONLY)

    def socket(self):
        check(libc.setns(self.file, NEW_NETWORK))
        try:
            return socket.socket()
        finally:
            check(libc.setns(here.file, NEW_NETWORK))


async def pump(reader, writer):
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def relay(port, listening, connecting):
    async def accepted(reader, writer):
        end = connecting.socket()
        end.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(end, ("127.0.0.1", port))
        except OSError:
            writer.close()
            return
        other = await asyncio.open_connection(sock=end)
        await asyncio.gather(pump(reader, other[1]), pump(other[0], writer))

    door = listening.socket()
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    door.bind(("127.0.0.1", port))
    await asyncio.start_server(accepted, sock=door)


async def main():
    inward, outward = sys.argv[1].split(","), sys.argv[2]
    for port in inward:
        await relay(int(port), here, Network(first))
    await relay(int(outward), Network(second), here)
    print(f"ready {first} {second}", flush=True)
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        state = {"cut": "down", "join": "up"}[line.decode().strip()]
        for child in (first, second):
            inside(child, "ip", "link", "set", "cable", state)
        print(line.decode().strip(), flush=True)


here = Network(os.getpid())
first, second = host(), host()
subprocess.run(
    ["ip", "link", "add", "cable", "netns", str(first), "type", "veth", "peer", "name", "cable", "netns", str(second)],
    check=True)
for child, address in ((first, "10.99.0.1/30"), (second, "10.99.0.2/30")):
    inside(child, "ip", "link", "set", "lo", "up")
    inside(child, "ip", "address", "add", address, "dev", "cable")
    inside(child, "ip", "link", "set", "cable", "up")
asyncio.run(main())
