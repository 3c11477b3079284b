/*
 * Idling: see idling.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "runtime/idling.h"

static uint32_t average(uint32_t before, uint64_t sample) {
    int64_t more = ((int64_t)sample - (int64_t)before) / WEIR__IDLE_WEIGHT;
    return (uint32_t)((int64_t)before + more);
}

static void add_gap(struct weir__idling *idling, uint64_t gap_ns) {
    uint64_t most = (uint64_t)idling->wake_ns * WEIR__IDLE_LONG;
    idling->gap_ns = average(idling->gap_ns, gap_ns < most ? gap_ns : most);
    idling->since_ns = 0;
}

static void add_wake(struct weir__idling *idling, uint64_t wake_ns) {
    wake_ns = wake_ns < WEIR__IDLE_WAKE_LEAST_NS ? WEIR__IDLE_WAKE_LEAST_NS : wake_ns;
    wake_ns = wake_ns > WEIR__IDLE_WAKE_MOST_NS ? WEIR__IDLE_WAKE_MOST_NS : wake_ns;
    idling->wake_ns = average(idling->wake_ns, wake_ns);
}

void weir__idling_open(struct weir__idling *idling) {
    *idling = (struct weir__idling){.wake_ns = WEIR__IDLE_WAKE_NS,
                                    .gap_ns = WEIR__IDLE_WAKE_NS * WEIR__IDLE_WORTH,
                                    .first_ns = UINT64_MAX};
}

bool weir__idling_looks(const struct weir__idling *idling) {
    return idling->abstain == 0 && idling->gap_ns <= (uint64_t)idling->wake_ns * WEIR__IDLE_WORTH;
}

bool weir__idling_dry(struct weir__idling *idling, uint64_t now_ns) {
    bool looks = weir__idling_looks(idling);
    uint64_t patience = (uint64_t)idling->gap_ns * WEIR__IDLE_PATIENCE;
    if (patience < idling->wake_ns) {
        patience = idling->wake_ns; /* then it will have cost no more than to sleep at once */
    }
    if (idling->last_ns == 0 && patience > idling->first_ns) {
        patience = idling->first_ns;
        looks = looks && patience > 0;
    }
    if (idling->abstain > 0) {
        idling->abstain--;
    }
    idling->since_ns = now_ns;
    idling->last_ns = now_ns;
    idling->until_ns = looks ? now_ns + patience : now_ns;
    idling->away = false;
    return looks;
}

static void lost_its_core(struct weir__idling *idling) {
    const uint32_t least = WEIR__IDLE_ABSTAIN * WEIR__IDLE_FORGET;
    const uint32_t most = WEIR__IDLE_ABSTAIN_MAX * WEIR__IDLE_FORGET;
    uint32_t penalty = idling->penalty < least ? least : idling->penalty;
    idling->abstain = penalty / WEIR__IDLE_FORGET;
    idling->penalty = penalty * 2 < most ? penalty * 2 : most;
}

bool weir__idling_look(struct weir__idling *idling, uint64_t now_ns) {
    uint64_t passed = now_ns - idling->last_ns;
    if (idling->last_ns >= idling->until_ns) {
        return false; /* it was to look no more */
    }
    idling->last_ns = now_ns;
    idling->away = passed >= WEIR__IDLE_BRIEF_NS;
    if (passed >= WEIR__IDLE_AWAY_NS) {
        lost_its_core(idling);
        idling->until_ns = now_ns;
    }
    return now_ns < idling->until_ns;
}

void weir__idling_found(struct weir__idling *idling) {
    if (idling->away) {
        add_gap(idling, UINT64_MAX);
        return;
    }
    idling->penalty -= idling->penalty > 0;
    add_gap(idling, idling->last_ns - idling->since_ns);
}

void weir__idling_woken(struct weir__idling *idling, uint64_t now_ns, uint64_t rung_ns,
                        bool neighbour) {
    bool known = rung_ns > idling->since_ns && rung_ns <= now_ns;
    if (neighbour) {
        add_gap(idling, UINT64_MAX);
        return;
    }
    if (known) {
        add_wake(idling, now_ns - rung_ns);
    }
    add_gap(idling, (known ? rung_ns : now_ns) - idling->since_ns);
}
