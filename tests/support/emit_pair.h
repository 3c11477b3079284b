/*
 * A pair: a producer that casts make emit, and a consumer that takes everything.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The rig is the test's to open and to close, around open_pair.
 */
#ifndef TESTS_SUPPORT_EMIT_PAIR_H
#define TESTS_SUPPORT_EMIT_PAIR_H

#include "support/player.h"

/* p of some function for casts, and c that takes everything. */
struct pair {
    struct rig rig;
    struct player p;
    struct player c;
    weir_subscription subscription;
};

typedef weir_verdict cast_function(weir_stage *self, struct player *player, uint64_t number);

/* Starts p, whose events have that size, and c, which subscribes to it. */
void open_pair(struct pair *pair, cast_function *cast, size_t event_bytes);

/* Casts the number to p, and asserts what c then writes down. */
void cast_and_expect(struct pair *pair, uint64_t number, const char *expected);

#endif
