/*
 * Behaviour: stages with names, found and subscribed to by them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a name leads to one living stage, for any caller and in subscribe_to; a taken
 * name is refused, and the stage is not started; a name that nobody has is refused
 * too, and is free again when its stage has gone.
 * Method: every order of starting, registering and stopping, in every kind of stepped
 * runtime; threads that all want the same name.
 */
#include "support/player.h"
#include "support/worlds.h"

#include "os/thread.h"

#include <string.h>

static const weir_stage_options registered = {.registered = true};

static weir_ref whois(struct rig *rig, const char *name) {
    weir_ref ref = {0};
    weir_status status = weir_whereis(rig->runtime, name, &ref);
    assert_true(status == WEIR_OK || (status == WEIR_NO_NAME && ref.bits == 0));
    return ref;
}

static void a_stage_is_found_by_its_name(void **state) {
    (void)state;
    for (int kind = WEIR_PRODUCER; kind <= WEIR_CONSUMER; kind++) {
        struct rig rig;
        for (int world = 0; rig_open_world(&rig, world); world++) {
            struct player s = {.name = "me", .kind = (weir_kind)kind};
            struct player u = {.name = "unlisted", .kind = (weir_kind)kind};
            player_start(&s, &rig, &registered);
            player_start(&u, &rig, NULL); /* a name for messages only */
            assert_int_equal(whois(&rig, "me").bits, s.ref.bits);
            assert_int_equal(whois(&rig, "unlisted").bits, 0);
            assert_int_equal(weir_register(rig.runtime, u.ref, "second"), WEIR_OK);
            assert_int_equal(weir_register(rig.runtime, u.ref, "third"), WEIR_OK);
            assert_int_equal(whois(&rig, "second").bits, u.ref.bits);
            assert_int_equal(weir_unregister(rig.runtime, "second"), WEIR_OK);
            assert_int_equal(whois(&rig, "second").bits, 0);
            assert_int_equal(whois(&rig, "third").bits, u.ref.bits);
            rig_close(&rig);
        }
    }
}

static void a_taken_name_is_refused_at_the_start(void **state) {
    (void)state;
    for (int kind = WEIR_PRODUCER; kind <= WEIR_CONSUMER; kind++) {
        struct rig rig;
        for (int world = 0; rig_open_world(&rig, world); world++) {
            struct player first = {.name = "me", .kind = (weir_kind)kind};
            struct player second = {.name = "me", .kind = (weir_kind)kind};
            player_start(&first, &rig, &registered);
            assert_int_equal(player_try_start(&second, &rig, &registered), WEIR_NAME_TAKEN);
            assert_non_null(strstr(weir_refusal(), "me"));
            rig.players = second.started;
            assert_int_equal(weir_register(rig.runtime, first.ref, "me"), WEIR_NAME_TAKEN);
            assert_int_equal(weir_runtime_stages(rig.runtime), 1);
            assert_int_equal(whois(&rig, "me").bits, first.ref.bits);
            player_stop(&first, WEIR_REASON_NORMAL);
            rig_rest(&rig);
            assert_int_equal(whois(&rig, "me").bits, 0);
            player_start(&second, &rig, &registered); /* it is free again */
            assert_int_equal(whois(&rig, "me").bits, second.ref.bits);
            rig_close(&rig);
        }
    }
}

static void a_stage_subscribes_by_reference_or_by_name(struct rig *rig, int by_name) {
    struct player p = {.name = "source", .kind = WEIR_PRODUCER, .limit = 5};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    player_start(&p, rig, &registered);
    weir_subscribe_to to = {.producer = p.ref, .options.max_demand = 10};
    if (by_name) to = (weir_subscribe_to){.name = "source", .options.max_demand = 10};
    player_start(&c, rig, &(weir_stage_options){.subscribe_to = &to, .subscribe_count = 1});
    rig_rest(rig);
    player_expect(&c, "subscribe source\nevents 0..4\n");
    rig_close(rig);
}

/* In GenStage a permanent consumer dies of it, later; here the start says so. */
static void a_name_that_nobody_has_fails_the_start(void **state) {
    (void)state;
    for (int mode = WEIR_PERMANENT; mode <= WEIR_TEMPORARY; mode++) {
        struct rig rig;
        rig_open(&rig, NULL);
        struct player c = {.name = "c", .kind = WEIR_CONSUMER};
        const weir_subscribe_to to = {.name = "nobody", .options.cancel = (weir_cancel_mode)mode};
        assert_int_equal(
            player_try_start(&c, &rig,
                             &(weir_stage_options){.subscribe_to = &to, .subscribe_count = 1}),
            WEIR_NO_NAME);
        assert_non_null(strstr(weir_refusal(), "nobody"));
        rig.players = c.started;
        assert_int_equal(weir_runtime_stages(rig.runtime), 0);
        rig_close(&rig);
    }
}

/* ---- threads -------------------------------------------------------------------- */

enum { RIVALS = 4, ROUNDS = 50 };

struct rival {
    struct rig *rig;
    struct player *stage;
    uint64_t won;
    struct weir__thread thread;
};

static void register_often(void *argument) {
    struct rival *rival = argument;
    for (int i = 0; i < ROUNDS; i++) {
        weir_status status = weir_register(rival->rig->runtime, rival->stage->ref, "wanted");
        if (status != WEIR_OK) continue;
        rival->won++;
        weir_ref found = {0};
        RIG_CHECK(rival->rig, weir_whereis(rival->rig->runtime, "wanted", &found) == WEIR_OK);
        RIG_CHECK(rival->rig, found.bits == rival->stage->ref.bits);
        RIG_CHECK(rival->rig, weir_unregister(rival->rig->runtime, "wanted") == WEIR_OK);
    }
}

static void a_name_belongs_to_one_at_a_time(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.workers = 2, .unpinned = true});
    struct player stages[RIVALS];
    struct rival rivals[RIVALS];
    memset(stages, 0, sizeof stages);
    for (int i = 0; i < RIVALS; i++) {
        stages[i].name = "s";
        stages[i].kind = WEIR_CONSUMER;
        player_start(&stages[i], &rig, NULL);
        rivals[i] = (struct rival){.rig = &rig, .stage = &stages[i]};
    }
    for (int i = 0; i < RIVALS; i++) {
        assert_int_equal(weir__thread_start(&rivals[i].thread, "rival", register_often, &rivals[i]),
                         0);
    }
    uint64_t won = 0;
    for (int i = 0; i < RIVALS; i++) {
        weir__thread_join(&rivals[i].thread);
        won += rivals[i].won;
    }
    assert_true(won > 0);
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stage_is_found_by_its_name),
        cmocka_unit_test(a_taken_name_is_refused_at_the_start),
        TEST_IN_WORLDS_AND_WAYS(a_stage_subscribes_by_reference_or_by_name, 2),
        cmocka_unit_test(a_name_that_nobody_has_fails_the_start),
        cmocka_unit_test(a_name_belongs_to_one_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
