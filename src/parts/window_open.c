/*
 * How a window stage begins, and is looked at.  See window.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/refusal.h"
#include "base/reserved.h"
#include "parts/middle.h"
#include "parts/window.h"
#include "runtime/runtime.h"

#include <inttypes.h>
#include <weir/call.h>

enum { MOST_DEFAULT = 1 << 20, MOST_LIMIT = 1 << 26, OVERLAP_LIMIT = 1024 };

static const char *kind_name(weir_window_kind kind) {
    static const char *const names[] = {"GLOBAL", "TUMBLING", "SLIDING", "SESSION", "COUNT"};
    return names[kind];
}

static weir_status refuse_window_range(const char *option, uint64_t least, uint64_t most,
                                       uint64_t got) {
    return weir__refuse(WEIR_INVALID,
                        "%s of a window must be %" PRIu64 "..%" PRIu64 ", got %" PRIu64, option,
                        least, most, got);
}

static weir_status refuse_for_kind(const char *option, weir_window_kind kind, uint64_t got) {
    return weir__refuse(WEIR_INVALID, "%s is not for windows of kind %s, got %" PRIu64, option,
                        kind_name(kind), got);
}

static weir_status check_calls(const weir_window_options *options) {
    const char *missing =
        options->place == NULL ? "place"
        : options->kind == WEIR_WINDOW_SESSION && options->add != NULL && options->merge == NULL
            ? "merge"
            : NULL;
    return missing != NULL ? weir__refuse(WEIR_INVALID, "%s must not be NULL", missing) : WEIR_OK;
}

/* Who has no accumulators has counts; who does not emit has windows emitted. */
static weir_status check_usual(const weir_window_options *options) {
    if (options->add == NULL && options->accumulator_bytes != 0) {
        return weir__refuse(WEIR_INVALID,
                            "accumulator_bytes of a window must be 0 without add, got %zu",
                            options->accumulator_bytes);
    }
    if (options->add != NULL && options->accumulator_bytes - 1 >= WEIR_EVENT_BYTES_LIMIT) {
        return refuse_window_range("accumulator_bytes", 1, WEIR_EVENT_BYTES_LIMIT,
                                   options->accumulator_bytes);
    }
    if (options->emit == NULL && options->type != NULL) {
        return weir__refuse(WEIR_INVALID, "type of a window must be NULL without emit");
    }
    if (options->emit == NULL && options->event_bytes != 0 &&
        options->event_bytes != sizeof(weir_window)) {
        return weir__refuse(WEIR_INVALID,
                            "event_bytes of a window must be %zu, or 0, without emit, got %zu",
                            sizeof(weir_window), options->event_bytes);
    }
    return WEIR_OK;
}

static weir_status check_slides(const weir_window_options *options, size_t most) {
    if (options->kind != WEIR_WINDOW_SLIDING) {
        return options->every != 0 ? refuse_for_kind("every", options->kind, options->every)
                                   : WEIR_OK;
    }
    if (options->every == 0 || options->every > options->size) {
        return refuse_window_range("every", 1, options->size, options->every);
    }
    uint64_t overlap = (options->size - 1) / options->every + 1;
    if (overlap > OVERLAP_LIMIT) {
        return refuse_window_range("size / every, rounded up,", 1, OVERLAP_LIMIT, overlap);
    }
    if (overlap > most) {
        return weir__refuse(WEIR_INVALID,
                            "most of a window must be at least size / every, rounded up, %" PRIu64
                            ": an event is in so many; got %zu",
                            overlap, most);
    }
    return WEIR_OK;
}

static weir_status check_times(const weir_window_options *options) {
    bool ends = weir__windows_end(options);
    if (options->processing_time && !ends) {
        return refuse_for_kind("processing_time", options->kind, 1);
    }
    if (options->lateness > 0 && !ends) {
        return refuse_for_kind("lateness", options->kind, options->lateness);
    }
    if (options->lateness > 0 && options->processing_time) {
        return weir__refuse(WEIR_INVALID, "lateness must be 0 with processing_time, got %" PRIu64,
                            options->lateness);
    }
    if (options->early_events > 0 && options->kind == WEIR_WINDOW_COUNT) {
        return refuse_for_kind("early_events", options->kind, options->early_events);
    }
    return WEIR_OK;
}

static weir_status check_sizes(const weir_window_options *options, size_t most) {
    if ((unsigned)options->kind > WEIR_WINDOW_COUNT) {
        return weir__refuse(WEIR_INVALID,
                            "kind must be one of WEIR_WINDOW_GLOBAL, TUMBLING, SLIDING, SESSION, "
                            "COUNT, got %d",
                            (int)options->kind);
    }
    if (options->kind == WEIR_WINDOW_GLOBAL && options->size != 0) {
        return refuse_for_kind("size", options->kind, options->size);
    }
    if (options->kind != WEIR_WINDOW_GLOBAL && options->size == 0) {
        return refuse_window_range("size", 1, UINT64_MAX, options->size);
    }
    if (options->takes_bytes - 1 >= WEIR_EVENT_BYTES_LIMIT) {
        return refuse_window_range("takes_bytes", 1, WEIR_EVENT_BYTES_LIMIT, options->takes_bytes);
    }
    return most - 1 >= MOST_LIMIT ? refuse_window_range("most", 1, MOST_LIMIT, most) : WEIR_OK;
}

static weir_status check_window(const weir_window_options *options, size_t most) {
    weir_status status = check_sizes(options, most);
    status = status == WEIR_OK ? check_slides(options, most) : status;
    status = status == WEIR_OK ? check_times(options) : status;
    status = status == WEIR_OK ? check_calls(options) : status;
    return status == WEIR_OK ? check_usual(options) : status;
}

weir_status weir_window_start(weir_runtime *runtime, const weir_window_options *options,
                              weir_ref *out) {
    if (weir__unfit(runtime) || weir__missing(options, "options") ||
        WEIR__RESERVED_SET(options, "weir_window_options")) {
        return weir__refused();
    }
    weir_window_options given = *options;
    given.most = options->most != 0 ? options->most : MOST_DEFAULT;
    weir_status status = check_window(options, given.most);
    if (status != WEIR_OK) {
        return status;
    }
    given.name = NULL; /* the stage has a copy */
    given.subscribe_to = NULL;
    const weir_stage_options stage = {
        .kind = WEIR_PRODUCER_CONSUMER,
        .name = weir__middle_name(options->name, options->registered, "window"),
        .registered = options->registered,
        .event_bytes = options->emit != NULL ? options->event_bytes : sizeof(weir_window),
        .takes_bytes = options->takes_bytes,
        .type = options->type,
        .argument = &given,
        .state_bytes = sizeof(struct weir__windows),
        .worker = options->worker,
        .dispatcher = options->dispatcher,
        .dispatcher_options = options->dispatcher_options,
        .subscribe_to = options->subscribe_to,
        .subscribe_count = options->subscribe_count,
        .on = weir__window_callbacks,
    };
    return weir_stage_start(runtime, &stage, out);
}

weir_status weir_window_look(weir_runtime *runtime, weir_ref stage, uint64_t timeout_ns,
                             weir_window_counts *out) {
    if (weir__missing(out, "out")) {
        return WEIR_INVALID;
    }
    weir_window_counts counts = {0};
    weir_answer answer = {.bytes = &counts, .room = sizeof counts};
    weir_status status = weir_call(runtime, stage, weir__window_question,
                                   sizeof weir__window_question, &answer, timeout_ns);
    if (status == WEIR_OK && answer.count != sizeof counts) {
        return weir__refuse(WEIR_INVALID, "the stage is no window stage");
    }
    if (status == WEIR_OK) {
        *out = counts;
    }
    return status;
}
