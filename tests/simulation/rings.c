/*
 * Simulates a ring that grows, alone: producer, consumer, and who recovers the rest.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: a producer puts numbers on a ring that begins with two or four entries and
 * just below the wrap of its indices.  When it is full, and now and then when it is
 * not, the producer makes it larger, if there is memory: some requests fail.  The
 * consumer takes them, in order, until it has them all, or stops in the middle; then
 * the producer takes what is left, as after DOWN.  Arrays that were left are filled
 * with nonsense (checked builds do), so who looks at one reads nonsense; at the end
 * there is one array left at most, and it is freed.
 *
 *   takes  the consumer takes all
 *   stops  the consumer stops, and the producer recovers
 */
#include "driver.h"
#include "memory/allocator.h"
#include "ring/ring.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST = 4, MOST = 32, EVENTS = 60 };

static struct weir__ring ring;
static struct weir__entry first[FIRST];
static struct weir__allocator allocator;
static uint64_t arrays;  /* not freed */
static uint64_t failing; /* of so many requests one fails; 0: none */
static uint64_t events, sent, received;
static uint32_t down; /* the consumer has stopped; atomic */
static bool stops;

static void *take_memory(void *context, size_t bytes, size_t alignment) {
    (void)context;
    if (failing > 0 && sim_draw(failing) == 0) return NULL;
    arrays++;
    void *memory = aligned_alloc(alignment, bytes);
    if (memory != NULL) memset(memory, 0, bytes); /* no stamp that was there before helps */
    return memory;
}

static void give_memory(void *context, void *memory, size_t bytes) {
    (void)context, (void)bytes;
    arrays--;
    free(memory);
}

static bool take_one(void) {
    struct weir__entry entry;
    if (!weir__ring_read(&ring, &entry)) return false;
    SIM_REQUIRE(entry.first == ++received && entry.count == 1);
    if (sim_draw(2) == 0) weir__cpu_relax(); /* it is handled first */
    weir__ring_free_slot(&ring);
    return true;
}

/* --- the producer ------------------------------------------------------------------------- */

static bool has_stopped(void) {
    return weir__load_acquire_u32(&down) != 0;
}

/* By one step or two; and perhaps, as an edge does it, without need. */
static bool grow(void) {
    uint32_t size = ring.ck.size << (1 + sim_draw(2));
    return size <= MOST && weir__ring_grow(&ring, size);
}

static void send_one(void) {
    if (sim_draw(4) == 0) weir__ring_look_back(&ring); /* as it hears demand */
    struct weir__entry *slot = sim_draw(8) == 0 && grow() ? NULL : weir__ring_reserve(&ring);
    if (slot == NULL && (sim_draw(4) == 0 || grow())) slot = weir__ring_reserve(&ring);
    if (slot == NULL) {
        weir__cpu_relax();
        return;
    }
    slot->block = NULL;
    slot->first = (uint32_t)++sent;
    slot->count = 1;
    slot->flags = 0;
    weir__ring_commit(&ring, slot);
}

static void run_producer(void *unused) {
    (void)unused;
    while (sent < events && !has_stopped()) {
        SIM_REQUIRE(weir__ring_count(&ring) < ring.ck.size);
        send_one();
    }
    if (!stops) return;
    while (!has_stopped()) weir__cpu_relax();
    while (take_one()) {}
    SIM_REQUIRE(received == sent);
}

/* --- the consumer ------------------------------------------------------------------------- */

static void run_consumer(void *unused) {
    (void)unused;
    uint64_t most = stops ? sim_draw(events + 1) : events;
    while (received < most) {
        if (!take_one()) weir__cpu_relax();
    }
    weir__store_release_u32(&down, stops);
}

/* --- the scenarios ------------------------------------------------------------------------ */

static void begin(const struct sim_scenario *scenario) {
    static const uint64_t rates[] = {0, 0, 2, 4};
    const weir_allocator use = {.alloc = take_memory, .free = give_memory};
    weir__allocator_open(&allocator, &use);
    memset(first, 0, sizeof first);
    arrays = sent = received = 0;
    down = 0;
    stops = scenario->number != 0;
    failing = rates[sim_draw(4)];
    events = 1 + sim_draw(EVENTS);
    weir__ring_open(&ring, first, sim_draw(2) == 0 ? 2 : FIRST,
                    UINT32_MAX - (uint32_t)sim_draw(events), &allocator);
    sim_spawn("producer", run_producer, NULL);
    sim_spawn("consumer", run_consumer, NULL);
}

static void end(void) {
    SIM_REQUIRE(received == sent && weir__ring_empty(&ring));
    SIM_REQUIRE(arrays == (ring.producer.entries != first));
    weir__ring_close(&ring);
    SIM_REQUIRE(arrays == 0);
}

int main(int count, char **arguments) {
    static const struct sim_scenario scenarios[] = {
        {"takes", 10000, 100000, false, begin, end, NULL, 0},
        {"stops", 10000, 100000, false, begin, end, NULL, 1},
    };
    return SIM_MAIN(count, arguments, scenarios);
}
