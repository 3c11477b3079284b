/*
 * Mail: control messages to a worker, from any thread.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A stack that anybody pushes on and the worker takes whole and reverses, so
 * the mail of one sender arrives in its order.  A mail names the stage it is
 * for by reference; the worker, who alone may look a stage up, finds out
 * whether it lives.  Users' messages are allocated, and counted against their
 * stage's limits (ring/mailbox.h), which refuse them with a status.  Control is
 * not counted: what users ask for is allocated like a message, as are monitors and
 * what a worker is asked, and refused without memory.  All else uses nodes embedded in
 * what it is of (an edge, stage, mailbox, token, part or worker) and cannot be refused
 * (two full workers would wait for each other).
 *
 * Writers: any thread pushes (S1 -> S2 of ready.h); the worker takes.
 * Invariant: a node is on at most one stack at a time: whoever owns it sends it, the
 * receiver owns it then.
 * Progress: lock-free.  Nothing here wraps.
 */
#ifndef WEIR__RING_MAIL_H
#define WEIR__RING_MAIL_H

#include "ring/ready.h"

#include <weir/types.h>

enum weir__mail_kind {
    WEIR__MAIL_START = 1, /* a stage joins its worker                         */
    WEIR__MAIL_STOP,      /* of the stage's mailbox                           */
    WEIR__MAIL_FINISH,    /* likewise                                         */
    WEIR__MAIL_CALL,      /* users' messages: */
    WEIR__MAIL_CAST,
    WEIR__MAIL_INFO,
    WEIR__MAIL_INFO_DUE,     /* an info that has waited its turn               */
    WEIR__MAIL_TIMER,        /* an info for later                              */
    WEIR__MAIL_TIMER_CANCEL, /* control that is allocated: */
    WEIR__MAIL_ASK,
    WEIR__MAIL_CANCEL,
    WEIR__MAIL_MODE,
    WEIR__MAIL_QUERY,      /* a function to call with the stage             */
    WEIR__MAIL_AGAIN,      /* to oneself: demand for what was dropped        */
    WEIR__MAIL_ON_END,     /* who wants to know when the stage ends         */
    WEIR__MAIL_TOKEN,      /* work outside is done (ring/tokens.h)          */
    WEIR__MAIL_FEEDER,     /* another stage feeds this one (stage/monitor.h) */
    WEIR__MAIL_POKE,       /* from a part to its own stage (stage/message.h) */
    WEIR__MAIL_STOP_ALL,   /* to a worker: all its stages                   */
    WEIR__MAIL_FINISH_ALL, /* likewise                                      */
    WEIR__MAIL_ASK_WORKER, /* to a worker: a function to call with it       */
    WEIR__MAIL_RATES_SET,  /* to a worker: a rate has other terms (runtime/rates.h) */
    WEIR__MAIL_RING_END,   /* to a worker: of a search for rings (runtime/rings.h) */
    WEIR__MAIL_WATCH,      /* to a stage: somebody watches (stage/monitor.h) */
    WEIR__MAIL_UNWATCH,
    WEIR__MAIL_WATCH_LATER,  /* from init to oneself: watch                   */
    WEIR__MAIL_FEEDER_LATER, /* from init to oneself: say FEEDER              */
    WEIR__MAIL_NOTICE,       /* to who watches: the stage has stopped         */
    WEIR__MAIL_EDGE_REQUEST, /* to the consumer: subscribe yourself           */
    WEIR__MAIL_EDGE_OPEN,    /* to the producer: a consumer subscribes        */
    WEIR__MAIL_EDGE_CANCEL,  /* to the producer: the consumer wants to end    */
    WEIR__MAIL_EDGE_EVICT,   /* the producer, to itself: end it after this callback */
    WEIR__MAIL_EDGE_DOWN,    /* to the producer: the consumer has stopped     */
    WEIR__MAIL_EDGE_LEFT,    /* to the producer: the consumer is done with it  */
    WEIR__MAIL_EDGE_AGAIN,   /* to oneself: ask for what a selector refused   */
    WEIR__MAIL_EDGE_CLOSE    /* to the consumer: no events beyond `sent`      */
};

struct weir__mail {
    union {
        ck_stack_entry_t link;   /* on its way                          */
        struct weir__mail *next; /* the receiver's: its place in a list */
    };
    weir_ref to;
    uint32_t kind;
};

/* Sends; wakes the worker if need be. */
void weir__mail_send(struct weir__bell *bell, struct weir__mail *mail);

/* The owner: true when there is mail. */
static inline bool weir__mail_pending(const struct weir__bell *bell) {
    return weir__load_relaxed_ptr(&bell->mail.head) != NULL;
}

/*
 * The owner: takes all mail, oldest first, linked by `next`.  NULL: none.
 */
struct weir__mail *weir__mail_take(struct weir__bell *bell);

/* A first-in first-out list of mail, one owner's. */
struct weir__mail_list {
    struct weir__mail *first;
    struct weir__mail *last;
};

static inline void weir__mail_list_push(struct weir__mail_list *list, struct weir__mail *mail) {
    mail->next = NULL;
    if (list->first == NULL) {
        list->first = mail;
    } else {
        list->last->next = mail;
    }
    list->last = mail;
}

static inline struct weir__mail *weir__mail_list_pop(struct weir__mail_list *list) {
    struct weir__mail *mail = list->first;
    if (mail != NULL) {
        list->first = mail->next;
    }
    return mail;
}

#endif
