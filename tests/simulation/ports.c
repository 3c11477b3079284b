/*
 * Simulates ports: threads outside of the runtime that push, each by its own.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: fibers that are no workers push the numbers of one or two producers through a
 * port each, or without one, in runs of whatever length and patience the seed draws.  At
 * the end each number that was accepted was handled once, in the order of its port, or
 * discarded and told; the accounts agree; nobody waits for ever.
 * Some never wait in a push: they push as many as have room, and sleep at a descriptor for more.
 * Between their numbers they push marks, which say how many of their numbers were before, and how
 * many marks: each comes to each consumer, once, behind all of those that it has, and before all
 * others.
 *
 *   push    everything is pushed, then the inlet is finished
 *   finish  it is finished, or drained, amid pushes
 *   stop    its stage is stopped amid pushes
 *   owned   the same, with events that own something: each was dropped once, by whoever had it;
 *           they own spans, too, half of the time: a number is what they point at, and then they
 *           may be bounded in bytes
 */
#include "driver.h"
#include "world.h"

#include "parts/port.h"

#include <string.h>

static weir_inlet *inlet;
static weir_port *left_open[WORLD_PRODUCERS];
static weir_ref stage;
static const weir_event_type *type; /* NULL: the numbers own nothing */

static void discarded(void *context, uint64_t count, weir_discard cause) {
    (void)context, (void)cause;
    world.discarded += count;
}

enum { CONSUMERS = 2, INDEX_SHIFT = 32 };

static uint64_t marks[WORLD_PRODUCERS]; /* that were pushed, by each */
static unsigned consumers;

struct taker {
    struct consumer consumer;
    unsigned number;
    uint64_t least[WORLD_PRODUCERS]; /* of the numbers that may come: of the last mark */
};

static uint64_t taken[CONSUMERS][WORLD_PRODUCERS]; /* marks */

static unsigned char dropped[WORLD_PRODUCERS][WORLD_NUMBERS];

static bool has_spans(void) {
    return type != NULL && type->spans > 0;
}

/* A span has its number once or several times. */
static uint64_t number_of(const void *events, size_t index) {
    const weir_bytes *span = (const weir_bytes *)events + index;
    if (!has_spans()) return ((const uint64_t *)events)[index];
    uint64_t number;
    uint64_t last;
    memcpy(&number, span->at, sizeof number);
    memcpy(&last, span->at + span->count - sizeof last, sizeof last);
    SIM_REQUIRE(number == last);
    return number;
}

static void drop(void *context, const void *events, size_t count, weir_discard why) {
    (void)context;
    for (size_t i = 0; i < count; i++) {
        uint64_t event = number_of(events, i);
        unsigned producer = (unsigned)(event >> 32);
        uint64_t number = event & UINT32_MAX;
        SIM_REQUIRE(producer < WORLD_PRODUCERS && number < WORLD_NUMBERS);
        SIM_REQUIRE(dropped[producer][number]++ == 0);
        SIM_REQUIRE(world.seen[producer][number] == (why == WEIR_DISCARD_HANDLED));
    }
}

static weir_verdict read_numbers(weir_stage *self, weir_batch batch) {
    uint64_t numbers[WORLD_NUMBERS];
    SIM_REQUIRE(batch.count <= WORLD_NUMBERS);
    const struct taker *me = weir_state(self);
    for (size_t i = 0; i < batch.count; i++) {
        numbers[i] = number_of(batch.events, i);
        SIM_REQUIRE((numbers[i] & UINT32_MAX) >= me->least[numbers[i] >> 32]);
    }
    batch.events = numbers;
    return world_check_off(self, batch);
}

static weir_verdict take_mark(weir_stage *self, const weir_peer *from, const weir_mark *mark) {
    struct taker *me = weir_state(self);
    const uint64_t count = mark->value & UINT32_MAX;
    (void)from;
    SIM_REQUIRE(mark->kind == WEIR_MARK_USER && mark->source < WORLD_PRODUCERS);
    SIM_REQUIRE(mark->value >> INDEX_SHIFT == taken[me->number][mark->source]);
    SIM_REQUIRE(me->consumer.next[mark->source] <= count);
    taken[me->number][mark->source]++;
    me->least[mark->source] = count;
    return WEIR_CONTINUE;
}

static void all_marks_have_come(void) {
    for (unsigned i = 0; i < consumers; i++)
        SIM_REQUIRE(memcmp(taken[i], marks, sizeof marks) == 0);
}

enum { PUSH_MOST = 4, TIMES_MOST = 48 }; /* so that a port needs several pages */

static int room_at[WORLD_PRODUCERS]; /* the descriptor of who waits there; -1: he does not */

static void ask_for_room(weir_port *port, unsigned number) {
    int *room = &room_at[number];
    *room = -1;
    if (sim_draw(2) == 0) {
        weir_status status =
            port != NULL ? weir_port_room_fd(port, room) : weir_inlet_room_fd(inlet, room);
        SIM_REQUIRE(status == WEIR_OK || status == WEIR_INVALID); /* it drops */
    }
}

static weir_status push_all(weir_port *port, const void *events, size_t count, uint64_t timeout) {
    return port != NULL ? weir_port_push(port, events, count, timeout)
                        : weir_inlet_push(inlet, events, count, timeout);
}

/* No more than has room.  *count: that were accepted. */
static weir_status push_as_many(weir_port *port, const void *events, size_t *count) {
    return port != NULL ? weir_port_push_some(port, events, *count, count)
                        : weir_inlet_push_some(inlet, events, *count, count);
}

static weir_status push_events(weir_port *port, const void *events, size_t *count,
                               uint64_t timeout) {
    if (timeout == 0 && sim_draw(2) == 0) return push_as_many(port, events, count);
    size_t all = *count;
    weir_status status = push_all(port, events, all, timeout);
    *count = status == WEIR_OK || status == WEIR_DROPPED ? all : 0;
    return status;
}

/* As spans, whose bytes are others' at once. */
static weir_status push_spans(weir_port *port, const uint64_t *numbers, size_t *count,
                              uint64_t timeout) {
    uint64_t bytes[PUSH_MOST][TIMES_MOST];
    weir_bytes spans[PUSH_MOST];
    for (size_t i = 0; i < *count; i++) {
        size_t times = 1 + (size_t)sim_draw(TIMES_MOST);
        for (size_t k = 0; k < times; k++) bytes[i][k] = numbers[i];
        spans[i] = (weir_bytes){.at = (const char *)bytes[i],
                                .count = (uint32_t)(times * sizeof(uint64_t))};
    }
    weir_status status = push_events(port, spans, count, timeout);
    memset(bytes, 0xff, sizeof bytes);
    return status;
}

/* One number or several, by the port or without it. */
static weir_status push_some(weir_port *port, unsigned number, uint64_t *next) {
    uint64_t events[PUSH_MOST];
    uint64_t most = 1 + sim_draw(PUSH_MOST);
    size_t count = (size_t)(most < world.total - *next ? most : world.total - *next);
    for (uint64_t i = 0; i < count; i++) events[i] = world_event(number, *next + i);
    uint64_t timeout = sim_draw(4) == 0 || room_at[number] >= 0 ? 0 : WEIR_FOREVER;
    weir_status status = has_spans() ? push_spans(port, events, &count, timeout)
                                     : push_events(port, events, &count, timeout);
    *next += count;
    world.pushed += count;
    return status;
}

/* They come though nothing else is pushed. */
static void wait_for_marks(unsigned number) {
    for (unsigned i = 0; i < consumers; i++)
        while (taken[i][number] != marks[number]) sim_stall();
}

/* Also behind nothing, and several, as the stage goes to rest, perhaps. */
static void mark_some(weir_port *port, unsigned number, uint64_t next) {
    while (sim_draw(3) == 0) {
        const weir_mark mark = {
            .kind = WEIR_MARK_USER, .source = number, .value = marks[number] << INDEX_SHIFT | next};
        uint64_t timeout = sim_draw(4) == 0 ? 0 : WEIR_FOREVER;
        weir_status status = port != NULL ? weir_port_push_mark(port, &mark, timeout)
                                          : weir_inlet_push_mark(inlet, &mark, timeout);
        marks[number] += status == WEIR_OK || status == WEIR_DROPPED;
        if (!world.keep_going && sim_draw(4) == 0) wait_for_marks(number);
        for (uint64_t left = sim_draw(2) * sim_draw(40); left > 0; left--) sim_now_ns();
    }
}

static void run_pusher(void *argument) {
    unsigned number = (unsigned)(uintptr_t)argument;
    weir_port *port = NULL;
    uint64_t next = 0;
    bool marked = false; /* one may wait there though no number does */
    if (sim_draw(4) > 0 && weir_port_open(inlet, &port) == WEIR_NO_STAGE) return;
    ask_for_room(port, number);
    while (next < world.total) {
        const uint64_t before = marks[number];
        mark_some(port, number, next);
        marked = marked || marks[number] != before;
        weir_status status = push_some(port, number, &next);
        if (status == WEIR_NO_STAGE) {
            SIM_REQUIRE(world.keep_going);
            break;
        }
        if (status == WEIR_FULL || status == WEIR_TIMEOUT) {
            if (room_at[number] >= 0)
                sim_event_wait(room_at[number]);
            else
                sim_stall();
        }
        if (!world.keep_going && port != NULL && !marked && sim_draw(16) == 0) {
            /* What waits in the old one may come out behind what goes into the new one. */
            while (weir_port_waiting(port) > 0) sim_stall();
            weir_port_close(port);
            if (weir_port_open(inlet, &port) == WEIR_NO_STAGE) return;
            ask_for_room(port, number);
        }
    }
    mark_some(port, number, next);
    if (sim_draw(2) == 0) {
        left_open[number] = port; /* nothing tells the inlet to look */
    } else {
        weir_port_close(port);
    }
}

static void close_ports(void) {
    for (unsigned i = 0; i < WORLD_PRODUCERS; i++) {
        weir_port_close(left_open[i]);
        left_open[i] = NULL;
    }
}

/* Of bytes there is always room for the largest push. */
static size_t some_bytes(void) {
    enum { EACH = sizeof(weir_bytes) + TIMES_MOST * sizeof(uint64_t) };
    return has_spans() && sim_draw(2) == 0 ? PUSH_MOST * EACH + (size_t)sim_draw(2 * EACH) : 0;
}

static void start_consumer(void) {
    const weir_stage_options options = {
        .kind = WEIR_CONSUMER,
        .name = "consumer",
        .state = &(struct taker){.number = consumers++},
        .state_bytes = sizeof(struct taker),
        .on = {.handle_events = read_numbers, .handle_mark = take_mark}};
    world_start_stage(options, 1, &stage);
}

static void stop(void) {
    must(weir_stop(world.runtime, stage, WEIR_REASON_NORMAL));
}

/* An inlet, a consumer or two, and pushers; returns when those are through. */
static void run(void (*end)(void), bool drops) {
    unsigned drawn = (unsigned)sim_draw(drops ? 3 : 2);
    world_open_runtime();
    weir__port_start = UINT64_MAX - sim_draw(8);
    weir_inlet_options options = {.event_bytes = has_spans() ? 0 : sizeof(uint64_t),
                                  .type = type,
                                  .capacity = 4 + (size_t)sim_draw(4),
                                  .capacity_bytes = some_bytes(),
                                  .when_full = (weir_when_full)drawn,
                                  .discarded = discarded,
                                  .worker = world_somewhere()};
    must(weir_inlet_open(world.runtime, &options, &inlet, &stage));
    memset(marks, 0, sizeof marks);
    memset(taken, 0, sizeof taken);
    consumers = 0;
    for (uint64_t left = 1 + sim_draw(CONSUMERS); left > 0; left--) start_consumer();
    weir_runtime_settle(world.runtime, WEIR_FOREVER); /* so that they are there for all marks */
    int pushers[2];
    unsigned count = 1 + (unsigned)sim_draw(2);
    for (unsigned i = 0; i < count; i++)
        pushers[i] = sim_spawn("pusher", run_pusher, (void *)(uintptr_t)i);
    if (end != NULL) {
        for (uint64_t left = sim_draw(60); left > 0; left--) sim_stall();
        end();
    }
    for (unsigned i = 0; i < count; i++) sim_join(pushers[i]);
    if (end != NULL) {
        close_ports();
        must(weir_runtime_run(world.runtime, WEIR_FOREVER)); /* closing pokes */
    } else if (sim_draw(2) == 0) {
        must(weir_runtime_settle(world.runtime, WEIR_FOREVER));
        all_marks_have_come(); /* and no end has had to come for that */
    }
    close_ports();
    weir_inlet_close(inlet);
    world_finish(world.pushed);
    if (end != stop) all_marks_have_come();
}

static void push_main(void *unused) {
    (void)unused;
    type = NULL;
    run(NULL, false);
    SIM_REQUIRE(world.discarded == 0);
}

static void finish(void) {
    must(sim_draw(2) == 0 ? weir_inlet_finish(inlet) : weir_finish(world.runtime, stage));
}

static void finish_main(void *unused) {
    (void)unused;
    world.keep_going = true;
    type = NULL;
    run(finish, false);
    SIM_REQUIRE(world.discarded == 0);
}

static void stop_main(void *unused) {
    (void)unused;
    world.keep_going = true;
    type = NULL;
    run(stop, true);
}

static void owned_main(void *unused) {
    static const weir_event_type types[] = {
        {.bytes = sizeof(uint64_t), .drop = drop},
        {.bytes = sizeof(weir_bytes), .spans = 1, .drop = drop},
    };
    (void)unused;
    world.keep_going = true;
    type = &types[sim_draw(2)];
    memset(dropped, 0, sizeof dropped);
    run(stop, true);
    SIM_REQUIRE(world.accounts.accepted == world.pushed);
    SIM_REQUIRE(world.accounts.dropped == world.pushed);
    uint64_t sum = 0;
    for (unsigned i = 0; i < WORLD_PRODUCERS; i++) {
        for (unsigned k = 0; k < WORLD_NUMBERS; k++) sum += dropped[i][k];
    }
    SIM_REQUIRE(sum == world.pushed);
}

/* --- the list ----------------------------------------------------------------------------- */

int main(int count, char **arguments) {
    static const struct sim_scenario scenarios[] = {
        {"push", 20000, 2000000, false, world_begin_scenario, NULL, push_main, 16},
        {"finish", 20000, 2000000, false, world_begin_scenario, NULL, finish_main, 16},
        {"stop", 20000, 2000000, false, world_begin_scenario, NULL, stop_main, 16},
        {"owned", 10000, 2000000, false, world_begin_scenario, NULL, owned_main, 16},
    };
    return SIM_MAIN(count, arguments, scenarios);
}
