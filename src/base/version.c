/*
 * The version that runs, for who was compiled with another.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <weir/version.h>

unsigned weir_version(void) {
    return WEIR_VERSION;
}

const char *weir_version_text(void) {
    return WEIR_VERSION_TEXT;
}
