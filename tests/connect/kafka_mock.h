/*
 * librdkafka's mock cluster, in the test's own process: brokers of loopback that speak the
 * protocol, keep topics in memory, and fail as they are told.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A group that begins waits for 3 s for more members, and one that changes for a second less than
 * the session; neither can be set.  So each test has a process and a cluster of its own, and all
 * run at the same time.
 */
#ifndef TESTS_CONNECT_KAFKA_MOCK_H
#define TESTS_CONNECT_KAFKA_MOCK_H

#include "support/cmocka.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stddef.h>
#include <stdint.h>

enum { MOCK_SESSION_MS = 3300, MOCK_PRODUCE = 0, MOCK_HEARTBEAT = 12, MOCK_COMMIT = 8 };

/* Runs each in a process with a cluster of one broker, or only the one that MOCK_ONLY names;
 * returns how many have failed. */
int mock_run(const struct CMUnitTest *tests, size_t count);

const char *mock_brokers(void);
rd_kafka_mock_cluster_t *mock_cluster(void);

void mock_topic(const char *topic, int partitions);

/* `count` messages with numbers from `first` on and `bytes` more, number n to partition n modulo
 * `partitions`, with the key "k<n mod 7>" and, where `header`, headers "number: <n>", "two: ". */
void mock_produce(const char *topic, int partitions, size_t first, size_t count, size_t bytes,
                  int header);

/* What the group has committed of all partitions of it. */
size_t mock_committed(const char *group, const char *topic, int partitions);

/* Reads a topic from its beginning, until `count` have come, or for 10 s: each is handed on. */
size_t mock_read(const char *topic, int partitions, size_t count,
                 void (*each)(const rd_kafka_message_t *record));

#endif
