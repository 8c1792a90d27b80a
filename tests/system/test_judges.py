"""Prometheus, VictoriaMetrics and other readers must find the values of judged.c in each format they know.

A proxy asks for one format, whatever the reader's Accept header says, so that each reader gets each
format that it knows. It passes on gzip, which all servers accept. Readers of Debian's testing suite are in build/judges, where scripts/judges
unpacks them; without them the tests of those readers are skipped. docs/formats.md has the table of
formats and readers.
"""
import http.client
import http.server
import json
import math
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.parse
import urllib.request

from system import BUILD, DEADLINE_SECONDS, SOURCE, UNPACKED, eventually, has_zlib

JUDGES = os.path.join(SOURCE, "build", "judges")
QUOTED = 'quoted " \\ \n é'

TEXT, TEXT_1, OPENMETRICS, PROTOBUF = "text 0.0.4", "text 1.0.0", "OpenMetrics", "protobuf"

# What the proxy asks for, and what the Content-Type then begins with.
FORMATS = {
    TEXT: ("text/plain;version=0.0.4", "text/plain; version=0.0.4; charset=utf-8"),
    TEXT_1: ("text/plain;version=1.0.0;escaping=allow-utf-8",
             "text/plain; version=1.0.0; charset=utf-8"),
    OPENMETRICS: ("application/openmetrics-text;version=1.0.0",
                  "application/openmetrics-text; version=1.0.0; charset=utf-8"),
    PROTOBUF: ("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily"
               ";encoding=delimited",
               "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily;"
               " encoding=delimited"),
}

# What judged.c counts, as a query and its value; JOB selects the format.
VALUES = {
    'judged_requests_total{JOB,path="/"}': 9007199254740991,
    "judged_requests_total{JOB,path=" + json.dumps(QUOTED) + "}": 0.1,
    "judged_level{JOB}": -1234567.875,
    'judged_unfinite{JOB,kind="plus"}': math.inf,
    'judged_unfinite{JOB,kind="minus"}': -math.inf,
    "judged_size_bytes_count{JOB}": 100,
    "judged_size_bytes_sum{JOB}": 5050,
    # The sizes are 1 to 100, so a bucket is at most 4.4 % wide.
    'abs(judged_size_bytes{JOB,quantile="0.5"} - 50) < bool 1.1': 1,
    'abs(judged_size_bytes{JOB,quantile="0.99"} - 99) < bool 2.2': 1,
    'judged_build_info{JOB,version="1.2.3"}': 1,
    'judged_mode{JOB,judged_mode="busy"}': 1,
    'judged_mode{JOB,judged_mode="idle"}': 0,
    "judged_untyped{JOB}": 17,
    'sextant_scrapes_total{JOB,code="503"}': 0,
    "sextant_scrapes_in_progress{JOB}": 1,
}
CLASSIC = {
    "judged_duration_seconds_count{JOB}": 100,
    "judged_duration_seconds_sum{JOB}": 50.5,
    "sum(judged_duration_seconds_bucket{JOB})": 325,
    "histogram_quantile(0.5, judged_duration_seconds_bucket{JOB})": 0.5,
    "judged_native_seconds_count{JOB}": 100,
}
NATIVE = {
    "histogram_count(judged_native_seconds{JOB})": 100,
    "histogram_sum(judged_native_seconds{JOB})": 50.5,
    # Half of the observations are at most 0.5; a bucket is 9.05 % wide.
    "abs(histogram_quantile(0.5, judged_native_seconds{JOB}) - 0.5) < bool 0.05": 1,
    "abs(histogram_quantile(0.99, judged_native_seconds{JOB}) - 0.99) < bool 0.09": 1,
}
DOTTED = {'{"judged.dotted",JOB}': 18}
UNDERSCORES = {"judged_dotted{JOB}": 18}


def judge_of_testing(name):
    """The path of what scripts/judges has unpacked. If it is missing, skips the test with the recorded reason."""
    path = os.path.join(JUDGES, name)
    if not os.path.exists(path):
        reason = "scripts/judges was not run"
        if os.path.exists(missing := os.path.join(JUDGES, "missing")):
            with open(missing, encoding="utf-8") as text:
                reason = text.read().strip()
        raise unittest.SkipTest(f"{name} of Debian's testing suite: {reason}")
    return path


class Judged:
    """The program that is judged, behind the proxy."""

    def __init__(self, kind):
        accept, self.content_type = FORMATS[kind]
        self.program = subprocess.Popen(
            [os.path.join(BUILD, "tests", "judged")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.program_port = int(self.program.stdout.readline())
        self.wrong_types = set()
        self.accepts = set()  # what readers asked for
        self.codings = set()  # Content-Encoding of what they got
        judged = self

        class Proxy(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                judged.accepts.add(self.headers.get("Accept", ""))
                connection = http.client.HTTPConnection(
                    "127.0.0.1", judged.program_port, timeout=DEADLINE_SECONDS)
                connection.request("GET", "/metrics", headers={
                    "Accept": accept, "Accept-Encoding": self.headers.get("Accept-Encoding", "")})
                response = connection.getresponse()
                body = response.read()
                connection.close()
                if not response.headers["Content-Type"].startswith(judged.content_type):
                    judged.wrong_types.add(response.headers["Content-Type"])
                self.send_response(response.status)
                self.send_header("Content-Type", response.headers["Content-Type"])
                self.send_header("Content-Length", str(len(body)))
                judged.codings.add(response.headers.get("Content-Encoding"))
                if "Content-Encoding" in response.headers:
                    self.send_header("Content-Encoding", response.headers["Content-Encoding"])
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
        self.port = self.proxy.server_address[1]
        threading.Thread(target=self.proxy.serve_forever, daemon=True).start()

    def page(self):
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self.port}/metrics", timeout=DEADLINE_SECONDS) as response:
            return response.read()

    def stop(self):
        self.proxy.shutdown()
        self.proxy.server_close()
        self.program.stdin.close()
        self.program.wait(DEADLINE_SECONDS)
        self.program.stdout.close()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class Server:
    """A server that scrapes a proxy for each format, and answers Prometheus's queries."""

    def __init__(self, folder, judged):
        self.config = os.path.join(folder, "scrape.yml")
        with open(self.config, "w", encoding="ascii") as out:
            out.write("global: {scrape_interval: 2s, scrape_timeout: 2s}\nscrape_configs:\n")
            for kind, target in judged.items():
                out.write(f"  - job_name: {kind}\n"
                          "    static_configs:\n"
                          f'      - targets: ["127.0.0.1:{target.port}"]\n')
        for attempt in range(5):
            self.port = free_port()
            self.process = subprocess.Popen(self.command(folder, attempt), stderr=subprocess.DEVNULL)
            eventually(lambda: self.process.poll() is not None or self.is_ready(), "starts")
            if self.process.poll() is None:
                return
        raise AssertionError(f"{self.command(folder, 0)[0]} does not start")

    def is_ready(self):
        try:
            self.read("-/ready")
            return True
        except OSError:
            return False

    def read(self, path, **parameters):
        url = f"http://127.0.0.1:{self.port}/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=DEADLINE_SECONDS) as response:
            return response.read()

    def ask(self, what, **parameters):
        return json.loads(self.read(f"api/v1/{what}", **parameters))["data"]

    def value(self, query):
        """The value of a query, or None as long as it has none."""
        result = self.ask("query", query=query)["result"]
        assert len(result) <= 1, result
        return float(result[0]["value"][1]) if result else None

    def stop(self):
        self.process.kill()
        self.process.wait()


class Prometheus(Server):
    def command(self, folder, attempt):
        return [self.program(), f"--config.file={self.config}",
                f"--storage.tsdb.path={folder}/data{attempt}",
                f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=error",
                "--enable-feature=native-histograms,exemplar-storage"]


class Prometheus2(Prometheus):
    """Of Debian 12."""

    @staticmethod
    def program():
        path = os.path.join(UNPACKED, "usr", "bin", "prometheus")
        if not os.path.exists(path):
            raise unittest.SkipTest(f"prometheus is not in {UNPACKED}")
        return path


class Prometheus3(Prometheus):
    @staticmethod
    def program():
        return judge_of_testing("usr/bin/prometheus")


class VictoriaMetrics(Server):
    @staticmethod
    def program():
        return judge_of_testing("usr/bin/victoria-metrics")

    def command(self, folder, attempt):
        return [self.program(), f"-promscrape.config={self.config}",
                f"-storageDataPath={folder}/data{attempt}",
                f"-httpListenAddr=127.0.0.1:{self.port}", "-search.latencyOffset=0s",
                "-search.maxStalenessInterval=1m", "-search.disableCache"]


# The formats that each server knows, and what it finds there besides VALUES. In protobuf, Prometheus 2
# and 3 read the native buckets of a histogram instead of its classic ones. VictoriaMetrics reads no protobuf.
SERVERS = {
    Prometheus2: {
        TEXT: {**CLASSIC, **UNDERSCORES},
        OPENMETRICS: {**CLASSIC, **UNDERSCORES},
        PROTOBUF: {**NATIVE, **UNDERSCORES},
    },
    Prometheus3: {
        TEXT: {**CLASSIC, **UNDERSCORES},
        TEXT_1: {**CLASSIC, **DOTTED},
        OPENMETRICS: {**CLASSIC, **UNDERSCORES},
        PROTOBUF: {**NATIVE, **UNDERSCORES},
    },
    VictoriaMetrics: {
        TEXT: {**CLASSIC, **UNDERSCORES},
        OPENMETRICS: {**CLASSIC, **UNDERSCORES},
    },
}


def assert_same(test, value, wanted, query):
    if math.isnan(wanted):
        test.assertTrue(math.isnan(value), query)
    else:
        # VictoriaMetrics keeps 15 digits or so.
        test.assertTrue(math.isclose(value, wanted, rel_tol=1e-12), f"{query}: {value}, not {wanted}")


class Servers(unittest.TestCase):
    def judge(self, server_class):
        server_class.program()  # or the test is skipped
        judged = {kind: Judged(kind) for kind in SERVERS[server_class]}
        for target in judged.values():
            self.addCleanup(target.stop)
        with tempfile.TemporaryDirectory() as folder:
            server = server_class(folder, judged)
            try:
                for kind, target in judged.items():
                    with self.subTest(format=kind):
                        self.ask_all(server, f'job="{kind}"', {**VALUES, **SERVERS[server_class][kind]})
                        self.assertEqual(target.wrong_types, set())
                        self.assertEqual(target.codings, {"gzip"} if has_zlib() else {None})
                        if issubclass(server_class, Prometheus):
                            self.look_at_metadata(server, kind)
                            self.look_at_exemplars(server, kind)
            finally:
                server.stop()

    def ask_all(self, server, job, values):
        for query, wanted in values.items():
            query = query.replace("JOB", job)
            value = eventually(lambda q=query: [v for v in [server.value(q)] if v is not None],
                               query)[0]
            assert_same(self, value, wanted, query)

    def look_at_metadata(self, server, kind):
        found = server.ask("targets/metadata", match_target=f'{{job="{kind}"}}')
        metadata = {said["metric"]: (said["type"], said["help"], said["unit"]) for said in found}
        is_openmetrics = kind == OPENMETRICS  # only there a counter's family has no _total, and UNIT
        requests = "judged_requests" if is_openmetrics else "judged_requests_total"
        self.assertEqual(metadata[requests],
                         ("counter", 'Requests, "quoted" \\ and\nin two lines.', ""))
        has_unit = is_openmetrics or (kind == PROTOBUF and isinstance(server, Prometheus3))
        self.assertEqual(metadata["judged_duration_seconds"],
                         ("histogram", "Durations.", "seconds" if has_unit else ""))
        self.assertEqual(metadata["judged_size_bytes"], ("summary", "Sizes.", ""))

    def look_at_exemplars(self, server, kind):
        """Text has none."""
        found = server.ask("query_exemplars", start=0, end=2**32,
                           query=f'{{__name__=~"judged_duration.*",job="{kind}"}}')
        exemplars = {(exemplar["labels"]["trace_id"], float(exemplar["value"]))
                     for series in found for exemplar in series["exemplars"]}
        wanted = {("4bf92f3577b34da6a3ce929d0e0e4736", 0.5)}
        self.assertEqual(exemplars, wanted if kind in (OPENMETRICS, PROTOBUF) else set())

    def test_prometheus_2(self):
        self.judge(Prometheus2)

    def test_prometheus_3(self):
        self.judge(Prometheus3)

    def test_victoria_metrics(self):
        self.judge(VictoriaMetrics)


# Prints all samples that a parser of Python's prometheus_client finds, as JSON.
PARSE = """
import json, sys
import prometheus_client.{module} as parser
text = sys.stdin.buffer.read().decode("utf-8")
families = list(parser.text_string_to_metric_families(text))
json.dump([[family.name, family.type, family.documentation, family.unit,
            [[sample.name, sample.labels, repr(float(sample.value))] for sample in family.samples]]
           for family in families], sys.stdout)
"""

PARSERS = {TEXT: "parser", OPENMETRICS: "openmetrics.parser"}


class Parsers(unittest.TestCase):
    def judge(self, environment):
        for kind, module in PARSERS.items():
            with self.subTest(format=kind):
                judged = Judged(kind)
                self.addCleanup(judged.stop)
                found = subprocess.run(
                    ["/usr/bin/python3", "-c", PARSE.format(module=module)], input=judged.page(),
                    stdout=subprocess.PIPE, check=True, env={**os.environ, **environment})
                self.compare(json.loads(found.stdout))

    def compare(self, families):
        by_name = {name: (kind, help_text, samples)
                   for name, kind, help_text, _, samples in families}
        kind, help_text, samples = by_name["judged_requests"]
        self.assertEqual((kind, help_text),
                         ("counter", 'Requests, "quoted" \\ and\nin two lines.'))
        self.assertEqual(samples, [["judged_requests_total", {"path": "/"}, "9007199254740991.0"],
                                   ["judged_requests_total", {"path": QUOTED}, "0.1"]])
        self.assertEqual(by_name["judged_unfinite"][2],
                         [["judged_unfinite", {"kind": "plus"}, "inf"],
                          ["judged_unfinite", {"kind": "minus"}, "-inf"],
                          ["judged_unfinite", {"kind": "none"}, "nan"]])
        kind, _, samples = by_name["judged_duration_seconds"]
        self.assertEqual(kind, "histogram")
        buckets = {float(sample[1]["le"]): float(sample[2])
                   for sample in samples if sample[0].endswith("_bucket")}
        self.assertEqual(buckets, {0.25: 25, 1: 100, 100000: 100, math.inf: 100})

    def test_python_of_this_system(self):
        self.judge({})

    def test_python_of_testing(self):
        self.judge({"PYTHONPATH": judge_of_testing("usr/lib/python3/dist-packages")})


class Expfmt(unittest.TestCase):
    """Go's parsers, as far as Debian 12 has them: native buckets, but no OpenMetrics."""

    def test_expfmt(self):
        library = "/usr/share/gocode/src/github.com/prometheus/common/expfmt"
        if shutil.which("go") is None or not os.path.exists(library):
            raise unittest.SkipTest("golang-github-prometheus-common-dev is not installed")
        with tempfile.TemporaryDirectory() as folder:
            program = os.path.join(folder, "judge_expfmt")
            source = os.path.join(SOURCE, "tests", "system", "judge_expfmt.go")
            subprocess.run(
                ["go", "build", "-o", program, source], check=True,
                env={**os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": "",
                     "GOCACHE": os.path.join(BUILD, "tests", "gocache")})
            for kind, name in ((TEXT, "text"), (PROTOBUF, "protobuf")):
                with self.subTest(format=kind):
                    judged = Judged(kind)
                    self.addCleanup(judged.stop)
                    found = subprocess.run([program, name], input=judged.page(),
                                           stdout=subprocess.PIPE, check=True)
                    self.compare(json.loads(found.stdout), kind == PROTOBUF)

    def compare(self, families, is_protobuf):
        requests = families["judged_requests_total"]
        self.assertEqual((requests["type"], requests["help"]),
                         ("COUNTER", 'Requests, "quoted" \\ and\nin two lines.'))
        self.assertEqual(requests["samples"],
                         [{"labels": {"path": "/"}, "value": "9.007199254740991e+15"},
                          {"labels": {"path": QUOTED}, "value": "0.1"}])
        self.assertEqual([(sample["labels"]["kind"], sample["value"])
                          for sample in families["judged_unfinite"]["samples"]],
                         [("plus", "+Inf"), ("minus", "-Inf"), ("none", "NaN")])
        self.assertEqual(families["judged_untyped"]["type"], "UNTYPED")
        (size,) = families["judged_size_bytes"]["samples"]
        self.assertEqual((size["labels"], size["count"], size["sum"]), ({}, 100, "5050"))
        self.assertEqual(list(size["quantiles"]), ["0.5", "0.99"])
        self.assertLess(abs(size["quantiles"]["0.5"] - 50), 1.1)
        self.assertLess(abs(size["quantiles"]["0.99"] - 99), 2.2)
        (duration,) = families["judged_duration_seconds"]["samples"]
        self.assertEqual((duration["count"], duration["sum"]), (100, "50.5"))
        self.assertEqual({bound: count for bound, count in duration["buckets"].items() if bound != "+Inf"},
                         {"0.25": 25, "1": 100, "100000": 100})
        (native,) = families["judged_native_seconds"]["samples"]
        self.assertEqual(native["count"], 100)
        if is_protobuf:
            self.assertEqual((native["schema"], native["native"]), (3, 100))
            self.assertEqual(duration["exemplar"],
                             ["0.5", "trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"])


class Promtool(unittest.TestCase):
    def test_promtool_3_finds_nothing(self):
        promtool = judge_of_testing("usr/bin/promtool")
        judged = Judged(TEXT)
        self.addCleanup(judged.stop)
        done = subprocess.run([promtool, "check", "metrics"], input=judged.page(),
                              capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))


if __name__ == "__main__":
    result = unittest.main(verbosity=2, exit=False).result
    # ctest reports the test as skipped if a part was; the output says which part and why.
    sys.exit(1 if not result.wasSuccessful() else 77 if result.skipped else 0)
