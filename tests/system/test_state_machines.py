"""The tables of states in docs/architecture.md are those of the code."""
import os
import re
import unittest

SOURCE = os.environ["SX_SOURCE"]


def read(path):
    with open(os.path.join(SOURCE, path), encoding="utf-8") as file:
        return file.read()


def rows(header):
    """The rows of the table of docs/architecture.md that has this header."""
    table = read("docs/architecture.md").split(header + "\n", 1)[1].split("\n\n", 1)[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[1:]]


def following(cell):
    return sorted(re.findall(r"→ ([A-Z]+)", cell))


def enumerators(path, prefix):
    """The states of an enum, and not other names that begin alike."""
    body = re.search(rf"enum \w+ {{([^}}]*{prefix}[^}}]*)}};", read(path)).group(1)
    return re.findall(rf"^\s*{prefix}([A-Z]+)", body, re.M)


class StateMachines(unittest.TestCase):
    def test_the_phases_of_a_connection(self):
        source = read("src/http/connection.c")
        code = {
            phase: (step.lower(), sorted(re.findall(r"TO\((\w+)\)", to)))
            for phase, step, to in re.findall(
                r"\[SX__PHASE_(\w+)\] =\s*{SX__NEXT_(\w+),\s*([^}]*)}", source)
        }
        docs = {
            phase: (step, following(ends))
            for phase, step, _, ends in rows(
                "| phase | waits for | deadline | ends with |")
        }
        self.assertEqual(docs, code)
        self.assertEqual(list(docs), enumerators("src/http/connection.h", "SX__PHASE_"))

    def test_the_deadlines_of_the_phases(self):
        source = read("src/http/connection_deadline.c")
        table = re.search(r"timeouts_ms\[\] = {(.*?)};", source, re.S).group(1)
        code = {
            phase: set(re.findall(r"options->(\w+)", limit)) | set(re.findall(r"[A-Z_]{5,}", limit))
            for phase, limit in re.findall(r"\[SX__PHASE_(\w+)\] = ([^,]*),", table)
        }
        for phase, _, deadline, _ in rows("| phase | waits for | deadline | ends with |"):
            named = set(re.findall(r"`(\w+)`", deadline))
            self.assertTrue(code[phase] <= named, (phase, code[phase], named))

    def test_the_states_of_a_client(self):
        source = read("src/server/client_table.c")
        code = {
            state: sorted(re.findall(r"TO\((\w+)\)", to))
            for state, to in re.findall(r"\[SX__CLIENT_(\w+)\] = ([^,]*),", source)
        }
        docs = {state: following(ends)
                for state, _, ends in rows("| state | may use the record | ends with |")}
        self.assertEqual(docs, code)
        self.assertEqual(sorted(docs), sorted(enumerators("src/server/client_table.h", "SX__CLIENT_")))


if __name__ == "__main__":
    unittest.main(verbosity=2)
