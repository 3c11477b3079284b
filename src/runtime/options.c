/*
 * Options: see options.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "runtime/options.h"

#include "base/refusal.h"
#include "base/reserved.h"

/* WEIR_NONE is how an option says zero; refusals show it as that. */
static size_t plain(size_t value) {
    return value == WEIR_NONE ? 0 : value;
}

static weir_status refuse_range(const char *option, unsigned long long value,
                                unsigned long long least, unsigned long long most) {
    if (value < least) {
        return weir__refuse(WEIR_INVALID, "%s must be at least %llu, got %llu", option, least,
                            value);
    }
    return weir__refuse(WEIR_INVALID, "%s must be at most %llu, got %llu", option, most, value);
}

static weir_status check_range(const char *option, unsigned long long value,
                               unsigned long long least, unsigned long long most) {
    return value < least || value > most ? refuse_range(option, value, least, most) : WEIR_OK;
}

/* ---- a runtime ----------------------------------------------------------- */

static weir_status check_runtime(const weir_runtime_options *options) {
    if (WEIR__RESERVED_SET(options, "weir_runtime_options") ||
        WEIR__RESERVED_SET(&options->allocator, "weir_allocator")) {
        return WEIR_INVALID;
    }
    weir_status status = check_range("workers", options->workers, 1, WEIR_WORKERS_LIMIT);
    if (status == WEIR_OK && (unsigned)options->mode > WEIR_SIMULATED) {
        status = weir__refuse(WEIR_INVALID,
                              "mode must be WEIR_THREADS, WEIR_STEPPED or WEIR_SIMULATED, got %d",
                              (int)options->mode);
    }
    if (status == WEIR_OK && (unsigned)options->idle > WEIR_IDLE_PARK) {
        status = weir__refuse(
            WEIR_INVALID,
            "idle must be WEIR_IDLE_SPIN_THEN_PARK, WEIR_IDLE_SPIN or WEIR_IDLE_PARK, got %d",
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
    return status;
}

weir_status weir__options_runtime(const weir_runtime_options *options, unsigned cores,
                                  weir_runtime_options *out) {
    weir_runtime_options filled = {0};
    if (options != NULL) {
        filled = *options;
    }
    if (filled.workers == 0) {
        filled.workers = cores < WEIR_WORKERS_LIMIT ? cores : WEIR_WORKERS_LIMIT;
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
    weir_status status =
        check_range("max_demand", plain(filled.max_demand), 1, WEIR_MAX_DEMAND_LIMIT);
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
    if ((unsigned)filled.cancel > WEIR_TEMPORARY) {
        return weir__refuse(
            WEIR_INVALID,
            "cancel must be one of WEIR_PERMANENT, WEIR_TRANSIENT, WEIR_TEMPORARY, got %d",
            (int)filled.cancel);
    }
    *out = filled;
    return WEIR_OK;
}

weir_status weir__options_subscribe_to(const weir_subscribe_to *wish, weir_subscribe_options *out) {
    return WEIR__RESERVED_SET(wish, "weir_subscribe_to")
               ? WEIR_INVALID
               : weir__options_subscribe(&wish->options, out);
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

/* What cannot have been meant. */
static weir_status check_slips(const weir_stage_options *options) {
    if (options->state != NULL && options->state_bytes == 0) {
        return weir__refuse(WEIR_INVALID, "state_bytes must be set when state is, got 0");
    }
    if (options->subscribe_count > 0 && options->subscribe_to == NULL) {
        return weir__refuse(WEIR_INVALID, "subscribe_to must be set when subscribe_count is %zu",
                            options->subscribe_count);
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

static weir_status check_type(const weir_event_type *type, size_t event_bytes) {
    if (WEIR__RESERVED_SET(type, "weir_event_type")) {
        return WEIR_INVALID;
    }
    weir_status status = check_range("type->bytes", type->bytes, 1, WEIR_EVENT_BYTES_LIMIT);
    if (status == WEIR_OK && type->drop == NULL) {
        status = weir__refuse(WEIR_INVALID, "type->drop must be set");
    }
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
                   ? WEIR_OK
                   : weir__refuse(WEIR_INVALID,
                                  "type is of what a stage emits: a consumer has none");
    }
    weir_status status = check_events(options);
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
    status = status != WEIR_OK ? status : check_slips(options);
    status = status != WEIR_OK ? status : check_limits(options);
    if (status == WEIR_OK && options->worker > workers) {
        status = weir__refuse(WEIR_INVALID, "worker must be below %u, got %u", workers,
                              options->worker - 1);
    }
    if (status == WEIR_OK && options->state_bytes > SIZE_MAX / 4) {
        status = refuse_range("state_bytes", options->state_bytes, 0, SIZE_MAX / 4);
    }
    if (status == WEIR_OK) {
        status = check_supply(options);
    }
    if (status == WEIR_OK) {
        status = check_dispatcher(options->dispatcher);
    }
    return status == WEIR_OK ? check_subscriptions(options) : status;
}
