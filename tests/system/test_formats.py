"""Every format of a random registry gives back what went in, to readers that are not ours.

random_pages.c fills the registries. Text is read by Python's prometheus_client, and judged by
promtool; OpenMetrics by prometheus_client's strict parser; protobuf by protobuf_page.py.
"""
import functools
import math
import os
import re
import subprocess
import time
import unittest

import protobuf_page
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics_families,
)
from prometheus_client.parser import text_string_to_metric_families
from system import BUILD, promtool_check

PROGRAM = os.path.join(BUILD, "tests", "random_pages")
SEEDS = range(1, 51)
STATES = ["on", "off", 'stand "by"'] # of random_pages.c
TEXT, TEXT_1_0_0, OPENMETRICS, PROTOBUF = range(4)


def unhex(text):
    return bytes.fromhex(text).decode("utf-8")


def labels_key(labels):
    return tuple(sorted(labels.items()))


def same(a, b):
    return float(a) == b or (math.isnan(a) and math.isnan(b))


# The escaping schemes, by their numbers in enum sx_escaping.
UNDERSCORES, DOTS, VALUES, ALLOW_UTF_8 = range(1, 5)


def is_legacy(name, is_label):
    return re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*" if is_label else "[a-zA-Z_:][a-zA-Z0-9_:]*", name)


def escape(name, scheme, is_label=False):
    """Prometheus "Escaping schemes", as prometheus/common implements them, for names of labels with
    the characters of labels."""
    if scheme == ALLOW_UTF_8 or (scheme != DOTS and is_legacy(name, is_label)):
        return name
    escaped = "U__" if scheme == VALUES else ""
    for i, char in enumerate(name):
        if char == "_" and scheme != UNDERSCORES:
            escaped += "__"
        elif is_legacy(("a" if i > 0 else "") + char, is_label):
            escaped += char
        elif scheme == UNDERSCORES:
            escaped += "_"
        elif scheme == DOTS:
            escaped += "_dot_" if char == "." else "__"
        else:
            escaped += f"_{ord(char):x}_"
    return escaped


def unescape_values(name):
    """The opposite of escape() with VALUES."""
    if not name.startswith("U__"):
        return name
    return re.sub("__|_([0-9a-f]+)_",
                  lambda match: chr(int(match[1], 16)) if match[1] else "_", name[3:])


class Series:
    """What was done to a series: its value, or of a histogram the buckets, and all exemplars."""

    def __init__(self, numbers):
        self.counts = [int(number) for number in numbers[:-1]]
        self.value = float.fromhex(numbers[-1]) # of a histogram or summary the sum
        self.values, self.exemplars = [], []

    def read_values(self, words, is_counter):
        for word in words:
            number, _, trace = word.partition("@")
            self.values.append(float.fromhex(number))
            if trace and (not is_counter or self.values[-1] > 0): # nothing is added, nothing shown
                self.exemplars.append(({"trace_id": unhex(trace)}, float.fromhex(number)))

    def quantile(self, quantile):
        rank = math.ceil(quantile * len(self.values))
        return sorted(self.values)[max(rank, 1) - 1] if self.values else math.nan

    def cumulative(self):
        return [sum(self.counts[:i + 1]) for i in range(len(self.counts))]


class Family:
    def __init__(self, line):
        _, self.kind, self.name, self.unit, text, *bounds = line.split(" ")
        self.type = "histogram" if self.kind in ("both", "native") else self.kind
        self.help = unhex(text[1:])
        # Text 0.0.4 and protobuf have fewer types.
        self.text_type = "gauge" if self.kind in ("info", "stateset") else self.type
        self.protobuf_type = "untyped" if self.kind == "unknown" else self.text_type
        self.bounds = [float.fromhex(bound) for bound in bounds] + [math.inf]
        self.series = {}

    def newest(self, series):
        """The exemplar of each bucket, by its bound."""
        found = {}
        for labels, value in series.exemplars:
            bound = next(bound for bound in self.bounds if value <= bound)
            found[bound] = (labels, value)
        return found


@functools.cache
def printed(*arguments):
    return subprocess.check_output([PROGRAM, *map(str, arguments)])


def model(seed, scheme=UNDERSCORES):
    """What random_pages.c put into the registry: families by name; series by their labels. All
    names are escaped."""
    lines = printed(seed).decode("utf-8").splitlines()
    constant, families = {}, {}
    for line in lines:
        if line.startswith("C "):
            name, value = line[2:].split("=")
            constant = {escape(name, scheme, True): unhex(value)}
        elif line.startswith("F "):
            family = Family(line)
            state_label = escape(family.name, scheme, True)
            family.name = escape(family.name, scheme)
            families[family.name] = family
        elif line.startswith("V"):
            series.read_values(line[1:].split(), family.type == "counter")
        else:
            labels, numbers = line[1:].split("|")
            pairs = dict(label.split("=") for label in labels.split())
            labels = {escape(name, scheme, True): unhex(value) for name, value in pairs.items()}
            if family.kind == "stateset": # a series for each state
                for state, number in zip(STATES, numbers.split()):
                    series = Series([number])
                    family.series[labels_key({**constant, state_label: state})] = series
                continue
            series = Series(numbers.split())
            family.series[labels_key({**constant, **labels})] = series
    return families


def page(seed, page_format, escaping=0):
    return printed(seed, page_format, escaping)


def native_index(value, schema):
    """The bucket of a positive number: (2^((i - 1) / 2^schema), 2^(i / 2^schema)]."""
    mantissa, exponent = math.frexp(value)
    if mantissa == 0.5: # a power of two; everything else is far from a bound
        return math.ceil((exponent - 1) * 2.0**schema)
    return math.ceil(math.log2(value) * 2.0**schema)


class Formats(unittest.TestCase):
    # ---- text ----

    def parsed(self, families, found):
        """What a parser of prometheus_client found, by the names of the registry: the family, and
        by labels its samples, each by its bound, or by its suffix."""
        read = {}
        for family in found:
            name = family.name
            if name not in families: # the parsers name a counter and an info without it
                name += "_total" if family.type == "counter" else "_info"
            self.assertNotIn(name, read)
            series = {}
            for sample in family.samples:
                labels = dict(sample.labels)
                bound = labels.pop("le", labels.pop("quantile", None))
                part = sample.name[len(family.name):] if bound is None else float(bound)
                samples = series.setdefault(labels_key(labels), {})
                self.assertNotIn(part, samples)
                samples[part] = sample
            read[name] = (family, series)
        self.assertEqual(sorted(read), sorted(families))
        return read

    def compare_text(self, families, read, is_openmetrics):
        for name, family in families.items():
            found, all_samples = read[name]
            self.assertEqual(found.type, family.type if is_openmetrics else family.text_type)
            if is_openmetrics:
                self.assertEqual((found.documentation, found.unit), (family.help.rstrip("\r"), family.unit))
            else: # the parser strips it
                self.assertEqual(found.documentation.strip(), family.help.strip())
            self.assertEqual(sorted(all_samples), sorted(family.series), name)
            for key, series in family.series.items():
                samples = all_samples[key]
                if family.type == "histogram":
                    self.compare_histogram(family, series, samples, is_openmetrics)
                elif family.type == "summary":
                    self.compare_summary(family, series, {part: sample.value for part, sample in
                                                          samples.items()}, is_openmetrics)
                else:
                    # The parser of text appends the suffix where it is missing.
                    suffix = "_total" if family.type == "counter" else ""
                    if family.type == "info" and is_openmetrics:
                        suffix = "_info"
                    self.assertEqual(list(samples), [suffix])
                    self.assertTrue(same(samples[suffix].value, series.value), name)

    def compare_summary(self, family, series, found, is_openmetrics):
        """OpenMetrics has no negative sums and quantiles."""
        self.assertEqual(found.pop("_count"), series.counts[0])
        if not is_openmetrics or series.value >= 0:
            self.assertEqual(found.pop("_sum"), series.value)
        expected = {quantile: series.quantile(quantile) for quantile in family.bounds[:-1]}
        if is_openmetrics:
            expected = {quantile: value for quantile, value in expected.items() if not value < 0}
        self.assertEqual(list(found), list(expected))
        for quantile, value in expected.items():
            # The absolute values differ by less than 2^42. For each sign, a bucket is at most 18.9 %
            # wide then.
            self.assertTrue(same(found[quantile], value) or
                            abs(found[quantile] - value) <= 0.0865 * abs(value), (quantile, value))

    def compare_histogram(self, family, series, samples, is_openmetrics):
        expected = dict(zip(family.bounds, series.cumulative()))
        if not is_openmetrics or family.bounds[0] >= 0:
            expected["_sum"] = series.value
            expected["_count"] = sum(series.counts)
        self.assertEqual({part: sample.value for part, sample in samples.items()}, expected)

    def compare_exemplars(self, families, read):
        """All exemplars that OpenMetrics can show."""
        for name, family in families.items():
            for key, series in family.series.items():
                found = {part: (sample.exemplar.labels, float(sample.exemplar.value))
                         for part, sample in read[name][1][key].items() if sample.exemplar}
                for sample in read[name][1][key].values():
                    if sample.exemplar:
                        self.assertLess(abs(float(sample.exemplar.timestamp) - time.time()), 3600)
                if family.type not in ("counter", "histogram"):
                    self.assertEqual(found, {})
                elif family.type == "counter":
                    expected = {"_total": series.exemplars[-1]} if series.exemplars else {}
                    self.assertEqual(found, expected)
                elif family.kind == "native": # one of them, as all have nearly the same time
                    self.assertEqual(len(found), min(1, len(series.exemplars)))
                    for exemplar in found.values():
                        self.assertIn(exemplar, series.exemplars)
                else:
                    self.assertEqual(found, family.newest(series))

    def test_text_is_read_by_prometheus_client_and_promtool(self):
        for seed in SEEDS:
            for page_format in (TEXT, TEXT_1_0_0):
                with self.subTest(seed=seed, format=page_format):
                    families, text = model(seed), page(seed, page_format)
                    found = text_string_to_metric_families(text.decode("utf-8"))
                    self.compare_text(families, self.parsed(families, found), False)
                    if seed % 10 == 0:
                        self.assertNotIn("error", promtool_check(text))

    def test_openmetrics_is_read_by_the_strict_parser(self):
        for seed in SEEDS:
            with self.subTest(seed=seed):
                families, text = model(seed), page(seed, OPENMETRICS).decode("utf-8")
                self.assertTrue(text.endswith("# EOF\n"))
                read = self.parsed(families, openmetrics_families(text))
                self.compare_text(families, read, True)
                self.compare_exemplars(families, read)

    def test_bounds_in_openmetrics_are_canonical(self):
        """OpenMetrics 1.0, "Considerations: Canonical Numbers"."""
        for seed in SEEDS:
            for line in page(seed, OPENMETRICS).decode("utf-8").split("\n"):
                if "_bucket{" in line and not line.startswith("#"):
                    bound = line.partition(" # {")[0].rpartition('le="')[2].partition('"')[0]
                    self.assertEqual(bound, canonical(float(bound)))

    # ---- protobuf ----

    def compare_protobuf(self, families, read):
        self.assertEqual(sorted(read), sorted(families))
        for name, family in families.items():
            kind, text, unit, all_series = read[name]
            self.assertEqual((kind, text, unit), (family.protobuf_type, family.help, family.unit))
            self.assertEqual(sorted(all_series), sorted(family.series), name)
            for key, series in family.series.items():
                value, exemplar = all_series[key]
                if family.type == "histogram":
                    self.compare_buckets(family, series, value)
                    continue
                if family.type == "summary":
                    count, total, quantiles = value
                    self.compare_summary(family, series,
                                         {"_count": count, "_sum": total, **quantiles}, False)
                else:
                    self.assertTrue(same(value, series.value), name)
                if family.type == "counter" and series.exemplars:
                    self.assertEqual(exemplar[:2], series.exemplars[-1])
                    self.assertLess(abs(exemplar[2] - time.time()), 3600)
                else:
                    self.assertIsNone(exemplar)

    def compare_buckets(self, family, series, read):
        self.assertEqual((read.count, read.sum), (sum(series.counts), series.value))
        exemplars = {bound: exemplar[:2] for bound, exemplar in read.bucket_exemplars.items()}
        if family.kind == "native":
            self.assertEqual((read.buckets, exemplars), ({}, {}))
            self.assertGreaterEqual(len(read.exemplars), min(1, len(series.exemplars)))
            for exemplar in read.exemplars:
                self.assertIn(exemplar[:2], series.exemplars)
        else:
            self.assertEqual(read.buckets, dict(zip(family.bounds, series.cumulative())))
            self.assertEqual((exemplars, read.exemplars), (family.newest(series), []))
        if family.kind == "histogram":
            self.assertIsNone(read.schema)
        else:
            self.compare_native(series, read)

    def compare_native(self, series, read):
        self.assertIn(read.schema, range(-4, 9))
        self.assertEqual(read.zero_threshold, 2.0**-128)
        expected = {1: {}, -1: {}}
        for value in series.values:
            if value != 0:
                counts = expected[math.copysign(1, value)]
                index = native_index(abs(value), read.schema)
                counts[index] = counts.get(index, 0) + 1
        self.assertEqual((read.positive, read.negative), (expected[1], expected[-1]))
        self.assertEqual(read.zero_count, series.values.count(0))

    def test_protobuf_is_read_by_a_decoder(self):
        for seed in SEEDS:
            with self.subTest(seed=seed):
                self.compare_protobuf(model(seed), protobuf_page.decode(page(seed, PROTOBUF)))

    # ---- escaping ----

    def test_each_scheme_escapes_names_in_protobuf(self):
        for seed in SEEDS:
            for scheme in (UNDERSCORES, DOTS, VALUES, ALLOW_UTF_8):
                with self.subTest(seed=seed, scheme=scheme):
                    read = protobuf_page.decode(page(seed, PROTOBUF, scheme))
                    self.compare_protobuf(model(seed, scheme), read)

    def test_each_scheme_escapes_names_in_openmetrics(self):
        for seed in SEEDS:
            for scheme in (UNDERSCORES, DOTS, VALUES):
                with self.subTest(seed=seed, scheme=scheme):
                    families = model(seed, scheme)
                    text = page(seed, OPENMETRICS, scheme).decode("utf-8")
                    for name, family in families.items():
                        if not name.removesuffix("_total").endswith("_" + family.unit):
                            family.unit = "" # the name, as it is escaped, does not end in it
                    read = self.parsed(families, openmetrics_families(text))
                    self.compare_text(families, read, True)

    def test_values_can_be_unescaped(self):
        for seed in SEEDS:
            original = model(seed, ALLOW_UTF_8)
            escaped = model(seed, VALUES)
            self.assertEqual([unescape_values(name) for name in escaped], list(original))

    def test_text_0_0_4_never_has_quoted_names(self):
        for seed in SEEDS:
            self.assertEqual(page(seed, TEXT, ALLOW_UTF_8), page(seed, TEXT, UNDERSCORES))
            self.assertEqual(page(seed, TEXT), page(seed, TEXT, UNDERSCORES))

    def test_quoted_names_are_those_that_need_it(self):
        for seed in SEEDS:
            names = set(model(seed, ALLOW_UTF_8))
            for page_format in (TEXT_1_0_0, OPENMETRICS):
                text = page(seed, page_format, ALLOW_UTF_8).decode("utf-8")
                found = set()
                for line in text.split("\n"):
                    if line.startswith("# TYPE "):
                        name, kind = line[len("# TYPE "):].rsplit(" ", 1)
                        bare = name.strip('"')
                        self.assertEqual(name == bare, bool(is_legacy(bare, False)))
                        suffix = {"counter": "_total", "info": "_info"}.get(kind, "")
                        found.add(bare if bare in names else bare + suffix)
                self.assertEqual(found, names)


def canonical(bound):
    """The bound as Go's %g writes it, with `.0` if there is no point or exponent."""
    if bound == math.inf:
        return "+Inf"
    exponent = int(f"{bound:e}".partition("e")[2])
    if bound == 0 or -5 < exponent < 6:
        return repr(bound)
    for precision in range(20):
        text = f"{bound:.{precision}e}"
        if float(text) == bound:
            return text
    return None


if __name__ == "__main__":
    unittest.main(verbosity=2)
