"""Every format of a random registry gives back what went in, to readers that are not ours.

random_pages.c fills the registries. Text is read by Python's prometheus_client, and judged by
promtool; OpenMetrics by prometheus_client's strict parser; protobuf by protobuf_page.py.
"""
import math
import os
import subprocess
import unittest

import protobuf_page
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics_families,
)
from prometheus_client.parser import text_string_to_metric_families
from system import BUILD, promtool_check

PROGRAM = os.path.join(BUILD, "tests", "random_pages")
SEEDS = range(1, 61)
TEXT, TEXT_1_0_0, OPENMETRICS, PROTOBUF = range(4)


def unhex(text):
    return bytes.fromhex(text).decode("utf-8")


class Family:
    def __init__(self, line):
        _, self.type, self.name, text, *bounds = line.split(" ")
        self.help = unhex(text[1:])
        self.bounds = [float.fromhex(bound) for bound in bounds] + [math.inf]
        self.series = {}


def model(seed):
    """What random_pages.c put into the registry: families by name; series by their labels."""
    lines = subprocess.check_output([PROGRAM, str(seed)], text=True).splitlines()
    constant, families = {}, {}
    for line in lines:
        if line.startswith("C "):
            name, value = line[2:].split("=")
            constant = {name: unhex(value)}
        elif line.startswith("F "):
            family = Family(line)
            families[family.name] = family
        else:
            labels, numbers = line[1:].split("|")
            pairs = dict(label.split("=") for label in labels.split())
            key = labels_key({**constant, **{name: unhex(value) for name, value in pairs.items()}})
            numbers = numbers.split()
            if family.type == "histogram":
                family.series[key] = ([int(number) for number in numbers[:-1]],
                                      float.fromhex(numbers[-1]))
            else:
                family.series[key] = float.fromhex(numbers[0])
    return families


def page(seed, page_format, escaping=0):
    return subprocess.check_output([PROGRAM, str(seed), str(page_format), str(escaping)])


def labels_key(labels):
    return tuple(sorted(labels.items()))


def same(a, b):
    return float(a) == b or (math.isnan(a) and math.isnan(b))


class Formats(unittest.TestCase):
    def compare(self, families, read, sum_is_optional=False, help_is_stripped=False):
        """`read` has, by family name: type, help, series as in the model (buckets cumulative)."""
        self.assertEqual(sorted(read), sorted(families))
        for name, family in families.items():
            kind, text, series = read[name]
            expected = family.help
            if help_is_stripped:
                text, expected = text.strip(), expected.strip()
            self.assertEqual((kind, text), (family.type, expected), name)
            self.assertEqual(sorted(series), sorted(family.series), name)
            for key, value in family.series.items():
                if family.type == "histogram":
                    self.compare_histogram(family, value, series[key], sum_is_optional)
                else:
                    self.assertTrue(same(series[key], value), (name, key, value, series[key]))

    def compare_histogram(self, family, value, read, sum_is_optional):
        counts, total = value
        cumulative = [sum(counts[:i + 1]) for i in range(len(counts))]
        buckets, read_count, read_sum = read
        self.assertEqual(buckets, dict(zip(family.bounds, cumulative)))
        if sum_is_optional and family.bounds[0] < 0:
            self.assertEqual((read_count, read_sum), (None, None))
        else:
            self.assertEqual((read_count, read_sum), (cumulative[-1], total))

    def parsed(self, families, found, total):
        """What one of prometheus_client's parsers found, in the form of compare()."""
        read = {}
        for family in found:
            name = family.name
            # The parsers name a counter without _total, whichever way the page has it.
            if family.type == "counter" and name not in families:
                name += "_total"
            series = {}
            for sample in family.samples:
                labels = dict(sample.labels)
                bound = labels.pop("le", None)
                key = labels_key(labels)
                if family.type != "histogram":
                    self.assertEqual(sample.name, family.name + (total if family.type == "counter" else ""))
                    self.assertNotIn(key, series)
                    series[key] = sample.value
                    continue
                buckets, count, total_sum = series.get(key, ({}, None, None))
                if bound is not None:
                    buckets[float(bound)] = sample.value
                elif sample.name.endswith("_count"):
                    count = sample.value
                else:
                    self.assertEqual(sample.name, family.name + "_sum")
                    total_sum = sample.value
                series[key] = (buckets, count, total_sum)
            read[name] = (family.type, family.documentation, series)
        return read

    def test_text_is_read_by_prometheus_client_and_promtool(self):
        for seed in SEEDS:
            for page_format in (TEXT, TEXT_1_0_0):
                with self.subTest(seed=seed, format=page_format):
                    families, text = model(seed), page(seed, page_format)
                    found = list(text_string_to_metric_families(text.decode("utf-8")))
                    read = self.parsed_text(families, found)
                    self.compare(families, read, help_is_stripped=True)
                    if seed % 10 == 0:
                        promtool_check(text)

    def parsed_text(self, families, found):
        """The text parser strips _total from the family's name only, and adds it to no sample."""
        for family in found:
            for i, sample in enumerate(family.samples):
                if family.type == "counter" and not sample.name.endswith("_total"):
                    family.samples[i] = sample._replace(name=sample.name + "_total")
        return self.parsed(families, found, "_total")

    def test_openmetrics_is_read_by_the_strict_parser(self):
        for seed in SEEDS:
            with self.subTest(seed=seed):
                families, text = model(seed), page(seed, OPENMETRICS).decode("utf-8")
                self.assertTrue(text.endswith("# EOF\n"))
                read = self.parsed(families, list(openmetrics_families(text)), "_total")
                self.compare(families, read, sum_is_optional=True)

    def test_bounds_in_openmetrics_are_canonical(self):
        """OpenMetrics 1.0, "Considerations: Canonical Numbers"."""
        for seed in SEEDS:
            for line in page(seed, OPENMETRICS).decode("utf-8").split("\n"):
                if "_bucket{" in line and not line.startswith("#"):
                    bound = line.rpartition('le="')[2].partition('"')[0]
                    self.assertEqual(bound, canonical(float(bound)))

    def test_protobuf_is_read_by_a_decoder(self):
        for seed in SEEDS:
            with self.subTest(seed=seed):
                self.compare(model(seed), protobuf_page.decode(page(seed, PROTOBUF)))

    def test_legacy_names_stay_under_each_escaping_but_dots(self):
        for seed in range(1, 6):
            for page_format in (TEXT, TEXT_1_0_0, OPENMETRICS, PROTOBUF):
                for escaping in (1, 3, 4):
                    self.assertEqual(page(seed, page_format, escaping), page(seed, page_format))

    def test_dots_double_the_underscores_of_every_name(self):
        for seed in range(1, 21):
            with self.subTest(seed=seed):
                families = {name.replace("_", "__"): family for name, family in model(seed).items()}
                for family in families.values():
                    family.series = {
                        labels_key({name.replace("_", "__"): value for name, value in key}): numbers
                        for key, numbers in family.series.items()
                    }
                self.compare(families, protobuf_page.decode(page(seed, PROTOBUF, 2)))


def canonical(bound):
    """The bound as Go's %g writes it, with `.0` if there is no point or exponent."""
    if bound == math.inf:
        return "+Inf"
    text = repr(bound)
    mantissa, _, exponent = f"{bound:e}".partition("e")
    if -5 < int(exponent) < 6 or bound == 0:
        return text if "." in text else text + ".0"
    digits = repr(bound)
    mantissa = f"{bound:.{len(digits)}e}".partition("e")[0].rstrip("0").rstrip(".")
    for precision in range(20):
        short = f"{bound:.{precision}e}"
        if float(short) == bound:
            return short
    return mantissa


if __name__ == "__main__":
    unittest.main(verbosity=2)
