"""What the edge costs, beside other reverse proxies, in one run.

Each proxy in turn has one core to itself and serves with one thread; wrk, h2load and the upstream (nginx, which answers by
itself) have the other. HTTP/1.1 by wrk over 64 connections and over one, HTTP/2 by TLS by h2load over 16 connections with 16
streams each. Counted are requests a second, p50 and p99 and what of them is added to the upstream's own, CPU time of the
proxy for a request, how much of its core it used, and resident memory. After a warm-up of each, the proxies take turns
within each round; the median of the rounds counts.

Then what the check for marks costs ordinary requests: the same edge with and without `marks`, in turns of a second.
"""

import argparse
import concurrent.futures
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import marks
import proxies
from proxies import Proxies, fail

LEGS = ("direct", "nginx", "haproxy", "envoy", "caddy", "glovebox", "glovebox-marked", "glovebox-logged")
CONNECTIONS = 64
# As many marks as an edge could take in a second here, and more.
MARKS_A_SECOND = 25_000

# What wrk prints in the end, and the requests that carry a mark each.
SCRIPT = """
local marks, place, last = {}, 0, nil
function init(arguments)
    if arguments[1] then
        for line in io.lines(arguments[1]) do marks[#marks + 1] = line end
        request = function()
            place = place + 1
            if place > #marks then wrk.thread:stop() return last end
            last = "GET / HTTP/1.1\\r\\nHost: shop.example\\r\\nBaggage: user=7,glovebox=" .. marks[place] .. "\\r\\n\\r\\n"
            return last
        end
    end
end
function done(summary, latency, requests)
    local errors = summary.errors
    print(string.format('{"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"errors":%d}', summary.requests,
        summary.duration, latency:percentile(50), latency:percentile(99),
        errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"""


class Run:
    """What one load on one proxy came to."""

    def __init__(self, proxy, said, cpu):
        self.requests, self.seconds = said["requests"], said["microseconds"] / 1e6
        self.rate = self.requests / self.seconds
        self.p50, self.p99 = said.get("p50", 0) / 1000, said.get("p99", 0) / 1000
        self.cpu = cpu / max(1, self.requests) * 1e6
        self.share = cpu / self.seconds
        if said["errors"]:
            fail(f"{proxy.name}: {said['errors']} of {self.requests} requests failed")


class Load:
    def __init__(self, bench):
        self.bench, self.script = bench, bench.write("load.lua", SCRIPT)

    def run(self, proxy, arguments):
        cpu = proxy.cpu() if proxy.process else 0
        done = subprocess.run(
            ["taskset", "-c", str(self.bench.cores[1]), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            fail(f"{arguments[0]}: {done.stdout[-2000:]}")
        return done.stdout, (proxy.cpu() if proxy.process else 0) - cpu

    def wrk(self, proxy, connections, seconds, tokens=None, headers=()):
        more = [part for header in headers for part in ("-H", header)]
        said, cpu = self.run(
            proxy,
            [
                proxies.find("wrk"),
                "-t1",
                f"-c{connections}",
                f"-d{seconds}s",
                "--latency",
                "-s",
                self.script,
                *more,
                f"http://127.0.0.1:{proxy.port}/",
                "--",
                *([tokens] if tokens else []),
            ],
        )
        return Run(proxy, json.loads(said.strip().splitlines()[-1]), cpu)

    def h2load(self, proxy, seconds):
        said, cpu = self.run(
            proxy, [proxies.find("h2load"), "-t1", "-c16", "-m16", f"-D{seconds}", f"https://127.0.0.1:{proxy.secure}/"]
        )
        if "Application protocol: h2" not in said:
            fail(f"{proxy.name} doesn't speak HTTP/2:\n{said}")
        counts = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", said)
        good, *bad = (int(count) for count in counts.groups())
        statuses = [int(count) for count in re.search(r"(\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", said).groups()]
        return Run(
            proxy, {"requests": good, "microseconds": seconds * 1e6, "errors": sum(bad) + sum(statuses[1:])}, cpu
        )

    def marked(self, proxy, connections, seconds):
        """Each request with a mark of its own; all of them are to be taken."""
        before = proxy.metric("glovebox_edge_marks_total")
        wrong = proxy.metric("glovebox_edge_false_marks_total")
        tokens = tokens_of(proxy.signer, min(170_000, MARKS_A_SECOND * seconds), self.bench.path("marks.txt"))
        run = self.wrk(proxy, connections, seconds, tokens)
        # What was under way when the load ended was taken, and isn't in its count.
        taken = proxy.metric("glovebox_edge_marks_total") - before
        if not run.requests <= taken <= run.requests + connections:
            fail(f"of {run.requests} marks, {taken} were taken")
        if proxy.metric("glovebox_edge_false_marks_total") != wrong:
            fail("marks were refused")
        return run


def sign(arguments):
    private, count, issued = arguments
    signer = marks.Signer(private=private)
    # Forgotten soon, so that one round's don't fill the memory of the next one's.
    return [signer.ingress(issued=issued, lifetime=25_000) for _ in range(count)]


def tokens_of(signer, count, path):
    workers = os.cpu_count()
    with concurrent.futures.ProcessPoolExecutor(workers) as pool, open(path, "w", encoding="utf-8") as file:
        # Within the skew that clocks may have: signing takes some of their time.
        issued = marks.milliseconds() + 4000
        file.writelines(
            "\n".join(part) + "\n" for part in pool.map(sign, [(signer.private, count // workers, issued)] * workers)
        )
    return path


def leg(bench, name):
    if name == "direct":
        return proxies.Proxy("direct", None, bench.upstream, None)
    return getattr(bench, name.replace("-", "_"))()


def median(runs, name):
    return statistics.median(getattr(run, name) for run in runs)


def measure(load, legs, options):
    """By the kind of load, by leg: the runs."""
    kinds = {"64": {}, "1": {}, "h2": {}}
    for number in range(options.rounds + 1):
        # The first round warms up.
        seconds = options.seconds if number else 1
        for proxy in legs:
            is_marked = proxy.name == "glovebox-marked"
            runs = {}
            for kind, connections in (("64", CONNECTIONS), ("1", 1)):
                runs[kind] = (load.marked if is_marked else load.wrk)(proxy, connections, seconds)
            if proxy.secure and not is_marked:
                runs["h2"] = load.h2load(proxy, seconds)
            for kind, run in runs.items():
                if number:
                    kinds[kind].setdefault(proxy.name, []).append(run)
        print(f"round {number} of {options.rounds}, load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
    return kinds


def ratio(results, name, peer, what="rate"):
    """More is better: of CPU time, the peer's of its own."""
    if peer not in results:
        return "–"
    own, other = median(results[name], what), median(results[peer], what)
    return f"{other / own if what == 'cpu' else own / other:.2f}"


def row(*cells):
    print("| " + " | ".join(cells) + " |")


def table_of_rates(title, results, legs):
    """By the clock, and by the CPU time of a request: what a core of its own would come to."""
    print(f"\n{title}\n")
    row("leg", "requests/s", "range", "of nginx", "of Envoy", "CPU µs", "of nginx", "of Envoy", "its core")
    print("|---|---|---|---|---|---|---|---|---|")
    for name in (proxy.name for proxy in legs if proxy.name in results):
        runs = results[name]
        rates = sorted(run.rate for run in runs)
        cells = [name, f"{median(runs, 'rate'):,.0f}", f"{rates[0]:,.0f}–{rates[-1]:,.0f}"]
        cells += [ratio(results, name, peer) for peer in ("nginx", "envoy")]
        if name == "direct":
            cells += ["–"] * 4
        else:
            cells += [f"{median(runs, 'cpu'):.1f}", *(ratio(results, name, peer, "cpu") for peer in ("nginx", "envoy"))]
            cells += [f"{median(runs, 'share'):.0%}"]
        row(*cells)


def table_of_latencies(kinds, legs):
    print("\nHTTP/1.1, µs, and what is added to the upstream's own; resident memory\n")
    row(
        "leg",
        *(f"{what}, {kind}" for kind in ("1 connection", f"{CONNECTIONS}") for what in ("p50", "p99", "added")),
        "MiB",
        "most",
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for proxy in legs:
        cells = [proxy.name]
        for kind in ("1", "64"):
            results = kinds[kind]
            found = [median(results[proxy.name], what) * 1000 for what in ("p50", "p99")]
            cells += [f"{value:.0f}" for value in found]
            if proxy.process and "direct" in results:
                own = [median(results["direct"], what) * 1000 for what in ("p50", "p99")]
                cells.append(" / ".join(f"{value - other:.0f}" for value, other in zip(found, own)))
            else:
                cells.append("–")
        row(*cells, *([f"{size:.0f}" for size in proxy.memory()] if proxy.process else ["–"] * 2))
    sys.stdout.flush()


def check(load, bench, edge, rounds):
    """What ordinary requests pay for being looked at, by the CPU time of one: of many short runs, the median, and the one
    that the machine's other work disturbed least."""
    plain = bench.glovebox_unmarked()
    load.wrk(plain, CONNECTIONS, 1)
    baggage = ("Baggage: user=7,region=eu-central-1,session=9f2c7a41",)
    kinds = {
        "no baggage, no `marks`": (plain, ()),
        "no baggage, `marks`": (edge, ()),
        "baggage, no `marks`": (plain, baggage),
        "baggage, `marks`": (edge, baggage),
    }
    runs = {name: [] for name in kinds}
    for number in range(rounds):
        for name in sorted(kinds, reverse=number % 2 == 1):
            proxy, headers = kinds[name]
            runs[name].append(load.wrk(proxy, CONNECTIONS, 1, headers=headers))
    print(f"\nthe check for marks on ordinary requests, {rounds} runs of each; aim: at most 3 %\n")
    row("requests", "CPU µs, median", "more", "CPU µs, least", "more")
    print("|---|---|---|---|---|")
    for name, found in runs.items():
        medians, least = median(found, "cpu"), min(run.cpu for run in found)
        if "no `marks`" in name:
            base = (medians, least)
            row(name, f"{medians:.2f}", "", f"{least:.2f}", "")
        else:
            row(name, f"{medians:.2f}", f"{medians / base[0] - 1:+.1%}", f"{least:.2f}", f"{least / base[1] - 1:+.1%}")
    sys.stdout.flush()


def profile(load, proxy, run, title, seconds):
    """Where its time goes, by `perf`."""
    with tempfile.TemporaryDirectory(prefix="glovebox-bench-profile-") as folder:
        recorder = subprocess.Popen(
            ["perf", "record", "--quiet", f"--pid={proxy.process.pid}", f"--output={folder}/it"], stderr=subprocess.PIPE
        )
        run()
        recorder.send_signal(signal.SIGINT)
        _, errors = recorder.communicate()
        if not os.path.exists(f"{folder}/it"):
            fail(f"perf: {errors.decode().strip()}")
        for by in ("dso", "dso,symbol"):
            report = subprocess.run(
                ["perf", "report", "--stdio", f"--input={folder}/it", f"--sort={by}", "--percent-limit=0.7"],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                check=True,
            ).stdout
            print(f"\nprofile: {title}, by {by.replace(',', ' and ')}, from 0.7 %")
            for line in report.splitlines():
                if line.strip() and not line.startswith("#"):
                    print(f"  {line.rstrip()[:150]}")
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench edge")
    parser.add_argument("--seconds", type=int, default=5, help="of each load")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--legs", default=",".join(LEGS))
    parser.add_argument(
        "--check", type=int, default=15, help="rounds that the check for marks is measured in; 0: not at all"
    )
    parser.add_argument("--profile", action="store_true", help="also where Glovebox's time goes (perf)")
    options = parser.parse_args()
    wanted = options.legs.split(",")
    if set(wanted) - set(LEGS) or options.rounds < 1 or not 1 <= options.seconds <= 15 or options.check < 0:
        parser.error(f"legs are {', '.join(LEGS)}; rounds at least 1, seconds 1 to 15")
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        fail("this takes two cores: one for the proxies, one for all else")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="glovebox-bench-") as folder:
        bench = Proxies(folder, cores[:2])
        try:
            bench.start()
            legs = [leg(bench, name) for name in wanted]
            load = Load(bench)
            time.sleep(proxies.UNTIL_MARKS_COUNT)
            print(
                f"{len(cores)} cores, load {os.getloadavg()[0]:.1f} before; {options.rounds} rounds of {options.seconds} s, medians"
            )
            kinds = measure(load, legs, options)
            table_of_rates(f"HTTP/1.1, {CONNECTIONS} connections", kinds["64"], legs)
            table_of_rates("HTTP/2 by TLS, 16 connections of 16 streams", kinds["h2"], legs)
            table_of_latencies(kinds, legs)
            by_name = {proxy.name: proxy for proxy in legs}
            if options.check and "glovebox" in by_name:
                check(load, bench, by_name["glovebox"], options.check)
            if options.profile:
                edge, seconds = by_name.get("glovebox"), options.seconds
                if edge:
                    profile(load, edge, lambda: load.wrk(edge, CONNECTIONS, seconds), "HTTP/1.1, ordinary", seconds)
                    profile(load, edge, lambda: load.h2load(edge, seconds), "HTTP/2, ordinary", seconds)
                if marked := by_name.get("glovebox-marked"):
                    tokens = tokens_of(marked.signer, MARKS_A_SECOND * seconds, bench.path("marks.txt"))
                    profile(
                        load,
                        marked,
                        lambda: load.wrk(marked, CONNECTIONS, seconds, tokens),
                        "HTTP/1.1, marked",
                        seconds,
                    )
            print(f"\nload {os.getloadavg()[0]:.1f} after")
        finally:
            bench.stop()


if __name__ == "__main__":
    main()
