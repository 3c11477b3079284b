/*
 * The random graphs of endings.c: every part, drawn from the seed.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A graph is a list of nodes: sources, then what is between, then what handles events for
 * good.  A node subscribes to nodes before it.  One node is one stage, or several one after
 * the other where a supervisor starts it again.  Its number is its source in the ledger.
 */
#ifndef WEIR_TESTS_ENDINGS_H
#define WEIR_TESTS_ENDINGS_H

#include "ledger.h"
#include "world.h"

enum { ENDINGS_NODES = 14, ENDINGS_LINES = 40, ENDINGS_KEPT = 16, ENDINGS_ASKS = 24 };

enum part { DEMANDED, ON_CAST, LATER, ITERATOR, INLET, BETWEEN, CONSUMER, STREAM, POOL };

/* What is between does this with what it gets: passes it on, drops some, makes one of several,
 * gives it to a timer, or to somebody outside; sends what is odd round once more. */
enum way { PASSES, FILTERS, GATHERS, DELAYS, ASKS, RETRIES };

enum dealing { BY_DEMAND, BY_BROADCAST, BY_PARTITION, BY_SHARE };

struct node {
    enum part part;
    enum way way;
    enum dealing deal;
    unsigned partitions;
    bool in_ring;
    bool behind_ring; /* or in it: they end together, whoever feeds them */
    bool supervised;
    bool ends;        /* a source: once it has made `total`                      */
    bool lazy;        /* answers demand later                                    */
    bool surplus;     /* emits more than was asked for                           */
    bool accumulates; /* to begin with                                           */
    bool stops_alone; /* on_cancel: when its last consumer leaves                */
    bool has_end;     /* has the callback handle_end                             */
    bool reminds;     /* gathers: has a reminder armed while it keeps something  */
    bool bounded;     /* has a small buffer, or drops                            */
    bool last_words;  /* emits something in handle_end                           */
    unsigned batch;   /* gathers so many                                         */
    unsigned total;   /* a source's                                              */
    unsigned made;
    unsigned dies;      /* callbacks until it fails; 0: it does not                */
    struct node *feeds; /* an inlet, or NULL                                      */
    bool feeds_known;   /* the inlet knows of it                                   */

    /* of the stage that lives */
    weir_ref ref;
    bool known; /* was started                    */
    bool alive;
    bool finished;       /* it has ended, and nobody stopped it */
    unsigned lives;      /* how often it was started            */
    uint32_t fed_by;     /* by number: those that feed it, as weir_feeds has it */
    uint32_t leads_here; /* likewise: those that do, or are about to */
    bool drained;        /* no more handle_demand               */
    bool end_told;       /* and nothing has come since          */
    bool loose;          /* tokens were out: its end may be told again */
    bool reminder;       /* is armed                            */
    unsigned sources;    /* subscriptions that it has           */
    unsigned tokens;     /* that are out                        */
    uint64_t debt;       /* asked of it, and not emitted        */
    unsigned kept;
    uint64_t keeps[ENDINGS_KEPT];

    /* of a part */
    weir_inlet *inlet;
    weir_stream *stream;
    weir_pool *pool;
    bool cut;       /* an inlet that takes no more, by our own doing */
    bool leave;     /* its reader is to leave                        */
    unsigned opens; /* of the part: each is told of at its end       */
    unsigned ends_told;
    unsigned closes; /* of an iterator's function */
};

/* A subscription that is to be, and one that is or was. */
struct line {
    struct node *consumer;
    struct node *producer;
    weir_subscribe_options options;
};

struct graph {
    unsigned nodes;
    unsigned lines;
    unsigned subscriptions;
    size_t event_bytes;
    bool permanent; /* all subscriptions are                                   */
    bool has_ring;
    bool supervised;
    bool upset;       /* somebody stopped, or was: events may be discarded       */
    bool unheard;     /* somebody left: events may wait for ever                 */
    bool alone;       /* the main thread: nobody else does deeds */
    unsigned hands;   /* that do */
    bool drain_begun; /* one that nobody waits for */
    unsigned drain_told;
    bool quit; /* nobody asks any more */
    weir_ref supervisor;
    weir_ref clock; /* a stage that answers later                              */
    bool clock_alive;
    bool clock_finished;
    struct node node[ENDINGS_NODES];
    struct line line[ENDINGS_LINES];
    weir_subscription subscription[ENDINGS_LINES];
};

extern struct graph graph;

unsigned node_number(const struct node *node);
bool is_source(const struct node *node);
bool is_sink(const struct node *node);

/* --- endings_graph.c ----------------------------------------------------------------------- */

void graph_draw(void);

/* Whether what comes out of one can come to the other. */
bool graph_leads(const struct node *from, const struct node *to);

/* Writes to standard error what graph it is. */
void graph_tell(void);

/* --- endings_start.c ----------------------------------------------------------------------- */

void graph_start(void);

/* --- endings_stages.c ---------------------------------------------------------------------- */

struct note { /* what casts and timers with a message say */
    unsigned count;
    unsigned ask;
    uint64_t events[ENDINGS_KEPT];
};

/* Whose stage it is; NULL: nobody's any more. */
struct node *endings_find(weir_ref ref);

extern const weir_callbacks endings_callbacks;
extern const weir_callbacks endings_clock;

uint32_t endings_partition(void *context, const void *event);

/* An event as it lies in memory, up to 48 bytes. */
struct event {
    uint64_t identity;
    uint64_t rest[5];
};

/* A stage has ended with that reason: whom it came too late for takes it along. */
void endings_ended(weir_reason reason);

/* It has finished: whoever feeds it has ended before. */
void endings_check_feeders(const struct node *node);

void endings_discarded(void *context, uint64_t count, weir_discard cause);

/* The identities go to the node as a cast, which may be refused: false. */
bool endings_cast(struct node *node, const uint64_t *identities, unsigned count);

/* --- endings_types.c ----------------------------------------------------------------------- */

void endings_types_begin(bool typed);
void endings_types_draw(void); /* of a graph that is drawn */
const weir_event_type *endings_type(void);
size_t endings_capacity_bytes(void); /* of an inlet */

/* Writes events that are given to weir next; those that it refuses are the caller's again. */
void endings_write(void *place, const uint64_t *identities, size_t count);
void endings_refused(const uint64_t *identities, size_t count);

/* The same of one that lies in weir's memory already. */
void endings_owe(uint64_t identity);
bool endings_slices(void); /* this time: a batch goes on as slices of itself */

/* Of an event that weir shows. */
uint64_t endings_identity(const void *event);

/* Each that was given was dropped once. */
void endings_types_over(const weir_accounts *accounts);

/* --- endings_asks.c ------------------------------------------------------------------------ */

/* In a callback of the node: somebody outside has them, and will give them back by a cast.  A
 * token is out until then. */
void endings_ask(struct node *node, const uint64_t *identities, unsigned count);

/* The ask of that number is answered. */
void endings_answer(unsigned number);

/* The clock has stopped, with what it was asked. */
void endings_clock_gone(bool finished);

void endings_asks_begin(void);
void endings_asks_serve(void); /* a fiber of its own answers, until graph.quit */
void endings_asks_end(void);   /* only the clock does */
bool endings_asks_open(void);

/* --- endings_parts.c ----------------------------------------------------------------------- */

bool endings_start_part(struct node *node, const weir_subscribe_to *list, unsigned count,
                        const weir_stage_options *like);

/* Into the inlet, by the port or without one; false: it takes no more. */
bool endings_push(struct node *inlet, weir_port *port, unsigned count, uint64_t timeout_ns);

/* In a callback or a task of that node: into the inlet that it feeds. */
void endings_feed(struct node *node);

/* Reads once.  WEIR_OK, WEIR_TIMEOUT or WEIR_END. */
weir_status endings_read(struct node *stream, uint64_t timeout_ns);

/* Its reader leaves; and perhaps comes again. */
void endings_leave(struct node *stream, bool again);

/* --- endings_deeds.c ----------------------------------------------------------------------- */

/* From now on events may be discarded, and may wait for ever. */
void endings_upset(void);

/* Fails unless it is WEIR_OK, or what may happen to anybody where stages end. */
void endings_may(weir_status status);

/* Who does deeds: the main thread, or fibers of their own.  It may have a port open. */
struct hand {
    weir_port *port;
    struct node *inlet;
};
void endings_deed(struct hand *hand);
void endings_hand_empty(struct hand *hand);
void endings_hand(void *unused);

/* A fiber that reads the stream, an argument, to its end. */
void endings_reader(void *stream);

/* By who steps the runtime: all that there is.  True when there was something. */
bool endings_read_all(void);

#endif
