# Growth: rows that differ in one number are the points of a line.
# SPDX-License-Identifier: Apache-2.0
"""
In a row's setting, "idle:1000,max:1", each KEY:NUMBER may be what grows, and so may the
number of workers, which the placement tells.  It is the key that takes the most values
over the benchmark; what else the name says tells the lines apart.
"""

WORKERS = "workers"
# What a benchmark is about, where that is not its rate: the figure, and how to call it.
MEASURES = {
    "payload": ("ns_per_message", "ns per message"),
    "chain": ("ns_per_stage", "ns per event and stage"),
    "subscriptions": ("ns_per_delivery", "ns per delivery"),
    "startup": ("all_us", "microseconds to open, see an event, and close"),
    "footprint": ("rest_bytes", "bytes for each, at rest"),
}


def numbers(row):
    """What in a row's name may grow: {key: number}."""
    found = {key: value for key, value in row.options.items() if isinstance(value, float)}
    placed = {"one_core": 1.0, "split": 2.0}.get(row.placement)
    if row.placement.startswith(f"{WORKERS}:"):
        placed = float(row.placement.partition(":")[2])
    if placed is not None:
        found.setdefault(WORKERS, placed)
    return found


def growing_keys(result):
    """The key that has the most different numbers, and those that stand in its place.

    [] when nothing grows. "share:10" and "broadcast:10" are two such: no row has both.
    """
    values = {}
    for row in result.good():
        for key, value in numbers(row).items():
            values.setdefault(key, set()).add(value)
    grown = {key for key, found in values.items() if len(found) > 1}
    # Workers last: where a setting has as many values, it is the setting that is asked about.
    main = max(grown, key=lambda name: (len(values[name]), name != WORKERS, name), default=None)
    if main is None:
        return []
    together = {key for row in result.good() for key in numbers(row) if main in numbers(row)}
    return [main, *sorted(grown - together)]


def lines_of(rows, keys, with_placement):
    lines = {}
    for row in rows:
        key = next(key for key in keys if key in numbers(row))
        label = [row.who, *([row.placement] if with_placement else [])]
        for part in row.setting.split(","):
            if not part.startswith(f"{key}:"):
                label.append(part)
            elif len(keys) > 1:
                label.append(key)
        lines.setdefault(" ".join(label), []).append((numbers(row)[key], row))
    return {label: sorted(points, key=lambda point: point[0])
            for label, points in sorted(lines.items())}


def series_of(result, who=None):
    """{line: [(x, row), ...]} in the order of x.

    The placement tells lines apart unless it goes with x: then one line has them all.
    """
    keys = growing_keys(result)
    rows = [row for row in result.good()
            if who in (None, row.who) and any(key in numbers(row) for key in keys)]
    lines = lines_of(rows, keys, False)
    if any(len({x for x, _ in points}) < len(points) for points in lines.values()):
        lines = lines_of(rows, keys, True)
    return lines


def name_of_x(result):
    """What the steps are steps of."""
    return " / ".join(growing_keys(result))


def measure(result):
    """(what is told of a benchmark's rows, a function that gives a row's values of it)"""
    figure, text = MEASURES.get(result.name, (None, ""))
    rows = [row for points in series_of(result).values() for _, row in points]
    if figure and any(row.figures.get(figure) for row in rows):
        return text, lambda row: row.figures.get(figure, [])
    return "million events per second", lambda row: [rate / 1e6 for rate in row.rates]
