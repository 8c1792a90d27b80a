"""What a caller must not ignore: gcc and clang warn where the value of a public function that can fail
is dropped. CONTRIBUTING.md lists the functions that are exempt, and why."""
import os
import re
import subprocess
import unittest

from system import SOURCE, compilers

HEADERS = os.path.join(SOURCE, "include", "sextant")
# A result is an answer; what these make exists, or it does not.
VERBS = r"_(new|register\w*|listen|run|main|serve|observe)$"


def declarations():
    """(result type, name, parameters) of every public function that gives back a value."""
    for header in sorted((name for name in os.listdir(HEADERS) if name.endswith(".h"))):
        with open(os.path.join(HEADERS, header), encoding="utf-8") as file:
            text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.DOTALL)
        text = re.sub(r"^#.*(?:\\\n.*)*", "", text, flags=re.MULTILINE)
        for match in re.finditer(
            r"^SX_API (?:SX_MUST_CHECK )?([\w ]+?[ *]+)(sx_\w+)\(([^;]*?)\)[^();]*"
            r"(?:\([^()]*\))?;", text, re.MULTILINE
        ):
            result, name, parameters = (" ".join(part.split()) for part in match.groups())
            if result != "void":
                yield result, name, parameters


def dropping(name, parameters):
    """A function that calls this one, with parameters of its own, and drops what it gives."""
    kept = [] if parameters == "void" else [p for p in parameters.split(", ") if p != "..."]
    names = ", ".join(re.search(r"(\w+)(?:\[\w*\])?$", p).group(1) for p in kept)
    # Not the macro of that name, and not the number of the line in the header.
    return f"void drop_{name}({', '.join(kept) or 'void'});\n" \
           f"void drop_{name}({', '.join(kept) or 'void'})\n{{\n({name})({names});\n}}\n"


def program():
    includes = "".join(f"#include <sextant/{name}>\n" for name in sorted((name for name in os.listdir(HEADERS) if name.endswith(".h"))))
    return includes + "".join(dropping(name, parameters) for _, name, parameters in declarations())


def warned(command):
    """The functions for which the compiler warns about a discarded value."""
    result = subprocess.run(
        [*command, "-std=c11", "-Wunused-result", "-Wno-format-security", "-Wno-deprecated",
         "-c", "-o", "/dev/null", "-x", "c", "-I", os.path.join(SOURCE, "include"), "-"],
        input=program(), capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    lines = program().splitlines()
    numbers = re.findall(r"^<stdin>:(\d+):\d+: warning: ignoring return value",
                         result.stderr, re.MULTILINE)
    return {re.match(r"\((\w+)\)", lines[int(number) - 1]).group(1) for number in numbers}


def exempt():
    """The functions that CONTRIBUTING.md names in its table of what may be ignored."""
    with open(os.path.join(SOURCE, "CONTRIBUTING.md"), encoding="utf-8") as file:
        table = re.search(r"^\| may be ignored.*?\n\n", file.read(), re.MULTILINE | re.DOTALL)
    rows = table.group(0).split("\n")[2:-2]
    return {name for row in rows for name in re.findall(r"`(sx_\w+)`", row.split("|")[1])}


class MustCheck(unittest.TestCase):
    def test_there_are_declarations(self):
        self.assertGreater(len(list(declarations())), 90)

    def test_results_and_errors_must_not_be_dropped(self):
        for name, command in compilers():
            with self.subTest(compiler=name):
                silent = {
                    function for result, function, _ in declarations()
                    if result in ("int", "struct sx_result") or re.search(VERBS, function)
                } - warned(command)
                self.assertEqual(silent, exempt())

    def test_the_hook_that_lets_everybody_in_is_warned_of(self):
        hook = """#include <sextant/app.h>
static struct sx_result check(bool allowed)
{
    if (!allowed) {
        sx_fail(401, "who are you?");
    }
    return sx_continue();
}
SX_BIND(check, (query, flag, allowed));
"""
        for name, command in compilers():
            for wrong, line in (("sx_fail", 'sx_fail(401, "who are you?")'),
                                ("sx_json", 'sx_json("{s:b}", "ok", 0)')):
                with self.subTest(compiler=name, function=wrong):
                    said = subprocess.run(
                        [*command, "-std=c11", "-c", "-o", "/dev/null", "-x", "c",
                         "-I", os.path.join(SOURCE, "include"), "-"],
                        input=hook.replace('sx_fail(401, "who are you?")', line),
                        capture_output=True, text=True, check=False).stderr
                    self.assertRegex(said, r"<stdin>:5:\d+: warning: ignoring return value")


if __name__ == "__main__":
    unittest.main(verbosity=2)
