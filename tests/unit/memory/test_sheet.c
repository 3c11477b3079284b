/*
 * The sheet: slots that are somebody's, or nobody's, and what others read of them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a slot is given to one at a time and never moves, however many there are; a copy is of
 * one life of it, or none; a file holds the same as memory does, is its user's alone, and is no
 * file that was there before; without memory there is none, and nothing else has changed.
 * Method: more slots than the first steps have, taken and given back in turns; an owner that
 * changes while others copy; a second mapping of the file.
 */
#include "memory/sheet.h"

#include "os/thread.h"
#include "support/cmocka.h"
#include "support/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    WORDS = WEIR_COUNTERS_SLOT / sizeof(uint64_t),
    WORDS_MOST = WEIR_COUNTERS_MOST / sizeof(uint64_t),
    TAKEN = 900
};

struct house {
    struct test_memory memory;
    struct weir__sheet sheet;
    weir_counters_header *header;
};

static void open_house(struct house *house, const char *path) {
    memset(house, 0, sizeof *house);
    test_memory_open(&house->memory);
    assert_int_equal(
        weir__sheet_open(&house->sheet, &house->memory.allocator, path, &house->header), 0);
}

static void close_house(struct house *house) {
    weir__sheet_close(&house->sheet);
    test_memory_close(&house->memory);
}

/* All words of it are that number, and its kind. */
static void fill_with(void *slot, weir_counters_kind kind, uint64_t number) {
    uint64_t words[WORDS_MOST];
    for (unsigned i = 0; i < WORDS_MOST; i++) words[i] = number;
    memcpy(words, &(weir_counters_slot){.kind = (uint32_t)kind}, sizeof *words);
    weir__sheet_fill(slot, words);
}

static bool is_filled_with(const void *slot, weir_counters_kind kind, uint64_t number) {
    uint64_t words[WORDS_MOST];
    weir_counters_slot head;
    if (!weir_counters_copy(slot, words)) return false;
    memcpy(&head, words, sizeof head);
    bool right = head.kind == (uint32_t)kind;
    for (unsigned i = 1; i < weir_counters_slots(kind) * WORDS; i++) {
        right = right && words[i] == number;
    }
    return right;
}

/* Of one slot, of four, of eight, in turn. */
static weir_counters_kind kind_of(uint32_t i) {
    static const weir_counters_kind kinds[] = {WEIR_COUNTERS_SUBSCRIPTION, WEIR_COUNTERS_STAGE,
                                               WEIR_COUNTERS_TIMES};
    return kinds[i % 3];
}

static void take_all(struct house *house, void **slots, uint32_t *numbers) {
    for (uint32_t i = 0; i < TAKEN; i++) {
        unsigned wide = weir_counters_slots(kind_of(i));
        slots[i] = weir__sheet_take(&house->sheet, wide, &numbers[i]);
        assert_non_null(slots[i]);
        assert_ptr_equal(weir__sheet_at(&house->sheet, numbers[i]), slots[i]);
        assert_false(is_filled_with(slots[i], kind_of(i), 0));
        fill_with(slots[i], kind_of(i), i);
    }
}

static void each_slot_is_ones_own(void **state) {
    (void)state;
    static struct house house;
    static void *slots[TAKEN];
    static uint32_t numbers[TAKEN];
    open_house(&house, NULL);
    take_all(&house, slots, numbers);
    for (uint32_t i = 0; i < TAKEN; i++) assert_true(is_filled_with(slots[i], kind_of(i), i));
    uint64_t bytes = house.memory.bytes;
    for (uint32_t i = 0; i < TAKEN; i++) {
        weir__sheet_give(&house.sheet, numbers[i], weir_counters_slots(kind_of(i)));
        assert_false(is_filled_with(slots[i], kind_of(i), i));
    }
    take_all(&house, slots, numbers); /* the same ones, and no more */
    for (uint32_t i = 0; i < TAKEN; i++) assert_true(is_filled_with(slots[i], kind_of(i), i));
    assert_int_equal(house.memory.bytes, bytes);
    close_house(&house);
}

static void numbers_that_there_are_not(void **state) {
    (void)state;
    static struct house house;
    open_house(&house, NULL);
    assert_int_equal(weir__sheet_slots(&house.sheet), WEIR_COUNTERS_STEP);
    assert_non_null(weir__sheet_at(&house.sheet, WEIR_COUNTERS_STEP - 1));
    assert_null(weir__sheet_at(&house.sheet, WEIR_COUNTERS_STEP));
    assert_null(weir__sheet_at(&house.sheet, UINT32_MAX));
    assert_null(weir__sheet_at(&house.sheet, UINT64_MAX / 2));
    close_house(&house);
}

/* Whoever goes over all slots meets those within what began before, which begin nothing. */
static void going_over_all_finds_each_once(void **state) {
    (void)state;
    static struct house house;
    static void *slots[TAKEN];
    static uint32_t numbers[TAKEN];
    open_house(&house, NULL);
    take_all(&house, slots, numbers);
    unsigned found[WEIR_COUNTERS_TIMES + 1] = {0};
    for (uint64_t i = 1; i < weir__sheet_slots(&house.sheet); i++) {
        uint64_t words[WORDS_MOST];
        weir_counters_slot head;
        if (!weir_counters_copy(weir__sheet_at(&house.sheet, i), words)) continue;
        memcpy(&head, words, sizeof head);
        assert_true(head.kind <= WEIR_COUNTERS_TIMES);
        found[head.kind]++;
    }
    assert_int_equal(found[WEIR_COUNTERS_SUBSCRIPTION], TAKEN / 3);
    assert_int_equal(found[WEIR_COUNTERS_STAGE], TAKEN / 3);
    assert_int_equal(found[WEIR_COUNTERS_TIMES], TAKEN / 3);
    close_house(&house);
}

static void without_memory_there_is_none(void **state) {
    (void)state;
    static struct house house;
    memset(&house, 0, sizeof house);
    test_memory_open(&house.memory);
    test_memory_fail(&house.memory, 1, true);
    assert_int_equal(weir__sheet_open(&house.sheet, &house.memory.allocator, NULL, &house.header),
                     ENOMEM);
    test_memory_fail_never(&house.memory);
    assert_int_equal(weir__sheet_open(&house.sheet, &house.memory.allocator, NULL, &house.header),
                     0);
    uint32_t number;
    for (uint32_t i = weir_counters_slots(WEIR_COUNTERS_HEADER); i < WEIR_COUNTERS_STEP; i++) {
        assert_non_null(weir__sheet_take(&house.sheet, 1, &number));
    }
    test_memory_fail(&house.memory, 1, false);
    assert_null(weir__sheet_take(&house.sheet, 1, &number));
    assert_int_equal(weir__sheet_slots(&house.sheet), WEIR_COUNTERS_STEP);
    assert_non_null(weir__sheet_take(&house.sheet, 1, &number));
    assert_int_equal(number, WEIR_COUNTERS_STEP);
    close_house(&house);
}

/* ---- while it changes hands ---------------------------------------------- */

struct reader {
    struct weir__thread thread;
    const void *slot;
    uint32_t *over;
    uint32_t copies; /* atomic */
    unsigned mixed;
};

static void read_on(void *argument) {
    struct reader *reader = argument;
    uint64_t words[WORDS_MOST];
    while (weir__load_relaxed_u32(reader->over) == 0) {
        if (!weir_counters_copy(reader->slot, words)) continue;
        weir__store_relaxed_u32(&reader->copies, reader->copies + 1);
        for (unsigned i = 2; i < 4 * WORDS; i++) reader->mixed += words[i] != words[1];
    }
}

static void a_copy_is_of_one_life(void **state) {
    (void)state;
    enum { LIVES_LEAST = 2000, LIVES_MOST = 5000000, COPIES = 200 };
    static struct house house;
    static struct reader reader;
    open_house(&house, NULL);
    uint32_t over = 0;
    uint32_t number;
    void *slot = weir__sheet_take(&house.sheet, 4, &number);
    reader = (struct reader){.slot = slot, .over = &over};
    assert_int_equal(weir__thread_start(&reader.thread, "reader", read_on, &reader), 0);
    for (uint64_t i = 0; i < LIVES_MOST; i++) {
        fill_with(slot, WEIR_COUNTERS_STAGE, i);
        if (i > LIVES_LEAST && weir__load_relaxed_u32(&reader.copies) > COPIES) break;
        weir__sheet_give(&house.sheet, number, 4);
        assert_ptr_equal(weir__sheet_take(&house.sheet, 4, &number), slot);
    }
    weir__store_relaxed_u32(&over, 1);
    weir__thread_join(&reader.thread);
    assert_true(reader.copies > 0);
    assert_int_equal(reader.mixed, 0);
    close_house(&house);
}

/* ---- files --------------------------------------------------------------- */

static char folder[] = "/tmp/weir-sheet-XXXXXX";
static char path[64];

static int make_folder(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/weir-sheet-XXXXXX");
    if (mkdtemp(folder) == NULL) return -1;
    snprintf(path, sizeof path, "%s/counters", folder);
    return 0;
}

static int remove_folder(void **state) {
    (void)state;
    return rmdir(folder); /* it is empty */
}

static void others_read_the_file(void **state) {
    (void)state;
    static struct house house;
    static void *slots[TAKEN];
    static uint32_t numbers[TAKEN];
    open_house(&house, path);
    take_all(&house, slots, numbers);
    struct stat about;
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    uint64_t all = weir__sheet_slots(&house.sheet);
    assert_int_equal(about.st_size, all * WEIR_COUNTERS_SLOT);
    int file = open(path, O_RDONLY);
    char *others = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_SHARED, file, 0);
    assert_ptr_not_equal(others, MAP_FAILED);
    for (uint32_t i = 0; i < TAKEN; i++) {
        const void *slot = others + (size_t)numbers[i] * WEIR_COUNTERS_SLOT;
        assert_true(is_filled_with(slot, kind_of(i), i));
    }
    close_house(&house);
    assert_int_equal(stat(path, &about), -1);
    assert_true(is_filled_with(others + (size_t)numbers[0] * WEIR_COUNTERS_SLOT, kind_of(0), 0));
    munmap(others, (size_t)about.st_size);
    close(file);
}

static void expect_no_file(const char *name, int why) {
    struct house house;
    memset(&house, 0, sizeof house);
    test_memory_open(&house.memory);
    assert_int_equal(weir__sheet_open(&house.sheet, &house.memory.allocator, name, &house.header),
                     why);
    test_memory_close(&house.memory);
}

static void no_file_that_was_there_is_touched(void **state) {
    (void)state;
    char link_path[80];
    snprintf(link_path, sizeof link_path, "%s/link", folder);
    int file = open(path, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(write(file, "precious", 8), 8);
    close(file);
    assert_int_equal(symlink(path, link_path), 0);
    expect_no_file(path, EEXIST);
    expect_no_file(link_path, EEXIST);
    struct stat about;
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_size, 8);
    unlink(link_path);
    unlink(path);
}

/* No room on the disk: what the file has none for is memory, and the file says so. */
static void a_full_disk_hides_what_is_beyond(void **state) {
    (void)state;
    static struct house house;
    static void *slots[TAKEN];
    static uint32_t numbers[TAKEN];
    struct rlimit before;
    struct stat about;
    const rlim_t most = (rlim_t)WEIR_COUNTERS_STEP * WEIR_COUNTERS_SLOT * 3 / 2;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){.rlim_cur = most, .rlim_max = before.rlim_max}),
        0);
    open_house(&house, path);
    take_all(&house, slots, numbers);
    for (uint32_t i = 0; i < TAKEN; i++) assert_true(is_filled_with(slots[i], kind_of(i), i));
    assert_true(weir__sheet_slots(&house.sheet) > TAKEN);
    assert_int_equal(house.header->slots, WEIR_COUNTERS_STEP);
    assert_int_equal(stat(path, &about), 0);
    assert_in_range(about.st_size, WEIR_COUNTERS_STEP * WEIR_COUNTERS_SLOT, most);
    close_house(&house);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
}

static void where_no_file_can_be(void **state) {
    (void)state;
    char long_path[WEIR__SHEET_PATH + 10];
    memset(long_path, 'x', sizeof long_path - 1);
    long_path[0] = '/';
    long_path[sizeof long_path - 1] = '\0';
    expect_no_file(long_path, ENAMETOOLONG);
    expect_no_file("/tmp/there-is-no-such-folder/counters", ENOENT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_slot_is_ones_own),
        cmocka_unit_test(numbers_that_there_are_not),
        cmocka_unit_test(going_over_all_finds_each_once),
        cmocka_unit_test(without_memory_there_is_none),
        cmocka_unit_test(a_copy_is_of_one_life),
        cmocka_unit_test_setup_teardown(others_read_the_file, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(no_file_that_was_there_is_touched, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_full_disk_hides_what_is_beyond, make_folder,
                                        remove_folder),
        cmocka_unit_test(where_no_file_can_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
