/*
 * One plain loop over events of each kind that the examples do not have.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Never run: tests/tools/test_loops.py looks at what compilers make of it.  They are written
 * as anybody would, with what they look at in a state, and stores that might, for all that
 * types say, be to a count.
 */
#include <weir/weir.h>

struct scale {
    uint64_t factor, offset;
};

/* An iterator's. */
weir_made scaled(void *context, weir_room room) {
    const struct scale *scale = context;
    uint64_t *out = room.events;
    for (size_t i = 0; i < room.count; i++) out[i] = i * scale->factor + scale->offset;
    return (weir_made){room.count, WEIR_ITERATOR_MORE};
}

/* A partition's hash. */
void low_bits(void *context, weir_batch batch, uint32_t *partitions) {
    const uint32_t *mask = context;
    const uint64_t *key = batch.events;
    for (size_t i = 0; i < batch.count; i++) partitions[i] = (uint32_t)key[i] & *mask;
}

/* A selector's. */
void above(void *context, weir_batch batch, bool *wanted) {
    const uint32_t *least = context;
    const uint32_t *number = batch.events;
    for (size_t i = 0; i < batch.count; i++) wanted[i] = number[i] > *least;
}

/* Over what a stream hands out. */
void copy_stream(weir_stream *stream, size_t *out) {
    weir_batch batch;
    while ((batch = weir_stream_batch(stream, 0, WEIR_FOREVER, NULL)).count > 0) {
        const size_t *event = batch.events;
        for (size_t i = 0; i < batch.count; i++) out[i] = event[i];
        out += batch.count;
    }
}

/* Over what lies in the stash. */
uint64_t add_stashed(weir_stage *self, uint64_t *copies) {
    uint64_t sum = 0;
    weir_batch front = weir_stash_front(self, 0);
    const uint64_t *event = front.events;
    for (size_t i = 0; i < front.count; i++) {
        copies[i] = event[i];
        sum += event[i];
    }
    return sum;
}

/* A dispatcher's, over a run. */
uint64_t add_run(const weir_run *run, uint64_t *copies) {
    uint64_t sum = 0;
    weir_batch first = weir_run_events(run);
    const uint64_t *event = first.events;
    for (size_t i = 0; i < first.count; i++) {
        copies[i] = event[i];
        sum += event[i];
    }
    return sum;
}

/* From a batch into a room. */
weir_verdict halve(weir_stage *self, weir_batch batch) {
    const uint64_t *in = batch.events;
    for (size_t left = batch.count; left > 0;) {
        weir_room room = weir_reserve(self, left);
        uint64_t *out = room.events;
        if (out == NULL) return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
        for (size_t i = 0; i < room.count; i++) out[i] = in[i] / 2;
        weir_commit(self, room.count);
        in += room.count;
        left -= room.count;
    }
    return WEIR_CONTINUE;
}
