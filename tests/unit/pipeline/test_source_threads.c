/*
 * Sources on threads: their own, two workers, and who pushes.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: each message is settled once, whatever ends when; nobody sleeps beside what has come.
 * Method: the driver of support/source_scene.h, which checks its calls; stages that split, reorder,
 * drop and stop. What is told is compared by name. The sanitizers look at the rest: what a
 * consumer writes about a token the driver reads at its ack, with nothing between but the ledger.
 */
#include "base/atomic.h"
#include "pipeline/source.h"
#include "support/cmocka.h"
#include "support/source_scene.h"

#include <pthread.h>

enum { MS = 1000000, COUNT = 20000 };

static struct source_scene *const f = &source_scene;
static struct rig rig;

static void begin(uint64_t total) {
    const weir_runtime_options options = {.workers = 2, .unpinned = true};
    rig_open(&rig, &options);
    source_scene_begin(&rig, total);
}

static void end(void) {
    weir_accounts accounts;
    while (weir_runtime_close(rig.runtime, &accounts) == WEIR_TIMEOUT) {}
    rig_expect_nothing_left(&rig, &accounts);
}

static void wait_a_little(int round) {
    for (int i = 0; i < round * 500; i++) weir__cpu_relax();
}

static weir_outcome by_number(uint64_t number) {
    return (weir_outcome)(number % WEIR_MESSAGE_OUTCOMES);
}

static void each_is_acked_once(void **state) {
    (void)state;
    begin(COUNT);
    f->portion = 200;
    f->lends = true;
    source_scene_open();
    source_consume(by_number, 100);
    source_consume(by_number, 1000);
    assert_int_equal(weir_runtime_run(rig.runtime, WEIR_FOREVER), WEIR_OK);
    assert_true(weir_source_over(f->source));
    for (uint64_t i = 0; i < f->made; i++) {
        assert_int_equal(f->tokens[i].acks, 1);
        assert_int_equal(f->tokens[i].released, 1);
        assert_int_equal(f->tokens[i].outcome, by_number(i));
    }
    source_scene_close();
    end();
}

/* Each becomes three, and goes on to two consumers. */
static weir_verdict split(weir_stage *self, weir_batch batch) {
    weir_message *messages = weir_own(self);
    for (size_t i = 0; i < batch.count; i++) {
        weir_message more[2];
        weir_message_more(&messages[i], &more[0]);
        weir_message_more(&more[0], &more[1]);
        uint64_t number = source_number(&messages[i]);
        RIG_CHECK(&rig, weir_message_set(self, &more[1], &number, sizeof number));
        RIG_CHECK(&rig, weir_emit(self, more, 2) == WEIR_OK);
    }
    return weir_forward(self);
}

static weir_outcome parts_settled(uint64_t number) {
    return number % 7 == 0 ? WEIR_MESSAGE_RETRY : WEIR_MESSAGE_OK;
}

static void what_one_became_is_settled_together(void **state) {
    (void)state;
    begin(COUNT);
    f->portion = 100;
    f->parts = 3;
    f->options.max_outstanding = 500;
    source_scene_open();
    const weir_subscribe_to to = {.producer = f->stage, .options = {.max_demand = 100}};
    const weir_stage_options options = {.kind = WEIR_PRODUCER_CONSUMER,
                                        .type = weir_message_type(),
                                        .subscribe_to = &to,
                                        .subscribe_count = 1,
                                        .on = {.handle_events = split}};
    weir_ref source = f->stage;
    assert_int_equal(weir_stage_start(rig.runtime, &options, &f->stage), WEIR_OK);
    source_consume(parts_settled, 50);
    source_consume(parts_settled, 70);
    f->stage = source;
    assert_int_equal(weir_runtime_run(rig.runtime, WEIR_FOREVER), WEIR_OK);
    for (uint64_t i = 0; i < COUNT; i++) {
        assert_int_equal(f->tokens[i].acks, 1);
        assert_int_equal(f->tokens[i].outcome, parts_settled(i));
    }
    source_scene_close();
    end();
}

static void lost_connections_lose_nothing(void **state) {
    (void)state;
    begin(COUNT);
    f->portion = 300;
    f->lose_opens = 2;
    f->lose_pulls = 5;
    f->lose_acks = 5;
    f->options.ack_tries = 100;
    f->options.reopen_ns = 1000;
    f->options.reopen_most_ns = 10000;
    source_scene_open();
    source_consume(NULL, 0);
    assert_int_equal(weir_runtime_run(rig.runtime, WEIR_FOREVER), WEIR_OK);
    source_expect_all();
    source_scene_close();
    end();
}

static void drains_at_any_moment(void **state) {
    (void)state;
    for (int round = 0; round < 40; round++) {
        begin(SOURCE_MOST);
        f->stays = true;
        f->portion = 50;
        f->lends = round % 2 == 0;
        source_scene_open();
        source_consume(NULL, 100);
        source_consume(NULL, 100);
        wait_a_little(round);
        assert_int_equal(weir_runtime_drain(rig.runtime, WEIR_FOREVER, NULL), WEIR_OK);
        assert_true(weir_source_over(f->source));
        source_expect(WEIR_MESSAGE_OK, f->made);
        source_scene_close();
        end();
    }
}

static void stops_at_any_moment(void **state) {
    (void)state;
    for (int round = 0; round < 60; round++) {
        begin(SOURCE_MOST);
        f->stays = true;
        f->portion = 50;
        f->lends = true;
        f->options.shutdown_ns = 20 * (uint64_t)MS;
        source_scene_open();
        weir_ref one = source_consume(NULL, 100);
        source_consume(NULL, 100);
        wait_a_little(round);
        switch (round % 4) {
        case 0:
            weir_stop(rig.runtime, one, WEIR_REASON_USER);
            break;
        case 1:
            weir_stop(rig.runtime, f->stage, WEIR_REASON_USER);
            break;
        case 2:
            weir_source_finish(f->source, 1);
            break;
        default:
            weir_runtime_stop(rig.runtime, WEIR_REASON_USER);
        }
        source_scene_close();
        end();
        source_expect_all();
    }
}

static weir_message held[100];
static size_t held_count;

static weir_verdict hold(weir_stage *self, weir_batch batch) {
    RIG_CHECK(&rig, weir_take(self, 0, batch.count, &held[held_count]) == WEIR_OK);
    held_count += batch.count;
    return WEIR_CONTINUE;
}

/* It has ended by itself and waits for what somebody holds: a stop of its stage has shutdown_ns. */
static void a_stop_behind_the_end_has_a_deadline(void **state) {
    (void)state;
    begin(100);
    f->options.shutdown_ns = MS;
    source_scene_open();
    const weir_subscribe_to to = {.producer = f->stage};
    const weir_stage_options options = {.kind = WEIR_CONSUMER,
                                        .subscribe_to = &to,
                                        .subscribe_count = 1,
                                        .on = {.handle_events = hold}};
    weir_ref consumer;
    held_count = 0;
    assert_int_equal(weir_stage_start(rig.runtime, &options, &consumer), WEIR_OK);
    assert_int_equal(weir_wait(rig.runtime, consumer, WEIR_FOREVER, NULL), WEIR_OK);
    assert_int_equal(held_count, 100);
    assert_false(weir_source_over(f->source));
    assert_int_equal(weir_runtime_stop(rig.runtime, WEIR_REASON_USER), WEIR_OK);
    assert_int_equal(weir_source_drain(f->source, WEIR_FOREVER, 20000 * (uint64_t)MS), WEIR_OK);
    source_expect(WEIR_MESSAGE_NAK, 100);
    assert_int_equal(source_scene_close().abandoned, 100);
    weir_message_settle(held, 100, WEIR_DISCARD_HANDLED);
    end();
}

/* ---- a driver that does not wait ------------------------------------------------------------ */

static uint64_t idle_pulls;

static weir_pulled pull_nothing(void *context, weir_pull *pull, uint64_t events, uint64_t bytes,
                                uint64_t timeout_ns) {
    (void)context, (void)pull, (void)events, (void)bytes, (void)timeout_ns;
    weir__fetch_add_u64(&idle_pulls, 1);
    return WEIR_IDLE;
}

/* It sleeps after a pull that came back at once; its end wakes it. */
static void nothing_at_once_is_waited_upon(void **state) {
    enum { MANY = 1000 };
    (void)state;
    begin(0);
    f->driver.pull = pull_nothing;
    f->driver.idle_ns = 3600 * (uint64_t)1000 * MS;
    idle_pulls = 0;
    source_scene_open();
    source_consume(NULL, 0);
    uint64_t pulls;
    do {
        pulls = weir__load_acquire_u64(&idle_pulls);
    } while (pulls < MANY &&
             (pulls == 0 || weir__load_acquire_u32(&f->source->berth.sleepers) == 0));
    assert_true(pulls < MANY);
    source_scene_close();
    end();
}

/* ---- pushes ---------------------------------------------------------------------------------- */

static uint64_t told;

static void count_told(void *context, const weir_ack *acks, size_t count) {
    uint64_t *own = context;
    (void)acks;
    weir__fetch_add_u64(own, count);
}

static void *push_many(void *argument) {
    (void)argument;
    uint64_t number = 0;
    weir_message messages[20] = {0};
    for (size_t i = 0; i < 20; i++) {
        messages[i].data = (weir_bytes){.at = (const char *)&number, .count = sizeof number};
    }
    for (int i = 0; i < 300; i++) {
        weir_status status;
        do {
            status = weir_source_push(f->source, messages, 20, WEIR_FOREVER, count_told, &told);
        } while (status == WEIR_FULL);
        RIG_CHECK(&rig, status == WEIR_OK);
    }
    return NULL;
}

static void pushes_from_threads_are_told_of(void **state) {
    pthread_t threads[2];
    (void)state;
    begin(COUNT);
    f->stays = true;
    f->options.when_full = WEIR_BLOCK;
    source_scene_open();
    source_consume(NULL, 0);
    told = 0;
    for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, push_many, NULL);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    assert_int_equal(weir_runtime_drain(rig.runtime, WEIR_FOREVER, NULL), WEIR_OK);
    assert_int_equal(weir__load_relaxed_u64(&told), 12000);
    source_expect(WEIR_MESSAGE_OK, f->made);
    source_scene_close();
    end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_acked_once),
        cmocka_unit_test(what_one_became_is_settled_together),
        cmocka_unit_test(lost_connections_lose_nothing),
        cmocka_unit_test(drains_at_any_moment),
        cmocka_unit_test(stops_at_any_moment),
        cmocka_unit_test(a_stop_behind_the_end_has_a_deadline),
        cmocka_unit_test(nothing_at_once_is_waited_upon),
        cmocka_unit_test(pushes_from_threads_are_told_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
