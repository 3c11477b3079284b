/*
 * Scheduling: who goes next, and for how many steps.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Each schedule draws one of three manners, since each finds what others miss:
 *
 *   bursts      any fiber, for a number of steps around a mean that is 1 in some
 *               schedules and hundreds in others
 *   priorities  the highest always goes; now and then the one that runs drops
 *               below all others (Burckhardt and others' PCT): finds what needs
 *               one thread far behind, and few changes at the right moments
 *   freezes     bursts, and sometimes a fiber is not run for long, as a thread is
 *               that the operating system has taken its core from
 *
 * A fiber that stalls (a spinning loop) goes last until something has changed.
 */
#include "engine.h"

enum manner { BURSTS, PRIORITIES, FREEZES };

static enum manner manner;
static uint64_t burst;  /* mean steps at a time           */
static uint64_t lowest; /* next priority to drop to       */
static uint64_t change; /* the step of the next drop      */

enum { TOP = 1 << 30 };

static uint64_t draw(uint64_t bound) {
    return weir__rng_below(&sim.random, bound);
}

/* Many small numbers and a few large ones, below 2^bits. */
static uint64_t draw_long_tailed(unsigned bits) {
    return draw(UINT64_C(1) << (1 + draw(bits)));
}

void sim_schedule_begin(void) {
    static const unsigned means[] = {1, 1, 2, 4, 16, 64, 256};
    manner = (enum manner)(draw(5) / 2);
    burst = means[draw(sizeof means / sizeof means[0])];
    lowest = TOP;
    change = draw_long_tailed(13);
}

void sim_schedule_spawned(struct sim_fiber *fiber) {
    fiber->priority = TOP + 1 + draw(TOP);
}

void sim_schedule_stalled(struct sim_fiber *fiber) {
    fiber->stalled_at = sim.changes + 1;
    fiber->priority = lowest--;
}

static bool stalled(const struct sim_fiber *fiber) {
    return fiber->stalled_at == sim.changes + 1;
}

static bool eligible(const struct sim_fiber *fiber) {
    return fiber->state == SIM_READY && fiber->frozen <= sim.steps && !stalled(fiber);
}

static bool awake(const struct sim_fiber *fiber) {
    return fiber->state == SIM_READY && !stalled(fiber);
}

static bool ready(const struct sim_fiber *fiber) {
    return fiber->state == SIM_READY;
}

/* Inlined, so that `like` is no call. */
static inline __attribute__((always_inline)) unsigned
gather(struct sim_fiber **found, bool (*like)(const struct sim_fiber *)) {
    unsigned count = 0;
    for (unsigned i = 0; i < sim.used; i++)
        if (like(&sim.fibers[i])) found[count++] = &sim.fibers[i];
    return count;
}

/* Those that may go, in order of preference; a store let out may end a stall. */
static unsigned candidates(struct sim_fiber **found) {
    unsigned count = gather(found, eligible);
    while (count == 0 && sim_memory_commit_one()) count = gather(found, eligible);
    if (count == 0) count = gather(found, awake);
    if (count == 0) count = gather(found, ready);
    return count;
}

static struct sim_fiber *highest(struct sim_fiber **found, unsigned count) {
    if (sim.steps >= change && sim.current != NULL) {
        sim.current->priority = lowest--;
        change = sim.steps + 1 + draw_long_tailed(13);
    }
    struct sim_fiber *best = found[0];
    for (unsigned i = 1; i < count; i++)
        if (found[i]->priority > best->priority) best = found[i];
    sim.until = change > sim.steps ? change : sim.steps + 1;
    return best;
}

struct sim_fiber *sim_schedule_next(void) {
    struct sim_fiber *found[SIM_FIBERS];
    unsigned count = candidates(found);
    if (count == 0) return NULL;
    if (manner == PRIORITIES) return highest(found, count);
    struct sim_fiber *chosen = found[draw(count)];
    if (manner == FREEZES && draw(32) == 0) {
        chosen->frozen = sim.steps + draw_long_tailed(12);
        chosen = found[draw(count)];
    }
    sim.until = sim.steps + 1 + draw(2 * burst - 1);
    return chosen;
}
