/*
 * Goal: what topics have is handled by demand, in the order of each partition, and committed as far
 * as it is settled; whatever becomes of brokers and of the group.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: pipelines with threads against librdkafka's mock cluster; all messages have numbers, and
 * what the group has committed is read back.
 */
#include "connect/kafka_mock.h"
#include "connect/tally.h"
#include "support/cmocka.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <weir/kafka.h>
#include <weir/weir.h>

#define MS UINT64_C(1000000)
#define S  (1000 * MS)

enum { FEW = 400, MANY = 10000, PARTITIONS = 4 };

/* ---- the pipeline that is tried --------------------------------------------------------- */

struct trial {
    weir_kafka_source *source;
    weir_runtime *runtime;
    weir_pipeline *pipeline;
    weir_pipeline_stats stats;
    uint64_t shutdown_ns; /* 0: 5 s */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char logged[16384];

static void keep_log(void *context, weir_log_level level, const char *text) {
    (void)context, (void)level;
    pthread_mutex_lock(&lock);
    strncat(logged, text, sizeof logged - strlen(logged) - 2);
    strcat(logged, "\n");
    pthread_mutex_unlock(&lock);
    if (getenv("WEIR_SHOW_LOG") != NULL) {
        fprintf(stderr, "%s\n", text);
    }
}

static bool has_logged(void *what) {
    pthread_mutex_lock(&lock);
    bool has = strstr(logged, what) != NULL;
    pthread_mutex_unlock(&lock);
    return has;
}

/* Unless NULL: what a test does with a message; it is noted if that is OK. */
static weir_outcome (*handle)(size_t number, const weir_message *message);
static int64_t highest[PARTITIONS];
static unsigned disorder;

/* One processor for a partition: first deliveries must come in order. */
static void note_order(size_t number) {
    size_t partition = number % PARTITIONS;
    if (number >= MANY) {
        return; /* of another topic */
    }
    pthread_mutex_lock(&lock);
    disorder += (int64_t)number <= highest[partition] && tally_of(number) == 0;
    if ((int64_t)number > highest[partition]) {
        highest[partition] = (int64_t)number;
    }
    pthread_mutex_unlock(&lock);
}

static weir_outcome handle_message(void *context, weir_work *work, weir_message *message) {
    (void)context, (void)work;
    size_t number = tally_number(message);
    if (number == TALLY_LIMIT) {
        return WEIR_MESSAGE_DEAD;
    }
    weir_outcome outcome = handle != NULL ? handle(number, message) : WEIR_MESSAGE_OK;
    if (outcome == WEIR_MESSAGE_OK) {
        note_order(number);
        tally_note(number);
    }
    return outcome;
}

static uint32_t partition_of(void *context, const weir_message *message) {
    (void)context;
    return (uint32_t)(tally_number(message) % PARTITIONS);
}

static int configure(void *context, rd_kafka_conf_t *conf) {
    char why[160];
    (void)context;
    return rd_kafka_conf_set(conf, "reconnect.backoff.max.ms", "200", why, sizeof why) !=
           RD_KAFKA_CONF_OK;
}

static weir_kafka_source_options options_of(const char *const *topics, size_t count) {
    return (weir_kafka_source_options){
        .server = {.brokers = mock_brokers(), .timeout_ns = 700 * MS, .configure = configure},
        .group = "weir",
        .topics = topics,
        .topic_count = count,
        .session_ns = MOCK_SESSION_MS * MS,
        .commit_ns = 50 * MS};
}

static void open_pipeline(struct trial *trial, size_t outstanding) {
    assert_int_equal(
        weir_runtime_open(&(weir_runtime_options){.workers = 1, .log = keep_log}, &trial->runtime),
        WEIR_OK);
    assert_int_equal(
        weir_pipeline_open(
            trial->runtime,
            &(weir_pipeline_options){
                .source = weir_kafka_source_driver(trial->source),
                .source_contexts = (void *[]){trial->source},
                .source_count = 1,
                .max_outstanding = outstanding,
                .shutdown_ns = trial->shutdown_ns != 0 ? trial->shutdown_ns : 5 * S,
                .processors = {.count = 2,
                               .handle_message = handle_message,
                               .blocking = true,
                               .partition_by = partition_of}},
            &trial->pipeline),
        WEIR_OK);
}

static void forget_past(void) {
    pthread_mutex_lock(&lock);
    logged[0] = '\0';
    disorder = 0;
    memset(highest, 0xff, sizeof highest);
    pthread_mutex_unlock(&lock);
}

static void begin(struct trial *trial, const weir_kafka_source_options *options,
                  size_t outstanding) {
    assert_int_equal(weir_kafka_source_open(options, &trial->source), WEIR_OK);
    forget_past();
    open_pipeline(trial, outstanding);
}

static void close_pipeline(struct trial *trial) {
    assert_int_equal(weir_pipeline_close(trial->pipeline, &trial->stats), WEIR_OK);
    assert_int_equal(weir_runtime_close(trial->runtime, NULL), WEIR_OK);
}

static void end(struct trial *trial) {
    close_pipeline(trial);
    weir_kafka_source_close(trial->source);
    handle = NULL;
}

/* ---- the usual -------------------------------------------------------------------------- */

static void pulls_and_commits_all(void **state) {
    struct trial trial = {0};
    const weir_kafka_source_options options =
        options_of((const char *[]){"usual.one", "usual.two"}, 2);
    (void)state;
    mock_topic("usual.one", PARTITIONS);
    mock_topic("usual.two", PARTITIONS);
    mock_produce("usual.one", PARTITIONS, 0, MANY, 20, 0);
    tally_begin(MANY + 4);
    begin(&trial, &options, 0);
    mock_produce("usual.two", PARTITIONS, MANY, 4, 900000, 0);
    assert_true(tally_wait(20));
    end(&trial);
    tally_check();
    assert_int_equal(tally_again(), 0);
    assert_int_equal(disorder, 0);
    assert_int_equal(trial.stats.acked, MANY + 4);
    assert_int_equal(mock_committed("weir", "usual.one", PARTITIONS), MANY);
    assert_int_equal(mock_committed("weir", "usual.two", PARTITIONS), 4);
}

int main(void) {
    mock_begin("weir");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pulls_and_commits_all),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    mock_end();
    return failed;
}
