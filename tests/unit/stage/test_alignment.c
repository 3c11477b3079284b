/*
 * Alignment: wherever an event is shown, it lies as a C type of its size may need.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: each event, and each place for one, is aligned to the largest power of two that
 * divides the event's size, at most 16; and is the event that was emitted.
 * Method: every size from 1 to 64, and some large ones, by every way that an event goes:
 * one by one inside ring entries, cut at odd places, gathered from pieces, kept, buffered
 * and back, forwarded, made one's own, shared, sorted by partition, competed for, read
 * from a stream, made by an iterator, pushed into an inlet and its port, run in a pool.
 * Every callback that is shown one looks.
 */
#include "support/cmocka.h"
#include "support/rig.h"

#include <string.h>

enum { EVENTS = 40 };

static const size_t large[] = {65, 96, 100, 120, 128, 1000, 1024, 4096, 4104, 5000, 65535, 65536};

static struct {
    struct rig rig;
    size_t bytes;    /* of an event */
    uint64_t made;   /* how many     */
    uint64_t seen;   /* by consumers */
    size_t chunk;    /* emitted at a time, at most */
    bool in_place;   /* by reserve and commit      */
    uint64_t hidden; /* looked at by selectors and hashes */
} f;

/* ---- looking ------------------------------------------------------------- */

static size_t alignment_of(size_t bytes) {
    size_t alignment = bytes & (~bytes + 1);
    return alignment < 16 ? alignment : 16;
}

static void look_at_place(const void *place) {
    RIG_CHECK(&f.rig, (uintptr_t)place % alignment_of(f.bytes) == 0);
}

/* Each byte of event n is n + 1. */
static void look(const void *events, size_t count) {
    const unsigned char *event = events;
    for (size_t i = 0; i < count; i++, event += f.bytes) {
        look_at_place(event);
        RIG_CHECK(&f.rig, event[0] != 0 && event[0] == event[f.bytes - 1]);
        RIG_CHECK(&f.rig, event[0] == event[f.bytes / 2]);
    }
}

static void write_events(unsigned char *to, size_t count) {
    for (size_t i = 0; i < count; i++, to += f.bytes) {
        look_at_place(to);
        memset(to, (int)(f.made % 200 + 1), f.bytes);
        f.made++;
    }
}

/* ---- stages -------------------------------------------------------------- */

/* Emitted from where it may lie: at an odd address. */
static void emit_copies(weir_stage *self, size_t count) {
    static unsigned char room[1 + 4 * 65536];
    while (count > 0) {
        size_t part = count < f.chunk ? count : f.chunk;
        for (size_t i = 0; i < part; i++) {
            memset(room + 1 + i * f.bytes, (int)(f.made++ % 200 + 1), f.bytes);
        }
        RIG_CHECK(&f.rig, weir_emit(self, room + 1, part) == WEIR_OK);
        count -= part;
    }
}

static void emit_in_place(weir_stage *self, size_t count) {
    while (count > 0) {
        weir_room room = weir_reserve(self, count < f.chunk ? count : f.chunk);
        void *to = room.events;
        RIG_CHECK(&f.rig, to != NULL);
        write_events(to, room.count);
        RIG_CHECK(&f.rig, weir_commit(self, room.count) == WEIR_OK);
        count -= room.count;
    }
}

static weir_verdict supply(weir_stage *self, uint64_t demand) {
    uint64_t left = EVENTS - f.made;
    size_t count = (size_t)(demand < left ? demand : left);
    (f.in_place ? emit_in_place : emit_copies)(self, count);
    return f.made == EVENTS && weir_finish(f.rig.runtime, weir_self(self)) != WEIR_OK
               ? WEIR_STOP
               : WEIR_CONTINUE;
}

/* All at once, whatever was asked for: the rest is buffered. */
static weir_verdict supply_all(weir_stage *self, uint64_t demand) {
    (void)demand;
    return supply(self, EVENTS);
}

static weir_verdict consume(weir_stage *self, weir_batch batch) {
    RIG_CHECK(&f.rig, weir_batch_event_bytes(self) == f.bytes);
    look(batch.events, batch.count);
    f.seen += batch.count;
    void *own = weir_own(self);
    RIG_CHECK(&f.rig, own != NULL);
    look(own, batch.count);
    return WEIR_CONTINUE;
}

static weir_verdict forward(weir_stage *self, weir_batch batch) {
    look(batch.events, batch.count);
    look(weir_own(self), batch.count);
    return weir_forward(self);
}

static bool select_any(void *context, const void *event) {
    (void)context;
    look(event, 1);
    f.hidden++;
    return true;
}

static void select_all(void *context, weir_batch batch, bool *wanted) {
    (void)context;
    look(batch.events, batch.count);
    f.hidden += batch.count;
    memset(wanted, true, batch.count * sizeof *wanted);
}

static uint32_t by_first_byte(void *context, const void *event) {
    (void)context;
    look(event, 1);
    f.hidden++;
    return *(const unsigned char *)event % 2;
}

static void many_by_first_byte(void *context, weir_batch batch, uint32_t *numbers) {
    (void)context;
    look(batch.events, batch.count);
    for (size_t i = 0; i < batch.count; i++) {
        numbers[i] = ((const unsigned char *)batch.events)[i * f.bytes] % 2;
    }
    f.hidden += batch.count;
}

static weir_ref start(weir_stage_options options) {
    weir_ref ref;
    if (options.kind != WEIR_CONSUMER) {
        options.event_bytes = f.bytes;
        options.buffer_size = WEIR_INFINITY;
    }
    assert_int_equal(weir_stage_start(f.rig.runtime, &options, &ref), WEIR_OK);
    return ref;
}

static weir_ref start_producer(const weir_dispatcher *dispatcher, const void *dispatcher_options) {
    return start((weir_stage_options){.kind = WEIR_PRODUCER,
                                      .dispatcher = dispatcher,
                                      .dispatcher_options = dispatcher_options,
                                      .demand = WEIR_ACCUMULATE,
                                      .on.handle_demand = supply});
}

static weir_ref start_consumer(weir_ref from, weir_subscribe_options how) {
    weir_subscribe_to to = {.producer = from, .options = how};
    return start((weir_stage_options){.kind = WEIR_CONSUMER,
                                      .subscribe_to = &to,
                                      .subscribe_count = 1,
                                      .on.handle_events = consume});
}

/* ---- worlds -------------------------------------------------------------- */

static void open_world(size_t bytes, size_t chunk, bool in_place) {
    memset((unsigned char *)&f + sizeof f.rig, 0, sizeof f - sizeof f.rig);
    rig_open(&f.rig, &(weir_runtime_options){.mode = WEIR_STEPPED, .workers = 2});
    f.bytes = bytes;
    f.chunk = bytes > 5000 && chunk > 4 ? 4 : chunk;
    f.in_place = in_place;
}

/* Who emits is told to begin; `times` is how many consumers see each event. */
static void play(weir_ref producer, uint64_t times) {
    rig_rest(&f.rig);
    assert_int_equal(weir_demand(f.rig.runtime, producer, WEIR_FORWARD), WEIR_OK);
    rig_rest(&f.rig);
    assert_int_equal(f.made, EVENTS);
    assert_int_equal(f.seen, EVENTS * times);
    weir_accounts accounts;
    assert_int_equal(weir_runtime_close(f.rig.runtime, &accounts), WEIR_OK);
    rig_text_expect(&f.rig.wrong, "");
    assert_int_equal(accounts.handled, EVENTS * times);
    assert_int_equal(f.rig.memory.live, 0);
}

/* Calls it for every size, with small pieces and large ones, copied and written in place. */
static void for_all_sizes(void (*way)(void)) {
    static const size_t chunks[] = {1, 3, EVENTS};
    size_t sizes = 64 + sizeof large / sizeof *large;
    for (size_t i = 0; i < sizes; i++) {
        for (size_t k = 0; k < 3; k++) {
            size_t bytes = i < 64 ? i + 1 : large[i - 64];
            open_world(bytes, chunks[k], (i + k) % 2 == 0);
            way();
        }
    }
}

/* ---- ways ---------------------------------------------------------------- */

static void in_single_events(void) {
    weir_ref p = start_producer(NULL, NULL);
    start_consumer(p, (weir_subscribe_options){.max_demand = 1});
    play(p, 1);
}

static void cut_into_batches(void) {
    weir_ref p = start_producer(NULL, NULL);
    start_consumer(p, (weir_subscribe_options){.max_demand = 7, .min_demand = 4});
    play(p, 1);
}

static void whole_messages(void) {
    weir_ref p = start_producer(NULL, NULL);
    start_consumer(p, (weir_subscribe_options){.max_demand = 100, .min_demand = WEIR_NONE});
    play(p, 1);
}

static void from_a_buffer(void) {
    weir_ref p = start((weir_stage_options){
        .kind = WEIR_PRODUCER, .demand = WEIR_ACCUMULATE, .on.handle_demand = supply_all});
    start_consumer(p, (weir_subscribe_options){.max_demand = 5, .min_demand = 2});
    play(p, 1);
}

static void forwarded(void) {
    weir_ref p = start_producer(NULL, NULL);
    weir_subscribe_to to = {.producer = p, .options = {.max_demand = 5, .min_demand = 2}};
    weir_ref t = start((weir_stage_options){.kind = WEIR_PRODUCER_CONSUMER,
                                            .subscribe_to = &to,
                                            .subscribe_count = 1,
                                            .on.handle_events = forward});
    start_consumer(t, (weir_subscribe_options){.max_demand = 3, .min_demand = 1});
    rig_rest(&f.rig);
    assert_int_equal(weir_demand(f.rig.runtime, p, WEIR_FORWARD), WEIR_OK);
    rig_rest(&f.rig);
    assert_int_equal(f.seen, EVENTS);
    weir_runtime_close(f.rig.runtime, NULL);
    rig_text_expect(&f.rig.wrong, "");
}

static void shared_by_several(void) {
    weir_ref p = start_producer(weir_broadcast_dispatcher(), NULL);
    if (f.chunk == 3) {
        start_consumer(p, (weir_subscribe_options){.max_demand = 1, .select_many = select_all});
    } else {
        start_consumer(p, (weir_subscribe_options){.max_demand = 1, .selector = select_any});
    }
    start_consumer(p, (weir_subscribe_options){.max_demand = 9, .min_demand = 5});
    play(p, 2);
    assert_int_equal(f.hidden, EVENTS);
}

static void sorted_by_partition(void) {
    weir_partition_dispatcher_options options = {.partitions = 2};
    if (f.chunk == 3) {
        options.hash_many = many_by_first_byte;
    } else {
        options.hash = by_first_byte;
    }
    weir_ref p = start_producer(weir_partition_dispatcher(), &options);
    start_consumer(p, (weir_subscribe_options){.max_demand = 50, .partition = WEIR_PARTITION(0)});
    start_consumer(p, (weir_subscribe_options){.max_demand = 50, .partition = WEIR_PARTITION(1)});
    play(p, 1);
    assert_int_equal(f.hidden, EVENTS);
}

static void competed_for(void) {
    weir_ref p = start_producer(weir_shared_dispatcher(), NULL);
    start_consumer(p, (weir_subscribe_options){.max_demand = 2, .min_demand = 1});
    start_consumer(p, (weir_subscribe_options){.max_demand = 9, .min_demand = 4});
    play(p, 1);
}

static void every_way_between_stages(void **state) {
    (void)state;
    for_all_sizes(in_single_events);
    for_all_sizes(cut_into_batches);
    for_all_sizes(whole_messages);
    for_all_sizes(from_a_buffer);
    for_all_sizes(forwarded);
}

static void every_dispatcher(void **state) {
    (void)state;
    for_all_sizes(shared_by_several);
    for_all_sizes(sorted_by_partition);
    for_all_sizes(competed_for);
}

/* ---- from outside, and to it --------------------------------------------- */

static weir_made next(void *context, weir_room room) {
    size_t left = (size_t)(EVENTS - f.made);
    (void)context;
    size_t count = room.count < left ? room.count : left;
    count = count < f.chunk ? count : f.chunk;
    write_events(room.events, count);
    return (weir_made){count, f.made == EVENTS ? WEIR_ITERATOR_END : WEIR_ITERATOR_MORE};
}

static void from_an_iterator_to_a_stream(void) {
    weir_stream *stream;
    weir_subscribe_to from = {.options = {.max_demand = 5, .min_demand = 2}};
    weir_iterator_options iterator = {.event_bytes = f.bytes, .next = next};
    assert_int_equal(weir_iterator_start(f.rig.runtime, &iterator, &from.producer), WEIR_OK);
    weir_stream_options options = {
        .event_bytes = f.bytes, .subscribe_to = &from, .subscribe_count = 1};
    assert_int_equal(weir_stream_open(f.rig.runtime, &options, &stream), WEIR_OK);
    weir_batch batch;
    size_t most = f.chunk == 3 ? 1 : 0;
    while ((batch = weir_stream_batch(stream, most, WEIR_FOREVER, NULL)).count > 0) {
        look(batch.events, batch.count);
        f.seen += batch.count;
    }
    assert_int_equal(f.seen, EVENTS);
    weir_stream_close(stream);
    weir_runtime_close(f.rig.runtime, NULL);
    rig_text_expect(&f.rig.wrong, "");
}

static weir_start_verdict begin_task(void *context, const void *event) {
    (void)context;
    look(event, 1);
    return WEIR_CHILD_START;
}

static weir_task_result run_task(void *context, const void *event, weir_task *self) {
    (void)context, (void)self;
    look(event, 1);
    f.seen++;
    return WEIR_TASK_OK;
}

static void end_task(void *context, weir_child child, const void *event, weir_child_exit how) {
    (void)context, (void)child, (void)how;
    look(event, 1);
}

static void push_all(weir_inlet *inlet, weir_port *port) {
    static unsigned char room[1 + 4 * 65536];
    while (f.made < EVENTS) {
        size_t part = f.chunk < 4 ? f.chunk : 4;
        part = part < EVENTS - f.made ? part : (size_t)(EVENTS - f.made);
        for (size_t i = 0; i < part; i++) {
            memset(room + 1 + i * f.bytes, (int)(f.made++ % 200 + 1), f.bytes);
        }
        assert_int_equal(f.made % 2 == 0 ? weir_inlet_push(inlet, room + 1, part, 0)
                                         : weir_port_push(port, room + 1, part, 0),
                         WEIR_OK);
    }
}

static void from_an_inlet_to_a_pool(void) {
    weir_inlet *inlet;
    weir_port *port;
    weir_pool *pool;
    weir_subscribe_to from = {.options = {.max_demand = 9}};
    weir_inlet_options in = {.event_bytes = f.bytes, .capacity = EVENTS};
    assert_int_equal(weir_inlet_open(f.rig.runtime, &in, &inlet, &from.producer), WEIR_OK);
    assert_int_equal(weir_port_open(inlet, &port), WEIR_OK);
    weir_pool_options options = {.event_bytes = f.bytes,
                                 .threads = WEIR_NONE,
                                 .start = begin_task,
                                 .task = run_task,
                                 .exited = end_task,
                                 .subscribe_to = &from,
                                 .subscribe_count = 1};
    assert_int_equal(weir_pool_open(f.rig.runtime, &options, &pool, NULL), WEIR_OK);
    push_all(inlet, port);
    rig_rest(&f.rig);
    assert_int_equal(f.seen, EVENTS);
    weir_port_close(port);
    weir_inlet_close(inlet);
    rig_rest(&f.rig);
    assert_int_equal(weir_pool_close(pool, NULL), WEIR_OK);
    weir_runtime_close(f.rig.runtime, NULL);
    rig_text_expect(&f.rig.wrong, "");
}

static void every_part(void **state) {
    (void)state;
    for_all_sizes(from_an_iterator_to_a_stream);
    for_all_sizes(from_an_inlet_to_a_pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_between_stages),
        cmocka_unit_test(every_dispatcher),
        cmocka_unit_test(every_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
