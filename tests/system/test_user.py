"""--user: what root has bound, another user serves."""
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import unittest

from system import BUILD, DEADLINE_SECONDS, eventually, samples
from test_tls import Certificates
from test_upgrade import Service

HELLO = os.path.join(BUILD, "examples", "hello")
USER, GROUP = 12345, 23456  # in no database


def is_readable_for_others(path):
    while path != "/":
        if not os.stat(path).st_mode & 0o001:
            return False
        path = os.path.dirname(path)
    return True


def identity(pid):
    """User ids, group ids and supplementary groups."""
    found = {}
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        for line in file:
            name, _, values = line.partition(":")
            found[name] = values.split()
    return {tuple(found["Uid"])}, {tuple(found["Gid"])}, found["Groups"], found["CapPrm"], found["CapEff"]


def expected(user=USER, group=GROUP, groups=None):
    return ({(str(user),) * 4}, {(str(group),) * 4}, [str(one) for one in groups or [group]],
            ["0" * 16], ["0" * 16])


def refused(*options):
    run = subprocess.run([HELLO, "run", "--listen", "127.0.0.1:0", *options], capture_output=True, text=True,
                         check=False, timeout=DEADLINE_SECONDS)
    return run.returncode, run.stderr


@unittest.skipIf(os.geteuid() != 0, "only root can become another user")
class User(unittest.TestCase):
    def test_all_processes_are_the_user(self):
        for options in ((), ("--workers", "2")):
            with Service("--user", f"{USER}:{GROUP}", *options) as service:
                service.get("/")
                count = 1 if not options else 3
                processes = eventually(lambda: len(service.processes()) == count and service.processes(), "processes")
                for pid in processes:
                    self.assertEqual(identity(pid), expected())
                page = service.page()
                for name in ("process_open_fds", "process_resident_memory_bytes", "process_threads"):
                    self.assertTrue(samples(page, name), name)
                service.send(signal.SIGTERM)
                self.assertEqual(service.first.wait(DEADLINE_SECONDS), 0)

    def test_a_name_of_the_database_has_its_groups(self):
        with Service("--user", "nobody") as service:
            service.get("/")
            users, groups, _, _, effective = identity(service.pid)
            self.assertEqual((users, effective), ({("65534",) * 4}, ["0" * 16]))
            self.assertEqual(groups, {("65534",) * 4})
        with Service("--user", "nobody:daemon") as service:
            service.get("/")
            self.assertEqual(identity(service.pid)[1], {("1",) * 4})

    def test_ports_of_root_are_bound_before(self):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", 811))
            except OSError as error:
                self.skipTest(f"port 811: {error}")
        with Service("--user", f"{USER}:{GROUP}", "--workers", "1", address="127.0.0.1:811") as service:
            self.assertEqual(service.get("/")[0], 200)
            self.assertEqual(service.stop(), 0)

    def test_workers_end_with_a_killed_supervisor(self):
        with Service("--user", f"{USER}:{GROUP}", "--workers", "2") as service:
            service.get("/")
            eventually(lambda: len(service.processes()) == 3, "workers")
            service.send(signal.SIGKILL)
            eventually(lambda: not service.processes(), "workers without supervisor")

    def test_an_upgrade_stays_the_user(self):
        with Service("--user", f"{USER}:{GROUP}", "--workers", "1") as service:
            if not is_readable_for_others(BUILD):
                self.skipTest(f"other users cannot read the libraries in {BUILD}")
            os.chmod(service.folder, 0o755)
            before = service.get("/work/0")
            self.assertEqual(service.upgrade(), 0)
            self.assertEqual(identity(service.pid), expected())
            self.assertEqual((before[0], service.counter()), (200, 1))
            self.assertEqual(service.stop(), 0)

    def test_a_reload_reads_as_the_user(self):
        with tempfile.TemporaryDirectory() as folder:
            authority = Certificates(folder, "authority")
            certificate, key = authority.sign("server")
            os.chmod(folder, 0o755)
            os.chmod(key, 0o600)
            with Service("--user", f"{USER}:{GROUP}", "--certificate", certificate, "--key", key,
                         address="https://127.0.0.1:0", context=ssl.create_default_context(cafile=authority.path)) as service:
                self.assertEqual(service.get("/")[0], 200)
                service.send(signal.SIGHUP)
                service.wait_for_log("the previous certificate stays in use")
                self.assertIn("Permission denied", service.log())
                self.assertEqual(service.get("/")[0], 200)
                os.chown(key, USER, -1)
                service.send(signal.SIGHUP)
                service.wait_for_log("the certificate was reloaded")

    def test_what_is_no_user_is_refused(self):
        for user, reason in (("no-such-user", "there is no user no-such-user"),
                             ("nobody:no-such-group", "there is no group no-such-group"),
                             ("4000000000", "user 4000000000 is not in the database, so it needs a group, as in "
                              "4000000000:4000000000"),
                             ("", "there is no user "), ("x" * 300, "the name is too long")):
            self.assertEqual(refused("--user", user), (1, f"error: cannot become user {user}: {reason}\n"))

    def test_who_is_not_root_cannot_become_another(self):
        if not is_readable_for_others(BUILD):
            self.skipTest(f"other users cannot read {BUILD}")
        run = subprocess.run([HELLO, "run", "--listen", "127.0.0.1:0", "--user", "nobody"], capture_output=True,
                             text=True, check=False, user=USER, group=GROUP, extra_groups=[],
                             timeout=DEADLINE_SECONDS)
        self.assertEqual((run.returncode, run.stderr),
                         (1, "error: cannot become user nobody: Operation not permitted\n"))


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("only root can become another user")
        sys.exit(77)
    unittest.main()
