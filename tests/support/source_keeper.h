/*
 * A consumer of a scene's source that takes messages and keeps them, until the test settles them.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_SUPPORT_SOURCE_KEEPER_H
#define TESTS_SUPPORT_SOURCE_KEEPER_H

#include "support/source_scene.h"

enum { SOURCE_KEPT = 256 };

struct source_keeper {
    weir_message kept[SOURCE_KEPT];
    size_t count;
};

extern struct source_keeper source_keeper;

/* Starts it: nothing is kept as yet. */
weir_ref source_keep(void);

/* Settles the newest `count`, as handled. */
void source_settle_kept(size_t count);

#endif
