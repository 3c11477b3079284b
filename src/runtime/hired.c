/*
 * Hired: see hired.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "runtime/hired.h"

#include "base/refusal.h"
#include "base/reserved.h"
#include "os/program.h"
#include "runtime/errand.h"
#include "runtime/runtime.h"

#include <stdio.h>
#include <string.h>

/* ---- the option ------------------------------------------------------------ */

static weir_status check_prefix(const char *name) {
    const size_t length = strlen(name);
    if (length < 1 || length > WEIR_THREAD_NAME_MOST) {
        return weir__refuse(WEIR_INVALID,
                            "threads->name must have 1 to %d characters, got %zu: \"%s\"",
                            WEIR_THREAD_NAME_MOST, length, name);
    }
    return weir__check_text("threads->", "name", name);
}

static weir_status check_stack(size_t bytes) {
    const bool little = bytes < WEIR_STACK_BYTES_LEAST;
    return bytes == 0 || (!little && bytes <= WEIR_STACK_BYTES_MOST)
               ? WEIR_OK
               : weir__refuse(WEIR_INVALID, "threads->stack_bytes must be 0 or at %s %d, got %zu",
                              little ? "least" : "most",
                              little ? WEIR_STACK_BYTES_LEAST : WEIR_STACK_BYTES_MOST, bytes);
}

static weir_status check_priority(const weir_thread_options *options) {
    enum { NICE_LEAST = -20, NICE_MOST = 19 };
    if (options->nice < NICE_LEAST || options->nice > NICE_MOST) {
        return weir__refuse(WEIR_INVALID, "threads->nice must be from %d to %d, got %d", NICE_LEAST,
                            NICE_MOST, options->nice);
    }
    if (options->realtime < 0 || options->realtime > WEIR_REALTIME_MOST) {
        return weir__refuse(WEIR_INVALID, "threads->realtime must be from 0 to %d, got %d",
                            WEIR_REALTIME_MOST, options->realtime);
    }
    return WEIR_OK;
}

weir_status weir__hiring_check(const weir_thread_options *options) {
    if (options == NULL) {
        return WEIR_OK;
    }
    if (WEIR__RESERVED_SET(options, "weir_thread_options")) {
        return WEIR_INVALID;
    }
    weir_status status = options->name != NULL ? check_prefix(options->name) : WEIR_OK;
    status = status != WEIR_OK ? status : check_stack(options->stack_bytes);
    return status != WEIR_OK ? status : check_priority(options);
}

void weir__hiring_open(struct weir__hiring *hiring, const weir_thread_options *options) {
    *hiring = (struct weir__hiring){.options = options != NULL ? *options : hiring->options};
    const char *name = hiring->options.name;
    snprintf(hiring->name, sizeof hiring->name, "%s", name != NULL ? name : "weir");
    hiring->options.name = NULL; /* the program's */
}

/* ---- the thread ------------------------------------------------------------ */

static void call_hook(const struct weir__hired *hired, const char *what,
                      void (*hook)(void *context, const weir_thread *thread)) {
    if (hook != NULL) {
        const weir_thread thread = {
            .name = hired->thread.name, .kind = hired->kind, .number = hired->number};
        struct weir__errand errand;
        weir__errand_begin(&errand, hired->runtime, what);
        hook(hired->runtime->hiring.options.context, &thread);
        weir__errand_end(&errand);
    }
}

static void work(void *argument) {
    struct weir__hired *hired = argument;
    const weir_thread_options *options = &hired->runtime->hiring.options;
    if (hired->begin != NULL) {
        hired->begin(hired->argument);
    }
    call_hook(hired, "on_start", options->on_start);
    hired->run(hired->argument);
    weir__runtime_forked(hired->runtime, "callback"); /* one that told nobody */
    call_hook(hired, "on_stop", options->on_stop);
}

/* ---- hiring ----------------------------------------------------------------- */

/* What says which one it is stays whole, and what the program has said gives way. */
static void name_it(char name[static 16], const char *begins, const struct weir__job *job) {
    enum { SHOWN = 15, NUMBERS = 10000 };
    static const char *const ends[] = {[WEIR_THREAD_TIMELY] = "/timely",
                                       [WEIR_THREAD_SOURCE] = "-source",
                                       [WEIR_THREAD_DRAIN] = "/drain"};
    char end[16];
    if (job->kind == WEIR_THREAD_WORKER) {
        snprintf(end, sizeof end, "/%u", job->number % NUMBERS);
    } else if (job->kind == WEIR_THREAD_POOL) {
        snprintf(end, sizeof end, "-pool/%u", job->number % NUMBERS);
    } else {
        snprintf(end, sizeof end, "%s", ends[job->kind]);
    }
    const size_t room = SHOWN - strlen(end), length = strlen(begins);
    const size_t shown = length < room ? length : room;
    memcpy(name, begins, shown);
    memcpy(name + shown, end, strlen(end) + 1);
}

static struct weir__thread_traits traits_of(const weir_thread_options *options,
                                            weir_thread_kind kind) {
    const bool works = kind == WEIR_THREAD_WORKER || kind == WEIR_THREAD_TIMELY;
    return (struct weir__thread_traits){.stack_bytes = options->stack_bytes,
                                        .nice = options->nice,
                                        .realtime = works ? options->realtime : 0};
}

static weir_status refuse_to_start(const struct weir__hired *hired, const char *who, int error) {
    const struct weir__thread_traits *traits = &hired->thread.traits;
    char why[96] = "";
    if (hired->thread.refused != 0 && traits->realtime != 0) {
        snprintf(why, sizeof why,
                 ": threads->realtime %d needs CAP_SYS_NICE, or an RLIMIT_RTPRIO as high",
                 traits->realtime);
    } else if (hired->thread.refused != 0) {
        snprintf(why, sizeof why,
                 ": threads->nice %d needs CAP_SYS_NICE, or an RLIMIT_NICE that allows it",
                 traits->nice);
    }
    return weir__refuse(WEIR_SYSTEM, "%s could not be started: %s%s", who, strerror(error), why);
}

weir_status weir__hire(const weir_runtime *runtime, struct weir__hired *hired, const char *who,
                       const struct weir__job *job) {
    const struct weir__thread_traits traits = traits_of(&runtime->hiring.options, job->kind);
    char name[16];
    name_it(name, runtime->hiring.name, job);
    *hired = (struct weir__hired){.runtime = runtime,
                                  .kind = job->kind,
                                  .number = job->number,
                                  .begin = job->begin,
                                  .run = job->run,
                                  .argument = job->argument};
    const int error = weir__thread_start_as(&hired->thread, &traits, name, work, hired);
    return error == 0 ? WEIR_OK : refuse_to_start(hired, who, error);
}

void weir__hired_join(struct weir__hired *hired) {
    weir__thread_join(&hired->thread);
}

/* ---- what callbacks make ------------------------------------------------------ */

weir_status weir_thread_unbind(void) {
    if (weir__thread_is_ours()) {
        return weir__refuse(WEIR_WRONG_THREAD, "a thread of weir's keeps its signals and its core");
    }
    const int error = weir__program_join();
    return error == 0 ? WEIR_OK
                      : weir__refuse(WEIR_SYSTEM, "the cores of the process could not be set: %s",
                                     strerror(error));
}

weir_status weir_process_mask(void *signals) {
    if (weir__missing(signals, "signals")) {
        return WEIR_INVALID;
    }
    weir__program_signals(signals);
    return WEIR_OK;
}
