"""Handlers that block, or keep a processor busy, beside a thread for each connection (bench/thread_per_connection.c).

Every figure is a ratio within a repetition, in which both servers have the same load one after the
other. A server that sometimes falls into a bad mode shows it in the worst repetition.
"""
import collections
import contextlib
import os
import statistics
import subprocess
import tempfile

from engine import CONNECTIONS, Server, in_turns, make_certificate

REPETITIONS = 20  # of a full run

SLEEPS_US = (100, 500, 1000, 2000, 3000, 10000)
SPINS_US = (50, 100, 500)
SLEEPS = {f"/sleep?us={us}": f"sleeps {us / 1000:g} ms" for us in SLEEPS_US}
SLEEPS["/varied"] = "sleeps 0.2 ms, one of ten 20 ms"
SPINS = {f"/spin?us={us}": f"spins {us} us" for us in SPINS_US}

RATE_KEPT = 0.8
RATE_KEPT_BUSY = 0.97
RATE_OF_WORST = 0.5
P99_OF_SLEEP = 3


@contextlib.contextmanager
def servers(build, tls):
    """Our server and the other one, with the same certificate if TLS is used."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        options = []
        scheme = "https://" if tls else ""
        if tls:
            certificate, key = make_certificate(folder)
            options = ["--certificate", certificate, "--key", key]
        bench = os.path.join(build, "bench")
        started = [
            Server([os.path.join(bench, "mixed"), "run", "--listen", scheme + "127.0.0.1:0", *options]),
            Server([os.path.join(bench, "thread_per_connection"), *options]),
        ]
        for server in started:
            stack.callback(server.stop)
        yield started


class Blocking:
    def __init__(self, build, rounds):
        self.build = build
        self.repetitions = REPETITIONS if rounds >= 5 else rounds
        self.results = []
        self.bars = [["bar", "limit", "is", "worst", ""]]

    def bar(self, title, limit, values, is_good, worst):
        value = statistics.median(values)
        holds = is_good(value, worst)
        self.bars.append([title, limit, f"{value:.2f}", f"{worst:.2f}", "holds" if holds else "MISSED"])

    def result(self, name, value, unit):
        self.results.append({"name": name, "value": round(value, 3), "unit": unit})

    def rates(self, tls):
        """Closed loop: as many requests as there are connections, all the time."""
        suffix = ", TLS" if tls else ""
        table = [[f"requests/s, {CONNECTIONS} connections{suffix}", "ours", "thread per connection", "ratio", "worst"]]
        runs = collections.defaultdict(lambda: ([], []))
        with servers(self.build, tls) as both:
            for _ in range(self.repetitions):
                for path in {**SLEEPS, **SPINS}:
                    for server, rates in zip(both, runs[path]):
                        rates.append(server.load(1, path=path).rate)
        for path, title in {**SLEEPS, **SPINS}.items():
            ours, other = runs[path]
            ratios = [a / b for a, b in zip(ours, other)]
            ratio, worst = in_turns(ours, other), min(ratios)
            table.append([title, *(f"{statistics.median(rates):,.0f}" for rates in runs[path]), f"{ratio:.2f}", f"{worst:.2f}"])
            name = "blocking" + path.translate(str.maketrans("/?=", "___")) + ("_tls" if tls else "")
            self.result(name, statistics.median(ours), "1/s")
            self.result(name + "_vs_thread_per_connection", ratio, "x")
            least = RATE_KEPT_BUSY if path in SPINS else RATE_KEPT
            self.bar(title + suffix, f">= {least:.2f}, worst >= {RATE_OF_WORST:.2f}", ratios,
                     lambda value, worst, least=least: value >= least and worst >= RATE_OF_WORST, worst)
        return table

    def latencies(self):
        """Open loop, at half of the rate that a thread per connection reaches in a closed loop."""
        table = [["open loop, half of that rate", "requests/s", "p50, ours", "p99, ours", "p99, thread per connection"]]
        program = os.path.join(self.build, "bench", "open_loop")
        with servers(self.build, False) as both:
            for path, title in SLEEPS.items():
                rate = statistics.median(both[1].load(1, path=path).rate for _ in range(3)) / 2
                runs = ([], [])
                for _ in range(self.repetitions):
                    for server, latencies in zip(both, runs):
                        out = subprocess.check_output(
                            [program, str(server.port), path, f"{rate:.0f}", "1", str(CONNECTIONS)], text=True)
                        latencies.append([float(cell) / 1000 for cell in out.split()[:2]])
                p50, p99 = (statistics.median(column) for column in zip(*runs[0]))
                other = statistics.median(p99 for _, p99 in runs[1])
                table.append([title, f"{rate:,.0f}", f"{p50:.2f} ms", f"{p99:.2f} ms", f"{other:.2f} ms"])
                self.result("open_loop" + path.translate(str.maketrans("/?=", "___")) + "_p99", p99, "ms")
                sleep_ms = 20 if path == "/varied" else int(path.partition("=")[2]) / 1000
                ratios = [p99 / sleep_ms for _, p99 in runs[0]]
                self.bar(f"p99 / sleep, {title}", f"<= {P99_OF_SLEEP:.2f}", ratios, lambda value, _: value <= P99_OF_SLEEP, max(ratios))
        return table


def report(build, rounds):
    """The results, and tables of what was measured and of the bars."""
    blocking = Blocking(build, rounds)
    tables = [blocking.rates(False), blocking.rates(True), blocking.latencies(), blocking.bars]
    return blocking.results, tables
