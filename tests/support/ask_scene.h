/*
 * A producer, and three consumers that ask by hand: who asks for what, and who gets it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A test is a function of the scene, in cmocka's table by ASK_TEST.  It is played in every
 * world, and the rig closed behind it.
 */
#ifndef TESTS_SUPPORT_ASK_SCENE_H
#define TESTS_SUPPORT_ASK_SCENE_H

#include "support/cmocka.h"
#include "support/player.h"

enum { ASK_CONSUMERS = 3 };

struct ask_scene {
    struct rig rig;
    struct player p;
    struct player c[ASK_CONSUMERS]; /* "a", "b", "c" */
    weir_subscription subscription[ASK_CONSUMERS];
    bool dealt; /* the producer has partitions: it is asked by each of them */
};

struct ask_test {
    void (*play)(struct ask_scene *scene);
    const weir_stage_options *producer; /* NULL: as usual */
};

/* clang-format off */
#define ASK_TEST(play, producer) \
    {#play, ask_scene_play, NULL, NULL, &(struct ask_test){(play), (producer)}}
/* clang-format on */

void ask_scene_play(void **state);

/* Opens the world of that number (rig_open_world) with all four; false: there are no more. */
bool ask_scene_open(struct ask_scene *scene, int world, const weir_stage_options *producer);

/* Subscribes; what the producer was asked before is forgotten. */
void ask_scene_come(struct ask_scene *scene, int consumer, weir_subscribe_options options);

/* Asks / cancels; so much demand has then been heard by the producer. */
void ask_scene_ask(struct ask_scene *scene, int consumer, uint64_t count, uint64_t demand);
void ask_scene_leave(struct ask_scene *scene, int consumer, uint64_t demand);

/* So much was heard since: of one who is not dealt, in one piece, and nothing after it. */
void ask_scene_expect_demand(struct ask_scene *scene, uint64_t demand);

/* Makes the producer emit. */
void ask_scene_emit(struct ask_scene *scene, uint64_t count);

#endif
