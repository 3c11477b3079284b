/*
 * The poller on threads: its worker sleeps where both sides wake it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: with each way to idle, a worker with a poller is woken by its descriptors, by messages of
 * other threads and by its timers, whichever comes as it goes to sleep; and many connections' bytes
 * come through a pipeline on several workers, with little demand, each once.
 * Method: an echo, hundreds of times, with pauses of no length, a short one, or one that it sleeps
 * in; who waits in vain waits for ever.
 */
#include "support/rig.h"

#include "base/atomic.h"
#include "support/cmocka.h"

#include <weir/poller.h>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

static struct rig rig;
static int own;
static int end;

static weir_verdict echo(weir_stage *self, int fd, unsigned ready, void *context) {
    char byte;
    (void)self, (void)ready, (void)context;
    if (read(fd, &byte, 1) == 1) RIG_CHECK(&rig, write(fd, &byte, 1) == 1);
    return WEIR_CONTINUE;
}

static weir_verdict begin(weir_stage *self, void *argument) {
    const weir_poller_watch watch = {.want = WEIR_POLL_READ, .ready = echo};
    (void)argument;
    return weir_poller_add(self, own, &watch) == WEIR_OK ? WEIR_CONTINUE : WEIR_STOP;
}

static weir_verdict say(weir_stage *self, const void *message, size_t bytes) {
    (void)self;
    RIG_CHECK(&rig, write(own, message, bytes) == (ssize_t)bytes);
    return WEIR_CONTINUE;
}

static weir_verdict never(weir_stage *self, weir_batch batch) {
    (void)self, (void)batch;
    return WEIR_CONTINUE;
}

static void expect_byte(char expected) {
    char got = 0;
    assert_int_equal(read(end, &got, 1), 1);
    assert_int_equal(got, expected);
}

static void is_woken_by_all(weir_idle idle) {
    enum { TIMES = 300 };
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    own = pair[0];
    end = pair[1];
    rig_open(&rig, &(weir_runtime_options){.workers = 2, .unpinned = true, .idle = idle});
    const weir_stage_options stage = {
        .kind = WEIR_CONSUMER,
        .on = {.init = begin, .handle_events = never, .handle_cast = say, .handle_info = say}};
    weir_ref poller;
    assert_int_equal(
        weir_poller_start(rig.runtime, &(weir_poller_options){.stage = &stage}, &poller), WEIR_OK);
    for (int i = 0; i < TIMES; i++) {
        char byte = (char)i;
        if (i % 3 == 0) {
            assert_int_equal(write(end, &byte, 1), 1);
        } else if (i % 3 == 1) {
            assert_int_equal(weir_cast(rig.runtime, poller, &byte, 1), WEIR_OK);
        } else {
            assert_int_equal(weir_send_after(rig.runtime, poller, &byte, 1, 50000, NULL), WEIR_OK);
        }
        expect_byte(byte);
        if (i % 7 == 0) usleep(200);
        if (i % 5 == 0) weir__cpu_relax();
    }
    rig_close(&rig);
    close(end);
}

static void is_woken_by_all_however_it_idles(void **state) {
    (void)state;
    for (int idle = WEIR_IDLE_ADAPT; idle <= WEIR_IDLE_SPIN_THEN_PARK; idle++)
        is_woken_by_all((weir_idle)idle);
}

/* ---- many connections, little demand ------------------------------------------------ */

enum { CONNECTIONS = 8, EACH = 2000 };

static int owns[CONNECTIONS];
static uint64_t seen[CONNECTIONS]; /* the consumer's */
static uint64_t handled;           /* atomic */

static weir_verdict read_some(weir_stage *self, int fd, unsigned ready, void *context) {
    uint64_t numbers[7];
    (void)ready, (void)context;
    ssize_t got = recv(fd, numbers, sizeof numbers, 0);
    if (got == 0) return weir_poller_close(self, fd), WEIR_CONTINUE;
    if (got < 0) return WEIR_CONTINUE;
    RIG_CHECK(&rig, weir_emit(self, numbers, (size_t)got / sizeof *numbers) == WEIR_OK);
    rig.emitted += (uint64_t)got / sizeof *numbers;
    return WEIR_CONTINUE;
}

static weir_verdict begin_all(weir_stage *self, void *argument) {
    const weir_poller_watch watch = {.want = WEIR_POLL_READ, .ready = read_some};
    (void)argument;
    for (int i = 0; i < CONNECTIONS; i++) weir_must(weir_poller_add(self, owns[i], &watch));
    return WEIR_CONTINUE;
}

static weir_verdict check_off(weir_stage *self, weir_batch batch) {
    const uint64_t *numbers = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++)
        RIG_CHECK(&rig, seen[numbers[i] >> 32]++ == (uint32_t)numbers[i]);
    weir__fetch_add_u64(&handled, batch.count);
    rig.handled += batch.count;
    return WEIR_CONTINUE;
}

/* As many of a connection as fit; the next time the rest of them. */
static void send_all(const int *ends) {
    uint64_t sent[CONNECTIONS] = {0};
    for (uint64_t all = 0; all < CONNECTIONS * (uint64_t)EACH;) {
        for (unsigned i = 0; i < CONNECTIONS; i++) {
            uint64_t number = (uint64_t)i << 32 | sent[i];
            bool went = sent[i] < EACH &&
                        send(ends[i], &number, sizeof number, MSG_DONTWAIT) == sizeof number;
            sent[i] += went;
            all += went;
        }
    }
}

static void many_connections_and_little_demand(void **state) {
    (void)state;
    int ends[CONNECTIONS];
    for (int i = 0; i < CONNECTIONS; i++) {
        int pair[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        owns[i] = pair[0];
        ends[i] = pair[1];
    }
    rig_open(&rig, &(weir_runtime_options){.workers = 2, .unpinned = true});
    const weir_stage_options stage = {.kind = WEIR_PRODUCER,
                                      .event_bytes = sizeof(uint64_t),
                                      .worker = WEIR_WORKER(0),
                                      .on = {.init = begin_all}};
    weir_ref poller;
    assert_int_equal(
        weir_poller_start(rig.runtime, &(weir_poller_options){.stage = &stage}, &poller), WEIR_OK);
    const weir_stage_options consumer = {
        .kind = WEIR_CONSUMER,
        .takes_bytes = sizeof(uint64_t),
        .worker = WEIR_WORKER(1),
        .subscribe_to =
            &(weir_subscribe_to){.producer = poller, .options = {.max_demand = 3, .min_demand = 1}},
        .subscribe_count = 1,
        .on = {.handle_events = check_off}};
    assert_int_equal(weir_stage_start(rig.runtime, &consumer, NULL), WEIR_OK);
    send_all(ends);
    while (weir__load_acquire_u64(&handled) < CONNECTIONS * (uint64_t)EACH) usleep(100);
    for (int i = 0; i < CONNECTIONS; i++) close(ends[i]);
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_woken_by_all_however_it_idles),
        cmocka_unit_test(many_connections_and_little_demand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
