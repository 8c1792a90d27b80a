"""Metrics in plugins: modules that a program loads with dlopen() and closes."""
import glob
import os
import shutil
import subprocess
import tempfile
import unittest

from system import BUILD, SOURCE, is_sanitized

HERE = os.path.join(SOURCE, "tests", "system", "plugins")
FLAGS = ["-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
LIBRARY = os.path.join(BUILD, "libsextant-metrics.so.0")
ARCHIVE = os.path.join(BUILD, "libsextant-metrics.a")
LAYERS = ("status", "text", "clock", "metrics/storage", "metrics", "exposition")


@unittest.skipIf(is_sanitized(), "a sanitizer does not let itself be loaded with a plugin")
class Plugins(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def compile(self, compiler, name, *arguments):
        out = os.path.join(self.folder, name)
        subprocess.run([compiler, *FLAGS, *arguments, "-o", out], check=True)
        return out

    def plugin(self, name, *libraries, compiler="cc"):
        return self.compile(compiler, name, "-fPIC", "-shared", f"-I{SOURCE}/include",
                            f"{HERE}/plugin.c", *libraries)

    def host(self, name, compiler="cc"):
        return self.compile(compiler, name, "-D_POSIX_C_SOURCE=200809L", f"{HERE}/{name}.c", "-ldl",
                            "-lpthread")

    def test_the_shared_library_stays_when_its_last_user_is_unloaded(self):
        plugin = self.plugin("plugin.so", LIBRARY, f"-Wl,-rpath,{BUILD}")
        subprocess.run([self.host("shared_library"), plugin, LIBRARY], check=True)

    def test_a_static_copy_may_be_closed_while_its_threads_live(self):
        plugin = self.plugin("plugin.so", ARCHIVE)
        subprocess.run([self.host("static_copy"), plugin], check=True)

    def test_several_plugins_have_a_static_copy_each(self):
        plugins = [self.plugin(f"plugin{i}.so", ARCHIVE) for i in range(3)]
        subprocess.run([self.host("static_copy"), *plugins], check=True)

    def test_a_plugin_needs_none_of_the_scarce_thread_local_memory(self):
        others = []
        for size in (4096, 1024, 256, 64, 8):
            one = self.compile("cc", f"fixed{size}.so", "-fPIC", "-shared", f"-DBYTES={size}",
                               f"{HERE}/fixed_tls.c")
            for i in range(16):
                others.append(shutil.copy(one, os.path.join(self.folder, f"fixed{size}_{i}.so")))
        host = self.host("static_tls")
        for libraries in ([ARCHIVE], [LIBRARY, f"-Wl,-rpath,{BUILD}"]):
            plugin = self.plugin("plugin.so", *libraries)
            subprocess.run([host, plugin, *others], check=True)

    def test_plugins_work_with_musl(self):
        if shutil.which("musl-gcc") is None:
            self.skipTest("musl-gcc is not installed (Debian: musl-tools)")
        sources = [path for layer in LAYERS for path in sorted(glob.glob(f"{SOURCE}/src/{layer}/*.c"))]
        includes = [f"-I{SOURCE}/src/{layer}" for layer in LAYERS]
        plugin = self.plugin("plugin.so", "-D_POSIX_C_SOURCE=200809L", *includes, *sources,
                             compiler="musl-gcc")
        subprocess.run([self.host("static_copy", compiler="musl-gcc"), plugin], check=True)


if __name__ == "__main__":
    unittest.main(verbosity=2)
