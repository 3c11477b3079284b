/*
 * What a stage knows of itself.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: state, runtime, reference and name are its own in every callback; the
 * count of its buffer is that of the moment; a reason set with a stop is the
 * reason it stops with.
 * Method: a stage that looks at itself in its callbacks.
 */
#include "support/deeds.h"
#include "support/player.h"
#include "support/worlds.h"

#include <string.h>

static void look(weir_stage *self, struct player *player, bool started) {
    struct rig *rig = player->rig;
    RIG_CHECK(rig, player_of(self) == player); /* by weir_state */
    RIG_CHECK(rig, weir_stage_runtime(self) == rig->runtime);
    RIG_CHECK(rig, strcmp(weir_stage_name(self), player->name) == 0);
    RIG_CHECK(rig, weir_stage_name(self) != player->name); /* a copy */
    if (started) RIG_CHECK(rig, weir_self(self).bits == player->ref.bits);
    player->batches++; /* looks */
}

static weir_verdict in_init(weir_stage *self, struct player *player) {
    look(self, player, false);
    player->sum = weir_self(self).bits; /* is known already */
    return WEIR_CONTINUE;
}

static weir_verdict in_demand(weir_stage *self, struct player *player, uint64_t demand) {
    look(self, player, true);
    player_emit(self, demand);
    return WEIR_CONTINUE;
}

static weir_verdict in_cast(weir_stage *self, struct player *player, uint64_t number) {
    look(self, player, true);
    RIG_CHECK(player->rig, weir_buffered(self) == number);
    player_emit(self, 5);
    RIG_CHECK(player->rig, weir_buffered(self) == number); /* what it emits now comes later */
    return WEIR_CONTINUE;
}

static void in_terminate(weir_stage *self, struct player *player) {
    look(self, player, true);
    RIG_CHECK(player->rig, weir_buffered(self) == 0);
}

static void a_stage_knows_itself(struct rig *rig) {
    char name[] = "named";
    struct player p = {
        .name = name,
        .kind = WEIR_PRODUCER,
        .does = {.init = in_init, .demand = in_demand, .cast = in_cast, .terminate = in_terminate}};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .manual = true};
    player_start(&p, rig, NULL);
    assert_int_equal(p.sum, p.ref.bits);
    player_start(&c, rig, NULL);
    weir_ask(rig->runtime, player_subscribe(&c, &p, NULL), 3);
    rig_rest(rig);
    for (uint64_t i = 0; i < 4; i++) player_cast(&p, 5 * i);
    player_stop(&p, WEIR_REASON_NORMAL);
    rig_rest(rig);
    assert_int_equal(p.batches, 7);
    p.batches = 0;
    rig_close(rig);
}

static weir_verdict compare_name(weir_stage *self, void *argument) {
    assert_string_equal(weir_stage_name(self), argument);
    return WEIR_CONTINUE;
}

static void without_a_name_it_has_its_kinds(void **state) {
    (void)state;
    static const char *const names[] = {"", "producer", "producer_consumer", "consumer"};
    struct rig rig;
    rig_open(&rig, NULL);
    for (int kind = WEIR_PRODUCER; kind <= WEIR_CONSUMER; kind++) {
        char expected[32];
        bool takes = kind != WEIR_PRODUCER;
        strcpy(expected, names[kind]);
        const weir_stage_options options = {.kind = (weir_kind)kind,
                                            .event_bytes = kind != WEIR_CONSUMER,
                                            .argument = expected,
                                            .on = {.init = compare_name,
                                                   .handle_events = takes ? deed_no_events : NULL,
                                                   .handle_demand = takes ? NULL : deed_no_demand}};
        assert_int_equal(weir_stage_start(rig.runtime, &options, NULL), WEIR_OK);
    }
    rig_close(&rig);
}

static weir_verdict stop_with(weir_stage *self, struct player *player, uint64_t number) {
    weir_verdict verdict = weir_stop_with(self, (weir_reason)number);
    RIG_CHECK(player->rig, verdict == WEIR_STOP);
    return verdict;
}

static weir_verdict just_stop(weir_stage *self, struct player *player, uint64_t number) {
    (void)self;
    (void)player;
    (void)number;
    return WEIR_STOP;
}

static void it_stops_with_the_reason_it_gives(void **state) {
    (void)state;
    static const struct {
        weir_reason reason;
        const char *journal;
    } cases[] = {
        {WEIR_REASON_NORMAL, "terminate normal\n"},
        {WEIR_REASON_SHUTDOWN, "terminate shutdown\n"},
        {WEIR_REASON_NO_MEMORY, "terminate no_memory\n"},
        {WEIR_REASON_USER, "terminate user\n"},
        {(weir_reason)(WEIR_REASON_USER + 70), "terminate user\n"},
    };
    struct rig rig;
    rig_open(&rig, NULL);
    struct player c[5];
    memset(c, 0, sizeof c);
    for (size_t i = 0; i < 5; i++) {
        c[i].name = "c";
        c[i].kind = WEIR_CONSUMER;
        c[i].does.info = stop_with;
        player_start(&c[i], &rig, NULL);
        player_info(&c[i], cases[i].reason);
    }
    struct player d = {.name = "d", .kind = WEIR_CONSUMER, .does.info = just_stop};
    player_start(&d, &rig, NULL);
    player_info(&d, 9);
    rig_rest(&rig);
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(strstr(c[i].journal.text, "terminate"), cases[i].journal);
    }
    player_expect(&d, "info 9\nterminate normal\n");
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(a_stage_knows_itself),
        cmocka_unit_test(without_a_name_it_has_its_kinds),
        cmocka_unit_test(it_stops_with_the_reason_it_gives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
