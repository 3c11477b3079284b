/*
 * Chains: see chain.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/chain.h"

#include "support/cmocka.h"

/* Of the one rig that there is; not the stage's state, which is the test's. */
static struct chain *current;

static void count_told(weir_stage *self, uint64_t count, weir_discard why) {
    (void)self, (void)why;
    current->told += count;
}

weir_ref chain_start(struct chain *chain, weir_stage_options options) {
    weir_ref ref = {0};
    current = chain;
    options.on.discarded = count_told;
    if (options.type == NULL && options.kind != WEIR_CONSUMER) {
        options.type = chain->type;
    }
    weir_status status = weir_stage_start(chain->rig->runtime, &options, &ref);
    assert_true(status == WEIR_OK || (chain->starved && status == WEIR_NO_MEMORY));
    return ref;
}

weir_ref chain_source(struct chain *chain, chain_produces *produce) {
    return chain_start(chain,
                       (weir_stage_options){.kind = WEIR_PRODUCER, .on.handle_demand = produce});
}

weir_ref chain_behind(struct chain *chain, weir_ref producer, weir_kind kind, chain_handles *handle,
                      weir_subscribe_options how) {
    const weir_subscribe_to to = {.producer = producer, .options = how};
    if (producer.bits == 0) return producer;
    return chain_start(chain, (weir_stage_options){.kind = kind,
                                                   .subscribe_to = &to,
                                                   .subscribe_count = 1,
                                                   .on.handle_events = handle});
}

void chain_close(struct chain *chain) {
    weir_accounts accounts;
    assert_int_equal(weir_runtime_close(chain->rig->runtime, &accounts), WEIR_OK);
    rig_expect_nothing_left(chain->rig, &accounts);
}
