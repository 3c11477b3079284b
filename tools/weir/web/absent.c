/*
 * `weir web`, where the tool was built without libmicrohttpd.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "commands.h"

#include "trouble.h"

int command_web(const struct options *options) {
    (void)options;
    return !trouble("this weir has no page: it was built without libmicrohttpd; install "
                    "libmicrohttpd-dev, and build it anew");
}
