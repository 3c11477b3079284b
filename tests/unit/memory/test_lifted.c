/*
 * Goal: an event that leaves its batch is dropped once, wherever what it owns is by then.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: a block of two events, one lifted out of it with each history that it can have; then
 * the batch is let go before it, or behind it, and it is dropped, or taken and dropped.
 */
#include "memory/lifted.h"

#include "base/attributes.h"
#include "memory/pool.h"
#include "support/cmocka.h"
#include "support/memory.h"
#include "support/owned.h"

#include <string.h>

static struct owned_ledger ledger;
static struct test_memory memory;
static struct weir__pool pool;

/* A batch of two, of a block that nobody fills any more. */
static struct weir__item open_batch(bool typed) {
    owned_open(&ledger);
    test_memory_open(&memory);
    weir__pool_open(&pool, &memory.allocator);
    struct weir__item batch = {
        .count = 2,
        .flags = typed ? WEIR__OWNING : 0,
        .event_bytes = sizeof(struct owned),
        .block = weir__pool_get(&pool, sizeof(struct owned), typed ? &ledger.type : NULL, 2)};
    assert_non_null(batch.block);
    struct owned *events = weir__block_event(batch.block, 0);
    for (int i = 0; i < 2; i++) events[i] = owned_make(&ledger);
    weir__owned_accept(&pool, typed ? 2 : 0);
    weir__block_hold(batch.block, &pool);
    weir__block_close(batch.block, &pool);
    return batch;
}

static void close_all(const char *expected) {
    owned_expect(&ledger, expected);
    const weir_accounts accounts = {
        .accepted = pool.owned.accepted,
        .copied = pool.owned.copied + pool.stray_copies,
        .taken = pool.owned.taken + pool.stray_takes,
        .dropped = pool.owned.dropped[WEIR_DISCARD_HANDLED] +
                   pool.owned.dropped[WEIR_DISCARD_STOPPED] +
                   pool.owned.dropped[WEIR_DISCARD_ABANDONED],
    };
    owned_close(&ledger, &accounts);
    assert_int_equal(weir__pool_close(&pool), 0);
    test_memory_close(&memory);
}

static struct weir__lifted lift_second(const struct weir__item *batch, struct owned *to) {
    return weir__lift(batch, 1, weir__block_event(batch->block, 1), to, &pool);
}

static void one_that_owns_nothing_is_copied(void **state) {
    (void)state;
    struct weir__item batch = open_batch(false);
    struct owned *events = weir__block_event(batch.block, 0);
    struct owned mine;
    struct owned taken;
    owned_release(&ledger, events[0]);
    struct weir__lifted lifted = lift_second(&batch, &mine);
    weir__item_discard(&batch, WEIR_DISCARD_HANDLED, &pool);
    assert_int_equal(weir__lifted_take(&lifted, &mine, &taken), WEIR_INVALID);
    weir__lifted_drop(&lifted, &mine, WEIR_DISCARD_STOPPED, &pool);
    owned_release(&ledger, mine);
    close_all("released 2");
}

static void one_that_nobody_else_has_goes_along(void **state) {
    (void)state;
    struct weir__item batch = open_batch(true);
    struct owned mine;
    struct weir__lifted lifted = lift_second(&batch, &mine);
    weir__item_discard(&batch, WEIR_DISCARD_HANDLED, &pool);
    assert_int_equal(pool.taken - pool.back, 0); /* it pins no block */
    owned_look(&ledger, &mine);
    weir__lifted_drop(&lifted, &mine, WEIR_DISCARD_ABANDONED, &pool);
    weir__lifted_drop(&lifted, &mine, WEIR_DISCARD_ABANDONED, &pool); /* it has nothing more */
    close_all("handled 1, abandoned 1");
}

static void one_that_is_taken_is_not_dropped(void **state) {
    (void)state;
    struct weir__item batch = open_batch(true);
    struct owned mine;
    struct owned taken;
    struct weir__lifted lifted = lift_second(&batch, &mine);
    weir__item_discard(&batch, WEIR_DISCARD_HANDLED, &pool);
    assert_int_equal(weir__lifted_take(&lifted, &mine, &taken), WEIR_OK);
    assert_int_equal(weir__lifted_take(&lifted, &mine, &taken), WEIR_INVALID);
    weir__lifted_drop(&lifted, &mine, WEIR_DISCARD_ABANDONED, &pool);
    assert_int_equal(pool.owned.taken, 1);
    owned_release(&ledger, taken);
    close_all("handled 1, released 1");
}

/* Others have it, or had: the worst of all fates is its own.  Three orders of letting go. */
static void one_that_others_have_stays(void **state) {
    (void)state;
    for (int order = 0; order < 3; order++) {
        struct weir__item batch = open_batch(true);
        const struct weir__item other = batch;
        weir__block_hold(other.block, &pool);
        weir__owned_hold(other.block, 0, 2);
        if (order == 0) weir__item_discard(&other, WEIR_DISCARD_ABANDONED, &pool);
        struct owned mine;
        struct weir__lifted lifted = lift_second(&batch, &mine);
        if (order == 1) weir__item_discard(&other, WEIR_DISCARD_ABANDONED, &pool);
        weir__item_discard(&batch, WEIR_DISCARD_HANDLED, &pool);
        owned_look(&ledger, &mine);
        weir__lifted_drop(&lifted, &mine, WEIR_DISCARD_STOPPED, &pool);
        if (order == 2) weir__item_discard(&other, WEIR_DISCARD_ABANDONED, &pool);
        close_all("abandoned 2");
    }
}

/* way 0: others have it, and it is copied; 1: there is no copy; 2: that fails; 3: they had it. */
static void one_that_others_have_is_copied_for_who_takes_it(void **state) {
    (void)state;
    for (int way = 0; way < 4; way++) {
        struct weir__item batch = open_batch(true);
        ledger.type.copy = way == 1 ? NULL : ledger.type.copy;
        ledger.copies_fail = way == 2;
        const struct weir__item other = batch;
        weir__block_hold(other.block, &pool);
        weir__owned_hold(other.block, 0, 2);
        struct owned mine;
        struct owned taken;
        struct weir__lifted lifted = lift_second(&batch, &mine);
        weir__item_discard(&batch, WEIR_DISCARD_HANDLED, &pool);
        if (way == 3) weir__item_discard(&other, WEIR_DISCARD_HANDLED, &pool);
        weir_status status = weir__lifted_take(&lifted, &mine, &taken);
        assert_int_equal(status, way == 1 ? WEIR_INVALID : way == 2 ? WEIR_NO_MEMORY : WEIR_OK);
        assert_int_equal(lifted.taken, status == WEIR_OK);
        if (status == WEIR_OK) owned_release(&ledger, taken);
        weir__lifted_drop(&lifted, &mine, WEIR_DISCARD_HANDLED, &pool);
        if (way != 3) weir__item_discard(&other, WEIR_DISCARD_HANDLED, &pool);
        close_all(way == 0   ? "handled 2, released 1"
                  : way == 3 ? "handled 1, released 1"
                             : "handled 2");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_owns_nothing_is_copied),
        cmocka_unit_test(one_that_nobody_else_has_goes_along),
        cmocka_unit_test(one_that_is_taken_is_not_dropped),
        cmocka_unit_test(one_that_others_have_stays),
        cmocka_unit_test(one_that_others_have_is_copied_for_who_takes_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
