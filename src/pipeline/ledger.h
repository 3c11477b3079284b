/*
 * The ledger's records: how a message is settled, by whoever drops it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A record stands for what a source was given once: a pull's message, or one of a push.  A
 * message's word `ack` names it, and says what part of it the message is:
 *
 *   ack = the record's address | exponent      exponent, in the low 5 bits: the weight is 2^that
 *   ack = 0                                    it settles nothing
 *
 *   out == the weights of all messages of the record that are not back
 *
 * A message that becomes two gives half of its weight away, which touches no line but its own; one
 * that has no half to give adds weight to both, as does one that is copied for who may not write
 * to it.  So out rises only by who holds some, and reaches 0 once.  Whoever brings the last of it
 * back has settled the record: he alone has it then, and hands it to its ledger, together with
 * others that he has settled.
 *
 * Settled records go in runs: those of one group (64 side by side, by their addresses) that one
 * drop has settled for one fate.  One of them, the head, stands for all: its `out` has a bit for
 * each, its `worst` their fate; heads are linked by `next`.  A record that no message names is at
 * rest: whole, its worst 0.  So where nothing is split, or fails in part, neither who gives a
 * record out nor who settles it writes to it, but for one in a run.
 *
 *   field   writers                                      readers
 *   out     who holds a message: up; who settles, down;  the same
 *           who settled last: at rest, or the run's
 *           bits; the ledger, of a head: at rest
 *   worst   who settles, rising (CAS), then as out       who settled last; the ledger
 *   next    who settled it, then the ledger: of a head   the ledger
 *   ledger  constant
 *
 * Ordering
 *   WT1 -> WT2  out goes down (full), `worst` before it -> the last one's look at out (acquire, or
 *             its own step down): it sees the worst of all, and what they did with the bytes.
 *             Weight that is added publishes nothing: who adds has some himself.
 *   The record goes to its ledger by `took`, which orders that (returns.h RT1 -> RT2; push.c).
 * Who finds that he has all there is needs no locked step: nobody else can change it.
 * Model: tests/model/weights.pml.
 * Progress: lock-free.  Wrap: out has 64 bits; a message adds 2^30 at a time, so 2^33 of one
 * record would have to be alive.
 */
#ifndef WEIR__PIPELINE_LEDGER_H
#define WEIR__PIPELINE_LEDGER_H

#include "base/atomic.h"

#include <weir/message.h>

enum {
    WEIR__WEIGHT_MASK = 31,  /* of a message's word        */
    WEIR__WEIGHT_WHOLE = 30, /* exponent of a fresh record */
    WEIR__WEIGHT_MORE = 30,  /* of what is added           */
    WEIR__RUN_RECORDS = 64   /* a group's                  */
};

struct weir__ledger;

struct weir__record {
    uint64_t out;   /* atomic */
    uint64_t worst; /* atomic: a fate, as below */
    struct weir__record *next;
    struct weir__ledger *ledger;
};

_Static_assert(sizeof(struct weir__record) == WEIR__WEIGHT_MASK + 1,
               "its address leaves room for the exponent");

/* Where settled records go. */
struct weir__ledger {
    uint32_t forks; /* constant: base/forked.h */
    /* `count` records, in runs whose heads are first..last by next, are the ledger's from now on.
     * Any thread. */
    void (*took)(struct weir__ledger *ledger, struct weir__record *first, struct weir__record *last,
                 uint32_t count);
};

/* ---- fates: what became of a message; a worse one is a higher number ----------------- */

static inline uint64_t weir__fate_make(weir_outcome outcome, weir_discard why, int32_t reason) {
    return (uint64_t)outcome << 40 | (uint64_t)why << 32 | (uint32_t)reason;
}
static inline weir_outcome weir__fate_outcome(uint64_t fate) {
    return (weir_outcome)(fate >> 40);
}
static inline weir_discard weir__fate_why(uint64_t fate) {
    return (weir_discard)(fate >> 32 & 0xff);
}
static inline int32_t weir__fate_reason(uint64_t fate) {
    return (int32_t)(uint32_t)fate;
}
static inline bool weir__outcome_is_nak(weir_outcome outcome) {
    return outcome >= WEIR_MESSAGE_FAILED;
}

/* ---- a message's word ------------------------------------------------------------------ */

static inline struct weir__record *weir__message_record(uint64_t ack) {
    return (struct weir__record *)(uintptr_t)(ack & ~(uint64_t)WEIR__WEIGHT_MASK);
}
static inline unsigned weir__message_exponent(uint64_t ack) {
    return (unsigned)(ack & WEIR__WEIGHT_MASK);
}

/* Nothing of it is out: by who has it. */
static inline void weir__record_rest(struct weir__record *record) {
    weir__store_relaxed_u64(&record->out, UINT64_C(1) << WEIR__WEIGHT_WHOLE);
    weir__store_relaxed_u64(&record->worst, 0);
}

/* The word of a message that has all of a record, which was at rest. */
static inline uint64_t weir__record_word(const struct weir__record *record) {
    return (uintptr_t)record | WEIR__WEIGHT_WHOLE;
}

/* ---- runs: of who has their records ---------------------------------------------------- */

static inline unsigned weir__record_number(const struct weir__record *record) { /* in its group */
    return (unsigned)((uintptr_t)record / sizeof *record % WEIR__RUN_RECORDS);
}

/* A head is at rest again; returns its run's bits, and in *fate what it was settled for. */
static inline uint64_t weir__run_open(struct weir__record *head, uint64_t *fate) {
    uint64_t bits = weir__load_relaxed_u64(&head->out);
    *fate = weir__load_relaxed_u64(&head->worst);
    weir__record_rest(head);
    return bits;
}

/* The record of the lowest bit.  All of them: clear it, as long as there is one. */
static inline struct weir__record *weir__run_record(struct weir__record *head, uint64_t bits) {
    return head - weir__record_number(head) + __builtin_ctzll(bits);
}

/* Halves a message's word: returns the other half's. */
uint64_t weir__message_halve(uint64_t *ack);

/* The word of a copy that is made of a message which is not to be written to. */
uint64_t weir__message_another(uint64_t ack);

/* What a message that is dropped for that has come to. */
uint64_t weir__message_fate(const weir_message *message, weir_discard why);

/* Settles messages: records that are settled by it go to their ledgers, and stages' bytes back.
 * The type's drop. */
void weir__message_drop(void *context, const void *messages, size_t count, weir_discard why);

#endif
