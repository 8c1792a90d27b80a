"""Labels that change without end, in memory that does not grow."""
import os
import subprocess
import unittest

from system import BUILD, is_sanitized


class LabelChurn(unittest.TestCase):
    def test_millions_of_series_leave_no_memory_behind(self):
        """Their names take ten times what the directory of 64 MiB holds."""
        cycles = 300_000 if is_sanitized() else 5_000_000
        out = subprocess.run(
            [os.path.join(BUILD, "tests", "label_churn"), str(cycles)], stdout=subprocess.PIPE,
            check=True, text=True).stdout
        (first, first_missing), (second, second_missing) = (map(int, line.split()) for line in out.splitlines())
        # Only while a scrape that is interrupted keeps what was removed, there may be no room.
        self.assertEqual(second_missing, 0)
        self.assertLess(first_missing, cycles / 10)
        if not is_sanitized():
            self.assertLess(first, 64 * 1024, "KiB of resident memory")
            self.assertLess(second, first + 1024, "KiB of resident memory")


if __name__ == "__main__":
    unittest.main(verbosity=2)
