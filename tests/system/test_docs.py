"""Every C program in docs/ compiles without a warning; those that begin with an #include are programs.
Those of docs/types/ also run, and print what their page says."""
import glob
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import unittest

from system import BUILD, SOURCE, is_sanitized

TYPES = sorted(glob.glob(os.path.join(SOURCE, "docs", "types", "*.md")))
PAGES = sorted(glob.glob(os.path.join(SOURCE, "docs", "*.md"))) + TYPES


def read_blocks(path, language):
    with open(path, encoding="utf-8") as page:
        return re.findall(rf"^```{language}\n(.*?)^```", page.read(), re.M | re.S)


def without_times(page):
    """The time of an exemplar is that of the run."""
    return re.sub(r"(# \{.*\} \S+) \d+\.\d+$", r"\1 TIME", page, flags=re.M)


class Docs(unittest.TestCase):
    def test_programs_compile(self):
        jansson = shlex.split(subprocess.check_output(["pkg-config", "--cflags", "jansson"], text=True))
        programs = 0
        for path in PAGES:
            for number, block in enumerate(read_blocks(path, "c"), start=1):
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
        for path in PAGES:
            for block in read_blocks(path, "cpp"):
                for compiler in filter(shutil.which, ("g++", "clang++")):
                    with self.subTest(page=os.path.basename(path), by=compiler):
                        subprocess.run(
                            [compiler, "-std=c++11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
                             "-x", "c++", "-I", os.path.join(SOURCE, "include"), "-"],
                            input=block, text=True, check=True)

    @unittest.skipIf(is_sanitized(), "the library needs its sanitizer, these programs have none")
    def test_programs_of_types_print_their_pages(self):
        """The first block of a page is in text 0.0.4, the second in OpenMetrics. `sextant check`
        reads both, so what is printed and expected is also right."""
        self.assertEqual(len(TYPES), 9)
        for path in TYPES:
            with self.subTest(page=os.path.basename(path)), tempfile.TemporaryDirectory() as folder:
                (source, *_), (text, openmetrics) = read_blocks(path, "c"), read_blocks(path, "text")
                program = os.path.join(folder, "program")
                subprocess.run(
                    ["cc", "-std=c11", f"-I{SOURCE}/include", "-o", program, "-x", "c", "-", "-x", "none",
                     f"{BUILD}/libsextant-metrics.so", f"-Wl,-rpath,{BUILD}"],
                    input=source, text=True, check=True)
                printed = subprocess.run([program], stdout=subprocess.PIPE, text=True, check=True)
                self.assertEqual(without_times(printed.stdout), without_times(text + openmetrics))
                for form, page in (("text", text), ("openmetrics", openmetrics)):
                    subprocess.run([f"{BUILD}/sextant", "check", "--format", form],
                                   input=page, text=True, check=True)

    def test_links_lead_somewhere(self):
        for path in PAGES + glob.glob(f"{SOURCE}/docs/servers/*.md") + [f"{SOURCE}/README.md"]:
            with open(path, encoding="utf-8") as page:
                for target in re.findall(r"\]\(([^)#:]+)\)", page.read()):
                    there = os.path.join(os.path.dirname(path), target)
                    self.assertTrue(os.path.exists(there), f"{path}: {target}")

    def test_metric_types_lead_to_the_page_of_each(self):
        with open(os.path.join(SOURCE, "docs", "metric_types.md"), encoding="utf-8") as page:
            linked = re.findall(r"\]\(types/([a-z_]+\.md)\)", page.read())
        self.assertEqual(sorted(linked), [os.path.basename(path) for path in TYPES])

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
