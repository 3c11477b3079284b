/*
 * Outputs as they are started and found.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a stage that cannot be started with its outputs leaves nothing behind; outputs are found
 * by number, and by name; threads that look for them while stages come and go find a living one
 * or hear that there is none.
 * Method: each allocation fails in turn; an init that stops; then threads.
 */
#include "support/cmocka.h"
#include "support/deeds.h"
#include "support/player.h"

#include "base/atomic.h"
#include "os/thread.h"

static struct rig rig;

static const weir_output_options two[] = {{.name = "dead"}, {.name = "late", .event_bytes = 24}};

static weir_verdict stop_at_once(weir_stage *self, void *argument) {
    (void)argument;
    return weir_stop_with(self, WEIR_REASON_USER);
}

static weir_stage_options parse_options(bool registered) {
    return (weir_stage_options){.kind = WEIR_CONSUMER,
                                .name = "parse",
                                .registered = registered,
                                .takes_bytes = 8,
                                .outputs = two,
                                .output_count = 2,
                                .on.handle_events = deed_no_events};
}

static void without_memory_nothing_is_left(void **state) {
    (void)state;
    weir_status status = WEIR_NO_MEMORY;
    rig_open(&rig, NULL);
    weir_stage_options options = parse_options(true);
    for (uint64_t call = 1; status != WEIR_OK; call++) {
        weir_ref found;
        test_memory_fail(&rig.memory, call, false);
        status = weir_stage_start(rig.runtime, &options, NULL);
        test_memory_fail_never(&rig.memory);
        if (status != WEIR_OK) {
            assert_int_equal(status, WEIR_NO_MEMORY);
            assert_int_equal(weir_runtime_stages(rig.runtime), 0);
            assert_int_equal(weir_whereis(rig.runtime, "parse/dead", &found), WEIR_NO_NAME);
        }
    }
    assert_int_equal(weir_runtime_stages(rig.runtime), 3);
    rig_close(&rig);
}

static void an_init_that_stops_leaves_no_outputs(void **state) {
    (void)state;
    rig_open(&rig, NULL);
    weir_stage_options options = parse_options(false);
    options.on.init = stop_at_once;
    for (int i = 0; i < 3; i++)
        assert_int_equal(weir_stage_start(rig.runtime, &options, NULL), WEIR_INIT_STOPPED);
    assert_int_equal(weir_runtime_stages(rig.runtime), 0);
    rig_close(&rig);
}

static void outputs_are_found_by_number_and_name(void **state) {
    (void)state;
    rig_open(&rig, NULL);
    weir_stage_options options = parse_options(true);
    weir_ref parse, found, named;
    assert_int_equal(weir_stage_start(rig.runtime, &options, &parse), WEIR_OK);
    assert_int_equal(weir_stage_output(rig.runtime, parse, 2, &found), WEIR_OK);
    assert_int_equal(weir_whereis(rig.runtime, "parse/late", &named), WEIR_OK);
    assert_int_equal(found.bits, named.bits);
    assert_int_equal(weir_stage_output(rig.runtime, parse, 1, &found), WEIR_OK);
    assert_int_not_equal(found.bits, named.bits);
    assert_int_equal(weir_stage_output(rig.runtime, found, 1, &named), WEIR_INVALID);
    assert_int_equal(weir_stage_output(NULL, parse, 1, &found), WEIR_INVALID);
    assert_int_equal(weir_stage_output(rig.runtime, parse, 1, NULL), WEIR_INVALID);
    assert_int_equal(weir_stop(rig.runtime, parse, WEIR_REASON_NORMAL), WEIR_OK);
    rig_rest(&rig);
    assert_int_equal(weir_runtime_stages(rig.runtime), 0);
    assert_int_equal(weir_stage_output(rig.runtime, parse, 1, &found), WEIR_NO_STAGE);
    assert_int_equal(weir_stage_start(rig.runtime, &options, &parse), WEIR_OK); /* names are free */
    rig_close(&rig);
}

/* ---- threads ------------------------------------------------------------------- */

static struct {
    uint64_t parse; /* atomic: bits */
    uint32_t over;  /* atomic */
    uint32_t wrong; /* atomic */
} seen;

static void look_for_outputs(void *unused) {
    (void)unused;
    while (weir__load_relaxed_u32(&seen.over) == 0) {
        weir_ref parse = {weir__load_relaxed_u64(&seen.parse)}, found;
        if (parse.bits == 0) continue;
        weir_status status = weir_stage_output(rig.runtime, parse, 1, &found);
        bool known = status == WEIR_OK || status == WEIR_NO_STAGE || status == WEIR_INVALID;
        if (!known) weir__store_relaxed_u32(&seen.wrong, 1);
    }
}

static void threads_find_them_while_stages_come_and_go(void **state) {
    (void)state;
    struct weir__thread threads[2];
    rig_open(&rig, &(weir_runtime_options){.mode = WEIR_THREADS, .workers = 2});
    weir_stage_options options = parse_options(false);
    for (int i = 0; i < 2; i++) weir__thread_start(&threads[i], "looker", look_for_outputs, NULL);
    for (int i = 0; i < 300; i++) {
        weir_ref parse;
        assert_int_equal(weir_stage_start(rig.runtime, &options, &parse), WEIR_OK);
        weir__store_relaxed_u64(&seen.parse, parse.bits);
        assert_int_equal(weir_stop(rig.runtime, parse, WEIR_REASON_NORMAL), WEIR_OK);
    }
    weir__store_relaxed_u32(&seen.over, 1);
    for (int i = 0; i < 2; i++) weir__thread_join(&threads[i]);
    assert_int_equal(seen.wrong, 0);
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_memory_nothing_is_left),
        cmocka_unit_test(an_init_that_stops_leaves_no_outputs),
        cmocka_unit_test(outputs_are_found_by_number_and_name),
        cmocka_unit_test(threads_find_them_while_stages_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
