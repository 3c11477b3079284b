#!/usr/bin/env python3
# Each public function has a page that says what its comment says, and no page is wrong.
# SPDX-License-Identifier: Apache-2.0
"""
Goal: `man weir_subscribe` works for every function, and what a header says of it is there.
Method: the pages are made, and looked at; mandoc -Tlint and groff -ww find nothing in them, where
those are installed.  A small header shows how comments are read.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools" / "man"), str(ROOT / "tests" / "tools")]
import headers  # noqa: E402
import pages  # noqa: E402
import test_null  # noqa: E402

SMALL = """/*
 * Small: one that shows it.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_SMALL_H
#define WEIR_SMALL_H
typedef struct weir_thing {
    int a; /* a member's comment; not weir_nothing() */
} weir_thing;
/* ---- a part ---- */

/*
 * Does it.  And more.
 *   an example
 * Arguments  thing: which;
 *            may be NULL.
 * Errors, threads  as weir_other.
 * Behind all that.
 */
int weir_do(weir_thing *thing);
int weir_do_again(weir_thing *thing)
#ifdef __GNUC__
    __attribute__((cold))
#endif
    ;
/* The same, for ever. */
#define WEIR_LIMIT 3
void weir_other(void);
#endif
"""


def read_small():
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "small.h").write_text(SMALL, encoding="utf-8")
        return headers.read(folder)


class Reading(unittest.TestCase):
    def test_groups(self):
        (small,) = read_small()
        self.assertEqual(small.head.split("\n")[0], "Small: one that shows it.")
        self.assertEqual([group.names for group in small.groups],
                         [["weir_do", "weir_do_again"], ["weir_other"]])
        self.assertEqual(small.groups[0].declarations[1], "int weir_do_again(weir_thing *thing);")
        self.assertEqual(list(small.types), ["weir_thing"])
        self.assertEqual(small.constants, ["#define WEIR_LIMIT 3"])

    def test_pages(self):
        manual = pages.Manual(read_small(), "1.2.3", "2000-01-01")
        small = manual.headers[0]
        manual.function(small.groups[0], None, small.groups)
        manual.function(small.groups[1], "weir_do", small.groups)
        page = manual.pages["dev", 3, "weir_do"]
        for text in ("weir_do, weir_do_again \\- does it\n", "    an example".strip() + "\n",
                     ".SH ARGUMENTS\nthing: which; may be NULL.\n",
                     ".SH ERRORS, THREADS\nas \\fBweir_other\\fP(3).\n",
                     "Behind all that.", "typedef struct weir_thing {", ".BR weir_small.h (3)"):
            self.assertIn(text, page)
        self.assertNotIn("cold", page)
        self.assertEqual(manual.pages["dev", 3, "weir_do_again"], pages.LINK + "weir_do")
        self.assertIn("The same as \\fBweir_do\\fP(3), for ever.",
                      manual.pages["dev", 3, "weir_other"])


class Made(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        subprocess.run([sys.executable, ROOT / "tools/man/pages.py", cls.folder.name], check=True)
        cls.files = sorted(pathlib.Path(cls.folder.name).rglob("*.[137]"))
        cls.whole = [str(file) for file in cls.files if not file.is_symlink()]

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_each_function_has_one(self):
        wanted = {name for header in (ROOT / "include/weir").glob("*.h")
                  for name, _ in test_null.declarations(header.read_text(encoding="utf-8"))}
        found = {file.name.removesuffix(".3") for file in self.files}
        self.assertGreater(len(wanted), 200)
        self.assertEqual(sorted(wanted - found), [])
        for file in self.files:
            self.assertTrue(file.exists(), f"{file} leads nowhere")

    def test_each_says_something(self):
        for file in map(pathlib.Path, self.whole):
            text = file.read_text(encoding="utf-8")
            self.assertRegex(text, r"(?m)^\.SH NAME\n[\w.-][^\n]* \\\\?- ?\S", file)
            self.assertRegex(text, r"(?m)^\.SH DESCRIPTION\n", file)

    def test_commands(self):
        page = next(file for file in self.files if file.name == "weir.1").read_text("utf-8")
        helps = (ROOT / "tools/weir/help.c").read_text(encoding="utf-8")
        commands = re.findall(r'\{"(\w+)", command_', helps)
        self.assertGreater(len(commands), 5)
        for command in commands:
            self.assertIn(f".SS weir {command}\n", page)

    def test_mandoc(self):
        if shutil.which("mandoc") is None:
            self.skipTest("mandoc is not installed")
        said = subprocess.run(["mandoc", "-Tlint", "-Wwarning", *self.whole], capture_output=True,
                              text=True, check=False)
        self.assertEqual(said.stdout, "")

    def test_groff(self):
        if shutil.which("groff") is None:
            self.skipTest("groff is not installed")
        said = subprocess.run(["groff", "-man", "-ww", "-z", "-Tutf8", *self.whole],
                              capture_output=True, text=True, check=False)
        self.assertEqual(said.stderr, "")


if __name__ == "__main__":
    unittest.main()
