# Tables: medians with the least and the most, and ratios within one run.
# SPDX-License-Identifier: Apache-2.0
import math
import statistics

from growth import measure, name_of_x, series_of
from results import best
from targets import by_hand, cost_of_counters, short
from who import CLASSES, belongs, best_of_each, is_peer, parts_of, rows_of, title

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


def compared(result, kind, length=""):
    """The best of each who in one comparison, with weir's ratio to it."""
    rows = best_of_each(result, kind)
    ours = next((row for row in rows if row.who == "weir"), None)
    lines = []
    for row in rows:
        factor = "" if ours is None or row is ours else times(ours, row)
        lines.append([mark(row, title(row.who)), setting_of(row), mark(row, millions(row.rate)),
                      spread(row.rates, 1e-6), factor])
    return table([kind + length, "setting", "million/s", "least .. most", "weir is"], lines, 2)


def all_settings(result):
    """Every row with all its figures; ratios are to weir's best in the same comparison."""
    rows = sorted(result.good(), key=lambda row: -row.rate)
    columns = [("row", lambda row: f"`{row.name}`")]
    if any(row.rates for row in rows):
        columns += rate_columns(rows)
    if any(is_peer(row) for row in rows):
        columns.append(("weir's best is", lambda row: ratio_cell(result, row)))
    for name in sorted({name for row in rows for name in row.figures}):
        columns.append((name, lambda row, name=name: figure_cell(row, name)))
    return table([head for head, _ in columns],
                 [[cell(row) for _, cell in columns] for row in rows])


def rate_columns(rows):
    """In millions, unless none comes near one."""
    unit, scale = ("million/s", 1e-6) if rows[0].rate > 1e5 else ("per second", 1)
    return [(unit, lambda row: short(row.rate * scale)),
            ("least .. most", lambda row: spread(row.rates, scale) if row.rates else "")]


def ratio_cell(result, row):
    """Against weir's best in the comparison that the row belongs to first."""
    part = next(part for _, part in parts_of(result) if row.name in part.rows)
    for kind in CLASSES:
        if belongs(row, kind):
            ours = best([other for other in rows_of(part, kind) if other.who == "weir"])
            return times(ours, row) if ours else ""
    return ""


def figure_cell(row, name):
    values = row.figures.get(name)
    return f"{short(row.figure(name))} ({spread(values)})" if values else ""


def errors(result):
    """What went wrong stands on the page, not only in a log."""
    return [f"- `{row.name}` **failed**: {row.error}" for row in result.errors]


def workload(result):
    """Like with like, then everything."""
    blocks = []
    for length, part in parts_of(result):
        for kind in CLASSES:
            if rows_of(part, kind):
                blocks.append(compared(part, kind, length))
    return blocks


def latencies(result):
    """Trips in nanoseconds, quickest first."""
    rows = [row for row in result.good() if row.figure("p50") is not None]
    lines = [[mark(row, title(row.who)), setting_of(row),
              *(figure_cell(row, name) for name in LATENCIES)]
             for row in sorted(rows, key=lambda row: row.figure("p50"))]
    return table(["ns, median (least .. most)", "setting", *LATENCIES], lines, 2)


def paced(result):
    """For each rate and placement: who was how late, and what it took of a core."""
    blocks = []
    for rate, part in result.apart("rate").items():
        rows = sorted(part.good(), key=lambda row: (row.placement, row.figure("p50")))
        lines = [[mark(row, title(row.who)), setting_of(row).replace(f",rate:{rate:.0f}", ""),
                  *(figure_cell(row, name) for name in (*LATENCIES, "cpu_percent"))]
                 for row in rows]
        told = table([f"{rate:,.0f} a second: ns, median (least .. most)", "setting", *LATENCIES,
                      "% of a core"], lines, 2)
        blocks.append(folded(f"{rate:,.0f} events a second", told))
    return [medians_at_rates(result), *blocks]


def medians_at_rates(result):
    """p50 and p99 in microseconds, and the percent of a core, of each row at each rate."""
    parts = result.apart("rate")
    settings = {}
    for rate, part in parts.items():
        for row in part.good():
            key = (row.placement, row.who, row.setting.replace(f"rate:{rate:.0f}", "").rstrip(","))
            settings.setdefault(key, {})[rate] = row

    def cell(row):
        if row is None:
            return ""
        late = [short(row.figure(name) / 1000) for name in LATENCIES[:2]]
        return mark(row, f"{late[0]} / {late[1]} / {row.figure('cpu_percent'):.0f} %")
    lines = [[mark_who(who), f"`{placement}/{setting}`", *(cell(rows.get(rate)) for rate in parts)]
             for (placement, who, setting), rows in sorted(settings.items())]
    return table(["us: p50 / p99 / of a core", "setting", *(f"{rate:,.0f}/s" for rate in parts)],
                 lines, 2)


def mark_who(who):
    return f"**{title(who)}**" if who == "weir" else title(who)


def growth(result):
    """A line for each x, a column for each way."""
    what, values = measure(result)
    lines = {label: told for label, points in series_of(result).items()
             if (told := [(x, row) for x, row in points if values(row)])}
    at = {label: dict(points) for label, points in lines.items()}
    steps = sorted({x for points in at.values() for x in points})
    body = [[f"{x:,.0f}", *(short(statistics.median(values(points[x]))) if x in points else ""
                            for points in at.values())] for x in steps]
    return table([f"{name_of_x(result)}: {what}", *at], body)


def by_demand(rows):
    """Those of one core first, small windows before large ones, deep ones last."""
    return sorted(rows, key=lambda row: (row.placement, row.options.get("max", math.inf),
                                         row.setting))


def metered(result):
    """For each setting: without counters, with them, and what they take of it."""
    lines = []
    for row in by_demand(result.of("without")):
        others = result.good(row.name.replace("without/", "with/", 1))
        if not others:
            continue
        rows = [row, others[0]]
        percent, ns = cost_of_counters(*rows)
        lines.append([setting_of(row), *(cell for one in rows for cell in
                                         (millions(one.rate), spread(one.rates, 1e-6))),
                      f"{short(percent)} %", f"{short(ns)} ns"])
    return table(["setting", "without: million/s", "least .. most", "with", "least .. most",
                  "of the rate", "an event"], lines)


def beside_hand(result):
    """Each row of weir's, and the fastest by hand of the same setting."""
    def thousands(row):
        return [mark(row, short(row.rate / 1e3)), spread(row.rates, 1e-3)]
    lines = []
    for row in result.of("weir"):
        hand = by_hand(result, row)
        if hand is not None:
            lines.append([setting_of(row), f"`{hand.placement}`", *thousands(hand),
                          *thousands(row), short(row.rate / hand.rate)])
    return table(["setting", "by hand", "thousand/s", "least .. most", "weir: thousand/s",
                  "least .. most", "weir is, of the hand"], lines, 2)


def workers(result):
    """So many processes, and how much of as many times one they do."""
    rows = sorted(result.of("weir"), key=lambda row: row.options["count"])
    lines = [[f"{row.options['count']:g}", short(row.rate), spread(row.rates),
              short(row.rate / rows[0].rate / row.options["count"])] for row in rows]
    return table(["worker processes", "a second", "least .. most", "of as many times one"], lines)


def shares(result):
    """Of a consumer's producers: the one that got least through, and the one that got most."""
    figures = ("least_percent", "most_percent", "run_least_percent")
    lines = [[setting_of(row), millions(row.rate), *(figure_cell(row, name) for name in figures)]
             for row in by_demand(result.good()) if row.figures]
    return table(["% of an equal share, median (least .. most)", "million/s",
                  "least in any 1,000 batches", "most", "least of the whole run"], lines)
