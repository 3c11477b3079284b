/*
 * Events of any length through inlets and ports, and capacities in bytes.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what spans point at comes whole, though the pusher writes to its own at once; what waits
 * is bounded in events and in bytes, each policy does for bytes what it does for events, and one
 * event always has room in an empty inlet; a port in a steady flow allocates nothing, and a push
 * into an inlet allocates once.
 * Method: lines that say their own bytes, each with one fate; by hand in every world, with an
 * inlet alone and with a port; and threads that push lines of all lengths into small capacities.
 */
#include "support/cmocka.h"
#include "support/worlds.h"

#include "base/atomic.h"
#include "os/thread.h"
#include "parts/port.h"

#include <stdlib.h>
#include <string.h>

struct line {
    weir_bytes text;
    weir_bytes name; /* of who pushed it */
    uint64_t number;
};

enum { MOST = 4096, FIXED = sizeof(struct line), TEXT_MOST = 150000 };

static struct {
    struct rig *rig;
    weir_inlet *inlet;
    weir_port *port; /* NULL: pushes go to the inlet */
    weir_ref stage;
    weir_subscription subscription;
    uint64_t pushed, handled; /* handled: atomic, as is the next */
    uint64_t next[4];         /* of each name                    */
    unsigned char fates[MOST];
} f;

/* ---- lines ----------------------------------------------------------------- */

static char letter_of(uint64_t number, uint32_t at) {
    return (char)('a' + (number * 7 + at) % 26);
}

static bool is_whole(const struct line *line) {
    uint32_t i = 0;
    while (i < line->text.count && line->text.at[i] == letter_of(line->number, i)) i++;
    return i == line->text.count && line->name.count == 1;
}

/* A fate is one more than its cause. */
static void drop_lines(void *context, const void *events, size_t count, weir_discard why) {
    const struct line *line = events;
    (void)context;
    for (size_t i = 0; i < count; i++) {
        RIG_CHECK(f.rig, is_whole(&line[i]));
        RIG_CHECK(f.rig, line[i].number < MOST && f.fates[line[i].number] == 0);
        f.fates[line[i].number] = (unsigned char)(why + 1);
    }
}

static const weir_event_type lines = {
    .bytes = FIXED, .spans = 2, .drop = drop_lines, .payload_limit = TEXT_MOST + 1};

static struct line make_line(char *text, const char *name, uint64_t number, uint32_t length) {
    for (uint32_t i = 0; i < length; i++) text[i] = letter_of(number, i);
    return (struct line){
        .text = {.at = text, .count = length}, .name = {.at = name, .count = 1}, .number = number};
}

/* The fates of lines first..first+count-1; 0: they have none yet. */
static void expect_fates(uint64_t first, uint64_t count, int fate) {
    for (uint64_t i = first; i < first + count; i++) assert_int_equal(f.fates[i], fate);
}

enum {
    WAITS = 0,
    HANDLED = WEIR_DISCARD_HANDLED + 1,
    OVERFLOWN = WEIR_DISCARD_OVERFLOW + 1,
    STOPPED = WEIR_DISCARD_STOPPED + 1
};

/* ---- the scene ------------------------------------------------------------- */

static void open_inlet(struct rig *rig, int ported, weir_inlet_options options) {
    memset(&f, 0, sizeof f);
    f.rig = rig;
    weir__port_start = UINT64_MAX - 13;
    options.type = &lines;
    assert_int_equal(weir_inlet_open(rig->runtime, &options, &f.inlet, &f.stage), WEIR_OK);
    if (ported) assert_int_equal(weir_port_open(f.inlet, &f.port), WEIR_OK);
}

static weir_status push_lines(const struct line *line, size_t count, uint64_t timeout_ns) {
    return f.port != NULL ? weir_port_push(f.port, line, count, timeout_ns)
                          : weir_inlet_push(f.inlet, line, count, timeout_ns);
}

/* `count` lines that take up so many bytes each; what was refused has the numbers of the next. */
static weir_status push_until(size_t count, uint32_t bytes, uint64_t timeout_ns) {
    static char text[1 << 20];
    struct line line[16];
    char name = 'a';
    const uint32_t length = bytes - FIXED - 1;
    for (size_t i = 0; i < count; i++) {
        line[i] = make_line(text + i * length, &name, f.pushed + i, length);
    }
    weir_status status = push_lines(line, count, timeout_ns);
    if (status == WEIR_OK || status == WEIR_DROPPED) f.pushed += count;
    memset(text, '?', count * length);
    name = '?';
    return status;
}

static weir_status push(size_t count, uint32_t bytes) {
    return push_until(count, bytes, 0);
}

static size_t waiting(void) {
    return f.port != NULL ? weir_port_waiting(f.port) : weir_inlet_waiting(f.inlet);
}

static weir_verdict read_lines(weir_stage *self, weir_batch batch) {
    const struct line *line = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++) {
        unsigned who = (unsigned)(line[i].name.at[0] - 'a');
        RIG_CHECK(f.rig, is_whole(&line[i]) && who < 4);
        RIG_CHECK(f.rig, who < 4 && line[i].number >= f.next[who]);
        if (who < 4) f.next[who] = line[i].number + 1;
    }
    weir__fetch_add_u64(&f.handled, batch.count);
    return WEIR_CONTINUE;
}

static weir_subscribe_verdict by_hand(weir_stage *self, const weir_peer *peer) {
    (void)self;
    f.subscription = peer->subscription;
    return WEIR_MANUAL;
}

static void start_consumer(bool manual, size_t max_demand) {
    const weir_subscribe_to to = {.producer = f.stage,
                                  .options = {.max_demand = max_demand, .cancel = WEIR_TEMPORARY}};
    const weir_stage_options options = {
        .kind = WEIR_CONSUMER,
        .subscribe_to = &to,
        .subscribe_count = 1,
        .on = {.handle_events = read_lines, .handle_subscribe = manual ? by_hand : NULL}};
    assert_int_equal(weir_stage_start(f.rig->runtime, &options, NULL), WEIR_OK);
}

static void take(uint64_t count) {
    if (f.subscription.id == 0) {
        start_consumer(true, 1000);
        rig_rest(f.rig);
    }
    assert_int_equal(weir_ask(f.rig->runtime, f.subscription, count), WEIR_OK);
    rig_rest(f.rig);
}

static void close_inlet(void) {
    weir_port_close(f.port);
    weir_inlet_close(f.inlet);
    f.rig->emitted = f.pushed;
    f.rig->handled = weir__load_relaxed_u64(&f.handled);
    weir_accounts accounts = rig_close(f.rig);
    assert_int_equal(accounts.accepted, f.pushed);
    assert_int_equal(accounts.dropped, f.pushed);
}

/* ---- what waits is bounded ---------------------------------------------------- */

static void bytes_are_bounded_to_the_byte(struct rig *rig, int ported) {
    open_inlet(rig, ported, (weir_inlet_options){.capacity = 100, .capacity_bytes = 1000});
    assert_int_equal(push(4, 200), WEIR_OK);
    assert_int_equal(push(1, 201), WEIR_FULL);
    assert_int_equal(push(2, 101), WEIR_FULL);
    assert_int_equal(waiting(), 4);
    assert_int_equal(push(2, 100), WEIR_OK);
    assert_int_equal(push(1, FIXED + 1), WEIR_FULL);
    assert_int_equal(waiting(), 6);
    take(1);
    assert_int_equal(waiting(), 5);
    assert_int_equal(push(1, 201), WEIR_FULL);
    assert_int_equal(push(1, 200), WEIR_OK);
    take(5);
    assert_int_equal(push(8, 100), WEIR_OK); /* beside one of 200 */
    assert_int_equal(push(1, FIXED + 1), WEIR_FULL);
    take(9);
    expect_fates(0, 15, HANDLED);
    assert_int_equal(waiting(), 0);
    close_inlet();
}

static void events_are_bounded_beside_bytes(struct rig *rig, int ported) {
    open_inlet(rig, ported, (weir_inlet_options){.capacity = 5, .capacity_bytes = 100000});
    assert_int_equal(push(5, 100), WEIR_OK);
    assert_int_equal(push(1, 100), WEIR_FULL);
    take(2);
    assert_int_equal(push(3, 100), WEIR_FULL);
    assert_int_equal(push(2, 100), WEIR_OK);
    close_inlet();
}

static void one_always_has_room(struct rig *rig, int ported) {
    open_inlet(rig, ported, (weir_inlet_options){.capacity = 100, .capacity_bytes = 500});
    assert_int_equal(push(1, 70000), WEIR_OK);
    assert_int_equal(push(1, FIXED + 1), WEIR_FULL);
    assert_int_equal(push(1, 70000), WEIR_FULL);
    take(1);
    expect_fates(0, 1, HANDLED);
    assert_int_equal(push(1, 499), WEIR_OK);
    assert_int_equal(push(1, 501), WEIR_FULL);
    take(1);
    assert_int_equal(push(1, 501), WEIR_OK);
    assert_int_equal(push(2, 501), WEIR_INVALID);
    assert_int_equal(push(2, 251), WEIR_INVALID);
    assert_string_equal(
        weir_refusal(),
        "the events must count as at most capacity_bytes, 500, together; they count as 502");
    take(1);
    assert_int_equal(push(2, 250), WEIR_OK);
    close_inlet();
    expect_fates(0, 3, HANDLED);
    expect_fates(3, 2, STOPPED);
}

static void flat_events_have_as_many_places(struct rig *rig, int ported) {
    memset(&f, 0, sizeof f);
    const weir_inlet_options options = {.event_bytes = 8, .capacity = 100, .capacity_bytes = 47};
    const uint64_t numbers[6] = {0};
    weir_inlet *inlet;
    weir_port *port = NULL;
    assert_int_equal(weir_inlet_open(rig->runtime, &options, &inlet, NULL), WEIR_OK);
    if (ported) assert_int_equal(weir_port_open(inlet, &port), WEIR_OK);
    weir_status statuses[3];
    for (size_t i = 0; i < 3; i++) {
        static const size_t counts[] = {6, 5, 1};
        statuses[i] = ported ? weir_port_push(port, numbers, counts[i], 0)
                             : weir_inlet_push(inlet, numbers, counts[i], 0);
        if (i == 0) {
            assert_string_equal(weir_refusal(), "count must be at most the capacity, 5, got 6");
        }
    }
    assert_int_equal(statuses[0], WEIR_INVALID);
    assert_int_equal(statuses[1], WEIR_OK);
    assert_int_equal(statuses[2], WEIR_FULL);
    weir_port_close(port);
    weir_inlet_close(inlet);
    rig->emitted = 5;
    rig_close(rig);
}

/* ---- each policy ------------------------------------------------------------- */

static void the_newest_are_dropped_for_bytes(struct rig *rig, int ported) {
    open_inlet(rig, ported,
               (weir_inlet_options){
                   .capacity = 100, .capacity_bytes = 1000, .when_full = WEIR_DROP_NEWEST});
    assert_int_equal(push(5, 190), WEIR_OK);
    assert_int_equal(push(1, 90), WEIR_DROPPED);
    expect_fates(5, 1, OVERFLOWN);
    assert_int_equal(push(1, 50), WEIR_OK);
    expect_fates(6, 1, WAITS);
    take(6);
    expect_fates(0, 5, HANDLED);
    assert_int_equal(push(2, 500), WEIR_OK);
    assert_int_equal(push(2, 500), WEIR_DROPPED);
    close_inlet();
    expect_fates(7, 2, STOPPED);
    expect_fates(9, 2, OVERFLOWN);
}

static void the_oldest_are_dropped_for_bytes(struct rig *rig) {
    open_inlet(rig, 0,
               (weir_inlet_options){
                   .capacity = 100, .capacity_bytes = 1000, .when_full = WEIR_DROP_OLDEST});
    assert_int_equal(push(3, 100), WEIR_OK);
    assert_int_equal(push(2, 300), WEIR_OK);
    assert_int_equal(push(1, 250), WEIR_DROPPED); /* 1150 bytes: two of the first are too many */
    rig_rest(rig);
    expect_fates(0, 2, OVERFLOWN);
    expect_fates(2, 4, WAITS);
    assert_int_equal(waiting(), 4);
    assert_int_equal(push(1, 50), WEIR_OK);
    assert_int_equal(push(1, 5000), WEIR_DROPPED); /* it has room for itself alone */
    assert_int_equal(push(1, FIXED + 1), WEIR_DROPPED);
    expect_fates(8, 1, OVERFLOWN); /* twice the capacity waited */
    rig_rest(rig);
    expect_fates(2, 5, OVERFLOWN);
    expect_fates(7, 1, WAITS);
    assert_int_equal(push(1, 500), WEIR_DROPPED);
    rig_rest(rig);
    expect_fates(7, 1, OVERFLOWN);
    take(1);
    expect_fates(9, 1, HANDLED);
    close_inlet();
}

static void who_waits_waits_for_bytes(struct rig *rig, int ported) {
    open_inlet(
        rig, ported,
        (weir_inlet_options){.capacity = 100, .capacity_bytes = 1000, .when_full = WEIR_BLOCK});
    assert_int_equal(push_until(5, 200, 0), WEIR_OK);
    assert_int_equal(push_until(1, 90, 0), WEIR_TIMEOUT);
    assert_int_equal(push_until(1, 90, WEIR_FOREVER), WEIR_TIMEOUT); /* all stages rest */
    take(0 + 1);
    assert_int_equal(push_until(1, 201, WEIR_FOREVER), WEIR_TIMEOUT);
    assert_int_equal(weir_ask(rig->runtime, f.subscription, 2), WEIR_OK);
    assert_int_equal(push_until(1, 600, WEIR_FOREVER), WEIR_OK); /* it steps them */
    rig_rest(rig);
    expect_fates(0, 3, HANDLED);
    take(3);
    close_inlet();
    expect_fates(0, 6, HANDLED);
}

/* ---- refusals ---------------------------------------------------------------- */

static void too_long_is_refused_and_nothing_changed(struct rig *rig, int ported) {
    open_inlet(rig, ported, (weir_inlet_options){.capacity = 10});
    static char text[TEXT_MOST + 1];
    struct line two[2] = {make_line(text, "a", 0, 10), make_line(text, "a", 1, TEXT_MOST + 1)};
    assert_int_equal(push_lines(two, 2, 0), WEIR_INVALID);
    assert_non_null(strstr(weir_refusal(), "event 1 has spans of 150002 bytes"));
    assert_int_equal(waiting(), 0);
    assert_int_equal(push(1, 60), WEIR_OK);
    take(1);
    close_inlet();
}

/* Whichever allocation of a push fails: the line is the caller's, and what waited goes out. */
static void without_memory_a_push_changes_nothing(struct rig *rig, int ported) {
    open_inlet(rig, ported, (weir_inlet_options){.capacity = 20, .capacity_bytes = 300000});
    for (int i = 0; i < 4; i++) {
        test_memory_fail(&rig->memory, 1, true);
        assert_int_equal(push(1, 70000), WEIR_NO_MEMORY);
        test_memory_fail_never(&rig->memory);
        assert_int_equal(waiting(), i > 0);
        assert_int_equal(push(1, 70000), WEIR_OK);
        if (i > 0) take(1);
    }
    assert_int_equal(push(2, 100000), WEIR_OK); /* no byte was lost on the way */
    take(3);
    close_inlet();
}

/* ---- memory ------------------------------------------------------------------ */

static void a_port_in_a_steady_flow_allocates_nothing(struct rig *rig, int bounded) {
    open_inlet(rig, 1, (weir_inlet_options){.capacity = 64, .capacity_bytes = bounded ? 60000 : 0});
    uint64_t made = 0;
    for (unsigned i = 0; i < 120; i++) {
        if (i == 60) made = 0;
        uint64_t before = rig->memory.calls;
        assert_int_equal(push(1 + i % 13, 600 + i), WEIR_OK);
        made += rig->memory.calls - before;
        take(1 + i % 13);
    }
    assert_int_equal(made, 0);
    close_inlet();
}

static void what_is_larger_than_a_page_is_freed(struct rig *rig) {
    open_inlet(rig, 1, (weir_inlet_options){.capacity = 64});
    for (int i = 0; i < 3; i++) {
        assert_int_equal(push(1, 150000), WEIR_OK);
        assert_int_equal(push(1, 100), WEIR_OK);
    }
    take(6);
    uint64_t before = rig->memory.bytes;
    for (int i = 0; i < 5; i++) assert_int_equal(push(1, 60000), WEIR_OK); /* a page for each */
    assert_true(rig->memory.bytes + 300000 < before);
    close_inlet();
}

static void a_push_allocates_once(struct rig *rig) {
    open_inlet(rig, 0, (weir_inlet_options){.capacity = 64});
    uint64_t calls = rig->memory.calls;
    assert_int_equal(push(10, 3000), WEIR_OK);
    assert_int_equal(rig->memory.calls, calls + 1);
    close_inlet();
}

/* ---- threads ----------------------------------------------------------------- */

enum { THREADS = 3, EACH = 300 };

struct pusher {
    struct weir__thread thread;
    unsigned who;
};

/* Longer than any capacity that has a bound. */
static bool is_long(uint64_t index) {
    return index % 100 == 50 || index + 1 >= EACH;
}

static void push_all(void *argument) {
    const struct pusher *pusher = argument;
    weir_port *port = NULL;
    if (pusher->who > 0 && weir_port_open(f.inlet, &port) != WEIR_OK) abort();
    static char texts[THREADS][2][TEXT_MOST];
    char(*text)[TEXT_MOST] = texts[pusher->who];
    for (uint64_t i = 0; i < EACH;) {
        const char name = (char)('a' + pusher->who);
        uint64_t first = pusher->who * EACH + i;
        size_t count = is_long(i) || is_long(i + 1) ? 1 : 1 + i / 2 % 2;
        struct line line[2];
        for (size_t k = 0; k < count; k++) {
            uint32_t length = is_long(i + k) ? TEXT_MOST / 2 : (uint32_t)((first + k) * 131 % 900);
            line[k] = make_line(text[k], &name, first + k, length);
        }
        weir_status status = port != NULL ? weir_port_push(port, line, count, WEIR_FOREVER)
                                          : weir_inlet_push(f.inlet, line, count, WEIR_FOREVER);
        if (status != WEIR_OK) abort();
        i += count;
    }
    weir_port_close(port);
}

static void threads_push_lines_of_all_lengths(void **state) {
    static struct rig rig;
    static struct pusher pushers[THREADS];
    (void)state;
    for (int bounded = 0; bounded < 2; bounded++) {
        rig_open(&rig, &(weir_runtime_options){.workers = 2, .unpinned = true});
        open_inlet(&rig, 0,
                   (weir_inlet_options){.capacity = 16,
                                        .capacity_bytes = bounded ? 3000 : 0,
                                        .when_full = WEIR_BLOCK});
        start_consumer(false, 8);
        for (unsigned i = 0; i < THREADS; i++) {
            pushers[i] = (struct pusher){.who = i};
            assert_int_equal(
                weir__thread_start(&pushers[i].thread, "pusher", push_all, &pushers[i]), 0);
        }
        for (int i = 0; i < THREADS; i++) weir__thread_join(&pushers[i].thread);
        weir_inlet_finish(f.inlet);
        rig_rest(&rig);
        for (unsigned i = 0; i < THREADS; i++) f.pushed += f.next[i] - i * EACH;
        assert_true(f.pushed >= THREADS * EACH);
        expect_fates(0, THREADS * EACH, HANDLED);
        close_inlet();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS_AND_WAYS(bytes_are_bounded_to_the_byte, 2),
        TEST_IN_WORLDS_AND_WAYS(events_are_bounded_beside_bytes, 2),
        TEST_IN_WORLDS_AND_WAYS(one_always_has_room, 2),
        TEST_IN_WORLDS_AND_WAYS(flat_events_have_as_many_places, 2),
        TEST_IN_WORLDS_AND_WAYS(the_newest_are_dropped_for_bytes, 2),
        TEST_IN_WORLDS(the_oldest_are_dropped_for_bytes),
        TEST_IN_WORLDS_AND_WAYS(who_waits_waits_for_bytes, 2),
        TEST_IN_WORLDS_AND_WAYS(too_long_is_refused_and_nothing_changed, 2),
        TEST_IN_WORLDS_AND_WAYS(without_memory_a_push_changes_nothing, 2),
        TEST_IN_WORLDS_AND_WAYS(a_port_in_a_steady_flow_allocates_nothing, 2),
        TEST_STEPPED(what_is_larger_than_a_page_is_freed),
        TEST_STEPPED(a_push_allocates_once),
        cmocka_unit_test(threads_push_lines_of_all_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
