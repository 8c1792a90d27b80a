"""What the compilers say of a wrong list: the first error names the culprit. gcc is also held to few
lines; clang shows how every macro was expanded, so it may say more."""
import os
import shutil
import subprocess
import unittest

from system import SOURCE

PROGRAM = """
#include <sextant/app.h>
struct db {{ int x; }};
SX_COMPONENT_DECLARE(db, struct db);
struct settings {{ int small; const char *name; }};
SX_COMPONENT_DECLARE(settings, struct settings);
static struct sx_result get_user(int64_t id, struct db *db)
{{
    return sx_json("{{s:I, s:i}}", "id", id, "x", db->x);
}}
{line}
extern const struct sx_route routes[];
const struct sx_route routes[] = {{{route}}};
"""
GOOD = "SX_BIND(get_user, (path, i64, id, SX_MIN(1)), (inject, db, db));"
ROUTE = 'SX_GET("/users/{id}", get_user)'

# what is wrong: the line, the route, what the first error names, the most lines of gcc
CASES = {
    "unknown scalar": (GOOD.replace("i64", "i46"), ROUTE, "i46", 45),
    "unknown component": (GOOD.replace("inject, db", "inject, db_con"), ROUTE, "db_con", 45),
    "unknown source": (GOOD.replace("path", "pth"), ROUTE, "pth", 50),
    "unknown option": (GOOD.replace("SX_MIN(1)", ".mni = 1"), ROUTE, "mni", 15),
    "list differs from the prototype": (
        GOOD.replace("path, i64", "query, f64"), ROUTE, "SX_BIND(get_user)", 15),
    "argument missing in the list": (
        "SX_BIND(get_user, (path, i64, id));", ROUTE, "SX_BIND(get_user)", 20),
    "a body that is not one": (
        GOOD.replace("path, i64, id, SX_MIN(1)", "body, i64, id"), ROUTE, "i64", 50),
    "handler that is not bound": (GOOD, 'SX_GET("/", nobody)', "nobody", 10),
    "setting of another type": (
        GOOD + "\nSX_SETTINGS(settings, (i64, small), (str, name));", ROUTE, "negative", 20),
    "thirteen arguments": (
        "SX_BIND(get_user, " + ", ".join(["(path, i64, id)"] * 13) + ");", ROUTE, "at most 12 arguments", 12),
}
COMPILERS = {
    "gcc": ["gcc", "-ftrack-macro-expansion=0"],
    "clang": ["clang"],
}


def compile_with(command, program):
    result = subprocess.run(
        [*command, "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-fsyntax-only", "-x", "c",
         "-I", os.path.join(SOURCE, "include"), "-"],
        input=program, capture_output=True, text=True, check=False)
    return result.returncode, result.stderr


class CompileErrors(unittest.TestCase):
    def test_what_is_right_compiles_without_a_word(self):
        for name, command in COMPILERS.items():
            if shutil.which(name) is not None:
                status, said = compile_with(command, PROGRAM.format(line=GOOD, route=ROUTE))
                self.assertEqual((status, said), (0, ""), name)

    def test_what_is_wrong_is_named_at_once(self):
        for name, command in COMPILERS.items():
            if shutil.which(name) is None:
                continue
            for what, (line, route, culprit, gcc_most) in CASES.items():
                with self.subTest(compiler=name, what=what):
                    status, said = compile_with(command, PROGRAM.format(line=line, route=route))
                    self.assertNotEqual(status, 0, "it compiled")
                    first = next(text for text in said.splitlines() if "error:" in text)
                    self.assertIn(culprit, first)
                    if name == "gcc":
                        self.assertLessEqual(len(said.splitlines()), gcc_most, said)


if __name__ == "__main__":
    unittest.main()
