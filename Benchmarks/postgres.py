"""PostgreSQL reached directly, through its peers and through Glovebox, in one run on one machine.

What is measured:
  - select-only (`pgbench -S -M prepared`) by 1, 8 and 64 clients: transactions a second, the median and 99th percentile
    of their latencies, what of them isn't there without the way, and the CPU time that each process of the way takes
    for one transaction
  - 1,000,000 rows (about 100 MB as text), read to their end by libpq: in one result in text, in one in binary, and by
    COPY: rows a second, and the CPU time that each process of the way takes for all
  - how much memory each process of the way holds: at the end, and at the most

After a warm-up of each, legs take turns within a round, so that a slow minute of the machine hits all of them; the
median of the rounds counts. Glovebox's legs include the client's TLS, records and masking; the other legs do none of
that, but for the two HAProxies, which have mutual TLS 1.3 between them as Glovebox's gateway and agent have.
"""

import argparse
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import psycopg

from ways import ROWS, SCALE, Bench, fail, find

LEGS = [
    "direct", "haproxy", "pgbouncer", "haproxies", "glovebox", "glovebox-ram", "glovebox-masked", "glovebox-up",
]
CLIENTS = [1, 8, 64]
COLUMNS = "aid, bid, abalance, filler"
STATEMENT = f"SELECT {COLUMNS} FROM pgbench_accounts".encode()
COPY = f"\\copy pgbench_accounts ({COLUMNS}) TO '/dev/null'"
ROWS_OF_A_PIECE = 10_000


def run_client(leg, arguments):
    """Runs one of PostgreSQL's own programs; what it printed."""
    environment = {**os.environ, "PGPASSFILE": f"/proc/self/fd/{leg.passfile}"}
    done = subprocess.run(
        arguments, env=environment, pass_fds=[leg.passfile], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        timeout=600, check=False,
    )
    if done.returncode:
        fail(f"{os.path.basename(arguments[0])} through {leg.name}: {done.stderr.strip()[-600:]}")
    return done.stdout


def used(leg, before, divisor):
    """What CPU each process has taken since `before`, for one of `divisor`."""
    return {part: (seconds - before[part]) / divisor for part, seconds in leg.cpu().items()}


def select_only(leg, clients, seconds):
    """Transactions a second, latencies in ms (median, 99th percentile), each process's CPU in µs a transaction."""
    with tempfile.TemporaryDirectory(prefix="glovebox-bench-log-") as folder:
        before = leg.cpu()
        out = run_client(leg, [
            find("pgbench"), "--no-vacuum", "--select-only", "--protocol=prepared", f"--client={clients}",
            f"--jobs={min(clients, 2)}", f"--time={seconds}", f"--scale={SCALE}", "--log", "--sampling-rate=0.1",
            f"--log-prefix={folder}/transactions", leg.connection,
        ])
        count = int(re.search(r"transactions actually processed: (\d+)", out).group(1))
        if not count:
            fail(f"no transaction through {leg.name} within {seconds} s, in which {clients} clients connect: take more")
        cpu = used(leg, before, count / 1e6)
        latencies = []
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                latencies += [int(line.split()[2]) / 1000 for line in file]
    if not latencies:
        fail(f"too few transactions through {leg.name} within {seconds} s")
    latencies.sort()
    return {
        "tps": float(re.search(r"tps = ([\d.]+) \(without", out).group(1)), "cpu": cpu,
        "p50": latencies[len(latencies) // 2], "p99": latencies[len(latencies) * 99 // 100],
    }


def result_of_rows(leg, binary):
    """All rows in one result, thrown away in pieces: rows a second, each process's CPU in s."""
    with psycopg.connect(f"{leg.connection} passfile=/proc/self/fd/{leg.passfile}", autocommit=True) as client:
        connection = client.pgconn
        before, begun = leg.cpu(), time.monotonic()
        connection.send_query_params(STATEMENT, None, result_format=int(binary))
        connection.set_chunked_rows_mode(ROWS_OF_A_PIECE)
        count = 0
        while (result := connection.get_result()) is not None:
            if result.status not in (psycopg.pq.ExecStatus.TUPLES_CHUNK, psycopg.pq.ExecStatus.TUPLES_OK):
                fail(f"rows through {leg.name}: {result.error_message.decode()}")
            count += result.ntuples
        took = time.monotonic() - begun
        if count != ROWS:
            fail(f"{count} rows through {leg.name}")
        return {"rows": ROWS / took, "cpu": used(leg, before, 1)}


def copied_rows(leg):
    """All rows by COPY, written to nowhere by psql: rows a second, each process's CPU in s."""
    before = leg.cpu()
    out = run_client(leg, [
        find("psql"), "--no-psqlrc", "--set=ON_ERROR_STOP=1", "--command=\\timing on", f"--command={COPY}",
        leg.connection,
    ])
    if f"COPY {ROWS}\n" not in out:
        fail(f"COPY through {leg.name}: {out}")
    milliseconds = float(re.search(r"Time: ([\d.]+) ms", out).group(1))
    return {"rows": ROWS / milliseconds * 1000, "cpu": used(leg, before, 1)}


LARGE = {
    "one result of {} rows, text": lambda leg: result_of_rows(leg, binary=False),
    "one result of {} rows, binary": lambda leg: result_of_rows(leg, binary=True),
    "COPY of {} rows": copied_rows,
}


def median(results, figure):
    return statistics.median(result[figure] for result in results)


def ratio(results, name, base, figure):
    return f"{median(results[name], figure) / median(results[base], figure):.2f}" if base in results else "–"


def added(results, name, figure):
    """What a latency has more than the direct way's."""
    if "direct" not in results or name == "direct":
        return "–"
    return f"{median(results[name], figure) - median(results['direct'], figure):+.2f}"


def processes(results, form):
    """`gateway 1.0, agent 2.0`; the sum, where there are more than one, comes first."""
    parts = {
        part: statistics.median(result["cpu"][part] for result in results) for part in results[0]["cpu"]
    }
    each = ", ".join(f"{part} {value:{form}}" for part, value in parts.items())
    return f"{sum(parts.values()):{form}} = {each}" if len(parts) > 1 else each or "–"


def table_of_transactions(title, results):
    print(f"\n{title}")
    print(
        f"  {'':<16}{'tps':>8}{'of direct':>11}{'of 1 HAProxy':>14}{'of 2':>6}{'p50 ms':>9}{'added':>8}"
        f"{'p99 ms':>9}{'added':>8}  CPU µs a transaction")
    for name in results:
        print(
            f"  {name:<16}{median(results[name], 'tps'):>8,.0f}{ratio(results, name, 'direct', 'tps'):>11}"
            f"{ratio(results, name, 'haproxy', 'tps'):>14}{ratio(results, name, 'haproxies', 'tps'):>6}"
            f"{median(results[name], 'p50'):>9.2f}{added(results, name, 'p50'):>8}"
            f"{median(results[name], 'p99'):>9.2f}{added(results, name, 'p99'):>8}"
            f"  {processes(results[name], '.0f')}")


def table_of_rows(title, results):
    print(f"\n{title}")
    print(f"  {'':<16}{'rows/s':>12}{'of direct':>11}{'of 2 HAProxies':>16}  CPU s")
    for name in results:
        print(
            f"  {name:<16}{median(results[name], 'rows'):>12,.0f}{ratio(results, name, 'direct', 'rows'):>11}"
            f"{ratio(results, name, 'haproxies', 'rows'):>16}  {processes(results[name], '.2f')}")


def table_of_memory(legs):
    print("\nresident, MiB: at the end (at the most)")
    for leg in legs:
        if leg.processes:
            sizes = ", ".join(f"{part} {now:,.0f} ({most:,.0f})" for part, (now, most) in leg.memory().items())
            print(f"  {leg.name:<16}{sizes}")


def measure(legs, options):
    """The results of each round, by what was measured and by leg."""
    transactions = {clients: {leg.name: [] for leg in legs} for clients in CLIENTS}
    large = {title: {leg.name: [] for leg in legs} for title in LARGE}
    for leg in legs:
        select_only(leg, max(CLIENTS), 4)
        for run in LARGE.values():
            run(leg)
    for number in range(options.rounds):
        for leg in legs:
            print(f"round {number + 1} of {options.rounds}: {leg.name}", file=sys.stderr)
            for clients in CLIENTS:
                transactions[clients][leg.name].append(select_only(leg, clients, options.seconds))
            for title, run in LARGE.items():
                large[title][leg.name].append(run(leg))
    return transactions, large


def print_profile(leg, seconds):
    """Where each process of a way spends its time with 8 clients, by `perf`."""
    with tempfile.TemporaryDirectory(prefix="glovebox-bench-profile-") as folder:
        recorders = {}
        for part, process in leg.processes.items():
            recorders[part] = subprocess.Popen(
                ["perf", "record", "--quiet", f"--pid={process.pid}", f"--output={folder}/{part}"],
                stderr=subprocess.PIPE)
        select_only(leg, 8, seconds)
        for part, recorder in recorders.items():
            recorder.send_signal(signal.SIGINT)
            _, errors = recorder.communicate()
            if not os.path.exists(f"{folder}/{part}"):
                fail(f"perf: {errors.decode().strip()}")
            for by in ("dso", "dso,symbol"):
                report = subprocess.run(
                    ["perf", "report", "--stdio", f"--input={folder}/{part}", f"--sort={by}", "--percent-limit=1"],
                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True,
                ).stdout
                print(f"\nprofile of {leg.name}, {part}, 8 clients, by {by.replace(',', ' and ')}, from 1 %")
                for line in report.splitlines():
                    if line.strip() and not line.startswith("#"):
                        print(f"  {line.rstrip()[:118]}")


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench postgres")
    parser.add_argument("--seconds", type=int, default=8, help="of each select-only run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--legs", default=",".join(LEGS))
    parser.add_argument("--profile", action="store_true", help="also where Glovebox's legs spend their time (perf)")
    options = parser.parse_args()
    wanted = options.legs.split(",")
    unknown = set(wanted) - set(LEGS)
    if unknown or options.rounds < 1 or options.seconds < 1:
        parser.error(f"legs are {', '.join(LEGS)}; rounds and seconds at least 1")

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="glovebox-bench-") as folder:
        os.chmod(folder, 0o711)
        bench = Bench(folder, wanted)
        try:
            bench.start()
            transactions, large = measure(bench.legs, options)
            print(f"{os.cpu_count()} cores; {options.rounds} rounds of {options.seconds} s, medians")
            for clients, results in transactions.items():
                table_of_transactions(f"select-only, prepared, {clients} client{'s' * (clients > 1)}", results)
            for title, results in large.items():
                table_of_rows(title.format(f"{ROWS:,}"), results)
            table_of_memory(bench.legs)
            for leg in bench.legs:
                if options.profile and leg.name.startswith("glovebox"):
                    print_profile(leg, options.seconds)
        finally:
            bench.stop()


if __name__ == "__main__":
    main()
