/*
 * The culprit: what the others wait for.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A stage that is blocked waits for one of its consumers, a stage that is starved for one of its
 * producers, and one that waits for its worker for the others that live there.  From each stage
 * that waits a walk follows these, until it comes to one that waits for nobody: it is at work, or
 * is a source to which nothing comes.  There the walk leaves a vote, worth the share of its time
 * that the first one waited.  The culprit is who has the most; what is full comes before a source
 * to which nothing comes, for the latter is as it should be in a graph that keeps up.
 */
#ifndef TOOL_CULPRIT_H
#define TOOL_CULPRIT_H

#include "rates.h"

enum culprit_kind {
    CULPRIT_NONE,      /* nothing is full */
    CULPRIT_STAGE,     /* a stage is full */
    CULPRIT_WORKER,    /* a worker is, with several stages */
    CULPRIT_NEIGHBOUR, /* a stage has long callbacks, and another of its worker waits */
    CULPRIT_SOURCE,    /* nothing, or little, comes in at a source */
    CULPRIT_UNASKED,   /* a stage has events, and no consumer */
    CULPRIT_DEATH      /* the program has died: where it was then (death.h) */
};

struct culprit {
    enum culprit_kind kind;
    uint32_t stage;  /* a number in the view's stages, or NONE: the culprit */
    uint32_t worker; /* a number in its workers, or NONE: where it lives */
    uint32_t victim; /* the stage that waits most for it, or NONE */
    char text[512];  /* one sentence */
};

/* Errors: no memory (trouble.h). */
bool culprit_find(struct culprit *culprit, const struct view *view, const struct rates *rates);

/* The share of its time that a stage is at work, or would be if its worker came. */
double culprit_engaged(const struct stage_rates *rates);

/* "none", "stage", "worker", "neighbour", "source", "unasked", "death". */
const char *culprit_kind_text(enum culprit_kind kind);

#endif
