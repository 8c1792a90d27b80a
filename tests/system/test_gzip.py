"""Pages are compressed for clients that ask for it, by the metrics server and by sx_expose_metrics."""
import gzip
import os
import subprocess
import unittest

import system


class Judged(system.Example):
    """judged.c, whose page the metrics server serves."""

    def __init__(self):
        self.process = subprocess.Popen([os.path.join(system.BUILD, "tests", "judged")],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(system.DEADLINE_SECONDS)
        self.process.stdout.close()


def get(program, encoding, method="GET", fields=()):
    """The headers and the body of a scrape with this Accept-Encoding; None: without one."""
    connection = program.connect()
    try:
        connection.putrequest(method, "/metrics", skip_accept_encoding=True)
        for value in fields or ([] if encoding is None else [encoding]):
            connection.putheader("Accept-Encoding", value)
        connection.endheaders()
        response = connection.getresponse()
        assert response.status == 200, response.status
        return dict(response.getheaders()), response.read()
    finally:
        connection.close()


@unittest.skipUnless(system.has_zlib(), "built without zlib")
class Gzip(unittest.TestCase):
    def each(self):
        """The metrics server and an app, each with a page of more than a kilobyte."""
        with Judged() as program:
            yield program
        with system.Example("hello") as program:
            for name in ("a", "b", "c"):
                program.request("/?name=" + name)
            yield program

    def test_the_page_is_what_it_is_without_gzip(self):
        for program in self.each():
            headers, body = get(program, "gzip")
            self.assertEqual(headers["Content-Encoding"], "gzip")
            self.assertEqual(headers["Vary"], "Accept, Accept-Encoding")
            self.assertEqual(int(headers["Content-Length"]), len(body))
            page = gzip.decompress(body).decode()
            self.assertEqual(system.promtool_check(page), "")
            plain = program.page()
            self.assertGreater(len(plain), 1024)
            self.assertLess(len(body), len(plain) / 2)
            without_numbers = [line.rsplit(" ", 1)[0] for line in plain.splitlines()]
            for line in page.splitlines():
                self.assertIn(line.rsplit(" ", 1)[0], without_numbers)

    def test_the_header_decides(self):
        compressed = ("gzip", "GZIP", "*", "deflate, gzip, br, zstd", "gzip;q=0.5", "br;q=1, gzip;q=0.1, *;q=0")
        plain = (None, "", "identity", "br", "gzip;q=0", "gzip;q=0, *", "*;q=0", "gzip;q=0.5, identity;q=0.6")
        for program in self.each():
            for encoding in compressed:
                headers, body = get(program, encoding)
                self.assertEqual(headers.get("Content-Encoding"), "gzip", encoding)
                gzip.decompress(body)
            for encoding in plain:
                headers, body = get(program, encoding)
                self.assertNotIn("Content-Encoding", headers, encoding)
                self.assertEqual(headers["Vary"], "Accept, Accept-Encoding")
                self.assertTrue(body.startswith(b"# HELP "))
            for fields, coding in ((["br", "gzip"], "gzip"), (["gzip;q=0.5", "identity"], None)):
                headers, _ = get(program, None, fields=fields)
                self.assertEqual(headers.get("Content-Encoding"), coding, fields)

    def test_head_has_the_headers_of_get(self):
        for program in self.each():
            headers, body = get(program, "gzip", "HEAD")
            self.assertEqual(body, b"")
            self.assertEqual(headers["Content-Encoding"], "gzip")
            self.assertEqual(headers["Vary"], "Accept, Accept-Encoding")
            got, body = get(program, "gzip")
            self.assertEqual(set(headers), set(got))
            # The numbers of the page change, and with them its size a little.
            self.assertLess(abs(int(headers["Content-Length"]) - len(body)), 100)

    def test_curl_reads_it(self):
        for program in self.each():
            run = subprocess.run(["curl", "-sv", "--compressed", "-m", "20",
                                  f"http://127.0.0.1:{program.port}/metrics"],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=True)
            self.assertIn("content-encoding: gzip", run.stderr.lower())
            self.assertEqual(system.promtool_check(run.stdout), "")


if __name__ == "__main__":
    unittest.main()
