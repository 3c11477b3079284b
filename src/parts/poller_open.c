/*
 * Starting a poller.  See poller.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The stage is the program's, but for its init, which makes it a poller and then runs the
 * program's.
 */
#include "parts/poller.h"

#include "base/refusal.h"
#include "base/reserved.h"
#include "runtime/options.h"

#include <string.h>

/* For init: the program's, behind the poller's. */
struct opening {
    struct weir__poller *poller;
    weir_verdict (*init)(weir_stage *self, void *argument);
    void *argument;
    bool attached; /* it goes with its stage */
};

static void close_sets(struct weir__poller *poller) {
    for (int i = 0; i < WEIR__POLLER_SETS; i++) {
        if (poller->sets[i].watch.poll > 0) {
            weir__poll_close(poller->sets[i].watch.poll);
        }
    }
    weir__lookout_close(&poller->spare);
}

static void free_poller(struct weir__quay *quay) {
    struct weir__poller *poller = WEIR__CONTAINER_OF(quay, struct weir__poller, quay);
    weir_runtime *runtime = quay->runtime;
    close_sets(poller);
    weir__index_close(&poller->entries);
    weir__free(&runtime->allocator, poller, sizeof *poller);
}

weir_status weir__poller_open(struct weir__poller *poller, weir_runtime *runtime) {
    static const struct weir__quay_kind kind = {.name = "poller", .nobodys = free_poller};
    weir__quay_open(&poller->quay, &kind, runtime, NULL, NULL);
    weir__index_open(&poller->entries, &runtime->allocator);
    int error = weir__lookout_open(&poller->spare);
    for (int i = 0; i < WEIR__POLLER_SETS && error == 0; i++) {
        int poll = weir__poll_open();
        poller->sets[i].watch.poll = poll > 0 ? poll : 0;
        error = poll < 0 ? poll : 0;
    }
    return error == 0
               ? WEIR_OK
               : weir__refuse(WEIR_SYSTEM, "no descriptors for a poller: %s", strerror(-error));
}

void weir__poller_free(struct weir__poller *poller) {
    weir__quay_release(&poller->quay, 1); /* the stage's, of which there is none */
}

static weir_verdict poller_init(weir_stage *self, void *argument) {
    struct opening *opening = argument;
    opening->attached = true;
    weir__poller_attach(opening->poller, self);
    return opening->init == NULL ? WEIR_CONTINUE : opening->init(self, opening->argument);
}

static weir_verdict ask_sets_instead(weir_stage *self, uint64_t demand) {
    (void)self, (void)demand;
    return WEIR_CONTINUE;
}

static weir_status check_poller_options(const weir_poller_options *options) {
    if (weir__missing(options, "options") || weir__missing(options->stage, "stage") ||
        WEIR__RESERVED_SET(options, "weir_poller_options")) {
        return WEIR_INVALID;
    }
    if (options->most > INT32_MAX) {
        return weir__refuse(WEIR_INVALID, "most must be from 1 to %d, got %zu", INT32_MAX,
                            options->most);
    }
    return WEIR_OK;
}

/* The program's stage, as a poller. */
static weir_stage_options as_poller(const weir_stage_options *given, struct opening *opening) {
    weir_stage_options options = *given;
    opening->init = given->on.init;
    opening->argument = given->argument;
    options.argument = opening;
    options.on.init = poller_init;
    if (options.kind == WEIR_PRODUCER && options.on.handle_demand == NULL) {
        options.on.handle_demand = ask_sets_instead;
    }
    if (options.kind != WEIR_CONSUMER && options.buffer_size == 0) {
        options.buffer_size = WEIR_INFINITY;
    }
    return options;
}

weir_status weir_poller_start(weir_runtime *runtime, const weir_poller_options *options,
                              weir_ref *out) {
    if (weir__unfit(runtime)) {
        return weir__refused();
    }
    weir_status status = check_poller_options(options);
    if (status != WEIR_OK) {
        return status;
    }
    struct weir__poller *poller = weir__alloc_zeroed(&runtime->allocator, sizeof *poller, 64);
    if (poller == NULL) {
        return weir__refuse(WEIR_NO_MEMORY, "no memory for a poller");
    }
    poller->most = options->most == 0 ? WEIR_POLLER_MOST_DEFAULT : options->most;
    poller->accepts = true;
    status = weir__poller_open(poller, runtime);
    struct opening opening = {.poller = poller};
    if (status == WEIR_OK) {
        const weir_stage_options stage = as_poller(options->stage, &opening);
        status = weir_stage_start(runtime, &stage, out);
    }
    if (!opening.attached) {
        weir__poller_free(poller);
    }
    weir__quay_release(&poller->quay, 1); /* the handle's, which nobody has */
    return status;
}
