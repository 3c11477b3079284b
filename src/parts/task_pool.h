/*
 * The worker pool's shared memory, and what its sides use.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Not to be confused with memory/pool.h, which is where blocks come from.
 *
 * A child is a slot of a table that only grows.  It goes round:
 *
 *   the stage's worker --- handout ---> a thread --- notes and a poke ---> the worker
 *
 * The worker alone decides and counts (task_pool.c); threads only run what they
 * are handed (task_pool_thread.c); any thread may make a slot for a child of its
 * own, end a child, and look at them all (task_pool_child.c).  With no threads
 * the worker runs the tasks itself.
 *
 *   field     writers                         readers
 *   word      whoever moves the child on      any: serial, and state
 *   producer  who takes the slot              any, checked against word
 *   notes     a thread with a child that      the worker
 *             comes back; who starts or ends
 *             one by hand; the worker takes
 *             the stack whole
 *   out       the worker up; threads, or the  the worker; who closes, to tell
 *             worker as it ends, down
 *   dead      the worker, at the end          all
 *   closing   weir_pool_close                 the worker
 *   lifted    the worker; a task that takes   the worker, once it has come back
 *             its event, while it runs
 *   results,  the thread, while the task      the worker, likewise
 *   attempt   runs; then the worker
 *
 * A child's states, and who moves it:
 *
 *   FREE -> NEW          a taker of the slot: for an event, or by hand
 *   NEW -> QUEUED        the worker
 *   QUEUED -> RUNNING    the thread that was handed it
 *   RUNNING -> DONE      the thread
 *   DONE -> RESTARTING -> QUEUED    the worker: it is begun again
 *   DONE -> WAITING      the worker: its results wait for those of earlier children (in order)
 *   NEW, QUEUED, DONE, RESTARTING, WAITING -> ENDED    the worker, which counts and tells of it
 *   ENDED -> FREE, of another serial    the worker, once it is in no list, stack or ring
 *
 * Whoever ends a child marks it as ENDING, and sends a note: that is all.  A child that is marked
 * is not moved on to QUEUED, RUNNING or RESTARTING any more (all of these are by
 * compare-and-swap, from a word without the mark), and it is the worker that ends it, with the
 * note or when it comes back, whichever is first.
 *
 * The poke, and references, of which each child that is out has one: quay.h.  Who brings one
 * back pokes first: so who is alone knows that all that ran has reached the worker, and been read.
 *
 * An event that owns something is lifted out of its batch (memory/lifted.h) into its slot, and is
 * the slot's until the child is closed, which drops it; or until it is given back, as a slice.
 *
 *   children == slots that are `known` and not ENDED; of each subscription, its count of them
 *   under_way == those of them that were begun, or handed out to be
 *
 * A pool that emits (task_pool_emit.c) is a producer_consumer.  What a task emits is its slot's
 * until its child is closed: then the worker emits it, if the task was done and the stage is there,
 * or drops it.  Children begin in the order of `backlog`, as far as consumers have asked for more
 * than there are under way; those that are begun again come first, and need no demand, for they
 * had it: else one that waits in order for such a one would wait for ever.  In order, all children
 * that are known are in `line`, and results go from its front.
 *
 * Who waits for a restart is in the worker's timers, and in no list (task_pool_again.c).  With
 * ways.apart such a one makes room: another event is asked for in its stead, which its subscription
 * has `lent`, and gets back from who is closed next.
 *
 * With ways.alone at most one child is out (`single`), and a task may hold (weir__task_hold): as it
 * has failed, nobody is begun but it, the `holder`, until it has been begun again and has returned.
 *
 *   of a subscription that lives:  asked for, and not come + count + pending == max + lent
 *                                  lent <= ways.apart, count
 *
 * Ordering.  These are moved by locked operations, each a full fence, and so are the pushes and
 * takes of stacks; but for `producer`, which is stored, and `word` as a slot becomes FREE:
 *   G1 -> G2  the quay's O1 -> O2: push a note, read poked / give up poked, take the notes:
 *             none stays unseen.
 *   G3 -> G4  a slot's words, and a chunk's, are published by the stack, the ring or
 *             the chunk's pointer that leads to it; and the pointers by `used`, for who goes over
 *             all slots.
 *   G5 -> G6  a slot's next `producer` (release; FREE, of the next serial, comes before it) -> who
 *             looks at it between two looks at `word` (acquire): with the serial of one child
 *             nobody sees the producer of a later one.
 * Slots of children by hand that are free: Z1 -> Z2 of ring/free_list.h.  Starts
 * that meet there may make the table larger than there ever were children; it
 * is freed with the pool.
 * A poke that finds the stage gone comes back to its worker all the same
 * (weir__task_arrived_late), which counts what has ended since.
 * Progress: all of it is lock-free but for memory; weir_pool_close waits.
 * Wrap: nothing: a child's serial (base/serial.h) is its alone in the process, so a
 * handle is never mistaken for another, of this pool or of another.  When serials are
 * used up, slots are not used again.
 */
#ifndef WEIR__PARTS_TASK_POOL_H
#define WEIR__PARTS_TASK_POOL_H

#include "base/serial.h"
#include "memory/index.h"
#include "memory/lifted.h"
#include "parts/intensity.h"
#include "parts/quay.h"
#include "parts/results.h"
#include "ring/handout.h"
#include "ring/rate.h"
#include "ring/timers.h"
#include "runtime/hired.h"

#include <weir/iterator.h>
#include <weir/pool.h>

enum {
    WEIR__TASK_CHUNK_FIRST = 16, /* slots in chunk 0; each next one has twice as many */
    WEIR__TASK_CHUNKS = 24
};

enum weir__task_state {
    WEIR__TASK_FREE,
    WEIR__TASK_NEW,
    WEIR__TASK_QUEUED,
    WEIR__TASK_RUNNING,
    WEIR__TASK_DONE, /* RUNNING + 1 */
    WEIR__TASK_RESTARTING,
    WEIR__TASK_ENDED,
    WEIR__TASK_WAITING /* DONE + 3 */
};

enum { WEIR__TASK_ENDING = 8 }; /* the mark, beside a state in a word */

/* What comes to the worker: a child that comes back (or first comes), or its end by hand. */
struct weir__task_note {
    ck_stack_entry_t link;
    weir_task *task;
};

struct weir_task {
    uint64_t word;     /* atomic: serial << 4 | mark | state             */
    uint64_t producer; /* atomic: bits of the stage it came from; 0: by hand */
    weir_pool *pool;   /* constant, as is index                          */
    uint32_t index;
    bool by_hand;
    /* handed over with the note */
    weir_task_result result;
    uint32_t attempt; /* how often it was tried to begin it */
    bool holds;       /* as it has failed, it is the next one to be begun */
    struct weir__task_note back;
    struct weir__task_note end;
    /* the worker's */
    struct weir__lifted lifted;       /* the event; a task that runs may take it */
    struct weir__task_source *source; /* NULL: by hand                  */
    weir_task *next;                  /* in a list                      */
    bool begun;                       /* a task has seen the event      */
    bool known;                       /* counted in pool->children      */
    bool away;                        /* in a list, a stack or the ring */
    bool end_read;                    /* the note of its end            */
    bool end_due;                     /* it has ended, and that is still to come */
    bool under_way;                   /* counted in pool->under_way     */
    bool delayed;                     /* in the worker's timers         */
    bool apart;                       /* it waits: counted in source->apart */
    _Alignas(16) unsigned char event[];
};

/* Behind the event, in slots of a pool that emits or delays. */
struct weir__task_more {
    weir_task *task; /* constant */
    struct weir__results results;
    uint64_t sent;         /* of those, as it was closed      */
    uint64_t wanted;       /* asked for, when it was begun    */
    weir_task *order_next; /* in pool->line                   */
    weir_task *order_previous;
    struct weir__timer timer;
    _Alignas(16) unsigned char own[]; /* the results' own room */
};

/* A subscription's account, the worker's. */
struct weir__task_source {
    struct weir__task_source *next;
    struct weir__task_source *previous;
    struct weir__index_node by_id; /* of the subscription */
    weir_subscription subscription;
    uint64_t max;
    uint64_t min;
    uint64_t count;   /* children not finished for good, of this subscription */
    uint64_t pending; /* finished since it last asked                        */
    uint64_t apart;   /* of `count`: they wait for a restart                 */
    uint64_t lent;    /* events asked for beyond max, in their stead         */
    bool live;
};

struct weir__task_list {
    weir_task *first;
    weir_task *last;
};

/* What no option says: of pools that other parts open. */
struct weir__task_ways {
    size_t apart; /* of a subscription: so many that wait for a restart make room for others */
    bool alone;   /* one child is out at a time                                              */
};

/* As far as they are of use to its worker. */
struct weir__task_rules {
    struct weir__task_ways ways;
    struct weir__results_kind results; /* of what is emitted; event_bytes 0: nothing */
    size_t more_at;                    /* in a slot; 0: it has none */
    bool in_order;
    weir_backoff delay; /* of restarts; first_ns 0: at once */
    uint64_t attempts;  /* of a child                       */
};

struct weir__iteration; /* task_pool_iterate.c */

struct weir_pool {
    /* constant */
    struct weir__iteration *iteration; /* NULL: it does events */
    weir_pool_options options; /* defaults filled in; no subscriptions, nor what it points at */
    weir_pool_emits emits;     /* event_bytes 0: it is a consumer */
    struct weir__task_rules rules;
    char name[64];
    size_t task_bytes; /* of a slot */
    struct weir__hired *threads;
    struct ck_ring_buffer *ring_slots;
    uint32_t ring_entries;

    struct weir__handout handout;

    WEIR__APART ck_stack_t notes;
    WEIR__APART struct weir__quay quay; /* also referred to by each child that is out */
    uint32_t out;
    uint32_t dead;
    uint32_t closing;

    /* the table */
    WEIR__APART unsigned char *chunks[WEIR__TASK_CHUNKS];
    uint32_t used;        /* atomic: slots ever taken from chunks */
    ck_stack_t hand_free; /* back.link: slots of children by hand */

    /* the worker's */
    WEIR__APART weir_stage *self; /* NULL once it has stopped */
    struct weir__task_source *sources;
    struct weir__index by_id;          /* of these                       */
    struct weir__task_list backlog;    /* QUEUED, and not yet handed out */
    struct weir__task_list again;      /* the same, begun before         */
    struct weir__task_list retry;      /* RESTARTING, and due; the first may wait for a token */
    struct weir__task_list line;       /* in order: by order_next        */
    weir_task *single;                 /* alone: which is with a thread  */
    weir_task *holder;                 /* NULL, or nobody else is begun  */
    weir_task *free;                   /* slots of children for events   */
    struct weir__intensity intensity;  /* of restarts                  */
    struct weir__reserved token_line;  /* of restart_rate, for `retry` */
    struct weir__timer token_timer;    /* until the first of it has a token */
    bool token_awaited;                /* that is in the worker's timers    */
    struct weir__serial_stock serials; /* of children to come */
    uint64_t children;                 /* not finished for good, that have reached the stage     */
    uint64_t under_way;
    uint64_t unseen;      /* events of children that ended, and no task has seen: to be told */
    bool given_up;        /* too many restarts */
    bool over;            /* it stops: what comes is too late to be sent */
    weir_verdict verdict; /* of the callback that runs, or of the next one */
};

/* True, and a refusal: there is none, or it is of the parent of this process. */
static inline bool weir__pool_unfit(const weir_pool *pool) {
    return weir__missing(pool, "pool") ||
           (weir__is_child() && weir__forked(pool->quay.runtime->forks));
}

/* True, and a refusal: there is none, or it is of the parent of this process. */
static inline bool weir__task_unfit(const weir_task *self) {
    return weir__missing(self, "self") ||
           (weir__is_child() && weir__forked(self->pool->quay.runtime->forks));
}

static inline bool weir__task_has_threads(const weir_pool *pool) {
    return pool->options.threads > 0;
}

static inline bool weir__task_emits(const weir_pool *pool) {
    return pool->rules.results.event_bytes > 0;
}

static inline struct weir__task_more *weir__task_more(const weir_task *task) {
    unsigned char *slot = (unsigned char *)(uintptr_t)task;
    return (struct weir__task_more *)(void *)(slot + task->pool->rules.more_at);
}

/* For tests: a small ring that begins just below the wrap.  A power of two, at least 2. */
extern uint32_t weir__task_ring_entries;
extern uint32_t weir__task_ring_start;

/* The process's serials of children.  For tests: they may be set near to their end. */
extern struct weir__serials weir__child_serials;

static inline uint64_t weir__task_word(uint64_t serial, enum weir__task_state state) {
    return serial << 4 | (uint64_t)state;
}
static inline uint64_t weir__task_serial(uint64_t word) {
    return word >> 4;
}
static inline enum weir__task_state weir__task_state(uint64_t word) {
    return (enum weir__task_state)(word & 7);
}
static inline bool weir__task_is_ending(uint64_t word) {
    return (word & WEIR__TASK_ENDING) != 0;
}

/* The worker: nobody ends it. */
static inline bool weir__task_is_queued(const weir_task *task) {
    uint64_t word = weir__load_relaxed_u64(&task->word);
    return weir__task_state(word) == WEIR__TASK_QUEUED && !weir__task_is_ending(word);
}

/* Moves a child on, if it is in that state, and nobody is ending it. */
static inline bool weir__task_move(weir_task *task, enum weir__task_state from,
                                   enum weir__task_state to) {
    uint64_t serial = weir__task_serial(weir__load_relaxed_u64(&task->word));
    uint64_t expected = weir__task_word(serial, from);
    return weir__cas_u64(&task->word, &expected, weir__task_word(serial, to));
}

/* ---- task_pool_child.c --------------------------------------------------- */

/* A fresh slot of the table, in state NEW.  NULL: no memory. */
weir_task *weir__task_fresh(weir_pool *pool);

/* The slot of that index, below `used`. */
weir_task *weir__task_at(const weir_pool *pool, uint32_t index);

/* The worker: the same, or one of an event that is done.  NULL: no memory, which is logged. */
weir_task *weir__task_take_slot(weir_pool *pool);

void weir__task_free_all(weir_pool *pool);

weir_child weir__task_child(const weir_task *task);

/* Ends all children that wait to be begun again, but for the one that *but says (atomic, by its
 * bits), which is looked at when the child is; NULL: but for none.  Any thread. */
void weir__task_end_waiting(weir_pool *pool, const uint64_t *but);

/* ---- task_pool_thread.c -------------------------------------------------- */

/* The pool's thread: runs until the handout is closed. */
void weir__task_thread(void *pool);

/* A running task, of a pool with ways.alone: if it returns FAILED, it is the next to be begun. */
void weir__task_hold(weir_task *task);

/* Runs a child that was handed out, unless somebody ends it; sets its result. */
void weir__task_run(weir_task *task);

void weir__task_send(weir_pool *pool, struct weir__task_note *note);

/* So many children are with the threads no more.  Without another reference the last of it. */
void weir__task_home(weir_pool *pool, uint32_t count);

/* ---- task_pool_course.c -------------------------------------------------- */

/* At the end of a list, and away / the oldest of it; NULL: there is none. */
void weir__task_append(struct weir__task_list *list, weir_task *task);
weir_task *weir__task_take_first(struct weir__task_list *list);

/* So many children of a subscription are finished for good: asks, when it is time. */
void weir__task_finished_for(weir_pool *pool, struct weir__task_source *source, uint64_t count);

/* A child waits for its restart, so that another may come in its stead / waits no more. */
void weir__task_stand_apart(weir_pool *pool, weir_task *task);
void weir__task_stand_back(weir_task *task);

/* A subscription's account begins / ends. */
void weir__task_add_source(weir_pool *pool, struct weir__task_source *source);
void weir__task_drop_source(weir_pool *pool, struct weir__task_source *source);

/* The worker knows the child: it counts. */
void weir__task_know(weir_pool *pool, weir_task *task);

/* The child is queued in that list, if it is in that state, unless somebody ends it. */
void weir__task_queue(struct weir__task_list *list, weir_task *task, enum weir__task_state from);

/* The same, before all others of the list. */
void weir__task_queue_first(struct weir__task_list *list, weir_task *task,
                            enum weir__task_state from);

/* The task of a child that is DONE has returned. */
void weir__task_finished(weir_pool *pool, weir_task *task);

/* What has come back, or was started or ended by hand. */
void weir__task_read_notes(weir_pool *pool);

/* Between the worker's steps. */
void weir__task_check(const weir_pool *pool);

/* The child is finished for good: counted and told of; as ENDED, if somebody ends it. */
void weir__task_close(weir_pool *pool, weir_task *task, weir_child_exit how);

/* Frees its slot, once it has ended and nothing points there. */
void weir__task_recycle(weir_pool *pool, weir_task *task);

/* Counts and tells a discard; the same for events that no task has seen. */
void weir__task_discard(weir_pool *pool, uint64_t count, weir_discard cause);

/* One more event is done with. */
void weir__task_handled(weir_pool *pool);
void weir__task_tell_unseen(weir_pool *pool);

/* A poke has found the stage gone. */
void weir__task_arrived_late(struct weir__quay *quay);

/* ---- task_pool_open.c ---------------------------------------------------- */

/* Its stage has ended: its threads are to end when their tasks have returned.  It is closed yet. */
void weir__task_let_go(weir_pool *pool);

/* ---- task_pool_begin.c --------------------------------------------------- */

/* What is queued goes to the threads, as far as there is room, and demand. */
void weir__task_hand_out(weir_pool *pool);

/* Without threads: runs the oldest child that is queued. */
void weir__task_run_one(weir_pool *pool);

/* ---- task_pool_again.c --------------------------------------------------- */

/* It may be begun once more, after it failed. */
bool weir__task_may_restart(const weir_pool *pool, const weir_task *task);

/* The child is RESTARTING: it is begun again when its delay is over. */
void weir__task_restart(weir_pool *pool, weir_task *task);

/* Those that are due, once each, as far as there are tokens of restart_rate. */
void weir__task_retry(weir_pool *pool);

/* That has other terms: who waits for a token looks again.  Between turns. */
void weir__task_rates_set(weir_pool *pool);

/* Nobody waits for a token any more. */
void weir__task_await_no_token(weir_pool *pool);

/* It waits for its restart no more. */
void weir__task_undelay(weir_task *task);

/* ---- task_pool_emit.c ---------------------------------------------------- */

/* How many children may be begun for whom consumers have asked.  In a callback. */
uint64_t weir__task_may_begin(const weir_pool *pool);

/* The task is done: its results go, or wait in line, and the child is closed, or then. */
void weir__task_settle(weir_pool *pool, weir_task *task);

/* In order: what has come to the front of the line goes. */
void weir__task_pass_line(weir_pool *pool);

/* Events that were made, and that the graph never had, go nowhere, for that cause; the same of what
 * the task has emitted. */
void weir__task_drop_made(weir_pool *pool, const void *events, size_t count, weir_discard why);
void weir__task_drop_results(weir_pool *pool, weir_task *task, weir_discard why);

/* In order: the child joins the line / leaves it. */
void weir__task_join_line(weir_pool *pool, weir_task *task);
void weir__task_leave_line(weir_pool *pool, weir_task *task);

/* ---- task_pool_iterate.c ------------------------------------------------- */

/* Calls `next` again, if there is one, that has more, and somebody asks.  In a callback: its
 * verdict. */
weir_verdict weir__iteration_go(weir_pool *pool);

void weir__iteration_begins(struct weir__iteration *iteration, weir_pool *pool);
weir_demand_mode weir__iteration_demand(const struct weir__iteration *iteration);

/* Calls its `close`, unless nothing came of it; it may be NULL. */
void weir__iteration_close(struct weir__iteration *iteration,
                           const struct weir__allocator *allocator);

/* ---- task_pool_open.c ---------------------------------------------------- */

/* As weir_pool_open; iteration: NULL, or the pool's from then on. */
weir_status weir__task_open_pool(weir_runtime *runtime, const weir_pool_options *options,
                                 struct weir__iteration *iteration, weir_pool **out,
                                 weir_ref *stage);

/* As weir_pool_open, in such ways.  With `alone` it has one thread, or none. */
weir_status weir__task_open_ways(weir_runtime *runtime, const weir_pool_options *options,
                                 const struct weir__task_ways *ways, weir_pool **out,
                                 weir_ref *stage);

/* As weir_pool_close, which waits so long. */
weir_status weir__task_close_within(weir_pool *pool, uint64_t timeout_ns);

/* ---- task_pool.c --------------------------------------------------------- */

/* The pool's stage, but for name, state, subscriptions and worker. */
weir_stage_options weir__task_stage(const weir_pool *pool);

#endif
