/*
 * Options: checking what users give, and filling in defaults.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Each check refuses with a sentence that names the option, the value and the
 * values allowed.  Nothing is changed when it does.
 */
#ifndef WEIR__RUNTIME_OPTIONS_H
#define WEIR__RUNTIME_OPTIONS_H

#include <weir/runtime.h>
#include <weir/stage.h>

/* options may be NULL.  workers: how many there are by default.  `cores` are not looked at
 * (pins.h). */
weir_status weir__options_runtime(const weir_runtime_options *options, unsigned workers,
                                  weir_runtime_options *out);

weir_status weir__options_stage(const weir_stage_options *options, unsigned workers);

/* Of an event type, which is not NULL. */
weir_status weir__options_type(const weir_event_type *type);

/* What a stage with these options is called: its name, or its kind's. */
const char *weir__options_name(const weir_stage_options *options);

/* options may be NULL.  out: with max_demand and min_demand as numbers. */
weir_status weir__options_subscribe(const weir_subscribe_options *options,
                                    weir_subscribe_options *out);

/* Where nobody has said how much is to be under way: no more events of that size than are
 * WEIR_MAX_BYTES_DEFAULT, but two.  given: as the program has it, or NULL; filled: what
 * weir__options_subscribe made of that. */
void weir__options_fit(const weir_subscribe_options *given, size_t event_bytes,
                       weir_subscribe_options *filled);

/* Of a rate, which is not NULL. */
weir_status weir__options_rate(const weir_rate_options *options, weir_rate_options *out);

/* The options of an entry of subscribe_to, likewise. */
weir_status weir__options_subscribe_to(const weir_subscribe_to *wish, weir_subscribe_options *out);

#endif
