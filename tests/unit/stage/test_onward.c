/*
 * Onward: what is handled in the same go, and what is not.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a chain of stages of one worker runs in one turn of its first stage, and comes back to it
 * for more, though not without end; a stage that has something else before it, or is being visited
 * already, has its own turn, and nothing is lost or overtaken either way; what stops there ends as
 * anywhere; times are those of whose callbacks took them.
 * Method: stepped runtimes, turn by turn; orders by journal.
 */
#include "support/player.h"
#include "support/worlds.h"

#include "stage/stage.h"

#include <string.h>

static const weir_subscribe_options few = {.max_demand = 2, .min_demand = 1};

/* ---- in one go ----------------------------------------------------------- */

/* Its next turn, but for mail and empty turns of others. */
static void until_moved(struct rig *rig, const uint64_t *count, uint64_t from) {
    for (int turns = 0; *count == from; turns++) {
        assert_true(turns < 20);
        assert_int_equal(weir_runtime_step(rig->runtime, 1), 1);
    }
}

static void a_chain_runs_in_one_turn(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 100000, .quiet = true};
    struct player t = {.name = "t", .kind = WEIR_PRODUCER_CONSUMER, .quiet = true};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
    PLAYERS_START(rig, &p, &t, &c);
    player_subscribe(&t, &p, &few);
    player_subscribe(&c, &t, &few);
    for (uint64_t warm = 0; warm < 200; warm = c.handled) until_moved(rig, &c.handled, warm);
    for (int i = 0; i < 20; i++) {
        uint64_t before = c.handled;
        until_moved(rig, &c.handled, before);
        assert_in_range(c.handled - before, 8, 40);
        assert_in_range(p.emitted - c.handled, 0, 4);
    }
    p.limit = p.emitted;
    rig_rest(rig);
    assert_int_equal(c.handled, p.emitted);
    rig_close(rig);
}

static void others_have_their_turns_meanwhile(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = UINT64_MAX, .quiet = true};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
    struct player d = {.name = "d", .kind = WEIR_CONSUMER};
    PLAYERS_START(rig, &p, &c, &d);
    player_subscribe(&c, &p, &few);
    weir_runtime_step(rig->runtime, 50);
    player_cast(&d, 0);
    uint64_t before = c.handled;
    while (d.journal.used == 0) assert_int_equal(weir_runtime_step(rig->runtime, 1), 1);
    assert_in_range(c.handled - before, 0, 100);
    p.limit = p.emitted;
    rig_rest(rig);
    rig_close(rig);
}

static weir_verdict make_many_of_the_third(weir_stage *self, struct player *player,
                                           weir_batch batch) {
    uint64_t count = player->handled == 3 ? 2000 : batch.count;
    return player_emit(self, count) ? WEIR_CONTINUE : WEIR_STOP;
}

/* Of what it makes of one event a go takes no more to the next one than of all else. */
static void a_full_buffer_is_not_emptied_in_one_turn(struct rig *rig) {
    const weir_subscribe_options one = {.max_demand = 1, .min_demand = WEIR_NONE};
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .quiet = true};
    struct player r = {.name = "r", .kind = WEIR_PRODUCER_CONSUMER, .quiet = true};
    struct player b = {.name = "b",
                       .kind = WEIR_PRODUCER_CONSUMER,
                       .quiet = true,
                       .does.events = make_many_of_the_third};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
    PLAYERS_START(rig, &p, &r);
    player_start(&b, rig, &(weir_stage_options){.buffer_size = WEIR_INFINITY});
    PLAYERS_START(rig, &c);
    player_subscribe(&r, &p, &one);
    player_subscribe(&b, &r, &one);
    player_subscribe(&c, &b, &one);
    for (int i = 0; i < 3; i++) {
        rig_rest(rig);
        player_cast(&p, 1);
    }
    for (uint64_t before = c.handled; c.handled < 2002; before = c.handled) {
        assert_int_equal(weir_runtime_step(rig->runtime, 1), 1);
        assert_true(c.handled - before <= 100);
    }
    rig_close(rig);
}

/* Of several who ask in legs each has as much: a turn hears them one after the other, as far as its
 * legs go, and the next one goes on there. */
static void share_in_legs(struct rig *rig, int count) {
    enum { MOST = 150, ROUNDS = 40 };
    static struct player all[MOST];
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = UINT64_MAX, .quiet = true};
    PLAYERS_START(rig, &p);
    memset(all, 0, sizeof all);
    for (int i = 0; i < count; i++) {
        all[i].name = "c";
        all[i].kind = WEIR_CONSUMER;
        all[i].quiet = true;
        player_start(&all[i], rig, &(weir_stage_options){.worker = WEIR_WORKER(0)});
        player_subscribe(&all[i], &p, &few);
    }
    while (p.emitted < (uint64_t)count * ROUNDS) {
        uint64_t before = p.emitted;
        assert_int_equal(weir_runtime_step(rig->runtime, 1), 1);
        if (before > (uint64_t)count * 10) assert_in_range(p.emitted - before, 0, 40);
    }
    p.limit = p.emitted;
    rig_rest(rig);
    for (int i = 0; i < count; i++) assert_in_range(all[i].handled, ROUNDS - 6, ROUNDS + 6);
    rig_close(rig);
}

static void of_two_who_ask_in_legs_each_has_as_much(struct rig *rig) {
    share_in_legs(rig, 2);
}

static void of_four_who_ask_in_legs_each_has_as_much(struct rig *rig) {
    share_in_legs(rig, 4);
}

static void of_many_who_ask_in_legs_each_has_as_much(struct rig *rig) {
    share_in_legs(rig, 150);
}

/* Far more stages than legs are made within legs. */
static void a_long_chain_goes_on(struct rig *rig) {
    enum { STAGES = 100 };
    static struct player chain[STAGES];
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 1000, .quiet = true};
    PLAYERS_START(rig, &p);
    memset(chain, 0, sizeof chain);
    for (int i = 0; i < STAGES; i++) {
        chain[i].name = "t";
        chain[i].kind = i < STAGES - 1 ? WEIR_PRODUCER_CONSUMER : WEIR_CONSUMER;
        chain[i].quiet = true;
        player_start(&chain[i], rig, NULL);
        player_subscribe(&chain[i], i == 0 ? &p : &chain[i - 1], &few);
    }
    rig_rest(rig);
    for (int i = 0; i < STAGES; i++) assert_int_equal(chain[i].handled, 1000);
    assert_int_equal(chain[STAGES - 1].sum, 999 * 1000 / 2);
    rig_close(rig);
}

/* More messages than an edge gives in one turn: the middle makes forty of one, for who is cold. */
static void what_is_more_than_a_share_follows(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .quiet = true};
    struct player t = {.name = "t", .kind = WEIR_PRODUCER_CONSUMER, .quiet = true};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
    PLAYERS_START(rig, &p, &t, &c);
    player_subscribe(&t, &p, &(weir_subscribe_options){.max_demand = 40, .min_demand = 39});
    player_subscribe(&c, &t, &(weir_subscribe_options){.max_demand = 100, .min_demand = 1});
    for (unsigned i = 0; i < 4; i++) {
        rig_rest(rig);
        assert_int_equal(c.handled, 40 * i);
        player_cast(&p, 40);
    }
    rig_rest(rig);
    rig_close(rig);
}

/* ---- in rounds ----------------------------------------------------------- */

enum { CONSUMERS = 5, NUMBERS = 3000 };

/* Threes go to some of them: to the first one all, to the second every other ... */
static bool select_threes(void *context, const void *event) {
    const unsigned *which = context;
    return *(const uint64_t *)event / 3 % (*which + 1) == 0;
}

static weir_subscribe_options window_of(unsigned consumer, int way) {
    static unsigned which[CONSUMERS];
    size_t most = way == 0 ? 12 + 7 * consumer : 40 - 7 * consumer;
    which[consumer] = consumer;
    return (weir_subscribe_options){.max_demand = most,
                                    .min_demand = way < 2 ? most - 3 : 2 * consumer + 1,
                                    .selector = way == 3 ? select_threes : NULL,
                                    .selector_context = &which[consumer]};
}

static void all_are_heard(struct rig *rig, const weir_dispatcher *dispatcher, int way) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = NUMBERS, .quiet = true};
    struct player c[CONSUMERS];
    player_start(&p, rig, &(weir_stage_options){.dispatcher = dispatcher});
    for (unsigned i = 0; i < CONSUMERS; i++) {
        c[i] = (struct player){.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
        player_start(&c[i], rig, NULL);
    }
    for (unsigned i = 0; i < CONSUMERS; i++) {
        const weir_subscribe_options options = window_of(i, way);
        player_subscribe(&c[i], &p, &options);
    }
    rig_rest(rig);
    assert_int_equal(rig_accounts(rig).emitted, NUMBERS);
    assert_true(rig_accounts(rig).handled >= NUMBERS);
    rig_close(rig);
}

/* Several ask in one round, and what one asked for goes to another of them. */
static void all_that_share_are_heard(struct rig *rig, int way) {
    all_are_heard(rig, weir_demand_dispatcher(), way);
}

static void all_that_get_the_same_are_heard(struct rig *rig, int way) {
    all_are_heard(rig, weir_broadcast_dispatcher(), way);
}

/* ---- not in one go ------------------------------------------------------- */

/* Each goes on to the other, and is being visited when it comes back. */
static void no_leg_leads_back(struct rig *rig) {
    struct player a = {.name = "a", .kind = WEIR_PRODUCER_CONSUMER, .quiet = true};
    struct player b = {.name = "b", .kind = WEIR_PRODUCER_CONSUMER, .quiet = true};
    PLAYERS_START(rig, &a, &b);
    const weir_subscribe_options more = {.max_demand = 8, .min_demand = 4};
    player_subscribe(&b, &a, &more);
    player_subscribe(&a, &b, &more);
    rig_rest(rig);
    player_cast(&a, 2); /* they go round and round */
    weir_runtime_step(rig->runtime, 200);
    assert_true(a.handled > 20);
    assert_in_range(b.handled - a.handled, 0, 2);
    a.emits = PLAYER_HOLDS;
    rig_rest(rig);
    rig_close(rig);
}

/* More mail than one turn takes: what the producer sends meanwhile is behind all of it. */
static void mail_that_is_there_comes_first(struct rig *rig) {
    enum { CASTS = 40, WARM = 3 };
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 100, .quiet = true};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .manual = true};
    PLAYERS_START(rig, &p, &c);
    weir_subscription to_p = player_subscribe(&c, &p, NULL);
    for (int i = 0; i < WARM; i++) {
        assert_int_equal(weir_ask(rig->runtime, to_p, 1), WEIR_OK);
        rig_rest(rig);
    }
    assert_int_equal(c.handled, WARM);
    c.journal.used = 0;
    assert_int_equal(weir_ask(rig->runtime, to_p, 1), WEIR_OK);
    for (int i = 0; i < CASTS; i++) player_cast(&c, 0);
    rig_rest(rig);
    const char *events = strstr(c.journal.text, "events");
    assert_non_null(events);
    assert_null(strstr(events, "cast"));
    rig_close(rig);
}

static weir_verdict cast_and_emit(weir_stage *self, struct player *player, uint64_t demand) {
    if (player->next == 6) player_cast(player->own, 0);
    return player_emit(self, demand) ? WEIR_CONTINUE : WEIR_STOP;
}

/* What is cast before an emission is with the worker, and comes before it, as without a go. */
static void mail_on_its_way_ends_a_go(struct rig *rig) {
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    struct player p = {
        .name = "p", .kind = WEIR_PRODUCER, .quiet = true, .own = &c, .does.demand = cast_and_emit};
    PLAYERS_START(rig, &p, &c);
    player_subscribe(&c, &p, &(weir_subscribe_options){.max_demand = 1, .min_demand = WEIR_NONE});
    while (c.handled < 9) assert_int_equal(weir_runtime_step(rig->runtime, 1), 1);
    const char *cast = strstr(c.journal.text, "cast");
    assert_non_null(cast);
    unsigned before = 0;
    for (const char *at = c.journal.text; (at = strstr(at, "events")) && at < cast; at++) before++;
    assert_int_equal(before, 6);
    player_stop(&p, WEIR_REASON_NORMAL);
    rig_rest(rig);
    rig_close(rig);
}

/* ---- other workers ------------------------------------------------------- */

static weir_verdict remember_stage(weir_stage *self, struct player *player, uint64_t demand) {
    uint64_t left = 300 - player->next;
    player->own = self;
    player_emit(self, demand < left ? demand : left);
    return WEIR_CONTINUE;
}

/* Who is elsewhere has been told of what this one handles just now. */
static weir_verdict look_abroad(weir_stage *self, struct player *player, weir_batch batch) {
    struct player *source = player->own;
    const weir_stage *stage = source->own;
    (void)self, (void)batch;
    for (const struct weir__edge *edge = stage->consumers; edge; edge = edge->consumers_next) {
        bool told = weir__load_relaxed_u32(&edge->ready[WEIR__EVENTS].raised) != 0;
        RIG_CHECK(player->rig, edge->local || told || !weir__edge_has_events(edge));
    }
    return WEIR_CONTINUE;
}

static void others_are_told_before_a_leg(void **state) {
    (void)state;
    struct rig rig;
    struct player p = {
        .name = "p", .kind = WEIR_PRODUCER, .quiet = true, .does.demand = remember_stage};
    struct player b = {
        .name = "b", .kind = WEIR_CONSUMER, .quiet = true, .own = &p, .does.events = look_abroad};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
    rig_open(&rig, &(weir_runtime_options){.mode = WEIR_STEPPED, .workers = 2});
    player_start(
        &p, &rig,
        &(weir_stage_options){.dispatcher = weir_broadcast_dispatcher(), .worker = WEIR_WORKER(0)});
    player_start(&b, &rig, &(weir_stage_options){.worker = WEIR_WORKER(0)});
    player_start(&c, &rig, &(weir_stage_options){.worker = WEIR_WORKER(1)});
    player_subscribe(&b, &p, &few);
    player_subscribe(&c, &p, &few);
    rig_rest(&rig);
    assert_in_range(b.handled, 200, 300);
    assert_in_range(c.handled, 200, 300);
    rig_close(&rig);
}

/* ---- ends ---------------------------------------------------------------- */

static weir_verdict stop_at_50(weir_stage *self, struct player *player, weir_batch batch) {
    (void)self, (void)batch;
    return player->handled < 50 ? WEIR_CONTINUE : WEIR_STOP;
}

static void who_stops_in_a_leg_gives_back(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 200, .quiet = true};
    struct player c = {
        .name = "c", .kind = WEIR_CONSUMER, .quiet = true, .does.events = stop_at_50};
    struct player d = {.name = "d", .kind = WEIR_CONSUMER, .quiet = true};
    PLAYERS_START(rig, &p, &c, &d);
    player_subscribe(&c, &p, &(weir_subscribe_options){.max_demand = 8, .min_demand = 4});
    rig_rest(rig);
    assert_in_range(c.handled, 50, 53);
    player_subscribe(&d, &p, &few);
    rig_rest(rig);
    assert_int_equal(c.handled + d.handled, p.emitted);
    assert_int_equal(c.sum + d.sum, p.emitted * (p.emitted - 1) / 2);
    rig_close(rig);
}

static weir_verdict stop_source(weir_stage *self, struct player *player, weir_batch batch) {
    struct player *source = player->own;
    (void)self, (void)batch;
    if (player->handled >= 50 && source->journal.used == 0) {
        player_say(source, "told to stop");
        player_stop(source, WEIR_REASON_NORMAL);
    }
    return WEIR_CONTINUE;
}

static weir_verdict end_at_100(weir_stage *self, struct player *player, uint64_t demand) {
    player_emit(self, demand);
    return player->next < 100 ? WEIR_CONTINUE : WEIR_FINISH;
}

/* The source that ends in its own go, or is told to by whom it goes to. */
static void who_ends_in_a_go_has_sent_all(struct rig *rig) {
    struct player p = {.name = "p",
                       .kind = WEIR_PRODUCER,
                       .limit = UINT64_MAX,
                       .quiet = true,
                       .does.demand = end_at_100};
    struct player q = {.name = "q", .kind = WEIR_PRODUCER, .limit = UINT64_MAX, .quiet = true};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
    struct player d = {
        .name = "d", .kind = WEIR_CONSUMER, .quiet = true, .own = &q, .does.events = stop_source};
    PLAYERS_START(rig, &p, &q, &c, &d);
    player_subscribe(&c, &p, &few);
    player_subscribe(&d, &q, &few);
    rig_rest(rig);
    assert_in_range(c.handled, 100, 101);
    assert_int_equal(c.handled, p.emitted);
    assert_int_equal(d.handled, q.emitted);
    assert_in_range(d.handled, 50, 200);
    rig_close(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_STEPPED(a_chain_runs_in_one_turn),
        TEST_STEPPED(others_have_their_turns_meanwhile),
        TEST_STEPPED(a_full_buffer_is_not_emptied_in_one_turn),
        TEST_STEPPED(of_two_who_ask_in_legs_each_has_as_much),
        TEST_STEPPED(of_four_who_ask_in_legs_each_has_as_much),
        TEST_STEPPED(of_many_who_ask_in_legs_each_has_as_much),
        TEST_IN_WORLDS(a_long_chain_goes_on),
        TEST_IN_WORLDS(what_is_more_than_a_share_follows),
        TEST_IN_WORLDS_AND_WAYS(all_that_share_are_heard, 3),
        TEST_IN_WORLDS_AND_WAYS(all_that_get_the_same_are_heard, 4),
        TEST_STEPPED(no_leg_leads_back),
        TEST_STEPPED(mail_that_is_there_comes_first),
        TEST_STEPPED(mail_on_its_way_ends_a_go),
        cmocka_unit_test(others_are_told_before_a_leg),
        TEST_IN_WORLDS(who_stops_in_a_leg_gives_back),
        TEST_IN_WORLDS(who_ends_in_a_go_has_sent_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
