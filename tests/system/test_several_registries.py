"""The page of several registries is good for promtool, for `sextant check` and for Prometheus's parser;
several_registries.c prints it."""
import os
import subprocess
import unittest

from system import BUILD, promtool_check, samples

OUT = 'out "quoted"\n\\'
PLUGINS = ["a", "b", 'say "c"\n\\']


def by_values(page, name):
    """{label values: value}"""
    return {tuple(value for _, value in labels): value
            for labels, value in samples(page, name).items()}


class SeveralRegistries(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.page = subprocess.check_output(
            [os.path.join(BUILD, "tests", "several_registries")], text=True)

    def test_promtool_finds_nothing(self):
        # It advises against colons, which the prefix has.
        said = promtool_check(self.page.replace("vendor:", "vendor_"))
        self.assertEqual(said, "")

    def test_sextant_check_finds_no_error(self):
        done = subprocess.run(
            [os.path.join(BUILD, "sextant"), "check", "--allow", "label-names"],
            input=self.page, text=True, capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_each_registry_has_its_series(self):
        found = by_values(self.page, "requests_total")
        wanted = {("in",): 1, (OUT,): 2}
        for plugin in PLUGINS:
            wanted.update({(plugin, "in"): 1, (plugin, OUT): 2})
        self.assertEqual(found, wanted)
        self.assertEqual(by_values(self.page, "vendor:requests_total"), {("in",): 1, (OUT,): 2})
        self.assertEqual(by_values(self.page, "queue_length"),
                         {("mail",): 12, **{(plugin, "mail"): 12 for plugin in PLUGINS}})
        self.assertEqual(by_values(self.page, "duration_seconds_count"),
                         {(): 2, **{(plugin,): 2 for plugin in PLUGINS}})
        self.assertEqual(by_values(self.page, "vendor:idle"), {(): 4})

    def test_what_is_left_out_is_counted(self):
        self.assertEqual(by_values(self.page, "state"), {(): 0, ("a",): 0, (PLUGINS[2],): 0})
        counted = by_values(self.page, "sextant_page_conflicts_total")
        self.assertEqual(counted, {
            ("state", "SX_EEXIST"): 2,  # of another type; and a series twice
            **{(name, "SX_EEXIST"): 1
               for name in ("requests_total", "duration_seconds", "idle", "queue_length")}})


if __name__ == "__main__":
    unittest.main(verbosity=2)
