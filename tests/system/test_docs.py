"""Every C program in docs/ compiles without a warning; those that begin with an #include are programs."""
import glob
import os
import re
import shlex
import shutil
import subprocess
import unittest

from system import BUILD, SOURCE


class Docs(unittest.TestCase):
    def test_programs_compile(self):
        jansson = shlex.split(subprocess.check_output(["pkg-config", "--cflags", "jansson"], text=True))
        programs = 0
        for path in sorted(glob.glob(os.path.join(SOURCE, "docs", "*.md"))):
            with open(path, encoding="utf-8") as page:
                blocks = re.findall(r"^```c\n(.*?)^```", page.read(), re.M | re.S)
            for number, block in enumerate(blocks, start=1):
                if not block.startswith("#include"):
                    continue
                programs += 1
                for compiler in ("gcc", "clang"):
                    if shutil.which(compiler) is None:
                        continue
                    with self.subTest(page=os.path.basename(path), number=number, by=compiler):
                        done = subprocess.run(
                            [compiler, "-std=c11", "-D_POSIX_C_SOURCE=200809L", "-Wall", "-Wextra",
                             "-Wpedantic", "-Werror", "-fsyntax-only", "-x", "c", *jansson,
                             "-I", os.path.join(SOURCE, "include"),
                             "-I", os.path.join(SOURCE, "compat", "prom", "include"), "-"],
                            input=block, capture_output=True, text=True, check=False)
                        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertGreater(programs, 10)

    def test_programs_in_cplusplus_compile(self):
        for path in glob.glob(os.path.join(SOURCE, "docs", "*.md")):
            with open(path, encoding="utf-8") as page:
                blocks = re.findall(r"^```cpp\n(.*?)^```", page.read(), re.M | re.S)
            for block in blocks:
                for compiler in filter(shutil.which, ("g++", "clang++")):
                    with self.subTest(page=os.path.basename(path), by=compiler):
                        subprocess.run(
                            [compiler, "-std=c++11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
                             "-x", "c++", "-I", os.path.join(SOURCE, "include"), "-"],
                            input=block, text=True, check=True)

    def test_links_lead_somewhere(self):
        pages = glob.glob(f"{SOURCE}/docs/*.md") + glob.glob(f"{SOURCE}/docs/servers/*.md")
        for path in pages + [f"{SOURCE}/README.md"]:
            with open(path, encoding="utf-8") as page:
                for target in re.findall(r"\]\(([^)#:]+)\)", page.read()):
                    there = os.path.join(os.path.dirname(path), target)
                    self.assertTrue(os.path.exists(there), f"{path}: {target}")

    def test_every_option_of_the_command_line_is_in_the_docs(self):
        """--help prints the table by which options are parsed."""
        printed = subprocess.check_output(
            [os.path.join(BUILD, "examples", "hello"), "--help"], text=True)
        options = re.findall(r"^ +(--[a-z-]+)", printed, re.M)
        with open(os.path.join(SOURCE, "docs", "server.md"), encoding="utf-8") as page:
            named = re.findall(r"^\| `(--[a-z-]+)[ `]", page.read(), re.M)
        self.assertGreaterEqual(len(options), 8)
        self.assertEqual(options, named)


if __name__ == "__main__":
    unittest.main()
