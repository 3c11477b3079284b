/*
 * The inlet's opening and its pushers' side: what is refused, and why.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: every bad option is named, with what is allowed; without memory an
 * inlet does not open and a push changes nothing.
 * Method: each bad option by itself; an allocator that fails the k-th time, for
 * k = 1, 2, ... until the call succeeds.
 */
#include "support/cmocka.h"
#include "support/player.h"

#include <string.h>

static void bad_options_are_refused(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, NULL);
    weir_inlet *inlet = NULL;
    weir_ref ref = {7};
    const weir_inlet_options good = {.event_bytes = 8};
    assert_int_equal(weir_inlet_open(rig.runtime, NULL, &inlet, &ref), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "options must not be NULL");
    assert_int_equal(weir_inlet_open(rig.runtime, &good, NULL, &ref), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "out must not be NULL");
    static const struct {
        weir_inlet_options options;
        const char *sentence;
    } cases[] = {
        {{.event_bytes = 0}, "event_bytes must be at least 1, got 0"},
        {{.event_bytes = 65537}, "event_bytes must be at most 65536, got 65537"},
        {{.event_bytes = 8, .when_full = (weir_when_full)4},
         "when_full must be one of WEIR_REFUSE, WEIR_BLOCK, WEIR_DROP_NEWEST, WEIR_DROP_OLDEST, "
         "got 4"},
        {{.event_bytes = 8, .capacity = WEIR_NONE},
         "capacity must be from 1 to 70368744177663, got 0"},
        {{.event_bytes = 8, .worker = WEIR_WORKER(1)}, "worker must be below 1, got 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(weir_inlet_open(rig.runtime, &cases[i].options, &inlet, &ref),
                         WEIR_INVALID);
        assert_string_equal(weir_refusal(), cases[i].sentence);
    }
    assert_null(inlet);
    assert_int_equal(ref.bits, 7);
    rig_close(&rig);
}

static void without_memory_nothing_is_pushed(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, NULL);
    const weir_inlet_options options = {.event_bytes = 8, .capacity = 10};
    weir_inlet *inlet;
    weir_ref ref;
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    player_start(&c, &rig, NULL);
    weir_status status = WEIR_NO_MEMORY;
    for (uint64_t at = 1; status != WEIR_OK; at++) {
        uint64_t live = rig.memory.live;
        test_memory_fail(&rig.memory, at, false);
        status = weir_inlet_open(rig.runtime, &options, &inlet, &ref);
        test_memory_fail_never(&rig.memory);
        assert_true(status == WEIR_OK || (status == WEIR_NO_MEMORY && rig.memory.live == live));
    }
    uint64_t numbers[10] = {0};
    test_memory_fail(&rig.memory, 1, true);
    assert_int_equal(weir_inlet_push(inlet, numbers, 10, 0), WEIR_NO_MEMORY);
    assert_string_equal(weir_refusal(), "no memory for 10 events of 8 bytes");
    assert_int_equal(weir_inlet_waiting(inlet), 0);
    test_memory_fail_never(&rig.memory);
    assert_int_equal(weir_inlet_push(inlet, numbers, 10, 0), WEIR_OK);
    rig.emitted = 10;
    struct player in = {.name = "in", .rig = &rig, .ref = ref};
    player_subscribe(&c, &in, NULL);
    rig_rest(&rig);
    assert_int_equal(c.handled, 10);
    weir_inlet_close(inlet);
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_options_are_refused),
        cmocka_unit_test(without_memory_nothing_is_pushed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
