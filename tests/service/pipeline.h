/*
 * What the service does with a request: the stages.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   the loop --port--> [requests] --> (workers) --push--> [results]
 *                                               --> batcher --> auditor --> sink
 *
 *   requests, results  inlets
 *   workers            a pool: each task blocks for a while, and pushes its result
 *   batcher            puts results together, and waits a little for more
 *   auditor            hands each group to a thread outside, with a token, who casts it back
 *   sink               writes the ledger, and answers the clients
 */
#ifndef PIPELINE_H
#define PIPELINE_H

#include "service.h"

#include <pthread.h>

#include <weir/weir.h>

struct job {
    uint64_t id;
    uint32_t place; /* of its connection */
    uint32_t worked;
};

#define GROUP_MOST 8

struct group {
    struct job jobs[GROUP_MOST];
    uint64_t count;
};

/* The thread outside, and what waits for it. */
struct audit;

struct pipeline {
    weir_runtime *runtime;
    weir_inlet *requests;
    weir_port *port; /* the loop's */
    weir_pool *workers;
    weir_inlet *results;
    weir_ref auditor;
    struct audit *audit;
    uint64_t seed;
    int ledger;

    pthread_mutex_t lock; /* for what the drain leaves: */
    bool drained;
    weir_status status;
    weir_drain_report report;
};

void pipeline_open(struct pipeline *pipeline, const struct round *round, int ledger);

/* WEIR_OK: it will be answered.  FULL, NO_STAGE: it will not. */
weir_status pipeline_push(struct pipeline *pipeline, uint32_t place, uint64_t id);

/* Returns a descriptor that is readable when all is answered. */
int pipeline_drain(struct pipeline *pipeline);

/* What came of it, once the descriptor is readable. */
weir_status pipeline_drained(struct pipeline *pipeline, weir_drain_report *report);

void pipeline_close(struct pipeline *pipeline, weir_accounts *accounts);

/* ---- audit.c ----------------------------------------------------------------- */

struct audit *audit_open(weir_runtime *runtime, uint64_t seed);

/* The auditor: takes a token for the group, which then comes back as a cast. */
void audit_begin(struct audit *audit, weir_ref auditor, const struct group *group);

/* None is under way. */
void audit_close(struct audit *audit);

/* Ends the process unless WEIR_OK. */
void must(weir_status status, const char *what);

#endif
