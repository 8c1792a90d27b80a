"""How fast a page is parsed: Sextant beside Go's expfmt and the parsers of Python's prometheus_client.

All read the same page of 20,000 lines: counters, gauges and histograms of a service, in text 0.0.4
and in OpenMetrics. Python has a pure parser for both; expfmt has one for text. The figures are MB
of page for each second of processor time.
"""
import os
import statistics
import subprocess
import tempfile
import time

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as text_families

HANDLERS = 250
BOUNDS = ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "10.0", "+Inf"]


def head(name, kind, text, is_openmetrics):
    name = name.removesuffix("_total") if is_openmetrics else name
    return [f"# TYPE {name} {kind}", f"# HELP {name} {text}"]


def page(is_openmetrics):
    """The lines of a page, each list of samples with the same labels in both formats."""
    labels = [f'method="{method}",handler="/api/v1/resource{number}/{{id}}"'
              for number in range(HANDLERS) for method in ("GET", "POST")]
    lines = head("http_requests_total", "counter", "Requests answered.", is_openmetrics)
    for number, each in enumerate(labels):
        for code in (200, 201, 404, 500):
            lines.append(f'http_requests_total{{{each},code="{code}"}} {number * 7919 + code}')
    lines += head("http_request_duration_seconds", "histogram", "Time of requests.", is_openmetrics)
    for number, each in enumerate(labels):
        for place, bound in enumerate(BOUNDS):
            shown = bound if is_openmetrics or bound == "+Inf" else bound.removesuffix(".0")
            lines.append(f'http_request_duration_seconds_bucket{{{each},le="{shown}"}} '
                         f"{number * 10 + place * 3}")
        lines.append(f"http_request_duration_seconds_sum{{{each}}} {number * 0.7310585786300049 + 0.1}")
        lines.append(f"http_request_duration_seconds_count{{{each}}} {number * 10 + 33}")
    for name in range(100):
        lines += head(f"pool_{name}_busy_ratio", "gauge", "Part of the pool that is busy.", is_openmetrics)
        lines += [f'pool_{name}_busy_ratio{{worker="{worker}"}} {worker / 100 + name / 7:.6f}'
                  for worker in range(100)]
    return "\n".join(lines + (["# EOF"] if is_openmetrics else [])) + "\n"


def python_speed(families, text):
    start = time.process_time()
    assert sum(1 for _ in families(text)) > 0
    return len(text) / (time.process_time() - start) / 1e6


def speeds(*command):
    """{"parse": MB/s, ...} as the program prints it."""
    out = subprocess.check_output(command, text=True)
    return {name: float(value) for name, value in map(str.split, out.splitlines())}


def measure(bench, folder):
    """One round: {name: MB/s}."""
    found = {}
    for kind, families in (("text", text_families), ("openmetrics", openmetrics_families)):
        text = page(kind == "openmetrics")
        path = os.path.join(folder, kind)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        ours = speeds(os.path.join(bench, "parse"), path, kind)
        found[f"parse_{kind}"] = ours["parse"]
        found[f"check_{kind}"] = ours["check"]
        found[f"python_parse_{kind}"] = python_speed(families, text)
    golang = os.path.join(bench, "golang_parse")
    if os.path.exists(golang):
        found["golang_parse_text"] = speeds(golang, os.path.join(folder, "text"))["parse"]
    return found


def report(build, rounds):
    """(results, tables) for bench/run."""
    with tempfile.TemporaryDirectory() as folder:
        runs = [measure(os.path.join(build, "bench"), folder) for _ in range(rounds)]
    medians = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    results = [{"name": f"{name}_mb_per_second", "value": round(value, 2), "unit": "MB/s"}
               for name, value in medians.items()]
    table = [("reading a page, MB/s", "text 0.0.4", "OpenMetrics")]
    for title, name in (("Sextant's parser", "parse"), ("Sextant's checker", "check"),
                        ("Go's expfmt", "golang_parse"), ("Python's parsers", "python_parse")):
        cells = [medians.get(f"{name}_{kind}") for kind in ("text", "openmetrics")]
        if any(cells):
            table.append((title, *("-" if cell is None else f"{cell:.1f}" for cell in cells)))
    return results, [table]
