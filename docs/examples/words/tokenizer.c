/*
 * A tokenizer: counts the words of its chunks, and sends its table at the end.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The end: the reader finishes; every chunk that it sent is handled first; then handle_end
 * emits the last event, the table; when that has gone out, the tokenizer stops.
 */
#include "words.h"

struct tokenizer {
    struct table *table;
};

static weir_verdict count_words(weir_stage *self, weir_batch batch) {
    const struct tokenizer *tokenizer = weir_state(self);
    const struct chunk *chunk = batch.events;
    struct tally progress = {0};
    for (size_t i = 0; i < batch.count; i++, chunk++) {
        if (!table_count(tokenizer->table, chunk->text.at, chunk->text.count))
            return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
        progress.bytes += chunk->text.count;
    }
    if (weir_emit(self, &progress, 1) != WEIR_OK)
        return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
    return WEIR_CONTINUE;
}

/* All chunks are counted. */
static weir_verdict send_table(weir_stage *self) {
    const struct tokenizer *tokenizer = weir_state(self);
    const struct tally last = {.table = tokenizer->table};
    return weir_emit(self, &last, 1) == WEIR_OK ? WEIR_CONTINUE
                                                : weir_stop_with(self, WEIR_REASON_NO_MEMORY);
}

weir_status tokenizer_start(weir_runtime *runtime, weir_ref reader, struct table *table,
                            weir_ref *out) {
    weir_subscribe_to to_reader = {
        .producer = reader,
        .options = {.max_demand = CHUNKS_AHEAD, .min_demand = CHUNKS_LEFT},
    };
    return weir_stage_start(runtime,
                            &(weir_stage_options){
                                .kind = WEIR_PRODUCER_CONSUMER,
                                .name = "tokenizer",
                                .event_bytes = sizeof(struct tally),
                                .takes_bytes = sizeof(struct chunk),
                                .state = &(struct tokenizer){table},
                                .state_bytes = sizeof(struct tokenizer),
                                .on_cancel = WEIR_ON_CANCEL_STOP, /* the merger has failed */
                                .subscribe_to = &to_reader,
                                .subscribe_count = 1,
                                .on = {.handle_events = count_words, .handle_end = send_table},
                            },
                            out);
}
