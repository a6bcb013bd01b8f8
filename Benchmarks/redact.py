"""`glovebox redact` beside scanners of secrets, `grep` and `cat`, on logs of services: bytes a second on one core.

Every leg reads the same files in the same run, the legs taking turns; the time is that of the whole process, from its
start. Glovebox runs with every detector on and writes the masked text; Kingfisher only tells what it found, and validates
nothing over the network; detect-secrets gets a share, since it would take half an hour for the whole; `grep` counts the
lines that match one of fifty patterns of tokens, in the C locale. A leg that doesn't find the token in the last line didn't
read to the end, and fails the run; so does a value that Glovebox left.
"""

import argparse
import hashlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import logs

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAM = os.path.join(ROOT, ".build-ship", "release", "glovebox")
ROWS = os.path.join(ROOT, ".build-ship", "release", "RedactionBenchmark")
TOOLS = os.path.join(ROOT, ".build-venv", "bin")
SEED = 20261126
# Of so many parts, detect-secrets gets one.
SHARE = 128
PATTERNS = [
    "AKIA[0-9A-Z]{16}", "ASIA[0-9A-Z]{16}", "AIza[0-9A-Za-z_-]{35}", "ya29\\.[0-9A-Za-z_-]{20,}", "gh[pousr]_[0-9A-Za-z]{36}",
    "github_pat_[0-9A-Za-z_]{22,}", "glpat-[0-9A-Za-z_-]{20}", "xox[abeoprs]-[0-9A-Za-z-]{10,}", "xapp-[0-9A-Za-z-]{20,}",
    "hooks\\.slack\\.com/services/[0-9A-Za-z/]{20,}", "[sr]k_live_[0-9A-Za-z]{16,}", "whsec_[0-9A-Za-z]{24,}",
    "sk-ant-[0-9A-Za-z_-]{20,}", "sk-[0-9A-Za-z]{40,}", "npm_[0-9A-Za-z]{36}", "pypi-[0-9A-Za-z_-]{50,}",
    "SG\\.[0-9A-Za-z_-]{16,}\\.[0-9A-Za-z_-]{16,}", "SK[0-9a-f]{32}", "do[opr]_v1_[0-9a-f]{64}", "shp(at|ca|pa|ss)_[0-9a-fA-F]{32}",
    "hf_[0-9A-Za-z]{30,}", "key-[0-9a-f]{32}", "sq0(atp|csp|idp)-[0-9A-Za-z_-]{22,}", "EAAA[0-9A-Za-z_-]{56,}",
    "HRKU-[0-9A-Za-z_-]{36,}", "dapi[0-9a-f]{32}", "dckr_pat_[0-9A-Za-z_-]{20,}", "dp\\.(pt|st|ct|sa)\\.[0-9A-Za-z]{40,}",
    "lin_api_[0-9A-Za-z]{32,}", "PMAK-[0-9a-f]{24}-[0-9a-f]{34}", "rubygems_[0-9a-f]{48}", "NRAK-[0-9A-Z]{27}",
    "sentrys_[0-9A-Za-z_+/=-]{40,}", "hv[sb]\\.[0-9A-Za-z_-]{24,}", "AGE-SECRET-KEY-1[0-9A-Z]{58}",
    "-----BEGIN [A-Z ]*PRIVATE KEY", "eyJ[0-9A-Za-z_-]{16,}\\.eyJ[0-9A-Za-z_-]{16,}\\.", "Bearer [0-9A-Za-z._~+/-]{20,}",
    "://[^/:@ ]+:[^/@ ]+@", "password=[^ ]{6,}", "secret=[^ ]{6,}", "token=[^ ]{12,}", "api[_-]?key=[^ ]{12,}",
    "\\$2[aby]\\$[0-9]{2}\\$[./0-9A-Za-z]{53}", "\\$argon2id?\\$[^ ]{24,}", "\\$6\\$[./0-9A-Za-z=$]{90,}",
    "AccountKey=[0-9A-Za-z+/]{40,}", "figd_[0-9A-Za-z_-]{40,}", "tskey-[a-z]+-[0-9A-Za-z-]{20,}", "fio-u-[0-9A-Za-z_-]{60,}",
]


def fail(text):
    sys.exit(f"error: {text}")


class Leg:
    """A way to scan a file; `found` says in how many places it found something, the planted token among them."""

    def __init__(self, name, command, takes_input=False, success=(0,)):
        self.name, self.command, self.takes_input, self.success = name, command, takes_input, success
        self.times = {}

    def run(self, path, core, output):
        source = path if self.takes_input else os.devnull
        with open(source, "rb") as text, open(output, "wb") as out:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            start = time.perf_counter()
            done = subprocess.run(
                ["taskset", "-c", str(core), *[os.path.basename(path) if word == "FILE" else word for word in self.command]],
                # detect-secrets passes over what isn't beneath its folder.
                cwd=os.path.dirname(path), stdin=text, stdout=out, stderr=subprocess.PIPE, env={**os.environ, "LC_ALL": "C"})
            wall = time.perf_counter() - start
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode not in self.success:
            fail(f"{self.name} ended with {done.returncode}: {done.stderr.decode(errors='replace')[-400:]}")
        return wall, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def kingfisher():
    return Leg("kingfisher", [
        os.path.join(TOOLS, "kingfisher"), "scan", "FILE", "--jobs", "1", "--no-validate", "--no-update-check", "--confidence",
        "low", "--max-file-size", "100000", "--format", "jsonl"], success=(0, 200))


def check_glovebox(leg, path, values, core, folder):
    """Holds the output to the input, line by line. Returns how many lines without a finding were changed."""
    output = os.path.join(folder, "masked")
    leg.run(path, core, output)
    left = iter(values)
    value = next(left)
    changed = 0
    examples = []
    with open(path, "rb") as given, open(output, "rb") as masked:
        for number, (line, out) in enumerate(zip(given, masked, strict=True), 1):
            if value is not None and value in line:
                if value in out:
                    fail(f"Glovebox left the value in line {number} of {os.path.basename(path)}")
                value = next(left, None)
            elif line != out:
                changed += 1
                if len(examples) < 3:
                    examples.append(line.decode()[:160].rstrip())
    if value is not None:
        fail("a planted value isn't where it was written")
    os.remove(output)
    return changed, examples


def check_peer(leg, path, core, folder):
    """Returns in how many places the leg found something."""
    output = os.path.join(folder, "report")
    leg.run(path, core, output)
    with open(output, "rb") as file:
        report = file.read()
    os.remove(output)
    if leg.name == "cat":
        if len(report) != os.path.getsize(path):
            fail("cat didn't copy the file")
        return None
    if leg.name == "grep -E":
        count = int(report)
    elif leg.name == "kingfisher":
        if logs.PLANTED.encode() not in report:
            fail("kingfisher didn't find the planted token")
        count = sum(1 for line in report.splitlines() if b'"rule"' in line)
    else:
        # It tells a secret by its hash.
        if hashlib.sha1(logs.PLANTED.encode()).hexdigest().encode() not in report:
            fail("detect-secrets didn't find the planted token")
        count = sum(len(found) for found in json.loads(report)["results"].values())
    if count < 1:
        fail(f"{leg.name} found nothing: it didn't scan {os.path.basename(path)}")
    return count


def share_of(path, folder):
    """The end of a file, with the planted token."""
    shared = os.path.join(folder, "share-" + os.path.basename(path))
    with open(path, "rb") as whole, open(shared, "wb") as part:
        whole.seek(-(os.path.getsize(path) // SHARE), os.SEEK_END)
        whole.readline()
        part.write(whole.read())
    return shared


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--megabytes", type=int, default=256)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    arguments.add_argument("--program", default=PROGRAM)
    arguments.add_argument("--rows", default=ROWS, help="the benchmark of rows; an empty text leaves it out")
    arguments.add_argument("--legs", default="glovebox,kingfisher,detect-secrets,grep -E,cat")
    arguments.add_argument("--profile", action="store_true", help="print where Glovebox's time goes (perf)")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="gbx-redact-", dir=os.environ.get("TMPDIR", "/var/tmp")) as folder:
        run(options, folder)


def run(options, folder):
    patterns = os.path.join(folder, "patterns")
    with open(patterns, "w", encoding="ascii") as file:
        file.write("\n".join(PATTERNS) + "\n")
    every = [
        Leg("glovebox", [options.program, "redact"], takes_input=True), kingfisher(),
        Leg("detect-secrets", [os.path.join(TOOLS, "detect-secrets"), "scan", "--no-verify", "--all-files", "FILE"]),
        Leg("grep -E", ["grep", "-c", "-E", "-f", patterns, "FILE"]), Leg("cat", ["cat", "FILE"])]
    legs = [leg for leg in every if leg.name in options.legs.split(",")]

    print(f"logs of {options.megabytes} MB by seed {SEED}, core {options.core}, {options.rounds} rounds")
    files = {}
    for name, with_findings in (("clean", False), ("every tenth line", True)):
        path = os.path.join(folder, name.replace(" ", "-"))
        lines, values = logs.write(path, options.megabytes * 1_000_000, SEED, with_findings)
        files[name] = (path, share_of(path, folder))
        print(f"\n{name}: {os.path.getsize(path):,} bytes, {lines:,} lines, {len(values):,} values planted")
        for leg in legs:
            if leg.name == "glovebox":
                changed, examples = check_glovebox(
                    leg, path, [value.encode() for value in values], options.core, folder)
                print(f"  glovebox: all planted values masked; {changed:,} other lines changed, "
                      f"{changed * 10_000 / lines:.2f} in 10,000" + "".join(f"\n    {text}" for text in examples))
                continue
            given = files[name][1] if leg.name == "detect-secrets" else path
            count = check_peer(leg, given, options.core, folder)
            if count is not None:
                of = " in its share" if leg.name == "detect-secrets" else ""
                print(f"  {leg.name}: {count:,} {'lines' if leg.name == 'grep -E' else 'findings'}{of}")

    for turn in range(options.rounds):
        for name, (path, share) in files.items():
            for leg in legs[turn % len(legs):] + legs[:turn % len(legs)]:
                given = share if leg.name == "detect-secrets" else path
                # grep stops at the first match when its output is /dev/null.
                output = os.path.join(folder, "count") if leg.name == "grep -E" else os.devnull
                wall, cpu = leg.run(given, options.core, output)
                size = os.path.getsize(given)
                leg.times.setdefault(name, []).append((size / wall / 1e6, size / cpu / 1e6))

    for name in files:
        print(f"\n{name}, MB/s: median (least to most); of CPU time; ratios of the medians")
        middle = {leg.name: statistics.median(rate for rate, _ in leg.times[name]) for leg in legs}
        for leg in legs:
            rates = [rate for rate, _ in leg.times[name]]
            cpu = statistics.median(rate for _, rate in leg.times[name])
            ratios = ""
            if leg.name == "glovebox":
                ratios = ", ".join(
                    f"{middle['glovebox'] / rate:.2f} of {peer}" for peer, rate in middle.items() if peer != "glovebox")
            print(f"  {leg.name:<14} {middle[leg.name]:>9,.1f} ({min(rates):,.1f} to {max(rates):,.1f})  {cpu:>9,.1f}  {ratios}")

    if options.rows and "glovebox" in middle:
        done = subprocess.run(
            ["taskset", "-c", str(options.core), options.rows, "5"], check=True, capture_output=True, text=True)
        print("\nrows of ten text cells, what masking adds to one:")
        for name, figures in json.loads(done.stdout).items():
            print(f"  {name:<6} {figures['nanosecondsPerRow']:,.0f} ns a row, {figures['nanosecondsPerCell']:,.0f} ns a cell")

    if options.profile:
        for name, (path, _) in files.items():
            data = os.path.join(folder, "perf")
            with open(path, "rb") as text, open(os.devnull, "wb") as out:
                subprocess.run(["perf", "record", "-o", data, "-F", "2000", options.program, "redact"], stdin=text, stdout=out,
                               stderr=subprocess.DEVNULL, check=True)
            report = subprocess.run(
                ["perf", "report", "-i", data, "--no-children", "--stdio", "--percent-limit", "1", "--sort", "dso,symbol"],
                capture_output=True, text=True, check=True).stdout
            print(f"\n{name}, where the time goes:")
            print("\n".join(line for line in report.splitlines() if line and not line.startswith("#")))


if __name__ == "__main__":
    main()
