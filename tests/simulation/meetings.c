/*
 * Simulates what meets at any moment: starts, names, ends, drains and stops.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: a few stages at rest, then two things at once that have nothing to do with each
 * other, with a drawn distance between them.  Nobody waits for ever; what was accepted is
 * done.  Freed memory is overwritten (heap.h), so who still uses it is found.
 *
 *   last_words  the runtime drains while consumers stop; a producer emits when it is told to
 *               finish, or lets go of what it accumulated
 *   found       a stage is found by its name as it starts: it can be called, told, watched
 *               and subscribed to
 *   late_start  a consumer starts while the runtime drains: refused, or it gets the events
 *   taker       a second taker joins while the first is busy: what lies there is its too
 *   fed         a stage that finishes is told of a feeder: it waits for him, or he is refused
 *   token       a stage is about to end while a token is out: its holder is not refused
 *   stopped     a supervisor starts while the runtime is told to stop: it ends, or does its
 *               duty
 */
#include "driver.h"
#include "world.h"

static uint64_t handled;

/* A moment passes, of as many steps as are drawn. */
static void moment(uint64_t most) {
    for (uint64_t steps = sim_draw(most); steps > 0; steps--) sim_now_ns();
}

static bool start(weir_stage_options options, weir_ref *out) {
    options.worker = world_somewhere();
    options.on.discarded = world_discarded;
    return must(weir_stage_start(world.runtime, &options, out));
}

static weir_verdict handle(weir_stage *self, weir_batch batch) {
    (void)self;
    handled += batch.count;
    return WEIR_CONTINUE;
}

static void begin(const struct sim_scenario *scenario) {
    handled = 0;
    world_begin(scenario->run, 1);
}

/* --- last_words --------------------------------------------------------------------------- */

static weir_verdict last_words(weir_stage *self) {
    static const uint64_t kept[3];
    must(weir_emit(self, kept, 1 + (size_t)sim_draw(3)));
    return WEIR_CONTINUE;
}

static void last_words_main(void *unused) {
    (void)unused;
    static const uint64_t event[2];
    weir_ref producer, consumers[3];
    unsigned count = 1 + (unsigned)sim_draw(3);
    bool accumulate = sim_draw(2) == 0;
    world_open_runtime();
    start((weir_stage_options){.kind = WEIR_PRODUCER,
                               .event_bytes = sizeof(uint64_t),
                               .on = {.handle_demand = world_no_demand,
                                      .handle_cast = world_emit_told,
                                      .handle_drain = last_words}},
          &producer);
    for (unsigned i = 0; i < count; i++) {
        start((weir_stage_options){.kind = WEIR_CONSUMER, .on.handle_events = handle},
              &consumers[i]);
        must(weir_subscribe(world.runtime, consumers[i], producer,
                            &(weir_subscribe_options){.max_demand = 4}, NULL));
    }
    weir_runtime_settle(world.runtime, WEIR_FOREVER);
    if (accumulate) must(weir_demand(world.runtime, producer, WEIR_ACCUMULATE));
    if (accumulate) must(weir_cast(world.runtime, producer, event, sizeof event));
    weir_runtime_settle(world.runtime, WEIR_FOREVER);
    for (unsigned i = 0; i < count; i++) {
        if (sim_draw(4) > 0) weir_stop(world.runtime, consumers[i], WEIR_REASON_NORMAL);
        moment(30);
    }
    weir_runtime_drain(world.runtime, 100000, NULL);
    world_close_runtime();
}

/* --- found -------------------------------------------------------------------------------- */

static uint64_t casts;

static weir_verdict answer(weir_stage *self, weir_from from, const void *request, size_t bytes) {
    (void)request, (void)bytes;
    weir_reply(weir_stage_runtime(self), from, NULL, 0);
    return WEIR_CONTINUE;
}

static weir_verdict count_cast(weir_stage *self, const void *message, size_t bytes) {
    (void)self, (void)message, (void)bytes;
    casts++;
    return WEIR_CONTINUE;
}

static void start_named(void *unused) {
    (void)unused;
    weir_ref stage;
    start((weir_stage_options){.kind = WEIR_PRODUCER,
                               .name = "named",
                               .registered = true,
                               .event_bytes = sizeof(uint64_t),
                               .on = {.handle_demand = world_no_demand,
                                      .handle_call = answer,
                                      .handle_cast = count_cast}},
          &stage);
}

/* What a subscriber or watcher hears of the stage's end while it lives. */
static weir_verdict ended(weir_stage *self, const weir_peer *peer, weir_cancel_cause cause,
                          weir_reason reason) {
    (void)self, (void)peer, (void)cause;
    if (reason == WEIR_REASON_NOPROC) sim_fail("no process, though it was found by its name");
    return WEIR_CONTINUE;
}

static weir_verdict down(weir_stage *self, weir_ref stage, weir_reason reason) {
    (void)self, (void)stage;
    if (reason == WEIR_REASON_NOPROC) sim_fail("no process, though it was found by its name");
    return WEIR_CONTINUE;
}

static weir_verdict watch(weir_stage *self, void *stage) {
    must(weir_monitor_stage(self, *(weir_ref *)stage, NULL));
    return WEIR_CONTINUE;
}

static void subscribe_found(weir_ref stage) {
    weir_subscribe_to from = {.producer = stage};
    weir_ref consumer;
    bool by_name = sim_draw(2) == 0;
    if (by_name) from = (weir_subscribe_to){.name = "named"};
    start((weir_stage_options){.kind = WEIR_CONSUMER,
                               .argument = &stage,
                               .subscribe_to = &from,
                               .subscribe_count = 1,
                               .on = {.init = watch,
                                      .handle_events = handle,
                                      .handle_cancel = ended,
                                      .handle_down = down}},
          &consumer);
    weir_runtime_settle(world.runtime, WEIR_FOREVER);
    SIM_REQUIRE(weir_runtime_stages(world.runtime) == 2);
}

static void found_main(void *unused) {
    (void)unused;
    weir_ref stage;
    casts = 0;
    world_open_runtime();
    int starter = sim_spawn("starter", start_named, NULL);
    while (weir_whereis(world.runtime, "named", &stage) != WEIR_OK) sim_now_ns();
    switch (sim_draw(3)) {
    case 0:
        must(weir_call(world.runtime, stage, NULL, 0, NULL, WEIR_FOREVER));
        break;
    case 1:
        must(weir_cast(world.runtime, stage, NULL, 0));
        must(weir_call(world.runtime, stage, NULL, 0, NULL, WEIR_FOREVER));
        SIM_REQUIRE(casts == 1);
        break;
    default:
        subscribe_found(stage);
    }
    sim_join(starter);
    world_close_runtime();
}

/* --- late_start --------------------------------------------------------------------------- */

enum { LATE_EVENTS = 3 };

static weir_ref source;
static weir_status late;

static void start_late(void *unused) {
    (void)unused;
    weir_subscribe_to from = {.producer = source};
    weir_stage_options options = {.kind = WEIR_CONSUMER,
                                  .worker = world_somewhere(),
                                  .subscribe_to = &from,
                                  .subscribe_count = 1,
                                  .on.handle_events = handle};
    late = weir_stage_start(world.runtime, &options, NULL);
}

static void late_start_main(void *unused) {
    (void)unused;
    static const uint64_t events[LATE_EVENTS];
    weir_drain_report report;
    world_open_runtime();
    start((weir_stage_options){.kind = WEIR_PRODUCER,
                               .event_bytes = sizeof(uint64_t),
                               .on = {.handle_demand = world_no_demand,
                                      .handle_cast = world_emit_told}},
          &source);
    must(weir_cast(world.runtime, source, events, sizeof events));
    weir_runtime_settle(world.runtime, WEIR_FOREVER);
    int starter = sim_spawn("starter", start_late, NULL);
    moment(60);
    weir_status status = weir_runtime_drain(world.runtime, 10000000, &report);
    sim_join(starter);
    if (late == WEIR_OK && (status != WEIR_OK || handled != LATE_EVENTS))
        sim_fail("the consumer was accepted, and got %d of its events; the drain: %s", (int)handled,
                 weir_status_text(status));
    world_close_runtime();
}

/* --- taker -------------------------------------------------------------------------------- */

enum { TAKER_EVENTS = 4 };

static bool let_go, busy;

static weir_verdict count_down(weir_stage *self, uint64_t demand) {
    uint64_t *left = weir_state(self);
    for (; demand > 0 && *left > 0; demand--, --*left) must(weir_emit(self, left, 1));
    return WEIR_CONTINUE;
}

static weir_verdict hold_on(weir_stage *self, weir_batch batch) {
    busy = true;
    while (!let_go) sim_sleep_ns(1000);
    return handle(self, batch);
}

static void second_taker(weir_ref producer, const weir_subscribe_options *one) {
    weir_ref taker;
    must(weir_stage_start(world.runtime,
                          &(weir_stage_options){.kind = WEIR_CONSUMER,
                                                .worker = WEIR_WORKER(sim_draw(2)),
                                                .on.handle_events = handle},
                          &taker));
    must(weir_subscribe_wait(world.runtime, taker, producer, one, WEIR_FOREVER, NULL));
    for (int i = 0; i < 2000 && handled < TAKER_EVENTS - 1; i++) sim_sleep_ns(10000);
    if (handled != TAKER_EVENTS - 1)
        sim_fail("a second taker joined and got %d events while the first was busy", (int)handled);
}

static void taker_main(void *unused) {
    (void)unused;
    static const weir_subscribe_options one = {.max_demand = TAKER_EVENTS,
                                               .min_demand = TAKER_EVENTS - 1};
    weir_ref producer, first;
    let_go = busy = false;
    world.least = 3;
    world_open_runtime();
    must(weir_stage_start(world.runtime,
                          &(weir_stage_options){.kind = WEIR_PRODUCER,
                                                .event_bytes = sizeof(uint64_t),
                                                .worker = WEIR_WORKER(0),
                                                .dispatcher = weir_shared_dispatcher(),
                                                .state = &(uint64_t){TAKER_EVENTS},
                                                .state_bytes = sizeof(uint64_t),
                                                .on.handle_demand = count_down},
                          &producer));
    must(weir_stage_start(world.runtime,
                          &(weir_stage_options){.kind = WEIR_CONSUMER,
                                                .worker = WEIR_WORKER(2),
                                                .on.handle_events = hold_on},
                          &first));
    must(weir_subscribe(world.runtime, first, producer, &one, NULL));
    while (!busy) sim_sleep_ns(1000);
    second_taker(producer, &one);
    let_go = true;
    world_close_runtime();
    SIM_REQUIRE(handled == TAKER_EVENTS);
}

/* --- fed ---------------------------------------------------------------------------------- */

static weir_ref fed, feeder;
static weir_status known;

static void tell_of_feeder(void *unused) {
    (void)unused;
    known = weir_feeds(world.runtime, feeder, fed);
}

static void start_fed(void) {
    const weir_stage_options producer = {.kind = WEIR_PRODUCER,
                                         .event_bytes = sizeof(uint64_t),
                                         .on = {.handle_demand = world_no_demand,
                                                .handle_cast = world_emit_told,
                                                .handle_info = world_emit_told}};
    world_open_runtime();
    start(producer, &fed);
    start(producer, &feeder);
    weir_runtime_settle(world.runtime, WEIR_FOREVER);
}

static void fed_main(void *unused) {
    (void)unused;
    start_fed();
    int teller = sim_spawn("teller", tell_of_feeder, NULL);
    moment(60);
    must(weir_finish(world.runtime, fed));
    sim_join(teller);
    weir_runtime_settle(world.runtime, WEIR_FOREVER);
    weir_status alive = weir_wait(world.runtime, fed, 0, NULL);
    if (known == WEIR_OK && alive != WEIR_TIMEOUT)
        sim_fail("it has ended before who was said to feed it");
    must(weir_stop(world.runtime, feeder, WEIR_REASON_NORMAL));
    must(weir_wait(world.runtime, fed, WEIR_FOREVER, NULL));
    world_close_runtime();
}

/* --- token -------------------------------------------------------------------------------- */

/* It finishes and holds nothing, so at each mail it looks whether it may end. */
static void send_holding(void *token) {
    for (int i = 0; i < 4; i++) {
        weir_status status = i % 2 == 0 ? weir_cast(world.runtime, fed, NULL, 0)
                                        : weir_send_after(world.runtime, fed, "", 1, 0, NULL);
        if (status == WEIR_NO_STAGE) sim_fail("who holds a token is refused");
        moment(30);
    }
    must(weir_done(world.runtime, *(const weir_token *)token));
}

static void token_main(void *unused) {
    (void)unused;
    weir_token token;
    start_fed();
    must(weir_busy(world.runtime, fed, &token));
    int sender = sim_spawn("sender", send_holding, &token);
    moment(60);
    must(weir_finish(world.runtime, fed));
    sim_join(sender);
    must(weir_wait(world.runtime, fed, WEIR_FOREVER, NULL));
    world_close_runtime();
}

/* --- stopped ------------------------------------------------------------------------------ */

static weir_ref supervisor;
static weir_status started;

static void start_supervisor(void *unused) {
    (void)unused;
    weir_stage_options child = {.kind = WEIR_CONSUMER, .name = "child", .on.handle_events = handle};
    weir_supervised children = {.stage = &child};
    weir_supervisor_options options = {.children = &children, .child_count = 1};
    started = weir_supervisor_start(world.runtime, &options, &supervisor);
}

/* False: the supervisor has ended. */
static bool child(weir_supervised_info *info) {
    size_t count = 0;
    weir_status status =
        weir_supervisor_children(world.runtime, supervisor, WEIR_FOREVER, info, 1, &count);
    return status == WEIR_OK;
}

/* Its child is there, and comes again when it has failed. */
static void require_duty(void) {
    weir_supervised_info info;
    if (!child(&info)) return;
    SIM_REQUIRE(info.stage.bits != 0);
    must(weir_stop(world.runtime, info.stage, WEIR_REASON_USER));
    weir_runtime_settle(world.runtime, WEIR_FOREVER);
    for (int i = 0; i < 50; i++) sim_sleep_ns(1000000);
    SIM_REQUIRE(child(&info) && info.stage.bits != 0);
}

static void stopped_main(void *unused) {
    (void)unused;
    world_open_runtime();
    int starter = sim_spawn("starter", start_supervisor, NULL);
    moment(80);
    weir_runtime_stop(world.runtime, WEIR_REASON_SHUTDOWN);
    sim_join(starter);
    weir_runtime_settle(world.runtime, WEIR_FOREVER);
    if (started == WEIR_OK) require_duty();
    world_close_runtime();
}

int main(int count, char **arguments) {
    static const struct sim_scenario scenarios[] = {
        {"last_words", 10000, 2000000, true, begin, NULL, last_words_main, 0},
        {"found", 10000, 2000000, true, begin, NULL, found_main, 0},
        {"late_start", 10000, 2000000, true, begin, NULL, late_start_main, 0},
        {"taker", 1000, 2000000, true, begin, NULL, taker_main, 0},
        {"fed", 10000, 2000000, true, begin, NULL, fed_main, 0},
        {"token", 10000, 2000000, true, begin, NULL, token_main, 0},
        {"stopped", 20000, 2000000, true, begin, NULL, stopped_main, 0},
    };
    return SIM_MAIN(count, arguments, scenarios);
}
