"""Connections are spread evenly over worker processes, however fast they come, and none waits for a worker."""
import collections
import json
import os
import resource
import signal
import socket
import unittest

from system import DEADLINE_SECONDS, eventually, is_sanitized
from test_workers import App, gone

WORKERS = 4
CONNECTIONS = 1000
UNEVEN = 1.2  # the most connections of a worker, divided by the fewest
AFTER_KILL = 1200  # more than four times as many as any worker has before
# How many connections may wait to be accepted. With a sanitizer, a worker is so slow that on a busy machine one may
# accept all that wait before the kernel runs another one.
WAITING = 32 if is_sanitized() else CONNECTIONS
REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def raise_descriptor_limit():
    """Each connection needs a descriptor here."""
    wanted = AFTER_KILL + 200
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        if hard != resource.RLIM_INFINITY and hard < wanted:
            raise unittest.SkipTest(f"a process may have {hard} descriptors, and this needs {wanted}")
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def read_pid(connection):
    """The worker that answers a request on this connection; None: the connection has ended."""
    received = b""
    try:
        while not received.endswith(b"}"):
            chunk = connection.recv(4096)
            if not chunk:
                return None
            received += chunk
    except ConnectionResetError:
        return None
    head, body = received.split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 200 "), head
    return json.loads(body)["pid"]


def is_stopped(pid):
    """Whether all threads of the process have stopped."""
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/stat", encoding="ascii") as file:
            if file.read().rpartition(")")[2].split()[0] != "T":
                return False
    return True


class Crowd:
    """Connections that are kept alive. Each has had a response, so a worker has accepted it."""

    def __init__(self, port):
        self.port = port
        self.open = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for connection, _ in self.open:
            connection.close()

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port), DEADLINE_SECONDS)
        connection.sendall(REQUEST)
        return connection

    def add_slowly(self, count):
        """One after the other: each is accepted before the next one comes."""
        for _ in range(count):
            connection = self.connect()
            self.open.append((connection, read_pid(connection)))

    def add_fast(self, count):
        """As fast as the client can, without waiting for responses."""
        for first in range(0, count, WAITING):
            new = [self.connect() for _ in range(first, min(first + WAITING, count))]
            self.open += [(connection, read_pid(connection)) for connection in new]

    def remove(self, pids):
        """Closes the connections of these workers."""
        for connection, pid in self.open:
            if pid in pids:
                connection.close()
        self.open = [(connection, pid) for connection, pid in self.open if pid not in pids]

    def counts(self):
        return collections.Counter(pid for _, pid in self.open)


class Spread(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise_descriptor_limit()

    def assert_even(self, counts, workers):
        print(f"{self.id().split('.')[-1]}: {sorted(counts.values())}", flush=True)
        self.assertEqual(set(counts), set(workers))
        self.assertLessEqual(max(counts.values()) / min(counts.values()), UNEVEN, counts)

    def serving(self, app):
        """The workers, once all of them serve. Until then those that serve get the connections."""
        workers = app.wait_for_workers(WORKERS)
        with Crowd(app.port) as crowd:
            eventually(lambda: crowd.add_slowly(1) or set(crowd.counts()) == set(workers), "workers that serve")
        return workers

    def wait_until_serves(self, app, pid):
        """No connection stays with the others, which would then have more than their share."""
        def answers():
            with Crowd(app.port) as crowd:
                crowd.add_slowly(1)
                return pid in crowd.counts()

        eventually(answers, "worker that serves")

    def test_that_come_one_after_the_other(self):
        with App("--workers", str(WORKERS)) as app, Crowd(app.port) as crowd:
            workers = self.serving(app)
            crowd.add_slowly(CONNECTIONS)
            self.assert_even(crowd.counts(), workers)

    def test_that_come_at_once(self):
        with App("--workers", str(WORKERS)) as app, Crowd(app.port) as crowd:
            workers = self.serving(app)
            crowd.add_fast(CONNECTIONS)
            self.assert_even(crowd.counts(), workers)

    def kill_one(self, add):
        """The connections of the others stay where they are, so its successor gets new ones until it has as many."""
        with App("--workers", str(WORKERS)) as app, Crowd(app.port) as crowd:
            workers = self.serving(app)
            add(crowd, CONNECTIONS)
            before = crowd.counts()
            killed = workers[0]
            os.kill(killed, signal.SIGKILL)
            eventually(lambda: gone(killed), "killed worker")
            successor, = set(app.wait_for_workers(WORKERS)) - set(workers)
            crowd.remove({killed})
            self.wait_until_serves(app, successor)
            add(crowd, AFTER_KILL - len(crowd.open))
            after = crowd.counts()
            for pid in workers[1:]:
                self.assertGreaterEqual(after[pid], before[pid])
            self.assert_even(after, set(workers) - {killed} | {successor})

    def test_that_come_one_after_the_other_after_a_kill(self):
        self.kill_one(Crowd.add_slowly)

    def test_that_come_at_once_after_a_kill(self):
        self.kill_one(Crowd.add_fast)

    def test_no_connection_waits_for_a_worker_that_hangs(self):
        with App("--workers", str(WORKERS)) as app, Crowd(app.port) as crowd:
            workers = self.serving(app)
            crowd.add_slowly(100)
            hangs = workers[0]
            crowd.remove({hangs})
            os.kill(hangs, signal.SIGSTOP)
            try:
                eventually(lambda: is_stopped(hangs), "stopped worker")
                crowd.add_slowly(100)
            finally:
                os.kill(hangs, signal.SIGCONT)
            self.assertNotIn(hangs, crowd.counts())

    def test_no_connection_waits_for_a_worker_that_died(self):
        """The only one that accepts dies, and the others pause at that time."""
        with App("--workers", str(WORKERS)) as app, Crowd(app.port) as crowd:
            workers = self.serving(app)
            crowd.add_slowly(100)
            killed = workers[0]
            crowd.remove({killed})
            crowd.add_slowly(3)
            os.kill(killed, signal.SIGKILL)
            eventually(lambda: gone(killed), "killed worker")
            crowd.remove({killed})
            crowd.add_fast(100)  # each has a response within the deadline of its socket
            self.assertNotIn(None, crowd.counts())


if __name__ == "__main__":
    unittest.main()
