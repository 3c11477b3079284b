#!/usr/bin/env python3
"""A build that finds another processor's ck_md.h stops, with one line that says so.
SPDX-License-Identifier: Apache-2.0
"""
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HEADER = ROOT / "src/base/machine.h"
STRONG = "#define CK_MD_TSO\n"
WEAK = "#define CK_MD_RMO\n"


def errors(target, md):
    """What clang says to the header when it compiles for the target with that ck_md.h."""
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "ck_md.h").write_text(md)
        done = subprocess.run(["clang", f"--target={target}", "-E", "-I", folder, HEADER],
                              capture_output=True, text=True)
    return [line for line in done.stderr.splitlines() if "error:" in line]


class Machine(unittest.TestCase):
    def test_its_own(self):
        self.assertEqual(errors("x86_64-linux-gnu", STRONG), [])
        self.assertEqual(errors("aarch64-linux-gnu", WEAK), [])

    def test_another_processors(self):
        for target, md in (("aarch64-linux-gnu", STRONG), ("x86_64-linux-gnu", WEAK)):
            said = errors(target, md)
            self.assertEqual(len(said), 1, said)
            self.assertIn("is for another processor", said[0])


if __name__ == "__main__":
    unittest.main()
