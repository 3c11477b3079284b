/*
 * `weir top`.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "commands.h"

#include "trouble.h"

int command_top(const struct options *options) {
    (void)options;
    trouble("not yet");
    return 1;
}
