/*
 * Calls: from any thread, to any reference; what cannot be is refused, and says why.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: references that are stale, of the wrong kind or never given out are
 * refused everywhere, with a status and a sentence; placement is as told; without
 * memory a call changes nothing; calls from several threads at once all arrive.
 * Method: every call with every kind of reference; an allocator that fails each call
 * in turn; threads beside the workers.
 */
#include "support/player.h"
#include "support/worlds.h"

#include "os/thread.h"
#include "runtime/runtime.h"

#include <stdio.h>
#include <string.h>

/* ---- references ---------------------------------------------------------- */

/* Every call that takes a reference, with this one. */
static void assert_refused(weir_runtime *runtime, weir_ref stale, weir_ref producer,
                           weir_ref consumer) {
    const weir_subscription to_stale = {.consumer = consumer, .producer = stale, .id = 1};
    const weir_subscription of_stale = {.consumer = stale, .producer = producer, .id = 1};
    char sentence[80];
    snprintf(sentence, sizeof sentence, "stage %#llx names no living stage",
             (unsigned long long)stale.bits);
    assert_int_equal(weir_cast(runtime, stale, "x", 1), WEIR_NO_STAGE);
    assert_string_equal(weir_refusal(), sentence);
    assert_int_equal(weir_info(runtime, stale, "x", 1), WEIR_NO_STAGE);
    assert_string_equal(weir_refusal(), sentence);
    assert_int_equal(weir_stop(runtime, stale, WEIR_REASON_NORMAL), WEIR_NO_STAGE);
    assert_string_equal(weir_refusal(), sentence);
    assert_int_equal(weir_ask(runtime, of_stale, 1), WEIR_NO_STAGE);
    assert_int_equal(weir_ask(runtime, of_stale, 0), WEIR_NO_STAGE);
    assert_int_equal(weir_cancel(runtime, of_stale, WEIR_REASON_NORMAL), WEIR_NO_STAGE);
    /* Whether the producer lives is the consumer's to find out. */
    assert_int_equal(weir_ask(runtime, to_stale, 0), WEIR_OK);
    weir_subscription out = {{7}, {7}, 7};
    weir_status status = weir_subscribe(runtime, stale, producer, NULL, &out);
    assert_true(status == WEIR_NO_STAGE || status == WEIR_NOT_A_CONSUMER);
    status = weir_subscribe(runtime, consumer, stale, NULL, &out);
    assert_true(status == WEIR_NO_STAGE || status == WEIR_NOT_A_PRODUCER);
    assert_int_equal(out.id, 7);
    status = weir_demand(runtime, stale, WEIR_FORWARD);
    weir_kind kind = weir__ref_kind(stale);
    bool produces_only = kind == WEIR_PRODUCER || kind == 0; /* 0: never given out */
    assert_int_equal(status, produces_only ? WEIR_NO_STAGE : WEIR_NOT_A_PRODUCER);
}

static void stale_references_are_refused_everywhere(struct rig *rig) {
    struct player gone[3];
    memset(gone, 0, sizeof gone);
    for (int i = 0; i < 3; i++) {
        gone[i].name = "gone";
        gone[i].kind = (weir_kind)(i + 1);
        player_start(&gone[i], rig, NULL);
        player_stop(&gone[i], WEIR_REASON_NORMAL);
    }
    rig_rest(rig);
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    player_start(&p, rig, NULL); /* in slots that were used before */
    player_start(&c, rig, NULL);
    for (int i = 0; i < 3; i++) assert_refused(rig->runtime, gone[i].ref, p.ref, c.ref);
    static const uint64_t bits[] = {0, 1, UINT64_MAX, UINT64_C(1) << 63,
                                    UINT64_C(0xffffffffffc00000)};
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) {
        assert_refused(rig->runtime, (weir_ref){bits[i]}, p.ref, c.ref);
    }
    /* One that lives, but with another slot, kind or generation. */
    static const int twisted[] = {0, 19, 20, 22, 63};
    for (int i = 0; i < 5; i++) {
        weir_ref ref = {c.ref.bits ^ UINT64_C(1) << twisted[i]};
        assert_refused(rig->runtime, ref, p.ref, c.ref);
    }
    rig_rest(rig);
    player_expect(&c, "");
    player_expect(&p, "");
    rig_close(rig);
}

static void kinds_are_refused(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player t = {.name = "t", .kind = WEIR_PRODUCER_CONSUMER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    PLAYERS_START(rig, &p, &t, &c);
    weir_runtime *runtime = rig->runtime;
    assert_int_equal(weir_subscribe(runtime, p.ref, t.ref, NULL, NULL), WEIR_NOT_A_CONSUMER);
    assert_string_equal(weir_refusal(), "the stage that subscribes is a producer");
    assert_int_equal(weir_subscribe(runtime, t.ref, c.ref, NULL, NULL), WEIR_NOT_A_PRODUCER);
    assert_string_equal(weir_refusal(), "the stage to subscribe to is a consumer");
    assert_int_equal(weir_subscribe(runtime, p.ref, c.ref, NULL, NULL), WEIR_NOT_A_CONSUMER);
    assert_int_equal(weir_demand(runtime, t.ref, WEIR_ACCUMULATE), WEIR_NOT_A_PRODUCER);
    assert_string_equal(weir_refusal(), "only a producer has a demand mode");
    assert_int_equal(weir_demand(runtime, c.ref, WEIR_FORWARD), WEIR_NOT_A_PRODUCER);
    assert_int_equal(weir_demand(runtime, p.ref, (weir_demand_mode)2), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "mode must be one of WEIR_FORWARD, WEIR_ACCUMULATE, got 2");
    const weir_subscribe_options wrong = {.max_demand = 5, .min_demand = 9};
    assert_int_equal(weir_subscribe(runtime, c.ref, p.ref, &wrong, NULL), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "min_demand must be at most 4, got 9");
    weir_subscription subscription = player_subscribe(&c, &p, NULL);
    assert_int_equal(weir_ask(runtime, subscription, (uint64_t)WEIR_MAX_DEMAND_LIMIT + 1),
                     WEIR_INVALID);
    assert_string_equal(weir_refusal(), "count must be at most 1000000000, got 1000000001");
    rig_rest(rig);
    rig_close(rig);
}

static void bad_messages_are_refused(struct rig *rig) {
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    player_start(&c, rig, NULL);
    const size_t limit = (size_t)1 << 30;
    assert_int_equal(weir_cast(rig->runtime, c.ref, "x", limit + 1), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "bytes must be at most 1073741824, got 1073741825");
    assert_int_equal(weir_info(rig->runtime, c.ref, "x", WEIR_INFINITY), WEIR_INVALID);
    assert_int_equal(weir_cast(rig->runtime, c.ref, NULL, 5), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "message must not be NULL when bytes is 5");
    assert_int_equal(weir_info(rig->runtime, c.ref, NULL, 1), WEIR_INVALID);
    rig_rest(rig);
    player_expect(&c, "");
    rig_close(rig);
}

/* ---- starting ------------------------------------------------------------ */

static void bad_starts_leave_nothing(struct rig *rig) {
    struct player gone = {.name = "gone", .kind = WEIR_PRODUCER};
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    player_start(&gone, rig, NULL);
    player_stop(&gone, WEIR_REASON_NORMAL);
    rig_rest(rig);
    PLAYERS_START(rig, &p, &c);
    rig_rest(rig);
    const weir_subscribe_to to[4][2] = {
        {{.producer = p.ref}, {.producer = gone.ref}},
        {{.producer = p.ref}, {.producer = c.ref}},
        {{.producer = p.ref}, {.producer = {0}}},
        {{.producer = p.ref}, {.producer = p.ref, .options.min_demand = 1000}}};
    static const weir_status expected[4] = {WEIR_NO_STAGE, WEIR_NOT_A_PRODUCER, WEIR_NO_STAGE,
                                            WEIR_INVALID};
    uint64_t live = rig->memory.live;
    for (int i = 0; i < 4; i++) {
        struct player other = {.name = "other", .kind = WEIR_CONSUMER};
        other.ref.bits = 5;
        const weir_stage_options options = {.subscribe_to = to[i], .subscribe_count = 2};
        assert_int_equal(player_try_start(&other, rig, &options), expected[i]);
        assert_int_equal(other.ref.bits, 5);
        rig->players = other.started;
        assert_int_equal(rig->memory.live, live);
    }
    assert_int_equal(weir_runtime_stages(rig->runtime), 2);
    rig_rest(rig);
    assert_null(strstr(p.journal.text, "subscribe"));
    rig_close(rig);
}

static unsigned worker_of(const struct rig *rig, weir_ref ref) {
    return (unsigned)weir__runtime_worker(rig->runtime, ref)->index;
}

static weir_verdict say_worker(weir_stage *self, struct player *player, uint64_t number) {
    (void)number;
    player_say(player, "on %u", worker_of(player->rig, weir_self(self)));
    return WEIR_CONTINUE;
}

static void stages_are_placed_as_told_or_in_rotation(void **state) {
    (void)state;
    enum { WORKERS = 3, STAGES = 9 };
    struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.mode = WEIR_STEPPED, .workers = WORKERS});
    static struct player c[STAGES];
    memset(c, 0, sizeof c);
    unsigned on[WORKERS] = {0};
    for (unsigned i = 0; i < STAGES; i++) {
        c[i].name = "c";
        c[i].kind = WEIR_CONSUMER;
        c[i].does.cast = say_worker;
        player_start(&c[i], &rig, NULL);
        on[worker_of(&rig, c[i].ref)]++;
    }
    for (unsigned i = 0; i < WORKERS; i++) assert_int_equal(on[i], STAGES / WORKERS);
    for (unsigned i = 0; i < WORKERS; i++) {
        struct player told = {.name = "told", .kind = WEIR_CONSUMER, .does.cast = say_worker};
        player_start(&told, &rig, &(weir_stage_options){.worker = WEIR_WORKER(i)});
        player_cast(&told, 1);
        rig_rest(&rig);
        char expected[20];
        snprintf(expected, sizeof expected, "cast 1\non %u\n", i);
        player_expect(&told, expected);
        player_stop(&told, WEIR_REASON_NORMAL);
        rig_rest(&rig);
        rig.players = told.started;
    }
    rig_close(&rig);
}

static weir_verdict start_child(weir_stage *self, struct player *player, uint64_t number) {
    (void)self;
    struct player *child = player->own;
    const weir_subscribe_to to = {.producer = player->ref, .options = {.max_demand = number}};
    const weir_stage_options options = {.subscribe_to = &to, .subscribe_count = 1};
    weir_status status = player_try_start(child, player->rig, &options);
    RIG_CHECK(player->rig, status == WEIR_OK);
    return WEIR_CONTINUE;
}

static void a_stage_may_start_another(struct rig *rig) {
    struct player child = {.name = "child", .kind = WEIR_CONSUMER};
    struct player p = {
        .name = "p", .kind = WEIR_PRODUCER, .limit = 5, .own = &child, .does.cast = start_child};
    player_start(&p, rig, NULL);
    player_cast(&p, 10);
    rig_rest(rig);
    player_expect(&child, "subscribe p\nevents 0..4\n");
    rig_close(rig);
}

/* A slot that is used again and again: references stay apart. */
static void stages_come_and_go(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.mode = WEIR_STEPPED, .workers = 2});
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = UINT64_MAX, .quiet = true};
    player_start(&p, &rig, NULL);
    static struct player c;
    for (int i = 0; i < 300; i++) {
        memset(&c, 0, sizeof c);
        c.name = "c";
        c.kind = WEIR_CONSUMER;
        c.quiet = true;
        player_start(&c, &rig, NULL);
        player_subscribe(&c, &p, &(weir_subscribe_options){.max_demand = 4});
        weir_runtime_step(rig.runtime, 5 + (size_t)i % 7);
        player_stop(&c, WEIR_REASON_NORMAL);
        weir_runtime_step(rig.runtime, (size_t)i % 3);
        weir_runtime_settle(rig.runtime, WEIR_FOREVER);
        rig.handled += c.handled;
        rig.players = c.started;
        assert_int_equal(weir_runtime_stages(rig.runtime), 1);
    }
    assert_int_equal(rig_accounts(&rig).handled, rig.handled);
    rig_close(&rig);
}

/* ---- memory -------------------------------------------------------------- */

static void without_memory_calls_change_nothing(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .manual = true};
    weir_subscription subscription = players_pair(rig, &p, &c, NULL);
    player_expect(&p, "subscribe c\n");
    player_expect(&c, "subscribe p\n");
    weir_runtime *runtime = rig->runtime;
    test_memory_fail(&rig->memory, 1, true);
    assert_int_equal(weir_cast(runtime, c.ref, "12345", 5), WEIR_NO_MEMORY);
    assert_string_equal(weir_refusal(), "no memory for a message of 5 bytes");
    assert_int_equal(weir_info(runtime, c.ref, NULL, 0), WEIR_NO_MEMORY);
    assert_int_equal(weir_demand(runtime, p.ref, WEIR_ACCUMULATE), WEIR_NO_MEMORY);
    assert_int_equal(weir_ask(runtime, subscription, 1), WEIR_NO_MEMORY);
    assert_int_equal(weir_cancel(runtime, subscription, WEIR_REASON_NORMAL), WEIR_NO_MEMORY);
    assert_int_equal(weir_subscribe(runtime, c.ref, p.ref, NULL, NULL), WEIR_NO_MEMORY);
    assert_string_equal(weir_refusal(), "no memory for a subscription");
    test_memory_fail_never(&rig->memory);
    rig_rest(rig);
    player_expect(&p, "");
    player_expect(&c, "");
    rig_close(rig);
}

/* ---- many threads -------------------------------------------------------- */

enum { CALLERS = 3, CALLS = 2000 };

struct caller {
    weir_runtime *runtime;
    weir_ref stage;
    uint64_t number;
    uint64_t refused;
    struct weir__thread thread;
};

static void call_often(void *argument) {
    struct caller *caller = argument;
    for (uint64_t i = 0; i < CALLS; i++) {
        const uint64_t message = caller->number << 32 | i;
        weir_status status;
        do {
            status = weir_cast(caller->runtime, caller->stage, &message, sizeof message);
            caller->refused += status == WEIR_FULL;
        } while (status == WEIR_FULL);
    }
}

static weir_verdict check_order(weir_stage *self, struct player *player, uint64_t number) {
    (void)self;
    uint64_t *next = player->own;
    RIG_CHECK(player->rig, (number & 0xffffffff) == next[number >> 32]++);
    return WEIR_CONTINUE;
}

static void each_caller_keeps_his_order(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.workers = 1, .mailbox_limit = 100});
    uint64_t next[CALLERS] = {0};
    struct player c = {
        .name = "c", .kind = WEIR_CONSUMER, .quiet = true, .own = next, .does.cast = check_order};
    player_start(&c, &rig, NULL);
    struct caller callers[CALLERS];
    for (uint64_t i = 0; i < CALLERS; i++) {
        callers[i] = (struct caller){.runtime = rig.runtime, .stage = c.ref, .number = i};
        assert_int_equal(weir__thread_start(&callers[i].thread, "caller", call_often, &callers[i]),
                         0);
    }
    for (int i = 0; i < CALLERS; i++) weir__thread_join(&callers[i].thread);
    rig_rest(&rig);
    for (int i = 0; i < CALLERS; i++) assert_int_equal(next[i], CALLS);
    rig_close(&rig);
}

/* Subscriptions from threads, to stages that come and go meanwhile. */
static void subscribe_often(void *argument) {
    struct caller *caller = argument;
    for (int i = 0; i < 200; i++) {
        weir_subscription subscription;
        const weir_subscribe_options options = {.max_demand = 3, .cancel = WEIR_TEMPORARY};
        if (weir_subscribe(caller->runtime, caller->stage, (weir_ref){caller->number}, &options,
                           &subscription) == WEIR_OK) {
            weir_ask(caller->runtime, subscription, 2);
            weir_cancel(caller->runtime, subscription, WEIR_REASON_NORMAL);
        }
    }
}

static void subscriptions_come_and_go_from_threads(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.workers = 2});
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = UINT64_MAX, .quiet = true};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .manual = true, .quiet = true};
    PLAYERS_START(&rig, &p, &c);
    struct caller callers[CALLERS];
    for (uint64_t i = 0; i < CALLERS; i++) {
        callers[i] = (struct caller){.runtime = rig.runtime, .stage = c.ref, .number = p.ref.bits};
        assert_int_equal(
            weir__thread_start(&callers[i].thread, "caller", subscribe_often, &callers[i]), 0);
    }
    for (int i = 0; i < CALLERS; i++) weir__thread_join(&callers[i].thread);
    rig_rest(&rig);
    assert_int_equal(weir_runtime_stages(rig.runtime), 2);
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(stale_references_are_refused_everywhere),
        TEST_STEPPED(kinds_are_refused),
        TEST_STEPPED(bad_messages_are_refused),
        TEST_STEPPED(bad_starts_leave_nothing),
        cmocka_unit_test(stages_are_placed_as_told_or_in_rotation),
        TEST_IN_WORLDS(a_stage_may_start_another),
        cmocka_unit_test(stages_come_and_go),
        TEST_STEPPED(without_memory_calls_change_nothing),
        cmocka_unit_test(each_caller_keeps_his_order),
        cmocka_unit_test(subscriptions_come_and_go_from_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
