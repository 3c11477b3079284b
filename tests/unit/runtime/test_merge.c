/*
 * Merges on threads: who answers at once is not served for ever.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a producer on another worker, which answers what its consumer asks for while that has its
 * turn, is given no more in this turn than what was asked for before: not more than one of the
 * consumer's own worker, which cannot answer before the turn is over.
 * Method: two threads.  The consumer waits, in its callback, until the other thread's producer has
 * answered, so that it always has events at hand.  The producer beside the consumer has a turn
 * between any two of it, so it comes between any two rounds of the other's.
 */
#include "support/player.h"

#include "support/cmocka.h"

#include "base/atomic.h"

#include <sched.h>

/* Its window is two batches; a turn that loses its core ends early, and adds some. */
enum { ENOUGH = 1000, MANY = 8 };

static struct {
    struct rig rig;
    struct player beside, abroad, merge;
    uint64_t made;         /* by the producer abroad, which writes it   */
    uint64_t read;         /* of those                                  */
    bool both;             /* have begun                                */
    uint64_t row, longest; /* of its batches, with none between of the other's */
    unsigned answers;      /* batches of its, meanwhile                 */
    uint32_t over;         /* the consumer writes it                    */
} scene;

static bool is_over(void) {
    return weir__load_acquire_u32(&scene.over) != 0;
}

static weir_verdict make(weir_stage *self, struct player *player, uint64_t demand) {
    if (is_over()) return WEIR_CONTINUE;
    player_emit(self, demand);
    if (player == &scene.abroad) weir__store_release_u64(&scene.made, scene.made + demand);
    return WEIR_CONTINUE;
}

/* Until what was asked for behind the batch before this one is there. */
static void await_answer(size_t count) {
    scene.read += count;
    while (weir__load_acquire_u64(&scene.made) <= scene.read && !is_over()) sched_yield();
}

static weir_verdict measure(weir_stage *self, struct player *player, weir_batch batch) {
    (void)self, (void)player;
    const uint64_t *numbers = batch.events;
    bool abroad = numbers[0] >= scene.abroad.limit;
    scene.both = scene.both || !abroad;
    scene.row = abroad && scene.both ? scene.row + 1 : 0;
    scene.longest = scene.row > scene.longest ? scene.row : scene.longest;
    scene.answers += abroad && scene.both;
    if (scene.answers > ENOUGH) weir__store_release_u32(&scene.over, 1);
    if (abroad) await_answer(batch.count);
    return WEIR_CONTINUE;
}

static void start(struct player *player, const char *name, weir_kind kind, unsigned worker) {
    *player = (struct player){.name = name,
                              .kind = kind,
                              .quiet = true,
                              .does.demand = make,
                              .does.events = kind == WEIR_CONSUMER ? measure : NULL};
    player_start(player, &scene.rig, &(weir_stage_options){.worker = WEIR_WORKER(worker)});
}

static void who_answers_at_once_has_its_turn_and_no_more(void **state) {
    (void)state;
    rig_open(&scene.rig, &(weir_runtime_options){.workers = 2, .unpinned = true});
    start(&scene.beside, "beside", WEIR_PRODUCER, 0);
    start(&scene.abroad, "abroad", WEIR_PRODUCER, 1);
    start(&scene.merge, "merge", WEIR_CONSUMER, 0);
    scene.abroad.next = scene.abroad.limit = UINT64_C(1) << 60;
    player_subscribe(&scene.merge, &scene.beside, NULL);
    player_subscribe(&scene.merge, &scene.abroad, NULL);
    while (!is_over()) sched_yield();
    rig_rest(&scene.rig);
    assert_in_range(scene.longest, 1, MANY);
    rig_close(&scene.rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_answers_at_once_has_its_turn_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
