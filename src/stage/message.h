/*
 * Messages: the mail that users send, with what it carries.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Allocated by the sender, freed by the receiving worker (host->used_up).
 */
#ifndef WEIR__STAGE_MESSAGE_H
#define WEIR__STAGE_MESSAGE_H

#include "memory/index.h"
#include "memory/owned.h"
#include "ring/mailbox.h"
#include "ring/timers.h"

#include <stdalign.h>

/* Answers `from` (weir__caller_answer, host->calls) with what it finds out about the
 * stage.  argument: the address of the payload, when the message has one. */
typedef void weir__query(weir_stage *stage, weir_from from, uint64_t argument);

struct weir__worker;

/* A timer that has been armed is in its stage's index. */
struct weir__armed {
    struct weir__timer timer;
    weir_stage *stage;
    bool late;                    /* it came of the stage's end, and does not hold it up */
    struct weir__index_node node; /* its number is the timer's id */
};

struct weir__message {
    struct weir__mail mail;        /* kinds CALL..QUERY, ON_END, ASK_WORKER                  */
    uint64_t count;                /* CALL, CAST, INFO, TIMER, QUERY: bytes; ASK: events;    */
                                   /* TIMER_CANCEL: its id                                   */
    weir_from from;                /* CALL, QUERY, ON_END, ASK_WORKER: who waits             */
    weir_reason reason;            /* CANCEL                                                 */
    weir_demand_mode mode;         /* MODE                                                   */
    bool reminds;                  /* the end of its stage has brought it forth, or forward  */
    bool wakes;                    /* TIMER: its stage's own, and nothing but that           */
    struct weir__counter *counter; /* of its stage's mailbox; NULL: it is not counted     */
    const weir_event_type *type;   /* CAST, INFO: of an event that owns something, or NULL */
    weir_discard fate;             /* what that is dropped for                             */
    union {
        weir_subscription subscription; /* ASK, CANCEL                    */
        struct weir__armed armed;       /* TIMER                          */
        struct {
            weir__query *function; /* QUERY */
            uint64_t argument;
        } query;
        struct {
            void (*function)(struct weir__worker *worker, uint64_t argument, void *answer);
            uint64_t argument;
            size_t bytes; /* of the answer */
        } ask;            /* ASK_WORKER */
        struct {
            void (*ended)(void *context, weir_ref stage, weir_reason reason);
            void *context;
        } ender; /* ON_END, unless `from` waits */
    };
    alignas(16) unsigned char payload[];
};

/* How many bytes of payload it carries. */
static inline size_t weir__message_payload(const struct weir__message *message) {
    switch (message->mail.kind) {
    case WEIR__MAIL_CALL:
    case WEIR__MAIL_CAST:
    case WEIR__MAIL_INFO:
    case WEIR__MAIL_INFO_DUE:
    case WEIR__MAIL_TIMER:
    case WEIR__MAIL_QUERY:
        return (size_t)message->count;
    default:
        return 0;
    }
}

/*
 * A poke calls the stage's part->poke.  The node belongs to the part (an inlet), which
 * is told when the stage was gone already.
 */
struct weir__poke {
    struct weir__mail mail;
    void (*gone)(struct weir__poke *poke);
};

static inline struct weir__message *weir__message_of(struct weir__mail *mail) {
    return (struct weir__message *)(void *)mail; /* mail is the first member */
}

#endif
