/*
 * Stages in C, whose loops weir.hpp's are compared with: the same ones are in typed_loops.cc.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Never run: tests/tools/test_typed_loops.py looks at what compilers make of them.
 */
#include <weir/weir.h>

weir_verdict add_events(weir_stage *self, weir_batch batch) {
    uint64_t *sum = weir_state(self);
    const uint64_t *number = batch.events;
    uint64_t all = 0;
    for (size_t i = 0; i < batch.count; i++) all += number[i];
    *sum += all;
    return WEIR_CONTINUE;
}

weir_verdict shift_events(weir_stage *self, weir_batch batch) {
    const uint64_t *bits = weir_state(self);
    uint64_t *event = weir_own(self);
    const uint64_t by = *bits;
    if (event == NULL) return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
    for (size_t i = 0; i < batch.count; i++) event[i] <<= by;
    return weir_forward(self);
}

weir_verdict emit_each(weir_stage *self, weir_batch batch) {
    const uint64_t *number = batch.events;
    for (size_t i = 0; i < batch.count; i++)
        if (weir_emit(self, &number[i], 1) < 0) return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
    return WEIR_CONTINUE;
}
