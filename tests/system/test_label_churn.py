"""Labels that change without end, in memory that does not grow."""
import os
import subprocess
import unittest

from system import BUILD, is_sanitized

ALONE_KIB = 16 * 1024  # the program, its 1,000 series and their values


class LabelChurn(unittest.TestCase):
    def test_millions_of_series_leave_no_memory_behind(self):
        """Their names take ten times what the directory of 64 MiB holds."""
        cycles = 300_000 if is_sanitized() else 5_000_000
        out = subprocess.run(
            [os.path.join(BUILD, "tests", "label_churn"), str(cycles)], stdout=subprocess.PIPE,
            check=True, text=True).stdout
        before, busy, after = (tuple(map(int, line.split())) for line in out.splitlines())
        # In the busy part a scrape that the scheduler interrupts keeps what was removed, so names may
        # have no series, and the directory may be filled to its limit.
        self.assertEqual((before[1], after[1]), (0, 0))
        if not is_sanitized():
            self.assertLess(before[0], ALONE_KIB, "KiB of resident memory")
            self.assertLess(after[0], busy[0] + 1024, "KiB of resident memory")


if __name__ == "__main__":
    unittest.main(verbosity=2)
