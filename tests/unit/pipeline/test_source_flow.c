/*
 * What a source hands over: each message whole, however it is said; and without memory.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what a driver adds is what a consumer sees, deliveries of any number and spans that lie
 * apart as well; each is acked with its own outcome, whoever it is settled with; in a steady flow
 * nothing is allocated for a message.
 * Method: a driver whose messages follow from their numbers, in a simulated runtime.
 */
#include "support/cmocka.h"
#include "support/rig.h"

#include <string.h>

enum { FLOW_MESSAGES = 40000, FLOW_WARM = 20000 };

static struct {
    struct rig rig;
    uint64_t made;
    uint64_t total;
    uint64_t seen;
    uint64_t acks;
    uint64_t released;
    uint64_t calls_when_warm;
    bool lends;
    char text[3][16];
} flow;

static uint32_t deliveries_of(uint64_t number) {
    static const uint32_t some[] = {0, 1, 510, 511, 512, 70000, 0, UINT32_MAX};
    return some[number % 8];
}

static weir_outcome outcome_of(uint64_t number) {
    return (weir_outcome)(number / 12 % 3);
}

static weir_pulled flow_pull(void *context, weir_pull *pull, uint64_t events, uint64_t bytes,
                             uint64_t timeout_ns) {
    (void)context, (void)bytes, (void)timeout_ns;
    for (; events > 0 && flow.made < flow.total; events--, flow.made++) {
        const uint64_t number = flow.made;
        char data[8];
        memcpy(data, &number, sizeof data);
        weir_incoming incoming = {.data = {.at = data, .count = sizeof data},
                                  .key = {.at = "key", .count = (uint32_t)(number % 4)},
                                  .headers = {.at = "heads", .count = (uint32_t)(number % 6)},
                                  .token = number,
                                  .time = number * 7,
                                  .deliveries = deliveries_of(number)};
        if (flow.lends) { /* in three pieces */
            memcpy(flow.text[0], data, sizeof data);
            incoming.data.at = flow.text[0];
            incoming.lent = true;
        }
        if (!weir_pull_add(pull, &incoming)) break;
        if (flow.lends) {
            flow.made++;
            return flow.made < flow.total ? WEIR_PULLED : WEIR_SOURCE_END;
        }
    }
    return flow.made < flow.total ? WEIR_PULLED : WEIR_SOURCE_END;
}

static weir_pulled flow_ack(void *context, const weir_ack *acks, size_t count) {
    (void)context;
    for (size_t i = 0; i < count; i++) {
        RIG_CHECK(&flow.rig, acks[i].outcome == outcome_of(acks[i].token));
        RIG_CHECK(&flow.rig, acks[i].deliveries == deliveries_of(acks[i].token));
        RIG_CHECK(&flow.rig, (acks[i].reason == (int32_t)(acks[i].token / 4 % 5)));
    }
    flow.acks += count;
    return WEIR_PULLED;
}

static void flow_release(void *context, uint64_t token) {
    (void)context, (void)token;
    flow.released++;
}

static weir_verdict flow_events(weir_stage *self, weir_batch batch) {
    weir_message *messages = weir_own(self);
    RIG_CHECK(&flow.rig, messages != NULL);
    for (size_t i = 0; i < batch.count; i++) {
        weir_message *message = &messages[i];
        uint64_t number = flow.seen++;
        RIG_CHECK(&flow.rig, message->time == number * 7);
        RIG_CHECK(&flow.rig,
                  message->deliveries ==
                      (deliveries_of(number) < UINT16_MAX ? deliveries_of(number) : UINT16_MAX));
        RIG_CHECK(&flow.rig, message->data.count == sizeof number);
        RIG_CHECK(&flow.rig, flow.lends || memcmp(message->data.at, &number, sizeof number) == 0);
        RIG_CHECK(&flow.rig, message->key.count == number % 4);
        RIG_CHECK(&flow.rig, memcmp(message->key.at, "key", message->key.count) == 0);
        RIG_CHECK(&flow.rig, message->headers.count == number % 6);
        RIG_CHECK(&flow.rig, memcmp(message->headers.at, "heads", message->headers.count) == 0);
        RIG_CHECK(&flow.rig, message->tries == 0 && message->batcher == 0 && message->flush == 0);
        RIG_CHECK(&flow.rig, message->failed_as == 0 && message->failed_in == 0);
        message->failed_as = message->failed_in = 1; /* for who comes to lie there next */
        message->outcome = (uint8_t)outcome_of(number);
        message->reason = (int32_t)(number / 4 % 5);
        if (number == FLOW_WARM) flow.calls_when_warm = flow.rig.memory.calls;
    }
    return WEIR_CONTINUE;
}

/* Returns the allocations since it was warm. */
static uint64_t run_flow(uint64_t total, bool lends) {
    const weir_source_driver driver = {
        .name = "flow", .pull = flow_pull, .ack = flow_ack, .release = flow_release};
    memset(&flow, 0, sizeof flow);
    flow.total = total;
    flow.lends = lends;
    rig_open(&flow.rig, &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 1, .seed = 3});
    weir_source *source;
    weir_ref from;
    weir_ref consumer;
    assert_int_equal(weir_source_open(flow.rig.runtime, &(weir_source_options){.driver = &driver},
                                      &source, &from),
                     WEIR_OK);
    const weir_subscribe_to to = {.producer = from};
    const weir_stage_options options = {.kind = WEIR_CONSUMER,
                                        .takes_bytes = sizeof(weir_message),
                                        .subscribe_to = &to,
                                        .subscribe_count = 1,
                                        .on = {.handle_events = flow_events}};
    assert_int_equal(weir_stage_start(flow.rig.runtime, &options, &consumer), WEIR_OK);
    while (flow.acks < total) assert_true(weir_runtime_step(flow.rig.runtime, 1000) > 0);
    const uint64_t calls = flow.rig.memory.calls - flow.calls_when_warm;
    assert_int_equal(flow.seen, total);
    assert_int_equal(flow.released, lends ? total : 0);
    assert_int_equal(weir_source_close(source), WEIR_OK);
    weir_accounts accounts;
    rig_rest(&flow.rig);
    assert_int_equal(weir_runtime_close(flow.rig.runtime, &accounts), WEIR_OK);
    rig_expect_nothing_left(&flow.rig, &accounts);
    return calls;
}

static void each_comes_whole_and_nothing_is_allocated_for_it(void **state) {
    (void)state;
    assert_int_equal(run_flow(FLOW_MESSAGES, false), 0);
}

static void pieces_that_are_lent_come_whole(void **state) {
    (void)state;
    run_flow(300, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_comes_whole_and_nothing_is_allocated_for_it),
        cmocka_unit_test(pieces_that_are_lent_come_whole),
    };
    return cmocka_run_group_tests_name("source_flow", tests, NULL, NULL);
}
