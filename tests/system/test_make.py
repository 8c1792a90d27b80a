"""`make run` builds, says where it serves, and serves."""
import os
import re
import signal
import subprocess
import unittest
import urllib.request

from system import BUILD, SOURCE


class Run(unittest.TestCase):
    def test_make_run_serves_hello(self):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
        make = subprocess.Popen(
            ["make", "run", "PORT=0", f"BUILD={BUILD}"],
            cwd=SOURCE,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            printed = ""
            while (match := re.search(r"listening on (http://\S+)", printed)) is None:
                line = make.stdout.readline()
                self.assertNotEqual(line, "", f"make run ended:\n{printed}")
                printed += line
            with urllib.request.urlopen(match.group(1) + "/", timeout=20) as response:
                self.assertEqual(response.read(), b'{"hello":"world"}')
            with urllib.request.urlopen(match.group(1) + "/metrics", timeout=20) as response:
                self.assertIn(b'handler="hello.welcome",code="200"} 1\n', response.read())
        finally:
            os.killpg(make.pid, signal.SIGTERM)
            make.wait(20)
            make.stdout.close()


class Variables(unittest.TestCase):
    def test_bash_passes_every_variable_on(self):
        """bash ignores assignments to some names, such as GROUPS and UID."""
        with open(os.path.join(SOURCE, "Makefile"), encoding="utf-8") as makefile:
            names = re.findall(r"^(\w+) \?=", makefile.read(), re.MULTILINE)
        self.assertGreater(len(names), 3)
        for name in names:
            with self.subTest(variable=name):
                printed = subprocess.run(
                    ["bash", "-c", f"{name}=probe printenv {name}"],
                    capture_output=True,
                    text=True,
                    check=False,
                ).stdout
                self.assertEqual(printed, "probe\n")

    def test_packages_chooses_what_deps_installs(self):
        printed = subprocess.run(
            ["bash", "-c", "PACKAGES='run test' make --no-print-directory -n deps"],
            cwd=SOURCE,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        self.assertEqual(printed, "scripts/deps run test\n")


if __name__ == "__main__":
    unittest.main(verbosity=2)
