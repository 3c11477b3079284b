/*
 * Goal: a member of a group has its share, drains what it must give up, begins anew where it has
 * lost it, and stays one however long its pipeline takes.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: pipelines with threads against librdkafka's mock cluster; all messages have numbers, and
 * what the group has committed is read back.
 */
#include "connect/kafka/source.h"
#include "connect/kafka_trial.h"

#include <time.h>

static int by_steps(void *context, rd_kafka_conf_t *conf) {
    char why[160];
    return trial_configure(context, conf) != 0 ||
           rd_kafka_conf_set(conf, "partition.assignment.strategy", "cooperative-sticky", why,
                             sizeof why) != RD_KAFKA_CONF_OK;
}

static bool all_are_committed(void *context) {
    (void)context;
    return mock_committed("weir", "shared", PARTITIONS) == MANY;
}

/* Another member comes, and goes again: each time partitions change hands. */
static void share_partitions(int (*configured)(void *, rd_kafka_conf_t *)) {
    struct trial one = {0}, other = {0};
    weir_kafka_source_options options = trial_options((const char *[]){"shared"}, 1);
    options.server.configure = configured;
    size_t produced = 100;
    mock_topic("shared", PARTITIONS);
    mock_produce("shared", PARTITIONS, 0, produced, 20, 0);
    tally_begin(MANY);
    trial_begin(&one, &options, 500);
    assert_true(tally_until(trial_has_come, &(size_t){1}, 20));
    trial_begin(&other, &options, 500);
    for (; produced < MANY && !trial_has_pulled(&other); produced += 50) {
        mock_produce("shared", PARTITIONS, produced, 50, 20, 0);
        nanosleep(&(struct timespec){.tv_nsec = 40000000}, NULL);
    }
    assert_true(trial_has_pulled(&other));
    mock_produce("shared", PARTITIONS, produced, MANY - produced, 20, 0);
    trial_close(&other);
    assert_true(tally_wait(40));
    /* Who leaves while the group is being shared out anew may have a commit refused. */
    assert_true(tally_until(all_are_committed, NULL, 20));
    trial_end(&one);
    weir_kafka_source_close(other.source);
    tally_check();
    assert_true(tally_again() <= one.stats.pulled + other.stats.pulled - MANY);
}

static void shares_partitions_with_others(void **state) {
    (void)state;
    share_partitions(trial_configure);
}

static void shares_partitions_by_steps(void **state) {
    (void)state;
    share_partitions(by_steps);
}

/* Nothing is asked for, for longer than max.poll.interval.ms: it is a member all the same. */
static void stays_a_member_while_nothing_is_pulled(void **state) {
    struct trial trial = {0};
    weir_kafka_source_options options = trial_options((const char *[]){"still"}, 1);
    (void)state;
    options.server.configure = trial_impatient;
    mock_topic("still", PARTITIONS);
    mock_produce("still", PARTITIONS, 0, FEW, 20, 0);
    tally_begin(FEW);
    trial_handle = trial_all_are_stuck;
    trial_stuck = true;
    trial_begin(&trial, &options, 0);
    assert_true(tally_until(trial_has_pulled, &trial, 20));
    nanosleep(&(struct timespec){.tv_sec = 5}, NULL);
    __atomic_store_n(&trial_stuck, false, __ATOMIC_RELAXED);
    assert_true(tally_wait(20));
    trial_end(&trial);
    tally_check();
    assert_int_equal(tally_again(), 0);
    assert_int_equal(mock_committed("weir", "still", PARTITIONS), FEW);
}

/* The same, and another member comes: partitions change hands though nobody can be waited for, and
 * what is settled late of them is of the past. */
static void gives_partitions_up_while_nothing_is_pulled(void **state) {
    struct trial one = {0}, other = {0};
    const weir_kafka_source_options options = trial_options((const char *[]){"given"}, 1);
    (void)state;
    mock_topic("given", PARTITIONS);
    mock_produce("given", PARTITIONS, 0, FEW, 20, 0);
    tally_begin(FEW);
    trial_handle = trial_all_are_stuck;
    trial_stuck = true;
    trial_begin(&one, &options, 0);
    assert_true(tally_until(trial_has_pulled, &one, 20));
    trial_begin(&other, &options, 0);
    assert_true(tally_until(trial_has_pulled, &other, 20));
    __atomic_store_n(&trial_stuck, false, __ATOMIC_RELAXED);
    assert_true(tally_wait(20));
    assert_true(tally_until(trial_has_committed_few, "given", 20));
    trial_end(&one);
    trial_end(&other);
    tally_check();
}

/* An ack of a lane that is not ours, or is ours anew and not begun, is of another generation. */
static void ignores_acks_of_another_generation(void **state) {
    const enum weir__kafka_lane_state states[] = {WEIR__KAFKA_NONE, WEIR__KAFKA_GONE,
                                                  WEIR__KAFKA_AGAIN};
    const weir_kafka_source_options options = trial_options((const char *[]){"late"}, 1);
    const weir_ack late = {.lane = 0, .position = 7};
    weir_kafka_source *source;
    (void)state;
    assert_int_equal(weir_kafka_source_open(&options, &source), WEIR_OK);
    struct weir__kafka_lane *lane = weir__kafka_lane_find(source, "late", 0, true);
    assert_non_null(lane);
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        lane->state = states[i];
        assert_int_equal(weir_kafka_source_driver(source)->ack(source, &late, 1), WEIR_PULLED);
        assert_int_equal(lane->settled, -1);
    }
    lane->state = WEIR__KAFKA_NONE;
    weir_kafka_source_close(source);
}

/* The coordinator has forgotten the member: its partitions are lost, and what it settles of them
 * from then on is not its to commit. */
static void begins_anew_where_partitions_were_lost(void **state) {
    struct trial trial = {.unordered = true};
    weir_kafka_source_options options = trial_options((const char *[]){"lost"}, 1);
    (void)state;
    mock_topic("lost", PARTITIONS);
    mock_produce("lost", PARTITIONS, 0, FEW, 20, 0);
    tally_begin(FEW);
    trial_handle = trial_first_is_stuck;
    trial_stuck = true;
    trial_begin(&trial, &options, 0);
    assert_true(tally_until(trial_has_come, &(size_t){FEW - 1}, 20));
    rd_kafka_mock_push_request_errors(mock_cluster(), MOCK_HEARTBEAT, 1,
                                      RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID);
    assert_true(tally_until(trial_has_pulled_again, &trial, 20));
    __atomic_store_n(&trial_stuck, false, __ATOMIC_RELAXED);
    assert_true(tally_wait(20));
    assert_true(
        tally_until(trial_has_come_again, &(size_t){0}, 20)); /* delivered by both generations */
    assert_true(tally_until(trial_has_committed_few, "lost", 20));
    trial_end(&trial);
    tally_check();
}

/* A pipeline that has the same source begins behind what was committed at the end. */
static void begins_again_behind_what_was_committed(void **state) {
    struct trial trial = {0};
    weir_kafka_source_options options = trial_options((const char *[]){"again"}, 1);
    (void)state;
    options.commit_ns = 3600 * S; /* not before */
    mock_topic("again", PARTITIONS);
    mock_produce("again", PARTITIONS, 0, FEW, 20, 0);
    tally_begin(2 * FEW);
    trial_begin(&trial, &options, 0);
    assert_true(tally_until(trial_has_come, &(size_t){FEW}, 20));
    trial_close(&trial);
    mock_produce("again", PARTITIONS, FEW, FEW, 20, 0);
    trial_forget();
    trial_open(&trial, 0);
    assert_true(tally_wait(20));
    trial_end(&trial);
    tally_check();
    assert_int_equal(tally_again(), 0);
    assert_int_equal(mock_committed("weir", "again", PARTITIONS), 2 * FEW);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ignores_acks_of_another_generation),
        cmocka_unit_test(shares_partitions_with_others),
        cmocka_unit_test(shares_partitions_by_steps),
        cmocka_unit_test(stays_a_member_while_nothing_is_pulled),
        cmocka_unit_test(gives_partitions_up_while_nothing_is_pulled),
        cmocka_unit_test(begins_anew_where_partitions_were_lost),
        cmocka_unit_test(begins_again_behind_what_was_committed),
    };
    return mock_run(tests, sizeof tests / sizeof *tests);
}
