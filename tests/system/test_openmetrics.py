"""`sextant check` reads OpenMetrics as strictly as the specification, and recognises it.

The pages are those of tests/check/openmetrics_cases.h. The parser of Python's prometheus_client
reads them, too: it accepts every good page, and the table says which bad ones it accepts.
"""
import os
import re
import subprocess
import unittest

from prometheus_client.openmetrics.parser import text_string_to_metric_families
from system import BUILD

ACCEPTS_BAD = 1
DEFAULT, ALLOW_UTF_8 = "0", "4"  # of enum sx_escaping
SEXTANT = os.path.join(BUILD, "sextant")


def cases():
    """(title, whether Python accepts the bad page, violations, good page, bad page)."""
    out = subprocess.check_output([os.path.join(BUILD, "tests", "openmetrics_cases")], text=True)
    for line in out.splitlines():
        python, violations, title, good, bad = line.split("\t")
        expected = [tuple(violation.split()) for violation in violations.split("; ")]
        yield title, int(python), expected, bytes.fromhex(good), bytes.fromhex(bad)


def check(page, *arguments):
    return subprocess.run([SEXTANT, "check", *arguments], input=page, capture_output=True, check=False)


def refused_by_python(page):
    try:
        for _ in text_string_to_metric_families(page.decode("utf-8")):
            pass
    except (ValueError, KeyError, IndexError):
        return True
    return False


class OpenMetrics(unittest.TestCase):
    def test_the_command_finds_what_the_table_says(self):
        for title, _, expected, good, bad in cases():
            with self.subTest(title):
                self.assertEqual(check(good, "--format", "openmetrics").returncode, 0)
                result = check(bad, "--format=openmetrics")
                found = re.findall(r"(?m)^line (\d+): .+ \(([a-z0-9-]+)\)$", result.stdout.decode())
                self.assertEqual(found, expected)
                self.assertIn(result.returncode, (1, 3))

    def test_python_agrees_where_the_table_says_so(self):
        for title, python, _, good, bad in cases():
            with self.subTest(title):
                self.assertFalse(refused_by_python(good))
                self.assertEqual(refused_by_python(bad), python != ACCEPTS_BAD)

    def test_a_page_of_openmetrics_is_recognised(self):
        for page in (b"a 1\n# EOF\n", b"# UNIT a_b b\na_b 1\n# EOF\n", b"# EOF"):
            with self.subTest(page):
                self.assertEqual(check(page).returncode, 0)
                self.assertEqual(check(page, "--format=auto").returncode, 0)

    def test_a_page_of_openmetrics_that_is_cut_off_is_not_good_text(self):
        for page in (b"# TYPE a_b gauge\n# UNIT a_b b\na_b 1\n",
                     b"# TYPE a counter\na_total 1 # {} 1\n", b"a 1 # {} 1\nb x"):
            with self.subTest(page):
                result = check(page)
                self.assertEqual(result.returncode, 1)
                self.assertIn(b"(eof)\n", result.stdout)

    def test_everything_else_is_text(self):
        for page in (b"", b"a 1\n\n# a comment\n", b"# EOF \na 1\n", b'a{b=" # {} 1"} 1\n'):
            with self.subTest(page):
                self.assertEqual(check(page).returncode, 0)
                self.assertEqual(check(page, "--format=openmetrics").returncode, 1)

    def test_quoted_names_are_an_option(self):
        page = b'{"my.metric","a b"="1"} 1\n# EOF\n'
        self.assertIn(b"(metric-name)\n", check(page).stdout)
        self.assertEqual(check(page, "--utf8-names").returncode, 0)
        self.assertEqual(check(page, "--utf8-names", "--format=text").returncode, 0)
        self.assertIn(b"(metric-name)\n", check(page, "--format=text").stdout)

    def test_a_format_can_be_forced(self):
        self.assertEqual(check(b"a  1\n# EOF\n").returncode, 1)
        self.assertEqual(check(b"a  1\n# EOF\n", "--format=text").returncode, 0)

    def test_what_the_library_writes_has_no_violation(self):
        """Except what the random registry asks for: a label `_third`, HELP that ends with CR."""
        program = os.path.join(BUILD, "tests", "random_pages")
        for seed in range(1, 51):
            for page_format, escaping, arguments in (
                    ("0", DEFAULT, ["--format=text"]),
                    ("1", ALLOW_UTF_8, ["--format=text", "--utf8-names"]),
                    ("2", DEFAULT, ["--format=openmetrics"]),
                    ("2", ALLOW_UTF_8, ["--format=openmetrics", "--utf8-names"])):
                with self.subTest(seed=seed, page_format=page_format, escaping=escaping):
                    page = subprocess.check_output([program, str(seed), page_format, escaping])
                    result = check(page, *arguments, "--allow=reserved", "--allow=line-feed")
                    self.assertEqual(result.stdout.decode(), "")
                    self.assertEqual(result.returncode, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
