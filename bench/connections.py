"""What a connection, a TLS handshake and a small file cost, beside nginx with one worker.

CPU microseconds of a request; every ratio is the median of turns in which both have the same load.
"""
import collections
import contextlib
import os
import statistics
import tempfile

import engine

FILE_BYTES = 1024
COST_OF_NGINX = 1.1

CASES = {
    "connection": ("a connection for each request", {"closes": True, "path": "/"}),
    "handshake": ("a TLS handshake for each request, sessions resumed", {"closes": True, "path": "/"}),
    "file": (f"a file of {FILE_BYTES:,} bytes, connections kept", {"path": "/file"}),
}


@contextlib.contextmanager
def servers(build, nginx, tls):
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        os.chmod(folder, 0o755)
        with open(os.path.join(folder, "file"), "w", encoding="ascii") as out:
            out.write("x" * FILE_BYTES)
        certificate = engine.make_certificate(folder) if tls else None
        options = ["--certificate", certificate[0], "--key", certificate[1]] if tls else []
        program = os.path.abspath(os.path.join(build, "bench", "mixed"))
        ours = engine.Server([program, "run", "--listen", ("https://" if tls else "") + "127.0.0.1:0",
                              *options], folder=folder)
        stack.callback(ours.stop)
        yield ours, stack.enter_context(engine.serve_nginx(nginx, 1, folder, certificate))


def report(build, rounds, seconds):
    """The results, and tables of what was measured and of the bars."""
    nginx = engine.find_nginx(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    if nginx is None:
        return [], []
    runs = collections.defaultdict(lambda: ([], []))
    for tls in (False, True):
        with servers(build, nginx, tls) as both:
            for _ in range(rounds * 2 * seconds):
                for name, (_, options) in CASES.items():
                    if tls == (name == "handshake"):
                        for server, costs in zip(both, runs[name]):
                            costs.append(server.cpu_us(1, **options))
    results = []
    table = [["CPU of a request, us", "ours", "nginx, 1 worker", "ratio"]]
    bars = [["bar", "limit", "is", ""]]
    for name, (title, _) in CASES.items():
        ours, theirs = runs[name]
        ratio = engine.in_turns(ours, theirs)
        table.append([title, f"{statistics.median(ours):.1f}", f"{statistics.median(theirs):.1f}", f"{ratio:.2f}"])
        bars.append([title, f"<= {COST_OF_NGINX:.2f}", f"{ratio:.2f}", "holds" if ratio <= COST_OF_NGINX else "MISSED"])
        results.append({"name": f"{name}_cpu", "value": round(statistics.median(ours), 2), "unit": "us"})
        results.append({"name": f"{name}_cost_vs_nginx", "value": round(ratio, 3), "unit": "x"})
    return results, [table, bars]
