#!/usr/bin/python3
"""What it costs a server of another project to measure its requests: servers.py [BUILD [ROUNDS]]

Measures the examples of examples/servers that answer HTTP; FastCGI's does not. In each round, an
example is started twice, with its metrics and with --untracked, and wrk loads the two in turns of a
second: GET /hello on kept connections. Two processes of the same program may differ by some percent
for as long as they live, so each round has new ones. A figure is the CPU time of all threads of a
process divided by its requests. The cost of tracking is the median of the ratios of neighbouring
turns. A server that was not built is left out.
"""
import collections
import contextlib
import os
import random
import re
import statistics
import subprocess
import sys
import time

from engine import Server, in_turns

BAR = 1.05
CONNECTIONS = 16
TURNS = 2  # in a round
SIDES = {
    "microhttpd": "libmicrohttpd, a polling thread with select",
    "microhttpd poll": "libmicrohttpd, a polling thread with poll",
    "microhttpd pool": "libmicrohttpd, a pool with epoll",
    "microhttpd connection": "libmicrohttpd, a thread for each connection",
    "microhttpd select": "libmicrohttpd, the program's loop with select",
    "microhttpd epoll": "libmicrohttpd, the program's loop with epoll",
    "evhttp": "libevent's evhttp",
    "civetweb": "civetweb",
    "ulfius": "ulfius",
}


class Example(Server):
    """One of examples/servers, which prints its address alone."""

    def __init__(self, command):  # pylint: disable=super-init-not-called
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        match = re.fullmatch(r"http://127\.0\.0\.1:(\d+)\n", line)
        if match is None:
            sys.exit(f"bench: {' '.join(command)} printed {line!r}")
        self.port = int(match.group(1))

    def cpu_seconds(self):
        """Of all threads, those that have ended included: clock_getcpuclockid(3)."""
        return time.clock_gettime(~self.process.pid << 3 | 2)


@contextlib.contextmanager
def serve(command):
    server = Example(command)
    try:
        yield server
    finally:
        server.stop()


def measure(command, rounds):
    """CPU microseconds of a request in each turn, tracked and untracked."""
    name, *mode = command
    commands = {"tracked": [name, *mode], "untracked": [name, "--untracked", *mode]}
    runs = collections.defaultdict(list)
    for _ in range(rounds):
        with contextlib.ExitStack() as stack:
            sides = random.sample(list(commands), len(commands))
            servers = {side: stack.enter_context(serve(commands[side])) for side in sides}
            for server in servers.values():
                server.load(1, connections=CONNECTIONS, path="/hello")
            for _ in range(TURNS):
                for side in random.sample(sides, len(sides)):
                    runs[side].append(servers[side].cpu_us(1, connections=CONNECTIONS, path="/hello"))
    return runs["tracked"], runs["untracked"]


def report(build, rounds):
    """The results, and a table."""
    results = []
    table = [["CPU of a request, us", "untracked", "tracked", f"ratio (bar: at most {BAR})", ""]]
    for side, title in SIDES.items():
        name, *mode = side.split()
        program = os.path.join(build, "examples", "servers", name)
        if not os.path.exists(program):
            continue
        tracked, untracked = measure([program, *mode], rounds)
        ratio = in_turns(tracked, untracked)
        key = side.replace(" ", "_")
        for kind, figures in (("tracked", tracked), ("untracked", untracked)):
            results.append({"name": f"{key}_{kind}_cpu", "unit": "us",
                            "value": round(statistics.median(figures), 3)})
        results.append({"name": f"{key}_tracking_cost", "value": round(ratio, 3), "unit": "x"})
        table.append([title, f"{statistics.median(untracked):.2f}", f"{statistics.median(tracked):.2f}",
                      f"{ratio:.3f}", "holds" if ratio <= BAR else "MISSED"])
    return results, [table]


def main():
    build = sys.argv[1] if len(sys.argv) > 1 else "build"
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    table = report(build, rounds)[1][0]
    widths = [max(map(len, column)) for column in zip(*table)]
    for row in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


if __name__ == "__main__":
    main()
