/*
 * Simulates everything at any moment.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: a source of numbers, with a registered name, in some schedules under a
 * supervisor; two fibers that start sinks and relays by name or reference, subscribe, cancel
 * from either end and from outside, replace, watch, call, stop and finish; beside them
 * the main one drains the runtime, stops it or does nothing of the kind, and closes it when
 * they are done.  The source has last words when it is told to finish.  Whatever meets:
 * each number is handled once, or discarded and counted; accounts and memory balance;
 * freed memory is not touched (heap.h); nobody waits for ever.
 */
#include "driver.h"
#include "world.h"

#include <string.h>

enum { STAGES = 12, SUBSCRIPTIONS = 16, NUMBERS = 200 };

static struct {
    uint64_t next; /* number of the source, whichever it is */
    weir_ref source;
    weir_ref stages[STAGES];
    unsigned stage_count;
    weir_subscription subscriptions[SUBSCRIPTIONS];
    unsigned subscription_count;
} scene;

static void moment(uint64_t most) {
    for (uint64_t steps = sim_draw(most); steps > 0; steps--) sim_now_ns();
}

/* What may be refused when the other end has gone, or the runtime drains. */
static bool went_well(weir_status status) {
    bool gone = status == WEIR_NO_STAGE || status == WEIR_CLOSED || status == WEIR_NO_NAME ||
                status == WEIR_NO_SUBSCRIPTION || status == WEIR_UNHANDLED ||
                status == WEIR_TIMEOUT;
    return !gone && must(status);
}

static void add_stage(weir_ref stage) {
    if (scene.stage_count < STAGES) scene.stages[scene.stage_count++] = stage;
}

static weir_ref some_stage(void) {
    return scene.stage_count == 0 ? scene.source : scene.stages[sim_draw(scene.stage_count)];
}

/* --- what the stages do ------------------------------------------------------------------- */

static void emit(weir_stage *self, uint64_t count) {
    for (; count > 0 && scene.next < NUMBERS; count--) {
        uint64_t event = world_event(0, scene.next++);
        must(weir_emit(self, &event, 1));
    }
}

/* Not all that is asked for, so that demand is open for the last words. */
static weir_verdict count_up(weir_stage *self, uint64_t demand) {
    emit(self, sim_draw(demand + 1));
    return WEIR_CONTINUE;
}

static weir_verdict last_words(weir_stage *self) {
    emit(self, 1 + sim_draw(3));
    return WEIR_CONTINUE;
}

static weir_verdict pass_on(weir_stage *self, weir_batch batch) {
    (void)batch;
    return weir_forward(self);
}

static weir_verdict down(weir_stage *self, weir_ref stage, weir_reason reason) {
    (void)self, (void)stage, (void)reason;
    return WEIR_CONTINUE;
}

/* A cast of a reference: watch it.  Of a subscription: cancel it. */
static weir_verdict told(weir_stage *self, const void *message, size_t bytes) {
    if (bytes == sizeof(weir_ref)) {
        went_well(weir_monitor_stage(self, *(const weir_ref *)message, NULL));
    } else {
        weir_subscription subscription;
        memcpy(&subscription, message, sizeof subscription);
        went_well(weir_cancel(weir_stage_runtime(self), subscription, WEIR_REASON_USER));
    }
    return WEIR_CONTINUE;
}

static const weir_stage_options a_source = {
    .kind = WEIR_PRODUCER,
    .name = "source",
    .registered = true,
    .event_bytes = sizeof(uint64_t),
    .on = {.handle_demand = count_up,
           .handle_cast = told,
           .handle_drain = last_words,
           .handle_down = down,
           .discarded = world_discarded},
};

/* --- what is done to them ----------------------------------------------------------------- */

static weir_subscribe_options some_options(void) {
    static const weir_cancel_mode modes[] = {WEIR_PERMANENT, WEIR_TRANSIENT, WEIR_TEMPORARY};
    weir_subscribe_options options = world_some_demand();
    options.cancel = modes[sim_draw(3)];
    return options;
}

static void start_stage(bool relay) {
    weir_subscribe_to from = {.producer = scene.source, .options = some_options()};
    if (sim_draw(2) == 0) from = (weir_subscribe_to){.name = "source", .options = from.options};
    weir_stage_options options = {.kind = relay ? WEIR_PRODUCER_CONSUMER : WEIR_CONSUMER,
                                  .name = relay ? "relay" : "sink",
                                  .event_bytes = relay ? sizeof(uint64_t) : 0,
                                  .state_bytes = sizeof(struct consumer),
                                  .worker = world_somewhere(),
                                  .subscribe_to = &from,
                                  .subscribe_count = 1,
                                  .on = {.handle_events = relay ? pass_on : world_check_off,
                                         .handle_cast = told,
                                         .handle_down = down,
                                         .discarded = world_discarded}};
    weir_ref stage;
    if (went_well(weir_stage_start(world.runtime, &options, &stage))) add_stage(stage);
}

static void subscribe(void) {
    weir_subscribe_options options = some_options();
    weir_subscription made;
    weir_ref producer = sim_draw(2) == 0 ? scene.source : some_stage();
    weir_ref consumer = some_stage();
    if (producer.bits == consumer.bits) return;
    weir_status status = weir_subscribe(world.runtime, consumer, producer, &options, &made);
    if (status == WEIR_NOT_A_PRODUCER || status == WEIR_NOT_A_CONSUMER) return;
    if (went_well(status) && scene.subscription_count < SUBSCRIPTIONS)
        scene.subscriptions[scene.subscription_count++] = made;
}

static void cancel(void) {
    if (scene.subscription_count == 0) return;
    unsigned at = (unsigned)sim_draw(scene.subscription_count);
    weir_subscription subscription = scene.subscriptions[at];
    weir_subscribe_options options = some_options();
    switch (sim_draw(4)) {
    case 0:
        went_well(weir_cancel(world.runtime, subscription, WEIR_REASON_NORMAL));
        break;
    case 1:
        went_well(
            weir_cast(world.runtime, subscription.producer, &subscription, sizeof subscription));
        break;
    case 2:
        went_well(
            weir_cast(world.runtime, subscription.consumer, &subscription, sizeof subscription));
        break;
    default:
        went_well(weir_resubscribe(world.runtime, subscription, WEIR_REASON_NORMAL, (weir_ref){0},
                                   &options, &scene.subscriptions[at]));
    }
}

static void look_up(void) {
    weir_ref found;
    if (!went_well(weir_whereis(world.runtime, "source", &found))) return;
    went_well(weir_call(world.runtime, found, NULL, 0, NULL, WEIR_FOREVER));
    weir_ref watcher = some_stage();
    if (watcher.bits != found.bits)
        went_well(weir_cast(world.runtime, watcher, &found, sizeof found));
}

static void meddle(void *unused) {
    (void)unused;
    for (uint64_t times = 2 + sim_draw(8); times > 0; times--) {
        moment(40);
        switch (sim_draw(8)) {
        case 0:
        case 1:
            start_stage(false);
            break;
        case 2:
            start_stage(true);
            break;
        case 3:
            subscribe();
            break;
        case 4:
            cancel();
            break;
        case 5:
            look_up();
            break;
        case 6:
            went_well(weir_stop(world.runtime, some_stage(), WEIR_REASON_USER));
            break;
        default:
            went_well(weir_finish(world.runtime, some_stage()));
        }
    }
}

/* --- the main one ------------------------------------------------------------------------- */

static void start_source(void) {
    weir_supervised child = {.stage = &a_source};
    weir_ref supervisor;
    if (sim_draw(2) == 0) {
        must(weir_stage_start(world.runtime, &a_source, &scene.source));
        return;
    }
    must(weir_supervisor_start(world.runtime,
                               &(weir_supervisor_options){.children = &child,
                                                          .child_count = 1,
                                                          .max_restarts = WEIR_INFINITY},
                               &supervisor));
    must(weir_supervisor_child(world.runtime, supervisor, 0, WEIR_FOREVER, &scene.source));
    add_stage(supervisor);
}

static void end_somehow(void) {
    moment(150);
    switch (sim_draw(4)) {
    case 0:
    case 1:
        weir_runtime_drain(world.runtime, 50000, NULL);
        break;
    case 2:
        must(weir_runtime_stop(world.runtime, WEIR_REASON_SHUTDOWN));
        break;
    default:
        break;
    }
}

static void moments_main(void *unused) {
    (void)unused;
    world.in_order = false;
    world_open_runtime();
    start_source();
    if (sim_draw(2) == 0) add_stage(scene.source);
    for (uint64_t count = sim_draw(4); count > 0; count--) start_stage(sim_draw(3) == 0);
    if (sim_draw(2) == 0) weir_runtime_settle(world.runtime, WEIR_FOREVER);
    int fibers[2];
    for (int i = 0; i < 2; i++) fibers[i] = sim_spawn("meddler", meddle, NULL);
    end_somehow();
    for (int i = 0; i < 2; i++) sim_join(fibers[i]);
    if (sim_draw(2) == 0) weir_runtime_settle(world.runtime, 1000000);
    world_close_runtime();
    SIM_REQUIRE(world.handled + world.discarded == scene.next);
}

static void begin_moments(const struct sim_scenario *scenario) {
    (void)scenario;
    memset(&scene, 0, sizeof scene);
    world_begin(moments_main, 1);
    world.total = NUMBERS + 64; /* all that world_check_off may see */
}

int main(int count, char **arguments) {
    static const struct sim_scenario scenarios[] = {
        {"moments", 100000, 2000000, true, begin_moments, NULL, NULL, 0},
    };
    return SIM_MAIN(count, arguments, scenarios);
}
