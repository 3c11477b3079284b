/*
 * The source: a driver's calls on a thread of its own, the ledger of what is outstanding, and the
 * stages by which a runtime knows it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Two stages stand for a source.  Messages go out by an inlet's port; the inlet's stage is what
 * consumers subscribe to, and its keeper (parts/inlet.h) says what they ask for.  The other, the
 * keeper's own, has the quay, and a token (weir_busy) until the driver is closed: so a drain waits
 * for the ledger, while the inlet's has ended and consumers have been told their end.  The inlet
 * has a token as well, until what was pulled has been pushed.
 *
 * All that follows is done in rounds (source_round.c), by the source's thread, or, where there is
 * none, in turns of the keeper's stage: this is the owner here.
 *
 *   field      writers                          readers
 *   wanted     the inlet's worker               the owner: how far the port may be filled
 *   deadline   who finishes it (CAS, falling)   the owner; who closes
 *   ended      who finishes it                  the owner, pushers
 *   begun      who opens it, at the end         the keeper's worker
 *   gone       the inlet's worker, the          the owner, pushers
 *              keeper's
 *   over       the owner, at the end            who waits; a futex
 *   wake_lock  who wakes the driver; the owner, as it closes that: `closed`
 *   berth      the owner sleeps; who brings something wakes
 *   returns    see returns.h
 *   pushed     pushers up, who settles down     pushers; the owner, as it ends
 *   stats      the owner                        any
 *
 * Ordering
 *   SO1 -> SO2  wanted (release), behind what the worker has taken from the port -> is read
 *               (acquire): there is room in the ring for as many.
 *   SO3 -> SO4  Dekker: wanted, ended, deadline, gone or pushed is set (and a fence), look whether
 *               the owner sleeps / lie down, look: the berth's E1 -> E2.
 *   SO7 -> SO8  begun (release) -> is read (acquire): what the opener has made.
 *   SO5 -> SO6  over (release) -> is read (acquire): the driver is closed.
 *
 * A receipt is the owner's part of a record, of the same number:
 *
 *   FREE -> OUT          it was pulled; a message of it is somewhere
 *   OUT -> READY -> FREE     settled: told by ack, or given up
 *   OUT -> TOLD -> FREE      nak'd at the deadline, and then settled, if that is before the end;
 *                            or left or forgotten, as it ends
 * and of a cumulative source, where it stays in its lane's order until the position has passed it:
 *   OUT -> SETTLED -> FREE
 *   OUT -> WAITS -> OUT      a nak: emitted again
 *   OUT, WAITS -> HELD       a nak that is not, as the source ends
 *
 *   outstanding == receipts that are not FREE, `told` of them TOLD
 *   out == records that are not back
 */
#ifndef WEIR__PIPELINE_SOURCE_H
#define WEIR__PIPELINE_SOURCE_H

#include "base/attributes.h"
#include "base/refusal.h"
#include "base/rng.h"
#include "memory/index.h"
#include "parts/port.h"
#include "pipeline/ledger.h"
#include "pipeline/page.h"
#include "pipeline/returns.h"
#include "pipeline/slip.h"
#include "pipeline/trays.h"
#include "ring/timers.h"
#include "runtime/hired.h"

#include <weir/source.h>

enum weir__receipt_state {
    WEIR__RECEIPT_FREE,
    WEIR__RECEIPT_OUT,
    WEIR__RECEIPT_READY,
    WEIR__RECEIPT_TOLD,
    WEIR__RECEIPT_SETTLED,
    WEIR__RECEIPT_WAITS,
    WEIR__RECEIPT_HELD
};

struct weir__lane;

struct weir__receipt {
    uint64_t token;
    uint64_t position;
    union {
        uint64_t due_ns; /* of WAITS                           */
        uint64_t fate;   /* else, once it is settled: ledger.h */
    };
    struct weir__page *page;
    struct weir__lane *lane; /* cumulative, unless that was revoked */
    uint32_t lane_number;
    uint32_t next; /* number + 1: ready, or in its lane's order */
    union {
        uint32_t next_wait; /* likewise: of WAITS          */
        uint32_t tries;     /* else: acks that met LOST    */
    };
    uint32_t bytes;
    uint32_t deliveries;
    uint8_t state;
    bool lent : 1;      /* and not released               */
    bool forgotten : 1; /* its lane was revoked meanwhile */
    bool away : 1;      /* its record is not back         */
};

_Static_assert(sizeof(struct weir__receipt) == 64, "a cache line");

/* A cumulative source's. */
struct weir__lane {
    struct weir__index_node by_number;
    struct weir__lane *next_due;
    uint32_t first; /* number + 1 of receipts, in order of positions */
    uint32_t last;
    uint64_t highest; /* that was added, if `any`                */
    uint64_t below;   /* all that was added below it is settled  */
    uint64_t token;   /* of the last one below                   */
    uint32_t deliveries;
    uint32_t untold; /* messages below it that no ack has told of */
    uint32_t tries;
    bool any;
    bool due; /* in the list of lanes that are to be acked */
};

/* A list of receipts by numbers + 1. */
struct weir__receipt_list {
    uint32_t first;
    uint32_t last;
};

enum { WEIR__SOURCE_BATCH = 64, WEIR__SOURCE_RING = 1024, WEIR__SOURCE_ACKS = 512 };

struct weir_pull {
    struct weir_source *source;
    uint64_t left; /* that there is room for, as it last knew */
    uint64_t added;
    bool refused; /* something had no room */
};

/*
 * Whose a source is, beside others: a pipeline.  `ends` is called by the owner in each round of its
 * end, and says when it is to be called again at the latest (UINT64_MAX: it need not be).
 *   broken  it ends since its driver is broken: then it is not over before that
 *   late    its deadline has passed
 */
struct weir__source_kin {
    uint64_t (*ends)(const struct weir__source_kin *kin, uint64_t now_ns, bool broken, bool late);
};

struct weir_source {
    struct weir__quay quay; /* of the keeper's stage */

    /* constant */
    struct weir__ledger ledger;
    struct weir__inlet_keeper keeper;
    const struct weir__source_kin *kin; /* or NULL */
    weir_source_driver driver;          /* defaults filled in, or zeros */
    bool driven;                        /* it has one                   */
    bool threaded;
    weir_source_options options; /* defaults filled in */
    char name[48];
    weir_inlet *inlet;
    weir_token inlet_token;
    weir_token own_token;
    struct weir__hired thread;
    struct weir__record *records;
    struct weir__receipt *receipts;
    weir_message *kept;   /* as they were emitted; NULL: slips will do */
    uint64_t first_place; /* of the port's                    */

    WEIR__APART uint64_t wanted;
    uint64_t called_for; /* the inlet's worker's: wanted, when it last called the owner */
    uint64_t deadline;
    uint32_t ended;
    uint32_t gone;
    uint32_t over;
    uint32_t begun; /* all of it is there */
    uint32_t wake_lock;
    bool closed; /* under wake_lock */
    struct weir__berth berth;
    WEIR__APART uint64_t pushed;
    WEIR__APART struct weir__returns returns;

    /* the owner's */
    WEIR__APART uint64_t seen_wanted;
    uint64_t seen_deadline;
    uint64_t seen_pushed;
    uint64_t now_ns; /* of this round, or when the driver's last call in it returned */
    weir_port *port; /* NULL: it is closed: nothing more goes out      */
    struct weir__trays trays;
    uint32_t used; /* receipts and records of trays that were begun */
    uint32_t outstanding;
    uint32_t told; /* of those: TOLD */
    uint32_t out;
    uint64_t bytes;
    struct weir__receipt_list ready; /* settled, to be told */
    struct weir__receipt_list waits; /* to be emitted again, by when they are due */
    struct weir__lane *due;          /* lanes that are to be acked */
    struct weir__index lanes;
    struct weir__pages pages;
    bool opened;    /* connected                               */
    bool tried;     /* open was called                         */
    bool no_more;   /* it pulls no more                        */
    bool broken;    /* the driver is                           */
    bool broke_off; /* and that is why it pulls no more        */
    bool cramped;   /* what came next had too many bytes: until something is back */
    bool abandoned; /* the deadline has passed                 */
    bool told_lost; /* logged: until it is open again          */
    bool told_lost_acks;
    uint64_t reopen_at;
    uint64_t reopen_wait;
    uint64_t extend_at;
    uint64_t idle_until;      /* the driver had nothing: it is not pulled from before */
    uint64_t armed_at;        /* unthreaded: when the timer is due; UINT64_MAX: there is none */
    struct weir__timer timer; /* of the keeper's worker */
    struct weir__rng rng;
    struct weir_pull pull;
    uint32_t batched; /* added, in the port's places, and not yet sent on */

    WEIR__APART weir_source_stats stats; /* atomic */
};

/* As a message has it. */
static inline uint16_t weir__deliveries_of(uint32_t deliveries) {
    return deliveries < UINT16_MAX ? (uint16_t)deliveries : UINT16_MAX;
}

static inline void weir__source_count(uint64_t *counter, uint64_t more) {
    weir__store_relaxed_u64(counter, *counter + more);
}

static inline struct weir__receipt *weir__source_receipt(const weir_source *source,
                                                         uint32_t place) {
    return &source->receipts[place - 1];
}
static inline uint32_t weir__receipt_place(const weir_source *source,
                                           const struct weir__receipt *receipt) {
    return (uint32_t)(receipt - source->receipts) + 1;
}

/* True, and a refusal: there is none, or it is of the parent of this process. */
static inline bool weir__source_unfit(const weir_source *source) {
    return weir__missing(source, "source") ||
           (weir__is_child() && weir__forked(source->quay.runtime->forks));
}

static inline bool weir__source_has_ended(const weir_source *source) {
    return weir__load_relaxed_u32(&source->ended) != 0 ||
           weir__load_relaxed_u32(&source->gone) != 0;
}

/* True, and a refusal: there is none, or it is of the parent of this process. */
static inline bool weir__pull_unfit(const weir_pull *pull) {
    return weir__missing(pull, "pull") ||
           (weir__is_child() && weir__forked(pull->source->quay.runtime->forks));
}

/* Around each call of the driver's: an errand for the runtime, where that is on no worker.  A
 * refusal that is there when it returns is the driver's, of why. */
static inline void weir__driver_enter(const weir_source *source, struct weir__errand *errand) {
    errand->runtime = source->quay.runtime;
    if (weir__here == NULL) {
        weir__errand_begin(errand, source->quay.runtime, "driver");
    }
    weir__refusal_clear();
}
static inline void weir__driver_leave(const struct weir__errand *errand) {
    weir__runtime_forked(errand->runtime, "driver");
    if (weir__here == NULL) {
        weir__errand_end(errand);
    }
}
/* The same, for the owner: what it reckons with next counts from when the call has returned. */
static inline void weir__driver_returned(weir_source *source, const struct weir__errand *errand) {
    weir__driver_leave(errand);
    source->now_ns = weir_runtime_now(source->quay.runtime);
}

/* ---- source_open.c -------------------------------------------------------------- */

/* weir_source_open of one that has kin, or NULL, which outlives the source. */
weir_status weir__source_open(weir_runtime *runtime, const weir_source_options *options,
                              const struct weir__source_kin *kin, weir_source **out,
                              weir_ref *stage);

/* WEIR_OK, or INVALID and why: these are options of its. */
weir_status weir__source_check_reopen(uint64_t reopen_ns, uint64_t reopen_most_ns);

/* ---- source_receipt.c: receipts ------------------------------------------------- */

/* One that is OUT.  NULL: max_outstanding are. */
struct weir__receipt *weir__receipt_take(weir_source *source);

/* It is done with: what it lent is released, its bytes let go; FREE. */
void weir__receipt_give(weir_source *source, struct weir__receipt *receipt);

static inline void weir__receipt_append(weir_source *source, struct weir__receipt_list *list,
                                        struct weir__receipt *receipt) {
    uint32_t place = weir__receipt_place(source, receipt);
    receipt->next = 0;
    if (list->first == 0) {
        list->first = place;
    } else {
        weir__source_receipt(source, list->last)->next = place;
    }
    list->last = place;
}

/* Calls the driver's `release`, if it lends that.  Any thread that has the record. */
void weir__receipt_release(const weir_source *source, struct weir__receipt *receipt);

/* The same for a run of records, which is not needed any more.  Returns how many it has. */
uint32_t weir__run_release(const weir_source *source, struct weir__record *head);

/* ---- source_settle.c: what comes back, and the acks ----------------------------- */

/* Takes what was settled. */
void weir__source_take_settled(weir_source *source);

/* Tells the driver of what is ready, and of lanes.  False: the connection is lost. */
bool weir__source_tell(weir_source *source);

/* What was not told will not be. */
void weir__source_tell_nobody(weir_source *source);

/* Something is to be told. */
static inline bool weir__source_has_news(const weir_source *source) {
    return source->ready.first != 0 || source->due != NULL;
}

/* The deadline has passed: what is OUT is nak'd. */
void weir__source_abandon(weir_source *source);

/* Leases of what is OUT are extended. */
void weir__source_extend(weir_source *source);

/* ---- source_lane.c: cumulative sources ------------------------------------------ */

/* The lane of that number; made, if need be: NULL, no memory. */
struct weir__lane *weir__lane_find(const weir_source *source, uint32_t number);
struct weir__lane *weir__lane_make(weir_source *source, uint32_t number);

/* So far above its oldest is that position. */
bool weir__lane_is_full(const weir_source *source, const struct weir__lane *lane,
                        uint64_t position);

void weir__lane_add(weir_source *source, struct weir__lane *lane, struct weir__receipt *receipt);

/* A receipt of a lane is back, with that fate. */
void weir__lane_settled(weir_source *source, struct weir__receipt *receipt);

/* Emits again what is due, as far as there is room. */
void weir__lanes_redeliver(weir_source *source);

/* What the lanes that are due are acked with: at most `room`; and that it was told / was not. */
size_t weir__lanes_fill(const weir_source *source, weir_ack *acks, size_t room);
void weir__lanes_told(weir_source *source, size_t count);
void weir__lanes_missed(weir_source *source, size_t count, bool for_good);

/* Nothing is emitted again any more. */
void weir__lanes_hold(weir_source *source);

/* Notes of that lane are not told of any more. */
void weir__lane_forget(weir_source *source, uint32_t number);

/* Frees them. */
void weir__lanes_close(weir_source *source);

/* ---- source_pull.c -------------------------------------------------------------- */

/* How many it may pull now, as far as ledger and ring go / as consumers have asked for. */
uint64_t weir__source_room(const weir_source *source);
uint64_t weir__source_asked(const weir_source *source);

/* Sends on what was added. */
void weir__source_send(weir_source *source);

/* Where the next slip goes; what was added before is sent on, if that is much. */
struct weir__slip *weir__source_place(weir_source *source);

/* ---- source_slip.c -------------------------------------------------------------- */

/* Writes the slip of a message that was pulled; at: where its bytes were copied to, side by side;
 * NULL: they were not. */
void weir__slip_write(weir_source *source, const weir_incoming *incoming,
                      const struct weir__receipt *receipt, const char *at);

/* And of one that is kept. */
void weir__slip_of_kept(weir_source *source, const struct weir__receipt *receipt);

/* The keeper's. */
void weir__slip_unpack(const struct weir__inlet_keeper *keeper, const void *packed, size_t count,
                       void *events);

/* ---- source_round.c ------------------------------------------------------------- */

/* The connection is lost, as that function of the driver's has said. */
void weir__source_lost(weir_source *source, const char *call);

/* The driver is broken. */
void weir__source_broke(weir_source *source);

/* What it has said; BROKEN, and logged, if that is no value. */
weir_pulled weir__source_said(const weir_source *source, const char *call, weir_pulled said);

void weir__source_log(const weir_source *source, weir_log_level level, const char *format, ...)
    WEIR__PRINTF(3, 4);

/* One round.  Returns when the next is due, of the runtime's time: 0: at once. */
uint64_t weir__source_round(weir_source *source);

/* Something has come that a round would look at. */
bool weir__source_is_called(const weir_source *source);

/* Unthreaded, and its stage is stopped: it ends now. */
void weir__source_end_now(weir_source *source);

/* ---- source_stage.c ------------------------------------------------------------- */

extern const struct weir__inlet_keeper weir__source_keeper;
extern const weir_callbacks weir__source_callbacks;

/* The thread. */
void weir__source_thread(void *source);

/* It looks, if it sleeps: behind a full fence.  Any thread that has a reference. */
void weir__source_call(weir_source *source);

/* It is to end, `within_ns` from now at the latest.  Any thread. */
void weir__source_ask_end(weir_source *source, uint64_t within_ns);

/* Settled records are pushed: the ledger's `took`. */
void weir__source_took(struct weir__ledger *ledger, struct weir__record *first,
                       struct weir__record *last, uint32_t count);

/* Sleeps until something has come, or that moment. */
void weir__source_sleep(weir_source *source, uint64_t due);

#endif
