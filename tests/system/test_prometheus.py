"""A real Prometheus server scrapes examples/tracked."""
import json
import math
import os
import socket
import subprocess
import sys
import tempfile
import unittest
import urllib.parse
import urllib.request

from system import Example, eventually, judge, samples

CONFIG = """
global:
  scrape_interval: {interval}
  scrape_timeout: {interval}
  external_labels: {labels}
scrape_configs:
  - job_name: tracked
    static_configs:
      - targets: ["127.0.0.1:{port}"]
{more}
"""


class Prometheus:
    """The server, on a port that was free a moment ago: it cannot say which one it got for 0.

    `more` are lines of the scrape's configuration, `labels` external labels in YAML."""

    def __init__(self, folder, target_port, more="", interval="250ms", labels="{}"):
        config = os.path.join(folder, "prometheus.yml")
        with open(config, "w", encoding="ascii") as out:
            out.write(
                CONFIG.format(port=target_port, more=more, interval=interval, labels=labels)
            )
        for attempt in range(5):
            with socket.create_server(("127.0.0.1", 0)) as probe:
                self.port = probe.getsockname()[1]
            self.process = subprocess.Popen(
                [
                    judge("prometheus"),
                    f"--config.file={config}",
                    f"--storage.tsdb.path={folder}/data{attempt}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                    "--log.level=warn",
                ]
            )
            if eventually(lambda: self.process.poll() is not None or self.ready(), "starts"):
                if self.process.poll() is None:
                    return
        raise AssertionError("prometheus does not start")

    def ready(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=5):
                return True
        except OSError:
            return False

    def read(self, path, **parameters):
        url = f"http://127.0.0.1:{self.port}/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=20) as response:
            return response.read()

    def ask(self, what, **parameters):
        return json.loads(self.read(f"api/v1/{what}", **parameters))["data"]

    def value(self, query):
        """The value of a query that answers with one series; None where there is none yet."""
        result = self.ask("query", query=query)["result"]
        assert len(result) <= 1, result
        value = float(result[0]["value"][1]) if result else math.nan
        return None if math.isnan(value) else value

    def stop(self):
        self.process.kill()
        self.process.wait()


class Scraped(unittest.TestCase):
    def test_prometheus_sees_the_requests(self):
        with tempfile.TemporaryDirectory() as folder, Example("tracked") as tracked:
            prometheus = Prometheus(folder, tracked.port)
            self.addCleanup(prometheus.stop)

            def target():
                for _ in range(5):
                    tracked.request("/")
                targets = prometheus.ask("targets", state="active")["activeTargets"]
                return targets[0] if targets else {}

            eventually(lambda: target().get("health") == "up", "target is up")
            self.assertEqual(target()["lastError"], "")

            def asked(query):
                tracked.request("/")
                return prometheus.value(query)

            index = 'handler="tracked.index"'
            rate = eventually(
                lambda: asked(f'rate(http_requests_total{{{index},code="200"}}[5s])'), "rate()"
            )
            self.assertGreater(rate, 0)
            quantile = eventually(
                lambda: asked(
                    "histogram_quantile(0.9, sum by (le)"
                    f" (rate(http_request_duration_seconds_bucket{{{index}}}[5s])))"
                ),
                "histogram_quantile()",
            )
            self.assertGreater(quantile, 0)
            self.assertLessEqual(quantile, 10)
            # Once idle, Prometheus ends up with the very count of the page, and nothing in progress.
            ok = (("method", "GET"), ("handler", "tracked.index"), ("code", "200"))
            count = samples(tracked.page(), "http_requests_total")[ok]
            eventually(
                lambda: prometheus.value(f'http_requests_total{{{index},code="200"}}') == count,
                f"{count} requests",
            )
            eventually(
                lambda: prometheus.value(f"sum(http_requests_inprogress{{{index}}})") == 0, "idle"
            )
            self.assertEqual(
                prometheus.value('sum(http_requests_inprogress{handler!~".*expose_metrics"})'), 0
            )
            self.assertEqual(target()["lastError"], "")
            self.assertEqual(tracked.stop(), 0)


if __name__ == "__main__":
    try:
        judge("prometheus")
    except unittest.SkipTest as reason:
        print(f"skipped: {reason}")
        sys.exit(77)  # what ctest takes for "skipped"
    unittest.main(verbosity=2)
