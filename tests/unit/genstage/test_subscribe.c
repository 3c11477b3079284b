/*
 * Behaviour: subscribing and waiting for it, and who is subscribed to whom.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: who waits learns whether the subscription stands; what cannot be is refused
 * and changes nothing at either end; both ends can list their subscriptions; a
 * subscription to whom is gone ends as any other does, by its cancel mode.
 * Method: subscriptions by weir_subscribe and weir_subscribe_wait in every kind of
 * stepped runtime, and on threads.
 */
#include "support/deeds.h"
#include "support/player.h"
#include "support/worlds.h"

#include <string.h>

static const weir_subscribe_options temporary = {.max_demand = 10, .cancel = WEIR_TEMPORARY};

static weir_status subscribe_wait(struct player *consumer, const struct player *producer,
                                  const weir_subscribe_options *options, weir_subscription *out) {
    return weir_subscribe_wait(consumer->rig->runtime, consumer->ref, producer->ref, options,
                               WEIR_FOREVER, out);
}

/* How many subscriptions a stage has; the newest goes to `newest`. */
static size_t subscribed(struct player *player, weir_kind as, weir_subscription *newest) {
    weir_subscription all[8];
    size_t count = 99;
    weir_status status =
        as == WEIR_PRODUCER
            ? weir_consumers(player->rig->runtime, player->ref, WEIR_FOREVER, all, 8, &count)
            : weir_producers(player->rig->runtime, player->ref, WEIR_FOREVER, all, 8, &count);
    assert_int_equal(status, WEIR_OK);
    if (newest != NULL && count > 0) *newest = all[0];
    return count;
}

static void who_waits_finds_both_ends_subscribed(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player t = {.name = "t", .kind = WEIR_PRODUCER_CONSUMER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    weir_subscription first, second, seen;
    PLAYERS_START(rig, &p, &t, &c);
    assert_int_equal(subscribe_wait(&t, &p, NULL, &first), WEIR_OK);
    assert_int_equal(subscribe_wait(&c, &t, NULL, &second), WEIR_OK);
    assert_int_not_equal(first.id, second.id);
    player_expect(&c, "subscribe t\n");
    player_expect(&t, "subscribe p\nsubscribe c\n");
    assert_int_equal(subscribed(&p, WEIR_PRODUCER, &seen), 1);
    assert_int_equal(seen.id, first.id);
    assert_int_equal(seen.consumer.bits, t.ref.bits);
    assert_int_equal(subscribed(&t, WEIR_CONSUMER, &seen), 1);
    assert_int_equal(seen.id, first.id);
    assert_int_equal(seen.producer.bits, p.ref.bits);
    assert_int_equal(subscribed(&t, WEIR_PRODUCER, &seen), 1);
    assert_int_equal(seen.id, second.id);
    assert_int_equal(subscribed(&c, WEIR_PRODUCER, NULL), 0);
    assert_int_equal(subscribed(&p, WEIR_CONSUMER, NULL), 0);
    rig_close(rig);
}

static void the_list_is_cut_to_the_room_but_counted_whole(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    PLAYERS_START(rig, &p, &c);
    for (int i = 0; i < 5; i++) player_subscribe(&c, &p, &temporary);
    rig_rest(rig);
    weir_subscription two[3] = {{.id = 0}, {.id = 0}, {.id = 7}};
    size_t count = 0;
    assert_int_equal(weir_consumers(rig->runtime, p.ref, WEIR_FOREVER, two, 2, &count), WEIR_OK);
    assert_int_equal(count, 5);
    assert_int_not_equal(two[0].id, two[1].id);
    assert_int_equal(two[2].id, 7);
    assert_int_equal(weir_producers(rig->runtime, c.ref, WEIR_FOREVER, NULL, 0, &count), WEIR_OK);
    assert_int_equal(count, 5);
    rig_close(rig);
}

/* ---- refusals -------------------------------------------------------------------- */

static void what_cannot_be_is_refused_before_anything_happens(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    PLAYERS_START(rig, &p, &c);
    weir_subscription out = {.id = 7};
    const weir_subscribe_options wrong = {.min_demand = 2000};
    assert_int_equal(subscribe_wait(&c, &p, &wrong, &out), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "min_demand must be at most 999, got 2000");
    assert_int_equal(subscribe_wait(&p, &p, NULL, &out), WEIR_NOT_A_CONSUMER);
    assert_int_equal(subscribe_wait(&c, &c, NULL, &out), WEIR_NOT_A_PRODUCER);
    player_stop(&c, WEIR_REASON_NORMAL);
    rig_rest(rig);
    assert_int_equal(subscribe_wait(&c, &p, NULL, &out), WEIR_NO_STAGE);
    assert_int_equal(out.id, 7);
    player_expect(&p, "");
    player_expect(&c, "terminate normal\n");
    rig_close(rig);
}

/* GenStage's caller is told that all is well, whatever the producer says. */
static void who_waits_is_told_of_a_refusal_by_either_end(struct rig *rig, int end) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    (end ? &c : &p)->does.subscribe = deed_refuse;
    PLAYERS_START(rig, &p, &c);
    assert_int_equal(subscribe_wait(&c, &p, &temporary, NULL), WEIR_NO_SUBSCRIPTION);
    rig_rest(rig);
    assert_int_equal(subscribed(&p, WEIR_PRODUCER, NULL), 0);
    assert_int_equal(subscribed(&c, WEIR_CONSUMER, NULL), 0);
    rig_close(rig);
}

/* Refused as a duplicate: nobody stops, whatever the cancel mode, and one remains. */
static void a_broadcast_takes_each_stage_once(struct rig *rig, int waits) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    weir_subscription first, seen;
    player_start(&p, rig, &(weir_stage_options){.dispatcher = weir_broadcast_dispatcher()});
    player_start(&c, rig, NULL);
    assert_int_equal(subscribe_wait(&c, &p, NULL, &first), WEIR_OK);
    for (int again = 0; again < 3; again++) {
        if (waits) {
            assert_int_equal(subscribe_wait(&c, &p, NULL, NULL), WEIR_NO_SUBSCRIPTION);
        } else {
            player_subscribe(&c, &p, NULL); /* permanent */
        }
        rig_rest(rig);
        assert_non_null(strstr(c.journal.text, "cancel p already_subscribed\n"));
        rig_text_expect(&c.journal, c.journal.text);
    }
    assert_int_equal(subscribed(&p, WEIR_PRODUCER, &seen), 1);
    assert_int_equal(seen.id, first.id);
    assert_int_equal(subscribed(&c, WEIR_CONSUMER, &seen), 1);
    assert_int_equal(seen.id, first.id);
    player_cast(&p, 3);
    rig_rest(rig);
    player_expect(&c, "events 0..2\n"); /* once */
    rig_close(rig);
}

/* ---- whom there is not ------------------------------------------------------------- */

static void whoever_is_gone_is_refused_and_kills_nobody(struct rig *rig, int mode) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    const weir_subscribe_options options = {.cancel = (weir_cancel_mode)mode};
    PLAYERS_START(rig, &p, &c);
    player_stop(&p, WEIR_REASON_NORMAL);
    rig_rest(rig);
    assert_int_equal(subscribe_wait(&c, &p, &options, NULL), WEIR_NO_STAGE);
    assert_int_equal(weir_subscribe(rig->runtime, c.ref, p.ref, &options, NULL), WEIR_NO_STAGE);
    rig_rest(rig);
    player_expect(&c, "");
    assert_int_equal(weir_runtime_stages(rig->runtime), 1);
    rig_close(rig);
}

/* Gone in between: the consumer hears of it as of a producer's death. */
static void whoever_goes_meanwhile_is_noproc(struct rig *rig, int mode) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    PLAYERS_START(rig, &p, &c);
    player_stop(&p, WEIR_REASON_NORMAL);
    weir_status status =
        subscribe_wait(&c, &p, &(weir_subscribe_options){.cancel = (weir_cancel_mode)mode}, NULL);
    assert_true(status == WEIR_NO_STAGE || status == WEIR_NO_SUBSCRIPTION);
    rig_rest(rig);
    player_expect(&c, mode == WEIR_TEMPORARY ? "subscribe p\ndown p noproc\n"
                                             : "subscribe p\ndown p noproc\nterminate noproc\n");
    rig_close(rig);
}

/* ---- at the start -------------------------------------------------------------------- */

static weir_subscribe_verdict ask_for_fifty(weir_stage *self, struct player *player,
                                            const weir_peer *peer) {
    weir_runtime *runtime = weir_stage_runtime(self);
    *(weir_subscription *)player->own = peer->subscription;
    RIG_CHECK(player->rig, weir_ask(runtime, peer->subscription, 50) == WEIR_OK);
    return WEIR_MANUAL;
}

static void a_manual_consumer_may_subscribe_at_its_start(struct rig *rig) {
    weir_subscription subscription = {.id = 0};
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = UINT64_MAX};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .own = &subscription};
    c.does.subscribe = ask_for_fifty;
    player_start(&p, rig, NULL);
    const weir_subscribe_to to = {.producer = p.ref, .options = temporary};
    player_start(&c, rig, &(weir_stage_options){.subscribe_to = &to, .subscribe_count = 1});
    rig_rest(rig);
    player_expect(&c, "subscribe p\nevents 0..49\n");
    weir_ask(rig->runtime, subscription, 50);
    rig_rest(rig);
    player_expect(&c, "events 50..99\n");
    rig_close(rig);
}

static void on_threads_who_waits_is_answered(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.workers = 2, .unpinned = true});
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 100, .quiet = true};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
    PLAYERS_START(&rig, &p, &c);
    for (int i = 0; i < 100; i++) {
        weir_subscription subscription;
        assert_int_equal(subscribe_wait(&c, &p, &temporary, &subscription), WEIR_OK);
        assert_int_equal(weir_cancel(rig.runtime, subscription, WEIR_REASON_NORMAL), WEIR_OK);
    }
    rig_rest(&rig);
    assert_int_equal(subscribed(&p, WEIR_PRODUCER, NULL), 0);
    assert_int_equal(subscribed(&c, WEIR_CONSUMER, NULL), 0);
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(who_waits_finds_both_ends_subscribed),
        TEST_IN_WORLDS(the_list_is_cut_to_the_room_but_counted_whole),
        TEST_IN_WORLDS(what_cannot_be_is_refused_before_anything_happens),
        TEST_IN_WORLDS_AND_WAYS(who_waits_is_told_of_a_refusal_by_either_end, 2),
        TEST_IN_WORLDS_AND_WAYS(a_broadcast_takes_each_stage_once, 2),
        TEST_IN_WORLDS_AND_WAYS(whoever_is_gone_is_refused_and_kills_nobody, WEIR_TEMPORARY + 1),
        TEST_IN_WORLDS_AND_WAYS(whoever_goes_meanwhile_is_noproc, WEIR_TEMPORARY + 1),
        TEST_IN_WORLDS(a_manual_consumer_may_subscribe_at_its_start),
        cmocka_unit_test(on_threads_who_waits_is_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
