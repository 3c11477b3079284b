/*
 * Goal: the example docs/examples/kafka_shipper.c ships what one topic has to another: all of it,
 * with keys and headers, in the order of each partition; ended by a signal, it has committed it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: it runs as it is, as a child, on librdkafka's mock cluster of this process.
 */
#include "connect/engine.h"
#include "connect/kafka_mock.h"
#include "connect/tally.h"

#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { COUNT = 2000, PARTITIONS = 4, KEYS = 7 };

static char program[PATH_MAX + 32];
static int64_t last_of_key[KEYS];
static unsigned disorder, wrong;

static bool find_program(void) {
    char self[PATH_MAX] = "";
    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0) {
        return false;
    }
    snprintf(program, sizeof program, "%s/../../examples/kafka_shipper", dirname(self));
    return access(program, X_OK) == 0;
}

static pid_t start(void) {
    char *brokers = strdup(mock_brokers());
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl(program, program, brokers, "ships", "from", "to", (char *)NULL);
        _exit(127);
    }
    free(brokers);
    return child;
}

static void stop(pid_t child) {
    int status = -1;
    kill(child, SIGTERM);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void note_record(const rd_kafka_message_t *record) {
    const weir_message as = {.data = {record->payload, (uint32_t)record->len, 0}};
    size_t number = tally_number(&as), key = number % KEYS;
    rd_kafka_headers_t *headers;
    char name[16];
    tally_note(number);
    wrong += snprintf(name, sizeof name, "k%zu", key) != (int)record->key_len ||
             memcmp(record->key, name, record->key_len) != 0 ||
             rd_kafka_message_headers(record, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
             rd_kafka_header_cnt(headers) != 2;
    /* A key's messages come out of several partitions here: only those of one are in order. */
    disorder +=
        tally_of(number) == 1 && number % PARTITIONS == 0 && (int64_t)number < last_of_key[key];
    if (number % PARTITIONS == 0) {
        last_of_key[key] = (int64_t)number;
    }
}

static size_t stored(void) {
    return mock_committed("ships", "from", PARTITIONS);
}

static void await_stored(size_t count) {
    for (int tries = 0; tries < 100 && stored() < count; tries++) {
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    assert_int_equal(stored(), count);
}

static void ships_all_and_ends_when_it_is_told(void **state) {
    (void)state;
    memset(last_of_key, 0xff, sizeof last_of_key);
    mock_topic("from", PARTITIONS);
    mock_topic("to", PARTITIONS);
    mock_produce("from", PARTITIONS, 0, COUNT, 20, 1);
    pid_t child = start();
    await_stored(COUNT);
    stop(child);
    tally_begin(COUNT);
    assert_int_equal(mock_read("to", PARTITIONS, COUNT, note_record), COUNT);
    tally_check();
    assert_int_equal(tally_again(), 0);
    assert_int_equal(wrong, 0);
    assert_int_equal(disorder, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(ships_all_and_ends_when_it_is_told)};
    if (!find_program()) {
        fprintf(stderr, "%s is not there: skipped\n", program);
        return ENGINE_SKIPPED;
    }
    return mock_run(tests, 1);
}
