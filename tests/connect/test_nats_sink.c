/*
 * Goal: what a sink says is stored is in the stream, whatever happens to the server meanwhile; with
 * ids once; what the server will not take is named.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: numbered messages are pushed into a pipeline whose batcher has the sink; the stream is
 * read back by its sequences, into the tally.
 */
#include "connect/engine.h"
#include "connect/heard.h"
#include "connect/proxy.h"
#include "connect/tally.h"
#include "support/cmocka.h"

#include <nats/nats.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <weir/nats.h>
#include <weir/weir.h>

#define MS UINT64_C(1000000)
#define S  (1000 * MS)

enum { FEW = 300, MANY = 8000 };

static const char *const out[] = {"out.>"};
static struct engine server;
static char url[64];

/* ---- the stream, read back ------------------------------------------------------------- */

struct client {
    natsConnection *connection;
    jsCtx *jetstream;
};

static void connect_client(struct client *client) {
    jsOptions options;
    jsOptions_Init(&options);
    options.Wait = 5000;
    assert_int_equal(natsConnection_ConnectTo(&client->connection, url), NATS_OK);
    assert_int_equal(natsConnection_JetStream(&client->jetstream, client->connection, &options),
                     NATS_OK);
}

static void disconnect_client(struct client *client) {
    jsCtx_Destroy(client->jetstream);
    natsConnection_Destroy(client->connection);
}

static void delete_stream(void) {
    struct client client;
    connect_client(&client);
    js_DeleteStream(client.jetstream, "OUT", NULL, NULL);
    disconnect_client(&client);
}

/* Notes each message of the stream; returns how many there are. */
static uint64_t read_stream(size_t count) {
    struct client client;
    jsStreamInfo *info = NULL;
    connect_client(&client);
    tally_begin(count);
    assert_int_equal(js_GetStreamInfo(&info, client.jetstream, "OUT", NULL, NULL), NATS_OK);
    const uint64_t first = info->State.FirstSeq, last = info->State.LastSeq;
    jsStreamInfo_Destroy(info);
    for (uint64_t i = first; i <= last; i++) {
        natsMsg *message = NULL;
        assert_int_equal(js_GetMsg(&message, client.jetstream, "OUT", i, NULL, NULL), NATS_OK);
        const weir_message as = {
            .data = {natsMsg_GetData(message), (uint32_t)natsMsg_GetDataLength(message), 0}};
        tally_note(tally_number(&as));
        natsMsg_Destroy(message);
    }
    disconnect_client(&client);
    return last + 1 - first;
}

/* ---- the pipeline that is tried --------------------------------------------------------- */

struct trial {
    weir_nats_sink *sink;
    weir_runtime *runtime;
    weir_pipeline *pipeline;
    weir_pipeline_stats stats;
};

static bool has_lost(void *context) {
    (void)context;
    return heard("is lost (nats: ");
}

static int subject_of(void *context, const weir_message *message, char *subject, size_t room) {
    (void)context;
    snprintf(subject, room, "out.%zu", tally_number(message) % 5);
    return 0;
}

static int id_of(void *context, const weir_message *message, char *id, size_t room) {
    (void)context;
    snprintf(id, room, "m%zu", tally_number(message));
    return 0;
}

static weir_nats_sink_options usual(const char *address) {
    return (weir_nats_sink_options){.server = {.url = address, .timeout_ns = 500 * MS},
                                    .subject_of = subject_of,
                                    .id_of = id_of,
                                    .stream = "OUT",
                                    .subjects = out,
                                    .subject_count = 1,
                                    .confirm_ns = 500 * MS};
}

static uint64_t shutdown_ns = 20 * S;

static void begin(struct trial *trial, const weir_nats_sink_options *options) {
    assert_int_equal(weir_nats_sink_open(options, &trial->sink), WEIR_OK);
    assert_int_equal(
        weir_runtime_open(&(weir_runtime_options){.workers = 1, .log = heard_log}, &trial->runtime),
        WEIR_OK);
    const weir_pipeline_batcher batcher = {.name = "out",
                                           .size = 200,
                                           .timeout_ns = 20 * MS,
                                           .sink = weir_nats_sink_table(trial->sink),
                                           .sink_contexts = (void *[]){trial->sink},
                                           .retry = {.tries = 2, .delay = {.first_ns = 50 * MS}}};
    heard_begin();
    assert_int_equal(weir_pipeline_open(trial->runtime,
                                        &(weir_pipeline_options){.processors = {.count = 1},
                                                                 .batchers = &batcher,
                                                                 .batcher_count = 1,
                                                                 .shutdown_ns = shutdown_ns},
                                        &trial->pipeline),
                     WEIR_OK);
}

static void end(struct trial *trial) {
    assert_int_equal(weir_pipeline_close(trial->pipeline, &trial->stats), WEIR_OK);
    assert_int_equal(weir_runtime_close(trial->runtime, NULL), WEIR_OK);
    weir_nats_sink_close(trial->sink);
}

/* ---- what is tried ---------------------------------------------------------------------- */

static void stores_all_once(void **state) {
    struct trial trial;
    const weir_nats_sink_options options = usual(url);
    (void)state;
    delete_stream();
    begin(&trial, &options);
    assert_true(weir_nats_sink_table(trial.sink)->idempotent);
    tally_push(trial.pipeline, 0, MANY);
    end(&trial);
    assert_int_equal(trial.stats.done, MANY);
    assert_int_equal(read_stream(MANY), MANY);
    tally_check();
}

static void waits_for_a_server(void **state) {
    struct trial trial;
    const weir_nats_sink_options options = usual(url);
    (void)state;
    delete_stream();
    engine_kill(&server, SIGKILL);
    begin(&trial, &options);
    tally_push(trial.pipeline, 0, FEW);
    assert_true(tally_until(has_lost, NULL, 10));
    engine_again(&server);
    end(&trial);
    assert_int_equal(trial.stats.done, FEW);
    assert_int_equal(read_stream(FEW), FEW);
    tally_check();
}

static void outlives_a_crash_of_the_server(void **state) {
    struct trial trial;
    const weir_nats_sink_options options = usual(url);
    (void)state;
    delete_stream();
    begin(&trial, &options);
    for (size_t i = 0; i < 4; i++) {
        tally_push(trial.pipeline, i * MANY / 4, MANY / 4);
        engine_kill(&server, SIGKILL);
        engine_again(&server);
    }
    end(&trial);
    assert_int_equal(trial.stats.done, MANY);
    read_stream(MANY);
    tally_check();
}

/* The server stores, and its confirmations are lost: by their ids they are not stored again. */
static void stores_once_though_confirmations_are_lost(void **state) {
    struct trial trial;
    char through[64];
    proxy *between = proxy_start(server.port);
    snprintf(through, sizeof through, "nats://127.0.0.1:%u", proxy_port(between));
    const weir_nats_sink_options options = usual(through);
    (void)state;
    delete_stream();
    begin(&trial, &options);
    tally_push(trial.pipeline, 0, FEW);
    for (int i = 0; i < 6; i++) {
        proxy_cut_behind(between, 20000);
        tally_push(trial.pipeline, FEW + (size_t)i * FEW, FEW);
        nanosleep(&(struct timespec){.tv_nsec = 30000000}, NULL);
        proxy_cut(between, false);
    }
    end(&trial);
    proxy_end(between);
    assert_int_equal(trial.stats.done, 7 * FEW);
    assert_int_equal(read_stream(7 * FEW), 7 * FEW);
    tally_check();
}

static void names_what_is_too_large(void **state) {
    struct trial trial;
    const weir_nats_sink_options options = usual(url);
    char *large = malloc(2 * 1024 * 1024);
    weir_outcome outcomes[3];
    (void)state;
    memset(large, '1', 2 * 1024 * 1024);
    delete_stream();
    begin(&trial, &options);
    const weir_message messages[3] = {
        {.data = {"0 ", 2, 0}}, {.data = {large, 2 * 1024 * 1024, 0}}, {.data = {"1 ", 2, 0}}};
    assert_int_equal(
        weir_pipeline_test(trial.pipeline, messages, 3, WEIR_BATCH_FLUSH, 10 * S, outcomes),
        WEIR_OK);
    end(&trial);
    free(large);
    assert_int_equal(outcomes[0], WEIR_MESSAGE_OK);
    assert_int_equal(outcomes[1], WEIR_MESSAGE_DEAD);
    assert_int_equal(outcomes[2], WEIR_MESSAGE_OK);
    assert_int_equal(read_stream(2), 2);
    tally_check();
}

static void gives_back_what_no_stream_takes(void **state) {
    struct trial trial;
    const weir_nats_sink_options options = {.server = {.url = url}, .subject = "nowhere.at.all"};
    weir_outcome outcome;
    (void)state;
    begin(&trial, &options);
    const weir_message message = {.data = {"0 ", 2, 0}};
    assert_int_equal(
        weir_pipeline_test(trial.pipeline, &message, 1, WEIR_BATCH_FLUSH, 10 * S, &outcome),
        WEIR_OK);
    end(&trial);
    assert_int_equal(outcome, WEIR_MESSAGE_NAK);
    assert_true(heard("has not stored 1 of 1 messages, reason "));
    assert_true(heard("(nats: subject nowhere.at.all: no stream takes it)"));
}

/* Subjects and ids that are made of what a message has. */
static int wild_subject_of(void *context, const weir_message *message, char *subject, size_t room) {
    static const char *const wild[] = {"out.ok", "out.a b", "out.a 1\r\nx\r\nPUB out.b",
                                       "out..a", "out.*",   "out.ok"};
    (void)context;
    snprintf(subject, room, "%s", wild[tally_number(message)]);
    return 0;
}

static int wild_id_of(void *context, const weir_message *message, char *id, size_t room) {
    (void)context;
    snprintf(id, room, "m%zu%s", tally_number(message),
             tally_number(message) == 5 ? "\r\na: b" : "");
    return 0;
}

/* One that cannot be sent holds nothing else up, and says nothing that is not its own. */
static void fails_what_has_no_right_name(void **state) {
    struct trial trial;
    weir_nats_sink_options options = usual(url);
    weir_outcome outcomes[6];
    weir_message messages[6];
    (void)state;
    options.subject_of = wild_subject_of;
    options.id_of = wild_id_of;
    delete_stream();
    begin(&trial, &options);
    for (size_t i = 0; i < 6; i++) {
        static const char texts[] = "0 1 2 3 4 5 ";
        messages[i] = (weir_message){.data = {&texts[2 * i], 2, 0}};
    }
    assert_int_equal(
        weir_pipeline_test(trial.pipeline, messages, 6, WEIR_BATCH_FLUSH, 10 * S, outcomes),
        WEIR_OK);
    end(&trial);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(outcomes[i], i == 0 ? WEIR_MESSAGE_OK : WEIR_MESSAGE_FAILED);
    }
    assert_int_equal(trial.stats.reopened, 0);
    assert_int_equal(read_stream(1), 1);
}

/* What fits without its id's header, and not with it. */
static void names_what_is_too_large_with_its_id(void **state) {
    enum { LARGEST = 1 << 20 };
    struct trial trial;
    const weir_nats_sink_options options = usual(url);
    weir_outcome outcomes[2];
    char *text = calloc(1, LARGEST);
    (void)state;
    memset(text, 'x', LARGEST);
    memcpy(text, "0 ", 2);
    delete_stream();
    begin(&trial, &options);
    /* "NATS/1.0\r\nNats-Msg-Id: m0\r\n\r\n" */
    const weir_message messages[] = {{.data = {text, LARGEST - 28, 0}},
                                     {.data = {text, LARGEST - 29, 0}}};
    assert_int_equal(
        weir_pipeline_test(trial.pipeline, messages, 2, WEIR_BATCH_FLUSH, 10 * S, outcomes),
        WEIR_OK);
    end(&trial);
    assert_int_equal(outcomes[0], WEIR_MESSAGE_DEAD);
    assert_int_equal(outcomes[1], WEIR_MESSAGE_OK);
    assert_int_equal(trial.stats.reopened, 0);
    free(text);
}

/* A server that takes nothing: what is written to it fills what the system keeps. */
static void ends_beside_a_stopped_server(void **state) {
    enum { LARGE = 500000, SOME = 60 };
    struct trial trial;
    struct timespec from, to;
    weir_nats_sink_options options = usual(url);
    char *text = calloc(1, LARGE);
    (void)state;
    options.id_of = NULL;
    shutdown_ns = 2 * S;
    memcpy(text, "0 ", 2);
    delete_stream();
    begin(&trial, &options);
    const weir_message message = {.data = {text, LARGE, 0}};
    assert_int_equal(weir_pipeline_push(trial.pipeline, &message, 1), WEIR_OK);
    nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
    engine_kill(&server, SIGSTOP);
    for (size_t i = 0; i < SOME; i++) {
        assert_int_equal(weir_pipeline_push(trial.pipeline, &message, 1), WEIR_OK);
    }
    assert_true(tally_until(has_lost, NULL, 5));
    clock_gettime(CLOCK_MONOTONIC, &from);
    assert_int_equal(weir_pipeline_close(trial.pipeline, &trial.stats), WEIR_OK);
    clock_gettime(CLOCK_MONOTONIC, &to);
    engine_kill(&server, SIGCONT);
    assert_true(to.tv_sec - from.tv_sec <= 5);
    assert_int_equal(weir_runtime_close(trial.runtime, NULL), WEIR_OK);
    weir_nats_sink_close(trial.sink);
    shutdown_ns = 20 * S;
    free(text);
}

/* The stream is full, and says so: what it does not take goes back, and nothing else is lost. */
static void gives_back_what_a_full_stream_refuses(void **state) {
    struct trial trial;
    struct client client;
    jsStreamConfig config;
    const weir_nats_sink_options options = usual(url);
    (void)state;
    delete_stream();
    jsStreamConfig_Init(&config);
    config.Name = "OUT";
    config.Subjects = (const char **)(uintptr_t)out;
    config.SubjectsLen = 1;
    config.MaxMsgs = FEW / 2;
    config.Discard = js_DiscardNew;
    connect_client(&client);
    assert_int_equal(js_AddStream(NULL, client.jetstream, &config, NULL, NULL), NATS_OK);
    disconnect_client(&client);
    begin(&trial, &options);
    tally_push(trial.pipeline, 0, FEW);
    end(&trial);
    assert_int_equal(trial.stats.done, FEW / 2);
    assert_int_equal(trial.stats.given_back, FEW - FEW / 2);
    assert_int_equal(read_stream(0), FEW / 2);
}

static void refuses_bad_options(void **state) {
    static const struct {
        weir_nats_sink_options options;
        const char *says;
    } rows[] = {
        {{.subject = NULL}, "one of subject and subject_of"},
        {{.subject = "a", .subject_of = subject_of}, "one of subject and subject_of"},
        {{.subject = "a.*"}, "without * and >, got \"a.*\""},
        {{.subject = ">"}, "without * and >"},
        {{.subject = ""}, "subject must be tokens"},
        {{.subject = "."}, "subject must be tokens"},
        {{.subject = "a..b"}, "got \"a..b\""},
        {{.subject = ".a"}, "subject must be tokens"},
        {{.subject = "a."}, "subject must be tokens"},
        {{.subject = "a\x01"}, "without blanks and controls"},
        {{.subject = "a", .server = {.url = ","}}, "server.url must be an address"},
        {{.subject = "a", .confirm_ns = 1}, "confirm_ns must be at least 1000000, got 1"},
        {{.subject = "a", .stream = "S", .subject_count = 1}, "subject_count must be 0"},
        {{.subject = "a", .server = {.token = "t", .user = "u", .password = "p"}}, "server.token"},
        {{.subject = "a", .reserved = {1}}, "reserved must be zero"},
        {{.subject = "a", .server = {.reserved = {1}}}, "server.reserved must be zero"},
    };
    weir_nats_sink *sink = NULL;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(weir_nats_sink_open(&rows[i].options, &sink), WEIR_INVALID);
        assert_non_null(strstr(weir_refusal(), rows[i].says));
        assert_null(sink);
    }
    weir_nats_sink_close(NULL);
}

static int start_server(void **state) {
    (void)state;
    engine_start(&server, ENGINE_NATS, "");
    snprintf(url, sizeof url, "nats://127.0.0.1:%u", server.port);
    return 0;
}

static int end_server(void **state) {
    (void)state;
    engine_end(&server);
    nats_Close();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_bad_options),
        cmocka_unit_test(stores_all_once),
        cmocka_unit_test(waits_for_a_server),
        cmocka_unit_test(outlives_a_crash_of_the_server),
        cmocka_unit_test(stores_once_though_confirmations_are_lost),
        cmocka_unit_test(names_what_is_too_large),
        cmocka_unit_test(names_what_is_too_large_with_its_id),
        cmocka_unit_test(fails_what_has_no_right_name),
        cmocka_unit_test(ends_beside_a_stopped_server),
        cmocka_unit_test(gives_back_what_no_stream_takes),
        cmocka_unit_test(gives_back_what_a_full_stream_refuses),
    };
    return engine_found(ENGINE_NATS) ? cmocka_run_group_tests(tests, start_server, end_server)
                                     : ENGINE_SKIPPED;
}
