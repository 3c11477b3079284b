/*
 * Owned events for tests: each has a name, owns memory, and the ledger knows its one fate.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal of whoever uses it: every event that was made was dropped by weir exactly once, for the
 * cause that the test says, or is the program's again and was released by it.
 */
#ifndef TESTS_SUPPORT_OWNED_H
#define TESTS_SUPPORT_OWNED_H

#include <pthread.h>
#include <weir/weir.h>

enum { OWNED_MOST = 1 << 16 };

struct owned {
    uint64_t number; /* from 1: its name, and that of its copies' line */
    uint64_t *heap;  /* which holds the number, too                    */
};

/* The same with text of some length, which its number tells. */
struct owned_line {
    weir_bytes text;
    struct owned event;
};

enum { OWNED_TEXT_MOST = 64 };

struct owned_fate {
    bool made;
    bool over;
    bool released; /* by the program; else dropped, for `why` */
    weir_discard why;
};

struct owned_ledger {
    weir_event_type type;  /* of struct owned; `copy` may be set to NULL     */
    weir_event_type lines; /* of struct owned_line, whose text is looked at, too */
    pthread_mutex_t lock;
    uint64_t made;
    uint64_t copies; /* of those */
    bool copies_fail;
    char wrong[256]; /* the first thing that was */
    struct owned_fate fates[OWNED_MOST];
};

/* A static one, or all zero. */
void owned_open(struct owned_ledger *ledger);

/* The next event, the program's. */
struct owned owned_make(struct owned_ledger *ledger);

/* The same as a line; its text goes to `text`, of OWNED_TEXT_MOST bytes. */
struct owned_line owned_make_line(struct owned_ledger *ledger, char *text);

/* The program gives one back that is its own. */
void owned_release(struct owned_ledger *ledger, struct owned event);

/* In callbacks: the event is alive, and has its memory. */
void owned_look(struct owned_ledger *ledger, const struct owned *event);
void owned_look_at_line(struct owned_ledger *ledger, const struct owned_line *line);

/*
 * Asserts what has become of all events so far: "handled 3, overflow 2, released 1" in the
 * order of the causes' numbers, and "left 4" for those without a fate.
 */
void owned_expect(struct owned_ledger *ledger, const char *expected);

/* Asserts the fate of one. */
void owned_expect_one(struct owned_ledger *ledger, uint64_t number, weir_discard why);

/* Asserts that each has its one fate, and that the runtime's accounts say the same. */
void owned_close(struct owned_ledger *ledger, const weir_accounts *accounts);

#endif
