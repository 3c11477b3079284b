#!/usr/bin/env python3
# Tests the benchmarks' report: small made-up results, whose tables are known.
# SPDX-License-Identifier: Apache-2.0
"""
Goal: the page tells medians and ratios of what is in the results, says which targets are
met and missed and by how much, and never takes for measured what is not.
Method: results as Google Benchmark writes them, with figures that are easily reckoned;
the functions of tools/report are called, and once the whole page is written.
"""
import json
import pathlib
import shutil
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "report"))

import growth  # noqa: E402
import machine  # noqa: E402
import page  # noqa: E402
import tables  # noqa: E402
import targets  # noqa: E402
from results import GROUPS, Result, Source, load, sources  # noqa: E402
from who import ONE_CORE, OWN, SPLIT, best_of_each  # noqa: E402

SUFFIX = "/iterations:1/repeats:3/manual_time"


def data(rows, **figures):
    """{row: a rate or rates in million/s, or the text of an error} as a program writes it."""
    entries = []
    for name, rates in rows.items():
        if isinstance(rates, str):
            entries.append({"run_name": name + SUFFIX, "run_type": "iteration",
                            "error_occurred": True, "error_message": rates})
            continue
        for rate in rates if isinstance(rates, list) else [rates]:
            entries.append({"run_name": name + SUFFIX, "run_type": "iteration", "iterations": 1,
                            "real_time": 1.0, "items_per_second": rate * 1e6, **figures})
        entries.append({"run_name": name + SUFFIX, "run_type": "aggregate",
                        "aggregate_name": "mean", "items_per_second": 12345e6})
    return {"context": {"date": "2026-01-02T03:04:05+00:00"}, "benchmarks": entries}


def result(name, rows, **figures):
    return Result(name, data(rows, **figures))


def verdicts(results):
    return {target.text: target for target in targets.all_of(results)}


class Results(unittest.TestCase):
    def test_median_of_repetitions_only(self):
        """Means and other aggregates are left alone; so is the order of repetitions."""
        row = result("pipe2", {"weir/split/max:1": [9.0, 1.0, 4.0]}).rows["weir/split/max:1"]
        self.assertEqual(row.rate, 4e6)
        self.assertEqual(len(row.rates), 3)

    def test_name_and_options(self):
        name = "ceiling/split/deep,batch:256,mebibytes:4"
        row = result("pipe2", {name: 1.0}).rows[name]
        self.assertEqual((row.who, row.placement), ("ceiling", "split"))
        self.assertEqual(row.options, {"deep": None, "batch": 256.0, "mebibytes": 4.0})

    def test_figures(self):
        row = result("round_trip", {"weir/split/spin": [1.0]}, p50=300.0).good()[0]
        self.assertEqual(row.figure("p50"), 300.0)
        self.assertIsNone(row.figure("p99"))
        self.assertEqual(list(row.figures), ["p50"])

    def test_a_wrong_row_is_compared_with_nothing(self):
        broken = result("pipe2", {"weir/split/deep": "a wrong sum", "weir/split/max:1": 2.0})
        self.assertEqual([row.name for row in broken.good()], ["weir/split/max:1"])
        self.assertEqual([row.error for row in broken.errors], ["a wrong sum"])


class Sources(unittest.TestCase):
    def test_head_comment(self):
        pipe = Source(ROOT / "bench" / "pipe2.cc")
        self.assertEqual(pipe.title, "Pipe of two: a producer, a consumer")
        self.assertTrue(pipe.part("Question").startswith("How many events"))
        self.assertNotIn("//", pipe.part("Prediction"))

    def test_engines_are_a_group_of_their_own(self):
        found = sources(ROOT / "bench" / GROUPS["engines"])
        self.assertEqual(list(found), ["engines_nats", "engines_redis", "engines_kafka",
                                       "engines_file", "scale"])
        self.assertFalse(set(found) & set(sources(ROOT / "bench")))
        for name, source in found.items():
            self.assertTrue(source.part("Question"), name)
            self.assertTrue(source.part("Prediction"), name)

    def test_every_benchmark_with_rows_says_what_it_asks(self):
        found = sources(ROOT / "bench")
        self.assertEqual(list(found)[:2], ["pipe2", "pipe3"])
        self.assertNotIn("rows", found)
        for name, source in found.items():
            self.assertTrue(source.part("Question"), name)
            self.assertTrue(source.part("Prediction"), name)


class Comparisons(unittest.TestCase):
    rows = {"weir/split/deep": 600.0, "weir/split/max:1000": 400.0, "weir/one_core/deep": 2000.0,
            "tbb/own/tokens:4": 300.0, "tbb/own/tokens:16": 500.0, "go/spread/channel:8": 60.0,
            "dpdk/one_core/burst:32": 1000.0}

    def test_like_with_like(self):
        best = {kind: [row.name for row in best_of_each(result("share", self.rows), kind)]
                for kind in (SPLIT, ONE_CORE, OWN)}
        self.assertEqual(best[SPLIT], ["weir/split/deep", "go/spread/channel:8"])
        self.assertEqual(best[ONE_CORE], ["weir/one_core/deep", "dpdk/one_core/burst:32"])
        self.assertEqual(best[OWN], ["weir/one_core/deep", "tbb/own/tokens:16"])

    def test_ratios_in_the_table(self):
        text = "\n".join(tables.compared(result("share", self.rows), SPLIT))
        self.assertIn("| **weir** | `split/deep` | **600** | 600 .. 600 |  |", text)
        self.assertIn("| Go | `spread/channel:8` | 60 | 60 .. 60 | 10 x |", text)
        text = "\n".join(tables.compared(result("share", self.rows), OWN))
        self.assertIn("| oneTBB | `own/tokens:16` | 500 | 500 .. 500 | 4 x |", text)

    def test_messages_of_each_length_apart(self):
        messages = result("payload", {
            "weir/split/emit,bytes:120": 40.0, "weir/split/emit,bytes:1010": 5.0,
            "go/own/made,bytes:120": 8.0, "go/own/made,bytes:1010": 2.0})
        text = "\n".join(line for block in tables.workload(messages) for line in block)
        for line in ("| as each places itself, 120 bytes |",
                     "| as each places itself, 1,010 bytes |",
                     "| Go | `own/made,bytes:120` | 8 | 8 .. 8 | 5 x |",
                     "| Go | `own/made,bytes:1010` | 2 | 2 .. 2 | 2.5 x |"):
            self.assertIn(line, text)
        self.assertIn("| `go/own/made,bytes:1010` | 2 | 2 .. 2 | 2.5 x |",
                      tables.all_settings(messages))

    def test_bare_stages_are_not_weirs_best(self):
        pipeline = result("pipeline", {
            "bare/split/bytes:8": 9.0, "weir/split/quick,bytes:8": 8.0,
            "broadway/own/max:10,bytes:8": 0.1, "bare/split/bytes:120": 7.0})
        text = "\n".join(line for block in tables.workload(pipeline) for line in block)
        for line in ("| weir's bare stages | `split/bytes:8` | 9 | 9 .. 9 | 0.889 x |",
                     "| **weir** | `split/quick,bytes:8` | **8** | 8 .. 8 |  |",
                     "| Broadway | `own/max:10,bytes:8` | 0.1 | 0.1 .. 0.1 | 80 x |"):
            self.assertIn(line, text)

    def test_loops_of_either_kind_apart(self):
        """Plain loops are two to four times as fast: who has them is no match for who has not."""
        end = ",loops:O3"
        pipe = result("pipe2", {
            "weir/one_core/max:1000": 1000.0, f"weir/one_core/max:1000{end}": 3000.0,
            "tbb/one_core/vector:1000": 800.0, f"tbb/one_core/vector:1000{end}": 4000.0,
            "go/one_core/slices:1000": 500.0})
        text = "\n".join(line for block in tables.workload(pipe) for line in block)
        for line in ("| on one core, plain loops |",
                     "| oneTBB | `one_core/vector:1000` | 800 | 800 .. 800 | 1.25 x |",
                     f"| oneTBB | `one_core/vector:1000{end}` | 4,000 | 4,000 .. 4,000 | 0.75 x |",
                     "| Go | `one_core/slices:1000` | 500 | 500 .. 500 | 2 x |"):
            self.assertIn(line, text)
        self.assertIn(f"| `tbb/one_core/vector:1000{end}` | 4,000 | 4,000 .. 4,000 | 0.75 x |",
                      tables.all_settings(pipe))
        peers = verdicts({"pipe2": pipe})["every workload, on one core: as fast as the best peer"]
        self.assertEqual(peers.measured, "1.25 (pipe2, against tbb)")

    def test_metered(self):
        text = "\n".join(tables.metered(result("metered", {
            "without/one_core/max:1": 10.0, "with/one_core/max:1": 8.0,
            "without/split/deep": 100.0, "with/split/deep": "a wrong sum or account"})))
        self.assertIn("| `one_core/max:1` | 10 | 10 .. 10 | 8 | 8 .. 8 | 20 % | 25 ns |", text)
        self.assertNotIn("deep", text)

    def test_shares(self):
        merge = result("fairness", {"weir/one_core/max:1": [5.0, 5.0]})
        merge.rows["weir/one_core/max:1"].figures = {"least_percent": [99.0, 97.0, 99.5],
                                                     "most_percent": [103.0],
                                                     "run_least_percent": [98.0]}
        text = "\n".join(tables.shares(merge))
        self.assertIn("| `one_core/max:1` | 5 | 99 (97 .. 99.5) | 103 (103 .. 103) | 98 (98", text)

    def test_all_settings_are_there(self):
        text = "\n".join(tables.all_settings(result("share", self.rows)))
        for name in self.rows:
            self.assertIn(f"`{name}`", text)

    def test_short(self):
        for figure, text in ((0, "0"), (0.0000123, "0.0000123"), (0.07, "0.07"), (1.004, "1"),
                             (12.34, "12.3"), (640, "640"), (1234.5, "1,234"),
                             (2500000, "2,500,000")):
            self.assertEqual(targets.short(figure), text)


class Targets(unittest.TestCase):
    def test_nothing_measured(self):
        for target in targets.all_of({}):
            self.assertEqual((target.measured, target.verdict), ("not measured",) * 2, target.text)

    def test_ceilings(self):
        found = verdicts({"pipe2": result("pipe2", {
            "weir/split/max:1000": 560.0, "ceiling/split/in_place,max:1000": 800.0,
            "ceiling/split/ahead,max:1000": 700.0, "ceiling/split/ahead,max:10000": 9999.0,
            "weir/split/deep": 540.0, "ceiling/split/deep,batch:256,mebibytes:4": 1000.0})})
        self.assertEqual(
            [(target.measured, target.verdict) for target in list(found.values())[:3]],
            [("0.7", "met"), ("0.54", "**missed** by 10 %"), ("not measured",) * 2])

    def test_plain_loops(self):
        """Of the loop by hand with the same loops and window, and of no other."""
        end = "max:1000,loops:O3"
        pipe = result("pipe2", {
            f"weir/one_core/{end}": 480.0, f"ceiling/one_core/loop,{end}": 800.0,
            "weir/one_core/max:1000": 300.0, "ceiling/one_core/loop,max:1000": 300.0,
            f"weir/split/{end}": 190.0, f"ceiling/split/ahead,{end}": 200.0,
            "ceiling/split/ahead,max:10000,loops:O3": 900.0, "ceiling/split/ahead,max:1000": 900.0})
        found = verdicts({"pipe2": pipe})
        text = "plain loops, every workload on one worker, {}: of the loop by hand"
        loops = found[text.format("default demand")]
        self.assertEqual(loops.measured, "0.6 (pipe2)")
        self.assertTrue(loops.verdict.startswith("**missed** by 14 %; not measured: pipe3"))
        self.assertEqual(found[text.format("windows of 4,000")].verdict, "not measured")
        ring = found["plain loops, pipe of two, default demand, of the best ring by hand"]
        self.assertEqual((ring.measured, ring.verdict), ("0.95", "met"))

    def test_words(self):
        found = verdicts({"words": result("words", {
            "ceiling/one_core/plain": 10.0, "ceiling/split/halves": 20.0,
            "weir/one_core/workers:1": 9.8, "weir/split/workers:2": 17.1})})
        self.assertEqual(found["weir-words on one worker, of a plain program"].verdict, "met")
        self.assertEqual(found["weir-words on two cores, of a plain program on one"].verdict,
                         "**missed** by 5 %")

    def test_counters(self):
        found = verdicts({"metered": result("metered", {
            "without/one_core/max:1": 10.0, "with/one_core/max:1": 9.5,
            "without/one_core/max:1000": 1000.0, "with/one_core/max:1000": 980.0})})
        self.assertEqual(
            found["counters, pipe of two on one worker, max_demand 1: of an event"].measured,
            "5.26 ns")
        rate = found["counters, pipe of two on one worker, default demand and more: of the rate"]
        self.assertEqual(rate.verdict, "**missed** by 1 %; not measured: max:4000,min:0")

    def test_fairness_is_of_the_worst_run(self):
        """And on one worker: elsewhere a thread may have lost its core."""
        merge = result("fairness", {"weir/split/max:1": 5.0, "weir/one_core/max:1": 5.0,
                                    "weir/one_core/max:10": 9.0})
        merge.rows["weir/split/max:1"].figures = {"least_percent": [0.0]}
        merge.rows["weir/one_core/max:1"].figures = {"least_percent": [90.0, 40.0, 91.0]}
        merge.rows["weir/one_core/max:10"].figures = {"least_percent": [99.0]}
        least = verdicts({"fairness": merge})[
            "merge on one worker, any 1,000 batches: the least producer's, of an equal share"]
        self.assertEqual((least.measured, least.verdict),
                         ("40 % (one_core/max:1)", "**missed** by 10 %"))

    def test_the_worst_workload_counts(self):
        results = {name: result(name, {"weir/split/deep": 100.0, "go/own/x": peer})
                   for name, peer in (("pipe2", 50.0), ("share", 200.0), ("merge", 125.0))}
        text = "every workload, as each places itself: as fast as the best peer"
        target = verdicts(results)[text]
        self.assertEqual(target.measured, "0.5 (share, against go)")
        self.assertTrue(target.verdict.startswith("**missed** by 50 %; also: merge, against go"))
        self.assertIn("not measured: pipe3, broadcast", target.verdict)

    def test_messages_of_each_length(self):
        found = verdicts({"payload": result("payload", {
            "ceiling/split/packed,bytes:120": 40.0, "ceiling/split/malloc,bytes:120": 90.0,
            "ceiling/split/packed,bytes:1010": 10.0, "weir/split/emit,bytes:120": 30.0,
            "weir/split/emit,bytes:1010": 6.0, "go/own/made,bytes:1010": 8.0})})
        frames = found["messages, split over two cores, of frames packed by hand"]
        self.assertEqual((frames.measured, frames.verdict),
                         ("0.6 (1,010 bytes)", "**missed** by 14 %"))
        peers = found["messages, as each places itself: as fast as the best peer"]
        self.assertEqual(peers.measured, "0.75 (1,010 bytes, against go)")
        self.assertIn("not measured: 120 bytes", peers.verdict)

    def test_pipeline(self):
        """Its cost in the place where the stages are; peers against weir's best, never bare's."""
        found = verdicts({"pipeline": result("pipeline", {
            "bare/one_core/bytes:8": 20.0, "weir/one_core/quick,bytes:8": 16.0,
            "weir/one_core/threads,bytes:8": 10.0, "bare/split/bytes:120": 8.0,
            "weir/split/quick,bytes:120": 8.0, "tbb/own/buffer,item,bytes:8": 4.0,
            "tbb/own/lightweight,item,bytes:8": 10.0, "tbb/own/buffer,item,bytes:120": 1.0,
            "tbb/one_core/buffer,vector:250,bytes:8": 32.0, "broadway/own/max:10,bytes:8": 0.2})})
        cost = found["pipeline, batches of 500: more than bare stages take"]
        self.assertEqual((cost.measured, cost.verdict),
                         ("50 ns (one_core/threads,bytes:8)", "**missed** by 100 %"))
        self.assertEqual([round(figure, 3) for _, figure in cost.pairs], [50, 12.5, 0])
        items = found["pipeline: times oneTBB, message by message"]
        self.assertEqual(items.measured, "1.6 (as each places itself, 8 bytes)")
        self.assertTrue(items.verdict.startswith("**missed** by 20 %; not measured: on one core"))
        vectors = found["pipeline: times oneTBB with vectors"]
        self.assertEqual(vectors.measured, "0.5 (on one core, 8 bytes)")
        broadway = found["pipeline: times Broadway"]
        self.assertEqual(broadway.measured, "80 (as each places itself, 8 bytes)")
        self.assertTrue(broadway.verdict.startswith("met; not measured: "))

    def test_genstage_at_the_same_demand(self):
        results = {"pipe2": result("pipe2", {
            "weir/split/max:1000": 400.0, "weir/split/deep": 4000.0, "weir/split/max:1": 2.0,
            "genstage/own/max:1000": 4.0, "genstage/own/max:1": 0.5})}
        found = verdicts(results)
        self.assertEqual(found["every workload at max_demand 1,000: times GenStage"].measured,
                         "100 (pipe2)")
        missed = found["every workload at max_demand 1: times GenStage"]
        self.assertTrue(missed.verdict.startswith("**missed** by 50 %; not measured: pipe3"))

    def test_trips_are_at_most(self):
        rows = {"weir/split/spin": 300.0, "ceiling/split/line": 100.0,
                "weir/split/parked": 1100.0, "ceiling/split/futex": 1000.0}
        both = result("round_trip", {name: 1.0 for name in rows})
        for name, row in both.rows.items():
            row.figures = {"p50": [rows[name]], "p99": [rows[name] * 2]}
        found = verdicts({"round_trip": both})
        self.assertEqual(found["round trip, spinning: times a cache line's"].verdict,
                         "**missed** by 20 %")
        self.assertEqual(found["round trip, parked: times a futex's"].verdict, "met")

    def test_growth(self):
        found = verdicts({
            "idle_stages": result("idle_stages", {
                "weir/split/idle:0": 100.0, "weir/split/idle:10000": 98.0,
                "weir/one_core/idle:0": 100.0, "weir/one_core/idle:10000": 92.0}),
            "oversubscribed": result("oversubscribed", {
                "weir/split/times:1": 100.0, "weir/workers:32/times:16": 75.0})})
        idle = found["10,000 idle stages: what they take from a busy pipe"]
        self.assertEqual((idle.measured, idle.verdict),
                         ("8 % (weir one_core)", "**missed** by 3 %"))
        many = [target for text, target in found.items() if text.startswith("16 times")][0]
        self.assertEqual((many.measured, many.verdict), ("0.75 (weir)", "met"))

    def test_none_at_all(self):
        steady = result("steady", {"weir/split/pipe2": 1.0}, allocations=3)
        target = verdicts({"steady": steady})["steady state: allocations in any run"]
        self.assertEqual(target.verdict, "**missed** by 3")
        steady = result("steady", {"weir/split/pipe2": "a wrong sum or account"})
        target = verdicts({"steady": steady})["steady state: allocations in any run"]
        self.assertEqual(target.verdict, "**missed** altogether")


class Machine(unittest.TestCase):
    def test_versions_of_checkouts(self):
        with tempfile.TemporaryDirectory() as folder:
            mix = pathlib.Path(folder, "mix.exs")
            mix.write_text('  @version "1.3.0"\n', encoding="utf-8")
            versions = machine.peer_versions({"broadway": ("broadway", folder),
                                              "genstage": ("gen_stage", None)})
        self.assertTrue(versions["broadway"].startswith("broadway 1.3.0, elixir"))
        self.assertNotIn("gen_stage", versions.get("genstage", ""))


class Growth(unittest.TestCase):
    def test_lines(self):
        fans = result("fans", {f"weir/{place}/{kind}:{count},max:{most}": 1.0
                               for place in ("split", "one_core") for kind in ("all", "one")
                               for count in (1, 10, 100) for most in (10, 1000)})
        lines = growth.series_of(fans)
        self.assertEqual(len(lines), 8)
        self.assertEqual([x for x, _ in lines["weir split all max:10"]], [1, 10, 100])

    def test_workers_stand_in_the_placement(self):
        spread = result("workers", {"weir/one_core/merge": 2.0, "weir/split/merge": 3.0,
                                    "weir/workers:4/merge": 4.0})
        self.assertEqual({label: [x for x, _ in points]
                          for label, points in growth.series_of(spread).items()},
                         {"weir merge": [1, 2, 4]})


class Page(unittest.TestCase):
    def write(self, results):
        with tempfile.TemporaryDirectory() as folder:
            place = pathlib.Path(folder)
            for name, content in results.items():
                (place / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
            self.assertEqual(set(load(place)), set(results))
            text = page.write(ROOT, place, place).read_text(encoding="utf-8")
            return text, {path.stem for path in (place / "benchmarks").glob("*.svg")}

    def test_engines_replace_their_part_alone(self):
        rows = {"weir/read/bytes:64,batch:100": 0.8, "ceiling/read/bytes:64,batch:100": 1.0,
                "weir/add/bytes:64,batch:100": 0.5, "ceiling/add/bytes:64,batch:100": 0.5,
                "weir/read/bytes:64,batch:10": 0.1, "ceiling/read/bytes:64,batch:10": 0.2}
        scale = {"weir/workers/count:1": 0.001, "weir/workers/count:4": 0.002}
        with tempfile.TemporaryDirectory() as folder:
            place = pathlib.Path(folder)
            (place / "benchmarks.md").write_text("# By others\n", encoding="utf-8")
            for rate in (0.8, 0.9):
                rows["weir/read/bytes:64,batch:100"] = rate
                for name, content in (("engines_redis", data(rows)), ("scale", data(scale))):
                    (place / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
                text = page.write_engines(ROOT, place, place).read_text(encoding="utf-8")
        self.assertTrue(text.startswith("# By others\n"))
        self.assertEqual(text.count(page.BEGIN), 1)
        self.assertEqual(text.count(page.END), 1)
        self.assertIn("| `read/bytes:64,batch:100` | `read` | 1,000 | 1,000 .. 1,000 | **900** |",
                      text)
        self.assertIn("of the client by hand | at least 0.9 | 0.9 (read/bytes:64,batch:100) | met",
                      text)
        self.assertIn("| 4 | 2,000 | 2,000 .. 2,000 | 0.5 |", text)

    def test_without_results(self):
        text, drawn = self.write({})
        self.assertIn("Nothing has been measured yet.", text)
        self.assertIn("## Pipe of two: a producer, a consumer", text)
        self.assertEqual(drawn, set())

    def test_with_some(self):
        wrong = data({"weir/split/deep": "a wrong sum or account", "weir/split/max:1": 2.0,
                      "go/own/channel:8": 1.0})
        trips = data({"weir/split/spin": 3.0, "ceiling/split/line": 6.0}, p50=300.0, p99=900.0)
        idle = data({"weir/split/idle:0": [100.0, 90.0, 80.0], "weir/split/idle:10": 91.0,
                     "weir/split/idle:100": 92.0})
        metered = data({"without/split/max:1": 4.0, "with/split/max:1": 2.0})
        shares = data({"weir/split/max:1": 3.0}, least_percent=88.0, most_percent=112.0,
                      run_least_percent=90.0)
        text, drawn = self.write({"pipe2": wrong, "round_trip": trips, "idle_stages": idle,
                                  "metered": metered, "fairness": shares})
        self.assertIn("| `split/max:1` | 4 | 4 .. 4 | 2 | 2 .. 2 | 50 % | 250 ns |", text)
        self.assertIn("| `split/max:1` | 3 | 88 (88 .. 88) | 112 (112 .. 112) | 90 (90 .. 90) |",
                      text)
        self.assertIn("- `weir/split/deep` **failed**: a wrong sum or account", text)
        self.assertIn("| Go | `own/channel:8` | 1 | 1 .. 1 | 2 x |", text)
        self.assertIn("| 0 | 90 |", text)
        self.assertIn("2026-01-02 03:04", text)
        self.assertIn("Not measured.", text)
        if shutil.which("gnuplot"):
            self.assertEqual(drawn, {"pipe2", "round_trip", "idle_stages"})
            for name in drawn:
                self.assertIn(f"(benchmarks/{name}.svg)", text)


if __name__ == "__main__":
    unittest.main()
