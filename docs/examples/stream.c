/*
 * Stream: a program's own loop takes events out of the graph.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     iterator 4n + 1 ──┐
 *                       ├──► stream ──► main, waiting in epoll
 *     iterator 4n + 3 ──┘
 *
 * Two iterators find primes, those that leave 1 and those that leave 3 when they are
 * divided by 4.  Which team is ahead?  (There are infinitely many of both, and as
 * many in the long run, yet the second is nearly always a little ahead:
 * Chebyshev's bias.)  main counts, at its own pace: no iterator looks for more than
 * the 100 primes that it was asked for.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <weir/weir.h>

#define LIMIT 100000

static bool is_prime(uint64_t number) {
    for (uint64_t divisor = 3; divisor * divisor <= number; divisor += 2)
        if (number % divisor == 0) return false;
    return true;
}

/* The next primes of a team: as many as there is room for, fewer only at the end. */
static weir_made find_primes(void *context, weir_room room) {
    uint64_t *candidate = context;
    uint64_t *prime = room.events;
    size_t made = 0;
    for (; made < room.count && *candidate < LIMIT; *candidate += 4)
        if (is_prime(*candidate)) prime[made++] = *candidate;
    return (weir_made){made, *candidate < LIMIT ? WEIR_ITERATOR_MORE : WEIR_ITERATOR_END};
}

static weir_subscribe_to start_team(weir_runtime *runtime, uint64_t *first) {
    weir_subscribe_to from = {.options = {.max_demand = 100}};
    const weir_iterator_options from_producer_options = {
        .event_bytes = sizeof(uint64_t),
        .next = find_primes,
        .context = first,
        .demand = WEIR_ACCUMULATE, /* until the stream is there */
    };
    weir_must(weir_iterator_start(runtime, &from_producer_options, &from.producer));
    return from;
}

static void count(weir_batch batch, unsigned score[4]) {
    const uint64_t *prime = batch.events;
    for (size_t i = 0; i < batch.count; i++) score[prime[i] % 4]++;
}

/* Reads to the end. */
static void read_stream(weir_stream *stream, unsigned score[4]) {
    int fd;
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event readable = {.events = EPOLLIN};
    weir_must(weir_stream_fd(stream, &fd));
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &readable) != 0) exit(EXIT_FAILURE);
    weir_status status = WEIR_TIMEOUT;
    while (status != WEIR_END) {
        struct epoll_event event; /* sockets and timers may wait in the same epoll */
        epoll_wait(epoll, &event, 1, -1);
        weir_batch batch;
        while ((batch = weir_stream_batch(stream, 0, 0, &status)).count > 0) {
            count(batch, score);
        }
    }
    close(epoll);
}

int main(void) {
    uint64_t first[2] = {5, 3};
    unsigned score[4] = {0};
    weir_runtime *runtime;
    weir_stream *stream;
    weir_must(weir_runtime_open(NULL, &runtime));
    weir_subscribe_to teams[2] = {start_team(runtime, &first[0]), start_team(runtime, &first[1])};
    const weir_stream_options stream_options = {
        .event_bytes = sizeof(uint64_t),
        .subscribe_to = teams,
        .subscribe_count = 2,
    };
    weir_must(weir_stream_open(runtime, &stream_options, &stream));
    read_stream(stream, score);
    weir_stream_close(stream);
    weir_must(weir_runtime_close(runtime, NULL));
    printf("below %d: %u primes 4n + 1, %u primes 4n + 3\n", LIMIT, score[1], score[3]);
    return EXIT_SUCCESS;
}
