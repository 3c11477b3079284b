/*
 * How effects of running stages are compared: levels, and the batch bound.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A `compare` line names a level and what is ignored.  exact: each stage's
 * lines, in order, handle_demand by value or by sum.  per_subscription: each
 * subscription's events in order, however batched; the rest as sums or sets.
 * totals: which events came from each producer, whoever got them.
 */
#ifndef TESTS_CONFORMANCE_COMPARE_H
#define TESTS_CONFORMANCE_COMPARE_H

#include "conformance/reader.h"

/* The items that are compared, and that a `compare` line may ignore. */
enum {
    ITEM_DEMAND = 1u,
    ITEM_DISCARDED = 2u,
    ITEM_SUBSCRIBE = 4u,
    ITEM_CANCEL = 8u,
    ITEM_INFO = 16u,
    ITEM_TERMINATE = 32u,
    ITEM_BUFFERED = 64u
};

enum level { LEVEL_EXACT, LEVEL_PER_SUBSCRIPTION, LEVEL_TOTALS };

struct rule {
    enum level level;
    unsigned ignored; /* ITEM_... */
};

/* Reads the case's `compare` line (or `unmerged`, if asked and there). false: none. */
bool rule_read(const struct test_case *test, bool unmerged, struct rule *rule);

/* NULL: one operation's effects agree under the rule; else what differs. */
const char *effects_differ(const struct rule *rule, const struct lines *expected,
                           const struct lines *seen);

/*
 * A batch that is larger than its subscription's max - min allows, in what was
 * seen (one list for each operation), or NULL.  Batches of subscriptions that
 * ended in the same operation may be larger, and those that a producer_consumer
 * held when its subscription ended.
 */
const char *batch_over_bound(const struct test_case *test, const struct lines *seen);

/* A subscription's options, as an operation gives them. */
struct subscribe_words {
    uint64_t max;
    uint64_t min;
    bool manual;
    const char *cancel; /* points into the words */
    uint64_t modulus;   /* of the selector; 0: none */
    uint64_t rest;
    bool partitioned;
    uint64_t partition;
};

/* Reads them from `words` ("subscribe C P ..."). false: not understood. */
bool subscribe_words_read(const struct words *words, struct subscribe_words *out);

#endif
