# What the benchmarks have written, read back: rows, their rates and their figures.
# SPDX-License-Identifier: Apache-2.0
"""
Google Benchmark writes one JSON file for each program, with an entry for each
repetition of each row; tools/bench adds what it knows of the machine under the key
"weir".  Rows are named WHO/PLACEMENT/SETTING (see bench/peers/peer.h).
"""
import json
import pathlib
import re
import statistics

# What Google Benchmark appends to a row's name.
SUFFIX = r"(/iterations:\d+|/repeats:\d+|/manual_time|/real_time)*$"
# Entries of an iteration that are not the row's own figures.
STANDARD = {"family_index", "per_family_instance_index", "repetitions", "repetition_index",
            "threads", "iterations", "real_time", "cpu_time", "items_per_second"}


class Row:
    """One way of doing a benchmark's work, with a value of each repetition."""

    def __init__(self, name):
        self.name = name
        self.who, self.placement, self.setting = (name.split("/", 2) + ["", ""])[:3]
        self.rates = []
        self.figures = {}
        self.error = None

    def take(self, entry):
        if entry.get("error_occurred"):
            self.error = entry.get("error_message") or "an error"
            return
        if "items_per_second" in entry:
            self.rates.append(entry["items_per_second"])
        for name, value in entry.items():
            if name not in STANDARD and isinstance(value, (int, float)):
                self.figures.setdefault(name, []).append(value)

    @property
    def good(self):
        """A row with a wrong sum in any repetition is compared with nothing."""
        return self.error is None and bool(self.rates or self.figures)

    @property
    def rate(self):
        """Of a row that has figures only, nothing."""
        return statistics.median(self.rates) if self.rates else 0.0

    def figure(self, name):
        values = self.figures.get(name)
        return statistics.median(values) if values and self.error is None else None

    @property
    def options(self):
        """The setting's parts: "max:1000,deep" has max, 1000, and deep, None."""
        pairs = (part.partition(":") for part in self.setting.split(",") if part)
        return {key: number(value) for key, _, value in pairs}


def number(text):
    try:
        return float(text)
    except ValueError:
        return text or None


class Result:
    """All rows of one benchmark's last run."""

    def __init__(self, name, data):
        self.name = name
        self.context = data.get("context", {})
        self.run = data.get("weir", {})
        self.rows = {}
        for entry in data.get("benchmarks", []):
            if entry.get("run_type", "iteration") == "iteration":
                row = re.sub(SUFFIX, "", entry["run_name"])
                self.rows.setdefault(row, Row(row)).take(entry)

    @property
    def errors(self):
        return [row for row in self.rows.values() if row.error is not None]

    def good(self, *names):
        """The rows of these names that ran well, or all that did."""
        chosen = (self.rows.get(name) for name in names) if names else self.rows.values()
        return [row for row in chosen if row is not None and row.good]

    def of(self, who, placement=None):
        return [row for row in self.good()
                if row.who == who and placement in (None, row.placement)]

    def apart(self, key):
        """{value of the option: a result of those rows}, rows without it left out."""
        parts = {}
        for row in self.rows.values():
            if key in row.options:
                parts.setdefault(row.options[key], self.only(key, row.options[key]))
        return dict(sorted(parts.items()))

    def only(self, key, value=None):
        """The rows with this value of the option; or without a value: those without the option."""
        part = Result(self.name, {})
        part.rows = {name: row for name, row in self.rows.items()
                     if (row.options[key] == value if key in row.options else value is None)}
        return part


def best(rows):
    """The fastest of rows; None of none."""
    return max(rows, key=lambda row: row.rate, default=None)


def load(folder):
    """Every result in folder, by the benchmark's name."""
    results = {}
    for path in sorted(pathlib.Path(folder).glob("*.json")):
        with path.open(encoding="utf-8") as file:
            results[path.stem] = Result(path.stem, json.load(file))
    return results


# --- what the sources say ---------------------------------------------------------------------

class Source:
    """The comment that a benchmark's file begins with: title, question, prediction."""

    def __init__(self, path):
        self.path = path
        text = path.read_text(encoding="utf-8")
        self.has_rows = "rows::run(argc" in text or "--benchmark_out=" in text
        sign = "#" if text.startswith("#!") else "//"
        lines = []
        for line in text.splitlines()[1 if sign == "#" else 0:]:
            if not line.startswith(sign):
                break
            lines.append(line[len(sign):].strip())
        self.title = lines[0].rstrip(".") if lines else path.stem
        paragraphs = [" ".join(part.split()) for part in "\n".join(lines[2:]).split("\n\n")]
        self.paragraphs = [part for part in paragraphs if part]

    def part(self, word):
        """What stands behind "Question." or "Prediction."; "" when nothing does."""
        for paragraph in self.paragraphs:
            if paragraph.startswith(f"{word}."):
                return paragraph[len(word) + 1:].strip()
        return ""


# The order of the page; what is not named here comes behind.
ORDER = ["pipe2", "pipe3", "share", "broadcast", "partition", "merge", "fairness", "push",
         "round_trip", "open_loop", "event_size", "payload", "pipeline", "words", "chain",
         "idle_stages", "subscriptions", "oversubscribed", "workers", "subscribe_time",
         "growth_cost", "growth_parts", "startup", "footprint", "steady", "idle_cpu", "metered",
         "readme"]
WORKLOADS = ORDER[:6]
ORDER += ["engines_nats", "engines_redis", "engines_kafka", "engines_file", "scale"]
# Benchmarks that are run, and told of, by themselves: a folder of bench/ each.
GROUPS = {"engines": "connect"}


def sources(folder):
    """The benchmarks that have rows, in the page's order: {name: Source}."""
    paths = [path for path in sorted(pathlib.Path(folder).glob("*"))
             if path.suffix == ".cc" or path.is_file() and path.name == "scale"]
    found = {path.stem: Source(path) for path in paths}
    found = {name: source for name, source in found.items() if source.has_rows}
    place = {name: at for at, name in enumerate(ORDER)}
    return {name: found[name] for name in sorted(found, key=lambda n: (place.get(n, 99), n))}
