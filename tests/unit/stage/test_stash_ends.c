/*
 * The stash and memory, the stash and ends, the stash at random.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what is stashed lies where it lay, but pins no large block; without memory nothing
 * moves; what is kept when its stage stops is discarded and told, and one that is to finish
 * waits for its stash; a long run agrees with a list.
 * Method: keepers, as in test_stash.c; the list is of what should be in the stash, and of what
 * should have come out.  (All allocations failing: famine/flow.)
 */
#include "base/rng.h"
#include "support/cmocka.h"
#include "support/stash_scene.h"

#include <string.h>

/* ---- memory -------------------------------------------------------------- */

static weir_verdict note_place(weir_stage *self, struct player *player, weir_batch batch) {
    if (player->own == NULL) player->own = (void *)(uintptr_t)batch.events;
    return deed_stash(self, player, batch);
}

static weir_verdict check_place(weir_stage *self, struct player *player, uint64_t number) {
    RIG_CHECK(player->rig, weir_stash_front(self, 0).events == player->own);
    player->own = (uint64_t *)player->own + number;
    return stash_scene_let_go(self, player, number);
}

static void large_slices_stay_where_they_are(void **state) {
    (void)state;
    for (int world = 0; rig_open_world(&stash_scene.rig, world); world++) {
        stash_scene_open(NULL, NULL);
        stash_scene.t.does.events = note_place;
        stash_scene.t.does.cast = check_place;
        stash_scene_tell(&stash_scene.p, 5000);
        uint64_t made = rig_accounts(&stash_scene.rig).blocks_made;
        stash_scene_tell(&stash_scene.p, 1500);
        stash_scene_tell(&stash_scene.t, 999);
        stash_scene_tell(&stash_scene.t, 1);
        assert_int_equal(rig_accounts(&stash_scene.rig).blocks_made, made);
        stash_scene_tell(&stash_scene.t, STASH_DROP + 5500);
        player_expect(&stash_scene.c, "events 0..998\nevents 999\n");
        stash_scene_expect(0);
        rig_close(&stash_scene.rig);
    }
}

static weir_verdict stash_one(weir_stage *self, struct player *player, weir_batch batch) {
    RIG_CHECK(player->rig, weir_stash(self, batch.count / 2, 1) == WEIR_OK);
    return WEIR_CONTINUE;
}

/* One event of each block of 64 KiB: kept as they lie they would keep 40 blocks. */
static void few_events_pin_no_blocks(void **state) {
    (void)state;
    for (int world = 0; rig_open_world(&stash_scene.rig, world); world++) {
        stash_scene_open(NULL, NULL);
        stash_scene.t.does.events = stash_one;
        for (int i = 0; i < 40; i++) stash_scene_tell(&stash_scene.p, 8192);
        uint64_t kept = stash_scene.t.batches; /* 40, and more where demand cut them */
        stash_scene_expect(kept);
        assert_in_range(rig_accounts(&stash_scene.rig).blocks_live, 1, 4);
        stash_scene_tell(&stash_scene.t, kept);
        assert_int_equal(stash_scene.c.handled, kept);
        rig_close(&stash_scene.rig);
    }
}

static weir_verdict zero(weir_stage *self, struct player *player, weir_batch batch) {
    const void *before = batch.events;
    uint64_t *numbers = weir_own(self);
    RIG_CHECK(player->rig, numbers != NULL && (const void *)numbers != before);
    for (size_t i = 0; numbers != NULL && i < batch.count; i++) numbers[i] = 0;
    return WEIR_CONTINUE;
}

/* What two have of a broadcast neither may write to, stashed or not. */
static void shared_events_stay_shared(void **state) {
    (void)state;
    for (int world = 0; rig_open_world(&stash_scene.rig, world); world++) {
        stash_scene_open(&(weir_stage_options){.dispatcher = weir_broadcast_dispatcher()}, NULL);
        struct player d = {.name = "d", .kind = WEIR_CONSUMER, .quiet = true, .does.events = zero};
        player_start(&d, &stash_scene.rig, NULL);
        player_subscribe(&d, &stash_scene.p, &(weir_subscribe_options){.max_demand = 20000});
        rig_rest(&stash_scene.rig);
        stash_scene_tell(&stash_scene.p, 4000);
        stash_scene.c.does.events = zero; /* still shared, as far as anybody knows */
        stash_scene_tell(&stash_scene.t, 999);
        player_expect(&stash_scene.c, "events 0..998\n");
        assert_int_equal(d.handled, 4000);
        stash_scene_tell(&stash_scene.t, STASH_DROP + 3001);
        rig_close(&stash_scene.rig);
    }
}

static weir_verdict stash_without(weir_stage *self, struct player *player, weir_batch batch) {
    struct rig *rig = player->rig;
    test_memory_fail(&rig->memory, 1, true);
    RIG_CHECK(rig, weir_stash(self, 0, 1) == WEIR_NO_MEMORY);
    RIG_CHECK(rig, strcmp(weir_refusal(), "no memory to stash 1 events") == 0);
    RIG_CHECK(rig, weir_stashed(self) == 0);
    test_memory_fail_never(&rig->memory);
    return deed_stash(self, player, batch); /* nothing of it was */
}

static weir_verdict emit_without(weir_stage *self, struct player *player, uint64_t number) {
    struct rig *rig = player->rig;
    test_memory_fail(&rig->memory, 1, true);
    RIG_CHECK(rig, weir_stash_emit(self, (size_t)number) == WEIR_NO_MEMORY);
    RIG_CHECK(rig, weir_stashed(self) == number);
    test_memory_fail_never(&rig->memory);
    return stash_scene_let_go(self, player, number);
}

static void without_memory_nothing_moves(void **state) {
    (void)state;
    for (uint64_t count = 1; count < 40; count += 19) { /* inline or not */
        rig_open(&stash_scene.rig, NULL);
        stash_scene_open(NULL, NULL);
        stash_scene.t.does.events = stash_without;
        stash_scene.t.does.cast = emit_without;
        stash_scene_tell(&stash_scene.p, count);
        stash_scene_expect(count);
        stash_scene_tell(&stash_scene.t, count);
        stash_scene_expect(0);
        assert_int_equal(stash_scene.c.handled, count);
        rig_close(&stash_scene.rig);
    }
}

/* ---- ends ---------------------------------------------------------------- */

static void what_is_kept_at_the_end_is_told(void **state) {
    (void)state;
    for (int world = 0; rig_open_world(&stash_scene.rig, world); world++) {
        stash_scene_open(NULL, NULL);
        stash_scene_tell(&stash_scene.p, 1);
        stash_scene_tell(&stash_scene.p, 30);
        stash_scene_tell(&stash_scene.t, 3);
        player_stop(&stash_scene.t, WEIR_REASON_NORMAL);
        rig_rest(&stash_scene.rig);
        player_expect(&stash_scene.t, "events 0\nevents 1..30\ncast 3\ndiscarded 28 stopped\n"
                                      "terminate normal\n");
        weir_accounts accounts = rig_accounts(&stash_scene.rig);
        assert_null(weir_accounts_check(&accounts));
        assert_int_equal(accounts.buffered, 0);
        assert_int_equal(accounts.discarded, 28);
        stash_scene.t.handled -= 28;
        rig_close(&stash_scene.rig);
    }
}

/* A stage that is to finish waits for its stash. */
static void a_stash_holds_up_the_end(void **state) {
    (void)state;
    for (int world = 0; rig_open_world(&stash_scene.rig, world); world++) {
        stash_scene_open(NULL, NULL);
        stash_scene_tell(&stash_scene.p, 30);
        player_stop(&stash_scene.p, WEIR_REASON_NORMAL);
        assert_int_equal(weir_finish(stash_scene.rig.runtime, stash_scene.t.ref), WEIR_OK);
        rig_rest(&stash_scene.rig);
        stash_scene_tell(&stash_scene.t, 29);
        assert_null(strstr(stash_scene.t.journal.text, "terminate"));
        stash_scene_tell(&stash_scene.t, STASH_DROP + 1);
        assert_non_null(strstr(stash_scene.t.journal.text, "terminate normal"));
        player_expect(&stash_scene.c, "events 0..28\ndown t normal\n");
        assert_int_equal(rig_accounts(&stash_scene.rig).discarded, 0);
        rig_close(&stash_scene.rig);
    }
}

/* ---- at random ----------------------------------------------------------- */

/* A list of what should be in the stash, and of what should come out. */
struct ledger {
    struct weir__rng rng;
    uint64_t kept[1 << 16];
    size_t first;
    size_t last;
    uint64_t out[1 << 16];
    size_t sent;
    size_t seen;
};

static struct ledger ledger;

static size_t draw(size_t most) {
    return (size_t)(weir__rng_next(&ledger.rng) % (most + 1));
}

static void let_some_go(weir_stage *self, struct player *player) {
    size_t count = draw(ledger.last - ledger.first);
    bool emits = draw(2) > 0;
    weir_status done = emits ? weir_stash_emit(self, count) : weir_stash_drop(self, count);
    RIG_CHECK(player->rig, done == WEIR_OK);
    for (size_t i = 0; emits && i < count; i++) {
        ledger.out[ledger.sent++] = ledger.kept[ledger.first + i];
    }
    player->emitted += emits ? count : 0;
    ledger.first += count;
    RIG_CHECK(player->rig, weir_stashed(self) == ledger.last - ledger.first);
}

static weir_verdict stash_at_random(weir_stage *self, struct player *player, weir_batch batch) {
    const uint64_t *numbers = batch.events;
    if (draw(3) == 0) let_some_go(self, player);
    for (size_t at = draw(2); at < batch.count;) {
        size_t count = draw(draw(3) == 0 ? batch.count - at : 2);
        count = count < batch.count - at ? count : batch.count - at;
        RIG_CHECK(player->rig, weir_stash(self, at, count) == WEIR_OK);
        for (size_t i = 0; i < count; i++) ledger.kept[ledger.last++] = numbers[at + i];
        at += count + draw(2);
    }
    if (draw(3) == 0) let_some_go(self, player);
    return WEIR_CONTINUE;
}

static weir_verdict go_at_random(weir_stage *self, struct player *player, uint64_t number) {
    (void)number;
    let_some_go(self, player);
    return WEIR_CONTINUE;
}

static weir_verdict check_off(weir_stage *self, struct player *player, weir_batch batch) {
    (void)self;
    const uint64_t *numbers = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        RIG_CHECK(player->rig, numbers[i] == ledger.out[ledger.seen++]);
    }
    return WEIR_CONTINUE;
}

static void the_ledger_agrees(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        memset(&ledger, 0, sizeof ledger);
        weir__rng_seed(&ledger.rng, seed);
        rig_open_world(&stash_scene.rig, (int)(seed % 7));
        stash_scene_open(NULL, NULL);
        stash_scene.p.quiet = stash_scene.t.quiet = stash_scene.c.quiet = true;
        stash_scene.t.does.events = stash_at_random;
        stash_scene.t.does.cast = go_at_random;
        stash_scene.c.does.events = check_off;
        for (int round = 0; round < 60; round++) {
            player_cast(&stash_scene.p, 1 + draw(draw(4) == 0 ? 900 : 6));
            if (draw(1) == 0) player_cast(&stash_scene.t, 0);
            if (draw(2) == 0) rig_rest(&stash_scene.rig);
        }
        rig_rest(&stash_scene.rig);
        stash_scene_expect(ledger.last - ledger.first);
        assert_int_equal(ledger.seen, ledger.sent);
        stash_scene.t.handled -= ledger.last - ledger.first; /* discarded at the end */
        rig_close(&stash_scene.rig);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_slices_stay_where_they_are),
        cmocka_unit_test(few_events_pin_no_blocks),
        cmocka_unit_test(shared_events_stay_shared),
        cmocka_unit_test(without_memory_nothing_moves),
        cmocka_unit_test(what_is_kept_at_the_end_is_told),
        cmocka_unit_test(a_stash_holds_up_the_end),
        cmocka_unit_test(the_ledger_agrees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
