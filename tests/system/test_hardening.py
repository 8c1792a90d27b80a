"""What is installed is built so that a memory error is harder to exploit, and the user's flags win."""
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import tempfile
import unittest

from system import BUILD, SOURCE, Example, is_sanitized

FLAGS = ("-fstack-protector-strong", "-fstack-clash-protection", "-fcf-protection")


def readelf(option, path):
    return subprocess.check_output(["readelf", "-W", option, path], text=True)


def commands(build):
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        return {entry["file"]: shlex.split(entry["command"]) for entry in json.load(file)
                if "/src/" in entry["file"] or "/tools/" in entry["file"]}


def cache(build):
    with open(os.path.join(build, "CMakeCache.txt"), encoding="utf-8") as file:
        return dict(re.findall(r"^(\w[\w-]*):\w+=(.*)$", file.read(), re.M))


@unittest.skipIf(is_sanitized(), "sanitizers do not go with it")
class Hardening(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        subprocess.run(["cmake", "--install", BUILD, "--prefix", cls.folder.name], check=True,
                       stdout=subprocess.DEVNULL)
        cls.files = []
        for folder, _, names in os.walk(cls.folder.name):
            for path in (os.path.join(folder, name) for name in names):
                if not os.path.islink(path) and os.path.getsize(path) > 4:
                    with open(path, "rb") as file:
                        if file.read(4) == b"\x7fELF":
                            cls.files.append(path)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_the_files_are_found(self):
        names = {re.sub(r"\.so.*", ".so", os.path.basename(path)) for path in self.files}
        self.assertLessEqual({"sextant", "libsextant-metrics.so", "libsextant-metrics-server.so"}, names)

    def test_what_is_relocated_is_read_only(self):
        for path in self.files:
            with self.subTest(path):
                self.assertIn("GNU_RELRO", readelf("-l", path))
                self.assertRegex(readelf("-d", path), r"FLAGS_1\).*\bNOW\b")

    def test_no_memory_is_writable_and_executable(self):
        for path in self.files:
            with self.subTest(path):
                segments = readelf("-l", path)
                self.assertRegex(segments, r"GNU_STACK +(0x\w+ +){5}RW ")
                self.assertIsNone(re.search(r"^ +\w+ +(0x\w+ +){5}RWE ", segments, re.M))
                self.assertNotIn("TEXTREL", readelf("-d", path))

    def test_addresses_are_random(self):
        for path in self.files:
            with self.subTest(path):
                self.assertIn("DYN (", readelf("-h", path))
                if "/bin/" in path:
                    self.assertRegex(readelf("-d", path), r"FLAGS_1\).*\bPIE\b")

    def test_the_stack_and_buffers_are_guarded(self):
        fortified = any("_FORTIFY_SOURCE" in flag for flag in next(iter(commands(BUILD).values())))
        for path in self.files:
            with self.subTest(path):
                symbols = readelf("--dyn-syms", path)
                self.assertIn("__stack_chk_fail", symbols)
                if fortified and platform.libc_ver()[0] == "glibc":
                    self.assertRegex(symbols, r"__\w+_chk@")

    def test_a_program_that_runs_has_no_such_memory_either(self):
        if not os.path.exists(os.path.join(BUILD, "examples", "hello")):
            self.skipTest("the app is not built")
        with Example("hello") as hello:
            self.assertEqual(hello.request("/")[0], 200)
            with open(f"/proc/{hello.process.pid}/maps", encoding="utf-8") as file:
                self.assertEqual([line for line in file if "wx" in line.split()[1]], [])

    def test_what_the_compiler_knows_is_used(self):
        known = [flag for flag in FLAGS if cache(BUILD).get("SX_HAS" + re.sub(r"\W", "_", flag)) == "1"]
        self.assertTrue(known)
        for file, words in commands(BUILD).items():
            self.assertEqual([flag for flag in known if flag not in words], [], file)

    @unittest.skipIf(shutil.which("cmake") is None, "cmake is not installed")
    def test_flags_of_the_user_win(self):
        with tempfile.TemporaryDirectory() as build:
            subprocess.run(
                ["cmake", "-S", SOURCE, "-B", build, "-DSEXTANT_APP=OFF", "-DSEXTANT_TESTS=OFF",
                 "-DCMAKE_C_FLAGS=-fno-stack-protector -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=1",
                 "-DCMAKE_SHARED_LINKER_FLAGS=-Wl,-z,lazy"], check=True, stdout=subprocess.DEVNULL)
            for words in commands(build).values():
                self.assertGreater(words.index("-fno-stack-protector"), words.index("-fstack-protector-strong"))
                self.assertEqual([word for word in words if "-D_FORTIFY_SOURCE" in word], ["-D_FORTIFY_SOURCE=1"])


if __name__ == "__main__":
    unittest.main()
