"""Sextant's metrics beside other Prometheus clients, each of which does the same work.

A side is a program that takes the name of a case and prints lines of `WHAT VALUE DISTURBED`; see
measure.h. A side that was not built, as its language is not there, is left out.
"""
import collections
import os
import statistics
import subprocess

SIDES = {
    "sextant": "metrics",
    "prometheus_cpp": "prometheus_cpp",
    "go": "golang",
    "rust": "rust",
    "python": "python.py",
}

# The case and what it prints; the name among the results; the title; the unit and its scale.
ROWS = [
    ("counter_1", "update", "counter_inc_1", "counter inc, 1 thread", "ns", 1),
    ("counter_2_same", "update", "counter_inc_2", "counter inc, 2 threads, same child", "ns", 1),
    ("counter_2_own", "update", "counter_inc_2_own", "counter inc, 2 threads, a child each", "ns", 1),
    ("histogram_1", "update", "histogram_observe_1", "histogram observe, 1 thread", "ns", 1),
    ("histogram_2_same", "update", "histogram_observe_2", "histogram observe, 2 threads, same child", "ns", 1),
    ("histogram_2_own", "update", "histogram_observe_2_own", "histogram observe, 2 threads, a child each", "ns", 1),
    ("native_1", "update", "native_observe_1", "native histogram observe, 1 thread", "ns", 1),
    ("native_classic_1", "update", "native_classic_observe_1", "the same with classic buckets, too", "ns", 1),
    ("exemplar_1", "update", "exemplar_observe_1", "histogram observe with an exemplar, 1 thread", "ns", 1),
    ("quantiles_1", "update", "quantiles_observe_1", "summary with 3 quantiles: observe, 1 thread", "ns", 1),
    ("quantiles_many", "scrape", "quantiles_scrape", "the same: scrape of each of 1,000", "ns", 1),
    ("quantiles_many", "bytes", "quantiles_bytes", "the same: memory of each, 1 thread writes", "bytes", 1),
    ("module_counter", "update", "counter_inc_module", "counter inc, 1 thread, in a module of dlopen", "ns", 1),
    ("module_histogram", "update", "histogram_observe_module", "histogram observe, 1 thread, in such a module", "ns", 1),
    ("gauge_1", "update", "gauge_inc_dec_1", "gauge inc and dec, 1 thread", "ns", 1),
    ("gauge_2", "update", "gauge_inc_dec_2", "gauge inc and dec, 2 threads, same gauge", "ns", 1),
    ("lookup_1", "update", "lookup_inc_1", "look-up by 3 labels and inc, 1 thread", "ns", 1),
    ("lookup_2", "update", "lookup_inc_2", "look-up by 3 labels and inc, 2 threads", "ns", 1),
    ("known_1", "update", "lookup_inc_known_1", "the same, 1 thread, lengths known", "ns", 1),
    ("large_100000", "by_values", "lookup_inc_100000", "look-up and inc, each of 100,000 series in turn", "ns", 1),
    ("large_100000", "by_handle", "handle_inc_100000", "the same by an array of handles", "ns", 1),
    ("large_1000000", "by_values", "lookup_inc_1000000", "look-up and inc, each of 1,000,000 series in turn", "ns", 1),
    ("large_1000000", "by_handle", "handle_inc_1000000", "the same by an array of handles", "ns", 1),
    ("scraping", "alone", "update_alone", "inc of 1,000 counters in turn", "ns", 1),
    ("scraping", "scraped", "update_scraped", "the same while a scraper loops", "ns", 1),
    ("scrape", "scrape", "scrape", "scrape of 100,000 counters", "ms", 1e6),
    ("scrape_openmetrics", "scrape", "scrape_openmetrics", "the same in OpenMetrics", "ms", 1e6),
    ("scrape_protobuf", "scrape", "scrape_protobuf", "the same in protobuf", "ms", 1e6),
    ("scrape_gzip", "scrape", "scrape_gzip", "the same in text, compressed with gzip", "ms", 1e6),
    ("rows_64", "scrape", "scrape_64_rows", "scrape of 100,000 counters of 64 threads", "ms", 1e6),
    ("ended_64", "scrape", "scrape_64_ended", "the same when the threads have ended", "ms", 1e6),
    ("create", "longest_us", "longest_creation", "longest of 1,000,000 creations", "us", 1),
    ("create", "longest_touch_us", "longest_touch", "longest of 1,000,000 first writes of such memory", "us", 1),
    ("churn", "before", "scrape_before_churn", "scrape of 1,000 counters", "us", 1e3),
    ("churn", "after", "scrape_after_churn", "the same after 6,000,000 others were removed", "us", 1e3),
    ("register_1000", "register", "register_1000", "registering each of 1,000 counters", "ns", 1),
    ("register_10000", "register", "register_10000", "registering each of 10,000 counters", "ns", 1),
    ("million_1", "create", "million_create", "making one of 1,000,000 series", "ns", 1),
    ("million_1", "scrape", "million_scrape", "scrape of 1,000,000 counters", "ms", 1e6),
    ("million_1", "bytes", "million_bytes", "memory of a series, 1 thread writes", "bytes", 1),
    ("million_8", "bytes", "million_bytes_8", "memory of a series, 8 threads write", "bytes", 1),
    ("million_8", "scrape", "million_scrape_8", "scrape of 1,000,000, 8 threads wrote", "ms", 1e6),
]

# What the other sides do not do: a scraper beside updates is a ratio to ourselves, the others keep
# nothing for a thread, and a million children are too many for Python. The cases of how cost grows are
# ours only.
OTHERS = {"prometheus_cpp", "go", "rust", "python"}
SKIPPED = {
    "native_1": OTHERS - {"go"},
    "native_classic_1": OTHERS - {"go"},
    "exemplar_1": OTHERS - {"go"},
    "quantiles_1": OTHERS - {"go", "prometheus_cpp"},
    "quantiles_many": OTHERS,
    "scrape_openmetrics": OTHERS - {"go"},
    "scrape_protobuf": OTHERS - {"go"},
    "scrape_gzip": OTHERS - {"go"},
    "gauge_1": {"python"},
    "gauge_2": {"python"},
    "known_1": OTHERS,
    "large_100000": OTHERS,
    "large_1000000": OTHERS,
    "rows_64": OTHERS,
    "ended_64": OTHERS,
    "create": OTHERS,
    "churn": OTHERS,
    "module_counter": OTHERS,
    "module_histogram": OTHERS,
    "register_1000": OTHERS,
    "register_10000": OTHERS,
    "scraping": {"go", "rust", "python"},
    "million_1": {"python"},
    "million_8": {"prometheus_cpp", "go", "rust", "python"},
}

# A million series take the others two minutes a round, and no bar needs them.
LONG_CASE = "million_1"
LONG_ROUNDS = 1

# The bar, and two results of which the first must be at least so many times the second.
BARS = [
    (1.5, "counter_inc_1_rust", "counter_inc_1"),
    (10, "counter_inc_2_rust", "counter_inc_2"),
    (1.3, "histogram_observe_1_rust", "histogram_observe_1"),
    (10, "histogram_observe_2_rust", "histogram_observe_2"),
    (1 / 2, "histogram_observe_1", "native_observe_1"),
    (1 / 6, "histogram_observe_1", "exemplar_observe_1"),
    (1 / 1.2, "native_observe_1", "quantiles_observe_1"),
    (1 / 1.2, "gauge_inc_dec_1", "gauge_inc_dec_2"),
    (10, "gauge_inc_dec_2_rust", "gauge_inc_dec_2"),
    (1 / 0.65, "lookup_inc_1_rust", "lookup_inc_1"),
    (1 / 0.55, "lookup_inc_1_rust", "lookup_inc_known_1"),
    (1 / 1.3, "handle_inc_100000", "lookup_inc_100000"),
    (1 / 1.3, "handle_inc_1000000", "lookup_inc_1000000"),
    (1, "lookup_inc_2_rust", "lookup_inc_2"),
    (1 / 1.2, "counter_inc_1", "counter_inc_2"),
    (1 / 1.2, "counter_inc_1", "counter_inc_2_own"),
    (1 / 1.2, "histogram_observe_1", "histogram_observe_2"),
    (1 / 1.2, "histogram_observe_1", "histogram_observe_2_own"),
    (1 / 1.2, "lookup_inc_1", "lookup_inc_2"),
    (80, "scrape_prometheus_cpp", "scrape"),
    (20, "scrape_go", "scrape"),
    (20, "scrape_openmetrics_go", "scrape_openmetrics"),
    (20, "scrape_protobuf_go", "scrape_protobuf"),
    (1 / 1.2, "scrape_before_churn", "scrape_after_churn"),
    (1 / 1.3, "register_1000", "register_10000"),
    (0.8, "update_alone", "update_scraped"),
]


def run(command, case):
    """For each thing printed, the median of the undisturbed windows, or of all where none was."""
    found = collections.defaultdict(lambda: ([], []))
    for line in subprocess.check_output([*command, case], text=True).splitlines():
        what, value, disturbed = line.split()
        found[what][int(disturbed)].append(float(value))
    return {what: (statistics.median(good or bad), bool(good)) for what, (good, bad) in found.items()}


def measure(bench, rounds):
    """Runs all sides of a case one after the other, and that `rounds` times."""
    here = os.path.dirname(os.path.abspath(__file__))
    programs = {side: os.path.join(here if name.endswith(".py") else bench, name) for side, name in SIDES.items()}
    programs = {side: path for side, path in programs.items() if os.path.exists(path)}
    runs = collections.defaultdict(list)
    for done in range(rounds):
        for case in dict.fromkeys(row[0] for row in ROWS):
            is_long = case == LONG_CASE and (rounds == 1 or done >= LONG_ROUNDS)
            for side, path in programs.items():
                if side not in SKIPPED.get(case, ()) and (side == "sextant" or not is_long):
                    for what, value in run([path], case).items():
                        runs[case, what, side].append(value)
    return {key: median_of_runs(values) for key, values in runs.items()}, list(programs)


def median_of_runs(values):
    """Runs that had an undisturbed window count, where there are any."""
    good = [value for value, undisturbed in values if undisturbed]
    return statistics.median(good or [value for value, _ in values])


def report(bench, rounds):
    """The results, a table of all sides, and one of the bars."""
    medians, sides = measure(bench, rounds)
    results = []
    table = [["", "unit"] + sides]
    for case, what, name, title, unit, scale in ROWS:
        cells = {side: medians[case, what, side] / scale for side in sides if (case, what, side) in medians}
        for side, value in cells.items():
            own = side == "sextant"
            results.append({"name": name if own else f"{name}_{side}", "value": round(value, 3), "unit": unit})
            if not own:
                ratio = round(value / cells["sextant"], 2)
                gain = "saving" if unit == "bytes" else "speedup"
                results.append({"name": f"{name}_{gain}_vs_{side}", "value": ratio, "unit": "x"})
        table.append([title, unit] + [figure(cells.get(side)) for side in sides])
    return results, table, bars(results)


def figure(value):
    if value is None:
        return ""
    return f"{value:.3g}" if value < 100 else f"{value:,.0f}"


def bars(results):
    values = {result["name"]: result["value"] for result in results}
    table = [["bar", "at least", "is", ""]]
    for least, reference, ours in BARS:
        if reference in values and ours in values:
            ratio = values[reference] / values[ours]
            table.append([f"{reference} / {ours}", f"{least:.2f}", f"{ratio:.2f}", "holds" if ratio >= least else "MISSED"])
    return table
