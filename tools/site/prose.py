"""Pages of Markdown files; long ones are split, a page for each chapter.
SPDX-License-Identifier: Apache-2.0
"""
import html
import re

import listing
from markdown_it import MarkdownIt
from site_tree import Page

SPLIT = ("docs/guide.md", "docs/benchmarks.md")
# Figures: searched for by nobody, and there are half a million letters of them.
NOT_SEARCHED = ("docs/benchmarks.md",)


def anchor_of(text, taken):
    """As the usual viewers of Markdown name a heading."""
    name = re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")
    anchor, i = name, 0
    while anchor in taken:
        i += 1
        anchor = f"{name}-{i}"
    taken.add(anchor)
    return anchor


def plain(inline):
    """The text of an inline token."""
    return "".join(" " if each.type in ("softbreak", "hardbreak") else each.content
                   for each in inline.children or [])


def short_of(title):
    return re.split(r"[:;] ", title)[0]


class File:
    """A Markdown file: parsed, its headings named, its pages laid out."""

    def __init__(self, site, path):
        self.site, self.path = site, path
        parser = MarkdownIt("commonmark").enable("table")
        self.tokens = parser.parse((site.root / path).read_text(encoding="utf-8"))
        self.renderer = parser
        self._name_headings()
        self._lay_out()

    def _name_headings(self):
        taken = set()
        for i, token in enumerate(self.tokens):
            if token.type == "heading_open":
                token.attrs["id"] = anchor_of(plain(self.tokens[i + 1]), taken)

    def _lay_out(self):
        """self.parts: (page, its tokens)."""
        url, split = self.site.url_of(self.path), self.path in SPLIT
        title = next((plain(self.tokens[i + 1]) for i, token in enumerate(self.tokens)
                      if token.type == "heading_open"), self.path)
        page = self.site.add(Page(url, title, short_of(title), origin=self.path))
        self.parts = [(page, [])]
        for i, token in enumerate(self.tokens):
            if token.type == "heading_open":
                if split and token.tag == "h2":
                    page = self._chapter(url, token, plain(self.tokens[i + 1]))
                anchor = token.attrs["id"]
                top = token.tag == "h1" or page.url != url and token.tag == "h2"
                self.site.headings[self.path, anchor] = \
                    page.url if top else f"{page.url}#{anchor}"
            self.parts[-1][1].append(token)

    def _chapter(self, url, token, title):
        page = Page(f"{url.removesuffix('.html')}/{token.attrs['id']}.html", title,
                    short_of(title), origin=self.path)
        before = self.parts[-1][0]
        page.before, before.behind = before, page
        self.parts.append((self.site.add(page), []))
        return page

    def render(self):
        for number, (page, tokens) in enumerate(self.parts):
            Part(self, page, number > 0).render(tokens)


class Part:
    """Renders the tokens of one page."""

    def __init__(self, file, page, is_chapter):
        self.site, self.path, self.page = file.site, file.path, page
        self.renderer, self.is_chapter = file.renderer.renderer, is_chapter
        self.options = file.renderer.options

    def render(self, tokens):
        self._search("", self.page.title)
        out, i = [], 0
        while i < len(tokens):
            token = tokens[i]
            if token.type == "heading_open":
                out.append(self._heading(token, tokens[i + 1]))
                i += 2
            elif token.type == "inline":
                out.append(self._inline(token))
            elif token.type in ("fence", "code_block"):
                out.append(self._code(token))
            elif token.type == "html_block":
                out.append(re.sub(r"<!--.*?-->\n?", "", token.content, flags=re.S))
            elif token.type == "table_open":
                out.append('<div class="table"><table>\n')
            elif token.type == "table_close":
                out.append("</table></div>\n")
            else:
                out.append(self.renderer.render([token], self.options, {}))
            self._note(token)
            i += 1
        self.page.body = "".join(out)

    def _search(self, anchor, title):
        self.page.sections.append([anchor, title, ""])

    def _note(self, token):
        if token.type == "td_open":
            self.in_table = True
        if token.type == "table_close":
            self.in_table = False
        if token.type == "inline" and not (getattr(self, "in_table", False) and
                                           self.path in NOT_SEARCHED):
            self.page.sections[-1][2] += plain(token) + " "
        if token.type == "fence" and token.info:
            self.page.sections[-1][2] += " ".join(re.findall(r"[A-Za-z_]\w+", token.content)) + " "

    def _heading(self, token, inline):
        level = int(token.tag[1]) - (1 if self.is_chapter else 0)
        anchor, text = token.attrs["id"], plain(inline)
        if level <= 1:
            return f"<h1>{self._inline(inline)}</h1>\n"
        self.page.headings.append((level, anchor, text))
        self._search(anchor, text)
        return (f'<h{level} id="{anchor}">{self._inline(inline)}'
                f'<a class="here" href="#{anchor}" aria-label="link to this part">#</a>'
                f"</h{level}>\n")

    def _code(self, token):
        language = token.info.strip()
        mark = self._names if language in ("c", "cpp") else html.escape
        return listing.block(token.content.rstrip("\n"), language, mark)

    def _names(self, text):
        return listing.names(text, self.site.name_on(self.page))

    def _inline(self, inline):
        out, linked = [], False
        for token in inline.children:
            if token.type == "link_open":
                linked = True
                token.attrs["href"] = self.site.follow(self.page, self.path, token.attrs["href"])
                if token.attrs["href"].startswith("http"):
                    token.attrs["rel"] = "noopener"
            elif token.type == "link_close":
                linked = False
            elif token.type == "image":
                token.attrs["src"] = self.site.follow(self.page, self.path, token.attrs["src"])
                token.attrs["loading"] = "lazy"
                if self.path == "docs/benchmarks.md":
                    token.attrs["class"] = "drawing"  # on white, which the dark turns round
            elif token.type == "code_inline":
                out.append(inline_code(self.site, self.page, token.content, linked))
                continue
            elif token.type == "html_inline" and token.content.startswith("<!--"):
                continue
            out.append(self.renderer.render([dummy(token)], self.options, {}))
        return "".join(out)


def dummy(token):
    """The renderer takes inline tokens as children of one that holds them."""
    from markdown_it.token import Token
    return Token("inline", "", 0, children=[token], content=token.content)


def inline_code(site, page, text, linked=False, own=()):
    """Code within prose: a name of the library or a file leads to its page."""
    if linked:
        return f"<code>{html.escape(text)}</code>"
    link = site.file_on(page, text) if "/" in text else None
    if link:
        return f'<a href="{html.escape(link)}"><code>{html.escape(text)}</code></a>'
    return f"<code>{listing.names(text, site.name_on(page, own))}</code>"
