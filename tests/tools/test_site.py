#!/usr/bin/env python3
# All links of the documentation lead somewhere, and so do those of the site that is made of it.
# SPDX-License-Identifier: Apache-2.0
"""
Goal: who follows a link, on a page of this tree or of the site, arrives; each public name has a
place in the API; the site needs no network and no server; its search finds things.
Method: the Markdown is read for its links; the site is built into a folder, and each address in
it is looked up there.  A browser, where there is one, searches from the disk.  Links to elsewhere
are not followed.  The site is left out where markdown-it for Python is not installed.
"""
import functools
import html
import json
import pathlib
import posixpath
import re
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "tools" / "build-site"
sys.path[:0] = [str(ROOT / "tools" / "man"), str(ROOT / "tools" / "site"),
                str(ROOT / "tests" / "tools"), str(ROOT / "tests" / "tool")]
import browser  # noqa: E402
import listing  # noqa: E402
import members  # noqa: E402
import test_null  # noqa: E402

ELSEWHERE = re.compile(r"[a-z]+:")


# --- the pages in the tree ---

def prose(text):
    """A page without its code."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    return re.sub(r"`[^`\n]*`", "``", re.sub(r"^    .*$", "", text, flags=re.M))


def anchors_of(text):
    """What its headings are called, a second one of the same name with a number."""
    found, text = {}, re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    for heading in re.findall(r"^#+ (.*)$", text, flags=re.M):
        heading = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        found[name] = found.get(name, -1) + 1
    return {name if i == 0 else f"{name}-{i}" for name, last in found.items()
            for i in range(last + 1)}


def wrong_links(root):
    """[(page, link)] of those that lead nowhere, and how many links there are."""
    pages = [root / "README.md", root / "CHANGELOG.md", *sorted((root / "docs").rglob("*.md"))]
    pages = [page for page in pages if page.exists()]
    anchors = {page: anchors_of(page.read_text(encoding="utf-8")) for page in pages}
    wrong, count = [], 0
    for page in pages:
        for target in re.findall(r"\]\(([^)\s]+)\)", prose(page.read_text(encoding="utf-8"))):
            count += 1
            if ELSEWHERE.match(target):
                continue
            path, _, anchor = target.partition("#")
            file = (page.parent / path).resolve() if path else page
            if not file.exists() or (anchor and anchor not in anchors.get(file, ())):
                wrong.append((page.relative_to(root).as_posix(), target))
    return wrong, count


class Tree(unittest.TestCase):
    def test_links(self):
        wrong, count = wrong_links(ROOT)
        self.assertEqual(wrong, [])
        self.assertGreater(count, 300)

    def test_wrong_ones_are_found(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder).resolve()
            (root / "docs").mkdir()
            (root / "README.md").write_text(
                "# A `b`: c\n## Twice\n## Twice\n[1](#a-b-c) [2](#twice-1) [3](#twice-2)\n"
                "[4](docs/x.md#here) [5](docs/x.md#there) [6](docs/y.md) [7](https://a.b/#c)\n"
                "`[8](no)`\n\n    [9](no)\n\n```c\n[10](no)\n```\n", encoding="utf-8")
            (root / "docs/x.md").write_text("# Here\n[11](../README.md) [12](x)\n", "utf-8")
            wrong, count = wrong_links(root)
        self.assertEqual([link for _, link in wrong],
                         ["#twice-2", "docs/x.md#there", "docs/y.md", "x"])
        self.assertEqual(count, 9)


# --- how headers and code are read ---

class Reading(unittest.TestCase):
    def test_members(self):
        found = members.blocks("""typedef struct weir_x {
    int a; /* one; and
              more */
    const char *b[2]; /* two */
                      /* on */
    /* Of both. */
    unsigned c;
    unsigned d; /* itself */

    /* Does it. */
    int (*e)(int a, /* not this */ int b);
} weir_x;""")
        self.assertEqual([(block.words, [(each.name, each.words) for each in block.members])
                          for block in found],
                         [("", [("a", "one; and\nmore"), ("b", "two\non")]),
                          ("Of both.", [("c", ""), ("d", "itself")]),
                          ("Does it.", [("e", "")])])
        self.assertEqual(found[2].members[0].text, "int (*e)(int a, int b)")

    def test_values(self):
        (block,) = members.blocks("typedef enum weir_y {\n    WEIR_A = 0, /* no */\n    WEIR_B\n"
                                  "} weir_y;")
        self.assertEqual([(each.name, each.text, each.words) for each in block.members],
                         [("WEIR_A", "WEIR_A = 0", "no"), ("WEIR_B", "WEIR_B", "")])
        self.assertEqual(members.listed('#define L(X) \\\n X(OK, 0, "fine") \\\n X(NO, -1, "n")'),
                         [("OK", "0", "fine"), ("NO", "-1", "n")])

    def test_code(self):
        links = {"weir_x": "x", "weir_x.m": "xm"}.get
        self.assertEqual(listing.names("weir_x.m < weir_x.n, my_weir_x", links),
                         '<a href="xm">weir_x.m</a> &lt; <a href="x">weir_x</a>.n, my_weir_x')
        self.assertEqual(listing.colour('if ("/*") /* 1 */', "c"),
                         '<span class="k">if</span> (<span class="s">&quot;/*&quot;</span>) '
                         '<span class="c">/* 1 */</span>')


# --- the site ---

class Built:
    """The site in a folder; its pages with their addresses and names of places."""

    def __init__(self, folder):
        self.folder = folder
        self.texts = {file.relative_to(folder).as_posix(): file.read_text(encoding="utf-8")
                      for file in sorted(folder.rglob("*.html"))}
        self.files = {file.relative_to(folder).as_posix() for file in folder.rglob("*")
                      if file.is_file()}
        self.places = {name: re.findall(r'\sid="([^"]*)"', text)
                       for name, text in self.texts.items()}
        self.sets = {name: set(places) for name, places in self.places.items()}

    def leads_somewhere(self, page, address):
        path, _, anchor = html.unescape(address).partition("#")
        path = posixpath.normpath(posixpath.join(posixpath.dirname(page), path)) if path else page
        return path in self.files and (not anchor or anchor in self.sets.get(path, ()))


def tried(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False)


@functools.lru_cache(maxsize=None)
def built():
    """The site, built once; None: not without markdown-it."""
    folder = tempfile.TemporaryDirectory()
    unittest.addModuleCleanup(folder.cleanup)
    said = tried(sys.executable, BUILD, folder.name)
    if "needs markdown-it" in said.stderr:
        return None
    assert said.returncode == 0, said.stdout + said.stderr
    return Built(pathlib.Path(folder.name))


class Site(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = built()
        if cls.site is None:
            raise unittest.SkipTest("markdown-it for Python is not installed")

    def test_addresses(self):
        wrong, known = [], set()
        for page, text in self.site.texts.items():
            for address in set(re.findall(r'\s(?:href|src)="([^"]*)"', text)):
                place = (posixpath.dirname(page), address)
                if ELSEWHERE.match(address) or (place in known and not address.startswith("#")):
                    continue
                known.add(place)
                if not self.site.leads_somewhere(page, address):
                    wrong.append((page, address))
        self.assertEqual(wrong, [])
        self.assertGreater(len(known), 5000)

    def test_places_are_one_each(self):
        for page, places in self.site.places.items():
            self.assertEqual(len(places), len(set(places)),
                             (page, [each for each in places if places.count(each) > 1][:5]))

    def test_nothing_is_fetched(self):
        loads = re.compile(r'<(?:script|img|link|iframe|source|video)\b[^>]*(?:src|href)="(?!data:)'
                           r'\s*(?:[a-z]+:)?//')
        for page, text in self.site.texts.items():
            self.assertIsNone(loads.search(text), page)
        for name in ("style.css", "site.js"):
            text = (self.site.folder / "site" / name).read_text(encoding="utf-8")
            self.assertNotRegex(text, r"@import|url\(|fetch\(|XMLHttp|https?:")
        for picture in self.site.folder.rglob("*.svg"):
            self.assertNotRegex(picture.read_text(encoding="utf-8"),
                                r'(?:href|src)="https?:|@import|url\(\s*["\']?https?:')

    def test_each_public_name(self):
        """Functions, types, and each member of an options struct."""
        for header in sorted((ROOT / "include/weir").glob("*.h")):
            places = self.site.sets[f"api/{header.stem}.html"]
            text = header.read_text(encoding="utf-8")
            wanted = {name for name, _ in test_null.declarations(text)} | \
                set(re.findall(r"^typedef (?:struct|enum|union) (weir_\w+) \{", text, flags=re.M))
            self.assertEqual(sorted(wanted - places), [], header.name)
        self.assertIn("weir_subscribe_options.max_demand",
                      self.site.sets["api/subscription.html"])
        self.assertIn("weir_callbacks.handle_events", self.site.sets["api/stage.html"])
        self.assertIn("WEIR_NO_MEMORY", self.site.sets["api/status.html"])
        self.assertIn("WEIR_PRODUCER", self.site.sets["api/types.html"])

    def test_names_lead_to_the_api(self):
        text = self.site.texts["docs/guide/broadcast.html"]
        self.assertIn('<a href="../../api/dispatcher.html#weir_broadcast_dispatcher">', text)
        self.assertIn('<a href="../../source/docs/examples/guide_broadcast.c.html">', text)
        text = self.site.texts["index.html"]
        self.assertIn('<a href="docs/guide/pipelines-from-sources-to-sinks.html">', text)
        self.assertIn('<a href="api/stage.html">', text)
        self.assertIn('<img src="docs/pictures/web.png"', text)

    def test_index(self):
        text = (self.site.folder / "site/search.js").read_text(encoding="utf-8")
        rows = json.loads(text.removeprefix("weirIndex(").removesuffix(");\n"))
        self.assertGreater(len(rows), 1000)
        wrong = [row[0] for row in rows if not self.site.leads_somewhere("index.html", row[0])]
        self.assertEqual(wrong, [])
        self.assertEqual({page for page in self.site.texts} - {row[0].partition("#")[0]
                                                               for row in rows}, set())

    def test_built_again(self):
        """What an earlier one left goes; a folder of somebody else's is left alone."""
        with tempfile.TemporaryDirectory() as folder:
            theirs = pathlib.Path(folder, "theirs")
            theirs.write_text("", encoding="utf-8")
            said = tried(sys.executable, BUILD, folder)
            self.assertEqual(said.returncode, 1)
            self.assertIn("is not empty, and holds no site", said.stderr)
            self.assertTrue(theirs.exists())
        self.assertNotEqual(tried(sys.executable, BUILD, "--what").returncode, 0)


class Seen(unittest.TestCase):
    """In a browser, from the disk."""

    @classmethod
    def setUpClass(cls):
        if browser.find() is None:
            raise unittest.SkipTest("no browser is installed")
        if built() is None:
            raise unittest.SkipTest("markdown-it for Python is not installed")
        cls.page = browser.Browser(browser.find(), 1280, 800)
        cls.addClassCleanup(cls.page.close)

    def open(self, path):
        self.page.open(f"file://{built().folder}/{path}")
        name = json.dumps(path.partition("?")[0])
        self.assertTrue(self.page.wait_for(f"""document.readyState === "complete" &&
            decodeURI(location.pathname).endsWith({name}) &&
            document.documentElement.classList.contains("scripts")""", 20), path)

    def found(self, words):
        self.page.ask(f"""(() => {{ const input = document.querySelector(".search input");
            input.value = {json.dumps(words)}; input.dispatchEvent(new Event("input")); }})()""")
        self.assertTrue(self.page.wait_for(
            'document.querySelector(".found").textContent !== "One moment …"', 20))
        return self.page.ask('[...document.querySelectorAll(".found a")].map('
                             '(each) => each.getAttribute("href"))')

    def test_search(self):
        self.open("docs/guide/buffers.html")
        self.assertEqual(self.found("weir_rate_open")[0], "../../api/rate.html#weir_rate_open")
        self.assertIn("../../docs/guide/partitions.html", self.found("partition hash")[:8])
        self.assertEqual(self.found("weir_rate_open zzzz"), [])

    def test_question_in_the_address(self):
        self.open("index.html?q=weir_must")
        self.assertTrue(self.page.wait_for('document.querySelector(".found a") !== null', 20))
        self.assertEqual(self.page.ask('document.querySelector(".found a").getAttribute("href")'),
                         "api/wiring.html#weir_must")

    def test_light_and_dark(self):
        ground = "getComputedStyle(document.body).backgroundColor"
        self.open("index.html")
        self.page.colours("dark")
        dark = self.page.ask(ground)
        self.page.colours("light")
        light = self.page.ask(ground)
        self.assertNotEqual(dark, light)
        self.page.ask('document.querySelector(".theme").click()')
        self.assertEqual(self.page.ask(ground), dark)
        self.open("docs/design.html")  # it stays so on the next page
        self.assertEqual(self.page.ask(ground), dark)
        self.page.ask('document.querySelector(".theme").click()')
        self.assertEqual(self.page.ask(ground), light)

    def test_phone(self):
        """Nothing is wider than the screen, but what scrolls by itself; the menu opens."""
        self.page.call("Emulation.setDeviceMetricsOverride", width=360, height=740,
                       deviceScaleFactor=1, mobile=True)
        for path in ("index.html", "docs/guide/a-first-pipeline.html", "api/pipeline.html",
                     "api/index.html", "docs/benchmarks/the-targets.html", "docs/TOUR.html",
                     "docs/benchmarks/pipe-of-two-a-producer-a-consumer.html",
                     "source/docs/examples/counter.c.html"):
            self.open(path)
            self.assertLessEqual(self.page.ask("document.documentElement.scrollWidth"), 360, path)
        shown = 'getComputedStyle(document.querySelector("nav.site")).display'
        self.assertEqual(self.page.ask(shown), "none")
        self.page.ask('document.querySelector(".menu").click()')
        self.assertEqual(self.page.ask(shown), "block")


if __name__ == "__main__":
    unittest.main()
