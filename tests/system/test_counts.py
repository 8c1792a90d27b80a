"""An outsider counts: clients on raw sockets send a mix of everything, note what they sent and saw, and
the page must say the same, by method, handler and code; every gauge ends at 0."""
import random
import re
import socket
import threading
import unittest
from collections import Counter

from system import DEADLINE_SECONDS, Example, eventually, samples
from test_tracked import requests_total

CLIENTS = 6
ROUNDS = 120
SEED = 20180424

# path, status, handler, for GET
PATHS = [
    ("/", 200, "tracked.index"),
    ("/bad-request", 400, "tracked.bad_request"),
    ("/fail", 500, "tracked.fail"),
    ("/auth-required", 403, "tracked.auth_required"),
    ("/explicit", 200, "tracked.explicit_response"),
    ("/slow?ms=3", 200, "tracked.slow"),
    ("/slow?ms=x", 400, "tracked.slow"),
    ("/users/3", 200, "tracked.get_user"),
    ("/users/4", 404, "tracked.get_user"),
    ("/users/zero", 404, "tracked.get_user"),
    ("/explicit/", 308, "<builtin>"),
    ("/%zz", 400, "<builtin>"),
    ("/nowhere/{n}", 404, "<builtin>"),
]
STANDARD = {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}


class Client(threading.Thread):
    """One client, with its own choice of what to send, and its own count."""

    def __init__(self, port, seed):
        super().__init__()
        self.port = port
        self.random = random.Random(seed)
        self.counted = Counter()  # (method, handler, code)
        self.rejected = 0
        self.aborted = Counter()  # (method, handler)
        self.fault = None

    def run(self):
        try:
            for _ in range(ROUNDS):
                self.random.choices(
                    [self.pipeline, self.odd_method, self.malformed, self.leaves_within_body],
                    [10, 4, 2, 2])[0]()
        except Exception as fault:  # a thread's exception would be lost
            self.fault = fault

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), DEADLINE_SECONDS)

    def choose(self):
        path, status, handler = self.random.choice(PATHS)
        method = self.random.choice(["GET", "GET", "GET", "HEAD"])
        return method, path.format(n=self.random.randrange(1000000)), status, handler

    def exchange(self, requests):
        """Sends requests in one piece, or in pieces, on one connection; gives the statuses."""
        data = b""
        for i, (method, path, more) in enumerate(requests):
            close = "Connection: close\r\n" if i + 1 == len(requests) else ""
            data += f"{method} {path} HTTP/1.1\r\nHost: x\r\n{close}{more}\r\n".encode()
        with self.connect() as connection:
            at = 0
            while at < len(data):
                size = self.random.choice([len(data), 1 + self.random.randrange(len(data))])
                connection.sendall(data[at : at + size])
                at += size
            received = b""
            while chunk := connection.recv(65536):
                received += chunk
        return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d+) ", received)]

    def pipeline(self):
        chosen = [self.choose() for _ in range(1 + self.random.randrange(4))]
        statuses = self.exchange([(method, path, "") for method, path, _, _ in chosen])
        expected = [status for _, _, status, _ in chosen]
        assert statuses == expected, (statuses, expected)
        for method, _, status, handler in chosen:
            self.counted[method, handler, str(status)] += 1

    def odd_method(self):
        method = self.random.choice(
            ["POST", "DELETE", "PATCH", "TRACE", "BREW", f"M{self.random.randrange(100000)}"])
        (status,) = self.exchange([(method, "/", "")])
        assert status == 405, status
        self.counted[method if method in STANDARD else "_OTHER", "<builtin>", "405"] += 1

    def malformed(self):
        (status,) = self.exchange([("GET", "/", "Host: again\r\n")])
        assert status == 400, status
        self.rejected += 1

    def leaves_within_body(self):
        with self.connect() as connection:
            connection.sendall(b"PUT /explicit HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf")
        self.aborted["PUT", "<builtin>"] += 1


def assert_page_says_what_clients_saw(test, tracked):
    tracked.page()
    clients = [Client(tracked.port, SEED + i) for i in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    test.assertEqual([client.fault for client in clients], [None] * CLIENTS)
    counted = sum((client.counted for client in clients), Counter())
    aborted = sum((client.aborted for client in clients), Counter())

    def page_aborted():
        found = samples(tracked.page(), "http_requests_aborted_total")
        return {(m, h): n for ((_, m), (_, h), (_, phase)), n in found.items() if phase == "request"}

    eventually(lambda: page_aborted() == aborted, "aborted requests")
    page = tracked.page()
    test.assertEqual(requests_total(page), counted)
    rejected = samples(page, "http_requests_rejected_total")
    test.assertEqual(
        {reason: n for ((_, reason),), n in rejected.items() if n > 0},
        {"malformed": sum(client.rejected for client in clients)})

    def idle():
        gauges = samples(tracked.page(), "http_requests_inprogress")
        return {labels: n for labels, n in gauges.items()
                if n != 0 and "expose_metrics" not in dict(labels)["handler"]} == {}

    eventually(idle, "gauges at 0")
    durations = samples(tracked.page(), "http_request_duration_seconds_count")
    by_method_and_handler = Counter()
    for (method, handler, _), n in counted.items():
        by_method_and_handler[method, handler] += n
    test.assertEqual(
        {tuple(value for _, value in labels): n for labels, n in durations.items()
         if n > 0 and "expose_metrics" not in dict(labels)["handler"]},
        by_method_and_handler)


class Counts(unittest.TestCase):
    def test_the_page_says_what_the_clients_saw(self):
        with Example("tracked") as tracked:
            assert_page_says_what_clients_saw(self, tracked)


if __name__ == "__main__":
    unittest.main()
