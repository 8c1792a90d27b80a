"""Listening on a Unix socket, and on what a service manager hands over."""
import contextlib
import fcntl
import grp
import os
import pwd
import re
import signal
import socket
import ssl
import stat
import subprocess
import sys
import tempfile
import unittest

BUILD = os.environ["SX_BUILD"]
HELLO, PRODUCTION = (os.path.join(BUILD, "examples", name) for name in ("hello", "production"))
REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
DEADLINE_SECONDS = 20
ORIGIN = ", a socket of the service manager"


def ask(client):
    client.settimeout(DEADLINE_SECONDS)
    client.sendall(REQUEST)
    received = b""
    while chunk := client.recv(65536):
        received += chunk
    return received


def start(*options, **more):
    return subprocess.Popen(
        [HELLO, "run", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more
    )


@contextlib.contextmanager
def handed_over(folder):
    """Two that listen, of the internet and of Unix."""
    with socket.socket() as first, socket.socket(socket.AF_UNIX) as second:
        first.bind(("127.0.0.1", 0))
        second.bind(os.path.join(folder, "socket"))
        for listener in (first, second):
            listener.listen()
        yield first, second


def start_with(listeners, *options):
    """As systemd does it: descriptors from 3 on, for the process with the id that it is told."""
    high = [fcntl.fcntl(one, fcntl.F_DUPFD, 10) for one in listeners]
    script = f'export LISTEN_PID=$$; exec "{HELLO}" run "${{@:2}}" 3<&"$0" 4<&"$1"'
    process = subprocess.Popen(
        ["bash", "-c", script, *map(str, high), *options], env=dict(os.environ, LISTEN_FDS="2"),
        pass_fds=high, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    for descriptor in high:
        os.close(descriptor)
    return process


def connect(listener):
    client = socket.socket(listener.family)
    client.connect(listener.getsockname())
    return client


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as one:
            one.bind(("::1", 0))
        return True
    except OSError:
        return False


def end(process, number=signal.SIGTERM):
    process.send_signal(number)
    process.communicate(timeout=DEADLINE_SECONDS)
    return process.returncode


class Sockets(unittest.TestCase):
    def test_a_unix_socket_serves_and_goes_with_the_server(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "hello")
            for killed in (True, False):  # what is left by the first is taken by the second
                process = start("--listen", "unix:" + path)
                self.assertEqual(process.stdout.readline(), f"listening on unix:{path}\n")
                with socket.socket(socket.AF_UNIX) as client:
                    client.connect(path)
                    self.assertIn(b'{"hello":"world"}', ask(client))
                if killed:
                    end(process, signal.SIGKILL)
                    self.assertTrue(os.path.exists(path))
                else:
                    second = start("--listen", "unix:" + path)
                    _, errors = second.communicate(timeout=DEADLINE_SECONDS)
                    self.assertEqual(second.returncode, 1)
                    self.assertIn(f"cannot listen on unix:{path}: Address already in use", errors)
                    self.assertEqual(end(process), 0)
                    self.assertFalse(os.path.exists(path))

    def test_a_path_that_has_become_another_servers_is_left_alone(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "hello")
            process = start("--listen", "unix:" + path)
            process.stdout.readline()
            os.unlink(path)
            with socket.socket(socket.AF_UNIX) as other:
                other.bind(path)
                self.assertEqual(end(process), 0)
                self.assertTrue(os.path.exists(path))

    def test_a_path_that_is_no_socket_is_left_alone(self):
        with tempfile.NamedTemporaryFile() as file:
            process = start("--listen", "unix:" + file.name)
            process.communicate(timeout=DEADLINE_SECONDS)
            self.assertEqual(process.returncode, 1)
            self.assertTrue(os.path.exists(file.name))

    def test_a_unix_socket_has_the_mode_that_it_is_given(self):
        for umask in (0o000, 0o022, 0o077):
            for option in ("--listen", "--admin"):
                with self.subTest(umask=oct(umask), option=option):
                    with tempfile.TemporaryDirectory() as folder:
                        path = os.path.join(folder, "socket")
                        others = ["--listen", f"unix:{folder}/first"]
                        process = start(*others, option, f"unix:{path},mode=660", umask=umask)
                        lines = [process.stdout.readline() for _ in range(2)]
                        self.assertTrue(lines[-1].startswith(f"listening on unix:{path}"), lines)
                        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o660)
                        self.assertEqual(stat.S_IMODE(os.stat(f"{folder}/first").st_mode),
                                         0o777 & ~umask)  # without mode=, that of the umask
                        self.assertEqual(end(process), 0)

    def test_a_proxy_of_another_user_connects_where_its_group_may(self):
        if os.getuid() != 0:
            self.skipTest("only root can become another user")
        nobody = pwd.getpwnam("nobody")
        group = grp.getgrgid(nobody.pw_gid).gr_name
        script = ("import socket, sys; client = socket.socket(socket.AF_UNIX);"
                  "client.connect(sys.argv[1]);"
                  f"client.sendall({REQUEST!r}); print(client.makefile().read())")
        for options, owner, may in (
            ("", (0, 0), False),  # with the usual umask
            (",mode=660", (0, 0), False),
            (f",mode=660,group={group}", (0, nobody.pw_gid), True),
            (f",group={nobody.pw_gid},mode=0660", (0, nobody.pw_gid), True),
            (f",mode=640,group={group}", (0, nobody.pw_gid), False),
            (",owner=nobody", (nobody.pw_uid, 0), True),
            (f",owner={nobody.pw_uid},group={group},mode=600", (nobody.pw_uid, nobody.pw_gid), True),
            (",mode=666", (0, 0), True),
        ):
            with self.subTest(options=options), tempfile.TemporaryDirectory() as folder:
                os.chmod(folder, 0o755)
                path = os.path.join(folder, "socket")
                process = start("--listen", f"unix:{path}{options}", umask=0o022)
                self.assertEqual(process.stdout.readline(), f"listening on unix:{path}\n")
                there = os.stat(path)
                self.assertEqual((there.st_uid, there.st_gid), owner)
                client = subprocess.run(
                    [sys.executable, "-c", script, path], user=nobody.pw_uid, group=nobody.pw_gid,
                    extra_groups=[], capture_output=True, text=True, check=False, cwd="/")
                if may:
                    self.assertIn('{"hello":"world"}', client.stdout, client.stderr)
                else:
                    self.assertIn("PermissionError", client.stderr)
                self.assertEqual(end(process), 0)
                self.assertFalse(os.path.exists(path))

    def test_what_is_wrong_with_a_unix_socket_is_named(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "socket")
            cases = [
                ("mode=660,mode=600", 2, "mode=, owner= and group= may be given once each"),
                ("mode=9", 2, "the mode is not an octal number from 1 to 777"),
                ("mode=", 2, "the mode is not an octal number from 1 to 777"),
                ("mode=0", 2, "the mode is not an octal number from 1 to 777"),
                ("mode=1000", 2, "the mode is not an octal number from 1 to 777"),
                ("mode=rw", 2, "the mode is not an octal number from 1 to 777"),
                ("mode=77777777777777777777777", 2, "the mode is not an octal number from 1 to 777"),
                ("mod=660", 2, 'expected mode=, owner= or group= after the path, not "mod=660"'),
                ("", 2, 'expected mode=, owner= or group= after the path, not ""'),
                ("mode=660,", 2, 'expected mode=, owner= or group= after the path, not ""'),
                ("group=", 2, "the group is missing"),
                ("owner=,mode=660", 2, "the owner is missing"),
                ("group=no-such-group", 1, "there is no group no-such-group"),
                ("owner=no-such-user", 1, "there is no user no-such-user"),
                ("owner=4294967295", 1, "there is no user 4294967295"),
                ("group=4294967296", 1, "there is no group 4294967296"),
            ]
            for options, status, said in cases:
                for option in ("--listen", "--admin"):
                    with self.subTest(options=options, option=option):
                        address = f"unix:{path},{options}"
                        process = start("--listen", "127.0.0.1:0", option, address)
                        _, errors = process.communicate(timeout=DEADLINE_SECONDS)
                        expected = (f"error: {option} cannot be {address}: {said}\n" if status == 2
                                    else f"error: cannot listen on {address}: {said}\n")
                        self.assertEqual(errors.splitlines(True)[:1], [expected])
                        self.assertEqual(process.returncode, status)
                        self.assertEqual(os.listdir(folder), [])

    def test_a_unix_socket_that_cannot_be_given_away_is_not_listened_on(self):
        if os.getuid() != 0:
            self.skipTest("only root can become another user")
        nobody = pwd.getpwnam("nobody")
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o777)
            path = os.path.join(folder, "socket")
            for options, said in (("owner=root", "it cannot be given to user root"),
                                  ("group=root", "it cannot be given to group root")):
                process = start("--listen", f"unix:{path},{options}", user=nobody.pw_uid,
                                group=nobody.pw_gid, extra_groups=[])
                _, errors = process.communicate(timeout=DEADLINE_SECONDS)
                self.assertEqual(
                    errors,
                    f"error: cannot listen on unix:{path},{options}: {said}: Operation not permitted\n")
                self.assertEqual(process.returncode, 1)
                self.assertEqual(os.listdir(folder), [])

    def test_a_unix_socket_needs_a_path(self):
        for options, status, said in (
            (["--listen", "unix:"], 2, "error: --listen cannot be unix:: the path is empty\n"),
            (["--listen", "unix:,mode=660"], 2,
             "error: --listen cannot be unix:,mode=660: the path is empty\n"),
            (["--admin", "https://unix:"], 2, "error: --admin cannot be https://unix:: the path is empty\n"),
        ):
            with self.subTest(options=options):
                process = start("--listen", "127.0.0.1:0", *options)
                _, errors = process.communicate(timeout=DEADLINE_SECONDS)
                self.assertTrue(errors.startswith(said), errors)
                self.assertEqual(process.returncode, status)

    def test_a_service_manager_may_hand_over_several_sockets(self):
        with tempfile.TemporaryDirectory() as folder, handed_over(folder) as listeners:
            process = start_with(listeners)
            port = listeners[0].getsockname()[1]
            path = listeners[1].getsockname()
            self.assertEqual(process.stdout.readline(), f"listening on http://127.0.0.1:{port}{ORIGIN}\n")
            self.assertEqual(process.stdout.readline(), f"listening on unix:{path}{ORIGIN}\n")
            for listener in listeners:
                with connect(listener) as client:
                    self.assertIn(b'{"hello":"world"}', ask(client))
            self.assertEqual(end(process), 0)

    def test_each_socket_of_a_service_manager_speaks_tls_with_a_certificate(self):
        with tempfile.TemporaryDirectory() as folder, handed_over(folder) as listeners:
            certificate = os.path.join(folder, "certificate")
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=hello", "-addext",
                 "subjectAltName=DNS:hello", "-keyout", certificate + ".key", "-out", certificate],
                check=True, capture_output=True,
            )
            process = start_with(listeners, "--certificate", certificate, "--key",
                                 certificate + ".key", "--listen", "127.0.0.1:0")
            port = listeners[0].getsockname()[1]
            path = listeners[1].getsockname()
            self.assertEqual(process.stdout.readline(), f"listening on https://127.0.0.1:{port}{ORIGIN}\n")
            self.assertEqual(process.stdout.readline(), f"listening on unix:{path}, with TLS{ORIGIN}\n")
            self.assertIn("listening on http://127.0.0.1:", process.stdout.readline())
            context = ssl.create_default_context(cafile=certificate)
            for listener in listeners:
                with connect(listener) as plain:
                    plain.settimeout(DEADLINE_SECONDS)
                    with context.wrap_socket(plain, server_hostname="hello") as client:
                        self.assertIn(b'{"hello":"world"}', ask(client))
                with connect(listener) as client:
                    self.assertIn(b"this address accepts https", ask(client))
            self.assertEqual(end(process), 0)

    def test_the_socket_of_a_service_manager_is_served_and_it_is_told(self):
        with tempfile.TemporaryDirectory() as folder, socket.socket() as listener, socket.socket(
            socket.AF_UNIX, socket.SOCK_DGRAM
        ) as notified:
            notify = os.path.join(folder, "notify")
            notified.bind(notify)
            notified.settimeout(DEADLINE_SECONDS)
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            # The process itself must have the id that LISTEN_PID says, so a shell becomes it.
            script = f'export LISTEN_PID=$$; exec "{HELLO}" run 3<&{listener.fileno()}'
            environment = dict(os.environ, LISTEN_FDS="1", NOTIFY_SOCKET=notify)
            process = subprocess.Popen(
                ["sh", "-c", script], env=environment, pass_fds=[listener.fileno()],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
            self.assertEqual(notified.recv(100), b"READY=1")
            with socket.create_connection(listener.getsockname()) as client:
                self.assertIn(b'{"hello":"world"}', ask(client))
            self.assertEqual(end(process), 0)

    def test_all_addresses_are_those_of_ipv6_and_ipv4(self):
        hosts = ["127.0.0.1", "::1"] if has_ipv6() else ["127.0.0.1"]
        with tempfile.NamedTemporaryFile("w") as tokens:
            tokens.write("token\n")
            tokens.flush()
            process = subprocess.Popen(
                [PRODUCTION, "run", "--listen", ":0", "--listen", ":0",
                 "--auth-tokens-file", tokens.name],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
            lines = [process.stdout.readline() for _ in range(2)]
            for line in lines:
                found = re.fullmatch(r"listening on http://localhost:(\d+), "
                                     "and at all other addresses of this machine\n", line)
                self.assertIsNotNone(found, line)
                for host in hosts:
                    with socket.create_connection((host, int(found[1]))) as client:
                        self.assertIn(b"HTTP/1.1 404", ask(client))
                    # The access log has an address of IPv4 as what it is.
                    self.assertTrue(process.stdout.readline().startswith(host + " - - ["))
            self.assertEqual(end(process), 0)

    def test_all_addresses_are_not_half_of_them(self):
        if not has_ipv6():
            self.skipTest("there is no IPv6 here")
        with socket.socket(socket.AF_INET6) as taken:
            taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            taken.bind(("::", 0))
            taken.listen()
            port = taken.getsockname()[1]
            process = start("--listen", f":{port}")
            _, errors = process.communicate(timeout=DEADLINE_SECONDS)
            self.assertEqual(errors, f"error: cannot listen on :{port}: "
                                     "Address already in use\n")
            self.assertEqual(process.returncode, 1)

    def test_another_process_s_socket_is_not_taken(self):
        environment = dict(os.environ, LISTEN_FDS="1", LISTEN_PID="1")
        process = start("--listen", "127.0.0.1:0", env=environment)
        self.assertIn("listening on http://127.0.0.1:", process.stdout.readline())
        self.assertEqual(end(process), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
