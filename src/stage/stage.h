/*
 * The stage: what a producer, producer_consumer or consumer is made of.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A stage belongs to one worker; nothing in it is shared, so nothing in it is
 * atomic.  Its rooms:
 *   emit.c     what a callback emits, on its way to the dispatcher or buffer
 *   mark.c     marks of the program's, out and in
 *   forward.c  batches that go on as they came
 *   stash.c    events that are kept past their callback
 *   supply.c   the producer's side: demand, buffer, consumers
 *   intake.c   the consumer's side: entries, messages, batches, asks
 *   straight.c messages that are handled where they are
 *   limit.c    events that wait for tokens of a rate
 *   outputs.c  other ways out, which are producers beside it
 *   onward.c   what goes on to other stages of the worker in the same turn
 *   pieces.c   batches that span slices: gathered, or handed out in pieces
 *   rest.c     what a callback leaves of a batch or a demand, and what tells it to
 *   leaving.c  consumers that have cancelled, and who comes after them
 *   lend.c     batches that a reader outside of the runtime takes
 *   desk.c     what it and its dispatcher ask of each other
 *   takers.c   both ends of the shared dispatcher
 *   keep.c     events that wait, copied out of blocks that they would pin
 *   subscription.c  subscriptions, at both ends: how they begin and end
 *   control.c  mail, and what becomes of it where the stage is gone
 *   inbox.c    mail: what users send; timers, answers
 *   monitor.c  watching other stages
 *   ending.c   finishing: what a stage waits for before it ends
 *   enders.c   who wants to know when it has ended
 *   turn.c     one visit of the worker, in numbered steps
 *   meter.c    what it did, how long it took, and what it waits for (meter_notes.c: for others)
 *   stamp.c    how long events wait on their way
 *   life.c     start and end
 *   check.c    the invariants, in checked builds
 * What they have for each other is declared here, but in ending.h, control.h (with inbox),
 * subscription.h, takers.h, limit.h, keeping.h (pieces, rest, stash, lend, keep), handle.h (intake
 * and straight), mark.h, timed.h, onward.h and monitor.h; what a part adds is in part.h.
 *
 * Invariants between its callbacks:
 *   emission and scratch are empty; so is onward, but in a look (onward.h)
 * and between its turns, until it is stopping:
 *   events in buffer  =>  open demand is 0, or the mode is ACCUMULATE, or demand for what was
 *                         lost comes `again`; a dispatcher of the program's may leave them there
 *                         beside open demand
 *   deferred_marks    ==  the program's marks in deferred
 *   deferred not empty => the mode is ACCUMULATE; while it is replayed, callbacks run that see
 *                         it and FORWARD, and what they emit is deferred, too (emit.c)
 *   begun             =>  inq's front is the rest of a message, message_left events
 *   pieces_left > 0   =>  begun, and the rest of a batch is the front of that
 *   inq_fresh is 0, stash_fresh is false
 *   beside            <=> takers_waiting or limits is not empty
 *   limit_events      ==  the events in all limits of its edges (edge/limit.h)
 *   known             ==  consumers, and who waits in line for a leaver
 *   appetite is not ON_DEMAND  =>  the stage is a part's, and a producer_consumer
 */
#ifndef WEIR__STAGE_STAGE_H
#define WEIR__STAGE_STAGE_H

#include "base/probe.h"
#include "dispatch/seam.h"
#include "memory/index.h"
#include "stage/buffer.h"
#include "stage/host.h"
#include "stage/meter.h"
#include "stage/part.h"

#include <weir/name.h>
#include <weir/stage.h>

enum weir__mark_kind {
    WEIR__MARK_INFO = 1, /* mark: a struct weir__message          */
    WEIR__MARK_CANCEL,   /* owner: the edge that ended            */
    WEIR__MARK_DEMAND    /* demand; deferred, lent                */
};
_Static_assert((int)WEIR__MARK_DEMAND < (int)WEIR__MARK_PROGRAMS, "the program's are above");

/* What the running callback has emitted beside whole events of its own. */
enum weir__emits {
    WEIR__EMITS_SLICES = 1u, /* of its input (payload.c) */
    WEIR__EMITS_MARKS = 2u   /* mark.c */
};

/* Where weir_emit writes, in the open block: see emit.c.  to is NULL and room 0
 * while it is closed. */
struct weir__strip {
    unsigned char *to;
    size_t room;  /* events that it still has room for                  */
    size_t count; /* events in it, of which block and emission do not know yet */
};

/* rest.c: until when what was left is not begun again. */
enum weir__rest_waits {
    WEIR__REST_READY = 0, /* or there is none */
    WEIR__REST_TURN,      /* until the stage's next turn */
    WEIR__REST_BYTES      /* until bytes that are under way have gone, or somebody asks */
};

/* What opens the gate between a producer_consumer's input and its callbacks (intake.c). */
enum weir__appetite {
    WEIR__TAKES_ON_DEMAND = 0, /* that its consumers ask for events */
    WEIR__TAKES_ALL,           /* nothing need, for now             */
    WEIR__TAKES_NONE           /* nothing does, for now             */
};

/* rest.c: the bytes of the first `events` of an emission, of the one that began when the worker's
 * counter `emitted` was `emission`. */
struct weir__weighed {
    uint64_t emission;
    uint64_t events;
    uint64_t bytes;
};

struct weir_stage {
    struct weir__host *host;
    struct weir__ready_stage *ready;
    weir_ref ref;
    uint8_t kind; /* a weir_kind */
    bool may_emit;
    bool begun;
    bool message_windowed; /* cut by the window; else one batch           */
    bool counts_handled;   /* a part does so itself, when it is done with an event */
    bool beside;           /* takers wait, or limits have something, beside inq  */
    bool finishing;        /* ends once nothing is left (ending.c) */
    bool stopping;
    union {
        weir_callbacks on;
        struct { /* whose reserved room is zero as it is filled, and not looked at again */
            unsigned char on_used[offsetof(weir_callbacks, reserved)];
            char *name;
            size_t bytes;              /* of the stage's one allocation */
            struct weir__index timers; /* armed, by id                    */
        };
    };

    /*
     * What a consumer's turn looks at, in two lines beside the first (checked below):
     * of 10,000 stages none is in a near cache when its turn comes.
     */
    void *state;
    struct weir__mail_list control;      /* mail to it                                 */
    struct weir__reply *replies;         /* due when the callback has returned         */
    size_t reserved;                     /* emitting: room of the last reserve         */
    const struct weir__part_calls *part; /* NULL: it is none                       */
    struct weir__queue emission;         /* what the callback has emitted so far       */
    uint32_t inq_fresh;                  /* items at inq's end that came in this turn  */
    bool stash_fresh;                    /* this turn has stashed something            */
    bool closed;            /* in a ring of stages: it ends or is opened again, and has no turn */
    bool visited;           /* onward.h: its worker is at it, in a turn or a leg */
    bool goes_on;           /* likewise: what it sends now is not told, but noted */
    struct weir__queue inq; /* messages not begun, or begun at the front  */
    struct weir__meter meter;

    union {
        struct weir__mail start;
        struct weir__mail again_mail; /* the dispatcher dropped `again` events; not before START */
    };
    uint32_t stops; /* of the whole runtime, before it was started */

    /* emitting: what each event touches lies in one line (checked below) */
    _Alignas(64) size_t event_bytes;
    const weir_event_type *type; /* of what it emits, or NULL: it owns nothing */
    struct weir__block *open;    /* being filled, or NULL                      */
    struct weir__strip strip;
    weir_stage *next; /* in the worker's list of stages */
    weir_stage *previous;
    struct weir__block *payload;  /* of events with spans: being filled, or NULL (payload.c) */
    struct weir__block *outdated; /* held: where the bytes of a message were (pipeline/room.h) */
    struct weir__queue scratch;   /* dispatching: messages for several      */

    /* producing */
    struct weir__dispatch dispatch;
    struct weir_desk desk;
    struct weir__buffer buffer;
    struct weir__queue deferred; /* ACCUMULATE: emissions, demand, infos and marks */
    weir_demand_mode mode;
    bool as_genstage;
    bool drop_unheard;
    bool in_step; /* its dispatcher gives all consumers the same, whoever is heard first */
    bool discard_returned;
    uint8_t emits; /* of enum weir__emits */
    bool weighs;   /* bytes of what it sends are counted: it has spans, or somebody bounds them */
    uint8_t rest;  /* an enum weir__rest_waits: what a callback has left at inq's front */
    uint8_t appetite; /* an enum weir__appetite: a part's to say */
    bool supply_due;  /* a part's: `supply` is called before the turn ends */
    struct weir__edge *consumers;
    uint64_t again;
    uint64_t demand_left; /* rest.c: of what the handle_demand that runs was asked for */
    uint64_t demand_rest; /* likewise: left, until bytes have gone           */
    struct weir__weighed weighed;

    /* consuming */
    struct weir__edge *producers;
    uint64_t pulled;                  /* batches begun since an edge was turned to (intake.c) */
    uint64_t message_left;            /* of the message begun                       */
    uint64_t pieces_left;             /* of those, in the batch that comes in pieces */
    uint64_t pieces_ask;              /* what is due after the last piece           */
    struct weir__block *keep;         /* keep.c: being filled, or NULL             */
    struct weir__block *keep_payload; /* keep.c: of events with spans, likewise; keep's lender */

    /* keeping (stash.c) */
    struct weir__queue stash;
    uint64_t stash_next;   /* of the batch at hand, if it is STASHED: the first that may be   */
    uint32_t stash_newest; /* items at stash's end that came in this turn, if stash_fresh     */
    uint64_t kept;         /* events that a part keeps in memory of its own (keeping.h)       */

    /* lending (lend.c): a part's */
    struct weir__queue lent; /* batches that are not back yet          */
    /* At the end, unless NULL: its reader is amid what goes back first by this one, and reads on;
     * so the part sends the edge's DOWN, when both that and `left` have come. */
    struct weir__edge *amid;
    uint32_t looks;     /* a part's, in a row that found nothing  */
    size_t takes_bytes; /* the only size of event it takes; 0: any */

    struct weir__edge *onward; /* onward.h: on which a leg is due, by onward_next */
    struct weir__edge *onward_last;

    /* control */
    struct weir__monitor *watchers; /* this one                            */
    struct weir__index watching;    /* other stages: monitors by id        */
    struct weir__reply *last_reply; /* of replies, unless they are NULL    */
    uint64_t monitors;              /* made: their ids                     */
    struct weir__mailbox *mailbox;  /* of its place; NULL without a runtime    */
    uint64_t feeders;               /* monitors of who feeds it            */
    struct weir__index fed_by;      /* those, by the feeders' references   */
    size_t late_timers; /* that the end itself brought forth: they keep nobody waiting */
    size_t reminders;   /* other timers without a message: they come when the input is over */
    bool is_shut;       /* a part that takes no more, by shut or otherwise         */
    bool end_told;      /* handle_end was called, and nothing has come since */
    bool telling_end;   /* in handle_end, or what reminders bring forth      */
    bool relaxed; /* it takes its input though nobody asks it for events: a drain would stall */
    bool unfed;   /* its producers and feeders wait for it in turn: as if they had ended */
    weir_stage *outer;            /* in its init: the stage in whose init it is started; NULL */
    struct weir__message *enders; /* who wants to know its end: by mail.next        */
    size_t awaiters;              /* of those, threads that wait, or did, in weir_wait */
    size_t sweep_at;              /* when that are so many, those that did are swept   */
    weir_on_cancel on_cancel;
    weir_reason reason;
    bool bereft;        /* it stops because a subscription of its has ended   */
    bool notice_bereft; /* in handle_down: whom that tells of has stopped so  */

    /* subscriptions that are looked for, or at, seldom */
    struct weir__edge *requests;       /* with START: its subscribe_to, by producers_next */
    struct weir__index known;          /* consumers, and who waits in line (leaving.c), by ids   */
    struct weir__index leaving;        /* cancelled, and not done yet, by their consumers       */
    struct weir__edge *leavers;        /* the same, the last one first */
    struct weir__index subscriptions;  /* producers, by the subscriptions' ids */
    struct weir__edge *takers_waiting; /* takers' that cooled while something waited */

    uint64_t deferred_marks;
    uint64_t watermark; /* mark.h */

    struct weir__poller *poller; /* parts/poller.h: its own, or NULL */

    /* outputs.c */
    struct weir__outputs *outputs; /* its own, or NULL                             */
    weir_stage *parent;            /* it is an output of that one, which lives; NULL */
    weir_stage *opened_next;       /* in host->opened                              */
    uint32_t output;               /* its number there                             */
    bool holds_back;               /* an output: its parent waits for its buffer   */

    /* limit.c */
    struct weir__limit *limits; /* that may have tokens, those whose turn it is first */
    struct weir__limit *limits_last;
    uint64_t limit_events;   /* in all of its limits              */
    uint32_t limits_waiting; /* those that wait for their tokens  */
};

_Static_assert(offsetof(struct weir_stage, on.handle_events) < 64 &&
                   offsetof(struct weir_stage, state) >= 192 &&
                   offsetof(struct weir_stage, inq.events) <= 320,
               "what a consumer's turn looks at is in three lines");
_Static_assert(offsetof(struct weir_stage, event_bytes) / 64 ==
                   (offsetof(struct weir_stage, strip.count)) / 64,
               "what each emitted event touches is in one line");

/* ---- payload.c ----------------------------------------------------------- */

static inline bool weir__stage_has_spans(const weir_stage *stage) {
    return stage->type != NULL && stage->type->spans > 0;
}

/* weir_emit of events with spans. */
weir_status weir__stage_emit_spans(weir_stage *stage, const void *events, size_t count);

/* The callback that emitted slices has returned: what is little of its input is copied. */
void weir__stage_settle_slices(weir_stage *stage);

/* ---- emit.c -------------------------------------------------------------- */

/* `count` events that were written behind the open block's `used` are emitted, as slices with
 * those flags: there is room for one more in the emission's queue. */
void weir__stage_append(weir_stage *stage, uint32_t count, uint32_t flags);

/* Takes back what was emitted since there were so many. */
void weir__stage_unemit(weir_stage *stage, uint64_t before);

/* Dispatches what the callback that has just returned emitted, one event or mark or more. */
void weir__stage_emitted(weir_stage *stage);

/* The same of a run of it, without marks: none of it is left there. */
void weir__stage_emit_run(weir_stage *stage, struct weir__queue *run);

/* What an accumulating producer emitted waits, or is being replayed. */
static inline bool weir__stage_has_deferred(const weir_stage *stage) {
    return stage->deferred.events > 0 || stage->deferred_marks > 0;
}

/* Offers a queue of events to the consumers; what they do not take is buffered. */
void weir__stage_offer(weir_stage *stage, struct weir__queue *events);

/* Tells and counts a discard before (sent false) or after sending. */
void weir__stage_discard(weir_stage *stage, uint64_t count, weir_discard cause, bool sent);

/* A callback of its runs in which it may emit. */
static inline bool weir__stage_can_emit(const weir_stage *stage) {
    return stage->may_emit && stage->event_bytes > 0;
}

/* A callback of that name returned something else than CONTINUE. */
void weir__stage_end(weir_stage *stage, const char *callback, weir_verdict verdict);

/* It returned what is no answer: the reason, and a line in the log. */
void weir__stage_bad_return(weir_stage *stage, const char *callback, int value);

/* Sends the answers that weir_reply_after has kept. */
void weir__stage_send_replies(weir_stage *stage);

/* What weir_emit wrote becomes a part of the emission. */
void weir__stage_close_strip(weir_stage *stage);

static inline void weir__stage_end_strip(weir_stage *stage) {
    if (stage->strip.to != NULL) {
        weir__stage_close_strip(stage);
    }
}

/* It has so many edges that only the hot ones are noted with it. */
static inline bool weir__stage_notes_as_they_cool(const weir_stage *stage) {
    return stage->known.count + stage->subscriptions.count > WEIR__EDGES_NOTED;
}

/* One more batch of `events` of so many bytes each. */
static inline void weir__stage_count_in(weir_stage *stage, uint64_t events, uint32_t event_bytes) {
    struct weir__tally *tally = &stage->meter.tally;
    if (WEIR__METERED) {
        tally->batches++;
        tally->events_in += events;
        tally->bytes_in += events * event_bytes;
    }
}

static inline void weir__stage_count_out(weir_stage *stage, uint64_t events) {
    stage->meter.tally.events_out += WEIR__METERED ? events : 0;
    weir__count(&stage->host->counters.emitted, events);
}

/* outputs.c: what the callback that has just returned emitted to its stage's outputs goes. */
void weir__outputs_leave(struct weir__host *host);

/* Wraps every callback that may emit: opens, closes, dispatches, notes a stop. */
static inline void weir__stage_enter(weir_stage *stage) {
    stage->may_emit = true;
    stage->host->running = stage;
    WEIR__PROBE2(callback__begin, stage->ref.bits, stage->name);
}

static inline void weir__stage_leave(weir_stage *stage, const char *callback,
                                     weir_verdict verdict) {
    WEIR__PROBE3(callback__end, stage->ref.bits, stage->name, callback);
    stage->host->running = NULL;
    stage->may_emit = false;
    stage->reserved = 0;
    if (WEIR__UNLIKELY(verdict != WEIR_CONTINUE)) {
        weir__stage_end(stage, callback, verdict);
    }
    weir__stage_end_strip(stage);
    if (stage->emission.count > 0) {
        weir__stage_emitted(stage);
    }
    if (WEIR__UNLIKELY(stage->host->opened != NULL)) {
        weir__outputs_leave(stage->host);
    }
    WEIR__CHECK(weir__queue_empty(&stage->emission));
    if (WEIR__UNLIKELY(stage->replies != NULL) && !stage->stopping) {
        weir__stage_send_replies(stage);
    }
}

/* The batch at hand, of the callback that runs; NULL: there is none. */
static inline struct weir__item *weir__stage_batch(const weir_stage *stage) {
    return stage->may_emit ? stage->host->batch : NULL;
}

/* Why there are no such events of a batch at hand; NULL: there are. */
const char *weir__stage_not_in_batch(const struct weir__item *item, size_t first, size_t count);

/* What events that own something, and that a callback has returned from with that, are
 * dropped for. */
static inline weir_discard weir__stage_fate(const weir_stage *stage, weir_verdict verdict) {
    bool normal = stage->reason == WEIR_REASON_NORMAL || stage->reason == WEIR_REASON_SHUTDOWN;
    bool goes_on = verdict == WEIR_CONTINUE || verdict == WEIR_FINISH;
    return goes_on || (verdict == WEIR_STOP && normal) ? WEIR_DISCARD_HANDLED
                                                       : WEIR_DISCARD_ABANDONED;
}

/* ---- desk.c -------------------------------------------------------------- */

/* How many events the dispatcher would deliver now. */
uint64_t weir__stage_open_demand(const weir_stage *stage);

/* Dispatches at most `count` events from the front of a queue; returns how many
 * were taken. */
uint64_t weir__stage_dispatch(weir_stage *stage, struct weir__queue *queue, uint64_t count);

/*
 * Shows the dispatcher events that came back from a consumer.  What it takes counts
 * as returned, and then as anything that it dispatches.  true: the rest, which is
 * still in `events`, is for the buffer.
 */
bool weir__stage_offer_back(weir_stage *stage, struct weir__edge *edge, struct weir__queue *events);

/* Shows the dispatcher its new consumer.  NORMAL, or why it is refused; *upstream: what is to
 * be demanded then. */
weir_reason weir__stage_introduce(weir_stage *stage, struct weir__edge *edge, uint64_t *upstream);

/* Asks for what a consumer's selector has refused (mail EDGE_AGAIN); demands what
 * the dispatcher has dropped (mail AGAIN). */
void weir__stage_ask_again(weir_stage *stage, struct weir__edge *edge);
void weir__stage_demand_again(weir_stage *stage);

/* An info or a mark has passed the buffer: what the dispatcher holds is next.
 * A weir__buffer_mark; context is the stage. */
void weir__stage_came_out(void *context, const struct weir__item *mark);

/* Nothing is before an info any more: it is queued for handle_info. */
void weir__stage_info_due(void *context, void *info);

/* The stage's calls for its dispatcher's desk; their context is the stage. */
extern const struct weir__desk_calls weir__stage_desk_calls;

/* ---- rest.c -------------------------------------------------------------- */

/* All consumers that have asked for more have as many bytes as may be under way (with a broadcast,
 * one has): between callbacks, of a stage that weighs. */
bool weir__stage_full(const weir_stage *stage);

/* It is asked for events, and they would go.  Between callbacks, too. */
static inline bool weir__stage_is_asked(const weir_stage *stage) {
    return weir__stage_open_demand(stage) > 0 &&
           (WEIR__LIKELY(!stage->weighs) || !weir__stage_full(stage));
}

/* A producer_consumer may begin a message, as far as its output is concerned. */
static inline bool weir__stage_has_appetite(const weir_stage *stage) {
    return WEIR__LIKELY(stage->appetite == WEIR__TAKES_ON_DEMAND)
               ? weir__stage_is_asked(stage)
               : stage->appetite == WEIR__TAKES_ALL;
}

/* ---- supply.c ------------------------------------------------------------ */

/* Serves buffered events as far as demand is open; returns how many. */
uint64_t weir__stage_serve_buffer(weir_stage *stage);

static inline uint64_t weir__stage_serve(weir_stage *stage) {
    return stage->buffer.queue.events > 0 ? weir__stage_serve_buffer(stage) : 0;
}

/* The dispatcher passes demand up: serve the buffer, then handle_demand. */
void weir__stage_demand(weir_stage *stage, uint64_t demand);

/* Lets the part supply events, which is due once demand or the buffer has changed. */
void weir__stage_supply(weir_stage *stage);

/* Later in the turn: several may have asked by then, and get theirs of one emission. */
static inline void weir__stage_supply_soon(weir_stage *stage) {
    stage->supply_due = WEIR__PART(stage, supply) != NULL;
}

/* Looks at one consumer's `asked` and overflow: true when there was something. */
bool weir__stage_poll_demand(weir_stage *stage, struct weir__edge *edge);

/* The events that a consumer had not begun when it stopped go to whoever wants them. */
void weir__stage_take_back(weir_stage *stage, struct weir__edge *edge);

/* Accumulate or forward; an info behind what is buffered. */
void weir__stage_set_mode(weir_stage *stage, weir_demand_mode mode);
void weir__stage_supply_info(weir_stage *stage, struct weir__message *message);

/* ---- leaving.c ----------------------------------------------------------- */

/* The dispatcher has forgotten the edge; its consumer may still work on what it was sent. */
void weir__stage_leaves(weir_stage *stage, struct weir__edge *edge);

/* It is done (mail LEFT), or dead (DOWN): those who waited for it are attached. */
void weir__stage_left(weir_stage *stage, struct weir__edge *edge);

/* Attaches an edge, unless it must wait for one that is leaving. */
void weir__stage_admit(weir_stage *stage, struct weir__edge *edge);

/* It waited, and does not any more; false: it did not wait. */
bool weir__stage_waits_no_more(weir_stage *stage, struct weir__edge *edge);

/* The stage ends: who still waits hears of it. */
void weir__stage_end_leaving(weir_stage *stage);

/* ---- intake.c ------------------------------------------------------------ */

/* Takes and handles what is on the edge, within the budget (in batches). */
bool weir__stage_pull(weir_stage *stage, struct weir__edge *edge, uint32_t *budget);

/* Goes on with the message that an earlier turn began, and no further. */
bool weir__stage_resume(weir_stage *stage, uint32_t *budget);

/* Something waits in the input queue, or beside it: in limits, or takers' edges wait for it to be
 * empty. */
static inline bool weir__stage_has_input(const weir_stage *stage) {
    return stage->inq.count > 0 || stage->beside;
}

/* Handles what waits in the input queue, as far as the gate is open. */
bool weir__stage_drain(weir_stage *stage, uint32_t *budget);

/* True when a message, or the next batch of one, may be handled now. */
bool weir__stage_can_drain(const weir_stage *stage);

/* ---- monitor.c ----------------------------------------------------------- */

/* Mail WATCH, UNWATCH, WATCH_LATER, FEEDER, FEEDER_LATER, NOTICE, to a stage / to one that is
 * gone. */
void weir__stage_monitor_mail(weir_stage *stage, struct weir__mail *mail);
void weir__monitor_bounce(struct weir__host *host, struct weir__mail *mail);

/* The stage has ended: its watchers are told, what it watches is let go. */
void weir__stage_end_monitors(weir_stage *stage);

/* As weir_monitor_stage; recall: of a stage that had gone already the reason is told,
 * as far as it is still known. */
weir_status weir__stage_watch(weir_stage *self, weir_ref stage, bool recall, weir_monitor *out);

/* ---- turn.c -------------------------------------------------------------- */

/* One turn.  True when there was something to do, or still is. */
bool weir__stage_turn(weir_stage *stage);

/* A turn would find nothing now; false, too, where a look at a few edges does not tell. */
bool weir__stage_is_quiet(weir_stage *stage);

/* Its last step, behind a leg (onward.h), too.  True when there is more to do. */
bool weir__stage_turn_ends(weir_stage *stage);

static inline bool weir__stage_ends_turn(weir_stage *stage) {
    bool nothing = stage->control.first == NULL && stage->inq.count == 0 && !stage->stopping &&
                   !stage->finishing && !stage->beside && stage->inq_fresh == 0 &&
                   !stage->stash_fresh && stage->rest != WEIR__REST_TURN &&
                   weir__outbox_empty(&stage->host->outbox);
    return (WEIR__CHECKED || !nothing) && weir__stage_turn_ends(stage);
}

/* ---- life.c -------------------------------------------------------------- */

/* This thread runs its init, perhaps with another one's within. */
static inline bool weir__stage_is_starting(const weir_stage *stage) {
    const weir_stage *starting = weir__starting;
    while (starting != NULL && starting != stage) {
        starting = starting->outer;
    }
    return starting != NULL;
}

/*
 * Makes a stage from checked options, on any thread: runs init.  The host, the
 * ready stage and the reference are its place, which is kept for it.
 * INIT_STOPPED: *out is for weir__stage_abandon, which says so.
 */
weir_status weir__stage_open(struct weir__host *host, struct weir__ready_stage *ready, weir_ref ref,
                             const weir_stage_options *options, weir_stage **out);

/* The stage stops: discards, terminate, tells its peers.  It must not run again.  Its
 * watchers are told when its reference is stale: weir__stage_end_monitors. */
void weir__stage_terminate(weir_stage *stage);

/*
 * A stage whose init has stopped it, and that never was known: frees it, with what its init has
 * sent and watched; who wants to know its end is told.  Refuses with INIT_STOPPED.
 */
weir_status weir__stage_abandon(weir_stage *stage);

/* Frees it.  Its mail has been bounced, its edges let go. */
void weir__stage_free(weir_stage *stage);

/* ---- check.c ------------------------------------------------------------- */

/* Between turns: what a few steps can tell; what takes a walk. */
void weir__stage_check(const weir_stage *stage);
void weir__stage_check_lists(const weir_stage *stage);

/* At a quiet point: with what is the others'.  Returns the events on their way to it, or that
 * wait on a queue of its consumers. */
uint64_t weir__stage_check_quiet(const weir_stage *stage);

#endif
