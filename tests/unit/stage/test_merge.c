/*
 * Merges: several producers, one consumer, equal shares.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: of producers that have events whenever they are asked each gets as many batches into
 * their consumer as the others, whatever the events weigh and however they come there: over any
 * 1,000 batches in a row.  With unequal windows these are the weights.  Who has less loses
 * nothing of that to the others.
 * Method: a ledger of batches by producer, in stepped and simulated runtimes.  A batch of the
 * ledger is of max_demand - min_demand events, whether it comes whole or in pieces.
 * The bound: between two turns of the consumer each producer gives what it was asked for, which
 * is a window of so many batches.  So any 1,000 have of each its share but for two windows.  Where
 * a turn may end amid a window, which comes in pieces or in more than one message, they have three
 * quarters of it.  Half is promised (docs/decisions/26-merges.md).
 */
#include "support/merge_scene.h"

#include "stage/stage.h"

#include <string.h>

/* ---- equal producers ----------------------------------------------------- */

static const unsigned counts[] = {2, 3, 8};
static const size_t sizes[] = {8, 64, 100, 0};
static const weir_subscribe_options windows[] = {
    {.max_demand = 1},
    {.max_demand = 256},
    {.max_demand = 150, .min_demand = WEIR_NONE},
    {.max_demand = 64, .min_demand = 60},
    {.max_demand = 1024, .min_demand = 896},
};

enum { COUNTS = 3, SIZES = 4, WINDOWS = 5, USUAL = 1 };

static void on_one_worker(void **state) {
    (void)state;
    for (unsigned i = 0; i < COUNTS * SIZES * WINDOWS; i++) {
        struct rig rig;
        rig_open(&rig, NULL);
        merge_open(&rig, counts[i % COUNTS], sizes[i / COUNTS % SIZES],
                   windows[i / COUNTS / SIZES]);
        merge_start(WEIR_CONSUMER, merge_note);
        merge_fill();
        merge_expect_shares();
    }
}

/* Some beside their consumer, some elsewhere: each worker has a step in turn. */
static void across_workers(void **state) {
    (void)state;
    for (unsigned i = 0; i < COUNTS * SIZES * WINDOWS; i++) {
        struct rig rig;
        unsigned workers = 2 + i % 2;
        rig_open(&rig, &(weir_runtime_options){.mode = WEIR_STEPPED, .workers = workers});
        merge_open(&rig, counts[i % COUNTS], sizes[i / COUNTS % SIZES],
                   windows[i / COUNTS / SIZES]);
        merge_spread(workers);
        merge_start(WEIR_CONSUMER, merge_note);
        merge_fill();
        merge_expect_shares();
    }
}

/* With the usual window, batches of more than 8 KiB. */
static void of_seventeen_bytes(void **state) {
    (void)state;
    for (unsigned i = 0; i < COUNTS; i++) {
        struct rig rig;
        rig_open(&rig, NULL);
        merge_open(&rig, counts[i], 17, (weir_subscribe_options){.max_demand = 1000});
        merge_start(WEIR_CONSUMER, merge_note);
        merge_fill();
        merge_expect_shares();
    }
}

/* Of 8, 32 ... bytes, and of 64 every other one. */
static void of_unequal_events(void **state) {
    (void)state;
    for (unsigned i = 0; i < COUNTS; i++) {
        struct rig rig;
        rig_open(&rig, NULL);
        merge_open(&rig, counts[i], 64, windows[USUAL]);
        for (unsigned k = 0; k < merge_scene.count; k += 2) merge_scene.makers[k].bytes = 8u << k;
        merge_start(WEIR_CONSUMER, merge_note);
        merge_fill();
        merge_expect_shares();
    }
}

/* Batches of many pieces, of which a turn has room for 64: as many of a long message's as of a
 * short one's. */
static void in_pieces(void **state) {
    (void)state;
    static const weir_subscribe_options large[] = {{.max_demand = 1000},
                                                   {.max_demand = 4096, .min_demand = 3584}};
    for (unsigned i = 0; i < COUNTS * 2; i++) {
        struct rig rig;
        rig_open(&rig, NULL);
        merge_open(&rig, counts[i % COUNTS], 1000, large[i / COUNTS]);
        merge_start(WEIR_CONSUMER, merge_note);
        merge_fill();
        merge_expect_shares();
    }
}

/* A message is handled whole, here of up to 1,000 batches: who had a longer one than the others
 * passes turns, so that in the long run all have the same. */
static void in_long_messages(void **state) {
    (void)state;
    for (unsigned i = 0; i < COUNTS * 3; i++) {
        struct rig rig;
        unsigned workers = 1 + i / COUNTS;
        rig_open(&rig,
                 &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = workers, .seed = 7});
        merge_open(&rig, counts[i % COUNTS], 64,
                   (weir_subscribe_options){.max_demand = 1000, .min_demand = 999});
        merge_scene.wanted = MERGE_LONG;
        merge_spread(workers);
        merge_start(WEIR_CONSUMER, merge_note);
        merge_fill();
        uint64_t got[MERGE_MOST] = {0};
        for (size_t k = 0; k < MERGE_LONG; k++) got[merge_scene.ledger[k]]++;
        for (unsigned who = 0; who < merge_scene.count; who++) {
            assert_in_range(got[who], MERGE_LONG / merge_scene.count * 9 / 10,
                            MERGE_LONG / merge_scene.count * 11 / 10);
        }
        rig_close(&rig);
    }
}

/* ---- in any order -------------------------------------------------------- */

/* Of each edge: batches of others since what is at hand of it waits. */
static uint64_t waits[MERGE_MOST];

static weir_verdict note_who_waits(weir_stage *self, weir_batch batch) {
    struct weir__edge *edge = self->producers;
    uint64_t id = weir_batch_subscription(self).id;
    for (unsigned i = 0; edge != NULL; i++, edge = edge->producers_next) {
        bool waiting = edge->id.id != id && !weir__ring_empty(&edge->ring);
        waits[i] = waiting ? waits[i] + 1 : 0;
        RIG_CHECK(merge_scene.rig, waits[i] <= 2 * (merge_scene.count - 1) * merge_scene.round);
    }
    return merge_note(self, batch);
}

/* Workers run in whatever order: who has nothing gets nothing, and whose events are there waits
 * for a turn of the others, or the rest of one and another. */
static void who_has_events_waits_for_a_round(void **state) {
    (void)state;
    for (unsigned seed = 1; seed <= 40; seed++) {
        struct rig rig;
        unsigned workers = 1 + seed % 3;
        rig_open(&rig,
                 &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = workers, .seed = seed});
        merge_open(&rig, counts[seed % COUNTS], sizes[seed % 3], windows[seed % WINDOWS]);
        merge_spread(workers);
        memset(waits, 0, sizeof waits);
        merge_start(WEIR_CONSUMER, note_who_waits);
        if (workers == 1) {
            merge_fill();
            merge_expect_shares();
        } else {
            merge_fill();
            rig_close(&rig);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_one_worker),
        cmocka_unit_test(across_workers),
        cmocka_unit_test(of_seventeen_bytes),
        cmocka_unit_test(of_unequal_events),
        cmocka_unit_test(in_pieces),
        cmocka_unit_test(in_long_messages),
        cmocka_unit_test(who_has_events_waits_for_a_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
