"""examples/tracked over sockets: every request is on the page, exactly once and by its route."""
import re
import select
import signal
import socket
import subprocess
import threading
import unittest
from collections import Counter

from system import DEADLINE_SECONDS, Example, eventually, promtool_check, samples

ROUTES = ["/", "/bad-request", "/fail", "/auth-required", "/explicit", "/slow", "/users/{id}", "/metrics"]
# path, status, handler label
REQUESTS = [
    ("/", 200, "tracked.index"),
    ("/bad-request", 400, "tracked.bad_request"),
    ("/fail", 500, "tracked.fail"),
    ("/auth-required", 403, "tracked.auth_required"),
    ("/explicit", 200, "tracked.explicit_response"),
    ("/slow?ms=1", 200, "tracked.slow"),
    ("/users/1", 200, "tracked.get_user"),
    ("/users/zero", 404, "tracked.get_user"),
    ("/users/0", 404, "tracked.get_user"),
    ("/idontexist", 404, "<builtin>"),
]


def requests_total(page):
    """{(method, handler, code): count}, without the metrics route."""
    found = {}
    for labels, value in samples(page, "http_requests_total").items():
        names = [name for name, _ in labels]
        assert names == ["method", "handler", "code"], names
        method, handler, code = (value for _, value in labels)
        if "expose_metrics" not in handler:
            found[method, handler, code] = value
    return found


def by_handler(page, name):
    """{handler: value} of the GETs, without the metrics route."""
    return {
        dict(labels)["handler"]: value
        for labels, value in samples(page, name).items()
        if dict(labels)["method"] == "GET" and "expose_metrics" not in dict(labels)["handler"]
    }


def send_slow_requests(tracked, count, ms):
    """The connections of this number of requests that are answered after so many milliseconds."""
    clients = []
    for _ in range(count):
        client = socket.create_connection(("127.0.0.1", tracked.port), 60)
        client.sendall(f"GET /slow?ms={ms} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        clients.append(client)
    return clients


def run_slow_requests(tracked, count, is_seen):
    """Gives the connections of slow requests when `is_seen` says that all are in progress. Where the
    machine is too slow to see it, longer requests follow."""
    for ms in (1500, 6000, 24000):
        clients = send_slow_requests(tracked, count, ms)
        while not select.select(clients, [], [], 0)[0]:
            if is_seen():
                return clients
        for client in clients:
            client.recv(65536)
            client.close()
    raise AssertionError(f"{count} slow requests were never seen in progress")


class Tracked(unittest.TestCase):
    def test_first_request_is_on_the_page(self):
        with Example("tracked") as tracked:
            self.assertEqual(tracked.request("/")[0], 200)
            self.assertIn(
                '\nhttp_requests_total{method="GET",handler="tracked.index",code="200"} 1\n',
                tracked.page(),
            )

    def test_counts_are_exact_by_method_handler_and_code(self):
        expected = Counter()
        with Example("tracked") as tracked:
            for times, (path, status, handler) in enumerate(REQUESTS, start=1):
                for _ in range(times):
                    self.assertEqual(tracked.request(path)[0], status, path)
                    expected["GET", handler, str(status)] += 1
            self.assertEqual(tracked.request("/", "DELETE")[0], 405)
            expected["DELETE", "<builtin>", "405"] += 1
            page = tracked.page()
            self.assertEqual(requests_total(page), expected)
            self.assertEqual(promtool_check(page), "")

    def test_each_request_is_observed_in_the_histogram_once(self):
        expected = Counter()
        with Example("tracked") as tracked:
            for path, _, handler in REQUESTS * 3:
                tracked.request(path)
                expected[handler] += 1

            def observed():
                counts = by_handler(tracked.page(), "http_request_duration_seconds_count")
                return {handler: count for handler, count in counts.items() if count > 0}

            # The duration is observed after the last byte went out, a moment after it arrived.
            eventually(lambda: observed() == expected, "observations")
            page = tracked.page()
            infinite = {
                labels[:-1]: value
                for labels, value in samples(page, "http_request_duration_seconds_bucket").items()
                if labels[-1] == ("le", "+Inf")
            }
            self.assertEqual(infinite, samples(page, "http_request_duration_seconds_count"))
            slow = by_handler(page, "http_request_duration_seconds_sum")["tracked.slow"]
            self.assertGreaterEqual(slow, 0.003)

    def test_requests_from_many_connections_are_all_counted(self):
        def run(tracked):
            connection = tracked.connect()
            for _ in range(250):
                connection.request("GET", "/")
                connection.getresponse().read()
            connection.close()

        with Example("tracked") as tracked:
            threads = [threading.Thread(target=run, args=(tracked,)) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(requests_total(tracked.page()), {("GET", "tracked.index", "200"): 2000})

    def test_pipelined_requests_are_answered_in_order(self):
        def get(path, more=""):
            return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n".encode()

        with Example("tracked") as tracked:
            received = tracked.raw(
                get("/slow?ms=20") + get("/bad-request") + get("/explicit")
                + get("/idontexist", "Connection: close\r\n")
            )
            statuses = re.findall(rb"HTTP/1\.1 (\d+)", received)
            self.assertEqual(statuses, [b"200", b"400", b"200", b"404"])

    def test_in_progress_counts_requests_while_they_run(self):
        def in_progress():
            found = samples(tracked.page(), "http_requests_inprogress")
            self.assertTrue(all(value >= 0 for value in found.values()), found)
            return {dict(labels)["handler"]: value for labels, value in found.items() if value != 0}

        with Example("tracked") as tracked:
            # The page is rendered while it is requested: it sees itself.
            itself = eventually(in_progress, "the scrape sees itself")
            self.assertEqual(list(itself.values()), [1])
            self.assertIn("expose_metrics", list(itself)[0])
            slow = run_slow_requests(tracked, 3, lambda: in_progress() == {**itself, "tracked.slow": 3})
            for client in slow:
                self.assertIn(b"HTTP/1.1 200 ", client.recv(65536))
                client.close()
            eventually(lambda: in_progress() == itself, "idle again")

    def test_slow_handlers_do_not_hold_up_the_others(self):
        with Example("tracked") as tracked:
            slow = send_slow_requests(tracked, 8, 60000)
            for _ in range(20):
                self.assertEqual(tracked.request("/")[0], 200)
            self.assertEqual(select.select(slow, [], [], 0)[0], [])  # no answer yet
            tracked.process.kill()
            for client in slow:
                client.close()

    def test_paths_from_clients_make_no_series(self):
        with Example("tracked") as tracked:
            for path in ["/a", "/b", "/%22%5C%0A", "/users/1/2", "/%FF", "/..", "/?x=%00"]:
                tracked.request(path)
            handlers = {handler for _, handler, _ in requests_total(tracked.page())}
            self.assertLessEqual(handlers, {"<builtin>", "tracked.index"})

    def test_methods_from_clients_make_no_series(self):
        with Example("tracked") as tracked:
            for method in ["PROPFIND", "MKCOL", "BREW", "get"]:
                tracked.raw(f"{method} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
            methods = {method for method, _, _ in requests_total(tracked.page())}
            self.assertLessEqual(methods, {"_OTHER"})

    def test_response_is_what_the_handler_said(self):
        with Example("tracked") as tracked:
            self.assertEqual(tracked.request("/explicit"), (200, b"hello"))
            connection = tracked.connect()
            connection.request("GET", "/metrics")
            response = connection.getresponse()
            response.read()
            self.assertEqual(
                response.getheader("Content-Type"), "text/plain; version=0.0.4; charset=utf-8"
            )
            connection.close()

    def test_signals_stop_it_cleanly(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with Example("tracked") as tracked:
                tracked.request("/")
                self.assertEqual(tracked.stop(number), 0)

    def test_what_is_in_flight_is_answered_before_it_stops(self):
        with Example("tracked") as tracked:
            def in_flight():
                return by_handler(tracked.page(), "http_requests_inprogress")["tracked.slow"]

            [client] = run_slow_requests(tracked, 1, in_flight)
            tracked.process.send_signal(signal.SIGTERM)
            received = b""
            while chunk := client.recv(65536):
                received += chunk
            client.close()
            self.assertTrue(received.startswith(b"HTTP/1.1 200 "), received)
            self.assertEqual(tracked.process.wait(DEADLINE_SECONDS), 0)

    def test_routes_lists_every_route(self):
        with Example("tracked") as tracked:
            path = tracked.path
        out = subprocess.run([path, "routes"], capture_output=True, text=True, check=True).stdout
        for route in ROUTES:
            self.assertRegex(out, rf"(?m)^.*GET\s+{re.escape(route)}(\s|$)")

    def test_wrong_command_lines_are_refused(self):
        with Example("tracked") as tracked:
            for arguments in [[], ["fly"], ["run", "--listen", ":x"], ["run", "--listen", ":65536"]]:
                result = subprocess.run([tracked.path, *arguments], capture_output=True, check=False)
                self.assertEqual(result.returncode, 2, arguments)
            taken = subprocess.run(
                [tracked.path, "run", "--listen", f"127.0.0.1:{tracked.port}"],
                capture_output=True, check=False
            )
            self.assertEqual(taken.returncode, 1)
            self.assertIn(str(tracked.port).encode(), taken.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
