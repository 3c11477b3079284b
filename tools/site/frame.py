"""What is around a page: the bar, the navigation, the list of what is on it.
SPDX-License-Identifier: Apache-2.0
"""
import html
import json

import api

# Guide's chapters on pipelines, which have a place of their own in the navigation.
PIPELINES = ("messages-and-sources-what-is-acknowledged", "pipelines-from-sources-to-sinks",
             "batches-events-that-go-together", "trying-again-later", "rates-so-many-a-time",
             "conflation-the-latest-of-each", "windows-of-time", "testing-a-pipeline")
ICON = ("data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
        "%3Cpath d='M1 4h14M3 8h10M1 12h14' stroke='%230b7a95' stroke-width='2.4' "
        "stroke-linecap='round'/%3E%3C/svg%3E")
# Before anything is drawn, or a page would be light for a moment.
THEME = "document.documentElement.dataset.theme=localStorage.getItem('weir-theme')||''"


def is_title(each):
    return isinstance(each, str)


class Navigation:
    """[(title, [page, ...])], as a reader would want them; titles between the pages, too."""

    def __init__(self, site, reference):
        self.site = site
        guide = self.chapters("docs/guide")
        pipelines = [site.pages[f"docs/guide/{name}.html"] for name in PIPELINES
                     if f"docs/guide/{name}.html" in site.pages]
        self.groups = [
            ("Start", self.of("index.html", "examples.html", "CHANGELOG.html")),
            ("Guide", [page for page in guide if page not in pipelines]),
            ("Pipelines", [*pipelines, *self.of("docs/broadway.html")]),
            ("Connectors", [*self.under("docs/connect/"), *self.of("docs/scaling.html")]),
            ("The tool", self.of("docs/tool.html", "docs/counters.html")),
            ("Benchmarks", [*self.chapters("docs/benchmarks"), *self.of("docs/transport.html")]),
            ("Design", self.of("docs/design.html", "docs/TOUR.html", "docs/words.html",
                               "docs/genstage.html", "docs/decisions/index.html")),
            ("API", [reference.index, *self.headers(reference)]),
        ]
        told = {page.url for _, pages in self.groups for page in pages if not is_title(page)}
        # A page of docs/ that nobody has put in a place is not to be lost.
        rest = [page for url, page in sorted(site.pages.items()) if url.startswith("docs/")
                and url.count("/") == 1 and url not in told]
        if rest:
            self.groups.append(("More", rest))

    def of(self, *urls):
        return [self.site.pages[url] for url in urls if url in self.site.pages]

    def under(self, folder):
        return [page for url, page in sorted(self.site.pages.items()) if url.startswith(folder)]

    def chapters(self, stem):
        page, found = self.site.pages[stem + ".html"], []
        while page:
            found.append(page)
            page = page.behind
        return found

    @staticmethod
    def headers(reference):
        for title, some in api.grouped(reference.headers):
            yield title
            yield from (reference.pages[header.name] for header in some)

    def place(self, page):
        """The group that a page is of."""
        for title, pages in self.groups:
            if page in pages:
                return title
        if page.url.startswith("docs/decisions/"):
            return "Design"
        return "Start" if page.url.startswith("source/docs/examples/") else ""

    def render(self, page):
        out, here = [], self.place(page)
        for title, pages in self.groups:
            is_open = " open" if title == here else ""
            out.append(f"<details{is_open}><summary>{title}</summary><ul>\n")
            for each in pages:
                if is_title(each):
                    out.append(f'<li class="sub">{each}</li>\n')
                    continue
                now = ' aria-current="page"' if each is page else ""
                out.append(f'<li><a href="{page.link(each.url)}"{now}>'
                           f"{html.escape(each.short or each.title)}</a></li>\n")
            out.append("</ul></details>\n")
        return "".join(out)


def contents(page):
    """What is on a page, for its side."""
    if len(page.headings) < 2:
        return ""
    items = "".join(f'<li class="level{level}"><a href="#{anchor}">{html.escape(text)}</a></li>\n'
                    for level, anchor, text in page.headings if level <= 3)
    return ('<nav class="contents" aria-label="On this page"><p>On this page</p>'
            f"<ul>\n{items}</ul></nav>")


def turning(page):
    """To the pages before and behind."""
    links = [f'<a class="{name}" href="{page.link(each.url)}"><span>{word}</span>'
             f"{html.escape(each.title)}</a>"
             for name, word, each in (("before", "Before", page.before),
                                      ("behind", "Next", page.behind)) if each]
    return f'<nav class="turning" aria-label="Pages">{"".join(links)}</nav>' if links else ""


def whole(page, navigation, version):
    root = page.link("index.html").removesuffix("index.html")
    title = "weir: demand-driven stages for C" if page.url == "index.html" \
        else f"{page.title} · weir"
    origin = f'<p class="origin">Made of <code>{html.escape(page.origin)}</code></p>' \
        if page.origin else ""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<link rel="icon" href="{ICON}">
<script>{THEME}</script>
<link rel="stylesheet" href="{root}site/style.css">
<script defer src="{root}site/site.js" data-root="{root}"></script>
</head>
<body>
<a class="skip" href="#main">To the text</a>
<header class="bar">
<button class="menu" aria-label="Menu" aria-expanded="false" hidden>☰</button>
<a class="name" href="{page.link("index.html")}">weir <span>{version}</span></a>
<div class="search" role="search" hidden>
<input type="search" placeholder="Search  ( / )" aria-label="Search" autocomplete="off"
 spellcheck="false">
<div class="found" role="listbox" aria-label="Found" hidden></div>
</div>
<button class="theme" aria-label="Light or dark" hidden>◐</button>
</header>
<div class="columns">
<nav class="site" aria-label="All pages">
{navigation.render(page)}</nav>
<main id="main">
<article>
{page.body}</article>
{turning(page)}
{origin}
</main>
{contents(page)}
</div>
</body>
</html>
"""


def index(site):
    """What is searched in, as a script: pages that are opened from a disk may not fetch."""
    rows = [[page.url + ("#" + anchor if anchor else ""), title,
             "" if page.title == title else page.short or page.title, " ".join(text.split())]
            for page in site.pages.values() for anchor, title, text in page.sections]
    return "weirIndex(" + json.dumps(rows, ensure_ascii=False, separators=(",", ":")) + ");\n"
