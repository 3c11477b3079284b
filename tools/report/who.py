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
    "broadway": ("Broadway", "elixir"),
}

SPLIT, ONE_CORE, OWN = "split over two cores", "on one core", "as each places itself"
CLASSES = (SPLIT, ONE_CORE, OWN)
PLACEMENTS = {SPLIT: {"split", "spread"}, ONE_CORE: {"one_core"}, OWN: {"own"}}


def title(who):
    """How a reader knows it."""
    ours = {"weir": "weir", "ceiling": "by hand", "bare": "weir's bare stages"}
    return ours.get(who) or PEERS.get(who, (who,))[0]


def belongs(row, kind):
    """Whether a row takes part in this comparison."""
    return row.placement in PLACEMENTS[kind] or (row.who == "weir" and kind == OWN)


def is_peer(row):
    return row.who in PEERS


# What a row's setting says that has plain loops (bench/work.h), and how the page says it.
PLAIN = "O3"
PLAIN_TEXT = ", plain loops"


def lean(result):
    """The rows that have the loops which all benchmarks have."""
    return result.only("loops")


def plain(result):
    """The rows whose loops are plain C, built for this processor."""
    return result.only("loops", PLAIN)


def parts_of(result):
    """What a benchmark compares apart: (for a heading, result).

    Messages of each length; or work done by either set of loops.
    """
    parts = result.apart("bytes")
    if len(parts) > 1:
        return [(f", {length:,.0f} bytes", part) for length, part in parts.items()]
    others = plain(result)
    return [("", lean(result)), (PLAIN_TEXT, others)] if others.rows else [("", result)]


def rows_of(result, kind):
    return [row for row in result.good() if belongs(row, kind)]


def best_of_each(result, kind):
    """The fastest row of each who in one comparison, fastest first."""
    each = {}
    for row in rows_of(result, kind):
        each[row.who] = best([row, each.get(row.who, row)])
    return sorted(each.values(), key=lambda row: -row.rate)
