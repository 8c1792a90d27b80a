"""A short run of soak.py, and that it finds what is wrong."""
import random
import unittest

from soak import ABORTED, REQUESTS, SCRAPE, Floor, Page, Soak, Tally, Wrong, faults_of, faults_of_gauges

PHASE_SECONDS = 2

PAGE = """# TYPE http_requests_total counter
http_requests_total{{method="GET",handler="a",code="200"}} {requests}
http_requests_total{{method="GET",handler="prometheus.sx_expose_metrics",code="200"}} 1
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{{method="GET",handler="a",le="+Inf"}} {requests}
http_request_duration_seconds_sum{{method="GET",handler="a"}} {requests}
http_request_duration_seconds_count{{method="GET",handler="a"}} {durations}
# TYPE http_requests_aborted_total counter
http_requests_aborted_total{{method="GET",handler="a",phase="response"}} {aborted}
# TYPE http_requests_inprogress gauge
http_requests_inprogress{{method="GET",handler="a"}} {inprogress}
"""


def page(requests, aborted=0, inprogress=0, durations=None):
    durations = requests if durations is None else durations
    return Page(PAGE.format(requests=requests, aborted=aborted, inprogress=inprogress, durations=durations), False)


class Judgement(unittest.TestCase):
    """Of pages that were made up, as the app has no such faults."""

    def count(self, certain, maybe, counted, is_exact, **page_options):
        tally = Tally()
        tally.certain[REQUESTS, "GET", "a", "200"] = certain
        tally.maybe[REQUESTS, "GET", "a"] = maybe
        tally.sent["GET", "a"] = certain + maybe
        return faults_of(tally, page(10), page(10 + counted, **page_options), is_exact)

    def test_counts_are_exact_where_clients_know(self):
        self.assertEqual(self.count(5, 0, 5, True), [])
        self.assertEqual(len(self.count(5, 0, 4, True)), 1)
        self.assertEqual(len(self.count(5, 0, 6, True)), 2)
        self.assertEqual(self.count(5, 1, 6, True), [])
        self.assertEqual(len(self.count(5, 1, 7, True)), 1)
        self.assertEqual(len(self.count(5, 0, 5, True, aborted=1)), 2)
        self.assertEqual(len(self.count(5, 0, 5, True, durations=14)), 1)

    def test_after_kills_counts_are_between_answered_and_sent(self):
        for counted, faults in ((4, 1), (5, 0), (7, 0), (8, 1)):
            self.assertEqual(len(self.count(5, 2, counted, False)), faults, counted)
        self.assertEqual(self.count(5, 2, 5, False, aborted=7), [])
        self.assertEqual(len(self.count(5, 2, 5, False, aborted=8)), 1)
        self.assertEqual(ABORTED, "http_requests_aborted_total")

    def test_nothing_decreases(self):
        floor = Floor()
        floor.compare(floor.snapshot(False), page(5))
        before = floor.snapshot(False)
        floor.compare(before, page(7))
        floor.compare(before, page(6))  # the two scrapes were at the same time
        with self.assertRaisesRegex(Wrong, r'- http_requests_total.* 7\n\+ http_requests_total.* 6\n'):
            floor.compare(floor.snapshot(False), page(6))
        with self.assertRaisesRegex(Wrong, r'_count.* 7\n\+ .*_count.* 6\n'):
            floor.compare(floor.snapshot(False), page(8, durations=6))
        with self.assertRaisesRegex(Wrong, r"\(no line\)"):
            floor.compare(floor.snapshot(False), Page("", False))

    def test_gauges_are_those_of_an_idle_app(self):
        self.assertEqual(faults_of_gauges(page(1)), [])
        self.assertEqual(len(faults_of_gauges(page(1, inprogress=1))), 1)
        self.assertEqual(SCRAPE, ("GET", "prometheus.sx_expose_metrics"))

    def test_pages_are_checked(self):
        page(1).check()
        with self.assertRaisesRegex(Wrong, "no negative gauge"):
            page(1, inprogress=-1).check()
        with self.assertRaisesRegex(Wrong, "count-differs"):
            page(2, durations=1).check()


class Short(unittest.TestCase):
    def test_the_page_tells_the_truth_whatever_happens(self):
        with Soak(random.randrange(1 << 32)) as soak:
            soak.run(0, PHASE_SECONDS)  # one phase of kills between two exact ones
            self.assertGreater(soak.numbers["kills"], 0)
            self.assertGreater(soak.numbers["reloads"], 0)
            self.assertGreater(soak.numbers["scrapes"], 0)


if __name__ == "__main__":
    unittest.main()
