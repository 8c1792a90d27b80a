"""`sextant check --lint` finds what `promtool check metrics` reports, family by family."""
import os
import re
import subprocess
import unittest

from system import BUILD, judge

SEXTANT = os.path.join(BUILD, "sextant")
# What promtool says, and the rule that finds the same.
SAYS = {
    r"no help text": "lint-help",
    r"use base unit": "lint-unit",
    r"should have \"_total\" suffix": "lint-total",
    r"should not have \"_total\" suffix": "lint-total",
    r"should not have \"_(bucket|count|sum)\" suffix": "lint-suffix",
    r"should not have \"(le|quantile)\" label": "lint-label",
    r"should not include type": "lint-type",
    r"should not contain ':'": "lint-colon",
    r"written in 'snake_case'": "lint-camel-case",
    r"abbreviated units": "lint-abbreviation",
}


def pages():
    out = subprocess.check_output([os.path.join(BUILD, "tests", "lint_cases")], text=True)
    return [bytes.fromhex(line) for line in out.splitlines()]


def run(page, *command):
    return subprocess.run(command, input=page, capture_output=True, check=False)


def found_by_promtool(page):
    """(family, rule) of each line that it prints."""
    printed = run(page, judge("promtool"), "check", "metrics").stderr.decode()
    found = set()
    for line in printed.splitlines():
        family, text = line.split(" ", 1)
        rules = [rule for says, rule in SAYS.items() if re.search(says, text)]
        assert len(rules) == 1, line
        found.add((family, rules[0]))
    return found


def found_by_us(page):
    printed = run(page, SEXTANT, "check", "--format=text", "--lint").stdout.decode()
    return set(re.findall(r"(?m)^line \d+: advice: `([^`]+)` .+ \((lint-[a-z-]+)\)$", printed))


class Lint(unittest.TestCase):
    def test_it_finds_what_promtool_finds(self):
        seen = set()
        for page in pages():
            with self.subTest(page=page):
                expected = found_by_promtool(page)
                ours = {each for each in found_by_us(page) if each[1] in SAYS.values()}
                self.assertEqual(ours, expected)
                seen |= {rule for _, rule in expected}
        self.assertEqual(seen, set(SAYS.values()))

    def test_a_finding_has_a_suggestion(self):
        result = run(b"# HELP a H.\n# TYPE a counter\na 1\n", SEXTANT, "check", "--lint")
        self.assertEqual(result.stdout, b"line 1: advice: `a` is a counter, but does not end in "
                                        b"`_total`: add `_total` to its name (lint-total)\n")
        self.assertEqual(result.returncode, 3)

    def test_it_is_an_option(self):
        for arguments in [], ["--lint", "--no-advice"]:
            result = run(b"a 1\n", SEXTANT, "check", *arguments)
            self.assertEqual((result.stdout, result.returncode), (b"", 0))


if __name__ == "__main__":
    unittest.main(verbosity=2)
