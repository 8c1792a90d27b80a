"""Label values as bad as a client can make them do not spoil the page; hostile_page.c prints it."""
import os
import subprocess
import unittest

from prometheus_client.parser import text_string_to_metric_families
from system import BUILD, promtool_check

# In the order of hostile_page.c. What is not UTF-8 is replaced, as Unicode recommends.
VALUES = [
    b"plain",
    b'"quoted"',
    b"back\\slash",
    b"\\n is no line feed",
    b"line\nfeed",
    b"ends in a backslash\\",
    b"carriage\rreturn\r\n",
    b"nul\0byte",
    b"bell\x07 tab\t delete\x7f",
    "line separator \u2028 next line \x85".encode(),
    b"not utf-8: \xff\xfe",
    b"cut short: \xe2\x82",
    b"overlong: \xc0\xaf",
    b"surrogate: \xed\xa0\x80",
    "four bytes: \U0001f52d".encode(),
    b"beyond: \xf4\x90\x80\x80",
    b'} 1\n# TYPE x counter\nx{a="b"} 2',
    b'a="b",c="d"',
]


class Hostile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.page = subprocess.check_output([os.path.join(BUILD, "tests", "hostile_page")])

    def test_values_survive_the_way_to_a_parser(self):
        families = {
            family.name: family for family in text_string_to_metric_families(self.page.decode("utf-8"))
        }
        self.assertEqual(sorted(families), ["hostile", "hostile_seconds"])
        found = {
            int(sample.labels["number"]): (sample.labels["value"], sample.value)
            for sample in families["hostile"].samples
        }
        expected = {i: (value.decode("utf-8", "replace"), i + 1) for i, value in enumerate(VALUES)}
        self.assertEqual(found, expected)

    def test_help_survives_the_way_to_a_parser(self):
        family = next(iter(text_string_to_metric_families(self.page.decode("utf-8"))))
        self.assertEqual(
            family.documentation, 'Values that "clients" send: \\ and\nline feeds, \u2028 too.'
        )

    def test_promtool_accepts_the_page(self):
        self.assertEqual(promtool_check(self.page), "")


if __name__ == "__main__":
    unittest.main(verbosity=2)
