"""What the system tests share: an example that runs on a free port, its page, the judges.

The environment says where things are: SX_SOURCE, SX_BUILD and SX_UNPACKED.
"""
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import unittest

from prometheus_client.parser import text_string_to_metric_families

SOURCE = os.environ.get("SX_SOURCE", os.getcwd())
BUILD = os.environ.get("SX_BUILD", os.path.join(SOURCE, "build"))
UNPACKED = os.environ.get("SX_UNPACKED", os.path.join(SOURCE, "build", "unpacked"))
DEADLINE_SECONDS = 20


def is_sanitized():
    """Whether the libraries are built with a sanitizer, which programs built here do not have."""
    with open(os.path.join(BUILD, "CMakeCache.txt"), encoding="utf-8") as cache:
        return any(line.startswith("SEXTANT_SANITIZE:") and not line.endswith("=\n") for line in cache)


def has_zlib():
    """Whether the libraries were built with zlib."""
    out = subprocess.check_output(
        ["readelf", "-d", os.path.join(BUILD, "libsextant-metrics-server.so")], text=True)
    return "[libz.so" in out


class Example:
    """A program of examples/, serving on 127.0.0.1 and a free port."""

    def __init__(self, name, *options):
        self.path = os.path.join(BUILD, "examples", name)
        self.process = subprocess.Popen(
            [self.path, "run", "--listen", "127.0.0.1:0", *options], stdout=subprocess.PIPE, text=True
        )
        line = self.process.stdout.readline()
        match = re.fullmatch(r"listening on http://127\.0\.0\.1:(\d+)\n", line)
        if match is None:
            self.process.kill()
            raise AssertionError(f"{name} said {line!r}, not where it listens")
        self.port = int(match.group(1))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self, number=signal.SIGTERM):
        """Sends the signal and gives the exit status; a sanitizer's report makes it nonzero."""
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_SECONDS)

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_SECONDS)

    def request(self, path, method="GET"):
        """The status and body of one request on a connection of its own."""
        connection = self.connect()
        try:
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def raw(self, data):
        """Sends bytes, and gives all that comes back until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), DEADLINE_SECONDS) as connection:
            connection.sendall(data)
            received = b""
            while chunk := connection.recv(65536):
                received += chunk
            return received

    def page(self):
        status, body = self.request("/metrics")
        assert status == 200, status
        return body.decode("utf-8")


def compilers():
    """(name, command) of the C compilers that are here; says which are not. gcc without the trace of
    every macro, as our CMake and pkg-config files set it."""
    found, paths = [], set()
    for name in ("gcc", "gcc-12", "gcc-14", "clang", "clang-14", "clang-19"):
        if shutil.which(name) is None:
            print(f"skipped: {name} is not installed", flush=True)
        elif (path := os.path.realpath(shutil.which(name))) not in paths:
            paths.add(path)
            options = ["-ftrack-macro-expansion=0"] if name.startswith("gcc") else []
            found.append((name, [name, *options]))
    return found


def samples(page, name):
    """{(label values in the order of their names): value} of one sample name."""
    found = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.name == name:
                labels = tuple(sample.labels.items())
                assert labels not in found, f"{name} has {labels} twice"
                found[labels] = sample.value
    return found


def eventually(function, what):
    """Calls until it gives something true: for what happens soon, but not at once."""
    end = time.monotonic() + DEADLINE_SECONDS
    while True:
        value = function()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what}: still {value!r} after {DEADLINE_SECONDS} s")
        time.sleep(0.02)


def judge(name):
    """The path of prometheus or promtool; where there is none the test is skipped."""
    path = os.path.join(UNPACKED, "usr", "bin", name)
    if not os.access(path, os.X_OK):
        path = shutil.which(name)
    if path is None:
        raise unittest.SkipTest(f"{name} is neither in {UNPACKED} nor in PATH")
    return path


def promtool_check(page):
    """What `promtool check metrics` says against a page; "" is good."""
    result = subprocess.run(
        [judge("promtool"), "check", "metrics"],
        input=page if isinstance(page, bytes) else page.encode("utf-8"),
        capture_output=True,
        check=False,
    )
    said = (result.stdout + result.stderr).decode("utf-8", "replace")
    return said if result.returncode != 0 or said.strip() else ""
