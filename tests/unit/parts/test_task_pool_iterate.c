/*
 * Iterators on a pool's thread: `next` may block, and nobody else waits for it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: `next` is asked for what consumers want, and no more; what it made comes once and in order;
 * its end, its error and a broken word do to the stage what an iterator's do; events that own
 * something have one fate; while it blocks, other stages of its worker go on, and a drain reaches
 * it; `close` comes once, behind the last `next`.
 * Method: a function that counts up, in every world of the rig's, and with threads behind a gate.
 */
#include "base/atomic.h"
#include "support/cmocka.h"
#include "support/owned_scene.h"
#include "support/player.h"
#include "support/worlds.h"

#include <sched.h>
#include <string.h>

static struct rig rig;

static struct input {
    uint64_t next;
    uint64_t limit;
    uint64_t step;
    uint64_t act_at; /* there it returns this; 0: nowhere */
    weir_made act;
    uint64_t most; /* it was ever asked for */
    unsigned closed;
    uint64_t told;
    uint64_t marked; /* the watermark that was given last */
    uint32_t bad;    /* unless 0: a kind of marks that there is not */
    uint32_t calls;  /* atomic */
    uint32_t gate;   /* atomic: 0: it waits */
    bool waits;
} input;

static weir_made next(void *context, weir_room room) {
    struct input *from = context;
    uint64_t *out = room.events;
    size_t made = 0;
    weir__fetch_add_u32(&from->calls, 1);
    while (from->waits && weir__load_acquire_u32(&from->gate) == 0 && !weir_ending_here()) {
        sched_yield();
    }
    from->most = room.count > from->most ? room.count : from->most;
    if (from->act_at > 0 && from->next >= from->act_at) {
        weir_made act = from->act;
        while (made < act.count && made < room.count) out[made++] = from->next++;
        return act;
    }
    while (made < room.count && made < from->step && from->next < from->limit) {
        out[made++] = from->next++;
    }
    return (weir_made){made,
                       made == 0 || weir_ending_here() ? WEIR_ITERATOR_END : WEIR_ITERATOR_MORE};
}

/* A watermark and a flush behind each batch. */
static bool mark_made(void *context, weir_mark *mark) {
    struct input *from = context;
    if (from->marked == 2 * from->next) return false;
    const bool flush = from->marked == 2 * from->next - 1;
    from->marked = 2 * from->next - !flush;
    *mark = (weir_mark){.kind = from->bad != 0 ? from->bad
                                : flush        ? WEIR_MARK_FLUSH
                                               : WEIR_MARK_WATERMARK,
                        .value = from->next};
    return true;
}

static void note_close(void *context) {
    ((struct input *)context)->closed++;
}

static void count_discarded(void *context, uint64_t count, weir_discard cause) {
    (void)cause;
    ((struct input *)context)->told += count;
}

static weir_pool *pool;
static struct player it; /* not a player: lends the iterator's reference and name */
static struct player c;

static bool gives_marks;

static void start(uint64_t limit, uint64_t step, weir_demand_mode demand) {
    const weir_iterator_options options = {.name = "it",
                                           .event_bytes = 8,
                                           .next = next,
                                           .mark = gives_marks ? mark_made : NULL,
                                           .close = note_close,
                                           .discarded = count_discarded,
                                           .context = &input,
                                           .demand = demand,
                                           .error_reason = (weir_reason)(WEIR_REASON_USER + 7)};
    memset(&input, 0, sizeof input);
    input.limit = limit;
    input.step = step;
    it = (struct player){.name = "it", .rig = &rig, .started = rig.players};
    rig.players = &it;
    assert_int_equal(weir_pool_iterate(rig.runtime, &options, &pool, &it.ref), WEIR_OK);
}

static void consume_marks(void) {
    c = (struct player){.name = "c", .kind = WEIR_CONSUMER, .marks = true};
    player_start(&c, &rig, NULL);
    player_subscribe(&c, &it,
                     &(weir_subscribe_options){.max_demand = 20, .cancel = WEIR_TEMPORARY});
    rig_rest(&rig);
}

static void consume(bool manual, size_t max) {
    c = (struct player){.name = "c", .kind = WEIR_CONSUMER, .manual = manual};
    player_start(&c, &rig, NULL);
    player_subscribe(&c, &it,
                     &(weir_subscribe_options){.max_demand = max, .cancel = WEIR_TEMPORARY});
}

/* lost: what it made, and weir never had. */
static void end(uint64_t lost) {
    assert_int_equal(input.closed, 0);
    assert_int_equal(weir_pool_close(pool, NULL), WEIR_OK);
    assert_int_equal(input.closed, 1);
    it.emitted = input.next - lost;
    rig_close(&rig);
}

/* ---- demand ------------------------------------------------------------------- */

static void it_gives_what_is_wanted(void) {
    start(5000, 7, WEIR_FORWARD);
    consume(false, 20);
    rig_rest(&rig);
    assert_int_equal(c.handled, 5000);
    assert_int_equal(c.sum, 4999 * 5000 / 2);
    assert_true(input.most <= 20);
    assert_int_equal(weir_runtime_stages(rig.runtime), 1); /* it has ended */
    end(0);
}

static void it_is_not_asked_for_more(void) {
    start(UINT64_MAX, 100, WEIR_FORWARD);
    rig_rest(&rig);
    assert_int_equal(input.calls, 0);
    consume(true, 0);
    rig_rest(&rig);
    assert_int_equal(input.calls, 0);
    end(0);
}

static void held_demand_waits(void) {
    start(10, 100, WEIR_ACCUMULATE);
    consume(false, 20);
    rig_rest(&rig);
    assert_int_equal(input.calls, 0);
    player_demand(&it, WEIR_FORWARD);
    rig_rest(&rig);
    player_expect(&c, "subscribe it\nevents 0..9\ndown it normal\n");
    end(0);
}

/* ---- marks -------------------------------------------------------------------- */

static void start_marking(uint64_t limit, uint64_t step) {
    gives_marks = true;
    start(limit, step, WEIR_ACCUMULATE);
    gives_marks = false;
    consume_marks();
}

/* Behind what each call has made, also the last one, before the end. */
static void its_marks_come_behind_what_it_made(void) {
    start_marking(5, 2);
    player_demand(&it, WEIR_FORWARD);
    rig_rest(&rig);
    player_expect(&c, "subscribe it\nevents 0 1\nwatermark 2\nflush 2\nevents 2 3\nwatermark 4\n"
                      "flush 4\nevents 4\nwatermark 5\nflush 5\ndown it normal\n");
    end(0);
}

static void a_bad_mark_stops_it(void) {
    start_marking(5, 2);
    input.bad = 4;
    player_demand(&it, WEIR_FORWARD);
    rig_rest(&rig);
    weir_reason reason;
    assert_int_equal(weir_wait(rig.runtime, it.ref, WEIR_FOREVER, &reason), WEIR_OK);
    assert_int_equal(reason, WEIR_REASON_BAD_RETURN);
    assert_int_equal(c.handled, 2);
    assert_non_null(strstr(rig.log.text, "iterator it: a mark of kind 4: kind of a mark must be"));
    rig.log.used = 0;
    rig.log.text[0] = '\0';
    end(0);
}

/* ---- how it ends ------------------------------------------------------------------ */

static void an_error_is_its_reason(void) {
    start(100, 4, WEIR_FORWARD);
    input.act_at = 12;
    input.act = (weir_made){3, WEIR_ITERATOR_ERROR};
    consume(false, 50);
    rig_rest(&rig);
    assert_int_equal(c.handled, 15);
    weir_reason reason;
    assert_int_equal(weir_wait(rig.runtime, it.ref, WEIR_FOREVER, &reason), WEIR_OK);
    assert_int_equal(reason, WEIR_REASON_USER + 7);
    end(0);
}

static void who_breaks_its_word_is_stopped(void **state) {
    (void)state;
    static const struct {
        weir_made act;
        uint64_t lost;
        const char *log;
    } cases[] = {
        {{51, WEIR_ITERATOR_MORE},
         38,
         "error: iterator it: next made more than was wanted, made 51 of 38 events\n"},
        {{0, WEIR_ITERATOR_MORE},
         0,
         "error: iterator it: next has more but makes nothing, made 0 of 38 events\n"},
        {{2, (weir_iterator_verdict)9},
         0,
         "error: iterator it: next returned an unknown verdict, made 2 of 38 events\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rig_open(&rig, &(weir_runtime_options){.mode = WEIR_SIMULATED});
        start(100, 12, WEIR_FORWARD);
        input.act_at = 12;
        input.act = cases[i].act;
        consume(false, 50);
        rig_rest(&rig);
        rig_expect_log(&rig, cases[i].log);
        weir_reason reason;
        assert_int_equal(weir_wait(rig.runtime, it.ref, WEIR_FOREVER, &reason), WEIR_OK);
        assert_int_equal(reason, WEIR_REASON_BAD_RETURN);
        assert_int_equal(c.handled, 12 + (cases[i].lost > 0 ? 0 : cases[i].act.count));
        end(cases[i].lost);
    }
}

static void a_drain_asks_no_more(void) {
    start(UINT64_MAX, 5, WEIR_FORWARD);
    consume(false, 10);
    weir_runtime_step(rig.runtime, 20);
    assert_int_equal(weir_runtime_drain(rig.runtime, WEIR_FOREVER, NULL), WEIR_OK);
    assert_int_equal(c.handled, input.next);
    end(0);
}

/* ---- while it blocks ---------------------------------------------------------------- */

static void others_of_its_worker_go_on(void **state) {
    (void)state;
    rig_open(&rig, &(weir_runtime_options){.workers = 1, .unpinned = true});
    struct player q = {.name = "q", .kind = WEIR_PRODUCER, .limit = 1000, .quiet = true};
    struct player d = {.name = "d", .kind = WEIR_CONSUMER, .quiet = true};
    PLAYERS_START(&rig, &q, &d);
    start(10, 4, WEIR_FORWARD);
    input.waits = true;
    consume(false, 10);
    while (weir__load_relaxed_u32(&input.calls) == 0) sched_yield();
    player_subscribe(&d, &q, &(weir_subscribe_options){.cancel = WEIR_TEMPORARY});
    while (player_call(&d, 1) != 2 || rig_accounts(&rig).handled < 1000) sched_yield();
    assert_int_equal(weir__load_relaxed_u32(&input.calls), 1);
    weir__store_release_u32(&input.gate, 1);
    rig_rest(&rig);
    assert_int_equal(c.handled, 10);
    end(0);
}

static void a_drain_reaches_it(void **state) {
    (void)state;
    for (int closes = 0; closes < 2; closes++) {
        rig_open(&rig, &(weir_runtime_options){.workers = 2, .unpinned = true});
        start(UINT64_MAX, 4, WEIR_FORWARD);
        input.waits = true;
        consume(false, 10);
        while (weir__load_relaxed_u32(&input.calls) == 0) sched_yield();
        if (closes == 0) {
            assert_int_equal(weir_runtime_drain(rig.runtime, WEIR_FOREVER, NULL), WEIR_OK);
            assert_int_equal(c.handled, 4); /* what the last call made goes out */
        }
        end(0);
        assert_int_equal(input.told, closes > 0 ? 4 : 0);
    }
}

/* ---- events that own something -------------------------------------------------------- */

static uint64_t left;
static bool lines;

static weir_made make_owned(void *context, weir_room room) {
    struct owned_ledger *ledger = context;
    static char text[64][OWNED_TEXT_MOST];
    size_t made = 0;
    for (; made < room.count && made < 5 && left > 0; made++, left--) {
        if (lines) {
            ((struct owned_line *)room.events)[made] = owned_make_line(ledger, text[made]);
        } else {
            ((struct owned *)room.events)[made] = owned_make(ledger);
        }
    }
    return (weir_made){made, left == 0 ? WEIR_ITERATOR_END : WEIR_ITERATOR_MORE};
}

static weir_verdict look(weir_stage *self, weir_batch batch) {
    const struct owned_line *line = batch.events;
    if (!lines) return owned_scene_look(self, batch);
    for (size_t i = 0; i < batch.count; i++) {
        owned_look_at_line(&owned_scene.ledger, &line[i]);
        owned_scene.seen++;
    }
    return WEIR_CONTINUE;
}

static void open_owned(struct rig *own, bool with_lines) {
    owned_scene_open(own);
    lines = with_lines;
    left = 40;
    weir_ref stage;
    assert_int_equal(
        weir_pool_iterate(own->runtime,
                          &(weir_iterator_options){.next = make_owned,
                                                   .context = &owned_scene.ledger,
                                                   .type = lines ? &owned_scene.ledger.lines
                                                                 : &owned_scene.ledger.type},
                          &pool, &stage),
        WEIR_OK);
    owned_scene_sink(stage, look,
                     (weir_subscribe_options){.max_demand = 8, .cancel = WEIR_TEMPORARY});
}

static void owned_events_have_one_fate(struct rig *own, int way) {
    open_owned(own, way > 0);
    rig_rest(own);
    assert_int_equal(owned_scene.seen, 40);
    assert_int_equal(weir_pool_close(pool, NULL), WEIR_OK);
    owned_scene_close("handled 40");
}

static void so_they_have_without_memory(void **state) {
    (void)state;
    for (int way = 0; way < 2; way++) {
        for (uint64_t call = 1; call < 40; call++) {
            rig_open(&rig, &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 2});
            open_owned(&rig, way > 0);
            test_memory_fail(&rig.memory, call, false);
            rig_rest(&rig);
            test_memory_fail_never(&rig.memory);
            assert_int_equal(weir_pool_close(pool, NULL), WEIR_OK);
            owned_scene_close(NULL);
        }
    }
}

/* ---- refusals --------------------------------------------------------------------------- */

static void bad_calls_are_refused(void **state) {
    (void)state;
    rig_open(&rig, NULL);
    pool = NULL;
    weir_iterator_options options = {.event_bytes = 8, .close = note_close, .context = &input};
    assert_int_equal(weir_pool_iterate(rig.runtime, &options, &pool, NULL), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "next must not be NULL");
    options.next = next;
    options.event_bytes = 0;
    assert_int_equal(weir_pool_iterate(rig.runtime, &options, &pool, NULL), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "emits.event_bytes must be at least 1, got 0");
    options.event_bytes = 8;
    options.worker = WEIR_WORKER(9);
    assert_int_equal(weir_pool_iterate(rig.runtime, &options, &pool, NULL), WEIR_INVALID);
    options.worker = WEIR_ANY_WORKER;
    options.reserved[0] = 1;
    assert_int_equal(weir_pool_iterate(rig.runtime, &options, &pool, NULL), WEIR_INVALID);
    assert_null(pool);
    memset(&input, 0, sizeof input);
    options.reserved[0] = 0;
    assert_int_equal(weir_pool_iterate(rig.runtime, &options, &pool, NULL), WEIR_OK);
    assert_int_equal(weir_pool_start_child(pool, &options, NULL), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "iterator is an iterator: it has no children but its own");
    assert_int_equal(input.closed, 0);
    assert_int_equal(weir_pool_close(pool, NULL), WEIR_OK);
    assert_int_equal(input.closed, 1);
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS_OF(&rig, it_gives_what_is_wanted),
        TEST_IN_WORLDS_OF(&rig, it_is_not_asked_for_more),
        TEST_IN_WORLDS_OF(&rig, held_demand_waits),
        TEST_IN_WORLDS_OF(&rig, its_marks_come_behind_what_it_made),
        TEST_IN_WORLDS_OF(&rig, a_bad_mark_stops_it),
        TEST_IN_WORLDS_OF(&rig, an_error_is_its_reason),
        cmocka_unit_test(who_breaks_its_word_is_stopped),
        TEST_IN_WORLDS_OF(&rig, a_drain_asks_no_more),
        cmocka_unit_test(others_of_its_worker_go_on),
        cmocka_unit_test(a_drain_reaches_it),
        TEST_IN_WORLDS_AND_WAYS(owned_events_have_one_fate, 2),
        cmocka_unit_test(so_they_have_without_memory),
        cmocka_unit_test(bad_calls_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
