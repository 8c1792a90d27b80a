"""The memory that clients make the engine hold, what is left of it, and what large bodies cost.

bench/bodies.c serves, with TLS and without. Growth is by resident memory, the peak of which the
kernel keeps. CPU times are those of all threads of the server, by the scheduler's clock.
"""
import contextlib
import os
import re
import resource
import socket
import ssl
import statistics
import subprocess
import tempfile
import time

import engine

MIB = 1 << 20
BUFFERED_BYTES = 256 * MIB
UPLOADS = 600
UPLOAD_BYTES = 1_000_000
HEADERS = 8000
HEADER_BYTES = 31_000
STREAMS = 5000
SERIES = 1_000_000
SPARE_DESCRIPTORS = 200
SIZES_MIB = (1, 10, 100)
MIB_PER_RUN = 100
QUIET_SECONDS = 5  # after a load, until memory that is kept for reuse must have gone back

NGINX_CONF = """
daemon off;
worker_processes 1;
error_log stderr;
pid nginx.pid;
events {{ use epoll; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    client_max_body_size 0;
    client_body_buffer_size 128m;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{other_port};
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
        }}
    }}
    server {{
        listen 127.0.0.1:{other_port};
        location / {{ return 200 '{{"size":1}}'; }}
    }}
}}
"""


class Bodies:
    """bench/bodies.c, serving until it is stopped."""

    def __init__(self, build, series=0, held_mib=0, files=()):
        command = [os.path.join(build, "bench", "bodies"), "serve", str(series), str(held_mib), *files]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.port = int(re.search(r":(\d+)$", self.process.stdout.readline().strip()).group(1))
        self.pids = [self.process.pid]

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.terminate()
        self.process.wait(30)
        self.process.stdout.close()

    def status(self, key):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith(key + ":"))

    def reset_peak(self):
        with open(f"/proc/{self.process.pid}/clear_refs", "w", encoding="ascii") as out:
            out.write("5")

    def page_faults(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as stat:
            return int(stat.read().rpartition(")")[2].split()[7])


def cpu_us(pids):
    """CPU microseconds of all threads; no thread may have ended since the last call."""
    ns = 0
    for pid in pids:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as schedstat:
                ns += int(schedstat.read().split()[0])
    return ns / 1000


# ---- what is held, and what is left ----


def connect(port, context):
    client = socket.create_connection(("127.0.0.1", port))
    # Reset at the end, so that thousands of ports are not kept from the next load.
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    return client if context is None else context.wrap_socket(client)


def say(client, *parts):
    with contextlib.suppress(OSError):  # the server closes who holds too much
        for part in parts:
            client.sendall(part)
    return client


def connect_and_say(port, context, *parts):
    with contextlib.suppress(OSError):
        return say(connect(port, context), *parts)
    return None


def uploads(port, context, count):
    head = b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n"
    data = b"x" * UPLOAD_BYTES
    return [connect_and_say(port, context, head, data) for _ in range(count)]


def headers(port, context, count):
    line = b"X-Slow: " + b"x" * 7700 + b"\r\n"
    data = (b"GET / HTTP/1.1\r\nHost: a\r\n" + line * 5)[:HEADER_BYTES]
    return [connect_and_say(port, context, data) for _ in range(count)]


def streams(port, context, count):
    request = b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n"
    clients = [connect_and_say(port, context, request) for _ in range(count)]
    for client in clients:
        with contextlib.suppress(OSError):
            if client is not None:
                client.recv(1000)
    return clients


LOADS = (
    ("uploads", uploads, UPLOADS, 10, f"10 times {UPLOADS} bodies that stop after 1 MB"),
    ("headers", headers, HEADERS, 2, f"2 times {HEADERS:,} headers that stop after 31 KB"),
    ("streams", streams, STREAMS, 5, f"5 times {STREAMS:,} streams of events"),
)


def run_load(server, load, count, times, context):
    """The largest growth of the process, and the growth that is left afterwards."""
    before = server.status("VmRSS")
    server.reset_peak()
    for _ in range(times):
        for client in load(server.port, context, count):
            if client is not None:
                client.close()
        time.sleep(1)
    growth = server.status("VmHWM") - before
    time.sleep(QUIET_SECONDS)
    return growth, server.status("VmRSS") - before


def trusting_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def held(proof, build):
    table = [["memory, MiB, buffered_bytes is 256", "growth", "left", "with TLS", "left"]]
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE_DESCRIPTORS
    with tempfile.TemporaryDirectory() as folder:
        sides = (("", (), None), ("_tls", engine.make_certificate(folder), trusting_context()))
        for name, load, count, times, title in LOADS:
            cells = []
            for suffix, files, context in sides:
                with Bodies(build, held_mib=BUFFERED_BYTES // MIB, files=files) as server:
                    growth, left = run_load(server, load, min(count, most), 1 if files else times, context)
                proof.result(f"memory_{name}_growth{suffix}", growth / MIB, "MiB")
                proof.result(f"memory_{name}_left{suffix}", left / MIB, "MiB")
                proof.bar(f"{name}{' with TLS' if suffix else ''}: growth / buffered_bytes", growth / BUFFERED_BYTES, 1.3)
                if not files:  # what OpenSSL took from malloc is malloc's
                    proof.bar(f"{name}: MiB that are left", left / MIB, 32)
                cells += [f"{growth / MIB:.0f}", f"{left / MIB:.0f}"]
            table.append([title, *cells])
    return table


# ---- uploads ----


class Nginx:
    """Reads a body into one buffer in memory, then asks a server of its own, without it."""

    def __init__(self, program):
        self.program = program

    def __enter__(self):
        self.stack = contextlib.ExitStack()
        prefix = self.stack.enter_context(tempfile.TemporaryDirectory())
        with socket.socket() as probe, socket.socket() as other_probe:
            probe.bind(("127.0.0.1", 0))
            other_probe.bind(("127.0.0.1", 0))
            self.port, other_port = probe.getsockname()[1], other_probe.getsockname()[1]
        conf = os.path.join(prefix, "nginx.conf")
        with open(conf, "w", encoding="ascii") as out:
            out.write(NGINX_CONF.format(port=self.port, other_port=other_port))
        server = engine.Server([self.program, "-p", prefix, "-c", conf, "-e", "stderr"], self.port)
        self.stack.callback(server.stop)
        self.pids = server.processes()
        return self

    def __exit__(self, *unused):
        self.stack.close()


def upload_once(client, data):
    client.sendall(b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(data))
    client.sendall(data)
    answer = client.recv(65536)
    if b" 200 " not in answer or b'"size":' not in answer:
        raise RuntimeError(f"an upload was answered with {answer!r}")


def upload_cost(server, client, size_mib):
    """CPU microseconds of the server for a MiB."""
    data = b"x" * (size_mib * MIB)
    upload_once(client, data)
    before = cpu_us(server.pids)
    for _ in range(MIB_PER_RUN // size_mib):
        upload_once(client, data)
    return (cpu_us(server.pids) - before) / MIB_PER_RUN


def upload_costs(proof, build, rounds):
    program = engine.find_nginx(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    sides = {"sextant": Bodies(build), **({"nginx": Nginx(program)} if program else {})}
    runs = {(side, size): [] for side in (*sides, "raw_receive") for size in SIZES_MIB}
    with contextlib.ExitStack() as stack:
        servers = {side: stack.enter_context(server) for side, server in sides.items()}
        for _ in range(2 * rounds + 1):
            bare = subprocess.check_output([os.path.join(build, "bench", "raw_receive"), *map(str, SIZES_MIB)], text=True)
            for size, cost in zip(SIZES_MIB, bare.split()):
                runs["raw_receive", size].append(float(cost))
            for size in SIZES_MIB:
                for side, server in servers.items():
                    with socket.create_connection(("127.0.0.1", server.port)) as client:
                        runs[side, size].append(upload_cost(server, client, size))
    table = [["CPU of an upload, us a MiB", *(f"{size} MiB" for size in SIZES_MIB)]]
    for side in (*sides, "raw_receive"):
        medians = [statistics.median(runs[side, size]) for size in SIZES_MIB]
        for size, value in zip(SIZES_MIB, medians):
            proof.result(f"upload_{size}_mib{'' if side == 'sextant' else '_' + side}", value, "us/MiB")
        table.append([side, *(f"{value:.0f}" for value in medians)])
    # Bytes that are received into the caches cost less than those that go to memory, in any server.
    linear, bare = (engine.in_turns(runs[side, SIZES_MIB[-1]], runs[side, SIZES_MIB[0]]) for side in ("sextant", "raw_receive"))
    proof.result("upload_100_mib_vs_1", linear, "x")
    proof.result("raw_receive_100_mib_vs_1", bare, "x")
    proof.bar("a MiB of an upload of 100 MiB / of 1", linear, 1.15)
    proof.bar("the same, to that of bare receiving", linear / bare, 1.15)
    for size in SIZES_MIB if "nginx" in sides else ():
        ratio = engine.in_turns(runs["sextant", size], runs["nginx", size])
        proof.result(f"upload_{size}_mib_vs_nginx", ratio, "x")
        proof.bar(f"an upload of {size} MiB / nginx's", ratio, 1.1)
    return table


# ---- scrapes ----


def scrape(server, space):
    """Reads a page, and gives its size."""
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        size = 0
        while (count := client.recv_into(space)) > 0:
            size += count
        return size


def scrapes(proof, build, rounds):
    space = bytearray(MIB)
    rendered = [float(line) for line in subprocess.check_output(
        [os.path.join(build, "bench", "bodies"), "render", str(SERIES)], text=True).split()]
    served, faults = [], []
    with Bodies(build, series=SERIES) as server:
        size = scrape(server, space)
        for _ in range(2 * rounds + 1):
            before, faults_before = cpu_us(server.pids), server.page_faults()
            scrape(server, space)
            served.append((cpu_us(server.pids) - before) / 1000)
            faults.append(server.page_faults() - faults_before)
    render_ms, serve_ms, fault_count = map(statistics.median, (rendered, served, faults))
    proof.result("scrape_1000000_render", render_ms, "ms")
    proof.result("scrape_1000000_http", serve_ms, "ms")
    proof.result("scrape_1000000_http_faults", fault_count, "")
    proof.bar("page faults of a scrape of 1,000,000 series", fault_count, 1000)
    return [
        [f"a page of 1,000,000 series, {size / MIB:.0f} MiB", "CPU, ms", "page faults"],
        ["rendered into a kept page", f"{render_ms:.1f}", ""],
        ["scraped by HTTP: rendered and sent", f"{serve_ms:.1f}", f"{fault_count:.0f}"],
    ]


class Bars:
    def __init__(self):
        self.results = []
        self.bars = [["bar", "limit", "is", ""]]

    result = engine.Proof.result
    bar = engine.Proof.bar


def report(build, rounds):
    """The results, and tables of what was measured and of the bars."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    proof = Bars()
    tables = [held(proof, build), upload_costs(proof, build, rounds), scrapes(proof, build, rounds), proof.bars]
    return proof.results, tables
