/*
 * Goal: what a stream of JetStream has is pulled by demand, and settled as each message says:
 * acked, given back with a delay, ended; whatever happens to the server and the connection.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: pipelines with threads against a server of the test's own, directly or by a proxy; all
 * messages have numbers, and the consumer's own figures say what the server knows of.
 */
#include "connect/heard.h"
#include "connect/nats_trial.h"
#include "connect/proxy.h"
#include "connect/tally.h"
#include "support/cmocka.h"

#include <inttypes.h>
#include <nats/nats.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <weir/nats.h>
#include <weir/weir.h>

enum { FEW = 500, MANY = 20000 };

/* ---- the usual ------------------------------------------------------------------------ */

static void pulls_and_acks_all(void **state) {
    struct nats_trial trial;
    const weir_nats_source_options options = nats_options_at(nats_url);
    (void)state;
    nats_make_stream("JOBS");
    nats_publish(0, MANY, 20);
    tally_begin(MANY);
    nats_begin(&trial, &options, 0, 0);
    assert_true(tally_wait(20));
    assert_true(tally_until(nats_all_acked, NULL, 10));
    nats_end(&trial);
    tally_check();
    assert_int_equal(tally_again(), 0);
    assert_int_equal(trial.stats.acked, MANY);
}

static void bounds_bytes_and_takes_large_ones(void **state) {
    struct nats_trial trial;
    const weir_nats_source_options options = nats_options_at(nats_url);
    (void)state;
    nats_make_stream("JOBS");
    nats_publish(0, 20, 100);
    nats_publish(20, 5, 200000); /* each larger than all that may be out */
    nats_publish(25, 20, 100);
    tally_begin(45);
    nats_begin(&trial, &options, 0, 50000);
    assert_true(tally_wait(20));
    assert_true(tally_until(nats_all_acked, NULL, 10));
    nats_end(&trial);
    tally_check();
}

static weir_outcome key_and_time(size_t number, const weir_message *message) {
    char subject[32];
    int length = snprintf(subject, sizeof subject, "jobs.%zu", number % 7);
    bool right = message->key.count == (uint32_t)length &&
                 memcmp(message->key.at, subject, (size_t)length) == 0 &&
                 message->time > UINT64_C(1600000000000000000) && message->deliveries == 0 &&
                 message->headers.count > 0 &&
                 memcmp(message->headers.at, "Nats-Msg-Id: ", 13) == 0;
    return right ? WEIR_MESSAGE_OK : WEIR_MESSAGE_SKIP;
}

static void tells_subject_time_and_header(void **state) {
    struct nats_trial trial;
    weir_nats_source_options options = nats_options_at(nats_url);
    (void)state;
    options.headers = true;
    nats_make_stream("JOBS");
    for (size_t i = 0; i < 10; i++) {
        char text[16], subject[16];
        jsPubOptions publishing;
        jsPubOptions_Init(&publishing);
        snprintf(text, sizeof text, "%zu ", i);
        snprintf(subject, sizeof subject, "jobs.%zu", i % 7);
        publishing.MsgId = text;
        assert_int_equal(
            js_Publish(NULL, nats_jetstream, subject, text, (int)strlen(text), &publishing, NULL),
            NATS_OK);
    }
    tally_begin(10);
    nats_handle = key_and_time;
    nats_begin(&trial, &options, 0, 0);
    assert_true(tally_wait(20));
    nats_end(&trial);
}

/* ---- outcomes ------------------------------------------------------------------------- */

/* The first time: every third is given back, every seventh is dead. */
static weir_outcome some_fail(size_t number, const weir_message *message) {
    return number % 7 == 0                              ? WEIR_MESSAGE_DEAD
           : number % 3 == 0 && message->deliveries < 2 ? WEIR_MESSAGE_NAK
                                                        : WEIR_MESSAGE_OK;
}

static void counts_redeliveries_and_ends_the_dead(void **state) {
    struct nats_trial trial;
    const weir_nats_source_options options = nats_options_at(nats_url);
    (void)state;
    nats_make_stream("JOBS");
    nats_publish(0, FEW, 10);
    tally_begin(FEW);
    for (size_t i = 0; i < FEW; i += 7) {
        tally_note(i); /* will not come */
    }
    nats_handle = some_fail;
    nats_begin(&trial, &options, 0, 0);
    assert_true(tally_wait(20));
    assert_true(tally_until(nats_all_acked, NULL, 10)); /* the dead, too: they never come again */
    nats_end(&trial);
    size_t dead = (FEW + 6) / 7, naks = 0;
    for (size_t i = 0; i < FEW; i += 3) {
        naks += i % 7 != 0 ? 2 : 0;
    }
    assert_int_equal(trial.stats.naks, naks);
    assert_int_equal(trial.stats.acked, FEW);
    assert_int_equal(trial.stats.dead, dead);
}

static weir_outcome slow_one(size_t number, const weir_message *message) {
    (void)message;
    if (number == 0) {
        struct timespec long_time = {.tv_sec = 1};
        nanosleep(&long_time, NULL);
    }
    return WEIR_MESSAGE_OK;
}

/* Longer than ack_wait: without its lease it would come again. */
static void extends_what_takes_long(void **state) {
    struct nats_trial trial;
    weir_nats_source_options options = nats_options_at(nats_url);
    (void)state;
    options.ack_wait_ns = 300 * MS;
    nats_make_stream("JOBS");
    nats_publish(0, 1, 10);
    tally_begin(1);
    nats_handle = slow_one;
    nats_begin(&trial, &options, 0, 0);
    assert_true(tally_wait(20));
    assert_true(tally_until(nats_all_acked, NULL, 10));
    nats_end(&trial);
    assert_int_equal(tally_of(0), 1);
    assert_int_equal(trial.stats.acked, 1);
}

/* ---- faults --------------------------------------------------------------------------- */

static void waits_for_a_server(void **state) {
    struct nats_trial trial;
    const weir_nats_source_options options = nats_options_at(nats_url);
    (void)state;
    nats_make_stream("JOBS");
    nats_publish(0, FEW, 10);
    nats_disconnect();
    engine_kill(&nats_server, SIGTERM);
    tally_begin(FEW);
    nats_begin(&trial, &options, 0, 0);
    assert_true(tally_until(heard, "cannot connect to", 10));
    engine_again(&nats_server);
    nats_connect();
    assert_true(tally_wait(20));
    nats_end(&trial);
    tally_check();
}

static weir_outcome brief_nap(size_t number, const weir_message *message) {
    (void)number, (void)message;
    nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
    return WEIR_MESSAGE_OK;
}

static void outlives_a_crash_of_the_server(void **state) {
    struct nats_trial trial;
    weir_nats_source_options options = nats_options_at(nats_url);
    (void)state;
    options.expires_ns = 500 * MS;
    nats_make_stream("JOBS");
    nats_publish(0, MANY, 10);
    nats_disconnect();
    tally_begin(MANY);
    nats_handle = brief_nap;
    nats_begin(&trial, &options, 1000, 0);
    for (int round = 0; round < 2; round++) {
        size_t before = tally_missing();
        for (int i = 0; i < 2000 && before - tally_missing() < MANY / 8; i++) {
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        }
        engine_kill(&nats_server, SIGKILL);
        engine_again(&nats_server);
    }
    assert_true(tally_wait(40));
    nats_connect();
    assert_true(tally_until(nats_all_acked, NULL, 20));
    nats_end(&trial);
    tally_check();
}

static void outlives_broken_connections(void **state) {
    struct nats_trial trial;
    char through[64];
    proxy *between = proxy_start(nats_server.port);
    snprintf(through, sizeof through, "nats://127.0.0.1:%u", proxy_port(between));
    const weir_nats_source_options options = nats_options_at(through);
    (void)state;
    nats_make_stream("JOBS");
    nats_publish(0, MANY, 50);
    tally_begin(MANY);
    proxy_cut_behind(between, 300000); /* amid a message */
    nats_begin(&trial, &options, 0, 0);
    assert_true(tally_until(heard, "not connected", 20));
    proxy_cut(between, true);
    proxy_cut(between, false);
    assert_true(tally_wait(40));
    assert_true(tally_until(nats_all_acked, NULL, 20));
    nats_end(&trial);
    proxy_end(between);
    tally_check();
}

/* A server that says nothing more: the end comes by the deadline, and is not held up. */
static void ends_beside_a_stalled_server(void **state) {
    struct nats_trial trial;
    char through[64];
    proxy *between = proxy_start(nats_server.port);
    snprintf(through, sizeof through, "nats://127.0.0.1:%u", proxy_port(between));
    weir_nats_source_options options = nats_options_at(through);
    (void)state;
    options.server.timeout_ns = 300 * MS;
    nats_make_stream("JOBS");
    nats_publish(0, FEW, 10);
    tally_begin(FEW);
    nats_begin(&trial, &options, 0, 0);
    assert_true(tally_wait(20));
    proxy_stall(between, true);
    nats_publish(FEW, FEW, 10);
    nats_end(&trial);
    proxy_end(between);
    tally_check();
}

static weir_outcome take_a_second(size_t number, const weir_message *message) {
    (void)number, (void)message;
    nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    return WEIR_MESSAGE_OK;
}

static void *publish_late(void *context) {
    nanosleep(&(struct timespec){.tv_nsec = 600000000}, NULL);
    nats_publish(1, 20, 10);
    return context;
}

/* What comes for a request while the source ends is nobody's: others have it at once. */
static void gives_back_what_came_too_late(void **state) {
    struct nats_trial trial;
    pthread_t thread;
    weir_nats_source_options options = nats_options_at(nats_url);
    (void)state;
    options.ack_wait_ns = 30 * S;
    nats_make_stream("JOBS");
    nats_publish(0, 1, 10);
    tally_begin(21);
    nats_handle = take_a_second;
    nats_begin(&trial, &options, 0, 0);
    assert_int_equal(pthread_create(&thread, NULL, publish_late, NULL), 0);
    nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
    nats_end(&trial);
    pthread_join(thread, NULL);
    assert_int_equal(trial.stats.acked, 1);
    nats_begin(&trial, &options, 0, 0); /* the next one need not wait until ack_wait has passed */
    assert_true(tally_wait(15));
    nats_end(&trial);
}

/* What others have made asks for less than the options do. */
static void asks_for_as_long_as_a_consumer_takes(void **state) {
    struct nats_trial trial;
    jsConsumerConfig config;
    weir_nats_source_options options = nats_options_at(nats_url);
    (void)state;
    options.server.timeout_ns = UINT64_MAX;
    nats_make_stream("JOBS");
    jsConsumerConfig_Init(&config);
    config.Durable = "worker";
    config.AckPolicy = js_AckExplicit;
    config.MaxRequestExpires = 1000000000;
    assert_int_equal(js_AddConsumer(NULL, nats_jetstream, "JOBS", &config, NULL, NULL), NATS_OK);
    nats_publish(0, FEW, 10);
    tally_begin(FEW);
    nats_begin(&trial, &options, 0, 0);
    assert_true(tally_wait(10));
    nats_end(&trial);
}

static void takes_long_names(void **state) {
    struct nats_trial trial;
    char stream[130], consumer[130];
    jsStreamConfig config;
    weir_nats_source_options options = nats_options_at(nats_url);
    (void)state;
    memset(stream, 'S', sizeof stream);
    memset(consumer, 'c', sizeof consumer);
    stream[129] = consumer[129] = '\0';
    js_DeleteStream(nats_jetstream, "JOBS", NULL, NULL);
    jsStreamConfig_Init(&config);
    config.Name = stream;
    config.Subjects = (const char *[]){"jobs.>"};
    config.SubjectsLen = 1;
    assert_int_equal(js_AddStream(NULL, nats_jetstream, &config, NULL, NULL), NATS_OK);
    options.stream = stream;
    options.consumer = consumer;
    nats_publish(0, FEW, 10);
    tally_begin(FEW);
    nats_begin(&trial, &options, 0, 0);
    assert_true(tally_wait(10));
    nats_end(&trial);
    js_DeleteStream(nats_jetstream, stream, NULL, NULL);
}

static void says_what_is_wrong(void **state) {
    struct nats_trial trial;
    weir_nats_source_options options = nats_options_at(nats_url);
    (void)state;
    nats_make_stream("JOBS");
    options.stream = "NONE";
    tally_begin(0);
    nats_begin(&trial, &options, 0, 0);
    assert_true(tally_until(heard, "stream NONE", 10));
    nats_end(&trial);

    options.stream = "JOBS";
    options.bind = true;
    options.consumer = "nobody";
    nats_begin(&trial, &options, 0, 0);
    assert_true(tally_until(heard, "consumer nobody of stream JOBS", 10));
    nats_end(&trial);
}

static void refuses_bad_options(void **state) {
    static const char *const gaps[] = {"a.*.>", "a..b"};
    static const struct {
        weir_nats_source_options options;
        const char *says;
    } rows[] = {
        {{.consumer = "w"}, "stream must be given"},
        {{.stream = "S"}, "consumer must be given"},
        {{.stream = "S.T", .consumer = "w"}, "stream must be without dots"},
        {{.stream = "S", .consumer = "w", .ack_wait_ns = 5}, "ack_wait_ns must be at least"},
        {{.stream = "S", .consumer = "w", .expires_ns = 5}, "expires_ns must be at least"},
        {{.stream = "S", .consumer = "w", .replicas = 6}, "replicas must be 1 to 5, got 6"},
        {{.stream = "S", .consumer = "w", .subject_count = 1}, "subject_count must be 0"},
        {{.stream = "S", .consumer = "w", .server = {.user = "u"}}, "server.password"},
        {{.stream = "S", .consumer = "w", .server = {.key = "k"}}, "server.certificate"},
        {{.stream = "S", .consumer = "w", .filter = ""}, "filter must be tokens"},
        {{.stream = "S", .consumer = "w", .filter = "a b"}, "got \"a b\""},
        {{.stream = "S", .consumer = "w", .filter = "a."}, "filter must be tokens"},
        {{.stream = "S", .consumer = "w", .filter = ">.a"}, "> only as the last"},
        {{.stream = "S", .consumer = "w", .filter = "a*.b"}, "* only as a token"},
        {{.stream = "S", .consumer = "w", .subjects = gaps, .subject_count = 2},
         "subjects[1] must be tokens"},
        {{.stream = "S", .consumer = "w", .server = {.url = ""}}, "server.url must be an address"},
        {{.stream = "S", .consumer = "w", .server = {.url = " , "}}, "got an empty one"},
        {{.stream = "S", .consumer = "w", .server = {.url = "a,,b"}}, "got an empty one"},
        {{.stream = "S", .consumer = "w", .server = {.url = "a:1 b:2"}}, "without blanks"},
        {{.stream = "S", .consumer = "w", .server = {.url = "nats://u:secret@a b"}},
         "got \"a b\""}, /* and not the password */
        {{.stream = "S", .consumer = "w", .server = {.url = "1,2,3,4,5,6,7,8,9,a,b,c,d,e,f,g,h"}},
         "at most 16 addresses"},
        {{.stream = "S", .consumer = "w", .reserved = {1}}, "reserved must be zero"},
        {{.stream = "S", .consumer = "w", .server = {.reserved = {1}}},
         "server.reserved must be zero"},
    };
    weir_nats_source *source = NULL;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(weir_nats_source_open(&rows[i].options, &source), WEIR_INVALID);
        assert_non_null(strstr(weir_refusal(), rows[i].says));
        assert_null(source);
    }
    assert_int_equal(weir_nats_source_open(NULL, &source), WEIR_INVALID);
    weir_nats_source_close(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_bad_options),
        cmocka_unit_test(pulls_and_acks_all),
        cmocka_unit_test(bounds_bytes_and_takes_large_ones),
        cmocka_unit_test(tells_subject_time_and_header),
        cmocka_unit_test(counts_redeliveries_and_ends_the_dead),
        cmocka_unit_test(extends_what_takes_long),
        cmocka_unit_test(waits_for_a_server),
        cmocka_unit_test(outlives_a_crash_of_the_server),
        cmocka_unit_test(outlives_broken_connections),
        cmocka_unit_test(ends_beside_a_stalled_server),
        cmocka_unit_test(gives_back_what_came_too_late),
        cmocka_unit_test(asks_for_as_long_as_a_consumer_takes),
        cmocka_unit_test(takes_long_names),
        cmocka_unit_test(says_what_is_wrong),
    };
    return engine_found(ENGINE_NATS)
               ? cmocka_run_group_tests(tests, nats_begin_server, nats_end_server)
               : ENGINE_SKIPPED;
}
