"""The shared libraries export what the headers declare, and nothing else."""
import glob
import os
import re
import subprocess
import unittest

from system import BUILD, SOURCE

LIBRARIES = ["libsextant-metrics.so", "libsextant-metrics-server.so", "libsextant.so"]


def declared():
    """Names of the functions and objects that the public headers mark SX_API."""
    names = set()
    for path in glob.glob(os.path.join(SOURCE, "include", "sextant", "*.h")):
        with open(path, encoding="utf-8") as header:
            text = re.sub(r"(?s)/\*.*?\*/", "", header.read())
        macros = re.findall(r"(?m)^\s*#(?:[^\n]*\\\n)*[^\n]*\n", text)
        for macro in macros:
            text = text.replace(macro, "\n")
        for declaration in re.findall(r"\bSX_API\b([^;{]*)", text):
            name = re.search(r"\b(sx_\w+)\s*(?:\(|\[|__attribute__|$)", declaration.strip())
            names.add(name.group(1))
        names.update("sx_handler_" + n for n in re.findall(r"\bSX_HANDLER_DECLARE\((\w+)\)", text))
        names.update("sx_component_" + n for n in re.findall(r"\bSX_COMPONENT_DECLARE\((\w+),", text))
    return names


def exported(library):
    out = subprocess.check_output(
        ["nm", "-D", "--defined-only", os.path.join(BUILD, library)], text=True
    )
    return {line.split()[-1].split("@")[0] for line in out.splitlines()}


class Exports(unittest.TestCase):
    def test_exports_are_the_declarations(self):
        found = set()
        for library in LIBRARIES:
            found |= exported(library)
        self.assertEqual(sorted(declared() - found), [], "declared but not exported")
        self.assertEqual(sorted(found - declared()), [], "exported but not declared")

    def test_metrics_need_libc_only(self):
        out = subprocess.check_output(
            ["readelf", "-d", os.path.join(BUILD, LIBRARIES[0])], text=True
        )
        needed = {n for n in re.findall(r"\(NEEDED\).*\[(.*)\]", out) if "san.so" not in n}
        self.assertLessEqual(needed, {"libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2"})

    def test_metrics_start_no_thread_and_end_no_program(self):
        out = subprocess.check_output(
            ["nm", "-D", "--undefined-only", os.path.join(BUILD, LIBRARIES[0])], text=True
        )
        called = {line.split()[-1].split("@")[0] for line in out.splitlines()}
        never = {"pthread_create", "thrd_create", "clone", "fork", "vfork", "posix_spawn", "system", "exit", "_exit"}
        self.assertEqual(called & (never | {"abort", "sigaction", "signal", "socket"}), set())
        self.assertIn("pthread_key_create", called)  # so the names are read

    def test_libraries_are_not_unloaded_and_not_symbolic(self):
        for library in LIBRARIES:
            out = subprocess.check_output(["readelf", "-d", os.path.join(BUILD, library)], text=True)
            self.assertIn("NODELETE", out)
            self.assertNotIn("SYMBOLIC", out)


if __name__ == "__main__":
    unittest.main(verbosity=2)
