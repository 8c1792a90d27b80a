"""The README tells the truth: its program is examples/hello.c, and its commands print what it says."""
import os
import re
import subprocess
import unittest

from system import SOURCE, Example


class Readme(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with open(os.path.join(SOURCE, "README.md"), encoding="utf-8") as readme:
            cls.text = readme.read()

    def blocks(self, language):
        return re.findall(rf"(?ms)^```{language}\n(.*?)^```$", self.text)

    def test_program_is_the_example(self):
        with open(os.path.join(SOURCE, "examples", "hello.c"), encoding="utf-8") as example:
            self.assertEqual(self.blocks("c")[0], example.read())

    def test_metrics_program_is_the_one_that_is_tested(self):
        path = os.path.join(SOURCE, "tests", "system", "consumer", "metrics.c")
        with open(path, encoding="utf-8") as program:
            self.assertEqual(self.blocks("c")[1], program.read())

    def test_commands_print_what_it_says(self):
        console = "".join(self.blocks("console"))
        commands = re.findall(r"(?m)^\$ (curl .*)\n((?:(?!\$ ).*\n)*)", console)
        self.assertGreaterEqual(len(commands), 2)
        with Example("hello") as hello:
            for command, expected in commands:
                command = command.replace("127.0.0.1:8080", f"127.0.0.1:{hello.port}")
                printed = subprocess.run(
                    ["sh", "-c", command], capture_output=True, text=True, check=True
                ).stdout
                self.assertEqual(printed.rstrip("\n"), expected.rstrip("\n"), command)
            routes = re.search(r"(?m)^\$ build/examples/hello routes\n((?:(?!\$ ).*\n)*)", console)
            if routes is not None:
                printed = subprocess.check_output([hello.path, "routes"], text=True)
                self.assertEqual(printed, routes.group(1))
            self.assertEqual(hello.stop(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
