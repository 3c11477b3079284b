/*
 * Supervisors: nobody becomes his own ancestor, nor two supervisors' child.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a child's start that returns a supervisor above, near or far, already known or
 * just starting, is refused with a sentence, and all ends as it should; so is one that
 * returns a child of the same or of another supervisor that lives.
 * Method: starts that return whatever the test says, in every world and with threads.
 */
#include "support/rig.h"
#include "support/worlds.h"

#include <string.h>

static struct rig rig;

/* A start that returns a stage that is there already. */
static weir_status return_it(weir_runtime *runtime, void *argument, weir_ref *out) {
    (void)runtime;
    *out = *(const weir_ref *)argument;
    return WEIR_OK;
}

/* A start of a supervisor over the children in the argument, which ends with NULL. */
struct family {
    weir_supervised child;
    weir_ref self;
};

static weir_status start_family(weir_runtime *runtime, void *argument, weir_ref *out) {
    struct family *family = argument;
    const weir_supervisor_options options = {
        .name = "inner", .max_restarts = WEIR_NONE, .children = &family->child, .child_count = 1};
    weir_status status = weir_supervisor_start(runtime, &options, out);
    family->self = *out;
    return status;
}

static weir_ref start_empty(const char *name) {
    weir_ref ref;
    assert_int_equal(
        weir_supervisor_start(rig.runtime, &(weir_supervisor_options){.name = name}, &ref),
        WEIR_OK);
    return ref;
}

static weir_status add(weir_ref supervisor, weir_supervised child, weir_ref *out) {
    return weir_supervisor_start_child(rig.runtime, supervisor, &child, WEIR_FOREVER, NULL, out);
}

static void refuses(weir_ref supervisor, weir_supervised child, const char *why) {
    weir_ref ref = {17};
    assert_int_equal(add(supervisor, child, &ref), WEIR_INVALID);
    assert_non_null(strstr(weir_refusal(), why));
    assert_int_equal(ref.bits, 17);
}

static void expect_stages(size_t count) {
    assert_int_equal(weir_runtime_settle(rig.runtime, WEIR_FOREVER), WEIR_OK);
    assert_int_equal(weir_runtime_stages(rig.runtime), count);
}

static void stop(weir_ref stage) {
    assert_int_equal(weir_stop_wait(rig.runtime, stage, WEIR_REASON_SHUTDOWN, WEIR_FOREVER),
                     WEIR_OK);
}

static const char *const above = "its start has returned a supervisor that inner is under: they "
                                 "would wait for each other's ends";

/* ---- on the way down ----------------------------------------------------- */

/* grandparents and before: those whose own children's starts are still running */
static void an_ancestor_whose_child_is_being_started(void) {
    weir_ref outer = start_empty("outer");
    struct family parent = {.child = {.start = return_it, .argument = &outer}};
    struct family grandparent = {.child = {.start = start_family, .argument = &parent}};
    refuses(outer, (weir_supervised){.start = start_family, .argument = &parent}, above);
    refuses(outer, (weir_supervised){.start = start_family, .argument = &grandparent}, above);
    expect_stages(1);
    stop(outer);
    expect_stages(0);
}

/* One above the first of them, which has its children already. */
static void an_ancestor_that_is_known(void) {
    weir_ref top = start_empty("top");
    struct family middle = {.child = {.start = return_it, .argument = &top}};
    weir_ref empty = start_empty("inner");
    assert_int_equal(add(top, (weir_supervised){.start = return_it, .argument = &empty}, NULL),
                     WEIR_OK);
    refuses(empty, (weir_supervised){.start = return_it, .argument = &top}, above);
    refuses(empty, (weir_supervised){.start = start_family, .argument = &middle}, above);
    refuses(empty, (weir_supervised){.start = return_it, .argument = &empty},
            "its start has returned the supervisor itself");
    expect_stages(2);
    stop(top);
    expect_stages(0);
}

/* ---- one parent ---------------------------------------------------------- */

static void a_supervisor_has_one_parent(void) {
    weir_ref one = start_empty("one");
    weir_ref other = start_empty("other");
    weir_ref child = start_empty("child");
    const weir_supervised it = {
        .start = return_it, .argument = &child, .restart = WEIR_RESTART_TEMPORARY};
    assert_int_equal(add(one, it, NULL), WEIR_OK);
    refuses(other, it, "its start has returned a supervisor that another one has started");
    refuses(one, it, "its start has returned the stage of child 0, child");
    stop(child);
    stop(one);
    expect_stages(1);
    child = start_empty("child");
    assert_int_equal(add(other, it, NULL), WEIR_OK);
    stop(other);
    expect_stages(0);
}

/* ---- everywhere ---------------------------------------------------------- */

static void all(void) {
    an_ancestor_whose_child_is_being_started();
    an_ancestor_that_is_known();
    a_supervisor_has_one_parent();
}

static void in_every_world(void) {
    all();
    rig_close(&rig);
}

static void with_threads(void **state) {
    (void)state;
    for (unsigned workers = 1; workers <= 3; workers++) {
        rig_open(&rig, &(weir_runtime_options){.workers = workers, .unpinned = true});
        all();
        rig_close(&rig);
    }
}

/* Two that adopt each other at once: at most one of them does. */
struct adopter {
    weir_ref supervisor;
    weir_ref child;
    weir_status status;
};

static void *adopt(void *argument) {
    struct adopter *adopter = argument;
    adopter->status = add(adopter->supervisor,
                          (weir_supervised){.start = return_it, .argument = &adopter->child}, NULL);
    return NULL;
}

static void two_adopt_each_other(void **state) {
    (void)state;
    rig_open(&rig, &(weir_runtime_options){.workers = 2, .unpinned = true});
    for (int round = 0; round < 50; round++) {
        weir_ref one = start_empty("inner");
        weir_ref other = start_empty("inner");
        struct adopter adopters[] = {{.supervisor = one, .child = other},
                                     {.supervisor = other, .child = one}};
        pthread_t threads[2];
        for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, adopt, &adopters[i]);
        for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
        assert_true((adopters[0].status == WEIR_OK) + (adopters[1].status == WEIR_OK) == 1);
        stop(one);
        weir_stop(rig.runtime, other, WEIR_REASON_SHUTDOWN);
        assert_int_equal(weir_runtime_run(rig.runtime, WEIR_FOREVER), WEIR_OK);
    }
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS_OF(&rig, in_every_world),
        cmocka_unit_test(with_threads),
        cmocka_unit_test(two_adopt_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
