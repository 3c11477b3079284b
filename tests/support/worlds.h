/*
 * Worlds: tests of a rig that is opened for them, in one kind of runtime after the other.
 * SPDX-License-Identifier: Apache-2.0
 *
 * They end with rig_close, as their players must last that long, and are put into
 * cmocka's table by these:
 *
 *   static void what_holds(struct rig *rig) {
 *       ...
 *       rig_close(rig);
 *   }
 *   ...
 *   const struct CMUnitTest tests[] = {TEST_IN_WORLDS(what_holds)};
 */
#ifndef TESTS_SUPPORT_WORLDS_H
#define TESTS_SUPPORT_WORLDS_H

#include "support/cmocka.h"
#include "support/rig.h"

struct worlds_test {
    void (*play)(struct rig *rig);
    void (*play_way)(struct rig *rig, int way);
    int ways;
    void (*play_own)(void);
    struct rig *own;
};

/* clang-format off */
#define WORLDS_TEST(text, run, ...) {text, run, NULL, NULL, &(struct worlds_test){__VA_ARGS__}}
/* clang-format on */

/* void test(struct rig *rig), in each of the runtimes that rig_open_world opens. */
#define TEST_IN_WORLDS(test) WORLDS_TEST(#test, worlds_play, .play = (test), .ways = 1)

/* void test(struct rig *rig, int way), likewise, for each way from 0 to count - 1. */
#define TEST_IN_WORLDS_AND_WAYS(test, count) \
    WORLDS_TEST(#test, worlds_play, .play_way = (test), .ways = (count))

/* void test(void), in each of them, of a rig of the file's own. */
#define TEST_IN_WORLDS_OF(rig, test) \
    WORLDS_TEST(#test, worlds_play, .play_own = (test), .own = (rig), .ways = 1)

/* void test(struct rig *rig), in a stepped runtime of one worker. */
#define TEST_STEPPED(test) WORLDS_TEST(#test, worlds_play_stepped, .play = (test))

/*
 * Opens one with two threads, and then, one world later, those that rig_open_world opens.
 *   for (int world = 0; worlds_open_any(&rig, world); world++)
 */
bool worlds_open_any(struct rig *rig, int world);

/*
 * After so many turns stops all stages, for reason USER; none must be left.  Whether the log
 * then has this text.
 */
bool worlds_stop_all(struct rig *rig, uint64_t turns, const char *text);

/* A test that leaves its rig open has failed. */
void worlds_play(void **state);
void worlds_play_stepped(void **state);

#endif
