# Who takes part, under which name, from which package; and who is compared with whom.
# SPDX-License-Identifier: Apache-2.0
"""
A row's placement says what ran where (bench/peers/peer.h).  Only like is compared with
like: what uses two cores with what uses two, what uses one thread with what uses one.
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

TWO_CORES, ONE_CORE = "two cores", "one core"
CLASSES = (TWO_CORES, ONE_CORE)
PLACEMENTS = {TWO_CORES: {"split", "spread", "own"}, ONE_CORE: {"one_core"}}


def title(who):
    """How a reader knows it."""
    return {"weir": "weir", "ceiling": "by hand"}.get(who) or PEERS.get(who, (who,))[0]


def belongs(row, kind):
    """Whether a row takes part in this comparison.

    oneTBB runs a token's whole chain on one thread, whatever the number of threads, so
    its own scheduler is held against weir on one core too.
    """
    if (row.who, row.placement, kind) == ("tbb", "own", ONE_CORE):
        return True
    return row.placement in PLACEMENTS[kind]


def is_peer(row):
    return row.who not in ("weir", "ceiling")


def rows_of(result, kind):
    return [row for row in result.good() if belongs(row, kind)]


def best_of_each(result, kind):
    """The fastest row of each who in one comparison, fastest first."""
    each = {}
    for row in rows_of(result, kind):
        each[row.who] = best([row, each.get(row.who, row)])
    return sorted(each.values(), key=lambda row: -row.rate)
