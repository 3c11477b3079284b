/*
 * A merge: producers that have events whenever they are asked, their consumer, and a ledger of
 * whose batches it had.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A batch of the ledger is of max_demand - min_demand events, whether it comes whole or in pieces.
 */
#ifndef TESTS_SUPPORT_MERGE_SCENE_H
#define TESTS_SUPPORT_MERGE_SCENE_H

#include "support/worlds.h"

enum {
    MERGE_MOST = 8,      /* producers */
    MERGE_WINDOW = 1000, /* batches in a row, of which each has its share */
    MERGE_BATCHES = 3 * MERGE_WINDOW,
    MERGE_LONG = 8 * MERGE_BATCHES
};

struct merge_maker {
    uint8_t who;
    size_t bytes; /* 0: with spans */
    weir_subscribe_options how;
    unsigned worker;
    bool through;      /* its events come by a stage between             */
    weir_callbacks on; /* unless it makes events as they are asked for */
};

extern struct merge_scene {
    struct rig *rig;
    struct merge_maker makers[MERGE_MOST];
    weir_ref producers[MERGE_MOST];
    unsigned count;
    uint64_t round;             /* batches of a producer's window, where all have such */
    uint64_t begun[MERGE_MOST]; /* events of a batch that is not whole */
    uint8_t ledger[MERGE_LONG]; /* whose */
    size_t batches;
    size_t wanted; /* in the ledger: MERGE_BATCHES, or up to MERGE_LONG */
} merge_scene;

typedef weir_verdict merge_handles(weir_stage *self, weir_batch batch);

/* All of them of events of that size, with windows like that, on the first worker. */
void merge_open(struct rig *rig, unsigned count, size_t bytes, weir_subscribe_options how);

/* Each on another worker, in turn. */
void merge_spread(unsigned workers);

/* Starts the makers / and, on worker 0, the consumer of all of them / and a consumer there. */
void merge_start_makers(weir_subscribe_to *to);
weir_ref merge_start(weir_kind kind, merge_handles *handle);
void merge_start_sink(weir_ref producer, weir_subscribe_options how);

/* Whose batch it is. / Writes it down; so does the second, which is a callback. */
unsigned merge_whose(const weir_stage *self, weir_batch batch);
void merge_enter(unsigned who, size_t events);
weir_verdict merge_note(weir_stage *self, weir_batch batch);

/* Runs until the ledger is full. */
void merge_fill(void);

/* What the least served of those from `first` on got of any MERGE_WINDOW batches in a row. */
uint64_t merge_least(unsigned first);

/* Each has had its share of any MERGE_WINDOW batches (test_merge.c has the bound); closes. */
void merge_expect_shares(void);

#endif
