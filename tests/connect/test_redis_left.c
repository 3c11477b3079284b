/*
 * Goal: what others have left pending is taken over: the dead's, its own of an earlier life, what
 * was given back; and what a source has asked for as it ends, it leaves to others.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: as test_redis_source.c.
 */
#include "connect/redis_rig.h"

enum { FEW = 500, MANY = 16000 };

/* ---- what was left ---------------------------------------------------------------------- */

static weir_outcome was_delivered(size_t number, const weir_message *message) {
    (void)number;
    return message->deliveries == 1 ? WEIR_MESSAGE_OK : WEIR_MESSAGE_SKIP;
}

static void takes_over_from_the_dead(void **state) {
    struct trial trial;
    weir_redis_source_options options = options_at(address);
    (void)state;
    options.lease_ns = 200 * MS;
    publish("jobs", 0, FEW, 10);
    SAY("XGROUP CREATE jobs workers 0");
    assert_int_equal(SAY("XREADGROUP GROUP workers dead COUNT 1000 STREAMS jobs >"), 1);
    tally_begin(FEW);
    handle = was_delivered;
    begin(&trial, &options, 0, 0);
    assert_true(tally_wait(20));
    assert_true(tally_until(none_pending, NULL, 10));
    end(&trial);
    tally_check();
    assert_int_equal(tally_again(), 0);
    assert_int_equal(trial.more.claimed, FEW);
}

static void takes_its_own_of_an_earlier_life(void **state) {
    struct trial trial;
    weir_redis_source_options options = options_at(address);
    (void)state;
    options.consumer = "me";
    options.lease_ns = 60 * S;
    publish("jobs", 0, FEW, 10);
    SAY("XGROUP CREATE jobs workers 0");
    SAY("XREADGROUP GROUP workers me COUNT 1000 STREAMS jobs >");
    tally_begin(FEW);
    handle = was_delivered;
    begin(&trial, &options, 0, 0);
    assert_true(tally_wait(20));
    end(&trial);
    tally_check();
    assert_int_equal(tally_again(), 0);
    assert_int_equal(trial.more.claimed, FEW);
    assert_int_equal(SAY("XINFO CONSUMERS jobs workers"), 1); /* whom the user has named stays */
}

static weir_outcome nobody_can(size_t number, const weir_message *message) {
    (void)message;
    tally_note(number);
    return WEIR_MESSAGE_NAK;
}

/* What was given back, others have before its lease would have ended. */
static void leaves_what_it_gave_back_to_others(void **state) {
    struct trial one, other;
    weir_redis_source_options options = options_at(address);
    (void)state;
    options.lease_ns = 60 * S;
    publish("jobs", 0, FEW, 10);
    tally_begin(FEW);
    handle = nobody_can;
    begin(&one, &options, 0, 0);
    assert_true(tally_wait(20));
    end(&one);
    assert_int_equal(pending(), FEW);
    nap(1000); /* the pipeline's delay of naks */
    tally_begin(FEW);
    begin(&other, &options, 0, 0);
    assert_true(tally_wait(20));
    end(&other);
    tally_check();
    assert_int_equal(other.more.claimed, FEW);
}

static void passes_over_what_was_trimmed(void **state) {
    struct trial trial;
    weir_redis_source_options options = options_at(address);
    (void)state;
    options.lease_ns = 200 * MS;
    options.consumer = "me";
    publish("jobs", 0, FEW, 10);
    SAY("XGROUP CREATE jobs workers 0");
    SAY("XREADGROUP GROUP workers me COUNT 100 STREAMS jobs >");
    SAY("XREADGROUP GROUP workers dead COUNT 100 STREAMS jobs >");
    SAY("XTRIM jobs MAXLEN %d", FEW - 150);
    tally_begin(FEW);
    for (size_t i = 0; i < 150; i++) {
        tally_note(i);
    }
    begin(&trial, &options, 0, 0);
    assert_true(tally_wait(20));
    assert_true(tally_until(none_pending, NULL, 10));
    end(&trial);
    assert_int_equal(tally_again(), 0);
    assert_int_equal(trial.more.gone, 150);
}

static weir_outcome brief_nap(size_t number, const weir_message *message) {
    (void)number, (void)message;
    nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
    return WEIR_MESSAGE_OK;
}

/* What it has asked for, and what it holds, as it ends, others have at once. */
static void gives_back_what_it_had_asked_for(void **state) {
    struct trial trial;
    weir_redis_source_options options = options_at(address);
    (void)state;
    options.lease_ns = 60 * S;
    publish("jobs", 0, MANY, 10);
    tally_begin(MANY);
    for (int i = 1; i <= 3; i++) {
        handle = brief_nap;
        begin(&trial, &options, 0, 2000);
        while (tally_missing() > (size_t)(MANY - MANY / 8 * i)) {
            nap(1);
        }
        end(&trial);
    }
    begin(&trial, &options, 0, 0);
    assert_true(tally_wait(20));
    end(&trial);
    tally_check();
}

static int start_server(void **state) {
    (void)state;
    return begin_server("");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(takes_over_from_the_dead),           TEST(takes_its_own_of_an_earlier_life),
        TEST(leaves_what_it_gave_back_to_others), TEST(passes_over_what_was_trimmed),
        TEST(gives_back_what_it_had_asked_for),
    };
    return engine_found(ENGINE_REDIS) ? cmocka_run_group_tests(tests, start_server, end_server)
                                      : ENGINE_SKIPPED;
}
