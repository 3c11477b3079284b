/*
 * Stages for stress tests: see nodes.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "stress/nodes.h"

weir_subscribe_to stress_from(weir_ref producer, size_t max_demand, size_t min_demand) {
    return (weir_subscribe_to){
        .producer = producer,
        .options = {.max_demand = max_demand, .min_demand = min_demand, .cancel = WEIR_TEMPORARY}};
}

weir_subscribe_to stress_from_drawn(struct weir__rng *rng, size_t max_demand, weir_ref producer) {
    static const size_t windows[] = {1, 2, 3, 5, 10, 100, 256, 1000, 4000};
    weir_subscribe_options options =
        max_demand != 0 ? stress_demand(rng, &max_demand, 1)
                        : stress_demand(rng, windows, sizeof windows / sizeof *windows);
    return stress_from(producer, options.max_demand, options.min_demand);
}

/* ---- the source ---------------------------------------------------------- */

static struct stress_source *source_of(weir_stage *self) {
    return *(struct stress_source **)weir_state(self);
}

static void write_next(struct stress_source *source, void *to) {
    stress_event_write(to, source->event_bytes, stress_word(source->id, source->next++));
}

static void emit_reserved(weir_stage *self, struct stress_source *source, uint64_t count,
                          uint64_t at_once) {
    while (count > 0) {
        weir_room room = weir_reserve(self, count < at_once ? count : at_once);
        unsigned char *to = room.events;
        STRESS_CHECK(to != NULL);
        for (size_t i = 0; i < room.count; i++) write_next(source, to + i * source->event_bytes);
        STRESS_OK(weir_commit(self, room.count));
        count -= room.count;
    }
}

static void emit_copied(weir_stage *self, struct stress_source *source, uint64_t count) {
    unsigned char scratch[4096];
    uint64_t most = sizeof scratch / source->event_bytes;
    while (count > 0) {
        uint64_t part = count < most ? count : most;
        for (uint64_t i = 0; i < part; i++) write_next(source, scratch + i * source->event_bytes);
        STRESS_OK(weir_emit(self, scratch, part));
        count -= part;
    }
}

static void emit(weir_stage *self, struct stress_source *source, uint64_t count) {
    enum stress_emit how = source->emit;
    if (how == STRESS_EMIT_ANY) {
        how = (enum stress_emit)weir__rng_below(&source->rng, STRESS_EMIT_SURPLUS);
    }
    switch (how) {
    case STRESS_EMIT_COPY:
        emit_copied(self, source, count);
        return;
    case STRESS_EMIT_SINGLES:
        emit_reserved(self, source, count, 1);
        return;
    default:
        emit_reserved(self, source, count, UINT64_MAX);
        return;
    }
}

/* Its last event is out: an info passes all that is buffered, and stops it. */
static weir_verdict after(weir_stage *self, struct stress_source *source) {
    if (source->next == source->total && !source->ended) {
        source->ended = true;
        if (!source->stays) {
            STRESS_OK(weir_info(weir_stage_runtime(self), weir_self(self), "", 1));
        }
    }
    stress_pause(&source->rng, source->pauses);
    return WEIR_CONTINUE;
}

/* The next event in a callback of its own; all at once when the mailbox is full. */
static void tell(weir_stage *self, struct stress_source *source) {
    uint64_t left = source->total - source->next;
    if (source->pending == 0 || left == 0 || source->told) return;
    weir_status status = weir_cast(weir_stage_runtime(self), weir_self(self), "", 1);
    source->told = status == WEIR_OK;
    if (status == WEIR_FULL) {
        emit(self, source, source->pending < left ? source->pending : left);
        source->pending = 0;
        after(self, source);
        return;
    }
    STRESS_OK(status);
}

static weir_verdict source_demand(weir_stage *self, uint64_t demand) {
    struct stress_source *source = source_of(self);
    uint64_t left = source->total - source->next;
    if (source->emit == STRESS_EMIT_SLOWLY) {
        source->pending += demand;
        tell(self, source);
        return WEIR_CONTINUE;
    }
    if (source->emit == STRESS_EMIT_SURPLUS) {
        demand += weir__rng_below(&source->rng, 2 * demand + 1);
    }
    emit(self, source, demand < left ? demand : left);
    return after(self, source);
}

static weir_verdict source_cast(weir_stage *self, const void *message, size_t bytes) {
    (void)message;
    (void)bytes;
    struct stress_source *source = source_of(self);
    source->told = false;
    if (source->pending > 0 && source->next < source->total) {
        source->pending--;
        emit_reserved(self, source, 1, 1);
    }
    tell(self, source);
    return after(self, source);
}

/* Some events that nobody has asked for. */
static void emit_unasked(weir_stage *self, struct stress_source *source) {
    uint64_t count = weir__rng_below(&source->rng, 4);
    uint64_t left = source->total - source->next;
    if (source->everywhere) {
        emit(self, source, count < left ? count : left);
        after(self, source);
    }
}

static weir_subscribe_verdict source_subscribe(weir_stage *self, const weir_peer *peer) {
    (void)peer;
    emit_unasked(self, source_of(self));
    return WEIR_AUTOMATIC;
}

static weir_verdict source_cancel(weir_stage *self, const weir_peer *peer, weir_cancel_cause cause,
                                  weir_reason reason) {
    (void)peer;
    (void)cause;
    (void)reason;
    emit_unasked(self, source_of(self));
    return WEIR_CONTINUE;
}

static weir_verdict stop_normally(weir_stage *self, const void *message, size_t bytes) {
    (void)message;
    (void)bytes;
    return weir_stop_with(self, WEIR_REASON_NORMAL);
}

static void source_discarded(weir_stage *self, uint64_t count, weir_discard cause) {
    (void)cause;
    source_of(self)->discarded += count;
}

weir_ref stress_source_start(weir_runtime *runtime, struct stress_source *source) {
    weir_ref ref;
    stress_rng(&source->rng);
    STRESS_CHECK(source->total < STRESS_NUMBER_LIMIT);
    STRESS_OK(weir_stage_start(
        runtime,
        &(weir_stage_options){.kind = WEIR_PRODUCER,
                              .name = "source",
                              .event_bytes = source->event_bytes,
                              .state_bytes = sizeof source,
                              .state = &source,
                              .worker = source->worker,
                              .demand = source->demand,
                              .dispatcher = source->dispatcher,
                              .dispatcher_options = source->dispatcher_options,
                              .buffer_size =
                                  source->buffer_size != 0 ? source->buffer_size : WEIR_INFINITY,
                              .on = {.handle_demand = source_demand,
                                     .handle_subscribe = source_subscribe,
                                     .handle_cancel = source_cancel,
                                     .handle_cast = source_cast,
                                     .handle_info = stop_normally,
                                     .discarded = source_discarded}},
        &ref));
    return ref;
}

/* ---- the relay ----------------------------------------------------------- */

static struct stress_relay *relay_of(weir_stage *self) {
    return *(struct stress_relay **)weir_state(self);
}

static void relay_copy(weir_stage *self, weir_batch batch, size_t at_once) {
    const unsigned char *from = batch.events;
    size_t left = batch.count;
    size_t bytes = weir_batch_event_bytes(self);
    while (left > 0) {
        weir_room room = weir_reserve(self, left < at_once ? left : at_once);
        unsigned char *to = room.events;
        STRESS_CHECK(to != NULL);
        for (size_t i = 0; i < room.count; i++, from += bytes, to += bytes) {
            stress_event_write(to, bytes, stress_event_read(from, bytes));
            stress_event_hop(to, bytes);
        }
        STRESS_OK(weir_commit(self, room.count));
        left -= room.count;
    }
}

static weir_verdict relay_events(weir_stage *self, weir_batch batch) {
    struct stress_relay *relay = relay_of(self);
    enum stress_relaying how = relay->how;
    if (how == STRESS_RELAY_ANY) {
        how = (enum stress_relaying)weir__rng_below(&relay->rng, STRESS_RELAY_ANY);
    }
    stress_pause(&relay->rng, relay->pauses);
    if (how == STRESS_RELAY_OWN) {
        unsigned char *event = weir_own(self);
        STRESS_CHECK(event != NULL);
        size_t bytes = weir_batch_event_bytes(self);
        for (size_t i = 0; i < batch.count; i++, event += bytes) {
            stress_event_hop(event, bytes);
        }
    }
    if (how == STRESS_RELAY_OWN || how == STRESS_RELAY_FORWARD) {
        return weir_forward(self);
    }
    relay_copy(self, batch, how == STRESS_RELAY_COPY ? SIZE_MAX : 1);
    return WEIR_CONTINUE;
}

/* The last of its producers has gone: it stops behind what it still holds. */
static weir_verdict relay_cancel(weir_stage *self, const weir_peer *peer, weir_cancel_cause cause,
                                 weir_reason reason) {
    struct stress_relay *relay = relay_of(self);
    (void)cause;
    (void)reason;
    if (peer->side == WEIR_PRODUCER && ++relay->ended == relay->upstreams) {
        STRESS_OK(weir_info(weir_stage_runtime(self), weir_self(self), "", 1));
    }
    return WEIR_CONTINUE;
}

static void relay_discarded(weir_stage *self, uint64_t count, weir_discard cause) {
    (void)cause;
    relay_of(self)->discarded += count;
}

weir_ref stress_relay_start(weir_runtime *runtime, struct stress_relay *relay,
                            const weir_subscribe_to *from, size_t count) {
    weir_ref ref;
    stress_rng(&relay->rng);
    STRESS_OK(weir_stage_start(runtime,
                               &(weir_stage_options){.kind = WEIR_PRODUCER_CONSUMER,
                                                     .name = "relay",
                                                     .event_bytes = relay->event_bytes,
                                                     .state_bytes = sizeof relay,
                                                     .state = &relay,
                                                     .worker = relay->worker,
                                                     .subscribe_to = count > 0 ? from : NULL,
                                                     .subscribe_count = count,
                                                     .on = {.handle_events = relay_events,
                                                            .handle_cancel = relay_cancel,
                                                            .handle_info = stop_normally,
                                                            .discarded = relay_discarded}},
                               &ref));
    return ref;
}

/* ---- the sink ------------------------------------------------------------ */

static struct stress_sink *sink_of(weir_stage *self) {
    return *(struct stress_sink **)weir_state(self);
}

static struct stress_lane *lane_of(struct stress_sink *sink, uint64_t subscription) {
    for (unsigned i = 0; i < sink->lanes; i++) {
        if (sink->lane[i].subscription == subscription) return &sink->lane[i];
    }
    STRESS_CHECK(sink->lanes < STRESS_LANES);
    struct stress_lane *lane = &sink->lane[sink->lanes++];
    lane->subscription = subscription;
    return lane;
}

static void sink_event(struct stress_sink *sink, struct stress_lane *lane, const void *event,
                       size_t bytes) {
    uint64_t word = stress_event_read(event, bytes);
    uint32_t source = bytes < sizeof word ? 0 : stress_word_source(word);
    STRESS_CHECK(source < STRESS_SOURCES);
    uint64_t *next = &lane->next[source];
    uint64_t number =
        bytes < sizeof word ? *next + (unsigned char)(word - *next) : stress_word_number(word);
    if (bytes >= sizeof word) {
        unsigned hops = stress_word_hops(word);
        STRESS_CHECK(sink->hops_least <= hops && hops <= sink->hops_most);
    }
    if (sink->order != STRESS_ANY_ORDER &&
        (number < *next || (sink->order == STRESS_CONSECUTIVE && number != *next))) {
        stress_fail("event %llu of source %u came where %llu was due", (unsigned long long)number,
                    source, (unsigned long long)*next);
    }
    *next = number + 1;
    stress_tally_add(&sink->tally, source, number);
}

static weir_verdict sink_events(weir_stage *self, weir_batch batch) {
    struct stress_sink *sink = sink_of(self);
    struct stress_lane *lane = lane_of(sink, weir_batch_subscription(self).id);
    const unsigned char *event = batch.events;
    size_t bytes = weir_batch_event_bytes(self);
    for (size_t i = 0; i < batch.count; i++, event += bytes) {
        sink_event(sink, lane, event, bytes);
    }
    sink->batches++;
    stress_pause(&sink->rng, sink->pauses);
    if (sink->ask > 0) {
        STRESS_CHECK(batch.count <= lane->open);
        lane->open -= batch.count;
        if (lane->open <= sink->ask) {
            weir_status status =
                weir_ask(weir_stage_runtime(self), weir_batch_subscription(self), sink->ask);
            /* A source that has sent its last may have ended it, before that is handled. */
            if (status != WEIR_NO_SUBSCRIPTION) STRESS_OK(status);
            lane->open += sink->ask;
        }
    }
    return WEIR_CONTINUE;
}

static weir_subscribe_verdict sink_subscribe(weir_stage *self, const weir_peer *peer) {
    struct stress_sink *sink = sink_of(self);
    if (sink->ask == 0) return WEIR_AUTOMATIC;
    STRESS_OK(weir_cast(weir_stage_runtime(self), weir_self(self), &peer->subscription,
                        sizeof peer->subscription));
    return WEIR_MANUAL;
}

/* The first ask of a manual subscription. */
static weir_verdict sink_cast(weir_stage *self, const void *message, size_t bytes) {
    struct stress_sink *sink = sink_of(self);
    const weir_subscription *subscription = message;
    STRESS_CHECK(bytes == sizeof *subscription);
    lane_of(sink, subscription->id)->open = 2 * sink->ask;
    weir_status status = weir_ask(weir_stage_runtime(self), *subscription, 2 * sink->ask);
    STRESS_CHECK(status == WEIR_OK || status == WEIR_NO_SUBSCRIPTION);
    return WEIR_CONTINUE;
}

static weir_verdict sink_cancel(weir_stage *self, const weir_peer *peer, weir_cancel_cause cause,
                                weir_reason reason) {
    struct stress_sink *sink = sink_of(self);
    (void)peer;
    (void)cause;
    (void)reason;
    return ++sink->ended == sink->upstreams ? weir_stop_with(self, WEIR_REASON_NORMAL)
                                            : WEIR_CONTINUE;
}

weir_ref stress_sink_start(weir_runtime *runtime, struct stress_sink *sink,
                           const weir_subscribe_to *from, size_t count) {
    weir_ref ref;
    stress_rng(&sink->rng);
    STRESS_OK(weir_stage_start(runtime,
                               &(weir_stage_options){.kind = WEIR_CONSUMER,
                                                     .name = "sink",
                                                     .state_bytes = sizeof sink,
                                                     .state = &sink,
                                                     .worker = sink->worker,
                                                     .subscribe_to = count > 0 ? from : NULL,
                                                     .subscribe_count = count,
                                                     .on = {.handle_subscribe = sink_subscribe,
                                                            .handle_events = sink_events,
                                                            .handle_cast = sink_cast,
                                                            .handle_cancel = sink_cancel}},
                               &ref));
    return ref;
}
