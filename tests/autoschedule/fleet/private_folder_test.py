#!/usr/bin/env python3
"""The folders of the fleet's workers: kernels in them are run, so nobody else may write there."""

import argparse
import importlib.util
import os
import pathlib
import sys
import tempfile
import unittest
import unittest.mock


class PrivateFolderTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="sepconv-test-")
        self.addCleanup(scratch.cleanup)
        self.parent = pathlib.Path(scratch.name)
        patch = unittest.mock.patch("tempfile.gettempdir", return_value=scratch.name)
        patch.start()
        self.addCleanup(patch.stop)
        self.folder = self.parent / f"kernels-{os.getuid()}"

    def assert_refused(self):
        with self.assertRaisesRegex(RuntimeError, "not a folder that only its user can write to"):
            FLEET.private_folder("kernels")

    def test_it_is_made_and_found_again(self):
        self.assertEqual(FLEET.private_folder("kernels"), self.folder)
        self.assertEqual(self.folder.stat().st_mode & 0o777, 0o700)
        self.assertEqual(FLEET.private_folder("kernels"), self.folder)

    def test_a_link_is_refused(self):
        target = self.parent / "elsewhere"
        target.mkdir()
        self.folder.symlink_to(target)
        self.assert_refused()

    def test_a_folder_that_others_write_to_is_refused(self):
        self.folder.mkdir()
        self.folder.chmod(0o777)
        self.assert_refused()

    @unittest.skipUnless(os.getuid() == 0, "lacks right: give a folder to another user")
    def test_another_users_folder_is_refused(self):
        self.folder.mkdir(mode=0o700)
        os.chown(self.folder, 12345, 12345)
        self.assert_refused()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--fleet", required=True)
    known, rest = parser.parse_known_args()
    spec = importlib.util.spec_from_file_location("fleet", known.fleet)
    FLEET = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(FLEET)
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)
