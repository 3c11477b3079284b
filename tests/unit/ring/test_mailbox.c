/*
 * Goal: a mailbox counts exactly up to its limits, for the stage that has it and no
 * other; STOP and FINISH are sent whenever nothing of the kind is on its way.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: by hand, stage after stage in one mailbox; then threads that count and tell
 * while a worker takes the mail, and stages follow each other.
 */
#include "ring/mailbox.h"

#include "base/check.h"
#include "os/thread.h"
#include "support/aborts.h"
#include "support/cmocka.h"

#include <string.h>

static struct weir__mailbox box;
static struct weir__counter *const messages = &box.messages, *const timers = &box.timers;

static void open_box(uint64_t generation, uint64_t most, uint64_t most_timers) {
    weir__mailbox_open(&box, (weir_ref){generation << 22}, generation, most, most_timers);
}

static int count(struct weir__counter *counter, uint64_t generation) {
    return (int)weir__counter_add(counter, generation, false);
}

/* The mail to send; NULL: none. */
static struct weir__mail *tell(uint64_t generation, enum weir__mail_kind kind, weir_reason reason) {
    struct weir__mail *mail = NULL;
    assert_true(weir__mailbox_tell(&box, generation, kind, reason, &mail));
    return mail;
}

static int begin(void **state) {
    (void)state;
    memset(&box, 0, sizeof box);
    return 0;
}

static void counts_up_to_the_limit(void **state) {
    (void)state;
    open_box(7, 3, 1);
    for (int i = 0; i < 3; i++) assert_int_equal(count(messages, 7), WEIR__COUNT_DONE);
    assert_int_equal(count(messages, 7), WEIR__COUNT_FULL);
    assert_int_equal(count(timers, 7), WEIR__COUNT_DONE); /* each in its own room */
    assert_int_equal(count(timers, 7), WEIR__COUNT_FULL);
    weir__counter_take(messages, 7);
    assert_int_equal(count(timers, 7), WEIR__COUNT_FULL);
    assert_int_equal(count(messages, 7), WEIR__COUNT_DONE);
    assert_int_equal(count(messages, 7), WEIR__COUNT_FULL);
}

static void another_stage_is_not_counted_for(void **state) {
    (void)state;
    open_box(7, 2, 2);
    assert_int_equal(count(messages, 7), WEIR__COUNT_DONE);
    assert_int_equal(count(messages, 6), WEIR__COUNT_GONE);
    weir__mailbox_close(&box);
    assert_int_equal(count(messages, 7), WEIR__COUNT_GONE);
    assert_int_equal(count(messages, 0), WEIR__COUNT_GONE);
    assert_int_equal(count(messages, (uint64_t)1 << 32), WEIR__COUNT_GONE);
    open_box(9, 2, 2);
    assert_int_equal(count(messages, 9), WEIR__COUNT_DONE);
    weir__counter_take(messages, 7); /* of the last one: it comes late */
    assert_int_equal(count(messages, 9), WEIR__COUNT_DONE);
    assert_int_equal(count(messages, 9), WEIR__COUNT_FULL);
    assert_int_equal(count(messages, 7), WEIR__COUNT_GONE);
}

/* A stage that finishes closes it at the numbers that it knows of, and at no other. */
static void it_ends_when_nothing_is_on_its_way(void **state) {
    (void)state;
    struct weir__counter *const counters[] = {&box.messages, &box.timers, &box.tokens};
    for (int i = 0; i < 3; i++) {
        open_box(7, 5, 5);
        assert_int_equal(count(timers, 7), WEIR__COUNT_DONE); /* armed: it is known of */
        assert_int_equal(count(counters[i], 7), WEIR__COUNT_DONE);
        assert_false(weir__mailbox_end(&box, 1));
        for (int k = 0; k < 3; k++) { /* as before */
            assert_int_equal(count(counters[k], 7), WEIR__COUNT_DONE);
            weir__counter_take(counters[k], 7);
        }
        weir__counter_take(counters[i], 7);
        assert_false(weir__mailbox_end(&box, 0));
        assert_true(weir__mailbox_end(&box, 1));
        for (int k = 0; k < 3; k++) assert_int_equal(count(counters[k], 7), WEIR__COUNT_GONE);
        weir__mailbox_reopen(&box, true);
        for (int k = 0; k < 3; k++) assert_int_equal(count(counters[k], 7), WEIR__COUNT_DONE);
        assert_int_equal(weir__mailbox_messages(&box), 1);
        assert_int_equal(weir__mailbox_tokens(&box), 1);
        weir__mailbox_reopen(&box, true); /* it is open */
        assert_int_equal(weir__mailbox_messages(&box), 1);
        weir__mailbox_close(&box);
    }
}

/* Closed, it refuses, and counts off: a timer that it knew of may come to its end meanwhile. */
static void what_is_used_up_while_it_is_closed_is_counted_off(void **state) {
    (void)state;
    for (int taken = 0; taken <= 2; taken++) {
        open_box(7, 5, 2);
        for (int i = 0; i < 2; i++) assert_int_equal(count(timers, 7), WEIR__COUNT_DONE);
        assert_true(weir__mailbox_end(&box, 2));
        for (int i = 0; i < taken; i++) weir__counter_take(timers, 7);
        assert_int_equal(count(timers, 7), WEIR__COUNT_GONE);
        weir__mailbox_reopen(&box, true);
        for (int i = taken; i < 2; i++) weir__counter_take(timers, 7); /* the others, later */
        for (int i = 0; i < 2; i++) assert_int_equal(count(timers, 7), WEIR__COUNT_DONE);
        assert_int_equal(count(timers, 7), WEIR__COUNT_FULL);
        for (int i = 0; i < 2; i++) weir__counter_take(timers, 7);
        assert_true(weir__mailbox_end(&box, 0)); /* and it ends */
        weir__mailbox_close(&box);
    }
}

static void it_is_shut_when_no_token_is_out(void **state) {
    (void)state;
    open_box(7, 5, 5);
    assert_int_equal(count(&box.tokens, 7), WEIR__COUNT_DONE);
    assert_false(weir__mailbox_shut(&box));
    assert_int_equal(count(&box.tokens, 7), WEIR__COUNT_DONE);
    weir__counter_take(&box.tokens, 7);
    weir__counter_take(&box.tokens, 7);
    assert_true(weir__mailbox_shut(&box));
    assert_true(weir__mailbox_shut(&box));
    assert_int_equal(count(&box.tokens, 7), WEIR__COUNT_GONE);
    assert_int_equal(count(messages, 7), WEIR__COUNT_DONE);
    assert_false(weir__mailbox_end(&box, 0));
    weir__counter_take(messages, 7);
    assert_true(weir__mailbox_end(&box, 0));
    weir__mailbox_reopen(&box, false);
    assert_int_equal(count(messages, 7), WEIR__COUNT_DONE);
    assert_int_equal(count(&box.tokens, 7), WEIR__COUNT_GONE);
    weir__mailbox_close(&box);
}

static void kept_within_only_stages_are_counted_for(void **state) {
    (void)state;
    open_box(7, 2, 1);
    assert_int_equal(count(messages, 7), WEIR__COUNT_DONE); /* before */
    weir__mailbox_keep_within(&box);
    assert_int_equal(count(messages, 7), WEIR__COUNT_GONE);
    assert_int_equal(count(&box.tokens, 7), WEIR__COUNT_GONE);
    assert_int_equal(weir__counter_add(messages, 7, true), WEIR__COUNT_DONE);
    assert_int_equal(weir__counter_add(messages, 7, true), WEIR__COUNT_FULL);
    assert_int_equal(weir__mailbox_messages(&box), 2);
    assert_false(weir__mailbox_end(&box, 0));
    weir__counter_take(messages, 7);
    weir__counter_take(messages, 7);
    assert_true(weir__mailbox_end(&box, 0));
    assert_int_equal(weir__counter_add(messages, 7, true), WEIR__COUNT_GONE);
    weir__mailbox_reopen(&box, true); /* as it was */
    assert_int_equal(count(messages, 7), WEIR__COUNT_GONE);
    assert_int_equal(weir__counter_add(messages, 7, true), WEIR__COUNT_DONE);
    assert_int_equal(weir__counter_add(&box.tokens, 7, true), WEIR__COUNT_DONE);
    weir__mailbox_close(&box);
    open_box(8, 1, 1); /* the next stage knows nothing of it */
    assert_int_equal(count(messages, 8), WEIR__COUNT_DONE);
    weir__mailbox_close(&box);
}

static void the_widest_limit_and_generation(void **state) {
    (void)state;
    const uint64_t generation = ((uint64_t)1 << 42) - 1;
    open_box(generation, UINT32_MAX / 2, UINT32_MAX / 2);
    assert_int_equal(count(messages, generation), WEIR__COUNT_DONE);
    assert_int_equal(count(messages, generation - 1), WEIR__COUNT_GONE);
    box.messages.count += UINT32_MAX / 2 - 2; /* as if so many had come */
    assert_int_equal(count(messages, generation), WEIR__COUNT_DONE);
    assert_int_equal(count(messages, generation), WEIR__COUNT_FULL);
    weir__counter_take(messages, generation);
    assert_int_equal(count(messages, generation), WEIR__COUNT_DONE);
    struct weir__mail *mail = tell(generation, WEIR__MAIL_STOP, WEIR_REASON_MAX);
    assert_ptr_equal(weir__mailbox_of(mail), &box);
    assert_int_equal(weir__mailbox_take(mail), WEIR_REASON_MAX);
}

/* The bits of it that a count tells are those of a count that is nobody's. */
static void a_generation_whose_lower_bits_are_0(void **state) {
    (void)state;
    const uint64_t generation = (uint64_t)3 << 31;
    open_box(generation, 2, 2);
    assert_int_equal(count(messages, generation), WEIR__COUNT_DONE);
    weir__mailbox_keep_within(&box);
    assert_int_equal(count(messages, generation), WEIR__COUNT_GONE);
    weir__counter_take(messages, generation);
    assert_int_equal(weir__mailbox_messages(&box), 0);
    weir__mailbox_close(&box);
    weir__counter_take(messages, generation);
    assert_int_equal(box.messages.count, 0);
}

static void the_first_stop_says_why(void **state) {
    (void)state;
    open_box(7, 1, 1);
    struct weir__mail *stop = tell(7, WEIR__MAIL_STOP, WEIR_REASON_USER);
    assert_int_equal(stop->kind, WEIR__MAIL_STOP);
    assert_int_equal(stop->to.bits, (uint64_t)7 << 22);
    assert_null(tell(7, WEIR__MAIL_STOP, WEIR_REASON_NORMAL)); /* one is on its way */
    struct weir__mail *finish = tell(7, WEIR__MAIL_FINISH, WEIR_REASON_NORMAL);
    assert_int_equal(finish->kind, WEIR__MAIL_FINISH);
    assert_null(tell(7, WEIR__MAIL_FINISH, WEIR_REASON_NORMAL));
    assert_int_equal(weir__mailbox_take(stop), WEIR_REASON_USER);
    assert_null(tell(7, WEIR__MAIL_FINISH, WEIR_REASON_NORMAL));
    assert_ptr_equal(tell(7, WEIR__MAIL_STOP, WEIR_REASON_SHUTDOWN), stop); /* home: again */
    assert_int_equal(weir__mailbox_take(stop), WEIR_REASON_SHUTDOWN);
    weir__mailbox_take(finish);
    weir__mailbox_close(&box);
    assert_true(weir__mailbox_home(&box));
}

static void who_comes_too_late_tells_nobody(void **state) {
    (void)state;
    struct weir__mail *mail;
    open_box(7, 1, 1);
    assert_false(weir__mailbox_tell(&box, 6, WEIR__MAIL_STOP, WEIR_REASON_USER, &mail));
    weir__mailbox_close(&box);
    assert_true(weir__mailbox_home(&box));
    assert_false(weir__mailbox_tell(&box, 7, WEIR__MAIL_STOP, WEIR_REASON_USER, &mail));
    assert_false(weir__mailbox_tell(&box, 0, WEIR__MAIL_STOP, WEIR_REASON_USER, &mail));
    open_box(8, 1, 1);
    assert_false(weir__mailbox_tell(&box, 7, WEIR__MAIL_FINISH, WEIR_REASON_USER, &mail));
    assert_non_null(tell(8, WEIR__MAIL_STOP, WEIR_REASON_NORMAL));
}

static void mail_on_its_way_comes_home_first(void **state) {
    (void)state;
    open_box(7, 1, 1);
    struct weir__mail *stop = tell(7, WEIR__MAIL_STOP, WEIR_REASON_USER);
    struct weir__mail *finish = tell(7, WEIR__MAIL_FINISH, WEIR_REASON_USER);
    weir__mailbox_close(&box);
    assert_false(weir__mailbox_home(&box));
    weir__mailbox_take(finish);
    assert_false(weir__mailbox_home(&box));
    assert_int_equal(weir__mailbox_take(stop), WEIR_REASON_USER);
    assert_true(weir__mailbox_home(&box));
    open_box(8, 1, 1);
    assert_ptr_equal(tell(8, WEIR__MAIL_STOP, WEIR_REASON_USER), stop);
}

/* ---- threads --------------------------------------------------------------- */

enum { SENDERS = 3, STAGES = 20, LIMIT = 4 };

static struct {
    struct weir__bell bell;
    uint64_t generation; /* atomic: of the stage that lives */
    uint64_t wrong;      /* atomic */
    uint32_t over;       /* atomic */
} crowd;

/* Counts for a stage that may end meanwhile, and counts off likewise. */
static void count_some(uint64_t generation) {
    switch (weir__counter_add(messages, generation, false)) {
    case WEIR__COUNT_DONE:
        weir__counter_take(messages, generation);
        return;
    case WEIR__COUNT_FULL: /* fewer than the limit are ever counted at once */
        weir__fetch_add_u64(&crowd.wrong, 1);
        return;
    default:
        return;
    }
}

static void send_often(void *argument) {
    uint64_t number = (uint64_t)(uintptr_t)argument;
    for (; weir__load_relaxed_u32(&crowd.over) == 0; weir__thread_yield()) {
        uint64_t generation = weir__load_relaxed_u64(&crowd.generation);
        struct weir__mail *mail;
        if (number < 2) count_some(generation); /* the others have nothing but `told` */
        /* The reason names the stage, so that the worker knows whether it is for that one. */
        if (number > 0 &&
            weir__mailbox_tell(&box, generation, WEIR__MAIL_STOP, (weir_reason)generation, &mail)) {
            if (mail != NULL) weir__mail_send(&crowd.bell, mail);
        }
    }
}

/* Takes what has come; true when the stage of that generation was told to stop. */
static bool take_mail(uint64_t generation) {
    bool stopped = false;
    for (struct weir__mail *mail = weir__mail_take(&crowd.bell); mail != NULL;) {
        struct weir__mail *next = mail->next;
        if ((uint64_t)weir__mailbox_take(mail) != generation) weir__fetch_add_u64(&crowd.wrong, 1);
        stopped = true;
        mail = next;
    }
    return stopped;
}

static void stages_follow_each_other_amid_senders(void **state) {
    (void)state;
    struct weir__thread threads[SENDERS];
    memset(&crowd, 0, sizeof crowd);
    weir__bell_open(&crowd.bell);
    for (int i = 0; i < SENDERS; i++) {
        assert_int_equal(
            weir__thread_start(&threads[i], "sender", send_often, (void *)(uintptr_t)i), 0);
    }
    for (uint64_t generation = 1; generation <= STAGES; generation++) {
        open_box(generation, LIMIT, LIMIT);
        weir__store_relaxed_u64(&crowd.generation, generation); /* known in whatever way */
        for (int stops = 0; stops < 2; weir__thread_yield()) {
            stops += take_mail(generation) ? 1 : 0;
        }
        weir__mailbox_close(&box);
        for (; !weir__mailbox_home(&box); weir__thread_yield()) take_mail(generation);
    }
    weir__store_relaxed_u32(&crowd.over, 1);
    for (int i = 0; i < SENDERS; i++) weir__thread_join(&threads[i]);
    assert_int_equal(crowd.wrong, 0);
}

static uint32_t ends; /* atomic: tries to end it */

static void try_to_end(void *unused) {
    (void)unused;
    while (weir__load_relaxed_u32(&crowd.over) == 0) {
        if (weir__mailbox_end(&box, 0)) weir__fetch_add_u64(&crowd.wrong, 1);
        weir__fetch_add_u32(&ends, 1);
    }
}

static void who_holds_a_token_is_not_refused(void **state) {
    (void)state;
    struct weir__thread worker;
    open_box(7, 5, 5);
    memset(&crowd, 0, sizeof crowd);
    assert_int_equal(count(&box.tokens, 7), WEIR__COUNT_DONE);
    assert_int_equal(weir__thread_start(&worker, "worker", try_to_end, NULL), 0);
    for (int i = 0; i < 10000 || weir__load_relaxed_u32(&ends) < 10000; i++) {
        struct weir__counter *counter = i % 2 == 0 ? messages : timers;
        if (count(counter, 7) != WEIR__COUNT_DONE) weir__fetch_add_u64(&crowd.wrong, 1);
        weir__counter_take(counter, 7);
    }
    weir__store_relaxed_u32(&crowd.over, 1);
    weir__thread_join(&worker);
    assert_int_equal(crowd.wrong, 0);
    weir__mailbox_close(&box);
}

static uint64_t used; /* by the stage's callbacks */

static void use_and_open(void *unused) {
    (void)unused;
    used = 5;
    open_box(7, 5, 5);
}

/* The reference may have come without order: whoever finds it open has what was written before. */
static void who_finds_it_open_comes_behind_it(void **state) {
    (void)state;
    struct weir__counter *const counters[] = {&box.messages, &box.timers, &box.tokens, NULL};
    for (int i = 0; i < 4; i++) {
        struct weir__thread worker;
        struct weir__mail *mail = NULL;
        used = 0;
        begin(NULL);
        assert_int_equal(weir__thread_start(&worker, "worker", use_and_open, NULL), 0);
        if (counters[i] == NULL) {
            while (!weir__mailbox_tell(&box, 7, WEIR__MAIL_STOP, WEIR_REASON_USER, &mail))
                weir__thread_yield();
            assert_int_equal(mail->kind, WEIR__MAIL_STOP);
        } else {
            while (count(counters[i], 7) != WEIR__COUNT_DONE) weir__thread_yield();
        }
        assert_int_equal(used, 5); /* ThreadSanitizer looks, too */
        weir__thread_join(&worker);
    }
}

static void use_and_close(void *unused) {
    (void)unused;
    used = 5;
    weir__mailbox_close(&box);
}

/* In whichever of the words: what the callbacks did is done. */
static void who_finds_it_closed_comes_behind_it(void **state) {
    (void)state;
    struct weir__counter *const counters[] = {&box.messages, &box.timers, &box.tokens, NULL};
    for (int i = 0; i < 4; i++) {
        struct weir__thread worker;
        struct weir__mail *mail;
        used = 0;
        open_box(7, 5, 5);
        assert_int_equal(weir__thread_start(&worker, "worker", use_and_close, NULL), 0);
        if (counters[i] == NULL) {
            while (weir__mailbox_tell(&box, 7, WEIR__MAIL_STOP, WEIR_REASON_USER, &mail))
                weir__thread_yield();
        } else {
            while (count(counters[i], 7) != WEIR__COUNT_GONE) weir__thread_yield();
        }
        assert_int_equal(used, 5); /* ThreadSanitizer looks, too */
        weir__thread_join(&worker);
        begin(NULL);
    }
}

static void count_for_another(void *argument) {
    (void)argument;
    box.timers.count = weir__count_of(8);
    WEIR__VERIFY(weir__mailbox_check(&box));
}

static void count_beyond_the_limit(void *argument) {
    (void)argument;
    box.messages.count += 3;
    WEIR__VERIFY(weir__mailbox_check(&box));
}

static void keep_one_within(void *argument) {
    (void)argument;
    box.tokens.count |= WEIR__COUNT_WITHIN;
    WEIR__VERIFY(weir__mailbox_check(&box));
}

static void the_checker_says_what_is_broken(void **state) {
    static const struct test_breakage breakages[] = {
        {count_for_another, "weir__count_is_of(word, box->generation)"},
        {count_beyond_the_limit,
         "weir__count_number(word) <= weir__load_relaxed_u64(&counter->limit)"},
        {keep_one_within, "within == box->within"},
    };
    if (!WEIR__CHECKED) skip();
    (void)state;
    open_box(7, 2, 2);
    WEIR__VERIFY(weir__mailbox_check(&box));
    TEST_BREAKAGES(breakages, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(counts_up_to_the_limit, begin),
        cmocka_unit_test_setup(another_stage_is_not_counted_for, begin),
        cmocka_unit_test_setup(it_ends_when_nothing_is_on_its_way, begin),
        cmocka_unit_test_setup(what_is_used_up_while_it_is_closed_is_counted_off, begin),
        cmocka_unit_test_setup(it_is_shut_when_no_token_is_out, begin),
        cmocka_unit_test_setup(kept_within_only_stages_are_counted_for, begin),
        cmocka_unit_test_setup(the_widest_limit_and_generation, begin),
        cmocka_unit_test_setup(a_generation_whose_lower_bits_are_0, begin),
        cmocka_unit_test_setup(the_first_stop_says_why, begin),
        cmocka_unit_test_setup(who_comes_too_late_tells_nobody, begin),
        cmocka_unit_test_setup(mail_on_its_way_comes_home_first, begin),
        cmocka_unit_test_setup(stages_follow_each_other_amid_senders, begin),
        cmocka_unit_test_setup(who_holds_a_token_is_not_refused, begin),
        cmocka_unit_test_setup(who_finds_it_open_comes_behind_it, begin),
        cmocka_unit_test_setup(who_finds_it_closed_comes_behind_it, begin),
        cmocka_unit_test_setup(the_checker_says_what_is_broken, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
