/*
 * The batcher: see batcher.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "parts/batcher.h"

#include "base/attributes.h"
#include "memory/spans.h"
#include "parts/aside.h"
#include "stage/keeping.h"
#include "stage/stage.h"

#include <weir/runtime.h>
#include <weir/timer.h>

static uint64_t batcher_now(weir_stage *self, struct weir__batcher *batcher) {
    if (batcher->now_ns == 0) {
        batcher->now_ns = weir_runtime_now(self->host->runtime);
    }
    return batcher->now_ns;
}

static weir_verdict stop_for_memory(weir_stage *self) {
    return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
}

/* ---- the open ones --------------------------------------------------------------- */

static void add_newest(struct weir__batcher *batcher, struct weir__gathering *batch) {
    batch->older = batcher->newest;
    batch->newer = NULL;
    *(batcher->newest != NULL ? &batcher->newest->newer : &batcher->oldest) = batch;
    batcher->newest = batch;
}

static void take_from_list(struct weir__batcher *batcher, struct weir__gathering *batch) {
    *(batch->older != NULL ? &batch->older->newer : &batcher->oldest) = batch->newer;
    *(batch->newer != NULL ? &batch->newer->older : &batcher->newest) = batch->older;
    batcher->recent = batcher->recent == batch ? NULL : batcher->recent;
    weir__index_remove(&batcher->open, &batch->node);
}

static struct weir__gathering *find_open(struct weir__batcher *batcher, uint64_t key) {
    struct weir__gathering *recent = batcher->recent;
    if (recent == NULL || recent->node.number != key) {
        recent = WEIR__INDEX_FIND(&batcher->open, key, struct weir__gathering, node);
        batcher->recent = recent;
    }
    return recent;
}

/* ---- a batch goes ------------------------------------------------------------------- */

/* The next ones are made for as many events as those of late had. */
static void learn_size(struct weir__batcher *batcher, uint32_t count) {
    batcher->expected8 = batcher->expected8 == 0
                             ? 8 * (uint64_t)count
                             : batcher->expected8 - batcher->expected8 / 8 + count;
}

/* There was no memory to emit it. */
static weir_verdict lose_batch(weir_stage *self, weir_gathered *gone) {
    const struct weir__batcher *batcher = weir_state(self);
    weir__stage_keeps(self, batcher->kept + gone->count);
    weir__stage_loses_kept(self, gone->count, WEIR_DISCARD_NO_MEMORY);
    weir_gathered_drop(gone, WEIR_DISCARD_NO_MEMORY);
    return stop_for_memory(self);
}

static weir_verdict send_batch(weir_stage *self, struct weir__gathering *batch,
                               weir_batch_trigger trigger) {
    struct weir__batcher *batcher = weir_state(self);
    weir_gathered gone = {.trigger = trigger,
                          .key = batch->node.number,
                          .began_ns = batch->began_ns,
                          .closed_ns = batcher_now(self, batcher)};
    gone.bytes =
        batcher->plain ? (uint64_t)batch->count * batcher->options.event_bytes : batch->bytes;
    take_from_list(batcher, batch);
    weir__gathering_close(batch, &self->host->pool, &gone);
    batch->newer = batcher->spare;
    batcher->spare = batch;
    batcher->kept -= gone.count;
    batcher->asked -= batcher->asked > 0;
    learn_size(batcher, gone.count);
    weir_verdict verdict =
        weir_emit(self, &gone, 1) == WEIR_OK ? WEIR_CONTINUE : lose_batch(self, &gone);
    weir__behind_gone(self, &batcher->behind, batch->serial);
    return verdict;
}

static bool oldest_is_due(const struct weir__batcher *batcher, uint64_t now) {
    const struct weir__gathering *oldest = batcher->oldest;
    return oldest != NULL && batcher->options.timeout_ns != WEIR_FOREVER &&
           now >= oldest->began_ns && now - oldest->began_ns >= batcher->options.timeout_ns;
}

static weir_verdict send_due_batches(weir_stage *self, uint64_t now) {
    struct weir__batcher *batcher = weir_state(self);
    weir_verdict verdict = WEIR_CONTINUE;
    while (verdict == WEIR_CONTINUE && oldest_is_due(batcher, now)) {
        verdict = send_batch(self, batcher->oldest, WEIR_BY_TIME);
    }
    return verdict;
}

/* ---- time --------------------------------------------------------------------------- */

/* For the oldest one; false: no memory. */
static bool arm_for_oldest(weir_stage *self) {
    struct weir__batcher *batcher = weir_state(self);
    const uint64_t timeout = batcher->options.timeout_ns;
    if (batcher->timer_ns != 0 || batcher->oldest == NULL || timeout == WEIR_FOREVER) {
        return true;
    }
    weir_runtime *runtime = self->host->runtime;
    uint64_t now = weir_runtime_now(runtime);
    uint64_t began = batcher->oldest->began_ns;
    uint64_t due = began < UINT64_MAX - timeout ? began + timeout : UINT64_MAX;
    uint64_t delay = due > now ? due - now : 0;
    if (weir_send_after(runtime, self->ref, NULL, 0, delay, NULL) != WEIR_OK) {
        return false;
    }
    batcher->timer_ns = due > 0 ? due : 1;
    return true;
}

/* The timer, as a rule; whatever else it is, it does no harm. */
static weir_verdict look_at_batches(weir_stage *self, const void *message, size_t bytes) {
    (void)message;
    (void)bytes;
    struct weir__batcher *batcher = weir_state(self);
    batcher->now_ns = 0;
    uint64_t now = batcher_now(self, batcher);
    if (batcher->timer_ns <= now) {
        batcher->timer_ns = 0;
    }
    weir_verdict verdict = send_due_batches(self, now);
    weir__stage_keeps(self, batcher->kept);
    return verdict == WEIR_CONTINUE && !arm_for_oldest(self) ? stop_for_memory(self) : verdict;
}

/* ---- a batch begins ------------------------------------------------------------------ */

static struct weir__gathering *make_batch(weir_stage *self) {
    struct weir__batcher *batcher = weir_state(self);
    struct weir__gathering *batch = batcher->spare;
    if (batch != NULL) {
        batcher->spare = batch->newer;
        return batch;
    }
    return weir__alloc_zeroed(self->host->allocator, sizeof *batch,
                              _Alignof(struct weir__gathering));
}

/* NULL: no memory. */
static struct weir__gathering *begin_batch(weir_stage *self, uint64_t key) {
    struct weir__batcher *batcher = weir_state(self);
    struct weir__gathering *batch = make_batch(self);
    if (batch == NULL) {
        return NULL;
    }
    batch->began_ns = batcher_now(self, batcher);
    batch->serial = weir__behind_came(&batcher->behind);
    add_newest(batcher, batch);
    weir__index_add(&batcher->open, &batch->node, key);
    batcher->recent = batch;
    return arm_for_oldest(self) ? batch : NULL; /* one that is empty, and goes with the stage */
}

/* ---- events ------------------------------------------------------------------------------- */

/* One handle_events. */
struct pass {
    weir_stage *self;
    struct weir__batcher *batcher;
    struct weir__gathering_input input;
    uint32_t count; /* of the batch at hand         */
    uint32_t done;  /* of those                     */
    uint32_t keyed; /* which one has `key`; UINT32_MAX: none */
    uint64_t key;
};

static const void *event_of_pass(const struct pass *pass, uint32_t index) {
    return pass->input.events + (size_t)index * pass->input.event_bytes;
}

/* Asked for once, of the one that follows a run as well. */
static uint64_t key_in_pass(struct pass *pass, uint32_t index) {
    const weir_batcher_options *options = &pass->batcher->options;
    if (options->key == NULL) {
        return 0;
    }
    if (pass->keyed != index) {
        pass->key = options->key(options->context, event_of_pass(pass, index));
        pass->keyed = index;
    }
    return pass->key;
}

static uint64_t weight_in_pass(const struct pass *pass, uint32_t index) {
    const weir_batcher_options *options = &pass->batcher->options;
    const void *event = event_of_pass(pass, index);
    if (options->weight != NULL) {
        return options->weight(options->context, event);
    }
    unsigned spans = options->type != NULL ? options->type->spans : 0;
    return options->event_bytes + weir__spans_bytes(spans, event);
}

/* How many from `done` on have room in it. */
static uint32_t room_for_pass(const struct pass *pass, const struct weir__gathering *batch) {
    uint64_t most = pass->count - pass->done;
    uint64_t room = weir__gathering_room(batch);
    uint64_t left = pass->batcher->options.size - batch->count;
    most = most < room ? most : room;
    return (uint32_t)(most < left ? most : left);
}

/* And how many of those have that key. */
static uint32_t run_in_pass(struct pass *pass, const struct weir__gathering *batch, uint64_t key) {
    uint32_t most = room_for_pass(pass, batch);
    uint32_t run = 1;
    if (pass->batcher->options.key == NULL) {
        return most;
    }
    while (run < most && key_in_pass(pass, pass->done + run) == key) {
        run++;
    }
    return run;
}

/* So many events with so many bytes, that one the last; true: the batch goes, for *why. */
static bool ends_batch(const struct pass *pass, struct weir__gathering *batch, const void *event,
                       uint32_t count, weir_batch_trigger *why) {
    const weir_batcher_options *options = &pass->batcher->options;
    bool flushes = options->flush != NULL && options->flush(options->context, event);
    bool full = options->full != NULL ? options->full(options->context, event, &batch->sum)
                                      : count >= options->size;
    bool heavy = options->bytes > 0 && batch->bytes >= options->bytes;
    *why = flushes ? WEIR_BY_FLUSH : full ? WEIR_BY_SIZE : WEIR_BY_BYTES;
    return flushes || full || heavy;
}

/* Room for one more.  One that cannot grow goes as it is: then there is none. */
static weir_verdict make_room_in_batch(struct pass *pass, struct weir__gathering *batch) {
    struct weir__batcher *batcher = pass->batcher;
    uint64_t size = batcher->options.size;
    uint64_t expected = batcher->expected8 / 8 + 1;
    expected = expected > 16 ? expected : 16;
    expected = expected < size ? expected : size;
    if (weir__gathering_room(batch) > 0 ||
        weir__gathering_grow(batch, &pass->input, (uint32_t)expected)) {
        return WEIR_CONTINUE;
    }
    return batch->count > 0 ? send_batch(pass->self, batch, WEIR_BY_SIZE)
                            : stop_for_memory(pass->self);
}

/* Puts in so many, side by side. */
static weir_verdict put_events(struct pass *pass, struct weir__gathering *batch, uint32_t count) {
    weir_status status = weir__gathering_put(batch, &pass->input, pass->done, count);
    if (status != WEIR_OK) {
        return weir__aside_failed(pass->self, "batcher", status);
    }
    pass->done += count;
    pass->batcher->kept += count;
    return WEIR_CONTINUE;
}

/* There is too little room in bytes for one that weighs so much behind so many. */
static bool is_too_heavy(const struct pass *pass, const struct weir__gathering *batch,
                         uint32_t count, uint64_t weight) {
    const uint64_t most = pass->batcher->options.bytes;
    return most > 0 && count > 0 && (batch->bytes >= most || weight > most - batch->bytes);
}

/* Each is looked at, in its turn, and they are put in together: as far as one ends the batch, or
 * has no room there.  (One with spans alone.) */
static weir_verdict put_run_looked_at(struct pass *pass, struct weir__gathering *batch,
                                      uint64_t key) {
    const weir_event_type *type = pass->batcher->options.type;
    const uint32_t most = type != NULL && type->spans > 0 ? 1 : run_in_pass(pass, batch, key);
    weir_batch_trigger why = WEIR_BY_BYTES;
    bool ends = false;
    uint32_t run = 0;
    while (run < most && !ends) {
        uint64_t weight = weight_in_pass(pass, pass->done + run);
        if (is_too_heavy(pass, batch, batch->count + run, weight)) {
            ends = true;
        } else {
            batch->bytes += weight;
            const void *event = event_of_pass(pass, pass->done + run);
            run++;
            ends = ends_batch(pass, batch, event, batch->count + run, &why);
        }
    }
    weir_verdict verdict = run > 0 ? put_events(pass, batch, run) : WEIR_CONTINUE;
    return verdict == WEIR_CONTINUE && ends ? send_batch(pass->self, batch, why) : verdict;
}

static weir_verdict put_run_of_events(struct pass *pass, struct weir__gathering *batch,
                                      uint64_t key) {
    weir_verdict verdict = put_events(pass, batch, run_in_pass(pass, batch, key));
    if (verdict != WEIR_CONTINUE) {
        return verdict;
    }
    return batch->count == pass->batcher->options.size ? send_batch(pass->self, batch, WEIR_BY_SIZE)
                                                       : WEIR_CONTINUE;
}

/* A step: events go into a batch, or a batch goes to make room for them. */
static weir_verdict gather_some(struct pass *pass) {
    struct weir__batcher *batcher = pass->batcher;
    uint64_t key = key_in_pass(pass, pass->done);
    struct weir__gathering *batch = find_open(batcher, key);
    if (batch == NULL && batcher->open.count >= batcher->options.keys) {
        return send_batch(pass->self, batcher->oldest, WEIR_BY_KEYS);
    }
    batch = batch != NULL ? batch : begin_batch(pass->self, key);
    if (batch == NULL) {
        return stop_for_memory(pass->self);
    }
    weir_verdict verdict = make_room_in_batch(pass, batch);
    if (verdict != WEIR_CONTINUE || weir__gathering_room(batch) == 0) {
        return verdict;
    }
    return batcher->plain ? put_run_of_events(pass, batch, key)
                          : put_run_looked_at(pass, batch, key);
}

/*
 * As far as batches are asked for.  What is left comes again, unless there is no memory to leave
 * it: then it is handled all the same.
 */
static weir_verdict gather_events(weir_stage *self, weir_batch events) {
    struct weir__batcher *batcher = weir_state(self);
    struct pass pass = {.self = self,
                        .batcher = batcher,
                        .input = {.item = weir__stage_batch(self),
                                  .events = events.events,
                                  .type = batcher->options.type,
                                  .event_bytes = (uint32_t)batcher->options.event_bytes,
                                  .pool = &self->host->pool},
                        .count = (uint32_t)events.count,
                        .keyed = UINT32_MAX};
    weir_verdict verdict = weir__aside_check(self, "batcher", batcher->options.type);
    if (verdict != WEIR_CONTINUE) {
        return verdict;
    }
    batcher->now_ns = 0;
    batcher->asked = weir_open_demand(self).events;
    verdict = send_due_batches(self, self->host->now_ns);
    while (verdict == WEIR_CONTINUE && pass.done < pass.count) {
        if (batcher->asked == 0 && weir_batch_rest(self, pass.done) == WEIR_OK) {
            break;
        }
        verdict = gather_some(&pass);
    }
    weir__stage_keeps(self, batcher->kept);
    return verdict;
}

/* ---- marks ------------------------------------------------------------------------------ */

/* All that are open. */
static weir_verdict send_open_batches(weir_stage *self, weir_batch_trigger why) {
    struct weir__batcher *batcher = weir_state(self);
    weir_verdict verdict = WEIR_CONTINUE;
    batcher->now_ns = 0;
    while (verdict == WEIR_CONTINUE && batcher->oldest != NULL) {
        verdict = send_batch(self, batcher->oldest, why);
    }
    weir__stage_keeps(self, batcher->kept);
    return verdict;
}

/* A watermark alone says nothing of what is to go. */
static weir_verdict mark_batches(weir_stage *self, const struct weir__item *mark) {
    struct weir__batcher *batcher = weir_state(self);
    bool flushes = weir__mark_in(mark).kind != WEIR_MARK_WATERMARK;
    weir_verdict verdict = flushes ? send_open_batches(self, WEIR_BY_FLUSH) : WEIR_CONTINUE;
    if (verdict == WEIR_CONTINUE) {
        weir__behind_mark(self, &batcher->behind, mark);
    }
    return verdict;
}

/* ---- the end ---------------------------------------------------------------------------- */

static weir_verdict end_batches(weir_stage *self) {
    struct weir__batcher *batcher = weir_state(self);
    batcher->timer_ns = 0; /* brought forward, or of no use */
    return send_open_batches(self, WEIR_BY_END);
}

static void free_gathering(weir_stage *self, struct weir__gathering *batch) {
    weir__free(self->host->allocator, batch, sizeof *batch);
}

static void lose_open_batches(weir_stage *self, weir_reason reason) {
    (void)reason;
    struct weir__batcher *batcher = weir_state(self);
    weir__behind_close(&batcher->behind);
    weir__stage_loses_kept(self, self->kept, WEIR_DISCARD_STOPPED);
    while (batcher->oldest != NULL) {
        struct weir__gathering *batch = batcher->oldest;
        take_from_list(batcher, batch);
        weir__gathering_abandon(batch, &self->host->pool, WEIR_DISCARD_STOPPED);
        free_gathering(self, batch);
    }
    while (batcher->spare != NULL) {
        struct weir__gathering *batch = batcher->spare;
        batcher->spare = batch->newer;
        free_gathering(self, batch);
    }
    weir__index_close(&batcher->open);
}

static weir_verdict open_batcher(weir_stage *self, void *argument) {
    static const struct weir__part_calls calls = {.mark = mark_batches};
    const struct weir__batcher *given = argument;
    struct weir__batcher *batcher = weir_state(self);
    batcher->options = given->options;
    batcher->plain = given->plain;
    weir__index_open(&batcher->open, self->host->allocator);
    weir__behind_open(&batcher->behind, self->host->allocator);
    self->part = &calls;
    return WEIR_CONTINUE;
}

const weir_callbacks weir__batcher_callbacks = {.init = open_batcher,
                                                .handle_events = gather_events,
                                                .handle_info = look_at_batches,
                                                .handle_end = end_batches,
                                                .terminate = lose_open_batches};
