# Tables: medians with the least and the most, and ratios within one run.
# SPDX-License-Identifier: Apache-2.0
import statistics

from growth import measure, name_of_x, series_of
from targets import short
from who import CLASSES, best_of_each, is_peer, rows_of, title

LATENCIES = ("p50", "p99", "p99.9")


def table(heads, lines, numbers_from=1):
    """A table of Markdown; columns from numbers_from on are numbers."""
    rules = ["---" if at < numbers_from else "---:" for at in range(len(heads))]
    cells = [heads, None, *lines]
    return ["|" + "|".join(rules) + "|" if line is None else
            "| " + " | ".join(str(cell) for cell in line) + " |" for line in cells]


def folded(summary, lines):
    """What only some want to see."""
    return ["<details>", f"<summary>{summary}</summary>", "", *lines, "", "</details>"]


def millions(rate):
    return short(rate / 1e6)


def spread(values, scale=1.0):
    """Median aside: the least and the most."""
    return f"{short(min(values) * scale)} .. {short(max(values) * scale)}"


def times(ours, other):
    """How many times as fast as other ours is."""
    return f"{short(ours.rate / other.rate)} x"


def mark(row, text):
    return f"**{text}**" if row.who == "weir" else text


def setting_of(row):
    return f"`{row.placement}/{row.setting}`"


def compared(result, kind):
    """The best of each who in one comparison, with weir's ratio to it."""
    rows = best_of_each(result, kind)
    ours = next((row for row in rows if row.who == "weir"), None)
    lines = []
    for row in rows:
        factor = "" if ours is None or row is ours else times(ours, row)
        lines.append([mark(row, title(row.who)), setting_of(row), mark(row, millions(row.rate)),
                      spread(row.rates, 1e-6), factor])
    return table([kind, "setting", "million/s", "least .. most", "weir is"], lines, 2)


def all_settings(result):
    """Every row with all its figures; ratios are to weir's best in the same comparison."""
    figures = sorted({name for row in result.rows.values() for name in row.figures})
    ours = {kind: next((row for row in best_of_each(result, kind) if row.who == "weir"), None)
            for kind in CLASSES}
    kinds = {row.name: kind for kind in reversed(CLASSES) for row in rows_of(result, kind)}
    peers = any(is_peer(row) for row in result.rows.values())
    lines = []
    for row in sorted(result.good(), key=lambda row: -row.rate):
        own = ours.get(kinds.get(row.name))
        line = [f"`{row.name}`", millions(row.rate), spread(row.rates, 1e-6)]
        line += [times(own, row) if own else ""] if peers else []
        line += [figure_cell(row, name) for name in figures]
        lines.append(line)
    heads = ["row", "million/s", "least .. most", *(["weir's best is"] if peers else []), *figures]
    return table(heads, lines)


def figure_cell(row, name):
    values = row.figures.get(name)
    return f"{short(row.figure(name))} ({spread(values)})" if values else ""


def errors(result):
    """What went wrong stands on the page, not only in a log."""
    return [f"- `{row.name}` **failed**: {row.error}" for row in result.errors]


def workload(result):
    """Like with like, then everything."""
    blocks = []
    for kind in CLASSES:
        if rows_of(result, kind):
            blocks.append(compared(result, kind))
    return blocks


def latencies(result):
    """Trips in nanoseconds, quickest first."""
    rows = [row for row in result.good() if row.figure("p50") is not None]
    lines = [[mark(row, title(row.who)), setting_of(row),
              *(figure_cell(row, name) for name in LATENCIES)]
             for row in sorted(rows, key=lambda row: row.figure("p50"))]
    return table(["ns, median (least .. most)", "setting", *LATENCIES], lines, 2)


def growth(result):
    """A line for each x, a column for each way."""
    lines, (what, values) = series_of(result), measure(result)
    at = {label: dict(points) for label, points in lines.items()}
    steps = sorted({x for points in at.values() for x in points})
    body = [[f"{x:,.0f}", *(short(statistics.median(values(points[x]))) if x in points else ""
                            for points in at.values())] for x in steps]
    return table([f"{name_of_x(result)}: {what}", *at], body)
