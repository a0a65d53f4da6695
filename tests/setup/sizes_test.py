#!/usr/bin/env python3
"""Sources stay small: at most 400 lines a file, 60 lines a function (as lizard counts them) and 12 public headers."""

import pathlib
import tempfile
import unittest

import lizard  # scripts/setup.sh installs it

ROOT = pathlib.Path(__file__).resolve().parents[2]
MOST_LINES, MOST_FUNCTION_LINES, MOST_PUBLIC_HEADERS = 400, 60, 12
NOT_SOURCES = {".git", ".venv", "build"}


def sources():
    """What a checkout or an unpacked archive has, but for what builds and the set-up leave there."""
    return [path for folder in ROOT.iterdir() if folder.name not in NOT_SOURCES
            for path in ([folder] if folder.is_file() else folder.rglob("*"))
            if path.suffix in (".cpp", ".h", ".py", ".sh", ".cmake") or path.name == "CMakeLists.txt"]


def long_files(paths):
    counts = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in paths}
    return [f"{path}: {count} lines" for path, count in counts.items() if count > MOST_LINES]


def long_functions(paths):
    return [f"{path}:{function.start_line}: {function.name} has {function.length} lines"
            for path in paths if path.suffix in (".cpp", ".h", ".py")
            for function in lizard.analyze_file(str(path)).function_list if function.length > MOST_FUNCTION_LINES]


class Sizes(unittest.TestCase):
    def test_files(self):
        self.assertGreater(len(sources()), 300)
        self.assertEqual(long_files(sources()), [])

    def test_functions(self):
        self.assertEqual(long_functions(sources()), [])

    def test_public_headers(self):
        headers = [path.name for path in (ROOT / "runtime" / "include" / "sepconv").glob("*.h")]
        self.assertGreater(len(headers), 0)
        self.assertLessEqual(len(headers), MOST_PUBLIC_HEADERS, headers)

    def test_what_is_too_long_is_noticed(self):
        with tempfile.TemporaryDirectory() as folder:
            for name, body in (("fits", 57), ("long", 59)):
                text = f"int {name}() {{\n" + "  call();\n" * body + "  return 0;\n}\n"
                (pathlib.Path(folder) / f"{name}.cpp").write_text(text, encoding="utf-8")
            (pathlib.Path(folder) / "fits.py").write_text("pass\n" * MOST_LINES, encoding="utf-8")
            (pathlib.Path(folder) / "long.py").write_text("pass\n" * (MOST_LINES + 1), encoding="utf-8")
            paths = sorted(pathlib.Path(folder).iterdir())
            self.assertEqual(long_files(paths), [f"{folder}/long.py: 401 lines"])
            self.assertEqual(long_functions(paths), [f"{folder}/long.cpp:1: long has 62 lines"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
