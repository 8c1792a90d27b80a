"""examples/production over sockets: its access log, read by others, and who gets its metrics."""
import http.client
import json
import os
import re
import socket
import subprocess
import tempfile
import threading
import unittest
from datetime import datetime, timezone

from system import DEADLINE_SECONDS, Example, eventually, promtool_check
from test_prometheus import Prometheus

# Apache HTTP Server 2.4, mod_log_config: "%h %l %u %t \"%r\" %>s %b"
COMMON = re.compile(
    r'(?P<host>\S+) (?P<ident>\S+) (?P<user>\S+) \[(?P<time>[^]]+)\]'
    r' "(?P<request>(?:[^"\\]|\\.)*)" (?P<status>\d{3}|-) (?P<bytes>\d+|-)'
)
TOKEN = "mF_9.B5f-4.1JqM"
USER = "prometheus:open sesame: £"


class Production(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.log = self.path("log")
        self.tokens = self.write("tokens", f"{TOKEN}\n")
        self.users = self.write("users", f"{USER}\n")

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as out:
            out.write(text)
        return self.path(name)

    def start(self, *options):
        return Example(
            "production", "--auth-tokens-file", self.tokens, "--auth-users-file", self.users, *options
        )

    def lines(self, count):
        """The lines of the log, of which there are so many, or will be."""
        def read():
            with open(self.log, encoding="utf-8", newline="\n") as log:
                text = log.read()
            return text.split("\n")[:-1] if text.count("\n") >= count else None

        lines = eventually(read, f"{count} lines of the access log")
        self.assertEqual(len(lines), count)
        return lines

    def bad_requests(self, production):
        """Requests that end in each way: 2 complete, 1 aborted, 3 rejected."""
        self.assertEqual(production.request("/hello/you")[0], 200)
        production.raw(b'GET /\\"%0d%0a HTTP/1.0\r\n\r\n')
        production.raw(b"GET /hello/\xe2\x82\xac\"\xff\x9b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        production.raw(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
        with socket.create_connection(("127.0.0.1", production.port), DEADLINE_SECONDS) as client:
            client.sendall(b"GET /hello/me HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf")
        production.raw(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 200 + b"\r\n")

    # ---- the access log ----

    def test_common_lines_are_what_apache_defines(self):
        with self.start("--access-log", self.log) as production:
            self.bad_requests(production)
            lines = self.lines(6)
            self.assertEqual(production.stop(), 0)
        found = [COMMON.fullmatch(line) for line in lines]
        self.assertTrue(all(found), lines)
        for match in found:
            said = datetime.strptime(match["time"], "%d/%b/%Y:%H:%M:%S %z")
            self.assertLess(abs((datetime.now(timezone.utc) - said).total_seconds()), 60)
            self.assertTrue(match[0].isascii() and match[0].isprintable(), match[0])
        (you,) = [match for match in found if match["request"] == "GET /hello/you HTTP/1.1"]
        self.assertEqual((you["host"], you["status"], you["bytes"]), ("127.0.0.1", "200", "15"))
        said = sorted((match["request"], match["status"]) for match in found)
        self.assertIn(("-", "400"), said)
        self.assertIn(("-", "431"), said)
        self.assertIn(("GET /hello/me HTTP/1.1", "-"), said)

    def test_json_lines_are_json(self):
        with self.start("--access-log", self.log, "--access-log-format", "json") as production:
            self.bad_requests(production)
            lines = self.lines(6)
        found = [json.loads(line) for line in lines]
        rejected = sorted(line["rejected"] for line in found if "rejected" in line)
        self.assertIn("header_too_large", rejected)
        self.assertIn("malformed", rejected)
        self.assertEqual(
            [(line["target"], line["status"]) for line in found
             if line.get("outcome") == "request_aborted"],
            [("/hello/me", None)],
        )
        (you,) = [line for line in found if line.get("target") == "/hello/you"]
        self.assertEqual((you["handler"], you["outcome"]), ("production.hello", "complete"))
        self.assertEqual((you["status"], you["response_body_bytes"]), (200, 15))
        self.assertTrue(0 < you["duration_seconds"] < DEADLINE_SECONDS)
        for line in found:
            said = datetime.strptime(line["time"], "%Y-%m-%dT%H:%M:%S.%fZ")
            now = datetime.now(timezone.utc).replace(tzinfo=None)
            self.assertLess(abs((now - said).total_seconds()), 60)

    def test_each_request_of_many_connections_is_a_line(self):
        def run(production, number):
            connection = production.connect()
            for i in range(200):
                connection.request("GET", f"/hello/{number}-{i}")
                connection.getresponse().read()
            connection.close()

        with self.start("--access-log", self.log, "--access-log-format", "json") as production:
            threads = [threading.Thread(target=run, args=(production, i)) for i in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            targets = {json.loads(line)["target"] for line in self.lines(1600)}
            self.assertEqual(targets, {f"/hello/{n}-{i}" for n in range(8) for i in range(200)})

    def test_standard_output_has_the_lines(self):
        with self.start() as production:
            production.request("/hello/you")
            self.assertEqual(production.stop(), 0)
            self.assertIn('"GET /hello/you HTTP/1.1" 200 15\n', production.process.stdout.read())

    def test_it_goes_on_when_nobody_reads_its_output_any_more(self):
        process = subprocess.Popen(
            ["sh", "-c", 'exec "$0" "$@" 2>&1', self.start_path(), "run", "--listen", "127.0.0.1:0",
             "--auth-tokens-file", self.tokens],
            stdout=subprocess.PIPE, text=True,
        )
        self.addCleanup(process.kill)
        port = int(re.search(r":(\d+)\n", process.stdout.readline())[1])
        process.stdout.close()
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", port), DEADLINE_SECONDS) as client:
                client.sendall(b"GET /hello/you HTTP/1.0\r\n\r\n")
                self.assertIn(b" 200 ", client.makefile("rb").read())
        process.terminate()
        self.assertEqual(process.wait(DEADLINE_SECONDS), 0)

    def start_path(self):
        with self.start() as production:
            return production.path

    # ---- authentication ----

    def curl(self, production, *options):
        """The status that curl gets for the metrics."""
        return subprocess.run(
            ["curl", "-s", "-o", self.path("body"), "-w", "%{http_code}", *options,
             f"http://127.0.0.1:{production.port}/metrics"],
            capture_output=True, text=True, check=True,
        ).stdout

    def test_curl_is_let_in(self):
        with self.start() as production:
            self.assertEqual(self.curl(production, "-u", USER), "200")
            self.assertEqual(self.curl(production, "--oauth2-bearer", TOKEN), "200")
            # It sees what it is offered and answers that; and can choose, if it is offered both.
            self.assertEqual(self.curl(production, "--anyauth", "-u", USER), "200")
            with open(self.path("body"), "rb") as page:
                self.assertEqual(promtool_check(page.read()), "")

    def test_curl_is_not_let_in(self):
        with self.start() as production:
            self.assertEqual(self.curl(production), "401")
            self.assertEqual(self.curl(production, "-u", "prometheus:"), "401")
            self.assertEqual(self.curl(production, "-u", f"x{USER}"), "401")
            self.assertEqual(self.curl(production, "--oauth2-bearer", TOKEN[:-1]), "401")
            self.assertEqual(self.curl(production, "--oauth2-bearer", f"{TOKEN}M"), "401")
            self.assertEqual(production.request("/hello/you")[0], 200)

    def admin_port(self, production):
        """Where `--admin` listens, which it says in its second line."""
        line = production.process.stdout.readline()
        return int(re.fullmatch(
            r"listening on http://127\.0\.0\.1:(\d+), for the admin routes only\n", line)[1])

    def test_an_address_of_their_own_does_not_open_the_metrics(self):
        def ask(port, path, **headers):
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_SECONDS)
            try:
                client.request("GET", path, headers=headers)
                response = client.getresponse()
                return response.status, response.headers.get_all("WWW-Authenticate"), response.read()
            finally:
                client.close()

        with self.start("--admin", "127.0.0.1:0") as production:
            admin = self.admin_port(production)
            self.assertNotEqual(admin, production.port)
            for wrong in ({}, {"Authorization": f"Bearer {TOKEN}M"}):
                status, challenges, body = ask(admin, "/metrics", **wrong)
                self.assertEqual(status, 401)
                self.assertIn("Bearer ", ", ".join(challenges))
                self.assertNotIn(b"http_requests_total", body)
            known = {"Authorization": f"Bearer {TOKEN}"}
            status, _, body = ask(admin, "/metrics", **known)
            self.assertEqual(status, 200)
            self.assertIn(b"http_requests_total", body)
            # And whoever knows the secret finds each only where it is.
            self.assertEqual(ask(production.port, "/metrics", **known)[0], 404)
            self.assertEqual(ask(admin, "/hello/you", **known)[0], 404)
            self.assertEqual(ask(production.port, "/hello/you")[0], 200)
            self.assertEqual(production.stop(), 0)

    def health(self, production, more):
        """The health and last error of Prometheus' target, once it has been scraped."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            prometheus = Prometheus(folder, production.port, more)
            try:
                def scraped():
                    targets = prometheus.ask("targets", state="active")["activeTargets"]
                    return targets and targets[0]["health"] != "unknown" and targets[0]

                target = eventually(scraped, "a scrape")
                return target["health"], target["lastError"]
            finally:
                prometheus.stop()

    def test_prometheus_is_let_in(self):
        name, password = USER.split(":", 1)
        password = self.write("password", f"{password}\n")
        with self.start() as production:
            self.assertEqual(
                self.health(production, f"    authorization: {{credentials_file: {self.tokens}}}"),
                ("up", ""),
            )
            self.assertEqual(
                self.health(
                    production,
                    f"    basic_auth: {{username: {name}, password_file: {password}}}"),
                ("up", ""),
            )
            health, error = self.health(production, "")
            self.assertEqual(health, "down")
            self.assertIn("401", error)

    def test_without_credentials_it_does_not_start(self):
        empty = self.write("empty", "\n")
        for options in [[], ["--auth-tokens-file", empty], ["--auth-users-file", self.path("none")]]:
            done = subprocess.run(
                [self.start_path(), "run", "--listen", "127.0.0.1:0", *options],
                capture_output=True, text=True, check=False,
            )
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn("component 'sx_authentication' cannot start", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
