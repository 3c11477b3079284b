/*
 * A scene for worker pools: tasks that do as they are told, and write it down.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Events are numbers below POOL_SCENE_NUMBERS; those from POOL_SCENE_BY_HAND on
 * are for children started by hand, which are not in the accounts.  What each
 * number's task does is a word, a letter for each time it is begun (the last one
 * again and again):
 *   o  is done                     f  fails                  b  returns nonsense
 *   w  waits for pool_scene_open_gate, then is done
 *   e  waits until it is asked to stop, then is done
 *   g  the same, and fails
 * and likewise what `start` says:  s  start   i  ignore   e  error
 * The rig's journal has "run 3" and "exit 3 finished" lines.
 */
#ifndef TESTS_SUPPORT_POOL_SCENE_H
#define TESTS_SUPPORT_POOL_SCENE_H

#include "support/player.h"

enum { POOL_SCENE_NUMBERS = 1000, POOL_SCENE_BY_HAND = 900 };

struct pool_scene {
    struct rig rig;
    weir_pool *pool;
    struct player stage;                    /* not a player: lends its reference and name */
    const char *does[POOL_SCENE_NUMBERS];   /* default "o" */
    const char *starts[POOL_SCENE_NUMBERS]; /* default "s" */
    bool with_start;
    bool quiet;
    uint32_t runs[POOL_SCENE_NUMBERS];       /* atomic: times its task was begun  */
    uint32_t begins[POOL_SCENE_NUMBERS];     /* atomic: times `start` was called  */
    weir_child children[POOL_SCENE_NUMBERS]; /* as its task was told             */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool gate;
    uint32_t begun;  /* tasks  */
    uint32_t ended;  /* tasks, done or failed */
    uint32_t exited; /* children */
    uint64_t discarded;
};

/* Opens the world of that number (rig_open_world) / a runtime of these options / a threaded one
 * of so many workers. */
bool pool_scene_world(struct pool_scene *scene, int world);
void pool_scene_of(struct pool_scene *scene, const weir_runtime_options *options);
void pool_scene_threads(struct pool_scene *scene, unsigned workers);

/* Opens the pool; task, start, exited, discarded, event_bytes and context are the scene's. */
void pool_scene_pool(struct pool_scene *scene, const weir_pool_options *options);
weir_status pool_scene_try_pool(struct pool_scene *scene, const weir_pool_options *options);

/* Starts a child by hand; which must be OK. */
weir_child pool_scene_start(struct pool_scene *scene, uint64_t number);

/* Waits until so many tasks were begun / children have exited, ever. */
void pool_scene_wait_begun(struct pool_scene *scene, uint32_t count);
void pool_scene_wait_exited(struct pool_scene *scene, uint32_t count);

/* Those that wait are done, and so are those to come. */
void pool_scene_open_gate(struct pool_scene *scene);

/* Asserts how many are queued, running, restarting. */
void pool_scene_expect(struct pool_scene *scene, size_t queued, size_t running, size_t restarting);

/* Closes the pool, which must be OK, and the rig. */
weir_accounts pool_scene_close(struct pool_scene *scene);

#endif
