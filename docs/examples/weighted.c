/*
 * A dispatcher of one's own: weighted round robin.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     jobs ──► small  (weight 1)
 *          ├─► middle (weight 2)
 *          └─► large  (weight 3)
 *
 * Of every six jobs the consumers get one, two and three, in turn.  Who has asked
 * for none just then is passed over, and nobody is sent more than he has asked for.
 * The weight is what a consumer puts in its subscription's `user`.
 *
 * Everything about sharing is in the first half, behind weir_dispatcher; no stage
 * below knows of it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <weir/weir.h>

/* ---- the dispatcher ------------------------------------------------------ */

/* One consumer.  Those that there are form a ring. */
struct seat {
    struct seat *next;
    struct seat *previous;
    weir_outlet *consumer;
    uint64_t weight;
    uint64_t due;    /* events that it still gets in this turn */
    uint64_t demand; /* asked for, and not sent                */
};

struct table {
    struct seat *turn; /* whose turn it is; NULL: nobody is there       */
    uint64_t open;     /* the sum of all demand                         */
    uint64_t owed;     /* asked of the producer for who has left since  */
};

static uint64_t least(uint64_t one, uint64_t other) {
    return one < other ? one : other;
}

static weir_reason sit_down(void *state, weir_outlet *consumer, uint64_t *upstream) {
    struct table *table = state;
    struct seat *seat = weir_outlet_state(consumer);
    *upstream = 0;
    seat->weight = (uintptr_t)weir_outlet_options(consumer)->user;
    if (seat->weight == 0) return WEIR_REASON_REFUSED;
    seat->consumer = consumer;
    if (table->turn == NULL) table->turn = seat->next = seat->previous = seat;
    seat->next = table->turn; /* the last of all */
    seat->previous = table->turn->previous;
    seat->previous->next = seat;
    seat->next->previous = seat;
    return WEIR_REASON_NORMAL;
}

static uint64_t ask(void *state, weir_outlet *consumer, uint64_t count) {
    struct table *table = state;
    struct seat *seat = weir_outlet_state(consumer);
    seat->demand += count;
    table->open += count;
    uint64_t answered = least(table->owed, count);
    table->owed -= answered;
    return count - answered;
}

static uint64_t get_up(void *state, weir_outlet *consumer) {
    struct table *table = state;
    struct seat *seat = weir_outlet_state(consumer);
    table->open -= seat->demand;
    table->owed += seat->demand;
    seat->previous->next = seat->next;
    seat->next->previous = seat->previous;
    if (table->turn == seat) table->turn = seat->next == seat ? NULL : seat->next;
    return 0;
}

/* Goes round until the events or all demand are used up. */
static void share(void *state, weir_run *run, uint64_t count) {
    struct table *table = state;
    while (count > 0 && table->open > 0) {
        struct seat *seat = table->turn;
        if (seat->due == 0) seat->due = seat->weight;
        uint64_t now = least(least(seat->due, seat->demand), count);
        seat->due -= now;
        seat->demand -= now;
        table->open -= now;
        count -= now;
        if (seat->due == 0 || seat->demand == 0) {
            seat->due = 0;
            table->turn = seat->next;
        }
        if (now > 0) weir_run_send(run, seat->consumer, now);
    }
    table->owed -= least(table->owed, count); /* what is left over is buffered: it has come */
}

static uint64_t open_demand(const void *state) {
    return ((const struct table *)state)->open;
}

/* What a dead consumer had not begun is for whoever comes next. */
static bool give_back(void *state, weir_outlet *consumer, weir_run *events) {
    (void)state, (void)consumer, (void)events;
    return true;
}

static const weir_dispatcher weighted = {
    .name = "weighted",
    .state_bytes = sizeof(struct table),
    .outlet_bytes = sizeof(struct seat),
    .subscribe = sit_down,
    .ask = ask,
    .cancel = get_up,
    .dispatch = share,
    .open_demand = open_demand,
    .give_back = give_back,
};

/* ---- the pipeline -------------------------------------------------------- */

enum { JOBS = 6000, AT_ONCE = 50 };

/* Jobs come from outside, a few at a time, and fewer than the consumers could do. */
static weir_verdict more_jobs(weir_stage *self, const void *message, size_t bytes) {
    (void)message, (void)bytes;
    uint64_t *next = weir_state(self);
    uint64_t jobs[AT_ONCE];
    for (int i = 0; i < AT_ONCE; i++) jobs[i] = (*next)++;
    weir_must(weir_emit(self, jobs, AT_ONCE));
    return WEIR_CONTINUE;
}

static weir_verdict wait_for_jobs(weir_stage *self, uint64_t demand) {
    (void)self, (void)demand;
    return WEIR_CONTINUE;
}

static weir_verdict do_jobs(weir_stage *self, weir_batch batch) {
    uint64_t *done = *(uint64_t **)weir_state(self);
    *done += batch.count;
    return WEIR_CONTINUE;
}

static void start_consumer(weir_runtime *runtime, weir_ref jobs, uintptr_t weight, uint64_t *done) {
    const weir_subscribe_to to_jobs = {.producer = jobs,
                                       .options = {.max_demand = JOBS, .user = (void *)weight}};
    const weir_stage_options options = {
        .kind = WEIR_CONSUMER,
        .takes_bytes = sizeof(uint64_t),
        .state = &done,
        .state_bytes = sizeof done,
        .subscribe_to = &to_jobs,
        .subscribe_count = 1,
        .on = {.handle_events = do_jobs},
    };
    weir_must(weir_stage_start(runtime, &options, NULL));
}

int main(void) {
    weir_runtime *runtime;
    weir_ref jobs;
    weir_accounts accounts;
    uint64_t done[4] = {0};
    weir_must(weir_runtime_open(NULL, &runtime));
    const weir_stage_options jobs_options = {
        .kind = WEIR_PRODUCER,
        .name = "jobs",
        .event_bytes = sizeof(uint64_t),
        .state_bytes = sizeof(uint64_t),
        .dispatcher = &weighted,
        .on = {.handle_demand = wait_for_jobs, .handle_cast = more_jobs},
    };
    weir_must(weir_stage_start(runtime, &jobs_options, &jobs));
    for (uintptr_t weight = 1; weight <= 3; weight++)
        start_consumer(runtime, jobs, weight, &done[weight]);
    weir_must(weir_runtime_settle(runtime, WEIR_FOREVER)); /* all have subscribed */
    for (int i = 0; i < JOBS / AT_ONCE; i++) weir_must(weir_cast(runtime, jobs, NULL, 0));
    weir_must(weir_runtime_settle(runtime, WEIR_FOREVER));
    weir_must(weir_runtime_close(runtime, &accounts));
    for (int weight = 1; weight <= 3; weight++)
        printf("weight %d took %4" PRIu64 " of %d\n", weight, done[weight], JOBS);
    printf("accounts: emitted %" PRIu64 " = handled %" PRIu64 " + discarded %" PRIu64 "\n",
           accounts.emitted, accounts.handled, accounts.discarded);
    return EXIT_SUCCESS;
}
