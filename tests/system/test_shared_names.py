"""Programs that know nothing of each other but the name of a registry count together, and
`sextant show --shared` prints what they counted."""
import os
import random
import re
import signal
import subprocess
import time
import unittest

from system import BUILD, DEADLINE_SECONDS, promtool_check, samples

PROGRAM = os.path.join(BUILD, "tests", "shared_names")
SEXTANT = os.path.join(BUILD, "sextant")
NAME = f"test-shared-names-{os.getpid()}"
FILE = f"/dev/shm/sextant-{os.geteuid()}-{NAME}"
KILLS = 20

TABLE = """\
done_total  (counter)  Done.
  kind=mail  3

jobs_total  (counter)

wait_seconds  (histogram)  Waits.
       count     mean      p50                 p90                 p99
           2        1        1 #####           1.8 #########      1.98 ##########

working  (gauge)  Working.
  5
"""


class Program:
    def __init__(self, name=NAME):
        self.process = subprocess.Popen(
            [PROGRAM, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.first_line = self.process.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(DEADLINE_SECONDS)
        self.process.stdin.close()
        self.process.stdout.close()

    def send(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def do(self, line):
        self.send(line)
        text = ""
        while (read := self.process.stdout.readline()) != "done\n":
            assert read != "", f"{line} ended the program"
            text += read
        return text

    def page(self):
        return self.do("page").removesuffix("# end\n")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(DEADLINE_SECONDS)


def show(name=NAME):
    result = subprocess.run([SEXTANT, "show", "--shared", name], capture_output=True, text=True,
                            check=False, env={**os.environ, "LC_ALL": "C"})
    return result.returncode, result.stdout, result.stderr


class SharedNames(unittest.TestCase):
    def setUp(self):
        self.remove()
        self.addCleanup(self.remove)
        with Program() as program:
            if program.first_line == "SX_EROBUST":
                self.skipTest("the system has no robust mutexes")
        self.remove()

    @staticmethod
    def remove():
        if os.path.lexists(FILE):
            os.unlink(FILE)

    def test_each_page_has_the_sum(self):
        with Program() as first, Program() as second:
            self.assertEqual((first.first_line, second.first_line), ("ready", "ready"))
            first.do("count 2")
            second.do("count 1")
            first.do("observe 0.5")
            second.do("observe 1.5")
            first.do("set 2")
            second.do("set 3")
            self.assertEqual(first.page(), second.page())
            page = first.page()
            self.assertIn('done_total{kind="mail"} 3\n', page)
            self.assertIn("wait_seconds_sum 2\nwait_seconds_count 2\n", page)
            self.assertIn("\nworking 5\n", page)
            self.assertEqual(promtool_check(page), "")
            self.assertEqual(show(), (0, TABLE, ""))
            second.kill()
            self.assertIn("\nworking 2\n", first.page())
            self.assertIn('done_total{kind="mail"} 3\n', first.page())
            self.assertEqual(show()[1], TABLE.replace("  5\n", "  2\n"))
        self.assertEqual(show()[1], TABLE.replace("  5\n", "  0\n"))

    def test_kills_lose_nothing_that_was_done(self):
        seed = random.randrange(1 << 32)
        print(f"seed {seed}", flush=True)
        chance = random.Random(seed)
        counted = sent = 0
        with Program() as stays:
            for _ in range(KILLS):
                with Program() as killed:
                    self.assertEqual(killed.first_line, "ready")
                    killed.do("count 10")
                    killed.do("set 100")
                    killed.send(f"count {chance.randrange(200000)}")
                    counted += 10
                    killed.kill()
                stays.do("count 1")
                counted += 1
                [(_, value)] = samples(stays.page(), "done_total").items()
                self.assertGreaterEqual(value, max(counted, sent))
                sent = value
                self.assertEqual(show()[0], 0)
            self.assertIn("\nworking 0\n", stays.page())

    def test_kills_anywhere_leave_a_registry_that_works(self):
        """Programs are killed while they open the registry, make it, grow it, or remove series."""
        seed = random.randrange(1 << 32)
        print(f"seed {seed}", flush=True)
        chance = random.Random(seed)
        for number in range(2 * KILLS):
            if number % 8 == 0:
                self.remove()
            programs = [subprocess.Popen([PROGRAM, NAME], stdin=subprocess.PIPE,
                                         stdout=subprocess.DEVNULL) for _ in range(2)]
            for program in programs:
                program.stdin.write(b"churn 1000000\n")
                program.stdin.flush()
            time.sleep(chance.random() ** 3 * 0.1)
            for program in programs:
                program.kill()
                program.wait(DEADLINE_SECONDS)
                program.stdin.close()
            with Program() as program:
                self.assertEqual(program.first_line, "ready")
                program.do("churn 4000")
                page = program.page()
                self.assertIn("\nworking 0\n", page)
                self.assertEqual(show()[0], 0)

    def test_a_reader_beside_programs_that_change_everything(self):
        with Program() as first, Program() as second:
            first.do("churn 3000")  # 2,000 series stay; each of the others is removed at once
            first.send("churn 600000")
            second.send("churn 600000")
            shown = 0
            for _ in range(20):
                status, out, error = show()
                if status == 2:  # series come and go all the time
                    self.assertIn("too fast; try again", error)
                else:
                    self.assertEqual((status, error), (0, ""))
                    self.assertIn(out.count("  job="), range(2000, 2003))
                    shown += 1
            for program in (first, second):
                self.assertEqual(program.process.stdout.readline(), "done\n")
            self.assertEqual(show()[0], 0)
            print(f"{shown} of 20 copies were of one moment", flush=True)

    def test_a_name_that_is_not_there(self):
        self.assertEqual(
            show(), (2, "", f"sextant: {NAME}: there is no shared registry of this name\n"))
        for name in ("", "a/b", "a" * 201):
            status, out, error = show(name)
            self.assertEqual((status, out), (2, ""))
            self.assertIn("not a name of a shared registry", error)

    def test_files_that_are_not_ours(self):
        with Program():
            pass
        os.chmod(FILE, 0o640)
        self.assertEqual(show()[0], 2)
        self.assertIn("mode 0600", show()[2])
        with Program() as program:
            self.assertEqual(program.first_line, "SX_EACCESS")
        os.chmod(FILE, 0o600)
        os.rename(FILE, FILE + ".target")
        self.addCleanup(os.unlink, FILE + ".target")
        os.symlink(FILE + ".target", FILE)
        self.assertIn("mode 0600", show()[2])
        with Program() as program:
            self.assertEqual(program.first_line, "SX_EACCESS")

    def test_damage_is_an_error(self):
        """Bytes of the registry change at random. Only the reader looks at it then."""
        with Program() as program:
            program.do("count 1")
        with open(FILE, "r+b") as file:
            label = file.read(4096)
            file.seek(0)
            file.write(b"X")
            file.flush()
            self.assertIn("another version", show()[2].replace("of another", "another"))
            file.seek(0)
            file.write(label)
            file.seek(4096)
            directory = file.read(40000)
        seed = random.randrange(1 << 32)
        print(f"seed {seed}", flush=True)
        chance = random.Random(seed)
        for _ in range(100):
            damaged = bytearray(directory)
            for _ in range(20):
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
            with open(FILE, "r+b") as file:
                file.seek(4096)
                file.write(damaged)
            status, _, error = show()
            self.assertIn(status, (0, 1, 2), error)

    def test_usage(self):
        for arguments, said in ((["--shared"], "--shared needs a NAME"),
                                (["--shared", NAME, "file"], "one FILE")):
            result = subprocess.run([SEXTANT, "show", *arguments], capture_output=True, text=True,
                                    check=False)
            self.assertEqual(result.returncode, 2)
            self.assertIn(said, result.stderr)
        out = subprocess.check_output([SEXTANT, "--help"], text=True)
        self.assertIsNotNone(re.search(r"sextant show --shared NAME", out))


if __name__ == "__main__":
    unittest.main()
