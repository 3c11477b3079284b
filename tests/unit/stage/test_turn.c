/*
 * The turn: bounded, fair, and blind to what is idle.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a busy stage, a full mailbox and a fast producer leave their neighbours
 * their turns; only edges with something on them are looked at, and none is
 * when all is at rest; rings go round and overflow between workers without a
 * hitch, also where their indices wrap.
 * Method: stepped runtimes, turn by turn; what a stage keeps of its edges is
 * read inside its callbacks.
 */
#include "support/player.h"
#include "support/worlds.h"

#include "stage/stage.h"

#include <string.h>

/* ---- bounds -------------------------------------------------------------- */

static void a_long_message_leaves_others_their_turn(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .quiet = true};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
    struct player d = {.name = "d", .kind = WEIR_CONSUMER};
    d.emits = PLAYER_HOLDS;
    PLAYERS_START(rig, &p, &c, &d);
    player_subscribe(&c, &p, &(weir_subscribe_options){.max_demand = 1000, .min_demand = 999});
    rig_rest(rig);
    player_cast(&p, 1000);
    uint64_t turns = 0;
    for (uint64_t before = 0; c.handled < 1000; turns++) {
        assert_int_equal(weir_runtime_step(rig->runtime, 1), 1);
        assert_true(c.handled <= before + 64);
        before = c.handled;
        if (turns == 2) player_cast(&d, 0);
        if (turns == 5) assert_string_equal(d.journal.text, "cast 0\n");
    }
    assert_true(turns > 1000 / 64);
    rig_close(rig);
}

static weir_verdict count_cast(weir_stage *self, struct player *player, uint64_t number) {
    (void)self;
    player->next += number;
    return WEIR_CONTINUE;
}

static void a_full_mailbox_leaves_others_their_turn(struct rig *rig) {
    struct player a = {.name = "a", .kind = WEIR_CONSUMER, .quiet = true, .does.cast = count_cast};
    struct player b = {.name = "b", .kind = WEIR_CONSUMER, .quiet = true, .does.cast = count_cast};
    PLAYERS_START(rig, &a, &b);
    rig_rest(rig);
    for (int i = 0; i < 3000; i++) player_cast(&a, 1);
    player_cast(&b, 1);
    while (b.next == 0) assert_int_equal(weir_runtime_step(rig->runtime, 1), 1);
    assert_in_range(a.next, 1, 600);
    rig_rest(rig);
    assert_int_equal(a.next, 3000);
    rig_close(rig);
}

struct share {
    uint64_t last;    /* id of the subscription of the batch before */
    uint32_t run;     /* batches of one subscription in a row       */
    uint32_t longest; /* while both had more                        */
    uint64_t left[2];
    uint64_t id[2];
};

static weir_verdict measure_runs(weir_stage *self, struct player *player, weir_batch batch) {
    struct share *share = player->own;
    int which = weir_batch_subscription(self).id == share->id[1];
    share->run = weir_batch_subscription(self).id == share->last ? share->run + 1 : 1;
    share->last = weir_batch_subscription(self).id;
    share->left[which] -= batch.count;
    if (share->left[1 - which] > 0 && share->run > share->longest) share->longest = share->run;
    return WEIR_CONTINUE;
}

static void producers_share_a_turn(struct rig *rig) {
    struct share share = {.left = {500, 500}};
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .quiet = true};
    struct player q = {.name = "q", .kind = WEIR_PRODUCER, .quiet = true};
    struct player c = {.name = "c",
                       .kind = WEIR_CONSUMER,
                       .quiet = true,
                       .own = &share,
                       .does.events = measure_runs};
    PLAYERS_START(rig, &p, &q, &c);
    const weir_subscribe_options options = {.max_demand = 500, .min_demand = WEIR_NONE};
    share.id[0] = player_subscribe(&c, &p, &options).id;
    share.id[1] = player_subscribe(&c, &q, &options).id;
    rig_rest(rig);
    for (int i = 0; i < 500; i++) {
        player_cast(&p, 1);
        player_cast(&q, 1);
    }
    rig_rest(rig);
    assert_int_equal(c.handled, 1000);
    assert_in_range(share.longest, 1, 64);
    rig_close(rig);
}

/* ---- what is looked at --------------------------------------------------- */

enum { MANY = 60 };

struct count {
    uint32_t hot[2];
};

static weir_verdict count_hot(weir_stage *self, struct player *player, uint64_t number) {
    (void)number;
    struct count *count = player->own;
    count->hot[WEIR__DEMAND] = self->ready->hot[WEIR__DEMAND].count;
    count->hot[WEIR__EVENTS] = self->ready->hot[WEIR__EVENTS].count;
    return WEIR_CONTINUE;
}

static weir_verdict count_hot_in_events(weir_stage *self, struct player *player, weir_batch batch) {
    (void)batch;
    return count_hot(self, player, 0);
}

static void idle_edges_are_not_looked_at(void **state) {
    (void)state;
    for (unsigned workers = 1; workers <= 2; workers++) {
        struct rig rig;
        rig_open(&rig, &(weir_runtime_options){.mode = WEIR_STEPPED, .workers = workers});
        struct count count = {{99, 99}};
        static struct player p[MANY];
        memset(p, 0, sizeof p);
        struct player c = {.name = "c",
                           .kind = WEIR_CONSUMER,
                           .quiet = true,
                           .own = &count,
                           .does = {.cast = count_hot, .events = count_hot_in_events}};
        player_start(&c, &rig, &(weir_stage_options){.worker = WEIR_WORKER(0)});
        for (int i = 0; i < MANY; i++) {
            p[i].name = "p";
            p[i].kind = WEIR_PRODUCER;
            p[i].quiet = true;
            player_start(&p[i], &rig, &(weir_stage_options){.worker = WEIR_WORKER(workers - 1)});
            player_subscribe(&c, &p[i], NULL);
        }
        rig_rest(&rig);
        player_cast(&c, 0);
        rig_rest(&rig);
        assert_int_equal(count.hot[WEIR__EVENTS], 0);
        player_cast(&p[7], 10);
        rig_rest(&rig);
        assert_int_equal(count.hot[WEIR__EVENTS], 1); /* while it was handled */
        player_cast(&c, 0);
        rig_rest(&rig);
        assert_int_equal(count.hot[WEIR__EVENTS], 0);
        assert_int_equal(weir_runtime_step(rig.runtime, 1), 0);
        rig_close(&rig);
    }
}

/* Many edges with something on each are all served, hot or not. */
static void many_busy_edges_are_all_served(struct rig *rig) {
    static struct player p[MANY];
    memset(p, 0, sizeof p);
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
    player_start(&c, rig, NULL);
    for (int i = 0; i < MANY; i++) {
        p[i].name = "p";
        p[i].kind = WEIR_PRODUCER;
        p[i].quiet = true;
        p[i].limit = 200 + (uint64_t)i;
        player_start(&p[i], rig, NULL);
        player_subscribe(&c, &p[i], &(weir_subscribe_options){.max_demand = 1 + (size_t)i});
    }
    rig_rest(rig);
    assert_int_equal(c.handled, 200 * MANY + MANY * (MANY - 1) / 2);
    rig_close(rig);
}

/* ---- rings --------------------------------------------------------------- */

static weir_verdict in_order(weir_stage *self, struct player *player, weir_batch batch) {
    (void)self;
    const uint64_t *numbers = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        RIG_CHECK(player->rig, numbers[i] == player->next);
        player->next++;
    }
    return WEIR_CONTINUE;
}

static weir_verdict emit_singly(weir_stage *self, struct player *player, uint64_t demand) {
    for (uint64_t i = 0; i < demand && player->next < player->limit; i++) player_emit(self, 1);
    return WEIR_CONTINUE;
}

/* Slices by the hundred: casts of one event each, faster than they are handled. */
static void rings_wrap_and_overflow_in_order(void **state) {
    (void)state;
    static const size_t demands[] = {1, 2, 3, 7, 64, 255, 256, 5000};
    for (size_t i = 0; i < sizeof demands / sizeof *demands; i++) {
        for (uint32_t before = 1; before < 600; before += 199) {
            struct rig rig;
            for (int world = 0; rig_open_world(&rig, world); world++) {
                weir__edge_ring_start = (uint32_t)0 - before;
                struct player p = {.name = "p",
                                   .kind = WEIR_PRODUCER,
                                   .limit = 700,
                                   .quiet = true,
                                   .does.demand = emit_singly};
                struct player c = {
                    .name = "c", .kind = WEIR_CONSUMER, .quiet = true, .does.events = in_order};
                PLAYERS_START(&rig, &p, &c);
                player_subscribe(&c, &p, &(weir_subscribe_options){.max_demand = demands[i]});
                for (int k = 0; k < 400; k++) {
                    player_cast(&p, 1);
                    if (k % 100 == 0) weir_runtime_step(rig.runtime, 2);
                }
                rig_rest(&rig);
                weir__edge_ring_start = 0;
                assert_int_equal(c.handled, p.emitted);
                assert_true(p.emitted >= 700);
                rig_close(&rig);
            }
        }
    }
}

/* ---- what goes first ------------------------------------------------------ */

/* Of x, which feeds t and is fed by it: it asks and sends in one turn. */
static weir_verdict ask_and_emit(weir_stage *self, struct player *player, uint64_t number) {
    const weir_subscription *from_t = player->own;
    RIG_CHECK(player->rig, weir_ask(player->rig->runtime, *from_t, 1) == WEIR_OK);
    return player_emit_numbers(self, &number, 1) == WEIR_OK ? WEIR_CONTINUE : WEIR_STOP;
}

/* How much of what is asked for t has not heard. */
static weir_verdict note_unheard(weir_stage *self, struct player *player, weir_batch batch) {
    const struct weir__edge *edge = self->ready->hot[WEIR__DEMAND].first->edge;
    *(uint64_t *)player->own = edge->asked - edge->asked_seen;
    return player_emit_numbers(self, batch.events, batch.count) == WEIR_OK ? WEIR_CONTINUE
                                                                           : WEIR_STOP;
}

/* A small event goes before more demand is heard, if there is enough. */
static void a_small_event_goes_first(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.mode = WEIR_STEPPED, .workers = 2});
    weir_subscription from_t;
    uint64_t unheard = 99;
    struct player x = {.name = "x",
                       .kind = WEIR_PRODUCER_CONSUMER,
                       .emits = PLAYER_HOLDS,
                       .manual = true,
                       .quiet = true,
                       .own = &from_t,
                       .does.cast = ask_and_emit};
    struct player t = {.name = "t",
                       .kind = WEIR_PRODUCER_CONSUMER,
                       .quiet = true,
                       .own = &unheard,
                       .does.events = note_unheard};
    player_start(&x, &rig, &(weir_stage_options){.worker = WEIR_WORKER(0)});
    player_start(&t, &rig, &(weir_stage_options){.worker = WEIR_WORKER(1)});
    player_subscribe(&t, &x, &(weir_subscribe_options){.max_demand = 10, .min_demand = 5});
    from_t = player_subscribe(&x, &t, NULL);
    rig_rest(&rig);
    player_cast(&x, 0); /* t has not been asked before */
    rig_rest(&rig);
    assert_int_equal(unheard, 0);
    assert_int_equal(weir_ask(rig.runtime, from_t, 1), WEIR_OK);
    rig_rest(&rig);
    for (uint64_t i = 1; i <= 20; i++) {
        player_cast(&x, i);
        rig_rest(&rig);
        assert_int_equal(unheard, 1);
        assert_int_equal(x.handled, i + 1);
    }
    rig_close(&rig);
}

/* ---- rest ---------------------------------------------------------------- */

static void at_rest_there_is_nothing_to_do(struct rig *rig) {
    assert_int_equal(weir_runtime_step(rig->runtime, 10), 0);
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 100};
    struct player t = {.name = "t", .kind = WEIR_PRODUCER_CONSUMER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    PLAYERS_START(rig, &p, &t, &c);
    player_subscribe(&t, &p, NULL);
    player_subscribe(&c, &t, NULL);
    rig_rest(rig);
    uint64_t turns = rig_accounts(rig).turns;
    assert_int_equal(weir_runtime_step(rig->runtime, 1000), 0);
    assert_int_equal(rig_accounts(rig).turns, turns);
    assert_int_equal(rig_accounts(rig).wakes, 0); /* nobody sleeps in these modes */
    rig_close(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_STEPPED(a_long_message_leaves_others_their_turn),
        TEST_STEPPED(a_full_mailbox_leaves_others_their_turn),
        TEST_STEPPED(producers_share_a_turn),
        cmocka_unit_test(idle_edges_are_not_looked_at),
        TEST_IN_WORLDS(many_busy_edges_are_all_served),
        cmocka_unit_test(rings_wrap_and_overflow_in_order),
        cmocka_unit_test(a_small_event_goes_first),
        TEST_IN_WORLDS(at_rest_there_is_nothing_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
