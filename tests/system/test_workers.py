"""Worker processes: killed, reloaded, stopped; what they counted stays, what they had in progress goes."""
import http.client
import os
import random
import re
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

from system import BUILD, DEADLINE_SECONDS, Example, eventually, promtool_check, samples
from test_counts import assert_page_says_what_clients_saw

KILLS = int(os.environ.get("KILLS", "60"))
PROGRAM = os.path.join(BUILD, "tests", "workers")


class App(Example):
    """The program of this test, with what it logs."""

    def __init__(self, *options, address="127.0.0.1:0", environment=None):
        self.log_file = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [PROGRAM, "run", "--listen", address, *options], stdout=subprocess.PIPE, text=True,
            stderr=self.log_file, env={**os.environ, **(environment or {})})
        line = self.process.stdout.readline()
        match = re.search(r":(\d+)\n$", line)
        self.port = int(match.group(1)) if match else None

    def __exit__(self, *arguments):
        super().__exit__(*arguments)
        self.log_file.close()

    def log(self):
        self.log_file.seek(0)
        return self.log_file.read()

    def workers(self):
        children = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        with open(children, encoding="ascii") as file:
            return [int(pid) for pid in file.read().split()]

    def wait_for_workers(self, count):
        return eventually(lambda: len(self.workers()) == count and self.workers(), f"{count} workers")


def kinds(pid):
    """How many pidfds and sockets a process has."""
    folder = f"/proc/{pid}/fd"
    try:
        links = [os.readlink(os.path.join(folder, name)) for name in os.listdir(folder)]
    except FileNotFoundError:
        return None  # it was closed meanwhile
    return sum("pidfd" in link for link in links), sum(link.startswith("socket:") for link in links)


def gone(pid):
    return not os.path.exists(f"/proc/{pid}")


class Client(threading.Thread):
    """Sends requests, one after the other, on connections that are kept alive, until it is told to end."""

    path = "/wait/1"

    def __init__(self, port):
        super().__init__()
        self.port = port
        self.ends = threading.Event()
        self.sent = self.answered = self.failed = 0

    def open(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_SECONDS)

    def run(self):
        connection = None
        while not self.ends.is_set():
            try:
                if connection is None:
                    connection = self.open()
                    connection.connect()
                self.sent += 1
                connection.request("GET", self.path)
                response = connection.getresponse()
                response.read()
                self.answered += response.status == 200
                self.failed += response.status != 200
                if response.will_close:
                    connection.close()
                    connection = None
            except (OSError, http.client.HTTPException):
                self.failed += 1
                connection.close()
                connection = None
        if connection is not None:
            connection.close()


class Clients:
    def __init__(self, port, count=6, kind=Client):
        self.all = [kind(port) for _ in range(count)]

    def __enter__(self):
        for client in self.all:
            client.start()
        return self

    def __exit__(self, *_):
        for client in self.all:
            client.ends.set()
        for client in self.all:
            client.join()

    def total(self, what):
        return sum(getattr(client, what) for client in self.all)


def counted(app):
    found = samples(app.page(), "http_requests_total")
    return sum(n for labels, n in found.items() if dict(labels)["handler"] == "workers.wait_for")


def decreases(before, after):
    return {key: (value, after.get(key)) for key, value in before.items() if after.get(key, 0) < value}


def monotonic(page):
    """All samples of a page that never go down."""
    names = re.findall(r"^# TYPE (\w+) (?:counter|histogram)$", page, re.M)
    kept = {}
    for name in names:
        for suffix in ("", "_bucket", "_count", "_sum"):
            for labels, value in samples(page, name + suffix).items():
                kept[name + suffix, labels] = value
    return kept


def cpu_seconds(pid):
    """Of all its threads, those that have ended included: clock_getcpuclockid(3)."""
    return time.clock_gettime(~pid << 3 | 2)


def proc_sums(pids):
    """What /proc says of processes."""
    sums = {"threads": 0, "open_fds": 0, "resident_memory_bytes": 0, "virtual_memory_bytes": 0}
    for pid in pids:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        sums["threads"] += int(fields[17])
        sums["virtual_memory_bytes"] += int(fields[20])
        sums["resident_memory_bytes"] += int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
        sums["open_fds"] += len(os.listdir(f"/proc/{pid}/fd"))
    return sums


class ProcessMetrics(unittest.TestCase):
    """process_* are those of the supervisor and all workers, whoever answers the scrape."""

    def cpu(self, app):
        return sum(samples(app.page(), "process_cpu_seconds_total").values())

    def test_they_are_sums_of_all_processes(self):
        with App("--workers", "3") as app:
            workers = app.wait_for_workers(3)
            pids = [app.process.pid, *workers]
            connection = app.connect()  # kept, so that it is among the descriptors all the time

            def page():
                connection.request("GET", "/metrics")
                return connection.getresponse().read().decode()

            def is_right():
                before, cpu_before = proc_sums(pids), sum(map(cpu_seconds, pids))
                text = page()
                after, cpu_after = proc_sums(pids), sum(map(cpu_seconds, pids))
                shown = {name: samples(text, f"process_{name}")[()] for name in before}
                self.assertGreaterEqual(samples(text, "process_cpu_seconds_total")[()], cpu_before - 1e-6)
                self.assertLessEqual(samples(text, "process_cpu_seconds_total")[()], cpu_after + 1e-6)
                return all(min(before[name], after[name]) / slack <= shown[name] <= max(before[name], after[name]) * slack
                           for name, slack in (("threads", 1), ("open_fds", 1), ("virtual_memory_bytes", 1.1),
                                               ("resident_memory_bytes", 1.1)))

            page()
            eventually(is_right, "sums of /proc")  # while threads start, they change
            text = page()
            self.assertLess(samples(text, "process_start_time_seconds")[()], time.time() + 1)
            with open(f"/proc/{app.process.pid}/limits", encoding="ascii") as file:
                limit = re.search(r"^Max open files\s+(\d+)", file.read(), re.M).group(1)
            self.assertEqual(samples(text, "process_max_fds")[()], int(limit))
            self.assertEqual(promtool_check(text), "")
            connection.close()
            self.assertEqual(app.stop(), 0)

    def test_each_worker_may_have_its_own(self):
        with App("--workers", "2", environment={"PROCESS_BY_WORKER": "1"}) as app:
            workers = app.wait_for_workers(2)
            eventually(lambda: len(samples(app.page(), "process_threads")) == 3, "workers on the page")
            page = app.page()
            for name in ("threads", "open_fds", "max_fds", "virtual_memory_bytes", "resident_memory_bytes",
                         "start_time_seconds", "cpu_seconds_total"):
                self.assertEqual({labels for labels in samples(page, f"process_{name}")},
                                 {(("worker", place),) for place in "012"})
            self.assertEqual(samples(page, "process_threads")[("worker", "0"),], 1)
            self.assertGreater(samples(page, "process_threads")[("worker", "1"),], 1)
            self.assertEqual(promtool_check(page), "")
            os.kill(workers[0], signal.SIGKILL)
            eventually(lambda: gone(workers[0]), "killed worker")
            app.wait_for_workers(2)
            eventually(lambda: len(samples(app.page(), "process_threads")) == 3, "workers on the page")
            self.assertEqual(app.stop(), 0)

    def test_cpu_time_never_decreases_over_kills_and_reloads(self):
        with App("--workers", "2") as app:
            shown = self.cpu(app)
            ended = 0
            for i in range(8):
                former = app.wait_for_workers(2)
                if i % 2 == 0:
                    ended += cpu_seconds(former[0])
                    os.kill(former[0], signal.SIGKILL)
                    former = former[:1]
                else:
                    ended += sum(map(cpu_seconds, former))
                    app.process.send_signal(signal.SIGHUP)
                while not all(gone(pid) for pid in former):
                    try:
                        now = self.cpu(app)
                    except (OSError, http.client.HTTPException):
                        continue  # it was killed while it answered
                    self.assertGreaterEqual(now, shown)
                    shown = now
            living = sum(map(cpu_seconds, [app.process.pid, *app.wait_for_workers(2)]))
            self.assertGreaterEqual(self.cpu(app), max(shown, ended + living - 1e-6))
            self.assertEqual(app.stop(), 0)


class Workers(unittest.TestCase):
    def ended(self, app, reason):
        return samples(app.page(), "sextant_workers_ended_total")[("reason", reason),]

    def test_any_worker_shows_what_all_have_counted(self):
        with Example("tracked", "--workers", "3") as tracked:
            assert_page_says_what_clients_saw(self, tracked)
            page = tracked.page()
            self.assertEqual(promtool_check(page), "")
            eventually(lambda: samples(tracked.page(), "sextant_workers") == {(): 3}, "3 workers")
            self.assertEqual(tracked.stop(), 0)

    def test_kills_lose_nothing_that_was_answered(self):
        seed = random.randrange(1 << 32)
        choose = random.Random(seed)
        with App("--workers", "3") as app, self.subTest(seed=seed):
            before = {}
            with Clients(app.port) as clients:
                for _ in range(KILLS):
                    time.sleep(choose.random() * .3)  # those that die sooner are replaced later
                    os.kill(choose.choice(eventually(app.workers, "workers")), signal.SIGKILL)
                    if choose.random() < .3:
                        now = self.read_page(app)
                        self.assertEqual(decreases(before, now), {})
                        before = now
            eventually(lambda: samples(app.page(), "sextant_workers") == {(): 3}, "3 workers")
            self.assertGreater(self.ended(app, "killed"), 0)
            self.assertLessEqual(clients.total("answered"), counted(app))
            self.assertLessEqual(counted(app), clients.total("sent"))
            progress = samples(app.page(), "http_requests_inprogress")
            self.assertEqual({labels: n for labels, n in progress.items() if n != 0},
                             {(("method", "GET"), ("handler", "prometheus.sx_expose_metrics")): 1})
            self.assertEqual(app.stop(), 0)

    def read_page(self, app):
        """The worker that renders the page may be killed meanwhile."""
        while True:
            try:
                page = app.page()
            except (OSError, http.client.HTTPException):
                continue
            for labels, value in samples(page, "http_requests_inprogress").items():
                self.assertGreaterEqual(value, 0, labels)
            return monotonic(page)

    def test_a_reload_replaces_all_and_fails_no_request(self):
        with App("--workers", "2") as app:
            former = app.wait_for_workers(2)
            with Clients(app.port) as clients:
                for _ in range(3):
                    app.process.send_signal(signal.SIGHUP)
                    eventually(lambda: all(gone(pid) for pid in former), "former workers")
                    former = app.wait_for_workers(2)
            self.assertEqual(clients.total("failed"), 0)
            self.assertEqual(clients.total("answered"), clients.total("sent"))
            self.assertEqual(counted(app), clients.total("sent"))
            eventually(lambda: self.ended(app, "stopped") == 6, "count of stopped workers")
            self.assertEqual(app.stop(), 0)

    def test_a_reload_whose_workers_do_not_start_keeps_the_former_ones(self):
        with tempfile.TemporaryDirectory() as folder, App("--workers", "2", "--folder", folder) as app:
            former = app.wait_for_workers(2)
            eventually(lambda: len(os.listdir(folder)) == 2, "open connections")
            broken = os.path.join(folder, "broken")
            open(broken, "w", encoding="ascii").close()
            app.process.send_signal(signal.SIGHUP)
            eventually(lambda: "the reload has failed" in app.log(), "line of the log")
            self.assertEqual(sorted(app.workers()), sorted(former))
            self.assertEqual(app.request("/")[0], 200)
            os.remove(broken)
            app.process.send_signal(signal.SIGHUP)
            eventually(lambda: all(gone(pid) for pid in former), "former workers")
            app.wait_for_workers(2)
            self.assertEqual(app.stop(), 0)
            self.assertEqual(os.listdir(folder), [])  # each worker has ended its components

    def test_a_newer_reload_ends_one_that_hangs(self):
        with tempfile.TemporaryDirectory() as folder, App("--workers", "2", "--folder", folder) as app:
            former = app.wait_for_workers(2)
            eventually(lambda: len(os.listdir(folder)) == 2, "open connections")
            hangs = os.path.join(folder, "hangs")
            open(hangs, "w", encoding="ascii").close()
            app.process.send_signal(signal.SIGHUP)
            third = set(app.wait_for_workers(3)) - set(former)
            time.sleep(.1)  # until it hangs
            os.remove(hangs)
            for pid in former:  # those that serve are replaced all the same
                os.kill(pid, signal.SIGKILL)
            eventually(lambda: len(set(app.workers()) - set(former)) == 3, "replaced workers")
            self.assertEqual(app.request("/")[0], 200)
            app.process.send_signal(signal.SIGHUP)
            eventually(lambda: all(gone(pid) for pid in third), "worker that hangs")
            app.wait_for_workers(2)
            self.assertIn("was killed by signal 9 (Killed) while it started", app.log())
            self.assertEqual(app.stop(), 0)

    def test_a_stop_lets_requests_end(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with App("--workers", "2") as app:
                app.wait_for_workers(2)
                connection = app.connect()
                connection.request("GET", "/wait/400")
                time.sleep(.1)
                app.process.send_signal(number)
                self.assertEqual(connection.getresponse().status, 200)
                connection.close()
                self.assertEqual(app.process.wait(DEADLINE_SECONDS), 0)

    def test_during_a_stop_new_clients_are_refused(self):
        with App("--workers", "2") as app:
            connection = app.connect()
            connection.request("GET", "/wait/1500")
            time.sleep(.2)
            app.process.send_signal(signal.SIGTERM)

            def is_refused():
                try:
                    socket.create_connection(("127.0.0.1", app.port), DEADLINE_SECONDS).close()
                except ConnectionRefusedError:
                    return True
                except ConnectionResetError:
                    pass  # it was still in the queue when the last worker closed its socket
                return False

            eventually(is_refused, "refused")
            self.assertEqual(connection.getresponse().status, 200)
            connection.close()
            self.assertEqual(app.process.wait(DEADLINE_SECONDS), 0)

    def test_a_stop_at_any_moment_of_the_start_is_no_error(self):
        for i in range(20):
            with App("--workers", "2") as app:
                time.sleep(i / 1000)
                self.assertEqual((app.stop(), app.log()), (0, ""))

    def test_a_stop_serves_clients_that_have_connected(self):
        with App("--workers", "1") as app:
            worker, = app.wait_for_workers(1)
            self.assertEqual(app.request("/")[0], 200)
            os.kill(worker, signal.SIGSTOP)
            connections = [app.connect() for _ in range(100)]  # more than it accepts before it looks at anything else
            for connection in connections:
                connection.request("GET", "/")
            app.process.send_signal(signal.SIGTERM)
            # Its side of the pair is left when it has told the worker.
            eventually(lambda: kinds(app.process.pid) == (1, 1), "closed listener")
            os.kill(worker, signal.SIGCONT)
            for connection in connections:
                self.assertEqual(connection.getresponse().status, 200)
                connection.close()
            self.assertEqual(app.process.wait(DEADLINE_SECONDS), 0)

    def test_workers_end_with_the_supervisor(self):
        with App("--workers", "2") as app:
            workers = app.wait_for_workers(2)
            app.request("/")
            app.process.kill()
            eventually(lambda: all(gone(pid) for pid in workers), "workers without supervisor")
            with self.assertRaises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", app.port), DEADLINE_SECONDS)

    def test_a_worker_that_does_not_stop_is_killed(self):
        with App("--workers", "1") as app:
            worker, = app.wait_for_workers(1)
            self.assertEqual(app.request("/")[0], 200)
            os.kill(worker, signal.SIGSTOP)
            app.process.send_signal(signal.SIGTERM)
            self.assertEqual(app.process.wait(3 * DEADLINE_SECONDS), 1)
            self.assertTrue(gone(worker))
            self.assertIn("was killed by signal 9 (Killed) while it stopped", app.log())

    def test_a_worker_that_exits_is_replaced(self):
        with App("--workers", "1") as app:
            for status in (0, 3):
                with self.assertRaises((OSError, http.client.HTTPException)):
                    app.request(f"/exit/{status}")
                eventually(lambda: f"exited with status {status}" in app.log(), "line of the log")
                self.assertEqual(app.request("/")[0], 200)
            eventually(lambda: self.ended(app, "exited") == 2, "count of exited workers")

    def test_requests_of_a_killed_worker_are_counted_as_aborted(self):
        def number_of(page, name, phase=None):
            return sum(n for labels, n in samples(page, name).items()
                       if dict(labels)["handler"] == "workers.wait_for" and dict(labels).get("phase") == phase)

        with App("--workers", "1", "--threads", "8") as app:
            for kills in range(1, 4):
                worker = app.wait_for_workers(1)[0]
                clients = [socket.create_connection(("127.0.0.1", app.port)) for _ in range(5)]
                for client in clients:
                    client.sendall(b"GET /wait/100000 HTTP/1.1\r\nHost: a\r\n\r\n")
                eventually(lambda: number_of(app.page(), "http_requests_inprogress") == 5, "5 requests in progress")
                os.kill(worker, signal.SIGKILL)
                eventually(lambda: gone(worker) and app.workers(), "another worker")
                page = app.page()
                self.assertEqual(number_of(page, "http_requests_aborted_total", "process"), 5 * kills)
                self.assertEqual(number_of(page, "http_requests_inprogress"), 0)
                for client in clients:
                    client.close()

    def test_a_worker_has_no_descriptors_of_the_others(self):
        with App("--workers", "3") as app:
            for _ in range(2):
                workers = app.wait_for_workers(3)
                # A listening socket, and its end of the pair.
                eventually(lambda: {kinds(pid) for pid in workers} == {(0, 2)}, "descriptors")
                os.kill(workers[0], signal.SIGKILL)
                eventually(lambda: gone(workers[0]), "killed worker")
            self.assertEqual(app.stop(), 0)

    def test_workers_that_die_at_once_are_started_ever_later(self):
        start = time.monotonic()
        with App("--workers", "1", "--fault", "crash") as app:
            eventually(lambda: "in 400 ms" in app.log(), "delays")
            self.assertGreaterEqual(time.monotonic() - start, .3)  # the delays before it
            delays = re.findall(r"killed by signal 9 \(Killed\)(?:; the next one starts in (\d+) ms)?", app.log())
            self.assertEqual(delays[:4], ["", "100", "200", "400"])
            self.assertEqual(app.stop(), 0)

    def fails(self, message, *options, **environment):
        with App(*options, environment=environment) as app:
            self.assertEqual(app.process.wait(DEADLINE_SECONDS), 1)
            self.assertIn(message, app.log())

    def test_what_cannot_work_is_said_at_the_start(self):
        self.fails("component 'pool' has started a thread", "--workers", "2", "--fault", "thread")
        self.fails("sx_registry_default_init(&(struct sx_registry_options){.shared = true})", "--workers", "2",
                   PRIVATE_REGISTRY="1")
        self.fails("the database does not answer", "--workers", "2", "--fault", "start")
        with App("--fault", "thread", environment={"PRIVATE_REGISTRY": "1"}) as app:  # both are right without
            self.assertEqual(app.request("/")[0], 200)
        refused = subprocess.run([PROGRAM, "run", "--workers", "1025"], capture_output=True, text=True, check=False)
        self.assertEqual(refused.returncode, 2)
        self.assertIn('--workers takes a number from 0 to 1024, not "1025"', refused.stderr)

    def test_one_worker_for_each_processor(self):
        with App("--workers", "0") as app:
            app.wait_for_workers(len(os.sched_getaffinity(0)))

    def test_the_file_of_a_unix_socket_stays_until_the_supervisor_stops(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "socket")
            with App("--workers", "2", address=f"unix:{path}") as app:
                first = app.wait_for_workers(2)
                os.kill(first[0], signal.SIGTERM)
                eventually(lambda: gone(first[0]), "stopped worker")
                app.wait_for_workers(2)
                with socket.socket(socket.AF_UNIX) as client:
                    client.connect(path)
                self.assertEqual(app.stop(), 0)
                self.assertFalse(os.path.exists(path))


if __name__ == "__main__":
    unittest.main()
