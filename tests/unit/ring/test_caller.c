/*
 * Calls: the slots of waiting callers.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: an answer reaches just the call it is for, once, cut to its room; a name
 * that is stale or made up changes nothing; a sweep ends those who wait for that
 * stage and no others; slots are used again, and made as they are needed; a caller too many is
 * refused.
 * Method: one thread plays all; then threads call and answer at once.
 */
#include "ring/caller.h"
#include "support/cmocka.h"
#include "support/memory.h"

#include <pthread.h>
#include <string.h>

static const weir_ref ONE = {1};
static const weir_ref OTHER = {2};

struct scene {
    struct test_memory memory;
    struct weir__callers calls;
};

static void open_scene(struct scene *scene) {
    test_memory_open(&scene->memory);
    weir__callers_open(&scene->calls, &scene->memory.allocator, NULL);
}

static void close_scene(struct scene *scene) {
    weir__callers_close(&scene->calls);
    assert_int_equal(scene->memory.live, 0);
}

static void an_answer_is_cut_to_its_room(void **state) {
    (void)state;
    static const size_t rooms[] = {0, 3, 5, 8};
    for (size_t i = 0; i < 4; i++) {
        struct scene scene;
        struct weir__caller *call;
        weir_from from;
        char room[8] = "-------";
        size_t bytes = 99;
        open_scene(&scene);
        assert_int_equal(weir__caller_begin(&scene.calls, ONE, room, rooms[i], true, &call, &from),
                         WEIR_OK);
        assert_false(weir__caller_answered(call));
        assert_true(weir__caller_answer(&scene.calls, from, WEIR_OK, "hello", 5));
        assert_true(weir__caller_answered(call));
        assert_int_equal(weir__caller_end(call, 0, &bytes), WEIR_OK);
        assert_int_equal(bytes, 5);
        size_t part = rooms[i] < 5 ? rooms[i] : 5;
        assert_memory_equal(room, "hello", part);
        assert_memory_equal(room + part, "-------", 7 - part);
        close_scene(&scene);
    }
}

static void whether_somebody_waits_is_known(void **state) {
    (void)state;
    struct scene scene;
    struct weir__caller *call, *later;
    weir_from from, next;
    open_scene(&scene);
    assert_false(weir__caller_waits(&scene.calls, (weir_from){5})); /* no slot was ever made */
    assert_int_equal(weir__caller_begin(&scene.calls, ONE, NULL, 0, true, &call, &from), WEIR_OK);
    assert_true(weir__caller_waits(&scene.calls, from));
    for (unsigned bit = 0; bit < 64; bit++) {
        assert_false(weir__caller_waits(&scene.calls, (weir_from){from.bits ^ UINT64_C(1) << bit}));
    }
    assert_int_equal(weir__caller_end(call, 0, NULL), WEIR_TIMEOUT);
    assert_false(weir__caller_waits(&scene.calls, from));
    assert_int_equal(weir__caller_begin(&scene.calls, ONE, NULL, 0, true, &later, &next), WEIR_OK);
    assert_ptr_equal(later, call); /* the same slot */
    assert_false(weir__caller_waits(&scene.calls, from));
    assert_true(weir__caller_answer(&scene.calls, next, WEIR_OK, NULL, 0));
    assert_false(weir__caller_waits(&scene.calls, next));
    assert_int_equal(weir__caller_end(later, 0, NULL), WEIR_OK);
    close_scene(&scene);
}

static void only_the_first_answer_counts(void **state) {
    (void)state;
    struct scene scene;
    struct weir__caller *call;
    weir_from from;
    char room = 0;
    open_scene(&scene);
    assert_false(
        weir__caller_answer(&scene.calls, (weir_from){UINT64_C(1) << 32 | 2}, WEIR_OK, "", 0));
    assert_int_equal(weir__caller_begin(&scene.calls, ONE, &room, 1, true, &call, &from), WEIR_OK);
    assert_true(weir__caller_answer(&scene.calls, from, WEIR_OK, "a", 1));
    assert_false(weir__caller_answer(&scene.calls, from, WEIR_OK, "b", 1));
    assert_int_equal(weir__caller_end(call, 0, NULL), WEIR_OK);
    assert_int_equal(room, 'a');
    /* The slot is another call's now. */
    weir_from stale = from;
    assert_int_equal(weir__caller_begin(&scene.calls, ONE, &room, 1, true, &call, &from), WEIR_OK);
    assert_false(weir__caller_answer(&scene.calls, stale, WEIR_OK, "c", 1));
    assert_false(weir__caller_answer(&scene.calls, (weir_from){0}, WEIR_OK, "c", 1));
    assert_false(weir__caller_answer(&scene.calls, (weir_from){UINT64_MAX}, WEIR_OK, "c", 1));
    assert_int_equal(weir__caller_end(call, 0, NULL), WEIR_TIMEOUT);
    assert_false(weir__caller_answer(&scene.calls, from, WEIR_OK, "d", 1));
    assert_int_equal(room, 'a');
    close_scene(&scene);
}

static void a_sweep_ends_those_who_wait_for_the_stage(void **state) {
    (void)state;
    struct scene scene;
    struct weir__caller *calls[3];
    weir_from from[3];
    open_scene(&scene);
    weir__callers_sweep(&scene.calls, ONE); /* nobody has called yet */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(weir__caller_begin(&scene.calls, i == 1 ? OTHER : ONE, NULL, 0, true,
                                            &calls[i], &from[i]),
                         WEIR_OK);
    }
    weir__callers_sweep(&scene.calls, ONE);
    assert_int_equal(weir__caller_end(calls[0], 0, NULL), WEIR_NO_STAGE);
    assert_int_equal(weir__caller_end(calls[2], 0, NULL), WEIR_NO_STAGE);
    assert_true(weir__caller_answer(&scene.calls, from[1], WEIR_UNHANDLED, NULL, 0));
    assert_int_equal(weir__caller_end(calls[1], 0, NULL), WEIR_UNHANDLED);
    close_scene(&scene);
}

static void there_are_so_many_callers_and_no_more(void **state) {
    (void)state;
    static struct weir__caller *calls[WEIR__CALLERS_MAX];
    struct scene scene;
    struct weir__caller *call;
    weir_from from;
    open_scene(&scene);
    for (int i = 0; i < WEIR__CALLERS_MAX; i++) {
        bool controls = i >= WEIR__CALLERS_MAX - WEIR__CALLERS_KEPT;
        assert_int_equal(weir__caller_begin(&scene.calls, ONE, NULL, 0, controls, &calls[i], &from),
                         WEIR_OK);
        weir_status other = weir__caller_begin(&scene.calls, ONE, NULL, 0, controls, &call, &from);
        if (other == WEIR_OK) {
            assert_int_equal(weir__caller_end(call, 0, NULL), WEIR_TIMEOUT);
        }
        assert_int_equal(other, i + 1 == WEIR__CALLERS_MAX - WEIR__CALLERS_KEPT ||
                                        i + 1 == WEIR__CALLERS_MAX
                                    ? WEIR_FULL
                                    : WEIR_OK);
    }
    assert_int_equal(weir__caller_begin(&scene.calls, ONE, NULL, 0, true, &call, &from), WEIR_FULL);
    assert_int_equal(weir__caller_end(calls[500], 0, NULL), WEIR_TIMEOUT);
    assert_int_equal(weir__caller_begin(&scene.calls, ONE, NULL, 0, true, &call, &from), WEIR_OK);
    assert_ptr_equal(call, calls[500]);
    close_scene(&scene);
}

/* Who calls alone pays for a few slots, and for no more however often he calls. */
static void slots_are_made_as_they_are_needed(void **state) {
    (void)state;
    enum { FEW = 100 };
    static struct weir__caller *calls[FEW];
    struct scene scene;
    weir_from from;
    open_scene(&scene);
    for (int i = 0; i < FEW; i++) {
        assert_int_equal(weir__caller_begin(&scene.calls, ONE, NULL, 0, false, &calls[0], &from),
                         WEIR_OK);
        assert_int_equal(weir__caller_end(calls[0], 0, NULL), WEIR_TIMEOUT);
    }
    assert_int_equal(scene.memory.live, 1);
    assert_in_range(scene.memory.bytes, 1, 16 * sizeof(struct weir__caller));
    for (int i = 0; i < FEW; i++) {
        assert_int_equal(weir__caller_begin(&scene.calls, ONE, NULL, 0, false, &calls[i], &from),
                         WEIR_OK);
    }
    assert_in_range(scene.memory.bytes, FEW * sizeof(struct weir__caller),
                    FEW * 3 / 2 * sizeof(struct weir__caller));
    for (int i = 0; i < FEW; i++) {
        assert_int_equal(weir__caller_end(calls[i], 0, NULL), WEIR_TIMEOUT);
    }
    close_scene(&scene);
}

static void without_memory_nobody_calls(void **state) {
    (void)state;
    struct scene scene;
    struct weir__caller *call;
    weir_from from;
    open_scene(&scene);
    test_memory_fail(&scene.memory, 1, true);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(weir__caller_begin(&scene.calls, ONE, NULL, 0, false, &call, &from),
                         WEIR_NO_MEMORY);
    }
    test_memory_fail_never(&scene.memory);
    assert_int_equal(weir__caller_begin(&scene.calls, ONE, NULL, 0, false, &call, &from), WEIR_OK);
    assert_int_equal(weir__caller_end(call, 0, NULL), WEIR_TIMEOUT);
    close_scene(&scene);
}

/* Nor is it another runtime's call that a name means, in the same slot. */
static void names_are_of_one_runtime_only(void **state) {
    (void)state;
    struct scene scenes[2];
    struct weir__caller *calls[2];
    weir_from from[2];
    char rooms[2] = {0};
    for (int i = 0; i < 2; i++) {
        open_scene(&scenes[i]);
        assert_int_equal(
            weir__caller_begin(&scenes[i].calls, ONE, &rooms[i], 1, false, &calls[i], &from[i]),
            WEIR_OK);
    }
    assert_int_not_equal(from[0].bits, from[1].bits);
    assert_false(weir__caller_answer(&scenes[0].calls, from[1], WEIR_OK, "x", 1));
    assert_false(weir__caller_answer(&scenes[1].calls, from[0], WEIR_OK, "x", 1));
    for (int i = 0; i < 2; i++) {
        assert_true(weir__caller_answer(&scenes[i].calls, from[i], WEIR_OK, "y", 1));
        assert_int_equal(weir__caller_end(calls[i], 0, NULL), WEIR_OK);
        assert_int_equal(rooms[i], 'y');
        close_scene(&scenes[i]);
    }
}

/* Half a word's worth of calls by way of one slot is not waited for: the serials are moved on. */
static void a_name_stays_stale_for_good(void **state) {
    (void)state;
    struct scene scene;
    struct weir__caller *call;
    weir_from old;
    weir_from from;
    open_scene(&scene);
    assert_int_equal(weir__caller_begin(&scene.calls, ONE, NULL, 0, false, &call, &old), WEIR_OK);
    assert_int_equal(weir__caller_end(call, 0, NULL), WEIR_TIMEOUT);
    uint64_t used = weir__caller_serials.used;
    for (int bits = 16; bits < 54; bits++) {
        call->serials.left = 1; /* as if the others had been used */
        call->serials.next = (old.bits >> 10) + (UINT64_C(1) << bits);
        assert_int_equal(weir__caller_begin(&scene.calls, ONE, NULL, 0, false, &call, &from),
                         WEIR_OK);
        assert_false(weir__caller_answer(&scene.calls, old, WEIR_OK, NULL, 0));
        assert_true(weir__caller_answer(&scene.calls, from, WEIR_OK, NULL, 0));
        assert_int_equal(weir__caller_end(call, 0, NULL), WEIR_OK);
    }
    weir__caller_serials.used = weir__caller_serials.last;
    call->serials.left = 0;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(weir__caller_begin(&scene.calls, ONE, NULL, 0, false, &call, &from),
                         WEIR_SYSTEM);
    }
    weir__caller_serials.used = used;
    assert_int_equal(weir__caller_begin(&scene.calls, ONE, NULL, 0, false, &call, &from), WEIR_OK);
    assert_int_equal(weir__caller_end(call, 0, NULL), WEIR_TIMEOUT);
    close_scene(&scene);
}

/* ---- threads ------------------------------------------------------------- */

enum { CALLS = 3000, CALLERS = 3 };

static struct {
    struct scene scene;
    uint64_t asked[CALLERS]; /* atomic: the name of the call that waits */
    uint32_t over;           /* atomic */
} all;

static void *answer_all(void *unused) {
    (void)unused;
    while (weir__load_relaxed_u32(&all.over) < CALLERS) {
        for (int i = 0; i < CALLERS; i++) {
            weir_from from = {weir__exchange_u64(&all.asked[i], 0)};
            uint64_t answer = from.bits * 3;
            if (from.bits != 0) {
                weir__caller_answer(&all.scene.calls, from, WEIR_OK, &answer, sizeof answer);
            }
        }
    }
    return NULL;
}

static void *call_often(void *argument) {
    uint64_t *asked = argument;
    uint64_t wrong = 0;
    for (int i = 0; i < CALLS; i++) {
        struct weir__caller *call;
        weir_from from;
        uint64_t answer = 0;
        if (weir__caller_begin(&all.scene.calls, ONE, &answer, sizeof answer, true, &call, &from) !=
            WEIR_OK) {
            wrong++;
            continue;
        }
        weir__exchange_u64(asked, from.bits);
        /* Every seventh gives up at once, whoever is answering just then. */
        weir_status status = weir__caller_end(call, i % 7 == 0 ? 0 : UINT64_MAX, NULL);
        wrong += status == WEIR_OK ? answer != from.bits * 3 : i % 7 != 0;
    }
    weir__fetch_add_u32(&all.over, 1);
    return (void *)(uintptr_t)wrong;
}

static void callers_and_answerers_at_once(void **state) {
    (void)state;
    pthread_t callers[CALLERS], answerers[2];
    open_scene(&all.scene);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&answerers[i], NULL, answer_all, NULL), 0);
    }
    for (int i = 0; i < CALLERS; i++) {
        assert_int_equal(pthread_create(&callers[i], NULL, call_often, &all.asked[i]), 0);
    }
    for (int i = 0; i < CALLERS; i++) {
        void *wrong;
        pthread_join(callers[i], &wrong);
        assert_null(wrong);
    }
    for (int i = 0; i < 2; i++) pthread_join(answerers[i], NULL);
    close_scene(&all.scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_cut_to_its_room),
        cmocka_unit_test(only_the_first_answer_counts),
        cmocka_unit_test(whether_somebody_waits_is_known),
        cmocka_unit_test(a_sweep_ends_those_who_wait_for_the_stage),
        cmocka_unit_test(names_are_of_one_runtime_only),
        cmocka_unit_test(a_name_stays_stale_for_good),
        cmocka_unit_test(there_are_so_many_callers_and_no_more),
        cmocka_unit_test(slots_are_made_as_they_are_needed),
        cmocka_unit_test(without_memory_nobody_calls),
        cmocka_unit_test(callers_and_answerers_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
