/*
 * Simulates whole pipelines: sources and crews on threads of their own.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: a pipeline is drawn: one or two sources of a few messages, processors on workers or
 * threads, up to three batchers, of which the last may be for dead letters, handled on workers,
 * threads or by a sink that is lost now and then.  What callbacks say is drawn each time.
 * Meanwhile pulls and acks are lost, messages are pushed, stages are stopped; then the pipeline is
 * drained and closed, or closed as it is.  At the end each message was settled once with its
 * driver, or counted among lost acks; no ack came beside a pull, nor behind close; the accounts
 * agree; nobody waits for ever.
 *
 *   whole   nothing is stopped: after a drain all is settled, and nothing was given back unhandled
 *   kills   stages are stopped amid it
 *   breaks  drivers are broken amid it: the pipeline drains by itself
 */
#include "driver.h"
#include "world.h"

#include <string.h>

enum { SOURCES = 2, EACH = 24, STAGES = 32 };

struct driver {
    uint64_t next;
    uint64_t end;
    bool busy; /* a call of it runs */
    bool breaks;
    bool closed;
};

static struct {
    weir_pipeline *pipeline;
    struct driver drivers[SOURCES];
    uint32_t brought[SOURCES * EACH];
    uint32_t settled[SOURCES * EACH];
    uint64_t losses; /* of acks that are still to come */
    bool crooked;    /* callbacks say other things than OK */
    uint64_t sink_opened;
    uint64_t sink_closed;
    bool breaks; /* so do drivers */
} play;

/* ---- the source ------------------------------------------------------------------- */

static void enter(struct driver *driver) {
    SIM_REQUIRE(!driver->busy && !driver->closed);
    driver->busy = true;
    for (uint64_t wait = sim_draw(3); wait > 0; wait--) sim_now_ns();
}

static weir_pulled leave(struct driver *driver, weir_pulled how) {
    driver->busy = false;
    return how;
}

static weir_pulled driver_open(void *context) {
    enter(context);
    return leave(context, sim_draw(8) == 0 ? WEIR_LOST : WEIR_PULLED);
}

static weir_pulled driver_pull(void *context, weir_pull *pull, uint64_t events, uint64_t bytes,
                               uint64_t timeout_ns) {
    struct driver *driver = context;
    (void)bytes, (void)timeout_ns;
    enter(driver);
    const uint64_t before = driver->next;
    const uint64_t most = 1 + sim_draw(events);
    while (driver->next < driver->end && driver->next - before < most) {
        const weir_incoming incoming = {
            .data = {.at = (const char *)&driver->next, .count = sizeof driver->next},
            .token = driver->next};
        if (!weir_pull_add(pull, &incoming)) break;
        play.brought[driver->next++]++;
    }
    if (sim_draw(16) == 0) return leave(driver, WEIR_LOST);
    if (driver->breaks && sim_draw(6) == 0) return leave(driver, WEIR_BROKEN);
    if (driver->next > before) return leave(driver, WEIR_PULLED);
    return leave(driver, driver->next == driver->end ? WEIR_SOURCE_END : WEIR_IDLE);
}

static weir_pulled driver_ack(void *context, const weir_ack *acks, size_t count) {
    struct driver *driver = context;
    enter(driver);
    if (play.losses > 0 && sim_draw(2) == 0) {
        play.losses--;
        return leave(driver, WEIR_LOST);
    }
    for (size_t i = 0; i < count; i++) {
        SIM_REQUIRE(play.settled[acks[i].token] < play.brought[acks[i].token]);
        play.settled[acks[i].token]++;
    }
    return leave(driver, WEIR_PULLED);
}

static void driver_close(void *context) {
    struct driver *driver = context;
    enter(driver);
    leave(driver, WEIR_PULLED);
    driver->closed = true;
}

static const weir_source_driver the_driver = {
    .open = driver_open, .pull = driver_pull, .ack = driver_ack, .close = driver_close};

/* ---- callbacks ---------------------------------------------------------------------- */

static weir_outcome some_outcome(void) {
    return play.crooked && sim_draw(3) == 0 ? (weir_outcome)sim_draw(WEIR_MESSAGE_OUTCOMES)
                                            : WEIR_MESSAGE_OK;
}

static weir_outcome handle_message(void *context, weir_work *work, weir_message *message) {
    const uint64_t batchers = (uintptr_t)context;
    uint64_t number;
    memcpy(&number, message->data.at, sizeof number);
    if (batchers > 0) message->batcher = (uint16_t)sim_draw(batchers);
    if (play.crooked && sim_draw(8) == 0) weir_work_more(work);
    if (play.crooked && sim_draw(8) == 0) weir_work_set(work, &number, sizeof number);
    message->flush = sim_draw(4) == 0;
    return some_outcome();
}

static weir_outcome handle_batch(void *context, weir_message *messages, size_t count,
                                 const weir_batch_info *batch) {
    (void)context, (void)batch;
    for (size_t i = 0; i < count; i++) messages[i].outcome = (uint8_t)some_outcome();
    return WEIR_MESSAGE_OK;
}

static uint32_t by_number(void *context, const weir_message *message) {
    uint64_t number;
    (void)context;
    memcpy(&number, message->data.at, sizeof number);
    return (uint32_t)number;
}

static weir_pulled sink_open(void *context) {
    (void)context;
    play.sink_opened++;
    return sim_draw(4) == 0 ? WEIR_LOST : WEIR_PULLED;
}

static weir_pulled sink_write(void *context, weir_message *messages, size_t count,
                              const weir_batch_info *batch) {
    handle_batch(context, messages, count, batch);
    return sim_draw(8) == 0 ? WEIR_LOST : WEIR_PULLED;
}

static void sink_close(void *context) {
    (void)context;
    play.sink_closed++;
}

static const weir_sink the_sink = {.open = sink_open, .write = sink_write, .close = sink_close};

/* ---- the pipeline ---------------------------------------------------------------------- */

static weir_tries some_tries(void) {
    return (weir_tries){.tries = 1 + (unsigned)sim_draw(3),
                        .delay = {.first_ns = 1 + sim_draw(3000), .jitter = 0.5}};
}

static weir_pipeline_batcher some_batcher(const char *name) {
    const bool sinks = sim_draw(3) == 0;
    static void *const contexts[2];
    return (weir_pipeline_batcher){.name = name,
                                   .sink_contexts = sinks ? contexts : NULL,
                                   .size = 1 + (size_t)sim_draw(5),
                                   .timeout_ns = 1 + sim_draw(5000),
                                   .count = 1 + (unsigned)sim_draw(2),
                                   .partition_by = sim_draw(3) == 0 ? by_number : NULL,
                                   .quick = sim_draw(2) == 0,
                                   .retry = some_tries(),
                                   .handle_batch = sinks ? NULL : handle_batch,
                                   .sink = sinks ? &the_sink : NULL};
}

static void open_pipeline(void) {
    const size_t count = (size_t)sim_draw(4);
    const weir_pipeline_batcher batchers[] = {some_batcher("a"), some_batcher("b"),
                                              some_batcher("dead")};
    void *contexts[SOURCES];
    for (uint64_t i = 0; i < SOURCES; i++) {
        play.drivers[i] = (struct driver){.next = i * EACH, .end = i * EACH + sim_draw(EACH + 1)};
        play.drivers[i].breaks = play.breaks && (i == 0 || sim_draw(2) == 0);
        contexts[i] = &play.drivers[i];
    }
    const bool blocking = sim_draw(4) == 0;
    weir_pipeline_options options = {
        .context = (void *)(uintptr_t)count,
        .source = &the_driver,
        .source_contexts = contexts,
        .source_count = 1 + (unsigned)sim_draw(SOURCES),
        .max_outstanding = 1 + (size_t)sim_draw(30),
        .processors = {.count = 1 + (unsigned)sim_draw(2),
                       .blocking = blocking,
                       .max_demand = 1 + (size_t)sim_draw(10),
                       .partition_by = sim_draw(3) == 0 ? by_number : NULL,
                       .handle_message = handle_message},
        .batchers = count > 0 ? batchers : NULL,
        .batcher_count = count,
        .dead = count == 3 ? "dead" : NULL,
        .retry = some_tries(),
        .shutdown_ns = 1 + sim_draw(2) * sim_draw(1000000),
        .max_restarts = WEIR_INFINITY};
    options.retry.in_order = !blocking && sim_draw(3) == 0;
    must(weir_pipeline_open(world.runtime, &options, &play.pipeline));
}

static void push_one(void) {
    uint64_t number = 0;
    const weir_message message = {.data = {.at = (const char *)&number, .count = 8}};
    weir_pipeline_push(play.pipeline, &message, 1);
}

static void stop_one(void) {
    weir_pipeline_stage stages[STAGES];
    const size_t count = weir_pipeline_topology(play.pipeline, stages, STAGES);
    weir_stop(world.runtime, stages[sim_draw(count)].stage,
              sim_draw(2) == 0 ? WEIR_REASON_SHUTDOWN : WEIR_REASON_USER);
}

static void close_pipeline(void) {
    weir_pipeline_stats stats;
    weir_status status;
    do {
        status = weir_pipeline_close(play.pipeline, &stats);
    } while (status == WEIR_TIMEOUT);
    must(status);
    weir_accounts accounts; /* whose discards the pipeline has heard of, and nobody else */
    must(weir_runtime_accounts(world.runtime, &accounts));
    world.discarded = accounts.discarded;
    uint64_t untold = 0;
    for (size_t i = 0; i < SOURCES * EACH; i++) untold += play.brought[i] - play.settled[i];
    SIM_REQUIRE(untold == stats.lost_acks);
    SIM_REQUIRE(stats.pulled == stats.acked + stats.naks + stats.lost_acks);
    SIM_REQUIRE((play.sink_opened > 0) == (play.sink_closed > 0));
}

static void befall(bool kills) {
    for (uint64_t left = sim_draw(12); left > 0; left--) {
        const uint64_t what = sim_draw(4);
        for (uint64_t wait = sim_draw(60); wait > 0; wait--) sim_now_ns();
        if (what == 0) push_one();
        if (what == 1 && kills && sim_draw(2) == 0) stop_one();
        if (what == 2) weir_runtime_settle(world.runtime, sim_draw(20000));
    }
}

static void begin_play(bool crooked, bool breaks) {
    memset(&play, 0, sizeof play);
    play.crooked = crooked;
    play.breaks = breaks;
    play.losses = sim_draw(3);
    world_open_runtime();
    open_pipeline();
}

static void whole_main(void *unused) {
    (void)unused;
    begin_play(sim_draw(2) == 0, false);
    befall(false);
    if (sim_draw(2) == 0) must(weir_pipeline_drain(play.pipeline, WEIR_FOREVER));
    close_pipeline();
    world_close_runtime();
}

static void kills_main(void *unused) {
    (void)unused;
    begin_play(sim_draw(2) == 0, false);
    befall(true);
    if (sim_draw(2) == 0) weir_pipeline_drain(play.pipeline, sim_draw(1000000));
    close_pipeline();
    world_close_runtime();
}

/* Its drivers break, and meanwhile it is left alone, waited for, drained or closed. */
static void breaks_main(void *unused) {
    (void)unused;
    world.errs = "its driver is broken";
    begin_play(sim_draw(2) == 0, true);
    befall(sim_draw(4) == 0);
    if (sim_draw(2) == 0) weir_pipeline_await(play.pipeline, sim_draw(1000000));
    if (sim_draw(2) == 0) weir_pipeline_drain(play.pipeline, sim_draw(1000000));
    close_pipeline();
    world_close_runtime();
}

int main(int count, char **arguments) {
    static const struct sim_scenario scenarios[] = {
        {"whole", 4000, 20000000, true, world_begin_scenario, NULL, whole_main, 20},
        {"kills", 4000, 20000000, true, world_begin_scenario, NULL, kills_main, 20},
        {"breaks", 2000, 20000000, true, world_begin_scenario, NULL, breaks_main, 20},
    };
    return SIM_MAIN(count, arguments, scenarios);
}
