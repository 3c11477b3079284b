/*
 * What stages are about now, and how they have spent their time until now.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A stage notes that now and then; what has passed since the last note goes to the state that it
 * noted, but where its worker's silence says something else.
 */
#ifndef TOOL_ACCOUNT_H
#define TOOL_ACCOUNT_H

#include "view.h"

/* Of a view whose stages, subscriptions and workers are linked: the moment that it is of,
 * callback_ns of workers, and state, spent and callback_ns of stages. */
void account_all(struct view *view);

#endif
