/*
 * Names: registering, looking up, subscribing by name.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a name belongs to one living stage; it is free when that one has gone, or
 * did not start; wrong names and want of memory are refused and change nothing.
 * Method: players; then many names, some of the dead.
 */
#include "support/player.h"
#include "support/worlds.h"

#include <stdio.h>
#include <string.h>

static const weir_stage_options registered = {.registered = true};

static void a_registered_stage_is_found(struct rig *rig) {
    struct player p = {.name = "source", .kind = WEIR_PRODUCER};
    weir_ref found;
    assert_int_equal(weir_whereis(rig->runtime, "source", &found), WEIR_NO_NAME);
    assert_string_equal(weir_refusal(), "no living stage is called source");
    player_start(&p, rig, &registered);
    assert_int_equal(weir_whereis(rig->runtime, "source", &found), WEIR_OK);
    assert_true(found.bits == p.ref.bits);
    player_stop(&p, WEIR_REASON_NORMAL);
    rig_rest(rig);
    assert_int_equal(weir_whereis(rig->runtime, "source", &found), WEIR_NO_NAME);
    rig_close(rig);
}

static weir_verdict give_up(weir_stage *self, struct player *player) {
    weir_ref found;
    RIG_CHECK(player->rig,
              weir_whereis(weir_stage_runtime(self), player->name, &found) == WEIR_NO_NAME);
    return WEIR_STOP;
}

static void a_taken_name_is_refused(struct rig *rig) {
    struct player one = {.name = "n", .kind = WEIR_PRODUCER};
    struct player two = {.name = "n", .kind = WEIR_CONSUMER};
    struct player label = {.name = "n", .kind = WEIR_CONSUMER};
    struct player failed = {.name = "f", .kind = WEIR_CONSUMER, .does.init = give_up};
    struct player after = {.name = "f", .kind = WEIR_CONSUMER};
    player_start(&one, rig, &registered);
    assert_int_equal(player_try_start(&two, rig, &registered), WEIR_NAME_TAKEN);
    assert_string_equal(weir_refusal(), "the name n belongs to another stage");
    player_start(&label, rig, NULL); /* as a mere label it may be used again */
    assert_int_equal(weir_register(rig->runtime, label.ref, "n"), WEIR_NAME_TAKEN);
    player_stop(&one, WEIR_REASON_NORMAL);
    rig_rest(rig);
    assert_int_equal(weir_register(rig->runtime, label.ref, "n"), WEIR_OK);
    assert_int_equal(weir_register(rig->runtime, label.ref, "another"), WEIR_OK);
    /* A start that fails leaves its name free. */
    assert_int_equal(player_try_start(&failed, rig, &registered), WEIR_INIT_STOPPED);
    player_start(&after, rig, &registered);
    rig_close(rig);
}

static void a_name_can_be_taken_away(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    weir_ref found;
    player_start(&p, rig, &registered);
    assert_int_equal(weir_unregister(rig->runtime, "p"), WEIR_OK);
    assert_int_equal(weir_unregister(rig->runtime, "p"), WEIR_NO_NAME);
    assert_int_equal(weir_whereis(rig->runtime, "p", &found), WEIR_NO_NAME);
    rig_close(rig);
}

static void subscribing_by_name(struct rig *rig) {
    struct player p = {.name = "source", .kind = WEIR_PRODUCER, .limit = 5};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    struct player early = {.name = "early", .kind = WEIR_CONSUMER};
    const weir_subscribe_to by_name = {.name = "source"};
    const weir_stage_options options = {.subscribe_to = &by_name, .subscribe_count = 1};
    assert_int_equal(player_try_start(&early, rig, &options), WEIR_NO_NAME);
    player_start(&p, rig, &registered);
    player_start(&c, rig, &options);
    rig_rest(rig);
    player_expect(&c, "subscribe source\nevents 0..4\n");
    rig_close(rig);
}

static void wrong_names_are_refused(struct rig *rig) {
    char longest[WEIR_NAME_LIMIT + 2];
    memset(longest, 'x', sizeof longest);
    longest[WEIR_NAME_LIMIT + 1] = '\0';
    struct player p = {.name = longest, .kind = WEIR_PRODUCER};
    weir_ref found;
    assert_int_equal(player_try_start(&p, rig, &registered), WEIR_INVALID);
    longest[WEIR_NAME_LIMIT] = '\0';
    rig->players = NULL;
    player_start(&p, rig, &registered);
    assert_int_equal(weir_whereis(rig->runtime, longest, &found), WEIR_OK);
    assert_int_equal(weir_register(rig->runtime, p.ref, NULL), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "name must not be NULL");
    assert_int_equal(weir_register(rig->runtime, p.ref, ""), WEIR_INVALID);
    assert_int_equal(weir_register(rig->runtime, p.ref, "a\nb"), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "name must have no control characters, got byte 0x0a at 1");
    assert_int_equal(weir_register(rig->runtime, (weir_ref){0}, "zero"), WEIR_NO_STAGE);
    test_memory_fail(&rig->memory, 1, true);
    assert_int_equal(weir_register(rig->runtime, p.ref, "more"), WEIR_NO_MEMORY);
    test_memory_fail_never(&rig->memory);
    assert_int_equal(weir_whereis(rig->runtime, "more", &found), WEIR_NO_NAME);
    rig_close(rig);
}

enum { MANY = 500 };

static void many_names_of_living_and_dead(void **state) {
    (void)state;
    static struct player players[MANY];
    static char names[MANY][16];
    struct rig rig;
    rig_open(&rig, NULL);
    for (int i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "stage %d", i);
        players[i] = (struct player){.name = names[i], .kind = WEIR_CONSUMER};
        player_start(&players[i], &rig, &registered);
        if (i % 3 == 0) player_stop(&players[i], WEIR_REASON_NORMAL);
        rig_rest(&rig);
    }
    for (int i = 0; i < MANY; i++) {
        weir_ref found = {0};
        weir_status status = weir_whereis(rig.runtime, names[i], &found);
        assert_int_equal(status, i % 3 == 0 ? WEIR_NO_NAME : WEIR_OK);
        if (status == WEIR_OK) assert_true(found.bits == players[i].ref.bits);
    }
    rig_close(&rig);
}

/* ---- names of who has yet to start ------------------------------------------ */

static void name_of(char text[16], size_t i) {
    snprintf(text, 16, "n%zu", i);
}

static void expect_names(const struct rig *rig, weir_ref ref, size_t of, size_t step) {
    for (size_t i = 0; i < MANY; i++) {
        char text[16];
        name_of(text, i);
        weir_ref found = {0};
        bool there = step > 0 && i % step == of;
        assert_int_equal(weir_whereis(rig->runtime, text, &found), there ? WEIR_OK : WEIR_NO_NAME);
        if (there) assert_true(found.bits == ref.bits);
    }
}

/* Takes many names, and gives some back, the oldest first. */
static void take_names(weir_stage *self, struct rig *rig) {
    weir_runtime *runtime = weir_stage_runtime(self);
    char text[16];
    weir_ref found;
    for (size_t i = 0; i < MANY; i++) {
        name_of(text, i);
        RIG_CHECK(rig, weir_register(runtime, weir_self(self), text) == WEIR_OK);
        RIG_CHECK(rig, weir_whereis(runtime, text, &found) == WEIR_NO_NAME);
    }
    for (size_t i = 0; i < MANY; i++) {
        name_of(text, i);
        if (i % 3 != 1) RIG_CHECK(rig, weir_unregister(runtime, text) == WEIR_OK);
    }
}

static weir_verdict take_and_stay(weir_stage *self, struct player *player) {
    take_names(self, player->rig);
    return WEIR_CONTINUE;
}

static weir_verdict take_and_go(weir_stage *self, struct player *player) {
    take_names(self, player->rig);
    return WEIR_STOP;
}

static void names_taken_in_init_count_once_it_has_started(struct rig *rig) {
    struct player fails = {.name = "fails", .kind = WEIR_CONSUMER, .does.init = take_and_go};
    struct player stays = {.name = "stays", .kind = WEIR_CONSUMER, .does.init = take_and_stay};
    struct player after = {.name = "after", .kind = WEIR_CONSUMER};
    assert_int_equal(player_try_start(&fails, rig, &registered), WEIR_INIT_STOPPED);
    expect_names(rig, (weir_ref){0}, 0, 0);
    player_start(&stays, rig, &registered);
    expect_names(rig, stays.ref, 1, 3);
    player_start(&after, rig, NULL);
    assert_int_equal(weir_register(rig->runtime, after.ref, "n1"), WEIR_NAME_TAKEN);
    assert_int_equal(weir_register(rig->runtime, after.ref, "n0"), WEIR_OK);
    player_stop(&stays, WEIR_REASON_NORMAL);
    rig_rest(rig);
    expect_names(rig, after.ref, 0, MANY);
    rig_close(rig);
}

/* Registering goes on for ever, and what the dead had is swept out meanwhile. */
static void names_of_the_dead_are_not_kept(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_CONSUMER};
    player_start(&p, rig, NULL);
    size_t live = 0;
    for (size_t round = 0; round < 40; round++) {
        struct player dies = {.name = "dies", .kind = WEIR_CONSUMER};
        player_start(&dies, rig, NULL);
        for (size_t i = 0; i < 25; i++) {
            char text[32];
            snprintf(text, sizeof text, "%zu in %zu", i, round);
            assert_int_equal(weir_register(rig->runtime, dies.ref, text), WEIR_OK);
        }
        player_stop(&dies, WEIR_REASON_NORMAL);
        rig_rest(rig);
        rig->players = &p;
        if (round == 10) live = rig->memory.live;
    }
    assert_in_range(rig->memory.live, 0, live + 100);
    rig_close(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_STEPPED(a_registered_stage_is_found),
        TEST_STEPPED(a_taken_name_is_refused),
        TEST_STEPPED(a_name_can_be_taken_away),
        TEST_IN_WORLDS(subscribing_by_name),
        TEST_STEPPED(wrong_names_are_refused),
        cmocka_unit_test(many_names_of_living_and_dead),
        TEST_STEPPED(names_taken_in_init_count_once_it_has_started),
        TEST_STEPPED(names_of_the_dead_are_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
