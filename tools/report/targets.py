# The targets, each held against what was measured in one and the same run.
# SPDX-License-Identifier: Apache-2.0
"""
A target is missed when any of its comparisons misses; it shows the worst of them and
says which the others were.  Where nothing was measured, it says so.
"""
import math
import re

from growth import series_of
from results import WORKLOADS, best
from who import CLASSES, ONE_CORE, OWN, PLAIN, is_peer, lean, parts_of, plain, rows_of

NOT_MEASURED = "not measured"


class Target:
    """A bound and the figures that it is for: pairs of what it is and how much."""

    def __init__(self, text, goal, pairs, least=True, unit="", absent=()):
        self.text, self.goal, self.least, self.unit = text, goal, least, unit
        self.pairs = sorted((pair for pair in pairs if pair[1] is not None),
                            key=lambda pair: pair[1], reverse=not least)
        self.absent = list(absent) + [what for what, figure in pairs if figure is None]

    def missed(self):
        return [pair for pair in self.pairs
                if (pair[1] < self.goal if self.least else pair[1] > self.goal)]

    @property
    def wanted(self):
        return f"at {'least' if self.least else 'most'} {self.goal:g}{self.unit}"

    @property
    def measured(self):
        """The worst figure, and what it is of when there are several."""
        if not self.pairs:
            return NOT_MEASURED
        what, figure = self.pairs[0]
        where = f" ({what})" if what else ""
        return f"{short(figure)}{self.unit}{where}"

    @property
    def verdict(self):
        if not self.pairs:
            return NOT_MEASURED
        missed = self.missed()
        verdict = "met"
        if missed:
            verdict = f"**missed** {self.miss(self.pairs[0][1])}"
            others = ", ".join(f"{what} {short(figure)}" for what, figure in missed[1:])
            verdict += f"; also: {others}" if others else ""
        absent = ", ".join(what for what in self.absent if what)
        return f"{verdict}; {NOT_MEASURED}: {absent}" if absent else verdict

    def miss(self, figure):
        """By how much a figure misses the goal."""
        if math.isinf(figure):
            return "altogether"
        if self.goal == 0 or self.unit == " %":
            return f"by {short(abs(figure - self.goal))}{self.unit}"
        return f"by {abs(figure / self.goal - 1) * 100:.0f} %"


def short(figure):
    """Three digits that matter, no exponent."""
    if math.isinf(figure):
        return "a wrong run"
    if figure == 0 or abs(figure) >= 1000:
        return f"{figure:,.0f}"
    digits = max(0, 2 - math.floor(math.log10(abs(figure))))
    text = f"{figure:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def ratio(rows, others):
    """The best of rows as a multiple of the best of others; None when one has nothing."""
    one, other = best(rows), best(others)
    return one.rate / other.rate if one and other else None


# --- each of them -----------------------------------------------------------------------------

def ceilings(results):
    """The hand-written loops of the pipe of two."""
    pipe = results.get("pipe2")

    def against(ours, pattern):
        if pipe is None:
            return None
        bounds = [row for row in pipe.of("ceiling") if re.fullmatch(pattern, row.name)]
        return ratio(pipe.good(ours), bounds)
    yield Target("pipe of two, default demand, of the best hand-written loop", 0.7,
                 [("", against("weir/split/max:1000", r"ceiling/split/\w+,max:1000"))])
    yield Target("pipe of two, deep demand, of the best deep ring by hand", 0.6,
                 [("", against("weir/split/deep", r"ceiling/split/deep.*"))])
    yield Target("pipe of two on one worker, of the bare loop", 0.6,
                 [("", against("weir/one_core/max:1000", r"ceiling/one_core/loop,max:1000"))])


def plain_loops(results):
    """In front of loops as users build them weir's own instructions show."""
    def of_the_loop(setting):
        end = f"{setting},loops:{PLAIN}"
        for name in WORKLOADS:
            result = results.get(name)
            rows = [result.good(f"{who}/one_core/{how}{end}") if result else []
                    for who, how in (("weir", ""), ("ceiling", "loop,"))]
            yield name, ratio(*rows)
    for text, setting, goal in (("default demand", "max:1000", 0.7),
                                ("windows of 4,000", "max:4000,min:0", 0.85)):
        yield Target(f"plain loops, every workload on one worker, {text}: of the loop by hand",
                     goal, list(of_the_loop(setting)))
    pipe = plain(results["pipe2"]) if "pipe2" in results else None

    def of_the_ring(setting):
        end = f"{setting},loops:{PLAIN}"
        rings = [row for row in pipe.of("ceiling", "split") if row.name.endswith(f",{end}")]
        return ratio(pipe.good(f"weir/split/{end}"), rings)
    yield Target("plain loops, pipe of two, default demand, of the best ring by hand", 0.9,
                 [("", of_the_ring("max:1000") if pipe else None)])


def ahead_of_peers(result, name, kind):
    """weir's best as a multiple of the best peer's, like with like, and who that is."""
    if result is None:
        return name, None
    rows = rows_of(result, kind)
    peers = [row for row in rows if is_peer(row)]
    ours = [row for row in rows if row.who == "weir"]
    against = f", against {best(peers).who}" if peers else ""
    return f"{name}{against}".removeprefix(", "), ratio(ours, peers)


def peers(results):
    for kind in CLASSES:
        yield Target(f"every workload, {kind}: as fast as the best peer", 1,
                     [ahead_of_peers(results.get(name) and lean(results[name]), name, kind)
                      for name in WORKLOADS])
        yield Target(f"push, one by one, {kind}: ahead of every queue and channel", 1,
                     [ahead_of_peers(results.get("push"), "", kind)])


def payload(results):
    """Messages of each length: beside frames by hand, and beside the peers."""
    parts = parts_of(results["payload"]) if "payload" in results else []
    parts = [(length.removeprefix(", "), part) for length, part in parts]

    def against_frames(part):
        frames = [row for row in part.of("ceiling", "split") if "packed" in row.options]
        return ratio(part.of("weir", "split"), frames)
    yield Target("messages, split over two cores, of frames packed by hand", 0.7,
                 [(length, against_frames(part)) for length, part in parts] or [("", None)])
    for kind in CLASSES:
        yield Target(f"messages, {kind}: as fast as the best peer", 1,
                     [ahead_of_peers(part, length, kind) for length, part in parts]
                     or [("", None)])


def pipeline(results):
    """Beside bare stages in the same place; and beside the peers, each placed as it is best."""
    parts = parts_of(results["pipeline"]) if "pipeline" in results else []
    parts = [(length.removeprefix(", "), part) for length, part in parts]

    def over_bare():
        for row in (row for _, part in parts for row in part.of("weir")):
            bare = results["pipeline"].good(f"bare/{row.placement}/bytes:{row.options['bytes']:g}")
            yield (f"{row.placement}/{row.setting}",
                   1e9 / row.rate - 1e9 / bare[0].rate if bare else None)

    def against(who, kind, wanted):
        for length, part in parts:
            rows = [row for row in rows_of(part, kind)
                    if row.who == "weir" or row.who == who and wanted in row.options]
            ours = [row for row in rows if row.who == "weir"]
            yield f"{kind}, {length}", ratio(ours, [row for row in rows if row.who == who])
    yield Target("pipeline, batches of 500: more than bare stages take", 25, least=False,
                 unit=" ns", pairs=list(over_bare()) or [("", None)])
    for text, who, wanted, goal in (("times Broadway", "broadway", "max", 10),
                                    ("times oneTBB, message by message", "tbb", "item", 2),
                                    ("times oneTBB with vectors", "tbb", "vector", 2)):
        yield Target(f"pipeline: {text}", goal, [pair for kind in (OWN, ONE_CORE)
                                                 for pair in against(who, kind, wanted)]
                     or [("", None)])


def genstage(results):
    """The same graph at the same demand, each placed as it is best."""
    for demand, goal in ((1000, 40), (10000, 40), (1, 8)):
        pairs = []
        for name in WORKLOADS:
            rows = rows_of(lean(results[name]), OWN) if name in results else []
            rows = [row for row in rows if row.options.get("max") == demand]
            pairs.append((name, ratio([row for row in rows if row.who == "weir"],
                                      [row for row in rows if row.who == "genstage"])))
        yield Target(f"every workload at max_demand {demand:,}: times GenStage", goal, pairs)


def trips(results):
    result = results.get("round_trip")

    def against(ours, bound, figure):
        rows = [result.rows.get(name) for name in (ours, bound)] if result else [None]
        values = [row.figure(figure) if row else None for row in rows]
        return values[0] / values[1] if all(values) else None
    yield Target("round trip, spinning: times a cache line's", 2.5, least=False, pairs=[
        ("p50", against("weir/split/spin", "ceiling/split/line", "p50"))])
    yield Target("round trip, parked: times a futex's", 1.2, least=False, pairs=[
        (figure, against("weir/split/parked", "ceiling/split/futex", figure))
        for figure in ("p50", "p99")])


def paced(results):
    """The default beside the fixed ways to idle, and beside what a program has without weir."""
    result = results.get("open_loop")
    rates = result.apart("rate") if result else {}
    fixed = ("spin", "spin_then_park", "park")

    def compare(rate, figure, against):
        """Of each placement: how often the least figure of those `against` it is."""
        for row in rates[rate].of("weir"):
            if row.options.get("idle") == "default":
                base = row.setting.replace("idle:default", "idle:{}")
                others = [value for other in against(row, base) if (value := other.figure(figure))]
                if others:
                    yield f"{row.placement}/{row.setting}", row.figure(figure) / min(others)

    def weir(names):
        return lambda row, base: [other for name in names for other in result.good(
            f"weir/{row.placement}/{base.format(name)}")]

    def others(row, _):
        return [other for other in rates[row.options["rate"]].good()
                if other.who != "weir" and other.placement == row.placement]

    def pairs(which, figure, against):
        return [pair for rate in rates if which(rate)
                for pair in compare(rate, figure, against)] or [("", None)]
    for figure in ("p50", "p99"):
        yield Target(f"events when they are due, 50,000/s and more: the default's {figure}, times "
                     "the best fixed one's", 1.2, least=False,
                     pairs=pairs(lambda rate: rate >= 50000, figure, weir(fixed)))
    for figure in ("p50", "p99", "cpu_percent"):
        yield Target(f"events when they are due, up to 10,000/s: the default's {figure}, times "
                     "that of park", 1.2, least=False,
                     pairs=pairs(lambda rate: rate <= 10000, figure, weir(["park"])))
    yield Target("events when they are due: the default's p50, times the best other's", 1,
                 least=False, pairs=pairs(lambda rate: True, "p50", others))


def grown(results, name, compare):
    """compare(rate at each x) for each of weir's series in a benchmark of growth."""
    lines = series_of(results[name], "weir") if name in results else {}
    pairs = [(label, compare({x: row.rate for x, row in points}))
             for label, points in lines.items()]
    if any(figure is not None for _, figure in pairs):
        pairs = [pair for pair in pairs if pair[1] is not None]  # not every line goes that far
    return pairs or [("", None)]


def growth(results):
    def between(few, many, formula):
        return lambda at: formula(at[few], at[many]) if few in at and many in at else None
    yield Target("10,000 idle stages: what they take from a busy pipe", 5, least=False, unit=" %",
                 pairs=grown(results, "idle_stages",
                             between(0, 10000, lambda few, many: (1 - many / few) * 100)))
    yield Target("10,000 subscriptions: times the cost per event of 10", 2, least=False,
                 pairs=grown(results, "subscriptions",
                             between(10, 10000, lambda few, many: few / many)))
    yield Target("16 times as many workers as cores: of the rate with as many as cores", 0.5,
                 pairs=grown(results, "oversubscribed",
                             between(1, 16, lambda few, many: many / few)))


def words(results):
    """weir-words beside the plain program."""
    result = results.get("words")

    def of_plain(row):
        return ratio(result.good(row), result.good("ceiling/one_core/plain")) if result else None
    yield Target("weir-words on one worker, of a plain program", 0.97,
                 [("", of_plain("weir/one_core/workers:1"))])
    yield Target("weir-words on two cores, of a plain program on one", 1.8,
                 [("", of_plain("weir/split/workers:2"))])


def readme(results):
    """Loops as README writes them, of the same with locals."""
    result = results.get("readme")
    names = ("plain", "locals")

    def compared(setting):
        rows = [result.good(f"weir/one_core/{name},{setting}") for name in names]
        return ratio(*rows)
    pairs = [(setting, compared(setting)) for setting in ("max:1000", "max:4000")] if result else []
    yield Target("README's loops on one worker, of the same with locals by hand", 0.9,
                 pairs=pairs or [("", None)])


def cost_of_counters(without, with_them):
    """What counters take: percent of the rate, and nanoseconds of an event."""
    return ((1 - with_them.rate / without.rate) * 100, 1e9 / with_them.rate - 1e9 / without.rate)


def counters(results):
    result = results.get("metered")

    def cost(setting, which):
        rows = [result.good(f"{way}/{setting}") for way in ("without", "with")] if result else [[]]
        return cost_of_counters(rows[0][0], rows[1][0])[which] if all(rows) else None
    yield Target("counters, pipe of two on one worker, max_demand 1: of an event", 10,
                 [("", cost("one_core/max:1", 1))], least=False, unit=" ns")
    yield Target("counters, pipe of two on one worker, default demand and more: of the rate", 1,
                 [(setting, cost(f"one_core/{setting}", 0))
                  for setting in ("max:1000", "max:4000,min:0")], least=False, unit=" %")


def fairness(results):
    """The least of any repetition, not a median: it is promised of any 1,000 batches."""
    rows = results["fairness"].of("weir", "one_core") if "fairness" in results else []
    pairs = [(f"{row.placement}/{row.setting}", min(row.figures["least_percent"]))
             for row in rows if "least_percent" in row.figures]
    yield Target("merge on one worker, any 1,000 batches: the least producer's, of an equal share",
                 50, pairs or [("", None)], unit=" %")


def worst(row, figure):
    """The most in any repetition; None when it has no such figure."""
    return max(row.figures.get(figure, []), default=None)


def figures(results, name, figure):
    """Every row of weir's that has this figure; a wrong row, which has none, misses."""
    rows = results[name].rows.values() if name in results else []
    pairs = [(f"{row.placement}/{row.setting}",
              math.inf if row.error is not None else worst(row, figure)) for row in rows]
    return [pair for pair in pairs if pair[1] is not None] or [("", None)]


def quiet(results):
    yield Target("steady state: allocations in any run", 0, least=False,
                 pairs=figures(results, "steady", "allocations"))
    yield Target("an idle runtime: of a processor", 0.1, least=False, unit=" %",
                 pairs=figures(results, "idle_cpu", "cpu_percent"))


def by_hand(result, row):
    """The fastest by hand of what this row of weir's does: of the same name, or of any."""
    rows = [other for other in result.of("ceiling") if other.setting == row.setting]
    return best([other for other in rows if other.placement == row.placement] or rows)


def engines(results):
    """Connectors beside their clients by hand; of an engine's ways, the faster."""
    for name in ("nats", "redis", "file"):
        result = results.get(f"engines_{name}")
        rows = [row for row in result.of("weir") if row.options.get("batch", 0) >= 100
                and "cached" not in row.options] if result else []
        if name == "file":
            rows = [row for row in rows if row.placement == "thread"]
        pairs = [(f"{row.placement}/{row.setting}", row.rate / hand.rate)
                 for row in rows if (hand := by_hand(result, row))]
        yield Target(f"{name}, batches of 100 and more: of the client by hand", 0.9,
                     pairs or [("", None)])


def all_of(results):
    for part in (ceilings, plain_loops, peers, payload, pipeline, genstage, trips, paced, growth,
                 counters, fairness, words, readme, quiet):
        yield from part(results)
