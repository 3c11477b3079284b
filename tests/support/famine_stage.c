/*
 * Famine: its stages.  See famine.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/famine.h"

#include "support/player.h"

#include <string.h>

static unsigned maker_in(uint64_t event) {
    return (unsigned)(event >> 32);
}

struct famine_stage *famine_stage_of(weir_stage *self) {
    return *(struct famine_stage **)weir_state(self);
}

static weir_verdict init(weir_stage *self, void *argument) {
    struct famine_stage *stage = famine_stage_of(self);
    (void)argument;
    if (stage->kind != WEIR_CONSUMER) stage->maker->ref = weir_self(self);
    return WEIR_CONTINUE;
}

/* False: no memory, and it is not emitted. */
static bool emit_events(weir_stage *self, struct famine_stage *stage, const uint64_t *events,
                        size_t count) {
    if (stage->emits == FAMINE_COPIES) {
        if (weir_emit(self, events, count) != WEIR_OK) return false;
        famine_made(stage->famine, stage->maker, events, count);
        return true;
    }
    while (count > 0) {
        weir_room room = weir_reserve(self, count);
        uint64_t *to = room.events;
        if (to == NULL) return false;
        memcpy(to, events, room.count * stage->famine->event_bytes);
        /* What is written is emitted: that cannot fail any more. */
        FAMINE_REQUIRE(stage->famine, weir_commit(self, room.count) == WEIR_OK);
        famine_made(stage->famine, stage->maker, events, room.count);
        events += room.count * stage->famine->words;
        count -= room.count;
    }
    return true;
}

weir_verdict famine_emit(weir_stage *self, struct famine_stage *stage, uint64_t count) {
    struct famine_maker *maker = stage->maker;
    while (count > 0 && maker->next < maker->limit) {
        static struct famine_events events; /* too large for a stack */
        uint32_t most = stage->piece > 0 ? stage->piece : FAMINE_NUMBERS;
        uint32_t part = maker->limit - maker->next;
        part = part < most ? part : most;
        part = part < count ? part : (uint32_t)count;
        famine_numbers(stage->famine, maker, events.words, part);
        maker->next += part;
        if (emit_events(self, stage, events.words, part)) {
            count -= part;
        } else if (stage->quits_refused) {
            return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
        }
    }
    return WEIR_CONTINUE;
}

static weir_verdict handle_demand(weir_stage *self, uint64_t demand) {
    struct famine_stage *stage = famine_stage_of(self);
    stage->maker->demanded += demand;
    return stage->silent ? WEIR_CONTINUE : famine_emit(self, stage, demand);
}

static weir_verdict pass_on(weir_stage *self, struct famine_stage *stage, weir_batch batch) {
    const uint64_t *events = batch.events;
    static struct famine_events copy; /* too large for a stack */
    size_t words = stage->famine->words;
    if (stage->emits != FAMINE_FORWARDS) {
        for (size_t i = 0; i < batch.count; i++) {
            (void)emit_events(self, stage, &events[i * words], 1);
        }
        return WEIR_CONTINUE;
    }
    memcpy(copy.words, events, batch.count * stage->famine->event_bytes);
    if (events[0] / 10 % 2 == 1 && weir_own(self) == NULL) return WEIR_CONTINUE;
    /* What cannot be forwarded is discarded and told: it counts as emitted. */
    famine_made(stage->famine, stage->maker, copy.words, batch.count);
    return weir_forward(self);
}

static void check_order(struct famine_stage *stage, const struct famine_maker *maker,
                        const uint64_t *events, size_t count) {
    uint32_t *last = stage->last[maker - stage->famine->makers];
    for (size_t i = 0; i < count && !maker->orderless; i++, events += stage->famine->words) {
        FAMINE_REQUIRE(stage->famine, (uint32_t)events[0] >= last[maker_in(events[0])]);
        last[maker_in(events[0])] = (uint32_t)events[0] + 1;
    }
}

/* Handled when they leave the stash; those that cannot be stashed at once. */
static void keep(weir_stage *self, struct famine_stage *stage, weir_batch batch) {
    size_t half = batch.count / 2;
    size_t size = stage->famine->event_bytes;
    const unsigned char *events = batch.events;
    if (!famine_done(stage->famine, weir_stash(self, 0, half))) {
        famine_seen(stage->famine, stage->kept_of, stage->view, batch.events, half);
    }
    if (!famine_done(stage->famine, weir_stash(self, half, batch.count - half))) {
        famine_seen(stage->famine, stage->kept_of, stage->view,
                    (const void *)(events + half * size), batch.count - half);
    }
}

/* Emits the oldest, but for those that it keeps. */
static void let_go(weir_stage *self, struct famine_stage *stage) {
    static struct famine_events copy; /* too large for a stack */
    while (weir_stashed(self) > stage->keeps) {
        size_t over = (size_t)weir_stashed(self) - stage->keeps;
        weir_batch front = weir_stash_front(self, over);
        FAMINE_REQUIRE(stage->famine, front.count > 0);
        memcpy(copy.words, front.events, front.count * weir_stash_event_bytes(self));
        if (!famine_done(stage->famine, weir_stash_emit(self, front.count))) return;
        famine_seen(stage->famine, stage->kept_of, stage->view, copy.words, front.count);
        famine_made(stage->famine, stage->maker, copy.words, front.count);
    }
}

static weir_verdict handle_events(weir_stage *self, weir_batch batch) {
    struct famine_stage *stage = famine_stage_of(self);
    struct famine_maker *maker =
        famine_maker_of(stage->famine, weir_batch_subscription(self).producer);
    if (stage->keeps > 0) {
        stage->kept_of = maker;
        check_order(stage, maker, batch.events, batch.count);
        stage->handled += (uint32_t)batch.count;
        keep(self, stage, batch);
        let_go(self, stage);
        return stage->dies_after > 0 && stage->handled >= stage->dies_after ? WEIR_STOP
                                                                            : WEIR_CONTINUE;
    }
    famine_seen(stage->famine, maker, stage->view, batch.events, batch.count);
    check_order(stage, maker, batch.events, batch.count);
    stage->handled += (uint32_t)batch.count;
    if (stage->manual > 0) {
        (void)weir_ask(weir_stage_runtime(self), weir_batch_subscription(self), batch.count);
    }
    weir_verdict verdict =
        stage->kind == WEIR_CONSUMER ? WEIR_CONTINUE : pass_on(self, stage, batch);
    return stage->dies_after > 0 && stage->handled >= stage->dies_after ? WEIR_STOP : verdict;
}

static weir_subscribe_verdict handle_subscribe(weir_stage *self, const weir_peer *peer) {
    const struct famine_stage *stage = famine_stage_of(self);
    if (stage->manual == 0 || peer->side != WEIR_PRODUCER) return WEIR_AUTOMATIC;
    (void)weir_ask(weir_stage_runtime(self), peer->subscription, stage->manual);
    return WEIR_MANUAL;
}

static weir_verdict handle_cancel(weir_stage *self, const weir_peer *peer, weir_cancel_cause cause,
                                  weir_reason reason) {
    (void)peer, (void)cause, (void)reason;
    famine_stage_of(self)->famine->whole = false;
    return WEIR_CONTINUE;
}

static weir_verdict handle_cast(weir_stage *self, const void *message, size_t bytes) {
    struct famine_stage *stage = famine_stage_of(self);
    uint64_t number = player_number_in(message, bytes);
    if (stage->kind == WEIR_PRODUCER) stage->maker->unasked = true;
    if (stage->cast != NULL) return stage->cast(self, stage, number);
    stage->maker->limit += stage->silent ? (uint32_t)number : 0;
    return famine_emit(self, stage, number);
}

static weir_verdict handle_info(weir_stage *self, const void *message, size_t bytes) {
    struct famine_stage *stage = famine_stage_of(self);
    return stage->info != NULL ? stage->info(self, stage, player_number_in(message, bytes))
                               : WEIR_CONTINUE;
}

static weir_verdict handle_call(weir_stage *self, weir_from from, const void *request,
                                size_t bytes) {
    struct famine_stage *stage = famine_stage_of(self);
    if (stage->call != NULL) return stage->call(self, stage, from);
    weir_reply(weir_stage_runtime(self), from, request, bytes);
    return WEIR_CONTINUE;
}

static weir_verdict handle_down(weir_stage *self, weir_ref who, weir_reason reason) {
    struct famine_stage *stage = famine_stage_of(self);
    (void)reason;
    return stage->gone != NULL ? stage->gone(self, stage, who) : WEIR_CONTINUE;
}

static void discarded(weir_stage *self, uint64_t count, weir_discard cause) {
    famine_discarded(famine_stage_of(self)->famine, count, cause);
}

static void terminate(weir_stage *self, weir_reason reason) {
    struct famine_stage *stage = famine_stage_of(self);
    (void)reason;
    stage->famine->whole = false;
}

weir_stage_options famine_options(struct famine *famine, struct famine_stage *stage,
                                  const weir_stage_options *options) {
    weir_stage_options used = {0};
    if (options != NULL) used = *options;
    stage->famine = famine;
    stage->me = stage;
    if (stage->kind != WEIR_CONSUMER && stage->maker == NULL) {
        stage->maker = famine_add_maker(famine, (weir_ref){0});
        stage->maker->limit = stage->limit;
        stage->maker->broadcasts = used.dispatcher == weir_broadcast_dispatcher();
    }
    used.kind = stage->kind;
    used.name = stage->name;
    used.state = &stage->me;
    used.state_bytes = sizeof stage->me;
    used.event_bytes = stage->kind == WEIR_CONSUMER ? 0 : famine->event_bytes;
    used.on = (weir_callbacks){.init = init,
                               .handle_demand = handle_demand,
                               .handle_events = handle_events,
                               .handle_subscribe = handle_subscribe,
                               .handle_cancel = handle_cancel,
                               .handle_cast = handle_cast,
                               .handle_info = handle_info,
                               .handle_call = handle_call,
                               .handle_down = handle_down,
                               .discarded = discarded,
                               .terminate = terminate};
    if (stage->kind != WEIR_PRODUCER) used.on.handle_demand = NULL;
    if (stage->kind == WEIR_PRODUCER) used.on.handle_events = NULL;
    return used;
}

bool famine_start(struct famine *famine, struct famine_stage *stage,
                  const weir_stage_options *options) {
    weir_stage_options used = famine_options(famine, stage, options);
    weir_status status = weir_stage_start(famine->runtime, &used, &stage->ref);
    if (status != WEIR_OK) stage->ref = (weir_ref){0};
    return famine_done(famine, status);
}

bool famine_subscribe(struct famine *famine, const struct famine_stage *consumer, weir_ref producer,
                      size_t max_demand, size_t min_demand) {
    const weir_subscribe_options options = {
        .max_demand = max_demand, .min_demand = min_demand, .cancel = WEIR_TEMPORARY};
    return famine_done(famine,
                       weir_subscribe(famine->runtime, consumer->ref, producer, &options, NULL));
}

void famine_start_consumer(struct famine *famine, int place, weir_ref producer, size_t max_demand) {
    struct famine_stage *stage = &famine->stages[place];
    *stage = (struct famine_stage){.name = "consumer", .kind = WEIR_CONSUMER};
    famine_start(famine, stage, NULL);
    famine_subscribe(famine, stage, producer, max_demand, max_demand / 2);
}

void famine_cast(struct famine *famine, int stage, uint64_t number) {
    famine_done(famine,
                weir_cast(famine->runtime, famine->stages[stage].ref, &number, sizeof number));
}

void famine_inform(struct famine *famine, int stage, uint64_t number) {
    famine_done(famine,
                weir_info(famine->runtime, famine->stages[stage].ref, &number, sizeof number));
}

void famine_subscribe_with(struct famine *famine, int consumer, int producer,
                           weir_subscribe_options options, weir_subscription *out) {
    options.cancel = WEIR_TEMPORARY;
    famine_done(famine, weir_subscribe(famine->runtime, famine->stages[consumer].ref,
                                       famine->stages[producer].ref, &options, out));
}
