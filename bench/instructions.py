#!/usr/bin/env python3
"""Counts instructions and compares them with instructions.txt: instructions.py BUILD [--update]

Each case runs N times and 2 N times under callgrind; the difference divided by N is the cost of one.
Instructions in the kernel do not count. How often a server's threads wake up differs from run to run,
so a request of hello counts from the moment that a thread owns its client until it releases the
client (sx__turn_take), and the client pauses, so that each request is a turn of its own. A case that
differs from the table by more than 3 % fails, in either direction. --update writes the table again:
commit it with a reason. Counts depend on the compiler, so the table names one; with another one the exit code is 77 (skipped).
"""
import os
import re
import signal
import socket
import subprocess
import sys
import time

from engine import HEADERS

TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "instructions.txt")
ROOM = 0.03
CALLGRIND = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
TURN = "--toggle-collect=sx__turn_take"
PAUSE_SECONDS = 0.003  # longer than a turn takes under callgrind
CASES = {  # N is large enough that two runs of a case differ by about 1 % at most
    "hello_curl": 300,
    "hello_browser": 300,
    "counter_inc": 1000000,
    "histogram_observe": 200000,
    "look_up": 50000,
    "scrape_series": 50000,
}


def start(command, *options):
    return subprocess.Popen([*CALLGRIND, *options, *command], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def collected(process):
    """Waits for the process; the number of its instructions."""
    errors = process.communicate(timeout=60)[1]
    match = re.search(r"Collected : (\d+)", errors)
    if process.returncode != 0 or match is None:
        sys.exit(f"instructions: {' '.join(process.args)} gave {process.returncode}:\n{errors}")
    return int(match.group(1))


def run_hello(build, client, times):
    """The example from start to stop, with a client that sends one request after another."""
    server = start([os.path.join(build, "examples", "hello"), "run", "--listen", "127.0.0.1:0"], TURN)
    match = re.search(r"http://127\.0\.0\.1:(\d+)", server.stdout.readline())
    if match is None:
        return collected(server)
    lines = ["GET / HTTP/1.1", f"Host: 127.0.0.1:{match.group(1)}", *HEADERS[client], "", ""]
    request = "\r\n".join(lines).encode()
    with socket.create_connection(("127.0.0.1", int(match.group(1))), timeout=30) as connection:
        for _ in range(times):
            connection.sendall(request)
            response = connection.recv(4096)
            if not response.endswith(b'\r\n\r\n{"hello":"world"}'):
                sys.exit(f"instructions: hello answered {response}")
            time.sleep(PAUSE_SECONDS)
    server.send_signal(signal.SIGTERM)
    return collected(server)


def run(build, case, times):
    if case.startswith("hello_"):
        return run_hello(build, case[len("hello_"):], times)
    return collected(start([os.path.join(build, "bench", "instructions"), case, str(times)]))


def compiler():
    """The compiler of the preset gcc: name, version, machine."""
    tell = [subprocess.check_output(["gcc", option], text=True).strip()
            for option in ("-dumpfullversion", "-dumpmachine")]
    return " ".join(["gcc", *tell])


def read_table():
    with open(TABLE) as file:
        lines = [line.split(None, 1) for line in file if line.strip() and line[0] != "#"]
    return {name: value.strip() for name, value in lines}


def write_table(counts):
    with open(TABLE, "w") as file:
        file.write("# Instructions outside of the kernel; `scripts/check instructions --update` "
                   "writes this file.\n")
        file.write(f"compiler {compiler()}\n")
        for case, count in counts.items():
            file.write(f"{case} {count:.1f}\n")


def main():
    build, update = sys.argv[1], sys.argv[2:] == ["--update"]
    table = {} if update else read_table()
    if not update and table["compiler"] != compiler():
        print(f"the table is of {table['compiler']}, but this is {compiler()}")
        return 77
    counts, failed = {}, False
    for case, times in CASES.items():
        counts[case] = (run(build, case, 2 * times) - run(build, case, times)) / times
        before = float(table.get(case, counts[case]))
        differs = abs(counts[case] / before - 1) > ROOM
        failed = failed or differs
        print(f"{case:18} {counts[case]:9.1f}  in the table {before:9.1f}"
              f"{'  differs by more than 3 %' if differs else ''}", flush=True)
    if update:
        write_table(counts)
    elif failed:
        print("If this is meant: scripts/check instructions --update, and commit the table with the "
              "reason.")
    return failed


if __name__ == "__main__":
    sys.exit(main())
