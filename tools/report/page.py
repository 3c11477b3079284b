# The page: docs/benchmarks.md with its plots, made of all results that there are.
# SPDX-License-Identifier: Apache-2.0
import textwrap

import plots
import tables
from growth import growing_keys, series_of
from results import GROUPS, WORKLOADS, load, sources
from targets import all_of, engines
from who import PEERS, is_peer, title

WIDTH = 96  # of running text

HEAD = """\
# Benchmarks

<!-- tools/bench writes this page; what is changed by hand is lost. -->

How fast weir is, beside loops written by hand for the same two cores and beside other
libraries, all measured in turns on one machine. **Read ratios**, and those of one table
only: machines differ, and one machine differs from hour to hour. To have your own:

    tools/bench --peers            all of it; --install installs the other libraries first
    tools/bench                    weir and the hand-written loops
    tools/bench pipe2 push         only these
    tools/bench engines            the connectors, with servers of their own
    tools/bench --quick            short runs, for a first look
    tools/bench --report-only      nothing is run; the page is made again

This page is written once all of it has been measured at length; what is not whole, or
quick, gets a page beside its results in `build/release`. The part on engines, its last one, is
written when they are all measured, and the rest is left as it is then. GenStage takes part when the
variable WEIR_GEN_STAGE names a checkout of it, Broadway when WEIR_BROADWAY does. What is
measured stays in the folder `build/release/bench-results`, one JSON file for each benchmark,
every repetition in it.
"""

METHOD = """\
## How it was measured

- **The same work.** Events are filled and summed by the same two functions in every row
  written in C or C++, and by their counterparts in the other languages. Every run checks
  its sum, weir's also its accounts (emitted = handled + ...): a run with a wrong one is an
  error, shown as such, and is compared with nothing.
- **Plain loops.** These functions are two words wide, so that they are the same wherever they
  are built. What programs have is what their compiler makes of plain C: `-O3 -march=native`
  makes loops that are two to four times as fast, in front of which all that is not loop
  shows. Rows that end in `loops:O3` have those, of weir, by hand, and of the peers that are
  C or C++; they are compared with each other only.
- **The same place.** Threads are pinned. Rows are named WHO/PLACEMENT/SETTING: `split` has
  the side that is one thread on the first core, all others on the second; `spread` the
  many over both; `own` leaves both cores to the library's own scheduler; `one_core` has
  all on one. Like is compared with like: split with split, one core with one core, and who
  places its work itself (oneTBB runs a token through all its stages on one thread, say)
  with weir in whichever placement is best for the job.
- **In turns.** All rows of a table are run one after the other in an order drawn anew for
  each repetition, so that a slow minute of the machine hits all alike. A row runs so many
  events that a run takes about the time given below, found in runs that also warm it up.
- **Medians** over the repetitions, beside them the least and the most. Ratios are of
  medians. "weir is 3 x" means three times as many events per second.
- **Everybody's best.** Each library was tried with several settings (batch, capacity, wait
  strategy, threads); its best row is shown, all of them are in the folded tables. Each is
  a process of its own that sleeps while others are measured; those of C and C++ have
  jemalloc.
- **By hand** are the ceilings of `bench/ceilings.h`: what these cores can do when somebody
  writes the loop for just this case, without any library.
- Normal priority unless the table below says otherwise: a real-time priority would starve
  those whose spinning threads outnumber the cores.
"""


def facts_table(results):
    """The machine's facts; where runs differ in one, both are said."""
    known = {}
    for result in results.values():
        for key, value in result.run.get("machine", {}).items():
            known.setdefault(key, [])
            if value not in known[key]:
                known[key].append(value)
    lines = [[key, "; in other runs: ".join(str(value) for value in values)]
             for key, values in known.items()]
    versions = {}
    for result in results.values():
        versions.update(result.run.get("peers", {}))
    took_part = {row.who for result in results.values() for row in result.rows.values()
                 if is_peer(row)}
    lines += [[title(who), versions[who]] for who in PEERS if who in took_part & set(versions)]
    return tables.table(["", ""], lines, 2) if lines else ["Nothing has been measured yet."]


def runs_table(sources_found, results):
    """When each benchmark ran, how, and what the machine was at besides."""
    lines = []
    for name in sources_found:
        if name not in results:
            lines.append([f"`{name}`", "not measured", "", "", "", "", ""])
            continue
        run, context = results[name].run, results[name].context
        lines.append([f"`{name}`", context.get("date", "")[:16].replace("T", " "),
                      len(results[name].rows), run.get("options", ""),
                      f"{run.get('seconds', 0):.0f} s", f"{run.get('load', 0):.2f}",
                      f"{run.get('stolen_percent', 0):.1f} %"])
    return tables.table(["benchmark", "begun", "rows", "options", "took", "load before",
                         "stolen by the host"], lines, 2)


def targets_table(targets):
    lines = [[target.text, target.wanted, target.measured, target.verdict] for target in targets]
    return tables.table(["target", "wanted", "measured (the worst)", "verdict"], lines, 4)


def picture(name, source, sub=""):
    return f"![{source.title}{sub}](benchmarks/{name}.svg)"


def kind_of(name, result):
    """Which tables and which plot suit a benchmark's rows."""
    if name in OWN_TABLES:
        return name
    if name in WORKLOADS or any(is_peer(row) and row.figure("p50") is None
                                for row in result.good()):
        return "workload"
    if any(row.figure("p50") is not None for row in result.good()):
        return "paced" if result.apart("rate") else "latencies"
    if growing_keys(result) and max(map(len, series_of(result).values())) > 2:
        return "growth"
    return "plain"


# Benchmarks whose rows are told as no others are.
OWN_TABLES = {"metered": tables.metered, "fairness": tables.shares, "scale": tables.workers,
              **{f"engines_{name}": tables.beside_hand
                 for name in ("nats", "redis", "kafka", "file")}}
# What draws each kind, and what tells it in tables; plain ones have the full table only.
PLOTS = {"workload": plots.workload, "latencies": plots.latencies, "growth": plots.growth}
TABLES = {"workload": tables.workload, "latencies": lambda result: [tables.latencies(result)],
          "paced": tables.paced, "growth": lambda result: [tables.growth(result)],
          **{name: lambda result, tell=tell: [tell(result)] for name, tell in OWN_TABLES.items()}}


def section(name, source, result, drawn):
    """One benchmark: what it asks, what was expected, what came out."""
    place = "bench/" + source.path.as_posix().rpartition("/bench/")[2]
    lines = [f"## {source.title}", "", f"`{place}`", ""]
    for word in ("Question", "Prediction"):
        if source.part(word):
            lines += [*textwrap.wrap(f"**{word}.** {source.part(word)}", WIDTH), ""]
    if result is None or not result.rows:
        return lines + ["Not measured.", ""]
    failed = tables.errors(result)
    if failed:
        lines += [*failed, ""]
    if not result.good():
        return lines
    if drawn:
        lines += [picture(name, source), ""]
    kind = kind_of(name, result)
    if kind in TABLES:
        for block in TABLES[kind](result):
            lines += [*block, ""]
    every = tables.all_settings(result)
    if kind in TABLES and any(row.rates for row in result.good()):
        every = tables.folded(f"all {len(result.rows)} rows", every)
    return [*lines, *every, ""]


def draw(name, source, result, folder):
    """Draws the benchmark's plot; False when there is none."""
    if result is None or not result.good():
        return False
    kind = kind_of(name, result)
    if kind not in PLOTS or not plots.available():
        return False
    folder.mkdir(parents=True, exist_ok=True)
    PLOTS[kind](folder / f"{name}.svg", source, result)
    return True


BEGIN, END = "<!-- engines: begin -->", "<!-- engines: end -->"

ENGINES = """\
## Engines: connectors beside their clients by hand

Each connector beside the bare client library, or read and write, in a loop by hand that does the
same: messages are acknowledged once they are counted, batch by batch. Servers are the benchmark's
own, on the same cores, and take most of the time; both begin with nothing, connect, and end when
the engine knows of the last ack. Every run's sum, and what the engine says is left, are checked.
Which settings an engine has is in the head of each file.
"""


def engines_part(root, results):
    """The part of the page on engines."""
    found = sources(root / "bench" / GROUPS["engines"])
    own = {name: results[name] for name in found if name in results}
    lines = [BEGIN, ENGINES, *targets_table(engines(own)), "", *facts_table(own), "",
             *runs_table(found, own), ""]
    for name, source in found.items():
        lines += section(name, source, own.get(name), False)
    return [*lines, END]


def old_part(docs):
    """What the page has on engines already."""
    page = docs / "benchmarks.md"
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    return [text[text.index(BEGIN):text.index(END) + len(END)]] if BEGIN in text else []


def write_engines(root, results_folder, docs):
    """Their part alone, in place of the old one; returns the page's path."""
    page = docs / "benchmarks.md"
    part = "\n".join(engines_part(root, load(results_folder)))
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    old = old_part(docs)
    text = text.replace(old[0], part) if old else f"{text.rstrip()}\n\n{part}".lstrip() + "\n"
    page.write_text(text, encoding="utf-8")
    return page


def write(root, results_folder, docs=None):
    """Makes the page and its plots anew; returns the page's path."""
    docs = docs or root / "docs"
    found, results = sources(root / "bench"), load(results_folder)
    lines = [HEAD, "## The targets", "",
             "Each was set before it was measured. Where several figures count, the worst is",
             "shown. [Decision 15](decisions/15-targets-missed.md) says why some are missed.", "",
             *targets_table(all_of(results)), "", METHOD, "## The machine", "",
             *facts_table(results), "", *runs_table(found, results), ""]
    for name, source in found.items():
        result = results.get(name)
        lines += section(name, source, result, draw(name, source, result, docs / "benchmarks"))
    of_engines = set(results) & set(sources(root / "bench" / GROUPS["engines"]))
    lines += old_part(docs) or (engines_part(root, results) if of_engines else [])
    page = docs / "benchmarks.md"
    page.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    return page
