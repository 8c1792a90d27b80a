"""`sextant check` finds each violation of tests/check/check_cases.h, and says what other readers do.

promtool, Python's prometheus_client and the Prometheus server read the same pages. Where promtool
or the server refuse one, we find an error; what they let pass is known, case by case, so that a
claim that only we find something stays true.
"""
import functools
import http.server
import os
import re
import subprocess
import tempfile
import threading
import unittest

from prometheus_client.parser import text_string_to_metric_families
from system import BUILD, SOURCE, eventually, judge
from test_prometheus import Prometheus

PROMTOOL, PYTHON, SERVER, OLD_PROMTOOL = 1, 2, 4, 8
PROMTOOL_VERSION = (2, 53)  # Debian 13's, which reads what Debian 12's 2.42 refuses
SEXTANT = os.path.join(BUILD, "sextant")


def cases():
    """(title, expected violations as (line, rule), who refuses it, page)."""
    out = subprocess.check_output([os.path.join(BUILD, "tests", "check_cases")], text=True)
    for line in out.splitlines():
        refused_by, violations, title, page = line.split("\t")
        expected = [tuple(violation.split()) for violation in violations.split("; ") if violation]
        yield title, expected, int(refused_by), bytes.fromhex(page)


def check(page, *arguments):
    return subprocess.run([SEXTANT, "check", "--format=text", *arguments], input=page,
                          capture_output=True, check=False)


def refused_by_promtool(page):
    """Whether it cannot read the page; what it would rather have otherwise is exit status 3."""
    result = subprocess.run(
        [judge("promtool"), "check", "metrics"], input=page, capture_output=True, check=False
    )
    return result.returncode == 1


def refused_by_python(page):
    try:
        for _ in text_string_to_metric_families(page.decode("utf-8")):
            pass
    except (ValueError, KeyError, IndexError):
        return True
    return False


@functools.lru_cache(maxsize=None)
def ask_server():
    """Has one server scrape all pages; they are its targets, by their path.

    Returns whether it refuses each, and what it answers to /federate about those that it took."""
    pages = [page for _, _, _, page in cases()]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            page = b"" if self.path == "/metrics" else pages[int(self.path[1:])]
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_):
            pass

    def scraped():
        targets = prometheus.ask("targets", state="active")["activeTargets"]
        known = len(targets) > len(pages) and all(each["health"] != "unknown" for each in targets)
        return known and targets

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as exposer:
        threading.Thread(target=exposer.serve_forever, daemon=True).start()
        port = exposer.server_address[1]
        more = [
            f'      - targets: ["127.0.0.1:{port}"]\n'
            f"        labels: {{__metrics_path__: /{number}, page: '{number}'}}"
            for number in range(len(pages))
        ]
        with tempfile.TemporaryDirectory() as folder:
            prometheus = Prometheus(folder, port, "\n".join(more), interval="5s",
                                    labels="{__replica__: a, zone: z}")
            try:
                targets = eventually(scraped, "all pages are scraped")
                federated = prometheus.read("federate", **{"match[]": '{__name__!=""}'})
            finally:
                prometheus.stop()
                exposer.shutdown()
    errors = {each["discoveredLabels"]["__metrics_path__"]: each["lastError"] for each in targets}
    for error in errors.values():  # of parsing, not of the connection
        assert "dead" not in error and "Get " not in error, error
    return [errors[f"/{number}"] != "" for number in range(len(pages))], federated


def rules():
    """What --help says: the names of the rules that are errors, and of those that are advice."""
    help_text = subprocess.check_output([SEXTANT, "--help"], text=True)
    found = re.findall(r"(?m)^  ([a-z0-9-]+) +(error|advice) +\S", help_text.split("Rules:\n")[1])
    return ([name for name, kind in found if kind == "error"],
            [name for name, kind in found if kind == "advice"])


class Check(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.errors, cls.advice = rules()

    def status_of(self, violations):
        """The exit status for these violations."""
        if any(rule in self.errors for _, rule in violations):
            return 1
        return 3 if violations else 0

    def assert_prints(self, result, expected):
        """Each violation is a line, in order; a line of advice says that it is advice."""
        printed = result.stdout.decode()
        found = re.findall(r"(?m)^line (\d+): (advice: )?.+ \(([a-z0-9-]+)\)$", printed)
        self.assertEqual([(line, rule) for line, _, rule in found], expected)
        self.assertEqual(len(printed.splitlines()), len(expected))
        for _, advice, rule in found:
            self.assertIn(rule, self.advice if advice else self.errors)
        self.assertEqual(result.returncode, self.status_of(expected))
        self.assertEqual(result.stderr, b"")

    def test_each_violation_is_printed_with_its_line(self):
        for title, expected, _, page in cases():
            with self.subTest(title):
                self.assert_prints(check(page), expected)

    def test_no_advice_leaves_errors_only(self):
        for title, expected, _, page in cases():
            errors = [each for each in expected if each[1] in self.errors]
            if errors != expected:
                with self.subTest(title):
                    self.assert_prints(check(page, "--no-advice"), errors)

    def test_an_allowed_rule_is_left_out(self):
        by_rule = {}
        for _, expected, _, page in cases():
            for _, rule in expected:
                by_rule.setdefault(rule, (expected, page))
        for allowed, (expected, page) in by_rule.items():
            with self.subTest(allowed):
                rest = [each for each in expected if each[1] != allowed]
                self.assert_prints(check(page, "--allow", allowed), rest)

    def test_several_rules_may_be_allowed(self):
        page = b'g{a="1"} 1\ng inf\ng inf\n1\n'
        allow = ["--allow=number-spelling", "--allow", "duplicate"]
        self.assert_prints(check(page, *allow), [("2", "label-names"), ("4", "metric-name")])
        self.assert_prints(check(page, *allow, "--no-advice", "-"), [("4", "metric-name")])
        self.assert_prints(check(page, *allow, "--allow", "metric-name", "--no-advice"), [])

    def test_an_unknown_rule_is_refused_with_the_known_ones(self):
        for arguments in ["--allow", "duplicates"], ["--allow=duplicates"], ["--allow", "duplicates", "x"]:
            with self.subTest(arguments=arguments):
                result = check(b"", *arguments)
                self.assertEqual((result.returncode, result.stdout), (2, b""))
                head, known = result.stderr.decode().rstrip("\n").split("; the rules are ")
                self.assertEqual(head, "sextant: unknown rule duplicates")
                self.assertEqual(sorted(known.split(", ")), sorted(self.errors + self.advice))

    def test_the_documentation_has_each_rule_with_its_severity(self):
        with open(os.path.join(SOURCE, "docs", "metrics.md"), encoding="utf-8") as lines:
            section = lines.read().split("\n## Checking a page\n")[1].split("\n## ")[0]
        rows = re.findall(r"(?m)^\| `([a-z0-9-]+)` \| (error|advice) \|", section)
        self.assertEqual([name for name, kind in rows if kind == "error"], self.errors)
        self.assertEqual([name for name, kind in rows if kind == "advice"], self.advice)

    def test_what_promtool_refuses_has_an_error(self):
        said = subprocess.run([judge("promtool"), "--version"], capture_output=True, text=True,
                              check=True)
        version = re.search(r"version (\d+)\.(\d+)", said.stdout + said.stderr).groups()
        is_old = tuple(map(int, version)) < PROMTOOL_VERSION
        refusers = PROMTOOL | OLD_PROMTOOL if is_old else PROMTOOL
        for title, expected, refused_by, page in cases():
            with self.subTest(title):
                refused = refused_by_promtool(page)
                self.assertEqual(refused, bool(refused_by & refusers))
                self.assertTrue(self.status_of(expected) == 1 or not refused)

    def test_what_the_server_refuses_has_an_error(self):
        judge("prometheus")
        known = list(cases())
        answers, _ = ask_server()
        for (title, expected, refused_by, _), refused in zip(known, answers):
            with self.subTest(title):
                self.assertEqual(refused, bool(refused_by & SERVER))
                self.assertTrue(self.status_of(expected) == 1 or not refused)

    def test_a_page_that_the_server_federates_has_no_error(self):
        judge("prometheus")
        _, federated = ask_server()
        self.assertGreater(federated.count(b"\n"), 100)
        result = check(federated)
        found = set(re.findall(r"(?m) \(([a-z0-9-]+)\)$", result.stdout.decode()))
        self.assertEqual(found, {"label-names", "label-reserved"})
        self.assertEqual(result.returncode, 3)
        self.assertEqual(check(federated, "--no-advice").returncode, 0)

    def test_what_python_refuses_is_known(self):
        for title, _, refused_by, page in cases():
            with self.subTest(title):
                self.assertEqual(refused_by_python(page), bool(refused_by & PYTHON))

    def test_a_page_comes_from_a_file_or_from_standard_input(self):
        page = b"a 1\na 1\n"
        with tempfile.NamedTemporaryFile() as file:
            file.write(page)
            file.flush()
            printed = check(b"", file.name)
        self.assertEqual(printed.returncode, 1)
        self.assertEqual(printed.stdout, check(page).stdout)
        self.assertEqual(printed.stdout, check(page, "-").stdout)

    def test_a_large_page_is_read_whole(self):
        lines = b"".join(b'a{l="%d"} 1\n' % number for number in range(100000))
        self.assertEqual(check(lines).returncode, 0)
        result = check(lines + b"b x\n")
        self.assertEqual(result.stdout, b"line 100001: the value `x` is not a number (value)\n")

    def test_a_page_that_is_too_large_is_told_the_limit(self):
        if os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") < 4 << 30:
            self.skipTest("it takes up to 2 GiB of memory")
        with tempfile.NamedTemporaryFile() as file:
            file.truncate(1 << 30)
            result = check(b"", file.name)
        self.assertEqual(result.stderr.decode(), f"sextant: {file.name}: not smaller than 1 GiB\n")
        self.assertEqual(result.returncode, 2)

    def test_every_violation_is_printed(self):
        result = check(b"1\n" * 5000)
        self.assertEqual(len(result.stdout.splitlines()), 5000)

    def test_trouble_is_another_exit_status_than_violations(self):
        for arguments in [[], ["chekc"], ["check", "a", "b"], ["check", "/nonexistent"], ["check", "/"]]:
            result = subprocess.run([SEXTANT, *arguments], capture_output=True, check=False, input=b"")
            self.assertEqual(result.returncode, 2, arguments)
            self.assertEqual(result.stdout, b"")
            self.assertNotEqual(result.stderr, b"")

    def test_what_cannot_be_written_is_trouble(self):
        with open("/dev/full", "wb") as full:
            for arguments in ["check"], ["check", "--help"], ["--help"], ["--version"]:
                with self.subTest(arguments=arguments):
                    result = subprocess.run([SEXTANT, *arguments], input=b"1\n", stdout=full,
                                            stderr=subprocess.PIPE, check=False)
                    self.assertEqual(result.returncode, 2)
                    self.assertEqual(result.stderr, b"sextant: cannot write to standard output: "
                                                    b"No space left on device\n")

    def test_help_says_how_it_is_used(self):
        for arguments in ["--help"], ["-h"], ["check", "--help"], ["check", "-h"]:
            with self.subTest(arguments=arguments):
                result = subprocess.run([SEXTANT, *arguments], capture_output=True, check=False)
                self.assertEqual((result.returncode, result.stderr), (0, b""))
                self.assertTrue(result.stdout.startswith(b"usage: sextant check ["))
                for word in (b" [FILE]\n", b"--format FORMAT", b"--no-advice", b"--allow RULE"):
                    self.assertIn(word, result.stdout)

    def test_it_says_its_version(self):
        with open(os.path.join(SOURCE, "include", "sextant", "version.h"), encoding="utf-8") as lines:
            version = ".".join(re.findall(r"#define SX_VERSION_[A-Z]+ (\d+)", lines.read()))
        result = subprocess.run([SEXTANT, "--version"], capture_output=True, text=True, check=False)
        self.assertEqual((result.returncode, result.stdout), (0, f"sextant {version}\n"))

    def test_what_it_does_not_understand_is_named(self):
        for arguments, said in (
            (["chekc"], "unknown command chekc"), (["--hlep"], "unknown option --hlep"),
            (["check", "--hlep"], "unknown option --hlep"), (["check", "-x"], "unknown option -x"),
            (["check", "a", "b"], "check takes one FILE"),
            (["check", "--allow"], "--allow needs a RULE"),
            (["check", "--format"], "--format needs text, openmetrics or auto"),
            (["check", "--format=xml"], "--format must be text, openmetrics or auto, not xml"),
            (["check", "--allowed", "counter"], "unknown option --allowed"),
            (["check", "--no-advice=x"], "unknown option --no-advice=x"),
        ):
            with self.subTest(arguments=arguments):
                result = subprocess.run([SEXTANT, *arguments], capture_output=True, text=True, check=False)
                self.assertEqual(result.returncode, 2)
                self.assertEqual(result.stderr, f"sextant: {said}; see `sextant --help`\n")
                self.assertEqual(result.stdout, "")


if __name__ == "__main__":
    unittest.main(verbosity=2)
