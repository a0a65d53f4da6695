#!/usr/bin/env python3
"""scripts/setup.sh on a system that has all but an optional package, and cannot install it."""

import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGE, COMMAND = "sepconv-test-package", "sepconv-test-command"


class SetUp(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name)
        self.checkout = self.path / "checkout"
        shutil.copytree(ROOT / "scripts", self.checkout / "scripts")
        script = self.checkout / "scripts" / "setup.sh"
        text = script.read_text(encoding="utf-8")
        self.assertIn("'ccache:ccache'", text)
        script.write_text(text.replace("'ccache:ccache'", f"'{PACKAGE}:{COMMAND}'"), encoding="utf-8")
        self.apt_calls = self.path / "apt-calls"
        self.add_command("apt-get", f'echo "$@" >>{self.apt_calls}\nexit 100\n')
        self.add_command("sudo", '[ "$1" = -n ] && shift\nexec "$@"\n')
        self.make_venv()

    def add_command(self, name, script="exit 0\n"):
        path = self.path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}", encoding="utf-8")
        path.chmod(0o755)

    def make_venv(self):
        """What the set-up takes for a finished virtual environment."""
        programs = self.checkout / ".venv" / "bin"
        programs.mkdir(parents=True)
        for name in ("python", "cmake", "ninja"):
            (programs / name).write_text("#!/bin/sh\n", encoding="utf-8")
            (programs / name).chmod(0o755)
        lines = (ROOT / "scripts" / "requirements.txt").read_text(encoding="utf-8").splitlines()
        wanted = "".join(f"{line}\n" for line in lines if line and not line.startswith("#"))
        stamp = hashlib.sha256(f"{wanted}{self.checkout / '.venv'}\n".encode()).hexdigest()
        (self.checkout / ".venv" / "sepconv-setup.sha256").write_text(stamp + "\n", encoding="utf-8")

    def run_setup(self):
        environment = {name: value for name, value in os.environ.items()
                       if name not in ("Halide_DIR", "Halide_ROOT", "SEPCONV_NO_VENV_HALIDE", "CXX")}
        result = subprocess.run([self.checkout / "scripts" / "setup.sh"], text=True, capture_output=True, check=False,
                                env=environment | {"PATH": f"{self.path / 'bin'}:{os.environ['PATH']}"})
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return result.stdout

    def record(self):
        path = self.checkout / "build" / "setup-went-without"
        return path.read_text(encoding="utf-8").split() if path.exists() else []

    def test_writes_down_what_it_could_not_install(self):
        self.assertRegex(self.run_setup(), f"setup: went on without: .*{PACKAGE}")
        self.assertIn(PACKAGE, self.record())

    def test_tries_once_and_says_it_each_time(self):
        self.run_setup()
        calls = self.apt_calls.read_text(encoding="utf-8")
        self.assertIn("went on without", self.run_setup())
        self.assertEqual(self.apt_calls.read_text(encoding="utf-8"), calls)

    def test_forgets_what_was_installed_since(self):
        self.run_setup()
        self.add_command(COMMAND)
        self.run_setup()
        self.assertNotIn(PACKAGE, self.record())


if __name__ == "__main__":
    unittest.main(verbosity=2)
