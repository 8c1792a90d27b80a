"""Labels that change without end, in memory that does not grow."""
import os
import subprocess
import unittest

from system import BUILD, is_sanitized

DIRECTORY_KIB = 64 * 1024  # the limit that label_churn.c sets
OTHER_KIB = 16 * 1024  # the program, its threads, values and pages


class LabelChurn(unittest.TestCase):
    def test_millions_of_series_leave_no_memory_behind(self):
        """Their names take ten times what the directory of 64 MiB holds."""
        cycles = 300_000 if is_sanitized() else 5_000_000
        out = subprocess.run(
            [os.path.join(BUILD, "tests", "label_churn"), str(cycles)], stdout=subprocess.PIPE,
            check=True, text=True).stdout
        (first, _), (second, second_missing) = (map(int, line.split()) for line in out.splitlines())
        # In the first half a scrape that the scheduler interrupts keeps what was removed, so names may
        # have no series, and the directory may be filled to its limit.
        self.assertEqual(second_missing, 0)
        if not is_sanitized():
            self.assertLess(first, DIRECTORY_KIB + OTHER_KIB, "KiB of resident memory")
            self.assertLess(second, first + 1024, "KiB of resident memory")


if __name__ == "__main__":
    unittest.main(verbosity=2)
