/*
 * The demand dispatcher: who gets which events, and what goes upstream.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: the arithmetic is GenStage.DemandDispatcher's, to the event.
 * Method: examples worked out by hand, written as a script of one word a step;
 * then random asks, cancels and emissions, against a model that keeps a plain
 * sorted array: of few consumers and of many, with asks of one size, so that many
 * have the same demand, and of all sizes.  Every event is delivered or left over,
 * and comes home.
 */
#include "dispatch/seam.h"

#include "base/check.h"
#include "base/rng.h"
#include "dispatch/line.h"
#include "support/aborts.h"
#include "support/cmocka.h"
#include "support/events.h"
#include "support/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONSUMERS = 60, DELIVERIES = 256 };

struct delivery {
    size_t consumer;
    uint64_t first;
    uint64_t count;
};

struct fixture {
    struct test_memory memory;
    struct weir__pool pool;
    struct weir__queue queue;
    const weir_dispatcher *table;
    void *state;
    weir_outlet outlets[CONSUMERS];
    struct delivery deliveries[DELIVERIES]; /* of the last dispatch */
    size_t delivery_count;
    uint64_t next; /* number to emit */
    uint64_t delivered;
    uint64_t left; /* over, dropped by the test */
};

static void open_fixture(struct fixture *fixture, const void *options) {
    memset(fixture, 0, sizeof *fixture);
    test_memory_open(&fixture->memory);
    weir__pool_open(&fixture->pool, &fixture->memory.allocator);
    weir__queue_open(&fixture->queue, &fixture->memory.allocator);
    fixture->table = weir_demand_dispatcher();
    fixture->state =
        weir__alloc_zeroed(&fixture->memory.allocator, fixture->table->state_bytes, 64);
    assert_non_null(fixture->state);
    assert_int_equal(fixture->table->init(fixture->state, NULL, options), WEIR_OK);
}

static void close_fixture(struct fixture *fixture) {
    for (size_t i = 0; i < CONSUMERS; i++) {
        weir__outlet_close(&fixture->outlets[i], &fixture->memory.allocator);
    }
    weir__free(&fixture->memory.allocator, fixture->state, fixture->table->state_bytes);
    weir__queue_close(&fixture->queue, WEIR_DISCARD_STOPPED, &fixture->pool);
    assert_int_equal(weir__pool_close(&fixture->pool), 0);
    test_memory_close(&fixture->memory);
    assert_int_equal(fixture->delivered + fixture->left, fixture->next);
}

static void subscribe(struct fixture *fixture, size_t consumer) {
    uint64_t upstream = 99;
    weir__outlet_close(&fixture->outlets[consumer], &fixture->memory.allocator);
    fixture->outlets[consumer] = (weir_outlet){0};
    assert_true(
        weir__outlet_open(&fixture->outlets[consumer], fixture->table, &fixture->memory.allocator));
    assert_int_equal(
        fixture->table->subscribe(fixture->state, &fixture->outlets[consumer], &upstream),
        WEIR_REASON_NORMAL);
    assert_int_equal(upstream, 0);
}

static uint64_t ask(struct fixture *fixture, size_t consumer, uint64_t count) {
    return fixture->table->ask(fixture->state, &fixture->outlets[consumer], count);
}

static uint64_t cancel(struct fixture *fixture, size_t consumer) {
    return fixture->table->cancel(fixture->state, &fixture->outlets[consumer]);
}

static uint64_t open_demand(const struct fixture *fixture) {
    return fixture->table->open_demand(fixture->state);
}

static void send(void *context, weir_outlet *outlet, struct weir__queue *queue, uint64_t count) {
    struct fixture *fixture = context;
    assert_true(fixture->delivery_count < DELIVERIES);
    uint64_t *numbers = malloc(count * sizeof *numbers);
    assert_non_null(numbers);
    weir__queue_gather(queue, numbers, count, &fixture->pool);
    for (uint64_t i = 1; i < count; i++) assert_int_equal(numbers[i], numbers[0] + i);
    fixture->deliveries[fixture->delivery_count++] =
        (struct delivery){(size_t)(outlet - fixture->outlets), numbers[0], count};
    fixture->delivered += count;
    free(numbers);
}

static const struct weir__desk_calls calls = {.send = send};

/* Emits the next `count` numbers; returns how many were left over (and drops them). */
static uint64_t emit(struct fixture *fixture, uint64_t count, size_t per_block) {
    events_push_range(&fixture->queue, &fixture->pool, fixture->next, count, per_block);
    fixture->next += count;
    fixture->delivery_count = 0;
    struct weir_desk desk = {
        .calls = &calls, .context = fixture, .allocator = &fixture->memory.allocator};
    struct weir_run run = {.queue = &fixture->queue, .left = count, .desk = &desk};
    fixture->table->dispatch(fixture->state, &run, count);
    assert_int_equal(run.left, fixture->queue.events);
    weir__queue_discard(&fixture->queue, run.left, WEIR_DISCARD_STOPPED, &fixture->pool);
    fixture->left += run.left;
    return run.left;
}

static void assert_delivery(const struct fixture *fixture, size_t index, size_t consumer,
                            uint64_t first, uint64_t count) {
    assert_true(index < fixture->delivery_count);
    assert_int_equal(fixture->deliveries[index].consumer, consumer);
    assert_int_equal(fixture->deliveries[index].first, first);
    assert_int_equal(fixture->deliveries[index].count, count);
}

static void the_largest_demand_is_served_first(void **state) {
    (void)state;
    enum { A, B, C };
    struct fixture f;
    open_fixture(&f, NULL);
    for (size_t i = A; i <= C; i++) subscribe(&f, i);
    for (size_t i = A; i <= C; i++) assert_int_equal(ask(&f, i, 10), 10);
    assert_int_equal(open_demand(&f), 30);

    assert_int_equal(emit(&f, 3, 0), 0); /* B10 C10 A7 */
    assert_int_equal(f.delivery_count, 1);
    assert_delivery(&f, 0, A, 0, 3);
    assert_int_equal(emit(&f, 13, 0), 0); /* A7 C7 B0 */
    assert_int_equal(f.delivery_count, 2);
    assert_delivery(&f, 0, B, 3, 10);
    assert_delivery(&f, 1, C, 13, 3);
    assert_int_equal(emit(&f, 4, 0), 0); /* C7 A3 B0 */
    assert_delivery(&f, 0, A, 16, 4);
    assert_int_equal(ask(&f, B, 7), 7); /* C7 B7 A3           */
    assert_int_equal(cancel(&f, B), 0); /* C7 A3, 7 are owed  */
    assert_int_equal(ask(&f, A, 5), 0); /* A8 C7, 2 are owed  */
    assert_int_equal(open_demand(&f), 15);
    assert_int_equal(emit(&f, 20, 0), 5); /* nothing is owed    */
    assert_int_equal(f.delivery_count, 2);
    assert_delivery(&f, 0, A, 20, 8);
    assert_delivery(&f, 1, C, 28, 7);
    assert_int_equal(open_demand(&f), 0);
    assert_int_equal(ask(&f, A, 5), 5);
    close_fixture(&f);
}

static void equals_take_turns(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, NULL);
    for (size_t i = 0; i < 3; i++) subscribe(&f, i);
    for (size_t i = 0; i < 3; i++) ask(&f, i, 5);
    for (size_t turn = 0; turn < 15; turn++) {
        assert_int_equal(emit(&f, 1, 0), 0);
        assert_delivery(&f, 0, turn % 3, turn, 1);
    }
    assert_int_equal(emit(&f, 1, 0), 1);
    assert_int_equal(f.delivery_count, 0);
    close_fixture(&f);
}

static void a_message_is_one_however_it_is_cut_into_blocks(void **state) {
    (void)state;
    for (size_t per_block = 0; per_block <= 7; per_block++) {
        struct fixture f;
        open_fixture(&f, NULL);
        subscribe(&f, 0);
        subscribe(&f, 1);
        ask(&f, 0, 9);
        ask(&f, 1, 5);
        assert_int_equal(emit(&f, 20, per_block), 6);
        assert_int_equal(f.delivery_count, 2);
        assert_delivery(&f, 0, 0, 0, 9);
        assert_delivery(&f, 1, 1, 9, 5);
        close_fixture(&f);
    }
}

static void nobody_takes_nothing(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, NULL);
    assert_int_equal(open_demand(&f), 0);
    assert_int_equal(emit(&f, 4, 0), 4);
    subscribe(&f, 0);
    assert_int_equal(emit(&f, 4, 0), 4);
    assert_int_equal(cancel(&f, 0), 0);
    assert_int_equal(emit(&f, 4, 0), 4);
    close_fixture(&f);
}

static void what_a_leaver_asked_is_set_off(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, NULL);
    subscribe(&f, 0);
    subscribe(&f, 1);
    assert_int_equal(ask(&f, 0, 10), 10);
    assert_int_equal(ask(&f, 1, 5), 5);
    cancel(&f, 0);
    assert_int_equal(emit(&f, 10, 0), 5); /* 10 owed, 5 of them answered by the surplus */
    assert_int_equal(ask(&f, 1, 7), 2);
    assert_int_equal(open_demand(&f), 7); /* told in full, whatever is owed */
    close_fixture(&f);
}

static void a_larger_ask_than_max_demand_is_served_alike(void **state) {
    (void)state;
    struct fixture f;
    const weir_demand_dispatcher_options options = {.max_demand = 5};
    open_fixture(&f, &options);
    subscribe(&f, 0);
    assert_int_equal(ask(&f, 0, 50), 50);
    assert_int_equal(emit(&f, 60, 0), 10);
    close_fixture(&f);
}

static void absurd_asks_do_not_wrap(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, NULL);
    subscribe(&f, 0);
    subscribe(&f, 1);
    assert_true(ask(&f, 0, UINT64_MAX - 3) == UINT64_MAX - 3);
    assert_int_equal(ask(&f, 1, 10), 3);
    assert_true(open_demand(&f) == UINT64_MAX);
    assert_int_equal(emit(&f, 100, 0), 0);
    assert_int_equal(f.delivery_count, 1);
    close_fixture(&f);
}

static void what_comes_back_goes_to_the_buffer(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, NULL);
    subscribe(&f, 0);
    ask(&f, 0, 10);
    emit(&f, 6, 0);
    cancel(&f, 0);
    uint64_t open = open_demand(&f);
    assert_true(f.table->give_back(f.state, &f.outlets[0], NULL));
    assert_int_equal(open_demand(&f), open);
    close_fixture(&f);
}

/* Once; from then on by what they have asked for, as always. */
static void the_first_emission_may_be_shuffled(void **state) {
    (void)state;
    uint64_t begins[3] = {0, 0, 0};
    for (uint64_t seed = 0; seed < 90; seed++) {
        struct fixture f;
        const weir_demand_dispatcher_options options = {.shuffle_first = true, .seed = seed};
        open_fixture(&f, &options);
        for (size_t i = 0; i < 4; i++) subscribe(&f, i); /* the last never asks */
        assert_int_equal(emit(&f, 2, 0), 2);             /* nobody has asked: not the first */
        for (size_t i = 0; i < 3; i++) ask(&f, i, 10 * (i + 1));
        assert_int_equal(emit(&f, 50, 0), 0);
        begins[f.deliveries[0].consumer]++;
        assert_true(f.delivery_count >= 2 && f.delivery_count <= 3);
        for (size_t i = 0; i < f.delivery_count; i++) {
            uint64_t asked = 10 * (f.deliveries[i].consumer + 1);
            bool last = i + 1 == f.delivery_count;
            assert_true(f.deliveries[i].count == asked || (last && f.deliveries[i].count < asked));
        }
        emit(&f, 10, 0);
        for (size_t i = 0; i < 3; i++) ask(&f, i, 10 * (i + 1));
        emit(&f, 60, 0);
        for (size_t i = 0; i < 3; i++)
            assert_delivery(&f, i, 2 - i, i == 0 ? 62 : i == 1 ? 92 : 112, 30 - 10 * i);
        close_fixture(&f);
    }
    for (size_t i = 0; i < 3; i++) assert_true(begins[i] >= 15);
}

/* ---- against a model ----------------------------------------------------- */

struct model {
    struct {
        uint64_t demand;
        size_t consumer;
    } line[CONSUMERS];
    size_t count;
    uint64_t pending;
};

static size_t model_find(const struct model *model, size_t consumer) {
    size_t at = 0;
    while (at < model->count && model->line[at].consumer != consumer) at++;
    return at;
}

static uint64_t model_remove(struct model *model, size_t at) {
    uint64_t demand = model->line[at].demand;
    model->count--;
    memmove(&model->line[at], &model->line[at + 1], (model->count - at) * sizeof model->line[0]);
    return demand;
}

static void model_insert(struct model *model, uint64_t demand, size_t consumer) {
    size_t at = 0;
    while (at < model->count && model->line[at].demand >= demand) at++;
    memmove(&model->line[at + 1], &model->line[at], (model->count - at) * sizeof model->line[0]);
    model->count++;
    model->line[at].demand = demand;
    model->line[at].consumer = consumer;
}

static uint64_t model_ask(struct model *model, size_t consumer, uint64_t count) {
    model_insert(model, model_remove(model, model_find(model, consumer)) + count, consumer);
    uint64_t answered = model->pending < count ? model->pending : count;
    model->pending -= answered;
    return count - answered;
}

static void check_emission(struct fixture *f, struct model *model, uint64_t count,
                           size_t per_block) {
    uint64_t first = f->next;
    uint64_t left = count;
    uint64_t over = emit(f, count, per_block);
    size_t deliveries = 0;
    while (left > 0 && model->count > 0 && model->line[0].demand > 0) {
        size_t consumer = model->line[0].consumer;
        uint64_t demand = model_remove(model, 0);
        uint64_t sent = left < demand ? left : demand;
        assert_delivery(f, deliveries++, consumer, first, sent);
        model_insert(model, demand - sent, consumer);
        first += sent;
        left -= sent;
    }
    assert_int_equal(f->delivery_count, deliveries);
    assert_int_equal(over, left);
    model->pending -= left < model->pending ? left : model->pending;
}

struct shape {
    size_t consumers;
    uint64_t ask;  /* at most: 1, all ask for as much   */
    uint64_t unit; /* asks and emissions are in these   */
    uint64_t emit; /* units at most                     */
};

static void random_step(struct fixture *f, struct model *model, const struct shape *shape,
                        struct weir__rng *rng) {
    size_t consumer = (size_t)weir__rng_below(rng, shape->consumers);
    bool there = model_find(model, consumer) < model->count;
    uint64_t dice = weir__rng_below(rng, 20);
    if (!there) {
        subscribe(f, consumer);
        model_insert(model, 0, consumer);
    } else if (dice == 0) {
        assert_int_equal(cancel(f, consumer), 0);
        model->pending += model_remove(model, model_find(model, consumer));
    } else if (dice < 11) {
        uint64_t count = shape->unit * (1 + weir__rng_below(rng, dice < 6 ? 1 : shape->ask));
        assert_int_equal(ask(f, consumer, count), model_ask(model, consumer, count));
    } else {
        check_emission(f, model, shape->unit * (1 + weir__rng_below(rng, shape->emit)),
                       (size_t)weir__rng_below(rng, 5));
    }
    uint64_t open = 0;
    for (size_t i = 0; i < model->count; i++) open += model->line[i].demand;
    assert_int_equal(open_demand(f), open);
    WEIR__VERIFY(weir__demand_check(f->state));
}

static void agrees_with_a_sorted_array(void **state) {
    (void)state;
    static const struct shape shapes[] = {
        {12, 40, 1, 60}, {2, 3, 1, 4},   {4, 1, 1, 3},
        {4, 1, 10, 4},   {60, 1, 5, 40}, {60, 40, 1, 200},
    };
    for (uint64_t seed = 0; seed < 60; seed++) {
        const struct shape *shape = &shapes[seed % (sizeof shapes / sizeof *shapes)];
        struct weir__rng rng;
        weir__rng_seed(&rng, seed);
        struct fixture f;
        struct model model = {.count = 0};
        open_fixture(&f, NULL);
        for (int step = 0; step < 1000; step++) random_step(&f, &model, shape, &rng);
        close_fixture(&f); /* with consumers still there */
    }
}

static void ask_beside_the_sum(void *argument) {
    struct fixture *f = argument;
    struct weir__place *place = f->outlets[0].state; /* what an asker begins with */
    place->number++;
    WEIR__VERIFY(weir__demand_check(f->state));
}

static void the_checker_says_what_is_broken(void **state) {
    static const struct test_breakage breakages[] = {{ask_beside_the_sum, "all->open == sum"}};
    if (!WEIR__CHECKED) skip();
    (void)state;
    static struct fixture f;
    open_fixture(&f, NULL);
    subscribe(&f, 0);
    ask(&f, 0, 3);
    WEIR__VERIFY(weir__demand_check(f.state));
    TEST_BREAKAGES(breakages, &f);
    close_fixture(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_largest_demand_is_served_first),
        cmocka_unit_test(equals_take_turns),
        cmocka_unit_test(a_message_is_one_however_it_is_cut_into_blocks),
        cmocka_unit_test(nobody_takes_nothing),
        cmocka_unit_test(what_a_leaver_asked_is_set_off),
        cmocka_unit_test(a_larger_ask_than_max_demand_is_served_alike),
        cmocka_unit_test(absurd_asks_do_not_wrap),
        cmocka_unit_test(what_comes_back_goes_to_the_buffer),
        cmocka_unit_test(the_first_emission_may_be_shuffled),
        cmocka_unit_test(agrees_with_a_sorted_array),
        cmocka_unit_test(the_checker_says_what_is_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
