/*
 * A small service, built of parts that are drawn: what stress_ending ends in every way.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   heads ──► middle parts, one after the other ──► tail
 *
 * A head is an inlet, an iterator, a source whose answers foreign threads cast, or one that
 * emits what it is sent.  A middle part passes on, merges, delays, stashes, has a ring of its
 * own, or has no subscription to the next: it pushes or sends there.  The tail is a consumer,
 * several with a dispatcher, a stream with a thread that reads it, or a pool.  The foreign
 * threads are the hands (service_hands.c); what becomes of each item is in the ledger.
 *
 * Whatever is drawn is drawn by service_draw, so that a seed has its service; what of it may
 * be relied on is in `claim` and in the flags of struct service.
 */
#ifndef TESTS_STRESS_SERVICE_H
#define TESTS_STRESS_SERVICE_H

#include "stress/ledger.h"

#include <pthread.h>

enum {
    SERVICE_HEADS = 3,
    SERVICE_MIDDLES = 4,
    SERVICE_PARTS = 32,
    SERVICE_HANDS = 24,
    SERVICE_LINES = 64,
    SERVICE_FDS = 16,
    SERVICE_REQUESTS = 1024
};

enum head { HEAD_INLET, HEAD_ITERATOR, HEAD_ANSWERS, HEAD_MAIL, HEADS };

enum middle {
    MIDDLE_PASS,
    MIDDLE_MERGE,
    MIDDLE_DELAY,
    MIDDLE_STASH,
    MIDDLE_RING,
    MIDDLE_POOL, /* these have an inlet, or a stage that emits what it is sent, behind them */
    MIDDLE_PUSH,
    MIDDLE_SEND,
    MIDDLES
};

enum tail {
    TAIL_ONE,
    TAIL_DEMAND,
    TAIL_SHARED,
    TAIL_BROADCAST,
    TAIL_PARTITION,
    TAIL_STREAM,
    TAIL_POOL,
    TAILS
};

/* In which way something is sent to a stage that emits it. */
enum post { POST_CAST, POST_INFO, POST_TIMER, POST_CALL, POSTS };

struct service;

/* A request of a stage of HEAD_ANSWERS: so many items, and a token until they are there. */
struct request {
    weir_token token;
    uint64_t wanted;
};

/* One stage. */
struct part {
    struct service *service;
    weir_ref ref;
    weir_ref first_ref; /* constant; of a stream, that of the first one         */
    const char *name;
    struct weir__rng rng; /* its worker's                                       */
    uint64_t fuse;        /* batches until it stops with USER; 0: it does not   */
    weir_inlet *inlet;
    weir_when_full policy;
    size_t capacity;
    weir_pool *pool;
    weir_stream *stream;
    uint32_t source; /* an iterator's own       */
    uint64_t batches;
    /* merging */
    struct parcel gathered;
    weir_timer due;
    uint64_t patience_ns; /* a reminder's, or a delay */
    size_t stash_most;
    /* a ring */
    weir_ref back;
    /* what feeds another without a subscription */
    struct part *to;
    enum post post;
    bool named;       /* it is (weir_feeds)                              */
    uint32_t fed;     /* atomic: the other knows it for certain           */
    uint32_t run_bit; /* of a pool: the item's task has been begun        */
    uint32_t fails;   /* a pool at the tail: one task in so many; 0: none */
    /* the last to have it */
    unsigned reader;
    bool in_order;
    uint64_t next[LEDGER_SOURCES];
    /* HEAD_ANSWERS; under the service's lock but `left`, which is the stage's */
    struct request *request; /* a ring of SERVICE_REQUESTS */
    unsigned first_request;
    unsigned requests;
    uint64_t left;
};

struct hand {
    pthread_t thread;
    struct service *service;
    struct part *part;
    void *(*run)(void *hand);
    struct weir__rng rng;
    uint32_t source;
    enum post post;
    bool holds;   /* a token, from before it begins until it has sent all */
    bool at_port; /* pushes through one                                   */
};

struct service {
    struct ledger ledger;
    struct ledger_claim claim;
    struct weir__rng rng; /* the main thread's */
    weir_runtime *runtime;
    /* drawn */
    weir_runtime_options options;
    enum stress_pauses pauses;
    unsigned heads;
    enum head head[SERVICE_HEADS];
    unsigned middles;
    enum middle middle[SERVICE_MIDDLES];
    enum tail tail;
    uint64_t most;  /* items of a source                                       */
    bool settles;   /* before anything flows, all subscriptions are there      */
    bool permanent; /* all subscriptions are                                   */
    bool tight;     /* a ring may stall over its windows                       */
    bool shuts;     /* its inlets are finished, whoever holds tokens           */
    weir_on_cancel on_cancel;
    unsigned reopens; /* the stream is closed early so often, and another opened */
    bool leaves;      /* the reader closes the stream early, and that is all     */
    bool fuses;       /* some part has a fuse                                    */
    bool names;       /* who feeds whom is said, and not only learnt             */
    /* follows from it */
    bool has_ring;
    bool has_hop;
    bool keeps_order;
    unsigned readers;
    /* what was built */
    struct part part[SERVICE_PARTS];
    unsigned parts;
    struct request request[SERVICE_HEADS][SERVICE_REQUESTS];
    unsigned answering;               /* heads that have one of them */
    struct part *ends[SERVICE_HEADS]; /* of what was built so far: to be subscribed to */
    unsigned end_count;
    struct part
        *source[SERVICE_HEADS + SERVICE_MIDDLES]; /* to be finished: heads, and behind hops */
    unsigned sources;
    struct part *reading[LEDGER_READERS]; /* the tail */
    struct hand hand[SERVICE_HANDS];
    unsigned hands;
    uint32_t quit; /* atomic: hands are to end                        */
    uint32_t over; /* atomic: the runtime has; watchers are to end     */
    uint32_t read; /* atomic: the stream will not be closed early now  */
    /* under the lock */
    pthread_mutex_t lock;
    pthread_cond_t asked;
    struct line {
        weir_subscription id;
        weir_subscribe_options options;
    } line[SERVICE_LINES];
    unsigned lines;
    /* watchers */
    uint64_t watched; /* atomic */
    uint64_t ended;   /* atomic */
    int fds[SERVICE_FDS];
    uint32_t fd_count; /* atomic; more than that, perhaps */
};

/* ---- service.c ----------------------------------------------------------- */

/* Draws all of it; `service` has claim, and what was to be said before, in it. */
void service_draw(struct service *service, uint64_t most);

/* What was drawn, in one line. */
void service_describe(const struct service *service, char *text, size_t room);

/* Opens the runtime, starts all stages, then the hands, and lets events flow. */
void service_open(struct service *service);

/* Gives all handles back. */
void service_close_handles(struct service *service);

struct part *service_part(struct service *service, const char *name);

/* Subscriptions to all that was built so far, which then is something else's input. */
unsigned service_inputs(const struct service *service, struct weir__rng *rng,
                        weir_subscribe_to *list);

/* What has just been started is the end of what was built so far. */
void service_ends_with(struct service *service, struct part *part);

/* The dispatcher of what the tail subscribes to; NULL for all others. */
const weir_dispatcher *service_dispatcher(const struct service *service, bool last,
                                          const void **options);

/* Callbacks that all parts have. */
weir_subscribe_verdict part_subscribed(weir_stage *self, const weir_peer *peer);
void part_discarded(weir_stage *self, uint64_t count, weir_discard cause);
void part_told(void *context, uint64_t count, weir_discard cause);
struct part *part_of(weir_stage *self);

/* What handle_events says at its end: that the fuse has burnt down, perhaps. */
weir_verdict part_goes_on(weir_stage *self, struct part *part, weir_batch batch);

/* Emits one parcel. */
void part_emit(weir_stage *self, const struct parcel *parcel);

/* ---- the parts: service_heads.c, _middle.c, _tails.c --------------------- */

void service_start_head(struct service *service, enum head head, bool last);
void service_start_middle(struct service *service, enum middle middle, bool last);
void service_start_tail(struct service *service);

/* Behind a middle part that sends, too. */
struct part *service_start_inlet(struct service *service, size_t capacity, weir_when_full policy,
                                 bool last);
struct part *service_start_mail(struct service *service, size_t mailbox_limit, bool last);

/* Sends a parcel to a stage that emits it. */
weir_status service_post(struct service *service, weir_ref to, enum post post,
                         const struct parcel *parcel, uint64_t delay_ns);

/* Opens the stream of the tail, once more. */
weir_status service_open_stream(struct service *service, struct weir__rng *rng, struct part *part);

/* ---- service_hands.c ----------------------------------------------------- */

/* A thread for the part; its source has `most` items, if it has one. */
void service_add_hand(struct service *service, struct part *part, uint64_t most,
                      void *(*run)(void *hand));

/* What they run: pushers, senders, who answers requests, readers of the stream, and watchers. */
void *service_push(void *hand);
void *service_send(void *hand);
void *service_answer(void *hand);
void *service_read(void *hand);
void *service_watch(void *hand);

void service_start_hands(struct service *service);
void service_join_hands(struct service *service);

#endif
