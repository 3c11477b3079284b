/*
 * A small service, its clients, and what both leave behind for who looks on.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Each round has two processes of its own: the service, which ends on SIGTERM, and the clients,
 * which send it requests with identities as fast as they are answered. Both write into `round`,
 * memory that the process which started them shares with them, and looks through at the end.
 */
#ifndef SERVICE_H
#define SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- on the wire ----------------------------------------------------------- */

struct request {
    uint64_t id;
};

enum verdict {
    ANSWER_DONE = 1,   /* it was handled: `result` says so        */
    ANSWER_BUSY = 2,   /* refused: too many wait                  */
    ANSWER_CLOSING = 3 /* refused: the service ends               */
};

struct answer {
    uint64_t id;
    uint64_t result;
    uint64_t verdict;
};

/* How many requests of a connection may wait for their answers. */
#define WINDOW 64

/* What is drawn from a number: a request's answer, a moment's length. */
static inline uint64_t mix(uint64_t number) {
    number += UINT64_C(0x9e3779b97f4a7c15);
    number = (number ^ (number >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    number = (number ^ (number >> 27)) * UINT64_C(0x94d049bb133111eb);
    return number ^ (number >> 31);
}

/* ---- a round ---------------------------------------------------------------- */

#define CLIENTS         4
#define REQUESTS_EACH   16384 /* of a client's: his are those from client * REQUESTS_EACH */
#define REQUESTS_MOST   (CLIENTS * REQUESTS_EACH)
#define REQUEST_UNSENT  0
#define REQUEST_SENT    4 /* else an enum verdict                                */
#define REQUEST_UNHEARD 5 /* its connection was never taken up by the service    */

struct round {
    /* constant */
    uint64_t seed;
    bool declared; /* the service says who feeds its second inlet, and does not leave it to weir */

    /* the service's: its loop's */
    uint64_t read;     /* requests                */
    uint64_t accepted; /* of these: pushed        */
    char said[200];    /* its last words          */

    /* the clients', each his own */
    unsigned char state[REQUESTS_MOST];
};

/* Each runs one process of a round, which then exits with what is returned.  A byte is written to
 * `served` for each client with the first request of his that was done. */
int run_service(struct round *round, int listener, int ledger);
int run_clients(struct round *round, unsigned short port, int served);

/* Says what is wrong, and ends this process. */
_Noreturn void give_up(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Sleeps for so many microseconds. */
void nap(uint64_t microseconds);

#endif
