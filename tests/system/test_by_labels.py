"""examples/by_labels: label values that are known only when something happens."""
import os
import subprocess
import unittest

from prometheus_client.parser import text_string_to_metric_families

from system import BUILD


class ByLabels(unittest.TestCase):
    def test_each_user_has_a_counter_and_a_histogram(self):
        lines = "".join(f"user{i % 7} {i}\n" for i in range(700)) + 'quo"te 2048\n'
        page = subprocess.run([os.path.join(BUILD, "examples", "by_labels")], input=lines, text=True,
                              check=True, stdout=subprocess.PIPE, timeout=60).stdout
        values = {(sample.name, sample.labels["user"], sample.labels.get("le")): sample.value
                  for family in text_string_to_metric_families(page) for sample in family.samples}
        for user in range(7):
            sizes = range(user, 700, 7)
            self.assertEqual(values["user_bytes_total", f"user{user}", None], sum(sizes))
            self.assertEqual(values["message_bytes_sum", f"user{user}", None], sum(sizes))
            for bound in (16, 64, 256, 1024):
                below = sum(size <= bound for size in sizes)
                self.assertEqual(values["message_bytes_bucket", f"user{user}", f"{bound}"], below)
        self.assertEqual(values["message_bytes_bucket", 'quo"te', "+Inf"], 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
