/*
 * A scene for parts that gather, delay or conflate: an inlet, the part, and a sink.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Events are numbers: flat ones, or owned ones of the ledger (owned.h), whose numbers go up from 1.
 * The sink writes down what it gets, and asks as the test says.  Where the part is a batcher, that
 * is a line for each batch, "size 3 of key 0: 1..3"; else one for each callback, or, where moments
 * are written, for each ms, "7 ms: 1..3"; and one for each mark, "watermark 5".
 */
#ifndef TESTS_SUPPORT_GATHER_SCENE_H
#define TESTS_SUPPORT_GATHER_SCENE_H

#include "support/owned.h"
#include "support/rig.h"

enum { GATHER_MS = 1000000 };

struct gather_scene {
    struct rig *rig;
    weir_inlet *inlet;
    weir_ref source;
    weir_ref part;
    weir_ref sink;
    weir_subscription feed; /* the sink's */
    struct rig_text said;
    uint64_t batches;
    uint64_t events;    /* in those, or, without batches, all */
    uint64_t latest;    /* the longest that a batch was open */
    uint64_t watermark; /* the last one that came */
    bool owned;
    uint64_t line_ms; /* the last line's moment */
    bool times;       /* lines begin with the moment, in ms */
    struct owned_ledger ledger;
    weir_verdict (*look)(weir_stage *self, const weir_gathered *batch); /* unless NULL */
};

extern struct gather_scene gather_scene;

/* The inlet, of flat events or of owned ones.  The part's subscription to it: `to`. */
weir_subscribe_to gather_begin(struct rig *rig, bool owned, size_t max_demand);

/* The sink: of batches, or of what the part emits.  demand 0: it asks by hand (gather_ask). */
void gather_sink(bool batches, size_t max_demand);
void gather_ask(uint64_t count);

/* Pushes `count` numbers from `first` on, or as many owned ones (whose numbers are the next). */
void gather_push(uint64_t first, uint64_t count);

/* Lets virtual time pass until that moment, in ms.  (Each turn takes some of it, too, far less than
 * one ms.) */
void gather_until(uint64_t ms);

/* Asserts what the sink has written, and forgets it. */
void gather_expect(const char *expected);

/* What waits in the part, by the accounts of its stage. */
void gather_expect_kept(uint64_t count);

/* The inlet's end; all ends behind it.  Or a drain; or the part is stopped. */
void gather_finish(void);
void gather_drain(void);

/* Closes; `emitted` by the part, `handled` by all.  Owned ones: their fates (owned_expect). */
void gather_close(const char *fates);

#endif
