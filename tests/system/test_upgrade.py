"""SIGUSR2: the next program takes the place of the running one, and no client notices."""
import ctypes
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import unittest

from system import BUILD, DEADLINE_SECONDS, eventually, samples
from test_tls import Certificates
from test_workers import Client, Clients, gone

PROGRAM = os.path.join(BUILD, "tests", "upgrade")
PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class Service:
    """The program of this test, as it is in a folder of its own, and the programs that take its place. They
    become children of this process, a subreaper, when the former ones have ended."""

    def __init__(self, *options, address="127.0.0.1:0", context=None):
        self.folder = tempfile.mkdtemp()
        self.log_file = open(os.path.join(self.folder, "log"), "w+", encoding="utf-8")
        self.context = context  # of TLS
        shutil.copy(PROGRAM, self.path("program"))
        self.first = subprocess.Popen(
            ["./program", "run", "--listen", address, "--folder", self.folder, *options], cwd=self.folder,
            stdout=subprocess.PIPE, text=True, stderr=self.log_file)
        line = self.first.stdout.readline()
        match = re.search(r":(\d+)\n$", line)
        self.port = int(match.group(1)) if match else None
        self.pid = self.first.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: not self.processes(), "processes")
        self.first.stdout.close()
        self.first.wait()
        self.log_file.close()
        shutil.rmtree(self.folder)

    def processes(self):
        """All that run the program, by its folder."""
        found = []
        for name in os.listdir("/proc"):
            try:
                if name.isdigit() and os.readlink(f"/proc/{name}/cwd") == self.folder:
                    found.append(int(name))
            except OSError:
                pass  # it has ended
        return found

    def path(self, name):
        return os.path.join(self.folder, name)

    def put(self, name, text=""):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def replace_program(self, script):
        """The next program is a shell script."""
        self.put("next", f"#!/bin/sh\n{script}\n")
        os.chmod(self.path("next"), 0o755)
        os.rename(self.path("next"), self.path("program"))

    def log(self):
        with open(self.path("log"), encoding="utf-8") as file:
            return file.read()

    def wait_for_log(self, text, count=1):
        eventually(lambda: self.log().count(text) >= count, f"{text} in {self.log()}")

    def open(self):
        if self.context is not None:
            return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=DEADLINE_SECONDS, context=self.context)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_SECONDS)

    def get(self, path):
        connection = self.open()
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def page(self):
        return self.get("/metrics")[1]

    def counter(self, name="jobs_total"):
        return samples(self.page(), name).get((), None)

    def supervisor(self):
        return json.loads(self.get("/")[1])["supervisor"]

    def send(self, number):
        os.kill(self.pid, number)

    def exit_status(self, pid):
        if pid == self.first.pid:
            return self.first.wait(DEADLINE_SECONDS)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def begin_upgrade(self):
        """Waits until the new program serves, at the same time as the former one, perhaps. Gives the process id
        of the former one."""
        former = self.pid
        self.send(signal.SIGUSR2)

        def new():
            answer = self.supervisor()
            return answer != former and answer

        self.pid = eventually(new, "new program")
        return former

    def upgrade(self):
        """Gives the exit status of the program whose place is taken."""
        return self.exit_status(self.begin_upgrade())

    def stop(self):
        self.send(signal.SIGTERM)
        return self.exit_status(self.pid)


class Worker(Client):
    path = "/work/1"


class Upgrade(unittest.TestCase):
    def upgrade_under_load(self, service, count, kind=Worker):
        with Clients(service.port, kind=kind) as clients:
            for _ in range(count):
                self.assertEqual(service.upgrade(), 0)
        self.assertEqual(clients.total("failed"), 0)
        self.assertEqual(clients.total("answered"), clients.total("sent"))
        self.assertGreater(clients.total("sent"), 0)
        return clients.total("sent")

    def test_no_request_fails_and_no_counter_moves(self):
        with Service("--workers", "2") as service:
            eventually(lambda: samples(service.page(), "sextant_workers") == {(): 2}, "2 workers")
            sent = self.upgrade_under_load(service, 3)
            self.assertEqual(service.counter(), sent)
            self.assertEqual(service.counter("former_total"), 4)  # each program has counted its start
            requests = samples(service.page(), "http_requests_total")
            self.assertEqual(requests[("method", "GET"), ("handler", "upgrade.work"), ("code", "200")], sent)
            eventually(lambda: samples(service.page(), "sextant_workers") == {(): 2}, "2 workers")
            ended = samples(service.page(), "sextant_workers_ended_total")
            self.assertEqual(ended[("reason", "stopped"),], 6)
            self.assertEqual(service.stop(), 0)
            self.assertNotIn("error", service.log())

    def test_with_other_metrics_no_request_fails_and_counters_start_anew(self):
        with Service("--workers", "2") as service:
            service.get("/work/0")
            service.put("differs")
            sent = self.upgrade_under_load(service, 1)
            self.assertIn("differ from those of this one", service.log())
            self.assertIn("# HELP jobs_total Work done.", service.page())
            self.assertLess(service.counter(), sent)
            self.assertEqual(service.counter("former_total"), 1)
            before = service.counter()
            self.assertEqual(service.upgrade(), 0)  # now they are the same again
            self.assertEqual(service.counter(), before)
            self.assertEqual(service.stop(), 0)

    def test_a_metric_that_the_new_program_does_not_have_goes_with_the_former_one(self):
        with Service("--workers", "1") as service:
            service.get("/work/0")
            service.put("fewer")
            self.assertEqual(service.upgrade(), 0)
            eventually(lambda: service.counter("former_total") is None, "metric of the former program")
            self.assertEqual(service.counter(), 1)
            self.assertEqual(service.stop(), 0)

    def test_half_sent_requests_are_answered(self):
        with Service("--workers", "2") as service:
            halves = []
            for _ in range(8):
                half = socket.create_connection(("127.0.0.1", service.port), DEADLINE_SECONDS)
                half.sendall(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello")
                halves.append(half)
            service.get("/work/0")  # so that they have been accepted
            former = service.begin_upgrade()
            for half in halves:
                half.sendall(b"world")
                answer = b""
                while chunk := half.recv(4096):
                    answer += chunk
                self.assertTrue(answer.startswith(b"HTTP/1.1 200 "), answer)
                self.assertTrue(answer.endswith(b"helloworld"), answer)
                half.close()
            self.assertEqual(service.exit_status(former), 0)
            self.assertEqual(service.stop(), 0)

    def test_with_tls(self):
        with tempfile.TemporaryDirectory() as folder:
            authority = Certificates(folder, "authority")
            certificate, key = authority.sign("server")
            context = ssl.create_default_context(cafile=authority.path)
            with Service("--workers", "2", "--certificate", certificate, "--key", key,
                         address="https://127.0.0.1:0", context=context) as service:
                class Tls(Worker):
                    def open(self):
                        return service.open()

                sent = self.upgrade_under_load(service, 2, Tls)
                self.assertEqual(service.counter(), sent)
                self.assertEqual(service.stop(), 0)

    def test_a_unix_socket_keeps_its_file(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "socket")
            with Service("--workers", "1", "--listen", f"unix:{path}") as service:
                inode = os.stat(path).st_ino
                self.assertEqual(service.upgrade(), 0)
                with socket.socket(socket.AF_UNIX) as client:
                    client.connect(path)
                    client.sendall(b"GET / HTTP/1.0\r\n\r\n")
                    self.assertTrue(client.recv(100).startswith(b"HTTP/1.1 200 "))
                self.assertEqual(os.stat(path).st_ino, inode)
                self.assertEqual(service.stop(), 0)
                self.assertFalse(os.path.exists(path))

    def fails(self, service, message):
        """The upgrade fails, and the former program goes on."""
        count = service.log().count("the upgrade has failed; this program goes on")
        before = service.counter()
        with Clients(service.port, kind=Worker) as clients:
            service.send(signal.SIGUSR2)
            service.wait_for_log("the upgrade has failed; this program goes on", count + 1)
            self.assertEqual(service.supervisor(), service.pid)
        self.assertEqual((clients.total("failed"), clients.total("sent")), (0, clients.total("answered")))
        self.assertIn(message, service.log())
        self.assertEqual(service.counter(), before + clients.total("answered"))

    def test_a_program_that_does_not_start_changes_nothing(self):
        with Service("--workers", "2") as service:
            shutil.copy(service.path("program"), service.path("good"))
            service.get("/work/0")
            service.put("fails")
            self.fails(service, "the app cannot start")
            os.remove(service.path("fails"))
            # Its workers do not start, after the former ones have stopped accepting.
            service.replace_program('exec ./good "$@" --broken true')
            self.fails(service, "there is no connection")
            service.replace_program("exit 3")
            self.fails(service, "exited with status 3")
            service.replace_program("kill -11 $$")
            self.fails(service, "was killed by signal 11 (Segmentation fault)")
            os.remove(service.path("program"))
            self.fails(service, "cannot start the new program: No such file or directory")
            os.rename(service.path("good"), service.path("program"))
            before = service.counter()
            self.assertEqual(service.upgrade(), 0)
            self.assertEqual(service.counter(), before)
            self.assertEqual(service.stop(), 0)

    def test_a_second_upgrade_waits_for_the_end_of_the_first(self):
        with Service("--workers", "1") as service:
            service.put("hangs")
            service.send(signal.SIGUSR2)
            eventually(lambda: len(service.processes()) == 3, "new program")
            service.send(signal.SIGUSR2)
            service.wait_for_log("an upgrade is running already; this request is ignored")
            self.assertEqual(len(service.processes()), 3)
            self.assertEqual(service.stop(), 0)  # which ends the new program, too
            eventually(lambda: not service.processes(), "processes")

    def test_kills_leave_a_service_or_nothing(self):
        seed = random.randrange(1 << 32)
        choose = random.Random(seed)
        with self.subTest(seed=seed):
            for _ in range(int(os.environ.get("KILLS", "60")) // 6):
                self.kill_during_an_upgrade(choose)

    def kill_during_an_upgrade(self, choose):
        with Service("--workers", "2") as service:
            if choose.random() < .3:
                service.put("differs")
            service.get("/")
            service.send(signal.SIGUSR2)
            time.sleep(choose.random() * .15)
            new = [pid for pid in self.supervisors(service) if pid != service.pid]
            victim = choose.choice([service.pid, *new])
            os.kill(victim, signal.SIGKILL)
            if victim == service.pid:
                service.exit_status(victim)

            def is_at_rest():
                left = self.supervisors(service)
                if len(left) > 1:
                    return False
                if not left:
                    return not service.processes()
                service.pid = left[0]
                try:
                    return service.supervisor() == left[0]
                except (OSError, http.client.HTTPException):
                    return False  # it is about to end, as the new program was killed when it had begun to serve

            eventually(is_at_rest, "service or end")

    def supervisors(self, service):
        """Processes of the service that do not have another one as their parent, but for a new program."""
        processes = service.processes()
        found = []
        for pid in processes:
            try:
                with open(f"/proc/{pid}/cmdline", encoding="utf-8") as file:
                    if not file.read():
                        continue  # it has ended, and was not waited for
                with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
                    if file.read() or pid == service.pid:
                        found.append(pid)
            except OSError:
                pass  # it has ended
        return found

    def test_there_is_no_upgrade_without_workers(self):
        with Service() as service:
            service.send(signal.SIGUSR2)
            service.wait_for_log("there are no workers, so there is no upgrade")
            self.assertEqual(service.get("/")[0], 200)
            service.send(signal.SIGTERM)
            self.assertEqual(service.first.wait(DEADLINE_SECONDS), 0)

    def test_a_worker_ignores_the_signal(self):
        with Service("--workers", "1") as service:
            eventually(lambda: len(service.processes()) == 2, "worker")
            worker, = set(service.processes()) - {service.pid}
            service.get("/")
            os.kill(worker, signal.SIGUSR2)
            self.assertEqual(service.get("/")[0], 200)
            self.assertFalse(gone(worker))
            self.assertEqual(service.stop(), 0)
            self.assertEqual(service.log(), "")


if __name__ == "__main__":
    unittest.main()
