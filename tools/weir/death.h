/*
 * The end of a program, in place of a verdict: who held whom up is no news then.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Of one that has died it is told in whose callbacks its workers were.  A worker that sleeps was
 * in none; how long one had been there is known as far as others still looked at the clock.
 */
#ifndef TOOL_DEATH_H
#define TOOL_DEATH_H

#include "culprit.h"

/* Replaces what was found, for a view that is not live.  The stage is the one whose callback had
 * been running longest, or else the first. */
void death_say(struct culprit *culprit, const struct view *view);

#endif
