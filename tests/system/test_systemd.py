"""The protocol of systemd, with a socket of this test in place of the manager's, and the unit in deploy/."""
import contextlib
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from system import BUILD, DEADLINE_SECONDS, SOURCE, eventually
from test_upgrade import PROGRAM as UPGRADE, Service
from test_workers import PROGRAM as WORKERS

HELLO = os.path.join(BUILD, "examples", "hello")
EXPOSURE_MAX = 10  # in tenths; systemd calls less than 20 "OK", and less than 10 "SAFE"
PERIOD_SECONDS = .4  # of the watchdog; there are four answers in it


class Manager:
    """Reads what services tell it, at once, as the kernel keeps few messages."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.address = address
        self.messages = queue.Queue()
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        while (message := self.socket.recv(4096)) != b"":
            self.messages.put(message.decode())

    def end(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self.address)
        self.reader.join()
        self.socket.close()

    def environment(self, **more):
        return {**os.environ, "NOTIFY_SOCKET": self.address.replace("\0", "@"), **more}

    def receive(self, wait_seconds=DEADLINE_SECONDS):
        """The next message, or None."""
        try:
            return self.messages.get(wait_seconds > 0, wait_seconds)
        except queue.Empty:
            return None

    def next(self):
        """The next message that is not an answer to the watchdog."""
        while (message := self.receive()) == "WATCHDOG=1":
            pass
        return message


@contextlib.contextmanager
def manager(abstract=False):
    with tempfile.TemporaryDirectory() as folder:
        one = Manager(f"\0sextant-test-{os.getpid()}" if abstract else os.path.join(folder, "notify"))
        try:
            yield one
        finally:
            one.end()


@contextlib.contextmanager
def running(told, program, *options, **environment):
    process = subprocess.Popen([program, "run", "--listen", "127.0.0.1:0", *options], stderr=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, env=told.environment(**environment))
    try:
        yield process
    finally:
        process.kill()
        process.wait()


class Notifications(unittest.TestCase):
    def is_told_a_life(self, told, *options):
        before = time.monotonic_ns() // 1000
        with running(told, *options) as process:
            self.assertEqual(told.next(), "READY=1")
            process.send_signal(signal.SIGHUP)
            reloads = told.next()
            match = re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=(\d+)", reloads)
            self.assertIsNotNone(match, reloads)
            self.assertTrue(before <= int(match.group(1)) <= time.monotonic_ns() // 1000)
            self.assertEqual(told.next(), "READY=1")
            process.send_signal(signal.SIGTERM)
            self.assertEqual(told.next(), "STOPPING=1")
            self.assertEqual(process.wait(DEADLINE_SECONDS), 0)
            self.assertIsNone(told.receive(0))

    def test_a_life_is_told(self):
        with manager() as told:
            self.is_told_a_life(told, HELLO)
            self.is_told_a_life(told, HELLO, "--workers", "2")

    def test_the_name_may_be_abstract(self):
        with manager(abstract=True) as told:
            self.is_told_a_life(told, HELLO)

    def test_who_cannot_serve_is_not_ready(self):
        with manager() as told:
            for options in ([], ["--workers", "2"]):
                with running(told, WORKERS, "--fault", "start", *options) as process:
                    self.assertEqual(process.wait(DEADLINE_SECONDS), 1)
                    self.assertNotEqual(told.receive(0), "READY=1")

    def test_a_reload_that_fails_has_an_end(self):
        with manager() as told, tempfile.TemporaryDirectory() as folder:
            with running(told, WORKERS, "--workers", "1", "--folder", folder) as process:
                self.assertEqual(told.next(), "READY=1")
                with open(os.path.join(folder, "broken"), "w", encoding="ascii"):
                    pass
                process.send_signal(signal.SIGHUP)
                self.assertTrue(told.next().startswith("RELOADING=1\n"))
                self.assertEqual(told.next(), "READY=1")

    def test_a_manager_that_does_not_read_delays_nobody_for_long(self):
        with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as silent, \
                socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            silent.bind(os.path.join(folder, "notify"))
            other.setblocking(False)
            with self.assertRaises(BlockingIOError):
                while True:
                    other.sendto(b"X=1", silent.getsockname())
            for options in ([], ["--workers", "1"]):
                process = subprocess.Popen(
                    [HELLO, "run", "--listen", "127.0.0.1:0", *options], stdout=subprocess.PIPE, text=True,
                    env={**os.environ, "NOTIFY_SOCKET": silent.getsockname(), "WATCHDOG_USEC": "40000"})
                port = int(process.stdout.readline().rsplit(":", 1)[1])
                with socket.create_connection(("127.0.0.1", port), DEADLINE_SECONDS) as client:
                    client.sendall(b"GET / HTTP/1.0\r\n\r\n")
                    self.assertTrue(client.recv(100).startswith(b"HTTP/1.1 200 "))
                process.send_signal(signal.SIGTERM)
                self.assertEqual(process.wait(DEADLINE_SECONDS), 0)
                process.stdout.close()

    def test_a_new_program_becomes_the_main_process(self):
        with manager() as told:
            os.environ.update(told.environment(WATCHDOG_USEC=str(int(PERIOD_SECONDS * 1e6))))
            try:
                with Service("--workers", "1") as service:
                    self.assertEqual(told.next(), "READY=1")
                    self.assertEqual(service.upgrade(), 0)
                    self.assertEqual(told.next(), f"MAINPID={service.pid}")
                    self.assertEqual(told.receive(), "WATCHDOG=1")  # the former program has ended
                    self.assertEqual(service.stop(), 0)
                    self.assertEqual(told.next(), "STOPPING=1")
            finally:
                del os.environ["NOTIFY_SOCKET"], os.environ["WATCHDOG_USEC"]

    def test_sockets_of_the_manager_are_those_of_the_new_program(self):
        with socket.create_server(("127.0.0.1", 0)) as listener, tempfile.TemporaryDirectory() as folder:
            port = listener.getsockname()[1]
            script = f'export LISTEN_PID=$$; exec "{UPGRADE}" run --workers 1 --folder "{folder}" 3<&{listener.fileno()}'
            first = subprocess.Popen(["bash", "-c", script], pass_fds=[listener.fileno()], stdout=subprocess.DEVNULL,
                                     env={**os.environ, "LISTEN_FDS": "1"}, cwd=folder)
            service = Service.__new__(Service)
            service.port, service.context, service.pid, service.first = port, None, first.pid, first
            try:
                self.assertEqual(service.supervisor(), first.pid)
                self.assertEqual(service.upgrade(), 0)
                self.assertNotEqual(service.supervisor(), first.pid)
                self.assertEqual(service.stop(), 0)
            finally:
                for pid in {first.pid, service.pid}:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                first.wait()


class Watchdog(unittest.TestCase):
    period = str(int(PERIOD_SECONDS * 1e6))

    def test_it_is_answered(self):
        with manager() as told:
            for options in ([], ["--workers", "2"]):
                with running(told, HELLO, *options, WATCHDOG_USEC=self.period) as process:
                    messages = {told.receive() for _ in range(6)}
                    self.assertEqual(messages, {"READY=1", "WATCHDOG=1"})
                    process.kill()
                    process.wait()
                    while told.receive(0) is not None:
                        pass

    def test_it_is_not_answered_for_another_process(self):
        with manager() as told:
            for options in ([], ["--workers", "2"]):
                with running(told, HELLO, *options, WATCHDOG_USEC=self.period, WATCHDOG_PID="1"):
                    self.assertEqual(told.receive(), "READY=1")
                    self.assertIsNone(told.receive(PERIOD_SECONDS))

    def test_a_worker_that_hangs_is_no_answer(self):
        with manager() as told, running(told, HELLO, "--workers", "2", WATCHDOG_USEC=self.period) as process:
            self.assertEqual(told.receive(), "READY=1")
            path = f"/proc/{process.pid}/task/{process.pid}/children"

            def workers():
                with open(path, encoding="ascii") as file:
                    found = [int(pid) for pid in file.read().split()]
                return len(found) == 2 and found

            hangs = eventually(workers, "2 workers")[0]
            self.assertEqual(told.receive(), "WATCHDOG=1")
            os.kill(hangs, signal.SIGSTOP)
            try:
                while told.receive(2 * PERIOD_SECONDS) is not None:  # what was sent before
                    pass
            finally:
                os.kill(hangs, signal.SIGCONT)
            self.assertEqual(told.receive(), "WATCHDOG=1")


@unittest.skipIf(shutil.which("systemd-analyze") is None, "systemd-analyze is not installed")
class Unit(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.paths = []
        for name in ("hello.service", "hello.socket"):
            with open(os.path.join(SOURCE, "deploy", name), encoding="utf-8") as file:
                text = file.read()
            self.paths.append(os.path.join(self.folder.name, name))
            with open(self.paths[-1], "w", encoding="utf-8") as file:
                file.write(text.replace("/usr/local/bin/hello", HELLO))

    def analyze(self, *arguments):
        return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False)

    def test_it_is_valid(self):
        run = self.analyze("verify", *self.paths)
        self.assertEqual((run.returncode, run.stderr), (0, ""))

    def test_it_is_hardened(self):
        run = self.analyze("security", "--offline=true", f"--threshold={EXPOSURE_MAX}", self.paths[0])
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)

    def test_its_command_is_one(self):
        with open(self.paths[0], encoding="utf-8") as file:
            command = re.search(r"^ExecStart=(.*)$", file.read(), re.M).group(1).split()
        run = subprocess.run([*command, "--help"], capture_output=True, text=True, check=False)
        self.assertEqual((run.returncode, run.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
