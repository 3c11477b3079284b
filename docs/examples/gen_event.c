/*
 * An event manager: whoever calls it has his event told to all handlers.
 * SPDX-License-Identifier: Apache-2.0
 *
 *                        ┌──► journal   every event
 *     notify ──► manager ┼──► sales     only orders (a selector)
 *                        └──► alarm     only large ones
 *
 * The manager is a producer with a broadcast dispatcher.  notify waits until its event
 * has gone out to the handlers: the manager keeps who called, emits when the handlers
 * ask, and answers behind what it emitted (weir_reply_after).  So who notifies is never
 * faster than the slowest handler lets him be.
 */
#include "guide.h"

enum { WAITING = 16, HANDLERS = 3 };

struct event {
    char what[16];
    uint64_t amount;
};

/* ---- the manager ------------------------------------------------------------ */

struct manager {
    struct {
        weir_from from;
        struct event event;
    } waiting[WAITING];
    size_t first;
    size_t count;
    uint64_t demand;
};

/* Emits what waits, as far as there is demand, and answers those who wait for it. */
static weir_verdict send_waiting(weir_stage *self, struct manager *manager) {
    for (; manager->demand > 0 && manager->count > 0; manager->demand--, manager->count--) {
        weir_must(weir_emit(self, &manager->waiting[manager->first].event, 1));
        weir_must(weir_reply_after(self, manager->waiting[manager->first].from, NULL, 0));
        manager->first = (manager->first + 1) % WAITING;
    }
    return WEIR_CONTINUE;
}

static weir_verdict notified(weir_stage *self, weir_from from, const void *request, size_t bytes) {
    struct manager *manager = weir_state(self);
    (void)bytes;
    if (manager->count == WAITING) return WEIR_CONTINUE; /* unanswered: he waits in vain */
    size_t last = (manager->first + manager->count++) % WAITING;
    manager->waiting[last].from = from;
    manager->waiting[last].event = *(const struct event *)request;
    return send_waiting(self, manager);
}

static weir_verdict wanted(weir_stage *self, uint64_t demand) {
    struct manager *manager = weir_state(self);
    manager->demand += demand;
    return send_waiting(self, manager);
}

static weir_ref start_manager(weir_runtime *runtime) {
    weir_ref manager;
    const weir_stage_options manager_options = {
        .kind = WEIR_PRODUCER,
        .name = "manager",
        .registered = true,
        .event_bytes = sizeof(struct event),
        .state_bytes = sizeof(struct manager),
        .dispatcher = weir_broadcast_dispatcher(),
        .on = {.handle_demand = wanted, .handle_call = notified},
    };
    weir_must(weir_stage_start(runtime, &manager_options, &manager));
    return manager;
}

static weir_status notify(weir_runtime *runtime, const char *what, uint64_t amount) {
    struct event event = {.amount = amount};
    weir_ref manager;
    snprintf(event.what, sizeof event.what, "%s", what);
    weir_must(weir_whereis(runtime, "manager", &manager));
    weir_status status = weir_call(runtime, manager, &event, sizeof event, NULL, 5000000000u);
    printf("notify %s %" PRIu64 ": %s\n", what, amount, weir_status_text(status));
    return status;
}

/* ---- the handlers ------------------------------------------------------------ */

static weir_verdict handle(weir_stage *self, weir_batch batch) {
    const struct event *event = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        printf("  %s: %s %" PRIu64 "\n", weir_stage_name(self), event[i].what, event[i].amount);
    }
    return WEIR_CONTINUE;
}

static bool is_order(void *context, const void *event) {
    (void)context;
    return ((const struct event *)event)->what[0] == 'o';
}

static bool is_large(void *context, const void *event) {
    return ((const struct event *)event)->amount >= *(const uint64_t *)context;
}

int main(void) {
    static uint64_t large = 100;
    static const char *const names[HANDLERS] = {"journal", "sales", "alarm"};
    const weir_subscribe_options options[HANDLERS] = {
        {.max_demand = 1},
        {.max_demand = 1, .selector = is_order},
        {.max_demand = 1, .selector = is_large, .selector_context = &large},
    };
    weir_runtime *runtime = open_stepped();
    start_manager(runtime);
    for (int i = 0; i < HANDLERS; i++) {
        const weir_stage_options handler = {
            .kind = WEIR_CONSUMER,
            .name = names[i],
            .takes_bytes = sizeof(struct event),
            .subscribe_to = &(weir_subscribe_to){.name = "manager", .options = options[i]},
            .subscribe_count = 1,
            .on = {.handle_events = handle},
        };
        weir_must(weir_stage_start(runtime, &handler, NULL));
    }
    weir_runtime_settle(runtime, WEIR_FOREVER); /* all have subscribed: none misses the first */
    notify(runtime, "order", 20);
    notify(runtime, "complaint", 1);
    notify(runtime, "order", 300);
    weir_runtime_settle(runtime, WEIR_FOREVER); /* the handlers may still be at it */
    weir_must(weir_runtime_close(runtime, NULL));
    return EXIT_SUCCESS;
}
