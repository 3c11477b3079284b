/*
 * The runtime's checkers: they are called when all is at rest, and name what is broken then.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a breach of an equation that only both ends of something tell, or only the sum over all
 * stages, aborts at the next quiet point and says which it is.
 * Method: a producer and two consumers that share its queue, at rest, stepped by the test; one
 * field is changed, in a process of its own, and the runtime asked to settle.
 */
#include "base/check.h"
#include "runtime/runtime.h"
#include "support/aborts.h"
#include "support/cmocka.h"
#include "support/player.h"

struct scene {
    struct rig rig;
    struct player p;
    struct player c[2];
};

static void open_scene(struct scene *scene) {
    rig_open(&scene->rig, NULL);
    scene->p = (struct player){.name = "p", .kind = WEIR_PRODUCER, .limit = 3};
    player_start(&scene->p, &scene->rig,
                 &(weir_stage_options){.dispatcher = weir_shared_dispatcher()});
    for (int i = 0; i < 2; i++) {
        scene->c[i] = (struct player){.name = "c", .kind = WEIR_CONSUMER};
        player_start(&scene->c[i], &scene->rig, NULL);
        player_subscribe(&scene->c[i], &scene->p, &(weir_subscribe_options){.max_demand = 10});
    }
    rig_rest(&scene->rig);
}

static weir_stage *producer_of(const struct scene *scene) {
    return weir__registry_find(&scene->rig.runtime->registry, scene->p.ref)->stage;
}

static void settle(const struct scene *scene) {
    weir_runtime_settle(scene->rig.runtime, WEIR_FOREVER);
}

static void emit_uncounted(void *argument) {
    struct scene *scene = argument;
    scene->rig.runtime->workers[0].host.counters.emitted++;
    settle(scene);
}

static void count_what_is_not_buffered(void *argument) {
    struct scene *scene = argument;
    scene->rig.runtime->workers[0].host.counters.emitted++;
    scene->rig.runtime->workers[0].host.counters.buffered++;
    settle(scene);
}

static void count_what_is_not_stashed(void *argument) {
    struct scene *scene = argument;
    scene->rig.runtime->workers[0].host.counters.stashed++;
    settle(scene);
}

static void take_what_was_not_there(void *argument) {
    struct scene *scene = argument;
    producer_of(scene)->consumers->received++;
    settle(scene);
}

static void ask_unheard(void *argument) {
    struct scene *scene = argument;
    producer_of(scene)->consumers->asked_seen--;
    settle(scene);
}

static void change_the_mailbox(void *argument) {
    struct scene *scene = argument;
    producer_of(scene)->mailbox->generation++;
    settle(scene);
}

static void what_is_broken_is_named(void **state) {
    static const struct test_breakage breakages[] = {
        {emit_uncounted, "weir_accounts_check(&accounts) == NULL"},
        {count_what_is_not_buffered, "!all || counted == buffered"},
        {count_what_is_not_stashed, "stage != NULL || worker->host.counters.stashed == stashed"},
        {take_what_was_not_there, "pool->open == (int64_t)(asked - taken - waiting)"},
        {ask_unheard, "edge->load != NULL || edge->asked_seen == edge->asked"},
        {change_the_mailbox, "(told & TOLD_OPEN) != 0 && told >> TOLD_BITS == box->generation"},
    };
    (void)state;
    if (!WEIR__CHECKED) skip();
    static struct scene scene;
    open_scene(&scene);
    TEST_BREAKAGES(breakages, &scene);
    rig_close(&scene.rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_broken_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
