/*
 * The books of a random graph: who emitted, sent, handled and lost what.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Kept beside weir's own accounts, from what callbacks see.  A node is one stage;
 * what it emits is numbered: its log has the label of each event in the order of
 * emission, and an event is known by its place there.  A line is one subscription.
 *
 * Always
 *   an event that is handled is in its producer's log, and nobody had it before
 *   (of a broadcaster: this consumer had not)
 *   a line's events come in the order of the log, unless its node is `disordered`
 *   no manual line gets more than it asked for; a selector's line only what it wants
 *   a mark comes behind all events of its line that were emitted before it, and before all others;
 *   each once, unless there was no memory for it
 *   an info of the main thread does not overtake one that it sent before, while there
 *   is memory for it to wait in
 *
 * Disorder is allowed from the moment when
 *   a consumer of the node has died: what it had not begun comes late (for broadcast
 *   never: it does not give back).  That is at the head of the buffer, or of its
 *   partition's queue, so after a single death there is order again from the next
 *   rest on, if all who have got something have handled it
 *   a consumer of a shared dispatcher leaves, or comes once something was emitted
 *
 * At rest
 *   weir's accounts agree with each other, and with what was emitted, handled and told
 *   both ends of a subscription agree, and a broadcast left nobody out
 *   each watcher was told of each end
 *   nothing waits beside who wants it: not in a buffer, nor unasked at a producer
 *   while nothing was discarded, what a stage has emitted was handled or is buffered
 */
#ifndef WEIR_TESTS_RANDOM_BOOKS_H
#define WEIR_TESTS_RANDOM_BOOKS_H

#include "world.h"

enum { NODES = 28, LINES = 128, LOG = 512, HOPS = 12 };

enum deal { BY_DEMAND, BY_BROADCAST, BY_PARTITION, BY_SHARE };

/* A producer_consumer passes on: the same events, all of them anew, some, or more. */
enum way { PASS, CHANGE, COPY, FILTER, EXPAND, WAYS };

struct node {
    weir_ref ref;
    weir_kind kind;
    bool known; /* its start has returned: a reference is no good before  */
    bool alive;
    bool inlet;          /* no callbacks of ours: an inlet, or an output of another node */
    struct node *output; /* its own, which is the next node, or NULL */
    size_t event_bytes;
    enum deal deal;
    unsigned partitions;
    enum way way;
    bool by_hand;           /* subscribes manually                                         */
    bool lazy;              /* may answer demand later                                     */
    bool surplus;           /* may emit more than was asked for                            */
    bool ends;              /* stops after its last number                                 */
    bool finishing;         /* was told to finish, or may have been                        */
    bool disordered;        /* see above                                                   */
    unsigned deaths;        /* of its lines, since there was order */
    unsigned mine;          /* callbacks until it fails; 0: it does not                    */
    uint64_t debt;          /* asked of it and not emitted                                 */
    unsigned total;         /* events it emits, a producer                                 */
    unsigned emitted;       /* of its log                                                  */
    bool looks;             /* has a handle_mark: else marks pass it by                    */
    unsigned marks;         /* of its own, that it has emitted                             */
    unsigned info;          /* the last one of the main thread that it handled             */
    uint8_t watches[NODES]; /* of each other node, and ends it was told of            */
    uint8_t told[NODES];
    uint64_t log[LOG];
    bool seen[LOG]; /* not for broadcast */
};

struct line {
    weir_subscription id;
    struct node *producer;
    struct node *consumer;
    bool down; /* the consumer's end is there                           */
    bool up;   /* the producer's                                        */
    bool by_hand;
    bool selects;
    bool limited;       /* by a rate: what it has sent may wait */
    unsigned newest;    /* behind the last place in the log that has come */
    unsigned marks;     /* the next one that is to come; 0: any may */
    unsigned partition; /* as subscribed with; 0: none */
    uint64_t asked;     /* by hand */
    uint64_t got;
    unsigned next; /* the least place in the log that may come             */
    unsigned gaps; /* places that were left out                            */
    size_t batch;  /* the largest                                          */
    uint64_t had[LOG / 64];
};

struct books {
    unsigned nodes;
    unsigned lines;
    uint64_t stopped; /* events discarded because somebody stopped or left */
    bool failing;     /* memory runs out                                   */
    bool has_inlet;
    bool straight; /* no rings, in which marks that pass by would multiply */
    struct node node[NODES];
    struct line line[LINES];
};

extern struct books books;

void books_begin(void);

/* A node that is not a stage yet; NULL: there are enough. */
struct node *books_node(void);
struct node *books_find(weir_ref ref);

/* An output, perhaps, whose stage had ended before anybody asked for its name. */
bool books_is_unknown(weir_ref ref);
unsigned books_number(const struct node *node);

/* Labels: from whom, how often passed on, and a number. */
uint64_t books_label(const struct node *node, unsigned hops, unsigned place);
unsigned books_hops(uint64_t label);
bool books_selected(uint64_t label);
bool books_in_log(const struct node *node, uint64_t label);

/* It has emitted these; there is room (LOG - emitted). */
void books_emitted(struct node *node, const uint64_t *labels, unsigned count);

/* The label of a batch's event. */
uint64_t books_event(const struct line *line, weir_batch batch, size_t index);

void books_handled(struct node *consumer, struct line *line, weir_batch batch);

/* A mark says whose it is, which one, and how many events were before it. */
weir_mark books_mark(struct node *node);
void books_marked(struct node *consumer, struct line *line, const weir_mark *mark);

/* The ends of a subscription.  False: there is no room for another, and it is to be refused. */
bool books_subscribed(struct node *self, const weir_peer *peer, bool by_hand);
void books_cancelled(struct node *self, const weir_peer *peer);
struct line *books_line(weir_subscription id);

/* The producer has yet to accept it: one that it comes behind cannot be done, for its consumer
 * may not handle what it was sent. */
bool books_waits_in_line(const struct line *line);

/* An end that its consumer has yet to come to, and may die of once it can go on.  (Of an
 * inlet's lines nobody tells us.) */
bool books_end_unheard(void);

/* A node's end. */
void books_gone(struct node *node);

/* Compares everything; only while everything is at rest. */
void books_at_rest(void);

/* Writes to standard error what graph it was. */
void books_tell(void);

#endif
