/*
 * Servers of engines, for tests: started where their programs are found, on free ports of loopback,
 * in folders of their own, and ended by their process ids.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   struct engine nats;
 *   engine_start(&nats, ENGINE_NATS, "");      waits until it answers
 *   ... nats.port ...
 *   engine_kill(&nats, SIGKILL);               as a crash would
 *   engine_again(&nats);                       on the same port, with the same folder
 *   engine_end(&nats);                         and its folder is gone
 *
 * A server ends with the thread that started it, at the latest.
 */
#ifndef TESTS_CONNECT_ENGINE_H
#define TESTS_CONNECT_ENGINE_H

#include <stdbool.h>
#include <sys/types.h>

typedef enum engine_kind { ENGINE_NATS, ENGINE_REDIS } engine_kind;

struct engine {
    engine_kind kind;
    pid_t pid; /* 0: it does not run */
    unsigned port;
    char folder[64]; /* with "config", "log" and what it stores */
};

/* What a test that has no server returns: skipped. */
enum { ENGINE_SKIPPED = 77 };

/* Whether its program is there; if not, says so. */
bool engine_found(engine_kind kind);

/* more: further lines of its configuration.  What cannot be started ends the test. */
void engine_start(struct engine *engine, engine_kind kind, const char *more);
void engine_again(struct engine *engine);

/* Sends the signal, and waits until it is gone; SIGSTOP and SIGCONT: until it is so. */
void engine_kill(struct engine *engine, int signal);
void engine_end(struct engine *engine);

/* A port of loopback that nobody listens at. */
unsigned engine_free_port(void);

/* Whether somebody answers there. */
bool engine_answers(unsigned port);

#endif
