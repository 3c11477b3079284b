/*
 * Chains: stages of a test's own, one behind the other, whose events have a type.
 * SPDX-License-Identifier: Apache-2.0
 *
 * For tests that say by themselves what came and what became of it: neither players nor the rig
 * count these events.
 */
#ifndef TESTS_SUPPORT_CHAIN_H
#define TESTS_SUPPORT_CHAIN_H

#include "support/rig.h"

struct chain {
    struct rig *rig;
    const weir_event_type *type; /* of what its stages emit, unless they say so themselves */
    bool starved;                /* there may be no memory to start them                   */
    uint64_t told;               /* events of which a `discarded` was told                 */
};

typedef weir_verdict chain_produces(weir_stage *self, uint64_t demand);
typedef weir_verdict chain_handles(weir_stage *self, weir_batch batch);

/* Starts a stage; {0}: it is starved, and there was no memory. */
weir_ref chain_start(struct chain *chain, weir_stage_options options);

/* The first one. */
weir_ref chain_source(struct chain *chain, chain_produces *produce);

/* One that has subscribed to that producer, which is {0} if that could not be started. */
weir_ref chain_behind(struct chain *chain, weir_ref producer, weir_kind kind, chain_handles *handle,
                      weir_subscribe_options how);

/* Closes the runtime: the accounts are even, and nothing is left. */
void chain_close(struct chain *chain);

#endif
