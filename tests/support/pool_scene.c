/*
 * A scene for worker pools: see pool_scene.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/pool_scene.h"

#include "base/atomic.h"
#include "support/cmocka.h"

#include <sched.h>
#include <string.h>

/* ---- what a task and a start do ------------------------------------------ */

static char letter(const char *word, char usual, uint32_t time) {
    if (word == NULL) return usual;
    size_t length = strlen(word);
    return word[time < length ? time : length - 1];
}

static void note(struct pool_scene *scene, uint32_t *counter) {
    pthread_mutex_lock(&scene->lock);
    ++*counter;
    pthread_cond_broadcast(&scene->changed);
    pthread_mutex_unlock(&scene->lock);
}

static void wait_for_gate(struct pool_scene *scene) {
    pthread_mutex_lock(&scene->lock);
    while (!scene->gate) pthread_cond_wait(&scene->changed, &scene->lock);
    pthread_mutex_unlock(&scene->lock);
}

static weir_task_result run(void *context, const void *event, weir_task *self) {
    struct pool_scene *scene = context;
    uint64_t number = *(const uint64_t *)event;
    RIG_CHECK(&scene->rig, number < POOL_SCENE_NUMBERS);
    char act = letter(scene->does[number], 'o', weir__fetch_add_u32(&scene->runs[number], 1));
    if (!scene->quiet) rig_say(&scene->rig, "run %llu", (unsigned long long)number);
    scene->children[number] = weir_task_child(self);
    note(scene, &scene->begun);
    if (act == 'w') wait_for_gate(scene);
    while ((act == 'e' || act == 'g') && !weir_task_ending(self)) sched_yield();
    note(scene, &scene->ended);
    if (act == 'b') return (weir_task_result)77;
    return act == 'f' || act == 'g' ? WEIR_TASK_FAILED : WEIR_TASK_OK;
}

static weir_start_verdict start(void *context, const void *event) {
    struct pool_scene *scene = context;
    uint64_t number = *(const uint64_t *)event;
    uint32_t time = weir__fetch_add_u32(&scene->begins[number], 1);
    char act = letter(scene->starts[number], 's', time);
    if (act != 's' && number < POOL_SCENE_BY_HAND && time == 0) scene->rig.handled++;
    return act == 's' ? WEIR_CHILD_START : act == 'i' ? WEIR_CHILD_IGNORE : WEIR_CHILD_ERROR;
}

static void exited(void *context, weir_child child, const void *event, weir_child_exit how) {
    static const char *const words[] = {"",      "finished",   "failed",
                                        "ended", "given back", "discarded"};
    struct pool_scene *scene = context;
    uint64_t number = *(const uint64_t *)event;
    uint32_t runs = weir__load_relaxed_u32(&scene->runs[number]);
    if (!scene->quiet) {
        rig_say(&scene->rig, "exit %llu %s", (unsigned long long)number, words[how]);
    }
    RIG_CHECK(&scene->rig, runs == 0 || child.bits == scene->children[number].bits);
    RIG_CHECK(&scene->rig, runs > 0 || how >= WEIR_CHILD_ENDED);
    if (number < POOL_SCENE_BY_HAND && runs > 0) scene->rig.handled++;
    note(scene, &scene->exited);
}

static void discarded(void *context, uint64_t count, weir_discard cause) {
    struct pool_scene *scene = context;
    scene->discarded += count;
    rig_say(&scene->rig, "discarded %llu, cause %d", (unsigned long long)count, (int)cause);
}

/* ---- opening and closing ------------------------------------------------- */

static void prepare(struct pool_scene *scene) {
    memset((char *)scene + offsetof(struct pool_scene, pool), 0,
           sizeof *scene - offsetof(struct pool_scene, pool));
    pthread_mutex_init(&scene->lock, NULL);
    pthread_cond_init(&scene->changed, NULL);
}

bool pool_scene_world(struct pool_scene *scene, int world) {
    if (!rig_open_world(&scene->rig, world)) return false;
    prepare(scene);
    return true;
}

void pool_scene_of(struct pool_scene *scene, const weir_runtime_options *options) {
    rig_open(&scene->rig, options);
    prepare(scene);
}

void pool_scene_threads(struct pool_scene *scene, unsigned workers) {
    pool_scene_of(scene, &(weir_runtime_options){.workers = workers});
}

weir_status pool_scene_try_pool(struct pool_scene *scene, const weir_pool_options *options) {
    weir_pool_options used = {0};
    if (options != NULL) used = *options;
    used.event_bytes = sizeof(uint64_t);
    used.task = run;
    used.start = scene->with_start ? start : NULL;
    used.exited = exited;
    used.discarded = discarded;
    used.context = scene;
    scene->stage.name = "pool";
    scene->stage.rig = &scene->rig;
    return weir_pool_open(scene->rig.runtime, &used, &scene->pool, &scene->stage.ref);
}

void pool_scene_pool(struct pool_scene *scene, const weir_pool_options *options) {
    assert_int_equal(pool_scene_try_pool(scene, options), WEIR_OK);
    scene->stage.started = scene->rig.players;
    scene->rig.players = &scene->stage;
}

weir_accounts pool_scene_close(struct pool_scene *scene) {
    size_t running = 77;
    if (scene->pool != NULL) {
        assert_int_equal(weir_pool_close(scene->pool, &running), WEIR_OK);
        assert_int_equal(running, 0);
    }
    weir_accounts accounts = rig_close(&scene->rig);
    assert_int_equal(accounts.discarded >= scene->discarded, true);
    pthread_cond_destroy(&scene->changed);
    pthread_mutex_destroy(&scene->lock);
    return accounts;
}

/* ---- acting and looking -------------------------------------------------- */

weir_child pool_scene_start(struct pool_scene *scene, uint64_t number) {
    weir_child child;
    assert_int_equal(weir_pool_start_child(scene->pool, &number, &child), WEIR_OK);
    return child;
}

static void wait_for(struct pool_scene *scene, const uint32_t *counter, uint32_t count) {
    pthread_mutex_lock(&scene->lock);
    while (*counter < count) pthread_cond_wait(&scene->changed, &scene->lock);
    pthread_mutex_unlock(&scene->lock);
}

void pool_scene_wait_begun(struct pool_scene *scene, uint32_t count) {
    wait_for(scene, &scene->begun, count);
}

void pool_scene_wait_exited(struct pool_scene *scene, uint32_t count) {
    wait_for(scene, &scene->exited, count);
}

void pool_scene_open_gate(struct pool_scene *scene) {
    pthread_mutex_lock(&scene->lock);
    scene->gate = true;
    pthread_cond_broadcast(&scene->changed);
    pthread_mutex_unlock(&scene->lock);
}

void pool_scene_expect(struct pool_scene *scene, size_t queued, size_t running, size_t restarting) {
    weir_pool_counts counts;
    assert_int_equal(weir_pool_count(scene->pool, &counts), WEIR_OK);
    assert_int_equal(counts.specs, 1);
    assert_int_equal(counts.queued, queued);
    assert_int_equal(counts.running, running);
    assert_int_equal(counts.restarting, restarting);
    assert_int_equal(counts.active, queued + running);
    assert_int_equal(counts.workers, queued + running + restarting);
}
