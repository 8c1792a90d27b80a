"""examples/plugin_host: the metrics of plugins that are loaded and unloaded are on the host's page."""
import os
import subprocess
import unittest

from prometheus_client.parser import text_string_to_metric_families

from system import BUILD

HOST = os.path.join(BUILD, "examples", "plugin_host")
WORDS = os.path.join(BUILD, "examples", "words.so")


class PluginHost(unittest.TestCase):
    def run_host(self, *lines, errors=""):
        """What the host prints, as one dict of values for each page."""
        run = subprocess.run([HOST], input="".join(line + "\n" for line in lines), text=True, check=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        self.assertRegex(run.stderr, f"^{errors}$")
        pages = run.stdout.split("# HELP lines_total")[1:]
        return [{sample.name: sample.value
                 for family in text_string_to_metric_families("# HELP lines_total" + page)
                 for sample in family.samples} for page in pages]

    def test_the_metrics_of_a_plugin_come_and_go(self):
        before, loaded, unloaded, again = self.run_host(
            "page", f"load {WORDS}", "some words, three", "page", "unload", "nobody counts this", "page",
            f"load {WORDS}", "one", "page")
        self.assertEqual(before, {"lines_total": 1})
        self.assertEqual((loaded["words_total"], loaded["longest_word_bytes"]), (3, 6))
        self.assertEqual(loaded["lines_total"], 4)
        self.assertEqual(unloaded, {"lines_total": 7})
        self.assertEqual(again["words_total"], 1)
        self.assertEqual((again["longest_word_bytes"], again["lines_total"]), (3, 10))

    def test_many_loads_and_unloads(self):
        page, = self.run_host(*[f"load {WORDS}", "a bc", "unload"] * 200, f"load {WORDS}", "x", "page")
        self.assertEqual(page["longest_word_bytes"], 1)
        self.assertEqual(page["lines_total"], 603)

    def test_what_is_no_plugin_is_an_error_and_the_host_goes_on(self):
        library = os.path.join(BUILD, "libsextant-metrics.so")
        page, = self.run_host("load nowhere.so", f"load {library}", "unload", "page",
                              errors=".*nowhere.so: .*\nit is no plugin\nno plugin is loaded\n")
        self.assertEqual(page, {"lines_total": 4})


if __name__ == "__main__":
    unittest.main(verbosity=2)
