/*
 * Reserved room: what a program of a later version may have set in a struct of its.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Public structs end in room that is zero as long as nobody knows what it is for
 * (weir/version.h).  Each is asked for that where the rest of it is checked.
 */
#ifndef WEIR__BASE_RESERVED_H
#define WEIR__BASE_RESERVED_H

#include <stdbool.h>
#include <stddef.h>

/* True, and a refusal (INVALID), when something is set in the reserved room of a struct. */
#define WEIR__RESERVED_SET(given, of) \
    weir__reserved_set(&(given)->reserved, sizeof(given)->reserved, of)
bool weir__reserved_set(const void *room, size_t bytes, const char *of);

#endif
