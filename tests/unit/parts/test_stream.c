/*
 * The stream: a thread that is no worker takes events out of the graph.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: events come in order, one by one or in batches; the demand is GenStage's,
 * and the ask that a batch makes due is sent when the reader comes back after it;
 * several producers and later ones; the producers' demand mode; what the reader
 * does not take goes back, to the event.
 * Method: stepped and simulated runtimes, where the reader's thread runs the
 * workers; players as producers, whose journals tell what was asked of them.
 * rig_close compares the accounts with what the reader took.
 */
#include "support/stream_scene.h"
#include "support/worlds.h"

#include "parts/stream.h"

#include <string.h>

static struct stream_scene f;

#define EACH_WORLD(world)          \
    int world = 0;                 \
    rig_open_world(&f.rig, world); \
    world++

/* ---- taking -------------------------------------------------------------- */

static void may_consume_10_events_out_of_demand_of_1000(void) {
    scene_start(&f, &f.p, "p", 5000, true);
    scene_open(&f, (weir_subscribe_options){.max_demand = 1000});
    scene_take_numbers(&f, 0, 10);
    scene_close_stream(&f);
    weir_accounts accounts = rig_accounts(&f.rig);
    assert_int_equal(accounts.handled, 10);
    assert_int_equal(accounts.buffered, 990); /* given back */
    assert_int_equal(accounts.in_flight, 0);
    player_stop(&f.p, WEIR_REASON_NORMAL);
    rig_close(&f.rig);
}

static void may_consume_300_events_out_of_demand_of_100(void) {
    scene_start(&f, &f.p, "p", 5000, true);
    scene_open(&f, (weir_subscribe_options){.max_demand = 100});
    scene_take_numbers(&f, 0, 300);
    rig_rest(&f.rig);
    assert_int_equal(f.p.emitted, 350); /* never more than 100 on their way */
    scene_finish(&f);
}

/* What the reader is done with makes room: as many events are ever on their way as it has for. */
static void what_was_read_is_no_more_under_way(void) {
    scene_start(&f, &f.p, "p", 5000, true);
    scene_open(&f, (weir_subscribe_options){.max_bytes = 20 * sizeof(uint64_t)});
    scene_take_numbers(&f, 0, 1);
    rig_rest(&f.rig);
    assert_int_equal(f.p.emitted, 20);
    scene_take_numbers(&f, 1, 300);
    rig_rest(&f.rig);
    assert_true(f.p.emitted > 300 && f.p.emitted <= 321);
    scene_finish(&f);
}

/* max 10, min 5: the ask for a batch of five goes when the sixth event is wanted. */
static void a_batch_is_asked_for_when_the_reader_comes_back(void) {
    scene_start(&f, &f.p, "p", 1000, false);
    scene_open(&f, (weir_subscribe_options){.max_demand = 10});
    scene_take_numbers(&f, 0, 5);
    rig_rest(&f.rig);
    player_expect(&f.p, "subscribe stream\ndemand 10\n");
    assert_int_equal(rig_accounts(&f.rig).in_flight, 10);
    scene_take_numbers(&f, 5, 1);
    rig_rest(&f.rig);
    player_expect(&f.p, "demand 5\n");
    assert_int_equal(rig_accounts(&f.rig).handled, 5);
    assert_int_equal(rig_accounts(&f.rig).in_flight, 10);
    scene_take_numbers(&f, 6, 4);
    rig_rest(&f.rig);
    player_expect(&f.p, "");
    scene_finish(&f);
}

static weir_verdict emit_what_is_there(weir_stage *self, struct player *player, uint64_t demand) {
    (void)player;
    player_emit(self, demand < 4 ? demand : 4);
    return WEIR_CONTINUE;
}

/* GenStage's batches and asks for messages of 4 with max 10 and min 7: 3 and 1. */
static void batches_are_those_of_genstage(void) {
    f.p = (struct player){.name = "p", .kind = WEIR_PRODUCER, .does.demand = emit_what_is_there};
    player_start(&f.p, &f.rig, NULL);
    scene_open(&f, (weir_subscribe_options){.max_demand = 10, .min_demand = 7});
    static const size_t counts[] = {3, 1};
    weir_status status;
    uint64_t next = 0;
    assert_int_equal(weir_stream_subscription(f.stream).id, 0);
    for (int i = 0; i < 2; i++) {
        weir_batch batch = weir_stream_batch(f.stream, 0, WEIR_FOREVER, &status);
        assert_int_equal(status, WEIR_OK);
        assert_int_equal(batch.count, counts[i]);
        assert_int_equal(weir_stream_subscription(f.stream).producer.bits, f.p.ref.bits);
        for (size_t k = 0; k < batch.count; k++)
            assert_int_equal(((const uint64_t *)batch.events)[k], next++);
        f.s.handled += batch.count;
    }
    rig_rest(&f.rig);
    /* The first batch of three left seven outstanding: three more were asked for. */
    player_expect(&f.p, "subscribe stream\ndemand 10\ndemand 3\n");
    scene_finish(&f);
}

static void batch_and_next_go_together(void) {
    scene_start(&f, &f.p, "p", 1000, true);
    scene_open(&f, (weir_subscribe_options){.max_demand = 10, .min_demand = WEIR_NONE});
    scene_take_numbers(&f, 0, 2);
    weir_batch batch = weir_stream_batch(f.stream, 3, 0, NULL);
    assert_int_equal(batch.count, 3);
    assert_int_equal(*(const uint64_t *)batch.events, 2);
    batch = weir_stream_batch(f.stream, 30, 0, NULL);
    assert_int_equal(batch.count, 5);
    assert_int_equal(*(const uint64_t *)batch.events, 5);
    f.s.handled += 8;
    scene_take_numbers(&f, 10, 11);
    scene_finish(&f);
}

static weir_verdict emit_ones(weir_stage *self, struct player *player, uint64_t number) {
    (void)player;
    for (uint64_t i = 0; i < number; i++) player_emit(self, 1);
    return WEIR_CONTINUE;
}

/* Many messages of one event: more than the hand-over has entries. */
static void what_has_no_entry_waits_in_order(void) {
    scene_start(&f, &f.p, "p", 0, true);
    scene_open(&f, (weir_subscribe_options){.max_demand = 1000});
    rig_rest(&f.rig);
    for (int i = 0; i < 300; i++) player_cast(&f.p, 1);
    rig_rest(&f.rig);
    assert_int_equal(rig_accounts(&f.rig).in_flight, 300);
    scene_take_numbers(&f, 0, 200);
    player_cast(&f.p, 50);
    rig_rest(&f.rig);
    scene_take_numbers(&f, 200, 150);
    assert_int_equal(scene_try(&f, 0), WEIR_TIMEOUT);
    rig_rest(&f.rig);
    assert_int_equal(rig_accounts(&f.rig).handled, 350); /* TIMEOUT told of all */
    for (int i = 0; i < 100; i++) player_cast(&f.p, 1);
    rig_rest(&f.rig);
    scene_take_numbers(&f, 350, 10); /* the rest goes back */
    scene_close_stream(&f);
    assert_int_equal(rig_accounts(&f.rig).buffered, 90);
    assert_int_equal(f.told, 0);
    player_stop(&f.p, WEIR_REASON_NORMAL);
    rig_close(&f.rig);
}

static void events_of_any_size(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 7, 40, 41, 5000, 65536};
    static unsigned char event[65536];
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        rig_open(&f.rig, NULL);
        weir_inlet *inlet;
        const weir_inlet_options options = {.event_bytes = sizes[i]};
        weir_subscribe_to from = {.options = {.max_demand = 10}};
        assert_int_equal(weir_inlet_open(f.rig.runtime, &options, &inlet, &from.producer), WEIR_OK);
        const weir_stream_options wanted = {
            .event_bytes = sizes[i], .subscribe_to = &from, .subscribe_count = 1};
        assert_int_equal(weir_stream_open(f.rig.runtime, &wanted, &f.stream), WEIR_OK);
        for (int k = 0; k < 7; k++) {
            memset(event, 'a' + k, sizes[i]);
            assert_int_equal(weir_inlet_push(inlet, event, 1, 0), WEIR_OK);
            if (k == 3) rig_rest(&f.rig);
        }
        weir_inlet_close(inlet);
        for (int k = 0; k < 7; k++) {
            memset(event, 0, sizes[i]);
            assert_int_equal(weir_stream_next(f.stream, event, WEIR_FOREVER), WEIR_OK);
            assert_int_equal(event[0], 'a' + k);
            assert_int_equal(event[sizes[i] - 1], 'a' + k);
        }
        scene_expect_end(&f, WEIR_REASON_NORMAL);
        f.rig.emitted = f.rig.handled = 7;
        weir_stream_close(f.stream);
        rig_close(&f.rig);
    }
}

/* ---- several producers --------------------------------------------------- */

static void several_producers_each_with_its_demand(void) {
    scene_start(&f, &f.p, "p", 100, false);
    scene_start(&f, &f.q, "q", 100, false);
    f.q.next = 1000; /* so that its limit gives it none: it emits by hand */
    const weir_subscribe_to list[] = {
        {.producer = f.p.ref, .options = {.max_demand = 4}},
        {.producer = f.q.ref, .options = {.max_demand = 20, .min_demand = 10}}};
    scene_open_list(&f, list, 2);
    rig_rest(&f.rig);
    player_expect(&f.p, "subscribe stream\ndemand 4\n");
    player_expect(&f.q, "subscribe stream\ndemand 20\n");
    player_cast(&f.q, 3);
    rig_rest(&f.rig);
    uint64_t next[2] = {0, 1000};
    for (int i = 0; i < 53; i++) {
        uint64_t number = scene_take(&f);
        assert_int_equal(number, next[number >= 1000]++);
    }
    assert_int_equal(next[0] + next[1], 1053);
    scene_finish(&f);
}

static void a_producer_may_come_later(void) {
    scene_start(&f, &f.p, "p", 3, true);
    scene_open_list(&f, NULL, 0); /* waits for its first */
    assert_int_equal(scene_try(&f, WEIR_FOREVER), WEIR_TIMEOUT);
    weir_subscription first;
    assert_int_equal(weir_stream_subscribe(f.stream, f.p.ref, NULL, &first), WEIR_OK);
    scene_take_numbers(&f, 0, 3);
    scene_start(&f, &f.q, "q", 5, true);
    const weir_subscribe_options temporary = {.cancel = WEIR_TEMPORARY};
    assert_int_equal(weir_stream_subscribe(f.stream, f.q.ref, &temporary, NULL), WEIR_OK);
    scene_take_numbers(&f, 0, 5);
    player_stop(&f.q, WEIR_REASON_NORMAL);
    rig_rest(&f.rig);
    assert_int_equal(scene_try(&f, WEIR_FOREVER), WEIR_TIMEOUT); /* one is left */
    assert_int_equal(weir_cancel(f.rig.runtime, first, WEIR_REASON_NORMAL), WEIR_OK);
    scene_expect_end(&f, WEIR_REASON_NORMAL);
    rig_rest(&f.rig);
    assert_int_equal(weir_stream_subscribe(f.stream, f.p.ref, NULL, NULL), WEIR_NO_STAGE);
    scene_finish(&f);
}

/* A subscription that could not be had is none that the end has to wait for. */
static void a_refused_subscription_does_not_hold_up_the_end(void) {
    scene_start(&f, &f.p, "p", 3, true);
    scene_open(&f, (weir_subscribe_options){.cancel = WEIR_TEMPORARY});
    const weir_subscribe_options bad = {.max_demand = 2, .min_demand = 2};
    assert_int_equal(weir_stream_subscribe(f.stream, f.p.ref, &bad, NULL), WEIR_INVALID);
    assert_int_equal(weir_stream_subscribe(f.stream, (weir_ref){0}, NULL, NULL), WEIR_NO_STAGE);
    scene_take_numbers(&f, 0, 3);
    assert_int_equal(scene_try(&f, WEIR_FOREVER), WEIR_TIMEOUT);
    player_stop(&f.p, WEIR_REASON_NORMAL);
    scene_expect_end(&f, WEIR_REASON_NORMAL);
    scene_finish(&f);
}

/* ---- the producers' demand mode ------------------------------------------ */

static void accumulating_producers_go_on_once_all_are_subscribed(void **state) {
    (void)state;
    static const weir_stream_demand demands[] = {WEIR_STREAM_FORWARD, WEIR_STREAM_LEAVE,
                                                 WEIR_STREAM_ACCUMULATE};
    for (int i = 0; i < 3; i++) {
        for (EACH_WORLD(world)) {
            f.p = (struct player){.name = "p", .kind = WEIR_PRODUCER, .limit = 100};
            weir_demand_mode mode = i < 2 ? WEIR_ACCUMULATE : WEIR_FORWARD;
            player_start(&f.p, &f.rig, &(weir_stage_options){.demand = mode});
            const weir_subscribe_to list[] = {{.producer = f.p.ref, .options = {.max_demand = 4}},
                                              {.producer = f.p.ref, .options = {.max_demand = 6}}};
            const weir_stream_options options = {
                .event_bytes = 8, .subscribe_to = list, .subscribe_count = 2, .demand = demands[i]};
            assert_int_equal(weir_stream_open(f.rig.runtime, &options, &f.stream), WEIR_OK);
            rig_rest(&f.rig);
            if (i == 1) { /* left as it was; and now by hand */
                assert_int_equal(f.p.emitted, 0);
                player_demand(&f.p, WEIR_FORWARD);
                rig_rest(&f.rig);
            }
            /* Switched behind both subscriptions: their demand was held, as one sum. */
            assert_int_equal(f.p.emitted, i < 2 ? 10 : f.p.next);
            if (i < 2) assert_non_null(strstr(f.p.journal.text, "demand 10\n"));
            if (i == 2) { /* whatever came before it was switched, no more comes after */
                player_cast(&f.p, 5);
                uint64_t number;
                while (weir_stream_next(f.stream, &number, WEIR_FOREVER) == WEIR_OK)
                    f.rig.handled++;
                assert_int_equal(rig_accounts(&f.rig).buffered, 5);
            }
            scene_finish(&f);
        }
    }
}

/* ---- in a graph ---------------------------------------------------------- */

static void behind_a_producer_consumer(void) {
    scene_start(&f, &f.p, "p", 500, true);
    f.q = (struct player){.name = "q", .kind = WEIR_PRODUCER_CONSUMER, .quiet = true};
    f.q.emits = PLAYER_FORWARDS;
    player_start(&f.q, &f.rig, NULL);
    player_subscribe(&f.q, &f.p, &(weir_subscribe_options){.max_demand = 20});
    const weir_subscribe_to list = {.producer = f.q.ref, .options = {.max_demand = 7}};
    scene_open_list(&f, &list, 1);
    scene_take_numbers(&f, 0, 500);
    assert_int_equal(scene_try(&f, WEIR_FOREVER), WEIR_TIMEOUT);
    scene_finish(&f);
}

/* Reads three streams in turn until all have ended or stand still; returns the sum. */
static uint64_t read_in_turn(weir_stream *const streams[3]) {
    uint64_t sum = 0;
    for (int idle = 0; idle < 3;) {
        idle = 0;
        for (int i = 0; i < 3; i++) {
            uint64_t number;
            weir_status status = weir_stream_next(streams[i], &number, WEIR_FOREVER);
            idle += status != WEIR_OK;
            sum += status == WEIR_OK ? number : 0;
            f.rig.handled += status == WEIR_OK;
        }
    }
    return sum;
}

/* With the dispatchers that give each event to one, and with the one that gives it to all. */
static void several_streams_share_a_producer(void **state) {
    (void)state;
    const weir_dispatcher *dispatchers[] = {weir_demand_dispatcher(), weir_shared_dispatcher(),
                                            weir_broadcast_dispatcher()};
    for (int way = 0; way < 3; way++) {
        for (EACH_WORLD(world)) {
            f.p = (struct player){.name = "p", .kind = WEIR_PRODUCER, .limit = 100, .quiet = true};
            player_start(
                &f.p, &f.rig,
                &(weir_stage_options){.dispatcher = dispatchers[way], .demand = WEIR_ACCUMULATE});
            weir_stream *streams[3];
            const weir_subscribe_to list = {.producer = f.p.ref,
                                            .options = {.max_demand = 3, .min_demand = WEIR_NONE}};
            const weir_stream_options options = {.event_bytes = 8,
                                                 .subscribe_to = &list,
                                                 .subscribe_count = 1,
                                                 .demand = WEIR_STREAM_LEAVE};
            for (int i = 0; i < 3; i++)
                assert_int_equal(weir_stream_open(f.rig.runtime, &options, &streams[i]), WEIR_OK);
            rig_rest(&f.rig);
            player_demand(&f.p, WEIR_FORWARD);
            assert_int_equal(read_in_turn(streams), (way == 2 ? 3 : 1) * 99 * 100 / 2);
            for (int i = 0; i < 3; i++) weir_stream_close(streams[i]);
            weir_runtime_stop(f.rig.runtime, WEIR_REASON_NORMAL);
            rig_close(&f.rig);
        }
    }
}

static weir_verdict open_inside(weir_stage *self, struct player *player, uint64_t number) {
    (void)self, (void)player, (void)number;
    const weir_subscribe_to list = {.producer = f.p.ref};
    const weir_stream_options options = {
        .event_bytes = 8, .subscribe_to = &list, .subscribe_count = 1};
    RIG_CHECK(&f.rig, weir_stream_open(f.rig.runtime, &options, &f.stream) == WEIR_OK);
    return WEIR_CONTINUE;
}

static void a_callback_may_open_one(void) {
    f.s = (struct player){0};
    scene_start(&f, &f.p, "p", 9, true);
    f.q = (struct player){.name = "q", .kind = WEIR_CONSUMER, .does.cast = open_inside};
    player_start(&f.q, &f.rig, NULL);
    player_cast(&f.q, 1);
    rig_rest(&f.rig);
    scene_take_numbers(&f, 0, 9);
    f.rig.handled = f.s.handled;
    scene_finish(&f);
}

/* A stream that nobody needs any more does not keep the events of one batch's block. */
static void a_waiting_event_does_not_pin_its_block(void **state) {
    (void)state;
    rig_open(&f.rig, NULL);
    f.p = (struct player){.name = "p", .kind = WEIR_PRODUCER, .quiet = true};
    f.p.does.cast = emit_ones;
    player_start(&f.p, &f.rig, NULL);
    scene_open(&f, (weir_subscribe_options){.max_demand = 100000});
    rig_rest(&f.rig);
    for (int i = 0; i < 100; i++) player_cast(&f.p, 100);
    rig_rest(&f.rig);
    assert_true(rig_accounts(&f.rig).blocks_live < 50);
    scene_take_numbers(&f, 0, 10000);
    scene_finish(&f);
}

#define IN_WORLDS(test) TEST_IN_WORLDS_OF(&f.rig, test)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLDS(may_consume_10_events_out_of_demand_of_1000),
        IN_WORLDS(may_consume_300_events_out_of_demand_of_100),
        IN_WORLDS(what_was_read_is_no_more_under_way),
        IN_WORLDS(a_batch_is_asked_for_when_the_reader_comes_back),
        IN_WORLDS(batches_are_those_of_genstage),
        IN_WORLDS(batch_and_next_go_together),
        IN_WORLDS(what_has_no_entry_waits_in_order),
        cmocka_unit_test(events_of_any_size),
        IN_WORLDS(several_producers_each_with_its_demand),
        IN_WORLDS(a_producer_may_come_later),
        IN_WORLDS(a_refused_subscription_does_not_hold_up_the_end),
        cmocka_unit_test(accumulating_producers_go_on_once_all_are_subscribed),
        IN_WORLDS(behind_a_producer_consumer),
        cmocka_unit_test(several_streams_share_a_producer),
        IN_WORLDS(a_callback_may_open_one),
        cmocka_unit_test(a_waiting_event_does_not_pin_its_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
