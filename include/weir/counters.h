/*
 * The counters file: what every stage and subscription does, laid out for other processes.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A runtime that was asked to (counters_file of its options, or WEIR_COUNTERS in the
 * environment) keeps its counters in a file, as a rule in /dev/shm, that any process of the same
 * user maps and reads: while the program runs, while it hangs, and after it has crashed.  Nobody
 * stops for that, and nothing is locked.  docs/counters.md tells how to read it; `weir top` and
 * its like do.  A program that looks at itself has weir_stage_stats (observe.h), from the same
 * memory, which is there whether or not it is a file.
 *
 * The file is an array of slots of 128 bytes in the machine's byte order, of which a kind of
 * figures takes one or several in a row (weir_counters_slots).  The first is the header's; `slots`
 * of it says how many there are.  It only grows: it begins with
 * WEIR_COUNTERS_STEP slots, and when they are used up it grows by as many, or by a fifth or so of
 * what it has.  A slot's `kind` says what it is now.
 *
 * Reading.  Each word has one writer and is written whole; so each is right by itself, and two
 * of one slot may be some microseconds apart.  A slot may be given to somebody else: read `turn`,
 * which is odd meanwhile, before and after all others (with acquire fences), and take what you
 * have read only if it is the same and even.  (The header's is always even.)
 *
 * Figures are since the stage, the subscription or the worker began and never fall, but where it
 * says "now".  They may be some milliseconds old while their worker is busy, one for each 64 busy
 * stages of its, and are exact when it sleeps.  Times are in nanoseconds; moments are
 * CLOCK_MONOTONIC's (SIMULATED: virtual time).
 *
 * Threads    as above.  Version: a reader that finds another `version` does not understand it;
 *            within one, new figures take reserved words, which are zero.
 */
#ifndef WEIR_COUNTERS_H
#define WEIR_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_COUNTERS_MAGIC   UINT64_C(0x0073746e63726577) /* "wercnts" */
#define WEIR_COUNTERS_VERSION 2
#define WEIR_COUNTERS_SLOT    128  /* bytes */
#define WEIR_COUNTERS_MOST    1024 /* bytes of the largest kind */
#define WEIR_COUNTERS_STEP    32   /* slots: the file begins with so many */
#define WEIR_COUNTERS_NAME    64   /* bytes of a name, cut off, with its zero */

typedef enum weir_counters_kind {
    WEIR_COUNTERS_FREE = 0,
    WEIR_COUNTERS_HEADER = 1,
    WEIR_COUNTERS_WORKER = 2,
    WEIR_COUNTERS_STAGE = 3,
    WEIR_COUNTERS_SUBSCRIPTION = 4,
    WEIR_COUNTERS_TIMES = 5 /* a histogram */
} weir_counters_kind;

/* How many slots in a row one of that kind takes; 1 for any other number.  Threads: any. */
unsigned weir_counters_slots(uint32_t kind);

/* How all slots begin. */
typedef struct weir_counters_slot {
    uint32_t kind; /* a weir_counters_kind */
    uint32_t turn; /* even; odd while the slot is being given to somebody else */
} weir_counters_slot;

/* Where a slot begins that is not the first of its figures, these have a word that stays 0, or, in
 * a histogram, a count, whose upper half (`turn`) stays 0 up to 2^32. */

typedef struct weir_counters_header {
    weir_counters_slot slot;
    uint64_t magic;
    uint32_t version;
    uint32_t slot_bytes;
    uint64_t slots;      /* in use or free, these included; read with acquire */
    uint64_t pid;        /* of the process ... */
    uint64_t started;    /* ... which began at this moment, in ticks since boot: field */
                         /* 22 of /proc/PID/stat.  A pid is used again, but not with this */
    uint64_t opened_ns;  /* when the runtime was opened */
    uint64_t opened_utc; /* likewise, nanoseconds since 1970 */
    uint64_t closed;     /* 1: the runtime was closed as it should; the file goes then */
    uint32_t workers;
    uint32_t mode;   /* a weir_runtime_mode */
    uint32_t number; /* of the runtime in its process, from 1 */
    uint32_t reserved32;
    uint64_t reserved1[5];
    uint64_t zero2;
    char program[WEIR_COUNTERS_NAME]; /* the process's name */
    char library[16];                 /* weir_version_text() */
    uint64_t reserved2[5];
    uint64_t zero3;
    uint64_t reserved3[15];
    uint64_t zero4;
    uint64_t reserved[15];
} weir_counters_header;

/* What a stage is about when it is not in a callback.  Of `times` below, and `state`. */
typedef enum weir_stage_state {
    WEIR_STATE_BUSY = 0,    /* in a turn that does something */
    WEIR_STATE_WAITING = 1, /* it has something to do, and its worker does something else */
    WEIR_STATE_STARVED = 2, /* events are asked of it, or it asks for some, and none have come */
    WEIR_STATE_BLOCKED = 3, /* it has events, or would have, and nobody asks for them */
    WEIR_STATE_IDLE = 4     /* neither: nothing has come, and nobody asks, or it does not */
} weir_stage_state;

#define WEIR_STATES 5

typedef struct weir_counters_worker {
    weir_counters_slot slot;
    uint32_t index;
    uint32_t core;          /* that it is pinned to; UINT32_MAX: none */
    uint64_t thread;        /* its number (gettid); 0 in the modes without threads */
    uint64_t stage;         /* now: the reference of the stage that it visits, most likely; 0 */
    uint64_t seen_ns;       /* now: when it last looked at the clock */
    uint64_t asleep;        /* now: 1 while it sleeps, or spins with nothing to do */
    uint64_t turns;         /* visits to stages */
    uint64_t wakes;         /* times it was woken from sleep */
    uint64_t rest_ns;       /* it slept, or spun with nothing to do */
    uint64_t turn_ns;       /* sampled: its stages' turns that did something */
    uint64_t stages;        /* now: that live on it */
    uint64_t longest_ns;    /* the longest callback that was timed ... */
    uint64_t longest_stage; /* ... and of which stage */
    uint64_t reserved1[3];
    uint64_t zero2;
    /* of its stages that have ended, summed up, and of what was on its way to them */
    uint64_t ended; /* stages */
    uint64_t ended_batches;
    uint64_t ended_in;
    uint64_t ended_handled;
    uint64_t ended_out;
    uint64_t ended_messages;
    uint64_t ended_calls;
    uint64_t reserved2[8];
    uint64_t zero3;
    uint64_t ended_discarded[15];
    uint64_t zero4;
    uint64_t reserved[15];
} weir_counters_worker;

typedef struct weir_counters_stage {
    weir_counters_slot slot;
    uint64_t ref;         /* weir_ref.bits */
    uint32_t worker;      /* its index */
    uint32_t stage_kind;  /* a weir_kind */
    uint32_t event_bytes; /* of what it emits; 0: a consumer */
    uint32_t state;       /* now: a weir_stage_state */
    uint32_t handling; /* slot of a TIMES: how long handle_events or handle_demand took; 0: none */
    uint32_t pipeline; /* slot of a TIMES: how old events are that it takes; 0: none */
    uint64_t begun_ns;
    uint64_t state_ns; /* now: since when it is in `state` */
    uint64_t noted_ns; /* when what is said of "now" was noted */
    char name[WEIR_COUNTERS_NAME];
    uint64_t zero2;
    /* what it takes, does and emits */
    uint64_t turns;   /* visits of its worker */
    uint64_t batches; /* handle_events was called */
    uint64_t events_in;
    uint64_t handled;            /* of those: done with, not in a stash or with a pool's task */
    uint64_t bytes_in;           /* the events' own, without payload of events of any length */
    uint64_t demands;            /* handle_demand was called, or a part supplied */
    uint64_t events_out;         /* emitted */
    uint64_t messages;           /* handle_cast and handle_info were called */
    uint64_t calls;              /* handle_call was */
    uint64_t restarts;           /* a supervisor's: children started again */
    uint64_t times[WEIR_STATES]; /* sampled; by weir_stage_state: they make up its life */
    uint64_t zero3;
    uint64_t discarded[15]; /* by weir_discard; 0 for those that are not lost */
    uint64_t zero4;
    /* now, in events */
    uint64_t buffered; /* in its buffer, and what an accumulating producer holds */
    uint64_t held;     /* by its dispatcher (partition queues) */
    uint64_t stashed;
    uint64_t queued;      /* taken over from its producers, and not begun */
    uint64_t open_demand; /* what its consumers would take now; UINT64_MAX: any number */
    uint64_t consumers;   /* subscriptions as a producer ... */
    uint64_t producers;   /* ... and as a consumer */
    uint64_t marks;       /* that came to it (mark.h); since it began, as what is above "now" */
    uint64_t reserved[7];
} weir_counters_stage;

typedef struct weir_counters_subscription {
    /* written by whoever opens it */
    weir_counters_slot slot;
    uint64_t id;       /* weir_subscription.id */
    uint64_t producer; /* references */
    uint64_t consumer;
    uint64_t max_demand; /* its window: events that may be under way */
    uint64_t min_demand;
    uint64_t max_bytes; /* 0: no bound */
    uint64_t partition;
    uint32_t waiting; /* slot of a TIMES: from being sent to being taken over; 0: none */
    uint32_t cancel;  /* a weir_cancel_mode */
    /* by the producer's worker: now */
    uint64_t sent;     /* events since it began; with the shared dispatcher 0 */
    uint64_t heard;    /* of `asked`, what the producer has heard of */
    uint64_t overflow; /* events that found no room in the ring */
    /* by the consumer's worker: now */
    uint64_t asked;
    uint64_t received; /* taken over */
    uint64_t reserved[2];
} weir_counters_subscription;

/*
 * Times, counted in classes: a class is a quarter of a power of two, so a time is known to an
 * eighth of itself.  Class 4 * k + j, j from 0 to 3, begins at 2^(6 + k) * (1 + j / 4) ns; class 0
 * has all below that, too, and the last one all above.
 */
#define WEIR_TIMES_CLASSES 116

typedef struct weir_counters_times {
    weir_counters_slot slot;
    uint64_t owner; /* the stage's reference or the subscription's id */
    uint64_t count;
    uint64_t most; /* the longest */
    uint64_t sum;
    uint64_t reserved[7];
    uint64_t classes[WEIR_TIMES_CLASSES];
} weir_counters_times;

/*
 * Copies what begins with a slot, as it is in one life of it: weir_counters_slots of its kind, so
 * have room for WEIR_COUNTERS_MOST bytes.  from is aligned to 8.
 * Returns    false: it is nobody's, or is being given to somebody else just now.  Who goes over
 *            all slots gets this for those that begin nothing, too.
 * Threads    any; lock-free.
 */
bool weir_counters_copy(const void *from, void *copy);

/* The class of a time, from 0 to WEIR_TIMES_CLASSES - 1, and where that begins, in nanoseconds
 * (0 for class 0; UINT64_MAX beyond the last one). */
unsigned weir_times_class(uint64_t ns);
uint64_t weir_times_begin(unsigned number);

/*
 * The time below which so large a share of them is (0.5: the median), in nanoseconds: as if all
 * times of a class were spread evenly over it, and none above `most`.  0 when there are none.
 */
uint64_t weir_times_share(const weir_counters_times *times, double share);

#ifdef __cplusplus
}
#endif
#endif
