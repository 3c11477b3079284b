#!/usr/bin/env python3
# Tests tools/check: a clean tree passes, and each rule fails on a tree that breaks it.
# SPDX-License-Identifier: Apache-2.0
"""
Goal: no rule of tools/check is vacuous, and none fires on what it should let by.
Method: write a small tree, seed one breach, run the real script on it, and look for
the breach's own FILE:LINE in what it prints.
"""
import pathlib
import subprocess
import sys
import tempfile
import unittest

CHECK = pathlib.Path(__file__).resolve().parents[2] / "tools" / "check"
HEAD = "/* A file.\n * SPDX-License-Identifier: Apache-2.0\n */\n"  # 3 lines


def check(files):
    """Runs tools/check on a tree of {path: text}; returns its status and lines."""
    with tempfile.TemporaryDirectory() as folder:
        for path, text in files.items():
            file = pathlib.Path(folder, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        run = subprocess.run([sys.executable, CHECK, folder], text=True,
                             capture_output=True, check=False)
        return run.returncode, run.stdout.splitlines()


class Rules(unittest.TestCase):
    def passes(self, files):
        self.assertEqual(check(files), (0, ["the rules hold"]))

    def fails(self, files, place, words):
        """Exactly one breach, at `place`, whose message has these words."""
        status, lines = check(files)
        self.assertEqual(status, 1)
        self.assertEqual(len(lines), 2, lines)
        self.assertTrue(lines[0].startswith(place + ": "), lines[0])
        self.assertIn(words, lines[0])

    def test_clean_tree(self):
        self.passes({
            "CMakeLists.txt": "# Build.\n# SPDX-License-Identifier: Apache-2.0\n",
            "include/weir/a.h": HEAD + "#include <weir/b.h>\n#include <stddef.h>\n",
            "src/edge/a.c": HEAD + '#include "ring/b.h"\n#include "edge/a.h"\n'
                                   "/* never volatile */\nconst char *s = \"volatile\";\n",
        })

    def test_spdx(self):
        self.fails({"src/base/a.c": "/* A file. */\n"}, "src/base/a.c:1", "SPDX")
        self.fails({"tools/x": "#!/bin/sh\n# X.\n"}, "tools/x:1", "SPDX")

    def test_tab_and_trailing_blanks(self):
        self.fails({"src/base/a.c": HEAD + "\tint a;\n"}, "src/base/a.c:4", "a tab")
        self.fails({"src/base/a.c": HEAD + "int a; \n"}, "src/base/a.c:4", "blanks")

    def test_columns(self):
        self.passes({"src/base/a.c": HEAD + "int " + "a" * 95 + ";\n"})
        self.fails({"src/base/a.c": HEAD + "int " + "a" * 96 + ";\n"},
                   "src/base/a.c:4", "101 columns")

    def test_file_length(self):
        status, lines = check({"src/base/a.c": HEAD + "\n" * 398})
        self.assertEqual(status, 0)
        self.assertIn("src/base/a.c:401: warning", lines[0])
        self.fails({"src/base/a.c": HEAD + "\n" * 598}, "src/base/a.c:601", "601 lines")

    def test_function_length(self):
        body = "{\n" + "    a();\n" * 67
        self.passes({"src/base/a.c": HEAD + "int f(int a,\n      int b) " + body + "}\n"})
        long = HEAD + "struct s {\n    int a;\n};\n\nint f(int a,\n      int b) " + body
        self.fails({"src/base/a.c": long + "    a();\n}\n"}, "src/base/a.c:8", "f has 71 lines")
        inside = HEAD + 'extern "C" {\nvoid g(void)\n' + body + "    a();\n}\n}\n"
        self.fails({"bench/a.cc": inside}, "bench/a.cc:5", "g has 71 lines")

    def test_function_length_of_a_table(self):
        table = "static const int table[] = {\n" + "    1,\n" * 90 + "};\n"
        self.passes({"src/base/a.c": HEAD + table})

    def test_floors(self):
        self.fails({"src/ring/a.c": HEAD + '#include "edge/b.h"\n'},
                   "src/ring/a.c:4", "ring (floor 2) includes edge (floor 3)")
        self.fails({"src/ring/a.c": HEAD + '#include "b.h"\n'}, "src/ring/a.c:4", "from src")
        self.fails({"src/attic/a.c": HEAD}, "src/attic/a.c:1", "not one of the rooms")

    def test_public_headers(self):
        self.fails({"include/weir/a.h": HEAD + "#include <ck_ring.h>\n"},
                   "include/weir/a.h:4", "public header")
        self.fails({"include/weir/a.h": HEAD + '#include "ring/a.h"\n'},
                   "include/weir/a.h:4", "public header")

    def test_functions_that_only_c_can_call(self):
        self.fails({"include/weir/a.h": HEAD + "static inline int weir_f(void) { return 0; }\n"},
                   "include/weir/a.h:4", "bindings")
        self.passes({"src/base/a.h": HEAD + "static inline int f(void) { return 0; }\n",
                     "include/weir/a.hpp": HEAD + "static inline int f() { return 0; }\n"})

    def test_forbidden_code(self):
        for line, words in [("volatile int a;", "volatile"),
                            ("#include <stdatomic.h>", "C11 atomics"),
                            ("int a = ck_pr_load_int(&b);", "outside base/atomic.h"),
                            ("int a = __atomic_load_n(&b, 0);", "outside base/atomic.h"),
                            ("void f(void) { assert(1); }", "compiled out")]:
            self.fails({"src/ring/a.c": HEAD + line + "\n"}, "src/ring/a.c:4", words)

    def test_atomics_of_users(self):
        self.passes({"docs/examples/a.c": HEAD + "#include <stdatomic.h>\n"})
        self.fails({"bench/a.c": HEAD + "#include <stdatomic.h>\n"}, "bench/a.c:4", "C11")

    def test_fence(self):
        line = "void f(void) { ck_pr_fence_memory(); }\n"
        self.passes({"src/base/atomic.h": HEAD + line})
        self.fails({"tests/stress/a.c": HEAD + line}, "tests/stress/a.c:4", "weir__fence_full")

    def test_forbidden_text(self):
        for text in ("FIX" "ME", "TO" "DO", "/wo" "rk/main", "../sha" "red/a"):
            line = "/* see " + text + " */\n"
            place = "src/base/a.c:4"
            status, lines = check({"src/base/a.c": HEAD + line, "docs/a.md": line})
            self.assertEqual((status, len(lines)), (1, 3), lines)
            self.assertTrue(lines[1].startswith(place) or lines[0].startswith(place), lines)

    def test_unlabelled(self):
        line = "    weir__store_release_u64(&a, 1);"
        self.fails({"src/edge/a.c": HEAD + line + "\n"}, "src/edge/a.c:4", "no label")
        self.fails({"src/edge/a.c": HEAD + "weir__fence_full();\n"}, "src/edge/a.c:4", "no label")
        self.passes({"src/edge/a.c": HEAD + line + " /* E1 -> E2 */\n/* E1 -> E2 */\n",
                     "src/edge/b.c": HEAD + "weir__store_relaxed_u64(&a, 1);\n",
                     "src/base/atomic.h": HEAD + line + "\n"})

    def test_labels(self):
        one = "void f(void) { publish(); } /* E1 -> E2 */\n"
        other = "void g(void) { take(); } /* E1 -> E2 */\n"
        self.passes({"src/edge/a.c": HEAD + one + other})
        self.passes({"src/edge/a.c": HEAD + one, "src/edge/b.c": HEAD + "/* E2 */\n"})
        self.fails({"src/edge/a.c": HEAD + one}, "src/edge/a.c:4", "only one place")

    def test_labels_in_a_table_only(self):
        head = "/* A file.\n * SPDX-License-Identifier: Apache-2.0\n * E1 -> E2  asked\n */\n"
        code = "/* E1 */\n"
        self.fails({"src/edge/a.c": head + code}, "src/edge/a.c:3", "nothing in the code")
        self.passes({"src/edge/a.c": head + code + "/* E2 */\n"})

    def test_statics(self):
        one = "static bool take(int a) {\n    return a > 0;\n}\n"
        self.fails({"src/edge/a.c": HEAD + one, "src/ring/b.c": HEAD + one}, "src/ring/b.c:4",
                   "src/edge/a.c has a static take")
        self.passes({"src/edge/a.c": HEAD + one, "src/ring/b.c": HEAD + one.replace("take", "put"),
                     "tests/a.c": HEAD + one, "tests/b.c": HEAD + one})

    def test_top_level(self):
        self.fails({"notes.txt": "x\n"}, "notes.txt:1", "top level")
        self.passes({".gitignore": "x\n"})


if __name__ == "__main__":
    unittest.main()
