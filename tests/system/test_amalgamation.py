"""The metrics library as two files: scripts/amalgamate writes them, every compiler takes them without a
warning, the tests of the library pass with them, and examples/vendored is built from them."""
import collections
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from system import BUILD, SOURCE

COMPILERS = ("gcc", "clang", "musl-gcc")
CLASSIC = ("-std=c11", "-Wall", "-Wextra")
# The layers that are in no other library, and the two that several have.
TESTED = re.compile(r"(metrics|exposition|http_metrics|check|text|clock|status)\.")


def layers(library):
    """The folders of the library's layers, from CMakeLists.txt."""
    with open(os.path.join(SOURCE, "CMakeLists.txt"), encoding="utf-8") as file:
        text = file.read()
    objects = re.search(library, text).group(1).split()
    folders = re.findall(r"^sx_layer\(([\w/]+)", text, re.M)
    return [folder for folder in folders if "sx_" + folder.replace("/", "_") in objects]


def top_level(text):
    """The text without comments, strings, preprocessor lines and what is in braces; and the enumerators."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.S)
    text = re.sub(r'"(?:\\.|[^"\\])*"|' + r"'(?:\\.|[^'\\])*'", "0", text)
    text = re.sub(r"__attribute__\s*\(\(.*?\)\)", "", text)
    text = re.sub(r"^\s*#(?:[^\n]*\\\n)*[^\n]*$", "", text, flags=re.M)
    enumerators = []
    for body in re.findall(r"\benum\b[^{};()]*\{([^}]*)\}", text):
        enumerators += re.findall(r"(?:^|,)\s*(\w+)", body)
    innermost = re.compile(r"\{[^{}]*\}")
    while innermost.search(text):
        text = innermost.sub("\x01", text)
    return text, enumerators


def names_of(text):
    """The names that a .c file gives to macros, types, static functions and static variables."""
    macros = set(re.findall(r"^\s*#\s*define\s+(\w+)", text, re.M))
    macros -= set(re.findall(r"^\s*#\s*undef\s+(\w+)", text, re.M))
    text, names = top_level(text)
    names += re.findall(r"\b(?:struct|union|enum)\s+(\w+)\s*\x01", text)
    for declaration in re.findall(r"(?:^|(?<=[;\x01]))\s*((?:\w+\s+)*?\b(?:static|typedef)\b[^;]*?(?:=|;|\)\s*\x01))", text):
        pointer = re.search(r"\(\s*\*\s*(\w+)", declaration)
        function = re.search(r"(\w+)\s*\(", declaration)
        if pointer or function:
            names.append((pointer or function).group(1))
            continue
        for declarator in re.sub(r"\[[^\]]*\]", "", declaration).split(","):
            names += re.findall(r"\w+", declarator)[-1:]
    return {name for name in macros | set(names) if not name.startswith("_")}


def clashes(files):
    """The names that several files have, of a dict from paths to texts."""
    having = collections.defaultdict(set)
    for path, text in files.items():
        for name in names_of(text):
            having[name].add(path)
    return {name: sorted(paths) for name, paths in having.items() if len(paths) > 1}


class StaticNames(unittest.TestCase):
    def test_the_names_of_a_file_are_found(self):
        text = """
            #define _GNU_SOURCE
            #define LIMIT 7 /* of #define COMMENT */
            #define ROW(x) x,
            #undef ROW
            enum { RED, GREEN = 2 };
            struct place { int x; };
            struct other *pointer(void);
            typedef int call_fn(void);
            static const struct { int a; } table[] = {{1}, {2}};
            static __thread char *mine, *yours;
            static void (*hook)(void);
            static struct place first = {0};
            static void __attribute__((noinline)) work(int a)
            {
                static int inner;
                int local = a;
            }
            static int later(void);
            __attribute__((constructor)) static void start(void) { work(0); }
            int sx_public(void) { return '{'; }
            """
        self.assertEqual(names_of(text), {
            "LIMIT", "RED", "GREEN", "place", "call_fn", "table", "mine", "yours", "hook", "first", "work",
            "later", "start"})
        self.assertEqual(clashes({"a.c": "static int x;", "b.c": "static void x(void) {}", "c.c": ""}),
                         {"x": ["a.c", "b.c"]})

    def test_they_are_unique_in_each_metrics_library(self):
        for library in (r"set\(SX_METRICS_OBJECTS([^)]*)\)", r"sx_library\(sextant-metrics-server [^)]*OBJECTS([^)]*)\)"):
            files = {}
            for folder in layers(library):
                for name in os.listdir(os.path.join(SOURCE, "src", folder)):
                    if name.endswith(".c"):
                        with open(os.path.join(SOURCE, "src", folder, name), encoding="utf-8") as file:
                            files[f"{folder}/{name}"] = file.read()
            self.assertGreater(len(files), 10)
            found = [f"{name}: {', '.join(paths)}" for name, paths in sorted(clashes(files).items())]
            self.assertEqual(found, [], "\n".join(["these names are in several .c files:", *found]))


class Amalgamation(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = cls.temporary.name
        cls.dist = os.path.join(cls.folder, "dist")
        subprocess.run(["make", "-C", SOURCE, "-s", "amalgamation", f"DIST={cls.dist}"], check=True,
                       env={k: v for k, v in os.environ.items() if not k.startswith("MAKE")})

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def run_in(self, folder, *command, **options):
        run = subprocess.run(command, cwd=folder, text=True, check=False, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, **options)
        self.assertEqual(run.returncode, 0, f"{' '.join(command)}:\n{run.stdout}")
        return run.stdout

    @staticmethod
    def each_compiler():
        for compiler in COMPILERS:
            if shutil.which(compiler) is None:
                print(f"skipped: {compiler} is not installed", flush=True)
            else:
                yield compiler

    def test_every_compiler_takes_them_without_a_warning(self):
        for compiler in self.each_compiler():
            for level in ("-O0", "-O2"):
                printed = self.run_in(self.folder, compiler, *CLASSIC, level, "-c", "-o", f"{compiler}.o",
                                      "dist/sextant_metrics.c")
                self.assertEqual(printed, "")

    def test_the_header_compiles_alone(self):
        for compiler, language in (("gcc", "c"), ("clang", "c"), ("g++", "c++"), ("clang++", "c++")):
            if shutil.which(compiler) is None:
                continue
            standard = "-std=c11" if language == "c" else "-std=c++11"
            printed = self.run_in(self.folder, compiler, standard, "-Wall", "-Wextra", "-fsyntax-only", "-x",
                                  language, "-", input='#include "dist/sextant_metrics.h"\nint x;\n')
            self.assertEqual(printed, "")

    def symbols(self, *options):
        """(name, visibility) of the global symbols that the object defines."""
        self.run_in(self.folder, "gcc", "-std=c11", "-fPIC", *options, "-c", "-o", "symbols.o",
                    "dist/sextant_metrics.c")
        table = self.run_in(self.folder, "readelf", "-sW", "symbols.o")
        return set(re.findall(r"GLOBAL (\w+) +\d+ (\w+)$", table, re.M))

    def test_only_the_api_is_visible(self):
        with open(os.path.join(BUILD, "CMakeCache.txt"), encoding="utf-8") as cache:
            sanitized = re.search(r"^SEXTANT_SANITIZE:STRING=.", cache.read(), re.M)
        visible = {name for visibility, name in self.symbols() if visibility == "DEFAULT"}
        self.assertIn("sx_page_render", visible)
        if not sanitized and os.path.exists(os.path.join(BUILD, "libsextant-metrics.so")):
            library = self.run_in(BUILD, "nm", "-D", "--defined-only", "libsextant-metrics.so")
            self.assertEqual(visible, {line.split()[-1].split("@")[0] for line in library.splitlines()})
        hidden = self.symbols('-DSX_API=__attribute__((visibility("hidden")))')
        self.assertEqual({name for visibility, name in hidden if visibility == "DEFAULT"}, set())

    def test_the_vendored_example_is_built_from_them(self):
        for compiler in self.each_compiler():
            folder = os.path.join(self.folder, f"vendored-{compiler}")
            shutil.copytree(os.path.join(SOURCE, "examples", "vendored"), folder,
                            ignore=shutil.ignore_patterns("*.o", "jobs"))
            self.run_in(folder, "make", f"DIST={self.dist}", f"CC={compiler}", "CFLAGS=-O0 -Wall -Wextra -Werror",
                        *(["LDFLAGS=-static"] if compiler == "musl-gcc" else []))
            page = self.run_in(folder, "./jobs")
            self.assertIn('jobs_total{result="done"} 18\njobs_total{result="failed"} 2\n', page)
            self.assertIn('job_size_bytes_bucket{le="100"} 10\n', page)
            self.assertIn("job_size_bytes_sum 2100\njob_size_bytes_count 20\n", page)

    def test_the_tests_of_the_library_pass_with_them(self):
        build = os.path.join(BUILD, "tests", "amalgamation")
        self.run_in(SOURCE, "cmake", "-S", ".", "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
                    "-DCMAKE_C_FLAGS_RELEASE=-O1 -DNDEBUG", "-DSEXTANT_AMALGAMATION=ON",
                    "-DSEXTANT_TESTS=ON", "-DSEXTANT_EXAMPLES=OFF", "-DSEXTANT_INSTALL=OFF")
        listed = re.findall(r"Test +#\d+: (\S+)", self.run_in(build, "ctest", "-N", "-L", "unit"))
        tests = [test for test in listed if TESTED.match(test)]
        self.assertLessEqual({"metrics.counter", "metrics.torture", "exposition.page"}, set(tests))
        self.run_in(SOURCE, "cmake", "--build", build, "-j", "2", "--target",
                    *("test_" + test.replace(".", "_") for test in tests))
        print(self.run_in(build, "ctest", "--output-on-failure", "-j", "2", "-L", "unit",
                          "-R", TESTED.pattern).splitlines()[-3], flush=True)


if __name__ == "__main__":
    unittest.main(verbosity=2)
