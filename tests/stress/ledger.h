/*
 * The ledger: what became of every event that somebody accepted.
 * SPDX-License-Identifier: Apache-2.0
 *
 * What has an identity is an item, a source's number; what travels is a parcel, an event with
 * one item or several: a batcher merges them.  An item that was accepted is in the end one of
 *
 *   handled   once by who is last to have it (of a broadcast: by each of the readers)
 *   told      its parcel was discarded, and a `discarded` callback or the log has said so
 *   kept      user code has it still: refused to a task that wanted to push it on, in the
 *             state of a stage that was stopped, or in a message to such a stage
 *
 * Beside that the ledger counts parcels as the runtime does, to compare the accounts.
 * All calls but those about sources are for any thread.
 */
#ifndef TESTS_STRESS_LEDGER_H
#define TESTS_STRESS_LEDGER_H

#include "stress/stress.h"

enum { LEDGER_SOURCES = 40, PARCEL_ITEMS = 6, LEDGER_READERS = 8 };

struct parcel {
    uint32_t count;
    uint32_t way; /* where it is in a ring */
    uint64_t item[PARCEL_ITEMS];
    uint64_t seal;
};

struct ledger_source {
    uint64_t most;  /* numbers that it may have                */
    uint64_t made;  /* numbers below were accepted; its thread */
    uint32_t *fate; /* atomic: of each number, bits            */
};

struct ledger {
    unsigned sources;
    struct ledger_source source[LEDGER_SOURCES];
    /* all of it atomic; parcels, as the runtime counts them */
    uint64_t emitted;
    uint64_t handled;
    uint64_t told;
    uint64_t dropped; /* of these: by an inlet that is full, as its policy says */
    /* items */
    uint64_t refused;
    uint64_t stranded; /* in states                          */
    uint64_t posted;   /* in messages and timers of stages   */
    uint64_t received;
};

/* How the round ended, and what may be known of it. */
struct ledger_claim {
    bool clean;      /* nothing is lost but by a full inlet's policy  */
    bool may_refuse; /* and what a task could not push on             */
    bool merges;     /* parcels may have several items                */
    unsigned copies; /* of each item, in a clean round; 0: not known  */
    bool broadcasts;
};

void ledger_open(struct ledger *ledger);
void ledger_free(struct ledger *ledger);

void ledger_count(uint64_t *place, uint64_t count);

/* ---- sources: by one thread each ----------------------------------------- */

/* Before the threads begin. */
uint32_t ledger_source(struct ledger *ledger, uint64_t most);

/* How many numbers it has left. */
uint64_t ledger_left(const struct ledger *ledger, uint32_t source);

/* Writes parcels of its next items: nobody has accepted them so far. */
void ledger_write(const struct ledger *ledger, uint32_t source, struct parcel *out, size_t count);

/* So many of them were accepted. */
void ledger_accepted(struct ledger *ledger, uint32_t source, uint64_t count);

/* ---- parcels ------------------------------------------------------------- */

void parcel_seal(struct parcel *parcel);
void parcel_check(const struct parcel *parcel);

/* Items of a number of parcels. */
uint64_t parcel_items(const struct parcel *parcels, size_t count);

/* Sets bits of the first item's fate; returns those that it had. */
uint32_t ledger_mark(struct ledger *ledger, const struct parcel *parcel, uint32_t bits);

/* A parcel is done with by who was the last to have it; `next`, unless NULL, has the least
 * number of each source that may come. */
void ledger_done(struct ledger *ledger, unsigned reader, uint64_t *next,
                 const struct parcel *parcel);

/* ---- the end ------------------------------------------------------------- */

/* After the runtime was closed.  Returns how many items there were. */
uint64_t ledger_check(const struct ledger *ledger, const struct ledger_claim *claim,
                      const weir_accounts *accounts);

#endif
