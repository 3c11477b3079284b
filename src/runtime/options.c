/*
 * Options: see options.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "runtime/options.h"

#include "base/refusal.h"
#include "base/reserved.h"
#include "memory/arena.h"
#include "runtime/hired.h"
#include "runtime/outputs.h"

#include <stdio.h>

/* WEIR_NONE is how an option says zero; refusals show it as that. */
static size_t plain(size_t value) {
    return value == WEIR_NONE ? 0 : value;
}

/* A number as the program may have written it. */
static void show(char text[static 24], unsigned long long value) {
    const char *word = value == WEIR_NONE ? "WEIR_NONE" : "WEIR_INFINITY";
    if (value == WEIR_NONE || value == WEIR_INFINITY) {
        snprintf(text, 24, "%s", word);
    } else {
        snprintf(text, 24, "%llu", value);
    }
}

static weir_status refuse_range(const char *option, unsigned long long value,
                                unsigned long long least, unsigned long long most) {
    char got[24];
    bool little = value < least || (value == WEIR_NONE && least > 0);
    show(got, value);
    return weir__refuse(WEIR_INVALID, "%s must be at %s %llu, got %s", option,
                        little ? "least" : "most", little ? least : most, got);
}

static weir_status check_range(const char *option, unsigned long long value,
                               unsigned long long least, unsigned long long most) {
    return value < least || value > most ? refuse_range(option, value, least, most) : WEIR_OK;
}

/* A bound in bytes; 0: its default. */
static weir_status check_bytes(const char *option, size_t value) {
    return value == 0 || value == WEIR_INFINITY ? WEIR_OK
                                                : check_range(option, value, 1, SIZE_MAX / 4);
}

/* ---- a runtime ----------------------------------------------------------- */

static weir_status check_memory(const weir_memory_options *options,
                                const weir_allocator *allocator) {
    if (options == NULL) {
        return WEIR_OK;
    }
    if (WEIR__RESERVED_SET(options, "weir_memory_options")) {
        return WEIR_INVALID;
    }
    if (weir__arena_is_wanted(options) && allocator->alloc != NULL) {
        return weir__refuse(WEIR_INVALID, "memory and allocator cannot both be set");
    }
    return check_range("memory->ready_bytes", options->ready_bytes, 0, WEIR_READY_BYTES_MOST);
}

static weir_status check_runtime(const weir_runtime_options *options) {
    if (WEIR__RESERVED_SET(options, "weir_runtime_options") ||
        WEIR__RESERVED_SET(&options->allocator, "weir_allocator")) {
        return WEIR_INVALID;
    }
    weir_status status = check_range("workers", options->workers, 1, WEIR_WORKERS_LIMIT);
    if (status == WEIR_OK && (unsigned)options->mode > WEIR_SIMULATED) {
        status = weir__refuse(
            WEIR_INVALID, "mode must be one of WEIR_THREADS, WEIR_STEPPED, WEIR_SIMULATED, got %d",
            (int)options->mode);
    }
    if (status == WEIR_OK && (unsigned)options->idle > WEIR_IDLE_SPIN_THEN_PARK) {
        status =
            weir__refuse(WEIR_INVALID,
                         "idle must be one of WEIR_IDLE_ADAPT, WEIR_IDLE_SPIN, WEIR_IDLE_PARK, "
                         "WEIR_IDLE_SPIN_THEN_PARK, got %d",
                         (int)options->idle);
    }
    if (status == WEIR_OK &&
        (options->allocator.alloc == NULL) != (options->allocator.free == NULL)) {
        status = weir__refuse(WEIR_INVALID,
                              "allocator must have both alloc and free, or neither: %s is missing",
                              options->allocator.alloc == NULL ? "alloc" : "free");
    }
    if (status == WEIR_OK) {
        status = check_range("mailbox_limit", options->mailbox_limit, 1, WEIR_MAILBOX_LIMIT_MAX);
    }
    if (status == WEIR_OK && options->default_worker != WEIR_ANY_WORKER &&
        options->default_worker != WEIR_SPREAD) {
        status =
            weir__refuse(WEIR_INVALID, "default_worker must be WEIR_ANY_WORKER or WEIR_SPREAD");
    }
    status = status != WEIR_OK ? status : weir__hiring_check(options->threads);
    return status != WEIR_OK ? status : check_memory(options->memory, &options->allocator);
}

weir_status weir__options_runtime(const weir_runtime_options *options, unsigned workers,
                                  weir_runtime_options *out) {
    weir_runtime_options filled = {0};
    if (options != NULL) {
        filled = *options;
    }
    if (filled.workers == 0) {
        filled.workers = workers < WEIR_WORKERS_LIMIT ? workers : WEIR_WORKERS_LIMIT;
    }
    if (filled.close_ns == 0) {
        filled.close_ns = WEIR_CLOSE_NS_DEFAULT;
    }
    if (filled.mailbox_limit == 0) {
        filled.mailbox_limit = WEIR_MAILBOX_LIMIT_DEFAULT;
    }
    weir_status status = check_runtime(&filled);
    if (status == WEIR_OK) {
        *out = filled;
    }
    return status;
}

/* ---- a subscription ------------------------------------------------------ */

weir_status weir__options_subscribe(const weir_subscribe_options *options,
                                    weir_subscribe_options *out) {
    weir_subscribe_options filled = {0};
    if (options != NULL) {
        filled = *options;
    }
    if (WEIR__RESERVED_SET(&filled, "weir_subscribe_options")) {
        return WEIR_INVALID;
    }
    if (filled.max_demand == 0) {
        filled.max_demand = WEIR_MAX_DEMAND_DEFAULT;
    }
    weir_status status = check_range("max_demand", filled.max_demand, 1, WEIR_MAX_DEMAND_LIMIT);
    if (status != WEIR_OK) {
        return status;
    }
    if (filled.selector != NULL && filled.select_many != NULL) {
        return weir__refuse(WEIR_INVALID, "selector and select_many cannot both be set");
    }
    filled.min_demand = filled.min_demand == 0 ? filled.max_demand / 2 : plain(filled.min_demand);
    status = check_range("min_demand", filled.min_demand, 0, filled.max_demand - 1);
    if (status != WEIR_OK) {
        return status;
    }
    status = check_bytes("max_bytes", filled.max_bytes);
    if (status != WEIR_OK) {
        return status;
    }
    if ((unsigned)filled.cancel > WEIR_TEMPORARY) {
        return weir__refuse(
            WEIR_INVALID,
            "cancel must be one of WEIR_PERMANENT, WEIR_TRANSIENT, WEIR_TEMPORARY, got %d",
            (int)filled.cancel);
    }
    *out = filled;
    return WEIR_OK;
}

void weir__options_fit(const weir_subscribe_options *given, size_t event_bytes,
                       weir_subscribe_options *filled) {
    bool said = given != NULL &&
                (given->max_demand != 0 || given->min_demand != 0 || given->max_bytes != 0);
    size_t fit = WEIR_MAX_BYTES_DEFAULT / event_bytes;
    if (said || fit >= filled->max_demand) {
        return;
    }
    filled->max_demand = fit; /* 16 of the largest */
    filled->min_demand = fit / 2;
}

weir_status weir__options_subscribe_to(const weir_subscribe_to *wish, weir_subscribe_options *out) {
    return WEIR__RESERVED_SET(wish, "weir_subscribe_to")
               ? WEIR_INVALID
               : weir__options_subscribe(&wish->options, out);
}

/* ---- a rate -------------------------------------------------------------- */

weir_status weir__options_rate(const weir_rate_options *options, weir_rate_options *out) {
    enum { SECOND_NS = 1000000000 };
    weir_rate_options filled = *options;
    if (WEIR__RESERVED_SET(&filled, "weir_rate_options")) {
        return WEIR_INVALID;
    }
    filled.interval_ns = filled.interval_ns == 0 ? SECOND_NS : filled.interval_ns;
    filled.burst = filled.burst == 0 ? filled.allowed : filled.burst;
    weir_status status = check_range("allowed", filled.allowed, 1, WEIR_RATE_ALLOWED_LIMIT);
    status = status != WEIR_OK
                 ? status
                 : check_range("interval_ns", filled.interval_ns, 1, WEIR_RATE_INTERVAL_LIMIT);
    status =
        status != WEIR_OK ? status : check_range("burst", filled.burst, 1, WEIR_RATE_ALLOWED_LIMIT);
    if (status == WEIR_OK && filled.allowed > filled.interval_ns) {
        return weir__refuse(WEIR_INVALID,
                            "allowed must be at most one a nanosecond, %llu in this interval_ns, "
                            "got %llu",
                            (unsigned long long)filled.interval_ns,
                            (unsigned long long)filled.allowed);
    }
    if (status == WEIR_OK) {
        *out = filled;
    }
    return status;
}

/* ---- a stage ------------------------------------------------------------- */

static weir_status missing(const char *callback, const char *kind) {
    return weir__refuse(WEIR_INVALID, "on.%s must be set for a %s", callback, kind);
}

static weir_status check_limits(const weir_stage_options *options) {
    weir_status status =
        check_range("mailbox_limit", options->mailbox_limit, 0, WEIR_MAILBOX_LIMIT_MAX);
    status = status != WEIR_OK
                 ? status
                 : check_range("timers_limit", options->timers_limit, 0, WEIR_MAILBOX_LIMIT_MAX);
    return status != WEIR_OK
               ? status
               : check_range("takes_bytes", options->takes_bytes, 0, WEIR_EVENT_BYTES_LIMIT);
}

/* What goes with another option, which was forgotten. */
static weir_status check_pairs(const weir_stage_options *options) {
    if (options->name != NULL && weir__check_text("", "name", options->name) != WEIR_OK) {
        return WEIR_INVALID;
    }
    if (options->registered && options->name == NULL) {
        return weir__refuse(WEIR_INVALID, "name must be set when registered is");
    }
    if (options->state != NULL && options->state_bytes == 0) {
        return weir__refuse(WEIR_INVALID, "state_bytes must be set when state is, got 0");
    }
    if (options->subscribe_count > 0 && options->subscribe_to == NULL) {
        return weir__refuse(WEIR_INVALID, "subscribe_to must be set when subscribe_count is %zu",
                            options->subscribe_count);
    }
    if (options->dispatcher_options != NULL && options->dispatcher == NULL) {
        return weir__refuse(WEIR_INVALID, "dispatcher must be set when dispatcher_options is");
    }
    return WEIR_OK;
}

/* What a stage of its kind does not heed. */
static weir_status check_kind(const weir_stage_options *options) {
    if (options->kind == WEIR_CONSUMER && options->event_bytes != 0 && options->takes_bytes != 0 &&
        options->event_bytes != options->takes_bytes) {
        return weir__refuse(WEIR_INVALID,
                            "event_bytes of a consumer must be 0 or its takes_bytes, %zu, got %zu",
                            options->takes_bytes, options->event_bytes);
    }
    if (options->buffer_size != 0 && options->kind == WEIR_CONSUMER) {
        return weir__refuse(WEIR_INVALID,
                            "buffer_size is for producers and producer_consumers only");
    }
    if (options->buffer_bytes != 0 && options->kind == WEIR_CONSUMER) {
        return weir__refuse(WEIR_INVALID,
                            "buffer_bytes is for producers and producer_consumers only");
    }
    if (options->takes_bytes != 0 && options->kind == WEIR_PRODUCER) {
        return weir__refuse(WEIR_INVALID,
                            "takes_bytes is for consumers and producer_consumers only");
    }
    if (options->demand == WEIR_ACCUMULATE && options->kind != WEIR_PRODUCER) {
        return weir__refuse(WEIR_INVALID, "demand WEIR_ACCUMULATE is for producers only");
    }
    return WEIR_OK;
}

static weir_status check_worker(const weir_stage_options *options, unsigned workers) {
    unsigned worker = options->worker;
    if (worker == WEIR_WITH_PRODUCER && options->kind == WEIR_PRODUCER) {
        return weir__refuse(WEIR_INVALID, "worker WEIR_WITH_PRODUCER is not for producers");
    }
    return worker <= workers || worker >= WEIR_TIMELY_WORKER
               ? WEIR_OK
               : weir__refuse(WEIR_INVALID, "worker must be below %u, got %u", workers, worker - 1);
}

static weir_status check_callbacks(const weir_stage_options *options) {
    if (options->kind == WEIR_PRODUCER && options->on.handle_demand == NULL) {
        return missing("handle_demand", "producer");
    }
    if (options->kind != WEIR_PRODUCER && options->on.handle_events == NULL) {
        return missing("handle_events",
                       options->kind == WEIR_CONSUMER ? "consumer" : "producer_consumer");
    }
    return WEIR_OK;
}

static weir_status check_spans(const weir_event_type *type) {
    weir_status status = check_range("type->spans", type->spans, 0, WEIR_SPANS_LIMIT);
    if (status == WEIR_OK && type->bytes < type->spans * sizeof(weir_bytes)) {
        status =
            weir__refuse(WEIR_INVALID, "type->bytes must be at least its %u spans, %zu, got %zu",
                         type->spans, type->spans * sizeof(weir_bytes), type->bytes);
    }
    if (status == WEIR_OK && type->spans > 0 && type->bytes % _Alignof(weir_bytes) != 0) {
        status = weir__refuse(WEIR_INVALID,
                              "type->bytes must be a multiple of %zu with spans, got "
                              "%zu",
                              _Alignof(weir_bytes), type->bytes);
    }
    if (status == WEIR_OK && type->payload_limit != 0) {
        status = check_range("type->payload_limit", type->payload_limit, 1, WEIR_PAYLOAD_LIMIT_MAX);
    }
    return status;
}

weir_status weir__options_type(const weir_event_type *type) {
    if (WEIR__RESERVED_SET(type, "weir_event_type")) {
        return WEIR_INVALID;
    }
    weir_status status = check_range("type->bytes", type->bytes, 1, WEIR_EVENT_BYTES_LIMIT);
    if (status == WEIR_OK && type->drop == NULL && type->spans == 0) {
        status = weir__refuse(WEIR_INVALID, "type->drop must be set");
    }
    return status != WEIR_OK ? status : check_spans(type);
}

static weir_status check_type(const weir_event_type *type, size_t event_bytes) {
    weir_status status = weir__options_type(type);
    if (status == WEIR_OK && event_bytes != 0 && event_bytes != type->bytes) {
        status =
            weir__refuse(WEIR_INVALID, "event_bytes must be 0 or that of the type, %zu, got %zu",
                         type->bytes, event_bytes);
    }
    return status;
}

static weir_status check_events(const weir_stage_options *options) {
    return options->type != NULL
               ? check_type(options->type, options->event_bytes)
               : check_range("event_bytes", options->event_bytes, 1, WEIR_EVENT_BYTES_LIMIT);
}

static weir_status check_supply(const weir_stage_options *options) {
    if (options->kind == WEIR_CONSUMER) {
        return options->type == NULL
                   ? check_range("event_bytes", options->event_bytes, 0, WEIR_EVENT_BYTES_LIMIT)
                   : weir__refuse(WEIR_INVALID,
                                  "type is of what a stage emits: a consumer has none");
    }
    weir_status status = check_events(options);
    status = status != WEIR_OK ? status : check_bytes("buffer_bytes", options->buffer_bytes);
    if (status == WEIR_OK && (unsigned)options->buffer_keep > WEIR_KEEP_FIRST) {
        status = weir__refuse(WEIR_INVALID,
                              "buffer_keep must be one of WEIR_KEEP_LAST, WEIR_KEEP_FIRST, got %d",
                              (int)options->buffer_keep);
    }
    if (status == WEIR_OK && (unsigned)options->on_cancel > WEIR_ON_CANCEL_STOP) {
        status = weir__refuse(WEIR_INVALID,
                              "on_cancel must be one of WEIR_ON_CANCEL_CONTINUE, "
                              "WEIR_ON_CANCEL_STOP, got %d",
                              (int)options->on_cancel);
    }
    if (status == WEIR_OK && (unsigned)options->demand > WEIR_ACCUMULATE) {
        status = weir__refuse(WEIR_INVALID,
                              "demand must be one of WEIR_FORWARD, WEIR_ACCUMULATE, got %d",
                              (int)options->demand);
    }
    return status;
}

static weir_status check_dispatcher(const weir_dispatcher *dispatcher) {
    if (dispatcher != NULL && WEIR__RESERVED_SET(dispatcher, "weir_dispatcher")) {
        return WEIR_INVALID;
    }
    if (dispatcher != NULL &&
        (dispatcher->subscribe == NULL || dispatcher->ask == NULL || dispatcher->cancel == NULL ||
         dispatcher->dispatch == NULL || dispatcher->open_demand == NULL)) {
        return weir__refuse(
            WEIR_INVALID, "dispatcher must have subscribe, ask, cancel, dispatch and open_demand");
    }
    return WEIR_OK;
}

static weir_status check_subscriptions(const weir_stage_options *options) {
    if (options->subscribe_count == 0) {
        return WEIR_OK;
    }
    if (options->kind == WEIR_PRODUCER) {
        return weir__refuse(WEIR_NOT_A_CONSUMER, "a producer cannot have subscribe_to");
    }
    weir_status status = WEIR_OK;
    for (size_t i = 0; i < options->subscribe_count && status == WEIR_OK; i++) {
        weir_subscribe_options filled;
        status = weir__options_subscribe_to(&options->subscribe_to[i], &filled);
    }
    return status;
}

const char *weir__options_name(const weir_stage_options *options) {
    static const char *const kinds[] = {"stage", "producer", "producer_consumer", "consumer"};
    bool known = options->kind >= WEIR_PRODUCER && options->kind <= WEIR_CONSUMER;
    bool named = options->name != NULL && weir__control_in(options->name) < 0;
    return named ? options->name : kinds[known ? options->kind : 0];
}

weir_status weir__options_stage(const weir_stage_options *options, unsigned workers) {
    if (weir__missing(options, "options") || WEIR__RESERVED_SET(options, "weir_stage_options") ||
        WEIR__RESERVED_SET(&options->on, "weir_callbacks")) {
        return WEIR_INVALID;
    }
    if (options->kind < WEIR_PRODUCER || options->kind > WEIR_CONSUMER) {
        return weir__refuse(WEIR_INVALID,
                            "kind must be one of WEIR_PRODUCER, WEIR_PRODUCER_CONSUMER, "
                            "WEIR_CONSUMER, got %d",
                            (int)options->kind);
    }
    weir_status status = check_callbacks(options);
    status = status != WEIR_OK ? status : check_pairs(options);
    status = status != WEIR_OK ? status : check_kind(options);
    status = status != WEIR_OK ? status : check_limits(options);
    status = status != WEIR_OK ? status : check_worker(options, workers);
    if (status == WEIR_OK && options->state_bytes > SIZE_MAX / 4) {
        status = refuse_range("state_bytes", options->state_bytes, 0, SIZE_MAX / 4);
    }
    if (status == WEIR_OK) {
        status = check_supply(options);
    }
    if (status == WEIR_OK) {
        status = check_dispatcher(options->dispatcher);
    }
    status = status != WEIR_OK ? status : check_subscriptions(options);
    return status != WEIR_OK ? status : weir__options_outputs(options, workers);
}
