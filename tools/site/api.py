"""Pages of the public headers: what each declares, with the words that its comments have for it.
SPDX-License-Identifier: Apache-2.0
"""
import html
import re

import headers
import listing
import members
import pages as manual
from site_tree import Page

GROUPS = [
    ("Stages", "weir types status version stage events subscription event mark dispatcher output "
               "wiring"),
    ("In and out", "inlet iterator stream poller call timer"),
    ("Pipelines", "pipeline message source sink batcher retry backoff rate conflate window pool"),
    ("Connectors", "file nats redis kafka"),
    ("Running", "runtime thread supervisor name ending observe counters"),
]

LABELS = {"IN GENSTAGE": "In GenStage", "RETURN VALUE": "Returns"}


def titled(header):
    """A header's title and the rest of its first comment."""
    title, _, rest = header.head.partition("\n\n")
    return re.sub(r"^[^:]*: ", "", " ".join(title.split())), rest


def sentence(text):
    return text[:1].upper() + text[1:]


def grouped(all_headers):
    """[(title, headers)]; what no group names is in a last one."""
    by_name = {header.name.removesuffix(".h"): header for header in all_headers}
    found = [(title, [by_name.pop(name) for name in names.split() if name in by_name])
             for title, names in GROUPS]
    return [*found, ("More", list(by_name.values()))] if by_name else found


def list_prefix(header, name):
    """What the names of a list's values begin with, as its enum says: WEIR_##name."""
    for _, _, text in header.declared():
        found = re.search(rf"(WEIR_\w*)##name.*\n\s*{name}\(", text)
        if found:
            return found[1]
    return "WEIR_"


def runs(group):
    """What is declared, in parts: functions, with the types among them; then each type with members
    by itself, as nobody's words are of it but its own."""
    kinds = [kind for kind, _, _ in group.all]
    functions = len(kinds) - kinds[::-1].index("function") if "function" in kinds else 0
    found, was_alone = [group.all[:functions]] if functions else [], True
    for each in group.all[functions:]:
        alone = each[0] == "type" and "{" in each[2]
        if alone or was_alone:
            found.append([])
        found[-1].append(each)
        was_alone = alone
    return found


def anchor_of(type_name, member):
    """A value of an enum has a name of its own, a member only within its struct."""
    return member if member.startswith("WEIR_") else f"{type_name}.{member}"


class Reference:
    """All pages of the API."""

    def __init__(self, site, include):
        self.site = site
        self.headers = headers.read(include)
        self.pages = {}
        for header in self.headers:
            title, _ = titled(header)
            url = site.url_of(f"include/weir/{header.name}")
            page = site.add(Page(url, f"{header.name}: {title.rstrip('.')}", header.name,
                                 origin=f"include/weir/{header.name}"))
            self.pages[header.name] = page
            for kind, name, text in header.declared():
                self._name(header, url, kind, name, text)
        self.index = site.add(Page("api/index.html", "API", "All of it"))

    def _name(self, header, url, kind, name, text):
        # A typedef may come before the struct that it is of, in another header: that one counts.
        if kind != "type" or "{" in text or name not in self.site.names:
            self.site.names[name] = f"{url}#{name}"
        for block in members.blocks(text) if kind == "type" else ():
            for each in block.members:
                anchor = anchor_of(name, each.name)
                self.site.names[anchor] = f"{url}#{anchor}"
        for value, _, _ in members.listed(text):
            anchor = list_prefix(header, name) + value
            self.site.names[anchor] = f"{url}#{anchor}"

    def render(self):
        for header in self.headers:
            HeaderPage(self.site, header, self.pages[header.name]).render()
        self._render_index()

    def _render_index(self):
        out = ["<h1>API reference</h1>\n<p>A page for each header, made of its comments. "
               "All of them are in <code>#include &lt;weir/weir.h&gt;</code>, but those of the "
               "connectors to engines.</p>\n"]
        for title, some in grouped(self.headers):
            anchor = title.lower().replace(" ", "-")
            self.index.headings.append((2, anchor, title))
            out.append(f'<h2 id="{anchor}">{title}</h2>\n<dl class="members">\n')
            for header in some:
                link = self.index.link(self.pages[header.name].url)
                out.append(f'<dt><a href="{link}"><code>{header.name}</code></a></dt>'
                           f"<dd>{html.escape(sentence(titled(header)[0]))}</dd>\n")
            out.append("</dl>\n")
        for kind, title in (("function", "Functions"), ("type", "Types")):
            out.append(self._all_of(kind, title))
        self.index.body = "".join(out)
        self.index.sections = [["", "API reference", ""]]

    def _all_of(self, kind, title):
        names = sorted({name for header in self.headers
                        for each, name, _ in header.declared() if each == kind})
        self.index.headings.append((2, title.lower(), f"{title}, by name"))
        links = "".join(f'<li><a href="{self.index.link(self.site.names[name])}">'
                        f"<code>{name}</code></a></li>\n" for name in names)
        return f'<h2 id="{title.lower()}">{title}, by name</h2>\n<ul class="names">\n{links}</ul>\n'


class HeaderPage:
    """Renders one header."""

    def __init__(self, site, header, page):
        self.site, self.header, self.page, self.own = site, header, page, ()

    def render(self):
        title, rest = titled(self.header)
        self.page.sections = [["", self.header.name, f"{title} {rest}"]]
        out = [f'<h1><code>{self.header.name}</code></h1>\n<p class="lead">'
               f"{self.text(sentence(title))}</p>\n",
               listing.block(f"#include <weir/{self.header.name}>", "c"), self.prose(rest)]
        for each in self.header.order:
            out.append(self._part(each) if isinstance(each, str) else self._group(each))
        self.page.body = "".join(out)

    def _part(self, title):
        anchor = re.sub(r"\W+", "-", title.lower())
        title = sentence(title)
        self.page.headings.append((2, anchor, title))
        return f'<h2 id="{anchor}">{html.escape(title)}</h2>\n'

    def _group(self, group):
        """All that a comment is of; its words are at the first part of that."""
        if not group.all:
            return f'<section class="aside">\n{self.prose(group.comment)}</section>\n'
        return "".join(self._run(run, "" if i else group.comment)
                       for i, run in enumerate(runs(group)))

    def _run(self, run, comment):
        self.own = tuple(name for _, name, _ in run)
        text = " ".join([comment, *(text for _, _, text in run)])
        self.page.sections.append([run[0][1], ", ".join(self.own), " ".join(text.split())])
        return (f"<section>\n{self._heading(run)}{self._declared(run, self.prose(comment))}"
                "</section>\n")

    def _heading(self, run):
        first, names = run[0][1], [name for kind, name, _ in run if kind != "constant"]
        names = names or [name for _, name, _ in run]
        shown = names if len(names) <= 3 else [*names[:2], "…"]
        constant = len(names) > 1 and run[0][0] == "constant"
        self.page.headings.append((3, first, first + " …" if constant else ", ".join(shown)))
        return (f'<h3 id="{first}"><code>' + "</code>, <code>".join(shown) + "</code>"
                f'<a class="here" href="#{first}" aria-label="link to this part">#</a></h3>\n')

    def _declared(self, run, words):
        plain, tables = [], []
        for kind, name, text in run:
            table = self._members(name, text) if kind == "type" else self._list(name, text)
            if table:
                tables.append(table)
            else:
                plain.append(text)
        anchors = "".join(f'<span id="{name}"></span>' for _, name, _ in run[1:])
        shown = listing.block("\n".join(plain), "c", self.mark) if plain else ""
        return anchors + shown + words + "".join(tables)

    def mark(self, text):
        return listing.names(text, self.site.name_on(self.page, self.own))

    def _members(self, name, text):
        out = []
        for block in members.blocks(text):
            words, rows = block.words, block.members
            if words and len(rows) == 1 and not rows[0].words:
                rows, words = [members.Member(rows[0].name, rows[0].text, words)], ""
            if words:
                out.append(f'<div class="over">{self.prose(words)}</div>')
            out += [self._member(anchor_of(name, each.name), each) for each in rows]
        return f'<dl class="members">\n{"".join(out)}</dl>\n' if out else ""

    def _member(self, anchor, member):
        self.own = (*self.own, anchor)
        text = listing.colour(member.text, "c", self.mark)
        text = re.sub(rf"(?<![\w>]){member.name}\b(?!.*\b{member.name}\b)", r"<b>\g<0></b>", text)
        return (f'<dt id="{anchor}"><code>{text}</code></dt>'
                f"<dd>{self.prose(member.words, self.own)}</dd>\n")

    def _list(self, name, text):
        prefix = list_prefix(self.header, name)
        rows = [f'<dt id="{prefix}{value}"><code>{prefix}{value} = {number}</code></dt>'
                f"<dd>{html.escape(words)}</dd>\n" for value, number, words in members.listed(text)]
        return f'<dl class="members">\n{"".join(rows)}</dl>\n' if rows else ""

    # --- comments ---

    def text(self, text):
        """Prose within a line: code in backticks, names and files lead to where they are."""
        out = []
        for i, piece in enumerate(re.split(r"`([^`]+)`", text)):
            if i % 2:
                out.append(f"<code>{self.mark(piece)}</code>")
                continue
            for j, part in enumerate(re.split(r"(?<![\w/.])((?:docs/[\w/]+|\w+)\.(?:h|md))\b",
                                              piece)):
                link = self.site.file_on(self.page, part) if j % 2 else None
                out.append(f'<a href="{link}">{part}</a>' if link else self.mark(part))
        return "".join(out)

    def prose(self, comment, own=()):
        """Paragraphs, lists and blocks, and behind them what has a label, as a list."""
        self.own = own or self.own
        parts = manual.split(comment)
        out = [self.paragraphs(parts.pop(""))]
        labels = "".join(f"<dt>{LABELS.get(label, html.escape(label.capitalize()))}</dt>"
                         f"<dd>{self.labelled(lines)}</dd>\n" for label, lines in parts.items())
        return "".join(out) + (f'<dl class="labels">\n{labels}</dl>\n' if labels else "")

    def labelled(self, lines):
        """Lines of a label; those that begin with the name of an argument make a list."""
        items = [[]]
        for line in lines:
            if re.match(r"\w+(?:(?:, | and )\w+)*: ", line) and items[0]:
                items.append([])
            items[-1].append(line)
        return self.statuses("<br>\n".join(self.text(" ".join(item)) for item in items))

    def statuses(self, text):
        """Labels say NO_MEMORY and mean WEIR_NO_MEMORY."""
        def linked(found):
            url = self.site.names.get("WEIR_" + found[0])
            return f'<a href="{self.page.link(url)}">{found[0]}</a>' if url else found[0]
        return re.sub(r"(?<![\w#.-])[A-Z][A-Z_]{2,}(?!\w)", linked, text)

    def paragraphs(self, lines):
        out, text, block = [], [], []

        def flush():
            if text:
                said = self.text(" ".join(" ".join(text).split("\n")))
                said = re.sub(r"^([A-Z][\w ,]{1,40}\.)(?=  )", r"<strong>\1</strong>", said)
                out.append(f"<p>{said}</p>\n")
            if block:
                out.append(listing.block("\n".join(block), "", self.mark))
            text.clear()
            block.clear()

        for line in [*lines, ""]:
            indented = line.startswith("  ")
            if not line.strip() or indented != bool(block):
                flush()
            if line.strip():
                (block if indented else text).append(line[2:] if indented else line)
        return "".join(out)
