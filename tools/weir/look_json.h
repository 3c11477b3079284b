/*
 * A look as JSON; docs/counters.md tells what stands where.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TOOL_LOOK_JSON_H
#define TOOL_LOOK_JSON_H

#include "json.h"
#include "look.h"

/* One object; key is NULL outermost, and in an array. */
void look_json(struct json *json, const char *key, const struct look *look, const char *path);

#endif
