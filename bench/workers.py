#!/usr/bin/python3
"""Worker processes: what they cost, and how soon a dead one is replaced: workers.py [BUILD [ROUNDS [SECONDS]]]

Prints its tables in Markdown, for docs/benchmarks.md. Sides take turns, as in engine.py.
"""
import collections
import contextlib
import http.client
import os
import random
import signal
import statistics
import sys
import time

import clients
from engine import CONNECTIONS, find_nginx, in_turns, serve, serve_nginx

SHARED = ("env", "SHARED_REGISTRY=1")
SHARED_COST = 1.05
SHARED_CASES = {  # of bench/metrics.c, in nanoseconds
    "counter_1": "counter inc",
    "histogram_1": "histogram observe",
    "lookup_1": "look-up by 3 labels and inc",
}
ROWS = (1, 4, 64)
SPARSE_GROWTH = 0.01  # of what it would be if a scrape made all cells resident
SPARSE_CELLS_BYTES = 64 * 100_000 * 8
DEATHS = 10  # a round
LIFE_SECONDS = .3  # a worker that dies after 200 ms is replaced at once
RESTART_MS = 50


class Workers:
    def __init__(self, build, rounds, seconds):
        self.build, self.rounds, self.seconds = build, rounds, seconds
        self.results = []
        self.bars = [["bar", "limit", "is", ""]]

    def result(self, name, value, unit):
        self.results.append({"name": name, "value": round(value, 3), "unit": unit})

    def bar(self, title, limit, value, holds):
        self.bars.append([title, limit, f"{value:.2f}", "holds" if holds else "MISSED"])

    # ---- requests ----

    def servers(self):
        hello = (os.path.join(self.build, "examples", "hello"), "run", "--listen", "127.0.0.1:0")
        sides = {
            "threads": ("hello, threads only", lambda: serve(*hello)),
            "workers_1": ("hello, 1 worker", lambda: serve(*hello, "--workers", "1")),
            "workers_2": ("hello, 2 workers", lambda: serve(*hello, "--workers", "2")),
        }
        nginx = find_nginx(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        if nginx is not None:
            sides["nginx_1"] = ("nginx, 1 worker, a constant", lambda: serve_nginx(nginx, 1))
            sides["nginx_2"] = ("nginx, 2 workers, a constant", lambda: serve_nginx(nginx, 2))
        return sides

    def load_in_turns(self, sides):
        """{side: (rates, CPU microseconds of a request)} of turns of a second."""
        runs = collections.defaultdict(lambda: ([], []))
        for _ in range(self.rounds):
            with contextlib.ExitStack() as stack:
                servers = {side: stack.enter_context(start()) for side, start in sides.items()}
                for server in servers.values():
                    server.load(1)
                for _ in range(2 * self.seconds):
                    for side in random.sample(list(servers), len(servers)):
                        before = servers[side].cpu_seconds()
                        load = servers[side].load(1)
                        runs[side][0].append(load.rate)
                        runs[side][1].append((servers[side].cpu_seconds() - before) / load.requests * 1e6)
        return runs

    def requests(self):
        sides = self.servers()
        runs = self.load_in_turns({side: start for side, (_, start) in sides.items()})
        table = [[f"{CONNECTIONS} connections", "requests/s", "to threads only", "CPU of a request, us", "to threads only"]]
        for side, (title, _) in sides.items():
            rates, costs = runs[side]
            rate_ratio, cost_ratio = in_turns(rates, runs["threads"][0]), in_turns(costs, runs["threads"][1])
            table.append([title, f"{statistics.median(rates):,.0f}", f"{rate_ratio:.2f}",
                          f"{statistics.median(costs):.2f}", f"{cost_ratio:.2f}"])
            self.result(f"workers_rate_{side}", statistics.median(rates), "1/s")
            self.result(f"workers_cpu_{side}", statistics.median(costs), "us")
            self.result(f"workers_rate_{side}_vs_threads", rate_ratio, "x")
            self.result(f"workers_cpu_{side}_vs_threads", cost_ratio, "x")
        return table

    # ---- a shared registry beside a private one ----

    def shared_registry(self):
        table = [["shared registry beside a private one", "private", "shared", "ratio"]]
        mixed = (os.path.join(self.build, "bench", "mixed"), "run", "--listen", "127.0.0.1:0")
        runs = self.load_in_turns({"private": lambda: serve(*mixed), "shared": lambda: serve(*SHARED, *mixed)})
        self.compare(table, "request", "CPU of a request, us", runs["private"][1], runs["shared"][1], "us")
        metrics = os.path.join(self.build, "bench", "metrics")
        for case, title in SHARED_CASES.items():
            private, shared = [], []
            for _ in range(self.rounds):
                private.append(clients.run([metrics], case)["update"][0])
                shared.append(clients.run([*SHARED, metrics], case)["update"][0])
            self.compare(table, case, f"{title}, ns", private, shared, "ns")
        return table

    def compare(self, table, name, title, private, shared, unit):
        ratio = in_turns(shared, private)
        table.append([title, f"{statistics.median(private):.2f}", f"{statistics.median(shared):.2f}", f"{ratio:.2f}"])
        self.result(f"shared_{name}", statistics.median(shared), unit)
        self.result(f"shared_{name}_vs_private", ratio, "x")
        self.bar(f"{title.partition(',')[0]}, shared / private", f"<= {SHARED_COST:.2f}", ratio, ratio <= SHARED_COST)

    # ---- pages of a shared registry ----

    def pages(self):
        metrics = [*SHARED, os.path.join(self.build, "bench", "metrics")]
        table = [["a page of a shared registry, 100,000 counters", ""]]
        for rows in ROWS:
            ms = statistics.median(clients.run(metrics, f"rows_{rows}")["scrape"][0] for _ in range(self.rounds)) / 1e6
            table.append([f"{rows} row{'s' * (rows > 1)} touched, all cells of each", f"{ms:.2f} ms"])
            self.result(f"shared_scrape_{rows}_rows", ms, "ms")
        runs = [clients.run(metrics, "sparse") for _ in range(self.rounds)]
        before, growth = (statistics.median(run[what][0] for run in runs) for what in ("before", "growth"))
        table.append(["64 rows touched, a cell of each: resident before the page", f"{before / 1024:,.0f} KiB"])
        table.append(["the same: what the page makes resident besides", f"{growth / 1024:,.0f} KiB"])
        self.result("shared_sparse_growth", growth, "bytes")
        share = growth / SPARSE_CELLS_BYTES
        self.bar("sparse rows: made resident by a page / all cells", f"<= {SPARSE_GROWTH:.2f}", share, share <= SPARSE_GROWTH)
        return table

    # ---- deaths ----

    def deaths(self):
        """Milliseconds from the death of the only worker until a request is answered."""
        waits = []
        hello = os.path.join(self.build, "examples", "hello")
        for _ in range(self.rounds):
            with serve(hello, "run", "--listen", "127.0.0.1:0", "--workers", "1") as server:
                for _ in range(DEATHS):
                    ask(server.port)
                    time.sleep(LIFE_SECONDS)
                    worker = server.processes()[1]
                    killed = time.monotonic()
                    os.kill(worker, signal.SIGKILL)
                    ask(server.port, retries=True)
                    waits.append((time.monotonic() - killed) * 1000)
        median, worst = statistics.median(waits), max(waits)
        self.result("restart_median", median, "ms")
        self.result("restart_worst", worst, "ms")
        self.bar("until a killed worker serves again, ms", f"<= {RESTART_MS}", median, median <= RESTART_MS)
        return [["from kill -9 of the only worker to the next answer", "median", f"worst of {len(waits)}"],
                ["", f"{median:.1f} ms", f"{worst:.1f} ms"]]


def ask(port, retries=False):
    """Gets an answer. A process that has been killed may have accepted the connection before."""
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        try:
            connection.request("GET", "/")
            return connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            if not retries:
                raise
        finally:
            connection.close()


def report(build, rounds, seconds):
    """The results, and tables of what was measured and of the bars."""
    workers = Workers(build, rounds, seconds)
    tables = [workers.requests(), workers.shared_registry(), workers.pages(), workers.deaths(), workers.bars]
    return workers.results, tables


def main():
    build = sys.argv[1] if len(sys.argv) > 1 else "build"
    rounds, seconds = (int(argument) for argument in (sys.argv[2:4] + ["5", "2"][len(sys.argv[2:4]):]))
    for table in report(build, rounds, seconds)[1]:
        print("| " + " | ".join(table[0]) + " |\n" + "|---" * len(table[0]) + "|")
        for row in table[1:]:
            print("| " + " | ".join(row) + " |")
        print()


if __name__ == "__main__":
    main()
