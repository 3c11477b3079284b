/*
 * The guide: a service from its first request to its last answer.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     requests ──► pool of four threads ── push ──► answers ──► stream ──► the loop
 *     (inlet)                                       (inlet)
 *
 * The loop waits in one poll for all that may come: a signal, answers, the end of a drain.
 * One of the requests never comes to its end; while it is under way SIGTERM comes.
 */
#define _GNU_SOURCE /* signalfd */

#include "guide.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

enum { REQUESTS = 40, PATIENCE_NS = 500000000 };

struct service {
    weir_runtime *runtime;
    weir_inlet *requests, *answers;
    weir_pool *pool;
    weir_stream *stream;
    uint64_t answered, sum;
};

/* ---- what it does ------------------------------------------------------------ */

/* The last request hangs.  It is polite enough to look whether it is to end. */
static weir_task_result work(void *context, const void *event, weir_task *self) {
    struct service *service = context;
    uint64_t number = *(const uint64_t *)event, square = number * number;
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL); /* stands for a slow query */
    if (number == REQUESTS) {
        kill(getpid(), SIGTERM); /* somebody wants us to end meanwhile */
        while (!weir_task_ending(self)) nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        return WEIR_TASK_FAILED;
    }
    weir_status status = weir_inlet_push(service->answers, &square, 1, WEIR_FOREVER);
    return status == WEIR_OK ? WEIR_TASK_OK : WEIR_TASK_FAILED;
}

static void open_service(struct service *service) {
    weir_ref asked, answered, pool;
    const weir_inlet_options in = {.event_bytes = sizeof(uint64_t)};
    const weir_inlet_options out = {
        .name = "answers",
        .event_bytes = sizeof(uint64_t),
        .when_full = WEIR_BLOCK,
        .on_cancel = WEIR_ON_CANCEL_STOP, /* nobody waits for room when the stream has gone */
    };
    weir_must(weir_runtime_open(&(weir_runtime_options){.workers = 1, .unpinned = true},
                                &service->runtime));
    weir_must(weir_inlet_open(service->runtime, &in, &service->requests, &asked));
    weir_must(weir_inlet_open(service->runtime, &out, &service->answers, &answered));
    const weir_pool_options pool_options = {
        .name = "workers",
        .event_bytes = sizeof(uint64_t),
        .threads = 4,
        .task = work,
        .context = service,
        .subscribe_to = &(weir_subscribe_to){.producer = asked, .options = {.max_demand = 4}},
        .subscribe_count = 1,
    };
    weir_must(weir_pool_open(service->runtime, &pool_options, &service->pool, &pool));
    weir_must(weir_feeds(service->runtime, pool, answered)); /* also before the first answer */
    const weir_stream_options stream = {
        .event_bytes = sizeof(uint64_t),
        .subscribe_to = &(weir_subscribe_to){.producer = answered},
        .subscribe_count = 1,
    };
    weir_must(weir_stream_open(service->runtime, &stream, &service->stream));
}

/* Takes what is there.  False: there is nothing more to come. */
static bool take_answers(struct service *service) {
    weir_status status;
    weir_batch batch;
    while ((batch = weir_stream_batch(service->stream, 0, 0, &status)).count > 0) {
        const uint64_t *square = batch.events;
        uint64_t sum = 0;
        for (size_t i = 0; i < batch.count; i++) sum += square[i];
        service->sum += sum;
        service->answered += batch.count;
    }
    return status != WEIR_END;
}

/* ---- how it ends ------------------------------------------------------------- */

/* A descriptor that becomes readable when the drain is over, one way or the other. */
static int begin_drain(struct service *service) {
    int fd;
    weir_must(weir_runtime_drain_begin(service->runtime, PATIENCE_NS, NULL, NULL, &fd));
    return fd;
}

/* The drain is over.  Returns the next one's descriptor; -1 when all stages have ended. */
static int after_drain(struct service *service) {
    weir_drain_report report;
    weir_status status = weir_runtime_drain(service->runtime, 0, &report);
    if (status == WEIR_OK) return -1;
    /* Who is at work, or waits for this loop to read, needs time and nothing else. */
    if (report.why != WEIR_HOLDUP_WORK && report.why != WEIR_HOLDUP_READER) {
        printf("time is up: %s (%s) is stopped\n", report.name, weir_holdup_text(report.why));
        weir_stop(service->runtime, report.stage, WEIR_REASON_SHUTDOWN);
    }
    return begin_drain(service);
}

static void loop(struct service *service, int signal) {
    enum { SIGNAL, STREAM, DRAIN };
    /* A descriptor of -1 is one that poll passes over.  The clients' go here, too. */
    struct pollfd on[] = {{signal, POLLIN, 0}, {-1, POLLIN, 0}, {-1, POLLIN, 0}};
    weir_must(weir_stream_fd(service->stream, &on[STREAM].fd));
    for (bool drains = false; !drains || on[DRAIN].fd >= 0;) {
        while (poll(on, 3, -1) < 0)
            if (errno != EINTR) exit(EXIT_FAILURE);
        if ((on[STREAM].revents & POLLIN) != 0 && !take_answers(service)) on[STREAM].fd = -1;
        if ((on[DRAIN].revents & POLLIN) != 0) on[DRAIN].fd = after_drain(service);
        if ((on[SIGNAL].revents & POLLIN) != 0) {
            printf("told to end\n");
            on[SIGNAL].fd = -1;
            on[DRAIN].fd = begin_drain(service);
            drains = true;
        }
    }
}

static void close_service(struct service *service) {
    weir_accounts accounts;
    weir_must(weir_stream_close(service->stream));
    weir_must(weir_pool_close(service->pool, NULL));
    weir_inlet_close(service->answers);
    weir_inlet_close(service->requests);
    weir_must(weir_runtime_close(service->runtime, &accounts));
    const char *wrong = weir_accounts_check(&accounts);
    printf("the accounts: %s, %" PRIu64 " discarded\n", wrong == NULL ? "right" : wrong,
           accounts.discarded);
}

/* Blocked in every thread, the workers' too: before the runtime opens. */
static int open_signal(void) {
    sigset_t terminate;
    sigemptyset(&terminate);
    sigaddset(&terminate, SIGTERM);
    sigprocmask(SIG_BLOCK, &terminate, NULL);
    return signalfd(-1, &terminate, SFD_CLOEXEC);
}

int main(void) {
    struct service service = {0};
    int signal = open_signal();
    open_service(&service);
    for (uint64_t number = 1; number <= REQUESTS; number++)
        weir_must(weir_inlet_push(service.requests, &number, 1, 0));
    loop(&service, signal);
    printf("%" PRIu64 " answers, of %d requests\n", service.answered, REQUESTS);
    close_service(&service);
    close(signal);
    return EXIT_SUCCESS;
}
