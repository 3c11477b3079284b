/*
 * Names: finding stages, and watching them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A name belongs to at most one living stage of a runtime; it is free again when
 * that stage has gone.  Names are looked up under a lock: resolve them once, not
 * for every event.
 */
#ifndef WEIR_NAME_H
#define WEIR_NAME_H

#include <weir/status.h>
#include <weir/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_NAME_LIMIT 255 /* bytes */

/*
 * Gives a living stage a name; it may have several.  (The option `registered`
 * registers a stage's own name as it starts.)
 * Errors     NAME_TAKEN, NO_STAGE, NO_MEMORY, INVALID (NULL, empty, too long, or with
 *            control characters).
 * Threads    any.
 */
weir_status weir_register(weir_runtime *runtime, weir_ref stage, const char *name);

/* Takes a name away from its stage.  Errors: NO_NAME.  Threads: any. */
weir_status weir_unregister(weir_runtime *runtime, const char *name);

/* The stage of that name.  Errors: NO_NAME.  Threads: any.  Source: Process.whereis. */
weir_status weir_whereis(weir_runtime *runtime, const char *name, weir_ref *out);

/* ---- watching --------------------------------------------------------------- */

/* That a stage watches another; {0} is none.  A value, safe to keep. */
typedef struct weir_monitor {
    weir_ref stage; /* who watches */
    uint64_t id;
} weir_monitor;

/*
 * Watches a stage: when it stops, handle_down is called once, with its reason,
 * or NOPROC if it had gone before.  (A subscription tells of its end by itself:
 * handle_cancel, with WEIR_DOWN for a stage that stopped and WEIR_CANCEL else.)
 * A reference that was never of a stage of this runtime is of one that has gone.
 * Errors     INVALID (oneself, no handle_down), NO_STAGE ({0}), NO_MEMORY.
 * Threads    inside the stage's own callbacks, init included.
 * Source     Process.monitor.
 */
weir_status weir_monitor_stage(weir_stage *self, weir_ref stage, weir_monitor *out);

/*
 * Stops watching: handle_down will not be called for it.
 * Returns    WEIR_OK, also when handle_down was called before, and for a monitor that is
 *            another stage's, which goes on.
 * Threads    inside the stage's own callbacks.  Cost: O(1).
 */
weir_status weir_demonitor(weir_stage *self, weir_monitor monitor);

#ifdef __cplusplus
}
#endif
#endif
