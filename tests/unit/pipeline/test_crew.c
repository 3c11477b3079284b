/*
 * Crews: what a batch that waits for its next try holds up, and what not.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: one message that fails again and again stops nobody, unless an order was promised, or its
 * sink is lost; what waits is bounded, and given back by drains and closes.
 * Method: a scene whose batches have one message each, so that a letter says what becomes of a
 * batch; time is virtual, or real where it is said.
 */
#include "base/atomic.h"
#include "os/clock.h"
#include "support/cmocka.h"
#include "support/pipeline_scene.h"

#include <string.h>
#include <weir/observe.h>

static struct pipeline_scene scene;

#define MS                UINT64_C(1000000)
#define LONG              (2000 * MS)
#define EACH_WORLD(count) for (int world = 2; pipeline_scene_world(&scene, world, (count)); world++)

enum { SINK, QUICK, POOL, KINDS };

static weir_pipeline_batcher *set_crew(int kind) {
    weir_pipeline_batcher *batcher = pipeline_scene_batcher(&scene, "store", 1);
    batcher->retry = (weir_tries){.tries = 5, .delay = {.first_ns = LONG}};
    batcher->quick = kind == QUICK;
    if (kind == SINK) {
        batcher->handle_batch = NULL;
        batcher->sink = &scene.sink;
    }
    scene.quiet = true;
    scene.driver.idle_ns = 25 * MS; /* of virtual minutes: fewer rounds in which nothing comes */
    return batcher;
}

static size_t stored(size_t count) {
    size_t sum = 0;
    for (size_t i = 0; i < count; i++) sum += scene.batched[i];
    return sum;
}

/* Messages 0, 10, 20, ... fail for good; all others are handled, in no time. */
static void good_batches_go_on(void **state) {
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        EACH_WORLD(200) {
            set_crew(kind);
            for (size_t i = 0; i < 200; i += 10) scene.batch_does[i] = "f";
            pipeline_scene_open(&scene);
            pipeline_scene_run(&scene, 0);
            for (size_t i = 0; i < 200; i++) {
                assert_int_equal(scene.batched[i], 1);
                assert_int_equal(scene.settled[i], i % 10 != 0);
            }
            scene.sources[0].end += 200; /* and so do those that come while they wait */
            pipeline_scene_run(&scene, 1000 * MS);
            for (size_t i = 200; i < 400; i++) assert_int_equal(scene.settled[i], 1);
            pipeline_scene_run(&scene, 100 * LONG);
            pipeline_scene_end(&scene);
            pipeline_scene_expect(&scene, "fooooooooofo");
            assert_int_equal(scene.batched[0], 5);
            assert_int_equal(scene.stats.failed, 20);
            assert_int_equal(scene.stats.retried, 80);
        }
    }
}

static uint32_t nowhere(void *context, const weir_message *message) {
    (void)context, (void)message;
    return 0;
}

/* With an order those behind it wait for it. */
static void in_order_they_wait(void **state) {
    (void)state;
    for (int way = 0; way < 3 * KINDS; way++) {
        EACH_WORLD(20) {
            weir_pipeline_batcher *batcher = set_crew(way % KINDS);
            if (way / KINDS == 2) { /* of all */
                scene.options.retry = batcher->retry;
                batcher->retry = (weir_tries){0};
                scene.options.retry.in_order = true;
            }
            batcher->retry.in_order = way / KINDS == 0;
            batcher->partition_by = way / KINDS == 1 ? nowhere : NULL;
            scene.batch_does[3] = "ffo";
            scene.quiet = false;
            pipeline_scene_open(&scene);
            pipeline_scene_run(&scene, LONG / 2);
            rig_expect(&scene.rig, "store: 0\nstore: 1\nstore: 2\nstore: 3\n");
            pipeline_scene_run(&scene, 10 * LONG);
            assert_int_equal(
                strncmp(scene.rig.journal.text, "store: 3 #2\nstore: 3 #3\nstore: 4\n", 33), 0);
            scene.rig.journal.used = 0;
            pipeline_scene_end(&scene);
            pipeline_scene_expect(&scene, "oooooooooooooooooooo");
        }
    }
}

/* Batches behind it wait; what is in its batch does not, unless the handler fails that, too. */
static void in_order_a_batch_is_not(void **state) {
    (void)state;
    for (int way = 0; way < 2 * 2 * KINDS; way++) {
        const bool all = way >= 2 * KINDS;
        EACH_WORLD(8) {
            weir_pipeline_batcher *batcher = set_crew(way % KINDS);
            batcher->size = 4;
            batcher->retry.in_order = way / KINDS % 2 == 0;
            batcher->partition_by = way / KINDS % 2 == 1 ? nowhere : NULL;
            for (size_t i = 1; i < 4; i++) scene.batch_does[i] = all ? "fo" : "o";
            scene.batch_does[1] = "fo";
            scene.quiet = false;
            pipeline_scene_open(&scene);
            pipeline_scene_run(&scene, 2 * LONG);
            rig_expect(&scene.rig, all ? "store: 0 1 2 3\nstore: 1 2 3 #2\nstore: 4 5 6 7\n"
                                       : "store: 0 1 2 3\nstore: 1 #2\nstore: 4 5 6 7\n");
            pipeline_scene_end(&scene);
            pipeline_scene_expect(&scene, "oooooooo");
        }
    }
}

/* A drain gives back what waits, and handles the batches behind it. */
static void in_order_a_drain_goes_past(void **state) {
    (void)state;
    for (int way = 0; way < 2 * KINDS; way++) {
        EACH_WORLD(20) {
            weir_pipeline_batcher *batcher = set_crew(way % KINDS);
            batcher->retry.in_order = way / KINDS == 0;
            batcher->partition_by = way / KINDS == 1 ? nowhere : NULL;
            scene.batch_does[3] = "fo";
            pipeline_scene_open(&scene);
            pipeline_scene_run(&scene, LONG / 2);
            assert_int_equal(stored(20), 4);
            pipeline_scene_end(&scene);
            pipeline_scene_expect(&scene, "ooonoooooooooooooooo");
        }
    }
}

/* A batcher that says something of `retry` has the pipeline's of the rest. */
static void what_a_batcher_does_not_say_is_the_pipelines(void **state) {
    (void)state;
    static const weir_tries own[] = {
        {.tries = 0},
        {.in_order = true},
        {.delay = {.first_ns = LONG}},
        {.tries = 3},
    };
    for (size_t which = 0; which < sizeof own / sizeof *own; which++) {
        EACH_WORLD(1) {
            weir_pipeline_batcher *batcher = pipeline_scene_batcher(&scene, "store", 1);
            scene.options.retry = (weir_tries){.tries = which == 3 ? 2 : 3,
                                               .delay = {.first_ns = which == 2 ? 1 : LONG}};
            batcher->retry = own[which];
            scene.batch_does[0] = "f";
            scene.quiet = true;
            pipeline_scene_open(&scene);
            pipeline_scene_run(&scene, 0);
            pipeline_scene_run(&scene, LONG - MS);
            assert_int_equal(scene.batched[0], 1); /* or it does not wait so long */
            pipeline_scene_run(&scene, 10 * LONG);
            assert_int_equal(scene.batched[0], 3);
            pipeline_scene_end(&scene);
        }
    }
}

/* Of two that are handled at the same time one that waits is one. */
static void in_order_each_waits_for_itself(void **state) {
    (void)state;
    for (int kind = QUICK; kind < KINDS; kind++) {
        EACH_WORLD(20) {
            weir_pipeline_batcher *batcher = set_crew(kind);
            batcher->count = 2;
            batcher->retry.in_order = true;
            scene.batch_does[3] = scene.batch_does[5] = "f";
            pipeline_scene_open(&scene);
            pipeline_scene_run(&scene, LONG / 2);
            assert_int_equal(stored(20), 6);
            pipeline_scene_end(&scene);
            pipeline_scene_expect(&scene, "ooononoooooooooooooo");
        }
    }
}

/* Not so many that all memory is theirs: what is behind the last one waits then. */
static void as_many_wait_as_have_room(void **state) {
    (void)state;
    enum { MOST = 16 };
    EACH_WORLD(100) {
        weir_pipeline_batcher *batcher = set_crew(SINK);
        batcher->size = 1 << 16;
        batcher->bytes = 1;
        for (size_t i = 0; i < 100; i++) scene.batch_does[i] = i < 40 ? "fo" : "o";
        pipeline_scene_open(&scene);
        pipeline_scene_run(&scene, LONG / 2);
        assert_int_equal(stored(100), MOST + 1);
        pipeline_scene_run(&scene, LONG); /* those are through, and as many others wait */
        assert_int_equal(stored(100), 2 * (MOST + 1) + MOST + 1);
        pipeline_scene_run(&scene, 100 * LONG);
        assert_int_equal(stored(100), 140);
        pipeline_scene_end(&scene);
        assert_int_equal(scene.stats.done, 100);
    }
}

/* ---- a sink that is lost -------------------------------------------------------------- */

/* Message 1 waits for a try, message 4 for the sink: nothing is written before that, whatever is
 * due meanwhile. */
static void nothing_overtakes_what_a_sink_has_lost(void **state) {
    (void)state;
    EACH_WORLD(4) {
        weir_pipeline_batcher *batcher = set_crew(SINK);
        batcher->quick = world % 2 == 0;
        batcher->retry.delay = (weir_backoff){.first_ns = 100 * MS};
        scene.batch_does[1] = "fo";
        scene.quiet = false;
        pipeline_scene_open(&scene);
        pipeline_scene_run(&scene, 50 * MS);
        rig_expect(&scene.rig, "store: 0\nstore: 1\nstore: 2\nstore: 3\n");
        scene.sink_lost = 2; /* a write, and then an open */
        scene.sources[0].end += 3;
        pipeline_scene_run(&scene, 250 * MS);
        rig_expect(&scene.rig, "");
        assert_int_equal(scene.settled[1], 0);
        pipeline_scene_run(&scene, 1000 * MS);
        rig_expect(&scene.rig, "store: 4 #2\nstore: 1 #2\nstore: 5\nstore: 6\n");
        pipeline_scene_end(&scene);
        pipeline_scene_expect(&scene, "ooooooo");
    }
}

/* A drain gives back what waits for a try, and waits for what waits for its sink. */
static void a_drain_waits_for_the_sink_alone(void **state) {
    (void)state;
    EACH_WORLD(3) {
        set_crew(SINK);
        scene.batchers[0].retry.delay = (weir_backoff){.first_ns = 100 * MS};
        scene.batch_does[0] = scene.batch_does[1] = "f";
        pipeline_scene_open(&scene);
        pipeline_scene_run(&scene, 0);
        scene.sink_lost = 2;
        scene.sources[0].end += 1;
        pipeline_scene_run(&scene, 80 * MS);
        assert_int_equal(scene.brought[3], 1);
        pipeline_scene_end(&scene);
        pipeline_scene_expect(&scene, "nnoo");
        assert_int_equal(scene.batched[0] + scene.batched[1], 2);
    }
}

/* ---- ends ------------------------------------------------------------------------------- */

/* More wait than are looked at at a time, and no time passes. */
static void drains_and_closes_give_back_what_waits(void **state) {
    (void)state;
    for (int way = 0; way < 2 * KINDS; way++) {
        EACH_WORLD(150) {
            set_crew(way % KINDS);
            scene.options.shutdown_ns = way < KINDS ? 0 : 1;
            for (size_t i = 0; i < 150; i += 2) scene.batch_does[i] = "f";
            for (size_t i = 1; i < 150; i += 2) scene.batch_does[i] = "r";
            pipeline_scene_open(&scene);
            pipeline_scene_run(&scene, 0);
            assert_int_equal(stored(150), 150);
            const uint64_t before = weir_runtime_now(scene.rig.runtime);
            if (way < KINDS) {
                assert_int_equal(weir_pipeline_drain(scene.pipeline, LONG / 2), WEIR_OK);
                assert_true(weir_runtime_now(scene.rig.runtime) - before < LONG / 2);
            }
            pipeline_scene_close(&scene);
            pipeline_scene_expect(&scene, "nnnnnnnn");
            assert_int_equal(scene.stats.given_back, 150);
            assert_int_equal(scene.stats.naks, 150);
        }
    }
}

/* Whose crew is stopped: what waited is given back, what comes then is handled. */
static void a_crew_that_is_stopped_gives_back_what_waits(void **state) {
    (void)state;
    EACH_WORLD(10) {
        set_crew(QUICK);
        for (size_t i = 0; i < 10; i++) scene.batch_does[i] = "f";
        pipeline_scene_open(&scene);
        pipeline_scene_run(&scene, 0);
        weir_pipeline_stage stages[16];
        const size_t count = weir_pipeline_topology(scene.pipeline, stages, 16);
        assert_int_equal(weir_stop(scene.rig.runtime, stages[count - 1].stage, WEIR_REASON_USER),
                         WEIR_OK);
        pipeline_scene_run(&scene, 0);
        scene.sources[0].end += 10;
        pipeline_scene_run(&scene, 100 * MS);
        pipeline_scene_expect(&scene, "nnnnnnnnnnoooooooooo");
        pipeline_scene_end(&scene);
        assert_int_equal(scene.stats.given_back, 10);
    }
}

/* While some wait, behind a rate, and when all is through. */
static void figures_are_right_at_rest(void **state) {
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        EACH_WORLD(20) {
            weir_pipeline_batcher *batcher = set_crew(kind);
            const weir_rate_options options = {
                .allowed = 1000, .interval_ns = 1000 * MS, .burst = 1};
            assert_int_equal(weir_rate_open(scene.rig.runtime, &options, &scene.rate), WEIR_OK);
            batcher->rate = scene.rate;
            for (size_t i = 0; i < 5; i++) scene.batch_does[i] = "fo";
            pipeline_scene_open(&scene);
            for (unsigned waiting = 5; waiting <= 5; waiting -= 5) {
                pipeline_scene_run(&scene, waiting > 0 ? LONG / 2 : 2 * LONG);
                weir_pipeline_stage stages[16];
                const size_t count = weir_pipeline_topology(scene.pipeline, stages, 16);
                for (size_t i = 0; i < count; i++) {
                    weir_counters_stage of;
                    assert_int_equal(weir_stage_stats(scene.rig.runtime, stages[i].stage, &of),
                                     WEIR_OK);
                    const unsigned kept = stages[i].role == WEIR_ROLE_BATCHES ? waiting : 0;
                    assert_int_equal(of.queued + of.buffered + of.held + of.stashed, 0);
                    assert_int_equal(of.events_in - of.handled, kept);
                    assert_int_not_equal(of.state, WEIR_STATE_BUSY);
                }
            }
            pipeline_scene_end(&scene);
        }
    }
}

/* ---- processors that block ---------------------------------------------------------------- */

static void messages_go_on_in_processors_that_block(void **state) {
    (void)state;
    EACH_WORLD(100) {
        scene.options.processors.blocking = true;
        scene.options.processors.count = 2;
        scene.options.retry = (weir_tries){.tries = 2, .delay = {.first_ns = LONG}};
        for (size_t i = 0; i < 100; i += 10) scene.does[i] = "fo";
        pipeline_scene_open(&scene);
        pipeline_scene_run(&scene, 0);
        for (size_t i = 0; i < 100; i++) assert_int_equal(scene.settled[i], i % 10 != 0);
        pipeline_scene_run(&scene, 2 * LONG);
        pipeline_scene_end(&scene);
        pipeline_scene_expect(&scene, "oooooooooooo");
        assert_int_equal(scene.stats.done, 100);
    }
}

/* ---- threads ------------------------------------------------------------------------- */

static uint32_t writes; /* atomic: at the moment */
static uint32_t calls;  /* the rest is of who writes */
static uint64_t lost = UINT64_MAX;

static weir_pulled write_alone(void *context, weir_message *messages, size_t count,
                               const weir_batch_info *batch) {
    struct pipeline_scene *of = context;
    (void)batch;
    uint64_t first;
    memcpy(&first, messages[0].data.at, sizeof first);
    RIG_CHECK(&of->rig, weir__fetch_add_u32(&writes, 1) == 0);
    RIG_CHECK(&of->rig, lost == UINT64_MAX || lost == first); /* nothing overtakes it */
    lost = ++calls % 32 == 0 ? first : UINT64_MAX;
    if (lost != UINT64_MAX) {
        weir__fetch_sub_u32(&writes, 1);
        return WEIR_LOST;
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t number;
        memcpy(&number, messages[i].data.at, sizeof number);
        const uint32_t time = weir__fetch_add_u32(&of->batched[number], 1);
        if (number % 5 == 0 && (time < 2 || number % 10 == 0)) {
            messages[i].outcome = WEIR_MESSAGE_FAILED;
        }
    }
    weir__fetch_sub_u32(&writes, 1);
    return WEIR_PULLED;
}

static void on_threads_one_writes_at_a_time(void **state) {
    (void)state;
    enum { MESSAGES = 600 };
    for (unsigned way = 0; way < 4; way++) {
        pipeline_scene_of(
            &scene, &(weir_runtime_options){.mode = WEIR_THREADS, .workers = 2, .unpinned = true},
            MESSAGES);
        weir_pipeline_batcher *batcher = set_crew(SINK);
        batcher->size = 1 + way * 3;
        batcher->timeout_ns = MS;
        batcher->retry = (weir_tries){.tries = 4, .delay = {.first_ns = MS / 4, .jitter = 0.5}};
        scene.sink.write = write_alone;
        scene.sink_lost = way;
        pipeline_scene_open(&scene);
        weir_pipeline_stats stats = {0};
        for (unsigned looks = 0; looks < 20000 && stats.acked + stats.naks < MESSAGES; looks++) {
            weir__clock_sleep_ns(MS / 2);
            assert_int_equal(weir_pipeline_read_stats(scene.pipeline, &stats), WEIR_OK);
        }
        assert_int_equal(stats.done, MESSAGES * 9 / 10);
        assert_int_equal(stats.failed, MESSAGES / 10);
        pipeline_scene_end(&scene);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_batches_go_on),
        cmocka_unit_test(in_order_they_wait),
        cmocka_unit_test(in_order_a_batch_is_not),
        cmocka_unit_test(in_order_a_drain_goes_past),
        cmocka_unit_test(what_a_batcher_does_not_say_is_the_pipelines),
        cmocka_unit_test(in_order_each_waits_for_itself),
        cmocka_unit_test(as_many_wait_as_have_room),
        cmocka_unit_test(nothing_overtakes_what_a_sink_has_lost),
        cmocka_unit_test(a_drain_waits_for_the_sink_alone),
        cmocka_unit_test(drains_and_closes_give_back_what_waits),
        cmocka_unit_test(a_crew_that_is_stopped_gives_back_what_waits),
        cmocka_unit_test(figures_are_right_at_rest),
        cmocka_unit_test(messages_go_on_in_processors_that_block),
        cmocka_unit_test(on_threads_one_writes_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
