/*
 * A source's options, its opening and its closing.  See source.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/bits.h"
#include "base/refusal.h"
#include "base/reserved.h"
#include "os/clock.h"
#include "os/futex.h"
#include "pipeline/source.h"
#include "runtime/errand.h"

#include <stdio.h>
#include <string.h>

/* ---- options -------------------------------------------------------------------- */

static uint64_t given_or(uint64_t value, uint64_t usual) {
    return value == 0 ? usual : value;
}

static weir_status check_driver(const weir_source_driver *driver) {
    if (driver == NULL) {
        return WEIR_OK;
    }
    if (WEIR__RESERVED_SET(driver, "weir_source_driver")) {
        return WEIR_INVALID;
    }
    const char *name = driver->name != NULL ? driver->name : "driver";
    if (weir__check_text("driver->", "name", name) != WEIR_OK) {
        return WEIR_INVALID;
    }
    if (driver->pull == NULL) {
        return weir__refuse(WEIR_INVALID, "driver %s: pull must be set", name);
    }
    if (driver->extend != NULL && driver->lease_ns == 0) {
        return weir__refuse(WEIR_INVALID,
                            "driver %s: extend is set, so lease_ns must say after how long an "
                            "engine delivers again, got 0",
                            name);
    }
    if (driver->lease_ns > 0 && driver->extend == NULL && !driver->cumulative) {
        return weir__refuse(WEIR_INVALID,
                            "driver %s: lease_ns is set, so extend must say how a lease is "
                            "extended, got lease_ns %llu and extend NULL",
                            name, (unsigned long long)driver->lease_ns);
    }
    if (driver->span != 0 && !driver->cumulative) {
        return weir__refuse(WEIR_INVALID,
                            "driver %s: span is for cumulative sources, got %u and cumulative "
                            "false",
                            name, driver->span);
    }
    if (driver->cumulative && driver->lease_ns > 0 && driver->extend == NULL) {
        return weir__refuse(WEIR_INVALID,
                            "driver %s: a cumulative source has no leases of messages, got "
                            "lease_ns %llu",
                            name, (unsigned long long)driver->lease_ns);
    }
    return WEIR_OK;
}

weir_status weir__source_check_reopen(uint64_t reopen_ns, uint64_t reopen_most_ns) {
    const uint64_t reopen = given_or(reopen_ns, WEIR_SOURCE_REOPEN_DEFAULT);
    return reopen_most_ns == 0 || reopen_most_ns >= reopen
               ? WEIR_OK
               : weir__refuse(WEIR_INVALID,
                              "reopen_most_ns must be at least reopen_ns, %llu, got %llu",
                              (unsigned long long)reopen, (unsigned long long)reopen_most_ns);
}

static weir_status check_source_options(const weir_source_options *options) {
    if (WEIR__RESERVED_SET(options, "weir_source_options")) {
        return WEIR_INVALID;
    }
    if (options->max_outstanding > WEIR_SOURCE_OUTSTANDING_LIMIT) {
        return weir__refuse(WEIR_INVALID, "max_outstanding must be at most %d, got %zu",
                            WEIR_SOURCE_OUTSTANDING_LIMIT, options->max_outstanding);
    }
    if (options->when_full != WEIR_REFUSE && options->when_full != WEIR_BLOCK) {
        return weir__refuse(WEIR_INVALID,
                            "when_full must be WEIR_REFUSE or WEIR_BLOCK, got %d: a source drops "
                            "nothing",
                            (int)options->when_full);
    }
    weir_status status = weir__source_check_reopen(options->reopen_ns, options->reopen_most_ns);
    status = status == WEIR_OK ? check_driver(options->driver) : status;
    if (status == WEIR_OK && options->driver != NULL && options->driver->needs_context &&
        options->context == NULL) {
        return weir__refuse(
            WEIR_INVALID,
            "driver %s: context (of a pipeline, source_contexts) must be the source "
            "that the driver is of, got NULL",
            options->driver->name != NULL ? options->driver->name : "driver");
    }
    return status;
}

static void fill_driver(weir_source *source, const weir_source_driver *driver) {
    source->driven = driver != NULL;
    if (driver != NULL) {
        source->driver = *driver;
    }
    source->driver.name = source->driver.name == NULL ? "driver" : source->driver.name;
    source->driver.span = source->driver.span == 0 ? WEIR_SOURCE_SPAN_DEFAULT : source->driver.span;
    source->driver.idle_ns = given_or(source->driver.idle_ns, WEIR_SOURCE_IDLE_DEFAULT);
}

static void fill_source(weir_source *source, const weir_source_options *options) {
    weir_source_options *own = &source->options;
    const char *usual =
        options->driver != NULL && options->driver->name != NULL ? options->driver->name : "source";
    *own = *options;
    snprintf(source->name, sizeof source->name, "%s",
             options->name != NULL ? options->name : usual);
    own->name = source->name;
    own->max_outstanding =
        own->max_outstanding == 0 ? WEIR_SOURCE_OUTSTANDING_DEFAULT : own->max_outstanding;
    own->max_outstanding_bytes =
        own->max_outstanding_bytes == 0 ? WEIR_INFINITY : own->max_outstanding_bytes;
    own->shutdown_ns = given_or(own->shutdown_ns, WEIR_SOURCE_SHUTDOWN_DEFAULT);
    own->reopen_ns = given_or(own->reopen_ns, WEIR_SOURCE_REOPEN_DEFAULT);
    uint64_t most = given_or(own->reopen_most_ns, WEIR_SOURCE_REOPEN_MOST_DEFAULT);
    own->reopen_most_ns = most < own->reopen_ns ? own->reopen_ns : most;
    own->redeliver_ns = given_or(own->redeliver_ns, WEIR_SOURCE_REDELIVER_DEFAULT);
    own->ack_tries = own->ack_tries == 0 ? WEIR_SOURCE_ACK_TRIES_DEFAULT : own->ack_tries;
}

/* ---- memory --------------------------------------------------------------------- */

static size_t trays_bytes(size_t places) {
    return weir__trays_of((uint32_t)places) * sizeof(struct weir__tray);
}

static void free_tables(weir_source *source) {
    const struct weir__allocator *allocator = &source->quay.runtime->allocator;
    size_t most = source->driven ? source->options.max_outstanding : 0;
    weir__free(allocator, source->records, most * sizeof *source->records);
    weir__free(allocator, source->receipts, most * sizeof *source->receipts);
    weir__free(allocator, source->trays.all, trays_bytes(most));
    weir__free(allocator, source->kept, most * sizeof *source->kept);
}

static void free_source(struct weir__quay *quay) {
    weir_source *source = WEIR__CONTAINER_OF(quay, weir_source, quay);
    weir__lanes_close(source);
    weir__pages_close(&source->pages);
    free_tables(source);
    weir__free(&quay->runtime->allocator, source, sizeof *source);
}

/* Slips may not be enough. */
static bool keeps(const weir_source *source) {
    return source->driver.cumulative || source->driver.release != NULL;
}

/* Touched as they are used.  A tray's places are one group of records. */
static bool make_tables(weir_source *source) {
    const struct weir__allocator *allocator = &source->quay.runtime->allocator;
    size_t most = source->options.max_outstanding;
    if (!source->driven) {
        return true;
    }
    source->records = weir__alloc(allocator, most * sizeof *source->records,
                                  WEIR__RUN_RECORDS * sizeof *source->records);
    source->receipts = weir__alloc(allocator, most * sizeof *source->receipts, 64);
    source->trays.all = weir__alloc(allocator, trays_bytes(most), 64);
    source->trays.most = (uint32_t)most;
    if (keeps(source)) {
        source->kept = weir__alloc(allocator, most * sizeof *source->kept, 64);
    }
    return source->records != NULL && source->receipts != NULL && source->trays.all != NULL &&
           (source->kept != NULL || !keeps(source));
}

static weir_source *make_source(weir_runtime *runtime, const weir_source_options *options) {
    static const struct weir__quay_kind kind = {.name = "source", .nobodys = free_source};
    weir_source *source = weir__alloc_zeroed(&runtime->allocator, sizeof *source, 128);
    if (source == NULL) {
        return NULL;
    }
    weir__quay_open(&source->quay, &kind, runtime, NULL, NULL);
    fill_driver(source, options->driver);
    fill_source(source, options);
    source->threaded = source->driven && weir__quay_has_threads(&source->quay);
    source->ledger.forks = weir__forks;
    source->ledger.took = weir__source_took;
    source->keeper = weir__source_keeper;
    source->pages.allocator = &runtime->allocator;
    source->deadline = source->seen_deadline = UINT64_MAX;
    source->armed_at = UINT64_MAX;
    source->reopen_wait = source->options.reopen_ns;
    source->first_place = weir__port_start;
    source->wanted = source->seen_wanted = source->called_for = weir__port_start;
    weir__rng_seed(&source->rng, (uintptr_t)source ^ runtime->options.seed);
    weir__index_open(&source->lanes, &runtime->allocator);
    if (!make_tables(source)) {
        free_source(&source->quay);
        return NULL;
    }
    return source;
}

/* ---- opening -------------------------------------------------------------------- */

static weir_status start_keeper(weir_source *source) {
    char name[64];
    snprintf(name, sizeof name, "%s.acks", source->name);
    const weir_stage_options stage = {.kind = WEIR_CONSUMER,
                                      .name = name,
                                      .state_bytes = sizeof source,
                                      .state = &source,
                                      .worker = source->options.worker,
                                      .on = weir__source_callbacks};
    return weir_stage_start(source->quay.runtime, &stage, &source->quay.stage);
}

static weir_status open_inlet(weir_source *source) {
    const weir_source_options *options = &source->options;
    size_t ring = options->max_outstanding;
    const weir_inlet_options inlet = {.name = source->name,
                                      .type = weir_message_type(),
                                      .capacity =
                                          ring < WEIR__SOURCE_RING ? ring : WEIR__SOURCE_RING,
                                      .when_full = options->when_full,
                                      .worker = options->worker,
                                      .demand = options->demand,
                                      .dispatcher = options->dispatcher,
                                      .dispatcher_options = options->dispatcher_options,
                                      .on_cancel = options->on_cancel};
    weir__quay_hold(&source->quay, 1); /* the inlet's */
    weir_status status =
        weir__inlet_open(source->quay.runtime, &inlet, &source->keeper, &source->inlet);
    if (status != WEIR_OK) {
        weir__quay_release(&source->quay, 1);
    }
    return status;
}

static weir_status start_source_thread(weir_source *source) {
    char who[80];
    const struct weir__job job = {
        .kind = WEIR_THREAD_SOURCE, .run = weir__source_thread, .argument = source};
    snprintf(who, sizeof who, "the thread of source %s", source->name);
    return source->threaded ? weir__hire(source->quay.runtime, &source->thread, who, &job)
                            : WEIR_OK;
}

/* All that has been made of it ends again: it never was. */
static void fail_source(weir_source *source) {
    weir_runtime *runtime = source->quay.runtime;
    const weir_token tokens[] = {source->inlet_token, source->own_token};
    weir__store_release_u32(&source->over, 1); /* SO5 -> SO6 */
    weir_port_close(source->port);
    for (int i = 0; i < 2; i++) {
        if (tokens[i].bits != 0) {
            weir_done(runtime, tokens[i]);
        }
    }
    if (source->inlet != NULL) {
        weir_stop(runtime, source->inlet->quay.stage, WEIR_REASON_SHUTDOWN);
        weir_inlet_close(source->inlet);
    }
    weir_stop(runtime, source->quay.stage, WEIR_REASON_SHUTDOWN);
    weir__quay_release(&source->quay, 1); /* the handle's */
}

static weir_status open_parts(weir_source *source) {
    weir_runtime *runtime = source->quay.runtime;
    weir_status status = weir_busy(runtime, source->quay.stage, &source->own_token);
    status = status != WEIR_OK ? status : open_inlet(source);
    if (status == WEIR_OK) {
        weir__inlet_trust(source->inlet, source->quay.stage);
        status = weir_busy(runtime, source->inlet->quay.stage, &source->inlet_token);
    }
    status = status != WEIR_OK ? status : weir_port_open(source->inlet, &source->port);
    return status != WEIR_OK ? status : start_source_thread(source);
}

weir_status weir_source_open(weir_runtime *runtime, const weir_source_options *options,
                             weir_source **out, weir_ref *stage) {
    return weir__source_open(runtime, options, NULL, out, stage);
}

weir_status weir__source_open(weir_runtime *runtime, const weir_source_options *options,
                              const struct weir__source_kin *kin, weir_source **out,
                              weir_ref *stage) {
    if (weir__unfit(runtime) || weir__missing(options, "options") || weir__missing(out, "out")) {
        return weir__refused();
    }
    weir_status status = check_source_options(options);
    if (status != WEIR_OK) {
        return status;
    }
    weir_source *source = make_source(runtime, options);
    if (source == NULL) {
        return weir__refuse(WEIR_NO_MEMORY, "no memory for a source of %zu messages",
                            options->max_outstanding);
    }
    source->kin = kin;
    status = start_keeper(source);
    if (status != WEIR_OK) {
        free_source(&source->quay);
        return status;
    }
    status = open_parts(source);
    if (status != WEIR_OK) {
        fail_source(source);
        return status;
    }
    weir__store_release_u32(&source->begun, 1); /* SO7 -> SO8 */
    if (!source->threaded) {
        weir__quay_poke(&source->quay);
    }
    *out = source;
    if (stage != NULL) {
        *stage = source->inlet->quay.stage;
    }
    return WEIR_OK;
}

/* ---- ending --------------------------------------------------------------------- */

bool weir_source_over(const weir_source *source) {
    return weir__source_unfit(source) ||
           weir__load_acquire_u32(&source->over) != 0; /* SO5 -> SO6 */
}

weir_status weir_source_finish(weir_source *source, uint64_t within_ns) {
    if (weir__source_unfit(source)) {
        return weir__refused();
    }
    weir__source_ask_end(source, within_ns == 0 ? source->options.shutdown_ns : within_ns);
    return WEIR_OK;
}

/* Sleeps, or steps the runtime. */
static void wait_until_over(weir_source *source, uint64_t deadline) {
    weir_runtime *runtime = source->quay.runtime;
    if (!weir__quay_has_threads(&source->quay)) {
        while (!weir_source_over(source) && weir__runtime_go_on(runtime, 1, deadline, NULL)) {}
        return;
    }
    while (!weir_source_over(source) && weir_runtime_now(runtime) < deadline) {
        weir__futex_wait(&source->over, 0, deadline);
    }
}

static weir_status end_and_wait(weir_source *source, uint64_t within_ns, uint64_t timeout_ns,
                                const char *call) {
    weir_runtime *runtime = source->quay.runtime;
    weir_status status = weir__stepping_begin_from(runtime, call);
    if (status != WEIR_OK) {
        return status;
    }
    if (within_ns > 0) {
        weir__source_ask_end(source, within_ns);
    }
    uint64_t now = weir_runtime_now(runtime);
    wait_until_over(source, weir__clock_deadline(now, timeout_ns));
    weir__stepping_end(runtime);
    return weir_source_over(source) ? WEIR_OK : WEIR_TIMEOUT;
}

weir_status weir_source_drain(weir_source *source, uint64_t within_ns, uint64_t timeout_ns) {
    if (weir__source_unfit(source)) {
        return weir__refused();
    }
    uint64_t within = within_ns == 0 ? source->options.shutdown_ns : within_ns;
    return end_and_wait(source, within, timeout_ns, "weir_source_drain");
}

/* From now until its deadline, and what a driver may take to return from a call. */
static uint64_t time_to_end(const weir_source *source) {
    enum { GRACE_NS = 2000000000 };
    uint64_t now = weir_runtime_now(source->quay.runtime);
    uint64_t deadline = weir__load_relaxed_u64(&source->deadline);
    uint64_t left = deadline == UINT64_MAX ? source->options.shutdown_ns
                    : deadline > now       ? deadline - now
                                           : 0;
    return weir__clock_deadline(left, GRACE_NS);
}

weir_status weir_source_close(weir_source *source) {
    if (source == NULL || weir__source_unfit(source)) {
        return WEIR_OK;
    }
    bool over = weir_source_over(source);
    bool asked = over || weir__load_relaxed_u64(&source->deadline) != UINT64_MAX;
    weir_status status = end_and_wait(source, asked ? 0 : source->options.shutdown_ns,
                                      time_to_end(source), "weir_source_close");
    if (status != WEIR_OK) {
        return status == WEIR_TIMEOUT
                   ? weir__refuse(status, "source %s: a function of its driver has not returned",
                                  source->name)
                   : status;
    }
    if (source->threaded) {
        weir__hired_join(&source->thread);
    }
    weir_inlet_close(source->inlet);
    weir__quay_release(&source->quay, 1);
    return WEIR_OK;
}

/* ---- what it has done ----------------------------------------------------------- */

weir_status weir_source_statistics(const weir_source *source, weir_source_stats *out) {
    if (weir__source_unfit(source) || weir__missing(out, "out")) {
        return weir__refused();
    }
    const uint64_t *from = (const uint64_t *)(const void *)&source->stats;
    uint64_t *to = (uint64_t *)(void *)out;
    for (size_t i = 0; i < sizeof *out / sizeof *to; i++) {
        to[i] = weir__load_relaxed_u64(&from[i]);
    }
    out->pushed = weir__load_relaxed_u64(&source->pushed);
    return WEIR_OK;
}
