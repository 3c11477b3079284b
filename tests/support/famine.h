/*
 * Famine: a scenario played with each allocation failing in turn, every event watched.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A scenario is played once to count its allocations.  Then, for each of them, it is
 * played with that one failing; with that one and the next four; with that one and all later
 * ones until it is at rest; and with them until the runtime is closed.  Each time
 *
 *   it comes to rest, and the runtime closes: within bounds
 *   every allocation is freed, with its size
 *   the accounts balance; emitted and handled are what the stages saw; of events that own
 *   something none is left
 *   discarded is what `discarded` callbacks, and the log, were told
 *   each event that a maker made is seen by nobody, or once by each of its views, in
 *   order; those that were not seen are as many as were told (but for broadcasts)
 *   where memory came back, nothing waits for what is there
 *
 * All of it with small events and with large ones, which fill blocks sooner.
 *
 * An event begins with a number: its maker's, and which of those it is (FAMINE_NUMBERS at most).  A
 * producer_consumer is a maker as well, which passes on the numbers of others.  The consumers
 * of a maker are one view, 0, as each event goes to one of them; those of a broadcast are
 * views of their own.
 */
#ifndef TESTS_SUPPORT_FAMINE_H
#define TESTS_SUPPORT_FAMINE_H

#include "support/memory.h"

#include <weir/weir.h>

enum {
    FAMINE_WORDS = 64,
    FAMINE_NUMBERS = 256,
    FAMINE_MAKERS = 8,
    FAMINE_VIEWS = 4,
    FAMINE_STAGES = 16
};

struct famine;

/* Who emits: a stage, an inlet, an iterator. */
struct famine_maker {
    weir_ref ref;
    uint32_t limit;  /* of its own numbers: as many are made, where all goes well */
    uint32_t next;   /* its next number                                           */
    bool broadcasts; /* each view sees each event                                 */
    bool orderless;
    uint64_t demanded; /* by handle_demand                                        */
    uint64_t made;
    bool unasked; /* some of them were not demanded            */
    uint8_t is_made[FAMINE_MAKERS][FAMINE_NUMBERS];
    uint8_t is_seen[FAMINE_VIEWS][FAMINE_MAKERS][FAMINE_NUMBERS];
};

enum famine_emits { FAMINE_COPIES, FAMINE_WRITES, FAMINE_FORWARDS, FAMINE_NOTHING };

struct famine_stage {
    /* before it is started */
    const char *name;
    weir_kind kind;
    enum famine_emits emits;
    uint32_t limit;      /* of numbers that demand brings forth                        */
    uint32_t piece;      /* events emitted by one call; 0: all that are wanted         */
    uint32_t dies_after; /* so many events handled; 0: never                           */
    uint32_t manual;     /* asks for so many, again and again; 0: is automatic         */
    uint32_t keeps;      /* so many in its stash, of one producer's events; 0: none    */
    unsigned view;
    bool silent;        /* demand brings forth nothing, only casts do                      */
    bool quits_refused; /* stops for want of memory; else it leaves out the number     */
    weir_verdict (*cast)(weir_stage *self, struct famine_stage *stage, uint64_t number);
    weir_verdict (*info)(weir_stage *self, struct famine_stage *stage, uint64_t number);
    weir_verdict (*call)(weir_stage *self, struct famine_stage *stage, weir_from from);
    weir_verdict (*gone)(weir_stage *self, struct famine_stage *stage, weir_ref who);
    void *own;

    /* from then on */
    struct famine *famine;
    struct famine_stage *me; /* the first contents of the stage's state */
    struct famine_maker *maker;
    weir_ref ref;
    struct famine_maker *kept_of;
    uint32_t owed;
    uint32_t handled;
    uint32_t last[FAMINE_MAKERS][FAMINE_MAKERS]; /* number + 1, by its maker and who passed it on */
};

struct famine_scenario {
    const char *name;
    void (*play)(struct famine *famine);
    void (*end)(struct famine *famine);          /* NULL, or: gives handles back, last of all */
    void (*closed)(const struct famine *famine); /* NULL, or: checks, after the runtime's end */
    bool endless;                                /* what is at rest may be waiting for something */
    bool partitions; /* consumers wait for each other, and for those that are not there */
};

struct famine {
    struct test_memory memory;
    weir_runtime *runtime;
    size_t words;       /* of each event: 1 or FAMINE_WORDS */
    size_t event_bytes; /* likewise                         */
    struct famine_maker makers[FAMINE_MAKERS];
    unsigned maker_count;
    struct famine_stage stages[FAMINE_STAGES];
    uint64_t emitted;
    uint64_t handled;
    uint64_t told; /* as discarded                                  */
    bool whole;    /* no call was refused, and nothing has ended */
    const struct famine_scenario *scenario;
};

/* Plays the scenario in every way, in several kinds of runtimes. */
void famine_run(const struct famine_scenario *scenario);

/* Notes a refusal, and that it was for want of memory, or for what that had led to. */
bool famine_done(struct famine *famine, weir_status status);

/* The same of what is a bool, or memory. */
#define FAMINE_REQUIRE(famine, condition) \
    ((condition) ? (void)0 : famine_wrong((famine), __FILE__, __LINE__, #condition))
_Noreturn void famine_wrong(const struct famine *famine, const char *file, int line,
                            const char *condition);

/* Another maker / the maker of that reference. */
struct famine_maker *famine_add_maker(struct famine *famine, weir_ref ref);
struct famine_maker *famine_maker_of(struct famine *famine, weir_ref ref);

/* Room for as many events as there are numbers. */
struct famine_events {
    uint64_t words[FAMINE_NUMBERS * FAMINE_WORDS];
};

/* Its next `count` numbers as events; then famine_made, if they were taken. */
void famine_numbers(const struct famine *famine, const struct famine_maker *maker, uint64_t *events,
                    uint32_t count);
void famine_made(struct famine *famine, struct famine_maker *maker, const uint64_t *events,
                 size_t count);

/* A view has got them. */
void famine_seen(struct famine *famine, struct famine_maker *maker, unsigned view,
                 const uint64_t *events, size_t count);

/* A callback: discarded, of parts; context is the famine. */
void famine_discarded(void *context, uint64_t count, weir_discard cause);

/* Starts it.  options may be NULL; kind, name, state and callbacks are its own. */
bool famine_start(struct famine *famine, struct famine_stage *stage,
                  const weir_stage_options *options);
weir_stage_options famine_options(struct famine *famine, struct famine_stage *stage,
                                  const weir_stage_options *options);

/* A consumer of that producer, in that place of the stages. */
void famine_start_consumer(struct famine *famine, int place, weir_ref producer, size_t max_demand);

bool famine_subscribe(struct famine *famine, const struct famine_stage *consumer, weir_ref producer,
                      size_t max_demand, size_t min_demand);

/* The same with any options but cancel, which is TEMPORARY, and of stages by their index. */
void famine_subscribe_with(struct famine *famine, int consumer, int producer,
                           weir_subscribe_options options, weir_subscription *out);

/* A cast of a number makes a stage emit as many; an info does nothing. */
void famine_cast(struct famine *famine, int stage, uint64_t number);
void famine_inform(struct famine *famine, int stage, uint64_t number);

/* Emits `count` of its next numbers, or as many as there are. */
weir_verdict famine_emit(weir_stage *self, struct famine_stage *stage, uint64_t count);

struct famine_stage *famine_stage_of(weir_stage *self);

/* So many turns at most / until all is at rest, which must come about. */
void famine_step(struct famine *famine, size_t turns);
void famine_rest(struct famine *famine);

#endif
