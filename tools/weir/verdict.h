/*
 * Between culprit.c, which finds the culprit, and verdict.c, which puts it in a sentence.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TOOL_VERDICT_H
#define TOOL_VERDICT_H

#include "culprit.h"

/* Where the walk from a stage led: whom that stage waits for. */
struct culprit_end {
    enum culprit_kind kind;
    uint32_t target; /* a stage; of CULPRIT_WORKER a worker */
    double vote;     /* the share of its time that it waits */
};

/* Fills culprit->text for what the rest of it says; ends: one for each stage. */
void verdict_say(struct culprit *culprit, const struct view *view, const struct rates *rates,
                 const struct culprit_end *ends);

/* From this share of its time on one says that it is full. */
#define CULPRIT_FULL 0.85

/* Whether a stage is: it is at work, or, where it mostly is, waits for a worker that is full. */
bool culprit_is_full(const struct view *view, const struct rates *rates, uint32_t stage);

#endif
