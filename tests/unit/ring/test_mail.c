/*
 * Mail: nothing is lost, and the mail of each sender keeps its order.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: all that was sent is taken, once, oldest first; of several senders each
 * finds his own in his order; sending wakes a worker that sleeps.
 * Method: by hand on one thread, then with several threads that send.
 */
#include "ring/mail.h"

#include "os/thread.h"
#include "support/cmocka.h"

#include <string.h>

enum { SENDERS = 3, EACH = 2000 };

static void takes_nothing_when_there_is_nothing(void **state) {
    (void)state;
    struct weir__bell bell;
    weir__bell_open(&bell);
    assert_null(weir__mail_take(&bell));
    assert_false(weir__bell_pending(&bell));
}

static void takes_all_oldest_first(void **state) {
    (void)state;
    struct weir__bell bell;
    weir__bell_open(&bell);
    struct weir__mail mail[5];
    memset(mail, 0xa5, sizeof mail);
    for (int round = 0; round < 2; round++) {
        for (int count = 1; count <= 5; count++) {
            for (int i = 0; i < count; i++) weir__mail_send(&bell, &mail[i]);
            assert_true(weir__bell_pending(&bell));
            struct weir__mail *taken = weir__mail_take(&bell);
            for (int i = 0; i < count; i++) {
                assert_ptr_equal(taken, &mail[i]);
                taken = taken->next;
            }
            assert_null(taken);
            assert_null(weir__mail_take(&bell));
        }
    }
}

static void a_list_is_first_in_first_out(void **state) {
    (void)state;
    struct weir__mail_list list = {0};
    struct weir__mail mail[3];
    memset(mail, 0xa5, sizeof mail);
    assert_null(weir__mail_list_pop(&list));
    weir__mail_list_push(&list, &mail[0]);
    weir__mail_list_push(&list, &mail[1]);
    assert_ptr_equal(weir__mail_list_pop(&list), &mail[0]);
    weir__mail_list_push(&list, &mail[2]);
    weir__mail_list_push(&list, &mail[0]);
    assert_ptr_equal(weir__mail_list_pop(&list), &mail[1]);
    assert_ptr_equal(weir__mail_list_pop(&list), &mail[2]);
    assert_ptr_equal(weir__mail_list_pop(&list), &mail[0]);
    assert_null(weir__mail_list_pop(&list));
    weir__mail_list_push(&list, &mail[1]); /* after it was empty */
    assert_ptr_equal(weir__mail_list_pop(&list), &mail[1]);
    assert_null(weir__mail_list_pop(&list));
}

/* A worker that is parked, or about to be, must hear of it. */
static void sending_lowers_parked(void **state) {
    (void)state;
    struct weir__bell bell;
    weir__bell_open(&bell);
    struct weir__mail mail;
    bell.parked = 1;
    weir__mail_send(&bell, &mail);
    assert_int_equal(bell.parked, 0);
    assert_ptr_equal(weir__mail_take(&bell), &mail);
}

/* ---- several senders ----------------------------------------------------- */

struct sender {
    struct weir__bell *bell;
    struct weir__mail mail[EACH];
    struct weir__thread thread;
};

static struct sender senders[SENDERS];

static void send_all(void *argument) {
    struct sender *sender = argument;
    for (uint32_t i = 0; i < EACH; i++) {
        sender->mail[i].kind = i;
        sender->mail[i].to.bits = (uint64_t)(sender - senders);
        weir__mail_send(sender->bell, &sender->mail[i]);
    }
}

static void each_sender_keeps_his_order(void **state) {
    (void)state;
    struct weir__bell bell;
    weir__bell_open(&bell);
    for (int i = 0; i < SENDERS; i++) {
        senders[i].bell = &bell;
        assert_int_equal(weir__thread_start(&senders[i].thread, "sender", send_all, &senders[i]),
                         0);
    }
    uint32_t next[SENDERS] = {0};
    for (int left = SENDERS * EACH; left > 0;) {
        struct weir__mail *mail = weir__mail_take(&bell);
        if (mail == NULL) weir__bell_park(&bell, UINT64_MAX); /* hangs if a wake-up is lost */
        for (; mail != NULL; mail = mail->next) {
            assert_int_equal(mail->kind, next[mail->to.bits]++);
            left--;
        }
    }
    for (int i = 0; i < SENDERS; i++) weir__thread_join(&senders[i].thread);
    assert_null(weir__mail_take(&bell));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_nothing_when_there_is_nothing),
        cmocka_unit_test(takes_all_oldest_first),
        cmocka_unit_test(a_list_is_first_in_first_out),
        cmocka_unit_test(sending_lowers_parked),
        cmocka_unit_test(each_sender_keeps_his_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
