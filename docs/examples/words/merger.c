/*
 * The merger: adds up what the tokenizers counted, and shows the progress.  It ends when the
 * last of them has, or when one fails.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "words.h"

#include <stdlib.h>

static weir_verdict merge(weir_stage *self, weir_batch batch) {
    struct merged *merged = *(struct merged **)weir_state(self);
    const struct tally *tally = batch.events;
    uint64_t bytes = 0;
    for (size_t i = 0; i < batch.count; i++, tally++) {
        bytes += tally->bytes;
        if (tally->table != NULL && !table_merge(&merged->table, tally->table))
            return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
    }
    if (bytes > 0)
        progress_add(&merged->progress, bytes, weir_runtime_now(weir_stage_runtime(self)));
    return WEIR_CONTINUE;
}

static void stopped(weir_stage *self, weir_reason reason) {
    (*(struct merged **)weir_state(self))->reason = reason;
}

weir_status merger_start(weir_runtime *runtime, const weir_ref *tokenizers, size_t count,
                         struct merged *merged) {
    weir_subscribe_to *to_all = calloc(count, sizeof *to_all);
    if (to_all == NULL) return WEIR_NO_MEMORY;
    for (size_t i = 0; i < count; i++) to_all[i].producer = tokenizers[i];
    weir_status status = weir_stage_start(runtime,
                                          &(weir_stage_options){
                                              .kind = WEIR_CONSUMER,
                                              .name = "merger",
                                              .takes_bytes = sizeof(struct tally),
                                              .state = &merged,
                                              .state_bytes = sizeof merged,
                                              .subscribe_to = to_all,
                                              .subscribe_count = count,
                                              .on = {.handle_events = merge, .terminate = stopped},
                                          },
                                          NULL);
    free(to_all);
    return status;
}
