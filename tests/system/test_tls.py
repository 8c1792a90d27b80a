"""TLS, and several addresses at once: OpenSSL's command makes the certificates, Python's ssl asks."""
import collections
import email.utils
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time
import unittest

from system import eventually

BUILD = os.environ["SX_BUILD"]
EVERYTHING = os.path.join(BUILD, "tests", "everything")
DEADLINE_SECONDS = 20


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def write_extensions(path, *lines):
    with open(path, "w", encoding="ascii") as file:
        file.write("\n".join(lines) + "\n")


class Certificates:
    """A certificate authority in a folder of its own, and what it has signed. Both have the
    extensions that RFC 5280 asks for: since Python 3.13 a client refuses a certificate without."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.path = os.path.join(folder, name + ".pem")
        self.key = os.path.join(folder, name + ".key")
        config = os.path.join(folder, name + ".conf")
        write_extensions(config, "[req]", "distinguished_name=name", "x509_extensions=authority",
                         "[name]", "[authority]", "basicConstraints=critical,CA:TRUE",
                         "keyUsage=critical,keyCertSign,cRLSign", "subjectKeyIdentifier=hash",
                         "authorityKeyIdentifier=keyid")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-config", config, "-days", "2", "-subj", f"/CN={name}", "-keyout", self.key,
                "-out", self.path)

    def sign(self, name, subject="localhost"):
        certificate, key, request = (
            os.path.join(self.folder, name + end) for end in (".pem", ".key", ".csr")
        )
        extensions = os.path.join(self.folder, "extensions")
        write_extensions(extensions, "subjectAltName=DNS:localhost,IP:127.0.0.1",
                         "basicConstraints=critical,CA:FALSE",
                         "keyUsage=critical,digitalSignature",
                         "extendedKeyUsage=serverAuth,clientAuth",
                         "subjectKeyIdentifier=hash", "authorityKeyIdentifier=keyid")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-subj", f"/CN={subject}", "-keyout", key, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.path, "-CAkey", self.key,
                "-CAcreateserial", "-days", "2", "-extfile", extensions, "-out", certificate)
        return certificate, key


def first_address(options):
    """A free port, with TLS if there is a certificate."""
    return ["--listen", ("https://" if "--certificate" in options else "") + "127.0.0.1:0"]


class Server:
    """EVERYTHING on free ports; `lines` is what it says of where it listens."""

    def __init__(self, *options, addresses=1, **environment):
        self.process = subprocess.Popen(
            [EVERYTHING, "run", *first_address(options), *options], env=dict(os.environ, **environment),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        self.lines = [self.process.stdout.readline() for _ in range(addresses)]
        self.ports = [int(re.search(r":(\d+)", line).group(1)) for line in self.lines]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        _, errors = self.process.communicate(timeout=DEADLINE_SECONDS)
        return self.process.returncode, errors


def connect(port, context=None):
    if context is None:
        return http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_SECONDS)
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=DEADLINE_SECONDS, context=context)


def ask(connection, path, method="GET", body=None):
    connection.request(method, path, body)
    response = connection.getresponse()
    return response.status, response.read()


def ask_once(port, context, path):
    connection = connect(port, context)
    try:
        return ask(connection, path)
    finally:
        connection.close()


def page_with(port, line):
    """The metrics page, as soon as it has the line."""
    for _ in range(1000):
        page = ask_once(port, None, "/metrics")[1].decode()
        if line in page:
            return page
    raise AssertionError(f"{line} never came")


def refused_start(*options):
    done = subprocess.run([EVERYTHING, "run", *first_address(options), *options],
                          capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False)
    return done.returncode, done.stderr


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.authority = Certificates(cls.folder.name, "authority")
        cls.stranger = Certificates(cls.folder.name, "stranger")
        cls.certificate, cls.key = cls.authority.sign("server")
        cls.options = ("--certificate", cls.certificate, "--key", cls.key)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def context(self):
        return ssl.create_default_context(cafile=self.authority.path)

    def refuses(self, port, context):
        # With TLS 1.3 a client learns at its first read that its certificate was not taken.
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            ask_once(port, context, "/who")

    def test_each_kind_of_response_is_the_same_with_and_without(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(os.urandom(3 << 20))
            file.flush()
            body = os.urandom(900_000)
            requests = [
                ("/echo", "POST", body), ("/large?size=5000000", "GET", None),
                ("/stream?count=999", "GET", None), (f"/file?path={file.name}", "GET", None),
                ("/nothing", "GET", None), ("/echo", "POST", b""), ("/large?size=1", "GET", None),
            ]
            with Server(*self.options, "--listen", "127.0.0.1:0", addresses=2) as server:
                secure, plain = connect(server.ports[0], self.context()), connect(server.ports[1])
                for path, method, sent in requests:
                    with self.subTest(path=path):
                        expected = ask(plain, path, method, sent)
                        self.assertEqual(ask(secure, path, method, sent), expected)
                self.assertEqual(ask(secure, "/echo", "POST", body)[1], body)
                for connection in (secure, plain):
                    connection.close()
                self.assertEqual(server.stop(), (0, ""))

    def test_a_handler_learns_of_the_client_and_the_scheme(self):
        with Server(*self.options, "--listen", "127.0.0.1:0", addresses=2) as server:
            self.assertRegex(server.lines[0], r"^listening on https://127\.0\.0\.1:\d+\n$")
            self.assertRegex(server.lines[1], r"^listening on http://127\.0\.0\.1:\d+\n$")
            _, body = ask_once(server.ports[0], self.context(), "/who")
            self.assertEqual(json.loads(body), {"client": "127.0.0.1", "scheme": "https"})
            _, body = ask_once(server.ports[1], None, "/who")
            self.assertEqual(json.loads(body), {"client": "127.0.0.1", "scheme": "http"})

    def test_the_names_of_opentelemetry_tell_the_scheme(self):
        options = (*self.options, "--listen", "127.0.0.1:0")
        with Server(*options, addresses=2, OPENTELEMETRY="1") as server:
            ask_once(server.ports[0], self.context(), "/who")
            ask_once(server.ports[1], None, "/who")
            for scheme in ("http", "https"):
                labels = ('http_request_method="GET",http_route="/who",'
                          f'http_response_status_code="200",url_scheme="{scheme}"')
                page_with(server.ports[1],
                          f"http_server_request_duration_seconds_count{{{labels}}} 1\n")

    def test_versions_and_protocols_are_negotiated(self):
        versions = ssl.TLSVersion
        with Server(*self.options) as server, Server(*self.options, "--tls-minimum", "1.3") as new:
            for version in (versions.TLSv1_2, versions.TLSv1_3):
                context = self.context()
                context.minimum_version = context.maximum_version = version
                context.set_alpn_protocols(["h2", "http/1.1"])
                connection = connect(server.ports[0], context)
                self.assertEqual(ask(connection, "/who")[0], 200)
                self.assertEqual(connection.sock.selected_alpn_protocol(), "http/1.1")
                connection.close()
            context = self.context()
            context.maximum_version = versions.TLSv1_2
            self.refuses(new.ports[0], context)
            self.assertEqual(ask_once(new.ports[0], self.context(), "/who")[0], 200)
            context = self.context()
            context.set_alpn_protocols(["h2"])
            self.refuses(server.ports[0], context)

    def test_a_client_needs_a_certificate_where_one_is_asked_for(self):
        with Server(*self.options, "--client-ca", self.authority.path) as server:
            self.refuses(server.ports[0], self.context())
            for authority, is_good in ((self.stranger, False), (self.authority, True)):
                context = self.context()
                context.load_cert_chain(*authority.sign("client", "a client"))
                if is_good:
                    self.assertEqual(ask_once(server.ports[0], context, "/who")[0], 200)
                else:
                    self.refuses(server.ports[0], context)

    def test_a_client_with_a_certificate_may_resume_its_session(self):
        context = self.context()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(*self.authority.sign("client", "a client"))
        with Server(*self.options, "--client-ca", self.authority.path) as server:
            session = None
            for _ in range(2):
                with socket.create_connection(("127.0.0.1", server.ports[0])) as plain:
                    plain.settimeout(DEADLINE_SECONDS)
                    with context.wrap_socket(plain, server_hostname="localhost",
                                             session=session) as client:
                        client.sendall(b"GET /who HTTP/1.1\r\nHost: a\r\n\r\n")
                        self.assertTrue(client.recv(1000).startswith(b"HTTP/1.1 200"))
                        self.assertEqual(client.session_reused, session is not None)
                        session = client.session

    def test_who_forgets_the_s_is_told_and_counted(self):
        with Server(*self.options, "--admin", "127.0.0.1:0", addresses=2) as server:
            status, body = ask_once(server.ports[0], None, "/who")
            self.assertEqual(status, 400)
            self.assertEqual(json.loads(body)["message"], "this address accepts https only, not http")
            # RFC 9110 9.3.2: "the server MUST NOT send content in the response" to HEAD.
            with socket.create_connection(("127.0.0.1", server.ports[0])) as client:
                client.settimeout(DEADLINE_SECONDS)
                client.sendall(b"HEAD /who HTTP/1.1\r\nHost: a\r\n\r\n")
                with client.makefile("rb") as answer:
                    head, body = answer.read().split(b"\r\n\r\n", 1)
                self.assertTrue(head.startswith(b"HTTP/1.1 400 "))
                self.assertEqual(body, b"")
            with socket.create_connection(("127.0.0.1", server.ports[0])) as client:
                client.settimeout(DEADLINE_SECONDS)
                client.sendall(b"GET /who HTTP/1.1\r\nHost: a\r\n\r\n")
                with client.makefile("rb") as answer:
                    head = answer.read().split(b"\r\n\r\n")[0]  # to its end, which is no reset
            date = email.utils.parsedate_to_datetime(re.search(rb"\r\nDate: (.*)", head)[1].decode())
            self.assertLess(abs(date.timestamp() - time.time()), 60)
            with socket.create_connection(("127.0.0.1", server.ports[0])) as client:
                client.settimeout(DEADLINE_SECONDS)
                client.sendall(b"\x16\x03\x01\x00\x05hello")
                self.assertNotIn(b"HTTP", client.recv(100))
            # It is counted when OpenSSL has told the client.
            page = page_with(server.ports[1], 'http_requests_rejected_total{reason="tls_handshake"} 4\n')
            self.assertIn('http_requests_rejected_total{reason="malformed"} 0\n', page)

    def test_certificates_are_read_again_at_sighup(self):
        with tempfile.TemporaryDirectory() as folder:
            both = os.path.join(folder, "both.pem")

            def install(*paths):
                with open(both + ".new", "w", encoding="ascii") as out:
                    for path in paths:
                        with open(path, encoding="ascii") as part:
                            out.write(part.read())
                os.rename(both + ".new", both)

            install(self.certificate, self.key)
            with Server("--certificate", both) as server:
                kept = connect(server.ports[0], self.context())
                ask(kept, "/who")
                first = kept.sock.getpeercert()["serialNumber"]
                install(*self.authority.sign("renewed"))
                server.process.send_signal(signal.SIGHUP)
                self.assertEqual(server.process.stderr.readline(), "the certificate was reloaded\n")
                renewed = connect(server.ports[0], self.context())
                ask(renewed, "/who")
                second = renewed.sock.getpeercert()["serialNumber"]
                self.assertNotEqual(first, second)
                self.assertEqual(ask(kept, "/who")[0], 200)

                install(self.certificate)  # and no key
                server.process.send_signal(signal.SIGHUP)
                self.assertRegex(server.process.stderr.readline(),
                                 rf"^error: cannot use the key {both}: .*; the previous certificate stays in use\n$")
                third = connect(server.ports[0], self.context())
                ask(third, "/who")
                self.assertEqual(third.sock.getpeercert()["serialNumber"], second)
                for connection in (kept, renewed, third):
                    connection.close()
                self.assertEqual(server.stop(), (0, ""))

    def test_certificates_are_read_again_though_nobody_reads_the_log(self):
        with tempfile.TemporaryDirectory() as folder:
            certificate, key = (os.path.join(folder, name) for name in ("certificate", "key"))
            shutil.copy(self.certificate, certificate)
            shutil.copy(self.key, key)
            with Server("--certificate", certificate, "--key", key) as server:
                first = self.serial(server.ports[0])
                server.process.stderr.close()
                for path, renewed in zip((certificate, key), self.authority.sign("next")):
                    shutil.copy(renewed, path)
                server.process.send_signal(signal.SIGHUP)
                while self.serial(server.ports[0]) == first:
                    pass
                server.process.send_signal(signal.SIGTERM)
                self.assertEqual(server.process.wait(timeout=DEADLINE_SECONDS), 0)
                server.process.stderr = None

    def test_new_workers_have_the_new_certificate(self):
        with tempfile.TemporaryDirectory() as folder:
            certificate, key = (os.path.join(folder, name) for name in ("certificate", "key"))
            shutil.copy(self.certificate, certificate)
            shutil.copy(self.key, key)
            with Server("--certificate", certificate, "--key", key, "--workers", "2") as server:
                children = f"/proc/{server.process.pid}/task/{server.process.pid}/children"

                def workers():
                    with open(children, encoding="ascii") as file:
                        return file.read().split()

                first = self.serial(server.ports[0])
                former = workers()
                for path, renewed in zip((certificate, key), self.authority.sign("for-workers")):
                    shutil.copy(renewed, path)
                server.process.send_signal(signal.SIGHUP)
                eventually(lambda: len(workers()) == 2 and not set(workers()) & set(former), "new workers")
                second = self.serial(server.ports[0])
                self.assertNotEqual(second, first)

                # It cannot be used: the workers go on, also those that replace one that dies.
                with open(certificate, "w", encoding="ascii") as broken:
                    broken.write("broken")
                former = workers()
                server.process.send_signal(signal.SIGHUP)
                lines = [server.process.stderr.readline() for _ in range(5)]
                self.assertEqual(workers(), former)
                for pid in former:
                    os.kill(int(pid), signal.SIGKILL)
                eventually(lambda: len(workers()) == 2 and not set(workers()) & set(former), "new workers")
                for _ in range(8):
                    self.assertEqual(self.serial(server.ports[0]), second)
                status, log = server.stop()
                self.assertEqual(status, 0)
                pattern = "\n".join([
                    "the certificate was reloaded", "the certificate was reloaded",
                    "error: cannot use the certificate .*; the previous certificate stays in use",
                    r"error: worker \d \(process \d+\) exited with status 1 while it started",
                    "error: the reload has failed: a new worker does not start; the others go on\n"])
                self.assertRegex("".join(lines), f"^{pattern}$")
                self.assertEqual(log.count("was killed by signal 9"), 2)
                self.assertEqual(len(log.splitlines()), 2)

    def serial(self, port):
        connection = connect(port, self.context())
        connection.connect()
        number = connection.sock.getpeercert()["serialNumber"]
        ask(connection, "/who")
        connection.close()
        return number

    def test_the_end_is_said_so_that_nobody_can_cut_a_response_short(self):
        """RFC 8446 6.1: "Each party MUST send a "close_notify" alert before closing"."""
        context = self.context()
        context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
        with Server(*self.options) as server:
            for request in (b"GET /who HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                            b"GET /who HTTP/1.0\r\n\r\n",
                            b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\nabc"):
                with socket.create_connection(("127.0.0.1", server.ports[0])) as plain:
                    plain.settimeout(DEADLINE_SECONDS)
                    with context.wrap_socket(plain, server_hostname="localhost",
                                             suppress_ragged_eofs=False) as client:
                        client.sendall(request)
                        received = b""
                        while chunk := client.recv(65536):
                            received += chunk
                        self.assertTrue(received.startswith(b"HTTP/1.1 "))

    def test_a_response_that_is_cut_off_does_not_look_whole(self):
        """RFC 9112 8: complete "unless an error was indicated by the underlying connection (e.g., an
        "incomplete close" in TLS would leave the response incomplete"."""
        context = self.context()
        context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
        with Server(*self.options) as server:
            with socket.create_connection(("127.0.0.1", server.ports[0])) as plain:
                plain.settimeout(DEADLINE_SECONDS)
                with context.wrap_socket(plain, server_hostname="localhost",
                                         suppress_ragged_eofs=False) as client:
                    client.sendall(b"GET /broken HTTP/1.0\r\n\r\n")
                    received = b""
                    # A reset: OpenSSL 3.0 reports an unexpected end, 3.5 a reset.
                    with self.assertRaisesRegex((ssl.SSLError, ConnectionResetError),
                                                "(?i)eof|reset by peer"):
                        while chunk := client.recv(65536):
                            received += chunk
                    self.assertTrue(received.endswith(b"the first half"))

    def test_who_says_that_he_will_send_no_more_gets_his_answer(self):
        """RFC 8446 6.1: close_notify "does not have any effect on its read side"."""
        size = 3_000_000
        with Server(*self.options) as server:
            for line in ("", "Connection: close\r\n"):
                incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
                client = self.context().wrap_bio(incoming, outgoing, server_hostname="localhost")
                with socket.create_connection(("127.0.0.1", server.ports[0])) as plain:
                    plain.settimeout(DEADLINE_SECONDS)

                    def until_done(step):
                        while True:
                            try:
                                return step()
                            except ssl.SSLWantReadError:
                                plain.sendall(outgoing.read())
                                incoming.write(plain.recv(1024))

                    until_done(client.do_handshake)
                    client.write(f"GET /large?size={size} HTTP/1.1\r\nHost: a\r\n{line}\r\n".encode())
                    until_done(lambda: client.read(1))
                    # The server has begun to answer, and waits for room.
                    with self.assertRaises(ssl.SSLError):
                        client.unwrap()
                    plain.sendall(outgoing.read())
                    received = 0
                    while chunk := plain.recv(65536):
                        received += len(chunk)
                    self.assertGreater(received, size)

    def test_a_slow_reader_and_a_pipeline(self):
        with Server(*self.options) as server:
            with socket.socket() as plain:
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                plain.settimeout(DEADLINE_SECONDS)
                plain.connect(("127.0.0.1", server.ports[0]))
                with self.context().wrap_socket(plain, server_hostname="localhost") as client:
                    get = b"GET /large?size=2000000 HTTP/1.1\r\nHost: a\r\n\r\n"
                    client.sendall(get * 3 + get.replace(b"Host", b"Connection: close\r\nHost"))
                    received = 0
                    while chunk := client.recv(1000):
                        received += chunk.count(b"x")
                    self.assertGreaterEqual(received, 4 * 2_000_000)

    def test_a_crowd_leaves_nothing_behind_while_certificates_are_read(self):
        answered = collections.Counter()

        def come_and_go(number):
            randomness = random.Random(number)
            for _ in range(15):
                with socket.create_connection(("127.0.0.1", server.ports[0])) as plain:
                    plain.settimeout(DEADLINE_SECONDS)
                    if randomness.random() < 0.3:  # half a handshake, or none
                        plain.sendall(b"\x16\x03\x01\x02\x00\x01"[: randomness.randrange(7)])
                        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        continue
                    with self.context().wrap_socket(plain, server_hostname="localhost") as client:
                        size = randomness.choice((1, 70_000))
                        client.sendall(f"GET /large?size={size} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                        if randomness.random() < 0.3:
                            continue  # without a word, and perhaps with an answer on its way
                        received = b""
                        while received.count(b"x") < size:
                            received += client.recv(65536)
                        answered[number] += 1

        with Server(*self.options, "--admin", "127.0.0.1:0", addresses=2) as server:
            threads = [threading.Thread(target=come_and_go, args=(n,)) for n in range(8)]
            for thread in threads:
                thread.start()
            while any(thread.is_alive() for thread in threads):
                server.process.send_signal(signal.SIGHUP)
                ask_once(server.ports[1], None, "/metrics")
            for thread in threads:
                thread.join()
            labels = 'method="GET",handler="everything.large"'
            page = page_with(server.ports[1], f"http_requests_inprogress{{{labels}}} 0\n")
            total = re.search(rf'^http_requests_total{{{labels},code="200"}} (\d+)$', page, re.M)
            self.assertGreater(sum(answered.values()), 20)
            self.assertGreaterEqual(int(total.group(1)), sum(answered.values()))
            # The first reload may end after the crowd, and a stop would cancel it.
            self.assertEqual(server.process.stderr.readline(), "the certificate was reloaded\n")
            status, errors = server.stop()
            self.assertEqual(status, 0)
            self.assertLessEqual(set(errors.splitlines()), {"the certificate was reloaded"})

    def test_what_cannot_be_used_keeps_it_from_starting(self):
        missing = os.path.join(self.folder.name, "missing.pem")
        locked = os.path.join(self.folder.name, "locked.key")
        openssl("ec", "-in", self.key, "-aes256", "-passout", "pass:secret", "-out", locked)
        other_key = self.authority.sign("other")[1]
        cases = [
            (("--certificate", missing, "--key", self.key),
             f"cannot use the certificate {missing}: No such file or directory"),
            (("--certificate", self.certificate),
             f"cannot use the key {self.certificate}: it contains CERTIFICATE, not a key\n"),
            (("--certificate", self.certificate, "--key", other_key),
             f"cannot use the key {other_key}: it does not belong to the certificate\n"),
            (("--certificate", self.certificate, "--key", locked),
             f"cannot use the key {locked}: it has a passphrase, which the server cannot ask for\n"),
            ((*self.options, "--client-ca", missing),
             f"cannot use the clients' certificate authority {missing}: No such file or directory"),
        ]
        for options, message in cases:
            with self.subTest(message=message):
                status, errors = refused_start(*options)
                self.assertEqual(status, 1)
                self.assertTrue(errors.startswith("error: " + message), errors)
                self.assertEqual(errors.count("\n"), 1)
        for options, message in [
            (("--key", self.key), "TLS needs a --certificate"),
            (("--listen", "https://127.0.0.1:0"), "TLS needs a --certificate"),
            ((*self.options, "--tls-minimum", "1.1"), '--tls-minimum takes 1.2 or 1.3, not "1.1"'),
            (("--listen", "127.0.0.1"),
             "--listen cannot be 127.0.0.1: the port is missing, as in 127.0.0.1:9100"),
            (("--admin", "::1:80"),
             "--admin cannot be ::1:80: an IPv6 address needs brackets, as in [::1]:9100"),
        ]:
            with self.subTest(message=message):
                status, errors = refused_start(*options)
                self.assertEqual(status, 2)
                self.assertTrue(errors.startswith(f"error: {message}\n"), errors)

    def make_wrong_files(self, folder):
        """{name: path} of what is taken for a certificate or a key."""
        path = {name: os.path.join(folder, name) for name in (
            "missing", "folder", "empty", "text", "garbage", "der", "short der", "request", "public",
            "cut", "cut key", "not base64", "not base64 key", "no certificate", "long", "socket",
            "encrypted", "rsa", "weak", "weak key", "broken chain")}
        files = {}
        for name, source in (("certificate", self.certificate), ("key", self.key)):
            with open(source, encoding="ascii") as file:
                files[name] = file.read()
        os.mkdir(path["folder"])
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(path["socket"])
        damaged = ("-----BEGIN CERTIFICATE-----\n" + "MIIBAWdhcmJhZ2Vn\n" * 4
                   + "-----END CERTIFICATE-----\n")
        for name, content in (
            ("empty", ""), ("text", "hello\n"), ("garbage", "\udc80\0\udcff" * 100),
            ("cut", files["certificate"][:200]), ("cut key", files["key"][:100]),
            ("not base64", files["certificate"].replace("\nMI", "\n!!")),
            ("not base64 key", files["key"].replace("\nM", "\n!")),
            ("no certificate", damaged), ("broken chain", files["certificate"] + damaged),
            ("long", "x" * (1 << 20)),
        ):
            with open(path[name], "wb") as out:
                out.write(content.encode("utf-8", "surrogateescape"))
        openssl("x509", "-in", self.certificate, "-outform", "DER", "-out", path["der"])
        openssl("ec", "-in", self.key, "-outform", "DER", "-out", path["short der"])
        openssl("pkcs8", "-topk8", "-in", self.key, "-passout", "pass:x", "-out", path["encrypted"])
        openssl("req", "-new", "-key", self.key, "-subj", "/CN=a", "-out", path["request"])
        openssl("pkey", "-in", self.key, "-pubout", "-out", path["public"])
        openssl("genpkey", "-algorithm", "RSA", "-out", path["rsa"])
        openssl("req", "-x509", "-newkey", "rsa:512", "-nodes", "-subj", "/CN=a", "-keyout",
                path["weak key"], "-out", path["weak"])
        return path

    def test_what_is_wrong_with_a_file_is_said(self):
        with tempfile.TemporaryDirectory() as folder:
            path = self.make_wrong_files(folder)
            anywhere = [
                ("missing", "No such file or directory"), ("folder", "Is a directory"),
                ("socket", "No such device or address"), ("empty", "it is empty"),
                ("text", "it is not PEM"), ("garbage", "it is not PEM"),
                ("der", "it is not PEM, but looks like DER"),
                ("short der", "it is not PEM, but looks like DER"),
                ("long", "it is 1 MiB or larger"),
            ]
            certificates = [
                ("request", "it contains CERTIFICATE REQUEST, not a certificate"),
                ("public", "it contains PUBLIC KEY, not a certificate"),
                ("cut", "a certificate in it is damaged (bad end line)"),
                ("not base64", "a certificate in it is damaged (bad base64 decode)"),
                ("no certificate", "a certificate in it is damaged (too long)"),
                ("broken chain", "a certificate in it is damaged (too long)"),
            ]
            keys = [
                ("public", "it contains PUBLIC KEY, not a key"),
                ("request", "it contains CERTIFICATE REQUEST, not a key"),
                ("cut key", "the key in it is damaged, or of an unknown kind"),
                ("not base64 key", "the key in it is damaged, or of an unknown kind"),
                ("encrypted", "it has a passphrase, which the server cannot ask for"),
                ("rsa", "it does not belong to the certificate"),
            ]
            matrix = [
                ("--certificate", "the certificate", certificates + [
                    ("weak", "its key is too short to be secure")]),
                ("--key", "the key", keys),
                ("--client-ca", "the clients' certificate authority", certificates),
            ]
            for option, what, special in matrix:
                for name, said in anywhere + special:
                    with self.subTest(option=option, name=name):
                        given = {"--certificate": self.certificate, "--key": self.key}
                        given[option] = path[name]
                        status, errors = refused_start(*[x for pair in given.items() for x in pair])
                        self.assertEqual(errors, f"error: cannot use {what} {path[name]}: {said}\n")
                        self.assertEqual(status, 1)

    def test_a_certificate_may_come_through_a_pipe(self):
        """As of `--certificate <(decrypt certificate)`: read once, though it has the key, too."""
        with open(self.certificate, encoding="ascii") as one, open(self.key, encoding="ascii") as two:
            both = one.read() + two.read()
        with tempfile.TemporaryDirectory() as folder:
            fifo = os.path.join(folder, "fifo")
            os.mkfifo(fifo)

            def write():
                with open(fifo, "w", encoding="ascii") as out:
                    out.write(both)

            writer = threading.Thread(target=write)
            writer.start()
            with Server("--certificate", fifo) as server:
                writer.join()
                self.assertEqual(ask_once(server.ports[0], self.context(), "/who")[0], 200)
                first = self.serial(server.ports[0])
                server.process.send_signal(signal.SIGHUP)
                self.assertEqual(server.process.stderr.readline(), (
                    f"reloading the certificate {fifo} takes long; the previous one stays in use\n"))
                self.assertEqual(self.serial(server.ports[0]), first)
                writer = threading.Thread(target=write)
                writer.start()
                self.assertEqual(server.process.stderr.readline(), "the certificate was reloaded\n")
                writer.join()
                server.process.send_signal(signal.SIGHUP)
                self.assertIn("takes long", server.process.stderr.readline())
                begin = time.monotonic()
                self.assertEqual(server.stop(), (0, ""))
                self.assertLess(time.monotonic() - begin, 5)

    def test_admin_routes_may_have_an_address_of_their_own(self):
        with Server("--admin", "127.0.0.1:0", addresses=2) as server:
            public, admin = server.ports
            self.assertRegex(server.lines[1], r"^listening on http://127\.0\.0\.1:\d+, "
                                              r"for the admin routes only\n$")
            for port, path, status in ((public, "/who", 200), (public, "/metrics", 404),
                                       (public, "/metrics/", 404), (admin, "/metrics", 200),
                                       (admin, "/who", 404), (admin, "/metrics/", 308)):
                with self.subTest(port=port == public, path=path):
                    self.assertEqual(ask_once(port, None, path)[0], status)
            connection = connect(public)
            self.assertEqual(ask(connection, "/metrics", "POST", b"")[0], 404)  # and no 405
            connection.close()
            _, page = ask_once(admin, None, "/metrics")
            self.assertIn(b'http_requests_total{method="GET",handler="everything.who",code="200"} 1', page)

    def test_no_other_address_has_them_then(self):
        for options in (("--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"),
                        ("--admin", "127.0.0.1:0", "--listen", "127.0.0.1:0")):
            with Server(*options, addresses=3) as server:
                found = [ask_once(port, None, "/metrics")[0] for port in server.ports]
                self.assertEqual(found.count(404), 2)
                self.assertEqual(found[1 + options.index("--admin") // 2], 200)

    def test_an_address_in_use_closes_the_others_again(self):
        with socket.socket() as taken, tempfile.TemporaryDirectory() as folder:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            path = os.path.join(folder, "socket")
            port = taken.getsockname()[1]
            status, errors = refused_start("--listen", "unix:" + path, "--listen", f"127.0.0.1:{port}")
            self.assertEqual(status, 1)
            self.assertEqual(errors, f"error: cannot listen on 127.0.0.1:{port}: "
                                     "Address already in use\n")
            self.assertFalse(os.path.exists(path))


if __name__ == "__main__":
    unittest.main()
