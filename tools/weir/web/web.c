/*
 * `weir web`: looks, and serves what it sees to browsers on this machine.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "commands.h"
#include "server.h"
#include "trouble.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* On loopback alone.  Returns the socket, or -1; *port becomes the one it is. */
static int listen_at(unsigned *port) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)*port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    const int yes = 1;
    const int most = 1 << 17; /* that the system queues up for a client who does not read */
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener >= 0 && setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
        setsockopt(listener, SOL_SOCKET, SO_SNDBUF, &most, sizeof most) == 0 &&
        bind(listener, (struct sockaddr *)&address, length) == 0 && listen(listener, 64) == 0 &&
        getsockname(listener, (struct sockaddr *)&address, &length) == 0) {
        *port = ntohs(address.sin_port);
        return listener;
    }
    if (errno == EADDRINUSE) {
        trouble("port %u is in use; --port names another, or with 0 any that is free", *port);
    } else {
        trouble("nothing can be served at port %u: %s", *port, strerror(errno));
    }
    if (listener >= 0) {
        close(listener);
    }
    return -1;
}

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Until a signal says that it is the end. */
static bool serve(struct server *server, struct watches *watches, int signals) {
    const int64_t every = (int64_t)(WATCH_SECONDS * 1000);
    struct pollfd waits[] = {{.fd = server_descriptor(server), .events = POLLIN},
                             {.fd = signals, .events = POLLIN}};
    for (int64_t next = now_ms() + every; (waits[1].revents & POLLIN) == 0;) {
        int64_t left = next - now_ms();
        if (left <= 0) {
            watches_look(watches);
            server_tell(server);
            next = left < -every ? now_ms() + every : next + every;
        }
        server_run(server);
        left = next - now_ms();
        int most = server_patience_ms(server, left > 0 ? (int)left : 0);
        if (poll(waits, 2, most) < 0 && errno != EINTR) {
            return trouble("the clients cannot be waited for: %s", strerror(errno));
        }
    }
    return true;
}

static bool serve_at(struct watches *watches, int listener, unsigned port, int signals) {
    struct server *server = server_open(watches, listener);
    if (server == NULL) {
        return false;
    }
    printf("http://127.0.0.1:%u/\n", port);
    bool well = fflush(stdout) == 0 ? serve(server, watches, signals)
                                    : trouble("the address cannot be printed");
    server_close(server);
    return well;
}

int command_web(const struct options *options) {
    struct watches watches;
    unsigned port = options->port;
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    if (!watches_open(&watches, options)) {
        return 1;
    }
    int listener = listen_at(&port);
    if (listener < 0) {
        watches_close(&watches);
        return 1;
    }
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    int signals = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
    bool well = serve_at(&watches, listener, port, signals);
    close(signals);
    watches_close(&watches);
    return well ? 0 : 1;
}
