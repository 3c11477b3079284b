/*
 * Opening sources: what is refused, and says why; who may, and what is told of them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: each bad option is refused with its name, the value and what is allowed, and leaves
 * nothing behind; pulls and pushes that may not be are refused likewise; without memory nothing
 * has begun.
 */
#include "support/cmocka.h"
#include "support/source_scene.h"
#include "support/worlds.h"

#include <string.h>

static struct source_scene *const f = &source_scene;

static void refuse(const char *why) {
    weir_source *source = NULL;
    weir_ref stage;
    assert_int_equal(weir_source_open(f->rig->runtime, &f->options, &source, &stage), WEIR_INVALID);
    if (strstr(weir_refusal(), why) == NULL) {
        print_error("expected: %s\nfound: %s\n", why, weir_refusal());
        fail();
    }
    assert_null(source);
    assert_int_equal(weir_runtime_stages(f->rig->runtime), 0);
    source_scene_begin(f->rig, 1);
}

static void bad_options_are_refused(struct rig *rig) {
    source_scene_begin(rig, 1);
    f->options.max_outstanding = 4194304;
    refuse("max_outstanding must be at most 4194303, got 4194304");
    f->options.when_full = WEIR_DROP_OLDEST;
    refuse("when_full must be WEIR_REFUSE or WEIR_BLOCK, got 3");
    f->options.reopen_ns = 100;
    f->options.reopen_most_ns = 99;
    refuse("reopen_most_ns must be at least reopen_ns, 100, got 99");
    f->driver.pull = NULL;
    refuse("driver scene: pull must be set");
    f->driver.needs_context = true;
    f->options.context = NULL;
    refuse("driver scene: context (of a pipeline, source_contexts) must be the source that the "
           "driver is of, got NULL");
    f->driver.span = 5;
    refuse("driver scene: span is for cumulative sources, got 5");
    f->driver.cumulative = true;
    f->driver.lease_ns = 7;
    refuse("driver scene: a cumulative source has no leases of messages, got lease_ns 7");
    f->driver.lease_ns = 7;
    f->driver.extend = NULL;
    refuse("driver scene: lease_ns is set, so extend must say how a lease is extended, got "
           "lease_ns 7 and extend NULL");
    f->driver.name = "a\nb";
    refuse("driver->name must have no control characters, got byte 0x0a at 1");
    f->options.name = "a\nb";
    refuse("name must have no control characters, got byte 0x0a at 1");
    f->options.reserved[2] = 1;
    refuse("weir_source_options");
    f->driver.reserved[0] = (void (*)(void))refuse;
    refuse("weir_source_driver");
    f->options.worker = WEIR_WORKER(1000);
    refuse("worker");
    weir_source *source;
    assert_int_equal(weir_source_open(NULL, &f->options, &source, NULL), WEIR_INVALID);
    assert_int_equal(weir_source_open(rig->runtime, NULL, &source, NULL), WEIR_INVALID);
    assert_int_equal(weir_source_open(rig->runtime, &f->options, NULL, NULL), WEIR_INVALID);
    assert_int_equal(weir_source_close(NULL), WEIR_OK);
    weir_accounts accounts;
    rig_rest(rig);
    assert_int_equal(weir_runtime_close(rig->runtime, &accounts), WEIR_OK);
    rig_expect_nothing_left(rig, &accounts);
}

/* ---- refusals of a pull --------------------------------------------------------- */

static weir_pulled pull_badly(void *context, weir_pull *pull, uint64_t events, uint64_t bytes,
                              uint64_t timeout_ns) {
    weir_incoming incoming = {.position = 5};
    (void)context, (void)events, (void)bytes, (void)timeout_ns;
    incoming.lent = true;
    RIG_CHECK(f->rig, !weir_pull_add(pull, &incoming));
    RIG_CHECK(f->rig, strstr(weir_refusal(), "what is lent needs the driver's release") != NULL);
    incoming.lent = false;
    incoming.reserved[1] = 1;
    RIG_CHECK(f->rig, !weir_pull_add(pull, &incoming));
    RIG_CHECK(f->rig, strstr(weir_refusal(), "weir_incoming") != NULL);
    incoming.reserved[1] = 0;
    RIG_CHECK(f->rig, weir_pull_add(pull, &incoming));
    RIG_CHECK(f->rig, !weir_pull_add(pull, &incoming));
    RIG_CHECK(f->rig, strstr(weir_refusal(), "positions of lane 0 must rise: 5 comes after 5"));
    RIG_CHECK(f->rig, weir_pull_room(pull) == 1023);
    RIG_CHECK(f->rig, !weir_pull_stopping(pull));
    RIG_CHECK(f->rig, !weir_pull_lane_full(pull, 0) && !weir_pull_lane_full(pull, 7));
    RIG_CHECK(f->rig, !weir_pull_add(pull, NULL));
    return WEIR_SOURCE_END;
}

static weir_verdict nothing(weir_stage *self, weir_batch batch) {
    (void)self, (void)batch;
    return WEIR_CONTINUE;
}

static void bad_pulls_are_refused(struct rig *rig) {
    static const weir_source_driver driver = {.cumulative = true, .pull = pull_badly};
    source_scene_begin(rig, 1);
    f->options.driver = &driver;
    assert_int_equal(weir_source_open(rig->runtime, &f->options, &f->source, &f->stage), WEIR_OK);
    const weir_subscribe_to to = {.producer = f->stage};
    const weir_stage_options options = {.kind = WEIR_CONSUMER,
                                        .subscribe_to = &to,
                                        .subscribe_count = 1,
                                        .on = {.handle_events = nothing}};
    assert_int_equal(weir_stage_start(rig->runtime, &options, NULL), WEIR_OK);
    assert_int_equal(weir_runtime_run(rig->runtime, WEIR_FOREVER), WEIR_OK);
    weir_source_stats stats;
    assert_int_equal(weir_source_statistics(f->source, &stats), WEIR_OK);
    assert_int_equal(stats.acked, 1);
    weir_message message = {0};
    assert_int_equal(weir_source_push(f->source, &message, 1, 0, NULL, NULL), WEIR_NO_STAGE);
    assert_int_equal(weir_source_push(f->source, &message, 1025, 0, NULL, NULL), WEIR_INVALID);
    assert_int_equal(weir_source_close(f->source), WEIR_OK);
    weir_accounts accounts;
    assert_int_equal(weir_runtime_close(rig->runtime, &accounts), WEIR_OK);
    rig_expect_nothing_left(rig, &accounts);
}

/* ---- who may -------------------------------------------------------------------- */

static weir_verdict open_inside(weir_stage *self, const void *message, size_t bytes) {
    (void)self, (void)message, (void)bytes;
    RIG_CHECK(f->rig,
              weir_source_open(f->rig->runtime, &f->options, &f->source, &f->stage) == WEIR_OK);
    RIG_CHECK(f->rig, weir_source_drain(f->source, 0, 0) == WEIR_WRONG_THREAD);
    RIG_CHECK(f->rig, weir_source_close(f->source) == WEIR_WRONG_THREAD);
    return WEIR_CONTINUE;
}

static void callbacks_may_open_and_not_wait(struct rig *rig) {
    const weir_stage_options options = {
        .kind = WEIR_CONSUMER, .on = {.handle_events = nothing, .handle_cast = open_inside}};
    weir_ref ref;
    source_scene_begin(rig, 1);
    assert_int_equal(weir_stage_start(rig->runtime, &options, &ref), WEIR_OK);
    assert_int_equal(weir_cast(rig->runtime, ref, "", 1), WEIR_OK);
    rig_rest(rig);
    source_scene_close();
    weir_accounts accounts;
    assert_int_equal(weir_runtime_close(rig->runtime, &accounts), WEIR_OK);
    rig_expect_nothing_left(rig, &accounts);
}

/* ---- without memory ------------------------------------------------------------- */

static void without_memory_nothing_begins(struct rig *rig) {
    weir_accounts accounts;
    bool opened = false;
    for (uint64_t nth = 1; !opened; nth++) {
        source_scene_begin(rig, 1);
        f->driver.cumulative = true;
        test_memory_fail(&rig->memory, nth, false);
        weir_status status = weir_source_open(rig->runtime, &f->options, &f->source, &f->stage);
        test_memory_fail_never(&rig->memory);
        assert_true(status == WEIR_OK || status == WEIR_NO_MEMORY);
        opened = status == WEIR_OK;
        rig_rest(rig);
        assert_int_equal(weir_runtime_stages(rig->runtime), opened ? 2 : 0);
        assert_true(nth < 100);
    }
    source_scene_close();
    assert_int_equal(weir_runtime_close(rig->runtime, &accounts), WEIR_OK);
    rig_expect_nothing_left(rig, &accounts);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_STEPPED(bad_options_are_refused),
        TEST_IN_WORLDS(bad_pulls_are_refused),
        TEST_IN_WORLDS(callbacks_may_open_and_not_wait),
        TEST_STEPPED(without_memory_nothing_begins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
