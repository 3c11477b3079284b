"""Pages of what is no Markdown: examples, sources that something leads to, lists of pages.
SPDX-License-Identifier: Apache-2.0
"""
import html
import posixpath
import re

import listing
from prose import inline_code
from site_tree import Page

LONGEST = 400_000  # letters; larger files are not for reading
LANGUAGES = {".c": "c", ".h": "c", ".cc": "cpp", ".cpp": "cpp", ".hpp": "cpp", ".py": "python",
             ".sh": "sh", ".cmake": "cmake", ".rs": "rust"}


def language_of(path, text):
    if posixpath.basename(path) == "CMakeLists.txt":
        return "cmake"
    if text.startswith("#!"):
        return "python" if "python" in text.partition("\n")[0] else "sh"
    return LANGUAGES.get(posixpath.splitext(path)[1], "")


def first_words(text):
    """What a file says of itself, up to the licence's line or the first empty one."""
    comment = re.match(r"\s*(?:/\*+(.*?)\*/|((?://[^\n]*\n)+))", text, re.S)
    if comment is None:
        return ""
    lines = [re.sub(r"^\s*(?:\*|//) ?", "", line).strip()
             for line in (comment[1] or comment[2]).strip().split("\n")]
    said = []
    for line in lines:
        if line.startswith("SPDX"):
            continue
        if not line and said:
            break
        said.append(line)
    return " ".join(said).strip()


def sources(site):
    """A page for each file that a page leads to; these lead to none that have none."""
    for path in sorted(site.shown):
        text = (site.root / path).read_text(encoding="utf-8", errors="replace")
        page = site.add(Page(f"source/{path}.html", path, origin=path))
        page.sections = [["", path, first_words(text)]]
        language = language_of(path, text)
        mark = html.escape
        if language in ("c", "cpp"):
            def mark(piece, page=page):
                return listing.names(piece, site.name_on(page))
        body = listing.block(text.rstrip("\n")[:LONGEST], language, mark)
        page.body = f'<h1 class="path"><code>{html.escape(path)}</code></h1>\n{body}'


def examples(site):
    """One list of all programs in docs/examples, which brings their pages about."""
    page = site.add(Page("examples.html", "Examples", origin="docs/examples"))
    page.sections = [["", "Examples", ""]]
    folder = site.root / "docs/examples"
    files = sorted(each.relative_to(site.root).as_posix() for each in folder.rglob("*")
                   if each.suffix in (".c", ".cc", ".cpp", ".py", ".rs"))
    guide = [file for file in files if "/guide_" in file]
    several = [file for file in files if file.count("/") > 2]
    alone = [file for file in files if file not in guide and file not in several]
    out = ["<h1>Examples</h1>\n<p>Each is a whole program, which the tests build and run. "
           "They are built into <code>build/examples</code>.</p>\n"]
    for title, some in (("Programs", alone), ("Programs of several files", several),
                        ("Of the guide", guide)):
        anchor = title.lower().replace(" ", "-")
        page.headings.append((2, anchor, title))
        out.append(f'<h2 id="{anchor}">{title}</h2>\n<dl class="members">\n')
        for file in some:
            said = first_words((site.root / file).read_text(encoding="utf-8"))
            out.append(f'<dt><a href="{page.link(site.url_of(file))}"><code>'
                       f'{file.removeprefix("docs/examples/")}</code></a></dt>'
                       f"<dd>{marked(site, page, said)}</dd>\n")
        out.append("</dl>\n")
    page.body = "".join(out)


def marked(site, page, text):
    return "".join(inline_code(site, page, piece) if i % 2 else html.escape(piece)
                   for i, piece in enumerate(re.split(r"`([^`]+)`", text)))


def decisions(site):
    """The list of decisions, by their numbers."""
    page = site.add(Page("docs/decisions/index.html", "Decisions", origin="docs/decisions"))
    some = [each for url, each in sorted(site.pages.items())
            if re.match(r"docs/decisions/\d", url)]
    items = "".join(f'<li><a href="{page.link(each.url)}">{html.escape(each.title)}</a></li>\n'
                    for each in some)
    page.sections = [["", "Decisions", ""]]
    page.body = ("<h1>Decisions</h1>\n<p>Why things are as they are: the question, what was "
                 f"decided, what was measured, and what was not chosen.</p>\n<ul>\n{items}</ul>\n")
    for before, behind in zip(some, some[1:]):
        before.behind, behind.before = behind, before
