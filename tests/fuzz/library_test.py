"""Inputs at which a libhdf5 itself fails: the command must end with status 2 and one line for each of them, or, where
this machine's libhdf5 reads the file, with status 0.

    library_test.py SEPCONV FOLDER

libhdf5 has no instrumentation and cannot be mended here, so the command reads a model in a child process.
"""

import pathlib
import subprocess
import sys
import unittest

TIMEOUT_S = 60


class LibraryFaults(unittest.TestCase):
    program: str
    files: list

    def test_each_is_one_error_line(self):
        self.assertTrue(self.files, "the folder holds no inputs")
        for file in self.files:
            with self.subTest(file.name):
                run = subprocess.run(
                    [self.program, "inspect", str(file)], capture_output=True, text=True, timeout=TIMEOUT_S
                )
                if run.returncode == 0:
                    self.assertEqual(run.stderr, "")
                    continue
                self.assertEqual(run.returncode, 2, run.stderr)
                self.assertEqual(run.stdout, "")
                self.assertEqual(len(run.stderr.splitlines()), 1, run.stderr)
                self.assertIn(file.name, run.stderr)


if __name__ == "__main__":
    LibraryFaults.program = sys.argv[1]
    LibraryFaults.files = sorted(path for path in pathlib.Path(sys.argv[2]).iterdir() if path.suffix != ".md")
    unittest.main(argv=sys.argv[:1])
