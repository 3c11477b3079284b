# Plots: gnuplot draws what the tables say, as SVG.
# SPDX-License-Identifier: Apache-2.0
"""
Bars have a logarithmic scale, because what is compared differs by orders of magnitude; a
thin line over each goes from the least to the most.  Without gnuplot there are no plots,
and the page says so.
"""
import re
import shutil
import statistics
import subprocess

from growth import measure, name_of_x, series_of
from targets import short
from who import CLASSES, best_of_each, is_peer, parts_of, title

WEIR, CEILING, PEER, INK, GRID = "#0b7a75", "#9aa0a6", "#8fa8c8", "#202124", "#dadce0"
LINES = ["#0b7a75", "#e07a1f", "#5b6ee1", "#b5428e", "#7a8b00", "#8a5a44", "#3b8ad9", "#555555"]
WIDTH, BAR, MARGIN = 960, 24, 84
LABEL = 50  # characters of a bar's name, at most
FONT = "sans-serif"


def available():
    return shutil.which("gnuplot") is not None


def draw(path, height, script):
    """Runs gnuplot; its complaints are ours."""
    head = [f'set terminal svg size {WIDTH},{height} dynamic background "#ffffff" '
            f'font "{FONT},13"', f'set output "{path}"', "set encoding utf8",
            f'set border 0 lc rgb "{INK}"', f'set grid lc rgb "{GRID}" lw 1 lt 1',
            f'set tics nomirror textcolor rgb "{INK}"']
    done = subprocess.run(["gnuplot"], input="\n".join(head + script), text=True,
                          capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"gnuplot, {path.name}: {done.stderr.strip()}")


def quoted(text):
    """Text for gnuplot, in which _ and the like shall mean themselves."""
    return '"' + text.replace("\\", "").replace('"', "") + '"'


def bold(text, size):
    """The same in bold, which only gnuplot's markup can; its signs are taken out."""
    return quoted(f"{{/:Bold={size} {re.sub('[_{}^@&~]', ' ', text)}}}")


def color(who):
    return {"weir": WEIR, "ceiling": CEILING, "bare": CEILING}.get(who, PEER)


# --- bars -------------------------------------------------------------------------------------

class Bar:
    def __init__(self, who, label, value, least, most):
        self.who, self.label = who, label
        self.value, self.least, self.most = value, least, most


def bars(path, heading, axis, groups):
    """Groups of bars, (name or "", [Bar]), from the top down."""
    script, places, boxes = [], [], {}
    y = 0
    for name, members in groups:
        if name:
            script.append(f"set label {bold(name, 13)} at graph 0, first {y} offset -1,0 right "
                          f'textcolor rgb "{INK}" enhanced')
            y -= 1
        for bar in members:
            places.append((bar, y))
            boxes.setdefault(color(bar.who), []).append((bar, y))
            y -= 1
        y -= 0.4
    low, high = scale([bar for bar, _ in places])
    tics = ", ".join(f"{quoted(bar.label)} {at}" for bar, at in places)
    script += [f"set title {bold(heading, 15)} enhanced textcolor rgb '{INK}'",
               "set logscale x", f"set xrange [{low}:{high}]", f"set yrange [{y}:1]",
               f"set ytics ({tics}) noenhanced scale 0", "set grid noytics xtics mxtics",
               "unset key", f"set xlabel {quoted(axis)} noenhanced", 'set format x "%g"',
               "set style fill solid 1.0 noborder", f"set lmargin {LABEL - 6}", "set rmargin 9"]
    plots, data = [], []
    for shade, members in boxes.items():
        plots.append(f"'-' using 1:2:3:4:5:6 with boxxyerror lc rgb '{shade}'")
        data += [f"{bar.value} {at} {low} {bar.value} {at - 0.36} {at + 0.36}"
                 for bar, at in members] + ["e"]
    plots.append(f"'-' using 1:2:3:4 with xerrorbars lc rgb '{INK}' lw 1 pt -1 ps 0")
    data += [f"{bar.value} {at} {bar.least} {bar.most}" for bar, at in places] + ["e"]
    plots.append(f"'-' using 1:2:3 with labels left offset 0.8,0 noenhanced "
                 f"textcolor rgb '{INK}'")
    data += [f"{max(bar.value, bar.most)} {at} {quoted(short(bar.value))}" for bar, at in places]
    data.append("e")
    draw(path, round(MARGIN + BAR * (1 - y)), [*script, "plot " + ", ".join(plots), *data])


def scale(all_bars):
    """From below the least to above the most, in whole powers of ten at the low end."""
    low, high = min(bar.least for bar in all_bars), max(bar.most for bar in all_bars)
    power = 1e-9
    while power * 10 < low * 0.8:
        power *= 10
    return power, high * 1.6


def workload(path, source, result):
    """The best setting of each who, two cores above one."""
    groups = []
    for length, part in parts_of(result):
        for kind in CLASSES:
            rows = best_of_each(part, kind)
            if rows:
                groups.append((kind + length, [rate_bar(row) for row in rows]))
    bars(path, source.title, "million events per second", groups)


def name_of(row):
    text = f"{title(row.who)}  {row.placement}/{row.setting}"
    return text if len(text) <= LABEL else f"{text[:LABEL - 2]} …"


def rate_bar(row):
    return Bar(row.who, name_of(row),
               row.rate / 1e6, min(row.rates) / 1e6, max(row.rates) / 1e6)


def latencies(path, source, result):
    """Medians of trips; the thin line goes on to the 99th percentile.

    Of a peer's settings only the quickest in each placement: the table has them all.
    """
    rows, seen = [], set()
    for row in sorted((row for row in result.good() if row.figure("p50")),
                      key=lambda row: row.figure("p50")):
        if not is_peer(row) or (row.who, row.placement) not in seen:
            rows.append(row)
        seen.add((row.who, row.placement))
    members = [Bar(row.who, name_of(row),
                   row.figure("p50"), row.figure("p50"), row.figure("p99") or row.figure("p50"))
               for row in rows]
    bars(path, source.title, "nanoseconds there and back: p50, and a line to p99",
         [("", members)])


# --- lines ------------------------------------------------------------------------------------

def growth(path, source, result):
    """What is measured over what grows, whose steps stand at equal distances."""
    what, values = measure(result)
    lines = {label: told for label, points in series_of(result).items()
             if (told := [(x, row) for x, row in points if values(row)])}
    steps = sorted({x for points in lines.values() for x, _ in points})
    place = {x: at for at, x in enumerate(steps)}
    medians = [statistics.median(values(row)) for points in lines.values() for _, row in points]
    tics = ", ".join(f'"{x:,.0f}" {at}' for x, at in place.items())
    logarithmic = max(medians) > 20 * min(medians) > 0
    script = [f"set title {bold(source.title, 15)} enhanced textcolor rgb '{INK}'",
              f"set xtics ({tics})", f"set xrange [-0.3:{len(steps) - 0.7}]",
              f"set xlabel {quoted(name_of_x(result))} noenhanced",
              f"set ylabel {quoted(what)} noenhanced", 'set format y "%g"',
              f"set key outside right top Left reverse noenhanced textcolor rgb '{INK}'",
              "set logscale y" if logarithmic else "set yrange [0:*]"]
    plots, data = [], []
    for label, points in lines.items():
        shade, weight = style(label, lines)
        plots.append(f"'-' using 1:2:3:4 with yerrorlines lc rgb '{shade}' lw {weight} pt 7 "
                     f"ps 0.5 title {quoted(label)}")
        data += [f"{place[x]} {statistics.median(values(row))} {min(values(row))} "
                 f"{max(values(row))}" for x, row in points] + ["e"]
    draw(path, 400, [*script, "plot " + ", ".join(plots), *data])


def style(label, lines):
    """weir's lines are bold and coloured, ceilings thin and grey."""
    who = label.split(" ")[0]
    if who == "ceiling":
        return CEILING, 1
    ours = [name for name in lines if not name.startswith("ceiling")]
    return LINES[ours.index(label) % len(LINES)], 2.5 if who == "weir" else 1.5
