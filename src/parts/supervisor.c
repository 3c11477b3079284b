/*
 * The supervisor, as a stage: its callbacks, and how it starts.  See supervisor.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "parts/supervisor.h"

#include "base/refusal.h"
#include "base/reserved.h"

enum { NS_IN_SECOND = 1000000000 };

static struct weir__supervisor *own_supervisor(weir_stage *self) {
    return weir_state(self);
}

/* ---- callbacks ----------------------------------------------------------- */

static weir_verdict handle_down(weir_stage *self, weir_ref stage, weir_reason reason) {
    struct weir__supervisor *supervisor = own_supervisor(self);
    struct weir__child *gone = weir__supervisor_find_stage(supervisor, stage);
    weir__links_lost(supervisor, stage);
    if (gone != NULL) {
        weir__supervisor_down(supervisor, gone, reason, self->notice_bereft);
    }
    return weir__supervisor_pursue(supervisor);
}

static weir_verdict supervisor_poked(weir_stage *self) {
    struct weir__supervisor *supervisor = own_supervisor(self);
    weir__quay_give_up(&supervisor->quay, WEIR__POKED_COLD);
    weir__quay_release(&supervisor->quay, 1);
    return weir__supervisor_pursue(supervisor);
}

/* A consumer in name only. */
static weir_subscribe_verdict supervisor_subscribed(weir_stage *self, const weir_peer *peer) {
    (void)self;
    (void)peer;
    return WEIR_SUBSCRIBE_REFUSE;
}

static weir_verdict supervise_events(weir_stage *self, weir_batch batch) {
    (void)self;
    (void)batch;
    return WEIR_CONTINUE;
}

static void close_supervisor(struct weir__supervisor *supervisor) {
    struct weir__child *child = supervisor->first;
    for (; child != NULL; child = child->next) {
        if (child->state == WEIR__CHILD_UP) { /* for whatever reason it ends before them */
            weir__child_stop(supervisor, child);
        }
    }
    if (supervisor->retrying) {
        weir__timers_remove(&supervisor->self->host->timers, &supervisor->retry);
    }
    weir__kin_leave(supervisor);
    weir__supervisor_close_lists(supervisor);
    weir__intensity_close(&supervisor->intensity, &supervisor->runtime->allocator);
}

static void supervisor_terminate(weir_stage *self, weir_reason reason) {
    struct weir__supervisor *supervisor = own_supervisor(self);
    (void)reason;
    close_supervisor(supervisor);
}

/* weir_stop, or a stop of the whole runtime. */
static bool stop_asked(weir_stage *self, weir_reason reason) {
    struct weir__supervisor *supervisor = own_supervisor(self);
    weir__supervisor_give_up(supervisor, reason);
    return weir__supervisor_pursue(supervisor) == WEIR_CONTINUE;
}

/* It is to finish: so are its children. */
static void drained(weir_stage *self) {
    struct weir__supervisor *supervisor = own_supervisor(self);
    weir__supervisor_want_nothing(supervisor);
    for (struct weir__child *child = supervisor->first; child != NULL; child = child->next) {
        if (child->state != WEIR__CHILD_DOWN) {
            weir__child_finish(supervisor, child);
        }
    }
}

static weir_holdup supervisor_holds(const weir_stage *self) {
    const struct weir__supervisor *supervisor = self->state;
    bool any = weir__supervisor_last_alive(supervisor, 0) != NULL;
    return any ? WEIR_HOLDUP_PRODUCERS : WEIR_HOLDUP_NONE; /* who must end first, in any case */
}

static const struct weir__part_calls supervisor_calls = {.poke = supervisor_poked,
                                                         .drained = drained,
                                                         .holds = supervisor_holds,
                                                         .stop_asked = stop_asked};

struct weir__supervisor *weir__supervisor_of(weir_stage *stage) {
    return stage->part == &supervisor_calls ? own_supervisor(stage) : NULL;
}

/* ---- opening ------------------------------------------------------------- */

/* Starts a child, and makes its links and those that others have with it. */
static weir_status start_first(struct weir__supervisor *supervisor, struct weir__child *child) {
    const char *what = "be started";
    weir_status status = weir__child_start(supervisor, child);
    if (status == WEIR_OK) {
        struct weir__link *refused;
        what = "subscribe";
        status = weir__links_make_first(supervisor, NULL, &refused);
        child = status == WEIR_OK ? child : refused->child;
    }
    if (status != WEIR_OK) {
        weir__refuse(status, "child %u, %s, could not %s: %s", (unsigned)child->number, child->name,
                     what, weir__child_refusal(child, status));
    }
    return status;
}

/* Its memory is its stage's. */
static const struct weir__quay_kind supervisor_kind = {.name = "supervisor"};

/*
 * Starts the children, on the starting thread.  When one is refused, the
 * supervisor comes to life all the same, to stop those before it in order.
 */
static weir_verdict supervisor_init(weir_stage *self, void *argument) {
    struct weir__supervisor *supervisor = own_supervisor(self);
    weir_status *status = argument;
    supervisor->self = self;
    weir__quay_open(&supervisor->quay, &supervisor_kind, supervisor->runtime, NULL, NULL);
    weir__kin_join(supervisor);
    self->part = &supervisor_calls;
    struct weir__child *child = supervisor->first;
    for (; child != NULL && *status == WEIR_OK; child = child->next) {
        *status = start_first(supervisor, child);
    }
    if (*status != WEIR_OK) {
        weir__supervisor_give_up(supervisor, WEIR_REASON_SHUTDOWN);
    }
    weir__supervisor_poke(supervisor);
    return WEIR_CONTINUE;
}

static weir_status check_supervisor_options(const weir_supervisor_options *options) {
    if (weir__missing(options, "options") ||
        WEIR__RESERVED_SET(options, "weir_supervisor_options")) {
        return WEIR_INVALID;
    }
    if ((unsigned)options->strategy > WEIR_ONE_FOR_ALL) {
        return weir__refuse(WEIR_INVALID,
                            "strategy must be one of WEIR_ONE_FOR_ONE, WEIR_REST_FOR_ONE, "
                            "WEIR_ONE_FOR_ALL, got %d",
                            (int)options->strategy);
    }
    size_t restarts = options->max_restarts;
    if (restarts > WEIR_MAX_RESTARTS_LIMIT && restarts != WEIR_NONE && restarts != WEIR_INFINITY) {
        return weir__refuse(WEIR_INVALID,
                            "max_restarts must be at most %d or WEIR_INFINITY, got %zu",
                            WEIR_MAX_RESTARTS_LIMIT, restarts);
    }
    if (options->max_seconds > WEIR_MAX_SECONDS_LIMIT) {
        return weir__refuse(WEIR_INVALID, "max_seconds must be from 1 to %d, got %zu",
                            WEIR_MAX_SECONDS_LIMIT,
                            options->max_seconds == WEIR_NONE ? (size_t)0 : options->max_seconds);
    }
    if (options->child_count > 0 && options->children == NULL) {
        return weir__refuse(WEIR_INVALID, "children must be set when child_count is %zu",
                            options->child_count);
    }
    return WEIR_OK;
}

static void fill_supervisor(struct weir__supervisor *supervisor, weir_runtime *runtime,
                            const weir_supervisor_options *options) {
    *supervisor = (struct weir__supervisor){
        .runtime = runtime,
        .strategy = options->strategy,
        .retry_ns = options->retry_ns != 0 ? options->retry_ns : WEIR_RETRY_NS_DEFAULT,
        .ends_with_children = options->ends_with_children};
    weir__supervisor_open_lists(supervisor);
}

static bool open_intensity(struct weir__supervisor *supervisor,
                           const weir_supervisor_options *options) {
    size_t most = options->max_restarts == WEIR_NONE ? 0
                  : options->max_restarts == 0       ? WEIR_MAX_RESTARTS_DEFAULT
                                                     : options->max_restarts;
    size_t seconds =
        options->max_seconds != 0 ? options->max_seconds : (size_t)WEIR_MAX_SECONDS_DEFAULT;
    return weir__intensity_open(&supervisor->intensity, &supervisor->runtime->allocator, most,
                                (uint64_t)seconds * NS_IN_SECOND);
}

static weir_status make_supervisor(struct weir__supervisor *supervisor,
                                   const weir_supervisor_options *options) {
    weir_runtime *runtime = supervisor->runtime;
    if (!open_intensity(supervisor, options)) {
        return weir__refuse(WEIR_NO_MEMORY, "no memory for a supervisor");
    }
    for (size_t i = 0; i < options->child_count; i++) {
        struct weir__child *child;
        weir_status status =
            weir__child_copy(runtime, &options->children[i], options->child_count, &child);
        if (status != WEIR_OK) {
            return weir__refuse(status, "child %zu: %s", i, weir_refusal());
        }
        weir__supervisor_add(supervisor, child);
    }
    return WEIR_OK;
}

weir_status weir_supervisor_start(weir_runtime *runtime, const weir_supervisor_options *options,
                                  weir_ref *out) {
    if (weir__unfit(runtime)) {
        return weir__refused();
    }
    struct weir__supervisor supervisor;
    weir_ref ref;
    weir_status status = check_supervisor_options(options);
    if (status != WEIR_OK) {
        return status;
    }
    fill_supervisor(&supervisor, runtime, options);
    status = make_supervisor(&supervisor, options);
    weir_status children = WEIR_OK;
    if (status == WEIR_OK) {
        const weir_stage_options stage = {
            .kind = WEIR_CONSUMER,
            .name = options->name != NULL ? options->name : "supervisor",
            .registered = options->registered,
            .state_bytes = sizeof supervisor,
            .state = &supervisor,
            .argument = &children,
            .worker = options->worker,
            .on = {.init = supervisor_init,
                   .handle_events = supervise_events,
                   .handle_subscribe = supervisor_subscribed,
                   .handle_down = handle_down,
                   .terminate = supervisor_terminate},
        };
        status = weir_stage_start(runtime, &stage, &ref);
    }
    if (status != WEIR_OK) {
        close_supervisor(&supervisor);
        return status;
    }
    if (children == WEIR_OK && out != NULL) {
        *out = ref;
    }
    return children;
}
