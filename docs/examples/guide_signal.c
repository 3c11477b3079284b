/*
 * The guide: an event loop that drains when it is told to end, and goes on looping meanwhile.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     odd numbers (an iterator without end) ──► sum
 *
 * The signal comes by a descriptor; so does the end of the drain.
 */
#define _GNU_SOURCE /* signalfd */

#include "guide.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { SECOND = 1000000000 };

static weir_made odd(void *context, weir_room room) {
    uint64_t *next = context, *out = room.events;
    for (size_t i = 0; i < room.count; i++) out[i] = 2 * (*next + i) + 1;
    *next += room.count;
    return (weir_made){room.count, WEIR_ITERATOR_MORE};
}

static weir_verdict sum(weir_stage *self, weir_batch batch) {
    uint64_t *seen = weir_state(self);
    if (*seen == 0) kill(getpid(), SIGTERM); /* somebody wants us to end, as early as that */
    *seen += batch.count;
    return WEIR_CONTINUE;
}

static void start(weir_runtime *runtime, uint64_t *next) {
    weir_ref source;
    const weir_iterator_options source_options = {
        .event_bytes = sizeof(uint64_t), .next = odd, .context = next};
    weir_must(weir_iterator_start(runtime, &source_options, &source));
    const weir_stage_options options = {
        .kind = WEIR_CONSUMER,
        .takes_bytes = sizeof(uint64_t),
        .state_bytes = sizeof(uint64_t),
        .subscribe_to = &(weir_subscribe_to){.producer = source},
        .subscribe_count = 1,
        .on = {.handle_events = sum},
    };
    weir_must(weir_stage_start(runtime, &options, NULL));
}

/* Blocked in every thread, the workers' too: before the runtime opens. */
static int open_signal(void) {
    sigset_t terminate;
    sigemptyset(&terminate);
    sigaddset(&terminate, SIGTERM);
    sigprocmask(SIG_BLOCK, &terminate, NULL);
    return signalfd(-1, &terminate, SFD_CLOEXEC);
}

static void loop(weir_runtime *runtime, int signal) {
    /* A descriptor of -1 is one that poll passes over.  The program's own go here, too. */
    struct pollfd on[2] = {{.fd = signal, .events = POLLIN}, {.fd = -1, .events = POLLIN}};
    while ((on[1].revents & POLLIN) == 0) {
        if (poll(on, 2, -1) < 0 && errno != EINTR) exit(EXIT_FAILURE);
        if ((on[0].revents & POLLIN) != 0) {
            printf("told to end\n");
            weir_must(
                weir_runtime_drain_begin(runtime, 10 * (uint64_t)SECOND, NULL, NULL, &on[1].fd));
            on[0].fd = -1;
        }
    }
}

int main(void) {
    weir_runtime *runtime;
    weir_drain_report report;
    uint64_t next = 0;
    int signal = open_signal();
    weir_must(weir_runtime_open(&(weir_runtime_options){.workers = 1, .unpinned = true}, &runtime));
    start(runtime, &next);
    loop(runtime, signal);
    if (weir_runtime_drain(runtime, 0, &report) == WEIR_OK) {
        printf("all that was made is summed up: %s; discarded: %" PRIu64 "\n",
               report.accounts.handled == next ? "yes" : "no", report.accounts.discarded);
    } else {
        printf("%s does not end: %s\n", report.path, weir_holdup_text(report.why));
    }
    close(signal);
    weir_must(weir_runtime_close(runtime, NULL));
    return EXIT_SUCCESS;
}
