"""The metrics library in C++: its macros and the types of metrics.hpp, with every compiler."""
import glob
import os
import shutil
import subprocess
import tempfile
import unittest

from system import BUILD, SOURCE, is_sanitized

FLAGS = ["-O2", "-Wall", "-Wextra", "-Wconversion", "-Wold-style-cast", "-Wshadow", "-Werror"]
HERE = os.path.join(SOURCE, "tests", "system", "cplusplus")


def compilers():
    found = [name for name in ("g++", "clang++") if shutil.which(name)]
    assert found, "there is no C++ compiler"
    return found


@unittest.skipIf(is_sanitized(), "the library needs its sanitizer, these programs have none")
class CPlusPlus(unittest.TestCase):
    def run_with(self, compiler, standard, source, *more):
        with self.subTest(source=source, compiler=compiler, standard=standard):
            with tempfile.TemporaryDirectory() as folder:
                program = os.path.join(folder, "program")
                subprocess.run(
                    [compiler, f"-std={standard}", *FLAGS, *more, f"-I{SOURCE}/include",
                     f"{HERE}/{source}", "-o", program, f"{BUILD}/libsextant-metrics.so",
                     f"-Wl,-rpath,{BUILD}"], check=True)
                subprocess.run([program], check=True)

    def test_what_the_macros_make_lives_long_enough(self):
        for compiler in compilers():
            for standard in ("c++11", "c++17", "c++20"):
                self.run_with(compiler, standard, "macros.cc", "-Wno-missing-field-initializers")

    def test_the_types(self):
        for compiler in compilers():
            for standard in ("c++11", "c++14", "c++17", "c++20"):
                self.run_with(compiler, standard, "types.cc", "-Wpedantic", "-fno-exceptions",
                              "-fno-rtti")

    def test_a_wrong_number_of_values_does_not_compile(self):
        program = """#include <sextant/metrics.hpp>
            sextant::counter_family<2> requests; sextant::info<2> build;
            sextant::summary_family<2> times;
            int main() {{ return {call}({values}); }}"""
        for compiler in compilers():
            for call, first in (("requests.inc", ""), ("build.set", ""), ("times.observe", "1, ")):
                for values, compiles in (('"GET", "200"', True), ('"GET"', False),
                                         ('"GET", "200", "x"', False)):
                    run = subprocess.run(
                        [compiler, "-std=c++11", f"-I{SOURCE}/include", "-fsyntax-only", "-x",
                         "c++", "-"],
                        input=program.format(call=call, values=first + values), text=True,
                        stderr=subprocess.PIPE, check=False)
                    with self.subTest(compiler=compiler, call=call, values=values,
                                      errors=run.stderr):
                        self.assertEqual(run.returncode == 0, compiles)

    def test_request_metrics(self):
        for compiler in compilers():
            for standard in ("c++11", "c++20"):
                self.run_with(compiler, standard, "http_metrics.cc", "-Wpedantic",
                              "-Wno-missing-field-initializers")

    def test_the_headers_have_no_old_casts(self):
        for compiler in compilers():
            for header in [*sorted(glob.glob(f"{SOURCE}/include/sextant/metrics*.h*")),
                           f"{SOURCE}/include/sextant/http_metrics.h"]:
                name = "sextant/" + os.path.basename(header)
                subprocess.run(
                    [compiler, "-std=c++11", *FLAGS, "-Wpedantic", f"-I{SOURCE}/include",
                     "-fsyntax-only", "-x", "c++", "-"], check=True, text=True,
                    input=f"#include <{name}>\n#include <{name}>\nint test;\n")


if __name__ == "__main__":
    unittest.main(verbosity=2)
