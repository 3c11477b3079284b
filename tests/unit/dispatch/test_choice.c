/*
 * The choices of a partition dispatcher: many names.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: each of many names is found, and nothing else; two that are the same are refused,
 * wherever they stand; what is refused, or for which there is no memory, leaves nothing.
 * Method: thousands of names that are counted up; an allocator that fails at each site.
 */
#include "dispatch/partition.h"

#include "memory/pool.h"
#include "support/cmocka.h"
#include "support/memory.h"

#include <stdio.h>
#include <string.h>

enum { NAMES = 3000 };

struct fixture {
    struct test_memory memory;
    struct weir__pool pool;
    struct weir_desk desk;
    uint64_t buffered;
    char texts[NAMES][16];
    const char *names[NAMES];
    struct weir__partitions all;
};

static int open_fixture(void **state) {
    static struct fixture f;
    memset(&f, 0, sizeof f);
    test_memory_open(&f.memory);
    weir__pool_open(&f.pool, &f.memory.allocator);
    f.desk = (struct weir_desk){
        .pool = &f.pool, .allocator = &f.memory.allocator, .buffered = &f.buffered};
    for (size_t i = 0; i < NAMES; i++) {
        snprintf(f.texts[i], sizeof f.texts[i], "name %zu", i);
        f.names[i] = f.texts[i];
    }
    *state = &f;
    return 0;
}

static int close_fixture(void **state) {
    struct fixture *f = *state;
    assert_int_equal(weir__pool_close(&f->pool), 0);
    test_memory_close(&f->memory);
    return 0;
}

static weir_status open_with(struct fixture *f, size_t count) {
    const weir_partition_dispatcher_options options = {.partitions = count, .names = f->names};
    return weir__partitions_open(&f->all, &f->desk, &options);
}

static weir_reason wanted(const struct fixture *f, const char *name, uint32_t number,
                          uint32_t *index) {
    const weir_subscribe_options options = {.partition = number, .partition_name = name};
    return weir__partitions_wanted(&f->all, &options, index);
}

static void each_name_is_found(void **state) {
    struct fixture *f = *state;
    uint32_t index = 0;
    assert_int_equal(open_with(f, NAMES), WEIR_OK);
    for (uint32_t i = 0; i < NAMES; i++) {
        char text[16];
        strcpy(text, f->texts[i]);
        assert_int_equal(wanted(f, text, 0, &index), WEIR_REASON_NORMAL);
        assert_int_equal(index, i);
        assert_int_equal(wanted(f, text, WEIR_PARTITION(i), &index), WEIR_REASON_NORMAL);
        assert_int_equal(wanted(f, text, WEIR_PARTITION(i + 1), &index),
                         WEIR_REASON_UNKNOWN_PARTITION);
        text[0] = 'N';
        assert_int_equal(wanted(f, text, 0, &index), WEIR_REASON_UNKNOWN_PARTITION);
    }
    assert_int_equal(wanted(f, NULL, 0, &index), WEIR_REASON_MISSING_PARTITION);
    weir__partitions_close(&f->all);
}

/* What a name costs to find is how many there are in its bucket. */
static void few_share_a_bucket(void **state) {
    struct fixture *f = *state;
    assert_int_equal(open_with(f, NAMES), WEIR_OK);
    for (size_t i = 0; i < NAMES; i++) {
        size_t steps = 0;
        const struct weir__index_node *node = &f->all.names[i].node;
        for (; node != NULL; node = node->next) steps++;
        assert_in_range(steps, 1, 16);
    }
    weir__partitions_close(&f->all);
}

static void two_that_are_the_same_are_refused(void **state) {
    struct fixture *f = *state;
    static const size_t pairs[][2] = {{0, 1}, {0, NAMES - 1}, {1500, 1501}, {7, 2000}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        size_t one = pairs[i][0];
        size_t other = pairs[i][1];
        char expected[80];
        snprintf(expected, sizeof expected, "names must differ, got \"name %zu\" at %zu and at %zu",
                 one, one, other);
        f->names[other] = f->texts[one];
        assert_int_equal(open_with(f, NAMES), WEIR_INVALID);
        assert_string_equal(weir_refusal(), expected);
        f->names[other] = f->texts[other];
        assert_int_equal(f->memory.live, 0);
    }
}

static void without_memory_nothing_is_left(void **state) {
    struct fixture *f = *state;
    weir_status status = WEIR_NO_MEMORY;
    for (uint64_t site = 1; status == WEIR_NO_MEMORY; site++) {
        test_memory_fail(&f->memory, site, true);
        status = open_with(f, 20);
        test_memory_fail_never(&f->memory);
        if (status == WEIR_NO_MEMORY) assert_int_equal(f->memory.live, 0);
    }
    assert_int_equal(status, WEIR_OK); /* a larger table was not to be had, and is not missed */
    weir__partitions_close(&f->all);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_name_is_found, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(few_share_a_bucket, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(two_that_are_the_same_are_refused, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(without_memory_nothing_is_left, open_fixture,
                                        close_fixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
