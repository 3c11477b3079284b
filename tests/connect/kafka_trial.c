/*
 * A pipeline that is tried.  See kafka_trial.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "connect/kafka_trial.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- the pipeline that is tried --------------------------------------------------------- */

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

bool trial_has_logged(void *what) {
    pthread_mutex_lock(&lock);
    bool has = strstr(logged, what) != NULL;
    pthread_mutex_unlock(&lock);
    return has;
}

/* Unless NULL: what a test does with a message; it is noted if that is OK. */
weir_outcome (*trial_handle)(size_t number, const weir_message *message);
static int64_t highest[PARTITIONS];
unsigned trial_disorder;

/* One processor for a partition: first deliveries must come in order. */
static void note_order(size_t number) {
    size_t partition = number % PARTITIONS;
    if (number >= MANY) {
        return; /* of another topic */
    }
    pthread_mutex_lock(&lock);
    trial_disorder += (int64_t)number <= highest[partition] && tally_of(number) == 0;
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
    weir_outcome outcome = trial_handle != NULL ? trial_handle(number, message) : WEIR_MESSAGE_OK;
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

int trial_configure(void *context, rd_kafka_conf_t *conf) {
    char why[160];
    (void)context;
    return rd_kafka_conf_set(conf, "reconnect.backoff.max.ms", "200", why, sizeof why) !=
           RD_KAFKA_CONF_OK;
}

weir_kafka_source_options trial_options(const char *const *topics, size_t count) {
    return (weir_kafka_source_options){
        .server = {.brokers = mock_brokers(), .timeout_ns = 700 * MS, .configure = trial_configure},
        .group = "weir",
        .topics = topics,
        .topic_count = count,
        .session_ns = MOCK_SESSION_MS * MS,
        .commit_ns = 50 * MS};
}

void trial_open(struct trial *trial, size_t outstanding) {
    assert_int_equal(
        weir_runtime_open(&(weir_runtime_options){.workers = 1, .log = keep_log}, &trial->runtime),
        WEIR_OK);
    weir_status status = weir_pipeline_open(
        trial->runtime,
        &(weir_pipeline_options){
            .source = weir_kafka_source_driver(trial->source),
            .source_contexts = (void *[]){trial->source},
            .source_count = 1,
            .max_outstanding = outstanding,
            .shutdown_ns = trial->shutdown_ns != 0 ? trial->shutdown_ns : 5 * S,
            .processors = {.count = PARTITIONS,
                           .handle_message = handle_message,
                           .blocking = true,
                           .partition_by = trial->unordered ? NULL : partition_of}},
        &trial->pipeline);
    if (status != WEIR_OK) {
        fail_msg("%s", weir_refusal());
    }
}

void trial_forget(void) {
    pthread_mutex_lock(&lock);
    logged[0] = '\0';
    trial_disorder = 0;
    memset(highest, 0xff, sizeof highest);
    pthread_mutex_unlock(&lock);
}

void trial_begin(struct trial *trial, const weir_kafka_source_options *options,
                 size_t outstanding) {
    assert_int_equal(weir_kafka_source_open(options, &trial->source), WEIR_OK);
    trial_forget();
    trial_open(trial, outstanding);
}

void trial_close(struct trial *trial) {
    weir_status status;
    do { /* the client may take longer than the deadline to let go of brokers that are not there */
        status = weir_pipeline_close(trial->pipeline, &trial->stats);
    } while (status == WEIR_TIMEOUT);
    assert_int_equal(status, WEIR_OK);
    assert_int_equal(weir_runtime_close(trial->runtime, NULL), WEIR_OK);
}

void trial_end(struct trial *trial) {
    trial_close(trial);
    weir_kafka_source_close(trial->source);
    trial_handle = NULL;
}

bool trial_has_come(void *count) {
    size_t came = 0;
    for (size_t i = 0; i < MANY; i++) {
        came += tally_of(i) > 0;
    }
    return came >= *(const size_t *)count;
}

bool trial_has_come_again(void *count) {
    return tally_again() > *(const size_t *)count;
}

static uint64_t pulled_by(const struct trial *trial) {
    weir_pipeline_stats stats;
    assert_int_equal(weir_pipeline_read_stats(trial->pipeline, &stats), WEIR_OK);
    return stats.pulled;
}

bool trial_has_committed_few(void *topic) {
    return mock_committed("weir", topic, PARTITIONS) == FEW;
}

bool trial_has_pulled(void *trial) {
    return pulled_by(trial) > 0;
}

bool trial_has_pulled_again(void *trial) {
    return pulled_by(trial) > FEW;
}

/* ---- what tests do ---- */

bool trial_stuck;

/* The first of partition 0 is at work for as long as the test wants. */
weir_outcome trial_first_is_stuck(size_t number, const weir_message *message) {
    (void)message;
    while (number == 0 && __atomic_load_n(&trial_stuck, __ATOMIC_RELAXED)) {
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    return WEIR_MESSAGE_OK;
}

weir_outcome trial_all_are_stuck(size_t number, const weir_message *message) {
    (void)number, (void)message;
    while (__atomic_load_n(&trial_stuck, __ATOMIC_RELAXED)) {
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    return WEIR_MESSAGE_OK;
}

weir_outcome trial_nap(size_t number, const weir_message *message) {
    (void)number, (void)message;
    nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
    return WEIR_MESSAGE_OK;
}

/* A group that waits for no more than this for a sign of life. */
int trial_impatient(void *context, rd_kafka_conf_t *conf) {
    char why[160];
    return trial_configure(context, conf) != 0 ||
           rd_kafka_conf_set(conf, "max.poll.interval.ms", "3500", why, sizeof why) !=
               RD_KAFKA_CONF_OK;
}

void trial_down(bool down) {
    if (down) {
        rd_kafka_mock_broker_set_down(mock_cluster(), -1);
    } else {
        rd_kafka_mock_broker_set_up(mock_cluster(), -1);
    }
}
