/*
 * Placement: on which worker a stage lives, until it ends.
 * SPDX-License-Identifier: Apache-2.0
 *
 * By default one that is the first to consume from its only producer is the next of a chain, and
 * lives where its producer does: events are handed on in one core's cache, and who wakes the
 * first of them wakes them all.  Who consumes beside it, or from several, goes where the fewest
 * stages live; a producer where the fewest producers do, since each may begin a chain.  Of those
 * that are alike, to its (first) producer's, or else to the next in turn.  (The figures:
 * docs/decisions/25-placement.md.)
 *
 * What is known of a stage that is not here yet are its options, and who it is `near`: whose
 * consumer it will become, as far as one can tell.
 *
 * Shared: of each worker how many stages and producers live there (any thread counts), and whether
 * it is a stage's own; of each stage who consumes from it (`consumer` of its slot).  All are
 * hints, relaxed: they decide where, and nothing else.
 * Invariant: of the workers one is nobody's own: they are counted in the runtime before one is
 * taken, and counted off when it has been given back.
 * Progress: lock-free.  Wrap: nothing.
 */
#ifndef WEIR__RUNTIME_PLACEMENT_H
#define WEIR__RUNTIME_PLACEMENT_H

#include "runtime/runtime.h"

/* A place that was taken. */
struct weir__home {
    struct weir__worker *worker;
    weir_kind kind;
    bool own;        /* the worker is this stage's                    */
    uint32_t before; /* stages that lived there before, when it came  */
};

/*
 * Takes a place.  near: a stage that it is to be subscribed to without having it in its
 * subscribe_to; {0}: none.  Where it should have a worker of its own and cannot, `own` is false.
 */
struct weir__home weir__placement_take(weir_runtime *runtime, const weir_stage_options *options,
                                       weir_ref near);

/* The stage has ended, or there will be none. */
void weir__placement_give(weir_runtime *runtime, struct weir__home place);

/* Tells that a stage consumes from that producer, or probably will. */
void weir__placement_consumes(weir_runtime *runtime, weir_ref producer, weir_ref consumer);

#endif
