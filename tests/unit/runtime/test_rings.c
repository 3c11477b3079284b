/*
 * Rings in a drain: stages that feed each other end together.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a ring of stages drains without a loss, however many events go round, by subscriptions
 * and by way of an inlet; what its members keep comes out; one that has stalled over its windows
 * goes on; what comes from outside meanwhile is handled or refused; a ring that keeps events for
 * somebody who does not ask is named, with who waits for whom.
 * Method: a stage that sends some of its events round again, by partitions, in every world and on
 * threads; each number is counted at the end.
 */
#include "support/player.h"
#include "support/worlds.h"

#include "base/atomic.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

enum { NUMBERS = 60 };

/* For who does not end: a test that waits for ever tells nothing. */
static const uint64_t ENOUGH = 10000000000;

static struct rig rig;

/* A number below 1000 goes round again; those above are done. */
static uint32_t where(void *context, const void *event) {
    (void)context;
    return *(const uint64_t *)event < 1000 ? 0 : 1;
}

/*
 *   source -> work -+-> again -> work
 *                   +-> sink
 */
struct ring {
    struct player source;
    struct player work;
    struct player again;
    struct player sink;
    unsigned more; /* that each number brings forth, a third of it */
};

static weir_verdict work_on(weir_stage *self, struct player *player, weir_batch batch) {
    const struct ring *ring = player->own;
    const uint64_t *numbers = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        uint64_t done = 1000 + numbers[i];
        player_emit_numbers(self, &done, 1);
        for (unsigned k = 0; k < ring->more && numbers[i] > 0; k++) {
            uint64_t third = numbers[i] / 3;
            player_emit_numbers(self, &third, 1);
        }
    }
    return WEIR_CONTINUE;
}

/* How many are done when that number has gone round. */
static uint64_t worth(uint64_t number, unsigned more) {
    return 1 + (number > 0 ? more * worth(number / 3, more) : 0);
}

static uint64_t worth_of_all(uint64_t numbers, unsigned more) {
    uint64_t sum = 0;
    for (uint64_t i = 0; i < numbers; i++) sum += worth(i, more);
    return sum;
}

static const weir_partition_dispatcher_options two = {.partitions = 2, .hash = where};

static void start_ring_of(struct ring *ring, const struct player *again, unsigned more,
                          size_t window) {
    memset(ring, 0, sizeof *ring);
    ring->more = more;
    ring->source = (struct player){.name = "source", .kind = WEIR_PRODUCER, .limit = NUMBERS};
    ring->work = (struct player){.name = "work", .kind = WEIR_PRODUCER_CONSUMER, .own = ring};
    ring->work.does.events = work_on;
    ring->again = *again;
    ring->sink = (struct player){.name = "sink", .kind = WEIR_CONSUMER};
    ring->source.quiet = ring->work.quiet = ring->again.quiet = ring->sink.quiet = true;
    weir_subscribe_options to[2] = {{.max_demand = window, .partition = WEIR_PARTITION(0)},
                                    {.max_demand = window, .partition = WEIR_PARTITION(1)}};
    const weir_subscribe_options plain = {.max_demand = window};
    player_start(&ring->source, &rig, &(weir_stage_options){.demand = WEIR_ACCUMULATE});
    player_start(&ring->work, &rig,
                 &(weir_stage_options){.dispatcher = weir_partition_dispatcher(),
                                       .dispatcher_options = &two});
    PLAYERS_START(&rig, &ring->again, &ring->sink);
    player_subscribe(&ring->again, &ring->work, &to[0]);
    player_subscribe(&ring->sink, &ring->work, &to[1]);
    player_subscribe(&ring->work, &ring->again, &plain);
    player_subscribe(&ring->work, &ring->source, &plain);
    rig_rest(&rig);
    player_demand(&ring->source, WEIR_FORWARD);
}

static void start_ring(struct ring *ring, unsigned more, size_t window) {
    const struct player again = {.name = "again", .kind = WEIR_PRODUCER_CONSUMER};
    start_ring_of(ring, &again, more, window);
}

static void a_ring_drains(void **state) {
    (void)state;
    for (unsigned more = 0; more < 2; more++) {
        for (int world = 0; worlds_open_any(&rig, world); world++) {
            struct ring ring;
            weir_drain_report report;
            start_ring(&ring, more, 7);
            if (world > 0) weir_runtime_step(rig.runtime, 5 * (size_t)world);
            assert_int_equal(weir_runtime_drain(rig.runtime, ENOUGH, &report), WEIR_OK);
            assert_int_equal(ring.sink.handled, worth_of_all(ring.source.emitted, more));
            assert_int_equal(report.accounts.discarded, 0);
            rig_close(&rig);
        }
    }
}

/* Three for each one: the windows fill, and everybody waits for somebody's demand. */
static void a_ring_that_has_stalled_goes_on(void **state) {
    (void)state;
    bool stalled = false;
    for (int world = 0; worlds_open_any(&rig, world); world++) {
        struct ring ring;
        weir_drain_report report;
        start_ring(&ring, 3, 4);
        rig_rest(&rig);
        assert_int_equal(weir_runtime_holdup(rig.runtime, &report), WEIR_OK);
        stalled = stalled || report.stalled;
        player_info(&ring.again, 0); /* it waits behind what nobody asks for */
        if (report.stalled) {
            assert_int_equal(report.why, WEIR_HOLDUP_DEMAND);
            if (strstr(report.path, "work -> again -> work") == NULL)
                assert_string_equal(report.path, "again -> work -> again");
        }
        assert_int_equal(weir_runtime_drain(rig.runtime, ENOUGH, &report), WEIR_OK);
        assert_int_equal(ring.sink.handled, worth_of_all(ring.source.emitted, 3));
        assert_int_equal(report.accounts.discarded, 0);
        rig_close(&rig);
    }
    assert_true(stalled);
}

/* Its holder keeps nobody waiting: what he works for has gone. */
static void the_token_of_a_stopped_stage_is_not_waited_for(void **state) {
    (void)state;
    for (int world = 0; worlds_open_any(&rig, world); world++) {
        struct ring ring;
        struct player stopped = {.name = "stopped", .kind = WEIR_CONSUMER};
        weir_token token;
        start_ring(&ring, 3, 4);
        rig_rest(&rig); /* it has stalled, as a rule */
        player_start(&stopped, &rig, NULL);
        assert_int_equal(weir_busy(rig.runtime, stopped.ref, &token), WEIR_OK);
        player_stop(&stopped, WEIR_REASON_NORMAL);
        assert_int_equal(weir_runtime_drain(rig.runtime, ENOUGH, NULL), WEIR_OK);
        assert_int_equal(ring.sink.handled, worth_of_all(ring.source.emitted, 3));
        assert_int_equal(weir_done(rig.runtime, token), WEIR_OK);
        rig_close(&rig);
    }
}

static weir_verdict send_last(weir_stage *self, struct player *player) {
    static const uint64_t last = 5;
    if (player->next++ == 0) player_emit_numbers(self, &last, 1);
    return WEIR_CONTINUE;
}

/* What a member emits when it is told its end goes round. */
static void last_words_go_round(void **state) {
    (void)state;
    for (int world = 0; worlds_open_any(&rig, world); world++) {
        struct ring ring;
        start_ring(&ring, 1, 5);
        ring.again.does.end = NULL;
        struct player kept = {.name = "kept", .kind = WEIR_PRODUCER_CONSUMER, .quiet = true};
        kept.does.end = send_last;
        player_start(&kept, &rig, NULL);
        player_subscribe(&kept, &ring.again, &(weir_subscribe_options){.max_demand = 3});
        player_subscribe(&ring.work, &kept, &(weir_subscribe_options){.max_demand = 3});
        rig_rest(&rig);
        assert_int_equal(weir_runtime_drain(rig.runtime, ENOUGH, NULL), WEIR_OK);
        assert_int_equal(ring.sink.handled, worth_of_all(ring.source.emitted, 1) + worth(5, 1));
        assert_int_equal(rig_close(&rig).discarded, 0);
    }
}

struct answerer {
    weir_token token;
    uint32_t asked; /* atomic */
};

static weir_verdict ask_outside(weir_stage *self, struct player *player) {
    struct answerer *answerer = player->own;
    if (player->next++ > 0) return WEIR_CONTINUE;
    RIG_CHECK(player->rig,
              weir_busy(weir_stage_runtime(self), weir_self(self), &answerer->token) == WEIR_OK);
    weir__store_release_u32(&answerer->asked, 1);
    return WEIR_CONTINUE;
}

static weir_verdict emit_answer(weir_stage *self, struct player *player, uint64_t number) {
    (void)player;
    player_emit_numbers(self, &number, 1);
    return WEIR_CONTINUE;
}

static void *answer_at_last(void *player) {
    struct player *asks = player;
    struct answerer *answerer = asks->own;
    while (weir__load_acquire_u32(&answerer->asked) == 0) sched_yield();
    player_cast(asks, 8);
    RIG_CHECK(asks->rig, weir_done(asks->rig->runtime, answerer->token) == WEIR_OK);
    return NULL;
}

/* A member asks somebody outside when it is told its end: he is not refused. */
static void a_token_may_be_a_last_word(void **state) {
    (void)state;
    for (int round = 0; round < 10; round++) {
        struct ring ring;
        pthread_t thread;
        rig_open(&rig, &(weir_runtime_options){.workers = 2, .unpinned = true});
        start_ring(&ring, 1, 5);
        struct answerer answerer = {.asked = 0};
        struct player asks = {.name = "asks", .kind = WEIR_PRODUCER_CONSUMER, .quiet = true};
        asks.own = &answerer;
        asks.does.end = ask_outside;
        asks.does.cast = emit_answer;
        player_start(&asks, &rig, NULL);
        player_subscribe(&asks, &ring.again, &(weir_subscribe_options){.max_demand = 3});
        player_subscribe(&ring.work, &asks, &(weir_subscribe_options){.max_demand = 3});
        rig_rest(&rig);
        pthread_create(&thread, NULL, answer_at_last, &asks);
        assert_int_equal(weir_runtime_drain(rig.runtime, ENOUGH, NULL), WEIR_OK);
        pthread_join(thread, NULL);
        assert_int_equal(ring.sink.handled, worth_of_all(ring.source.emitted, 1) + worth(8, 1));
        assert_int_equal(rig_close(&rig).discarded, 0);
    }
}

/* ---- members that keep something ----------------------------------------- */

static weir_verdict keep(weir_stage *self, struct player *player, weir_batch batch) {
    const bool *reminds = player->own;
    if (*reminds && weir_stashed(self) == 0) {
        RIG_CHECK(&rig, weir_send_after(weir_stage_runtime(self), weir_self(self), NULL, 0, ENOUGH,
                                        NULL) == WEIR_OK);
    }
    RIG_CHECK(&rig, weir_stash(self, 0, batch.count) == WEIR_OK);
    return WEIR_CONTINUE;
}

static weir_verdict let_go(weir_stage *self, struct player *player) {
    player->emitted += weir_stashed(self);
    RIG_CHECK(&rig, weir_stash_emit(self, weir_stashed(self)) == WEIR_OK);
    return WEIR_CONTINUE;
}

static weir_verdict reminded(weir_stage *self, struct player *player, uint64_t number) {
    (void)number;
    return let_go(self, player);
}

/* It comes out at its end, or as it is reminded then, and goes round; again and again. */
static void what_members_keep_comes_out(void **state) {
    (void)state;
    for (int way = 0; way < 2; way++) {
        for (int world = 0; worlds_open_any(&rig, world); world++) {
            struct ring ring;
            weir_drain_report report;
            bool reminds = way == 1;
            const struct player again = {.name = "again",
                                         .kind = WEIR_PRODUCER_CONSUMER,
                                         .own = &reminds,
                                         .does.events = keep,
                                         .does.end = reminds ? NULL : let_go,
                                         .does.info = reminds ? reminded : NULL};
            start_ring_of(&ring, &again, 1, 100);
            rig_rest(&rig);
            assert_int_equal(ring.again.handled, NUMBERS - 1); /* all but 0 */
            assert_int_equal(weir_runtime_drain(rig.runtime, ENOUGH, &report), WEIR_OK);
            assert_int_equal(ring.sink.handled, worth_of_all(ring.source.emitted, 1));
            assert_int_equal(report.accounts.discarded, 0);
            rig_close(&rig);
        }
    }
}

/* ---- by way of an inlet -------------------------------------------------- */

static weir_inlet *inlet;

static weir_verdict push_again(weir_stage *self, struct player *player, weir_batch batch) {
    const uint64_t *numbers = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++) {
        if (numbers[i] == 0) continue;
        uint64_t half = numbers[i] / 2;
        RIG_CHECK(player->rig, weir_inlet_push(inlet, &half, 1, 0) == WEIR_OK);
    }
    return WEIR_CONTINUE;
}

/* The consumer pushes what it could not do into the inlet that it is fed by. */
static void a_ring_by_way_of_an_inlet(void **state) {
    (void)state;
    for (int world = 0; worlds_open_any(&rig, world); world++) {
        struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
        weir_ref stage;
        uint64_t numbers = 0;
        c.does.events = push_again;
        assert_int_equal(
            weir_inlet_open(rig.runtime, &(weir_inlet_options){.event_bytes = 8}, &inlet, &stage),
            WEIR_OK);
        player_start(&c, &rig, NULL);
        assert_int_equal(weir_subscribe(rig.runtime, c.ref, stage,
                                        &(weir_subscribe_options){.max_demand = 3}, NULL),
                         WEIR_OK);
        for (uint64_t number = 0; number < NUMBERS; number++) {
            assert_int_equal(weir_inlet_push(inlet, &number, 1, 0), WEIR_OK);
            for (uint64_t left = number; left > 0; left /= 2) numbers++;
            numbers++;
        }
        rig.emitted = numbers;
        if (world == 0) rig_rest(&rig); /* it is known who pushes */
        if (world > 0) weir_runtime_step(rig.runtime, 30);
        assert_int_equal(weir_runtime_drain(rig.runtime, ENOUGH, NULL), WEIR_OK);
        assert_int_equal(c.handled, numbers);
        weir_inlet_close(inlet);
        rig_close(&rig);
    }
}

/* What it keeps in its state it pushes as it is told its end, in the ring and behind it. */
struct keeper {
    struct player player;
    uint64_t kept[2 * NUMBERS];
    size_t count;
    unsigned ends;
};

static weir_verdict keep_in_state(weir_stage *self, struct player *player, weir_batch batch) {
    struct keeper *keeper = player->own;
    (void)self;
    memcpy(keeper->kept + keeper->count, batch.events, batch.count * sizeof *keeper->kept);
    keeper->count += batch.count;
    return WEIR_CONTINUE;
}

static weir_verdict push_kept(weir_stage *self, struct player *player) {
    struct keeper *keeper = player->own;
    weir_batch batch = {.events = keeper->kept, .count = keeper->count};
    keeper->count = 0;
    keeper->ends++;
    return push_again(self, player, batch);
}

static void start_keeper(struct keeper *keeper) {
    *keeper = (struct keeper){.player = {.name = "keeper",
                                         .kind = WEIR_CONSUMER,
                                         .quiet = true,
                                         .own = keeper,
                                         .does.events = keep_in_state,
                                         .does.end = push_kept}};
    player_start(&keeper->player, &rig, NULL);
}

/* Halves, until there is nothing left of a number. */
static uint64_t halvings(uint64_t numbers) {
    uint64_t sum = 0;
    for (uint64_t i = 0; i < numbers; i++)
        for (uint64_t left = i; left > 0; left /= 2) sum++;
    return sum;
}

static void last_words_go_by_way_of_an_inlet(void **state) {
    (void)state;
    for (int world = 0; worlds_open_any(&rig, world); world++) {
        struct keeper keeper;
        weir_ref stage;
        assert_int_equal(
            weir_inlet_open(rig.runtime, &(weir_inlet_options){.event_bytes = 8}, &inlet, &stage),
            WEIR_OK);
        start_keeper(&keeper);
        assert_int_equal(weir_subscribe(rig.runtime, keeper.player.ref, stage, NULL, NULL),
                         WEIR_OK);
        assert_int_equal(weir_feeds(rig.runtime, keeper.player.ref, stage), WEIR_OK);
        for (uint64_t number = 0; number < NUMBERS; number++)
            assert_int_equal(weir_inlet_push(inlet, &number, 1, 0), WEIR_OK);
        rig.emitted = NUMBERS + halvings(NUMBERS);
        rig_rest(&rig);
        assert_int_equal(weir_runtime_drain(rig.runtime, ENOUGH, NULL), WEIR_OK);
        assert_int_equal(keeper.player.handled, rig.emitted);
        weir_inlet_close(inlet);
        rig_close(&rig);
    }
}

/* Who is behind a ring is told his end when that has ended, and once; an inlet that he feeds
 * takes what he pushes then. */
static void who_is_behind_a_ring_ends_after_it(void **state) {
    (void)state;
    for (int world = 0; worlds_open_any(&rig, world); world++) {
        struct ring ring;
        struct keeper keeper;
        struct player last = {.name = "last", .kind = WEIR_CONSUMER, .quiet = true};
        weir_ref stage;
        const struct player again = {
            .name = "again", .kind = WEIR_PRODUCER_CONSUMER, .does.end = send_last};
        start_ring_of(&ring, &again, 0, 7);
        start_keeper(&keeper);
        assert_int_equal(
            weir_inlet_open(rig.runtime, &(weir_inlet_options){.event_bytes = 8}, &inlet, &stage),
            WEIR_OK);
        player_start(&last, &rig, NULL);
        assert_int_equal(weir_subscribe(rig.runtime, last.ref, stage, NULL, NULL), WEIR_OK);
        player_subscribe(&keeper.player, &ring.again, NULL);
        assert_int_equal(weir_feeds(rig.runtime, keeper.player.ref, stage), WEIR_OK);
        rig_rest(&rig);
        player_cast(&ring.again, 3); /* 0, 1 and 2, to the keeper, who asks for most */
        rig_rest(&rig);
        assert_int_equal(keeper.count, 3);
        ring.again.next = 0;
        rig.emitted = 3; /* of 1, 2, and the 5 that is sent last */
        assert_int_equal(weir_runtime_drain(rig.runtime, ENOUGH, NULL), WEIR_OK);
        assert_int_equal(last.handled, 3);
        assert_int_equal(keeper.ends, 1);
        weir_inlet_close(inlet);
        rig_close(&rig);
    }
}

/* ---- from outside -------------------------------------------------------- */

static struct {
    struct ring *ring;
    uint64_t accepted; /* by the thread, read when it has ended */
} outside;

static void *cast_on(void *unused) {
    enum { MOST = 500 };
    (void)unused;
    static const uint64_t one = 1;
    while (outside.accepted < MOST &&
           weir_cast(rig.runtime, outside.ring->again.ref, &one, sizeof one) == WEIR_OK) {
        outside.accepted++;
        sched_yield();
    }
    return NULL;
}

static weir_verdict emit_zero(weir_stage *self, struct player *player, uint64_t number) {
    static const uint64_t zero = 0;
    (void)player, (void)number;
    player_emit_numbers(self, &zero, 1);
    return WEIR_CONTINUE;
}

/* A cast makes `again` emit a 0, which goes to `work` and is done; or it is refused. */
static void what_comes_from_outside_is_handled_or_refused(void **state) {
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct ring ring;
        pthread_t thread;
        rig_open(&rig, &(weir_runtime_options){.workers = 2, .unpinned = true});
        start_ring(&ring, 1, 7);
        ring.again.does.cast = emit_zero;
        rig_rest(&rig);
        outside.ring = &ring;
        outside.accepted = 0;
        pthread_create(&thread, NULL, cast_on, NULL);
        assert_int_equal(weir_runtime_drain(rig.runtime, ENOUGH, NULL), WEIR_OK);
        pthread_join(thread, NULL);
        assert_int_equal(ring.sink.handled,
                         worth_of_all(ring.source.emitted, 1) + outside.accepted);
        assert_int_equal(rig_close(&rig).discarded, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ring_drains),
        cmocka_unit_test(a_ring_that_has_stalled_goes_on),
        cmocka_unit_test(the_token_of_a_stopped_stage_is_not_waited_for),
        cmocka_unit_test(last_words_go_round),
        cmocka_unit_test(a_token_may_be_a_last_word),
        cmocka_unit_test(what_members_keep_comes_out),
        cmocka_unit_test(a_ring_by_way_of_an_inlet),
        cmocka_unit_test(last_words_go_by_way_of_an_inlet),
        cmocka_unit_test(who_is_behind_a_ring_ends_after_it),
        cmocka_unit_test(what_comes_from_outside_is_handled_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
