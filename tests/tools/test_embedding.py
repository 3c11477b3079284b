#!/usr/bin/env python3
# docs/embedding.md names tests that there are; functions of handles are tried in a child.
# SPDX-License-Identifier: Apache-2.0
"""
Goal: every row of the table in docs/embedding.md is held by a test that exists, and no public
function of a handle is missing among those that tests/unit/runtime/test_forked*.c call in a child
of fork.
Method: page, headers and tests are read as text.
"""
import pathlib
import re
import unittest

import test_null

ROOT = pathlib.Path(__file__).resolve().parents[2]
HANDLES = re.compile(r"^(?:const )?weir_(?:runtime|stage|task|pull|work|inlet|port|stream|pool|"
                     r"source|pipeline|rate) \*")
PLAIN = {"weir_state", "weir_self", "weir_stage_name", "weir_stage_runtime"}  # answer there, too


class Embedding(unittest.TestCase):
    def test_tests_exist(self):
        page = (ROOT / "docs/embedding.md").read_text(encoding="utf-8")
        rows = [line for line in page.split("\n")
                if line.startswith("| ") and "held by" not in line]
        self.assertGreater(len(rows), 8)
        for row in rows:
            named = re.findall(r"tests/[\w/.]+", row)
            self.assertTrue(named, row)
            for test in named:
                self.assertTrue((ROOT / test).is_file(), test)

    def test_all_are_tried_in_a_child(self):
        tried = "".join(test.read_text(encoding="utf-8")
                        for test in (ROOT / "tests/unit/runtime").glob("test_forked*.c"))
        rows = set(re.findall(r"\b(?:FORKED|HARMLESS|CLOSES)\(\s*(weir_\w+)\(", tried))
        wanted = {function for header in (ROOT / "include/weir").glob("*.h")
                  if header.name not in test_null.CONNECTORS
                  for function, arguments in test_null.declarations(
                      header.read_text(encoding="utf-8"))
                  if HANDLES.match(" ".join(arguments.split()))}
        self.assertGreater(len(wanted), 150)
        self.assertEqual(sorted(wanted - rows - PLAIN), [])


if __name__ == "__main__":
    unittest.main()
