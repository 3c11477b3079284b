/*
 * Rests: what a callback leaves of its batch comes again.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: each event is begun once, in order, however often what is behind it is left; a stage that
 * makes many of one buffers none; demand is as if a rest had not come; what is left when a
 * stage stops goes back; what owns something is dropped once; what cannot be left is refused.
 * Method: numbers, or owned events and their ledger, by every way that batches come: inside ring
 * entries, in blocks, in pieces, aliased, copied, asked for by hand; in every world.
 */
#include "support/owned.h"
#include "support/worlds.h"

#include <string.h>

enum { EVENTS = 300, EACH = 5 };

static struct owned_ledger ledger;

static struct {
    struct rig *rig;
    uint64_t limit, made;
    uint64_t begun; /* of the stage that leaves some         */
    uint64_t seen;  /* of the one behind it                  */
    uint64_t calls;
    uint64_t at_once; /* at most, emitted by one call of it     */
    bool owned;
    bool writes; /* weir_own before some is left          */
    bool by_hand;
    bool copies; /* which have numbers of their own */
} f;

static void open_scene(struct rig *rig, uint64_t limit) {
    memset(&f, 0, sizeof f);
    f.rig = rig;
    f.limit = limit;
}

static weir_verdict produce(weir_stage *self, uint64_t demand) {
    for (; demand > 0 && f.made < f.limit; demand--, f.made++) {
        struct owned event = {.number = f.made + 1};
        if (f.owned) event = owned_make(&ledger);
        RIG_CHECK(f.rig, weir_emit(self, f.owned ? (void *)&event : &event.number, 1) == WEIR_OK);
        f.rig->emitted++;
    }
    return WEIR_CONTINUE;
}

static uint64_t number_at(const void *events, size_t i) {
    return f.owned ? ((const struct owned *)events)[i].number : ((const uint64_t *)events)[i];
}

/* Begins event number i of a batch at hand. */
static void begin_event(const void *events, size_t i) {
    if (f.owned) owned_look(&ledger, (const struct owned *)events + i);
    RIG_CHECK(f.rig, number_at(events, i) == ++f.begun || f.copies);
}

static weir_ref start(weir_stage_options options) {
    weir_ref ref = {0};
    assert_int_equal(weir_stage_start(f.rig->runtime, &options, &ref), WEIR_OK);
    return ref;
}

static weir_ref source(const weir_dispatcher *dispatcher) {
    return start((weir_stage_options){.kind = WEIR_PRODUCER,
                                      .event_bytes = f.owned ? 0 : sizeof(uint64_t),
                                      .type = f.owned ? &ledger.type : NULL,
                                      .dispatcher = dispatcher,
                                      .demand = WEIR_ACCUMULATE,
                                      .on.handle_demand = produce});
}

typedef weir_verdict handles(weir_stage *self, weir_batch batch);

static weir_subscribe_verdict by_hand(weir_stage *self, const weir_peer *peer) {
    if (peer->side != WEIR_PRODUCER || !f.by_hand) return WEIR_AUTOMATIC;
    RIG_CHECK(f.rig, weir_ask(weir_stage_runtime(self), peer->subscription, 40) == WEIR_OK);
    return WEIR_MANUAL;
}

static weir_ref behind(weir_ref producer, weir_kind kind, handles *handle, size_t max) {
    const weir_subscribe_to to = {.producer = producer,
                                  .options = {.max_demand = max, .cancel = WEIR_TEMPORARY}};
    return start((weir_stage_options){.kind = kind,
                                      .event_bytes = kind == WEIR_CONSUMER ? 0 : sizeof(uint64_t),
                                      .subscribe_to = &to,
                                      .subscribe_count = 1,
                                      .on.handle_subscribe = by_hand,
                                      .on.handle_events = handle});
}

static void go(weir_ref producer) {
    rig_rest(f.rig);
    assert_int_equal(weir_demand(f.rig->runtime, producer, WEIR_FORWARD), WEIR_OK);
    rig_rest(f.rig);
}

/* ---- one that makes many of one -------------------------------------------------- */

/* EACH of each, as long as somebody asks for as many. */
static weir_verdict make_many(weir_stage *self, weir_batch batch) {
    uint64_t before = f.begun;
    if (f.writes) RIG_CHECK(f.rig, weir_own(self) != NULL);
    for (size_t i = 0; i < batch.count; i++) {
        if (weir_open_demand(self).events < EACH) {
            f.rig->handled += i;
            RIG_CHECK(f.rig, weir_batch_rest(self, i) == WEIR_OK);
            return WEIR_CONTINUE;
        }
        begin_event(batch.events, i);
        if ((f.begun - before) * EACH > f.at_once) f.at_once = (f.begun - before) * EACH;
        for (uint64_t k = 0; k < EACH; k++) {
            uint64_t number = (f.begun - 1) * EACH + k;
            RIG_CHECK(f.rig, weir_emit(self, &number, 1) == WEIR_OK);
            f.rig->emitted++;
        }
    }
    f.rig->handled += batch.count;
    return WEIR_CONTINUE;
}

static weir_verdict read_numbers(weir_stage *self, weir_batch batch) {
    (void)self;
    for (size_t i = 0; i < batch.count; i++) {
        RIG_CHECK(f.rig, ((const uint64_t *)batch.events)[i] == f.seen++);
    }
    f.rig->handled += batch.count;
    return WEIR_CONTINUE;
}

/* A tenth of what each batch would make is asked for at once. */
static void play_many(struct rig *rig, size_t max, uint64_t limit) {
    f.limit = limit;
    weir_ref producer = source(NULL);
    behind(behind(producer, WEIR_PRODUCER_CONSUMER, make_many, max), WEIR_CONSUMER, read_numbers,
           2 * EACH);
    go(producer);
    assert_int_equal(f.begun, limit);
    assert_int_equal(f.seen, limit * EACH);
    assert_true(f.at_once <= 2 * EACH);
    (void)rig;
}

static void nothing_is_buffered(struct rig *rig) {
    static const size_t maxes[] = {1, 4, 20, 100, 1000};
    for (size_t i = 0; i < sizeof maxes / sizeof *maxes; i++) {
        open_scene(rig, 0);
        play_many(rig, maxes[i], EVENTS);
    }
    rig_close(rig);
}

/* A message of 100,000 bytes comes in pieces, of which each is left in part. */
static void pieces_are_left(struct rig *rig) {
    open_scene(rig, 0);
    play_many(rig, 30000, 12500);
    rig_close(rig);
}

static void what_owns_something_is_dropped_once(struct rig *rig) {
    for (int way = 0; way < 2; way++) {
        owned_open(&ledger);
        open_scene(rig, 0);
        f.owned = true;
        f.writes = way == 1;
        play_many(rig, 40, EVENTS);
        owned_expect(&ledger, "handled 300");
        if (way == 0) {
            weir_accounts accounts = rig_accounts(rig);
            owned_close(&ledger, &accounts);
        }
    }
    rig_close(rig);
}

/* ---- one that takes a little at a time --------------------------------------------- */

static weir_verdict take_three(weir_stage *self, weir_batch batch) {
    size_t count = batch.count < 3 ? batch.count : 3;
    const void *events = batch.events;
    if (f.writes) {
        events = weir_own(self);
        RIG_CHECK(f.rig, events != NULL);
    }
    for (size_t i = 0; i < count; i++) begin_event(events, i);
    f.rig->handled += count;
    RIG_CHECK(f.rig, weir_batch_rest(self, count) == WEIR_OK);
    RIG_CHECK(f.rig, f.made - f.begun <= 40);
    if (f.by_hand) {
        weir_subscription from = weir_batch_subscription(self);
        RIG_CHECK(f.rig, weir_ask(weir_stage_runtime(self), from, count) == WEIR_OK);
    }
    return WEIR_CONTINUE;
}

/* The window is as if a rest had not come: no more than max_demand are ever made and not begun. */
static void a_consumer_takes_a_little_at_a_time(struct rig *rig, int way) {
    owned_open(&ledger);
    open_scene(rig, EVENTS);
    f.by_hand = way == 1;
    f.owned = way >= 2;
    f.writes = way == 3;
    weir_ref producer = source(NULL);
    behind(producer, WEIR_CONSUMER, take_three, 40);
    go(producer);
    assert_int_equal(f.begun, EVENTS);
    if (f.owned) owned_expect(&ledger, "handled 300");
    rig_close(rig);
}

static weir_verdict look_at_all(weir_stage *self, weir_batch batch) {
    (void)self;
    for (size_t i = 0; i < batch.count; i++) {
        owned_look(&ledger, (const struct owned *)batch.events + i);
    }
    f.rig->handled += batch.count;
    return WEIR_CONTINUE;
}

/* Copies are made for whom writes, a rest of one is left. */
static void what_others_have_too_is_left(struct rig *rig) {
    for (int way = 0; way < 4; way++) {
        owned_open(&ledger);
        open_scene(rig, EVENTS);
        f.owned = true;
        f.writes = f.copies = way % 2 == 1;
        weir_ref producer = source(weir_broadcast_dispatcher());
        behind(producer, WEIR_CONSUMER, way < 2 ? take_three : look_at_all, 40);
        behind(producer, WEIR_CONSUMER, way < 2 ? look_at_all : take_three, 40);
        go(producer);
        assert_int_equal(f.begun, EVENTS);
        for (uint64_t i = 1; i <= ledger.made; i++) {
            owned_expect_one(&ledger, i, WEIR_DISCARD_HANDLED);
        }
    }
    rig_close(rig);
}

/* ---- who takes nothing ----------------------------------------------------------------- */

static weir_verdict leave_all_but_once(weir_stage *self, weir_batch batch) {
    if (f.calls++ % 2 == 0) return weir_batch_rest(self, 0) == WEIR_OK ? WEIR_CONTINUE : WEIR_STOP;
    f.begun += batch.count;
    f.rig->handled += batch.count;
    f.rig->emitted += batch.count;
    return weir_forward(self);
}

/* One that has bytes which never go keeps nothing from one that comes later. */
static void who_takes_nothing_keeps_nothing_up(struct rig *rig) {
    open_scene(rig, EVENTS);
    weir_ref producer = source(NULL);
    weir_ref leaves = behind(producer, WEIR_PRODUCER_CONSUMER, leave_all_but_once, 4);
    const weir_subscribe_to full = {.producer = leaves,
                                    .options = {.max_bytes = 3 * sizeof(uint64_t)}};
    start((weir_stage_options){.kind = WEIR_PRODUCER_CONSUMER, /* nobody asks it for anything */
                               .event_bytes = sizeof(uint64_t),
                               .subscribe_to = &full,
                               .subscribe_count = 1,
                               .on.handle_events = make_many});
    go(producer);
    assert_int_equal(f.begun, 2);
    behind(leaves, WEIR_CONSUMER, read_numbers, 20);
    f.seen = 3; /* the other has the first two */
    rig_rest(rig);
    assert_int_equal(f.begun, EVENTS);
    assert_int_equal(f.seen, EVENTS + 1);
    rig_close(rig);
}

static weir_verdict leave_all(weir_stage *self, weir_batch batch) {
    (void)batch;
    f.calls++;
    return weir_batch_rest(self, 0) == WEIR_OK ? WEIR_CONTINUE : WEIR_STOP;
}

static weir_verdict forward_once(weir_stage *self, weir_batch batch) {
    if (f.calls++ > 0) return weir_batch_rest(self, 0) == WEIR_OK ? WEIR_CONTINUE : WEIR_STOP;
    f.rig->handled += batch.count;
    f.rig->emitted += batch.count;
    return weir_forward(self);
}

/* What waits for bytes is not called before they go. */
static void who_waits_for_bytes_is_not_called(struct rig *rig) {
    open_scene(rig, EVENTS);
    weir_ref producer = source(NULL);
    weir_ref leaves = behind(producer, WEIR_PRODUCER_CONSUMER, forward_once, 4);
    const weir_subscribe_to full = {.producer = leaves,
                                    .options = {.max_bytes = 3 * sizeof(uint64_t)}};
    start((weir_stage_options){.kind = WEIR_PRODUCER_CONSUMER, /* nobody asks it for anything */
                               .event_bytes = sizeof(uint64_t),
                               .subscribe_to = &full,
                               .subscribe_count = 1,
                               .on.handle_events = make_many});
    rig_rest(rig);
    assert_int_equal(weir_demand(rig->runtime, producer, WEIR_FORWARD), WEIR_OK);
    weir_runtime_step(rig->runtime, 300);
    assert_int_equal(f.calls, 2);
    rig_rest(rig);
    rig_close(rig);
}

/* Others have their turns in between. */
static void what_is_left_comes_in_the_next_turn(struct rig *rig) {
    open_scene(rig, EVENTS);
    weir_ref producer = source(NULL);
    weir_ref consumer = behind(producer, WEIR_CONSUMER, leave_all, 8);
    rig_rest(rig);
    assert_int_equal(weir_demand(rig->runtime, producer, WEIR_FORWARD), WEIR_OK);
    weir_runtime_step(rig->runtime, 200);
    assert_true(f.calls > 20 && f.calls <= 200);
    assert_int_equal(weir_stop(rig->runtime, consumer, WEIR_REASON_NORMAL), WEIR_OK);
    rig_rest(rig);
    rig_close(rig);
}

/* ---- the end, and what is refused ----------------------------------------------------- */

static weir_verdict leave_and_stop(weir_stage *self, weir_batch batch) {
    begin_event(batch.events, 0);
    f.rig->handled++;
    RIG_CHECK(f.rig, weir_batch_rest(self, 1) == WEIR_OK);
    return f.begun == 7 ? WEIR_STOP : WEIR_CONTINUE;
}

static void what_is_left_at_the_end_goes_back(struct rig *rig) {
    owned_open(&ledger);
    open_scene(rig, EVENTS);
    f.owned = true;
    weir_ref producer = source(NULL);
    behind(producer, WEIR_CONSUMER, leave_and_stop, 40);
    go(producer);
    assert_int_equal(f.begun, 7);
    owned_expect(&ledger, "handled 7, left 33");
    behind(producer, WEIR_CONSUMER, take_three, 40);
    rig_rest(rig);
    assert_int_equal(f.begun, EVENTS);
    owned_expect(&ledger, "handled 300");
    rig_close(rig);
}

static void expect_refused(weir_status status, const char *why) {
    RIG_CHECK(f.rig, status == WEIR_INVALID);
    RIG_CHECK(f.rig, strstr(weir_refusal(), why) != NULL);
    f.calls++;
}

static weir_verdict leave_in_vain(weir_stage *self, weir_batch batch) {
    struct owned taken;
    expect_refused(weir_batch_rest(self, batch.count + 1), "the batch has fewer");
    RIG_CHECK(f.rig, weir_batch_rest(self, batch.count) == WEIR_OK);
    RIG_CHECK(f.rig, weir_take(self, 1, 1, &taken) == WEIR_OK);
    owned_release(&ledger, taken);
    expect_refused(weir_batch_rest(self, 1), "some of them were taken");
    RIG_CHECK(f.rig, weir_stash(self, 2, 1) == WEIR_OK);
    expect_refused(weir_batch_rest(self, 2), "may be in the stash");
    RIG_CHECK(f.rig, weir_stash_drop(self, 1) == WEIR_OK);
    RIG_CHECK(f.rig, weir_batch_rest(self, 3) == WEIR_OK);
    expect_refused(weir_stash(self, 3, 1), "the batch has fewer");
    expect_refused(weir_demand_rest(self, 1), "what is left of the last demand, 0");
    f.rig->handled += 3;
    return WEIR_STOP;
}

static weir_verdict forward_and_leave(weir_stage *self, weir_batch batch) {
    f.rig->handled += batch.count;
    f.rig->emitted += batch.count;
    RIG_CHECK(f.rig, weir_forward(self) == WEIR_CONTINUE);
    expect_refused(weir_batch_rest(self, 0), "the batch was forwarded");
    return WEIR_CONTINUE;
}

static weir_verdict leave_elsewhere(weir_stage *self, const void *message, size_t bytes) {
    (void)message, (void)bytes;
    expect_refused(weir_batch_rest(self, 0), "no batch is at hand");
    expect_refused(weir_demand_rest(self, 1), "what is left of the last demand, 0");
    weir_asked asked = weir_open_demand(self);
    RIG_CHECK(f.rig, asked.events == 0 && asked.bytes == 0);
    return WEIR_CONTINUE;
}

static void what_cannot_be_left_is_refused(struct rig *rig) {
    owned_open(&ledger);
    open_scene(rig, 20);
    f.owned = true;
    weir_ref producer = source(NULL);
    behind(producer, WEIR_CONSUMER, leave_in_vain, 20);
    weir_ref lone = start((weir_stage_options){.kind = WEIR_CONSUMER,
                                               .on.handle_events = read_numbers,
                                               .on.handle_cast = leave_elsewhere});
    assert_int_equal(weir_cast(rig->runtime, lone, "", 0), WEIR_OK);
    go(producer);
    assert_int_equal(f.calls, 7);
    owned_expect(&ledger, "handled 2, released 1, left 17");
    open_scene(rig, 20);
    producer = source(NULL);
    behind(behind(producer, WEIR_PRODUCER_CONSUMER, forward_and_leave, 8), WEIR_CONSUMER,
           read_numbers, 20);
    f.seen = 1;
    go(producer);
    assert_int_equal(f.seen, 21);
    rig_close(rig);
}

/* Some are left, what was begun is forwarded; all are left, and nothing is. */
static weir_verdict leave_and_forward(weir_stage *self, weir_batch batch) {
    size_t count = f.calls++ % 2 == 0 ? batch.count / 2 : 0;
    RIG_CHECK(f.rig, weir_batch_rest(self, batch.count > 1 ? count : 1) == WEIR_OK);
    count = batch.count > 1 ? count : 1;
    f.rig->handled += count;
    f.rig->emitted += count;
    return weir_forward(self);
}

/* Half of the batch, then half of that. */
static weir_verdict leave_twice(weir_stage *self, weir_batch batch) {
    size_t count = (batch.count + 3) / 4;
    RIG_CHECK(f.rig, weir_batch_rest(self, (batch.count + 1) / 2) == WEIR_OK);
    RIG_CHECK(f.rig, weir_batch_rest(self, count) == WEIR_OK);
    for (size_t i = 0; i < count; i++) begin_event(batch.events, i);
    f.rig->handled += count;
    RIG_CHECK(f.rig, f.made - f.begun <= 64);
    return WEIR_CONTINUE;
}

static void what_is_left_twice_comes_once(struct rig *rig) {
    for (size_t max = 4; max <= 64; max *= 4) {
        for (int owned = 0; owned < 2; owned++) {
            owned_open(&ledger);
            open_scene(rig, EVENTS);
            f.owned = owned;
            weir_ref producer = source(NULL);
            behind(producer, WEIR_CONSUMER, leave_twice, max);
            go(producer);
            assert_int_equal(f.begun, EVENTS);
            if (owned) owned_expect(&ledger, "handled 300");
        }
    }
    rig_close(rig);
}

static void what_is_not_left_is_forwarded(struct rig *rig) {
    for (size_t max = 4; max <= 64; max *= 4) {
        open_scene(rig, EVENTS);
        weir_ref producer = source(NULL);
        behind(behind(producer, WEIR_PRODUCER_CONSUMER, leave_and_forward, max), WEIR_CONSUMER,
               read_numbers, 1000);
        f.seen = 1;
        go(producer);
        assert_int_equal(f.seen, EVENTS + 1);
    }
    rig_close(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(nothing_is_buffered),
        TEST_IN_WORLDS(pieces_are_left),
        TEST_STEPPED(what_owns_something_is_dropped_once),
        TEST_IN_WORLDS_AND_WAYS(a_consumer_takes_a_little_at_a_time, 4),
        TEST_IN_WORLDS(what_others_have_too_is_left),
        TEST_IN_WORLDS(who_takes_nothing_keeps_nothing_up),
        TEST_IN_WORLDS(who_waits_for_bytes_is_not_called),
        TEST_IN_WORLDS(what_is_left_comes_in_the_next_turn),
        TEST_IN_WORLDS(what_is_left_at_the_end_goes_back),
        TEST_STEPPED(what_cannot_be_left_is_refused),
        TEST_IN_WORLDS(what_is_left_twice_comes_once),
        TEST_IN_WORLDS(what_is_not_left_is_forwarded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
