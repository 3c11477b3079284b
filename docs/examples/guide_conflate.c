/*
 * The guide: a slow consumer sees the last price of each symbol; a conflater.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     inlet (quotes) ──┬──► fast: sees all
 *                      └──► conflater ──► slow: asks for one now and then
 */
#include "guide.h"

struct quote {
    char symbol;
    uint8_t price;
};

static uint64_t by_symbol(void *context, const void *event) {
    (void)context;
    return (uint64_t)((const struct quote *)event)->symbol;
}

static weir_verdict show(weir_stage *self, weir_batch batch) {
    const struct quote *quote = batch.events;
    printf("%s:", weir_stage_name(self));
    for (size_t i = 0; i < batch.count; i++) printf(" %c %u", quote[i].symbol, quote[i].price);
    printf("\n");
    return WEIR_CONTINUE;
}

static weir_subscription slowly; /* what the slow one asks by */

static weir_subscribe_verdict ask_by_hand(weir_stage *self, const weir_peer *peer) {
    (void)self;
    slowly = peer->subscription;
    return WEIR_MANUAL;
}

static void start_viewer(weir_runtime *runtime, const char *name, weir_ref producer, bool by_hand) {
    const weir_subscribe_to quotes = {.producer = producer};
    const weir_stage_options viewer = {
        .kind = WEIR_CONSUMER,
        .name = name,
        .takes_bytes = sizeof(struct quote),
        .subscribe_to = &quotes,
        .subscribe_count = 1,
        .on = {.handle_events = show, .handle_subscribe = by_hand ? ask_by_hand : NULL},
    };
    weir_must(weir_stage_start(runtime, &viewer, NULL));
}

static weir_inlet *start(weir_runtime *runtime) {
    weir_inlet *inlet;
    weir_subscribe_to quotes = {0};
    const weir_inlet_options inlet_options = {.event_bytes = sizeof(struct quote),
                                              .dispatcher = weir_broadcast_dispatcher()};
    weir_must(weir_inlet_open(runtime, &inlet_options, &inlet, &quotes.producer));
    start_viewer(runtime, "fast", quotes.producer, false);
    const weir_conflate_options options = {
        .event_bytes = sizeof(struct quote),
        .key = by_symbol,
        .subscribe_to = &quotes,
        .subscribe_count = 1,
    };
    weir_ref conflater;
    weir_must(weir_conflate_start(runtime, &options, &conflater));
    start_viewer(runtime, "slow", conflater, true);
    weir_must(weir_runtime_settle(runtime, WEIR_FOREVER));
    return inlet;
}

int main(void) {
    static const struct quote quotes[] = {{'A', 10}, {'B', 70}, {'A', 11}, {'A', 12}, {'C', 5},
                                          {'B', 71}, {'A', 13}, {'A', 14}, {'B', 72}, {'A', 15}};
    weir_runtime *runtime = open_stepped();
    weir_inlet *inlet = start(runtime);
    for (size_t i = 0; i < 10; i++) {
        weir_must(weir_inlet_push(inlet, &quotes[i], 1, 0));
        if (i % 4 == 3) weir_must(weir_ask(runtime, slowly, 1)); /* it has time for one */
        weir_must(weir_runtime_settle(runtime, WEIR_FOREVER));
    }
    weir_must(weir_ask(runtime, slowly, 10));
    weir_must(weir_runtime_drain(runtime, WEIR_FOREVER, NULL));
    weir_inlet_close(inlet);
    weir_must(weir_runtime_close(runtime, NULL));
    return EXIT_SUCCESS;
}
