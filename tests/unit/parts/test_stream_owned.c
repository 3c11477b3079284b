/*
 * Streams of events that own something.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what the reader has had is dropped as handled, once, and not while it may look at it; what
 * it takes is its own; what it has not had goes back whole, or is dropped where nobody can
 * have it any more.
 * Method: a reader that does a little of everything, and stops after each number of events; every
 * world of the rig's, then threads; allocations that fail, one after the other.  A ledger knows
 * each event's fate.
 */
#include "support/cmocka.h"
#include "support/owned_scene.h"
#include "support/player.h"
#include "support/worlds.h"

#include <stdio.h>
#include <weir/dispatcher.h>

enum { EVENTS = 40 };

static struct owned_ledger *const ledger = &owned_scene.ledger;

static weir_stream *open_stream(struct rig *rig, weir_ref producer, weir_subscribe_options how) {
    const weir_subscribe_to to = {.producer = producer, .options = how};
    const weir_stream_options options = {
        .event_bytes = sizeof(struct owned), .subscribe_to = &to, .subscribe_count = 1};
    weir_stream *stream;
    assert_int_equal(weir_stream_open(rig->runtime, &options, &stream), WEIR_OK);
    return stream;
}

static void read_batches(weir_stream *stream, uint64_t count) {
    while (count > 0) {
        weir_batch batch = weir_stream_batch(stream, count, WEIR_FOREVER, NULL);
        assert_true(batch.count > 0);
        for (size_t i = 0; i < batch.count; i++) {
            owned_look(ledger, (const struct owned *)batch.events + i);
        }
        count -= batch.count;
    }
}

/* Takes events by next, batch and take in turn, until it has had `count`.  Returns those taken. */
static uint64_t read_some(weir_stream *stream, uint64_t count) {
    uint64_t taken = 0;
    for (uint64_t had = 0, step = 0; had < count; step++) {
        struct owned event;
        switch (step % 3) {
        case 0:
            assert_int_equal(weir_stream_next(stream, &event, WEIR_FOREVER), WEIR_OK);
            owned_look(ledger, &event);
            had++;
            break;
        case 1:
            read_batches(stream, count - had < 2 ? 1 : 2);
            had += count - had < 2 ? 1 : 2;
            break;
        default:
            assert_int_equal(weir_stream_take(stream, &event, WEIR_FOREVER), WEIR_OK);
            owned_release(ledger, event);
            had++;
            taken++;
        }
    }
    return taken;
}

static void expect_end(weir_stream *stream) {
    struct owned event;
    assert_int_equal(weir_stream_take(stream, &event, WEIR_FOREVER), WEIR_END);
}

static const char *fates(uint64_t handled, const char *other, uint64_t others, uint64_t released) {
    static char text[128];
    size_t used = 0;
    const struct {
        const char *word;
        uint64_t count;
    } words[] = {{"handled", handled}, {other, others}, {"released", released}};
    text[0] = '\0';
    for (int i = 0; i < 3; i++) {
        if (words[i].count > 0) {
            used +=
                (size_t)snprintf(text + used, sizeof text - used, "%s%s %llu", used > 0 ? ", " : "",
                                 words[i].word, (unsigned long long)words[i].count);
        }
    }
    return text;
}

static void finish_somehow(struct rig *rig) {
    weir_runtime_stop(rig->runtime, WEIR_REASON_NORMAL);
    rig_rest(rig);
    owned_scene_close(NULL);
}

/* ---- what the reader has had -------------------------------------------------- */

static void what_was_read_is_handled_but_for_what_was_taken(struct rig *rig) {
    owned_scene_open(rig);
    weir_ref source =
        owned_scene_source((struct owned_source){.limit = EVENTS}, (weir_stage_options){0});
    weir_stream *stream = open_stream(rig, source, (weir_subscribe_options){.max_demand = 10});
    uint64_t taken = read_some(stream, EVENTS);
    assert_int_equal(taken, 10);
    assert_int_equal(weir_stream_close(stream), WEIR_OK);
    assert_int_equal(rig_accounts(rig).taken, taken);
    owned_scene_close(fates(EVENTS - taken, "", 0, taken));
}

/* As long as the reader may look at them, whatever else goes on. */
static void what_is_lent_is_not_dropped(struct rig *rig) {
    owned_scene_open(rig);
    weir_ref source =
        owned_scene_source((struct owned_source){.limit = EVENTS}, (weir_stage_options){0});
    weir_stream *stream = open_stream(rig, source, (weir_subscribe_options){.max_demand = 10});
    for (uint64_t had = 0; had < EVENTS;) {
        weir_batch batch = weir_stream_batch(stream, 3, WEIR_FOREVER, NULL);
        rig_rest(rig);
        had += batch.count;
        for (size_t i = 0; i < batch.count; i++) {
            owned_look(ledger, (const struct owned *)batch.events + i);
        }
    }
    weir_stream_close(stream);
    owned_scene_close("handled 40");
}

/* ---- what it has not had ------------------------------------------------------ */

/* way % 3: it is closed, or stopped and closed, or read on; after way / 3 events. */
static void what_was_not_read_goes_back(struct rig *rig, int way) {
    uint64_t had = (uint64_t)way / 3;
    owned_scene_open(rig);
    weir_ref source =
        owned_scene_source((struct owned_source){.limit = EVENTS}, (weir_stage_options){0});
    const weir_subscribe_options twenty = {.max_demand = 20, .cancel = WEIR_TEMPORARY};
    weir_stream *stream = open_stream(rig, source, twenty);
    uint64_t taken = read_some(stream, had);
    rig_rest(rig);
    if (way % 3 > 0) {
        weir_stop(rig->runtime, weir_stream_stage(stream), WEIR_REASON_USER);
        rig_rest(rig);
    }
    uint64_t rest = (10 - had % 10) % 10;
    if (way % 3 == 2 && rest > 0) {
        taken += read_some(stream, rest);
        had += rest;
        expect_end(stream);
    }
    assert_int_equal(weir_stream_close(stream), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(rig_accounts(rig).dropped, had - taken);
    stream = open_stream(rig, source, twenty);
    taken += read_some(stream, EVENTS - had);
    assert_int_equal(weir_stream_close(stream), WEIR_OK);
    owned_scene_close(fates(EVENTS - taken, "", 0, taken));
}

/* Nobody can have them.  way: so many were read; odd ones after the stream's stage stopped. */
static void what_nobody_can_have_is_stopped(struct rig *rig, int way) {
    uint64_t had = (uint64_t)way / 2;
    owned_scene_open(rig);
    weir_ref source =
        owned_scene_source((struct owned_source){.limit = 20}, (weir_stage_options){0});
    weir_stream *stream = open_stream(rig, source, (weir_subscribe_options){.max_demand = 20});
    uint64_t taken = read_some(stream, had);
    rig_rest(rig);
    if (way % 2 == 1) {
        weir_stop(rig->runtime, source, WEIR_REASON_NORMAL);
        weir_stop(rig->runtime, weir_stream_stage(stream), WEIR_REASON_USER);
    } else {
        weir_stop(rig->runtime, source, WEIR_REASON_NORMAL);
        rig_rest(rig);
    }
    assert_int_equal(weir_stream_close(stream), WEIR_OK);
    rig_rest(rig);
    owned_expect(ledger, fates(had - taken, "stopped", 20 - had, taken));
    owned_scene_close(fates(had - taken, "stopped", 20 - had, taken));
}

/* ---- shared with others --------------------------------------------------------- */

static weir_ref start_broadcast(uint64_t events) {
    const weir_stage_options options = {.dispatcher = weir_broadcast_dispatcher(),
                                        .demand = WEIR_ACCUMULATE};
    return owned_scene_source((struct owned_source){.limit = events}, options);
}

static weir_stream *open_beside_others(struct rig *rig, weir_ref producer) {
    const weir_subscribe_to to = {.producer = producer, .options.max_demand = 10};
    const weir_stream_options options = {.event_bytes = sizeof(struct owned),
                                         .subscribe_to = &to,
                                         .subscribe_count = 1,
                                         .demand = WEIR_STREAM_LEAVE};
    weir_stream *stream;
    assert_int_equal(weir_stream_open(rig->runtime, &options, &stream), WEIR_OK);
    return stream;
}

static void expect_no_copy(weir_stream *stream, weir_status status, const char *why) {
    struct owned event;
    char text[128];
    snprintf(text, sizeof text, "the stream's next event cannot be taken: others have it, and %s",
             why);
    assert_int_equal(weir_stream_take(stream, &event, 0), status);
    assert_string_equal(weir_refusal(), text);
    assert_int_equal(weir_stream_next(stream, &event, 0), WEIR_OK);
    assert_int_equal(event.number, 1); /* still the next */
}

/* way 0: they can be copied; 1: they cannot; 2: the copy fails. */
static void take_the_first(struct rig *rig, weir_stream *stream, int way) {
    if (way == 0) {
        struct owned event;
        assert_int_equal(weir_stream_take(stream, &event, 0), WEIR_OK);
        assert_int_equal(event.number, 11); /* a new one */
        owned_release(ledger, event);
        assert_int_equal(rig_accounts(rig).copied, 1);
        assert_int_equal(rig_accounts(rig).taken, 1);
    } else if (way == 1) {
        expect_no_copy(stream, WEIR_INVALID, "its type cannot copy it");
    } else {
        ledger->copies_fail = true;
        expect_no_copy(stream, WEIR_NO_MEMORY, "its type made no copy");
    }
}

static void what_others_have_is_copied(struct rig *rig, int way) {
    owned_scene_open(rig);
    ledger->type.copy = way == 1 ? NULL : ledger->type.copy;
    weir_ref source = start_broadcast(10);
    weir_stream *one = open_beside_others(rig, source);
    weir_stream *two = open_beside_others(rig, source);
    rig_rest(rig);
    weir_demand(rig->runtime, source, WEIR_FORWARD);
    rig_rest(rig);
    take_the_first(rig, one, way);
    read_batches(one, 9);
    weir_stream_close(one);
    rig_rest(rig);
    owned_expect(ledger, way == 0 ? "released 1, left 10" : "left 10");
    struct owned event;
    assert_int_equal(weir_stream_take(two, &event, 0), WEIR_OK); /* which nobody else has by now */
    assert_int_equal(event.number, 1);
    owned_release(ledger, event);
    read_batches(two, 9);
    weir_stream_close(two);
    owned_scene_close(way == 0 ? "handled 9, released 2" : "handled 9, released 1");
}

/* ---- refusals --------------------------------------------------------------------- */

static void what_owns_nothing_is_not_taken(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 1};
    player_start(&p, rig, NULL);
    const weir_subscribe_to to = {.producer = p.ref};
    const weir_stream_options options = {
        .event_bytes = sizeof(uint64_t), .subscribe_to = &to, .subscribe_count = 1};
    weir_stream *stream;
    assert_int_equal(weir_stream_open(rig->runtime, &options, &stream), WEIR_OK);
    uint64_t number = 77;
    assert_int_equal(weir_stream_take(NULL, &number, 0), WEIR_INVALID);
    assert_int_equal(weir_stream_take(stream, NULL, 0), WEIR_INVALID);
    assert_int_equal(weir_stream_take(stream, &number, WEIR_FOREVER), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "the stream's next event cannot be taken: it owns nothing: "
                                        "weir_stream_next copies it");
    assert_int_equal(number, 77);
    assert_int_equal(weir_stream_next(stream, &number, 0), WEIR_OK);
    assert_int_equal(number, 0);
    assert_int_equal(weir_stream_take(stream, &number, 0), WEIR_TIMEOUT);
    weir_stream_close(stream);
    rig->handled = 1;
    rig_close(rig);
}

/* ---- threads ------------------------------------------------------------------------ */

/* Two readers and a consumer of a broadcast let go of the same events as they like. */
struct reader {
    pthread_t thread;
    weir_stream *stream;
    uint64_t leaves; /* so many are left, unread */
};

static void *read_on(void *argument) {
    struct reader *reader = argument;
    read_some(reader->stream, 2000 - reader->leaves);
    weir_stream_close(reader->stream);
    return NULL;
}

static void readers_take_beside_others(void **state) {
    (void)state;
    static struct rig rig;
    for (uint64_t leaves = 0; leaves < 20; leaves += 7) {
        rig_open(&rig, &(weir_runtime_options){.workers = 2, .unpinned = true});
        owned_scene_open(&rig);
        weir_ref source = start_broadcast(2000);
        struct reader readers[2];
        for (uint64_t i = 0; i < 2; i++) {
            readers[i] = (struct reader){.stream = open_beside_others(&rig, source),
                                         .leaves = i == 0 ? leaves : 0};
        }
        owned_scene_sink(source, owned_scene_look, (weir_subscribe_options){.max_demand = 30});
        rig_rest(&rig);
        weir_demand(rig.runtime, source, WEIR_FORWARD);
        for (int i = 0; i < 2; i++) {
            pthread_create(&readers[i].thread, NULL, read_on, &readers[i]);
        }
        for (int i = 0; i < 2; i++) pthread_join(readers[i].thread, NULL);
        finish_somehow(&rig);
    }
}

/* The stage ends while the reader has its batch, and takes of it. */
static void a_stop_meets_a_reader_that_takes(void **state) {
    (void)state;
    static struct rig rig;
    for (int round = 0; round < 60; round++) {
        rig_open(&rig, &(weir_runtime_options){.workers = 2, .unpinned = true});
        owned_scene_open(&rig);
        weir_ref source =
            owned_scene_source((struct owned_source){.limit = 200}, (weir_stage_options){0});
        weir_stream *stream = open_stream(&rig, source, (weir_subscribe_options){.max_demand = 20});
        struct owned event;
        for (int had = 0; had < round; had++) {
            weir_stream_next(stream, &event, WEIR_FOREVER);
            owned_look(ledger, &event);
        }
        weir_stop(rig.runtime, weir_stream_stage(stream), WEIR_REASON_USER);
        for (int had = 0; had < round % 7; had++) {
            if (weir_stream_take(stream, &event, WEIR_FOREVER) == WEIR_OK) {
                owned_release(ledger, event);
            }
        }
        assert_int_equal(weir_stream_close(stream), WEIR_OK);
        finish_somehow(&rig);
    }
}

/* ---- without memory ------------------------------------------------------------------ */

/* A stream that is read, stopped amid a batch, and closed; and one that goes on. */
static void play_without_memory(struct rig *rig, weir_ref source) {
    const weir_subscribe_to to = {.producer = source,
                                  .options = {.max_demand = 20, .cancel = WEIR_TEMPORARY}};
    const weir_stream_options options = {
        .event_bytes = sizeof(struct owned), .subscribe_to = &to, .subscribe_count = 1};
    for (int i = 0; i < 2; i++) {
        weir_stream *stream = NULL;
        if (weir_stream_open(rig->runtime, &options, &stream) != WEIR_OK) continue;
        struct owned event;
        for (int had = 0; had < 13; had++) {
            if (had % 2 == 0 && weir_stream_take(stream, &event, WEIR_FOREVER) == WEIR_OK) {
                owned_release(ledger, event);
            } else if (had % 2 == 1 && weir_stream_next(stream, &event, WEIR_FOREVER) == WEIR_OK) {
                owned_look(ledger, &event);
            }
        }
        if (i == 0) weir_stop(rig->runtime, weir_stream_stage(stream), WEIR_REASON_USER);
        weir_runtime_step(rig->runtime, 1000);
        weir_stream_close(stream);
    }
}

static void each_allocation_fails(void **state) {
    (void)state;
    static struct rig rig;
    uint64_t asked = UINT64_MAX;
    for (uint64_t at = 1; at / 2 <= asked; at++) {
        rig_open(&rig, &(weir_runtime_options){.mode = WEIR_STEPPED, .workers = 1});
        owned_scene_open(&rig);
        weir_ref source =
            owned_scene_source((struct owned_source){.limit = EVENTS}, (weir_stage_options){0});
        uint64_t before = rig.memory.calls;
        test_memory_fail(&rig.memory, (at + 1) / 2, at % 2 == 0);
        play_without_memory(&rig, source);
        asked = rig.memory.calls - before;
        test_memory_fail_never(&rig.memory);
        rig_rest(&rig);
        finish_somehow(&rig);
    }
    assert_in_range(asked, 10, 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(what_was_read_is_handled_but_for_what_was_taken),
        TEST_IN_WORLDS(what_is_lent_is_not_dropped),
        TEST_IN_WORLDS_AND_WAYS(what_was_not_read_goes_back, 3 * 22),
        TEST_IN_WORLDS_AND_WAYS(what_nobody_can_have_is_stopped, 2 * 21),
        TEST_IN_WORLDS_AND_WAYS(what_others_have_is_copied, 3),
        TEST_IN_WORLDS(what_owns_nothing_is_not_taken),
        cmocka_unit_test(readers_take_beside_others),
        cmocka_unit_test(a_stop_meets_a_reader_that_takes),
        cmocka_unit_test(each_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
