/*
 * The order in which events flow through the stages of a view.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TOOL_FLOW_H
#define TOOL_FLOW_H

#include "view.h"

/*
 * Finds the depth of each stage, and an order: each stage behind its producers and, where it
 * can be, right behind the last one of them.  Stages that feed each other in a ring come in the
 * order in which they lie.
 * Arguments  order: room for stage_count numbers of stages.
 * Errors     no memory.
 */
bool flow_order(struct view *view, uint32_t *order);

#endif
