/*
 * A supervisor's kin: whose child it is, so that nobody becomes his own ancestor.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Supervisors wait for their children's ends, so a ring of them would never end.  A
 * supervisor says that it is there before it starts its first child, and whose child
 * it is once its start has returned; meanwhile the thread knows, which runs that.
 * The index of them is the runtime's, under a lock: a child that may be a supervisor
 * is started seldom.
 *
 *   following `parent` from a supervisor that lives leads round in no ring
 */
#include "base/refusal.h"
#include "os/lock.h"
#include "parts/supervisor.h"

static _Thread_local const struct weir__launch *launches;

void weir__launch_begin(struct weir__launch *launch, const struct weir__supervisor *supervisor) {
    *launch = (struct weir__launch){.supervisor = supervisor, .outer = launches};
    launches = launch;
}

void weir__launch_end(const struct weir__launch *launch) {
    launches = launch->outer;
}

void weir__kin_join(struct weir__supervisor *supervisor) {
    weir_runtime *runtime = supervisor->runtime;
    weir__lock(&runtime->supervisors_lock);
    weir__index_add(&runtime->supervisors, &supervisor->kin.node, supervisor->self->ref.bits);
    weir__unlock(&runtime->supervisors_lock);
    supervisor->kin.joined = true;
}

void weir__kin_leave(struct weir__supervisor *supervisor) {
    weir_runtime *runtime = supervisor->runtime;
    if (!supervisor->kin.joined) {
        return;
    }
    weir__lock(&runtime->supervisors_lock);
    weir__index_remove(&runtime->supervisors, &supervisor->kin.node);
    weir__unlock(&runtime->supervisors_lock);
    supervisor->kin.joined = false;
}

/* ---- under the lock ------------------------------------------------------ */

static struct weir__kin *find(const weir_runtime *runtime, weir_ref ref) {
    return WEIR__INDEX_FIND(&runtime->supervisors, ref.bits, struct weir__kin, node);
}

/* Whether `stage` is the supervisor `from`, or one that it is under. */
static bool is_above(const weir_runtime *runtime, weir_ref stage, weir_ref from) {
    while (from.bits != stage.bits) {
        const struct weir__kin *kin = find(runtime, from);
        if (kin == NULL) {
            return false;
        }
        from = kin->parent;
    }
    return true;
}

/* Also above those whose children are just being started on this thread. */
static bool is_ancestor(const struct weir__supervisor *supervisor, weir_ref stage) {
    const weir_runtime *runtime = supervisor->runtime;
    bool found = is_above(runtime, stage, supervisor->self->ref);
    for (const struct weir__launch *at = launches; at != NULL && !found; at = at->outer) {
        found = at->supervisor->runtime == runtime &&
                is_above(runtime, stage, at->supervisor->self->ref);
    }
    return found;
}

static bool is_taken(const struct weir__supervisor *supervisor, const struct weir__kin *kin) {
    return kin->parent.bits != supervisor->self->ref.bits &&
           find(supervisor->runtime, kin->parent) != NULL;
}

weir_status weir__kin_adopt(struct weir__supervisor *supervisor, weir_ref stage) {
    weir_runtime *runtime = supervisor->runtime;
    weir__lock(&runtime->supervisors_lock);
    struct weir__kin *kin = find(runtime, stage);
    bool ancestor = kin != NULL && is_ancestor(supervisor, stage);
    bool taken = kin != NULL && is_taken(supervisor, kin);
    if (kin != NULL && !ancestor && !taken) {
        kin->parent = supervisor->self->ref;
    }
    weir__unlock(&runtime->supervisors_lock);
    if (stage.bits == supervisor->self->ref.bits) { /* none of these is stopped for it */
        return weir__refuse(WEIR_INVALID, "its start has returned the supervisor itself");
    }
    if (ancestor) {
        return weir__refuse(WEIR_INVALID,
                            "its start has returned a supervisor that %s is under: "
                            "they would wait for each other's ends",
                            supervisor->self->name);
    }
    return taken ? weir__refuse(WEIR_INVALID,
                                "its start has returned a supervisor that another one has started")
                 : WEIR_OK;
}
