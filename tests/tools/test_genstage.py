#!/usr/bin/env python3
# Nothing of GenStage is forgotten: its tests and its features are each accounted for once.
# SPDX-License-Identifier: Apache-2.0
"""
Goal: tests/unit/genstage/README.md has each of GenStage's 212 tests once, and names
only tests of ours that exist; docs/genstage.md has the features F001 to F144 once
each, in order, and names only what include/weir has.
Method: both pages are read as text; how many tests each of GenStage's files has is
written here.
"""
import collections
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TESTS = {"G": 124, "B": 11, "D": 9, "P": 14, "Q": 10, "S": 44}
FEATURES = 144
OURS = r"`(\w+/\w+): (\w+)`"  # a test of ours


def rows(page):
    """The cells of each row of each table, but for heads and rules."""
    for line in (ROOT / page).read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and not re.fullmatch(r"[-| ]+", line):
            yield cells


def tests_of(file):
    """What tests/unit/ROOM/test_NAME.c runs, for `ROOM/NAME`."""
    room, _, name = file.partition("/")
    path = ROOT / "tests/unit" / room / f"test_{name}.c"
    text = path.read_text(encoding="utf-8")
    macros = r"cmocka_unit_test|BOTH_WAYS|[A-Z_]*(?:TEST|IN_WORLDS)[A-Z_]*"
    return set(re.findall(rf"(?:{macros})\((?:&[\w.]+, )?(\w+)[,)]", text))


class Tests(unittest.TestCase):
    page = "tests/unit/genstage/README.md"

    def test_each_once(self):
        seen = collections.Counter(identity for cells in rows(self.page)
                                   for identity in re.findall(r"\b[GBDPQS]\d+\b", cells[0]))
        self.assertEqual([identity for identity, count in seen.items() if count > 1], [])
        self.assertEqual(collections.Counter(identity[0] for identity in seen), TESTS)

    def test_each_has_an_answer(self):
        for cells in rows(self.page):
            known = re.search(OURS, cells[-1]) or cells[-1].startswith("not applicable: ")
            self.assertTrue(known or cells[0] == "GenStage", cells)

    def test_ours_exist(self):
        for page in (self.page, "docs/genstage.md"):
            for cells in rows(page):
                for file, name in re.findall(OURS, cells[-1]):
                    self.assertIn(name, tests_of(file), file)

    def test_all_of_the_folder(self):
        """What is in this folder is there for one of GenStage's tests or defects."""
        for file in sorted((ROOT / "tests/unit/genstage").glob("test_*.c")):
            self.assertTrue(tests_of(f"genstage/{file.stem[5:]}"), file)


class Features(unittest.TestCase):
    page = "docs/genstage.md"

    def test_each_once_in_order(self):
        seen = [int(cells[0][1:]) for cells in rows(self.page)
                if re.fullmatch(r"F\d{3}", cells[0])]
        self.assertEqual(seen, list(range(1, FEATURES + 1)))

    def test_each_is_judged(self):
        for cells in rows(self.page):
            if re.fullmatch(r"F\d{3}", cells[0]):
                self.assertEqual(len(cells), 4, cells)
                self.assertRegex(cells[3], r"^(kept|adapted|not applicable)\b", cells[0])

    def test_names_are_public(self):
        headers = "\n".join(file.read_text(encoding="utf-8")
                            for file in (ROOT / "include/weir").glob("*.h"))
        public = set(re.findall(r"\b(?:weir|WEIR)_\w+", headers))
        for name in re.findall(r"\bX\((\w+),", headers):  # of the lists of statuses and reasons
            public |= {f"WEIR_{name}", f"WEIR_REASON_{name}"}
        text = (ROOT / self.page).read_text(encoding="utf-8")
        named = set(re.findall(r"\b(?:weir|WEIR)_\w+", text))
        self.assertEqual(sorted(named - public), [])


if __name__ == "__main__":
    unittest.main()
