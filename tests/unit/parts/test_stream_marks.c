/*
 * Marks for a stream's reader.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: where the reader wants them, each mark comes in its place among the events, once, by every
 * call; without the option nothing changes; a stream may end, be stopped or closed at a mark.
 * Method: stepped and simulated runtimes, where the reader's thread runs the workers; the reader
 * writes a journal.  rig_close compares the accounts with what it took.
 */
#include "support/mark_scene.h"
#include "support/stream_scene.h"
#include "support/worlds.h"

#include <poll.h>
#include <string.h>

static struct stream_scene f;

static void open_stream(bool marks, unsigned producers) {
    const weir_subscribe_options by_two = {.max_demand = 2, .cancel = WEIR_TEMPORARY};
    f.p = (struct player)MARK_PRODUCER("p");
    f.q = (struct player)MARK_PRODUCER("q");
    PLAYERS_START(&f.rig, &f.p, &f.q);
    const weir_subscribe_to list[] = {{.producer = f.p.ref, .options = by_two},
                                      {.producer = f.q.ref, .options = by_two}};
    const weir_stream_options options = {.event_bytes = sizeof(uint64_t),
                                         .marks = marks,
                                         .subscribe_to = list,
                                         .subscribe_count = producers};
    assert_int_equal(weir_stream_open(f.rig.runtime, &options, &f.stream), WEIR_OK);
    f.s = (struct player){
        .name = "stream", .ref = weir_stream_stage(f.stream), .started = f.rig.players};
    f.rig.players = &f.s;
    rig_rest(&f.rig);
}

static void read_mark(void) {
    static const char *const kinds[] = {"mark", "watermark", "flush", "end of file"};
    weir_mark mark = {0};
    assert_int_equal(weir_stream_mark(f.stream, &mark), WEIR_OK);
    rig_text_add(&f.s.journal, "%s %d\n", kinds[mark.kind < 4 ? mark.kind : 0], (int)mark.value);
}

static void note(const uint64_t *numbers, size_t count) {
    for (size_t i = 0; i < count; i++) rig_text_add(&f.s.journal, "%d\n", (int)numbers[i]);
    f.s.handled += count;
}

/* Reads until there is nothing more, by next or by batch; the last status. */
static weir_status read_all(int way) {
    for (;;) {
        uint64_t number = 0;
        weir_batch batch = {.events = &number, .count = 1};
        weir_status status = WEIR_OK;
        if (way == 0) {
            status = weir_stream_next(f.stream, &number, WEIR_FOREVER);
        } else {
            batch = weir_stream_batch(f.stream, 0, WEIR_FOREVER, &status);
        }
        if (status == WEIR_OK) {
            note(batch.events, batch.count);
        } else if (status == WEIR_AT_MARK) {
            assert_int_equal(scene_try(&f, 0), WEIR_AT_MARK); /* it is there until it is fetched */
            read_mark();
        } else {
            return status;
        }
    }
}

static void comes_in_its_place(struct rig *rig, int way) {
    (void)rig;
    open_stream(true, 1);
    f.p.does.cast = mark_all_kinds;
    player_cast(&f.p, 0);
    player_cast(&f.p, 0);
    assert_int_equal(read_all(way), WEIR_TIMEOUT);
    rig_text_expect(&f.s.journal, "0\n1\nwatermark 7\n2\nflush 0\nend of file 3\n3\nmark -1\n"
                                  "4\n5\n6\nflush 0\nend of file 3\n7\nmark -1\n");
    player_stop(&f.p, WEIR_REASON_NORMAL);
    assert_int_equal(read_all(way), WEIR_END);
    scene_finish(&f);
}

/* More than there are places for entries, before the reader comes; of watermarks, the last. */
static void many_wait_for_the_reader(struct rig *rig, int way) {
    (void)rig;
    open_stream(true, 1);
    for (int i = 1; i <= 300; i++) {
        player_cast(&f.p, i % 3 == 0 ? 1 : 1000 + (uint64_t)i);
        rig_rest(&f.rig);
    }
    assert_int_equal(read_all(way), WEIR_TIMEOUT);
    assert_int_equal(f.s.handled, 100);
    assert_non_null(strstr(f.s.journal.text, "watermark 299\n99\n"));
    f.s.journal.used = 0;
    scene_finish(&f);
}

static void who_wants_none_gets_none(struct rig *rig, int way) {
    (void)rig;
    open_stream(false, 1);
    f.p.does.cast = mark_all_kinds;
    player_cast(&f.p, 0);
    assert_int_equal(read_all(way), WEIR_TIMEOUT);
    rig_text_expect(&f.s.journal, "0\n1\n2\n3\n");
    scene_finish(&f);
}

static void watermarks_are_the_least(struct rig *rig, int way) {
    (void)rig;
    open_stream(true, 2);
    player_cast(&f.p, 1005);
    assert_int_equal(read_all(way), WEIR_TIMEOUT);
    player_cast(&f.q, 1003);
    assert_int_equal(read_all(way), WEIR_TIMEOUT);
    rig_text_expect(&f.s.journal, "watermark 3\n");
    const weir_subscription nobodys = weir_stream_subscription(f.stream);
    assert_int_equal(nobodys.producer.bits, 0);
    player_stop(&f.q, WEIR_REASON_NORMAL);
    assert_int_equal(read_all(way), WEIR_TIMEOUT);
    rig_text_expect(&f.s.journal, "watermark 5\n");
    scene_finish(&f);
}

/* What came before the end is read first; a mark, too. */
static void the_end_comes_behind_it(struct rig *rig, int way) {
    (void)rig;
    open_stream(true, 1);
    player_cast(&f.p, 2);
    player_cast(&f.p, 1004);
    rig_rest(&f.rig);
    player_stop(&f.p, WEIR_REASON_NORMAL);
    rig_rest(&f.rig);
    assert_int_equal(read_all(way), WEIR_END);
    rig_text_expect(&f.s.journal, "0\n1\nwatermark 4\n");
    scene_finish(&f);
}

static void close_stream(void) {
    scene_close_stream(&f);
    f.stream = NULL;
    rig_rest(&f.rig);
}

/* One that is the reader's already is not replaced. */
static void each_watermark_that_was_shown_comes(struct rig *rig, int way) {
    (void)rig;
    open_stream(true, 1);
    player_cast(&f.p, 1004);
    rig_rest(&f.rig);
    player_cast(&f.p, 1005);
    rig_rest(&f.rig);
    assert_int_equal(read_all(way), WEIR_TIMEOUT);
    rig_text_expect(&f.s.journal, "watermark 4\nwatermark 5\n");
    scene_finish(&f);
}

/* The stage goes while the reader is at it: it is fetched still; what is behind it goes back. */
static void a_stream_is_stopped_at_one(struct rig *rig, int way) {
    (void)rig;
    open_stream(true, 1);
    player_cast(&f.p, 1004);
    player_cast(&f.p, 1);
    player_cast(&f.p, 1005);
    assert_int_equal(scene_try(&f, WEIR_FOREVER), WEIR_AT_MARK);
    rig_rest(&f.rig);
    assert_int_equal(weir_stop(f.rig.runtime, f.s.ref, WEIR_REASON_USER), WEIR_OK);
    rig_rest(&f.rig);
    assert_int_equal(scene_try(&f, 0), WEIR_AT_MARK);
    if (way > 0) {
        read_mark();
        assert_int_equal(scene_try(&f, WEIR_FOREVER), WEIR_END);
    }
    close_stream();
    assert_int_equal(rig_accounts(&f.rig).buffered, 1);
    scene_finish(&f);
}

static void a_stream_is_closed_at_one(struct rig *rig, int way) {
    (void)rig;
    open_stream(true, 1);
    player_cast(&f.p, 1004);
    player_cast(&f.p, 1);
    assert_int_equal(scene_try(&f, WEIR_FOREVER), WEIR_AT_MARK);
    if (way > 0) read_mark();
    close_stream();
    assert_int_equal(rig_accounts(&f.rig).buffered, 1);
    scene_finish(&f);
}

static bool is_readable(int descriptor) {
    struct pollfd look = {.fd = descriptor, .events = POLLIN};
    return poll(&look, 1, 0) == 1;
}

static void its_descriptor_tells(struct rig *rig, int way) {
    int descriptor;
    (void)rig, (void)way;
    open_stream(true, 1);
    assert_int_equal(weir_stream_fd(f.stream, &descriptor), WEIR_OK);
    assert_int_equal(read_all(1), WEIR_TIMEOUT);
    assert_false(is_readable(descriptor));
    player_cast(&f.p, 1004);
    rig_rest(&f.rig);
    assert_true(is_readable(descriptor));
    assert_int_equal(scene_try(&f, 0), WEIR_AT_MARK);
    read_mark();
    assert_int_equal(scene_try(&f, 0), WEIR_TIMEOUT);
    assert_false(is_readable(descriptor));
    scene_finish(&f);
}

static void where_none_is_it_is_refused(struct rig *rig, int way) {
    weir_mark mark;
    (void)rig, (void)way;
    open_stream(true, 1);
    assert_int_equal(weir_stream_mark(NULL, &mark), WEIR_INVALID);
    assert_int_equal(weir_stream_mark(f.stream, NULL), WEIR_INVALID);
    assert_int_equal(weir_stream_mark(f.stream, &mark), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "the stream is at no mark: weir_stream_next, take or batch "
                                        "say WEIR_AT_MARK where one is");
    player_cast(&f.p, 1004);
    assert_int_equal(scene_try(&f, WEIR_FOREVER), WEIR_AT_MARK);
    read_mark();
    assert_int_equal(weir_stream_mark(f.stream, &mark), WEIR_INVALID); /* once */
    scene_finish(&f);
}

#define IN_WAYS(test) WORLDS_TEST(#test, worlds_play, .play_way = (test), .own = &f.rig, .ways = 2)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WAYS(comes_in_its_place),
        IN_WAYS(many_wait_for_the_reader),
        IN_WAYS(each_watermark_that_was_shown_comes),
        IN_WAYS(who_wants_none_gets_none),
        IN_WAYS(watermarks_are_the_least),
        IN_WAYS(the_end_comes_behind_it),
        IN_WAYS(a_stream_is_stopped_at_one),
        IN_WAYS(a_stream_is_closed_at_one),
        IN_WAYS(its_descriptor_tells),
        IN_WAYS(where_none_is_it_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
