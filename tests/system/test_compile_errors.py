"""What the compilers say of a wrong list: the first error is a short sentence with the culprit in it.
gcc is also held to few lines; clang shows how every macro was expanded, so it may say more."""
import os
import re
import subprocess
import unittest

from system import SOURCE, compilers

PROGRAM = """
#include <sextant/app.h>
struct db {{ int x; }};
SX_COMPONENT_DECLARE(db, struct db);
struct settings {{ int small; const char *name; int64_t n; }};
SX_COMPONENT_DECLARE(settings, struct settings);
static struct sx_result get_user(int64_t id, struct db *db)
{{
    return sx_json("{{s:I, s:i}}", "id", id, "x", db->x);
}}
__attribute__((unused)) static struct sx_result open_db(struct db *self, const char *path)
{{
    self->x = path == NULL;
    return sx_continue();
}}
{line}
extern const struct sx_route routes[];
const struct sx_route routes[] = {{{route}}};
"""
GOOD = "SX_BIND(get_user, (path, i64, id, SX_MIN(1)), (inject, db, db));"
ROUTE = 'SX_GET("/users/{id}", get_user)'

THIRTEEN = ", ".join(["(path, i64, id)"] * 13)
SETTINGS = ", ".join(["(i64, n)"] * 13)
OPEN = "SX_COMPONENT(db, app, open_db, NULL, (setting, str, path));"

# mistake: the list, the route, the first error, the maximum number of lines that gcc prints
CASES = {
    "unknown scalar": (
        GOOD.replace("i64", "i46"), ROUTE, "SX_BIND(get_user): unknown type of path: i46", 3),
    "unknown component": (GOOD.replace("inject, db", "inject, db_con"), ROUTE, "db_con", 45),
    "unknown source": (GOOD.replace("path", "pth"), ROUTE, "SX_BIND(get_user): unknown source: pth", 3),
    "two that are wrong": (
        "SX_BIND(get_user, (pth, i64, id), (query, i46, db));", ROUTE,
        "SX_BIND(get_user): unknown source: pth", 6),
    "unknown option": (GOOD.replace("SX_MIN(1)", ".mni = 1"), ROUTE, "mni", 15),
    "bytes of a form": (
        GOOD.replace("path, i64", "form, bytes"), ROUTE,
        "SX_BIND(get_user): unknown type of form: bytes", 3),
    "list differs from the prototype": (
        GOOD.replace("path, i64", "query, f64"), ROUTE,
        "SX_BIND(get_user): the list differs from the function; both are shown next", 15),
    "argument missing in the list": (
        "SX_BIND(get_user, (path, i64, id));", ROUTE,
        "SX_BIND(get_user): the list differs from the function; both are shown next", 15),
    "no list": (
        "SX_BIND(get_user);", ROUTE,
        "SX_BIND(get_user): the function has arguments, but the list has none", 12),
    "a body that is not one": (
        GOOD.replace("path, i64, id, SX_MIN(1)", "body, i64, id"), ROUTE,
        "SX_BIND(get_user): unknown type of a body, expected json, opt_json or bytes: i64", 3),
    "handler that is not bound": (GOOD, 'SX_GET("/", nobody)', "nobody", 10),
    "thirteen arguments": (
        f"SX_BIND(get_user, {THIRTEEN});", ROUTE,
        "SX_BIND(get_user): a function has at most 12 arguments", 12),
    "thirty arguments": (
        f"SX_BIND(get_user, {THIRTEEN}, {THIRTEEN});", ROUTE,
        "SX_BIND(get_user): a function has at most 12 arguments", 12),
    "setting of another type": (
        GOOD + "\nSX_SETTINGS(settings, (i64, small), (str, name));", ROUTE,
        "setting (i64, small): the member has another type", 6),
    "unknown type of a setting": (
        GOOD + "\nSX_SETTINGS(settings, (int, small), (str, name));", ROUTE,
        "SX_SETTINGS(settings): unknown type of a setting: int", 3),
    "optional setting": (
        GOOD + "\nSX_SETTINGS(settings, (opt_str, name));", ROUTE,
        "SX_SETTINGS(settings): unknown type of a setting: opt_str", 3),
    "no settings": (
        GOOD + "\nSX_SETTINGS(settings);", ROUTE, "SX_SETTINGS(settings): it has no settings", 3),
    "thirteen settings": (
        GOOD + f"\nSX_SETTINGS(settings, {SETTINGS});", ROUTE,
        "SX_SETTINGS(settings): at most 12 settings; more are two components", 3),
    "unknown type of an argument of a component": (
        GOOD + "\n" + OPEN.replace("str", "string"), ROUTE,
        "component db: unknown type of setting: string", 3),
    "init that differs from its list": (
        GOOD + "\n" + OPEN.replace("str", "i64"), ROUTE,
        "component db: the list differs from open_db; both are shown next", 15),
    "thirteen arguments of a component": (
        GOOD + f"\nSX_COMPONENT(db, app, open_db, NULL, {THIRTEEN});", ROUTE,
        "component db: an init has at most 12 arguments", 3),
    "thirteen components": (
        GOOD + "\nstruct sx_component_list many(void);\nstruct sx_component_list many(void)\n"
        "{ return (struct sx_component_list)SX_COMPONENTS(" + ", ".join(["db"] * 13) + "); }",
        ROUTE, "SX_COMPONENTS_takes_at_most_12_and_more_are_SX_LIST_of_an_array", 6),
    "override of another type": (
        GOOD + "\nSX_COMPONENT_DECLARE(fake, int);\n"
        "extern const struct sx_override list[];\n"
        "const struct sx_override list[] = {SX_OVERRIDE(db, fake)};", ROUTE,
        "SX_OVERRIDE(db, fake): their types differ", 6),
    "sixty-five arguments of sx_json": (
        GOOD + '\nstruct sx_result many(void);\nstruct sx_result many(void)\n{ return sx_json("[]", '
        + ", ".join(["1"] * 65) + "); }", ROUTE,
        "sx_json_takes_at_most_64_arguments_behind_its_format", 6),
    "struct as an argument of sx_json": (
        GOOD + "\nstruct sx_result many(struct db db);\nstruct sx_result many(struct db db)\n"
        '{ return sx_json("{s:i}", "db", db); }', ROUTE, "type", 3),
}
# For these cases from above, the compiler prints both types, so that the user sees which argument differs.
BOTH_TYPES = {
    "list differs from the prototype": (
        r"\(double,\s+struct db \*\)", r"\(int64_t,\s+struct db \*\)|\(long,\s+struct db \*\)"),
    "argument missing in the list": (
        r"\(int64_t\)|\(long\)", r"\(int64_t,\s+struct db \*\)|\(long,\s+struct db \*\)"),
    "init that differs from its list": (
        r"\(sx_type_db \*,\s+int64_t\)|\(struct db \*,\s+int64_t\)|\(struct db \*,\s+long\)",
        r"\(struct db \*,\s+const char \*\)"),
}


def compile_with(command, program):
    result = subprocess.run(
        [*command, "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-fsyntax-only", "-x", "c",
         "-I", os.path.join(SOURCE, "include"), "-"],
        input=program, capture_output=True, text=True, check=False,
        env={**os.environ, "LC_ALL": "C"})
    return result.returncode, result.stderr


class CompileErrors(unittest.TestCase):
    def test_what_is_right_compiles_without_a_word(self):
        right = "\n".join([
            GOOD, OPEN, "SX_SETTINGS(settings, (str, name), (i64, n, SX_MIN(1)));"])
        for name, command in compilers():
            with self.subTest(compiler=name):
                status, said = compile_with(command, PROGRAM.format(line=right, route=ROUTE))
                self.assertEqual((status, said), (0, ""))

    def test_what_is_wrong_is_named_at_once(self):
        for name, command in compilers():
            for what, (line, route, culprit, gcc_most) in CASES.items():
                with self.subTest(compiler=name, what=what):
                    status, said = compile_with(command, PROGRAM.format(line=line, route=route))
                    self.assertNotEqual(status, 0, "it compiled")
                    first = next(text for text in said.splitlines() if "error:" in text)
                    self.assertIn(culprit, first)
                    self.assertLess(len(first), 170)
                    if name.startswith("gcc"):
                        self.assertLessEqual(len(said.splitlines()), gcc_most, said)
                    for pattern in BOTH_TYPES.get(what, ()):
                        self.assertRegex(said, pattern)


if __name__ == "__main__":
    unittest.main(verbosity=2)
