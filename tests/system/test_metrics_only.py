"""examples/metrics_only: a program without an HTTP server is scraped, and stops when it is told to."""
import os
import re
import signal
import socket
import subprocess
import unittest

from system import BUILD, Example, eventually, promtool_check, samples


class MetricsOnly(Example):
    """The example, on a free port; it has no `run` and no `--listen`."""

    def __init__(self):
        self.path = os.path.join(BUILD, "examples", "metrics_only")
        self.process = subprocess.Popen(
            [self.path, "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.port = int(re.search(r"port (\d+)", self.process.stdout.readline()).group(1))

    def __exit__(self, *_):
        super().__exit__()
        self.process.stderr.close()


class Scrape(unittest.TestCase):
    def test_the_page_is_good_and_grows(self):
        with MetricsOnly() as program:
            first = program.page()
            self.assertEqual(promtool_check(first), "")
            checked = subprocess.run(
                [os.path.join(BUILD, "sextant"), "check"], input=first.encode(), check=False
            )
            self.assertEqual(checked.returncode, 0)
            before = samples(first, "jobs_done_total")[()]
            eventually(lambda: samples(program.page(), "jobs_done_total")[()] > before, "works on")
            page = program.page()
            self.assertIn((), samples(page, "jobs_waiting"))
            # A job is observed a moment before it is counted as done.
            observed = samples(page, "job_duration_seconds_count")[()]
            self.assertIn(observed - samples(page, "jobs_done_total")[()], (0, 1))

    def test_it_is_scraped_by_many_at_once(self):
        with MetricsOnly() as program:
            connections = [program.connect() for _ in range(16)]
            for _ in range(3):
                for connection in connections:
                    connection.request("GET", "/metrics")
                for connection in connections:
                    response = connection.getresponse()
                    self.assertEqual(response.status, 200)
                    self.assertIn(b"jobs_done_total", response.read())
            for connection in connections:
                connection.close()

    def test_signals_stop_it_cleanly(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with MetricsOnly() as program:
                with socket.create_connection(("127.0.0.1", program.port)) as half:
                    half.sendall(b"GET /metr")
                    self.assertEqual(program.request("/metrics")[0], 200)
                    self.assertEqual(program.stop(number), 0)
                self.assertEqual(program.process.stderr.read(), "")

    def test_a_port_in_use_is_said(self):
        with MetricsOnly() as program:
            address = f"127.0.0.1:{program.port}"
            second = subprocess.run([program.path, address], capture_output=True, text=True, check=False)
            self.assertEqual(second.returncode, 1)
            self.assertIn(f"cannot listen on {address}: Address already in use", second.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
