"""The site's pages, and which of them a path, a heading or a name of the library leads to.
SPDX-License-Identifier: Apache-2.0

A page has the path of what it is made of: docs/design.md is docs/design.html, include/weir/rate.h
is api/rate.html, and any other file that something leads to is shown at source/FILE.html.
"""
import dataclasses
import os
import pathlib
import posixpath
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
PICTURES = (".svg", ".png")
FOLDERS = {"docs/examples": "examples.html", "docs/decisions": "docs/decisions/index.html",
           "include/weir": "api/index.html"}


@dataclasses.dataclass
class Page:
    """One page: where it is, what is in it, and what a search finds there."""
    url: str
    title: str
    short: str = ""  # in the navigation
    body: str = ""
    headings: list = dataclasses.field(default_factory=list)  # (level, anchor, text)
    sections: list = dataclasses.field(default_factory=list)  # [anchor, title, text]
    origin: str = ""  # the file that it shows
    before: "Page" = None
    behind: "Page" = None

    def link(self, url):
        """From this page to another, or to what url names with an anchor."""
        path, hash_, anchor = url.partition("#")
        if path == self.url and anchor:
            return "#" + anchor
        return posixpath.relpath(path, posixpath.dirname(self.url) or ".") + hash_ + anchor


class Site:
    """All pages by their URLs; problems: what leads nowhere."""

    def __init__(self, root=ROOT):
        self.root = root
        self.pages = {}
        self.names = {}  # of the library: name or struct.member -> URL
        self.headings = {}  # (file, anchor) -> URL, where chapters have pages of their own
        self.shown = []  # files that have to get a page still
        self.pictures = set()
        self.problems = []

    def add(self, page):
        self.pages[page.url] = page
        return page

    def problem(self, page, text):
        self.problems.append(f"{page.origin or page.url}: {text}")

    def url_of(self, path):
        """Where what is at that path of the repository is shown; None: nowhere."""
        path = path.rstrip("/")
        if path == "README.md":
            return "index.html"
        if path in FOLDERS:
            return FOLDERS[path]
        file = self.root / path
        if not file.is_file() or path.startswith("build/"):
            return None
        if path.endswith(".md"):
            return path.removesuffix(".md") + ".html"
        if path.endswith(PICTURES):
            self.pictures.add(path)
            return path
        if re.fullmatch(r"include/weir/\w+\.h", path):
            return "api/" + posixpath.basename(path).removesuffix(".h") + ".html"
        if path not in self.shown:
            self.shown.append(path)
        return f"source/{path}.html"

    def follow(self, page, origin, target):
        """What a link in the file `origin` becomes on that page."""
        if re.match(r"[a-z]+:", target):
            return target
        path, _, anchor = target.partition("#")
        path = posixpath.normpath(posixpath.join(posixpath.dirname(origin), path)) if path \
            else origin
        url = self.url_of(path)
        if url is None:
            self.problem(page, f"the link {target} leads nowhere")
            return target
        if anchor:
            if path.endswith(".md") and (path, anchor) not in self.headings:
                self.problem(page, f"there is no heading {target}")
            url = self.headings.get((path, anchor), f"{url}#{anchor}")
        return page.link(url)

    def name_on(self, page, own=()):
        """For listing.names: the link from that page to a name, but to none of its own."""
        def target(name):
            url = self.names.get(name)
            return page.link(url) if url and name not in own else None
        return target

    def file_on(self, page, text):
        """The link to a file that a text names; None: it names none."""
        found = re.fullmatch(r"((?:docs|include|src|tests|tools|bench)/[\w./-]+?)(?::\d+)?", text)
        if found and ((self.root / found[1]).is_file() or found[1].rstrip("/") in FOLDERS):
            return page.link(self.url_of(found[1]))
        found = re.fullmatch(r"(?:weir/)?(\w+\.h)", text)
        if found and (self.root / "include/weir" / found[1]).is_file():
            return page.link(self.url_of("include/weir/" + found[1]))
        return None


def write(folder, path, text):
    file = pathlib.Path(folder, path)
    os.makedirs(file.parent, exist_ok=True)
    file.write_text(text, encoding="utf-8")
