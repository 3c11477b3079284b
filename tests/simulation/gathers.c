/*
 * Simulates batchers, retries and conflaters: stages that keep events for a while.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: an inlet that a foreign thread pushes owned events into, one of the parts with options
 * drawn from the seed, and one or two consumers, which take some of what they get; in between
 * stages are stopped and subscriptions end, at any moment, or nothing happens; then the source
 * finishes, or the runtime drains or stops.  Whatever the order: each event that was accepted is
 * dropped once by weir, or was taken and is released once; accounts, blocks and memory balance.
 * Where nobody was stopped: each event was handled once (of a conflater: or was replaced by a later
 * one of its key, and the last of each key was handled); events of one key come in order; and no
 * batch has more than it may.
 *
 *   batch     a batcher, with or without keys
 *   retry     a chain with a retry stage, or a ring of it and who fails
 *   conflate  a conflater before a slow consumer
 */
#include "driver.h"
#include "world.h"

#include <string.h>

enum { EVENTS = 48, KEYS = 3 };

struct event {
    uint64_t number; /* from 1 */
    uint32_t key;
    uint32_t tries;
};

/* What has become of each number. */
static struct {
    uint8_t given;   /* to weir, and accepted */
    uint8_t seen;    /* by who handles it for good */
    uint8_t dropped; /* by weir */
    uint8_t taken;   /* by the program, which has given it back */
    weir_discard why;
} book[EVENTS + 1];

static struct {
    enum { BATCHER, RETRY, RING, CONFLATER } kind;
    weir_inlet *inlet;
    weir_ref source;
    weir_ref worker; /* of a ring: who fails */
    weir_ref part;
    weir_ref sinks[2];
    unsigned sink_count;
    bool upset;   /* somebody was stopped, or has left */
    bool ordered; /* events of one key come in order */
    bool drains;
    bool bounded;        /* a retry stage that has room for a few */
    uint64_t last[KEYS]; /* of each key, that was seen last */
    weir_batcher_options batching;
} scene;

/* --- the events ------------------------------------------------------------------ */

static uint32_t key_of_number(uint64_t number) {
    return (uint32_t)(number * 7 / 3 % KEYS);
}

static void drop_events(void *context, const void *events, size_t count, weir_discard why) {
    const struct event *event = events;
    (void)context;
    for (size_t i = 0; i < count; i++) {
        SIM_REQUIRE(event[i].number >= 1 && event[i].number <= EVENTS);
        SIM_REQUIRE(event[i].key == key_of_number(event[i].number));
        SIM_REQUIRE(book[event[i].number].dropped++ == 0);
        SIM_REQUIRE(book[event[i].number].taken == 0);
        book[event[i].number].why = why;
    }
}

static const weir_event_type type = {.bytes = sizeof(struct event), .drop = drop_events};

static void release(const struct event *event) {
    SIM_REQUIRE(book[event->number].dropped == 0);
    SIM_REQUIRE(book[event->number].taken++ == 0);
}

static void see(const struct event *event) {
    SIM_REQUIRE(event->number >= 1 && event->number <= EVENTS);
    SIM_REQUIRE(book[event->number].dropped + book[event->number].taken == 0);
    SIM_REQUIRE(book[event->number].seen++ == 0);
    if (scene.ordered) SIM_REQUIRE(event->number > scene.last[event->key]);
    scene.last[event->key] = event->number;
}

static uint64_t key_of(void *context, const void *event) {
    (void)context;
    return ((const struct event *)event)->key;
}

static bool is_fifth(void *context, const void *event) {
    (void)context;
    return ((const struct event *)event)->number % 5 == 0;
}

/* (For ever, unless those that have no room have to wait for it.) */
static uint64_t some_delay(void *context, const void *event) {
    (void)context, (void)event;
    if (sim_draw(3) == 0) return 0;
    return !scene.bounded && sim_draw(3) == 0 ? WEIR_FOREVER : sim_draw(2000);
}

static uint64_t short_delay(void *context, const void *event) {
    (void)context, (void)event;
    return sim_draw(500);
}

static void discarded(void *context, uint64_t count, weir_discard cause) {
    (void)context, (void)cause;
    world.discarded += count;
}

/* --- who handles them ------------------------------------------------------------ */

static void take_some(weir_stage *self, const weir_gathered *batch) {
    struct event taken[EVENTS];
    size_t first = (size_t)sim_draw(batch->count);
    size_t count = (size_t)sim_draw(batch->count - first + 1);
    must(weir_gathered_take(self, batch, first, count, taken));
    for (size_t i = 0; i < count; i++) release(&taken[i]);
}

static weir_verdict handle_batches(weir_stage *self, weir_batch batch) {
    const weir_gathered *batches = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        const struct event *events = batches[i].events;
        SIM_REQUIRE(batches[i].count >= 1 && batches[i].count <= scene.batching.size);
        for (uint32_t k = 0; k < batches[i].count; k++) {
            SIM_REQUIRE(scene.batching.key == NULL || events[k].key == batches[i].key);
            see(&events[k]);
        }
        if (sim_draw(3) == 0) take_some(self, &batches[i]);
    }
    weir_gathered mine;
    if (batch.count > 0 && sim_draw(3) == 0) {
        must(weir_take(self, 0, 1, &mine));
        weir_gathered_drop(&mine, WEIR_DISCARD_HANDLED);
    }
    return WEIR_CONTINUE;
}

static weir_verdict handle_events(weir_stage *self, weir_batch batch) {
    const struct event *events = batch.events;
    for (size_t i = 0; i < batch.count; i++) see(&events[i]);
    struct event mine;
    if (batch.count > 0 && sim_draw(3) == 0) {
        must(weir_take(self, 0, 1, &mine));
        release(&mine);
    }
    return WEIR_CONTINUE;
}

/* In a ring: what fails goes round; what does not is seen here. */
static weir_verdict work(weir_stage *self, weir_batch batch) {
    for (size_t i = 0; i < batch.count; i++) {
        const struct event *event = (const struct event *)batch.events + i;
        struct event again;
        if (event->tries == 2 || sim_draw(2) == 0) {
            see(event);
            continue;
        }
        must(weir_take(self, i, 1, &again));
        again.tries++;
        must(weir_emit(self, &again, 1));
    }
    return WEIR_CONTINUE;
}

static void stage_discarded(weir_stage *self, uint64_t count, weir_discard cause) {
    (void)self;
    discarded(NULL, count, cause);
}

/* --- the graphs ------------------------------------------------------------------ */

static weir_subscribe_to from(weir_ref producer) {
    return (weir_subscribe_to){.producer = producer, .options = world_some_demand()};
}

static void open_inlet(void) {
    const weir_inlet_options options = {.type = &type,
                                        .capacity = 64,
                                        .when_full = WEIR_BLOCK,
                                        .worker = world_somewhere(),
                                        .discarded = discarded};
    must(weir_inlet_open(world.runtime, &options, &scene.inlet, &scene.source));
}

static void start_sink(unsigned number, weir_subscribe_options how) {
    const weir_subscribe_to to = {.producer = scene.part, .options = how};
    const weir_stage_options options = {
        .kind = WEIR_CONSUMER,
        .name = "sink",
        .worker = world_somewhere(),
        .subscribe_to = &to,
        .subscribe_count = 1,
        .on = {.handle_events = scene.kind == BATCHER ? handle_batches : handle_events,
               .discarded = stage_discarded}};
    must(weir_stage_start(world.runtime, &options, &scene.sinks[number]));
    scene.sink_count = number + 1;
}

static void start_batcher(void) {
    weir_subscribe_to to = from(scene.source);
    bool keyed = sim_draw(2) == 0;
    bool parted = keyed && sim_draw(3) == 0;
    const weir_partition_dispatcher_options halves = {.partitions = 2};
    scene.batching =
        (weir_batcher_options){.type = &type,
                               .size = 1 + (size_t)sim_draw(7),
                               .timeout_ns = 1 + sim_draw(3000),
                               .key = keyed ? key_of : NULL,
                               .keys = keyed ? 1 + (size_t)sim_draw(KEYS) : 0,
                               .flush = sim_draw(4) == 0 ? is_fifth : NULL,
                               .bytes = sim_draw(4) == 0 ? 40 : 0,
                               .worker = sim_draw(4) == 0 ? WEIR_TIMELY_WORKER : world_somewhere(),
                               .discarded = discarded,
                               .subscribe_to = &to,
                               .subscribe_count = 1};
    if (parted) {
        scene.batching.dispatcher = weir_partition_dispatcher();
        scene.batching.dispatcher_options = &halves;
    }
    must(weir_batcher_start(world.runtime, &scene.batching, &scene.part));
    unsigned sinks = parted ? 2 : 1 + (unsigned)sim_draw(2);
    scene.ordered = parted || sinks == 1;
    for (unsigned i = 0; i < sinks; i++) {
        weir_subscribe_options how = world_some_demand();
        if (parted) how.partition = WEIR_PARTITION(i);
        start_sink(i, how);
    }
}

static void start_retry(weir_ref producer, bool in_ring) {
    weir_subscribe_to to = from(producer);
    scene.bounded = !in_ring && sim_draw(2) == 0;
    const weir_retry_options options = {.type = &type,
                                        .delay = in_ring ? short_delay : some_delay,
                                        .limit = scene.bounded ? 1 + (size_t)sim_draw(4) : 0,
                                        .at_end = WEIR_RETRY_AT_ONCE,
                                        .worker = world_somewhere(),
                                        .discarded = discarded,
                                        .subscribe_to = &to,
                                        .subscribe_count = 1};
    must(weir_retry_start(world.runtime, &options, &scene.part));
}

/* Both know of the other one: so they end together, in a drain. */
static void start_ring(void) {
    weir_subscribe_to to = from(scene.source);
    const weir_stage_options working = {
        .kind = WEIR_PRODUCER_CONSUMER,
        .name = "worker",
        .type = &type,
        .worker = world_somewhere(),
        .subscribe_to = &to,
        .subscribe_count = 1,
        .on = {.handle_events = work, .discarded = stage_discarded}};
    must(weir_stage_start(world.runtime, &working, &scene.worker));
    start_retry(scene.worker, true);
    weir_subscribe_options how = world_some_demand();
    must(weir_subscribe(world.runtime, scene.worker, scene.part, &how, NULL));
    scene.drains = true;
}

static void start_conflater(void) {
    weir_subscribe_to to = from(scene.source);
    const weir_conflate_options options = {.type = &type,
                                           .key = key_of,
                                           .keys = sim_draw(3) == 0 ? KEYS : 0,
                                           .worker = world_somewhere(),
                                           .discarded = discarded,
                                           .subscribe_to = &to,
                                           .subscribe_count = 1};
    must(weir_conflate_start(world.runtime, &options, &scene.part));
    scene.ordered = true;
    start_sink(0, (weir_subscribe_options){.max_demand = 1 + (size_t)sim_draw(3)});
}

/* --- what happens ---------------------------------------------------------------- */

static void push_all(void *unused) {
    (void)unused;
    for (uint64_t i = 1; i <= world.total; i++) {
        struct event event = {.number = i, .key = key_of_number(i)};
        weir_status status = weir_inlet_push(scene.inlet, &event, 1, WEIR_FOREVER);
        if (status == WEIR_NO_STAGE || status == WEIR_CLOSED) return;
        must(status);
        book[i].given = 1;
    }
}

static void pause_a_while(void) {
    for (uint64_t steps = sim_draw(60); steps > 0; steps--) sim_now_ns();
}

/* Somebody is stopped; or nobody. */
static void upset_some(void) {
    if (sim_draw(2) == 0) return;
    pause_a_while();
    weir_ref whom[] = {scene.part, scene.source, scene.worker, scene.sinks[0], scene.sinks[1]};
    weir_ref one = whom[sim_draw(5)];
    if (one.bits == 0) return;
    scene.upset = true;
    weir_stop(world.runtime, one, sim_draw(2) == 0 ? WEIR_REASON_USER : WEIR_REASON_NORMAL);
}

/* Each was dropped, or is the program's again; where all went well, all were seen. */
static void check_book(void) {
    uint64_t newest[KEYS] = {0};
    for (uint64_t i = 1; i <= world.total; i++)
        if (book[i].given > 0) newest[key_of_number(i)] = i;
    for (uint64_t i = 1; i <= world.total; i++) {
        SIM_REQUIRE(book[i].given == 1 || scene.upset || scene.drains);
        if (book[i].given == 0) continue;
        SIM_REQUIRE(book[i].dropped + book[i].taken == 1);
        if (scene.upset) continue;
        bool last = newest[key_of_number(i)] == i;
        bool may_be_replaced = scene.kind == CONFLATER && !last;
        SIM_REQUIRE(book[i].seen == 1 || (may_be_replaced && book[i].why == WEIR_DISCARD_REPLACED));
        SIM_REQUIRE(book[i].seen == 0 || book[i].taken == 1 || book[i].why == WEIR_DISCARD_HANDLED);
    }
}

/* Each fiber is waited for once. */
static void join_pusher(int *pusher) {
    if (*pusher >= 0) sim_join(*pusher);
    *pusher = -1;
}

static void end_it(int *pusher) {
    switch (scene.drains ? 1 : sim_draw(3)) {
    case 0:
        join_pusher(pusher);
        weir_inlet_finish(scene.inlet);
        break;
    case 1:
        scene.drains = true;
        if (sim_draw(2) == 0) join_pusher(pusher);
        /* Who was stopped may be whom the others wait for. */
        weir_status status =
            weir_runtime_drain(world.runtime, scene.upset ? sim_draw(5000) : WEIR_FOREVER, NULL);
        if (!scene.upset) must(status);
        break;
    default:
        scene.upset = true;
        pause_a_while();
        weir_runtime_stop(world.runtime, WEIR_REASON_SHUTDOWN);
        break;
    }
}

static void play(void *unused) {
    (void)unused;
    open_inlet();
    if (scene.kind == BATCHER) start_batcher();
    if (scene.kind == RETRY) {
        start_retry(scene.source, false);
        start_sink(0, world_some_demand());
    }
    if (scene.kind == RING) start_ring();
    if (scene.kind == CONFLATER) start_conflater();
    int pusher = sim_spawn("pusher", push_all, NULL);
    upset_some();
    end_it(&pusher);
    if (scene.upset) weir_runtime_stop(world.runtime, WEIR_REASON_SHUTDOWN);
    must(weir_runtime_run(world.runtime, WEIR_FOREVER));
    join_pusher(&pusher);
    weir_inlet_close(scene.inlet);
    world_close_runtime();
    check_book();
    SIM_REQUIRE(world.accounts.accepted + world.accounts.copied ==
                world.accounts.taken + world.accounts.dropped);
}

static void begin_scene(void) {
    memset(&scene, 0, sizeof scene);
    memset(book, 0, sizeof book);
    world_open_runtime();
}

static void batch_main(void *unused) {
    begin_scene();
    scene.kind = BATCHER;
    play(unused);
}

static void retry_main(void *unused) {
    begin_scene();
    scene.kind = sim_draw(2) == 0 ? RETRY : RING;
    play(unused);
}

static void conflate_main(void *unused) {
    begin_scene();
    scene.kind = CONFLATER;
    play(unused);
}

int main(int count, char **arguments) {
    static const struct sim_scenario scenarios[] = {
        {"batch", 10000, 2000000, true, world_begin_scenario, NULL, batch_main, EVENTS},
        {"retry", 6000, 2000000, true, world_begin_scenario, NULL, retry_main, EVENTS},
        {"conflate", 6000, 2000000, true, world_begin_scenario, NULL, conflate_main, EVENTS},
    };
    return SIM_MAIN(count, arguments, scenarios);
}
