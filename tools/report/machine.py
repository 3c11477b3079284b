# The machine and how busy it is: what a figure means depends on both.
# SPDX-License-Identifier: Apache-2.0
import json
import os
import pathlib
import re
import subprocess

from who import PEERS

POLICIES = {getattr(os, name, -1): text for name, text in [
    ("SCHED_OTHER", "normal"), ("SCHED_FIFO", "real-time (fifo)"),
    ("SCHED_RR", "real-time (round robin)"), ("SCHED_BATCH", "batch")]}


def said_by(*command):
    """What a command prints; "" when it is not there or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def lscpu():
    """lscpu's lines, in English: {"Model name": ...}."""
    lines = said_by("env", "LC_ALL=C", "lscpu").splitlines()
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}


def caches(cpu):
    """The caches of one core, and the one that all share, as lscpu tells their sums."""
    found = []
    for level in ("L1d", "L2", "L3"):
        match = re.match(r"([\d.]+) (\w+) \((\d+) instances?\)", cpu.get(f"{level} cache", ""))
        if match:
            size, unit, count = float(match[1]), match[2], int(match[3])
            found.append(f"{level} {count} x {size / count:g} {unit}")
    return ", ".join(found) or "unknown"


def virtual(cpu):
    vendor = cpu.get("Hypervisor vendor")
    if vendor:
        return f"yes ({vendor}): what the host does meanwhile is not seen from inside"
    return "yes" if "hypervisor" in cpu.get("Flags", "") else "no"


def compiler(build):
    """The C compiler of a build folder, and how it optimises the library's files."""
    commands = pathlib.Path(build, "compile_commands.json")
    files = json.loads(commands.read_text(encoding="utf-8")) if commands.exists() else []
    words = next((one["command"].split() for one in files if "/src/" in one["file"]), ["cc"])
    version = said_by(words[0], "--version").splitlines()
    flags = [word for word in words if re.match(r"-(O|m|f(?!visibility|PIC)|DNDEBUG)", word)]
    return " ".join([version[0] if version else "unknown", *flags])


def facts(root, build):
    """What stays the same from one benchmark to the next, in the order to be shown."""
    cpu = lscpu()
    usable = sorted(os.sched_getaffinity(0))
    release = pathlib.Path("/etc/os-release")
    system = re.search(r'^PRETTY_NAME="(.*)"', release.read_text(encoding="utf-8"), flags=re.M) \
        if release.exists() else None
    return {
        "processor": f"{cpu.get('Model name', 'unknown')} "
                     f"(family {cpu.get('CPU family', '?')}, model {cpu.get('Model', '?')})",
        "cores": f"{len(usable)} usable of {cpu.get('CPU(s)', '?')}, "
                 f"{cpu.get('Thread(s) per core', '?')} thread(s) per core",
        "caches": caches(cpu),
        "virtual": virtual(cpu),
        "system": f"{system[1] if system else 'unknown'}, Linux {os.uname().release}",
        "compiler": compiler(build),
        "scheduling": POLICIES.get(os.sched_getscheduler(0), "unknown"),
        "commit": said_by("git", "-C", str(root), "describe", "--always", "--dirty",
                          "--exclude=*") or "unknown",
    }


def peer_versions(checkouts):
    """{who: version} of the peers' packages, as they are installed.

    checkouts: {who: (its name, the path of a checkout or None)} of those that are no packages.
    """
    versions = {}
    for who, (_, package) in PEERS.items():
        version = said_by("dpkg-query", "--show", "--showformat=${Version}", package)
        if version:
            versions[who] = f"{package} {version}"
    for who, (name, checkout) in checkouts.items():
        mix = pathlib.Path(checkout or "", "mix.exs")
        if checkout and mix.exists():
            match = re.search(r'@version "([^"]+)"', mix.read_text(encoding="utf-8"))
            if match:
                versions[who] = f"{name} {match[1]}, {versions.get(who, 'elixir')}"
    return versions


class Meter:
    """What part of the processors' time the host has taken, from here to there."""

    def __init__(self):
        self.begin = self.times()

    @staticmethod
    def times():
        with open("/proc/stat", encoding="utf-8") as file:
            values = [int(word) for word in file.readline().split()[1:9]]
        return sum(values), values[7] if len(values) > 7 else 0

    def stolen_percent(self):
        total, stolen = (now - then for now, then in zip(self.times(), self.begin))
        return 100.0 * stolen / total if total else 0.0
