/*
 * Statuses: their names and sentences, made from the public list.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <weir/status.h>

static const char unknown[] = "unknown status";

const char *weir_status_text(weir_status status) {
    switch ((int)status) {
#define CASE(name, value, text) \
    case value:                 \
        return text;
        WEIR_STATUS_LIST(CASE)
#undef CASE
    default:
        return unknown;
    }
}

const char *weir_status_name(weir_status status) {
    switch ((int)status) {
#define CASE(name, value, text) \
    case value:                 \
        return "WEIR_" #name;
        WEIR_STATUS_LIST(CASE)
#undef CASE
    default:
        return unknown;
    }
}
