/*
 * The stages of suite "stages": what they do, and the journal that each keeps.
 * SPDX-License-Identifier: Apache-2.0
 *
 * An actor is written to by its stage's callbacks alone, on that stage's
 * worker; the driver reads it when the runtime is at rest.  Every callback adds
 * a line to the actor's journal, in the words of the corpus.
 */
#ifndef TESTS_CONFORMANCE_ACTORS_H
#define TESTS_CONFORMANCE_ACTORS_H

#include "conformance/lines.h"

#include <weir/weir.h>

enum trade {
    TRADE_COUNTER,
    TRADE_QUEUE,
    TRADE_DIRECT,
    TRADE_DOUBLE,
    TRADE_DROP_ODD,
    TRADE_REPEAT2,
    TRADE_COLLECT
};

struct troupe;

struct actor {
    const struct troupe *troupe;
    char *name;
    enum trade trade;
    weir_stage_options options;                  /* that start it, but for its state */
    weir_partition_dispatcher_options partition; /* if its dispatcher is one */
    weir_ref stage;
    uint64_t limit;   /* counter: emits numbers below it       */
    uint64_t next;    /* the next number that comes to be      */
    uint64_t emitted; /* queue: numbers that have gone out     */
    uint64_t pending; /* queue: demand not yet met             */
    struct lines journal;
    uint64_t *ended; /* ids of the subscriptions that it saw end */
    size_t ended_count;
    uint64_t events_emitted; /* for the accounts */
    uint64_t events_handled;
    uint64_t events_discarded;
};

/* All actors of a case, in alphabetical order. */
struct troupe {
    struct actor *at;
    size_t count;
};

struct actor *troupe_find(const struct troupe *troupe, const char *name);

/* Reads "stage NAME ..." into a zeroed actor. false: not understood. */
bool actor_read(const struct words *words, struct actor *actor);

/* Starts the stage; the actor stays in place from here on. */
weir_status actor_start(struct actor *actor, weir_runtime *runtime);
void actor_free(struct actor *actor);

/* What a driver sends to handle_cast. */
struct order {
    enum { ORDER_PUSH, ORDER_BUFFERED } what;
    uint64_t count;
};

/* The `user` of a subscription that is to be manual. */
extern const char manual_subscription[];

/* The corpus's word for a reason, and the reason for a word (any other word: USER). */
const char *reason_word(weir_reason reason);
weir_reason reason_of(const char *word);

#endif
