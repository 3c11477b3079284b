/*
 * A scene for pools that emit: a producer of numbers, a pool, and a consumer of its results.
 * SPDX-License-Identifier: Apache-2.0
 *
 * What each number's task does is a word, a letter for each time it is begun (the last one again
 * and again; default "1"):
 *   0..9  emits so many results, and is done     a..j  emits as many (0..9), and fails
 *   w     waits for results_open_gate, emits one, and is done
 * The results of number n's attempt a are n * 1000 + a * 100, and those behind it.
 */
#ifndef TESTS_SUPPORT_RESULTS_SCENE_H
#define TESTS_SUPPORT_RESULTS_SCENE_H

#include "support/player.h"

enum { RESULTS_NUMBERS = 4000, RESULTS_MOST = 40000, RESULTS_ATTEMPTS = 8 };

struct results_scene {
    struct rig rig;
    weir_pool *pool;
    weir_pool_options plain; /* one of the scene's that emits nothing, and has no producer */
    struct player p;
    struct player c;
    struct player stage;     /* not a player: lends its reference and name */
    weir_subscription takes; /* the consumer's */
    const char *does[RESULTS_NUMBERS];
    uint32_t runs[RESULTS_NUMBERS]; /* atomic */
    uint64_t begun_ns[RESULTS_NUMBERS][RESULTS_ATTEMPTS];
    weir_child children[RESULTS_NUMBERS];
    uint32_t begun;    /* atomic: tasks */
    uint32_t gate;     /* atomic */
    uint64_t accepted; /* atomic: results that weir_task_emit took */
    uint64_t exits;
    weir_child_end ends[RESULTS_NUMBERS]; /* of each number; `event` is NULL */
    uint64_t told[WEIR_DISCARD_CAUSES];   /* of the pool's discards */
    uint64_t count;
    uint64_t got[RESULTS_MOST];
};

/* A runtime of these options (NULL: stepped), a producer of `limit` numbers, and a consumer that
 * nobody feeds yet. */
void results_open(struct results_scene *scene, const weir_runtime_options *options, uint64_t limit);

/* The pool: takes `max` events at a time; what it emits, in what order; options may be NULL, and
 * what is the scene's is not looked at in it. */
void results_pool(struct results_scene *scene, size_t max, const weir_pool_emits *emits,
                  const weir_pool_options *options);

/* The consumer takes its results, and asks for `max` at a time; 0: only by results_ask. */
void results_consumer(struct results_scene *scene, size_t max);
void results_ask(struct results_scene *scene, uint64_t count);

void results_open_gate(struct results_scene *scene);

/* What came so far is this: "1100 1101 2100". */
void results_expect(struct results_scene *scene, const char *expected);

/* Each number's last attempt's results have come, as many as it emits, side by side: and with
 * in_order, in the order of the numbers. */
void results_expect_all(struct results_scene *scene, uint64_t numbers, bool in_order);

/* The pool and the runtime; every event and result is accounted for. */
weir_accounts results_close(struct results_scene *scene);

#endif
