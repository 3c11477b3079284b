/*
 * Inlets, ports, iterators, streams and pools, without memory.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: in each scenario what famine.h says, whichever allocation fails.
 * Method: what a part takes from outside is told from what it refuses by its status, what a
 * part hands out is checked off as a consumer's events are.
 */
#include "support/cmocka.h"
#include "support/famine.h"
#include "support/famine_inlet.h"

#include <string.h>

/* ---- inlets and ports ---------------------------------------------------- */

static void inlets(void **state) {
    (void)state;
    famine_run_inlets(&(struct famine_inlet_scene){0});
}

/* ---- iterators ----------------------------------------------------------- */

static struct famine_maker *iterated;
static unsigned closed;

/* Whatever it makes is emitted: it cannot be asked again for what was lost. */
static weir_made next(void *context, weir_room room) {
    struct famine *famine = context;
    uint32_t left = iterated->limit - iterated->next;
    uint32_t count = room.count < 7 ? (uint32_t)room.count : 7;
    count = count < left ? count : left;
    famine_numbers(famine, iterated, room.events, count);
    famine_made(famine, iterated, room.events, count);
    iterated->next += count;
    bool end = iterated->next == iterated->limit;
    return (weir_made){count, end ? WEIR_ITERATOR_END : WEIR_ITERATOR_MORE};
}

static void count_closed(void *context) {
    (void)context;
    closed++;
}

static void play_iterator(struct famine *famine) {
    const weir_iterator_options options = {.event_bytes = famine->event_bytes,
                                           .next = next,
                                           .close = count_closed,
                                           .discarded = famine_discarded,
                                           .context = famine,
                                           .demand = WEIR_ACCUMULATE};
    weir_ref ref = {0};
    closed = 0;
    iterated = famine_add_maker(famine, (weir_ref){0});
    iterated->limit = 200;
    iterated->unasked = true; /* what it was asked for is the iterator's to know */
    bool started = famine_done(famine, weir_iterator_start(famine->runtime, &options, &ref));
    iterated->ref = ref;
    famine_start_consumer(famine, 0, ref, 30);
    famine_start_consumer(famine, 1, ref, 50);
    famine_rest(famine);
    famine_done(famine, weir_demand(famine->runtime, ref, WEIR_FORWARD));
    famine_step(famine, 2);
    famine_done(famine, weir_demand(famine->runtime, ref, WEIR_ACCUMULATE));
    famine_step(famine, 4);
    famine_done(famine, weir_demand(famine->runtime, ref, WEIR_FORWARD));
    famine_rest(famine);
    FAMINE_REQUIRE(famine, closed <= started);
    FAMINE_REQUIRE(famine, !famine->whole || closed == 1);
}

static void iterators(void **state) {
    (void)state;
    famine_run(
        &(struct famine_scenario){.name = "iterator", .play = play_iterator, .endless = true});
}

/* ---- streams ------------------------------------------------------------- */

static weir_stream *stream;

static void read_some(struct famine *famine, int batches, size_t most) {
    for (int i = 0; i < batches && stream != NULL; i++) {
        weir_batch batch = weir_stream_batch(stream, most, WEIR_FOREVER, NULL);
        if (batch.count == 0) return;
        struct famine_maker *maker =
            famine_maker_of(famine, weir_stream_subscription(stream).producer);
        famine_seen(famine, maker, 0, batch.events, batch.count);
    }
}

static void play_stream(struct famine *famine) {
    struct famine_stage *s = famine->stages;
    s[0] = (struct famine_stage){.name = "a", .kind = WEIR_PRODUCER, .limit = 120, .piece = 2};
    s[1] = (struct famine_stage){.name = "b", .kind = WEIR_PRODUCER, .limit = 120, .piece = 9};
    famine_start(famine, &s[0], &(weir_stage_options){.demand = WEIR_ACCUMULATE});
    famine_start(famine, &s[1], NULL);
    const weir_subscribe_to to[] = {
        {.producer = s[0].ref,
         .options = {.max_demand = 12, .min_demand = 6, .cancel = WEIR_TEMPORARY}},
        {.producer = s[1].ref,
         .options = {.max_demand = 30, .min_demand = 1, .cancel = WEIR_TEMPORARY}}};
    const weir_stream_options options = {.event_bytes = famine->event_bytes,
                                         .subscribe_to = to,
                                         .subscribe_count = 2,
                                         .discarded = famine_discarded,
                                         .context = famine};
    stream = NULL;
    if (!famine_done(famine, weir_stream_open(famine->runtime, &options, &stream))) stream = NULL;
    read_some(famine, 5, 0);
    famine_done(famine, weir_cast(famine->runtime, s[1].ref, &(uint64_t){30}, sizeof(uint64_t)));
    read_some(famine, 20, 3);
    famine_done(famine, weir_stop(famine->runtime, s[1].ref, WEIR_REASON_NORMAL));
    read_some(famine, 9, 0);
    if (stream != NULL) {
        famine_done(famine, weir_stream_subscribe(stream, s[0].ref, NULL, NULL));
    }
    read_some(famine, 9, 0);
    famine_rest(famine);
}

static void end_stream(struct famine *famine) {
    weir_stream_close(stream);
    famine_rest(famine);
}

/* With large events each batch is lent in pieces. */
static void play_lent_pieces(struct famine *famine) {
    struct famine_stage *s = famine->stages;
    s[0] = (struct famine_stage){.name = "a", .kind = WEIR_PRODUCER, .limit = 250, .piece = 200};
    famine_start(famine, &s[0], NULL);
    const weir_subscribe_to to = {
        .producer = s[0].ref,
        .options = {.max_demand = 200, .min_demand = 20, .cancel = WEIR_TEMPORARY}};
    const weir_stream_options options = {.event_bytes = famine->event_bytes,
                                         .subscribe_to = &to,
                                         .subscribe_count = 1,
                                         .discarded = famine_discarded,
                                         .context = famine};
    stream = NULL;
    if (!famine_done(famine, weir_stream_open(famine->runtime, &options, &stream))) stream = NULL;
    famine_rest(famine);
    read_some(famine, 3, 50);
    famine_rest(famine);
    read_some(famine, 9, 0);
    famine_rest(famine);
}

/* Of two, while much is lent, and the ends behind it: goes amid a batch, or is stopped. */
static void play_slow_reader(struct famine *famine, bool stops) {
    struct famine_stage *s = famine->stages;
    const weir_stream_options options = {
        .event_bytes = famine->event_bytes, .discarded = famine_discarded, .context = famine};
    stream = NULL;
    if (!famine_done(famine, weir_stream_open(famine->runtime, &options, &stream))) {
        stream = NULL;
        return;
    }
    for (int i = 0; i < 5; i++) {
        s[i] = (struct famine_stage){
            .name = "producer", .kind = WEIR_PRODUCER, .limit = 100, .piece = 1};
        famine_start(famine, &s[i], &(weir_stage_options){.buffer_size = 100});
        s[i].maker->orderless = true;
        const weir_subscribe_options wish = {
            .max_demand = 40, .min_demand = 20, .cancel = WEIR_TEMPORARY};
        famine_done(famine, weir_stream_subscribe(stream, s[i].ref, &wish, NULL));
    }
    famine_step(famine, 20);
    read_some(famine, 9, 0);
    famine_done(famine, weir_finish(famine->runtime, s[1].ref));
    famine_rest(famine);
    weir_batch batch = weir_stream_batch(stream, 1, 0, NULL);
    if (batch.count > 0) {
        struct famine_maker *maker =
            famine_maker_of(famine, weir_stream_subscription(stream).producer);
        famine_seen(famine, maker, 0, batch.events, batch.count);
    }
    if (stops) {
        famine_done(famine,
                    weir_stop(famine->runtime, weir_stream_stage(stream), WEIR_REASON_SHUTDOWN));
    } else {
        weir_stream_close(stream);
        stream = NULL;
    }
    famine_rest(famine);
}

static void play_stopped_reader(struct famine *famine) {
    play_slow_reader(famine, true);
}

static void play_leaving_reader(struct famine *famine) {
    play_slow_reader(famine, false);
}

static void streams(void **state) {
    (void)state;
    famine_run(&(struct famine_scenario){
        .name = "stream", .play = play_stream, .end = end_stream, .endless = true});
    famine_run(&(struct famine_scenario){
        .name = "lent pieces", .play = play_lent_pieces, .end = end_stream, .endless = true});
    famine_run(&(struct famine_scenario){
        .name = "stopped reader", .play = play_stopped_reader, .end = end_stream, .endless = true});
    famine_run(&(struct famine_scenario){
        .name = "leaving reader", .play = play_leaving_reader, .end = end_stream, .endless = true});
}

/* ---- pools --------------------------------------------------------------- */

static struct {
    struct famine *famine;
    weir_pool *pool;
    weir_ref stage;
    struct famine_maker *maker;
} work;

static weir_task_result task(void *context, const void *event, weir_task *self) {
    (void)self;
    if (*(const uint64_t *)event >> 32 == FAMINE_MAKERS) return WEIR_TASK_FAILED; /* by hand */
    famine_seen(context, work.maker, 0, event, 1);
    return WEIR_TASK_OK;
}

static void start_by_hand(struct famine *famine, uint32_t number) {
    const uint64_t event[FAMINE_WORDS] = {(uint64_t)FAMINE_MAKERS << 32 | number};
    weir_child child = {0};
    if (work.pool == NULL ||
        !famine_done(famine, weir_pool_start_child(work.pool, event, &child))) {
        return;
    }
    if (number % 2 != 0) famine_done(famine, weir_pool_end_child(work.pool, child));
}

static void play_pool(struct famine *famine) {
    struct famine_stage *s = famine->stages;
    s[0] = (struct famine_stage){.name = "a", .kind = WEIR_PRODUCER, .limit = 150, .piece = 2};
    s[1] = (struct famine_stage){.name = "b", .kind = WEIR_CONSUMER};
    famine_start(famine, &s[0], NULL);
    famine_start(famine, &s[1], NULL);
    const weir_subscribe_to to = {
        .producer = s[0].ref,
        .options = {.max_demand = 70, .min_demand = 10, .cancel = WEIR_TEMPORARY}};
    const weir_pool_options options = {.event_bytes = famine->event_bytes,
                                       .task = task,
                                       .discarded = famine_discarded,
                                       .context = famine,
                                       .restart = WEIR_CHILD_TRANSIENT,
                                       .max_restarts = 4,
                                       .subscribe_to = &to,
                                       .subscribe_count = 1};
    memset(&work, 0, sizeof work);
    work.famine = famine;
    work.maker = s[0].maker;
    s[0].maker->orderless = true; /* what comes back from the pool */
    if (!famine_done(famine, weir_pool_open(famine->runtime, &options, &work.pool, &work.stage))) {
        work.pool = NULL;
    }
    famine_step(famine, 9);
    famine_subscribe(famine, &s[1], s[0].ref, 10, 5);
    for (uint32_t i = 0; i < 3; i++) start_by_hand(famine, i);
    famine_step(famine, 30);
    famine_done(famine, weir_cast(famine->runtime, s[0].ref, &(uint64_t){30}, sizeof(uint64_t)));
    famine_step(famine, 50);
    for (uint32_t i = 0; i < 40; i++) start_by_hand(famine, 2); /* in the end, too many failures */
    famine_rest(famine);
}

static void end_pool(struct famine *famine) {
    if (work.pool != NULL) {
        FAMINE_REQUIRE(famine, weir_pool_close(work.pool, NULL) == WEIR_OK);
    }
}

static void pools(void **state) {
    (void)state;
    famine_run(&(struct famine_scenario){
        .name = "pool", .play = play_pool, .end = end_pool, .endless = true});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inlets),
        cmocka_unit_test(iterators),
        cmocka_unit_test(streams),
        cmocka_unit_test(pools),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
