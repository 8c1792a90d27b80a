"""A TLS session that one worker has begun is resumed by all others, also after a reload."""
import contextlib
import json
import random
import signal
import socket
import ssl
import tempfile
import unittest

from system import DEADLINE_SECONDS, eventually
from test_tls import Certificates
from test_workers import App, gone


class Tickets(unittest.TestCase):
    def ask(self, port, context, session=None):
        """The process that answers, its session, and whether that is the given one."""
        with socket.create_connection(("127.0.0.1", port), DEADLINE_SECONDS) as plain:
            with context.wrap_socket(plain, server_hostname="localhost", session=session) as client:
                client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                answer = b""
                while chunk := client.recv(4096):
                    answer += chunk
                return json.loads(answer.split(b"\r\n\r\n")[1])["pid"], client.session, client.session_reused

    def resumed(self, port, context, workers):
        """Until each worker has resumed a session of each."""
        sessions, missing = {}, {(a, b) for a in workers for b in workers}
        held = contextlib.ExitStack()  # without connections that stay, one worker gets all

        def try_one():
            pid, session, _ = self.ask(port, context)
            sessions[pid] = session
            for other, session in list(sessions.items()):
                for _ in range(random.randrange(8)):
                    held.enter_context(socket.create_connection(("127.0.0.1", port), DEADLINE_SECONDS))
                pid, _, was_resumed = self.ask(port, context, session)
                self.assertTrue(was_resumed, f"{pid} did not resume a session of {other}; workers {workers}")
                missing.discard((other, pid))
            return not missing

        with held:
            eventually(try_one, "each worker")

    def test_all_workers_resume_the_sessions_of_all(self):
        with tempfile.TemporaryDirectory() as folder:
            authority = Certificates(folder, "authority")
            certificate, key = authority.sign("server")
            context = ssl.create_default_context(cafile=authority.path)
            context.maximum_version = ssl.TLSVersion.TLSv1_2  # its session is there with the handshake
            with App("--workers", "2", "--certificate", certificate, "--key", key,
                     address="https://127.0.0.1:0") as app:
                workers = app.wait_for_workers(2)
                self.resumed(app.port, context, workers)
                _, session, _ = self.ask(app.port, context)
                app.process.send_signal(signal.SIGHUP)
                eventually(lambda: all(gone(pid) for pid in workers), "former workers")
                self.resumed(app.port, context, app.wait_for_workers(2))
                self.assertFalse(self.ask(app.port, context, session)[2])  # a reload ends sessions
                self.assertEqual(app.stop(), 0)


if __name__ == "__main__":
    unittest.main()
