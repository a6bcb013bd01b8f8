"""What changes and flags cost: how soon a change is in force everywhere, and what an evaluation takes.

A gateway alone (the shipped build) serves 100 flags. 1,000 clients of GloveboxKit follow them in one process, each over
a TLS connection of its own. A flag is changed under a lease by a call of the API over a connection that stands already,
and taken back by another. Counted is from the first byte of the call to when half, 99 in a hundred and the last of the
clients run the new epoch, by the machine's monotonic clock; and to when the gateway's answer to a question that's asked
right after shows that it has all acknowledgements. Then changes under a guard on a page of metrics whose share of errors
jumps: counted is from the answer that shows it to when the last of the clients runs what was before. Then evaluations in
process, one core, the best of many runs, with their allocations; and requests
by OFREP, with the CPU time that the gateway takes for each.
"""

import argparse
import http.client
import http.server
import json
import os
import resource
import shutil
import signal
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import ways

BENCHMARK = os.path.join(ways.ROOT, ".build-ship", "release", "FlagBenchmark")
TARGET = "bench-flags"
FLAGS = 100
# What flagd publishes of its own evaluations (core/pkg/evaluator, README of its benchmarks), ns.
FLAGD = {"static": 1460, "targeting": 7600, "fractional": 10400}
AIMS = {"static": 150, "targeting": 1000, "fractional": 500}


def percentile(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * part))]


def definitions():
    flags = {}
    for number in range(FLAGS):
        flags[f"flag-{number}"] = {
            "state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off",
            "targeting": {"if": [{"in": ["@faas.com", {"var": "email"}]}, "on", {"fractional": [["on", 10], ["off", 90]]}]},
        }
    flags["plain"] = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
    return {"flags": flags}


class Metrics:
    """A page that counts requests, and errors among them once it's told to."""

    def __init__(self):
        page = self
        self.requests, self.errors = 0, 0
        self.is_bad, self.shown = False, None

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                page.requests += 100
                page.errors += 100 if page.is_bad else 0
                text = f"requests_total {page.requests}\nerrors_total {page.errors}\n".encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                if page.is_bad and page.shown is None:
                    page.shown = time.monotonic_ns()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def turn(self, is_bad):
        self.shown, self.is_bad = None, is_bad


class Gateway:
    def __init__(self, folder, metrics):
        self.state, self.home = os.path.join(folder, "state"), os.path.join(folder, "home")
        os.makedirs(self.state, mode=0o700)
        ports = [ways.free_port() for _ in range(3)]
        self.address = f"https://localhost:{ports[0]}"
        self.write("flags.json", json.dumps(definitions()))
        self.write("policy.yaml", f"""version: 1
rules:
  - name: changes
    identities: [admin]
    targets: [{TARGET}]
    capabilities: [change]
    longest: 1h
""")
        self.write("gateway.yaml", f"""listen:
  api: 127.0.0.1:{ports[0]}
  postgres: 127.0.0.1:{ports[1]}
  tunnel: 127.0.0.1:{ports[2]}
names: [localhost, 127.0.0.1]
policy: policy.yaml
flags:
  - name: {TARGET}
    file: flags.json
guards:
  signals:
    - name: errors
      metrics: http://127.0.0.1:{metrics.server.server_port}/
      errors: errors_total
      of: requests_total
      over: 3s
""")
        self.log = open(os.path.join(folder, "gateway.log"), "w", encoding="utf-8")
        self.process = subprocess.Popen(
            [ways.PROGRAM, "gateway", "--state", self.state, "--invite-administrator"],
            stdout=subprocess.PIPE, stderr=self.log, text=True)
        said = []
        for line in self.process.stdout:
            said.append(line.strip())
            if line.startswith("ready"):
                break
        else:
            ways.fail("the gateway ended before it was ready")
        self.run("login", "--gateway", self.address, text=next(line for line in said if line.startswith("gbi_")) + "\n")

    def write(self, name, text):
        with open(os.path.join(self.state, name), "w", encoding="utf-8", opener=lambda p, f: os.open(p, f, 0o600)) as file:
            file.write(text)

    def run(self, *arguments, text=None):
        done = subprocess.run(
            [ways.PROGRAM, *arguments], env={**os.environ, "GLOVEBOX_HOME": self.home}, input=text,
            stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            ways.fail(f"glovebox {' '.join(arguments[:2])} failed")
        return done.stdout

    def api(self):
        context = ssl.create_default_context(cafile=os.path.join(self.home, "ca.pem"))
        context.load_cert_chain(os.path.join(self.home, "client.pem"), os.path.join(self.home, "client.key"))
        host, port = self.address.removeprefix("https://").rsplit(":", 1)
        return http.client.HTTPSConnection(host, int(port), context=context)

    def cpu(self):
        """Seconds of CPU time."""
        with open(f"/proc/{self.process.pid}/stat", encoding="utf-8") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / ways.CLOCK_TICKS

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


def call(api, method, path, body=None):
    api.request(
        method, path, body=None if body is None else json.dumps(body), headers={"content-type": "application/json"})
    answer = api.getresponse()
    text = answer.read()
    if answer.status not in (200, 201):
        ways.fail(f"{method} {path} answers {answer.status}: {text.decode()}")
    return json.loads(text)


class Clients:
    """Those that follow the gateway."""

    def __init__(self, gateway, token, count):
        self.count, self.epoch = count, 0
        self.process = subprocess.Popen(
            [BENCHMARK, "follow", gateway.address, os.path.join(gateway.home, "ca.pem"), TARGET, str(count)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.process.stdin.write(token + "\n")
        self.process.stdin.flush()
        if json.loads(self.process.stdout.readline())["epoch"] != 0:
            ways.fail("the clients began with another epoch")

    def next(self):
        """When they ran the next epoch."""
        self.epoch += 1
        line = json.loads(self.process.stdout.readline())
        if line["epoch"] != self.epoch:
            ways.fail(f"the clients run epoch {line['epoch']}, and {self.epoch} is in force")
        return line

    def stop(self):
        self.process.stdin.close()
        self.process.wait(60)


def flag(lease, number, guards=()):
    return {
        "lease": lease, "title": "benchmark", "guards": list(guards),
        "changes": [{"flag": {"key": f"flag-{number % FLAGS}", "defaultVariant": "on"}}]}


def follow(gateway, lease, clients, rounds):
    """What each change and each rollback took, in ms, and the gateway's CPU seconds for one."""
    api = gateway.api()
    figures, cpu = [], gateway.cpu()
    for number in range(rounds):
        change = None
        for what in ("change", "rollback"):
            begun = time.monotonic_ns()
            if what == "change":
                change = call(api, "POST", "/v1/changes", flag(lease, number))["id"]
            else:
                call(api, "POST", "/v1/rollbacks", {"change": change})
            answered = time.monotonic_ns()
            line = clients.next()
            while call(api, "GET", f"/v1/changes/{change}")["clients"] != [{"epoch": clients.epoch, "count": clients.count}]:
                pass
            known = time.monotonic_ns()
            figures.append([
                (moment - begun) / 1e6 for moment in (answered, line["half"], line["most"], line["last"], known)])
            time.sleep(0.05)
    return figures, (gateway.cpu() - cpu) / (2 * rounds)


def trip(gateway, lease, clients, metrics, rounds):
    """From the answer that shows what trips a guard, and from when it began to be so, to the last client's going back; ms."""
    api, figures = gateway.api(), []
    guards = [{"signal": "errors", "atMost": 0.01}]
    for number in range(rounds):
        # Until the last round's errors are out of the signal's window the guard refuses what's new.
        for _ in range(100):
            api.request(
                "POST", "/v1/changes", body=json.dumps(flag(lease, number, guards)),
                headers={"content-type": "application/json"})
            answer = api.getresponse()
            text = answer.read()
            if answer.status in (200, 201):
                break
            time.sleep(0.1)
        else:
            ways.fail(f"a change under a guard isn't taken: {text.decode()}")
        clients.next()
        time.sleep(1.5)
        begun = time.monotonic_ns()
        metrics.turn(True)
        last = clients.next()["last"]
        figures.append([(last - metrics.shown) / 1e6, (last - begun) / 1e6])
        metrics.turn(False)
    return figures


COUNTER = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
static _Atomic unsigned long count;
void *malloc(size_t size) {
    static void *(*next)(size_t);
    if (!next) next = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
    count++;
    return next(size);
}
__attribute__((destructor)) static void show(void) { fprintf(stderr, "%lu\\n", count); }
"""


def allocations(key, folder):
    """Of one evaluation: how often malloc is called, by a library before the C library's; None without a compiler."""
    if not shutil.which("cc"):
        return None
    library = os.path.join(folder, "counter.so")
    if not os.path.exists(library):
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, "-x", "c", "-", "-ldl"], input=COUNTER, text=True, check=True)
    counts = []
    for times in (1000, 11000):
        done = subprocess.run(
            [BENCHMARK, "evaluate-times", key, str(times)], stderr=subprocess.PIPE, text=True, check=True,
            env={**os.environ, "LD_PRELOAD": library})
        counts.append(int(done.stderr.split()[-1]))
    return max(0, round((counts[1] - counts[0]) / 10000, 2))


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench changes")
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=30, help="changes, each taken back")
    parser.add_argument("--seconds", type=float, default=3, help="of each evaluation, and of requests")
    options = parser.parse_args()
    if options.clients < 1 or options.rounds < 1 or options.seconds <= 0 or options.clients > 1900:
        parser.error("clients (up to 1900), rounds and seconds are above 0")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory(prefix="glovebox-bench-") as folder:
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before")
        metrics = Metrics()
        gateway = Gateway(folder, metrics)
        try:
            authority = os.path.join(gateway.home, "ca.pem")
            token = json.loads(gateway.run(
                "token", "create", "bench", "--role", "member", "--scope", "read", "--expires", "1h", "--json"))["secret"]
            lease = json.loads(gateway.run(
                "lease", "open", TARGET, "--capability", "change", "--for", "1h", "--reason", "benchmark", "--json"))["id"]
            clients = Clients(gateway, token, options.clients)
            try:
                figures, cpu = follow(gateway, lease, clients, options.rounds)
                tripped = trip(gateway, lease, clients, metrics, max(3, options.rounds // 3))
            finally:
                clients.stop()
            print(f"\n{options.clients} clients, {options.rounds} changes and as many rollbacks, ms from the command:")
            print(f"  {'':<34}{'p50':>8}{'p99':>8}{'most':>8}")
            names = ("answered", "half of the clients run it", "99 in 100 run it", "the last runs it", "all acknowledged, as shown")
            for name, column in zip(names, zip(*figures)):
                print(f"  {name:<34}{statistics.median(column):>8.1f}{percentile(column, 0.99):>8.1f}{max(column):>8.1f}")
            print(f"  the gateway's CPU time for one: {cpu * 1000:.0f} ms, {cpu / options.clients * 1e6:.0f} µs a client")
            print("  aim: the last acknowledgement within 100 ms, p99", flush=True)
            print(f"\na guard trips, {len(tripped)} times, ms until the last client runs what was before:")
            for name, column in zip(("from the answer that trips it", "from when the errors began"), zip(*tripped)):
                print(f"  {name:<34}{statistics.median(column):>8.1f}{percentile(column, 0.99):>8.1f}{max(column):>8.1f}")
            print("  aim: tripped to undone within 1,000 ms; it's measured once a second", flush=True)

            evaluated = json.loads(subprocess.run(
                [BENCHMARK, "evaluate", str(options.seconds)], check=True, stdout=subprocess.PIPE, text=True).stdout)
            print("\nevaluations in process, ns:")
            print(f"  {'':<24}{'glovebox':>10}{'aim':>8}{'flagd':>9}{'ratio':>8}{'allocations':>13}")
            for name, value in evaluated.items():
                aim = f"{AIMS[name]:>8}" if name in AIMS else f"{'–':>8}"
                flagd = f"{FLAGD[name]:>9,}{FLAGD[name] / value:>8.1f}" if name in FLAGD else f"{'–':>9}{'–':>8}"
                count = None if name == "static, with details" else allocations(name, folder)
                print(f"  {name:<24}{value:>10.0f}{aim}{flagd}{'–' if count is None else count:>13}")
            print("  (flagd's are those that it publishes, of another machine)", flush=True)

            print("\nOFREP, one flag a request, HTTP/2:")
            for flag in ("plain", "flag-0"):
                before = gateway.cpu()
                done = json.loads(subprocess.run(
                    [BENCHMARK, "ofrep", gateway.address, authority, TARGET, flag, str(options.seconds)], check=True,
                    input=token + "\n", stdout=subprocess.PIPE, text=True).stdout)
                used = gateway.cpu() - before
                print(
                    f"  {flag:<10}{done['requests'] / done['seconds']:>8,.0f} a second, {done['requests'] / used:>8,.0f} a core"
                    f" ({used / done['requests'] * 1e6:.0f} µs each); {done['failures']} over the pace", flush=True)
        finally:
            gateway.stop()
        print(f"\nload {os.getloadavg()[0]:.1f} after")


if __name__ == "__main__":
    main()
