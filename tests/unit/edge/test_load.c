/*
 * The load: what is under way, what is heard, against a ledger of every event.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: flat events are never more than the bound allows, or one; what is noted is let go to the
 * byte once all of it is done; one event is heard of whenever nothing is under way, and none
 * that there is no room for at what is expected.
 * Method: rows worked out by hand; then random messages, sent whole as far as they were heard of,
 * and done in random steps.
 */
#include "edge/load.h"

#include "base/rng.h"
#include "support/cmocka.h"

static void flat_events_keep_to_the_bound(void **state) {
    (void)state;
    struct weir__load load;
    weir__load_open(&load, 1000, 64, true);
    assert_int_equal(weir__load_hears(&load, 0), 15);
    assert_int_equal(weir__load_hears(&load, 10), 5);
    weir__load_sent(&load, 10, 640);
    assert_int_equal(weir__load_hears(&load, 5), 0);
    assert_int_equal(weir__load_hears(&load, 0), 5);
    assert_int_equal(weir__load_room(&load), 360);
    assert_true(weir__load_done(&load, 4));
    assert_false(weir__load_done(&load, 4));
    assert_int_equal(weir__load_room(&load), 360 + 4 * 64);
    assert_int_equal(load.each, 64);
    WEIR__VERIFY(weir__load_check(&load, 10));
}

static void one_is_heard_of_however_long(void **state) {
    (void)state;
    struct weir__load load;
    weir__load_open(&load, 10, 64, true);
    assert_int_equal(weir__load_hears(&load, 0), 1);
    assert_int_equal(weir__load_hears(&load, 1), 0);
    weir__load_sent(&load, 1, 64);
    assert_int_equal(weir__load_room(&load), 0);
    assert_int_equal(weir__load_hears(&load, 0), 0);
    weir__load_done(&load, 1);
    assert_int_equal(weir__load_hears(&load, 0), 1);
}

/* Of events of one length. */
static void send_message(struct weir__load *load, uint64_t events, uint64_t bytes) {
    for (uint64_t i = 0; i < events; i++) weir__load_sent(load, 1, bytes / events);
    weir__load_message(load, bytes / events);
}

static void what_is_expected_rises_at_once_and_falls_slowly(void **state) {
    (void)state;
    struct weir__load load;
    weir__load_open(&load, 100000, 40000, false);
    assert_int_equal(weir__load_hears(&load, 0), 2);
    send_message(&load, 2, 200);
    assert_int_equal(load.each, 100); /* that was a guess */
    send_message(&load, 1, 60000);
    assert_int_equal(load.each, 60000);
    send_message(&load, 1, 100);
    assert_true(load.each < 60000 && load.each > 50000);
    for (uint64_t sent = 4; sent < 120; sent++) {
        weir__load_done(&load, sent);
        send_message(&load, 1, 100);
    }
    assert_int_equal(load.each, 100);
}

static void what_was_not_sent_weighs_nothing(void **state) {
    (void)state;
    struct weir__load load;
    weir__load_open(&load, 1000, 10, true);
    weir__load_sent(&load, 5, 50);
    weir__load_sent(&load, 6, 60);
    weir__load_unsent(&load, 6);
    WEIR__VERIFY(weir__load_check(&load, 5));
    assert_int_equal(load.bytes, 50);
    weir__load_unsent(&load, 2);
    WEIR__VERIFY(weir__load_check(&load, 3));
    assert_int_equal(load.bytes, 30);
}

/* ---- at random ----------------------------------------------------------------- */

enum { EVENTS = 4096 };

struct play {
    struct weir__rng rng;
    struct weir__load load;
    uint64_t weights[EVENTS];
    uint64_t sent, heard, done;
    bool crowded; /* since there was nothing under way the notes were once all in use */
};

static uint64_t weight(struct play *play) {
    return play->load.flat ? play->load.each : 1 + weir__rng_below(&play->rng, 500);
}

static void send_some(struct play *play) {
    uint64_t most = play->heard - play->sent;
    uint64_t count = most == 0 ? 0 : 1 + weir__rng_below(&play->rng, most);
    if (count > EVENTS - play->sent) count = EVENTS - play->sent;
    uint64_t bytes = 0;
    uint64_t longest = 0;
    for (uint64_t i = 0; i < count; i++) {
        bytes += play->weights[play->sent + i] = weight(play);
        uint64_t its = play->weights[play->sent + i];
        longest = its > longest ? its : longest;
        if (!play->load.flat) weir__load_sent(&play->load, 1, its);
    }
    if (count > 0 && play->load.flat) weir__load_sent(&play->load, count, bytes);
    if (count > 0 && !play->load.flat) weir__load_message(&play->load, longest);
    play->sent += count;
}

static uint64_t under_way(const struct play *play) {
    uint64_t bytes = 0;
    for (uint64_t i = play->done; i < play->sent; i++) bytes += play->weights[i];
    return bytes;
}

/* What is noted is what is under way, or more: an eighth of the bound at the oldest end, as long as
 * there are notes enough. */
static void expect_even(struct play *play) {
    play->crowded = play->load.count == WEIR__LOAD_NOTES || (play->crowded && play->load.count > 0);
    WEIR__VERIFY(weir__load_check(&play->load, play->sent));
    if (play->load.flat) {
        assert_int_equal(play->load.bytes, under_way(play));
        assert_true(play->load.bytes <= play->load.most || play->load.events == 1);
    }
    assert_true(play->load.bytes >= under_way(play));
    if (!play->crowded) {
        assert_true(play->load.bytes <= under_way(play) + play->load.most / 8 + 500);
    }
    if (play->done == play->sent) assert_int_equal(play->load.bytes, 0);
}

static void step(struct play *play) {
    uint64_t open = play->heard - play->sent;
    uint64_t more = weir__load_hears(&play->load, open);
    if (open == 0 && play->sent == play->done) assert_true(more > 0);
    if (more > 0) play->heard += 1 + weir__rng_below(&play->rng, more);
    send_some(play);
    expect_even(play);
    uint64_t left = play->sent - play->done;
    play->done += left == 0 ? 0 : weir__rng_below(&play->rng, left + 1);
    weir__load_done(&play->load, play->done);
    expect_even(play);
}

static void any_messages_come_out_even(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 150; seed++) {
        static struct play play;
        play = (struct play){0};
        weir__rng_seed(&play.rng, seed);
        bool flat = seed % 2 == 0;
        uint64_t most = 1 + weir__rng_below(&play.rng, 4000);
        weir__load_open(&play.load, most, 1 + weir__rng_below(&play.rng, 500), flat);
        for (int turns = 0; turns < 4000 && play.sent < EVENTS; turns++) step(&play);
        assert_true(play.sent > 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flat_events_keep_to_the_bound),
        cmocka_unit_test(one_is_heard_of_however_long),
        cmocka_unit_test(what_is_expected_rises_at_once_and_falls_slowly),
        cmocka_unit_test(what_was_not_sent_weighs_nothing),
        cmocka_unit_test(any_messages_come_out_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
