/*
 * A server of numbers (tcp.h) whose stage reads the sockets itself: weir's poller.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tcp.h"

static void closed(weir_stage *self, int fd, void *context) {
    (void)self, (void)fd;
    free(context);
}

/* While nobody asks for numbers this is not called. */
static weir_verdict readable(weir_stage *self, int fd, unsigned ready, void *context) {
    struct numbers *numbers = context;
    (void)ready;
    ssize_t got = read(fd, numbers_end(numbers), numbers_room(numbers));
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN) weir_must(weir_poller_close(self, fd));
        return WEIR_CONTINUE;
    }
    numbers->bytes += (size_t)got;
    size_t count = numbers_whole(numbers);
    if (count > 0) weir_must(weir_emit(self, numbers->at, count));
    numbers_gone(numbers, count);
    return WEIR_CONTINUE;
}

static weir_verdict came(weir_stage *self, int listener, unsigned ready, void *context) {
    (void)ready, (void)context;
    int fd;
    if (weir_poller_accept(self, listener, &fd) != WEIR_OK) return WEIR_CONTINUE; /* has gone */
    const weir_poller_watch watch = {.want = WEIR_POLL_READ,
                                     .ready = readable,
                                     .closed = closed,
                                     .context = calloc(1, sizeof(struct numbers))};
    weir_must(weir_poller_add(self, fd, &watch));
    return WEIR_CONTINUE;
}

static weir_verdict begin(weir_stage *self, void *argument) {
    (void)argument;
    const weir_poller_watch watch = {.want = WEIR_POLL_ACCEPT, .ready = came};
    weir_must(weir_poller_add(self, listen_somewhere(), &watch));
    return WEIR_CONTINUE;
}

int main(void) {
    int terminate = terminate_fd();
    weir_runtime *runtime = open_pipeline();
    const weir_stage_options stage = {.kind = WEIR_PRODUCER,
                                      .name = "sockets",
                                      .event_bytes = sizeof(uint64_t),
                                      .on = {.init = begin}};
    const weir_poller_options options = {.stage = &stage, .most = 1000};
    weir_ref sockets;
    weir_must(weir_poller_start(runtime, &options, &sockets));
    start_writer(runtime, sockets);
    poll(&(struct pollfd){.fd = terminate, .events = POLLIN}, 1, -1);
    end_pipeline(runtime);
    return 0;
}
