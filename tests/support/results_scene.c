/*
 * A scene for pools that emit: see results_scene.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/results_scene.h"

#include "base/atomic.h"
#include "support/cmocka.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

/* ---- the pool's functions --------------------------------------------------- */

static char letter(const struct results_scene *scene, uint64_t number, uint32_t time) {
    const char *word = scene->does[number] != NULL ? scene->does[number] : "1";
    size_t length = strlen(word);
    return word[time < length ? time : length - 1];
}

static unsigned results_of(char act) {
    return act == 'w' ? 1 : act >= 'a' ? (unsigned)(act - 'a') : (unsigned)(act - '0');
}

/* One by one, and two at a time. */
static void emit(struct results_scene *scene, weir_task *self, uint64_t first, unsigned count) {
    for (unsigned i = 0; i < count;) {
        const uint64_t two[] = {first + i, first + i + 1};
        unsigned some = count - i > 2 ? 2 : 1;
        if (weir_task_emit(self, two, some) == WEIR_OK) weir__fetch_add_u64(&scene->accepted, some);
        i += some;
    }
}

static weir_task_result run(void *context, const void *event, weir_task *self) {
    struct results_scene *scene = context;
    const uint64_t number = *(const uint64_t *)event;
    RIG_CHECK(&scene->rig, number < RESULTS_NUMBERS);
    const uint32_t time = weir__fetch_add_u32(&scene->runs[number], 1);
    const char act = letter(scene, number, time);
    RIG_CHECK(&scene->rig, weir_task_attempt(self) == time + 1);
    if (time < RESULTS_ATTEMPTS) {
        scene->begun_ns[number][time] = weir_runtime_now(scene->rig.runtime);
    }
    scene->children[number] = weir_task_child(self);
    weir__fetch_add_u32(&scene->begun, 1);
    while (act == 'w' && weir__load_acquire_u32(&scene->gate) == 0) sched_yield();
    emit(scene, self, number * 1000 + (time + 1) * 100, results_of(act));
    return act >= 'a' && act != 'w' ? WEIR_TASK_FAILED : WEIR_TASK_OK;
}

static void ended(void *context, const weir_child_end *end) {
    struct results_scene *scene = context;
    const uint64_t number = *(const uint64_t *)end->event;
    const uint32_t runs = weir__load_relaxed_u32(&scene->runs[number]);
    RIG_CHECK(&scene->rig, runs == 0 || end->child.bits == scene->children[number].bits);
    scene->ends[number] = *end;
    scene->ends[number].event = NULL;
    scene->exits++;
    if (runs > 0 && end->how != WEIR_CHILD_GIVEN_BACK) scene->rig.handled++;
}

static void discarded(void *context, uint64_t count, weir_discard cause) {
    struct results_scene *scene = context;
    scene->told[cause] += count;
}

/* ---- opening and closing ---------------------------------------------------- */

static weir_verdict note_results(weir_stage *self, struct player *player, weir_batch batch) {
    struct results_scene *scene = player->own;
    const uint64_t *numbers = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count && scene->count < RESULTS_MOST; i++) {
        scene->got[scene->count++] = numbers[i];
    }
    return WEIR_CONTINUE;
}

void results_open(struct results_scene *scene, const weir_runtime_options *options,
                  uint64_t limit) {
    memset((char *)scene + offsetof(struct results_scene, pool), 0,
           sizeof *scene - offsetof(struct results_scene, pool));
    rig_open(&scene->rig, options);
    scene->p = (struct player){.name = "p", .kind = WEIR_PRODUCER, .limit = limit, .quiet = true};
    player_start(&scene->p, &scene->rig, NULL);
    scene->c = (struct player){.name = "c",
                               .kind = WEIR_CONSUMER,
                               .quiet = true,
                               .own = scene,
                               .does.events = note_results};
    player_start(&scene->c, &scene->rig, NULL);
}

void results_pool(struct results_scene *scene, size_t max, const weir_pool_emits *emits,
                  const weir_pool_options *options) {
    const weir_subscribe_to from = {
        .producer = scene->p.ref,
        .options = {.max_demand = max, .min_demand = WEIR_NONE, .cancel = WEIR_TRANSIENT}};
    weir_pool_emits numbers = {0};
    weir_pool_options used = {0};
    if (emits != NULL) numbers = *emits;
    if (options != NULL) used = *options;
    numbers.event_bytes = sizeof(uint64_t);
    used.event_bytes = sizeof(uint64_t);
    used.task = run;
    used.ended = ended;
    used.discarded = discarded;
    used.context = scene;
    scene->plain = used;
    used.emits = &numbers;
    used.subscribe_to = &from;
    used.subscribe_count = 1;
    scene->stage.name = "pool";
    scene->stage.rig = &scene->rig;
    assert_int_equal(weir_pool_open(scene->rig.runtime, &used, &scene->pool, &scene->stage.ref),
                     WEIR_OK);
}

void results_consumer(struct results_scene *scene, size_t max) {
    scene->c.manual = max == 0;
    const weir_subscribe_options options = {.max_demand = max, .cancel = WEIR_TEMPORARY};
    scene->takes = player_subscribe(&scene->c, &scene->stage, &options);
}

void results_ask(struct results_scene *scene, uint64_t count) {
    assert_int_equal(weir_ask(scene->rig.runtime, scene->takes, count), WEIR_OK);
    rig_rest(&scene->rig);
}

void results_open_gate(struct results_scene *scene) {
    weir__store_release_u32(&scene->gate, 1);
}

weir_accounts results_close(struct results_scene *scene) {
    assert_int_equal(weir_pool_close(scene->pool, NULL), WEIR_OK);
    scene->rig.emitted += scene->accepted;
    return rig_close(&scene->rig);
}

/* ---- looking ------------------------------------------------------------------ */

void results_expect(struct results_scene *scene, const char *expected) {
    char text[4096] = "";
    for (uint64_t i = 0; i < scene->count; i++) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%llu", i > 0 ? " " : "",
                 (unsigned long long)scene->got[i]);
    }
    assert_string_equal(text, expected);
}

void results_expect_all(struct results_scene *scene, uint64_t numbers, bool in_order) {
    static bool seen[RESULTS_NUMBERS];
    uint64_t at = 0;
    uint64_t before = 0;
    memset(seen, 0, sizeof seen);
    while (at < scene->count) {
        const uint64_t number = scene->got[at] / 1000;
        const uint32_t runs = weir__load_relaxed_u32(&scene->runs[number]);
        const unsigned count = results_of(letter(scene, number, runs - 1));
        assert_true(number < numbers && !seen[number] && count > 0);
        assert_true(!in_order || at == 0 || number > before);
        for (unsigned i = 0; i < count; i++) {
            assert_true(at < scene->count);
            assert_int_equal(scene->got[at++], number * 1000 + runs * 100 + i);
        }
        assert_int_equal(scene->ends[number].emitted, count);
        seen[number] = true;
        before = number;
    }
    for (uint64_t number = 0; number < numbers; number++) {
        const uint32_t runs = weir__load_relaxed_u32(&scene->runs[number]);
        const char act = letter(scene, number, runs - 1);
        const bool some = (act < 'a' || act == 'w') && results_of(act) > 0;
        assert_int_equal(seen[number], runs > 0 && some);
    }
}
