"""Code on pages: coloured, and names of the library lead to where they are told of.
SPDX-License-Identifier: Apache-2.0
"""
import html
import re

C_WORDS = """alignas auto bool break case catch char class const constexpr continue default
delete do double else enum explicit extern false final float for friend if inline int long
namespace new noexcept nullptr operator override private protected public register restrict
return short signed sizeof static static_assert struct switch template this throw true try
typedef typename union unsigned using virtual void volatile while size_t ssize_t
u?int(?:8|16|32|64|ptr)_t NULL"""
PYTHON_WORDS = """and as assert break class continue def del elif else except False finally for from
global if import in is lambda None not or pass raise return True try while with yield"""
SHELL_WORDS = "if then elif else fi for in do done while case esac function local return exit set"


def words(text):
    return r"\b(?:" + "|".join(text.split()) + r")\b"


STRING = r'"(?:\\.|[^"\\\n])*"' + r"|'(?:\\.|[^'\\\n])*'"
NUMBER = r"\b(?:0x[\da-fA-F']+|\d[\d.']*(?:e[+-]?\d+)?)[uUlLfF]*\b"
# What each language is made of: (class, pattern), the first that fits.
C = [("c", r"/\*.*?\*/|//[^\n]*"), ("p", r"(?m:^[ \t]*#[ \t]*\w+)(?:[ \t]*<[^>\n]*>)?"),
     ("s", STRING), ("k", words(C_WORDS)), ("n", NUMBER)]
PYTHON = [("c", r"#[^\n]*"), ("s", r'""".*?"""|' + STRING), ("k", words(PYTHON_WORDS)),
          ("n", NUMBER)]
SHELL = [("s", STRING), ("c", r"(?:(?<=\s)|(?m:^))#[^\n]*"), ("k", words(SHELL_WORDS))]
CMAKE = [("c", r"#[^\n]*"), ("s", STRING), ("k", r"(?m:^[ \t]*\w+)(?=\()")]
LANGUAGES = {"c": C, "h": C, "cpp": C, "cc": C, "hpp": C, "python": PYTHON, "py": PYTHON,
             "sh": SHELL, "bash": SHELL, "cmake": CMAKE, "elixir": SHELL, "rust": C, "rs": C}
NAME = re.compile(r"(?<![\w./-])(weir_[a-z]\w*(?:\.[a-z]\w*)?|WEIR_[A-Z]\w*)")


def colour(text, language, mark=html.escape):
    """HTML of code in that language.  mark: what makes HTML of a piece that may hold names."""
    rules = LANGUAGES.get(language)
    if rules is None:
        return mark(text)
    pattern = re.compile("|".join(f"(?P<{name}{i}>{rule})"
                                  for i, (name, rule) in enumerate(rules)), re.S)
    done, at = [], 0
    for found in pattern.finditer(text):
        done.append(mark(text[at:found.start()]))
        kind, piece = found.lastgroup[0], found.group()
        piece = mark(piece) if kind == "c" else html.escape(piece)
        done.append(f'<span class="{kind}">{piece}</span>')
        at = found.end()
    return "".join(done) + mark(text[at:])


def names(text, target):
    """HTML of a text in which names lead to target(name), unless that is None."""
    done, at = [], 0
    for found in NAME.finditer(text):
        name = found[1]
        link = target(name)
        if link is None and "." in name:
            name = name.partition(".")[0]
            link = target(name)
        if link is None:
            continue
        end = found.start(1) + len(name)
        done.append(html.escape(text[at:found.start(1)]))
        done.append(f'<a href="{html.escape(link)}">{html.escape(name)}</a>')
        at = end
    return "".join(done) + html.escape(text[at:])


def block(text, language="", mark=html.escape):
    """A block of code, as it stands on a page."""
    return f'<div class="code"><pre><code>{colour(text, language, mark)}</code></pre></div>\n'
