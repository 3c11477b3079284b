/*
 * What is in an image: stages, subscriptions and workers, and how they belong together.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Whatever the image holds, a view is sound: numbers lead to places that there are (or are
 * NONE), states and kinds are in range, names can be printed.  Stages lie in the order in which
 * events flow, each before its consumers, where they do not go round.
 */
#ifndef TOOL_VIEW_H
#define TOOL_VIEW_H

#include "image.h"

#include <weir/types.h>

#define NONE UINT32_MAX

/* A name, and what makes it another than those of its like: "printer#2". */
#define VIEW_LABEL (WEIR_COUNTERS_NAME + 12)

struct view_worker {
    const weir_counters_worker *at;
    uint64_t callback_ns; /* how long it has been with the stage it visits, if long; else 0 */
};

struct view_stage {
    const weir_counters_stage *at;
    const weir_counters_times *handling; /* or NULL */
    const weir_counters_times *pipeline;
    weir_stage_state state; /* now, as far as one can tell */
    uint32_t worker;        /* a number in workers, or NONE */
    uint32_t depth;         /* the most subscriptions between it and a source */
    uint32_t first_in;      /* of `ins`: the subscriptions in which it is the consumer ... */
    uint32_t ins;
    uint32_t first_out; /* ... and of `outs`: the producer */
    uint32_t outs;
    uint64_t spent[WEIR_STATES]; /* ns, until the moment of the view */
    uint64_t callback_ns;        /* how long a callback has been running, if that is long; else 0 */
    char label[VIEW_LABEL];
};

struct view_subscription {
    const weir_counters_subscription *at;
    const weir_counters_times *waiting; /* or NULL */
    uint32_t producer;                  /* a number in stages, or NONE: it is not there */
    uint32_t consumer;
};

struct view_key {
    uint64_t ref;
    uint32_t stage;
};

struct view {
    const struct image *image;
    const weir_counters_header *header;
    uint64_t moment_ns; /* on the runtime's own clock */
    struct view_stage *stages;
    struct view_subscription *subscriptions;
    struct view_worker *workers; /* by their index */
    struct view_key *keys;       /* stages by their reference */
    uint32_t *ins;               /* numbers of subscriptions, by their consumer */
    uint32_t *outs;              /* likewise, by their producer */
    uint32_t stage_count;
    uint32_t subscription_count;
    uint32_t worker_count;
    char program[VIEW_LABEL];
    char library[32];
};

/* Makes a view of an image, which must stay as it is while the view is used.
 * Errors: no memory (trouble.h); there is nothing to free then. */
bool view_make(struct view *view, const struct image *image);
void view_free(struct view *view);

/* The number of the stage with that reference (weir_ref.bits), or NONE. */
uint32_t view_find_stage(const struct view *view, uint64_t ref);

/* Likewise, of a subscription by its id and its consumer. */
uint32_t view_find_subscription(const struct view *view, uint64_t id, uint64_t consumer);

/* "producer", "producer_consumer", "consumer" or "?"; "busy", "waiting" ...; "live", "closed",
 * "dead". */
const char *view_kind_text(uint32_t kind);
const char *view_state_text(weir_stage_state state);
const char *view_life_text(const struct view *view);

/* The word for a cause of discards ("overflow"), or NULL when there is none of that number. */
const char *view_discard_text(unsigned cause);

#endif
