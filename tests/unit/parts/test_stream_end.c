/*
 * How a stream ends.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: the end comes behind the events sent before it, with the reason that the
 * cancel mode gives; what is not taken goes back to the producers, or is told; a
 * reader amid a batch keeps it, whatever becomes of the stage; a producer that is
 * not there, or refuses, is an end as well.
 * Method: stepped and simulated runtimes; producers that stop, refuse, or have
 * stopped.
 */
#include "support/deeds.h"
#include "support/stream_scene.h"
#include "support/worlds.h"

#include "parts/stream.h"

#include <string.h>

static struct stream_scene f;

#define EACH_WORLD(world)          \
    int world = 0;                 \
    rig_open_world(&f.rig, world); \
    world++

static const weir_cancel_mode modes[] = {WEIR_PERMANENT, WEIR_TRANSIENT, WEIR_TEMPORARY};

/* ---- the producer ends --------------------------------------------------- */

static weir_reason how;

static weir_verdict emit_and_stop(weir_stage *self, struct player *player, uint64_t demand) {
    uint64_t left = player->limit - player->next;
    player_emit(self, demand < left ? demand : left);
    return player->next == player->limit ? weir_stop_with(self, how) : WEIR_CONTINUE;
}

/* permanent, or transient with an abnormal reason: that reason; else none is left: NORMAL. */
static void halts_when_no_subscription_is_left(void **state) {
    (void)state;
    static const weir_reason reasons[] = {WEIR_REASON_NORMAL, WEIR_REASON_SHUTDOWN,
                                          WEIR_REASON_USER};
    for (int i = 0; i < 9; i++) {
        how = reasons[i % 3];
        weir_cancel_mode mode = modes[i / 3];
        bool loud = mode == WEIR_PERMANENT || (mode == WEIR_TRANSIENT && how == WEIR_REASON_USER);
        for (EACH_WORLD(world)) {
            f.p = (struct player){.name = "p", .kind = WEIR_PRODUCER, .limit = 25};
            f.p.does.demand = emit_and_stop;
            player_start(&f.p, &f.rig, NULL);
            scene_open(&f, (weir_subscribe_options){.max_demand = 4, .cancel = mode});
            scene_take_numbers(&f, 0, 25);
            scene_expect_end(&f, loud ? how : WEIR_REASON_NORMAL);
            scene_finish(&f);
        }
    }
}

/* p's end is permanent: what q sent before it is read, what it sent after goes back. */
static void what_came_before_the_end_is_read_and_the_rest_goes_back(void) {
    scene_start(&f, &f.p, "p", 2, true);
    scene_start(&f, &f.q, "q", 0, true);
    const weir_subscribe_to list[] = {{.producer = f.p.ref},
                                      {.producer = f.q.ref, .options = {.cancel = WEIR_TEMPORARY}}};
    scene_open_list(&f, list, 2);
    rig_rest(&f.rig);
    f.q.next = 100;
    player_cast(&f.q, 3);
    rig_rest(&f.rig);
    player_stop(&f.p, WEIR_REASON_USER);
    rig_rest(&f.rig);
    player_cast(&f.q, 4); /* behind the end */
    rig_rest(&f.rig);
    assert_int_equal(rig_accounts(&f.rig).in_flight, 9);
    scene_take_numbers(&f, 0, 2);
    scene_take_numbers(&f, 100, 3);
    scene_expect_end(&f, WEIR_REASON_USER);
    rig_rest(&f.rig);
    assert_int_equal(rig_accounts(&f.rig).buffered, 4);
    assert_int_equal(f.told, 0);
    scene_finish(&f);
}

static void one_of_two_ends_and_the_other_goes_on(void) {
    scene_start(&f, &f.p, "p", 2, true);
    scene_start(&f, &f.q, "q", 0, true);
    const weir_subscribe_to list[] = {{.producer = f.p.ref, .options = {.cancel = WEIR_TRANSIENT}},
                                      {.producer = f.q.ref, .options = {.cancel = WEIR_TRANSIENT}}};
    scene_open_list(&f, list, 2);
    scene_take_numbers(&f, 0, 2);
    player_stop(&f.p, WEIR_REASON_NORMAL);
    assert_int_equal(scene_try(&f, WEIR_FOREVER), WEIR_TIMEOUT);
    player_cast(&f.q, 4);
    scene_take_numbers(&f, 0, 4);
    player_stop(&f.q, WEIR_REASON_SHUTDOWN);
    scene_expect_end(&f, WEIR_REASON_NORMAL);
    scene_finish(&f);
}

/* ---- producers that are not there, or refuse ----------------------------- */

static void exits_when_the_producer_is_dead(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        for (EACH_WORLD(world)) {
            scene_start(&f, &f.p, "p", 2, true);
            player_stop(&f.p, WEIR_REASON_NORMAL);
            rig_rest(&f.rig);
            const weir_subscribe_to list[] = {
                {.producer = f.p.ref, .options = {.cancel = modes[i]}},
                {.producer = f.p.ref, .options = {.cancel = WEIR_TEMPORARY}}};
            if (modes[i] == WEIR_TEMPORARY) {
                scene_open_list(&f, list, 2); /* a stream at its end */
                scene_expect_end(&f, WEIR_REASON_NORMAL);
                weir_stream_close(f.stream);
            } else {
                const weir_stream_options options = {
                    .event_bytes = 8, .subscribe_to = list, .subscribe_count = 2};
                assert_int_equal(weir_stream_open(f.rig.runtime, &options, &f.stream),
                                 WEIR_NO_STAGE);
                assert_int_equal(weir_runtime_stages(f.rig.runtime), 0);
            }
            rig_close(&f.rig);
        }
    }
}

/* temporary: an empty stream; else it is not opened. */
static void exits_when_there_is_no_named_producer(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        rig_open(&f.rig, NULL);
        const weir_subscribe_to list = {.name = "nobody", .options = {.cancel = modes[i]}};
        if (modes[i] == WEIR_TEMPORARY) {
            scene_open_list(&f, &list, 1);
            scene_expect_end(&f, WEIR_REASON_NORMAL);
            weir_stream_close(f.stream);
        } else {
            const weir_stream_options options = {
                .event_bytes = 8, .subscribe_to = &list, .subscribe_count = 1};
            assert_int_equal(weir_stream_open(f.rig.runtime, &options, &f.stream), WEIR_NO_NAME);
        }
        rig_close(&f.rig);
    }
}

static void a_named_producer_is_found(void) {
    f.p = (struct player){.name = "p", .kind = WEIR_PRODUCER, .limit = 9, .quiet = true};
    player_start(&f.p, &f.rig,
                 &(weir_stage_options){.registered = true, .demand = WEIR_ACCUMULATE});
    scene_open_list(&f, &(weir_subscribe_to){.name = "p"}, 1);
    scene_take_numbers(&f, 0, 9);
    scene_finish(&f);
}

/* It stops before it learns of the stream: the subscription ends with NOPROC. */
static void exits_when_the_producer_dies_meanwhile(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        for (EACH_WORLD(world)) {
            scene_start(&f, &f.p, "p", 2, true);
            rig_rest(&f.rig);
            player_stop(&f.p, WEIR_REASON_NORMAL);
            scene_open(&f, (weir_subscribe_options){.cancel = modes[i]});
            weir_status status = WEIR_OK;
            uint64_t number;
            while (status == WEIR_OK) {
                status = weir_stream_next(f.stream, &number, WEIR_FOREVER);
                f.s.handled += status == WEIR_OK;
            }
            assert_int_equal(status, WEIR_END);
            weir_reason reason = weir_stream_reason(f.stream);
            if (modes[i] == WEIR_TEMPORARY) assert_int_equal(reason, WEIR_REASON_NORMAL);
            if (modes[i] == WEIR_PERMANENT && f.s.handled == 0)
                assert_true(reason == WEIR_REASON_NOPROC || reason == WEIR_REASON_NORMAL);
            scene_finish(&f);
        }
    }
}

static weir_subscribe_verdict refuse_and_die(weir_stage *self, struct player *player,
                                             const weir_peer *peer) {
    (void)player, (void)peer;
    weir_stop_with(self, WEIR_REASON_USER);
    return WEIR_SUBSCRIBE_STOP;
}

static void exits_when_the_producer_does_not_ack(void **state) {
    (void)state;
    for (int i = 0; i < 6; i++) {
        bool lives = i >= 3;
        for (EACH_WORLD(world)) {
            f.p = (struct player){.name = "p", .kind = WEIR_PRODUCER, .limit = 3};
            f.p.does.subscribe = lives ? deed_refuse : refuse_and_die;
            player_start(&f.p, &f.rig, NULL);
            scene_open(&f, (weir_subscribe_options){.cancel = modes[i % 3]});
            weir_reason refused = lives ? WEIR_REASON_REFUSED : WEIR_REASON_USER;
            scene_expect_end(&f, modes[i % 3] == WEIR_TEMPORARY ? WEIR_REASON_NORMAL : refused);
            rig_rest(&f.rig);
            assert_int_equal(weir_runtime_stages(f.rig.runtime), lives ? 1 : 0);
            scene_finish(&f);
        }
    }
}

/* ---- the reader, or somebody else, ends it ------------------------------- */

static void an_early_end_cancels_cleanly(void **state) {
    (void)state;
    for (uint64_t taken = 0; taken <= 11; taken++) {
        for (EACH_WORLD(world)) {
            scene_start(&f, &f.p, "p", 50, false);
            scene_open(&f, (weir_subscribe_options){.max_demand = 10});
            rig_rest(&f.rig);
            rig_text_expect(&f.p.journal, "subscribe stream\ndemand 10\n");
            scene_take_numbers(&f, 0, taken);
            rig_rest(&f.rig);
            f.p.journal.used = 0;
            scene_close_stream(&f);
            player_expect(&f.p, "down stream normal\n");
            weir_accounts accounts = rig_accounts(&f.rig);
            assert_int_equal(accounts.handled, taken);
            assert_int_equal(accounts.buffered, f.p.emitted - taken);
            assert_int_equal(accounts.in_flight, 0);
            /* They are there for the next one, in order. */
            f.s.name = "gone";
            struct player before = f.s;
            scene_open(&f, (weir_subscribe_options){.max_demand = 10});
            f.s.handled = before.handled;
            f.s.started = before.started;
            scene_take_numbers(&f, taken, 50 - taken);
            assert_int_equal(f.told, 0);
            scene_finish(&f);
        }
    }
}

/* Nobody is there to give it back to. */
static void what_cannot_go_back_is_told(void **state) {
    (void)state;
    rig_open(&f.rig, NULL);
    scene_start(&f, &f.p, "p", 50, true);
    scene_open(&f, (weir_subscribe_options){.max_demand = 10});
    scene_take_numbers(&f, 0, 2);
    player_stop(&f.p, WEIR_REASON_USER);
    rig_rest(&f.rig);
    scene_close_stream(&f);
    assert_int_equal(rig_accounts(&f.rig).discarded, 8);
    assert_int_equal(f.told, 8);
    rig_expect_log(&f.rig, "");
    rig_close(&f.rig);
}

static void its_stage_may_be_stopped(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        for (EACH_WORLD(world)) {
            scene_start(&f, &f.p, "p", 50, true);
            scene_open(&f, (weir_subscribe_options){.max_demand = 10});
            scene_take_numbers(&f, 0, 2);
            assert_int_equal(weir_stop(f.rig.runtime, f.s.ref, WEIR_REASON_USER), WEIR_OK);
            rig_rest(&f.rig);
            weir_accounts accounts = rig_accounts(&f.rig);
            assert_int_equal(accounts.in_flight, 10); /* the second batch waits for what the */
            assert_int_equal(accounts.handled, 0);    /* reader leaves of the first one      */
            if (i == 0) {
                scene_take_numbers(&f, 2, 3);
                scene_expect_end(&f, WEIR_REASON_USER);
                assert_int_equal(rig_accounts(&f.rig).handled, 5);
            }
            weir_stream_close(f.stream);
            accounts = rig_accounts(&f.rig);
            assert_int_equal(accounts.handled, i == 0 ? 5 : 2);
            assert_int_equal(accounts.buffered, i == 0 ? 5 : 8);
            assert_int_equal(accounts.in_flight, 0);
            assert_int_equal(accounts.discarded, 0);
            assert_int_equal(f.told, 0);
            player_stop(&f.p, WEIR_REASON_NORMAL);
            rig_close(&f.rig);
        }
    }
}

/* Draining ends it behind its last event; who does not read holds it up, by name. */
static void the_runtime_is_drained(void) {
    scene_start(&f, &f.p, "p", 50, true);
    scene_open(&f, (weir_subscribe_options){.max_demand = 10});
    rig_rest(&f.rig);
    weir_drain_report report;
    assert_int_equal(weir_runtime_drain(f.rig.runtime, 1000000, &report), WEIR_TIMEOUT);
    assert_string_equal(report.name, "stream");
    scene_take_numbers(&f, 0, 10);
    scene_expect_end(&f, WEIR_REASON_NORMAL);
    assert_int_equal(weir_runtime_drain(f.rig.runtime, 1000000, &report), WEIR_OK);
    weir_stream_close(f.stream);
    rig_close(&f.rig);
}

static void the_runtime_stops(void) {
    scene_start(&f, &f.p, "p", 50, true);
    scene_open(&f, (weir_subscribe_options){.max_demand = 10, .min_demand = WEIR_NONE});
    scene_take_numbers(&f, 0, 10);
    weir_runtime_stop(f.rig.runtime, WEIR_REASON_SHUTDOWN);
    scene_expect_end(&f, WEIR_REASON_SHUTDOWN);
    weir_stream_close(f.stream);
    rig_close(&f.rig);
}

/* Without a callback the log is told. */
static void unread_events_are_logged(void **state) {
    (void)state;
    rig_open(&f.rig, NULL);
    scene_start(&f, &f.p, "p", 50, true);
    const weir_subscribe_to list = {.producer = f.p.ref, .options = {.max_demand = 10}};
    const weir_stream_options options = {
        .event_bytes = 8, .subscribe_to = &list, .subscribe_count = 1};
    assert_int_equal(weir_stream_open(f.rig.runtime, &options, &f.stream), WEIR_OK);
    uint64_t number;
    assert_int_equal(weir_stream_next(f.stream, &number, WEIR_FOREVER), WEIR_OK);
    f.rig.handled = 1;
    assert_int_equal(weir_cast(f.rig.runtime, weir_stream_stage(f.stream), "hello", 5), WEIR_OK);
    rig_rest(&f.rig);
    assert_int_equal(weir_stop(f.rig.runtime, weir_stream_stage(f.stream), WEIR_REASON_USER),
                     WEIR_OK);
    rig_rest(&f.rig);
    player_stop(&f.p, WEIR_REASON_NORMAL); /* with it they have nowhere to go back to */
    rig_rest(&f.rig);
    weir_stream_close(f.stream);
    rig_expect_log(&f.rig,
                   "warning: stage stream has no handle_cast: a message of 5 bytes was dropped\n"
                   "warning: 9 events of a stream that had ended were not read\n");
    rig_close(&f.rig);
}

#define IN_WORLDS(test) TEST_IN_WORLDS_OF(&f.rig, test)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(halts_when_no_subscription_is_left),
        IN_WORLDS(what_came_before_the_end_is_read_and_the_rest_goes_back),
        IN_WORLDS(one_of_two_ends_and_the_other_goes_on),
        cmocka_unit_test(exits_when_the_producer_is_dead),
        cmocka_unit_test(exits_when_there_is_no_named_producer),
        IN_WORLDS(a_named_producer_is_found),
        cmocka_unit_test(exits_when_the_producer_dies_meanwhile),
        cmocka_unit_test(exits_when_the_producer_does_not_ack),
        cmocka_unit_test(an_early_end_cancels_cleanly),
        cmocka_unit_test(what_cannot_go_back_is_told),
        cmocka_unit_test(its_stage_may_be_stopped),
        IN_WORLDS(the_runtime_is_drained),
        IN_WORLDS(the_runtime_stops),
        cmocka_unit_test(unread_events_are_logged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
