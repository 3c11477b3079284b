/*
 * librdkafka's mock cluster.  See kafka_mock.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "connect/kafka_mock.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static rd_kafka_t *producer;
static rd_kafka_mock_cluster_t *cluster;

static void say_nothing(const rd_kafka_t *client, int level, const char *facility,
                        const char *text) {
    (void)client;
    if (getenv("MOCK_SHOW_LOG") != NULL) {
        fprintf(stderr, "mock %d %s %s\n", level, facility, text);
    }
}

static rd_kafka_t *make(rd_kafka_type_t type, const char *const *settings) {
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, say_nothing);
    for (; *settings != NULL; settings += 2) {
        assert_int_equal(rd_kafka_conf_set(conf, settings[0], settings[1], why, sizeof why),
                         RD_KAFKA_CONF_OK);
    }
    rd_kafka_t *made = rd_kafka_new(type, conf, why, sizeof why);
    assert_non_null(made);
    return made;
}

static rd_kafka_t *make_consumer(const char *group) {
    return make(RD_KAFKA_CONSUMER,
                (const char *[]){"bootstrap.servers", mock_brokers(), "group.id", group,
                                 "auto.offset.reset", "earliest", "enable.auto.commit", "false",
                                 "reconnect.backoff.max.ms", "200", NULL});
}

static int begin(void **state) {
    (void)state;
    producer =
        make(RD_KAFKA_PRODUCER, (const char *[]){"linger.ms", "20", "reconnect.backoff.max.ms",
                                                 "200", "message.max.bytes", "4000000", NULL});
    cluster = rd_kafka_mock_cluster_new(producer, 1);
    assert_non_null(cluster);
    assert_true(rd_kafka_brokers_add(producer, mock_brokers()) > 0);
    return 0;
}

static int end(void **state) {
    (void)state;
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(producer);
    return 0;
}

/* It ends with its parent, if that is not the end. */
static pid_t run_apart(const struct CMUnitTest *test) {
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct CMUnitTest tests[] = {*test};
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        exit(cmocka_run_group_tests(tests, begin, end) == 0 ? 0 : 1);
    }
    return child;
}

int mock_run(const struct CMUnitTest *tests, size_t count) {
    pid_t *children = calloc(count, sizeof *children);
    int failed = 0;
    const char *only = getenv("MOCK_ONLY");
    for (size_t i = 0; i < count; i++) {
        bool runs = only == NULL || strcmp(only, tests[i].name) == 0;
        children[i] = runs ? run_apart(&tests[i]) : 0;
    }
    for (size_t i = 0; i < count; i++) {
        int status = -1;
        if (children[i] == 0) {
            continue;
        }
        waitpid(children[i], &status, 0);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            fprintf(stderr, "failed: %s (status %d)\n", tests[i].name, status);
            failed++;
        }
    }
    free(children);
    return failed;
}

const char *mock_brokers(void) {
    return rd_kafka_mock_cluster_bootstraps(cluster);
}

rd_kafka_mock_cluster_t *mock_cluster(void) {
    return cluster;
}

void mock_topic(const char *topic, int partitions) {
    assert_int_equal(rd_kafka_mock_topic_create(cluster, topic, partitions, 1),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
}

void mock_produce(const char *topic, int partitions, size_t first, size_t count, size_t bytes,
                  int header) {
    char *text = calloc(1, bytes + 32), key[16];
    for (size_t i = first; i < first + count; i++) {
        int length = snprintf(text, 32, "%zu ", i);
        memset(text + length, 'x', bytes);
        snprintf(key, sizeof key, "k%zu", i % 7);
        rd_kafka_headers_t *headers = NULL;
        if (header != 0) {
            headers = rd_kafka_headers_new(2);
            rd_kafka_header_add(headers, "number", -1, text, length - 1);
            rd_kafka_header_add(headers, "two", -1, "", 0);
        }
        rd_kafka_resp_err_t error = rd_kafka_producev(
            producer, RD_KAFKA_V_TOPIC(topic),
            RD_KAFKA_V_PARTITION((int32_t)(i % (size_t)partitions)),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key, strlen(key)),
            RD_KAFKA_V_VALUE(text, (size_t)length + bytes), RD_KAFKA_V_HEADERS(headers),
            RD_KAFKA_V_END);
        assert_int_equal(error, RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    free(text);
    assert_int_equal(rd_kafka_flush(producer, 20000), RD_KAFKA_RESP_ERR_NO_ERROR);
}

static rd_kafka_topic_partition_list_t *all_of(const char *topic, int partitions, int64_t offset) {
    rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(partitions);
    for (int i = 0; i < partitions; i++) {
        rd_kafka_topic_partition_list_add(all, topic, i)->offset = offset;
    }
    return all;
}

size_t mock_committed(const char *group, const char *topic, int partitions) {
    rd_kafka_t *reader = make_consumer(group);
    rd_kafka_topic_partition_list_t *all = all_of(topic, partitions, RD_KAFKA_OFFSET_INVALID);
    size_t sum = 0;
    assert_int_equal(rd_kafka_committed(reader, all, 10000), RD_KAFKA_RESP_ERR_NO_ERROR);
    for (int i = 0; i < partitions; i++) {
        sum += all->elems[i].offset > 0 ? (size_t)all->elems[i].offset : 0;
    }
    rd_kafka_topic_partition_list_destroy(all);
    rd_kafka_destroy(reader);
    return sum;
}

size_t mock_read(const char *topic, int partitions, size_t count,
                 void (*each)(const rd_kafka_message_t *)) {
    rd_kafka_t *reader = make_consumer("reader");
    rd_kafka_topic_partition_list_t *all = all_of(topic, partitions, RD_KAFKA_OFFSET_BEGINNING);
    size_t came = 0;
    assert_int_equal(rd_kafka_assign(reader, all), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_topic_partition_list_destroy(all);
    for (int tries = 0; tries < 100 && came < count;) {
        rd_kafka_message_t *record = rd_kafka_consumer_poll(reader, 100);
        if (record != NULL && record->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            each(record);
            came++;
        }
        tries += record == NULL;
        if (record != NULL) {
            rd_kafka_message_destroy(record);
        }
    }
    rd_kafka_destroy(reader);
    return came;
}
