/*
 * Simulates the sheet, alone: slots that change hands while others copy them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: owners take a slot or four in a row, fill all words of theirs with
 * a number that nobody had before, put that there again as a stage puts its counters, and give
 * them back.  Readers copy whatever slot they draw.
 *
 * Properties: a slot is one owner's at a time; a copy is of one owner's, with what he has put
 * there meanwhile, and of his kind.
 *
 *   lives  two owners, two readers
 */
#include "driver.h"
#include "memory/sheet.h"

#include <stdlib.h>
#include <string.h>

enum {
    OWNERS = 2,
    READERS = 2,
    LIVES = 5,
    COPIES = 12,
    FIRST = 4,                  /* behind the header */
    SLOTS = FIRST + OWNERS * 5, /* more are never taken */
    WORDS = WEIR_COUNTERS_SLOT / sizeof(uint64_t),
    PUT = 5 /* the word that an owner writes meanwhile */
};

static struct weir__allocator allocator;
static struct weir__sheet sheet;
static uint64_t numbers;     /* that owners had */
static bool is_taken[SLOTS]; /* by an owner */

static void *take_memory(void *context, size_t bytes, size_t alignment) {
    (void)context;
    void *memory = aligned_alloc(alignment, bytes);
    if (memory != NULL) memset(memory, 0, bytes);
    return memory;
}

static void give_memory(void *context, void *memory, size_t bytes) {
    (void)context, (void)bytes;
    free(memory);
}

static weir_counters_kind kind_of(unsigned slots) {
    return slots == 1 ? WEIR_COUNTERS_SUBSCRIPTION : WEIR_COUNTERS_STAGE;
}

static void mark(uint32_t number, unsigned slots, bool taken) {
    SIM_REQUIRE(number >= FIRST && number + slots <= SLOTS);
    for (unsigned i = 0; i < slots; i++) {
        SIM_REQUIRE(is_taken[number + i] != taken);
        is_taken[number + i] = taken;
    }
}

/* As a stage does: words of its own, one after the other. */
static void live_once(unsigned slots) {
    uint64_t words[4 * WORDS];
    uint64_t mine = ++numbers;
    uint32_t number;
    uint64_t *slot = weir__sheet_take(&sheet, slots, &number);
    mark(number, slots, true);
    for (unsigned i = 0; i < 4 * WORDS; i++) words[i] = mine;
    memcpy(words, &(weir_counters_slot){.kind = (uint32_t)kind_of(slots)}, sizeof *words);
    weir__sheet_fill(slot, words);
    for (uint64_t left = sim_draw(4); left > 0; left--) weir__sheet_put(&slot[PUT], mine);
    mark(number, slots, false);
    weir__sheet_give(&sheet, number, slots);
}

static void run_owner(void *unused) {
    (void)unused;
    for (int left = LIVES; left > 0; left--) live_once(sim_draw(2) == 0 ? 1 : 4);
}

static void run_reader(void *unused) {
    (void)unused;
    for (int left = COPIES; left > 0; left--) {
        uint64_t words[WEIR_COUNTERS_MOST / sizeof(uint64_t)];
        weir_counters_slot head;
        const void *slot = weir__sheet_at(&sheet, FIRST + sim_draw(SLOTS - FIRST));
        if (!weir_counters_copy(slot, words)) continue;
        memcpy(&head, words, sizeof head);
        unsigned slots = weir_counters_slots(head.kind);
        SIM_REQUIRE(head.kind == (uint32_t)kind_of(slots));
        for (unsigned i = 2; i < slots * WORDS; i++) SIM_REQUIRE(words[i] == words[1]);
    }
}

static void begin(const struct sim_scenario *scenario) {
    weir_counters_header *header;
    (void)scenario;
    const weir_allocator use = {.alloc = take_memory, .free = give_memory};
    weir__allocator_open(&allocator, &use);
    numbers = 0;
    memset(is_taken, 0, sizeof is_taken);
    SIM_REQUIRE(weir__sheet_open(&sheet, &allocator, NULL, &header) == 0);
    for (int i = 0; i < OWNERS; i++) sim_spawn("owner", run_owner, NULL);
    for (int i = 0; i < READERS; i++) sim_spawn("reader", run_reader, NULL);
}

static void end(void) {
    weir__sheet_close(&sheet);
}

int main(int count, char **arguments) {
    static const struct sim_scenario scenarios[] = {
        {"lives", 10000, 200000, false, begin, end, NULL, 0},
    };
    return SIM_MAIN(count, arguments, scenarios);
}
