# Builds the benchmarks, runs them one after the other, keeps the results, makes the page.
# SPDX-License-Identifier: Apache-2.0
"""
usage: tools/bench [--install] [--peers] [--quick] [--report-only] [NAME...] [-- ARGUMENTS]

  NAME           a benchmark of bench/; by default, all that have rows
  engines        those of bench/connect, which start servers of their own; by name only
  --install      installs the Debian packages that are missing (else they are named, and
                 what needs them is left out: peers, the drawings)
  --peers        the other libraries too, as many as are there
  --quick        short runs, three repetitions: for a look, not for a figure
  --report-only  runs nothing: makes docs/benchmarks.md of the results that there are
  ARGUMENTS      go to the programs: --run_ms=N, --repetitions=N, --benchmark_filter=...
                 (what is run with a filter is shown, but not kept)

GenStage takes part when WEIR_GEN_STAGE names a checkout of it, Broadway when WEIR_BROADWAY
does.  Exits with 1 when a row was wrong, a program failed or one did not build; the others have
run all the same.
"""
import json
import os
import pathlib
import subprocess
import sys
import time

import machine
import page
from results import GROUPS, Result, sources

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "release"
RESULTS = BUILD / "bench-results"
QUICK_RESULTS = BUILD / "bench-quick"
QUIET_LOAD = 0.5
QUICK = ["--run_ms=10", "--repetitions=3"]
# The programs write how far they are into one line of a terminal, over and over.
FRESH_LINE = "\r\033[K" if sys.stdout.isatty() else ""
FLAGS = {"--peers", "--quick", "--report-only"}
# Peers that are no packages: the variable that has the path of a checkout, and its name.
CHECKOUTS = {"genstage": ("WEIR_GEN_STAGE", "gen_stage"), "broadway": ("WEIR_BROADWAY", "broadway")}


def options(arguments):
    """(flags, names, arguments for the programs)"""
    ours, theirs = arguments, []
    if "--" in arguments:
        at = arguments.index("--")
        ours, theirs = arguments[:at], arguments[at + 1:]
    flags = {word for word in ours if word.startswith("-")}
    if flags - FLAGS:
        sys.exit(__doc__.strip())
    return flags, [word for word in ours if word not in flags], theirs


def complain(text):
    print(f"tools/bench: {text}", file=sys.stderr, flush=True)


def command(*words):
    """Runs a quiet command; what it said is shown only when it fails."""
    done = subprocess.run(words, cwd=ROOT, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        print("\n".join(done.stdout.splitlines()[-40:]), file=sys.stderr)
    return done.returncode == 0


def build(with_peers, target):
    """Builds into build/release; false when anything did not build."""
    print("building", flush=True)
    configure = ["cmake", "-S", ".", "-B", str(BUILD), "-G", "Ninja",
                 "-DCMAKE_BUILD_TYPE=Release", "-DWEIR_TESTS=OFF"]
    for variable, _ in CHECKOUTS.values():
        checkout = os.environ.get(variable)
        if checkout:
            configure.append(f"-D{variable}={pathlib.Path(checkout).resolve()}")
    if not command(*configure) or not command("cmake", "--build", str(BUILD),
                                              "--target", target):
        sys.exit("tools/bench: the benchmarks do not build")
    peers = BUILD / "bench" / "peers"
    # Peers of an older build would take part: they are brought up to date in any case.
    if with_peers or any(path.is_file() and os.access(path, os.X_OK) for path in peers.glob("*")):
        if not command("cmake", "--build", str(BUILD), "--target", "peers", "--", "-k", "0"):
            complain("not all peers have been built; going on with those that have")
            return False
    return True


def warn_of_load():
    load = os.getloadavg()[0]
    if load > QUIET_LOAD:
        complain(f"the load is {load:.2f}: other programs disturb, figures will be low and "
                 "uneven; better wait until it is below 0.5")
    return load


class Failed(Exception):
    """A benchmark that has gone wrong; the others are run all the same."""


def run_rows(name, arguments, facts, peers, show, folder):
    """Runs one benchmark and keeps its results; returns them."""
    kept, fresh = folder / f"{name}.json", folder / f"{name}.json.new"
    fresh.unlink(missing_ok=True)
    load, meter, begun = os.getloadavg()[0], machine.Meter(), time.monotonic()
    with open(folder / f"{name}.txt", "w+", encoding="utf-8") as printed:
        code = subprocess.run(
            [BUILD / "bench" / name, *arguments, f"--benchmark_out={fresh}",
             "--benchmark_out_format=json"], stdout=printed, check=False).returncode
        printed.seek(0)
        if show:
            print(f"\n{printed.read().strip()}")
    try:
        data = json.loads(fresh.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        if code == 0:
            complain(f"{name} is left out: what it needs is not there")
            return None
        raise Failed(f"{name}: exit code {code}, and no results") from None
    data["weir"] = {"machine": facts, "peers": peers, "load": load,
                    "seconds": time.monotonic() - begun,
                    "stolen_percent": meter.stolen_percent(),
                    "options": " ".join(word.lstrip("-") for word in arguments)}
    data["context"].pop("host_name", None)
    fresh.write_text(json.dumps(data, indent=1), encoding="utf-8")
    result = Result(name, data)
    if any("benchmark_filter" in word for word in arguments):
        fresh.unlink()
    else:
        fresh.rename(kept)
    if code != 0 or result.errors:
        wrong = ", ".join(row.name for row in result.errors) or "no row says why"
        raise Failed(f"{name}: exit code {code}; wrong: {wrong}")
    return result


def run_plain(name, arguments):
    """A program without rows is run as it is."""
    code = subprocess.run([BUILD / "bench" / name, *arguments], check=False).returncode
    if code != 0:
        raise Failed(f"{name}: exit code {code}")


def left(done, names, at):
    """How long the rest takes, by how long those before took."""
    seconds = sum(done) / len(done) * (len(names) - at)
    if at == len(names):
        return ""
    amount = f"{seconds / 60:.0f} min" if seconds > 90 else f"{seconds:.0f} s"
    return f", about {amount} left"


def run_all(names, with_rows, arguments, peers, show, folder):
    """Runs all; returns what has failed."""
    facts = machine.facts(ROOT, BUILD)
    failures, took = [], []
    for key, value in facts.items():
        print(f"{key + ':':<12} {value}")
    print(f"{'load:':<12} {os.getloadavg()[0]:.2f}")
    for at, name in enumerate(names, 1):
        print(f"[{at}/{len(names)}] {name}", flush=True)
        begun = time.monotonic()
        try:
            if name in with_rows:
                result = run_rows(name, arguments, facts, peers, show, folder)
                verdict = "left out" if result is None else f"{len(result.rows)} rows"
            else:
                run_plain(name, arguments)
                verdict = "done"
        except Failed as failure:
            verdict = "FAILED"
            complain(str(failure))
            failures.append(str(failure))
        took.append(time.monotonic() - begun)
        print(f"{FRESH_LINE}    {verdict}, {took[-1]:.0f} s{left(took, names, at)}", flush=True)
    return failures


def page_folder(folder, bench):
    """Where the page goes: into docs only what is whole, and measured at length."""
    measured = {path.stem for path in folder.glob("*.json")}
    if folder == RESULTS and measured >= set(sources(bench)):
        return ROOT / "docs"
    print("not every benchmark has been measured here at length: docs/benchmarks.md stays as it is")
    return folder


def write_page(folder, group):
    if group is None:
        return page.write(ROOT, folder, page_folder(folder, ROOT / "bench"))
    return page.write_engines(ROOT, folder, page_folder(folder, ROOT / "bench" / GROUPS[group]))


def main():
    flags, names, arguments = options(sys.argv[1:])
    folder = QUICK_RESULTS if "--quick" in flags else RESULTS
    engines = list(sources(ROOT / "bench" / GROUPS["engines"]))
    names = [one for name in names for one in (engines if name == "engines" else [name])]
    group = "engines" if names and set(names) <= set(engines) else None
    if "--report-only" in flags:
        if not any(folder.glob("*.json")):
            quick = " --quick" if "--quick" in flags else ""
            sys.exit(f"tools/bench: nothing has been measured yet; run tools/bench{quick} first")
        built, failures = True, []
    else:
        built = build("--peers" in flags, "benches" if group is None else group)
        found = sources(ROOT / "bench")
        names = names or list(found)
        if set(names) & set(engines):
            built = (group is not None or build(False, "engines")) and built
            found = {**found, **sources(ROOT / "bench" / GROUPS["engines"])}
        there = {path.name for path in (BUILD / "bench").iterdir()
                 if path.is_file() and os.access(path, os.X_OK)}
        missing = [name for name in names if name in engines and name not in there]
        for name in missing:
            complain(f"{name} is left out: its connector, or an example, is not built here")
        names = [name for name in names if name not in missing]
        unknown = [name for name in names if name not in there]
        if unknown:
            sys.exit(f"tools/bench: no benchmark is called {unknown[0]}; there are: "
                     + " ".join(sorted(there)))
        warn_of_load()
        folder.mkdir(parents=True, exist_ok=True)
        arguments = [*(QUICK if "--quick" in flags else []), *arguments]
        checkouts = {who: (name, os.environ.get(variable))
                     for who, (variable, name) in CHECKOUTS.items()}
        failures = run_all(names, found, arguments, machine.peer_versions(checkouts),
                           group is not None or names != list(found), folder)
    if any("benchmark_filter" in word for word in arguments):
        print("filtered: the results are not kept, the page stays as it is")
    else:
        print(f"written: {write_page(folder, group).relative_to(ROOT)}")
    for failure in failures:
        complain(f"failed: {failure}")
    return 0 if built and not failures else 1


if __name__ == "__main__":
    sys.exit(main())
