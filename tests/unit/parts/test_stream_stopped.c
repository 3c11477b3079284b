/*
 * A stream whose stage is stopped under its reader.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: nothing is lost while the producer lives.  The reader reads on the batch that it is amid
 * of, or closes; then what it has not read has gone back, in order and ahead of all else, and who
 * subscribes next goes on there.  Meanwhile the producer does not count on it.  Where the
 * producer has gone as well, all is told in one sum; so it is where there is no memory.
 * Method: every world of the rig's, and real workers; a stop amid batches of all lengths.
 */
#include "support/cmocka.h"
#include "support/stream_scene.h"

#include <time.h>
#include <weir/dispatcher.h>

static struct stream_scene f;
static struct player other;

/* Every world of the rig's, from 0 on, then real workers. */
static bool open_any_world(int world) {
    static int worlds;
    if (rig_open_world(&f.rig, world)) {
        worlds = world + 1;
        return true;
    }
    if (world - worlds >= 3) return false;
    rig_open(&f.rig,
             &(weir_runtime_options){.workers = 1 + (unsigned)(world - worlds), .unpinned = true});
    return true;
}

#define EACH_WORLD(world)  \
    int world = 0;         \
    open_any_world(world); \
    world++

static void start_on(const weir_dispatcher *dispatcher, const void *options) {
    f.p = (struct player){.name = "p", .kind = WEIR_PRODUCER, .limit = 100, .quiet = true};
    player_start(&f.p, &f.rig,
                 &(weir_stage_options){.dispatcher = dispatcher, .dispatcher_options = options});
}

static void open_again(weir_subscribe_options options) {
    struct player before = f.s;
    scene_open(&f, options);
    f.s.handled = before.handled;
    f.s.started = before.started;
}

static void stop_stage(void) {
    assert_int_equal(weir_stop(f.rig.runtime, f.s.ref, WEIR_REASON_USER), WEIR_OK);
    rig_rest(&f.rig);
}

/* Before anything is read, amid a batch, between two, and past the last; batches of 10 and 1. */
static void the_next_goes_on_where_it_was(void **state) {
    (void)state;
    static const weir_partition_dispatcher_options one = {.partitions = 1};
    const weir_dispatcher *dispatchers[] = {weir_demand_dispatcher(), weir_partition_dispatcher()};
    for (int way = 0; way < 4; way++) {
        const weir_subscribe_options with = {.max_demand = way / 2 == 0 ? 20 : 2,
                                             .partition = way % 2 == 0 ? 0 : WEIR_PARTITION(0),
                                             .cancel = WEIR_TEMPORARY};
        for (uint64_t taken = 0; taken <= 21; taken++) {
            for (EACH_WORLD(world)) {
                start_on(dispatchers[way % 2], way % 2 == 0 ? NULL : (const void *)&one);
                scene_open(&f, with);
                scene_take_numbers(&f, 0, taken);
                stop_stage();
                assert_int_equal(weir_stream_close(f.stream), WEIR_OK);
                assert_int_equal(f.told, 0);
                assert_int_equal(rig_accounts(&f.rig).in_flight, 0);
                open_again(with);
                scene_take_numbers(&f, taken, 100 - taken);
                assert_int_equal(f.told, 0);
                scene_finish(&f);
            }
        }
    }
}

/* The end comes behind the batch; then the rest is back, before the stream is closed. */
static void the_batch_is_read_on(void **state) {
    (void)state;
    const weir_subscribe_options with = {.max_demand = 20};
    for (EACH_WORLD(world)) {
        start_on(NULL, NULL);
        scene_open(&f, with);
        scene_take_numbers(&f, 0, 3);
        stop_stage();
        scene_take_numbers(&f, 3, 7);
        scene_expect_end(&f, WEIR_REASON_USER);
        rig_rest(&f.rig);
        assert_int_equal(rig_accounts(&f.rig).in_flight, 0);
        weir_stream *old = f.stream;
        open_again(with);
        scene_take_numbers(&f, 10, 90);
        assert_int_equal(weir_stream_close(old), WEIR_OK);
        scene_finish(&f);
    }
}

/* The other consumer of a broadcast gets all there is, while the reader sits on its batch. */
static void a_reader_that_does_not_come_back_holds_nobody_up(void **state) {
    (void)state;
    for (EACH_WORLD(world)) {
        f.p = (struct player){.name = "p", .kind = WEIR_PRODUCER, .limit = 100, .quiet = true};
        player_start(&f.p, &f.rig,
                     &(weir_stage_options){.dispatcher = weir_broadcast_dispatcher(),
                                           .demand = WEIR_ACCUMULATE});
        other = (struct player){.name = "other", .kind = WEIR_CONSUMER, .quiet = true};
        player_start(&other, &f.rig, NULL);
        player_subscribe(&other, &f.p, NULL);
        rig_rest(&f.rig);
        scene_open(&f, (weir_subscribe_options){.max_demand = 20});
        scene_take_numbers(&f, 0, 3);
        stop_stage();
        assert_int_equal(other.handled, 100);
        assert_int_equal(weir_stream_close(f.stream), WEIR_OK);
        rig_rest(&f.rig);
        assert_int_equal(f.told + f.p.discarded, 17); /* which are the producer's to discard */
        assert_int_equal(f.told, 0);
        weir_runtime_stop(f.rig.runtime, WEIR_REASON_NORMAL);
        rig_close(&f.rig);
    }
}

/* Of the subscription that it was not amid of all goes back at once. */
static void what_came_by_another_goes_back_at_once(void **state) {
    (void)state;
    for (EACH_WORLD(world)) {
        start_on(NULL, NULL);
        scene_start(&f, &f.q, "q", 30, true);
        const weir_subscribe_to list[] = {{.producer = f.p.ref, .options = {.max_demand = 20}},
                                          {.producer = f.q.ref, .options = {.max_demand = 20}}};
        scene_open_list(&f, list, 1);
        rig_rest(&f.rig);
        assert_int_equal(weir_stream_subscribe(f.stream, f.q.ref, &list[1].options, NULL), WEIR_OK);
        rig_rest(&f.rig);
        scene_take_numbers(&f, 0, 3);
        stop_stage();
        assert_int_equal(rig_accounts(&f.rig).in_flight, 20); /* p's: q's are back */
        assert_int_equal(rig_accounts(&f.rig).buffered, 20);
        assert_int_equal(weir_stream_close(f.stream), WEIR_OK);
        assert_int_equal(rig_accounts(&f.rig).in_flight, 0);
        assert_int_equal(rig_accounts(&f.rig).buffered, 37);
        weir_runtime_stop(f.rig.runtime, WEIR_REASON_NORMAL);
        rig_close(&f.rig);
    }
}

static void where_the_producer_has_gone_all_is_told_in_one_sum(void **state) {
    (void)state;
    for (int first = 0; first < 2; first++) {
        for (EACH_WORLD(world)) {
            start_on(NULL, NULL);
            scene_open(&f, (weir_subscribe_options){.max_demand = 20});
            scene_take_numbers(&f, 0, 3);
            rig_rest(&f.rig);
            if (first == 0) stop_stage();
            player_stop(&f.p, WEIR_REASON_NORMAL);
            rig_rest(&f.rig);
            if (first == 1) stop_stage();
            assert_int_equal(weir_stream_close(f.stream), WEIR_OK);
            assert_int_equal(f.told, 17);
            assert_int_equal(rig_accounts(&f.rig).in_flight, 0);
            rig_close(&f.rig);
        }
    }
}

/* Nobody waits for the stop: the stage and the reader part in either order. */
static void a_stop_at_any_moment(void **state) {
    (void)state;
    const struct timespec nap = {.tv_nsec = 1000000};
    for (EACH_WORLD(world)) {
        const weir_subscribe_options with = {.max_demand = 6, .cancel = WEIR_TEMPORARY};
        uint64_t next = 0;
        f.p = (struct player){.name = "p", .kind = WEIR_PRODUCER, .limit = 1 << 20, .quiet = true};
        player_start(&f.p, &f.rig, NULL);
        scene_open(&f, with);
        for (unsigned i = 0; i < 200; i++) {
            uint64_t number;
            scene_take_numbers(&f, next, 1 + i % 5);
            next += 1 + i % 5;
            weir_stop(f.rig.runtime, f.s.ref, WEIR_REASON_USER);
            if (i % 7 == 0) nanosleep(&nap, NULL); /* then the stage is likely first */
            for (unsigned more = i % 7; more > 0; more--) {
                if (weir_stream_next(f.stream, &number, 0) != WEIR_OK) continue;
                f.s.handled++;
                assert_int_equal(number, next++);
            }
            assert_int_equal(weir_stream_close(f.stream), WEIR_OK);
            open_again(with);
        }
        scene_take_numbers(&f, next, 10);
        assert_int_equal(f.told, 0);
        scene_finish(&f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_goes_on_where_it_was),
        cmocka_unit_test(the_batch_is_read_on),
        cmocka_unit_test(a_reader_that_does_not_come_back_holds_nobody_up),
        cmocka_unit_test(what_came_by_another_goes_back_at_once),
        cmocka_unit_test(where_the_producer_has_gone_all_is_told_in_one_sum),
        cmocka_unit_test(a_stop_at_any_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
