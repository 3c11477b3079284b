/*
 * Goal: a consumer that is there already is refused where it differs from the options, and asked
 * for what it takes; servers that do not answer hold nothing up.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: consumers made by the test's own client; addresses at which somebody listens, and says
 * nothing.
 */
#include "connect/heard.h"
#include "connect/nats_trial.h"
#include "connect/tally.h"
#include "support/cmocka.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FEW = 300, DEAD = 16 };

static void make_consumer(const jsConsumerConfig *like) {
    jsConsumerConfig config = *like;
    nats_make_stream("JOBS");
    config.Durable = "worker";
    assert_int_equal(js_AddConsumer(NULL, nats_jetstream, "JOBS", &config, NULL, NULL), NATS_OK);
}

static jsConsumerConfig usual(void) {
    jsConsumerConfig config;
    jsConsumerConfig_Init(&config);
    config.AckPolicy = js_AckExplicit;
    return config;
}

/* ---- one that differs --------------------------------------------------------------------- */

static void is_refused(const weir_nats_source_options *options, const char *says) {
    struct nats_trial trial;
    tally_begin(0);
    nats_begin(&trial, options, 0, 0);
    assert_true(tally_until(heard, (void *)(uintptr_t)says, 10));
    assert_true(heard("its driver is broken (nats: "));
    nats_end(&trial);
}

static void is_taken(const weir_nats_source_options *options) {
    struct nats_trial trial;
    nats_publish(0, FEW, 10);
    tally_begin(FEW);
    nats_begin(&trial, options, 0, 0);
    assert_true(tally_wait(10));
    nats_end(&trial);
    tally_check();
}

static void filters_must_be_the_same(void **state) {
    jsConsumerConfig config = usual();
    weir_nats_source_options options = nats_options_at(nats_url);
    (void)state;
    config.FilterSubject = "jobs.1";
    make_consumer(&config);
    options.filter = "jobs.2";
    is_refused(&options, "filter must be what consumer worker has, \"jobs.1\", got \"jobs.2\"");
    options.filter = NULL;
    is_refused(&options, "filter must be what consumer worker has, \"jobs.1\", got \"\"");
    config.FilterSubject = "jobs.*";
    make_consumer(&config);
    options.bind = true; /* it is what it is */
    is_taken(&options);
    make_consumer(&config);
    options.bind = false;
    options.filter = "jobs.*";
    is_taken(&options);
}

static void numbers_must_be_the_same_where_they_are_given(void **state) {
    jsConsumerConfig config = usual();
    weir_nats_source_options options = nats_options_at(nats_url);
    (void)state;
    config.MaxAckPending = 700;
    config.MaxDeliver = 9;
    make_consumer(&config);
    options.max_ack_pending = 800;
    is_refused(&options, "max_ack_pending must be what consumer worker has, 700");
    options.max_ack_pending = 700;
    options.max_deliver = 8;
    is_refused(&options, "max_deliver must be what consumer worker has, 9");
    options.max_deliver = 0;
    options.ack_wait_ns = 31 * S;
    is_refused(&options, "ack_wait_ns must be at most what consumer worker has, 30000000000");
    options.ack_wait_ns = 0;
    is_taken(&options);
}

static void acks_must_be_explicit(void **state) {
    jsConsumerConfig config = usual();
    const weir_nats_source_options options = nats_options_at(nats_url);
    (void)state;
    config.AckPolicy = js_AckAll;
    make_consumer(&config);
    is_refused(&options, "consumer worker must have explicit acks");
}

/* ---- how much it takes ----------------------------------------------------------------------- */

static void asks_for_as_much_as_a_consumer_takes(void **state) {
    jsConsumerConfig config = usual();
    const weir_nats_source_options options = nats_options_at(nats_url);
    struct nats_trial trial;
    (void)state;
    config.MaxRequestBatch = 7;
    config.MaxRequestMaxBytes = 2000;
    make_consumer(&config);
    nats_publish(0, FEW, 100);
    tally_begin(FEW);
    nats_begin(&trial, &options, 0, 100000);
    assert_true(tally_wait(10));
    nats_end(&trial);
    tally_check();
    assert_false(heard("is not connected"));
}

static bool takes_none(void *context) {
    (void)context;
    return heard("it asks less often");
}

/* The one that may wait is another's. */
static void waits_where_too_many_wait(void **state) {
    static const char request[] = "{\"batch\":1,\"expires\":60000000000}";
    jsConsumerConfig config = usual();
    const weir_nats_source_options options = nats_options_at(nats_url);
    struct nats_trial trial;
    natsSubscription *other = NULL;
    (void)state;
    config.MaxWaiting = 1;
    make_consumer(&config);
    assert_int_equal(natsConnection_SubscribeSync(&other, nats_connection, "test.inbox"), NATS_OK);
    assert_int_equal(natsConnection_PublishRequest(nats_connection,
                                                   "$JS.API.CONSUMER.MSG.NEXT.JOBS.worker",
                                                   "test.inbox", request, (int)strlen(request)),
                     NATS_OK);
    assert_int_equal(natsConnection_Flush(nats_connection), NATS_OK);
    tally_begin(FEW);
    nats_begin(&trial, &options, 0, 0);
    assert_true(tally_until(takes_none, NULL, 10));
    natsSubscription_Destroy(other);
    nats_publish(0, FEW, 10);
    assert_true(tally_wait(10));
    nats_end(&trial);
    tally_check();
    assert_false(heard("is not connected"));
}

/* ---- servers that do not answer ------------------------------------------------------------- */

static int dead[DEAD];
static unsigned dead_count;
static char addresses[DEAD * 32 + 64];

/* Somebody listens there, and never takes what comes: whoever connects waits for a first word. */
static void begin_dead(unsigned count) {
    size_t length = 0;
    dead_count = count;
    for (unsigned i = 0; i < count; i++) {
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
        socklen_t size = sizeof at;
        dead[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(dead[i], (struct sockaddr *)&at, size), 0);
        assert_int_equal(listen(dead[i], 64), 0);
        assert_int_equal(getsockname(dead[i], (struct sockaddr *)&at, &size), 0);
        length += (size_t)snprintf(addresses + length, sizeof addresses - length,
                                   "%snats://127.0.0.1:%u", i > 0 ? ", " : "", ntohs(at.sin_port));
    }
}

/* Somebody waits for one of them. */
static bool is_waited_for(void *context) {
    struct pollfd each[DEAD];
    (void)context;
    for (unsigned i = 0; i < dead_count; i++) {
        each[i] = (struct pollfd){.fd = dead[i], .events = POLLIN};
    }
    return poll(each, dead_count, 0) > 0;
}

static void end_dead(void) {
    for (unsigned i = 0; i < dead_count; i++) {
        close(dead[i]);
    }
}

/* At one after the other it would be longer than the end may take. */
static void ends_while_it_connects_to_many(void **state) {
    struct nats_trial trial;
    weir_nats_source_options options = nats_options_at(addresses);
    (void)state;
    begin_dead(DEAD);
    options.server.timeout_ns = 500 * MS;
    tally_begin(0);
    nats_begin(&trial, &options, 0, 0);
    assert_true(tally_until(is_waited_for, NULL, 10));
    nats_end(&trial); /* fails if it takes two seconds more than the deadline */
    end_dead();
}

/* Each time it goes on where it was. */
static void comes_to_the_one_that_answers(void **state) {
    struct nats_trial trial;
    size_t length;
    weir_nats_source_options options = nats_options_at(addresses);
    (void)state;
    begin_dead(3);
    length = strlen(addresses);
    snprintf(addresses + length, sizeof addresses - length, " ,%s", nats_url);
    options.server.timeout_ns = 100 * MS;
    nats_make_stream("JOBS");
    nats_publish(0, FEW, 10);
    tally_begin(FEW);
    nats_begin(&trial, &options, 0, 0);
    assert_true(tally_wait(20));
    nats_end(&trial);
    end_dead();
    tally_check();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_must_be_the_same),
        cmocka_unit_test(numbers_must_be_the_same_where_they_are_given),
        cmocka_unit_test(acks_must_be_explicit),
        cmocka_unit_test(asks_for_as_much_as_a_consumer_takes),
        cmocka_unit_test(waits_where_too_many_wait),
        cmocka_unit_test(ends_while_it_connects_to_many),
        cmocka_unit_test(comes_to_the_one_that_answers),
    };
    return engine_found(ENGINE_NATS)
               ? cmocka_run_group_tests(tests, nats_begin_server, nats_end_server)
               : ENGINE_SKIPPED;
}
