#!/usr/bin/env python3
# Packages are installed by those who were asked to, and by nobody else.
# SPDX-License-Identifier: Apache-2.0
"""
Goal: tools/bench installs packages with --install only; without, it names those that are
missing and goes on.  tools/setup --missing looks, and no more.
Method: the scripts run with commands of ours first on the path: a dpkg-query that knows of no
package, apt-get and python3, which note what they are called with, and sudo.
"""
import os
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
NOTES = 'echo "$(basename "$0") $*" >> "$NOTES"\n'
COMMANDS = {"dpkg-query": "exit 1\n", "apt-get": NOTES, "python3": NOTES, "sudo": 'exec "$@"\n'}


class Installing(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.notes = pathlib.Path(self.folder.name) / "notes"
        for name, text in COMMANDS.items():
            script = pathlib.Path(self.folder.name) / name
            script.write_text("#!/bin/sh\n" + text, encoding="utf-8")
            script.chmod(0o755)

    def run_script(self, *words):
        """What it said and how it ended; what it called, without the report's path."""
        paths = {"PATH": f"{self.folder.name}:{os.environ['PATH']}", "NOTES": str(self.notes)}
        done = subprocess.run([ROOT / words[0], *words[1:]], env={**os.environ, **paths},
                              capture_output=True, text=True, check=False)
        called = self.notes.read_text(encoding="utf-8") if self.notes.exists() else ""
        return done, called.replace(f"{ROOT}/", "").splitlines()

    def test_a_look_installs_nothing(self):
        done, called = self.run_script("tools/setup", "--missing", "--bench")
        self.assertEqual((done.returncode, called), (0, []))
        self.assertIn("gnuplot-nox", done.stdout.split())
        self.assertNotIn("libtbb-dev", done.stdout.split())

    def test_a_benchmark_installs_nothing(self):
        done, called = self.run_script("tools/bench", "--quick", "readme", "--", "--run_ms=1")
        self.assertEqual(called, ["python3 tools/report/bench.py --quick readme -- --run_ms=1"])
        self.assertIn("gnuplot-nox", done.stderr)

    def test_unless_it_is_asked_to(self):
        _, called = self.run_script("tools/bench", "--install", "--peers", "readme")
        installs = [line for line in called if line.startswith("apt-get") and " install " in line]
        self.assertEqual(len(installs), 1)
        self.assertTrue({"gnuplot-nox", "libtbb-dev"} <= set(installs[0].split()))
        self.assertEqual(called[-1], "python3 tools/report/bench.py --peers readme")

    def test_what_is_not_known_is_refused(self):
        for words in (["--missing", "--other"], ["--other"], ["--bench", "--missing"]):
            done, called = self.run_script("tools/setup", *words)
            self.assertEqual((done.returncode, called), (2, []))


if __name__ == "__main__":
    unittest.main()
