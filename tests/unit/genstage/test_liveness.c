/*
 * Behaviour: whoever has asked is served, whatever has happened before.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: once a producer has emitted all that it was asked for, nobody waits: demand is
 * never forgotten, however consumers come, ask, leave and die, however late the
 * producer is, and whatever it emits besides.  (GenStage's counters do forget: defects
 * C and D.)
 * Method: random scenes in all kinds of stepped runtimes, with a producer that writes
 * down what it owes and emits when it likes; now and then it pays all of it, and what
 * every consumer has asked for is compared with what it has got.  A broadcast owes
 * only what all of its consumers have asked for.
 */
#include "base/rng.h"
#include "support/cmocka.h"
#include "support/player.h"

#include <string.h>

enum { CONSUMERS = 3, STEPS = 150, SEEDS = 60 };

struct consumer {
    struct player player;
    weir_subscription subscription; /* id 0: none */
    uint64_t asked;                 /* by this subscription */
    uint64_t handled;               /* before it            */
    bool dead;
};

struct scene {
    struct rig rig;
    struct player p;
    struct player t; /* only where there is a middle */
    struct player *source;
    struct consumer consumers[CONSUMERS];
    struct weir__rng rng;
    uint64_t owed; /* by the producer */
    bool broadcast;
    bool holds; /* the producer accumulates */
};

static struct scene s;

static weir_verdict owe(weir_stage *self, struct player *player, uint64_t demand) {
    (void)self;
    (void)player;
    s.owed += demand;
    return WEIR_CONTINUE;
}

static weir_verdict pay(weir_stage *self, struct player *player, uint64_t number) {
    if (player == &s.p) s.owed -= number < s.owed ? number : s.owed;
    player_emit(self, number);
    return WEIR_CONTINUE;
}

static void start(struct player *player, const char *name, weir_kind kind,
                  const weir_stage_options *options) {
    memset(player, 0, sizeof *player);
    player->name = name;
    player->kind = kind;
    player->quiet = true;
    player->manual = kind == WEIR_CONSUMER;
    player->does.demand = kind == WEIR_PRODUCER ? owe : NULL;
    player->does.cast = pay;
    player_start(player, &s.rig, options);
}

static bool open_scene(int world, const weir_dispatcher *dispatcher, bool middle, uint64_t seed) {
    if (!rig_open_world(&s.rig, world)) return false;
    const weir_stage_options options = {.buffer_size = WEIR_INFINITY, .dispatcher = dispatcher};
    weir__rng_seed(&s.rng, seed);
    s.broadcast = dispatcher == weir_broadcast_dispatcher();
    s.holds = false;
    s.owed = 0;
    start(&s.p, "p", WEIR_PRODUCER, middle ? NULL : &options);
    s.source = &s.p;
    if (middle) {
        start(&s.t, "t", WEIR_PRODUCER_CONSUMER, &options);
        player_subscribe(&s.t, &s.p, &(weir_subscribe_options){.max_demand = 7});
        s.source = &s.t;
    }
    for (int i = 0; i < CONSUMERS; i++) {
        start(&s.consumers[i].player, "c", WEIR_CONSUMER, NULL);
        s.consumers[i].subscription.id = 0;
        s.consumers[i].dead = false;
    }
    return true;
}

/* Whoever is subscribed has got what it has asked for, or what all have asked for. */
static bool all_are_served(void) {
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < CONSUMERS; i++) {
        const struct consumer *consumer = &s.consumers[i];
        if (consumer->subscription.id == 0) continue;
        uint64_t got = consumer->player.handled - consumer->handled;
        if (got > consumer->asked) return false;
        uint64_t open = consumer->asked - got;
        if (!s.broadcast && open > 0) return false;
        least = open < least ? open : least;
    }
    return least == 0 || least == UINT64_MAX;
}

static void change_subscription(struct consumer *consumer) {
    if (consumer->subscription.id != 0) {
        weir_cancel(s.rig.runtime, consumer->subscription, WEIR_REASON_NORMAL);
        rig_rest(&s.rig); /* what was on its way counts for the old one */
        consumer->subscription.id = 0;
        return;
    }
    consumer->asked = 0;
    consumer->handled = consumer->player.handled;
    consumer->subscription = player_subscribe(&consumer->player, s.source,
                                              &(weir_subscribe_options){.cancel = WEIR_TEMPORARY});
}

static void step(void) {
    struct consumer *consumer = &s.consumers[weir__rng_below(&s.rng, CONSUMERS)];
    uint64_t count = 1 + weir__rng_below(&s.rng, 20);
    uint64_t what = weir__rng_below(&s.rng, 100);
    if (what < 25 && consumer->subscription.id != 0) {
        weir_ask(s.rig.runtime, consumer->subscription, count);
        consumer->asked += count;
    } else if (what < 50 && !consumer->dead) {
        change_subscription(consumer);
    } else if (what < 75) {
        player_cast(&s.p, 1 + count / 4); /* asked for or not */
    } else if (what < 80) {
        player_cast(s.source, count);
    } else if (what < 85) {
        player_info(s.source, count);
    } else if (what < 86 && !consumer->dead) {
        consumer->dead = true;
        consumer->subscription.id = 0;
        player_stop(&consumer->player, WEIR_REASON_USER);
    } else if (what < 89 && s.source == &s.p) {
        s.holds = !s.holds;
        player_demand(&s.p, s.holds ? WEIR_ACCUMULATE : WEIR_FORWARD);
    } else {
        weir_runtime_step(s.rig.runtime, count);
    }
}

static void play(uint64_t seed) {
    for (int i = 0; i < STEPS; i++) {
        step();
        if (s.holds || weir__rng_below(&s.rng, 10) > 0) continue;
        for (rig_rest(&s.rig); s.owed > 0; rig_rest(&s.rig)) player_cast(&s.p, s.owed);
        if (!all_are_served()) {
            fail_msg("seed %llu, step %d: a consumer waits", (unsigned long long)seed, i);
        }
    }
    rig_close(&s.rig);
}

static void nobody_waits(const weir_dispatcher *dispatcher) {
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        bool middle = seed % 2;
        for (int world = 0; open_scene(world, dispatcher, middle, seed); world++) play(seed);
    }
}

static void nobody_waits_for_what_he_has_asked(void **state) {
    (void)state;
    nobody_waits(weir_demand_dispatcher());
}

static void nobody_waits_for_what_all_have_asked(void **state) {
    (void)state;
    nobody_waits(weir_broadcast_dispatcher());
}

static void nobody_waits_where_all_compete(void **state) {
    (void)state;
    nobody_waits(weir_shared_dispatcher());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_waits_for_what_he_has_asked),
        cmocka_unit_test(nobody_waits_for_what_all_have_asked),
        cmocka_unit_test(nobody_waits_where_all_compete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
