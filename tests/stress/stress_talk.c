/*
 * Stress: calls, timers, names, monitors and drains, from threads and callbacks.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal    Each call has its own answer, or is told why not; each timer fires once
 *         unless it was cancelled or went with its stage; a name is one living
 *         stage's; who watches is told once; what is drained is handled.
 * Method  `talking`: threads call, name, arm, cancel, stop and start stages that
 *         do the same among themselves, on more workers than cores.  `draining`:
 *         pipelines with an inlet are drained while threads push.
 */
#include "stress/nodes.h"

#include "base/atomic.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static struct weir__rng rng;

/* ---- talking ------------------------------------------------------------- */

enum { PLACES = 12 };

static struct talk {
    weir_runtime *runtime;
    enum stress_pauses pauses;
    uint64_t deeds;          /* of each thread                             */
    uint64_t places[PLACES]; /* atomic: references of stages               */
    uint64_t calls;          /* atomic: answered                           */
    uint64_t armed;          /* atomic                                     */
    uint64_t fired;          /* atomic                                     */
    uint64_t cancelled;      /* atomic: for certain                        */
    uint64_t watched;        /* atomic                                     */
    uint64_t told;           /* atomic                                     */
} talk;

struct talker {
    struct weir__rng rng;
};

static weir_ref draw_place(struct weir__rng *from) {
    return (weir_ref){weir__load_relaxed_u64(&talk.places[weir__rng_below(from, PLACES)])};
}

static void settled(weir_status status) {
    switch (status) {
    case WEIR_OK:
    case WEIR_FULL:
    case WEIR_TIMEOUT:
    case WEIR_NO_STAGE:
    case WEIR_WRONG_THREAD:
    case WEIR_NO_NAME:
    case WEIR_NAME_TAKEN:
    case WEIR_NO_CALLER:
        return;
    default:
        stress_fail("%s: %s", weir_status_name(status), weir_refusal());
    }
}

static void call(struct weir__rng *from) {
    uint64_t number = weir__rng_below(from, 1000000);
    uint64_t answer = 0;
    weir_answer room = {.bytes = &answer, .room = sizeof answer};
    uint64_t timeout = stress_chance(from, 4) ? weir__rng_below(from, 50000) : WEIR_FOREVER;
    weir_status status =
        weir_call(talk.runtime, draw_place(from), &number, sizeof number, &room, timeout);
    settled(status);
    STRESS_CHECK(status != WEIR_OK || (answer == number + 1 && room.count == sizeof answer));
    STRESS_CHECK(status == WEIR_OK || answer == 0);
    if (status == WEIR_OK) weir__fetch_add_u64(&talk.calls, 1);
}

static void arm(struct weir__rng *from) {
    weir_timer timer;
    uint64_t delay = weir__rng_below(from, 300000);
    weir_status status = weir_send_after(talk.runtime, draw_place(from), "", 0, delay, &timer);
    settled(status);
    if (status != WEIR_OK) return;
    weir__fetch_add_u64(&talk.armed, 1);
    if (stress_chance(from, 3)) settled(weir_cancel_timer(talk.runtime, timer));
}

static void name(struct weir__rng *from) {
    char text[16];
    weir_ref found;
    snprintf(text, sizeof text, "name %u", (unsigned)weir__rng_below(from, 8));
    switch (weir__rng_below(from, 3)) {
    case 0:
        settled(weir_register(talk.runtime, draw_place(from), text));
        return;
    case 1:
        settled(weir_unregister(talk.runtime, text));
        return;
    default:
        settled(weir_whereis(talk.runtime, text, &found));
    }
}

static void look(struct weir__rng *from) {
    weir_demand_mode mode;
    size_t count;
    weir_ref stage = draw_place(from);
    settled(weir_demand_mode_of(talk.runtime, stage, WEIR_FOREVER, &mode));
    settled(weir_consumers(talk.runtime, stage, WEIR_FOREVER, NULL, 0, &count));
}

/* ---- the stages ---------------------------------------------------------- */

static weir_verdict no_events(weir_stage *self, weir_batch batch) {
    (void)self;
    (void)batch;
    return WEIR_CONTINUE;
}

static void watch(weir_stage *self, struct weir__rng *from) {
    weir_monitor monitor;
    weir_ref other = draw_place(from);
    if (other.bits == weir_self(self).bits) return;
    STRESS_OK(weir_monitor_stage(self, other, &monitor));
    if (stress_chance(from, 2)) {
        STRESS_OK(weir_demonitor(self, monitor));
    } else {
        weir__fetch_add_u64(&talk.watched, 1);
    }
}

static weir_verdict on_call(weir_stage *self, weir_from who, const void *request, size_t bytes) {
    struct talker *talker = weir_state(self);
    uint64_t number = *(const uint64_t *)request + 1;
    STRESS_CHECK(bytes == sizeof number);
    if (stress_chance(&talker->rng, 8)) call(&talker->rng);
    if (stress_chance(&talker->rng, 8)) watch(self, &talker->rng);
    if (stress_chance(&talker->rng, 2)) {
        STRESS_OK(weir_reply_after(self, who, &number, sizeof number));
    } else {
        settled(weir_reply(talk.runtime, who, &number, sizeof number));
    }
    return stress_chance(&talker->rng, 50) ? WEIR_STOP : WEIR_CONTINUE;
}

static weir_verdict on_info(weir_stage *self, const void *message, size_t bytes) {
    struct talker *talker = weir_state(self);
    weir_timer timer;
    (void)message;
    (void)bytes;
    weir__fetch_add_u64(&talk.fired, 1);
    if (!stress_chance(&talker->rng, 4)) return WEIR_CONTINUE;
    if (weir_send_after(talk.runtime, weir_self(self), "", 0, 1000, &timer) != WEIR_OK) {
        return WEIR_CONTINUE;
    }
    weir__fetch_add_u64(&talk.armed, 1);
    if (stress_chance(&talker->rng, 2)) {
        STRESS_OK(weir_cancel_timer(talk.runtime, timer));
        weir__fetch_add_u64(&talk.cancelled, 1);
    }
    return WEIR_CONTINUE;
}

static weir_verdict on_down(weir_stage *self, weir_ref stage, weir_reason reason) {
    (void)reason;
    STRESS_CHECK(stage.bits != weir_self(self).bits);
    weir__fetch_add_u64(&talk.told, 1);
    return WEIR_CONTINUE;
}

static weir_ref start(void) {
    struct talker talker;
    weir_ref ref;
    stress_rng(&talker.rng);
    size_t limit = (size_t)stress_between(&talker.rng, 0, 20); /* 0: the usual */
    STRESS_OK(weir_stage_start(talk.runtime,
                               &(weir_stage_options){.kind = WEIR_CONSUMER,
                                                     .name = "talker",
                                                     .mailbox_limit = limit,
                                                     .timers_limit = limit,
                                                     .state_bytes = sizeof talker,
                                                     .state = &talker,
                                                     .on = {.handle_events = no_events,
                                                            .handle_call = on_call,
                                                            .handle_info = on_info,
                                                            .handle_down = on_down}},
                               &ref));
    return ref;
}

/* Several may stop one stage at once, and tell its place's next one nothing. */
static void replace(struct weir__rng *from) {
    if (stress_chance(from, 4))
        settled(weir_stop(talk.runtime, draw_place(from), WEIR_REASON_USER));
    uint64_t *place = &talk.places[weir__rng_below(from, PLACES)];
    weir_ref old = {weir__exchange_u64(place, start().bits)};
    settled(stress_chance(from, 2)
                ? weir_stop(talk.runtime, old, WEIR_REASON_USER)
                : weir_stop_wait(talk.runtime, old, WEIR_REASON_USER, WEIR_FOREVER));
}

static void do_deeds(struct weir__rng *from) {
    for (uint64_t i = 0; i < talk.deeds; i++) {
        static void (*const deeds[])(struct weir__rng *) = {call, call, call, arm,
                                                            arm,  name, look, replace};
        deeds[weir__rng_below(from, 8)](from);
        stress_pause(from, talk.pauses);
    }
    stress_hear_alarms(false);
}

static void run_talk(const weir_runtime_options *options, unsigned threads, bool alarms) {
    talk.runtime = stress_open(options);
    for (int i = 0; i < PLACES; i++) weir__exchange_u64(&talk.places[i], start().bits);
    stress_crowd(threads, alarms, do_deeds);
    STRESS_OK(weir_runtime_stop(talk.runtime, WEIR_REASON_NORMAL));
    STRESS_OK(weir_runtime_run(talk.runtime, WEIR_FOREVER));
    stress_close(talk.runtime);
    STRESS_CHECK(talk.fired + talk.cancelled <= talk.armed && talk.told <= talk.watched);
}

static void talking(uint64_t events) {
    stress_rng(&rng);
    for (uint64_t done = 0; done < events; done += talk.calls + 1) {
        weir_runtime_options options = {.workers = (unsigned)stress_between(&rng, 1, 5),
                                        .idle = WEIR_IDLE_PARK};
        unsigned threads = (unsigned)stress_between(&rng, 1, STRESS_CROWD_MAX);
        bool alarms = stress_chance(&rng, 2);
        memset(&talk, 0, sizeof talk);
        talk.pauses = (enum stress_pauses)weir__rng_below(&rng, 3);
        talk.deeds = stress_between(&rng, 1, 2000);
        stress_step("talking: workers %u threads %u deeds %" PRIu64 " pauses %d alarms %d",
                    options.workers, threads, talk.deeds, (int)talk.pauses, alarms);
        run_talk(&options, threads, alarms);
    }
}

/* ---- draining ------------------------------------------------------------ */

struct pusher {
    pthread_t thread;
    weir_inlet *inlet;
    uint64_t pushed;
};

static void *push_until_refused(void *argument) {
    struct pusher *pusher = argument;
    for (;;) {
        uint64_t event = stress_word(1, pusher->pushed);
        weir_status status = weir_inlet_push(pusher->inlet, &event, 1, WEIR_FOREVER);
        if (status == WEIR_NO_STAGE) return NULL;
        STRESS_OK(status);
        pusher->pushed++;
    }
}

/* A source without end and an inlet, a relay, and a sink; all is handled. */
static uint64_t drain_once(void) {
    weir_runtime_options options = {.workers = (unsigned)stress_between(&rng, 1, 4),
                                    .idle = WEIR_IDLE_PARK};
    struct stress_source source = {.id = 0, .total = STRESS_NUMBER_LIMIT - 1, .event_bytes = 8};
    struct stress_relay relay = {.event_bytes = 8, .upstreams = 100};
    struct stress_sink sink = {.upstreams = 100, .order = STRESS_CONSECUTIVE, .hops_most = 1};
    struct pusher pusher = {.pushed = 0};
    weir_ref inlet_ref;
    weir_runtime *runtime = stress_open(&options);
    weir_inlet_options inlet_options = {.event_bytes = 8,
                                        .capacity = (size_t)stress_between(&rng, 1, 100),
                                        .when_full = WEIR_BLOCK};
    STRESS_OK(weir_inlet_open(runtime, &inlet_options, &pusher.inlet, &inlet_ref));
    weir_subscribe_to to_source =
        stress_from(stress_source_start(runtime, &source), (size_t)stress_between(&rng, 1, 100), 0);
    weir_subscribe_to both[2] = {stress_from(stress_relay_start(runtime, &relay, &to_source, 1),
                                             (size_t)stress_between(&rng, 1, 100), 0),
                                 stress_from(inlet_ref, (size_t)stress_between(&rng, 1, 20), 0)};
    for (int i = 0; i < 2; i++) {
        both[i].options.cancel = (weir_cancel_mode)weir__rng_below(&rng, 3);
    }
    stress_sink_start(runtime, &sink, both, 2);
    STRESS_CHECK(pthread_create(&pusher.thread, NULL, push_until_refused, &pusher) == 0);
    weir_status status = weir_runtime_run(runtime, weir__rng_below(&rng, 1000000));
    STRESS_CHECK(status == WEIR_TIMEOUT);
    weir_drain_report report;
    STRESS_OK(weir_runtime_drain(runtime, WEIR_FOREVER, &report));
    pthread_join(pusher.thread, NULL);
    weir_inlet_close(pusher.inlet);
    weir_accounts accounts = stress_close(runtime);
    STRESS_CHECK(report.stages == 0 && accounts.discarded == 0);
    STRESS_CHECK(accounts.emitted == accounts.handled);
    STRESS_CHECK(sink.tally.count >= pusher.pushed);
    return accounts.handled;
}

static void draining(uint64_t events) {
    stress_rng(&rng);
    for (uint64_t done = 0; done < events;) {
        stress_step("draining: after %" PRIu64, done);
        done += drain_once() / 16 + 1000; /* many short ones */
    }
}

int main(int count, char **arguments) {
    static const struct stress_scenario scenarios[] = {{"talking", 1, talking},
                                                       {"draining", 9, draining}};
    return stress_main(count, arguments, 200000, scenarios, sizeof scenarios / sizeof *scenarios);
}
