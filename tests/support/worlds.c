/*
 * Worlds: see worlds.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/worlds.h"

#include <string.h>

static struct rig played;

void worlds_play(void **state) {
    const struct worlds_test *test = *state;
    struct rig *rig = test->own != NULL ? test->own : &played;
    for (int way = 0; way < test->ways; way++) {
        for (int world = 0; rig_open_world(rig, world); world++) {
            if (test->play != NULL) test->play(rig);
            if (test->play_way != NULL) test->play_way(rig, way);
            if (test->play_own != NULL) test->play_own();
            assert_int_equal(rig->memory.live, 0);
        }
    }
}

void worlds_play_stepped(void **state) {
    const struct worlds_test *test = *state;
    rig_open(&played, NULL);
    test->play(&played);
    assert_int_equal(played.memory.live, 0);
}

bool worlds_stop_all(struct rig *rig, uint64_t turns, const char *text) {
    weir_runtime_step(rig->runtime, turns);
    weir_runtime_stop(rig->runtime, WEIR_REASON_USER);
    rig_rest(rig);
    assert_int_equal(weir_runtime_stages(rig->runtime), 0);
    return strstr(rig->log.text, text) != NULL;
}

bool worlds_open_any(struct rig *rig, int world) {
    if (world > 0) return rig_open_world(rig, world - 1);
    rig_open(rig, &(weir_runtime_options){.workers = 2, .unpinned = true});
    return true;
}
