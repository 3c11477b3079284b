"""Pages in the man(7) language.
SPDX-License-Identifier: Apache-2.0
"""
import re
import textwrap

WIDTH = 78


def plain(text):
    """Text as it is, with what roff would read as its own escaped."""
    text = text.replace("\\", "\\e")
    return "".join(c if ord(c) < 128 else f"\\[u{ord(c):04X}]" for c in text)


def line(text):
    """One line that is text, also where it begins like a request."""
    return "\\&" + text if text[:1] in (".", "'") else text


def code(lines):
    """Lines as they stand, indented."""
    body = [line(plain(each).replace("-", "\\-")) for each in lines]
    return [".PP", ".in +4n", ".nf", *body, ".fi", ".in"]


class Prose:
    """Fills paragraphs; names that have pages are bold, what is in backticks slanted."""

    def __init__(self, names):
        self.names = names

    def fill(self, text, own=()):
        # Broken before it is marked, or the marks would be broken apart; a name of ours is a word.
        lines = textwrap.wrap(" ".join(text.split()), WIDTH - 8, break_long_words=False,
                              break_on_hyphens=False)
        return [line(self.mark(each, own)) for each in lines]

    def mark(self, text, own):
        def named(match):
            name = match[1]
            if name in own:
                return f"\\fB{name}\\fP"
            return f"\\fB{name}\\fP(3)" if name in self.names else name

        text = re.sub(r"(?<![\w.>])(weir_[a-z]\w*)(?:\(\))?(?![\w(]|\.\w)", named, plain(text))
        return re.sub(r"`([^`]+)`", r"\\fI\1\\fP", text)


class Page:
    """A page's lines."""

    def __init__(self, name, section, version, date):
        self.lines = ['.\\" Made of weir\'s headers. SPDX-License-Identifier: Apache-2.0',
                      f'.TH {name.upper()} {section} "{date}" "weir {version}" "weir"', ".ad l"]

    def section(self, title, lines):
        while lines and lines[0] == ".PP":
            lines = lines[1:]
        if lines:
            self.lines += [f".SH {title}", *lines]

    def text(self):
        return "\n".join(self.lines) + "\n"
