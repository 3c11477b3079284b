/*
 * Behaviour: the buffer of what nobody has asked for yet.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what was emitted before anybody asked is delivered first, in order; how much
 * is buffered can be asked for; who is told of what a full buffer drops is the
 * program's choice.  (What is kept: unit/stage/supply.)
 * Method: producers that emit from every callback before they have consumers, in
 * every kind of stepped runtime; the log.
 */
#include "support/deeds.h"
#include "support/player.h"
#include "support/worlds.h"

#include <string.h>

static uint64_t buffered_at(struct player *player) {
    uint64_t count = 99;
    assert_int_equal(
        weir_estimate_buffered(player->rig->runtime, player->ref, WEIR_FOREVER, &count), WEIR_OK);
    return count;
}

static weir_verdict emit_on_call(weir_stage *self, struct player *player, weir_from from,
                                 uint64_t number) {
    RIG_CHECK(player->rig, weir_reply_after(self, from, &number, sizeof number) == WEIR_OK);
    player_emit(self, number);
    return WEIR_CONTINUE;
}

static void what_was_emitted_before_goes_first(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 20};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    p.does.info = deed_emit;
    p.does.call = emit_on_call;
    PLAYERS_START(rig, &p, &c);
    player_info(&p, 2); /* nothing is buffered: at once */
    rig_rest(rig);
    player_cast(&p, 3);
    assert_int_equal(player_call(&p, 4), 4);
    assert_int_equal(buffered_at(&p), 9);
    player_subscribe(&c, &p, &(weir_subscribe_options){.max_demand = 15, .min_demand = WEIR_NONE});
    rig_rest(rig);
    player_expect(&c, "subscribe p\nevents 0..8\nevents 9..14\nevents 15..19\n");
    player_expect(&p, "info 2\ncast 3\ncall 4\nsubscribe c\ndemand 6\ndemand 15\n");
    rig_close(rig);
}

static void how_much_is_buffered_can_be_asked(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player t = {.name = "t", .kind = WEIR_PRODUCER_CONSUMER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    PLAYERS_START(rig, &p, &t, &c);
    assert_int_equal(buffered_at(&p), 0);
    player_cast(&p, 5);
    assert_int_equal(buffered_at(&p), 5);
    player_cast(&p, 3);
    player_info(&p, 1); /* an info is no event */
    assert_int_equal(buffered_at(&p), 8);
    assert_int_equal(buffered_at(&t), 0);
    assert_int_equal(buffered_at(&c), 0);
    player_subscribe(&c, &p, NULL);
    rig_rest(rig);
    assert_int_equal(buffered_at(&p), 0);
    rig_close(rig);
}

/* ---- who is told of a discard -------------------------------------------------- */

static weir_verdict emit_as_many(weir_stage *self, const void *message, size_t bytes) {
    static const uint64_t numbers[20];
    (void)message;
    return weir_emit(self, numbers, bytes) == WEIR_OK ? WEIR_CONTINUE : WEIR_STOP;
}

static void add_up(weir_stage *self, uint64_t count, weir_discard cause) {
    uint64_t *discarded = *(uint64_t **)weir_state(self);
    if (cause == WEIR_DISCARD_OVERFLOW) *discarded += count;
}

/* Once for each emission that does not fit: the callback is told, or else the log. */
static void one_overflow_is_told_once(void **state) {
    (void)state;
    for (int told = 0; told < 2; told++) {
        struct rig rig;
        for (int world = 0; rig_open_world(&rig, world); world++) {
            uint64_t discarded = 0;
            uint64_t *its_discarded = &discarded;
            weir_stage_options options = {
                .kind = WEIR_PRODUCER,
                .name = "small",
                .event_bytes = sizeof(uint64_t),
                .buffer_size = 5,
                .state_bytes = sizeof its_discarded,
                .state = &its_discarded,
                .on = {.handle_demand = deed_no_demand, .handle_cast = emit_as_many}};
            if (told) options.on.discarded = add_up;
            weir_ref stage;
            assert_int_equal(weir_stage_start(rig.runtime, &options, &stage), WEIR_OK);
            static const char message[8];
            assert_int_equal(weir_cast(rig.runtime, stage, message, 8), WEIR_OK);
            assert_int_equal(weir_cast(rig.runtime, stage, message, 2), WEIR_OK);
            rig_rest(&rig);
            if (told) {
                assert_int_equal(discarded, 5);
                rig_expect_log(&rig, "");
            } else {
                const char *line = strstr(rig.log.text, "warning: ");
                assert_non_null(strstr(line, "small"));
                assert_non_null(strstr(line, " 3 "));
                line = strstr(line + 1, "warning: ");
                assert_non_null(strstr(line, " 2 "));
                assert_null(strstr(line + 1, "warning: "));
            }
            rig.emitted = 10;
            assert_int_equal(rig_close(&rig).discarded, 10);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(what_was_emitted_before_goes_first),
        TEST_IN_WORLDS(how_much_is_buffered_can_be_asked),
        cmocka_unit_test(one_overflow_is_told_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
