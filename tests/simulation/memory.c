/*
 * Memory as x86 has it: a store waits in its fiber's buffer before others see it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The code under test also reads plainly what it has stored atomically (the only
 * writer of a word may), and a plain read cannot look into a buffer.  So a store
 * changes memory at once, and it is the others who are told the old value: for
 * each place with stores under way there is a cell with what everybody sees.
 *
 *   memory[place]     what the fiber that stored last sees
 *   cell->shared      what all others see, until the store is let out (committed)
 *
 * When the last store of a cell is out, memory and cell agree and the cell goes;
 * only after stores and exchanges by several fibers they may not, and then the
 * shared value is the right one.
 *
 * Cells are found by their places: a schedule looks for one at most of its steps.
 *
 * Invariants: cell->by[n] counts the entries of fiber n's buffer that name the cell, and
 * cell->pending those of all; sim.pending is the sum over the cells.
 */
#include "engine.h"

#include <stdlib.h>
#include <string.h>

enum { CELLS = SIM_FIBERS * SIM_STORES, BUCKETS_LOG2 = 8, AGE_LIMIT = 4096 };

struct sim_cell {
    struct sim_cell *next; /* in its bucket, or of those that are free */
    void *place;
    uint64_t shared;
    unsigned size;
    unsigned pending;
    bool several; /* fibers have written to it */
    uint8_t by[SIM_FIBERS];
};

static struct sim_cell cells[CELLS];
static unsigned cells_end; /* above the last one that was ever in use */
static struct sim_cell *free_cells;
static struct sim_cell *buckets[1 << BUCKETS_LOG2];
static unsigned commit_one_in; /* steps, on average; 0: only when something forces it */

void sim_memory_begin(void) {
    static const unsigned rates[] = {1, 2, 4, 8, 32, 256, 0};
    memset(buckets, 0, sizeof buckets);
    free_cells = NULL;
    cells_end = 0;
    sim.pending = 0;
    commit_one_in = rates[weir__rng_below(&sim.random, sizeof rates / sizeof rates[0])];
}

static uint64_t read_memory(const void *place, unsigned size) {
    if (size == 4) {
        uint32_t word;
        memcpy(&word, place, sizeof word);
        return word;
    }
    uint64_t value;
    memcpy(&value, place, sizeof value);
    return value;
}

static void write_memory(void *place, uint64_t value, unsigned size) {
    if (size == 4) {
        uint32_t word = (uint32_t)value;
        memcpy(place, &word, sizeof word);
    } else {
        memcpy(place, &value, sizeof value);
    }
}

static struct sim_cell **bucket_of(const void *place) {
    uint64_t mixed = (uintptr_t)place * UINT64_C(0x9e3779b97f4a7c15);
    return &buckets[mixed >> (64 - BUCKETS_LOG2)];
}

static struct sim_cell *find_cell(const void *place) {
    struct sim_cell *cell = *bucket_of(place);
    while (cell != NULL && cell->place != place) cell = cell->next;
    return cell;
}

static struct sim_cell *make_cell(void *place, unsigned size) {
    struct sim_cell *cell = free_cells;
    if (cell == NULL)
        cell = &cells[cells_end++];
    else
        free_cells = cell->next;
    struct sim_cell **bucket = bucket_of(place);
    *cell = (struct sim_cell){
        .next = *bucket, .place = place, .size = size, .shared = read_memory(place, size)};
    *bucket = cell;
    return cell;
}

static void free_cell(struct sim_cell *cell) {
    struct sim_cell **at = bucket_of(cell->place);
    while (*at != cell) at = &(*at)->next;
    *at = cell->next;
    cell->next = free_cells;
    free_cells = cell;
}

static bool stores_to(const struct sim_fiber *fiber, const struct sim_cell *cell) {
    return cell->by[fiber - sim.fibers] > 0;
}

/* Lets out the oldest store of a fiber that has one. */
static void commit(struct sim_fiber *fiber) {
    struct sim_pending *store = &fiber->stores[fiber->first];
    struct sim_cell *cell = store->cell;
    fiber->first = (fiber->first + 1) % SIM_STORES;
    fiber->count--;
    sim.pending--;
    cell->shared = store->value;
    cell->by[fiber - sim.fibers]--;
    cell->pending--;
    sim.changes++;
    sim_trace(SIM_COMMIT, fiber, cell->place, store->value, NULL);
    if (cell->pending == 0) {
        if (cell->several) write_memory(cell->place, cell->shared, cell->size);
        free_cell(cell);
    }
}

void sim_memory_drain(struct sim_fiber *fiber) {
    while (fiber->count > 0) commit(fiber);
}

bool sim_memory_commit_one(void) {
    if (sim.pending == 0) return false;
    unsigned i = (unsigned)weir__rng_below(&sim.random, sim.used);
    while (sim.fibers[i].count == 0) i = i + 1 == sim.used ? 0 : i + 1;
    commit(&sim.fibers[i]);
    return true;
}

/* A store does not wait for ever: that would be a livelock of the simulator's making. */
static void commit_aged(void) {
    for (unsigned i = 0; i < sim.used; i++) {
        struct sim_fiber *fiber = &sim.fibers[i];
        if (fiber->count > 0 && sim.steps - fiber->stores[fiber->first].since > AGE_LIMIT)
            commit(fiber);
    }
}

void sim_memory_step(void) {
    if (commit_one_in > 0 && weir__rng_below(&sim.random, commit_one_in) == 0)
        sim_memory_commit_one();
    if (sim.steps % 256 == 0) commit_aged();
}

uint64_t sim_memory_shared(const void *place, unsigned size) {
    const struct sim_cell *cell = sim.pending == 0 ? NULL : find_cell(place);
    return cell == NULL ? read_memory(place, size) : cell->shared;
}

/*
 * What the running fiber sees.  Its own store comes from memory, not from the
 * buffer: it may since have written there plainly.
 */
static uint64_t seen(const void *place, unsigned size) {
    const struct sim_cell *cell = sim.pending == 0 ? NULL : find_cell(place);
    if (cell == NULL) return read_memory(place, size);
    if (!stores_to(sim.current, cell)) return cell->shared;
    if (!cell->several) return read_memory(place, size);
    const struct sim_fiber *fiber = sim.current;
    unsigned i = fiber->count;
    do i--;
    while (fiber->stores[(fiber->first + i) % SIM_STORES].cell != cell);
    return fiber->stores[(fiber->first + i) % SIM_STORES].value;
}

uint64_t sim_load(const void *place, unsigned size) {
    if (sim.current == NULL) return sim_memory_shared(place, size);
    sim_point();
    uint64_t value = seen(place, size);
    sim_trace(SIM_LOAD, sim.current, place, value, __builtin_return_address(0));
    return value;
}

void sim_store(void *place, uint64_t value, unsigned size) {
    if (sim.current == NULL || sim.settings.sequential) {
        if (sim.current != NULL) sim_point();
        write_memory(place, value, size);
        sim.changes++;
        if (sim.current != NULL)
            sim_trace(SIM_STORE, sim.current, place, value, __builtin_return_address(0));
        return;
    }
    sim_point();
    struct sim_fiber *fiber = sim.current;
    sim_trace(SIM_STORE, fiber, place, value, __builtin_return_address(0));
    if (fiber->count == SIM_STORES) commit(fiber);
    struct sim_cell *cell = find_cell(place);
    if (cell == NULL)
        cell = make_cell(place, size);
    else if (!stores_to(fiber, cell))
        cell->several = true;
    cell->pending++;
    cell->by[fiber - sim.fibers]++;
    sim.pending++;
    fiber->stores[(fiber->first + fiber->count) % SIM_STORES] =
        (struct sim_pending){.cell = cell, .value = value, .since = sim.steps};
    fiber->count++;
    write_memory(place, value, size);
}

/* A locked operation: own stores go out first, then it takes effect for all at once. */
static uint64_t change(enum sim_kind kind, void *place, uint64_t expected, uint64_t value,
                       unsigned size, const void *caller) {
    if (sim.current != NULL) {
        sim_point();
        sim_memory_drain(sim.current);
    }
    struct sim_cell *cell = find_cell(place);
    uint64_t old = cell == NULL ? read_memory(place, size) : cell->shared;
    uint64_t mask = size == 4 ? UINT32_MAX : UINT64_MAX;
    if (kind == SIM_ADD) value = (old + value) & mask;
    if (kind != SIM_REPLACE || old == expected) {
        if (cell == NULL) {
            write_memory(place, value, size);
        } else {
            cell->shared = value;
            cell->several = true;
        }
        sim.changes++;
    }
    if (sim.current != NULL) sim_trace(kind, sim.current, place, old, caller);
    return old;
}

uint64_t sim_exchange(void *place, uint64_t value, unsigned size) {
    return change(SIM_EXCHANGE, place, 0, value, size, __builtin_return_address(0));
}

uint64_t sim_add(void *place, uint64_t amount, unsigned size) {
    return change(SIM_ADD, place, 0, amount, size, __builtin_return_address(0));
}

uint64_t sim_replace(void *place, uint64_t expected, uint64_t value, unsigned size) {
    return change(SIM_REPLACE, place, expected, value, size, __builtin_return_address(0));
}

void sim_fence(void) {
    if (sim.current == NULL) return;
    sim_point();
    sim_memory_drain(sim.current);
    sim_trace(SIM_FENCE, sim.current, NULL, 0, __builtin_return_address(0));
}
