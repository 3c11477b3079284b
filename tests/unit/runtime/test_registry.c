/*
 * The registry: a reference finds its stage while that lives, and nothing afterwards.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: references are unique in the process, carry slot and kind, and go stale for
 * good when the slot is given back, however often it is used again; a slot stays
 * with its worker, which any reference to it leads to; takes that are refused use up
 * nothing; numbers that were never given out find nothing; a label is read whole, or not
 * at all.
 * Method: by hand, with generations near their end; two registries; several threads
 * take and give back, or label and read, at once.
 */
#include "runtime/registry.h"

#include "os/thread.h"
#include "support/cmocka.h"
#include "support/memory.h"

#include <stdlib.h>
#include <string.h>

struct fixture {
    struct test_memory memory;
    struct weir__registry registry;
    struct weir__bell bell[2];
    ck_stack_t free_slots[2];
};

static struct fixture f;

static void open_fixture(void) {
    memset(&f, 0, sizeof f);
    test_memory_open(&f.memory);
    weir__registry_open(&f.registry, &f.memory.allocator);
    for (int i = 0; i < 2; i++) {
        weir__bell_open(&f.bell[i]);
        ck_stack_init(&f.free_slots[i]);
    }
}

static void close_fixture(void) {
    weir__registry_close(&f.registry);
    test_memory_close(&f.memory);
}

static struct weir__slot *take(int worker) {
    return weir__registry_take(&f.registry, &f.bell[worker], &f.free_slots[worker]);
}

static void give(int worker, struct weir__slot *slot) {
    weir__registry_end(slot);
    weir__registry_give(slot, &f.free_slots[worker]);
}

static void a_reference_lives_as_long_as_its_stage(void **state) {
    (void)state;
    open_fixture();
    struct weir__slot *slot = take(1);
    assert_non_null(slot);
    assert_ptr_equal(slot->ready.bell, &f.bell[1]);
    weir_ref ref = weir__registry_ref(slot, WEIR_CONSUMER);
    assert_int_equal(weir__ref_index(ref), slot->index);
    assert_int_equal(weir__ref_kind(ref), WEIR_CONSUMER);
    assert_null(weir__registry_find(&f.registry, ref)); /* nobody may know it yet */
    weir__registry_publish(slot, ref);
    assert_ptr_equal(weir__registry_find(&f.registry, ref), slot);
    assert_ptr_equal(weir__registry_bell(&f.registry, ref), &f.bell[1]);
    give(1, slot);
    assert_null(weir__registry_find(&f.registry, ref));
    assert_ptr_equal(weir__registry_bell(&f.registry, ref), &f.bell[1]); /* who may know why */
    close_fixture();
}

static void a_slot_used_again_has_another_reference(void **state) {
    (void)state;
    open_fixture();
    enum { TIMES = 12 };
    weir_ref refs[TIMES];
    for (int i = 0; i < TIMES; i++) {
        struct weir__slot *slot = take(0);
        assert_int_equal(slot->index, 0);
        refs[i] = weir__registry_ref(slot, WEIR_PRODUCER);
        weir__registry_publish(slot, refs[i]);
        for (int k = 0; k < i; k++) {
            assert_int_not_equal(refs[k].bits, refs[i].bits);
            assert_null(weir__registry_find(&f.registry, refs[k]));
        }
        assert_ptr_equal(weir__registry_find(&f.registry, refs[i]), slot);
        give(0, slot);
    }
    close_fixture();
}

/*
 * However many registries there were in between: whatever a reference is told by is all of it.
 * Most of them draw one and have no slot: those come half a megabyte at a time.
 */
static void registries_never_share_a_reference(void **state) {
    (void)state;
    enum { REGISTRIES = 5000, WITH_SLOTS = 100 };
    const struct weir__slot of_none = {.index = 0};
    weir_ref first = {0};
    for (int i = 0; i < REGISTRIES; i++) {
        weir_kind kind = (weir_kind)(i % 3 + 1);
        open_fixture();
        struct weir__slot *slot = i % WITH_SLOTS == 0 ? take(i / WITH_SLOTS % 2) : NULL;
        weir_ref ref = weir__registry_ref(slot != NULL ? slot : &of_none, kind);
        if (slot != NULL) {
            weir__registry_publish(slot, ref);
        }
        assert_null(weir__registry_find(&f.registry, first));
        assert_int_not_equal(ref.bits, first.bits);
        first = i == 0 ? ref : first;
        assert_int_equal(weir__ref_index(ref), weir__ref_index(first));
        close_fixture();
    }
}

/* They are refused then: they do not begin again. */
static void generations_come_to_an_end(void **state) {
    (void)state;
    open_fixture();
    struct weir__slot *slot = take(0);
    uint64_t used = weir__generations.used;
    weir__generations.used = weir__generations.last - 2;
    weir_ref last[2] = {weir__registry_ref(slot, WEIR_PRODUCER),
                        weir__registry_ref(slot, WEIR_PRODUCER)};
    assert_int_equal(last[1].bits >> 22, (UINT64_C(1) << 42) - 1);
    assert_true(last[0].bits < last[1].bits);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(weir__registry_ref(slot, WEIR_PRODUCER).bits, 0);
    }
    weir__generations.used = used;
    close_fixture();
}

/* A start that failed gives its slot back unpublished: the reference was never alive. */
static void a_slot_may_be_given_back_unpublished(void **state) {
    (void)state;
    open_fixture();
    struct weir__slot *slot = take(0);
    weir_ref failed = weir__registry_ref(slot, WEIR_PRODUCER);
    give(0, slot);
    assert_null(weir__registry_find(&f.registry, failed));
    assert_ptr_equal(take(0), slot);
    weir_ref next = weir__registry_ref(slot, WEIR_PRODUCER);
    assert_int_not_equal(next.bits, failed.bits); /* which init has seen */
    weir__registry_publish(slot, next);
    assert_ptr_equal(weir__registry_find(&f.registry, next), slot);
    close_fixture();
}

static void slots_stay_with_their_worker(void **state) {
    (void)state;
    open_fixture();
    struct weir__slot *mine = take(0);
    struct weir__slot *other = take(1);
    give(0, mine);
    give(1, other);
    assert_ptr_equal(take(1), other);
    assert_int_not_equal(take(1)->index, mine->index);
    assert_ptr_equal(take(0), mine);
    close_fixture();
}

static void several_free_slots_are_all_used_again(void **state) {
    (void)state;
    open_fixture();
    enum { SLOTS = 5 };
    struct weir__slot *slots[SLOTS];
    for (int i = 0; i < SLOTS; i++) slots[i] = take(0);
    for (int i = 0; i < SLOTS; i++) give(0, slots[i]);
    bool seen[SLOTS] = {false};
    for (int i = 0; i < SLOTS; i++) {
        struct weir__slot *slot = take(0);
        assert_true(slot->index < SLOTS && !seen[slot->index]);
        seen[slot->index] = true;
    }
    assert_int_equal(take(0)->index, SLOTS);
    close_fixture();
}

static void references_never_given_out_find_nothing(void **state) {
    (void)state;
    open_fixture();
    struct weir__slot *slot = take(0);
    weir_ref ref = weir__registry_ref(slot, WEIR_CONSUMER);
    weir__registry_publish(slot, ref);
    const uint64_t bits[] = {0,
                             UINT64_MAX,
                             1,
                             0xfffff,
                             ref.bits ^ UINT64_C(1) << 20, /* of another kind */
                             ref.bits & ~(UINT64_C(3) << 20),
                             ref.bits ^ UINT64_C(1) << 22,
                             ref.bits ^ UINT64_C(1) << 63,
                             ref.bits | 1,
                             ref.bits | 0xfffff};
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) {
        assert_null(weir__registry_find(&f.registry, (weir_ref){bits[i]}));
    }
    assert_null(weir__registry_bell(&f.registry, (weir_ref){0}));
    assert_null(weir__registry_bell(&f.registry, (weir_ref){ref.bits | 1}));       /* never taken */
    assert_null(weir__registry_bell(&f.registry, (weir_ref){ref.bits | 0xfffff})); /* no chunk */
    close_fixture();
}

static void without_memory_there_is_no_slot(void **state) {
    (void)state;
    enum { FIRST = 1 << WEIR__CHUNK_FIRST_LOG2 };
    open_fixture();
    test_memory_fail(&f.memory, 1, true);
    for (int i = 0; i < 3; i++) assert_null(take(0));
    test_memory_fail_never(&f.memory);
    for (uint32_t i = 0; i < FIRST; i++) assert_int_equal(take(0)->index, i);
    test_memory_fail(&f.memory, 1, true);
    for (uint32_t i = 0; i < 3; i++) assert_null(take(0)); /* nor for a second chunk */
    test_memory_fail_never(&f.memory);
    assert_int_equal(take(1)->index, FIRST);
    close_fixture();
}

static void there_is_a_limit(void **state) {
    (void)state;
    open_fixture();
    f.registry.slots.used = WEIR__REGISTRY_STAGES_MAX - 1;
    struct weir__slot *last = take(0);
    assert_int_equal(last->index, WEIR__REGISTRY_STAGES_MAX - 1);
    for (int i = 0; i < 3; i++) assert_null(take(0));
    assert_int_equal(f.registry.slots.used, WEIR__REGISTRY_STAGES_MAX);
    give(0, last);
    assert_ptr_equal(take(0), last);
    close_fixture();
}

/* ---- several threads ----------------------------------------------------- */

enum { TAKERS = 3, ROUNDS = 700, HELD = 4 };

static uint32_t held_by[TAKERS * ROUNDS * HELD]; /* by index (atomic): 1 while somebody has it */

static void take_and_give(void *argument) {
    uint32_t *wrong = argument;
    for (int round = 0; round < ROUNDS; round++) {
        struct weir__slot *slots[HELD];
        for (int i = 0; i < HELD; i++) {
            slots[i] = take(0);
            *wrong += weir__exchange_u32(&held_by[slots[i]->index], 1) != 0;
        }
        for (int i = 0; i < HELD; i++) {
            *wrong += weir__exchange_u32(&held_by[slots[i]->index], 0) != 1;
            give(0, slots[i]);
        }
    }
}

static void many_may_take_at_once(void **state) {
    (void)state;
    open_fixture();
    struct weir__thread threads[TAKERS];
    uint32_t wrong[TAKERS] = {0};
    for (int i = 0; i < TAKERS; i++) {
        assert_int_equal(weir__thread_start(&threads[i], "taker", take_and_give, &wrong[i]), 0);
    }
    for (int i = 0; i < TAKERS; i++) {
        weir__thread_join(&threads[i]);
        assert_int_equal(wrong[i], 0);
    }
    close_fixture();
}

/* ---- labels -------------------------------------------------------------- */

static void a_label_is_read_by_its_reference(void **state) {
    (void)state;
    const struct weir__label first = {.name = "one", .event_bytes = 65536, .takes_bytes = 1};
    const struct weir__label second = {.name = "other"};
    struct weir__label label;
    open_fixture();
    struct weir__slot *slot = take(0);
    weir_ref one = weir__registry_ref(slot, WEIR_CONSUMER);
    weir_ref other = weir__registry_ref(slot, WEIR_CONSUMER);
    assert_false(weir__registry_read_label(slot, one, &label));
    assert_false(weir__registry_read_label(slot, (weir_ref){0}, &label));
    weir__registry_label(slot, one, &first);
    assert_true(weir__registry_read_label(slot, one, &label));
    assert_memory_equal(&label, &first, sizeof label);
    weir__registry_label(slot, other, &second);
    assert_false(weir__registry_read_label(slot, one, &label));
    assert_true(weir__registry_read_label(slot, other, &label));
    assert_memory_equal(&label, &second, sizeof label);
    close_fixture();
}

enum { NAMINGS = 20000 };

static struct {
    struct weir__slot *slot;
    weir_ref last; /* a letter for each reference, in turn */
    uint32_t over; /* atomic */
} naming;

static char letter_of(weir_ref ref) {
    return (char)('a' + weir__ref_generation(ref) % 26);
}

static void name_on(void *unused) {
    struct weir__label label = {.name = ""};
    (void)unused;
    for (int i = 0; i < NAMINGS; i++) {
        weir_ref ref = weir__registry_ref(naming.slot, WEIR_CONSUMER);
        memset(label.name, letter_of(ref), sizeof label.name - 1);
        label.event_bytes = (uint32_t)letter_of(ref) & INT32_MAX;
        label.takes_bytes = label.event_bytes & INT32_MAX;
        weir__registry_label(naming.slot, ref, &label);
        weir__store_release_u64(&naming.last.bits, ref.bits);
    }
    weir__store_release_u32(&naming.over, 1);
}

/* Whole, or not at all. */
static void a_label_is_read_while_the_next_is_written(void **state) {
    (void)state;
    struct weir__thread thread;
    open_fixture();
    naming.slot = take(0);
    naming.over = 0;
    assert_int_equal(weir__thread_start(&thread, "namer", name_on, NULL), 0);
    while (weir__load_acquire_u32(&naming.over) == 0) {
        struct weir__label label;
        weir_ref ref = {weir__load_acquire_u64(&naming.last.bits)};
        if (weir__registry_read_label(naming.slot, ref, &label)) {
            for (size_t i = 0; i < sizeof label.name - 1; i++) {
                assert_int_equal(label.name[i], letter_of(ref));
            }
            assert_int_equal(label.event_bytes, letter_of(ref));
            assert_int_equal(label.takes_bytes, letter_of(ref));
        }
    }
    weir__thread_join(&thread);
    close_fixture();
}

/* ---- an end -------------------------------------------------------------- */

/* What a stage's callbacks did is done for who finds it gone. */
static uint64_t used;

static void use_and_end(void *slot) {
    used = 5;
    weir__registry_end(slot);
}

static void who_finds_it_gone_comes_behind_it(void **state) {
    (void)state;
    open_fixture();
    struct weir__slot *slot = take(0);
    weir_ref ref = weir__registry_ref(slot, WEIR_PRODUCER);
    struct weir__thread worker;
    used = 0;
    weir__registry_publish(slot, ref);
    assert_int_equal(weir__thread_start(&worker, "worker", use_and_end, slot), 0);
    while (weir__registry_find(&f.registry, ref) != NULL) weir__thread_yield();
    assert_int_equal(used, 5); /* ThreadSanitizer looks, too */
    weir__thread_join(&worker);
    close_fixture();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reference_lives_as_long_as_its_stage),
        cmocka_unit_test(a_slot_used_again_has_another_reference),
        cmocka_unit_test(registries_never_share_a_reference),
        cmocka_unit_test(generations_come_to_an_end),
        cmocka_unit_test(a_slot_may_be_given_back_unpublished),
        cmocka_unit_test(slots_stay_with_their_worker),
        cmocka_unit_test(several_free_slots_are_all_used_again),
        cmocka_unit_test(references_never_given_out_find_nothing),
        cmocka_unit_test(without_memory_there_is_no_slot),
        cmocka_unit_test(there_is_a_limit),
        cmocka_unit_test(many_may_take_at_once),
        cmocka_unit_test(a_label_is_read_by_its_reference),
        cmocka_unit_test(a_label_is_read_while_the_next_is_written),
        cmocka_unit_test(who_finds_it_gone_comes_behind_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
