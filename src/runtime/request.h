/*
 * Requests: subscriptions that are checked and made, and that nobody has heard of yet.
 * SPDX-License-Identifier: Apache-2.0
 *
 * So several of them can be made before the first is sent: all, or none.  They are linked by
 * producers_next.
 */
#ifndef WEIR__RUNTIME_REQUEST_H
#define WEIR__RUNTIME_REQUEST_H

#include "runtime/runtime.h"

/* As weir_subscribe, but for sending it. */
weir_status weir__request_make(weir_runtime *runtime, weir_ref consumer, weir_ref producer,
                               const weir_subscribe_options *options, struct weir__edge **out);

/* The requests of subscribe_to, for a stage that nobody knows yet. */
weir_status weir__request_wishes(weir_runtime *runtime, struct weir__slot *slot, weir_ref ref,
                                 const weir_stage_options *options, struct weir__edge **out);

/* Forgets those that are linked; NULL: there are none. */
void weir__request_drop(struct weir__edge *first);

/* Sends one, which is linked to nothing any more.  out, unless NULL: receives what it is. */
void weir__request_send(weir_runtime *runtime, struct weir__edge *edge, weir_subscription *out);

#endif
