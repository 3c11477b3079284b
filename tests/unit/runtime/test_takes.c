/*
 * A consumer that says what it takes (takes_bytes) is never given anything else.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: each way to subscribe (by hand, at the start, in place of another, from its own
 * init) refuses a producer whose events have another size, with a sentence that names both
 * stages and both sizes; nothing has changed then, and a producer of the right size is taken.
 * Method: producers of 8 and of 12 bytes, and consumers that take 8.
 */
#include "support/cmocka.h"
#include "support/player.h"

#include <string.h>

#define C_TAKES_8 "stage c takes events of 8 bytes (takes_bytes), those of stage twelve have 12"

static const weir_stage_options takes_8 = {.takes_bytes = 8};

struct scene {
    struct rig rig;
    struct player eight, twelve, c;
    uint64_t live; /* allocations, before a refusal */
};

static struct scene f;

static void open_scene(weir_kind kind) {
    memset(&f, 0, sizeof f);
    rig_open(&f.rig, NULL);
    f.eight = (struct player){.name = "eight", .kind = WEIR_PRODUCER, .limit = 3};
    f.twelve = (struct player){.name = "twelve", .kind = WEIR_PRODUCER};
    f.c = (struct player){.name = "c", .kind = kind};
    player_start(&f.eight, &f.rig, NULL);
    player_start(&f.twelve, &f.rig, &(weir_stage_options){.event_bytes = 12});
}

/* Nobody has heard of what was refused. */
static void expect_unchanged(void) {
    assert_int_equal(f.rig.memory.live, f.live);
    rig_rest(&f.rig);
    player_expect(&f.twelve, "");
}

static void expect_events_of_eight(void) {
    rig_rest(&f.rig);
    assert_int_equal(f.c.handled, 3);
    rig_close(&f.rig);
}

static void by_hand(void **state) {
    (void)state;
    for (weir_kind kind = WEIR_PRODUCER_CONSUMER; kind <= WEIR_CONSUMER; kind++) {
        open_scene(kind);
        player_start(&f.c, &f.rig, &takes_8);
        rig_rest(&f.rig);
        f.live = f.rig.memory.live;
        weir_subscription none = {.id = 5};
        assert_int_equal(weir_subscribe(f.rig.runtime, f.c.ref, f.twelve.ref, NULL, &none),
                         WEIR_INVALID);
        assert_string_equal(weir_refusal(), C_TAKES_8);
        assert_int_equal(none.id, 5);
        assert_int_equal(weir_subscribe_wait(f.rig.runtime, f.c.ref, f.twelve.ref, NULL, 0, NULL),
                         WEIR_INVALID);
        expect_unchanged();
        player_subscribe(&f.c, &f.eight, NULL);
        struct player last = {.name = "last", .kind = WEIR_CONSUMER};
        if (kind == WEIR_PRODUCER_CONSUMER) {
            player_start(&last, &f.rig, NULL);
            player_subscribe(&last, &f.c, NULL); /* or else it takes nothing */
        }
        expect_events_of_eight();
    }
}

static void at_the_start(void **state) {
    (void)state;
    open_scene(WEIR_CONSUMER);
    const weir_subscribe_to to[] = {{.producer = f.eight.ref}, {.producer = f.twelve.ref}};
    rig_rest(&f.rig);
    f.live = f.rig.memory.live;
    struct player refused = {.name = "c", .kind = WEIR_CONSUMER};
    const weir_stage_options both = {.takes_bytes = 8, .subscribe_to = to, .subscribe_count = 2};
    assert_int_equal(player_try_start(&refused, &f.rig, &both), WEIR_INVALID);
    assert_string_equal(weir_refusal(), C_TAKES_8);
    f.rig.players = refused.started;
    expect_unchanged();
    player_expect(&f.eight, "");
    assert_int_equal(weir_runtime_stages(f.rig.runtime), 2);
    const weir_stage_options one = {.takes_bytes = 8, .subscribe_to = to, .subscribe_count = 1};
    player_start(&f.c, &f.rig, &one);
    expect_events_of_eight();
}

/* By name, and without one of its own. */
static void at_the_start_by_name(void **state) {
    (void)state;
    static const char *const sentences[] = {
        "stage producer_consumer takes events of 8 bytes (takes_bytes), those of stage twelve "
        "have 12",
        "stage consumer takes events of 8 bytes (takes_bytes), those of stage twelve have 12"};
    open_scene(WEIR_CONSUMER);
    assert_int_equal(weir_register(f.rig.runtime, f.twelve.ref, "dozen"), WEIR_OK);
    const weir_subscribe_to dozen = {.name = "dozen"};
    for (weir_kind kind = WEIR_PRODUCER_CONSUMER; kind <= WEIR_CONSUMER; kind++) {
        weir_stage_options options = player_options(&f.c, &f.rig, &takes_8);
        f.rig.players = f.c.started;
        options.kind = kind;
        options.event_bytes = kind == WEIR_CONSUMER ? 0 : 8;
        options.name = NULL;
        options.subscribe_to = &dozen;
        options.subscribe_count = 1;
        assert_int_equal(weir_stage_start(f.rig.runtime, &options, NULL), WEIR_INVALID);
        assert_string_equal(weir_refusal(), sentences[kind - WEIR_PRODUCER_CONSUMER]);
    }
    rig_rest(&f.rig);
    rig_close(&f.rig);
}

/* What it would have replaced goes on. */
static void in_place_of_another(void **state) {
    (void)state;
    open_scene(WEIR_CONSUMER);
    player_start(&f.c, &f.rig, &takes_8);
    weir_subscription old =
        player_subscribe(&f.c, &f.eight, &(weir_subscribe_options){.max_demand = 1});
    rig_rest(&f.rig);
    f.live = f.rig.memory.live;
    assert_int_equal(
        weir_resubscribe(f.rig.runtime, old, WEIR_REASON_NORMAL, f.twelve.ref, NULL, NULL),
        WEIR_INVALID);
    assert_string_equal(weir_refusal(), C_TAKES_8);
    expect_unchanged();
    player_cast(&f.eight, 2);
    rig_rest(&f.rig);
    assert_int_equal(f.c.handled, 5);
    rig_close(&f.rig);
}

static weir_verdict subscribe_in_init(weir_stage *self, struct player *player) {
    weir_runtime *runtime = weir_stage_runtime(self);
    weir_status status = weir_subscribe(runtime, weir_self(self), f.twelve.ref, NULL, NULL);
    RIG_CHECK(player->rig, status == WEIR_INVALID && strcmp(weir_refusal(), C_TAKES_8) == 0);
    status = weir_subscribe(runtime, weir_self(self), f.eight.ref, NULL, NULL);
    RIG_CHECK(player->rig, status == WEIR_OK);
    return WEIR_CONTINUE;
}

static void in_its_own_init(void **state) {
    (void)state;
    open_scene(WEIR_CONSUMER);
    f.c.does.init = subscribe_in_init;
    player_start(&f.c, &f.rig, &takes_8);
    player_expect(&f.twelve, "");
    expect_events_of_eight();
}

/* A stream is a consumer that takes events of one size.  Nothing is left of what is refused,
 * whatever the cancel mode. */
static void by_a_stream(void **state) {
    (void)state;
    open_scene(WEIR_CONSUMER);
    rig_rest(&f.rig);
    f.live = f.rig.memory.live;
    weir_stream *stream = NULL;
    const weir_subscribe_to to = {.producer = f.twelve.ref, .options = {.cancel = WEIR_TEMPORARY}};
    weir_stream_options options = {.event_bytes = 8, .subscribe_to = &to, .subscribe_count = 1};
    assert_int_equal(weir_stream_open(f.rig.runtime, &options, &stream), WEIR_INVALID);
    assert_string_equal(
        weir_refusal(),
        "stage stream takes events of 8 bytes (takes_bytes), those of stage twelve have 12");
    assert_null(stream);
    expect_unchanged();
    assert_int_equal(weir_runtime_stages(f.rig.runtime), 2);
    options.subscribe_to = NULL;
    options.subscribe_count = 0;
    assert_int_equal(weir_stream_open(f.rig.runtime, &options, &stream), WEIR_OK);
    assert_int_equal(weir_stream_subscribe(stream, f.twelve.ref, NULL, NULL), WEIR_INVALID);
    assert_int_equal(weir_stream_subscribe(stream, f.eight.ref, NULL, NULL), WEIR_OK);
    for (uint64_t i = 0; i < 3; i++) {
        uint64_t number;
        assert_int_equal(weir_stream_next(stream, &number, WEIR_FOREVER), WEIR_OK);
        assert_int_equal(number, i);
    }
    f.rig.handled += 3;
    assert_int_equal(weir_stream_close(stream), WEIR_OK);
    rig_close(&f.rig);
}

static void the_option_is_checked(void **state) {
    (void)state;
    open_scene(WEIR_CONSUMER);
    weir_stage_options options = player_options(&f.c, &f.rig, NULL);
    f.rig.players = f.c.started;
    options.takes_bytes = WEIR_EVENT_BYTES_LIMIT + 1;
    assert_int_equal(weir_stage_start(f.rig.runtime, &options, NULL), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "stage c: takes_bytes must be at most 65536, got 65537");
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    assert_int_equal(player_try_start(&p, &f.rig, &takes_8), WEIR_INVALID);
    f.rig.players = p.started;
    assert_string_equal(weir_refusal(),
                        "stage p: takes_bytes is for consumers and producer_consumers only");
    rig_close(&f.rig);
}

/* A table for stages of all kinds may say it once. */
static void event_bytes_of_a_consumer_are_what_it_takes(void **state) {
    (void)state;
    open_scene(WEIR_CONSUMER);
    const weir_stage_options of_12 = {.event_bytes = 12};
    const weir_stage_options of_8 = {.event_bytes = 8};
    struct player other = {.name = "other", .kind = WEIR_CONSUMER};
    player_start(&f.c, &f.rig, &of_8);
    assert_int_equal(weir_subscribe(f.rig.runtime, f.c.ref, f.twelve.ref, NULL, NULL),
                     WEIR_INVALID);
    assert_string_equal(weir_refusal(), C_TAKES_8);
    player_start(&other, &f.rig, &of_12);
    assert_int_equal(weir_subscribe(f.rig.runtime, other.ref, f.twelve.ref, NULL, NULL), WEIR_OK);
    rig_close(&f.rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand),
        cmocka_unit_test(at_the_start),
        cmocka_unit_test(at_the_start_by_name),
        cmocka_unit_test(in_place_of_another),
        cmocka_unit_test(in_its_own_init),
        cmocka_unit_test(by_a_stream),
        cmocka_unit_test(event_bytes_of_a_consumer_are_what_it_takes),
        cmocka_unit_test(the_option_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
