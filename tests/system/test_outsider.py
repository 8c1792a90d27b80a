"""An app with components of its own (an access log, SQLite), built out of the tree against what
`make install` installs, with pkg-config and public headers only."""
import glob
import os
import re
import shlex
import shutil
import socket
import subprocess
import tempfile
import unittest

import system
from system import BUILD, SOURCE, Example, eventually, samples

FLAGS = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]


def install(work):
    """Installs into a root of its own, and gives the flags that pkg-config finds there."""
    root = os.path.join(work, "root")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(
        ["make", "-C", SOURCE, "install", f"BUILD={BUILD}/tests/outsider",
         f"DESTDIR={root}", "PREFIX=/opt/sextant"],
        capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    (library,) = glob.glob(f"{root}/opt/sextant/lib/**/libsextant.so", recursive=True)
    library = os.path.dirname(library)
    environment.update(PKG_CONFIG_PATH=f"{library}/pkgconfig", PKG_CONFIG_SYSROOT_DIR=root)
    flags = subprocess.check_output(
        ["pkg-config", "--cflags", "--libs", "sextant", "sqlite3"], text=True, env=environment)
    # The sysroot stands before what is not in it, too.
    os.environ["LD_LIBRARY_PATH"] = library
    return shlex.split(flags.replace(f"{root}/usr/", "/usr/"))


class Notes(Example):
    def __init__(self, work, *options):
        os.makedirs(os.path.join(work, "examples"), exist_ok=True)
        build, system.BUILD = system.BUILD, work
        try:
            super().__init__("notes", *options)
        finally:
            system.BUILD = build

    def add(self, text):
        connection = self.connect()
        connection.request("POST", "/notes", f"text={text}",
                           {"Content-Type": "application/x-www-form-urlencoded"})
        status = connection.getresponse().status
        connection.close()
        return status


class Outsider(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.mkdtemp()
        os.makedirs(os.path.join(cls.work, "examples"))
        sources = glob.glob(os.path.join(SOURCE, "tests", "system", "outsider", "*.c"))
        cls.flags = install(cls.work)
        subprocess.run(
            ["cc", *FLAGS, *sources, *cls.flags, "-o", f"{cls.work}/examples/notes"],
            check=True)
        os.chdir(cls.work)  # the access log is written where the app was started

    @classmethod
    def tearDownClass(cls):
        os.chdir(SOURCE)
        shutil.rmtree(cls.work)

    def test_transactions_log_and_metrics_agree(self):
        with Notes(self.work, "--database", os.path.join(self.work, "notes.db")) as notes:
            self.assertEqual(notes.add("one"), 201)
            self.assertEqual(notes.add("!two"), 409)
            self.assertEqual(notes.add("%zz"), 400)
            self.assertEqual(notes.add("three"), 201)
            self.assertEqual(notes.request("/notes")[1], b'{"notes":2}')
            notes.raw(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
            page = notes.page()
            codes = {dict(labels)["code"]: n
                     for labels, n in samples(page, "http_requests_total").items()
                     if dict(labels)["handler"] == "notes.add_note"}
            self.assertEqual(codes, {"201": 2, "409": 1, "400": 1})

            def log():
                with open("access.log", encoding="utf-8") as lines:
                    return lines.read()

            eventually(lambda: log().count("\n") >= 7, "lines of the access log")
            self.assertEqual(log().count("POST /notes notes.add_note 201 "), 2)
            self.assertIn("POST /notes notes.add_note 409 ", log())
            self.assertIn("GET /notes notes.count_notes 200 11 complete\n", log())
            self.assertIn("rejected malformed\n", log())
            self.assertEqual(notes.stop(), 0)
        with Notes(self.work, "--database", os.path.join(self.work, "notes.db")) as notes:
            self.assertEqual(notes.request("/notes")[1], b'{"notes":2}')

    def test_a_database_that_cannot_be_opened_keeps_it_from_serving(self):
        result = subprocess.run(
            [f"{self.work}/examples/notes", "run", "--listen", "127.0.0.1:0", "--database", "/nowhere/x.db"],
            capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertTrue(re.search(
            r"notes_db\.c:\d+: component 'notes_db' cannot start: /nowhere/x\.db: ",
            result.stderr), result.stderr)

    def test_the_program_of_the_server_page_serves_wherever_it_listens(self):
        with open(os.path.join(SOURCE, "docs", "server.md"), encoding="utf-8") as page:
            program = re.search(r"^```c\n(#include.*?)^```", page.read(), re.M | re.S)[1]
        path = os.path.join(self.work, "hello.sock")
        replaced = program.replace('.address = "[::1]:8080"', f'.address = "unix:{path}"')
        self.assertNotEqual(replaced, program)
        subprocess.run(["cc", *FLAGS, "-x", "c", "-", "-x", "none", *self.flags, "-o", "example"],
                       input=replaced, text=True, check=True)
        with subprocess.Popen(["./example"]) as process, socket.socket(socket.AF_UNIX) as client:
            try:
                eventually(lambda: os.path.exists(path) or process.poll() is not None, "a socket")
                client.connect(path)
                client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                with client.makefile("rb") as answer:
                    self.assertTrue(answer.read().endswith(b"\r\n\r\nhello\n"))
            finally:
                process.kill()

    def test_it_uses_public_headers_only(self):
        for path in glob.glob(os.path.join(SOURCE, "tests", "system", "outsider", "*.[ch]")):
            with open(path, encoding="utf-8") as source:
                for name in re.findall(r'#include [<"](.*)[>"]', source.read()):
                    own = os.path.exists(os.path.join(os.path.dirname(path), name))
                    self.assertTrue(
                        own or name in ("stdio.h", "sqlite3.h") or name.startswith("sextant/"), name)


if __name__ == "__main__":
    unittest.main()
