/*
 * Famine of inlets: an inlet and its port, pushed to while memory fails, whatever they carry.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_SUPPORT_FAMINE_INLET_H
#define TESTS_SUPPORT_FAMINE_INLET_H

#include "support/famine.h"

struct famine_inlet_scene {
    /* NULL: its events own nothing.  Else their type; called as each play begins. */
    const weir_event_type *(*type)(struct famine *famine);
    void (*pushed)(const struct famine *famine, const struct famine_maker *maker); /* or NULL */
    void (*closed)(const struct famine *famine); /* as in famine_scenario          */
};

/* Plays it with inlets that do each of what a full one may do. */
void famine_run_inlets(const struct famine_inlet_scene *scene);

#endif
