/*
 * Goal: each message has the outcome that its own delivery report says: what is OK is in the topic,
 * what will never be taken is dead, and nothing is lost while brokers are away.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: numbered messages are pushed into a pipeline whose batcher has the sink, on librdkafka's
 * mock cluster; the topic is read back.
 */
#include "connect/heard.h"
#include "connect/kafka_mock.h"
#include "connect/tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <weir/kafka.h>
#include <weir/weir.h>

#define MS UINT64_C(1000000)
#define S  (1000 * MS)

enum { FEW = 300, MANY = 5000, PARTITIONS = 4, KEYS = 7, LARGE = 2000000 };

/* ---- the topic, read back --------------------------------------------------------------- */

static int32_t partition_of_key[KEYS];
static int64_t last_of_key[KEYS];
static unsigned astray, disorder, headers_wrong;
static bool want_headers;

static void note_record(const rd_kafka_message_t *record) {
    const weir_message as = {.data = {record->payload, (uint32_t)record->len, 0}};
    size_t number = tally_number(&as), key = number % KEYS;
    const void *value;
    size_t count;
    rd_kafka_headers_t *headers;
    tally_note(number);
    if (number >= TALLY_LIMIT) {
        return;
    }
    astray += partition_of_key[key] >= 0 && partition_of_key[key] != record->partition;
    partition_of_key[key] = record->partition;
    disorder += (int64_t)number < last_of_key[key];
    last_of_key[key] = (int64_t)number;
    if (want_headers) {
        bool right = rd_kafka_message_headers(record, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR &&
                     rd_kafka_header_cnt(headers) == 2 &&
                     rd_kafka_header_get_last(headers, "one", &value, &count) ==
                         RD_KAFKA_RESP_ERR_NO_ERROR &&
                     count == 3 && memcmp(value, "a:b", 3) == 0 &&
                     rd_kafka_header_get_last(headers, "two", &value, &count) ==
                         RD_KAFKA_RESP_ERR_NO_ERROR &&
                     count == 0;
        headers_wrong += !right;
    }
}

static size_t read_topic(const char *topic, size_t count) {
    tally_begin(count);
    astray = disorder = headers_wrong = 0;
    memset(partition_of_key, 0xff, sizeof partition_of_key);
    memset(last_of_key, 0xff, sizeof last_of_key);
    return mock_read(topic, PARTITIONS, count, note_record);
}

/* ---- the pipeline that is tried --------------------------------------------------------- */

struct trial {
    weir_kafka_sink *sink;
    weir_runtime *runtime;
    weir_pipeline *pipeline;
    weir_pipeline_stats stats;
};

static bool has_lost(void *context) {
    (void)context;
    return heard("is lost (kafka: ");
}

static int configure(void *context, rd_kafka_conf_t *conf) {
    char why[160];
    (void)context;
    return rd_kafka_conf_set(conf, "reconnect.backoff.max.ms", "200", why, sizeof why) !=
           RD_KAFKA_CONF_OK;
}

static weir_kafka_sink_options usual(const char *topic) {
    return (weir_kafka_sink_options){
        .server = {.brokers = mock_brokers(), .timeout_ns = 700 * MS, .configure = configure},
        .topic = topic,
        .confirm_ns = 1 * S};
}

static void begin(struct trial *trial, const weir_kafka_sink_options *options) {
    assert_int_equal(weir_kafka_sink_open(options, &trial->sink), WEIR_OK);
    assert_int_equal(
        weir_runtime_open(&(weir_runtime_options){.workers = 1, .log = heard_log}, &trial->runtime),
        WEIR_OK);
    const weir_pipeline_batcher batcher = {.name = "out",
                                           .size = 200,
                                           .timeout_ns = 20 * MS,
                                           .sink = weir_kafka_sink_table(trial->sink),
                                           .sink_contexts = (void *[]){trial->sink},
                                           .retry = {.tries = 3, .delay = {.first_ns = 50 * MS}}};
    heard_begin();
    assert_int_equal(weir_pipeline_open(trial->runtime,
                                        &(weir_pipeline_options){.processors = {.count = 1},
                                                                 .batchers = &batcher,
                                                                 .batcher_count = 1,
                                                                 .shutdown_ns = 20 * S},
                                        &trial->pipeline),
                     WEIR_OK);
}

static void push(struct trial *trial, size_t first, size_t count) {
    static const char lines[] = "one: a:b\r\nno colon\r\ntwo:\n";
    char texts[100][32], keys[100][8];
    weir_message messages[100];
    for (size_t done = 0; done < count;) {
        size_t some = count - done < 100 ? count - done : 100;
        for (size_t i = 0; i < some; i++) {
            size_t number = first + done + i;
            int length = snprintf(texts[i], sizeof texts[i], "%zu ", number);
            int key = snprintf(keys[i], sizeof keys[i], "k%zu", number % KEYS);
            messages[i] = (weir_message){.data = {texts[i], (uint32_t)length, 0},
                                         .key = {keys[i], (uint32_t)key, 0},
                                         .headers = {lines, sizeof lines - 1, 0}};
        }
        weir_status status = weir_pipeline_push(trial->pipeline, messages, some);
        assert_true(status == WEIR_OK || status == WEIR_FULL);
        done += status == WEIR_OK ? some : 0;
        if (status == WEIR_FULL) {
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        }
    }
}

static void end(struct trial *trial) {
    assert_int_equal(weir_pipeline_close(trial->pipeline, &trial->stats), WEIR_OK);
    assert_int_equal(weir_runtime_close(trial->runtime, NULL), WEIR_OK);
    weir_kafka_sink_close(trial->sink);
}

/* A drain gives back what waits to be tried again. */
static bool has_done_twice_few(void *context) {
    const struct trial *trial = context;
    weir_pipeline_stats stats;
    assert_int_equal(weir_pipeline_read_stats(trial->pipeline, &stats), WEIR_OK);
    return stats.done == 2 * FEW;
}

/* ---- what is tried ---------------------------------------------------------------------- */

static void stores_all_once_and_in_order(void **state) {
    struct trial trial;
    weir_kafka_sink_options options = usual("all");
    (void)state;
    options.headers = want_headers = true;
    mock_topic("all", PARTITIONS);
    begin(&trial, &options);
    push(&trial, 0, MANY);
    end(&trial);
    assert_int_equal(trial.stats.done, MANY);
    assert_int_equal(read_topic("all", MANY), MANY);
    tally_check();
    assert_int_equal(tally_again(), 0);
    assert_int_equal(astray, 0); /* a key's are in one partition */
    assert_int_equal(disorder, 0);
    assert_int_equal(headers_wrong, 0);
}

static int topic_of(void *context, const weir_message *message, char *topic, size_t room) {
    (void)context;
    snprintf(topic, room, "by.%zu", tally_number(message) % 2);
    return tally_number(message) == 7; /* this one has none */
}

static void asks_for_a_topic(void **state) {
    struct trial trial;
    weir_kafka_sink_options options = usual(NULL);
    (void)state;
    options.topic_of = topic_of;
    options.plain = true;
    mock_topic("by.0", PARTITIONS);
    mock_topic("by.1", PARTITIONS);
    begin(&trial, &options);
    push(&trial, 0, FEW);
    end(&trial);
    assert_int_equal(trial.stats.done, FEW - 1);
    assert_int_equal(read_topic("by.0", FEW / 2), FEW / 2);
    assert_int_equal(read_topic("by.1", FEW / 2 - 1), FEW / 2 - 1);
}

static void down(bool down) {
    if (down) {
        rd_kafka_mock_broker_set_down(mock_cluster(), -1);
    } else {
        rd_kafka_mock_broker_set_up(mock_cluster(), -1);
    }
}

static void waits_for_brokers_and_outlives_their_crash(void **state) {
    struct trial trial;
    const weir_kafka_sink_options options = usual("away");
    (void)state;
    mock_topic("away", PARTITIONS);
    down(true);
    begin(&trial, &options);
    push(&trial, 0, FEW);
    assert_true(tally_until(has_lost, NULL, 10));
    down(false);
    push(&trial, FEW, FEW);
    down(true);
    push(&trial, 2 * FEW, FEW);
    nanosleep(&(struct timespec){.tv_sec = 2}, NULL); /* longer than confirmations may take */
    down(false);
    end(&trial);
    assert_int_equal(trial.stats.done, 3 * FEW);
    read_topic("away", 3 * FEW);
    tally_check();
}

static void names_what_is_too_large(void **state) {
    struct trial trial;
    const weir_kafka_sink_options options = usual("large");
    char *large = calloc(1, LARGE);
    weir_outcome outcomes[3];
    (void)state;
    memset(large, '1', LARGE);
    mock_topic("large", PARTITIONS);
    begin(&trial, &options);
    const weir_message messages[3] = {
        {.data = {"0 ", 2, 0}}, {.data = {large, LARGE, 0}}, {.data = {"1 ", 2, 0}}};
    assert_int_equal(
        weir_pipeline_test(trial.pipeline, messages, 3, WEIR_BATCH_FLUSH, 10 * S, outcomes),
        WEIR_OK);
    end(&trial);
    free(large);
    assert_int_equal(outcomes[0], WEIR_MESSAGE_OK);
    assert_int_equal(outcomes[1], WEIR_MESSAGE_DEAD);
    assert_int_equal(outcomes[2], WEIR_MESSAGE_OK);
    assert_int_equal(read_topic("large", 2), 2);
    tally_check();
}

/* The broker refuses a record for good (its checks say no), one for now, and then takes it. */
static void hears_each_report(void **state) {
    struct trial trial;
    const weir_kafka_sink_options options = usual("reports");
    weir_outcome outcome;
    const weir_message message = {.data = {"0 ", 2, 0}};
    (void)state;
    mock_topic("reports", PARTITIONS);
    begin(&trial, &options);
    rd_kafka_mock_push_request_errors(mock_cluster(), MOCK_PRODUCE, 1,
                                      RD_KAFKA_RESP_ERR_INVALID_RECORD);
    assert_int_equal(
        weir_pipeline_test(trial.pipeline, &message, 1, WEIR_BATCH_FLUSH, 10 * S, &outcome),
        WEIR_OK);
    assert_int_equal(outcome, WEIR_MESSAGE_DEAD);
    rd_kafka_mock_push_request_errors(mock_cluster(), MOCK_PRODUCE, 1,
                                      RD_KAFKA_RESP_ERR_POLICY_VIOLATION);
    assert_int_equal(
        weir_pipeline_test(trial.pipeline, &message, 1, WEIR_BATCH_FLUSH, 10 * S, &outcome),
        WEIR_OK);
    assert_int_equal(outcome, WEIR_MESSAGE_OK);
    end(&trial);
    assert_true(trial.stats.retried > 0);
    assert_int_equal(read_topic("reports", 1), 1);
}

/* Numbers that do not fit end a producer of numbers for good: another one is made. */
static void begins_anew_behind_a_fatal_error(void **state) {
    struct trial trial;
    const weir_kafka_sink_options options = usual("fatal");
    (void)state;
    mock_topic("fatal", PARTITIONS);
    begin(&trial, &options);
    push(&trial, 0, FEW);
    rd_kafka_mock_push_request_errors(mock_cluster(), MOCK_PRODUCE, 1,
                                      RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    push(&trial, FEW, FEW);
    assert_true(tally_until(has_done_twice_few, &trial, 10));
    end(&trial);
    assert_int_equal(trial.stats.done, 2 * FEW);
    read_topic("fatal", 2 * FEW);
    tally_check();
}

static void says_where_a_topic_is_missing(void **state) {
    struct trial trial;
    const weir_kafka_sink_options options = usual("nowhere");
    weir_outcome outcome;
    const weir_message message = {.data = {"0 ", 2, 0}};
    (void)state;
    rd_kafka_mock_topic_set_error(mock_cluster(), "nowhere",
                                  RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    begin(&trial, &options);
    assert_int_equal(
        weir_pipeline_test(trial.pipeline, &message, 1, WEIR_BATCH_FLUSH, 300 * MS, &outcome),
        WEIR_TIMEOUT);
    assert_true(tally_until(has_lost, NULL, 10));
    rd_kafka_mock_topic_set_error(mock_cluster(), "nowhere", RD_KAFKA_RESP_ERR_NO_ERROR);
    end(&trial);
    assert_int_equal(trial.stats.done, 1);
}

static void refuses_bad_options(void **state) {
    static const struct {
        weir_kafka_sink_options options;
        const char *says;
    } rows[] = {
        {{.topic = NULL}, "one of topic and topic_of"},
        {{.topic = "a", .topic_of = topic_of}, "one of topic and topic_of"},
        {{.topic = "a b"}, "topic must be of letters"},
        {{.topic = ".."}, "topic must not be . or .., got \"..\""},
        {{.topic = "a", .reserved = {1}}, "reserved must be zero"},
        {{.topic = "a", .server = {.reserved = {1}}}, "server.reserved must be zero"},
        {{.topic = "a", .confirm_ns = 1}, "confirm_ns must be at least 1000000, got 1"},
        {{.topic = "a", .server = {.brokers = ""}}, "server.brokers must not be empty"},
    };
    weir_kafka_sink *sink = NULL;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(weir_kafka_sink_open(&rows[i].options, &sink), WEIR_INVALID);
        assert_non_null(strstr(weir_refusal(), rows[i].says));
        assert_null(sink);
    }
    weir_kafka_sink_close(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_bad_options),
        cmocka_unit_test(stores_all_once_and_in_order),
        cmocka_unit_test(asks_for_a_topic),
        cmocka_unit_test(waits_for_brokers_and_outlives_their_crash),
        cmocka_unit_test(names_what_is_too_large),
        cmocka_unit_test(hears_each_report),
        cmocka_unit_test(begins_anew_behind_a_fatal_error),
        cmocka_unit_test(says_where_a_topic_is_missing),
    };
    return mock_run(tests, sizeof tests / sizeof *tests);
}
