"""Programs that are started without standard descriptors, as `program 2>&-` does: nothing that they
open afterwards takes their place."""
import itertools
import os
import re
import signal
import socket
import subprocess
import tempfile
import unittest

from system import BUILD, DEADLINE_SECONDS, eventually
from test_production import COMMON

STANDARD = {0: "<&-", 1: ">&-", 2: "2>&-"}
CLOSED = [c for n in (1, 2, 3) for c in itertools.combinations(STANDARD, n)]


def ask(path):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(DEADLINE_SECONDS)
        client.connect(path)
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        with client.makefile("rb") as answer:
            return answer.read()


def accepts(path):
    try:
        return ask(path)
    except OSError:
        return None


class Descriptors(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "socket")
        self.log = os.path.join(folder.name, "log")
        self.tokens = os.path.join(folder.name, "tokens")

    def start(self, closed, *command):
        redirections = " ".join(STANDARD[number] for number in closed)
        process = subprocess.Popen(
            ["sh", "-c", f'exec "$@" {redirections}', "sh", *command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def end(self, process):
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=DEADLINE_SECONDS)
        self.assertEqual(process.returncode, 0)

    def assert_null(self, process, closed):
        there = {number: os.readlink(f"/proc/{process.pid}/fd/{number}") for number in closed}
        self.assertEqual(there, dict.fromkeys(closed, "/dev/null"))

    def test_an_app_has_null_devices_in_their_place(self):
        for closed in CLOSED:
            with self.subTest(closed=closed):
                path = self.path + "".join(map(str, closed))
                process = self.start(closed, os.path.join(BUILD, "examples", "hello"), "run",
                                     "--listen", "unix:" + path)
                self.assertIn(b'{"hello":"world"}', eventually(lambda: accepts(path), "hello"))
                self.assert_null(process, closed)
                self.end(process)

    def test_the_log_of_an_app_without_stderr_is_in_no_other_file(self):
        with open(self.tokens, "w", encoding="utf-8") as tokens:
            tokens.write("token\n")
        for closed in CLOSED:
            with self.subTest(closed=closed):
                path, access_log = (name + "".join(map(str, closed)) for name in (self.path, self.log))
                process = self.start(
                    closed, os.path.join(BUILD, "examples", "production"), "run", "--listen",
                    "unix:" + path, "--access-log", access_log, "--auth-tokens-file", self.tokens)
                eventually(lambda: accepts(path), "production")
                process.send_signal(signal.SIGHUP)  # which is logged
                for _ in range(3):
                    ask(path)
                self.end(process)
                with open(access_log, encoding="utf-8") as lines:
                    text = lines.read()
                self.assertGreater(text.count("\n"), 3)
                for line in text.splitlines():
                    self.assertIsNotNone(re.fullmatch(COMMON, line), line)

    def test_a_program_with_metrics_only_has_null_devices_in_their_place(self):
        for closed in CLOSED:
            with self.subTest(closed=closed):
                process = self.start(closed, os.path.join(BUILD, "examples", "metrics_only"),
                                     "127.0.0.1:0")

                def listens():
                    links = []
                    for name in os.listdir(f"/proc/{process.pid}/fd"):
                        try:
                            links.append(os.readlink(f"/proc/{process.pid}/fd/{name}"))
                        except FileNotFoundError:
                            pass
                    return any(link.startswith("socket:") for link in links)

                eventually(listens, "a socket")
                self.assert_null(process, closed)
                self.end(process)

    def test_sextant_does_not_take_a_missing_input_or_output_for_a_good_page(self):
        page = os.path.join(os.path.dirname(self.path), "page")
        with open(page, "w", encoding="utf-8") as out:
            out.write("wrong\n")
        for closed, arguments, status in (
            ((), [page], 1), ((0,), [page], 1), ((0,), [], 2), ((1,), [page], 2),
            ((2,), [page], 1), ((2,), ["nowhere"], 2), ((0, 1, 2), [page], 2), ((0, 1, 2), [], 2),
        ):
            with self.subTest(closed=closed, arguments=arguments):
                process = self.start(closed, os.path.join(BUILD, "sextant"), "check", *arguments)
                process.communicate(timeout=DEADLINE_SECONDS)
                self.assertEqual(process.returncode, status)
                with open(page, encoding="utf-8") as unchanged:
                    self.assertEqual(unchanged.read(), "wrong\n")


if __name__ == "__main__":
    unittest.main(verbosity=2)
