"""Targets with pointers of 32 bits: configuring, and compiling the two files, fails with one sentence."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from system import SOURCE

SENTENCE = ("Sextant needs a 64-bit target, because a registry needs more addresses than 32 bits have.")

# The compiler of this machine, of which CMake believes that it makes 32-bit programs.
TOOLCHAIN = """set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR armv7l)
set(CMAKE_C_COMPILER cc)
set(CMAKE_C_COMPILER_WORKS TRUE)
set(CMAKE_C_ABI_COMPILED TRUE)
set(CMAKE_C_SIZEOF_DATA_PTR %d)
"""

PARENT = """cmake_minimum_required(VERSION 3.21)
project(parent LANGUAGES C)
add_subdirectory("%s" sextant)
"""

# Compilers for 32 bits that need no header: they read none before they fail.
COMPILERS = (["clang", "--target=arm-linux-gnueabihf"], ["clang", "--target=i686-linux-gnu"],
             ["arm-linux-gnueabihf-gcc"], ["gcc", "-m32"])


class WordSize(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def run_in(self, *command):
        return subprocess.run(command, cwd=self.folder, text=True, check=False, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)

    def configure(self, source, pointer_bytes, *options):
        toolchain = self.write("toolchain.cmake", TOOLCHAIN % pointer_bytes)
        return self.run_in("cmake", "-S", source, "-B", f"build{pointer_bytes}",
                           f"-DCMAKE_TOOLCHAIN_FILE={toolchain}", *options)

    def check_that_it_fails(self, run):
        self.assertNotEqual(run.returncode, 0)
        self.assertEqual(run.stdout.count("CMake Error"), 1, run.stdout)
        self.assertEqual(" ".join(run.stdout.split()).count(SENTENCE), 1, run.stdout)

    def test_configuring_fails_with_one_sentence(self):
        options = ("-DSEXTANT_APP=OFF", "-DSEXTANT_TESTS=OFF")
        self.check_that_it_fails(self.configure(SOURCE, 4, *options))
        run = self.configure(SOURCE, 8, *options)
        self.assertEqual(run.returncode, 0, run.stdout)

    def test_it_fails_as_a_part_of_another_project(self):
        self.write("CMakeLists.txt", PARENT % SOURCE)
        self.check_that_it_fails(self.configure(self.folder, 4))

    def compiles(self, compiler):
        probe = self.write("probe.c", "int x;\n")
        return (shutil.which(compiler[0]) is not None
                and self.run_in(*compiler, "-c", "-o", "probe.o", probe).returncode == 0)

    def test_the_two_files_say_it_in_one_error(self):
        subprocess.run([os.path.join(SOURCE, "scripts", "amalgamate"), self.folder], check=True,
                       stdout=subprocess.DEVNULL)
        tried = 0
        for compiler in COMPILERS:
            if not self.compiles(compiler):
                print(f"skipped: {' '.join(compiler)} does not compile here", flush=True)
                continue
            tried += 1
            run = self.run_in(*compiler, "-std=c11", "-Wall", "-Wextra", "-c", "-o", "metrics.o",
                              "sextant_metrics.c")
            self.assertNotEqual(run.returncode, 0)
            errors = re.findall(r"(?m)^\S+ (?:fatal )?error: .*", run.stdout)
            self.assertEqual(len(errors), 1, run.stdout)
            self.assertIn(SENTENCE, errors[0])
        if tried == 0:
            self.skipTest("no compiler here makes 32-bit objects")


if __name__ == "__main__":
    unittest.main(verbosity=2)
