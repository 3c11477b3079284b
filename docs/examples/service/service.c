/*
 * The service (service.h): what it is made of, and how it ends.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     service [-w MS] [-s MS] PORT FILE
 *
 * PORT 0 is any: it is said.  -w: how long a record waits for a batch to fill; 50, or 0: not at
 * all.  -s: each batch takes so long more.  SIGTERM or SIGINT ends it, and loses no record that it
 * has read; SIGUSR1 shows every stage, as `weir top PID` does when WEIR_COUNTERS=1 is set.
 */
#define _POSIX_C_SOURCE 200809L /* getopt, sigwait */
#include "service.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct service {
    const char *path;
    unsigned slow_ms;
    uint64_t wait_ns;
    weir_runtime *runtime;
    weir_ref sockets;
    struct totals *totals;
    struct store store, dead;
    weir_pipeline *pipeline;
};

static int listen_at(const char *port) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t bytes = sizeof address;
    address.sin_port = htons((uint16_t)atoi(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, bytes) != 0 ||
        listen(listener, 1024) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &bytes) != 0) {
        perror("service: no socket to listen at");
        exit(EXIT_FAILURE);
    }
    printf("port %u\n", (unsigned)ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

static struct store open_store(const struct service *service, const char *end, bool dead) {
    char path[4096];
    struct store store = {.runtime = service->runtime,
                          .sockets = service->sockets,
                          .dead = dead,
                          .slow_ms = service->slow_ms};
    snprintf(path, sizeof path, "%s%s", service->path, end);
    weir_must(weir_file_sink_open(&(weir_file_sink_options){.path = path}, &store.file));
    return store;
}

static void open_pipeline(struct service *service) {
    const weir_pipeline_batcher batchers[] = {{.name = "store",
                                               .size = BATCH,
                                               .timeout_ns = service->wait_ns,
                                               .sink = &answering_sink,
                                               .sink_contexts = (void *[]){&service->store}},
                                              {.name = "dead",
                                               .size = BATCH,
                                               .timeout_ns = service->wait_ns,
                                               .sink = &answering_sink,
                                               .sink_contexts = (void *[]){&service->dead}}};
    const weir_pipeline_options options = {.name = "records",
                                           .context = service->totals,
                                           .producers = &service->sockets,
                                           .producer_count = 1,
                                           .processors = {.count = TOTALLERS,
                                                          .partition_by = totaller_of,
                                                          .handle_message = add_record},
                                           .batchers = batchers,
                                           .batcher_count = 2,
                                           .dead = "dead"};
    weir_must(weir_pipeline_open(service->runtime, &options, &service->pipeline));
}

static void show_stages(const weir_runtime *runtime) {
    weir_counters_stage stages[64];
    size_t count = weir_stages(runtime, stages, 64);
    for (size_t i = 0; i < count && i < 64; i++)
        fprintf(stderr, "%-24s in %10" PRIu64 "  out %10" PRIu64 "  waiting %6" PRIu64 "\n",
                stages[i].name, stages[i].events_in, stages[i].events_out,
                stages[i].queued + stages[i].buffered + stages[i].held);
}

/* Reads nothing more, stores and answers what was read.  A client that does not take his answers
 * is waited for as long as the drain has time. */
static bool end_service(struct service *service) {
    weir_drain_report report;
    weir_pipeline_stats stats;
    bool well = weir_runtime_drain(service->runtime, 5000 * MS, &report) == WEIR_OK;
    if (!well) fprintf(stderr, "time is up: %s: %s\n", report.name, weir_holdup_text(report.why));
    weir_must(weir_pipeline_close(service->pipeline, &stats));
    weir_must(weir_runtime_close(service->runtime, NULL));
    weir_file_sink_close(service->store.file);
    weir_file_sink_close(service->dead.file);
    free(service->totals);
    printf("%" PRIu64 " stored, %" PRIu64 " dead\n", stats.done, stats.dead);
    return well;
}

int main(int count, char **arguments) {
    struct service service = {.wait_ns = 50 * MS, .totals = make_totals()};
    sigset_t signals; /* blocked before threads are made: they are for sigwait */
    int option, signal = 0;
    while ((option = getopt(count, arguments, "w:s:")) != -1) {
        if (option == 'w')
            service.wait_ns = (uint64_t)atoi(optarg) * MS + 1;
        else if (option == 's')
            service.slow_ms = (unsigned)atoi(optarg);
    }
    if (count - optind != 2 || service.totals == NULL) {
        fprintf(stderr, "usage: service [-w MS] [-s MS] PORT FILE\n");
        return 2;
    }
    service.path = arguments[optind + 1];
    sigemptyset(&signals), sigaddset(&signals, SIGTERM), sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    weir_must(weir_runtime_open(NULL, &service.runtime));
    service.sockets = open_sockets(service.runtime, listen_at(arguments[optind]));
    service.store = open_store(&service, "", false);
    service.dead = open_store(&service, ".dead", true);
    open_pipeline(&service);
    while (sigwait(&signals, &signal) == 0 && signal == SIGUSR1) show_stages(service.runtime);
    return end_service(&service) ? EXIT_SUCCESS : EXIT_FAILURE;
}
