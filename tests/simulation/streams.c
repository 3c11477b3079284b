/*
 * Simulates streams: readers outside of the runtime, on whole runtimes.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: fibers that are no workers take the numbers of one or two producers, by
 * whatever call and wait the seed draws: next or batch, waiting in the call, or at
 * the descriptor when there is nothing.  At the end each number was read once, in
 * order where order is promised, or discarded and told; the accounts agree; nobody
 * waits for ever.
 *
 *   read    one reader reads everything, to the end; the producers' marks as well, each in its
 *           place
 *   leave   readers that come and go amid batches; some streams are stopped by others; nothing
 *           is lost as long as the producer lives
 *   follow  one reader that closes its stream and opens the next, while another thread stops
 *           them: it goes on exactly where it was, and what was told, once the producer has
 *           gone, is all that it misses
 */
#include "driver.h"
#include "world.h"

#include <string.h>

struct reader {
    weir_stream *stream;
    int descriptor;                 /* -1: it waits in the calls       */
    uint64_t next[WORLD_PRODUCERS]; /* the least number that may come */
};

enum { INDEX_SHIFT = 32 };

static uint64_t marks[WORLD_PRODUCERS]; /* that each has emitted */
static uint64_t marks_read[WORLD_PRODUCERS];
static bool with_marks; /* the reader wants them */

static bool follows; /* the scenario: each close is waited for */

static bool all_is_told(void) {
    return world.handled + world.discarded == world.total;
}

static void stop_producer(void) {
    weir_stop(world.runtime, world.producers[0], WEIR_REASON_NORMAL);
}

static void discarded(void *context, uint64_t count, weir_discard cause) {
    (void)context, (void)cause;
    world.discarded += count;
    if (world.keep_going && all_is_told()) stop_producer();
}

static void check(struct reader *reader, const uint64_t *events, size_t count) {
    world_check_numbers(events, count, reader->next);
    world.handled += count;
    if (world.keep_going && all_is_told()) stop_producer();
}

static void open_stream(struct reader *reader, unsigned producers) {
    weir_subscribe_to list[WORLD_PRODUCERS];
    for (unsigned i = 0; i < producers; i++) {
        list[i] =
            (weir_subscribe_to){.producer = world.producers[i], .options = world_some_demand()};
        list[i].options.cancel = WEIR_TEMPORARY;
    }
    const weir_stream_options options = {.event_bytes = sizeof(uint64_t),
                                         .subscribe_to = producers > 0 ? list : NULL,
                                         .subscribe_count = producers,
                                         .demand = sim_draw(2) == 0 ? WEIR_STREAM_FORWARD
                                                                    : WEIR_STREAM_LEAVE,
                                         .worker = world_somewhere(),
                                         .close_ns = sim_draw(4) > 0 || follows ? WEIR_FOREVER : 1,
                                         .marks = with_marks,
                                         .discarded = discarded};
    *reader = (struct reader){.descriptor = -1};
    must(weir_stream_open(world.runtime, &options, &reader->stream));
    if (sim_draw(2) == 0) must(weir_stream_fd(reader->stream, &reader->descriptor));
}

/* All of its producer's numbers before it have come, and none behind it. */
static void read_mark(struct reader *reader) {
    weir_mark mark;
    must(weir_stream_mark(reader->stream, &mark));
    SIM_REQUIRE(mark.kind == WEIR_MARK_USER && mark.source < WORLD_PRODUCERS);
    SIM_REQUIRE(mark.value ==
                (marks_read[mark.source]++ << INDEX_SHIFT | reader->next[mark.source]));
}

/* Reads once, as the seed will have it.  False: the end. */
static bool read_some(struct reader *reader) {
    uint64_t number;
    weir_batch batch = {.events = &number, .count = 1};
    uint64_t timeout = reader->descriptor >= 0 && sim_draw(8) > 0 ? 0 : WEIR_FOREVER;
    if (reader->descriptor >= 0 && timeout == 0 && sim_draw(2) == 0)
        sim_event_wait(reader->descriptor); /* readable before each call */
    weir_status status;
    if (sim_draw(2) == 0)
        status = weir_stream_next(reader->stream, &number, timeout);
    else
        batch = weir_stream_batch(reader->stream, sim_draw(3), timeout, &status);
    if (status == WEIR_TIMEOUT) {
        SIM_REQUIRE(timeout == 0);
        if (reader->descriptor >= 0) sim_event_wait(reader->descriptor);
        return true;
    }
    if (status == WEIR_END) {
        bool stopped = weir_stream_reason(reader->stream) != WEIR_REASON_NORMAL;
        SIM_REQUIRE(!stopped || world.keep_going || follows);
        return false;
    }
    if (status == WEIR_AT_MARK) {
        if (sim_draw(2) == 0) read_mark(reader);
        return true;
    }
    must(status);
    check(reader, batch.events, batch.count);
    return true;
}

/* --- read --------------------------------------------------------------------------------- */

static bool mark_here(weir_stage *self, const struct producer *producer) {
    const unsigned number = producer->number;
    const weir_mark mark = {.kind = WEIR_MARK_USER,
                            .source = number,
                            .value = marks[number]++ << INDEX_SHIFT | producer->next};
    return must(weir_emit_mark(self, &mark));
}

/* Numbers, and marks between, before and behind. */
static weir_verdict emit_and_mark(weir_stage *self, uint64_t demand) {
    struct producer *producer = weir_state(self);
    for (; demand > 0 && producer->next < world.total; demand--) {
        uint64_t event = world_event(producer->number, producer->next);
        while (sim_draw(3) == 0) mark_here(self, producer);
        must(weir_emit(self, &event, 1));
        producer->next++;
    }
    if (producer->next < world.total) return WEIR_CONTINUE;
    while (sim_draw(3) == 0) mark_here(self, producer);
    return WEIR_FINISH;
}

static void start_marker(unsigned number) {
    const weir_stage_options options = {.kind = WEIR_PRODUCER,
                                        .event_bytes = sizeof(uint64_t),
                                        .state = &(struct producer){.number = number},
                                        .state_bytes = sizeof(struct producer),
                                        .worker = world_somewhere(),
                                        .demand = WEIR_ACCUMULATE,
                                        .on = {.handle_demand = emit_and_mark}};
    must(weir_stage_start(world.runtime, &options, &world.producers[number]));
}

static void read_main(void *unused) {
    (void)unused;
    struct reader reader;
    unsigned producers = 1 + (unsigned)sim_draw(2);
    world_open_runtime();
    weir_demand_mode mode = sim_draw(2) == 0 ? WEIR_ACCUMULATE : WEIR_FORWARD;
    const bool marked = mode == WEIR_ACCUMULATE;
    memset(marks, 0, sizeof marks);
    memset(marks_read, 0, sizeof marks_read);
    with_marks = marked && sim_draw(4) > 0;
    for (unsigned i = 0; i < producers && marked; i++) start_marker(i);
    for (unsigned i = 0; i < producers && !marked; i++) world_start_producer(i, mode);
    open_stream(&reader, producers);
    for (unsigned i = 0; i < producers && mode == WEIR_ACCUMULATE; i++)
        weir_demand(world.runtime, world.producers[i], WEIR_FORWARD);
    while (read_some(&reader)) continue;
    weir_stream_close(reader.stream);
    world_finish(world.total * producers);
    SIM_REQUIRE(world.discarded == 0);
    if (with_marks) SIM_REQUIRE(memcmp(marks, marks_read, sizeof marks) == 0);
    with_marks = false;
}

/* --- leave -------------------------------------------------------------------------------- */

static void run_reader(void *unused) {
    (void)unused;
    while (!all_is_told()) {
        struct reader reader;
        open_stream(&reader, 1);
        weir_ref stage = weir_stream_stage(reader.stream);
        for (uint64_t left = sim_draw(12); left > 0 && !all_is_told(); left--) {
            if (sim_draw(24) == 0) weir_stop(world.runtime, stage, WEIR_REASON_USER);
            if (!read_some(&reader)) break;
        }
        weir_stream_close(reader.stream);
    }
}

static void leave_main(void *unused) {
    (void)unused;
    int readers[2];
    world.in_order = false; /* what a reader gives back comes late to the other */
    world.keep_going = true;
    world_open_runtime();
    world_start_producer(0, WEIR_FORWARD);
    for (int i = 0; i < 2; i++) readers[i] = sim_spawn("reader", run_reader, NULL);
    for (int i = 0; i < 2; i++) sim_join(readers[i]);
    world_finish(world.total);
    SIM_REQUIRE(world.discarded == 0); /* the producer lived: all that was unread went back */
}

/* --- follow ------------------------------------------------------------------------------- */

static weir_ref open_now; /* the stage of the stream that is being read */

static void run_stopper(void *unused) {
    (void)unused;
    for (uint64_t left = sim_draw(6); left > 0 && !all_is_told(); left--)
        weir_stop(world.runtime, open_now, WEIR_REASON_USER);
}

/* All that was read, or told, comes before it. */
static void read_on(struct reader *reader, uint64_t most) {
    for (uint64_t left = most; left > 0 && !all_is_told(); left--) {
        if (world.in_order) reader->next[0] = world.handled + world.discarded;
        uint64_t before = world.handled;
        if (!read_some(reader)) return;
        if (world.in_order && world.handled > before)
            SIM_REQUIRE(reader->next[0] == world.handled + world.discarded);
    }
}

static void follow_main(void *unused) {
    (void)unused;
    world.keep_going = sim_draw(2) == 0; /* else it goes with its last number */
    world.in_order = sim_draw(3) > 0;
    world.dispatcher = world.in_order ? weir_demand_dispatcher() : weir_shared_dispatcher();
    world_open_runtime();
    world_start_producer(0, WEIR_FORWARD);
    int stopper = sim_spawn("stopper", run_stopper, NULL);
    while (!all_is_told()) {
        struct reader reader;
        open_stream(&reader, 1);
        open_now = weir_stream_stage(reader.stream);
        read_on(&reader, sim_draw(8));
        must(weir_stream_close(reader.stream));
    }
    sim_join(stopper);
    world_finish(world.total);
    if (world.keep_going) SIM_REQUIRE(world.discarded == 0);
}

/* --- the list ----------------------------------------------------------------------------- */

static void begin(const struct sim_scenario *scenario) {
    follows = scenario->number != 0;
    open_now = (weir_ref){0};
    world_begin(scenario->run, 25);
}

int main(int count, char **arguments) {
    static const struct sim_scenario scenarios[] = {
        {"read", 20000, 2000000, false, begin, NULL, read_main, 0},
        {"leave", 20000, 2000000, false, begin, NULL, leave_main, 0},
        {"follow", 20000, 2000000, false, begin, NULL, follow_main, 1},
    };
    return SIM_MAIN(count, arguments, scenarios);
}
