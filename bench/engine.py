"""The engine's proof: what a request costs beside other servers, and what bad clients do to good ones.

Every figure is a median of rounds in which the sides take turns. No process is pinned. The load is
wrk's, one thread of it. A server that is not there is left out.
"""
import collections
import contextlib
import http.client
import os
import random
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

CONNECTIONS = 64
GOOD_CONNECTIONS = 16
SLEEPERS = 40
SLEEP_MS = 950
SLOW_CLIENTS = 1000
IDLE_CLIENTS = 10000
SPARE_DESCRIPTORS = 200  # of a server or a crowd, besides its connections
PROCESSORS = len(os.sched_getaffinity(0))

# What curl 7.88 and Chromium 130 (a page that is typed into its address line) send besides Host.
HEADERS = {
    "curl": ["User-Agent: curl/7.88.1", "Accept: */*"],
    "browser": [
        "Connection: keep-alive",
        'sec-ch-ua: "Chromium";v="130", "Not?A_Brand";v="99"',
        "sec-ch-ua-mobile: ?0",
        'sec-ch-ua-platform: "Linux"',
        "Upgrade-Insecure-Requests: 1",
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/130.0.0.0 Safari/537.36",
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,"
        "image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7",
        "Sec-Fetch-Site: none",
        "Sec-Fetch-Mode: navigate",
        "Sec-Fetch-User: ?1",
        "Sec-Fetch-Dest: document",
        "Accept-Encoding: gzip, deflate, br, zstd",
        "Accept-Language: en-US,en;q=0.9",
    ],
}

# Workers that need no files; keepalive_requests is 1,000 by default, after which nginx closes.
NGINX_CONF = """
daemon off;
worker_processes {workers};
error_log stderr;
pid nginx.pid;
events {{ use epoll; worker_connections {connections}; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    default_type application/json;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {{
        listen 127.0.0.1:{port} backlog=4096 {tls};
        {certificate}
        location /file {{ root {folder}; }}
        location / {{ return 200 '{{"hello":"world"}}'; }}
    }}
}}
"""

Load = collections.namedtuple("Load", "requests rate p50_ms p99_ms")


class Server:
    """A process that answers on `port` until it is stopped; it prints where, unless it is told."""

    scheme = "http"

    def __init__(self, command, port=None, folder=None):
        out = subprocess.PIPE if port is None else subprocess.DEVNULL
        self.process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL, text=True, cwd=folder)
        if port is None:
            line = self.process.stdout.readline()
            self.scheme, port = re.search(r"listening on (https?)://127\.0\.0\.1:(\d+)", line).groups()
        self.port = int(port)
        self.wait_until_it_listens()

    def wait_until_it_listens(self):
        while self.process.poll() is None:
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            time.sleep(0.01)
        sys.exit(f"bench: {self.process.args[0]} does not start")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        if self.process.stdout:
            self.process.stdout.close()

    def processes(self):
        """That which was started, and its workers."""
        pid = self.process.pid
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
            return [pid, *map(int, children.read().split())]

    def cpu_seconds(self):
        ticks = 0
        for pid in self.processes():
            with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
                fields = stat.read().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self):
        pages = 0
        for pid in self.processes():
            with open(f"/proc/{pid}/statm", encoding="ascii") as statm:
                pages += int(statm.read().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def load(self, seconds, headers="curl", connections=CONNECTIONS, path="/", closes=False):
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
        for header in HEADERS[headers] + ["Connection: close"] * closes:
            command += ["-H", header]
        out = subprocess.check_output(command + [f"{self.scheme}://127.0.0.1:{self.port}{path}"], text=True)
        if "Non-2xx" in out or "Socket errors" in out:
            sys.exit(f"bench: {self.process.args[0]} answered with errors:\n{out}")
        return Load(
            int(re.search(r"(\d+) requests in", out).group(1)),
            float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)),
            percentile_ms(out, 50),
            percentile_ms(out, 99),
        )

    def cpu_us(self, seconds, headers="curl", **options):
        """CPU microseconds of a request, at full load."""
        before = self.cpu_seconds()
        requests = self.load(seconds, headers, **options).requests
        return (self.cpu_seconds() - before) / requests * 1e6


def percentile_ms(out, percent):
    number, unit = re.search(rf"{percent}%\s+([\d.]+)(us|ms|s)\b", out).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


@contextlib.contextmanager
def serve(*command):
    server = Server(command)
    try:
        yield server
    finally:
        server.stop()


def make_certificate(folder):
    """Makes a certificate and its key; returns their paths."""
    certificate, key = os.path.join(folder, "certificate"), os.path.join(folder, "key")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-batch"]
    command += ["-subj", "/CN=localhost", "-out", certificate, "-keyout", key]
    subprocess.run(command, check=True, capture_output=True)
    os.chmod(key, 0o644)  # nginx's workers
    return certificate, key


@contextlib.contextmanager
def serve_nginx(program, workers, folder="/nonexistent", certificate=None):
    """nginx cannot tell which port it was given, so it gets one that was free just now.

    `folder` has what it serves as /file; `certificate` is that and its key."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as prefix:
        conf = os.path.join(prefix, "nginx.conf")
        with open(conf, "w", encoding="ascii") as out:
            tls = "ssl_certificate {}; ssl_certificate_key {}; ssl_protocols TLSv1.2 TLSv1.3;".format(*certificate) if certificate else ""
            out.write(NGINX_CONF.format(
                workers=workers, port=port, connections=IDLE_CLIENTS + SPARE_DESCRIPTORS, folder=folder,
                tls="ssl" if certificate else "", certificate=tls))
        server = Server([program, "-p", prefix, "-c", conf, "-e", "stderr"], port)
        server.scheme = "https" if certificate else "http"
        try:
            yield server
        finally:
            server.stop()


def find_nginx(source):
    """That of scripts/unpack, or an installed one; None where neither runs."""
    for program in (os.path.join(source, "build", "unpacked", "usr", "sbin", "nginx"), shutil.which("nginx")):
        if program and os.path.exists(program) and subprocess.run([program, "-v"], capture_output=True, check=False).returncode == 0:
            return program
    return None


@contextlib.contextmanager
def crowd(program, kind, count, port):
    """bench/crowd.c: clients that are slow or idle."""
    command = [program, kind, str(count), str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if process.stdout.readline() != "ready\n":
            sys.exit(f"bench: {' '.join(command)} failed")
        yield
        process.stdin.close()


def sleep_over_and_over(port, done):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    while not done.is_set():
        connection.request("GET", f"/sleep?us={SLEEP_MS * 1000}")
        connection.getresponse().read()
    connection.close()


@contextlib.contextmanager
def sleepers(count, port):
    done = threading.Event()
    threads = [threading.Thread(target=sleep_over_and_over, args=(port, done)) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()


def in_turns(figures, references):
    """How much a figure is of its reference: the median of what it was in each turn."""
    return statistics.median(a / b for a, b in zip(figures, references))


class Proof:
    def __init__(self, build, rounds, seconds):
        self.rounds = rounds
        self.seconds = seconds
        self.results = []
        self.bars = [["bar", "limit", "is", ""]]
        self.crowd = os.path.join(build, "bench", "crowd")
        self.mixed = [os.path.join(build, "bench", "mixed"), "run", "--listen", "127.0.0.1:0"]
        hello = [os.path.join(build, "examples", "hello"), "run", "--listen", "127.0.0.1:0", "--threads"]
        self.hello = {f"threads_{count}": lambda count=count: serve(*hello, str(count)) for count in (1, 2, 8, 64)}
        self.peers = self.find_peers(build)

    @staticmethod
    def find_peers(build):
        bench = os.path.join(build, "bench")
        programs = {
            "raw_epoll": ["raw_epoll"],
            "microhttpd": ["microhttpd"],
            "microhttpd_pool": ["microhttpd", "--threads", str(PROCESSORS)],
            "go": ["golang_server"],
        }
        peers = {}
        for side, (name, *arguments) in programs.items():
            path = os.path.join(bench, name)
            if os.path.exists(path):
                peers[side] = lambda command=(path, *arguments): serve(*command)
        nginx = find_nginx(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        if nginx is not None:
            peers["nginx"] = lambda: serve_nginx(nginx, 1)
            peers["nginx_workers"] = lambda: serve_nginx(nginx, PROCESSORS)
        return peers

    def result(self, name, value, unit):
        self.results.append({"name": name, "value": round(value, 3), "unit": unit})

    def bar(self, title, value, at_most=None, at_least=None):
        holds = value <= at_most if at_least is None else value >= at_least
        limit = f"<= {at_most:.2f}" if at_least is None else f">= {at_least:.2f}"
        self.bars.append([title, limit, f"{value:.2f}", "holds" if holds else "MISSED"])

    # ---- CPU of a request ----

    def costs(self):
        """What a request costs in each server, with each size of header."""
        runs = collections.defaultdict(list)
        for _ in range(self.rounds):
            with contextlib.ExitStack() as stack:
                sides = {**self.peers, **self.hello}
                servers = {side: stack.enter_context(start()) for side, start in sides.items()}
                for server in servers.values():
                    server.load(1)
                # In turns of a second: the machine is seldom as busy a minute later.
                for headers in HEADERS:
                    for _ in range(2 * self.seconds):
                        for side in random.sample(list(servers), len(servers)):
                            runs[side, headers].append(servers[side].cpu_us(1, headers))
        titles = {
            "raw_epoll": "raw epoll, 1 thread",
            "nginx": "nginx, 1 worker, a constant",
            "nginx_workers": f"nginx, {PROCESSORS} workers, a constant",
            "microhttpd": "libmicrohttpd, 1 thread, a constant",
            "microhttpd_pool": f"libmicrohttpd, pool of {PROCESSORS}, a constant",
            "go": "Go net/http, JSON, client_golang",
        }
        titles.update({f"threads_{count}": f"hello, {count} threads, JSON, tracked" for count in (1, 2, 8, 64)})
        table = [[f"CPU of a request, us, {CONNECTIONS} connections", "curl's headers", "browser's headers", "to raw epoll", "browser's"]]
        for side, title in titles.items():
            if (side, "curl") in runs:
                cells = [statistics.median(runs[side, headers]) for headers in HEADERS]
                cells += [in_turns(runs[side, headers], runs["raw_epoll", headers]) for headers in HEADERS]
                table.append([title] + [f"{cell:.2f}" for cell in cells])
        self.compare_costs(runs)
        return table

    def compare_costs(self, runs):
        limits = {"raw_epoll": 1.5, "nginx": 1, "nginx_workers": 1, "go": 0.5}
        for headers in HEADERS:
            name = "request_cpu" if headers == "curl" else f"request_cpu_{headers}"
            ours = runs["threads_64", headers]
            self.result(name, statistics.median(ours), "us")
            for side in self.peers:
                ratio = in_turns(ours, runs[side, headers])
                self.result(f"{name}_{side}", statistics.median(runs[side, headers]), "us")
                self.result(f"{name}_cost_vs_{side}", ratio, "x")
                if side in limits:
                    self.bar(f"hello / {side}, {headers}'s headers", ratio, limits[side])
        costs = {side: statistics.median(runs[side, "curl"]) for side in self.hello}
        for side, cost in costs.items():
            self.result(f"request_cpu_{side}", cost, "us")
        ratio = costs["threads_64"] / min(costs.values())
        self.result("request_cpu_threads_64_vs_best", ratio, "x")
        self.bar("64 threads / the best number of them", ratio, 1.15)

    # ---- good clients beside bad ones ----

    def loads(self, disturb, connections):
        """Loads alone, and as many that are disturbed."""
        runs = ([], [])
        for _ in range(self.rounds):
            for disturbed, figures in enumerate(runs):
                with serve(*self.mixed) as server:
                    with disturb(server.port) if disturbed else contextlib.nullcontext():
                        server.load(1, connections=connections)
                        figures.append(server.load(self.seconds, connections=connections))
        return runs

    def good_clients(self):
        asleep = self.loads(lambda port: sleepers(SLEEPERS, port), CONNECTIONS)
        slow = self.loads(lambda port: crowd(self.crowd, "slow", SLOW_CLIENTS, port), GOOD_CONNECTIONS)
        table = [["a fast route", "requests/s", "p50", "p99"]]
        for name, title, loads in (
            ("awake", f"{CONNECTIONS} connections, alone", asleep[0]),
            ("asleep", f"the same, while {SLEEPERS} of 64 handlers sleep", asleep[1]),
            ("alone", f"{GOOD_CONNECTIONS} connections, alone", slow[0]),
            ("slow", f"the same, beside {SLOW_CLIENTS:,} slow clients", slow[1]),
        ):
            load = Load(*map(statistics.median, zip(*loads)))
            table.append([title, f"{load.rate:,.0f}", f"{load.p50_ms:.2f} ms", f"{load.p99_ms:.2f} ms"])
            self.result(f"fast_route_{name}_rate", load.rate, "1/s")
            self.result(f"fast_route_{name}_p50", load.p50_ms, "ms")
            self.result(f"fast_route_{name}_p99", load.p99_ms, "ms")
        kept = in_turns([load.rate for load in asleep[1]], [load.rate for load in asleep[0]])
        self.result("fast_route_rate_kept_with_sleepers", kept, "x")
        self.bar(f"rate with {SLEEPERS} handlers asleep / without", kept, at_least=0.9)
        slower = in_turns([load.p99_ms for load in slow[1]], [load.p99_ms for load in slow[0]])
        self.result("fast_route_p99_beside_slow_clients", slower, "x")
        self.bar(f"p99 beside {SLOW_CLIENTS:,} slow clients / without", slower, 3)
        return table

    # ---- memory ----

    def idle_memory(self):
        """Resident bytes of a connection that is kept alive for nothing; the kernel's are not in it."""
        count = min(IDLE_CLIENTS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE_DESCRIPTORS)
        sides = {"hello": self.hello["threads_64"]}
        sides.update({side: self.peers[side] for side in ("nginx", "go") if side in self.peers})
        runs = collections.defaultdict(list)
        for _ in range(self.rounds):
            for side, start in sides.items():
                with start() as server:
                    server.load(1)
                    before = server.resident_bytes()
                    with crowd(self.crowd, "idle", count, server.port):
                        runs[side].append((server.resident_bytes() - before) / count)
        table = [[f"memory of one of {count:,} idle connections", "bytes"]]
        for side, figures in runs.items():
            value = statistics.median(figures)
            self.result("idle_connection_bytes" + ("" if side == "hello" else f"_{side}"), value, "bytes")
            table.append([side, f"{value:,.0f}"])
        return table


def report(build, rounds, seconds):
    """The results, and tables of what was measured and of the bars."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    proof = Proof(build, rounds, seconds)
    tables = [proof.costs(), proof.good_clients(), proof.idle_memory(), proof.bars]
    return proof.results, tables
