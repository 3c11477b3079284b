/*
 * The runtime: opening, running, stopping and closing.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "runtime/runtime.h"
#include "base/refusal.h"
#include "os/clock.h"
#include "os/futex.h"
#include "os/program.h"
#include "runtime/counters.h"
#include "runtime/drain.h"
#include "runtime/errand.h"
#include "runtime/forked.h"
#include "runtime/holdup.h"
#include "runtime/options.h"
#include "runtime/pins.h"
#include "runtime/rates.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- the log ------------------------------------------------------------- */

void weir__runtime_log(weir_runtime *runtime, weir_log_level level, const char *text) {
    if (runtime->options.log != NULL) {
        struct weir__errand errand;
        weir__errand_begin(&errand, runtime, "log");
        runtime->options.log(runtime->options.log_context, level, text);
        weir__errand_end(&errand);
        return;
    }
    static const char *const levels[] = {"", "error", "warning", "info"};
    fprintf(stderr, "weir: %s: %s\n", levels[level], text);
}

void weir_log(weir_runtime *runtime, weir_log_level level, const char *format, ...) {
    char text[512];
    va_list arguments;
    if (weir__unfit(runtime) || weir__missing(format, "format")) {
        return;
    }
    if (level < WEIR_LOG_ERROR || level > WEIR_LOG_INFO) {
        weir__refuse(WEIR_INVALID, "level must be 1 to 3, got %d", (int)level);
        return;
    }
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    weir__runtime_log(runtime, level, text);
}

struct weir__shown weir__host_name(const struct weir__host *host, weir_ref stage) {
    struct weir__shown shown;
    struct weir__label label;
    const struct weir__slot *slot = weir__registry_slot(&host->runtime->registry, stage);
    bool known = slot != NULL && weir__registry_read_label(slot, stage, &label);
    snprintf(shown.name, sizeof shown.name, "%s", known ? label.name : "(gone)");
    return shown;
}

void weir__host_log(struct weir__host *host, weir_log_level level, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    host->log(host->runtime, level, text);
}

/* ---- opening ------------------------------------------------------------- */

static weir_runtime *make_runtime(const weir_runtime_options *options,
                                  struct weir__allocator allocator) {
    weir_runtime *runtime = weir__alloc_zeroed(&allocator, sizeof *runtime, 128);
    if (runtime == NULL) {
        return NULL;
    }
    size_t bytes = (options->workers + 1u) * sizeof(struct weir__worker); /* one is timely */
    runtime->workers = weir__alloc_zeroed(&allocator, bytes, 128);
    if (runtime->workers == NULL) {
        weir__free(&allocator, runtime, sizeof *runtime);
        return NULL;
    }
    weir__forked_open(runtime);
    runtime->allocator = allocator;
    runtime->options = *options;
    runtime->options.cores = NULL; /* the program's, and what follows */
    runtime->options.threads = NULL;
    runtime->options.memory = NULL;
    weir__hiring_open(&runtime->hiring, options->threads);
    runtime->worker_count = options->workers;
    runtime->next_edge = 1;
    runtime->next_timer = 1;
    weir__callers_open(&runtime->calls, &runtime->allocator,
                       options->mode == WEIR_THREADS ? NULL : &runtime->workers[0].bell);
    weir__names_open(&runtime->names, &runtime->allocator);
    weir__tokens_open(&runtime->tokens, &runtime->allocator);
    weir__index_open(&runtime->supervisors, &runtime->allocator);
    weir__index_open(&runtime->outputs, &runtime->allocator);
    weir__registry_open(&runtime->registry, &runtime->allocator);
    weir__pool_open_loose(&runtime->loose, &runtime->allocator);
    weir__rng_seed(&runtime->rng, options->seed);
    return runtime;
}

static void destroy_runtime(weir_runtime *runtime) {
    struct weir__allocator allocator = runtime->allocator;
    weir__forked_close(runtime);
    weir__rates_leave(runtime);
    for (unsigned i = 0; i < weir__runtime_all(runtime); i++) {
        if (weir__worker_is_pinned(&runtime->workers[i])) {
            weir__pins_give(runtime->workers[i].core);
        }
        weir__lookout_close(&runtime->workers[i].lookout);
        weir__pool_close(&runtime->workers[i].host.pool);
    }
    weir__pool_close(&runtime->loose);
    weir__registry_close(&runtime->registry);
    weir__names_close(&runtime->names);
    weir__callers_close(&runtime->calls);
    weir__tokens_close(&runtime->tokens);
    weir__index_close(&runtime->supervisors);
    weir__index_close(&runtime->outputs);
    weir__counters_close(runtime);
    weir__free(&allocator, runtime->workers,
               (runtime->worker_count + 1u) * sizeof(struct weir__worker));
    weir__free(&allocator, runtime, sizeof *runtime);
    weir__allocator_close(&allocator);
}

static void join_workers(weir_runtime *runtime, unsigned count) {
    weir__store_relaxed_u32(&runtime->quit, 1); /* ordered by the mail that follows */
    for (unsigned i = 0; i < count; i++) {
        weir__worker_stop_all(&runtime->workers[i]); /* all wake at once */
    }
    for (unsigned i = 0; i < count; i++) {
        weir__hired_join(&runtime->workers[i].thread);
    }
}

static weir_status start_workers(weir_runtime *runtime) {
    for (unsigned i = 0; i < runtime->worker_count; i++) {
        struct weir__worker *worker = &runtime->workers[i];
        char who[48];
        snprintf(who, sizeof who, "worker %u of %u", i, runtime->worker_count);
        const struct weir__job job = {.kind = WEIR_THREAD_WORKER,
                                      .number = i,
                                      .begin = weir__worker_begin,
                                      .run = weir__worker_run,
                                      .argument = worker};
        weir_status status = weir__hire(runtime, &worker->thread, who, &job);
        if (status != WEIR_OK) {
            join_workers(runtime, i);
            return status;
        }
    }
    return WEIR_OK;
}

weir_status weir_runtime_open(const weir_runtime_options *options, weir_runtime **out) {
    struct weir__pins pins;
    weir_runtime_options filled;
    weir_status status = weir__pins_open(&pins, options);
    status = status != WEIR_OK ? status : weir__options_runtime(options, pins.workers, &filled);
    if (status == WEIR_OK && out == NULL) {
        status = weir__refuse(WEIR_INVALID, "out must not be NULL");
    }
    if (status != WEIR_OK) {
        return status;
    }
    struct weir__allocator allocator;
    status = weir__allocator_open_with(&allocator, &filled.allocator, filled.memory);
    if (status != WEIR_OK) {
        return status;
    }
    weir__program_note();
    weir_runtime *runtime = make_runtime(&filled, allocator);
    if (runtime == NULL) {
        weir__allocator_close(&allocator);
        return weir__refuse(WEIR_NO_MEMORY, "no memory for a runtime of %u workers",
                            filled.workers);
    }
    runtime->crowded =
        (filled.idle == WEIR_IDLE_ADAPT || filled.idle == WEIR_IDLE_SPIN_THEN_PARK) &&
        filled.workers > pins.workers;
    for (unsigned i = 0; i < runtime->worker_count; i++) {
        unsigned core = weir__runtime_is_pinned(runtime) ? weir__pins_take(&pins, i) : 0;
        weir__worker_open(&runtime->workers[i], runtime, i, core);
    }
    status = weir__counters_open(runtime);
    if (status == WEIR_OK && filled.mode == WEIR_THREADS) {
        status = start_workers(runtime);
    }
    if (status != WEIR_OK) {
        destroy_runtime(runtime);
        return status;
    }
    *out = runtime;
    return WEIR_OK;
}

/* ---- running, settling, stopping ----------------------------------------- */

void weir__runtime_gone(weir_runtime *runtime) {
    if (weir__fetch_sub_u32(&runtime->alive, 1) == 1) { /* T5 -> T6 */
        weir__futex_wake(&runtime->alive, INT32_MAX);
    }
}

bool weir__runtime_await_end(weir_runtime *runtime, uint64_t deadline) {
    for (;;) {
        uint32_t alive = weir__load_acquire_u32(&runtime->alive); /* T5 -> T6 */
        if (alive == 0) {
            return true;
        }
        if (weir__clock_now_ns() >= deadline) {
            return false;
        }
        weir__futex_wait(&runtime->alive, alive, deadline);
    }
}

static weir_status run_stepping(weir_runtime *runtime, uint64_t deadline) {
    enum { TURNS = 1024 };
    while (weir__load_relaxed_u32(&runtime->alive) > 0 &&
           weir__runtime_go_on(runtime, TURNS, deadline, NULL)) {}
    return weir__load_relaxed_u32(&runtime->alive) > 0 ? WEIR_TIMEOUT : WEIR_OK;
}

weir_status weir_runtime_run(weir_runtime *runtime, uint64_t timeout_ns) {
    weir_status status = weir__stepping_begin_from(runtime, "weir_runtime_run");
    if (status != WEIR_OK) {
        return status;
    }
    uint64_t deadline = weir__clock_deadline(weir_runtime_now(runtime), timeout_ns);
    if (runtime->options.mode == WEIR_THREADS) {
        return weir__runtime_await_end(runtime, deadline) ? WEIR_OK : WEIR_TIMEOUT;
    }
    status = run_stepping(runtime, deadline);
    weir__stepping_end(runtime);
    return status;
}

bool weir__runtime_at_rest(const weir_runtime *runtime) {
    uint64_t sum = 0;
    const unsigned count = weir__runtime_all(runtime);
    for (unsigned i = 0; i < count; i++) {
        uint64_t epoch = weir__load_acquire_u64(&runtime->workers[i].epoch); /* Q1 -> Q2 */
        if ((epoch & 1) == 0) {
            return false;
        }
        sum += epoch;
    }
    weir__fence_full();                                  /* Q3 -> Q4 */
    if (weir__load_acquire_u64(&runtime->abroad) != 0) { /* Q5 -> Q6 */
        return false;
    }
    if (weir__runtime_all(runtime) != count) { /* who opened it ran before its epoch was read */
        return false;
    }
    bool stepped = runtime->options.mode != WEIR_THREADS; /* cold to look at, whatever waits */
    for (unsigned i = 0; i < count; i++) {
        const struct weir__bell *bell = &runtime->workers[i].bell;
        if (weir__bell_pending(bell) || (stepped && bell->run_count > 0)) {
            return false;
        }
    }
    weir__fence_full(); /* Q3 -> Q4 */
    for (unsigned i = 0; i < count; i++) {
        sum -= weir__load_acquire_u64(&runtime->workers[i].epoch); /* Q1 -> Q2 */
    }
    return sum == 0; /* epochs only grow */
}

/* tokens: those that are out are not at rest either, but where who steps may hold them. */
static bool settles(weir_runtime *runtime, uint64_t timeout_ns, bool tokens) {
    uint64_t deadline = weir__clock_deadline(weir__clock_now_ns(), timeout_ns);
    uint64_t nap_ns = 1000;
    if (runtime->options.mode != WEIR_THREADS) {
        while (weir__runtime_step(runtime, 1024) == 1024) {
            if (weir__clock_now_ns() >= deadline) {
                return false;
            }
        }
        return true;
    }
    while ((tokens && weir__load_acquire_u64(&runtime->tokens_out) > 0) || /* Q5 -> Q6 */
           !weir__runtime_at_rest(runtime)) {
        if (weir__clock_now_ns() >= deadline) {
            return false;
        }
        weir__clock_sleep_ns(nap_ns);
        nap_ns = nap_ns < 1000000 ? nap_ns * 2 : nap_ns;
    }
    return true;
}

weir_status weir_runtime_settle(weir_runtime *runtime, uint64_t timeout_ns) {
    weir_status status = weir__stepping_begin_from(runtime, "weir_runtime_settle");
    if (status != WEIR_OK) {
        return status;
    }
    status = settles(runtime, timeout_ns, true) ? WEIR_OK : WEIR_TIMEOUT;
    weir__stepping_end(runtime);
    return status;
}

weir_status weir_runtime_stop(weir_runtime *runtime, weir_reason reason) {
    if (weir__unfit(runtime)) {
        return weir__refused();
    }
    weir__store_relaxed_u32(&runtime->stop_reason, (uint32_t)reason);
    weir__fetch_add_u32(&runtime->stops, 1); /* T9 -> T10 */
    for (unsigned i = 0; i < weir__runtime_all(runtime); i++) {
        weir__worker_stop_all(&runtime->workers[i]);
    }
    return WEIR_OK;
}

/* ---- closing ------------------------------------------------------------- */

/* How long nothing has ended: neither stages nor what they have lent. */
struct patience {
    uint64_t stages;
    uint64_t abroad;
    uint64_t since;
    bool said;
};

static void say_who(weir_runtime *runtime) {
    weir_drain_report found = {0};
    char text[160];
    if (weir__holdup_stuck(runtime, &found)) {
        snprintf(text, sizeof text, "weir_runtime_close waits for a callback of stage %s to return",
                 found.name);
    } else if (weir_runtime_stages(runtime) == 0 && !weir__drain_told(runtime)) {
        snprintf(text, sizeof text, "weir_runtime_close waits for a drain's `done` to return");
    } else {
        snprintf(text, sizeof text, "weir_runtime_close waits for %zu stages, and for tasks",
                 weir_runtime_stages(runtime));
    }
    weir__runtime_log(runtime, WEIR_LOG_WARNING, text);
}

/* Before what a drain's `done` has asked for settles. */
static bool is_drain_told(weir_runtime *runtime, uint64_t nap_ns) {
    bool told = weir__drain_told(runtime);
    if (!told) {
        weir__clock_sleep_ns(nap_ns);
    }
    return told;
}

/* False: for as long as the option allows nothing has ended. */
static bool is_patient(weir_runtime *runtime, struct patience *patience) {
    enum { SAY_AFTER_NS = 1000000000 };
    uint64_t stages = weir_runtime_stages(runtime);
    uint64_t abroad = weir__load_relaxed_u64(&runtime->abroad);
    uint64_t now = weir__clock_now_ns();
    uint64_t most = runtime->options.close_ns;
    if (patience->since == 0 || stages != patience->stages || abroad != patience->abroad) {
        *patience = (struct patience){stages, abroad, now, false};
    }
    bool over = now - patience->since >= most;
    if (!patience->said && (over || now - patience->since >= SAY_AFTER_NS)) {
        patience->said = true;
        say_who(runtime);
    }
    return !over;
}

weir_status weir_runtime_close(weir_runtime *runtime, weir_accounts *accounts) {
    enum { NAP_NS = 10000000 };
    struct patience patience = {0};
    if (weir__unfit(runtime)) {
        return weir__forked_leave(runtime, accounts);
    }
    weir_status status = weir__stepping_begin_from(runtime, "weir_runtime_close");
    if (status != WEIR_OK) {
        return status;
    }
    weir__store_relaxed_u32(&runtime->stop_reason, WEIR_REASON_SHUTDOWN); /* out with closing */
    weir__store_release_u32(&runtime->closing, 1);                        /* T7 -> T8 */
    weir_runtime_stop(runtime, WEIR_REASON_SHUTDOWN);
    /* Once is enough: a stage that a callback started just before it saw `closing` is told
     * as it joins.  Those that wait for other threads need time. */
    while (weir_runtime_run(runtime, NAP_NS) != WEIR_OK || !is_drain_told(runtime, NAP_NS) ||
           !settles(runtime, NAP_NS, false)) {
        if (!is_patient(runtime, &patience)) {
            weir__stepping_end(runtime);
            return WEIR_TIMEOUT;
        }
    }
    while (weir__load_acquire_u32(&runtime->givers) > 0) { /* T15 -> T16 */
        weir__thread_yield();
    }
    weir__drain_close(runtime);
    if (runtime->options.mode == WEIR_THREADS) {
        join_workers(runtime, weir__runtime_all(runtime));
    }
    for (unsigned i = 0; i < weir__runtime_all(runtime); i++) {
        weir__pool_flush(&runtime->workers[i].host.pool);
    }
    for (unsigned i = 0; i < weir__runtime_all(runtime); i++) {
        weir__pool_collect(&runtime->workers[i].host.pool);
    }
    if (accounts != NULL) {
        weir_runtime_accounts(runtime, accounts);
    }
    destroy_runtime(runtime);
    return WEIR_OK;
}

/* ---- facts --------------------------------------------------------------- */

unsigned weir_runtime_workers(const weir_runtime *runtime) {
    if (weir__unfit(runtime)) {
        return 0;
    }
    return runtime->worker_count;
}

size_t weir_runtime_stages(const weir_runtime *runtime) {
    if (weir__unfit(runtime)) {
        return 0;
    }
    return weir__load_relaxed_u32(&runtime->alive);
}

const char *weir_runtime_allocator(const weir_runtime *runtime) {
    if (weir__unfit(runtime)) {
        return "";
    }
    return runtime->allocator.name;
}

uint64_t weir_runtime_now(const weir_runtime *runtime) {
    if (weir__unfit(runtime)) {
        return 0;
    }
    return runtime->options.mode == WEIR_SIMULATED ? weir__load_relaxed_u64(&runtime->virtual_ns)
                                                   : weir__clock_now_ns();
}
