#!/usr/bin/python3
"""The same work done by the Python client (prometheus_client); see measure.h.

Python's lock lets one thread run at a time: with two threads, both wait.
"""
import resource
import sys
import threading
import time

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

WINDOWS = 15
WINDOWS_MAX = 50
WINDOW_NS = 5e6
VALUES = 16384
CHILDREN = 1000
SERIES = 100000
SCRAPES = 1
ROWS_TOUCHED = 10
BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

values = []
picks = []
labels = [(f"METHOD{i % 5}", f"bench.handler_{i // 5 % 50}", str(200 + i // 5 // 50)) for i in range(CHILDREN)]


def fill():
    state = 12345
    for _ in range(VALUES):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        bucket = (state >> 16) % 15
        values.append(BUCKETS[bucket] * 0.99 if bucket < 14 else 11.0)
        picks.append((state >> 8) % CHILDREN)


def window(loop, threads, updates):
    """Nanoseconds of one window, as a thread sees them."""
    ready = threading.Barrier(threads)
    spent = []

    def run(thread):
        loop(thread, updates // 8 + 1)
        ready.wait()
        start = time.monotonic_ns()
        loop(thread, updates)
        spent.append(time.monotonic_ns() - start)

    workers = [threading.Thread(target=run, args=(i,)) for i in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(spent) / threads


def disturbances():
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def update(loop, threads):
    updates = 100
    wanted = WINDOWS
    for _ in range(WINDOWS_MAX):
        before = disturbances()
        ns = window(loop, threads, updates)
        disturbed = disturbances() != before
        if ns < WINDOW_NS / 2:
            updates *= 2
            continue
        print(f"update {ns / updates:.3f} {int(disturbed)}")
        wanted -= not disturbed
        if wanted == 0:
            break


def counter_loop(own):
    family = Counter("bench_total", "Updates.", ["worker"])
    counters = [family.labels("a"), family.labels("b")]

    def loop(thread, updates):
        counter = counters[thread * own]
        for _ in range(updates):
            counter.inc()

    return loop


def histogram_loop(own):
    family = Histogram("bench_seconds", "Values.", ["worker"], buckets=BUCKETS)
    histograms = [family.labels("a"), family.labels("b")]

    def loop(thread, updates):
        histogram = histograms[thread * own]
        for i in range(updates):
            histogram.observe(values[i & (VALUES - 1)])

    return loop


def requests(registry):
    return Counter("bench_requests_total", "Requests.", ["method", "handler", "code"], registry=registry)


def lookup_loop():
    family = requests(CollectorRegistry())
    for child in labels:
        family.labels(*child)

    def loop(_, updates):
        for i in range(updates):
            method, handler, code = labels[picks[i & (VALUES - 1)]]
            family.labels(method, handler, code).inc()

    return loop


def scrape():
    registry = CollectorRegistry()
    family = requests(registry)
    series = [family.labels("GET", f"bench.handler_{i}", "200") for i in range(SERIES)]
    for thread in range(ROWS_TOUCHED):
        for i, counter in enumerate(series):
            counter.inc(i * 37 + thread + 1)
    for i in range(SCRAPES + 1):
        start = time.process_time_ns()
        size = len(generate_latest(registry))
        if size < SERIES * 50:
            sys.exit("the page is too small")
        if i > 0:
            print(f"scrape {time.process_time_ns() - start} 0")


CASES = {
    "counter_1": lambda: update(counter_loop(0), 1),
    "counter_2_same": lambda: update(counter_loop(0), 2),
    "counter_2_own": lambda: update(counter_loop(1), 2),
    "histogram_1": lambda: update(histogram_loop(0), 1),
    "histogram_2_same": lambda: update(histogram_loop(0), 2),
    "histogram_2_own": lambda: update(histogram_loop(1), 2),
    "lookup_1": lambda: update(lookup_loop(), 1),
    "lookup_2": lambda: update(lookup_loop(), 2),
    "scrape": scrape,
}

if len(sys.argv) != 2 or sys.argv[1] not in CASES:
    print("usage: python CASE; see bench/run", file=sys.stderr)
    sys.exit(2)
fill()
CASES[sys.argv[1]]()
