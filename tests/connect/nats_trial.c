/*
 * What tests of a NATS source share.  See nats_trial.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "connect/nats_trial.h"

#include "connect/heard.h"
#include "connect/tally.h"
#include "support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct engine nats_server;
char nats_url[64];

/* ---- the test's own client ----------------------------------------------------------- */

natsConnection *nats_connection;
jsCtx *nats_jetstream;

void nats_connect(void) {
    jsOptions options;
    jsOptions_Init(&options);
    options.Wait = 5000;
    assert_int_equal(natsConnection_ConnectTo(&nats_connection, nats_url), NATS_OK);
    assert_int_equal(natsConnection_JetStream(&nats_jetstream, nats_connection, &options), NATS_OK);
}

void nats_disconnect(void) {
    jsCtx_Destroy(nats_jetstream);
    natsConnection_Destroy(nats_connection);
    nats_jetstream = NULL;
    nats_connection = NULL;
}

void nats_make_stream(const char *name) {
    jsStreamConfig config;
    jsStreamConfig_Init(&config);
    config.Name = name;
    config.Subjects = (const char *[]){"jobs.>"};
    config.SubjectsLen = 1;
    js_DeleteStream(nats_jetstream, name, NULL, NULL);
    assert_int_equal(js_AddStream(NULL, nats_jetstream, &config, NULL, NULL), NATS_OK);
}

void nats_publish(size_t first, size_t count, size_t bytes) {
    char *text = calloc(1, bytes + 32), subject[32];
    for (size_t i = first; i < first + count; i++) {
        int length = snprintf(text, 32, "%zu ", i);
        memset(text + length, 'x', bytes);
        snprintf(subject, sizeof subject, "jobs.%zu", i % 7);
        assert_int_equal(js_PublishAsync(nats_jetstream, subject, text, length + (int)bytes, NULL),
                         NATS_OK);
    }
    jsPubOptions options;
    jsPubOptions_Init(&options);
    options.MaxWait = 20000;
    assert_int_equal(js_PublishAsyncComplete(nats_jetstream, &options), NATS_OK);
    free(text);
}

void nats_consumer(uint64_t *not_acked, uint64_t *waiting) {
    jsConsumerInfo *info = NULL;
    assert_int_equal(js_GetConsumerInfo(&info, nats_jetstream, "JOBS", "worker", NULL, NULL),
                     NATS_OK);
    *not_acked = (uint64_t)info->NumAckPending;
    *waiting = info->NumPending;
    jsConsumerInfo_Destroy(info);
}

bool nats_all_acked(void *context) {
    uint64_t not_acked, waiting;
    (void)context;
    nats_consumer(&not_acked, &waiting);
    return not_acked == 0 && waiting == 0;
}

/* ---- the pipeline that is tried -------------------------------------------------------- */

weir_outcome (*nats_handle)(size_t number, const weir_message *message);

static weir_outcome handle_message(void *context, weir_work *work, weir_message *message) {
    size_t number = tally_number(message);
    (void)context, (void)work;
    weir_outcome outcome = nats_handle == NULL ? WEIR_MESSAGE_OK : nats_handle(number, message);
    if (outcome == WEIR_MESSAGE_OK) {
        tally_note(number);
    }
    return outcome;
}

void nats_begin(struct nats_trial *trial, const weir_nats_source_options *options,
                size_t outstanding, size_t bytes) {
    heard_begin();
    assert_int_equal(weir_nats_source_open(options, &trial->source), WEIR_OK);
    assert_int_equal(
        weir_runtime_open(&(weir_runtime_options){.workers = 1, .log = heard_log}, &trial->runtime),
        WEIR_OK);
    assert_int_equal(
        weir_pipeline_open(
            trial->runtime,
            &(weir_pipeline_options){.source = weir_nats_source_driver(trial->source),
                                     .source_contexts = (void *[]){trial->source},
                                     .source_count = 1,
                                     .max_outstanding = outstanding,
                                     .max_outstanding_bytes = bytes,
                                     .shutdown_ns = 2 * S,
                                     .processors = {.count = 2, .handle_message = handle_message}},
            &trial->pipeline),
        WEIR_OK);
}

void nats_end(struct nats_trial *trial) {
    assert_int_equal(weir_pipeline_close(trial->pipeline, &trial->stats), WEIR_OK);
    assert_int_equal(weir_runtime_close(trial->runtime, NULL), WEIR_OK);
    weir_nats_source_close(trial->source);
    nats_handle = NULL;
}

weir_nats_source_options nats_options_at(const char *address) {
    return (weir_nats_source_options){
        .server = {.url = address}, .stream = "JOBS", .consumer = "worker", .ack_wait_ns = 2 * S};
}

/* ---- the server ------------------------------------------------------------------------ */

int nats_begin_server(void **state) {
    (void)state;
    engine_start(&nats_server, ENGINE_NATS, "");
    snprintf(nats_url, sizeof nats_url, "nats://127.0.0.1:%u", nats_server.port);
    nats_connect();
    return 0;
}

int nats_end_server(void **state) {
    (void)state;
    nats_disconnect();
    engine_end(&nats_server);
    nats_Close();
    return 0;
}
