"""The metrics libraries without the app framework: cmake, make and a C compiler build and install them.

PATH has these programs and no pkg-config, and CMake finds nothing in the folders where jansson, OpenSSL,
llhttp and cmocka are installed.
"""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from system import BUILD, SOURCE

TOOLS = ("cmake", "make", "cc", "as", "ld", "ar", "ranlib", "nm", "objdump", "objcopy", "strip", "readelf")
CONSUMER = os.path.join(SOURCE, "tests", "system", "consumer")
HEADERS = {"status.h", "version.h", "metrics.h", "collector.h", "registration.h", "iteration.h", "exposition.h", "parse.h", "testing.h", "http_metrics.h", "gzip.h",
           "metrics_server.h"}
PAGE = "# HELP jobs_total Jobs done.\n# TYPE jobs_total counter\njobs_total 1\n"

PROJECT = """cmake_minimum_required(VERSION 3.21)
project(parent LANGUAGES C)
%s
%s
if(TARGET sextant OR TARGET sextant-cli)
    message(FATAL_ERROR "more than the metrics libraries is built")
endif()
foreach(suffix "" -static)
    add_executable(metrics${suffix} "%s/metrics.c")
    target_link_libraries(metrics${suffix} PRIVATE Sextant::metrics${suffix})
    add_executable(serves${suffix} "%s/examples/metrics_only.c")
    target_link_libraries(serves${suffix} PRIVATE Sextant::metrics-server${suffix})
endforeach()
"""

FETCH = """include(FetchContent)
FetchContent_Declare(sextant SOURCE_DIR "%s" BINARY_DIR "%s")
FetchContent_MakeAvailable(sextant)"""

FAST = "-DCMAKE_BUILD_TYPE=Debug"  # compiles in half the time; the libraries' speed is of no concern here

FIND = "find_package(Sextant 0.1 REQUIRED COMPONENTS %s)"


def hidden_folders():
    """Where packages are installed, as an argument of CMake that hides them."""
    multiarch = subprocess.check_output(["cc", "-print-multiarch"], text=True).strip()
    folders = ["/usr/include", "/usr/share/llhttp", f"{SOURCE}/build/unpacked/usr/share/llhttp"]
    folders += [f"{folder}/{multiarch}" for folder in ("/usr/include", "/usr/lib", "/lib")]
    folders += ["/usr/local/include", "/usr/local/lib", "/usr/bin", "/bin", "/usr/local/bin"]
    return "-DCMAKE_IGNORE_PATH=" + ";".join(folders)


class MetricsAlone(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        tools = os.path.join(self.folder, "bin")
        os.mkdir(tools)
        for tool in TOOLS:
            if shutil.which(tool) is not None:
                os.symlink(os.path.realpath(shutil.which(tool)), os.path.join(tools, tool))
        self.environment = {"PATH": tools, "HOME": self.folder}
        self.assertIsNone(shutil.which("pkg-config", path=tools))

    def run_in(self, folder, *command, fails=False):
        run = subprocess.run(command, cwd=folder, env=self.environment, text=True, check=False,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(run.returncode != 0, fails, f"{' '.join(command)}:\n{run.stdout}")
        return run.stdout

    def configure(self, *options, fails=False, source=SOURCE):
        """Configures into build/ of the folder; returns what CMake prints."""
        return self.run_in(self.folder, "cmake", "-S", source, "-B", "build", hidden_folders(), *options,
                           fails=fails)

    def project(self, options, how):
        """A project that builds programs on the metrics libraries, which it gets by `how`."""
        source = os.path.join(self.folder, "parent")
        os.makedirs(source, exist_ok=True)
        with open(os.path.join(source, "CMakeLists.txt"), "w", encoding="utf-8") as file:
            file.write(PROJECT % (options, how, CONSUMER, SOURCE))
        return source

    def try_programs(self, build):
        for suffix in ("", "-static"):
            self.assertEqual(self.run_in(self.folder, f"{build}/metrics{suffix}"), PAGE)
            said = self.run_in(self.folder, f"{build}/serves{suffix}", "nowhere", fails=True)
            self.assertIn("cannot listen on nowhere", said)

    def test_cmake_and_a_compiler_build_install_and_use_it(self):
        said = self.configure("-DCMAKE_INSTALL_PREFIX=/opt/sextant", FAST)
        left_out = [line for line in said.splitlines() if "without libsextant" in line]
        self.assertEqual(len(left_out), 1, said)
        for package in ("pkg-config", "libjansson-dev", "libssl-dev", "node-llhttp, or libllhttp-dev"):
            self.assertIn(f"(Debian: {package})", left_out[0])
        self.assertIn("the tests are left out: cmocka is missing (Debian: libcmocka-dev)", said)

        self.run_in(self.folder, "cmake", "--build", "build", "-j", "2")
        built = {name for name in os.listdir(f"{self.folder}/build") if name.endswith((".so", ".a"))}
        self.assertEqual(built, {f"lib{name}{kind}" for name in ("sextant-metrics", "sextant-metrics-server")
                                 for kind in (".so", ".a")})
        said = self.run_in(self.folder, "build/examples/metrics_only", "nowhere", fails=True)
        self.assertIn("cannot listen on nowhere", said)

        self.check_that_nothing_compresses()

        root = f"{self.folder}/root"
        self.environment["DESTDIR"] = root
        self.run_in(self.folder, "cmake", "--install", "build")
        del self.environment["DESTDIR"]
        self.check_installed(f"{root}/opt/sextant")

    def check_that_nothing_compresses(self):
        """Without zlib, sx_page_gzip leaves pages as they are."""
        with open(f"{self.folder}/plain.c", "w", encoding="utf-8") as file:
            file.write("""#include <sextant/gzip.h>
int main(void)
{
    char data[] = "page";
    struct sx_page page = {.data = data, .size = 4, .capacity = 5};
    const int statuses[] = {sx_page_gzip(&page), sx_page_gzip(NULL)};
    return statuses[0] != SX_ESTATE || statuses[1] != SX_EINVAL || page.size != 4;
}
""")
        libraries = [f"build/libsextant-metrics{kind}.a" for kind in ("-server", "")]
        self.run_in(self.folder, "cc", f"-I{SOURCE}/include", "-o", "plain", "plain.c", *libraries, "-pthread", "-lm")
        self.run_in(self.folder, "./plain")

    def check_installed(self, prefix):
        self.assertEqual({name for name in os.listdir(f"{prefix}/include/sextant") if name.endswith(".h")},
                         HEADERS)
        self.assertEqual(self.run_in(self.folder, f"{prefix}/bin/sextant", "--version")[:8], "sextant ")
        pc = [os.path.join(folder, name) for folder, _, names in os.walk(prefix) for name in names
              if name.endswith(".pc")]
        self.assertEqual({os.path.basename(path) for path in pc},
                         {"sextant-metrics.pc", "sextant-metrics-server.pc"})
        for path in pc:
            with open(path, encoding="utf-8") as file:
                requires = re.findall(r"(?m)^Requires.*: (\S+)", file.read())
            self.assertEqual(requires, ["sextant-metrics"] if "server" in path else [])
        self.try_find_package(prefix)
        self.try_pkg_config(prefix, os.path.dirname(pc[0]))

    def try_find_package(self, prefix):
        where = f"-DCMAKE_PREFIX_PATH={prefix}"
        source = self.project("", FIND % "metrics metrics-server")
        self.run_in(self.folder, "cmake", "-S", source, "-B", "found", hidden_folders(), where)
        self.run_in(self.folder, "cmake", "--build", "found")
        self.try_programs("found")
        source = self.project("", FIND % "sextant")
        said = self.run_in(self.folder, "cmake", "-S", source, "-B", "lost", hidden_folders(), where,
                           fails=True)
        self.assertIn("sextant", said)
        self.assertIn("Sextant_FOUND to FALSE", said)

    def try_pkg_config(self, prefix, folder):
        """With pkg-config, which sees no other package; DESTDIR is its sysroot."""
        if shutil.which("pkg-config") is None:
            self.skipTest("pkg-config is not installed")
        environment = {**os.environ, "PKG_CONFIG_LIBDIR": folder,
                       "PKG_CONFIG_SYSROOT_DIR": prefix[:-len("/opt/sextant")]}
        for kind in ([], ["--static"]):
            flags = subprocess.check_output(
                ["pkg-config", *kind, "--cflags", "--libs", "sextant-metrics"],
                env=environment, text=True).split()
            link = ["-static"] if kind else [f"-Wl,-rpath,{os.path.dirname(folder)}"]
            self.run_in(self.folder, "cc", "-std=c11", "-Wall", "-Werror", "-o", "program",
                        f"{CONSUMER}/metrics.c", *flags, *link)
            self.assertEqual(self.run_in(self.folder, "./program"), PAGE)

    def test_it_is_a_part_of_another_project(self):
        """The second way finds the objects of the first one: both build in the same folder."""
        folder = f"{self.folder}/part/sextant"
        for how, add in (("add_subdirectory", f'add_subdirectory("{SOURCE}" "{folder}")'),
                         ("FetchContent", FETCH % (SOURCE, folder))):
            with self.subTest(how=how):
                source = self.project("set(SEXTANT_APP OFF)", add)
                self.run_in(self.folder, "cmake", "-S", source, "-B", "part", "-G", "Ninja",
                            f"-DCMAKE_MAKE_PROGRAM={shutil.which('ninja')}")
                self.run_in(self.folder, "cmake", "--build", "part")
                self.try_programs("part")

    def test_what_is_asked_for_and_missing_is_an_error(self):
        said = " ".join(self.configure("-DSEXTANT_APP=ON", fails=True).split())
        self.assertIn("pkg-config is missing (Debian: pkg-config), jansson is missing (Debian: libjansson-dev)", said)
        self.assertIn("(Debian: node-llhttp, or libllhttp-dev): run `make deps`", said)

    def test_the_app_can_be_left_out_though_nothing_is_missing(self):
        self.environment["PATH"] = os.environ["PATH"]
        said = self.run_in(self.folder, "cmake", "-S", SOURCE, "-B", "build", "-DSEXTANT_APP=OFF")
        self.assertNotIn("without libsextant", said)
        with open(f"{self.folder}/build/CMakeCache.txt", encoding="utf-8") as cache:
            self.assertEqual(re.findall(r"(?i)^\w*(?:jansson|openssl|llhttp)\w*:.*", cache.read(), re.M), [])

    def test_its_tests_run(self):
        if not os.path.exists(os.path.join(BUILD, "tests", "test_metrics_counter")):
            self.skipTest("cmocka is not installed")
        self.environment["PATH"] = os.environ["PATH"]
        self.run_in(self.folder, "cmake", "-S", SOURCE, "-B", "build", "-G", "Ninja", FAST, "-DSEXTANT_APP=OFF",
                    "-DSEXTANT_TESTS=ON", "-DSEXTANT_EXAMPLES=OFF", "-DSEXTANT_INSTALL=OFF")
        listed = set(re.findall(r"Test +#\d+: (\S+)", self.run_in(self.folder, "ctest", "--test-dir", "build", "-N")))
        self.assertLessEqual({"metrics.counter", "exposition.page", "metrics_server.server", "text.utf8",
                              "fuzz.check", "system.metrics_only"}, listed)
        self.assertEqual([name for name in listed if re.match("(http|server|app|prometheus)[.]", name)], [])
        self.run_in(self.folder, "cmake", "--build", "build", "-j", "2", "--target", "test_metrics_counter")
        self.run_in(self.folder, "ctest", "--test-dir", "build", "-R", "^metrics.counter$")


if __name__ == "__main__":
    unittest.main(verbosity=2)
