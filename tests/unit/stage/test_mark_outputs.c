/*
 * Marks and outputs: a mark comes out of each of them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a mark that a stage emits, or passes on, comes to the consumers of its outputs too, behind
 * what was emitted there before it, and before what comes later; a consumer's outputs have it as
 * well; one that has ended has none.
 * Method: a stage that sends odd numbers to its output; journals in all kinds of stepped runtimes.
 */
#include "support/mark_scene.h"
#include "support/worlds.h"

#include <string.h>

static struct {
    struct rig *rig;
    struct player p, m, a, b;
    struct player out; /* not a player, so "nobody": lends the output's reference */
} f;

/* Even numbers of a consumer go nowhere. */
static void send_number(weir_stage *self, struct player *player, uint64_t number) {
    unsigned output = number % 2;
    if (output == 0 && player->kind == WEIR_CONSUMER) return;
    weir_status status = weir_emit_to(self, output, &number, 1);
    RIG_CHECK(player->rig, status == WEIR_OK || status == WEIR_NO_STAGE);
    player->emitted += status == WEIR_OK;
}

static weir_verdict divide(weir_stage *self, struct player *player, weir_batch batch) {
    const uint64_t *numbers = batch.events;
    for (size_t i = 0; i < batch.count; i++) send_number(self, player, numbers[i]);
    return WEIR_CONTINUE;
}

static void open_scene(struct rig *rig, weir_kind kind, bool manual) {
    static const weir_output_options odd = {.name = "odd", .event_bytes = sizeof(uint64_t)};
    memset(&f, 0, sizeof f);
    f.rig = rig;
    f.p = (struct player)MARK_PRODUCER("p");
    f.m = (struct player){.name = "m", .kind = kind, .quiet = true, .does.events = divide};
    f.a = (struct player)MARK_CONSUMER("a");
    f.b = (struct player)MARK_CONSUMER("b");
    f.b.manual = manual;
    f.p.does.cast = mark_all_kinds;
    PLAYERS_START(rig, &f.p, &f.a, &f.b);
    player_start(&f.m, rig, &(weir_stage_options){.outputs = &odd, .output_count = 1});
    f.out = (struct player){.rig = rig};
    assert_int_equal(weir_stage_output(rig->runtime, f.m.ref, 1, &f.out.ref), WEIR_OK);
}

static weir_subscription flow(void) {
    if (f.m.kind == WEIR_PRODUCER_CONSUMER) player_subscribe(&f.a, &f.m, &mark_by_four);
    weir_subscription by = player_subscribe(&f.b, &f.out, &mark_by_four);
    rig_rest(f.rig);
    player_subscribe(&f.m, &f.p, &(weir_subscribe_options){.max_demand = 40});
    rig_rest(f.rig);
    return by;
}

static void say_all_kinds(void) {
    player_cast(&f.p, 0);
    rig_rest(f.rig);
}

#define OWN "mark 18446744073709551615 of 4294967295\n"

/* 0 and 1, watermark 7, 2, flush, end of file, 3, one of its own. */
static void one_that_is_passed_on_comes_out_of_both(struct rig *rig) {
    open_scene(rig, WEIR_PRODUCER_CONSUMER, false);
    flow();
    say_all_kinds();
    player_expect(&f.a, "subscribe m\nevents 0\nwatermark 7\nevents 2\nflush 0\n"
                        "end of file 3\n" OWN);
    player_expect(&f.b, "subscribe nobody\nevents 1\nwatermark 7\nflush 0\nend of file 3\n"
                        "events 3\n" OWN);
    rig_close(rig);
}

static void it_waits_behind_each_buffer(struct rig *rig) {
    open_scene(rig, WEIR_PRODUCER_CONSUMER, true);
    weir_subscription by = flow();
    say_all_kinds();
    player_expect(&f.b, "subscribe nobody\n");
    assert_int_equal(weir_ask(rig->runtime, by, 1), WEIR_OK);
    rig_rest(rig);
    player_expect(&f.b, "events 1\nwatermark 7\nflush 0\nend of file 3\n");
    assert_int_equal(weir_ask(rig->runtime, by, 1), WEIR_OK);
    rig_rest(rig);
    player_expect(&f.b, "events 3\n" OWN);
    rig_close(rig);
}

static void a_consumers_outputs_have_it_too(struct rig *rig) {
    open_scene(rig, WEIR_CONSUMER, false);
    flow();
    say_all_kinds();
    player_expect(&f.b, "subscribe nobody\nevents 1\nwatermark 7\nflush 0\nend of file 3\n"
                        "events 3\n" OWN);
    rig_close(rig);
}

/* Of its own accord, between what it emits: 1 of each, a mark, and the rest. */
static weir_verdict divide_with_marks(weir_stage *self, struct player *player, weir_batch batch) {
    const uint64_t *numbers = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        send_number(self, player, numbers[i]);
        if (numbers[i] % 2 == 1)
            RIG_CHECK(player->rig, mark_give(self, WEIR_MARK_FLUSH, numbers[i]) == WEIR_OK);
    }
    return WEIR_CONTINUE;
}

static void one_that_is_emitted_comes_out_of_both(struct rig *rig, int way) {
    open_scene(rig, way == 0 ? WEIR_PRODUCER_CONSUMER : WEIR_CONSUMER, false);
    f.m.does.events = divide_with_marks;
    flow();
    f.p.does.cast = mark_or_emit;
    player_cast(&f.p, 4);
    rig_rest(rig);
    if (way == 0) {
        player_expect(&f.a, "subscribe m\nevents 0\nflush 1\nevents 2\nflush 3\n");
    }
    player_expect(&f.b, "subscribe nobody\nevents 1\nflush 1\nevents 3\nflush 3\n");
    rig_close(rig);
}

static void an_output_that_has_ended_has_none(struct rig *rig) {
    open_scene(rig, WEIR_PRODUCER_CONSUMER, false);
    flow();
    weir_stop(rig->runtime, f.out.ref, WEIR_REASON_NORMAL);
    rig_rest(rig);
    say_all_kinds();
    player_expect(&f.a, "subscribe m\nevents 0\nwatermark 7\nevents 2\nflush 0\n"
                        "end of file 3\n" OWN);
    player_expect(&f.b, "subscribe nobody\ndown nobody normal\n");
    rig_close(rig);
}

static weir_verdict mark_without_memory(weir_stage *self, struct player *player, uint64_t number) {
    (void)number;
    test_memory_fail(&player->rig->memory, 1, true);
    weir_status status = WEIR_OK;
    for (unsigned i = 0; i < 64 && status == WEIR_OK; i++)
        status = mark_give(self, WEIR_MARK_FLUSH, i);
    RIG_CHECK(player->rig, status == WEIR_NO_MEMORY);
    return WEIR_CONTINUE;
}

/* To all of them, or to none: each has as many. */
static void without_memory_none_has_it(struct rig *rig) {
    open_scene(rig, WEIR_PRODUCER_CONSUMER, false);
    f.a.quiet = f.b.quiet = true;
    flow();
    f.m.does.cast = mark_without_memory;
    player_cast(&f.m, 0);
    rig_rest(rig);
    test_memory_fail_never(&rig->memory);
    rig->log.used = 0;
    rig->log.text[0] = '\0';
    rig_close(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(one_that_is_passed_on_comes_out_of_both),
        TEST_IN_WORLDS(it_waits_behind_each_buffer),
        TEST_IN_WORLDS(a_consumers_outputs_have_it_too),
        TEST_IN_WORLDS_AND_WAYS(one_that_is_emitted_comes_out_of_both, 2),
        TEST_IN_WORLDS(an_output_that_has_ended_has_none),
        TEST_STEPPED(without_memory_none_has_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
