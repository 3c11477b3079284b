# Who takes part, under which name, from which package; and who is compared with whom.
# SPDX-License-Identifier: Apache-2.0
"""
A row's placement says what ran where (bench/peers/peer.h).  Only like is compared with
like: stages split over two cores with such, what runs on one core with such, and who
places its work itself on both cores with weir in whichever placement is best here.
"""
from results import best

# (what it is called, its Debian package)
PEERS = {
    "ck_ring": ("Concurrency Kit ring", "libck-dev"),
    "boost": ("Boost.Lockfree", "libboost-dev"),
    "moodycamel": ("moodycamel queues", "libconcurrentqueue-dev"),
    "dpdk": ("DPDK rte_ring", "libdpdk-dev"),
    "tbb": ("oneTBB", "libtbb-dev"),
    "caf": ("C++ Actor Framework", "libcaf-dev"),
    "go": ("Go", "golang-go"),
    "disruptor": ("LMAX Disruptor", "libdisruptor-java"),
    "genstage": ("GenStage", "elixir"),
}

SPLIT, ONE_CORE, OWN = "split over two cores", "on one core", "as each places itself"
CLASSES = (SPLIT, ONE_CORE, OWN)
PLACEMENTS = {SPLIT: {"split", "spread"}, ONE_CORE: {"one_core"}, OWN: {"own"}}


def title(who):
    """How a reader knows it."""
    return {"weir": "weir", "ceiling": "by hand"}.get(who) or PEERS.get(who, (who,))[0]


def belongs(row, kind):
    """Whether a row takes part in this comparison."""
    return row.placement in PLACEMENTS[kind] or (row.who == "weir" and kind == OWN)


def is_peer(row):
    return row.who not in ("weir", "ceiling")


def parts_of(result):
    """What a benchmark compares apart, messages of each length: (for a heading, result)."""
    parts = result.apart("bytes")
    if len(parts) < 2:
        return [("", result)]
    return [(f", {length:,.0f} bytes", part) for length, part in parts.items()]


def rows_of(result, kind):
    return [row for row in result.good() if belongs(row, kind)]


def best_of_each(result, kind):
    """The fastest row of each who in one comparison, fastest first."""
    each = {}
    for row in rows_of(result, kind):
        each[row.who] = best([row, each.get(row.who, row)])
    return sorted(each.values(), key=lambda row: -row.rate)
