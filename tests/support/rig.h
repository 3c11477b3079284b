/*
 * A rig: a runtime to test stages in, with a journal, its log and its memory watched.
 * SPDX-License-Identifier: Apache-2.0
 *
 * rig_close is the end of every test that opens one: it closes the runtime and
 * asserts that every event is accounted for, as weir and as the players saw
 * it, and that every allocation was freed.
 */
#ifndef TESTS_SUPPORT_RIG_H
#define TESTS_SUPPORT_RIG_H

#include "support/memory.h"

#include <pthread.h>
#include <weir/weir.h>

struct player;

enum { RIG_TEXT = 1 << 15 };

/* Lines of text; what does not fit ends the program. */
struct rig_text {
    char text[RIG_TEXT];
    size_t used;
};

void rig_text_add(struct rig_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Asserts what the text is, and empties it. */
void rig_text_expect(struct rig_text *text, const char *expected);

struct rig {
    struct test_memory memory;
    weir_runtime *runtime;
    struct player *players;  /* all that were started              */
    uint64_t emitted;        /* by others than players             */
    uint64_t handled;        /* likewise                           */
    pthread_mutex_t lock;    /* of journal and log                 */
    struct rig_text journal; /* of all players, in order           */
    struct rig_text log;     /* "warning: text", a line each       */
    struct rig_text wrong;   /* checks that failed in callbacks    */
};

/*
 * In a callback, where cmocka's assertions may not jump out: what does not hold
 * is written down, and rig_close fails.
 */
#define RIG_CHECK(rig, condition) \
    ((condition) ? (void)0 : rig_wrong(rig, __FILE__, __LINE__, #condition))
void rig_wrong(struct rig *rig, const char *file, int line, const char *condition);

/*
 * Opens a runtime with these options (NULL: stepped, one worker), but for the
 * allocator and the log, which are the rig's.
 */
void rig_open(struct rig *rig, const weir_runtime_options *options);
weir_status rig_try_open(struct rig *rig, const weir_runtime_options *options);

/*
 * Opens the runtime of that number, from 0: stepped with one worker and with
 * two, simulated from several seeds.  What a test expects in all of them may
 * not depend on which worker runs first.  false: there are no more.
 *   for (int world = 0; rig_open_world(&rig, world); world++)
 */
bool rig_open_world(struct rig *rig, int world);

/* Runs until everything is at rest. */
void rig_rest(struct rig *rig);

weir_accounts rig_accounts(const struct rig *rig);

/* Adds a line to the journal / asserts what it is, and empties it. */
void rig_say(struct rig *rig, const char *format, ...) __attribute__((format(printf, 2, 3)));
void rig_expect(struct rig *rig, const char *expected);
void rig_expect_log(struct rig *rig, const char *expected);

/* Closes and checks; returns the final accounts. */
weir_accounts rig_close(struct rig *rig);

/* For tests whose stages the rig does not count, and that close the runtime themselves: asserts
 * that those final accounts are even, and that nothing is left. */
void rig_expect_nothing_left(struct rig *rig, const weir_accounts *accounts);

#endif
