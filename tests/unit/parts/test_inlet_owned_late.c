/*
 * Events that own something, pushed as their inlet stops, and a drop by who pushes.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what is pushed too late to be seen by the stage is dropped by the last one who could,
 * and told; whoever drops, the accounts have it; a `drop` on a pushing thread cannot wait for
 * the runtime; types are checked as a stage's are.
 * Method: an allocator that stops the stage amid a push; a ring that is written to by hand; and
 * threads that push while their stage is stopped.
 */
#include "support/cmocka.h"
#include "support/owned_inlet.h"
#include "support/worlds.h"

#include "base/atomic.h"
#include "os/thread.h"
#include "parts/port.h"

#include <string.h>

static struct owned_inlet *const f = &owned_inlet;

/* ---- what comes too late ----------------------------------------------------------- */

static void *(*alloc)(void *context, size_t bytes, size_t alignment);

/* Amid a push: there is room, and the stage takes events.  Then it has stopped. */
static void *stop_and_alloc(void *context, size_t bytes, size_t alignment) {
    f->rig->runtime->allocator.use.alloc = alloc;
    owned_inlet_stop();
    return alloc(context, bytes, alignment);
}

static void the_last_pusher_drops_what_came_too_late(struct rig *rig, int way) {
    owned_inlet_open(rig, way == 0 ? OWNED_ALONE : OWNED_LINES, WEIR_REFUSE);
    assert_int_equal(owned_inlet_push(3), WEIR_OK);
    alloc = rig->runtime->allocator.use.alloc;
    rig->runtime->allocator.use.alloc = stop_and_alloc;
    assert_int_equal(owned_inlet_push(4), WEIR_OK);
    owned_inlet_expect("stopped 7", 0, 7);
    owned_expect_one(&f->ledger, 4, WEIR_DISCARD_STOPPED);
    assert_int_equal(f->told[WEIR_DISCARD_STOPPED], 7);
    owned_inlet_close("stopped 7");
}

/* As a pusher whose look at the inlet came just before its end. */
static void publish_late(weir_port *port, size_t count) {
    for (size_t i = 0; i < count; i++, port->in++) {
        struct owned *events = (struct owned *)(void *)port->events;
        events[port->in & port->mask] = owned_make(&f->ledger);
    }
    port->claimed = port->tail = port->in;
    f->rig->emitted += count;
}

static void a_ports_last_holder_drops_what_came_too_late(struct rig *rig) {
    owned_inlet_open(rig, OWNED_PORTED, WEIR_REFUSE);
    assert_int_equal(owned_inlet_push(10), WEIR_OK);
    owned_inlet_stop();
    owned_inlet_expect("stopped 10", 0, 10);
    publish_late(f->port, 8); /* round the end of the ring */
    weir_port_close(f->port);
    f->port = NULL;
    owned_inlet_expect("stopped 18", 0, 18);
    assert_int_equal(f->told[WEIR_DISCARD_STOPPED], 18);
    owned_inlet_close("stopped 18");
}

/* ---- a drop by who pushes ------------------------------------------------------------- */

static weir_status settled, ran;
static unsigned drops;

static void drop_and_wait(void *context, const void *events, size_t count, weir_discard why) {
    (void)context, (void)events, (void)count;
    if (why != WEIR_DISCARD_OVERFLOW) return;
    drops++;
    settled = weir_runtime_settle(f->rig->runtime, WEIR_FOREVER);
    ran = weir_runtime_run(f->rig->runtime, WEIR_FOREVER);
}

static void a_drop_cannot_wait_for_its_runtime(struct rig *rig) {
    static const weir_event_type type = {.bytes = 8, .drop = drop_and_wait};
    const weir_inlet_options options = {
        .type = &type, .event_bytes = 8, .capacity = 1, .when_full = WEIR_DROP_NEWEST};
    memset(f, 0, sizeof *f);
    f->rig = rig;
    drops = 0;
    assert_int_equal(weir_inlet_open(rig->runtime, &options, &f->inlet, NULL), WEIR_OK);
    assert_int_equal(weir_inlet_push(f->inlet, &(uint64_t){1}, 1, 0), WEIR_OK);
    assert_int_equal(weir_inlet_push(f->inlet, &(uint64_t){2}, 1, 0), WEIR_DROPPED);
    assert_int_equal(drops, 1);
    assert_int_equal(settled, WEIR_WRONG_THREAD);
    assert_int_equal(ran, WEIR_WRONG_THREAD);
    assert_string_equal(weir_refusal(), "weir_runtime_run would wait for the drop that calls it");
    rig->emitted = 2;
    weir_inlet_close(f->inlet);
    rig_close(rig);
}

/* ---- threads ---------------------------------------------------------------------------- */

enum { THREADS = 3, ROUNDS = 24, EACH = 300 };

struct pusher {
    struct weir__thread thread;
    bool ported;
    uint64_t accepted;
};

static uint32_t pushing; /* atomic: threads that are not through */

static weir_status push_run(weir_port *port, const void *events, size_t count) {
    weir_status status;
    do {
        status = port != NULL ? weir_port_push(port, events, count, WEIR_FOREVER)
                              : weir_inlet_push(f->inlet, events, count, WEIR_FOREVER);
    } while (status == WEIR_FULL);
    return status;
}

/* So many new ones, which are the caller's still if they are refused. */
static weir_status push_new(weir_port *port, struct owned *events, size_t count) {
    struct owned_line lines[3];
    char text[3][OWNED_TEXT_MOST];
    for (size_t i = 0; i < count; i++) {
        if (f->lines) lines[i] = owned_make_line(&f->ledger, text[i]);
        events[i] = f->lines ? lines[i].event : owned_make(&f->ledger);
    }
    return f->lines ? push_run(port, lines, count) : push_run(port, events, count);
}

/* Pushes until it is refused for good. */
static void push_all(void *argument) {
    struct pusher *pusher = argument;
    weir_port *port = NULL;
    bool open = !pusher->ported || weir_port_open(f->inlet, &port) == WEIR_OK;
    while (open && pusher->accepted < EACH) {
        struct owned events[3];
        size_t count = 1 + pusher->accepted % 3;
        weir_status status = push_new(port, events, count);
        if (status != WEIR_OK && status != WEIR_DROPPED) {
            for (size_t i = 0; i < count; i++) owned_release(&f->ledger, events[i]);
            break;
        }
        pusher->accepted += count;
    }
    weir_port_close(port);
    weir__fetch_sub_u32(&pushing, 1);
}

static void start_consumer(void) {
    const weir_subscribe_to to = {.producer = f->stage,
                                  .options = {.max_demand = 8, .cancel = WEIR_TEMPORARY}};
    const weir_stage_options options = {.kind = WEIR_CONSUMER,
                                        .subscribe_to = &to,
                                        .subscribe_count = 1,
                                        .on.handle_events = owned_inlet_handle};
    assert_int_equal(weir_stage_start(f->rig->runtime, &options, NULL), WEIR_OK);
}

static void race(struct rig *rig, int round) {
    static struct pusher pushers[THREADS];
    rig_open(rig, &(weir_runtime_options){.workers = 2, .unpinned = true});
    bool lines = round / 8 % 2 == 1; /* of which a push has up to 288 bytes */
    owned_inlet_open_bounded(rig, lines ? OWNED_LINES : OWNED_ALONE, (weir_when_full)(round % 4),
                             lines ? 300 : 0);
    start_consumer();
    weir__store_relaxed_u32(&pushing, THREADS);
    for (int i = 0; i < THREADS; i++) {
        bool ported = i > 0 && round % 4 != WEIR_DROP_OLDEST;
        pushers[i] = (struct pusher){.ported = ported};
        assert_int_equal(weir__thread_start(&pushers[i].thread, "pusher", push_all, &pushers[i]),
                         0);
    }
    uint64_t enough = (uint64_t)round % 8 * 20; /* then its stage is stopped */
    while (weir__load_relaxed_u64(&f->handled) < enough && weir__load_relaxed_u32(&pushing) > 0) {
        weir__cpu_relax();
    }
    weir_stop(rig->runtime, f->stage, WEIR_REASON_USER);
    for (int i = 0; i < THREADS; i++) {
        weir__thread_join(&pushers[i].thread);
        rig->emitted += pushers[i].accepted;
    }
    weir_inlet_close(f->inlet);
    weir_runtime_stop(rig->runtime, WEIR_REASON_NORMAL);
    weir_runtime_run(rig->runtime, WEIR_FOREVER);
    rig->handled = weir__load_relaxed_u64(&f->handled);
    weir_accounts accounts = rig_close(rig);
    owned_close(&f->ledger, &accounts);
}

static void threads_push_while_it_stops(void **state) {
    static struct rig rig;
    (void)state;
    for (int round = 0; round < ROUNDS; round++) race(&rig, round);
}

/* ---- options ------------------------------------------------------------------------------ */

static void drop_nothing(void *context, const void *events, size_t count, weir_discard why) {
    (void)context, (void)events, (void)count, (void)why;
}

static void bad_types_are_refused(struct rig *rig) {
    static const struct {
        weir_event_type type;
        size_t event_bytes;
        const char *sentence;
    } cases[] = {
        {{.drop = drop_nothing}, 0, "stage inlet: type->bytes must be at least 1, got 0"},
        {{.bytes = 65537, .drop = drop_nothing},
         0,
         "stage inlet: type->bytes must be at most 65536, got 65537"},
        {{.bytes = 8}, 0, "stage inlet: type->drop must be set"},
        {{.bytes = 8, .drop = drop_nothing},
         4,
         "stage inlet: event_bytes must be 0 or that of the type, 8, got 4"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_inlet *inlet = NULL;
        const weir_inlet_options options = {.type = &cases[i].type,
                                            .event_bytes = cases[i].event_bytes};
        assert_int_equal(weir_inlet_open(rig->runtime, &options, &inlet, NULL), WEIR_INVALID);
        assert_string_equal(weir_refusal(), cases[i].sentence);
        assert_null(inlet);
    }
    rig_close(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS_AND_WAYS(the_last_pusher_drops_what_came_too_late, 2),
        TEST_IN_WORLDS(a_ports_last_holder_drops_what_came_too_late),
        TEST_STEPPED(a_drop_cannot_wait_for_its_runtime),
        cmocka_unit_test(threads_push_while_it_stops),
        TEST_STEPPED(bad_types_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
