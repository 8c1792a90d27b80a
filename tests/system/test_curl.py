"""curl uploads nothing to a server that answers at the end of the header."""
import os
import re
import subprocess
import tempfile
import unittest

import system

UPLOAD_BYTES = 1 << 20


class Curl(unittest.TestCase):
    def upload(self, port, path, *options):
        """The status, how many bytes were uploaded, and what curl tells of the conversation."""
        with tempfile.NamedTemporaryFile() as file:
            os.truncate(file.name, UPLOAD_BYTES)
            done = subprocess.run(
                ["curl", "-sv", "-o", os.devnull, "-w", "%{http_code} %{size_upload}", "-m", "20",
                 "-T", file.name, *options, f"http://127.0.0.1:{port}{path}"],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
            status, uploaded = done.stdout.split()
            return int(status), int(uploaded), done.stderr

    def test_nothing_is_uploaded_to_a_path_that_is_not_there(self):
        with system.Example("hello") as hello:
            for path, status in (("/none", 404), ("/metrics", 405)):
                # Newer versions of curl expect 100 Continue only for bodies above 1 MiB.
                got, uploaded, said = self.upload(hello.port, path, "-H", "Expect: 100-continue")
                self.assertEqual(got, status, said)
                self.assertEqual(uploaded, 0, said)
                self.assertNotIn("100 Continue", said)
                self.assertRegex(said.lower(), r"\n< connection: close\r?\n")
            # In chunks, without a known length.
            got, uploaded, said = self.upload(hello.port, "/none", "-H", "Expect: 100-continue",
                                              "-H", "Transfer-Encoding: chunked")
            self.assertEqual((got, uploaded), (404, 0), said)
            # Without the expectation curl has begun to send before it can read the answer.
            got, uploaded, said = self.upload(hello.port, "/none", "-H", "Expect:")
            self.assertEqual(got, 404, said)
            page = hello.page()
            counted = re.findall(r'requests_total{method="PUT",handler="<builtin>",code="(\d+)"} (\d+)',
                                 page)
            self.assertEqual(dict(counted), {"404": "3", "405": "1"})
            self.assertEqual(hello.stop(), 0)


if __name__ == "__main__":
    unittest.main()
