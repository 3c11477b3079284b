/*
 * The partition dispatcher alone: what it does is what a plain model does.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: its arithmetic is GenStage.PartitionDispatcher's to the event, with
 * as_genstage; without it, what waits stays in its place, infos come as early as they
 * may, and what was dropped or came back is accounted for; neither absurd asks nor
 * the way events lie in blocks make a difference.
 * Method: random steps, against a model that moves one event at a time between plain
 * arrays; what both bring about is a list of numbers, and the lists are compared.
 */
#include "dispatch/partition.h"

#include "base/check.h"
#include "base/rng.h"
#include "support/aborts.h"
#include "support/cmocka.h"
#include "support/events.h"
#include "support/memory.h"

#include <stdlib.h>
#include <string.h>

enum { PARTITIONS = 5, TRACE = 200000, QUEUE = 400000 };

/* What happened: a tag, and numbers. */
enum { MESSAGE = 1 << 28, INFO, DISCARD, AGAIN, LEFT, UPSTREAM, OPEN };

struct trace {
    uint64_t at[TRACE];
    size_t count;
};

static void note(struct trace *trace, uint64_t number) {
    assert_in_range(trace->count, 0, TRACE - 1);
    trace->at[trace->count++] = number;
}

static void note_pair(struct trace *trace, uint64_t tag, uint64_t number) {
    note(trace, tag);
    note(trace, number);
}

/* How events find their partitions; the same for both. */
struct rule {
    uint64_t width; /* that many neighbours belong together */
    uint64_t none;  /* multiples of it are for nobody        */
    uint64_t bad;   /* and of this for a partition that there is not */
};

static uint32_t rule_hash(void *context, const void *event) {
    const struct rule *rule = context;
    uint64_t number = *(const uint64_t *)event;
    if (number % rule->none == 0) return WEIR_PARTITION_NONE;
    if (number % rule->bad == 0) return PARTITIONS + 3;
    return (uint32_t)(number / rule->width % PARTITIONS);
}

/* ---- the model ----------------------------------------------------------- */

struct line { /* events, and infos + INFO_MARK */
    uint64_t *at;
    size_t first;
    size_t end;
};

#define INFO_MARK ((uint64_t)1 << 40)

struct model {
    struct trace trace;
    struct rule rule;
    bool as_genstage;
    bool owned[PARTITIONS];
    bool backed_up[PARTITIONS];
    uint64_t demand[PARTITIONS];
    uint64_t prepaid[PARTITIONS];
    struct line line[PARTITIONS];
    uint64_t waiting;
    uint64_t pending;
    uint64_t places[1000]; /* of each info */
};

static size_t events_in(const struct line *line) {
    size_t events = 0;
    for (size_t i = line->first; i < line->end; i++) events += line->at[i] < INFO_MARK;
    return events;
}

static void tick(struct model *model, uint64_t mark) {
    if (--model->places[mark - INFO_MARK] == 0) note_pair(&model->trace, INFO, mark - INFO_MARK);
}

/* Sends up to `count`, an event at a time; infos cut messages. */
static uint64_t model_serve(struct model *model, size_t p, uint64_t count) {
    struct line *line = &model->line[p];
    uint64_t sent = 0;
    size_t header = 0;
    while (line->first < line->end) {
        uint64_t next = line->at[line->first];
        bool is_info = next >= INFO_MARK;
        bool due = !model->as_genstage || sent < count;
        if (is_info ? !due || (sent == 0 && count == 0) : sent == count) break;
        line->first++;
        if (is_info) {
            header = 0;
            tick(model, next);
            continue;
        }
        if (header == 0) {
            note_pair(&model->trace, MESSAGE, p);
            header = model->trace.count;
            note(&model->trace, 0);
        }
        model->trace.at[header]++;
        note(&model->trace, next);
        sent++;
    }
    return sent;
}

static uint64_t take(uint64_t *from, uint64_t most) {
    uint64_t taken = *from < most ? *from : most;
    *from -= taken;
    return taken;
}

static uint64_t model_ask(struct model *model, size_t p, uint64_t count) {
    uint64_t sent = model_serve(model, p, count);
    model->demand[p] += count - sent;
    if (sent < count) model->backed_up[p] = false;
    count -= take(&model->prepaid[p], count);
    count -= take(&model->pending, count);
    model->waiting += count;
    return count;
}

static uint64_t model_cancel(struct model *model, size_t p) {
    struct line *line = &model->line[p];
    uint64_t dropped = 0;
    model->owned[p] = false;
    model->pending += model->demand[p];
    model->demand[p] = 0;
    if (!model->as_genstage) return 0;
    model->backed_up[p] = false;
    for (; line->first < line->end; line->first++) {
        if (line->at[line->first] >= INFO_MARK)
            tick(model, line->at[line->first]);
        else
            dropped++;
    }
    if (dropped > 0) note_pair(&model->trace, DISCARD, dropped);
    model->waiting += dropped;
    return dropped;
}

static void model_dispatch(struct model *model, uint64_t first, uint64_t count) {
    uint64_t arrived[PARTITIONS] = {0};
    uint64_t dropped[2] = {0};
    uint64_t number = first;
    for (; number < first + count && model->waiting > 0; number++) {
        uint32_t p = rule_hash(&model->rule, &number);
        if (p >= PARTITIONS) {
            dropped[p != WEIR_PARTITION_NONE]++;
            continue;
        }
        model->waiting--;
        arrived[p]++;
        model->line[p].at[model->line[p].end++] = number;
    }
    for (size_t p = 0; p < PARTITIONS; p++) {
        uint64_t demand = model->demand[p];
        if (arrived[p] == 0) continue;
        if (model->as_genstage && arrived[p] >= demand) model->backed_up[p] = true;
        if (demand > 0) model->demand[p] -= model_serve(model, p, demand);
    }
    uint64_t again = dropped[0] + dropped[1];
    if (again > model->waiting) again = model->waiting;
    if (again > 0 && !model->as_genstage) note_pair(&model->trace, AGAIN, again);
    for (int i = 0; i < 2; i++)
        if (dropped[i] > 0) note_pair(&model->trace, DISCARD, dropped[i]);
    note_pair(&model->trace, LEFT, first + count - number);
}

static void model_info(struct model *model, uint64_t info) {
    for (size_t p = 0; p < PARTITIONS; p++) {
        struct line *line = &model->line[p];
        if (!model->backed_up[p] && events_in(line) == 0) continue;
        line->at[line->end++] = INFO_MARK + info;
        model->places[info]++;
    }
    if (model->places[info] == 0) note_pair(&model->trace, INFO, info);
}

/* ---- the dispatcher ------------------------------------------------------ */

struct fixture {
    struct test_memory memory;
    struct weir__pool pool;
    struct weir__queue queue;
    struct weir_desk desk;
    struct weir__dispatch dispatch;
    uint64_t buffered;
    struct rule rule;
    weir_outlet outlets[PARTITIONS];
    weir_subscribe_options options[PARTITIONS];
    uint64_t slices; /* shown to send_slice */
    uint64_t straight;
    struct trace trace;
};

static void send(void *context, weir_outlet *outlet, struct weir__queue *queue, uint64_t count) {
    struct fixture *fixture = context;
    note_pair(&fixture->trace, MESSAGE, (uint64_t)(outlet - fixture->outlets));
    note(&fixture->trace, count);
    assert_in_range(fixture->trace.count + count, 0, TRACE);
    weir__queue_gather(queue, &fixture->trace.at[fixture->trace.count], count, &fixture->pool);
    fixture->trace.count += count;
}

/* Two of three go so. */
static bool send_slice(void *context, weir_outlet *outlet, const struct weir__item *slice) {
    struct fixture *fixture = context;
    if (fixture->slices++ % 3 == 0) return false;
    fixture->straight++;
    note_pair(&fixture->trace, MESSAGE, (uint64_t)(outlet - fixture->outlets));
    note(&fixture->trace, slice->count);
    assert_in_range(fixture->trace.count + slice->count, 0, TRACE);
    memcpy(&fixture->trace.at[fixture->trace.count],
           weir__block_at(slice->block, slice->first, sizeof(uint64_t)),
           slice->count * sizeof(uint64_t));
    fixture->trace.count += slice->count;
    weir__block_drop(slice->block, &fixture->pool);
    return true;
}

static void again(void *context, uint64_t count) {
    note_pair(&((struct fixture *)context)->trace, AGAIN, count);
}

static void discard(void *context, uint64_t count, weir_discard cause) {
    (void)cause;
    note_pair(&((struct fixture *)context)->trace, DISCARD, count);
}

static void info_due(void *context, void *info) {
    note_pair(&((struct fixture *)context)->trace, INFO, (uintptr_t)info);
}

static const struct weir__desk_calls calls = {.send = send,
                                              .send_slice = send_slice,
                                              .demand_again = again,
                                              .discard = discard,
                                              .info_due = info_due};

static void open_fixture(struct fixture *fixture, bool as_genstage, struct rule rule) {
    memset(fixture, 0, offsetof(struct fixture, trace));
    fixture->trace.count = 0;
    fixture->rule = rule;
    test_memory_open(&fixture->memory);
    weir__pool_open(&fixture->pool, &fixture->memory.allocator);
    weir__queue_open(&fixture->queue, &fixture->memory.allocator);
    fixture->desk = (struct weir_desk){.calls = &calls,
                                       .context = fixture,
                                       .pool = &fixture->pool,
                                       .allocator = &fixture->memory.allocator,
                                       .buffered = &fixture->buffered};
    const weir_dispatcher *table = weir_partition_dispatcher();
    fixture->dispatch.table = table;
    fixture->dispatch.state =
        weir__alloc_zeroed(&fixture->memory.allocator, table->state_bytes, 64);
    assert_non_null(fixture->dispatch.state);
    const weir_partition_dispatcher_options options = {.partitions = PARTITIONS,
                                                       .hash = rule_hash,
                                                       .context = &fixture->rule,
                                                       .as_genstage = as_genstage};
    assert_int_equal(table->init(fixture->dispatch.state, &fixture->desk, &options), WEIR_OK);
}

static void drop_info(void *context, void *info) {
    (void)context;
    (void)info;
}

static void close_fixture(struct fixture *fixture) {
    uint64_t held = fixture->buffered;
    assert_int_equal(held, fixture->desk.held);
    assert_int_equal(weir__desk_empty(&fixture->desk, drop_info, NULL), held);
    assert_int_equal(fixture->buffered, 0);
    fixture->dispatch.table->close(fixture->dispatch.state);
    weir__desk_close(&fixture->desk);
    for (size_t i = 0; i < PARTITIONS; i++)
        weir__outlet_close(&fixture->outlets[i], &fixture->memory.allocator);
    weir__free(&fixture->memory.allocator, fixture->dispatch.state,
               fixture->dispatch.table->state_bytes);
    weir__queue_close(&fixture->queue, WEIR_DISCARD_STOPPED, &fixture->pool);
    assert_int_equal(weir__pool_close(&fixture->pool), 0);
    test_memory_close(&fixture->memory);
}

static void subscribe(struct fixture *f, size_t p) {
    weir_outlet *outlet = &f->outlets[p];
    uint64_t upstream = 1;
    weir__outlet_close(outlet, &f->memory.allocator);
    f->options[p].partition = WEIR_PARTITION(p);
    outlet->options = &f->options[p];
    assert_true(weir__outlet_open(outlet, f->dispatch.table, &f->memory.allocator));
    assert_int_equal(f->dispatch.table->subscribe(f->dispatch.state, outlet, &upstream),
                     WEIR_REASON_NORMAL);
    assert_int_equal(upstream, 0);
}

static uint64_t ask(struct fixture *f, size_t p, uint64_t count) {
    return f->dispatch.table->ask(f->dispatch.state, &f->outlets[p], count);
}

static void emit(struct fixture *f, uint64_t first, uint64_t count, size_t per_block) {
    events_push_range(&f->queue, &f->pool, first, count, per_block);
    struct weir_run run = {.queue = &f->queue, .left = count, .desk = &f->desk};
    f->dispatch.table->dispatch(f->dispatch.state, &run, count);
    assert_int_equal(run.left, f->queue.events);
    note_pair(&f->trace, LEFT, run.left);
    weir__queue_discard(&f->queue, run.left, WEIR_DISCARD_STOPPED, &f->pool);
}

/* `count` numbers come back from the consumer that was last of partition p. */
static void give_back(struct fixture *f, size_t p, uint64_t first, uint64_t count) {
    events_push_range(&f->queue, &f->pool, first, count, 3);
    struct weir_run run = {.queue = &f->queue, .left = count, .desk = &f->desk};
    assert_false(f->dispatch.table->give_back(f->dispatch.state, &f->outlets[p], &run));
    weir__queue_discard(&f->queue, run.left, WEIR_DISCARD_STOPPED, &f->pool);
}

static uint64_t open_demand(const struct fixture *f) {
    return f->dispatch.table->open_demand(f->dispatch.state);
}

/* ---- both, side by side -------------------------------------------------- */

struct both {
    struct fixture *f;
    struct model *model;
    struct weir__rng rng;
    uint64_t next;
    uint64_t info;
};

static void compare(struct both *both) {
    struct trace *seen = &both->f->trace;
    struct trace *expected = &both->model->trace;
    note_pair(seen, OPEN, open_demand(both->f));
    note_pair(expected, OPEN, both->model->waiting);
    assert_int_equal(seen->count, expected->count);
    assert_memory_equal(seen->at, expected->at, seen->count * sizeof *seen->at);
    seen->count = 0;
    expected->count = 0;
    uint64_t held = 0;
    for (size_t p = 0; p < PARTITIONS; p++) held += events_in(&both->model->line[p]);
    assert_int_equal(both->f->desk.held, held);
    assert_int_equal(both->f->buffered, held);
    WEIR__VERIFY(weir__partition_check(both->f->dispatch.state));
    WEIR__VERIFY(weir__desk_check(&both->f->desk));
}

/* A consumer goes, and with it, perhaps, what it had got last. */
static void step_leave(struct both *both, size_t p) {
    struct model *model = both->model;
    note_pair(&both->f->trace, UPSTREAM,
              both->f->dispatch.table->cancel(both->f->dispatch.state, &both->f->outlets[p]));
    uint64_t upstream = model_cancel(model, p);
    note_pair(&model->trace, UPSTREAM, upstream);
    if (weir__rng_below(&both->rng, 2) == 0) return;
    uint64_t count = 1 + weir__rng_below(&both->rng, 9);
    give_back(both->f, p, both->next, count);
    if (model->as_genstage) return;
    struct line *line = &model->line[p];
    size_t length = line->end - line->first;
    memmove(&line->at[line->first + count], &line->at[line->first], length * sizeof *line->at);
    for (uint64_t i = 0; i < count; i++) line->at[line->first + i] = both->next + i;
    line->end += count;
    model->prepaid[p] += count;
    both->next += count;
}

static void step_emit(struct both *both) {
    bool many = weir__rng_below(&both->rng, 20) == 0;
    uint64_t count = 1 + weir__rng_below(&both->rng, many ? 10000 : 60);
    size_t per_block = (size_t)weir__rng_below(&both->rng, 5) * (many ? 700 : 1);
    emit(both->f, both->next, count, per_block);
    model_dispatch(both->model, both->next, count);
    both->next += count;
}

static void step(struct both *both) {
    struct model *model = both->model;
    size_t p = (size_t)weir__rng_below(&both->rng, PARTITIONS);
    uint64_t dice = weir__rng_below(&both->rng, 20);
    if (!model->owned[p]) {
        if (dice < 10) subscribe(both->f, p);
        model->owned[p] = dice < 10;
    } else if (dice == 0) {
        step_leave(both, p);
    } else if (dice < 10) {
        uint64_t count = 1 + weir__rng_below(&both->rng, dice < 8 ? 40 : 2000);
        uint64_t seen = ask(both->f, p, count);
        note_pair(&both->f->trace, UPSTREAM, seen);
        uint64_t expected = model_ask(model, p, count);
        note_pair(&model->trace, UPSTREAM, expected);
    } else if (dice < 12 && both->info < 1000) {
        void *info = (void *)(uintptr_t)both->info;
        if (!weir__desk_info(&both->f->desk, &both->f->dispatch, info)) info_due(both->f, info);
        model_info(model, both->info++);
    } else {
        step_emit(both);
    }
    compare(both);
}

static void agrees_with_plain_arrays(void **state) {
    (void)state;
    static const uint64_t widths[] = {1, 3, 300, 5000};
    struct fixture *fixture = malloc(sizeof *fixture);
    struct model *model = malloc(sizeof *model);
    uint64_t *lines = malloc((size_t)PARTITIONS * QUEUE * sizeof *lines);
    if (fixture == NULL || model == NULL || lines == NULL) abort();
    for (uint64_t seed = 0; seed < 48; seed++) {
        memset(model, 0, sizeof *model);
        model->as_genstage = seed % 2 == 1;
        model->rule = (struct rule){.width = widths[seed / 2 % 4], .none = 11, .bad = 13};
        if (seed % 3 == 0) model->rule.none = model->rule.bad = UINT64_MAX;
        for (size_t p = 0; p < PARTITIONS; p++) model->line[p].at = &lines[p * QUEUE];
        open_fixture(fixture, model->as_genstage, model->rule);
        struct both both = {.f = fixture, .model = model, .next = 1};
        weir__rng_seed(&both.rng, seed);
        for (int i = 0; i < 1000; i++) step(&both);
        assert_in_range(fixture->straight, 1, fixture->slices - 1);
        close_fixture(fixture);
    }
    free(lines);
    free(model);
    free(fixture);
}

/* ---- by hand ------------------------------------------------------------- */

static const struct rule plain = {.width = 1, .none = UINT64_MAX, .bad = UINT64_MAX};

static void absurd_asks_do_not_wrap(void **state) {
    (void)state;
    static struct fixture f;
    open_fixture(&f, false, plain);
    subscribe(&f, 0);
    subscribe(&f, 1);
    assert_true(ask(&f, 0, UINT64_MAX - 3) == UINT64_MAX - 3);
    assert_int_equal(ask(&f, 1, 10), 3);
    assert_true(open_demand(&f) == UINT64_MAX);
    assert_int_equal(ask(&f, 1, 10), 0);
    emit(&f, 0, 100, 0);
    assert_int_equal(f.trace.at[f.trace.count - 1], 0);
    close_fixture(&f);
}

/* What has come for one partition lies together, and pins no more than it fills. */
static void events_that_wait_lie_together(void **state) {
    (void)state;
    static struct fixture f;
    open_fixture(&f, false, plain);
    subscribe(&f, 0);
    ask(&f, 0, 100000);
    for (uint64_t i = 0; i < 1000; i++) emit(&f, i * 50, 50, 0);
    assert_int_equal(f.buffered, 40000);
    for (const struct weir_hold *hold = f.desk.holds; hold != NULL; hold = hold->next)
        assert_true(hold->queue.count < 60); /* and not 1000 */
    assert_true(weir__pool_live(&f.pool) * 4096 < (uint64_t)40000 * 8 * 3);
    close_fixture(&f);
}

static void the_default_spreads_what_it_is_given(void **state) {
    (void)state;
    enum { KEYS = 70000, PARTS = 7 };
    uint64_t count[PARTS] = {0};
    for (uint64_t key = 0; key < KEYS; key++) {
        uint32_t p = weir_partition_of(&key, sizeof key, PARTS);
        assert_in_range(p, 0, PARTS - 1);
        assert_int_equal(p, weir_partition_of(&key, sizeof key, PARTS));
        count[p]++;
    }
    for (int p = 0; p < PARTS; p++) assert_in_range(count[p], KEYS / PARTS * 97 / 100, KEYS / 6);
    unsigned char bytes[21] = {0}; /* every byte counts, also of the last, shorter word */
    uint32_t none = weir_partition_of(bytes, sizeof bytes, UINT32_MAX);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = 1;
        assert_true(weir_partition_of(bytes, sizeof bytes, UINT32_MAX) != none);
        bytes[i] = 0;
    }
    assert_true(weir_partition_of(bytes, 20, UINT32_MAX) != none); /* and how many there are */
    assert_int_equal(weir_partition_of(bytes, 5, 1), 0);
}

/* ---- what the checkers say of what is broken --------------------------------- */

static struct weir__partitions *partitions_of(struct fixture *f) {
    return f->dispatch.state;
}

static void want_too_much(void *f) {
    partitions_of(f)->waiting++;
    WEIR__VERIFY(weir__partition_check(partitions_of(f)));
}

static void demand_for_nobody(void *f) {
    partitions_of(f)->waiting++;
    partitions_of(f)->at[1].demand++;
    WEIR__VERIFY(weir__partition_check(partitions_of(f)));
}

static void demand_beside_a_queue(void *f) {
    partitions_of(f)->at[0].demand++;
    WEIR__VERIFY(weir__partition_check(partitions_of(f)));
}

static void hold_too_much(void *argument) {
    struct fixture *f = argument;
    f->desk.held++;
    WEIR__VERIFY(weir__desk_check(&f->desk));
}

static void the_checkers_say_what_is_broken(void **state) {
    static const struct test_breakage breakages[] = {
        {want_too_much, "all->waiting + queues == demands + all->pending + prepaid"},
        {demand_for_nobody, "partition->demand == 0 || partition->owner != NULL"},
        {demand_beside_a_queue, "partition->demand == 0 || queue->events == 0"},
        {hold_too_much, "hold != NULL || desk->held == sum"},
    };
    if (!WEIR__CHECKED) skip();
    (void)state;
    static struct fixture f;
    open_fixture(&f, false, plain);
    subscribe(&f, 0);
    ask(&f, 0, 1);
    give_back(&f, 0, 0, 5); /* one is sent, and four wait */
    TEST_BREAKAGES(breakages, &f);
    close_fixture(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_plain_arrays),
        cmocka_unit_test(absurd_asks_do_not_wrap),
        cmocka_unit_test(events_that_wait_lie_together),
        cmocka_unit_test(the_default_spreads_what_it_is_given),
        cmocka_unit_test(the_checkers_say_what_is_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
