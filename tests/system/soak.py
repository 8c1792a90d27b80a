"""Soaks an app with workers: clients end their requests in every way, workers are killed and replaced,
and the page must tell the truth all the time.

    tests/system/soak.py [--minutes M] [--seed S]      (`make soak MINUTES=M` builds first)

The clients know nothing of the app but its routes (soak.c). Each counts what it has sent and what came
back. Phases take turns: in the *exact* ones workers are only replaced (SIGHUP), in those of *kills* they
are also killed. At the end of a phase all is idle, and

- after an exact phase the page has counted exactly what the clients did;
- after kills, answered <= counted <= sent;
- the gauges of requests in progress are 0.

Throughout, scrapers see pages of any worker: each passes `sextant check`, no counter or bucket is less
than in any scrape that had ended before this one began, and no gauge is negative. In the end SIGTERM
gives the status 0 and leaves no process. Chance is seeded, and the seed is printed.
"""
import argparse
import contextlib
import os
import random
import re
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter

from system import BUILD, DEADLINE_SECONDS

WORKERS = 2
CLIENTS = 12
SCRAPERS = 2
PHASE_SECONDS = 20  # of a long run
PROGRESS_SECONDS = 10
PROMPT_SECONDS = .5  # a reload cuts off no client that sends its request so soon (it has a second)
BODY_BYTES_MAX = 65536  # as in soak.c
SCRAPE = ("GET", "prometheus.sx_expose_metrics")
REQUESTS, ABORTED, REJECTED = "http_requests_total", "http_requests_aborted_total", "http_requests_rejected_total"
DURATIONS = "http_request_duration_seconds_count"
ACCEPTS = ("text/plain", "application/openmetrics-text; version=1.0.0")


class Wrong(Exception):
    """What was expected, and what was seen."""


# ---- pages ----


class Page:
    """A page of metrics: `series` are {"name{labels}": value}, `lines` the lines of these."""

    def __init__(self, text, is_openmetrics):
        self.text = text
        self.is_openmetrics = is_openmetrics
        self.types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
        self.series, self.lines = {}, {}
        for line in text.splitlines():
            if line and not line.startswith("#"):
                key, _, value = line.partition(" # ")[0].rpartition(" ")
                self.series[key] = float(value)
                self.lines[key] = line

    def type_of(self, key):
        name = key.partition("{")[0]
        for suffix in ("", "_total", "_created", "_bucket", "_count", "_sum"):
            if name.endswith(suffix) and self.types.get(name[:len(name) - len(suffix)]):
                return self.types[name[:len(name) - len(suffix)]]
        raise Wrong(f"{key} has no TYPE on the page")

    def grows(self, key):
        """Whether the series never decreases. No sum here has negative observations."""
        return self.type_of(key) in ("counter", "histogram", "summary")

    def values(self, name):
        """{(label values): value}"""
        found = {}
        for key, value in self.series.items():
            if key.startswith(name + "{"):
                found[tuple(re.findall(r'="([^"]*)"', key))] = value
        return found

    def check(self):
        """By the project's checker, and for negative gauges."""
        command = [os.path.join(BUILD, "sextant"), "check", "--no-advice",
                   "--format", "openmetrics" if self.is_openmetrics else "text"]
        said = subprocess.run(command, input=self.text, capture_output=True, text=True, check=False)
        if said.returncode != 0:
            raise Wrong(f"expected a page without errors; `sextant check` said:\n{said.stdout}{said.stderr}\n{self.text}")
        negative = [line for key, line in self.lines.items() if self.type_of(key) == "gauge" and self.series[key] < 0]
        if negative:
            raise Wrong("expected no negative gauge; saw:\n" + "\n".join(negative))


def difference(before, after, names=("",)):
    """The lines of two pages that differ, of families that begin with one of the names."""
    keys = [key for key in {**before.lines, **after.lines}
            if key.startswith(tuple(names)) and before.lines.get(key) != after.lines.get(key)]
    return "\n".join(f"- {before.lines.get(key, '')}\n+ {after.lines.get(key, '')}" for key in keys)


class Floor:
    """The most that each growing series has had in any scrape that has ended."""

    def __init__(self):
        self.lock = threading.Lock()
        self.pages = {}  # by format: a page, and {key: (value, line)}

    def snapshot(self, is_openmetrics):
        with self.lock:
            return self.pages.get(is_openmetrics, (None, {}))

    def compare(self, snapshot, page):
        """Against what was known before the scrape began; then the page is known."""
        former, floor = snapshot
        less = [key for key, (value, _) in floor.items() if page.series.get(key, -1) < value]
        if less:
            lines = "\n".join(f"- {floor[key][1]}\n+ {page.lines.get(key, '(no line)')}" for key in less)
            raise Wrong("expected that no counter or bucket decreases from a scrape that had ended to one that began "
                        f"later; saw:\n{lines}\nall lines that differ:\n{difference(former, page)}")
        growing = {key: (value, page.lines[key]) for key, value in page.series.items() if page.grows(key)}
        with self.lock:
            _, known = self.pages.get(page.is_openmetrics, (None, {}))
            self.pages[page.is_openmetrics] = page, {**known, **{key: new for key, new in growing.items()
                                                                if new[0] >= known.get(key, (0,))[0]}}


# ---- what clients have counted ----


class Tally:
    """`certain` has series of which a client knows that they were counted; `maybe` the number of those that
    may have been, by (metric, method, handler), or (metric,) of those without a route."""

    def __init__(self):
        self.certain, self.maybe, self.sent = Counter(), Counter(), Counter()

    def __iadd__(self, other):
        self.certain += other.certain
        self.maybe += other.maybe
        self.sent += other.sent
        return self


def group_of(key):
    return key[:1] if key[0] == REJECTED else key[:3]


def counted_between(before, after):
    found = Counter()
    for name in (REQUESTS, ABORTED, REJECTED):
        base = before.values(name)
        for labels, value in after.values(name).items():
            found[(name, *labels)] = int(value - base.get(labels, 0))
    return found


def faults_of(tally, before, after, is_exact):
    """Where the page differs from what clients know."""
    counted = counted_between(before, after)
    faults = []
    for key in {*counted, *tally.certain}:
        least = tally.certain[key]
        most = least if tally.maybe[group_of(key)] == 0 and is_exact else None
        if counted[key] < least or most is not None and counted[key] > most:
            faults.append(f"{key}: expected {'at least ' * (most is None)}{least}, saw {counted[key]}")
    sums, certain = Counter(), Counter()
    for key, value in counted.items():
        sums[group_of(key)] += value
    for key, value in tally.certain.items():
        certain[group_of(key)] += value
    for group, value in sums.items():
        most = certain[group] + tally.maybe[group]
        if not is_exact and group[0] == ABORTED:
            most += tally.sent[group[1:]]  # what a killed worker had in progress
        if value > most:
            faults.append(f"{group}: expected at most {most}, saw {value}")
    return faults + (faults_of_durations(before, after) if is_exact else [])


def faults_of_durations(before, after):
    """Each request that was counted has a duration."""
    counted, timed = Counter(), Counter()
    for (method, handler, _), value in after.values(REQUESTS).items():
        counted[method, handler] += value
    for (method, handler, _), value in before.values(REQUESTS).items():
        counted[method, handler] -= value
    for key, value in after.values(DURATIONS).items():
        timed[key] += value - before.values(DURATIONS).get(key, 0)
    return [f"{DURATIONS}{key}: expected {counted[key]}, saw {timed[key]}"
            for key in {*counted, *timed} if counted[key] != timed[key]]


def faults_of_gauges(page):
    """Of an idle app; the scrape itself is in progress."""
    expected = {SCRAPE: 1}
    gauges = page.values("http_requests_inprogress")
    return [f"http_requests_inprogress{key}: expected {expected.get(key, 0)}, saw {value}"
            for key, value in gauges.items() if value != expected.get(key, 0)]


# ---- connections ----


class Ended(Exception):
    """The connection has ended within a response, or without one."""


class Connection:
    def __init__(self, soak, is_tls):
        # The server has waited for a request no longer than since then. The client cannot know when the response
        # before it arrived, as it may have had to wait for a processor.
        self.ready = self.sent = time.monotonic()
        self.socket = socket.create_connection(("127.0.0.1", soak.ports[is_tls]), DEADLINE_SECONDS)
        if is_tls:
            try:
                self.socket = soak.tls.wrap_socket(self.socket)
            except OSError:
                self.socket.close()
                raise
        self.is_tls = is_tls
        self.buffer = b""
        self.history = []  # for what is said of a fault
        self.is_prompt = True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def send(self, data, sizes=None):
        """In pieces of random sizes, if there is a source of chance."""
        at = 0
        try:
            while at < len(data):
                size = len(data) if sizes is None or sizes.random() < .5 else sizes.randrange(1, len(data) + 1)
                self.socket.sendall(data[at:at + size])
                at += size
        finally:
            self.sent = time.monotonic()
            self.is_prompt = self.sent - self.ready < PROMPT_SECONDS

    def receive(self, size=65536):
        try:
            data = self.socket.recv(size)
        except OSError as error:
            raise Ended(str(error)) from error
        if not data:
            raise Ended("the end of the connection")
        self.buffer += data

    def line(self):
        while b"\r\n" not in self.buffer:
            self.receive()
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line.decode("latin-1")

    def take(self, size, pause=None):
        """The next bytes; with a pause, as a slow reader."""
        data = []
        while size > 0:
            if not self.buffer:
                self.receive(65536 if pause is None else 20000)
                if pause is not None:
                    time.sleep(pause)
            data.append(self.buffer[:size])
            self.buffer = self.buffer[size:]
            size -= len(data[-1])
        return b"".join(data)

    def head(self):
        """The status and the headers of the next response."""
        line = self.line()
        match = re.fullmatch(r"HTTP/1\.1 (\d{3}) .*", line)
        if match is None:
            raise Wrong(f"expected a status line, saw {line!r}")
        headers = {}
        while line := self.line():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        self.history.append((int(match.group(1)), headers.get("connection")))
        return int(match.group(1)), headers

    def body(self, headers, pause=None):
        if headers.get("transfer-encoding") != "chunked":
            return self.take(int(headers.get("content-length", 0)), pause)
        pieces = []
        while size := int(self.line(), 16):
            pieces.append(self.take(size, pause))
            self.line()
        self.line()
        return b"".join(pieces)


class Request:
    def __init__(self, method, path, handler, status, body=b"", head="", expected_body=None):
        self.method, self.path, self.handler, self.status = method, path, handler, status
        self.head, self.body, self.expected_body = head, body, expected_body

    def data(self, extra=""):
        length = f"Content-Length: {len(self.body)}\r\n" if self.body and "chunked" not in self.head else ""
        head = f"{self.method} {self.path} HTTP/1.1\r\nHost: soak\r\n{self.head}{length}{extra}\r\n"
        return head.encode() + self.body


def chunked(body, size):
    pieces = [body[at:at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


# ---- clients ----


class Actor(threading.Thread):
    """A thread with chance and a tally of its own. What it finds wrong ends the run."""

    def __init__(self, soak, seed):
        super().__init__(daemon=True)
        self.soak = soak
        self.random = random.Random(seed)
        self.tally = Tally()

    def run(self):
        try:
            while not self.soak.phase_ends.is_set():
                self.act()
        except Exception as fault:  # pylint: disable=broad-except
            self.soak.fail(fault)

    def act(self):
        raise NotImplementedError

    def sent(self, method, handler):
        self.tally.sent[method, handler] += 1
        self.soak.numbers["sent"] += 1

    def count(self, key, is_certain=True):
        if is_certain:
            self.tally.certain[key] += 1
        else:
            self.tally.maybe[group_of(key)] += 1

    def answered(self, method, handler, status):
        self.count((REQUESTS, method, handler, str(status)))
        self.soak.numbers["answered"] += 1

    def unanswered(self, connection, method, handler, why):
        """A request that was sent whole got no answer. Where nobody is killed, only a client that took its
        time may see that."""
        if self.soak.is_exact and connection.is_prompt:
            raise Wrong(f"expected an answer to {method} for {handler}, saw {why}, {time.monotonic() - connection.sent:.3f}"
                        f" s after it was sent{' by TLS' * connection.is_tls}, after the answers {connection.history}")
        self.count((REQUESTS, method, handler, "200"), is_certain=False)
        self.count((ABORTED, method, handler, "request"), is_certain=False)

    def unseen(self, connection, key):
        """Counts what the client does not see, but must happen, unless the worker dies."""
        self.count(key, is_certain=self.soak.is_exact and connection.is_prompt)


class Client(Actor):
    def act(self):
        ways = {
            self.converse: 40, self.pipeline: 20, self.connect_only: 2, self.leave_within_head: 3,
            self.leave_within_body: 3, self.leave_before_response: 4, self.leave_within_response: 3,
            self.stop_within_head: 1, self.stop_within_body: 1, self.read_broken_stream: 3, self.read_slowly: 2,
            self.send_too_much: 3, self.send_malformed: 3, self.speak_http_to_tls: 1,
            self.crash: 0 if self.soak.is_exact else 1,
        }
        way, = self.random.choices(list(ways), list(ways.values()))
        try:
            way()
        except (Ended, OSError) as error:
            if self.soak.is_exact and not isinstance(error, Ended):
                raise Wrong(f"expected no error in {way.__name__}, saw {error!r}") from error

    def connect(self):
        return Connection(self.soak, self.random.random() < .2)

    def choose(self):
        n = self.random.randrange(1000000)
        body = self.random.randbytes(self.random.randrange(1, 20000))
        return self.random.choice([
            Request("GET", "/ok", "soak.ok", 200),
            Request("GET", "/ok", "soak.ok", 200),
            Request("GET", f"/ok?n={n}", "soak.ok", 200, head=f"X-Number: {n}\r\n"),
            Request("HEAD", "/ok", "soak.ok", 200),
            Request("GET", f"/wait/{n % 30}", "soak.wait_for", 200),
            Request("GET", "/wait/long", "soak.wait_for", 404),
            Request("GET", "/fail", "soak.fail", 500),
            Request("GET", f"/nowhere/{n}", "<builtin>", 404),
            Request("DELETE", "/ok", "<builtin>", 405),
            Request("OPTIONS", "/ok", "<builtin>", 204),
            Request("GET", "/ok/", "<builtin>", 308),
            Request("POST", "/echo", "soak.echo", 200, body=body, expected_body=body),
            Request("POST", "/echo", "soak.echo", 200, body=chunked(body, 1 + n % 5000), expected_body=body,
                    head="Transfer-Encoding: chunked\r\n"),
            Request("GET", f"/stream/{n % 50}", "soak.stream", 200, expected_body=b"x" * (n % 50 * 1000)),
            Request("HEAD", "/stream/3", "soak.stream", 200),
        ])

    def read(self, connection, request, pause=None):
        """Reads the response to a request. Returns whether the connection stays."""
        try:
            status, headers = connection.head()
        except Ended as end:
            self.unanswered(connection, request.method, request.handler, end)
            raise
        if status == 408 and not request.body:  # the client was held up within the head
            self.count((REJECTED, "header_timeout"))
            return False
        self.answered(request.method, request.handler, status)
        if status not in (request.status, 408):
            raise Wrong(f"expected {request.status} for {request.method} {request.path}, saw {status} {headers}")
        try:
            body = b"" if request.method == "HEAD" or status in (204, 304) else connection.body(headers, pause)
        except Ended:
            self.count((ABORTED, request.method, request.handler, "response"), is_certain=self.soak.is_exact)
            raise
        if request.expected_body is not None and status == 200 and body != request.expected_body:
            raise Wrong(f"expected {len(request.expected_body)} bytes from {request.path}, saw {len(body)} others")
        connection.ready = connection.sent
        return headers.get("connection") != "close"

    def say(self, connection, request, extra=""):
        self.sent(request.method, request.handler)
        try:
            connection.send(request.data(extra), self.random)
        except OSError as error:
            if self.soak.is_exact and connection.is_prompt:
                raise Wrong(f"expected that {request.method} {request.path} can be sent, saw {error!r}") from error
            self.count((REQUESTS, request.method, request.handler, "200"), is_certain=False)
            self.count((ABORTED, request.method, request.handler, "request"), is_certain=False)
            self.count((REJECTED, "disconnected"), is_certain=False)
            raise Ended(str(error)) from error

    # ---- requests that are answered ----

    def converse(self):
        """One request after the other on a connection that stays."""
        with self.connect() as connection:
            for _ in range(self.random.randrange(1, 8)):
                request = self.choose()
                self.say(connection, request)
                if not self.read(connection, request):
                    return

    def pipeline(self):
        """Several at once. What follows the last response of a connection was not done."""
        with self.connect() as connection:
            requests = [self.choose() for _ in range(self.random.randrange(2, 6))]
            data = b"".join(request.data() for request in requests[:-1]) + requests[-1].data("Connection: close\r\n")
            for request in requests:
                self.sent(request.method, request.handler)
            self.pour(connection, data)  # the buffers of the sockets have room for all answers
            left = list(requests)
            try:
                while left and self.read(connection, left.pop(0)):
                    pass
            except Ended:
                if not self.soak.is_exact or not connection.is_prompt:
                    for request in left:
                        self.count((REQUESTS, request.method, request.handler, "200"), is_certain=False)
                raise

    @staticmethod
    def pour(connection, data):
        with contextlib.suppress(OSError):
            connection.send(data)

    def send_too_much(self):
        with self.connect() as connection:
            way = self.random.randrange(3)
            if way == 0:
                request = Request("POST", "/echo", "soak.echo", 413, body=b"x" * (BODY_BYTES_MAX + 1))
                self.sent(request.method, request.handler)
                self.pour(connection, request.data())
                self.read(connection, request)
                return
            key, status, data = (
                ("target_too_long", 414, b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: soak\r\n\r\n"),
                ("header_too_large", 431, b"GET /ok HTTP/1.1\r\nHost: soak\r\nX-Large: " + b"x" * 40000 + b"\r\n\r\n"),
            )[way - 1]
            self.be_rejected(connection, data, key, status)

    def send_malformed(self):
        data = self.random.choice([
            b"GET /ok HTTP/1.1\r\nHost: soak\r\nHost: soak\r\n\r\n",
            b"GET /ok HTTP/1.1\r\nHost: soak\r\n folded: line\r\n\r\n",
            b"GET /ok HTTP/3.0\r\nHost: soak\r\n\r\n",
            b"\x16\x03\x01\x00\x05hello\r\n\r\n",
            b"GET /ok HTTP/1.1\r\nHost: soak\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        ])
        with self.connect() as connection:
            self.be_rejected(connection, data, "malformed", None)

    def be_rejected(self, connection, data, reason, expected):
        self.pour(connection, data)
        try:
            status, headers = connection.head()
            connection.body(headers)
        except Ended as end:
            if self.soak.is_exact and connection.is_prompt:
                raise Wrong(f"expected a refusal ({reason}), saw {end}") from end
            self.count((REJECTED, reason), is_certain=False)
            raise
        self.count((REJECTED, "header_timeout" if status == 408 else reason))
        if status not in (expected, 408) and (expected is not None or status not in (400, 505)):
            raise Wrong(f"expected {expected} ({reason}), saw {status}")

    def stop_within_head(self):
        with self.connect() as connection:
            self.be_rejected(connection, b"GET /ok HTTP/1.1\r\nHost: so", "header_timeout", 408)

    def stop_within_body(self):
        with self.connect() as connection:
            request = Request("POST", "/echo", "soak.echo", 408, body=b"half and half")
            self.sent(request.method, request.handler)
            self.pour(connection, request.data()[:-4])
            self.read(connection, request)

    def read_slowly(self):
        with self.connect() as connection:
            pieces = self.random.randrange(200, 2000)
            request = Request("GET", f"/stream/{pieces}", "soak.stream", 200, expected_body=b"x" * 1000 * pieces)
            self.say(connection, request)
            self.read(connection, request, pause=.005)

    # ---- requests that end early ----

    def connect_only(self):
        self.connect().__exit__()

    def leave_within_head(self):
        with Connection(self.soak, False) as connection:
            self.pour(connection, b"GET /ok HTTP/1.1\r\nHost: so")
            self.unseen(connection, (REJECTED, "disconnected"))

    def leave_within_body(self):
        with self.connect() as connection:
            self.sent("POST", "soak.echo")
            self.pour(connection, b"POST /echo HTTP/1.1\r\nHost: soak\r\nContent-Length: 1000\r\n\r\nhalf")
            self.unseen(connection, (ABORTED, "POST", "soak.echo", "request"))

    def leave_before_response(self):
        """The request is complete, so it is done. Its response may find the connection closed."""
        with self.connect() as connection:
            request = Request("GET", f"/wait/{self.random.randrange(20)}", "soak.wait_for", 200)
            self.sent(request.method, request.handler)
            self.pour(connection, request.data())
            self.unseen(connection, (REQUESTS, "GET", "soak.wait_for", "200"))
            self.count((ABORTED, "GET", "soak.wait_for", "response"), is_certain=False)

    def leave_within_response(self):
        """A stream without an end; some clients keep it for a while without reading."""
        with self.connect() as connection:
            request = Request("GET", "/endless", "soak.endless", 200)
            self.say(connection, request)
            try:
                status, _ = connection.head()
            except Ended as end:
                self.unanswered(connection, request.method, request.handler, end)
                raise
            self.answered(request.method, request.handler, status)
            self.unseen(connection, (ABORTED, "GET", "soak.endless", "response"))
            self.soak.phase_ends.wait(self.random.choice([0, 0, 0, .1, 2]))
            if self.random.random() < .5:
                connection.reset()

    def read_broken_stream(self):
        with self.connect() as connection:
            request = Request("GET", "/broken", "soak.broken", 200)
            self.say(connection, request)
            try:
                self.read(connection, request)
            except Ended:
                return
            raise Wrong("expected that /broken ends within its body, saw the end of the body")

    def speak_http_to_tls(self):
        with socket.create_connection(("127.0.0.1", self.soak.ports[True]), DEADLINE_SECONDS) as connection:
            started = time.monotonic()
            with contextlib.suppress(OSError):
                connection.sendall(b"GET /ok HTTP/1.1\r\nHost: soak\r\n\r\n")
            is_prompt = time.monotonic() - started < PROMPT_SECONDS
            self.count((REJECTED, "tls_handshake"), is_certain=self.soak.is_exact and is_prompt)
            with contextlib.suppress(OSError):
                while connection.recv(4096):
                    pass

    def crash(self):
        """Ends the worker, with what others have in progress there."""
        with self.connect() as connection:
            request = Request("GET", "/crash", "soak.crash", 500)
            self.sent(request.method, request.handler)
            self.pour(connection, request.data())
            self.read(connection, request)


class Scraper(Actor):
    def act(self):
        is_openmetrics = self.random.random() < .5
        snapshot = self.soak.floor.snapshot(is_openmetrics)
        with contextlib.suppress(Ended, OSError):
            page = self.scrape(is_openmetrics)
            page.check()
            self.soak.floor.compare(snapshot, page)
            self.soak.numbers["scrapes"] += 1

    def scrape(self, is_openmetrics=False):
        """Any worker may answer."""
        with Connection(self.soak, False) as connection:
            self.sent(*SCRAPE)
            head = f"Accept: {ACCEPTS[is_openmetrics]}\r\n"
            self.pour(connection, Request("GET", "/metrics", SCRAPE[1], 200, head=head).data("Connection: close\r\n"))
            try:
                status, headers = connection.head()
            except Ended as end:
                self.unanswered(connection, *SCRAPE, end)
                raise
            self.answered(*SCRAPE, status)
            if status != 200:
                raise Wrong(f"expected a page, saw {status}")
            try:
                return Page(connection.body(headers).decode(), is_openmetrics)
            except Ended as end:
                self.count((ABORTED, *SCRAPE, "response"), is_certain=self.soak.is_exact)
                if self.soak.is_exact:
                    raise Wrong(f"expected a whole page, saw {end}") from end
                raise

    @staticmethod
    def pour(connection, data):
        with contextlib.suppress(OSError):
            connection.send(data)


class Master(Actor):
    """Does to the workers what operators and accidents do."""

    def act(self):
        what = [self.reload]
        if not self.soak.is_exact:
            what += [self.kill] * 4
        # An upgrade (SIGUSR2) belongs here, too, as `self.upgrade`: it starts the program anew on the same
        # sockets. `self.soak.process` is then to be the new supervisor.
        self.soak.phase_ends.wait(self.random.uniform(.2, .8))
        if not self.soak.phase_ends.is_set():
            self.random.choice(what)()

    def reload(self):
        self.soak.process.send_signal(signal.SIGHUP)
        self.soak.numbers["reloads"] += 1

    def kill(self):
        workers = self.soak.workers()
        if workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.random.choice(workers), signal.SIGKILL)
                self.soak.numbers["kills"] += 1


# ---- the run ----


def make_certificate(folder):
    certificate, key = os.path.join(folder, "certificate"), os.path.join(folder, "key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-batch", "-subj", "/CN=localhost", "-out", certificate, "-keyout", key],
                   check=True, capture_output=True)
    return certificate, key


class Soak:
    def __init__(self, seed, progress=print):
        self.seed = seed
        self.random = random.Random(seed)
        self.progress = progress
        self.numbers = Counter()
        self.floor = Floor()
        self.phase_ends = threading.Event()
        self.is_exact = True
        self.fault = None
        self.started = self.told = time.monotonic()

    def __enter__(self):
        self.stack = contextlib.ExitStack()
        folder = self.stack.enter_context(tempfile.TemporaryDirectory())
        self.log = self.stack.enter_context(open(os.path.join(folder, "log"), "w+", encoding="utf-8"))
        certificate, key = make_certificate(folder)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.tls.check_hostname = False
        self.tls.verify_mode = ssl.CERT_NONE
        self.process = subprocess.Popen(
            [os.path.join(BUILD, "tests", "soak"), str(WORKERS), certificate, key], stdout=subprocess.PIPE,
            stderr=self.log, text=True, start_new_session=True)
        self.session = self.process.pid
        self.ports = [int(port) for port in self.process.stdout.readline().split()]
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.session, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()
        self.stack.close()

    def workers(self):
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as file:
            return [int(pid) for pid in file.read().split()]

    def fail(self, fault):
        self.fault = self.fault or fault
        self.phase_ends.set()

    def tell(self):
        numbers = "  ".join(f"{name} {self.numbers[name]:,}" for name in ("sent", "answered", "scrapes", "kills", "reloads"))
        self.progress(f"{time.monotonic() - self.started:7.1f} s  {'exact' if self.is_exact else 'kills'}  {numbers}")

    def run_actors(self, seconds):
        """Returns what all of them have counted."""
        self.phase_ends.clear()
        actors = [kind(self, self.random.randrange(1 << 62))
                  for kind, count in ((Client, CLIENTS), (Scraper, SCRAPERS), (Master, 1)) for _ in range(count)]
        for actor in actors:
            actor.start()
        end = time.monotonic() + seconds
        while not self.phase_ends.is_set() and time.monotonic() < end:
            self.phase_ends.wait(min(end, self.told + PROGRESS_SECONDS) - time.monotonic())
            if time.monotonic() >= self.told + PROGRESS_SECONDS:
                self.told = time.monotonic()
                self.tell()
        self.phase_ends.set()
        tally = Tally()
        for actor in actors:
            actor.join()
            tally += actor.tally
        if self.fault is not None:
            raise self.fault
        return tally

    def idle_page(self, scraper):
        """Workers may still be replaced, and a dead one may still have been asked."""
        end = time.monotonic() + DEADLINE_SECONDS
        while True:
            try:
                page = scraper.scrape()
                if page.series["sextant_workers"] == WORKERS and not faults_of_gauges(page):
                    return page
            except (Ended, OSError):
                if self.is_exact:
                    raise
            if time.monotonic() > end:
                raise Wrong(f"expected an idle app with {WORKERS} workers, saw:\n" + page.text)
            time.sleep(.05)

    def phase(self, is_exact, seconds):
        scraper = Scraper(self, 0)
        self.is_exact = is_exact
        before = self.idle_page(scraper)
        scraper.tally = Tally()  # the first page did not have its own scrape, and the last one will not
        tally = self.run_actors(seconds)
        end = time.monotonic() + DEADLINE_SECONDS
        while True:
            after = self.idle_page(scraper)
            known = Tally()
            known += tally
            known += scraper.tally
            faults = faults_of(known, before, after, is_exact)
            if not faults:
                return
            if time.monotonic() > end:
                raise Wrong("after {} seconds of {} the page differs from what clients know:\n{}\nlines that differ:\n{}"
                            .format(seconds, "an exact phase" if is_exact else "kills", "\n".join(faults),
                                    difference(before, after, (REQUESTS, ABORTED, REJECTED, DURATIONS))))
            time.sleep(.1)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(DEADLINE_SECONDS)
        if status != 0:
            raise Wrong(f"expected exit status 0 after SIGTERM, saw {status}")
        try:
            os.killpg(self.session, 0)
        except ProcessLookupError:
            return
        raise Wrong("expected no process after the supervisor has ended, saw one")

    def run(self, seconds, phase_seconds):
        """Phases with and without kills take turns; the first and the last one are exact."""
        try:
            end = time.monotonic() + seconds
            self.phase(True, phase_seconds)
            while True:
                self.phase(False, phase_seconds)
                self.phase(True, phase_seconds)
                if time.monotonic() >= end:
                    break
            self.stop()
        except Exception:
            self.log.seek(0)
            print("the end of the log:\n" + "".join(self.log.readlines()[-40:]), flush=True)
            print(f"the seed was {self.seed}", flush=True)
            raise
        self.tell()


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}, {arguments.minutes:g} minutes", flush=True)
    with Soak(arguments.seed, lambda line: print(line, flush=True)) as soak:
        try:
            soak.run(arguments.minutes * 60, PHASE_SECONDS)
        except Wrong as wrong:
            sys.exit(f"soak: {wrong}")


if __name__ == "__main__":
    main()
