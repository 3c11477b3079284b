/*
 * What a source logs of its driver.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a lost connection, and that it is there again, acks that are given up, and values that are
 * none are logged, each once.
 * Method: the driver of support/source_scene.h loses what it is told to; texts are compared.
 */
#include "support/cmocka.h"
#include "support/source_keeper.h"
#include "support/source_scene.h"
#include "support/worlds.h"

enum { MS = 1000000 };

static struct source_scene *const f = &source_scene;

/* ---- what is logged ------------------------------------------------------------------------ */

#define LOST_ONCE(call)                                                                          \
    "warning: source scene: driver scene is not connected: " call " has said LOST; it is tried " \
    "again in 0 ms\n"

#define CONNECTED_AGAIN "info: source scene: driver scene is connected again\n"

static void what_is_lost_is_logged(struct rig *rig, int way) {
    static const char *const logs[] = {
        LOST_ONCE("open") "info: source scene: driver scene is connected\n",
        LOST_ONCE("pull") CONNECTED_AGAIN, LOST_ONCE("ack") CONNECTED_AGAIN};
    source_scene_begin(rig, 10);
    f->options.reopen_ns = 2;
    f->options.reopen_most_ns = 2;
    *(way == 0 ? &f->lose_opens : way == 1 ? &f->lose_pulls : &f->lose_acks) = way == 0 ? 3 : 1;
    source_scene_open();
    source_consume(NULL, 0);
    assert_int_equal(weir_runtime_run(rig->runtime, WEIR_FOREVER), WEIR_OK);
    rig_expect_log(rig, logs[way]);
    source_scene_close();
    source_scene_end();
}

static void acks_given_up_are_logged_once(struct rig *rig) {
    source_scene_begin(rig, 10);
    f->lose_acks = 2;
    f->options.ack_tries = 1;
    f->options.reopen_ns = f->options.reopen_most_ns = 2;
    f->stays = true;
    source_scene_open();
    source_keep();
    rig_rest(rig);
    for (int i = 0; i < 2; i++) {
        source_settle_kept(4);
        while (f->acks < (uint64_t)i + 1) weir_runtime_run(rig->runtime, MS);
    }
    source_settle_kept(2);
    assert_int_equal(source_scene_close().lost_acks, 8);
    rig_expect_log(
        rig,
        LOST_ONCE("ack") "warning: source scene: acks of 4 messages are given up, as "
                         "driver scene takes none: they may be delivered again\n" CONNECTED_AGAIN
                             LOST_ONCE("ack") CONNECTED_AGAIN);
    source_scene_end();
}

static weir_pulled pull_nonsense(void *context, weir_pull *pull, uint64_t events, uint64_t bytes,
                                 uint64_t timeout_ns) {
    (void)context, (void)pull, (void)events, (void)bytes, (void)timeout_ns;
    return (weir_pulled)77;
}

static weir_pulled open_nonsense(void *context) {
    (void)context;
    return (weir_pulled)77;
}

static void a_value_that_is_none_is_named(struct rig *rig, int way) {
    static const char *const logs[] = {
        "error: source scene: pull of driver scene has returned 77, which says nothing\n"
        "error: source scene: its driver is broken\n",
        "error: source scene: open of driver scene has returned 77, which says nothing\n"
        "error: source scene: its driver is broken\n"};
    source_scene_begin(rig, 10);
    if (way == 0) {
        f->driver.pull = pull_nonsense;
    } else {
        f->driver.open = open_nonsense;
    }
    source_scene_open();
    weir_ref consumer = source_consume(NULL, 0);
    assert_int_equal(weir_wait(rig->runtime, consumer, WEIR_FOREVER, NULL), WEIR_OK);
    rig_rest(rig);
    assert_true(weir_source_over(f->source));
    rig_expect_log(rig, logs[way]);
    source_scene_close();
    source_scene_end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS_AND_WAYS(what_is_lost_is_logged, 3),
        TEST_IN_WORLDS(acks_given_up_are_logged_once),
        TEST_IN_WORLDS_AND_WAYS(a_value_that_is_none_is_named, 2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
