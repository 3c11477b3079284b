/*
 * A pipeline that is tried: from a source of Kafka's to four threads, which note the numbers of
 * what they handle in the tally; and what its handlers do meanwhile.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_CONNECT_KAFKA_TRIAL_H
#define TESTS_CONNECT_KAFKA_TRIAL_H

#include "connect/kafka_mock.h"
#include "connect/tally.h"

#include <weir/kafka.h>
#include <weir/weir.h>

#define MS UINT64_C(1000000)
#define S  (1000 * MS)

enum { FEW = 400, MANY = 10000, PARTITIONS = 4 };

struct trial {
    weir_kafka_source *source;
    weir_runtime *runtime;
    weir_pipeline *pipeline;
    weir_pipeline_stats stats;
    uint64_t shutdown_ns; /* 0: 5 s                                                         */
    bool unordered;       /* whoever is free has the next: one that is stuck holds up nobody */
};

/* Unless NULL: what a test does with a message; it is noted if that is OK. */
extern weir_outcome (*trial_handle)(size_t number, const weir_message *message);

/* First deliveries that came out of their partition's order: of numbers below MANY. */
extern unsigned trial_disorder;

/* Of the group "weir", with settings that make tests short. */
weir_kafka_source_options trial_options(const char *const *topics, size_t count);
int trial_configure(void *context, rd_kafka_conf_t *conf);
int trial_impatient(void *context, rd_kafka_conf_t *conf);

/* outstanding: 0: the default. */
void trial_begin(struct trial *trial, const weir_kafka_source_options *options, size_t outstanding);
void trial_end(struct trial *trial);

/* The pipeline alone, of a source that is there; what was logged and noted is forgotten. */
void trial_open(struct trial *trial, size_t outstanding);
void trial_close(struct trial *trial);
void trial_forget(void);

/* For tally_until: a text; &(size_t){count} of different numbers / of repeated ones; a trial that
 * has pulled any / more than FEW; a topic of which FEW are committed. */
bool trial_has_logged(void *what);
bool trial_has_come(void *count);
bool trial_has_come_again(void *count);
bool trial_has_pulled(void *trial);
bool trial_has_pulled_again(void *trial);
bool trial_has_committed_few(void *topic);

/* Handlers: number 0, or all, take until trial_stuck is false; each takes 0.2 ms. */
extern bool trial_stuck;
weir_outcome trial_first_is_stuck(size_t number, const weir_message *message);
weir_outcome trial_all_are_stuck(size_t number, const weir_message *message);
weir_outcome trial_nap(size_t number, const weir_message *message);

/* The brokers of the cluster. */
void trial_down(bool down);

#endif
