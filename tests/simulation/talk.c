/*
 * Simulates what stages and threads tell each other beside events.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: as graphs.c.  Nobody waits for ever; each call is answered, with its
 * own answer, or told that the stage has gone; each watcher is told once; each
 * timer fires once or was cancelled; what is drained is handled; a stage is refused
 * what it has no room for, and nothing else.
 *
 *   call       threads call a stage that answers, has another answer, or stops
 *   ring       stages on several workers call each other round in a ring
 *   watch      stages watch each other, lose interest, and stop
 *   timers     timers are armed, cancelled and fire while workers sleep
 *   flood      threads send more than a stage takes, which is stopped by several; the
 *              next one has its slot
 *   drain      a runtime with an inlet and a pipeline is drained amid pushes
 *   stepped    a thread that steps a runtime, and sleeps until its timer, hears of what
 *              another one sends and answers
 */
#include "driver.h"
#include "world.h"

#include <string.h>

enum { THREADS = 2, CALLS = 4 };

static weir_ref ones[3];
static uint64_t counted; /* what the scenario counts */

static weir_ref start(weir_callbacks on, unsigned worker) {
    weir_ref ref;
    on.handle_events = world_check_off;
    weir_stage_options options = {.kind = WEIR_CONSUMER, .worker = worker, .on = on};
    must(weir_stage_start(world.runtime, &options, &ref));
    return ref;
}

static uint64_t number_in(const void *message, size_t bytes) {
    SIM_REQUIRE(bytes == sizeof(uint64_t));
    return *(const uint64_t *)message;
}

/* --- call --------------------------------------------------------------------------------- */

struct passed {
    weir_from from;
    uint64_t number;
};

static void answer(weir_from from, uint64_t number) {
    number *= 3;
    weir_status status = weir_reply(world.runtime, from, &number, sizeof number);
    SIM_REQUIRE(status == WEIR_OK || status == WEIR_NO_CALLER);
}

static weir_verdict answer_passed(weir_stage *self, const void *message, size_t bytes) {
    (void)self;
    SIM_REQUIRE(bytes == sizeof(struct passed));
    const struct passed *passed = message;
    answer(passed->from, passed->number);
    return WEIR_CONTINUE;
}

/* To a stage that answers, unless the runtime is being closed. */
static void pass_on(const struct passed *passed) {
    weir_status status = weir_cast(world.runtime, ones[1], passed, sizeof *passed);
    SIM_REQUIRE(status == WEIR_OK || status == WEIR_NO_STAGE);
}

static weir_verdict answer_somehow(weir_stage *self, weir_from from, const void *request,
                                   size_t bytes) {
    struct passed passed = {from, number_in(request, bytes)};
    uint64_t told = passed.number * 3;
    switch (sim_draw(4)) {
    case 0:
        must(weir_reply_after(self, from, &told, sizeof told));
        return sim_draw(4) == 0 ? WEIR_STOP : WEIR_CONTINUE;
    case 1:
        pass_on(&passed);
        return sim_draw(8) == 0 ? WEIR_STOP : WEIR_CONTINUE;
    default:
        answer(from, passed.number);
        return WEIR_CONTINUE;
    }
}

/* What weir itself asks of a stage is in no mailbox.  False: the stage has gone. */
static bool can_be_asked(uint64_t timeout) {
    uint64_t buffered;
    weir_status status = weir_estimate_buffered(world.runtime, ones[0], timeout, &buffered);
    SIM_REQUIRE(status == WEIR_OK || status == WEIR_NO_STAGE ||
                (status == WEIR_TIMEOUT && timeout != WEIR_FOREVER));
    return status != WEIR_NO_STAGE;
}

static void run_caller(void *argument) {
    uint64_t number = 100 * (uint64_t)(uintptr_t)argument;
    uint64_t timeout = sim_draw(3) == 0 ? sim_draw(3000) : WEIR_FOREVER;
    for (int i = 0; i < CALLS; i++, number++) {
        uint64_t told = 0;
        weir_answer room = {.bytes = &told, .room = sizeof told};
        if (sim_draw(4) == 0 && !can_be_asked(timeout)) return;
        weir_status status =
            weir_call(world.runtime, ones[0], &number, sizeof number, &room, timeout);
        if (status == WEIR_NO_STAGE) return;
        SIM_REQUIRE(status == WEIR_OK || (status == WEIR_TIMEOUT && timeout != WEIR_FOREVER));
        SIM_REQUIRE(status == WEIR_TIMEOUT || (told == number * 3 && room.count == sizeof told));
        if (status == WEIR_TIMEOUT) SIM_REQUIRE(told == 0);
    }
}

static void call_main(void *unused) {
    (void)unused;
    int callers[THREADS];
    world_open_runtime();
    ones[0] = start((weir_callbacks){.handle_call = answer_somehow}, world_somewhere());
    ones[1] = start((weir_callbacks){.handle_cast = answer_passed}, world_somewhere());
    for (int i = 0; i < THREADS; i++)
        callers[i] = sim_spawn("caller", run_caller, (void *)(uintptr_t)(i + 1));
    if (sim_draw(2) == 0) {
        weir_status status =
            weir_stop_wait(world.runtime, ones[0], WEIR_REASON_NORMAL, WEIR_FOREVER);
        SIM_REQUIRE(status == WEIR_OK || status == WEIR_NO_STAGE);
    }
    for (int i = 0; i < THREADS; i++) sim_join(callers[i]);
    world_close_runtime();
}

/* --- ring --------------------------------------------------------------------------------- */

/* The next one of the ring is asked; whether it could be asked is the answer. */
static uint64_t ask_next(weir_stage *self) {
    uint64_t told = 0;
    weir_answer room = {.bytes = &told, .room = sizeof told};
    unsigned at = 0;
    while (ones[at].bits != weir_self(self).bits) at++;
    weir_status status =
        weir_call(world.runtime, ones[(at + 1) % world.workers], NULL, 0, &room, WEIR_FOREVER);
    SIM_REQUIRE(status == WEIR_OK || status == WEIR_WRONG_THREAD);
    return status == WEIR_OK ? told + 1 : 0;
}

static weir_verdict ask_on(weir_stage *self, weir_from from, const void *request, size_t bytes) {
    (void)request, (void)bytes;
    uint64_t depth = ask_next(self);
    must(weir_reply(world.runtime, from, &depth, sizeof depth));
    return WEIR_CONTINUE;
}

static weir_verdict begin_asking(weir_stage *self, const void *message, size_t bytes) {
    (void)message, (void)bytes;
    SIM_REQUIRE(ask_next(self) < 2 * world.workers);
    counted++;
    return WEIR_CONTINUE;
}

static void ring_main(void *unused) {
    (void)unused;
    world_open_runtime();
    for (unsigned i = 0; i < world.workers; i++)
        ones[i] = start((weir_callbacks){.handle_call = ask_on, .handle_cast = begin_asking},
                        WEIR_WORKER(i));
    for (unsigned i = 0; i < 2 * world.workers; i++)
        must(weir_cast(world.runtime, ones[i % world.workers], NULL, 0));
    weir_runtime_settle(world.runtime, WEIR_FOREVER);
    SIM_REQUIRE(counted == 2 * world.workers);
    world_close_runtime();
}

/* --- watch -------------------------------------------------------------------------------- */

static uint64_t watches; /* begun and not given up */

/* Watches another stage; may lose interest at once. */
static weir_verdict watch_another(weir_stage *self, const void *message, size_t bytes) {
    weir_monitor monitor;
    weir_ref other = ones[number_in(message, bytes)];
    if (other.bits == weir_self(self).bits) return WEIR_CONTINUE;
    must(weir_monitor_stage(self, other, &monitor));
    watches++;
    if (sim_draw(4) == 0) {
        must(weir_demonitor(self, monitor));
        watches--;
    }
    return WEIR_CONTINUE;
}

static weir_verdict count_down(weir_stage *self, weir_ref stage, weir_reason reason) {
    SIM_REQUIRE(stage.bits != weir_self(self).bits);
    SIM_REQUIRE(reason == WEIR_REASON_USER || reason == WEIR_REASON_NOPROC);
    counted++;
    return WEIR_CONTINUE;
}

/* The first stage stays and watches; the others come to watch each other, and stop. */
static void watch_main(void *unused) {
    (void)unused;
    world_open_runtime();
    for (int i = 0; i < 3; i++)
        ones[i] = start((weir_callbacks){.handle_cast = watch_another, .handle_down = count_down},
                        world_somewhere());
    uint64_t first = 0;
    bool all_watch = sim_draw(2) == 0;
    for (uint64_t i = 0; i < 6; i++) {
        uint64_t other = sim_draw(3);
        weir_ref watcher = ones[all_watch ? sim_draw(3) : 0];
        first += watcher.bits == ones[0].bits && other != 0;
        weir_cast(world.runtime, watcher, &other, sizeof other);
        if (i == 3) weir_stop(world.runtime, ones[1], WEIR_REASON_USER);
    }
    weir_stop(world.runtime, ones[2], WEIR_REASON_USER);
    weir_runtime_settle(world.runtime, WEIR_FOREVER);
    if (!all_watch) SIM_REQUIRE(counted == watches);
    SIM_REQUIRE(counted <= watches && watches <= 6);
    world_close_runtime();
}

/* --- timers ------------------------------------------------------------------------------- */

static uint64_t cancelled;

static weir_verdict arm_some(weir_stage *self, const void *message, size_t bytes) {
    (void)message, (void)bytes;
    weir_timer timers[3];
    for (int i = 0; i < 3; i++)
        must(weir_send_after(world.runtime, weir_self(self), NULL, 0, sim_draw(20000), &timers[i]));
    weir_status status = weir_cancel_timer(world.runtime, timers[sim_draw(3)]);
    must(status);
    cancelled++;
    return WEIR_CONTINUE;
}

static weir_verdict count_info(weir_stage *self, const void *message, size_t bytes) {
    (void)self, (void)message, (void)bytes;
    counted++;
    return WEIR_CONTINUE;
}

static void run_armer(void *unused) {
    (void)unused;
    for (int i = 0; i < 2; i++)
        must(weir_send_after(world.runtime, ones[0], NULL, 0, sim_draw(20000), NULL));
}

static void timers_main(void *unused) {
    (void)unused;
    world_open_runtime();
    ones[0] = start((weir_callbacks){.handle_cast = arm_some, .handle_info = count_info},
                    world_somewhere());
    int armer = sim_spawn("armer", run_armer, NULL);
    must(weir_cast(world.runtime, ones[0], NULL, 0));
    sim_join(armer);
    if (sim_draw(4) > 0) {
        while (counted < 4) sim_sleep_ns(5000);
        SIM_REQUIRE(cancelled == 1);
    }
    world_close_runtime();
    SIM_REQUIRE(counted <= 4);
}

/* --- flood -------------------------------------------------------------------------------- */

enum { FLOODS = 3, FLOOD_LIMIT = 2, FLOOD_CASTS = 4 };

/* One stage after the other. */
static struct flood {
    uint64_t begun;    /* casts on their way to it, or refused */
    uint64_t accepted; /* of those */
    uint64_t handled;
    uint64_t timers; /* that were set for it */
    bool told;       /* to stop */
    bool finishes;
} floods[FLOODS];
static unsigned current; /* of floods, and of ones[0] */

static struct flood *flood_of(weir_stage *self) {
    struct flood **flood = weir_state(self);
    return *flood;
}

static weir_verdict count_cast(weir_stage *self, const void *message, size_t bytes) {
    struct flood *flood = flood_of(self);
    SIM_REQUIRE(number_in(message, bytes) == (uint64_t)(flood - floods)); /* not the last one's */
    SIM_REQUIRE(flood->handled < flood->begun);
    flood->handled++;
    return WEIR_CONTINUE;
}

static weir_verdict note_drain(weir_stage *self) {
    SIM_REQUIRE(flood_of(self)->finishes);
    return WEIR_CONTINUE;
}

static void note_end(weir_stage *self, weir_reason reason) {
    SIM_REQUIRE(reason == (weir_reason)(WEIR_REASON_USER + (flood_of(self) - floods)) ||
                (reason == WEIR_REASON_NORMAL && flood_of(self)->finishes));
}

/* Never more are waiting than it takes, and none is refused while fewer are. */
static bool send_one(weir_ref to, unsigned number) {
    struct flood *flood = &floods[number];
    uint64_t message = number;
    flood->begun++;
    weir_status status = weir_cast(world.runtime, to, &message, sizeof message);
    flood->accepted += status == WEIR_OK;
    if (status == WEIR_FULL) {
        SIM_REQUIRE(flood->begun > FLOOD_LIMIT);
        sim_sleep_ns(1000);
    } else if (!flood->told) {
        SIM_REQUIRE(status == WEIR_OK);
        SIM_REQUIRE(flood->accepted <= flood->handled + FLOOD_LIMIT);
    }
    SIM_REQUIRE(status == WEIR_OK || status == WEIR_FULL || status == WEIR_NO_STAGE);
    return status == WEIR_OK || status == WEIR_NO_STAGE;
}

static void run_flooder(void *unused) {
    (void)unused;
    for (int i = 0; i < FLOOD_CASTS; i++) {
        unsigned number = current;
        weir_ref to = ones[0];
        while (!send_one(to, number)) {}
        if (sim_draw(4) == 0) {
            weir_status status = weir_send_after(world.runtime, to, NULL, 0, sim_draw(3000), NULL);
            floods[number].timers += status == WEIR_OK;
        }
    }
}

static void stop_somehow(weir_ref stage, unsigned number, bool waits) {
    weir_reason reason = (weir_reason)(WEIR_REASON_USER + number);
    weir_status status = WEIR_OK;
    floods[number].told = true;
    if (sim_draw(3) == 0) {
        floods[number].finishes = true;
        status = weir_finish(world.runtime, stage);
    }
    SIM_REQUIRE(status == WEIR_OK || status == WEIR_NO_STAGE);
    status = waits ? weir_stop_wait(world.runtime, stage, reason, WEIR_FOREVER)
                   : weir_stop(world.runtime, stage, reason);
    SIM_REQUIRE(status == WEIR_OK || status == WEIR_NO_STAGE);
}

static void run_stopper(void *unused) {
    (void)unused;
    for (int i = 0; i < FLOODS; i++) stop_somehow(ones[0], current, sim_draw(2) == 0);
}

static void start_flood(unsigned number, unsigned worker) {
    struct flood *flood = &floods[number];
    weir_stage_options options = {.kind = WEIR_CONSUMER,
                                  .worker = worker,
                                  .mailbox_limit = FLOOD_LIMIT,
                                  .timers_limit = 1,
                                  .state = &flood,
                                  .state_bytes = sizeof flood,
                                  .on = {.handle_events = world_check_off,
                                         .handle_cast = count_cast,
                                         .handle_info = count_info,
                                         .handle_drain = note_drain,
                                         .terminate = note_end}};
    weir_ref ref;
    must(weir_stage_start(world.runtime, &options, &ref));
    ones[0] = ref;
    current = number;
}

/* What was accepted was handled, or is counted as dropped; of timers, those that were due. */
static void check_floods(void) {
    struct flood sum = {0};
    const weir_accounts *accounts = &world.accounts;
    for (int i = 0; i < FLOODS; i++) {
        SIM_REQUIRE(floods[i].handled <= floods[i].accepted);
        sum.accepted += floods[i].accepted;
        sum.handled += floods[i].handled;
        sum.timers += floods[i].timers;
    }
    SIM_REQUIRE(accounts->messages >= sum.handled);
    SIM_REQUIRE(accounts->messages_dropped >= sum.accepted - sum.handled);
    SIM_REQUIRE(accounts->messages + accounts->messages_dropped <= sum.accepted + sum.timers);
}

static void flood_main(void *unused) {
    (void)unused;
    int threads[THREADS + 1];
    world_open_runtime();
    memset(floods, 0, sizeof floods);
    unsigned worker = world_somewhere();
    start_flood(0, worker);
    for (int i = 0; i < THREADS; i++) threads[i] = sim_spawn("flooder", run_flooder, NULL);
    threads[THREADS] = sim_spawn("stopper", run_stopper, NULL);
    for (unsigned i = 0; i + 1 < FLOODS; i++) {
        for (uint64_t wait = sim_draw(100); wait > 0; wait--) sim_now_ns();
        stop_somehow(ones[0], i, true);
        start_flood(i + 1, worker);
    }
    for (int i = 0; i < THREADS + 1; i++) sim_join(threads[i]);
    stop_somehow(ones[0], FLOODS - 1, true);
    world_close_runtime();
    check_floods();
}

/* --- drain -------------------------------------------------------------------------------- */

static weir_inlet *inlet;

static void run_pusher(void *unused) {
    (void)unused;
    for (uint64_t next = 0; next < world.total; next++) {
        uint64_t event = world_event(1, next);
        weir_status status = weir_inlet_push(inlet, &event, 1, WEIR_FOREVER);
        if (status == WEIR_NO_STAGE) return; /* drained: no more is taken */
        must(status);
        world.pushed++;
    }
}

static weir_verdict forward(weir_stage *self, weir_batch batch) {
    (void)batch;
    return weir_forward(self);
}

static void drain_main(void *unused) {
    (void)unused;
    weir_ref sources[2];
    world_open_runtime();
    world.keep_going = true;
    world.in_order = true;
    world_start_producer(0, sim_draw(2) == 0 ? WEIR_ACCUMULATE : WEIR_FORWARD);
    weir_inlet_options options = {.event_bytes = sizeof(uint64_t),
                                  .capacity = 1 + (size_t)sim_draw(4),
                                  .when_full = WEIR_BLOCK,
                                  .worker = world_somewhere()};
    must(weir_inlet_open(world.runtime, &options, &inlet, &sources[1]));
    world.producers[1] = sources[1]; /* so nothing stops before all is handled */
    weir_stage_options relay = {.kind = WEIR_PRODUCER_CONSUMER,
                                .event_bytes = sizeof(uint64_t),
                                .on = {.handle_events = forward}};
    sources[0] = world_start_stage(relay, 1, world.producers);
    world_start_consumer(2, sources);
    int pusher = sim_spawn("pusher", run_pusher, NULL);
    for (uint64_t wait = sim_draw(200); wait > 0; wait--) sim_now_ns();
    weir_drain_report report;
    must(weir_runtime_drain(world.runtime, WEIR_FOREVER, &report));
    sim_join(pusher);
    weir_inlet_close(inlet);
    SIM_REQUIRE(report.stages == 0);
    world_close_runtime();
    SIM_REQUIRE(world.discarded == 0);
    SIM_REQUIRE(world.handled >= world.pushed);
    for (uint64_t i = 0; i < world.pushed; i++) SIM_REQUIRE(world.seen[1][i] == 1);
}

/* --- stepped ------------------------------------------------------------------------------ */

static uint64_t kept; /* atomic: the caller whose answer is to come from elsewhere */

static weir_verdict keep_caller(weir_stage *self, weir_from from, const void *request,
                                size_t bytes) {
    (void)self, (void)request, (void)bytes;
    sim_store(&kept, from.bits, sizeof kept);
    return WEIR_CONTINUE;
}

static weir_verdict end_on_cast(weir_stage *self, const void *message, size_t bytes) {
    (void)message, (void)bytes;
    return weir_stop_with(self, WEIR_REASON_NORMAL);
}

static void run_outsider(void *argument) {
    unsigned *stages = argument;
    for (uint64_t i = 1; i <= CALLS; i++) {
        weir_from from = {0};
        while ((from.bits = sim_load(&kept, sizeof kept)) == 0) sim_sleep_ns(1000);
        sim_store(&kept, 0, sizeof kept);
        must(weir_reply(world.runtime, from, &i, sizeof i));
        while (counted < i) sim_sleep_ns(1000); /* nothing else wakes who waits for it */
    }
    /* Last who has the timer: with none, a runtime at rest is not waited for. */
    for (unsigned i = *stages; i-- > 0;) must(weir_cast(world.runtime, ones[i], NULL, 0));
}

/* The timer never comes: nobody's wait times out in this scenario. */
static void stepped_main(void *unused) {
    (void)unused;
    unsigned stages = 1 + (unsigned)sim_draw(3);
    uint64_t answer = 0;
    weir_answer room = {.bytes = &answer, .room = sizeof answer};
    world.mode = WEIR_STEPPED;
    world_open_runtime();
    for (unsigned i = 0; i < stages; i++)
        ones[i] = start((weir_callbacks){.handle_call = keep_caller, .handle_cast = end_on_cast},
                        world_somewhere());
    must(weir_send_after(world.runtime, ones[0], NULL, 0, UINT64_C(3600000000000), NULL));
    int outsider = sim_spawn("outsider", run_outsider, &stages);
    for (uint64_t i = 1; i <= CALLS; i++) {
        must(weir_call(world.runtime, ones[0], NULL, 0, &room, WEIR_FOREVER));
        SIM_REQUIRE(answer == i);
        counted++;
    }
    must(weir_runtime_run(world.runtime, WEIR_FOREVER));
    sim_join(outsider);
    world_close_runtime();
}

/* --- the list ----------------------------------------------------------------------------- */

static void begin(const struct sim_scenario *scenario) {
    counted = 0;
    watches = 0;
    cancelled = 0;
    kept = 0;
    world_begin(scenario->run, 12);
}

int main(int count, char **arguments) {
    static const struct sim_scenario scenarios[] = {
        {"call", 10000, 2000000, true, begin, NULL, call_main, 0},
        {"ring", 10000, 2000000, true, begin, NULL, ring_main, 0},
        {"watch", 10000, 2000000, true, begin, NULL, watch_main, 0},
        {"timers", 10000, 2000000, true, begin, NULL, timers_main, 0},
        {"flood", 10000, 2000000, true, begin, NULL, flood_main, 0},
        {"drain", 10000, 2000000, true, begin, NULL, drain_main, 0},
        {"stepped", 10000, 2000000, false, begin, NULL, stepped_main, 0},
    };
    return SIM_MAIN(count, arguments, scenarios);
}
