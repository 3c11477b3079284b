/*
 * What a server takes as a subject: tokens with dots between them.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR__CONNECT_NATS_SUBJECT_H
#define WEIR__CONNECT_NATS_SUBJECT_H

#include <stdbool.h>
#include <weir/status.h>

/* wild: a token may be *, and the last one >, which stand for any. */
bool weir__nats_is_subject(const char *subject, bool wild);

/* INVALID, and says so of `what`, where it is none. */
weir_status weir__nats_check_subject(const char *what, const char *subject, bool wild);

#endif
