/*
 * What a signal handler may call.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: weir_runtime_stop and weir_process_mask in a handler, while its thread is inside of weir,
 * neither hang nor lose anything.
 * Method: another thread sends signals as fast as they are taken, to one that pushes, starts and
 * stops stages; the handler calls both; then all accounts are checked.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "base/atomic.h"
#include "support/cmocka.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <weir/weir.h>

enum { ROUNDS = 2000 };

static weir_runtime *runtime;
static uint32_t over;    /* atomic */
static uint32_t handled; /* atomic: signals */
static pthread_t busy;

static void stop(int number) {
    const int before = errno;
    sigset_t mask;
    (void)number;
    weir_process_mask(&mask);
    weir_runtime_stop(runtime, WEIR_REASON_SHUTDOWN);
    weir__fetch_add_u32(&handled, 1);
    errno = before;
}

static void *send_signals(void *argument) {
    (void)argument;
    while (weir__load_relaxed_u32(&over) == 0) {
        uint32_t seen = weir__load_relaxed_u32(&handled);
        pthread_kill(busy, SIGUSR1);
        while (weir__load_relaxed_u32(&handled) == seen && weir__load_relaxed_u32(&over) == 0) {
            sched_yield();
        }
    }
    return NULL;
}

/* Each is stopped at some moment: pushed events are handled, or refused, or discarded. */
static void push_and_start(void) {
    const weir_inlet_options options = {.event_bytes = 8};
    for (uint64_t i = 0; i < ROUNDS || weir__load_relaxed_u32(&handled) == 0; i++) {
        weir_inlet *inlet;
        const weir_status status = weir_inlet_open(runtime, &options, &inlet, NULL);
        assert_true(status == WEIR_OK || status == WEIR_NO_STAGE);
        if (status == WEIR_OK) {
            const weir_status pushed = weir_inlet_push(inlet, &i, 1, 0);
            assert_true(pushed == WEIR_OK || pushed == WEIR_NO_STAGE);
            weir_inlet_close(inlet);
        }
    }
}

static void no_lines(void *context, weir_log_level level, const char *text) {
    (void)context, (void)level, (void)text;
}

static void a_runtime_is_stopped_in_a_storm(void **state) {
    const weir_runtime_options options = {.workers = 1, .log = no_lines};
    struct sigaction action = {.sa_handler = stop, .sa_flags = SA_RESTART};
    struct sigaction before;
    pthread_t sender;
    weir_accounts accounts;
    (void)state;
    assert_int_equal(weir_runtime_open(&options, &runtime), WEIR_OK);
    busy = pthread_self();
    sigaction(SIGUSR1, &action, &before);
    assert_int_equal(pthread_create(&sender, NULL, send_signals, NULL), 0);
    push_and_start();
    weir__store_relaxed_u32(&over, 1);
    pthread_join(sender, NULL);
    sigaction(SIGUSR1, &before, NULL);
    assert_true(weir__load_relaxed_u32(&handled) > 0);
    assert_int_equal(weir_runtime_close(runtime, &accounts), WEIR_OK);
    assert_null(weir_accounts_check(&accounts));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_runtime_is_stopped_in_a_storm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
