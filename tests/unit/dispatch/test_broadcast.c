/*
 * The broadcast dispatcher alone: who gets what, and what goes upstream.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: every event goes to all, in the order of what they have asked for; what all have
 * in common is asked for once; a stage is in it once, and knows when it is not.
 * Method: random asks, cancels, refusals and emissions of few consumers and of many, against
 * a model that keeps a plain list, looks through all of it, and counts as GenStage does: a
 * surplus for each, beside the common part.
 */
#include "dispatch/seam.h"

#include "base/check.h"
#include "base/rng.h"
#include "dispatch/line.h"
#include "support/aborts.h"
#include "support/cmocka.h"
#include "support/events.h"
#include "support/memory.h"

#include <string.h>

enum { STAGES = 80, OUTLETS = 2 * STAGES };

struct fixture {
    struct test_memory memory;
    struct weir__pool pool;
    struct weir__queue queue;
    struct weir__queue scratch;
    uint64_t buffered;
    struct weir_desk desk;
    const weir_dispatcher *table;
    void *state;
    weir_outlet outlets[OUTLETS]; /* two for each stage */
    weir_subscription subscriptions[OUTLETS];
    weir_subscribe_options options;
    size_t sent_to[OUTLETS]; /* of the last dispatch, in order */
    uint64_t sent;           /* to each */
    size_t count;
};

static void send(void *context, weir_outlet *outlet, struct weir__queue *queue, uint64_t count) {
    struct fixture *f = context;
    f->sent_to[f->count++] = (size_t)(outlet - f->outlets);
    f->sent = count;
    weir__queue_discard(queue, count, WEIR_DISCARD_STOPPED, &f->pool);
}

static const struct weir__desk_calls calls = {.send = send};

static void open_fixture(struct fixture *f, const void *options) {
    memset(f, 0, sizeof *f);
    test_memory_open(&f->memory);
    weir__pool_open(&f->pool, &f->memory.allocator);
    weir__queue_open(&f->queue, &f->memory.allocator);
    weir__queue_open(&f->scratch, &f->memory.allocator);
    f->desk = (struct weir_desk){.calls = &calls,
                                 .context = f,
                                 .pool = &f->pool,
                                 .scratch = &f->scratch,
                                 .allocator = &f->memory.allocator,
                                 .buffered = &f->buffered};
    f->table = weir_broadcast_dispatcher();
    f->state = weir__alloc_zeroed(&f->memory.allocator, f->table->state_bytes, 64);
    assert_non_null(f->state);
    assert_int_equal(f->table->init(f->state, &f->desk, options), WEIR_OK);
}

static void close_fixture(struct fixture *f) {
    f->table->close(f->state);
    for (size_t i = 0; i < OUTLETS; i++) {
        weir__outlet_close(&f->outlets[i], &f->memory.allocator);
    }
    weir__free(&f->memory.allocator, f->state, f->table->state_bytes);
    weir__queue_close(&f->queue, WEIR_DISCARD_STOPPED, &f->pool);
    weir__queue_close(&f->scratch, WEIR_DISCARD_STOPPED, &f->pool);
    assert_int_equal(weir__pool_close(&f->pool), 0);
    test_memory_close(&f->memory);
}

static weir_reason subscribe(struct fixture *f, size_t outlet) {
    uint64_t upstream = 99;
    weir__outlet_close(&f->outlets[outlet], &f->memory.allocator);
    f->subscriptions[outlet].consumer.bits = 1 + outlet % STAGES;
    f->outlets[outlet] =
        (weir_outlet){.subscription = &f->subscriptions[outlet], .options = &f->options};
    assert_true(weir__outlet_open(&f->outlets[outlet], f->table, &f->memory.allocator));
    weir_reason reason = f->table->subscribe(f->state, &f->outlets[outlet], &upstream);
    assert_int_equal(upstream, 0);
    return reason;
}

static uint64_t ask(struct fixture *f, size_t outlet, uint64_t count) {
    return f->table->ask(f->state, &f->outlets[outlet], count);
}

static uint64_t cancel(struct fixture *f, size_t outlet) {
    return f->table->cancel(f->state, &f->outlets[outlet]);
}

static uint64_t emit(struct fixture *f, uint64_t count) {
    events_push_range(&f->queue, &f->pool, 0, count, 0);
    f->count = 0;
    f->sent = 0;
    struct weir_run run = {.queue = &f->queue, .left = count, .desk = &f->desk};
    f->table->dispatch(f->state, &run, count);
    uint64_t left = run.left;
    weir__queue_discard(&f->queue, left, WEIR_DISCARD_STOPPED, &f->pool);
    return left;
}

/* ---- the model -------------------------------------------------------------- */

struct model {
    size_t order[OUTLETS];   /* as they are served */
    uint64_t ahead[OUTLETS]; /* what an outlet has asked for and not got */
    bool forgotten[OUTLETS];
    size_t count;
    uint64_t requested;
    bool forgets;
};

static size_t place_of(const struct model *m, size_t outlet) {
    size_t at = 0;
    while (at < m->count && m->order[at] != outlet) at++;
    return at;
}

static void put_in(struct model *m, size_t outlet) {
    size_t at = 0;
    while (at < m->count && m->ahead[m->order[at]] <= m->ahead[outlet]) at++;
    memmove(&m->order[at + 1], &m->order[at], (m->count - at) * sizeof m->order[0]);
    m->order[at] = outlet;
    m->count++;
}

static void take_out(struct model *m, size_t outlet) {
    size_t at = place_of(m, outlet);
    m->count--;
    memmove(&m->order[at], &m->order[at + 1], (m->count - at) * sizeof m->order[0]);
}

static uint64_t common(const struct model *m) {
    return m->count == 0 ? 0 : m->ahead[m->order[0]];
}

static uint64_t request(struct model *m) {
    uint64_t more = common(m) > m->requested ? common(m) - m->requested : 0;
    m->requested += more;
    return more;
}

static weir_reason model_subscribe(struct model *m, size_t outlet) {
    for (size_t i = 0; i < m->count; i++) {
        size_t other = m->order[i];
        if (other % STAGES != outlet % STAGES || m->forgotten[other]) continue;
        m->forgotten[other] = m->forgets;
        return WEIR_REASON_ALREADY_SUBSCRIBED;
    }
    m->ahead[outlet] = 0;
    m->forgotten[outlet] = false;
    put_in(m, outlet);
    return WEIR_REASON_NORMAL;
}

static void model_emit(struct model *m, const struct fixture *f, uint64_t count, uint64_t left) {
    uint64_t now = count < common(m) ? count : common(m);
    m->requested -= count < m->requested ? count : m->requested;
    assert_int_equal(left, count - now);
    assert_int_equal(f->count, now == 0 ? 0 : m->count);
    for (size_t i = 0; i < f->count; i++) {
        assert_int_equal(f->sent_to[i], m->order[i]);
        assert_int_equal(f->sent, now);
        m->ahead[m->order[i]] -= now;
    }
}

static void random_step(struct fixture *f, struct model *m, size_t stages, uint64_t most,
                        struct weir__rng *rng) {
    size_t outlet = (size_t)weir__rng_below(rng, stages);
    outlet += weir__rng_below(rng, 8) == 0 ? STAGES : 0;
    bool there = place_of(m, outlet) < m->count;
    uint64_t dice = weir__rng_below(rng, 20);
    if (!there) {
        assert_int_equal(subscribe(f, outlet), model_subscribe(m, outlet));
    } else if (dice == 0) {
        take_out(m, outlet);
        assert_int_equal(cancel(f, outlet), request(m));
    } else if (dice < 16) {
        uint64_t count = 1 + weir__rng_below(rng, most);
        take_out(m, outlet);
        m->ahead[outlet] += count;
        put_in(m, outlet);
        assert_int_equal(ask(f, outlet, count), request(m));
    } else {
        uint64_t count = 1 + weir__rng_below(rng, most);
        uint64_t left = emit(f, count);
        model_emit(m, f, count, left);
    }
    assert_int_equal(f->table->open_demand(f->state), common(m));
    WEIR__VERIFY(weir__broadcast_check(f->state));
}

static void agrees_with_a_plain_list(void **state) {
    (void)state;
    static const struct {
        size_t stages;
        uint64_t most;
    } shapes[] = {{1, 5}, {3, 1}, {5, 30}, {STAGES, 1}, {STAGES, 3}, {STAGES, 1000}};
    static struct fixture f;
    for (uint64_t seed = 0; seed < 48; seed++) {
        size_t shape = seed % (sizeof shapes / sizeof *shapes);
        weir_broadcast_dispatcher_options options = {.forgets_refused = seed % 4 == 3};
        struct model m = {.forgets = options.forgets_refused};
        struct weir__rng rng;
        weir__rng_seed(&rng, seed);
        open_fixture(&f, &options);
        for (int step = 0; step < 1500; step++) {
            random_step(&f, &m, shapes[shape].stages, shapes[shape].most, &rng);
        }
        close_fixture(&f);
    }
}

static void positions_do_not_wrap(void **state) {
    (void)state;
    static struct fixture f;
    open_fixture(&f, NULL);
    subscribe(&f, 0);
    assert_true(ask(&f, 0, UINT64_MAX) == UINT64_MAX);
    assert_int_equal(ask(&f, 0, 5), 0);
    assert_int_equal(emit(&f, 7), 0);
    assert_true(f.table->open_demand(f.state) == UINT64_MAX - 7);
    close_fixture(&f);
}

static void want_what_was_served(void *argument) {
    struct fixture *f = argument;
    struct weir__place *place = f->outlets[1].state; /* what a listener begins with */
    place->number = UINT64_MAX;
    WEIR__VERIFY(weir__broadcast_check(f->state));
}

static void want_what_nobody_requested(void *argument) {
    struct fixture *f = argument;
    struct weir__place *place = f->outlets[1].state;
    place->number = UINT64_MAX - 50;
    WEIR__VERIFY(weir__broadcast_check(f->state));
}

static void the_checker_says_what_is_broken(void **state) {
    static const struct test_breakage breakages[] = {
        {want_what_was_served, "place == NULL || audience->served <= limit_of(place)"},
        {want_what_nobody_requested, "waiting(audience) <= audience->requested"},
    };
    if (!WEIR__CHECKED) skip();
    (void)state;
    static struct fixture f;
    open_fixture(&f, NULL);
    subscribe(&f, 1);
    ask(&f, 1, 7);
    emit(&f, 3);
    WEIR__VERIFY(weir__broadcast_check(f.state));
    TEST_BREAKAGES(breakages, &f);
    close_fixture(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_plain_list),
        cmocka_unit_test(positions_do_not_wrap),
        cmocka_unit_test(the_checker_says_what_is_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
