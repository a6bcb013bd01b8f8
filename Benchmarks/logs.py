"""Logs of services, drawn by a seed: what `redact.py` gives to each leg.

A sixth each in the manner of syslog, nginx's access log, Java with stack traces, Kubernetes, PostgreSQL and services that
log JSON. A clean file has nothing to mask: its addresses are private, its people and cards absent. Its last line alone
holds a token, so that who finds it has read to the end. In a file with findings every tenth line has one more.
"""

import random

HEX = "0123456789abcdef"
BASE36 = "abcdefghijklmnopqrstuvwxyz0123456789"
MIXED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
AGENTS = ["Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36",
          "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
          "curl/8.5.0", "kube-probe/1.29", "Prometheus/2.51.0"]
# What the last line of each file holds: a token that every leg knows.
PLANTED = "xoxb-" + "2048172631-Ab3dE6gH9jK2mN5pQ8rS1tV4"


class Logs:
    def __init__(self, seed):
        self.draw = random.Random(seed)
        self.kinds = [self.syslog, self.nginx, self.java, self.kubernetes, self.postgres, self.service]

    def below(self, count):
        return int(self.draw.random() * count)

    def text(self, letters, count):
        bits = self.draw.getrandbits(8 * count).to_bytes(count, "little")
        return "".join([letters[byte % len(letters)] for byte in bits])

    def hex(self, count):
        return f"{self.draw.getrandbits(4 * count):0{count}x}"

    def uuid(self):
        digits = self.hex(32)
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    def clock(self):
        second = self.below(86400)
        return f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"

    def date(self):
        return f"2026-{1 + self.below(12):02}-{1 + self.below(28):02}"

    def private(self):
        return f"10.{self.below(256)}.{self.below(256)}.{1 + self.below(254)}"

    def syslog(self):
        program, text = [
            ("systemd", f"Started session-{self.below(9999)}.scope - Session {self.below(9999)} of User deploy."),
            ("systemd", f"backup.service: Consumed {self.below(60)}.{self.below(1000):03}s CPU time."),
            ("kernel", f"[{self.below(99999)}.{self.below(10**6):06}] eth0: link is up, 1000 Mbps, full duplex"),
            ("sshd", f"Connection closed by {self.private()} port {1024 + self.below(60000)} [preauth]"),
            ("CRON", "pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)"),
            ("dhclient", f"DHCPACK of {self.private()} from {self.private()} (xid=0x{self.hex(8)})"),
        ][self.below(6)]
        return f"Nov {10 + self.below(18)} {self.clock()} web-{self.below(40)} {program}[{self.below(99999)}]: {text}"

    def nginx(self):
        path = ["/", "/healthz", f"/api/v1/orders/{self.below(10**6)}", f"/static/app.{self.hex(20)}.js",
                f"/search?q=shoes&page={self.below(50)}&sort=price", f"/api/v1/items/{self.uuid()}"][self.below(6)]
        return (f"{self.private()} - - [{1 + self.below(28):02}/Nov/2026:{self.clock()} +0000] \"GET {path} HTTP/1.1\" "
                f"{(200, 200, 200, 304, 404, 502)[self.below(6)]} {self.below(10**6)} \"-\" \"{AGENTS[self.below(5)]}\"")

    def java(self):
        stamp = f"{self.date()} {self.clock()},{self.below(1000):03}"
        if self.below(8) == 0:
            frames = "\n".join(
                f"\tat com.example.shop.order.{name}({name.split('.')[0]}.java:{self.below(900)})"
                for name in ("OrderService.place", "OrderController.create", "CartMapper.toEntity",
                             "TransactionInterceptor.invoke")[:1 + self.below(4)])
            return (f"{stamp} ERROR [http-nio-8080-exec-{self.below(200)}] c.e.s.OrderService - order "
                    f"{self.below(10**8)} failed\njava.lang.IllegalStateException: no stock left for item "
                    f"{self.below(10**6)}\n{frames}\n\t... {self.below(90)} more")
        text = [f"Order {self.below(10**8)} placed in {self.below(900)} ms",
                f"Cache orders hit ratio 0.{self.below(1000):03}, {self.below(10**6)} entries, {self.below(999)} evicted",
                f"HikariPool-1 - Pool stats (total={self.below(20)}, active={self.below(20)}, idle={self.below(20)})",
                f"Completed initialization in {self.below(999)} ms"][self.below(4)]
        return f"{stamp} INFO  [http-nio-8080-exec-{self.below(200)}] c.e.shop.order.OrderService - {text}"

    def kubernetes(self):
        pod = f"web-{self.hex(10)}-{self.text(BASE36, 5)}"
        text = [f"controller.go:{self.below(900)}] \"Reconciling\" controller=\"deployment\" namespace=\"shop\" "
                f"name=\"web\" reconcileID=\"{self.uuid()}\"",
                f"kubelet.go:{self.below(3000)}] \"SyncLoop (PLEG): event for pod\" pod=\"shop/{pod}\" "
                f"event={{\"ID\":\"{self.uuid()}\",\"Type\":\"ContainerStarted\",\"Data\":\"{self.hex(64)}\"}}",
                f"scheduler.go:{self.below(900)}] \"Successfully bound pod to node\" pod=\"shop/{pod}\" "
                f"node=\"node-{self.below(40)}\" evaluatedNodes={self.below(40)} feasibleNodes={self.below(40)}",
                f"httplog.go:{self.below(200)}] \"HTTP\" verb=\"GET\" URI=\"/readyz\" latency=\"{self.below(9)}."
                f"{self.below(1000):03}ms\" userAgent=\"kube-probe/1.29\" srcIP=\"{self.private()}:{self.below(60000)}\" "
                "resp=200"][self.below(4)]
        return f"I{1101 + self.below(28)} {self.clock()}.{self.below(10**6):06} {self.below(99999):7} {text}"

    def postgres(self):
        text = [f"LOG:  duration: {self.below(900)}.{self.below(1000):03} ms  statement: SELECT id, total FROM orders "
                f"WHERE customer_id = {self.below(10**6)} ORDER BY created_at DESC LIMIT 20",
                f"LOG:  checkpoint complete: wrote {self.below(9999)} buffers ({self.below(99)}.{self.below(9)}%); "
                f"write={self.below(270)}.{self.below(1000):03} s, sync=0.{self.below(1000):03} s, total="
                f"{self.below(270)}.{self.below(1000):03} s; distance={self.below(99999)} kB",
                f"ERROR:  duplicate key value violates unique constraint \"orders_pkey\"",
                f"LOG:  connection received: host={self.private()} port={self.below(60000)}"][self.below(4)]
        return f"{self.date()} {self.clock()}.{self.below(1000):03} UTC [{self.below(99999)}] shop@orders {text}"

    def service(self):
        return (f"{{\"time\":\"{self.date()}T{self.clock()}.{self.below(1000):03}Z\",\"level\":\"info\",\"service\":"
                f"\"checkout\",\"msg\":\"request completed\",\"method\":\"POST\",\"path\":\"/v1/carts/{self.below(10**6)}"
                f"/items\",\"status\":{(200, 201, 404)[self.below(3)]},\"duration_ms\":{self.below(900)}."
                f"{self.below(100):02},\"trace_id\":\"{self.hex(32)}\",\"span_id\":\"{self.hex(16)}\",\"user_id\":"
                f"{self.below(10**7)},\"bytes\":{self.below(10**6)}}}")

    def line(self):
        return self.kinds[self.below(6)]()

    def finding(self):
        """A line, and the value in it that must not be left."""
        value, text = [
            lambda: (name := f"{self.text(BASE36, 7)}x@example.com", f"mail sent to {name} in {self.below(90)} ms"),
            lambda: (card := self.card(), f"payment by {card} declined"),
            lambda: (word := self.text(MIXED, 14) + "7a", f"connecting with password={word} as shop"),
            lambda: (word := f"xoxb-{self.below(10**10):010}-{self.text(MIXED, 20)}7aB", f"slack: using {word}"),
            lambda: (word := "AKIA" + self.text(BASE36[:26], 16).upper(), f"aws client made with {word} in eu-west-1"),
            lambda: (word := self.text(MIXED, 32) + "9zQ", f"> Authorization: Bearer {word}"),
            lambda: (word := self.text(MIXED, 18) + "4d", f"{{\"user\":\"shop\",\"client_secret\":\"{word}\",\"n\":1}}"),
            lambda: (word := self.text(MIXED, 12), f"pool opened on postgres://shop:{word}@db-1:5432/orders"),
            lambda: (word := f"+41 79 {100 + self.below(900)} {10 + self.below(90)} {10 + self.below(90)}",
                     f"texted {word}"),
            lambda: (word := f"81.56.{self.below(256)}.{1 + self.below(254)}", f"denied, client {word} is unknown"),
        ][self.below(10)]()
        return value, f"{self.date()}T{self.clock()}Z WARN checkout[{self.below(99999)}]: {text}"

    def card(self):
        digits = "4" + f"{self.below(10**14):014}"
        total = sum(n if index % 2 else (n * 2 - 9 if n > 4 else n * 2) for index, n in enumerate(map(int, digits)))
        return digits + str(-total % 10)


def write(path, size, seed, with_findings):
    """Writes a file of at least `size` bytes. Returns how many lines it has, and the values that must not be left."""
    logs, written, lines, since, values = Logs(seed), 0, 1, 0, []
    with open(path, "w", encoding="ascii", buffering=1 << 20) as file:
        while written < size:
            text = logs.line()
            if with_findings and since >= 9:
                value, text = logs.finding()
                values.append(value)
                since = -1
            count = text.count("\n") + 1
            since += count
            lines += count
            written += file.write(text + "\n")
        file.write(f"slack: using {PLANTED}\n")
    return lines, [*values, PLANTED]
