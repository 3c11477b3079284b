/*
 * Worlds: see worlds.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/worlds.h"

static struct rig rig;

void worlds_play(void **state) {
    const struct worlds_test *test = *state;
    for (int way = 0; way < test->ways; way++) {
        for (int world = 0; rig_open_world(&rig, world); world++) {
            if (test->play != NULL) test->play(&rig);
            if (test->play_way != NULL) test->play_way(&rig, way);
            assert_int_equal(rig.memory.live, 0);
        }
    }
}

void worlds_play_stepped(void **state) {
    const struct worlds_test *test = *state;
    rig_open(&rig, NULL);
    test->play(&rig);
    assert_int_equal(rig.memory.live, 0);
}
