"""`sextant show` prints a page as a table."""
import os
import re
import subprocess
import tempfile
import unittest

from system import BUILD

SEXTANT = os.path.join(BUILD, "sextant")

PAGE = """\
# HELP jobs_total Jobs that \\\\ were\\ndone.
# TYPE jobs_total counter
jobs_total{queue="mail",state="done"} 144320
jobs_total{queue="two words",state=""} 3
# HELP queue_length Jobs that wait.
# TYPE queue_length gauge
queue_length 17 1395066363000
# HELP wait_seconds Waits.
# TYPE wait_seconds histogram
wait_seconds_bucket{queue="mail",le="0.5"} 20
wait_seconds_bucket{queue="mail",le="1"} 95
wait_seconds_bucket{queue="mail",le="+Inf"} 100
wait_seconds_sum{queue="mail"} 70
wait_seconds_count{queue="mail"} 100
wait_seconds_bucket{queue="push",le="0.5"} 0
wait_seconds_bucket{queue="push",le="1"} 0
wait_seconds_bucket{queue="push",le="+Inf"} 0
wait_seconds_sum{queue="push"} 0
wait_seconds_count{queue="push"} 0
# TYPE rpc_seconds summary
rpc_seconds{quantile="0.5"} 4773
rpc_seconds{quantile="0.99"} 76656
rpc_seconds_sum 1.75e+07
rpc_seconds_count 2500
other{a="1"} NaN
"""

# By hand: the median lies (50 - 20) / (95 - 20) of the way from 0.5 to 1, p90 70/75 of it, and p99
# is above the last bound. The bars have 10 characters for the largest, so 0.7 has 7 of them.
TABLE = """\
jobs_total  (counter)  Jobs that \\ were?done.
  queue=mail state=done       144320
  queue="two words" state=""       3

queue_length  (gauge)  Jobs that wait.
  17  at 1395066363000

wait_seconds  (histogram)  Waits.
                 count     mean      p50                 p90                 p99
  queue=mail       100      0.7      0.7 #######      0.9667 ##########       >1 ##########
  queue=push         0        -        -                   -                   -

rpc_seconds  (summary)
       count     mean      p50                 p90                 p99
        2500     7000     4773 #                 -               76656 ##########

other  (unknown)
  a=1  NaN
"""

OPENMETRICS = """\
# TYPE build info
# HELP build The \\"build\\".
build_info{v="1.2",os="\u00e4"} 1
# TYPE mode stateset
mode{mode="up"} 1
mode{mode="down"} 0
# TYPE jobs counter
jobs_total 5 # {trace_id="x"} 1
jobs_created 1.5
# TYPE sizes gaugehistogram
sizes_bucket{le="10.0"} 4
sizes_bucket{le="+Inf"} 4
sizes_gcount 4
sizes_gsum 20
# EOF
"""

OPENMETRICS_TABLE = """\
build  (info)  The "build".
  v=1.2 os=\u00e4

mode  (stateset)
  [x] mode=up
  [ ] mode=down

jobs  (counter)
  5

sizes  (gaugehistogram)
       count     mean      p50                 p90                 p99
           4        5        5 #####             9 #########       9.9 ##########
"""


def show(page, *arguments, locale="C"):
    return subprocess.run([SEXTANT, "show", *arguments], input=page, capture_output=True, check=False,
                          env={**os.environ, "LC_ALL": locale})


class Show(unittest.TestCase):
    maxDiff = None

    def assert_shows(self, page, table):
        result = show(page.encode())
        self.assertEqual(result.stdout.decode(), table)
        self.assertEqual((result.returncode, result.stderr), (0, b""))

    def test_a_page_of_text_is_a_table(self):
        self.assert_shows(PAGE, TABLE)

    def test_a_page_of_openmetrics_is_a_table(self):
        self.assert_shows(OPENMETRICS, OPENMETRICS_TABLE)

    def test_bars_have_eighths_where_the_locale_has_block_characters(self):
        printed = show(PAGE.encode(), locale="C.UTF-8").stdout.decode()
        self.assertIn(" 0.7 \u2588\u2588\u2588\u2588\u2588\u2588\u2588    ", printed)
        self.assertIn(" 4773 \u258b", printed)  # 5 eighths of a character
        self.assertEqual(re.sub("[\u2588-\u258f#]+ *", "#", printed),
                         re.sub("[#]+ *", "#", TABLE))

    def test_the_samples_of_a_histogram_may_be_apart(self):
        lines = PAGE.splitlines()
        histogram = [line for line in lines if line.startswith("wait_seconds")]
        apart = sorted(histogram, key=lambda line: line.split("{")[0])
        page = "\n".join(line for line in lines if not line.startswith("wait_seconds"))
        page = page.replace("# TYPE wait_seconds histogram",
                            "\n".join(["# TYPE wait_seconds histogram", *apart])) + "\n"
        self.assertNotEqual(apart, histogram)
        self.assert_shows(page, TABLE)

    def test_a_line_that_cannot_be_read_is_reported(self):
        result = show(b"a 1\nb x\nc 2\n")
        self.assertEqual(result.stdout, b"a  (unknown)\n  1\n\nc  (unknown)\n  2\n")
        self.assertEqual(result.stderr, b"sextant: line 2: the value `x` is not a number\n")
        self.assertEqual(result.returncode, 1)

    def test_a_page_cannot_send_commands_to_the_terminal(self):
        page = 'a{b="\x1b[31m\x07\u009b1m\x7f"} 1\n# HELP c \x1b]0;x\x07\n# TYPE c gauge\nc 1\n'
        printed = show(page.encode(), locale="C.UTF-8").stdout.decode()
        self.assertIn("b=?[31m??1m?", printed)
        for character in "\x1b\x07\u009b\x7f":
            self.assertNotIn(character, printed)

    def test_only_openmetrics_escapes_quotes_in_help(self):
        text = '# HELP a A \\"b\\".\n# TYPE a gauge\na 1\n'
        self.assertIn('A \\"b\\".', show(text.encode()).stdout.decode())
        openmetrics = '# TYPE a gauge\n# HELP a A \\"b\\".\na 1\n# EOF\n'
        self.assertIn('A "b".', show(openmetrics.encode()).stdout.decode())

    def test_names_may_be_quoted(self):
        result = show(b'# TYPE "my.metric" gauge\n{"my.metric","a b"="1"} 2\n')
        self.assertEqual(result.stdout, b"my.metric  (gauge)\n  a b=1  2\n")

    def test_an_empty_page_shows_nothing(self):
        self.assert_shows("", "")

    def test_a_format_can_be_forced(self):
        page = b"a  1\n# EOF\n"
        self.assertEqual(show(page).returncode, 1)
        self.assertEqual(show(page, "--format=text").returncode, 0)
        self.assertEqual(show(b"a 1\n", "--format", "openmetrics").returncode, 1)

    def test_a_page_comes_from_a_file(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(PAGE.encode())
            file.flush()
            self.assertEqual(show(b"", file.name).stdout.decode(), TABLE)
        self.assertEqual(show(b"", "/nonexistent").returncode, 2)

    def test_wrong_arguments_are_named(self):
        for arguments, said in (
            (["--hlep"], "unknown option --hlep"), (["a", "b"], "show takes one FILE"),
            (["--format"], "--format needs text, openmetrics or auto"),
            (["--format=xml"], "--format must be text, openmetrics or auto, not xml"),
        ):
            with self.subTest(arguments=arguments):
                result = show(b"", *arguments)
                self.assertEqual((result.returncode, result.stdout), (2, b""))
                self.assertEqual(result.stderr.decode(), f"sextant: {said}; see `sextant --help`\n")

    def test_what_cannot_be_written_is_trouble(self):
        with open("/dev/full", "wb") as full:
            result = subprocess.run([SEXTANT, "show"], input=b"a 1\n", stdout=full,
                                    stderr=subprocess.PIPE, check=False)
        self.assertEqual(result.returncode, 2)
        self.assertIn(b"cannot write to standard output", result.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
