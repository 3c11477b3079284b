/*
 * Goal: what a server says of a pull request ends that, changes how much the next one asks for, or
 * has it wait; only what is about the consumer itself is a lost connection.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: the words of servers, as messages that the test makes; no server.
 */
#include "connect/nats/asks.h"
#include "support/cmocka.h"

#include <stdio.h>
#include <string.h>
#include <weir/status.h>

enum { NOW = 1000 };

static struct weir__nats_asks asks;

/* Two requests of 200 and 100 are out. */
static void begin(void) {
    asks =
        (struct weir__nats_asks){.each = {{.number = 1, .left = 200}, {.number = 2, .left = 100}},
                                 .count = 2,
                                 .left = 300,
                                 .made = 2};
}

static weir__nats_said tell(unsigned number, const char *code, const char *text) {
    natsMsg *message = NULL;
    char subject[32];
    snprintf(subject, sizeof subject, "_INBOX.test.%u", number);
    assert_int_equal(natsMsg_Create(&message, subject, NULL, NULL, 0), NATS_OK);
    assert_int_equal(natsMsgHeader_Set(message, "Status", code), NATS_OK);
    assert_int_equal(natsMsgHeader_Set(message, "Description", text), NATS_OK);
    weir__nats_said said = weir__nats_asks_told(&asks, message, NOW);
    natsMsg_Destroy(message);
    return said;
}

static void ends_the_request_that_is_named(void **state) {
    (void)state;
    begin();
    assert_int_equal(tell(2, "408", "Request Timeout"), WEIR__NATS_GOES_ON);
    assert_int_equal(asks.count, 1);
    assert_int_equal(asks.left, 200);
    assert_int_equal(asks.each[0].number, 1);
    assert_int_equal(tell(9, "408", "Request Timeout"), WEIR__NATS_GOES_ON);
    assert_int_equal(asks.count, 1);
}

/* Two had left before the first was refused. */
static void asks_for_less_however_often_it_is_told(void **state) {
    (void)state;
    begin();
    assert_int_equal(tell(1, "409", "Exceeded MaxRequestBatch of 50"), WEIR__NATS_GOES_ON);
    assert_int_equal(tell(2, "409", "Exceeded MaxRequestBatch of 50"), WEIR__NATS_GOES_ON);
    assert_int_equal(asks.most, 50);
    assert_int_equal(asks.count, 0);
    assert_int_equal(asks.left, 0);
}

static void tells_a_bound_of_bytes_from_a_message_too_large(void **state) {
    (void)state;
    begin();
    assert_int_equal(tell(1, "409", "Exceeded MaxRequestMaxBytes of 4096"), WEIR__NATS_GOES_ON);
    assert_int_equal(asks.most_bytes, 4096);
    assert_false(asks.alone);
    assert_int_equal(tell(2, "409", "Message Size Exceeds MaxBytes"), WEIR__NATS_GOES_ON);
    assert_true(asks.alone);
}

static void pauses_longer_and_longer_where_it_is_crowded(void **state) {
    uint64_t last = 0;
    (void)state;
    begin();
    assert_int_equal(tell(1, "409", "Exceeded MaxWaiting"), WEIR__NATS_CROWDED);
    assert_int_equal(weir__nats_asks_pause(&asks, NOW), 0); /* something may come for the other */
    assert_int_equal(tell(2, "409", "Exceeded MaxWaiting"), WEIR__NATS_GOES_ON); /* said once */
    for (unsigned i = 0; i < 10; i++) {
        uint64_t pause = weir__nats_asks_pause(&asks, NOW);
        assert_true(pause > last || (pause == last && pause == 1000000000));
        assert_int_equal(weir__nats_asks_pause(&asks, NOW + pause), 0);
        last = pause;
        tell(3, "409", "Exceeded MaxWaiting");
    }
    assert_int_equal(last, 1000000000);
    /* Nothing is asked for meanwhile: without a connection it would be an error. */
    assert_int_equal(
        weir__nats_ask(&asks, NULL, "next", "_INBOX.test", 10, UINT64_MAX, 1000, NOW + 1), NATS_OK);
    assert_int_not_equal(
        weir__nats_ask(&asks, NULL, "next", "_INBOX.test", 10, UINT64_MAX, 1000, NOW + last),
        NATS_OK);
    weir__nats_asks_had(&asks);
    tell(4, "409", "Exceeded MaxWaiting");
    assert_true(weir__nats_asks_pause(&asks, NOW) < 100000000);
}

static void is_lost_where_the_consumer_is(void **state) {
    (void)state;
    begin();
    assert_int_equal(tell(1, "409", "Consumer Deleted"), WEIR__NATS_AWAY);
    assert_non_null(strstr(weir_refusal(), "409 Consumer Deleted"));
    assert_int_equal(tell(2, "503", ""), WEIR__NATS_AWAY);
    assert_int_equal(tell(3, "409", "Consumer is push based"), WEIR__NATS_NEVER);
}

static int open_client(void **state) {
    (void)state;
    return nats_Open(-1) == NATS_OK ? 0 : 1;
}

static int close_client(void **state) {
    (void)state;
    nats_Close();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_the_request_that_is_named),
        cmocka_unit_test(asks_for_less_however_often_it_is_told),
        cmocka_unit_test(tells_a_bound_of_bytes_from_a_message_too_large),
        cmocka_unit_test(pauses_longer_and_longer_where_it_is_crowded),
        cmocka_unit_test(is_lost_where_the_consumer_is),
    };
    return cmocka_run_group_tests(tests, open_client, close_client);
}
