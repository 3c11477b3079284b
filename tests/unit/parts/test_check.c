/*
 * The parts' checkers: what is broken is named.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: of a port's positions, of what a stream lends, of a pool's children and of a
 * supervisor's lists, a breach aborts and says which.
 * Method: each of them at rest, in a stepped runtime; a field is changed and it is asked to do
 * something, or looked at, in a process of its own.
 */
#include "base/check.h"
#include "parts/port.h"
#include "parts/stream.h"
#include "parts/supervisor.h"
#include "parts/task_pool.h"
#include "support/aborts.h"
#include "support/cmocka.h"
#include "support/pool_scene.h"
#include "support/stream_scene.h"

/* ---- ports --------------------------------------------------------------- */

static void claim_and_not_push(void *argument) {
    weir_port *port = argument;
    port->claimed++;
    WEIR__VERIFY(weir__port_check_pusher(port));
}

static void see_room_that_is_not_there(void *argument) {
    weir_port *port = argument;
    port->room_until = port->in + port->capacity + 1;
    const uint64_t numbers[2] = {0};
    weir_port_push(port, numbers, 1, 0);
    port->room_until++;
    WEIR__VERIFY(weir__port_check_pusher(port));
}

static void take_what_was_not_seen(void *argument) {
    weir_port *port = argument;
    port->out = port->seen + 1;
    WEIR__VERIFY(weir__port_check_worker(port));
}

static void see_more_than_there_is_room_for(void *argument) {
    weir_port *port = argument;
    port->seen = port->taken + port->capacity + 1;
    WEIR__VERIFY(weir__port_check_worker(port));
}

static void a_port(void **state) {
    static const struct test_breakage breakages[] = {
        {claim_and_not_push, "port->claimed == port->in"},
        {see_room_that_is_not_there, "port->room_until - port->in <= port->capacity"},
        {take_what_was_not_seen, "port->out - port->taken <= port->seen - port->taken"},
        {see_more_than_there_is_room_for, "port->seen - port->taken <= port->capacity"},
    };
    if (!WEIR__CHECKED) skip();
    (void)state;
    static struct rig rig;
    weir_inlet *inlet;
    weir_port *port;
    rig_open(&rig, NULL);
    const weir_inlet_options options = {.event_bytes = sizeof(uint64_t), .capacity = 8};
    assert_int_equal(weir_inlet_open(rig.runtime, &options, &inlet, NULL), WEIR_OK);
    assert_int_equal(weir_port_open(inlet, &port), WEIR_OK);
    rig_rest(&rig);
    TEST_BREAKAGES(breakages, port);
    weir_port_close(port);
    weir_inlet_close(inlet);
    rig_close(&rig);
}

/* ---- streams ------------------------------------------------------------- */

static const weir_stage *stage_of(const struct stream_scene *scene) {
    weir_runtime *runtime = scene->rig.runtime;
    return weir__registry_find(&runtime->registry, scene->stream->quay.stage)->stage;
}

static void give_what_is_not_lent(void *argument) {
    struct stream_scene *scene = argument;
    scene->stream->given = stage_of(scene)->lent.count + 1;
    WEIR__VERIFY(weir__stream_check(scene->stream, stage_of(scene), 0));
}

static void be_amid_nothing(void *argument) {
    struct stream_scene *scene = argument;
    scene->stream->given = 0;
    WEIR__VERIFY(weir__stream_check(scene->stream, stage_of(scene), 1));
}

static void forget_what_is_back(void *argument) {
    struct stream_scene *scene = argument;
    WEIR__VERIFY(weir__stream_check(scene->stream, stage_of(scene), 2));
}

static void a_stream(void **state) {
    static const struct test_breakage breakages[] = {
        {give_what_is_not_lent, "stream->given <= lent->count"},
        {be_amid_nothing, "(position & 1) == 0 || batch"},
        {forget_what_is_back, "stream->back == (position & WEIR__STREAM_MOVES) / 2"},
    };
    if (!WEIR__CHECKED) skip();
    (void)state;
    static struct stream_scene scene;
    rig_open(&scene.rig, NULL);
    scene_start(&scene, &scene.p, "p", 5, true);
    scene_open(&scene, (weir_subscribe_options){.max_demand = 10});
    rig_rest(&scene.rig);
    WEIR__VERIFY(weir__stream_check(scene.stream, stage_of(&scene), 0));
    TEST_BREAKAGES(breakages, &scene);
    scene_finish(&scene);
}

/* ---- pools --------------------------------------------------------------- */

static void have_a_child_too_many(void *argument) {
    struct pool_scene *scene = argument;
    scene->pool->children++;
    pool_scene_start(scene, POOL_SCENE_BY_HAND);
    rig_rest(&scene->rig);
}

static void a_pool(void **state) {
    static const struct test_breakage breakages[] = {
        {have_a_child_too_many, "pool->children == children"},
    };
    if (!WEIR__CHECKED) skip();
    (void)state;
    static struct pool_scene scene;
    assert_true(pool_scene_world(&scene, 0));
    pool_scene_pool(&scene, &(weir_pool_options){.threads = WEIR_NONE});
    rig_rest(&scene.rig);
    TEST_BREAKAGES(breakages, &scene);
    pool_scene_close(&scene);
}

/* ---- supervisors --------------------------------------------------------- */

static weir_status start_nothing(weir_runtime *runtime, void *argument, weir_ref *out) {
    return weir_supervisor_start(runtime, argument, out);
}

static void forget_who_is_alive(void *argument) {
    struct weir__supervisor *supervisor = argument;
    supervisor->first->state = WEIR__CHILD_DOWN;
    WEIR__VERIFY(weir__supervisor_check_lists(supervisor));
}

static void lose_a_child(void *argument) {
    struct weir__supervisor *supervisor = argument;
    supervisor->first->next = NULL;
    supervisor->last = supervisor->first;
    WEIR__VERIFY(weir__supervisor_check_lists(supervisor));
}

static void a_supervisor(void **state) {
    static const struct test_breakage breakages[] = {
        {forget_who_is_alive, "child != NULL || supervisor->by_ref.count == alive"},
        {lose_a_child, "child != NULL || supervisor->by_number.count == count"},
    };
    if (!WEIR__CHECKED) skip();
    (void)state;
    static struct rig rig;
    static weir_supervisor_options inner = {.name = "inner"};
    const weir_supervised children[] = {{.start = start_nothing, .argument = &inner},
                                        {.start = start_nothing, .argument = &inner}};
    const weir_supervisor_options options = {
        .name = "outer", .children = children, .child_count = 2};
    weir_ref ref;
    rig_open(&rig, NULL);
    assert_int_equal(weir_supervisor_start(rig.runtime, &options, &ref), WEIR_OK);
    rig_rest(&rig);
    struct weir__slot *slot = weir__registry_find(&rig.runtime->registry, ref);
    TEST_BREAKAGES(breakages, weir__supervisor_of(slot->stage));
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_port),
        cmocka_unit_test(a_stream),
        cmocka_unit_test(a_pool),
        cmocka_unit_test(a_supervisor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
