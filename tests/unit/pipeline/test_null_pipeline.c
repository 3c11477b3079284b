/*
 * NULL, of pipelines: messages, sources, pipelines.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: no pointer argument of their functions crashes when it is NULL.
 * Method: a row for each (support/nulls.h), as in runtime/test_null.c.
 */
#include "support/cmocka.h"
#include "support/nulls.h"

static struct rig rig;

static void of_a_message(void) {
    weir_message message = {0};
    HARMLESS(weir_message_set, self, !weir_message_set(NULL, &message, "", 1));
    HARMLESS(weir_message_set, message, !weir_message_set(SOME, NULL, "", 1));
    HARMLESS(weir_message_set, data, !weir_message_set(SOME, &message, NULL, 1));
    HARMLESS(weir_message_room, self, weir_message_room(NULL, &message, 1) == NULL);
    HARMLESS(weir_message_room, message, weir_message_room(SOME, NULL, 1) == NULL);
    HARMLESS(weir_message_more, of, (weir_message_more(NULL, &message), true));
    HARMLESS(weir_message_more, more, (weir_message_more(&message, NULL), true));
    HARMLESS(weir_message_settle, messages,
             (weir_message_settle(NULL, 1, WEIR_DISCARD_HANDLED), true));
    HARMLESS(weir_message_ack, self, !weir_message_ack(NULL, &message));
    HARMLESS(weir_message_ack, message, !weir_message_ack(SOME, NULL));
}

/* ---- sources --------------------------------------------------------------------- */

static void of_pulls(void) {
    const weir_incoming incoming = {0};
    HARMLESS(weir_pull_add, pull, !weir_pull_add(NULL, &incoming));
    HARMLESS(weir_pull_add, incoming, !weir_pull_add(SOME, NULL));
    HARMLESS(weir_pull_room, pull, weir_pull_room(NULL) == 0);
    HARMLESS(weir_pull_flush, pull, (weir_pull_flush(NULL), true));
    HARMLESS(weir_pull_log, pull, (weir_pull_log(NULL, WEIR_LOG_INFO, "%s", ""), true));
    HARMLESS(weir_pull_log, format, (weir_pull_log(SOME, WEIR_LOG_INFO, NULL), true));
    HARMLESS(weir_pull_stopping, pull, !weir_pull_stopping(NULL));
    HARMLESS(weir_pull_lane_full, pull, !weir_pull_lane_full(NULL, 0));
    HARMLESS(weir_pull_revoke, pull, (weir_pull_revoke(NULL, 0, 0), true));
}

static void hear_nothing(void *context, const weir_ack *acks, size_t count) {
    (void)context, (void)acks, (void)count;
}

static void of_sources(void) {
    weir_runtime *runtime = rig.runtime;
    const weir_source_options options = {.name = "source"};
    const weir_message message = {0};
    weir_source *source;
    weir_source_stats stats;
    weir_ref stage;
    REFUSED(weir_source_open, runtime, weir_source_open(NULL, &options, &source, &stage));
    REFUSED(weir_source_open, options, weir_source_open(runtime, NULL, &source, &stage));
    REFUSED(weir_source_open, out, weir_source_open(runtime, &options, NULL, &stage));
    ALLOWED(weir_source_open, stage, weir_source_open(runtime, &options, &source, NULL) == WEIR_OK);
    REFUSED(weir_source_finish, source, weir_source_finish(NULL, 0));
    REFUSED(weir_source_drain, source, weir_source_drain(NULL, 0, 0));
    HARMLESS(weir_source_over, source, weir_source_over(NULL));
    REFUSED(weir_source_push, source, weir_source_push(NULL, &message, 1, 0, NULL, NULL));
    REFUSED(weir_source_push, messages, weir_source_push(source, NULL, 1, 0, NULL, NULL));
    ALLOWED(weir_source_push, settled,
            weir_source_push(source, &message, 1, 0, NULL, NULL) == WEIR_OK);
    ALLOWED(weir_source_push, context,
            weir_source_push(source, &message, 1, 0, hear_nothing, NULL) == WEIR_OK);
    REFUSED(weir_source_statistics, source, weir_source_statistics(NULL, &stats));
    REFUSED(weir_source_statistics, out, weir_source_statistics(source, NULL));
    ALLOWED(weir_source_close, source, weir_source_close(NULL) == WEIR_OK);
    assert_int_equal(weir_source_finish(source, 1), WEIR_OK);
    rig_rest(&rig);
    assert_int_equal(weir_source_close(source), WEIR_OK);
}

/* ---- pipelines ------------------------------------------------------------------- */

static void of_work(void) {
    HARMLESS(weir_work_set, work, !weir_work_set(NULL, "", 1));
    HARMLESS(weir_work_room, work, weir_work_room(NULL, 1) == NULL);
    HARMLESS(weir_work_more, work, weir_work_more(NULL) == NULL);
    HARMLESS(weir_work_ack, work, !weir_work_ack(NULL));
}

/* In a handler, where there is some work. */
static weir_outcome handle(void *context, weir_work *work, weir_message *message) {
    (void)context, (void)message;
    HARMLESS(weir_work_set, data, !weir_work_set(work, NULL, 1));
    return WEIR_MESSAGE_OK;
}

static void of_what_a_pipeline_shows(weir_pipeline *pipeline) {
    weir_pipeline_stage stages[2];
    weir_pipeline_stats stats;
    HARMLESS(weir_pipeline_topology, pipeline, weir_pipeline_topology(NULL, stages, 2) == 0);
    HARMLESS(weir_pipeline_topology, out, weir_pipeline_topology(pipeline, NULL, 2) == 0);
    ALLOWED(weir_pipeline_topology, out, weir_pipeline_topology(pipeline, NULL, 0) > 0);
    HARMLESS(weir_pipeline_running, pipeline, !weir_pipeline_running(NULL));
    REFUSED(weir_pipeline_read_stats, pipeline, weir_pipeline_read_stats(NULL, &stats));
    REFUSED(weir_pipeline_read_stats, out, weir_pipeline_read_stats(pipeline, NULL));
}

static void of_pipelines(void) {
    weir_runtime *runtime = rig.runtime;
    const weir_pipeline_options options = {.processors = {.count = 1, .handle_message = handle}};
    const weir_message message = {0};
    weir_outcome outcome;
    weir_pipeline *pipeline;
    REFUSED(weir_pipeline_open, runtime, weir_pipeline_open(NULL, &options, &pipeline));
    REFUSED(weir_pipeline_open, options, weir_pipeline_open(runtime, NULL, &pipeline));
    REFUSED(weir_pipeline_open, out, weir_pipeline_open(runtime, &options, NULL));
    assert_int_equal(weir_pipeline_open(runtime, &options, &pipeline), WEIR_OK);
    REFUSED(weir_pipeline_drain, pipeline, weir_pipeline_drain(NULL, 0));
    REFUSED(weir_pipeline_await, pipeline, weir_pipeline_await(NULL, 0));
    REFUSED(weir_pipeline_push, pipeline, weir_pipeline_push(NULL, &message, 1));
    REFUSED(weir_pipeline_push, messages, weir_pipeline_push(pipeline, NULL, 1));
    REFUSED(weir_pipeline_test, pipeline, weir_pipeline_test(NULL, &message, 1, 0, 0, &outcome));
    REFUSED(weir_pipeline_test, messages, weir_pipeline_test(pipeline, NULL, 1, 0, 0, &outcome));
    REFUSED(weir_pipeline_test, outcomes, weir_pipeline_test(pipeline, &message, 1, 0, 0, NULL));
    assert_int_equal(weir_pipeline_test(pipeline, &message, 1, 0, WEIR_FOREVER, &outcome), WEIR_OK);
    assert_int_equal(outcome, WEIR_MESSAGE_OK);
    of_what_a_pipeline_shows(pipeline);
    ALLOWED(weir_pipeline_close, pipeline, weir_pipeline_close(NULL, NULL) == WEIR_OK);
    ALLOWED(weir_pipeline_close, stats, weir_pipeline_close(pipeline, NULL) == WEIR_OK);
}

static void no_pipeline_takes_null_for_something(void **state) {
    (void)state;
    rig_open(&rig, NULL);
    of_a_message();
    of_pulls();
    of_sources();
    of_work();
    of_pipelines();
    nulls_end(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_pipeline_takes_null_for_something),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
