/*
 * An inlet's feeders: who pushes for a stage is known, and forgotten with it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a push, or a port that is opened, in whichever callback makes its stage a feeder, in its
 * init too, whoever used that port before; feeders that have ended take no memory, and one that
 * lives is told of once.
 * Method: stages that push and stop, one after the other and several at a time; the memory that is
 * live; drains in which the last word is pushed.
 */
#include "support/cmocka.h"
#include "support/player.h"

enum { SECOND = 1000000000, LIVES = 60, ABREAST = 5 };

static struct rig rig;
static weir_inlet *inlet;
static weir_ref inlet_stage;
static struct player consumer;

static bool open_scene(int world) {
    if (!rig_open_world(&rig, world)) return false;
    const weir_inlet_options options = {.event_bytes = sizeof(uint64_t), .name = "inlet"};
    assert_int_equal(weir_inlet_open(rig.runtime, &options, &inlet, &inlet_stage), WEIR_OK);
    consumer = (struct player){.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
    player_start(&consumer, &rig, NULL);
    assert_int_equal(weir_subscribe(rig.runtime, consumer.ref, inlet_stage, NULL, NULL), WEIR_OK);
    return true;
}

static void push_one(void) {
    const uint64_t number = 1;
    RIG_CHECK(&rig, weir_inlet_push(inlet, &number, 1, 0) == WEIR_OK);
    rig.emitted++;
}

static weir_verdict push_and_stop(weir_stage *self, struct player *player, uint64_t number) {
    (void)player;
    push_one();
    return number == 0 ? WEIR_CONTINUE : weir_stop_with(self, WEIR_REASON_USER);
}

static void start_feeder(struct player *feeder) {
    *feeder = (struct player){
        .name = "f", .kind = WEIR_PRODUCER, .quiet = true, .does.cast = push_and_stop};
    player_start(feeder, &rig, NULL);
}

/* Beside one that lives, whose place stays its own. */
static void those_that_have_ended_are_forgotten(void **state) {
    (void)state;
    for (int world = 0; open_scene(world); world++) {
        static struct player old, feeders[LIVES];
        uint64_t live = 0;
        start_feeder(&old);
        player_cast(&old, 0);
        rig_rest(&rig);
        for (int i = 0; i < LIVES; i += ABREAST) {
            for (int k = i; k < i + ABREAST; k++) {
                start_feeder(&feeders[k]);
                player_cast(&feeders[k], 0);
            }
            player_cast(&old, 0);
            rig_rest(&rig);
            for (int k = i; k < i + ABREAST; k++) player_cast(&feeders[k], 1);
            rig_rest(&rig);
            if (i == LIVES / 2) live = rig.memory.live;
        }
        assert_in_range(rig.memory.live, 0, live + ABREAST); /* and not LIVES / 2 */
        weir_token token;                                    /* the old one is waited for */
        assert_int_equal(weir_busy(rig.runtime, old.ref, &token), WEIR_OK);
        assert_int_equal(weir_runtime_drain(rig.runtime, 1000, NULL), WEIR_TIMEOUT);
        player_cast(&old, 0);
        assert_int_equal(weir_done(rig.runtime, token), WEIR_OK);
        assert_int_equal(weir_runtime_drain(rig.runtime, SECOND, NULL), WEIR_OK);
        assert_int_equal(consumer.handled, rig.emitted);
        weir_inlet_close(inlet);
        rig_close(&rig);
    }
}

static weir_verdict push_in_init(weir_stage *self, struct player *player) {
    (void)self;
    if (player->own == NULL) {
        push_one();
    } else {
        RIG_CHECK(&rig, weir_port_open(inlet, player->own) == WEIR_OK);
    }
    return WEIR_CONTINUE;
}

static weir_verdict push_late(weir_stage *self, struct player *player, uint64_t number) {
    weir_port **port = player->own;
    (void)self;
    if (port == NULL) {
        push_one();
    } else {
        RIG_CHECK(&rig, weir_port_push(*port, &number, 1, 0) == WEIR_OK);
        rig.emitted++;
    }
    return WEIR_CONTINUE;
}

/* It pushes on long after the inlet could have ended. */
static void who_pushes_in_its_init_is_one(void **state) {
    (void)state;
    for (int by_port = 0; by_port < 2; by_port++) {
        for (int world = 0; open_scene(world); world++) {
            weir_port *port = NULL;
            weir_token token;
            struct player feeder = {.name = "feeder",
                                    .kind = WEIR_PRODUCER,
                                    .quiet = true,
                                    .own = by_port ? &port : NULL,
                                    .does = {.init = push_in_init, .cast = push_late}};
            player_start(&feeder, &rig, NULL);
            assert_int_equal(weir_busy(rig.runtime, feeder.ref, &token), WEIR_OK);
            assert_int_equal(weir_runtime_drain(rig.runtime, 1000, NULL), WEIR_TIMEOUT);
            rig_rest(&rig);
            player_cast(&feeder, 0);
            assert_int_equal(weir_done(rig.runtime, token), WEIR_OK);
            assert_int_equal(weir_runtime_drain(rig.runtime, SECOND, NULL), WEIR_OK);
            assert_int_equal(consumer.handled, rig.emitted);
            weir_port_close(port);
            weir_inlet_close(inlet);
            rig_close(&rig);
        }
    }
}

/* There is room for it that the first one knew of, so that nothing else makes the port look. */
static void who_is_the_second_by_a_port_is_one(void **state) {
    (void)state;
    for (int world = 0; open_scene(world); world++) {
        weir_port *port;
        weir_token token;
        assert_int_equal(weir_port_open(inlet, &port), WEIR_OK);
        struct player first = {.name = "first",
                               .kind = WEIR_PRODUCER,
                               .quiet = true,
                               .own = &port,
                               .does.cast = push_late};
        struct player second = first;
        second.name = "second";
        PLAYERS_START(&rig, &first, &second);
        assert_int_equal(weir_busy(rig.runtime, second.ref, &token), WEIR_OK);
        player_cast(&first, 0);
        rig_rest(&rig);
        player_cast(&second, 0);
        rig_rest(&rig);
        player_stop(&first, WEIR_REASON_NORMAL);
        assert_int_equal(weir_runtime_drain(rig.runtime, 1000, NULL), WEIR_TIMEOUT);
        rig_rest(&rig);
        player_cast(&second, 0);
        assert_int_equal(weir_done(rig.runtime, token), WEIR_OK);
        assert_int_equal(weir_runtime_drain(rig.runtime, SECOND, NULL), WEIR_OK);
        assert_int_equal(consumer.handled, 3);
        weir_port_close(port);
        weir_inlet_close(inlet);
        rig_close(&rig);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(those_that_have_ended_are_forgotten),
        cmocka_unit_test(who_pushes_in_its_init_is_one),
        cmocka_unit_test(who_is_the_second_by_a_port_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
