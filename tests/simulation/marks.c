/*
 * Simulates marks that go with the events.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: whole runtimes, as in graphs.c.  A producer emits numbers, and marks among them: each
 * says how many marks there were before it, and how many numbers.  Its dispatcher, or that of a
 * relay which lets marks pass, is drawn, and so are demands, which keep rings, buffers and
 * partitions' queues full.  Of a consumer that stays it is required that each mark comes once, in
 * order, that no number from behind it came before, and, where nobody dies, that none from before
 * it comes after; where it is known how many numbers are a consumer's (all, or its partition's),
 * that exactly those have come.
 *
 *   stay       consumers that are there from the beginning to the end
 *   churn      the same, and others that come, are cancelled and die
 *   merge      two producers, whose watermarks are combined by a relay
 *   close      the runtime is closed in the middle of it
 *   no_memory  some requests for memory, drawn from the seed, fail
 */
#include "driver.h"
#include "world.h"

#include <string.h>

enum { STAYERS = 3, INDEX_SHIFT = 32 };

enum deals { BY_DEMAND, TO_ALL, BY_PARTITION };

static struct {
    enum deals deals;
    bool relayed;
    bool goes_on;                    /* until all numbers are accounted for */
    uint64_t marks[WORLD_PRODUCERS]; /* emitted */
    uint64_t least[WORLD_PRODUCERS]; /* merge: the watermark that each has said last */
} plan;

static uint32_t number_dealt(uint64_t event) {
    return (uint32_t)(event % STAYERS);
}

static uint32_t deal_number(void *context, const void *event) {
    (void)context;
    return number_dealt(*(const uint64_t *)event & UINT32_MAX);
}

static const weir_partition_dispatcher_options by_number = {.partitions = STAYERS,
                                                            .hash = deal_number};

static void draw_plan(void) {
    memset(&plan, 0, sizeof plan);
    plan.deals = (enum deals)sim_draw(3);
    plan.relayed = sim_draw(2) == 0;
}

/* Of the stage that the consumers subscribe to. */
static void deal_so(weir_stage_options *options) {
    options->dispatcher = plan.deals == TO_ALL         ? weir_broadcast_dispatcher()
                          : plan.deals == BY_PARTITION ? weir_partition_dispatcher()
                                                       : NULL;
    options->dispatcher_options = plan.deals == BY_PARTITION ? &by_number : NULL;
}

/* ---- the producer ------------------------------------------------------------------------ */

/* false: no memory. */
static bool mark_here(weir_stage *self, const struct producer *producer) {
    unsigned number = producer->number;
    const weir_mark mark = {.kind = WEIR_MARK_USER,
                            .source = number,
                            .value = plan.marks[number] << INDEX_SHIFT | producer->next};
    plan.marks[number]++;
    return must(weir_emit_mark(self, &mark));
}

/* As many as are wanted, or some more; marks between, before and behind. */
static weir_verdict emit_and_mark(weir_stage *self, uint64_t demand) {
    struct producer *producer = weir_state(self);
    uint64_t left = world.total - producer->next;
    uint64_t count = demand < left ? demand : left;
    count += sim_draw(left - count < 4 ? left - count + 1 : 4);
    for (; count > 0; count--) {
        uint64_t event = world_event(producer->number, producer->next);
        if (sim_draw(3) == 0 && !mark_here(self, producer)) break;
        if (!must(weir_emit(self, &event, 1))) break;
        producer->next++;
    }
    bool memory = count == 0 && (sim_draw(2) == 0 || mark_here(self, producer));
    return memory ? WEIR_CONTINUE : weir_stop_with(self, WEIR_REASON_NO_MEMORY);
}

/* A mark of its own, between emissions. */
static weir_verdict mark_when_cast(weir_stage *self, const void *message, size_t bytes) {
    (void)message, (void)bytes;
    return mark_here(self, weir_state(self)) ? WEIR_CONTINUE
                                             : weir_stop_with(self, WEIR_REASON_NO_MEMORY);
}

static bool start_marker(unsigned number, weir_callbacks on) {
    on.discarded = world_discarded;
    weir_stage_options options = {.kind = WEIR_PRODUCER,
                                  .name = "marker",
                                  .event_bytes = sizeof(uint64_t),
                                  .state = &(struct producer){.number = number},
                                  .state_bytes = sizeof(struct producer),
                                  .worker = world_somewhere(),
                                  .demand = WEIR_ACCUMULATE,
                                  .on = on};
    if (!plan.relayed) deal_so(&options);
    return must(weir_stage_start(world.runtime, &options, &world.producers[number]));
}

static weir_verdict hand_on(weir_stage *self, weir_batch batch) {
    if (sim_draw(2) == 0) return weir_forward(self);
    bool emitted = must(weir_emit(self, batch.events, batch.count));
    return emitted ? WEIR_CONTINUE : weir_stop_with(self, WEIR_REASON_NO_MEMORY);
}

/* Where the consumers subscribe. */
static weir_ref start_relayed(unsigned producers) {
    if (!plan.relayed) return world.producers[0];
    weir_stage_options options = {.kind = WEIR_PRODUCER_CONSUMER,
                                  .name = "relay",
                                  .event_bytes = sizeof(uint64_t),
                                  .on = {.handle_events = hand_on}};
    deal_so(&options);
    return world_start_stage(options, producers, world.producers);
}

/* ---- consumers --------------------------------------------------------------------------- */

struct stayer {
    uint32_t number;
    bool strict;     /* nothing comes late    */
    bool passing;    /* it came when it liked */
    bool heir;       /* and stays: it tries again while another one has its partition */
    uint64_t taken;  /* numbers               */
    uint64_t least;  /* the least number that may come  */
    uint64_t newest; /* above all that came             */
    uint64_t marks;
};

static weir_verdict take_numbers(weir_stage *self, weir_batch batch) {
    struct stayer *me = weir_state(self);
    const uint64_t *events = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        uint64_t number = events[i] & UINT32_MAX;
        if (me->strict) SIM_REQUIRE(number >= me->least);
        me->newest = number >= me->newest ? number + 1 : me->newest;
        if (plan.deals == BY_PARTITION) SIM_REQUIRE(number_dealt(number) == me->number);
        if (plan.deals == TO_ALL) continue;
        SIM_REQUIRE(world.seen[0][number] == 0);
        world.seen[0][number] = 1;
    }
    me->taken += batch.count;
    if (plan.deals == TO_ALL && (me->number > 0 || me->passing)) return WEIR_CONTINUE;
    world.handled += batch.count;
    uint64_t done = world.handled + (plan.deals == TO_ALL ? 0 : world.discarded);
    if (plan.goes_on && done == world.total)
        weir_stop(world.runtime, world.producers[0], WEIR_REASON_NORMAL);
    return WEIR_CONTINUE;
}

/* How many of the first `count` numbers are its; UINT64_MAX: nobody knows. */
static uint64_t due_of(const struct stayer *me, uint64_t count) {
    if (plan.deals == BY_DEMAND) return UINT64_MAX;
    if (plan.deals == TO_ALL) return count;
    return count / STAYERS + (count % STAYERS > me->number ? 1 : 0);
}

static weir_verdict take_mark(weir_stage *self, const weir_peer *from, const weir_mark *mark) {
    struct stayer *me = weir_state(self);
    uint64_t index = mark->value >> INDEX_SHIFT;
    uint64_t count = mark->value & UINT32_MAX;
    (void)from;
    SIM_REQUIRE(mark->kind == WEIR_MARK_USER && mark->source == 0 && index < plan.marks[0]);
    SIM_REQUIRE(me->newest <= count);
    SIM_REQUIRE(me->passing || world.fail_count > 0 ? index >= me->marks : index == me->marks);
    me->marks = index + 1;
    me->least = count;
    if (me->strict && due_of(me, count) != UINT64_MAX) SIM_REQUIRE(me->taken == due_of(me, count));
    return WEIR_CONTINUE;
}

static void note_end(weir_stage *self, weir_reason reason) {
    const struct stayer *me = weir_state(self);
    (void)reason;
    if (!me->passing && plan.goes_on) SIM_REQUIRE(me->marks == plan.marks[0]);
}

static weir_subscribe_options demand_of_taker(uint32_t number) {
    weir_subscribe_options demand = world_some_demand();
    demand.partition = plan.deals == BY_PARTITION ? WEIR_PARTITION(number) : 0;
    return demand;
}

static weir_verdict try_again(weir_stage *self, const weir_peer *peer, weir_cancel_cause cause,
                              weir_reason reason) {
    const struct stayer *me = weir_state(self);
    (void)cause;
    if (!me->heir || reason != WEIR_REASON_PARTITION_TAKEN) return WEIR_CONTINUE;
    weir_subscribe_options demand = demand_of_taker(me->number);
    weir_status status = weir_subscribe(world.runtime, weir_self(self), peer->stage, &demand, NULL);
    return status == WEIR_NO_STAGE ? WEIR_STOP : WEIR_CONTINUE;
}

static weir_ref start_taker(struct stayer me) {
    weir_stage_options options = {.kind = WEIR_CONSUMER,
                                  .name = me.passing ? "comer" : "stayer",
                                  .state_bytes = sizeof me,
                                  .state = &me,
                                  .on = {.handle_events = take_numbers,
                                         .handle_mark = take_mark,
                                         .handle_cancel = me.passing ? try_again : NULL,
                                         .terminate = note_end}};
    return world_start_stage(options, 0, NULL);
}

static void start_stayer(weir_ref producer, struct stayer me) {
    weir_ref taker = start_taker(me);
    if (taker.bits == 0) return;
    weir_subscribe_options demand = demand_of_taker(me.number);
    weir_status status = weir_subscribe(world.runtime, taker, producer, &demand, NULL);
    if (status == WEIR_NO_STAGE && (me.passing || world.fail_count > 0)) {
        weir_stop(world.runtime, taker, WEIR_REASON_NORMAL); /* all is over already */
    } else {
        must(status);
    }
}

/* spared: the last partition is for who comes and goes. */
static void start_stayers(weir_ref producer, bool strict, bool spared) {
    unsigned count =
        plan.deals == BY_PARTITION ? STAYERS - (spared ? 1 : 0) : 1 + (unsigned)sim_draw(STAYERS);
    for (uint32_t i = 0; i < count; i++) {
        start_stayer(producer, (struct stayer){.number = i, .strict = strict});
    }
}

/* All are there before the first number goes. */
static weir_ref open_marks(bool strict, bool spared) {
    draw_plan();
    const weir_callbacks on = {.handle_demand = emit_and_mark, .handle_cast = mark_when_cast};
    if (!world_open_runtime() || !start_marker(0, on)) return (weir_ref){0};
    weir_ref producer = start_relayed(1);
    if (producer.bits == 0) return producer;
    start_stayers(producer, strict, spared);
    weir_runtime_settle(world.runtime, WEIR_FOREVER);
    plan.goes_on = world.keep_going;
    world.keep_going = plan.deals != TO_ALL; /* of those what is discarded says nothing */
    weir_demand(world.runtime, world.producers[0], WEIR_FORWARD);
    return producer;
}

static void run_markers(void *unused) {
    (void)unused;
    for (int i = 0; i < 4; i++) weir_cast(world.runtime, world.producers[0], NULL, 0);
}

static void stay_main(void *unused) {
    (void)unused;
    world.keep_going = true;
    open_marks(true, false);
    int markers = sim_spawn("markers", run_markers, NULL);
    sim_join(markers);
    world_finish(world.total);
}

/* ---- churn ------------------------------------------------------------------------------- */

static void run_comers(void *argument) {
    const weir_ref *producer = argument;
    for (int round = 0; round < 3; round++) {
        weir_ref comer = start_taker((struct stayer){.number = STAYERS - 1, .passing = true});
        weir_subscription subscription;
        weir_subscribe_options demand = demand_of_taker(STAYERS - 1);
        demand.cancel = WEIR_TEMPORARY;
        if (weir_subscribe(world.runtime, comer, *producer, &demand, &subscription) == WEIR_OK) {
            if (sim_draw(2) == 0) weir_runtime_settle(world.runtime, 1 + sim_draw(50000));
            if (sim_draw(2) == 0) weir_cancel(world.runtime, subscription, WEIR_REASON_NORMAL);
        }
        weir_stop(world.runtime, comer, WEIR_REASON_USER);
    }
}

/* A partition has an heir at last, who finds marks among what waits for it; who dies among those of
 * a broadcast takes along what it had not begun. */
static void churn_main(void *unused) {
    (void)unused;
    world.keep_going = true;
    weir_ref producer = open_marks(false, true);
    int comers = sim_spawn("comers", run_comers, &producer);
    int markers = sim_spawn("markers", run_markers, NULL);
    sim_join(comers);
    sim_join(markers);
    if (plan.deals == BY_PARTITION) {
        start_stayer(producer,
                     (struct stayer){.number = STAYERS - 1, .passing = true, .heir = true});
    }
    if (plan.deals != TO_ALL) {
        world_finish(world.total);
        return;
    }
    must(weir_runtime_run(world.runtime, WEIR_FOREVER));
    world_close_runtime();
    SIM_REQUIRE(world.handled == world.total);
}

/* ---- merge ------------------------------------------------------------------------------- */

/* Numbers, each behind a watermark that it is not below. */
static weir_verdict emit_in_time(weir_stage *self, uint64_t demand) {
    struct producer *producer = weir_state(self);
    for (; demand > 0 && producer->next < world.total; demand--) {
        uint64_t event = world_event(producer->number, producer->next);
        const weir_mark mark = {.kind = WEIR_MARK_WATERMARK, .value = producer->next + 1};
        if (sim_draw(2) == 0) must(weir_emit_mark(self, &mark));
        must(weir_emit(self, &event, 1));
        producer->next++;
    }
    return producer->next == world.total ? WEIR_FINISH : WEIR_CONTINUE;
}

/* No number that is older than the watermark comes behind it. */
static weir_verdict check_in_time(weir_stage *self, weir_batch batch) {
    const struct stayer *me = weir_state(self);
    const uint64_t *events = batch.events;
    for (size_t i = 0; i < batch.count; i++) SIM_REQUIRE((events[i] & UINT32_MAX) + 1 >= me->least);
    world.handled += batch.count;
    return WEIR_CONTINUE;
}

static weir_verdict rise(weir_stage *self, const weir_peer *from, const weir_mark *mark) {
    struct stayer *me = weir_state(self);
    (void)from;
    SIM_REQUIRE(mark->kind == WEIR_MARK_WATERMARK && mark->value > me->least);
    SIM_REQUIRE(weir_watermark(self) == mark->value);
    me->least = mark->value;
    return WEIR_CONTINUE;
}

static void merge_main(void *unused) {
    (void)unused;
    draw_plan();
    plan.deals = BY_DEMAND;
    plan.relayed = true;
    world_open_runtime();
    for (unsigned i = 0; i < 2; i++)
        start_marker(i, (weir_callbacks){.handle_demand = emit_in_time});
    weir_ref relay = start_relayed(2);
    weir_stage_options options = {.kind = WEIR_CONSUMER,
                                  .name = "consumer",
                                  .state_bytes = sizeof(struct stayer),
                                  .on = {.handle_events = check_in_time, .handle_mark = rise}};
    world_start_stage(options, 1, &relay);
    weir_runtime_settle(world.runtime, WEIR_FOREVER);
    for (unsigned i = 0; i < 2; i++)
        must(weir_demand(world.runtime, world.producers[i], WEIR_FORWARD));
    world_finish(2 * world.total);
    SIM_REQUIRE(world.discarded == 0);
}

/* ---- close, no_memory -------------------------------------------------------------------- */

static void close_main(void *unused) {
    (void)unused;
    open_marks(false, false); /* who is stopped first gives back what it had not begun */
    for (uint64_t wait = sim_draw(300); wait > 0; wait--) sim_now_ns();
    world_close_runtime();
}

static void no_memory_main(void *unused) {
    (void)unused;
    world.fail_first = sim_draw(80);
    world.fail_count = sim_draw(2) == 0 ? 1 : 1 + sim_draw(100);
    open_marks(false, false);
    if (world.runtime == NULL) return;
    weir_runtime_settle(world.runtime, WEIR_FOREVER);
    world_close_runtime();
}

int main(int count, char **arguments) {
    static const struct sim_scenario scenarios[] = {
        {"stay", 15000, 2000000, true, world_begin_scenario, NULL, stay_main, 30},
        {"churn", 15000, 2000000, true, world_begin_scenario, NULL, churn_main, 30},
        {"merge", 10000, 2000000, true, world_begin_scenario, NULL, merge_main, 20},
        {"close", 10000, 2000000, true, world_begin_scenario, NULL, close_main, 30},
        {"no_memory", 10000, 2000000, true, world_begin_scenario, NULL, no_memory_main, 30},
    };
    return SIM_MAIN(count, arguments, scenarios);
}
