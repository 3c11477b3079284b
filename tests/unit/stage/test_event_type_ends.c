/*
 * Event types as a flow ends: it is drained, or somebody in it stops.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a drain loses nothing: each owned event is handled, or dropped for a cause that it has
 * without any end; a stage that dies amid a flow costs what it kept for others, and no more.
 * Method: endless sources, in every world, with a ledger of all they made; some turns into the
 * flow the end comes. (What has an end anyway: test_event_type.c.)
 */
#include "support/owned_scene.h"
#include "support/worlds.h"

enum { ENDLESS = 8000, FEW = 200 };

static const weir_subscribe_options fifty = {.max_demand = 50, .cancel = WEIR_TEMPORARY};

static weir_ref endless(weir_stage_options options) {
    return owned_scene_source((struct owned_source){.limit = ENDLESS}, options);
}

static weir_verdict pass_on(weir_stage *self, weir_batch batch) {
    owned_scene_look(self, batch);
    return weir_forward(self);
}

static uint64_t dropped(weir_discard cause) {
    return weir_runtime_dropped(owned_scene.rig->runtime, cause);
}

/* So many turns more than it takes until events are under way. */
static void flow(int turns) {
    weir_runtime *runtime = owned_scene.rig->runtime;
    while (owned_scene.ledger.made == 0) assert_int_equal(weir_runtime_step(runtime, 1), 1);
    weir_runtime_step(runtime, (uint64_t)turns);
}

static void drain(int turns) {
    flow(turns);
    assert_int_equal(weir_runtime_drain(owned_scene.rig->runtime, WEIR_FOREVER, NULL), WEIR_OK);
    assert_int_equal(rig_accounts(owned_scene.rig).accepted, owned_scene.ledger.made);
}

/* ---- drained --------------------------------------------------------------------- */

static void what_flows_is_handled(struct rig *rig, int turns) {
    owned_scene_open(rig);
    weir_ref relay = owned_scene_relay(endless((weir_stage_options){0}), pass_on, fifty);
    owned_scene_sink(relay, owned_scene_look, fifty);
    drain(turns);
    assert_int_equal(dropped(WEIR_DISCARD_HANDLED), owned_scene.ledger.made);
    owned_scene_close(NULL);
}

static void what_went_back_is_handled_by_another(struct rig *rig, int turns) {
    owned_scene_open(rig);
    weir_ref source = endless((weir_stage_options){0});
    weir_ref one = owned_scene_sink(source, owned_scene_look, fifty);
    owned_scene_sink(source, owned_scene_look, fifty);
    flow(turns);
    assert_int_equal(weir_stop(rig->runtime, one, WEIR_REASON_USER), WEIR_OK);
    drain(30); /* by then they have come back: who had gone before that would have lost them */
    assert_int_equal(dropped(WEIR_DISCARD_HANDLED), owned_scene.ledger.made);
    owned_scene_close(NULL);
}

static uint32_t one_of_two_or_none(void *context, const void *event) {
    uint64_t third = ((const struct owned *)event)->number % 3;
    (void)context;
    return third == 2 ? WEIR_PARTITION_NONE : (uint32_t)third;
}

static void what_has_no_partition_is_unwanted(struct rig *rig, int turns) {
    owned_scene_open(rig);
    const weir_partition_dispatcher_options partitions = {.partitions = 2,
                                                          .hash = one_of_two_or_none};
    weir_ref source = endless((weir_stage_options){.dispatcher = weir_partition_dispatcher(),
                                                   .dispatcher_options = &partitions});
    for (unsigned i = 0; i < 2; i++) {
        weir_subscribe_options of_one = fifty;
        of_one.partition = WEIR_PARTITION(i);
        owned_scene_sink(source, owned_scene_look, of_one);
    }
    drain(turns);
    uint64_t made = owned_scene.ledger.made;
    assert_int_equal(dropped(WEIR_DISCARD_UNWANTED), (made + 1) / 3);
    assert_int_equal(dropped(WEIR_DISCARD_HANDLED), made - (made + 1) / 3);
    owned_scene_close(NULL);
}

static bool is_even(void *context, const void *event) {
    (void)context;
    return ((const struct owned *)event)->number % 2 == 0;
}

static void what_two_select_is_handled_once(struct rig *rig, int turns) {
    owned_scene_open(rig);
    weir_ref source = endless(
        (weir_stage_options){.dispatcher = weir_broadcast_dispatcher(), .demand = WEIR_ACCUMULATE});
    weir_subscribe_options selective = fifty;
    selective.selector = is_even;
    for (int i = 0; i < 2; i++) owned_scene_sink(source, owned_scene_look, selective);
    rig_rest(rig);
    assert_int_equal(weir_demand(rig->runtime, source, WEIR_FORWARD), WEIR_OK);
    drain(turns);
    uint64_t made = owned_scene.ledger.made;
    assert_int_equal(dropped(WEIR_DISCARD_HANDLED), made / 2);
    assert_int_equal(dropped(WEIR_DISCARD_UNWANTED), made - made / 2);
    owned_scene_close(NULL);
}

/* ---- stopped ------------------------------------------------------------------------ */

/* What lay before it goes back, what lay behind it is handled. */
static void what_a_stage_between_kept_when_it_died(struct rig *rig, int turns) {
    owned_scene_open(rig);
    weir_ref source =
        owned_scene_source((struct owned_source){.limit = FEW}, (weir_stage_options){0});
    weir_ref relay = owned_scene_relay(source, pass_on, fifty);
    owned_scene_sink(relay, owned_scene_look,
                     (weir_subscribe_options){.max_demand = 5, .cancel = WEIR_TEMPORARY});
    flow(turns);
    owned_scene_stop(relay);
    owned_scene_sink(source, owned_scene_look, fifty);
    rig_rest(rig);
    assert_int_equal(dropped(WEIR_DISCARD_HANDLED) + dropped(WEIR_DISCARD_STOPPED), FEW);
    assert_int_equal(dropped(WEIR_DISCARD_STOPPED), owned_scene.told);
    assert_true(owned_scene.told <= 50);
    owned_scene_close(NULL);
}

static void what_was_buffered_when_it_stopped(struct rig *rig) {
    owned_scene_open(rig);
    weir_ref source = owned_scene_source((struct owned_source){.limit = 20, .burst = 20},
                                         (weir_stage_options){.buffer_size = 5});
    assert_int_equal(weir_cast(rig->runtime, source, NULL, 0), WEIR_OK);
    rig_rest(rig);
    owned_expect(&owned_scene.ledger, "overflow 15, left 5");
    owned_scene_stop(source);
    owned_expect(&owned_scene.ledger, "overflow 15, stopped 5");
    assert_int_equal(owned_scene.told, 20);
    owned_scene_close("overflow 15, stopped 5");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS_AND_WAYS(what_flows_is_handled, 5),
        TEST_IN_WORLDS_AND_WAYS(what_went_back_is_handled_by_another, 5),
        TEST_IN_WORLDS_AND_WAYS(what_has_no_partition_is_unwanted, 3),
        TEST_IN_WORLDS_AND_WAYS(what_two_select_is_handled_once, 3),
        TEST_IN_WORLDS_AND_WAYS(what_a_stage_between_kept_when_it_died, 8),
        TEST_IN_WORLDS(what_was_buffered_when_it_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
