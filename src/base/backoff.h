/*
 * Back-off: the checker that all parts share whose options have one.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The arithmetic: weir/backoff.h.
 */
#ifndef WEIR__BASE_BACKOFF_H
#define WEIR__BASE_BACKOFF_H

#include <weir/backoff.h>
#include <weir/status.h>

/* WEIR_OK, or INVALID with a sentence that names the option, `of`, and its field
 * ("restart_delay.factor must be at least 1, got 0.5"). */
weir_status weir__backoff_check(const weir_backoff *backoff, const char *of);

#endif
