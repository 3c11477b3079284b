/*
 * What tests of a NATS source share: a server, a client of the test's own beside it, and a pipeline
 * that pulls from stream JOBS by consumer "worker".
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_CONNECT_NATS_TRIAL_H
#define TESTS_CONNECT_NATS_TRIAL_H

#include "connect/engine.h"

#include <nats/nats.h>
#include <weir/nats.h>
#include <weir/weir.h>

#define MS UINT64_C(1000000)
#define S  (1000 * MS)

extern struct engine nats_server;
extern char nats_url[64];

/* Of a group of tests: the server runs, and the client is connected. */
int nats_begin_server(void **state);
int nats_end_server(void **state);

/* ---- the client --------------------------------------------------------------------- */

extern natsConnection *nats_connection;
extern jsCtx *nats_jetstream;

void nats_connect(void);
void nats_disconnect(void);

/* Anew, of all subjects jobs.>. */
void nats_make_stream(const char *name);

/* `count` messages from `first` on, each with its number and `bytes` more. */
void nats_publish(size_t first, size_t count, size_t bytes);

/* What the server knows of "worker": delivered and not acked, and not delivered yet. */
void nats_consumer(uint64_t *not_acked, uint64_t *waiting);

/* For tally_until: both are none. */
bool nats_all_acked(void *context);

/* ---- the pipeline -------------------------------------------------------------------- */

struct nats_trial {
    weir_nats_source *source;
    weir_runtime *runtime;
    weir_pipeline *pipeline;
    weir_pipeline_stats stats; /* when it has ended */
};

/* What becomes of a message; NULL: OK.  Those that are OK are noted in the tally. */
extern weir_outcome (*nats_handle)(size_t number, const weir_message *message);

weir_nats_source_options nats_options_at(const char *address);

/* outstanding, bytes: of the pipeline; 0: the default. */
void nats_begin(struct nats_trial *trial, const weir_nats_source_options *options,
                size_t outstanding, size_t bytes);
void nats_end(struct nats_trial *trial);

#endif
