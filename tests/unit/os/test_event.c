/*
 * Events: readable after a signal, quiet after a clear, and no call waits.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: any number of signals are cleared by one clear; clearing what is quiet and
 * signalling what is signalled change nothing; without descriptors an errno value.
 * Method: poll without waiting; a limit of descriptors that is reached.
 */
#include "support/cmocka.h"

#include "os/event.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>

static bool readable(int event) {
    struct pollfd wanted = {.fd = event, .events = POLLIN};
    return poll(&wanted, 1, 0) == 1;
}

static void signals_and_clears(void **state) {
    (void)state;
    int event = weir__event_open();
    assert_true(event >= 0);
    assert_false(readable(event));
    weir__event_clear(event);
    assert_false(readable(event));
    for (int signals = 1; signals < 4; signals++) {
        for (int i = 0; i < signals; i++) weir__event_signal(event);
        assert_true(readable(event));
        weir__event_clear(event);
        assert_false(readable(event));
    }
    uint64_t most = UINT64_MAX - 1; /* full: a signal more is none, and does not wait */
    assert_int_equal(write(event, &most, sizeof most), sizeof most);
    weir__event_signal(event);
    assert_true(readable(event));
    assert_int_equal(fcntl(event, F_GETFD), FD_CLOEXEC);
    weir__event_close(event);
    assert_int_equal(fcntl(event, F_GETFD), -1);
}

static void without_descriptors_there_is_none(void **state) {
    (void)state;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit none = {.rlim_cur = 0, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int event = weir__event_open();
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(event, -EMFILE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signals_and_clears),
        cmocka_unit_test(without_descriptors_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
