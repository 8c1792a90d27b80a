"""examples/servers: the page equals what an independent client saw.

    test_servers.py NAME [UNITTEST OPTION...]

runs one of SERVERS. The client is raw sockets and keeps its own count of requests by method, handler
and code. With SX_VALGRIND=1 the server runs under valgrind, and must end without an error or a leak.
"""
import contextlib
import os
import random
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from collections import Counter

from system import BUILD, SOURCE, UNPACKED, promtool_check, samples

LIMIT_SECONDS = 30  # for each wait; nothing that is waited for takes a second on an idle machine
STOP_SECONDS = 120  # valgrind searches the whole memory for leaks when the server ends

# What the page says of a request that gets no response, or that no handler sees. docs/servers/NAME.md
# has the reasons. A number is the code of a request that is counted, a text the reason of one that
# is rejected, "aborted" one that is aborted in phase request, and None means that it leaves no trace
# on the page.
#
# left_early   the client resets the connection while the handler works. "request": aborted in phase
#              request, without a response. "response": the server notices it when it writes, so the
#              request is counted with its code, and is aborted in phase response.
# left_upload  the client resets the connection within the body of its request. "request": aborted in
#              phase request. "unseen request": the same, but it is not in progress before.
# left_header  the client resets the connection within the request line, or within the header
# odd_method   a method that HTTP does not have
# malformed    those requests of MALFORMED that the server answers
# own          what the server answers without a handler, beside 404: method, path, code
SERVERS = {
    "evhttp": {
        "command": ["evhttp"],
        "left_early": "response",
        "left_upload": None,
        "left_header": [None, None],
        "odd_method": 405,
        "malformed": {
            "request line": "malformed",
            "header": "malformed",
            "content-length": "malformed",
            "chunk": "too_large",  # it answers 413
            "large body": "too_large",
        },
        "own": [],
    },
    "civetweb": {
        "command": ["civetweb", os.path.join(SOURCE, "docs", "servers")],
        "left_early": "response",
        "left_upload": "request",
        "left_header": ["malformed", "malformed"],
        "odd_method": "malformed",
        "malformed": {
            "request line": "malformed",
            "header": "malformed",
            "content-length": "malformed",
            "large body": 413,
        },
        "own": [("GET", "/civetweb.md", 200)],
    },
    "ulfius": {
        "command": ["ulfius"],
        "left_early": "response",
        "left_upload": "unseen request",
        "left_header": [None, None],
        "odd_method": 405,
        "malformed": {
            "request line": None,
            "header": "malformed",
            "content-length": "malformed",
            "chunk": 400,
        },
        "own": [],
    },
}
SERVERS["fastcgi"] = {  # behind nginx, which answers malformed requests
    "left_early": "response",
    "left_upload": "request",
    "left_header": [None, None],
    "odd_method": 405,
    "malformed": dict.fromkeys(["request line", "header", "content-length", "chunk", "large body"]),
    "own": [],
}
for mode, early in [("thread", "request"), ("poll", "request"), ("pool", "response"),
                    ("connection", "response"), ("select", "request"), ("epoll", "response")]:
    SERVERS["microhttpd_" + mode] = {
        "command": ["microhttpd", mode],
        "left_early": early,
        "left_upload": "request",
        "left_header": [None, None],
        "odd_method": 405,
        "malformed": {
            "request line": None,
            "header": "malformed",
            "content-length": "malformed",
            "chunk": "aborted",
            "large body": 413,
        },
        "own": [],
    }

HANDLERS = {path: path[1:] for path in ("/hello", "/echo", "/fail", "/big", "/slow", "/metrics")}
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]
BIG_BYTES = 64 << 20

MALFORMED = {
    "request line": b"this is no request line\r\n\r\n",
    "header": b"GET /hello HTTP/1.1\r\nHost: a\r\nno colon here\r\n\r\n",
    "content-length": b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: nine\r\n\r\nnine bytes",
    "chunk": b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\n\r\n",
    "large body": b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n",
}


def poll(function, what):
    """Calls until it returns something true."""
    end = time.monotonic() + LIMIT_SECONDS
    while not (value := function()):
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not after {LIMIT_SECONDS} s")
        time.sleep(0.02)
    return value


class Tally:
    """What a client saw, by the labels of the page."""

    def __init__(self):
        self.responses = Counter()  # by method, handler and code
        self.aborted = Counter()  # by method, handler and phase
        self.rejected = Counter()  # by reason

    def add(self, method, path, code):
        method = method if method in METHODS else "_OTHER"
        self.responses[method, HANDLERS.get(path.partition("?")[0], "<builtin>"), str(code)] += 1

    def add_aborted(self, path, phase, method="GET"):
        self.aborted[method, HANDLERS[path.partition("?")[0]], phase] += 1

    def update(self, other):
        self.responses.update(other.responses)
        self.aborted.update(other.aborted)
        self.rejected.update(other.rejected)


class Connection:
    """An HTTP/1.1 client that counts what it sees, and connects again where the server has closed."""

    def __init__(self, server, tally):
        self.address, self.tally = server.address, tally
        self.socket, self.received = None, b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.socket is not None:
            self.socket.close()
        self.socket, self.received = None, b""

    def reset(self):
        """Leaves without a farewell: the server's next write fails."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def send(self, data):
        if self.socket is None:
            self.socket = socket.create_connection(self.address, LIMIT_SECONDS)
        self.socket.sendall(data)

    def receive(self):
        data = self.socket.recv(1 << 20)
        self.received += data
        return data

    def take(self, size):
        while len(self.received) < size:
            if not self.receive():
                raise AssertionError(f"the connection ended {size - len(self.received)} bytes early")
        data, self.received = self.received[:size], self.received[size:]
        return data

    def take_line(self):
        while b"\r\n" not in self.received:
            if not self.receive():
                raise AssertionError(f"the connection ended after {self.received[:100]!r}")
        line, _, self.received = self.received.partition(b"\r\n")
        return line.decode("latin-1")

    def take_head(self):
        """The status and the headers of a response; 100 Continue is passed over."""
        while True:
            status = int(self.take_line().split()[1])
            headers = {}
            while line := self.take_line():
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            if status >= 200:
                return status, headers

    def take_chunks(self):
        body = b""
        while size := int(self.take_line().partition(";")[0], 16):
            body += self.take(size)
            self.take(2)
        self.take(2)
        return body

    def take_rest(self):
        with contextlib.suppress(ConnectionResetError):
            while self.receive():
                pass
        body, self.received = self.received, b""
        return body

    def take_size(self, size):
        """As take, without keeping what is large."""
        size -= len(self.received)
        self.received = b""
        while size > 0:
            data = self.socket.recv(min(size, 1 << 20))
            if not data:
                raise AssertionError(f"the connection ended {size} bytes early")
            size -= len(data)

    def take_response(self, method, path):
        """Reads a response to its last byte, and counts it."""
        status, headers = self.take_head()
        closes = headers.get("connection", "").lower() == "close"
        if method == "HEAD" or status in (204, 304):
            body = b""
        elif headers.get("transfer-encoding", "").lower() == "chunked":
            body = self.take_chunks()
        elif "content-length" not in headers:
            body, closes = self.take_rest(), True
        elif int(headers["content-length"]) == BIG_BYTES:
            body = self.take_size(BIG_BYTES)
        else:
            body = self.take(int(headers["content-length"]))
        if closes:
            self.close()
        self.tally.add(method, path, status)
        return status, headers, body

    def leave_within_response(self):
        self.send(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
        status, _ = self.take_head()
        self.take(100_000)
        self.tally.add("GET", "/big", status)
        self.tally.add_aborted("/big", "response")
        self.reset()

    def request(self, method, path, body=None, headers=()):
        """One request and its response: the status, the headers, the body."""
        head = [f"{method} {path} HTTP/1.1", "Host: a", *headers]
        if body is not None:
            head.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(head).encode() + b"\r\n\r\n" + (body or b""))
        return self.take_response(method, path)


class Server:
    """An example that runs, and the clients' count of it."""

    def __init__(self, name):
        self.traits = SERVERS[name]
        self.tally = Tally()
        self.process = self.address = None

    def start(self):
        line = self.start_example(*self.traits["command"])
        self.address = ("127.0.0.1", int(line.rpartition(":")[2]))

    def start_example(self, name, *options):
        """Runs the program; returns the address that it prints."""
        command = [os.path.join(BUILD, "examples", "servers", name), *options]
        if os.environ.get("SX_VALGRIND"):
            command = ["valgrind", "-q", "--error-exitcode=99", "--leak-check=full",
                       "--errors-for-leak-kinds=definite", *command]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line.startswith(("http://127.0.0.1:", "unix:")):
            raise AssertionError(f"{name} printed {line!r}, not its address")
        return line

    def clean_up(self):
        """Ends what is left, also if it could not be started."""
        if self.process is not None:
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait()
            self.process.stdout.close()

    def works_after_reset(self):
        """Whether the handler still works when the program can know that its client has left."""
        return self.in_progress("slow") == 1

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)

    def connect(self):
        return Connection(self, self.tally)

    def page(self):
        with self.connect() as connection:
            status, headers, body = connection.request("GET", "/metrics", headers=["Connection: close"])
            assert status == 200, status
            assert headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8", headers
            return body.decode("utf-8")

    def in_progress(self, handler):
        """How many requests a handler works on."""
        return sum(
            value for labels, value in samples(self.page(), "http_requests_inprogress").items()
            if dict(labels)["handler"] == handler
        )


NGINX = """
daemon off;
worker_processes 1;
USER
pid pid;
error_log error.log info;
events {}
http {
    access_log off;
    client_body_temp_path body;
    fastcgi_temp_path fastcgi;
    proxy_temp_path proxy;
    scgi_temp_path scgi;
    uwsgi_temp_path uwsgi;
    server {
        listen 127.0.0.1:PORT;
        location / {
LOCATION
        }
    }
}
"""


def location():
    """The lines of docs/servers/fastcgi.md, with the socket of the test."""
    with open(os.path.join(SOURCE, "docs", "servers", "fastcgi.md"), encoding="utf-8") as page:
        lines = re.search(r"^```nginx\nlocation / \{\n(.*?)^\}", page.read(), re.M | re.S).group(1)
    assert "unix:/run/example.socket" in lines
    return lines.replace("unix:/run/example.socket", "unix:socket").replace("include fastcgi_params;", """
        fastcgi_param REQUEST_METHOD $request_method;
        fastcgi_param SCRIPT_NAME $fastcgi_script_name;
        fastcgi_param QUERY_STRING $query_string;
        fastcgi_param CONTENT_LENGTH $content_length;""")


def nginx_program():
    """The path of nginx, or None."""
    program = os.path.join(UNPACKED, "usr", "sbin", "nginx")
    if os.access(program, os.X_OK):
        return program
    return shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")


class BehindNginx(Server):
    """examples/servers/fastcgi and an nginx, in a folder of their own."""

    def __init__(self, name):
        super().__init__(name)
        self.nginx = None
        self.folder = tempfile.TemporaryDirectory()

    def start(self):
        self.start_example("fastcgi", os.path.join(self.folder.name, "socket"))
        # nginx takes this socket over, as from an nginx that it replaces: so the port is known.
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.address = listener.getsockname()
            with open(os.path.join(self.folder.name, "nginx.conf"), "w", encoding="utf-8") as file:
                user = "user root;" if os.geteuid() == 0 else ""  # for the socket in our folder
                file.write(NGINX.replace("USER", user).replace("PORT", str(self.address[1]))
                           .replace("LOCATION", location()))
            self.nginx = subprocess.Popen(
                [nginx_program(), "-p", self.folder.name, "-c", "nginx.conf", "-e", "error.log"],
                cwd=self.folder.name, pass_fds=[listener.fileno()],
                env={**os.environ, "NGINX": f"{listener.fileno()};"})

    def clean_up(self):
        super().clean_up()
        if self.nginx is not None:
            if self.nginx.poll() is None:
                self.nginx.terminate()
            self.nginx.wait()
        self.folder.cleanup()

    def works_after_reset(self):
        """Waits until nginx has noticed it, and has closed its connection to the program."""
        with open(os.path.join(self.folder.name, "error.log"), encoding="utf-8") as log:
            poll(lambda: "prematurely closed" in log.read(), "nginx has noticed that the client left")
        return super().works_after_reset()


def by_labels(page, name):
    """{label values: value} without what is 0."""
    return {
        tuple(value for _, value in labels): int(value)
        for labels, value in samples(page, name).items() if value != 0
    }


class Count(unittest.TestCase):
    """Each test has a server of its own; in the end its page is compared with the clients' count."""

    name = None
    maxDiff = None

    def add_unusual(self, what, method, path):
        """Counts a request whose result is in SERVERS."""
        if isinstance(what, int):
            self.server.tally.add(method, path, what)
        elif what == "aborted":
            self.server.tally.add_aborted(path, "request", method)
        elif what is not None:
            self.server.tally.rejected[what] += 1

    def setUp(self):
        self.begin()
        self.traits = self.server.traits

    def begin(self):
        """Starts a server, whose tally is empty."""
        self.server = BehindNginx(self.name) if self.name == "fastcgi" else Server(self.name)
        self.addCleanup(self.server.clean_up)
        self.server.start()

    def read(self):
        """What the page says, and what it should say. A page does not count its own request, which is
        in progress."""
        tally, expected = self.server.tally, {"http_requests_inprogress": {("GET", "metrics"): 1}}
        expected["http_requests_total"] = dict(tally.responses)
        durations = Counter()
        for (method, handler, _), count in tally.responses.items():
            durations[method, handler] += count
        expected["http_request_duration_seconds_count"] = dict(durations)
        expected["http_requests_aborted_total"] = dict(tally.aborted)
        expected["http_requests_rejected_total"] = {
            (reason,): count for reason, count in tally.rejected.items()
        }
        page = self.server.page()
        return page, {name: by_labels(page, name) for name in expected}, expected

    def compare(self):
        """Reads pages until one says what it should."""
        end = time.monotonic() + LIMIT_SECONDS
        page, found, expected = self.read()
        while found != expected and time.monotonic() < end:
            time.sleep(0.02)
            page, found, expected = self.read()
        self.assertEqual(found, expected)
        return page

    def tearDown(self):
        if self.server.process.poll() is not None:
            return  # the test has stopped it
        self.compare()
        page = self.compare()  # nothing is counted later
        with contextlib.suppress(unittest.SkipTest):
            self.assertEqual(promtool_check(page), "")
        self.assertEqual(self.server.stop(), 0)

    def send_mix(self, connection, times, chance):
        """Requests whose responses are known, each checked."""
        for _ in range(times):
            method, path, body, status = chance.choice([
                ("GET", "/hello", None, 200),
                ("GET", "/hello?name=x", None, 200),
                ("HEAD", "/hello", None, 200),
                ("GET", "/fail", None, 500),
                ("GET", "/nowhere", None, 404),
                ("HEAD", "/nowhere/else", None, 404),
                ("POST", "/nowhere", b"x" * 1000, 404),
                ("POST", "/echo", b"", 200),
                ("POST", "/echo", b"y", 200),
                ("POST", "/echo", chance.randbytes(100_000), 200),
                ("GET", "/echo", None, 405),
                ("DELETE", "/hello", None, 405),
                ("PUT", "/hello", b"z", 405),
                ("PATCH", "/hello", b"z", 405),
                ("OPTIONS", "/hello", None, 405),
            ])
            response = connection.request(method, path, body)
            self.assertEqual(response[0], status, (method, path))
            if status == 200 and path == "/echo":
                self.assertEqual(response[2], body)

    def test_requests_on_one_connection(self):
        seed = random.randrange(1 << 32)
        print(f"seed {seed}", flush=True)
        with self.server.connect() as connection:
            self.send_mix(connection, 300, random.Random(seed))

    def test_a_connection_for_each_request(self):
        for path, status in [("/hello", 200), ("/fail", 500), ("/nowhere", 404)] * 5:
            with self.server.connect() as connection:
                response = connection.request("GET", path, headers=["Connection: close"])
                self.assertEqual(response[0], status)

    def test_several_clients_at_once(self):
        seed = random.randrange(1 << 32)
        print(f"seed {seed}", flush=True)
        tallies, failures = [Tally() for _ in range(8)], []

        def run(number):
            try:
                with Connection(self.server, tallies[number]) as connection:
                    for _ in range(2):
                        self.send_mix(connection, 20, random.Random(seed + number))
                        connection.leave_within_response()
                    self.send_mix(connection, 20, random.Random(seed + number))
            except Exception as failure:  # pylint: disable=broad-except
                failures.append(failure)

        threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        for tally in tallies:
            self.server.tally.update(tally)

    def test_pipelined_requests(self):
        with self.server.connect() as connection:
            connection.send(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
                            b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"
                            b"GET /fail HTTP/1.1\r\nHost: a\r\n\r\n")
            for method, path, code in [("GET", "/hello", 200), ("POST", "/echo", 200), ("GET", "/fail", 500)]:
                self.assertEqual(connection.take_response(method, path)[0], code)

    def test_chunked_upload(self):
        with self.server.connect() as connection:
            connection.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                            b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
            self.assertEqual(connection.take_response("POST", "/echo")[2], b"hello world")

    def test_upload_that_expects_100_continue(self):
        with self.server.connect() as connection:
            connection.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
                            b"Expect: 100-continue\r\n\r\n")
            select.select([connection.socket], [], [], 0.3)  # a client need not wait for the 100
            connection.send(b"hello")
            self.assertEqual(connection.take_response("POST", "/echo")[2], b"hello")

    def test_large_response(self):
        with self.server.connect() as connection:
            self.assertEqual(connection.request("GET", "/big")[0], 200)
            self.assertEqual(connection.request("GET", "/hello")[0], 200)

    def test_slow_handler_is_in_progress(self):
        for ms in (1500, 6000, 24000):  # the later ones where the machine is too slow to see it
            with self.server.connect() as connection:
                connection.send(f"GET /slow?ms={ms} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                seen = False
                while not seen and not select.select([connection.socket], [], [], 0)[0]:
                    seen = self.server.in_progress("slow") == 1
                self.assertEqual(connection.take_response("GET", "/slow")[0], 200)
                if seen:
                    return
        self.fail("a slow request was never seen in progress")

    def test_stop_while_a_request_is_in_progress(self):
        with self.server.connect() as connection:
            for ms in (1500, 6000, 24000):
                connection.send(f"GET /slow?ms={ms} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                while not select.select([connection.socket], [], [], 0)[0]:
                    if self.server.in_progress("slow") == 1:
                        self.assertEqual(self.server.stop(), 0)
                        return
                connection.take_response("GET", "/slow")
        self.fail("a slow request was never seen in progress")

    def test_odd_methods(self):
        what = self.traits["odd_method"]
        for method in ("BREW", "X" * 20):
            with self.server.connect() as connection:
                connection.send(f"{method} /hello HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                status, _ = connection.take_head()
                self.assertIn(status, [what] if isinstance(what, int) else [400, 405, 501])
                self.add_unusual(what, method, "/hello")

    def test_what_the_server_answers_without_a_handler(self):
        for method, path, code in [("GET", "/nowhere", 404), *self.traits["own"]]:
            with self.server.connect() as connection:
                self.assertEqual(connection.request(method, path)[0], code)

    def leaves_before_the_response(self, ms):
        """Leaves while a handler works that takes so long. Returns whether the handler still worked
        after that."""
        with self.server.connect() as connection:
            connection.send(f"GET /slow?ms={ms} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            while not select.select([connection.socket], [], [], 0)[0]:
                if self.server.in_progress("slow") == 1:
                    connection.reset()
                    return self.server.works_after_reset()
        return False

    def test_client_leaves_before_the_response(self):
        for ms in (1500, 6000, 24000):  # the later ones where the machine is too slow
            if self.leaves_before_the_response(ms):
                if self.traits["left_early"] == "response":
                    self.server.tally.add("GET", "/slow", 200)
                self.server.tally.add_aborted("/slow", self.traits["left_early"])
                return
            self.server.clean_up()
            self.begin()
        self.fail("no client left before the response")

    def test_client_leaves_within_the_response(self):
        for _ in range(3):
            with self.server.connect() as connection:
                connection.leave_within_response()

    def test_client_leaves_within_the_upload(self):
        left_upload = self.traits["left_upload"]
        for _ in range(3):
            with self.server.connect() as connection:
                head = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n"
                if left_upload == "unseen request":  # 100 Continue tells that there is a header
                    connection.send(head + b"Expect: 100-continue\r\n\r\n")
                    self.assertEqual(connection.take_line(), "HTTP/1.1 100 Continue")
                    connection.send(b"x" * 50_000)
                else:
                    connection.send(head + b"\r\n" + b"x" * 50_000)
                if left_upload == "request":
                    poll(lambda: self.server.in_progress("echo") == 1, "the upload is in progress")
                if left_upload is not None:
                    self.server.tally.add_aborted("/echo", "request", "POST")
                connection.reset()

    def test_client_leaves_within_the_header(self):
        """The page is the same whether the server has read what was sent, which 0.1 s allow, or not."""
        for sent, what in zip([b"GE", b"GET /hello HTTP/1.1\r\nHos"], self.traits["left_header"]):
            for leave in (Connection.reset, Connection.close):
                for wait in (0, 0.1):
                    with self.server.connect() as connection:
                        connection.send(sent)
                        time.sleep(wait)
                        leave(connection)
                        self.add_unusual(what, None, None)

    def test_client_sends_nothing(self):
        for leave in (Connection.close, Connection.reset):
            with self.server.connect() as connection:
                connection.send(b"")
                leave(connection)

    def test_malformed_requests(self):
        for what, expected in self.traits["malformed"].items():
            for _ in range(3):
                with self.subTest(what=what), self.server.connect() as connection:
                    connection.send(MALFORMED[what])
                    connection.socket.shutdown(socket.SHUT_WR)
                    # civetweb repeats the version that it has read, whatever it is.
                    status = re.match(rb"HTTP/.*? ([1-5]\d\d) ", connection.take_rest(), re.S)
                    self.assertIn(int(status.group(1)), [
                        expected] if isinstance(expected, int) else [400, 411, 413, 501])
                    method, path, _ = MALFORMED[what].decode().split(maxsplit=2)
                    self.add_unusual(expected, method, path)


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in SERVERS:
        sys.exit(f"usage: test_servers.py {'|'.join(SERVERS)} [UNITTEST OPTION...]")
    Count.name = sys.argv.pop(1)
    if Count.name == "fastcgi" and nginx_program() is None:
        print(f"skipped: nginx is neither in {UNPACKED} nor installed")
        sys.exit(77)
    unittest.main(verbosity=2)
