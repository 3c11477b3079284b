/*
 * Load for the service: records at their times, whether or not there are answers.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     service_load PORT RATE SECONDS [CONNECTIONS [WINDOW]]
 *
 * Record n is due at n / RATE, on connection n modulo CONNECTIONS (200).  What a socket does not
 * take waits here; the time of an answer counts from when its record was due.  RATE 0: as many as
 * there can be, WINDOW (16) of a connection at a time; the time counts from when the record was
 * made.  Of 10 records 9 have 20 to 200 bytes, one has up to 2,000.  The first second does not
 * count.
 *
 * Prints  answered a second, p50, p99, p99.9 and the most in microseconds, and how many were sent
 * and answered; and fails unless these are the same.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define S UINT64_C(1000000000)

enum {
    CONNECTIONS_MOST = 1000,
    WINDOW_MOST = 1024,
    OUT_MOST = 1 << 20,
    SUB = 128,
    BUCKETS = 64 * SUB
};

struct connection {
    int fd;
    uint64_t index;
    uint64_t made; /* records */
    uint64_t answered;
    uint64_t sent_ns[WINDOW_MOST]; /* without a rate */
    size_t out_bytes, in_bytes;
    bool waits; /* to be written to */
    char in[64];
    char out[OUT_MOST];
};

static struct connection *connections[CONNECTIONS_MOST];
static uint64_t rate, count, window, begun_ns, counted_ns, made, answered, counted;
static uint64_t times[BUCKETS], most;
static int epoll;

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * S + (uint64_t)now.tv_nsec;
}

static void fail(const char *what) {
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

/* ---- times ------------------------------------------------------------------------- */

static unsigned bucket_of(uint64_t ns) {
    if (ns < SUB) return (unsigned)ns;
    unsigned shift = 63u - (unsigned)__builtin_clzll(ns) - 6u; /* leaves SUB / 2 .. SUB - 1 */
    return shift * (SUB / 2) + (unsigned)(ns >> shift);
}

static double us_of(unsigned bucket) {
    if (bucket < SUB) return bucket / 1e3;
    unsigned shift = bucket / (SUB / 2) - 1;
    return (double)((uint64_t)(bucket - shift * (SUB / 2)) << shift) / 1e3;
}

static double quantile(double part) {
    uint64_t until = (uint64_t)((double)counted * part), sum = 0;
    unsigned bucket = 0;
    while (bucket < BUCKETS - 1 && (sum += times[bucket]) <= until) bucket++;
    return us_of(bucket);
}

/* ---- records ----------------------------------------------------------------------- */

static uint64_t mix(uint64_t number) {
    number = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);
    number = (number ^ (number >> 32)) * UINT64_C(0xd6e8feb86659fd93);
    return number ^ (number >> 32);
}

static size_t make(char *out, uint64_t number) {
    static char filling[2048];
    if (filling[0] == 0) memset(filling, 'x', sizeof filling);
    uint64_t drawn = mix(number);
    size_t bytes = 20 + (drawn % 10 != 0 ? drawn / 10 % 181 : drawn / 10 % 1981);
    size_t head = (size_t)sprintf(out, "key-%04u %u ", (unsigned)(drawn >> 32) % 5000,
                                  (unsigned)(drawn >> 20) % 1000);
    if (head < bytes) memcpy(out + head, filling, bytes - head);
    out[head = head < bytes ? bytes : head] = '\n';
    return head + 1;
}

static void watch(struct connection *c, int how, bool waits) {
    struct epoll_event event = {.events = EPOLLIN | (waits ? EPOLLOUT : 0), .data.ptr = c};
    if (epoll_ctl(epoll, how, c->fd, &event) != 0) fail("epoll");
    c->waits = waits;
}

static void write_out(struct connection *c) {
    if (c->out_bytes == 0) return;
    ssize_t sent = send(c->fd, c->out, c->out_bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN) fail("send");
    if (sent > 0) memmove(c->out, c->out + sent, c->out_bytes -= (size_t)sent);
    if (c->waits != (c->out_bytes > 0)) watch(c, EPOLL_CTL_MOD, c->out_bytes > 0);
}

/* False: no room. */
static bool add(struct connection *c, uint64_t now) {
    if (c->out_bytes + 2048 > OUT_MOST) return false;
    c->sent_ns[c->made++ % WINDOW_MOST] = now;
    c->out_bytes += make(c->out + c->out_bytes, made++);
    return true;
}

static uint64_t due_of(uint64_t record) {
    return begun_ns + (uint64_t)((double)record * 1e9 / (double)rate);
}

static void answer(struct connection *c, uint64_t number, uint64_t now) {
    uint64_t due = rate == 0 ? c->sent_ns[(number - 1) % WINDOW_MOST]
                             : due_of((number - 1) * count + c->index);
    c->answered++, answered++;
    if (due < counted_ns || number == 0 || number > c->made) return;
    uint64_t took = now > due ? now - due : 0;
    times[bucket_of(took)]++;
    counted++;
    if (took > most) most = took;
}

static void read_answers(struct connection *c, uint64_t last_ns) {
    static char text[1 << 16];
    memcpy(text, c->in, c->in_bytes);
    ssize_t got = recv(c->fd, text + c->in_bytes, sizeof text - c->in_bytes, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) fail("the service has gone");
    uint64_t now = now_ns();
    size_t bytes = c->in_bytes + (size_t)got;
    char *at = text, *end;
    for (; (end = memchr(at, '\n', bytes)) != NULL; at = end + 1) {
        bytes -= (size_t)(end + 1 - at);
        answer(c, strtoull(at, NULL, 10), now);
        if (rate == 0 && now < last_ns) add(c, now);
    }
    memcpy(c->in, at, c->in_bytes = bytes);
    if (rate == 0) write_out(c);
}

/* ---- the run ----------------------------------------------------------------------- */

static struct connection *open_connection(const char *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    struct connection *c = calloc(1, sizeof *c);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (c == NULL || (c->fd = socket(AF_INET, SOCK_STREAM, 0)) < 0 ||
        connect(c->fd, (struct sockaddr *)&address, sizeof address) != 0)
        fail("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    watch(c, EPOLL_CTL_ADD, false);
    return c;
}

/* All that is due goes; returns when the next is. */
static uint64_t make_due(uint64_t last_ns) {
    for (uint64_t now = now_ns();;) {
        uint64_t due = due_of(made);
        if (due > now || due >= last_ns) return due;
        struct connection *c = connections[made % count];
        if (!add(c, now)) return now + S / 1000; /* it is late */
        if (!c->waits) write_out(c);
    }
}

static void wait_until(uint64_t until_ns, uint64_t last_ns) {
    struct epoll_event found[256];
    uint64_t now = now_ns(), ns = until_ns > now ? until_ns - now : 0;
    const struct timespec timeout = {.tv_sec = (time_t)(ns / S), .tv_nsec = (long)(ns % S)};
    int ready = epoll_pwait2(epoll, found, 256, &timeout, NULL);
    for (int i = 0; i < ready; i++) {
        struct connection *c = found[i].data.ptr;
        if ((found[i].events & EPOLLOUT) != 0) write_out(c);
        if ((found[i].events & ~(uint32_t)EPOLLOUT) != 0) read_answers(c, last_ns);
    }
}

int main(int argument_count, char **arguments) {
    if (argument_count < 4) return 2;
    rate = (uint64_t)atoll(arguments[2]);
    count = argument_count > 4 ? (uint64_t)atoi(arguments[4]) : 200;
    window = argument_count > 5 ? (uint64_t)atoi(arguments[5]) : 16;
    if (count < 1 || count > CONNECTIONS_MOST || window > WINDOW_MOST) return 2;
    prctl(PR_SET_TIMERSLACK, 1UL);
    epoll = epoll_create1(0);
    for (uint64_t i = 0; i < count; i++) {
        connections[i] = open_connection(arguments[1]);
        connections[i]->index = i;
    }
    begun_ns = now_ns();
    counted_ns = begun_ns + S;
    uint64_t last_ns = counted_ns + (uint64_t)(atof(arguments[3]) * (double)S), at_last = 0;
    for (uint64_t i = 0; rate == 0 && i < count; i++) {
        for (uint64_t k = 0; k < window; k++) add(connections[i], begun_ns);
        write_out(connections[i]);
    }
    for (uint64_t now = begun_ns; now < last_ns; now = now_ns()) {
        uint64_t next = rate == 0 ? last_ns : make_due(last_ns);
        wait_until(next < last_ns ? next : last_ns, last_ns);
    }
    at_last = counted;
    for (uint64_t until = now_ns() + 10 * S; answered < made && now_ns() < until;)
        wait_until(now_ns() + S / 10, last_ns);
    printf("%.0f %.1f %.1f %.1f %.1f %" PRIu64 " %" PRIu64 "\n",
           (double)at_last * 1e9 / (double)(last_ns - counted_ns), quantile(0.5), quantile(0.99),
           quantile(0.999), (double)most / 1e3, made, answered);
    return made == answered ? EXIT_SUCCESS : EXIT_FAILURE;
}
