/*
 * Simulates the moment in which a stage that finishes takes nothing more.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: a stage, or a ring of two, is told to finish; something comes to it at the same time,
 * a drawn distance away.  What was accepted keeps it from its end until it is done, and who
 * comes too late is refused; nothing in between.  (endings.c has all of it in random graphs.)
 *
 *   fed    a feeder is made known: the stage ends after it
 *   held   a token is taken: the stage takes what its holder sends
 *   ring   a ring that is drained is sent something: it goes round, and out; and so does what
 *          its members say when they are reminded after the end, about when it ends
 */
#include "driver.h"
#include "world.h"

static weir_ref stage;
static bool finished; /* the stage has ended        */
static bool fed;      /* weir_feeds has said OK     */
static bool feeds;    /* the feeder lives           */
static uint64_t sent, came;
static uint64_t reminders, reminded; /* still to be armed; that have come */

static void moment(uint64_t most) {
    for (uint64_t steps = sim_draw(most); steps > 0; steps--) sim_now_ns();
}

static weir_ref start(weir_stage_options options) {
    weir_ref out;
    options.worker = world_somewhere();
    options.on.discarded = world_discarded;
    must(weir_stage_start(world.runtime, &options, &out));
    return out;
}

static weir_verdict take(weir_stage *self, weir_batch batch) {
    (void)self;
    came += batch.count;
    return WEIR_CONTINUE;
}

static void ended(weir_stage *self, weir_reason reason) {
    (void)self, (void)reason;
    finished = true;
    if (fed && feeds) sim_fail("the stage has finished before the one that feeds it");
}

static void feeder_ended(weir_stage *self, weir_reason reason) {
    (void)self, (void)reason;
    feeds = false;
}

static void finish(void *unused) {
    (void)unused;
    moment(40);
    weir_status status = weir_finish(world.runtime, stage);
    SIM_REQUIRE(status == WEIR_OK || status == WEIR_NO_STAGE);
}

static void begin(const struct sim_scenario *scenario) {
    finished = fed = feeds = false;
    sent = came = 0;
    reminders = reminded = 0;
    world_begin(scenario->run, 1);
}

static const weir_stage_options told_producer = {
    .kind = WEIR_PRODUCER,
    .event_bytes = sizeof(uint64_t),
    .on = {.handle_demand = world_no_demand, .handle_cast = world_emit_told, .terminate = ended}};

/* True when it was accepted. */
static bool send(weir_ref to) {
    static const uint64_t event;
    weir_status status = weir_cast(world.runtime, to, &event, sizeof event);
    SIM_REQUIRE(status == WEIR_OK || status == WEIR_NO_STAGE);
    sent += status == WEIR_OK;
    return status == WEIR_OK;
}

/* --- fed ------------------------------------------------------------------------------------ */

static void fed_main(void *unused) {
    (void)unused;
    world_open_runtime();
    stage = start(told_producer);
    weir_ref feeder = start((weir_stage_options){
        .kind = WEIR_CONSUMER, .on = {.handle_events = take, .terminate = feeder_ended}});
    feeds = true;
    int finisher = sim_spawn("finisher", finish, NULL);
    moment(60);
    weir_status status = weir_feeds(world.runtime, feeder, stage);
    SIM_REQUIRE(status == WEIR_OK || status == WEIR_NO_STAGE);
    fed = status == WEIR_OK;
    if (fed && finished) sim_fail("a stage that has finished was told of a feeder");
    sim_join(finisher);
    must(weir_runtime_settle(world.runtime, WEIR_FOREVER));
    SIM_REQUIRE(finished == !fed);
    must(weir_finish(world.runtime, feeder));
    must(weir_runtime_run(world.runtime, WEIR_FOREVER));
    world_close_runtime();
}

/* --- held ----------------------------------------------------------------------------------- */

static void held_main(void *unused) {
    (void)unused;
    weir_token token;
    world_open_runtime();
    stage = start(told_producer);
    world_start_stage((weir_stage_options){.kind = WEIR_CONSUMER, .on.handle_events = take}, 1,
                      &stage);
    int finisher = sim_spawn("finisher", finish, NULL);
    moment(60);
    weir_status status = weir_busy(world.runtime, stage, &token);
    SIM_REQUIRE(status == WEIR_OK || status == WEIR_NO_STAGE);
    for (uint64_t left = 1 + sim_draw(3); left > 0 && status == WEIR_OK; left--) {
        moment(60);
        if (!send(stage)) sim_fail("who holds a token was refused");
    }
    if (status == WEIR_OK) must(weir_done(world.runtime, token));
    sim_join(finisher);
    must(weir_runtime_run(world.runtime, WEIR_FOREVER));
    world_close_runtime();
    SIM_REQUIRE(came == sent && world.discarded == 0);
}

/* --- ring ----------------------------------------------------------------------------------- */

/* Once round, and then out: by the number of times that it has come here. */
static weir_verdict send_back(weir_stage *self, weir_batch batch) {
    const uint64_t *events = batch.events;
    for (size_t i = 0; i < batch.count; i++) must(weir_emit(self, &(uint64_t){events[i] + 1}, 1));
    return WEIR_CONTINUE;
}

static uint32_t out_or_back(void *context, const void *event) {
    (void)context;
    return *(const uint64_t *)event < 2;
}

static weir_verdict pass(weir_stage *self, weir_batch batch) {
    (void)batch;
    return weir_forward(self);
}

/* About when who drains looks: in naps, where there are threads. */
enum { NAP_NS = 200000 };

static weir_verdict ask_to_be_reminded(weir_stage *self) {
    if (reminders > 0 && sim_draw(2) == 0) {
        reminders--;
        must(weir_send_after(world.runtime, weir_self(self), NULL, 0,
                             sim_draw(3) * NAP_NS + sim_draw(400), NULL));
    }
    return WEIR_CONTINUE;
}

static weir_verdict emit_reminded(weir_stage *self, const void *message, size_t bytes) {
    (void)message, (void)bytes;
    must(weir_emit(self, &(uint64_t){0}, 1));
    reminded++;
    return WEIR_CONTINUE;
}

static void send_some(void *unused) {
    (void)unused;
    for (uint64_t left = 1 + sim_draw(4); left > 0; left--) {
        if (world.mode == WEIR_THREADS) sim_sleep_ns(sim_draw(3) * NAP_NS + sim_draw(400));
        moment(400);
        if (!send(stage)) return;
    }
}

static void ring_main(void *unused) {
    (void)unused;
    static const weir_partition_dispatcher_options two = {.partitions = 2, .hash = out_or_back};
    weir_subscribe_options some = {.max_demand = 4, .partition = WEIR_PARTITION(0)};
    world.mode = sim_draw(2) == 0 ? WEIR_SIMULATED : WEIR_THREADS;
    world_open_runtime();
    const weir_stage_options relay = {.kind = WEIR_PRODUCER_CONSUMER,
                                      .event_bytes = sizeof(uint64_t),
                                      .on = {.handle_events = pass,
                                             .handle_cast = world_emit_told,
                                             .handle_info = emit_reminded,
                                             .handle_end = ask_to_be_reminded}};
    weir_stage_options back = relay;
    reminders = sim_draw(4);
    back.dispatcher = weir_partition_dispatcher();
    back.dispatcher_options = &two;
    back.on.handle_events = send_back;
    stage = start(relay);
    weir_ref second = start(back);
    weir_ref sink = start((weir_stage_options){.kind = WEIR_CONSUMER, .on.handle_events = take});
    must(weir_subscribe(world.runtime, sink, second, &some, NULL));
    some.partition = WEIR_PARTITION(1);
    must(weir_subscribe(world.runtime, stage, second, &some, NULL));
    some.partition = 0;
    must(weir_subscribe(world.runtime, second, stage, &some, NULL));
    must(weir_runtime_settle(world.runtime, WEIR_FOREVER));
    int sender = sim_spawn("sender", send_some, NULL);
    /* Who steps it has nothing to do while the sender is amid a cast. */
    weir_status status = weir_runtime_drain(world.runtime, WEIR_FOREVER, NULL);
    sim_join(sender);
    if (status != WEIR_OK) must(weir_runtime_drain(world.runtime, WEIR_FOREVER, NULL));
    world_close_runtime();
    SIM_REQUIRE(came == sent + reminded && world.discarded == 0);
}

/* --- the list ------------------------------------------------------------------------------- */

int main(int count, char **arguments) {
    static const struct sim_scenario scenarios[] = {
        {"fed", 15000, 2000000, true, begin, NULL, fed_main, 0},
        {"held", 15000, 2000000, true, begin, NULL, held_main, 0},
        {"ring", 10000, 4000000, true, begin, NULL, ring_main, 0},
    };
    return SIM_MAIN(count, arguments, scenarios);
}
