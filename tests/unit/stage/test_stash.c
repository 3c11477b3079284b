/*
 * The stash: what a stage keeps past its callback comes out in order, and is counted.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what is stashed comes out in order, once, between what else is emitted, or is
 * dropped; until then it is buffered in the accounts; what cannot be is refused, and changes
 * nothing.  (Blocks, want of memory, ends, and a long random run: test_stash_ends.c.)
 * Method: keepers, which stash what they get, and on a cast look, emit or drop; by journals.
 */
#include "support/cmocka.h"
#include "support/stash_scene.h"

#include <string.h>

/* ---- in and out ---------------------------------------------------------- */

static void what_is_stashed_is_buffered_until_it_is_let_go(void **state) {
    (void)state;
    for (int world = 0; rig_open_world(&stash_scene.rig, world); world++) {
        stash_scene_open(NULL, NULL);
        stash_scene_tell(&stash_scene.p, 30);
        stash_scene_expect(30);
        stash_scene_tell(&stash_scene.t, 0);
        stash_scene_tell(&stash_scene.t, 10);
        stash_scene_expect(20);
        stash_scene_tell(&stash_scene.t, STASH_DROP + 5);
        stash_scene_expect(15);
        stash_scene_tell(&stash_scene.t, 15);
        stash_scene_expect(0);
        player_expect(&stash_scene.c, "events 0..9\nevents 15..29\n");
        rig_close(&stash_scene.rig);
    }
}

/* Events of single entries, which have no block, and of slices. */
static void small_and_large_keep_their_order(void **state) {
    (void)state;
    for (int world = 0; rig_open_world(&stash_scene.rig, world); world++) {
        stash_scene_open(NULL, NULL);
        static const uint64_t counts[] = {1, 1, 30, 1, 5, 900, 2, 60};
        for (size_t i = 0; i < 8; i++) stash_scene_tell(&stash_scene.p, counts[i]);
        stash_scene_expect(1000);
        stash_scene_tell(&stash_scene.t, 999);
        stash_scene_tell(&stash_scene.t, 1);
        stash_scene_expect(0);
        player_expect(&stash_scene.c, "events 0..998\nevents 999\n");
        rig_close(&stash_scene.rig);
    }
}

static weir_verdict emit_among_others(weir_stage *self, struct player *player, uint64_t number) {
    player_emit_numbers(self, &(uint64_t){1000}, 1);
    weir_room room = weir_reserve(self, 2);
    uint64_t *out = room.events;
    out[0] = 2000;
    weir_commit(self, 1);
    RIG_CHECK(player->rig, weir_stash_emit(self, 2) == WEIR_OK);
    player_emit_numbers(self, &(uint64_t){3000}, 1);
    RIG_CHECK(player->rig, weir_reserve(self, 1).count == 1);
    RIG_CHECK(player->rig, weir_stash_emit(self, (size_t)number - 2) == WEIR_OK);
    RIG_CHECK(player->rig, weir_commit(self, 1) == WEIR_INVALID); /* no room any more */
    player_emit_numbers(self, &(uint64_t){4000}, 1);
    player->emitted += 1 + number;
    return WEIR_CONTINUE;
}

static void what_is_emitted_takes_its_place(void **state) {
    (void)state;
    for (int world = 0; rig_open_world(&stash_scene.rig, world); world++) {
        stash_scene_open(NULL, NULL);
        stash_scene.t.does.cast = emit_among_others;
        stash_scene_tell(&stash_scene.p, 10);
        stash_scene_tell(&stash_scene.t, 7);
        player_expect(&stash_scene.c, "events 1000 2000 0 1 3000 2..6 4000\n");
        stash_scene_tell(&stash_scene.t, 3);
        player_expect(&stash_scene.c, "events 1000 2000 7 8 3000 9 4000\n");
        rig_close(&stash_scene.rig);
    }
}

/* A batch of ten: some of it, in rising order, and none of it twice. */
static weir_verdict stash_some(weir_stage *self, struct player *player, weir_batch batch) {
    struct rig *rig = player->rig;
    (void)batch;
    RIG_CHECK(rig, weir_stash(self, 1, 2) == WEIR_OK);
    RIG_CHECK(rig, weir_stash(self, 2, 1) == WEIR_INVALID);
    RIG_CHECK(rig, strcmp(weir_refusal(),
                          "stage t cannot stash 1 events from number 2 on: those before and at "
                          "the last one stashed are out of turn") == 0);
    RIG_CHECK(rig, weir_stash(self, 0, 1) == WEIR_INVALID);
    RIG_CHECK(rig, weir_stash(self, 0, 0) == WEIR_OK);
    RIG_CHECK(rig, weir_stash(self, 3, 1) == WEIR_OK);
    RIG_CHECK(rig, weir_stash(self, 9, 2) == WEIR_INVALID);
    RIG_CHECK(rig, weir_stash(self, 11, 0) == WEIR_INVALID);
    RIG_CHECK(rig, weir_stash(self, 5, SIZE_MAX) == WEIR_INVALID);
    RIG_CHECK(rig, strstr(weir_refusal(), "the batch has fewer") != NULL);
    RIG_CHECK(rig, weir_stash(self, 9, 1) == WEIR_OK);
    RIG_CHECK(rig, weir_stashed(self) == 4);
    return WEIR_CONTINUE;
}

static void a_batch_is_stashed_in_rising_order(void **state) {
    (void)state;
    for (int world = 0; rig_open_world(&stash_scene.rig, world); world++) {
        stash_scene_open(NULL, NULL);
        stash_scene.t.does.events = stash_some;
        stash_scene_tell(&stash_scene.p, 10);
        stash_scene_expect(4);
        stash_scene_tell(&stash_scene.t, 4);
        player_expect(&stash_scene.c, "events 1..3 9\n");
        rig_close(&stash_scene.rig);
    }
}

/* ---- refusals ------------------------------------------------------------ */

static weir_verdict forward_then_stash(weir_stage *self, struct player *player, weir_batch batch) {
    player->emitted += batch.count;
    weir_verdict verdict = weir_forward(self);
    RIG_CHECK(player->rig, weir_stash(self, 0, 1) == WEIR_INVALID);
    RIG_CHECK(player->rig, strstr(weir_refusal(), "the batch was forwarded") != NULL);
    return verdict;
}

static weir_verdict stash_then_forward(weir_stage *self, struct player *player, weir_batch batch) {
    (void)batch;
    RIG_CHECK(player->rig, weir_stash(self, 0, 1) == WEIR_OK);
    weir_verdict verdict = weir_forward(self);
    RIG_CHECK(player->rig, verdict == WEIR_STOP);
    RIG_CHECK(player->rig, strstr(weir_refusal(), "some of its events are in the stash") != NULL);
    return verdict;
}

static void a_batch_goes_one_way_only(void **state) {
    (void)state;
    for (uint64_t count = 1; count < 40; count += 19) { /* inline or not */
        for (int world = 0; rig_open_world(&stash_scene.rig, world); world++) {
            stash_scene_open(NULL, NULL);
            stash_scene.t.does.events = forward_then_stash;
            stash_scene_tell(&stash_scene.p, count);
            stash_scene_expect(0);
            assert_int_equal(stash_scene.c.handled, count);
            stash_scene.t.does.events = stash_then_forward;
            stash_scene_tell(&stash_scene.p, count);
            assert_int_equal(stash_scene.t.discarded, 1);
            assert_non_null(strstr(stash_scene.t.journal.text,
                                   "discarded 1 stopped\nterminate bad_return_value\n"));
            assert_int_equal(stash_scene.c.handled, count);
            stash_scene.t.handled -= stash_scene.t.discarded;
            rig_close(&stash_scene.rig);
        }
    }
}

/* What the stash shows is no batch at hand: to be read, and nothing else. */
static weir_verdict misuse(weir_stage *self, struct player *player, uint64_t number) {
    struct rig *rig = player->rig;
    RIG_CHECK(rig, weir_stash_front(self, 0).count > 0);
    RIG_CHECK(rig, weir_stash(self, 0, 1) == WEIR_INVALID);
    RIG_CHECK(rig, strstr(weir_refusal(), "no batch is at hand") != NULL);
    RIG_CHECK(rig, weir_own(self) == NULL);
    RIG_CHECK(rig, weir_forward(self) == WEIR_STOP);
    weir_stop_with(self, WEIR_REASON_NORMAL);
    RIG_CHECK(rig, weir_stash_emit(self, (size_t)number + 1) == WEIR_INVALID);
    RIG_CHECK(rig,
              strcmp(weir_refusal(), "count must be at most the events stashed, 5, got 6") == 0);
    RIG_CHECK(rig, weir_stash_drop(self, SIZE_MAX) == WEIR_INVALID);
    RIG_CHECK(rig, weir_stashed(self) == number);
    return WEIR_CONTINUE;
}

static weir_verdict a_consumer_drops(weir_stage *self, struct player *player, uint64_t number) {
    RIG_CHECK(player->rig, weir_stash_emit(self, (size_t)number) == WEIR_INVALID);
    RIG_CHECK(player->rig, strcmp(weir_refusal(), "stage c cannot emit here") == 0);
    RIG_CHECK(player->rig, weir_stash_drop(self, (size_t)number) == WEIR_OK);
    return WEIR_CONTINUE;
}

static void what_cannot_be_is_refused(void **state) {
    (void)state;
    for (int world = 0; rig_open_world(&stash_scene.rig, world); world++) {
        stash_scene_open(NULL, NULL);
        stash_scene_tell(&stash_scene.p, 5);
        stash_scene.t.does.cast = misuse;
        stash_scene_tell(&stash_scene.t, 5);
        stash_scene.t.does.cast = stash_scene_let_go;
        stash_scene.c.does.events = deed_stash;
        stash_scene.c.does.cast = a_consumer_drops;
        stash_scene_tell(&stash_scene.t, 5);
        stash_scene_expect(5);
        stash_scene_tell(&stash_scene.c, 5);
        stash_scene_expect(0);
        rig_close(&stash_scene.rig);
    }
}

static weir_verdict emit_another_size(weir_stage *self, struct player *player, uint64_t number) {
    RIG_CHECK(player->rig, weir_stash_emit(self, (size_t)number) == WEIR_INVALID);
    RIG_CHECK(player->rig,
              strcmp(weir_refusal(),
                     "stage t emits events of 4 bytes, others are stashed: of another size") == 0);
    RIG_CHECK(player->rig, weir_stash_drop(self, (size_t)number) == WEIR_OK);
    return WEIR_CONTINUE;
}

static void another_size_is_not_emitted(void **state) {
    (void)state;
    for (int world = 0; rig_open_world(&stash_scene.rig, world); world++) {
        stash_scene_open(NULL, &(weir_stage_options){.event_bytes = 4});
        stash_scene.t.does.cast = emit_another_size;
        stash_scene_tell(&stash_scene.p, 5);
        stash_scene_tell(&stash_scene.t, 5);
        stash_scene_expect(0);
        rig_close(&stash_scene.rig);
    }
}

/* ---- looking ------------------------------------------------------------- */

static weir_verdict look(weir_stage *self, struct player *player, uint64_t number) {
    weir_batch front;
    uint64_t next = number;
    while ((front = weir_stash_front(self, 7)).count > 0) {
        const uint64_t *numbers = front.events;
        RIG_CHECK(player->rig, front.count <= 7 && weir_stash_event_bytes(self) == 8);
        for (size_t i = 0; i < front.count; i++) RIG_CHECK(player->rig, numbers[i] == next++);
        RIG_CHECK(player->rig, weir_stash_drop(self, front.count) == WEIR_OK);
    }
    RIG_CHECK(player->rig, weir_stash_front(self, 0).events == NULL);
    RIG_CHECK(player->rig, weir_stashed(self) == 0 && weir_stash_event_bytes(self) == 0);
    RIG_CHECK(player->rig, next == 1033);
    return WEIR_CONTINUE;
}

static void the_oldest_are_shown(void **state) {
    (void)state;
    for (int world = 0; rig_open_world(&stash_scene.rig, world); world++) {
        stash_scene_open(NULL, NULL);
        stash_scene_tell(&stash_scene.p, 1);
        stash_scene_tell(&stash_scene.p, 1000);
        stash_scene_tell(&stash_scene.p, 32);
        stash_scene_tell(&stash_scene.t, 1);
        player_expect(&stash_scene.c, "events 0\n");
        stash_scene.t.does.cast = look;
        stash_scene_tell(&stash_scene.t, 1);
        stash_scene_expect(0);
        rig_close(&stash_scene.rig);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_stashed_is_buffered_until_it_is_let_go),
        cmocka_unit_test(small_and_large_keep_their_order),
        cmocka_unit_test(what_is_emitted_takes_its_place),
        cmocka_unit_test(a_batch_is_stashed_in_rising_order),
        cmocka_unit_test(a_batch_goes_one_way_only),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(another_size_is_not_emitted),
        cmocka_unit_test(the_oldest_are_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
