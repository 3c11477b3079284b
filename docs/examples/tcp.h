/*
 * What the servers of numbers share: they take numbers from any number of TCP connections, and a
 * pipeline of one stage writes them to the standard output, which may be slow.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   tcp_poller.c  weir's own poller: no loop, and no thread but weir's
 *   tcp_epoll.c   a loop by hand
 *   tcp_uv.c      libuv
 *   tcp_uring.c   io_uring
 *
 * A number is 8 bytes, as they lie in memory.  Each server says its port, and ends with SIGTERM; no
 * number that it has read is lost.  As long as there is a file of the name in HOLD, it is slow.
 */
#ifndef TCP_H
#define TCP_H

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <weir/weir.h>

/* ---- the pipeline ------------------------------------------------------------- */

static inline weir_verdict write_numbers(weir_stage *self, weir_batch batch) {
    const char *hold = getenv("HOLD");
    (void)self;
    if (hold != NULL && access(hold, F_OK) == 0) usleep(2000); /* a disk that is slow */
    fwrite(batch.events, sizeof(uint64_t), batch.count, stdout);
    return WEIR_CONTINUE;
}

static inline void start_writer(weir_runtime *runtime, weir_ref numbers) {
    const weir_stage_options writer = {
        .kind = WEIR_CONSUMER,
        .name = "writer",
        .takes_bytes = sizeof(uint64_t),
        .worker = WEIR_SPREAD, /* so that its disk holds up no socket but by demand */
        .subscribe_to = &(weir_subscribe_to){.producer = numbers, .options = {.max_demand = 64}},
        .subscribe_count = 1,
        .on = {.handle_events = write_numbers}};
    weir_must(weir_stage_start(runtime, &writer, NULL));
}

/* All that was taken is written. */
static inline void end_pipeline(weir_runtime *runtime) {
    weir_must(weir_runtime_drain(runtime, WEIR_FOREVER, NULL));
    weir_must(weir_runtime_close(runtime, NULL));
    fflush(stdout);
}

static inline weir_runtime *open_pipeline(void) {
    weir_runtime *runtime;
    weir_must(weir_runtime_open(&(weir_runtime_options){.workers = 2, .unpinned = true}, &runtime));
    return runtime;
}

/* ---- sockets and signals --------------------------------------------------------- */

/* SIGTERM, as a descriptor; before there are threads. */
static inline int terminate_fd(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static inline int listen_somewhere(void) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t bytes = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, bytes) != 0 ||
        listen(listener, 128) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &bytes) != 0) {
        perror("no socket to listen at");
        exit(1);
    }
    fprintf(stderr, "port %u\n", (unsigned)ntohs(address.sin_port));
    return listener;
}

/* ---- a connection ------------------------------------------------------------------ */

/* What was read of it and has not gone on; the last number may be a part of one. */
struct numbers {
    size_t bytes;
    uint64_t at[512];
};

static inline void *numbers_end(struct numbers *numbers) {
    return (char *)numbers->at + numbers->bytes;
}

static inline size_t numbers_room(const struct numbers *numbers) {
    return sizeof numbers->at - numbers->bytes;
}

static inline size_t numbers_whole(const struct numbers *numbers) {
    return numbers->bytes / sizeof(uint64_t);
}

/* The first ones have gone. */
static inline void numbers_gone(struct numbers *numbers, size_t count) {
    numbers->bytes -= count * sizeof(uint64_t);
    memmove(numbers->at, numbers->at + count, numbers->bytes);
}

/* ---- an inlet, for servers with a loop ---------------------------------------------- */

struct way_in {
    weir_runtime *runtime;
    weir_inlet *inlet;
    weir_port *port;
    int room; /* readable when there is room in the port again */
};

static inline struct way_in open_way_in(void) {
    struct way_in in = {.runtime = open_pipeline()};
    weir_ref numbers;
    const weir_inlet_options options = {.event_bytes = sizeof(uint64_t), .capacity = 1024};
    weir_must(weir_inlet_open(in.runtime, &options, &in.inlet, &numbers));
    weir_must(weir_port_open(in.inlet, &in.port));
    weir_must(weir_port_room_fd(in.port, &in.room));
    start_writer(in.runtime, numbers);
    return in;
}

/* As many as there is room for.  False: some are left, and `room` says when to try again. */
static inline bool push_numbers(struct way_in *in, struct numbers *numbers) {
    size_t taken;
    weir_status status = weir_port_push_some(in->port, numbers->at, numbers_whole(numbers), &taken);
    if (status != WEIR_FULL) weir_must(status);
    numbers_gone(numbers, taken);
    return status == WEIR_OK;
}

/* The connection ends, or the server: then it may wait. */
static inline void push_all_numbers(struct way_in *in, struct numbers *numbers) {
    while (!push_numbers(in, numbers))
        poll(&(struct pollfd){.fd = in->room, .events = POLLIN}, 1, -1);
}

static inline void close_way_in(struct way_in *in) {
    weir_port_close(in->port);
    weir_inlet_close(in->inlet);
    end_pipeline(in->runtime);
}

#endif
