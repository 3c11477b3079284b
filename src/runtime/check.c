/*
 * The runtime's checkers: every stage, at the moments at which its invariants hold.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A worker that comes to rest looks at what is its own.  At a quiet point, when all of them
 * rest and nothing waits, one thread may look at both ends of everything: who steps the
 * workers does so each time that he finds all of them cold, and the simulator when nobody can
 * run.
 */
#include "base/check.h"
#include "runtime/runtime.h"

#include <weir/observe.h>

#if WEIR__CHECKED
void weir__worker_check(const struct weir__worker *worker) {
    const weir_stage *stage = worker->stages;
    uint64_t stashed = 0;
    for (int left = WEIR__CHECK_MOST; stage != NULL && left > 0; left--) {
        weir__stage_check(stage);
        weir__stage_check_lists(stage);
        stashed += stage->stash.events + stage->kept;
        stage = stage->next;
    }
    WEIR__CHECK(stage != NULL || worker->host.counters.stashed == stashed);
    WEIR__CHECK(weir__outbox_empty(&worker->host.outbox));
    weir__pool_check(&worker->host.pool);
}

/* Returns whether it has seen all of them. */
static bool check_stages(const struct weir__worker *worker, uint64_t *buffered,
                         uint64_t *in_flight) {
    const weir_stage *stage = worker->stages;
    for (int left = WEIR__CHECK_MOST; stage != NULL && left > 0; left--) {
        if (!stage->stopping) {
            *in_flight += weir__stage_check_quiet(stage);
            weir__mailbox_check(stage->mailbox);
        }
        *buffered += stage->buffer.queue.events + stage->deferred.events + stage->desk.held;
        stage = stage->next;
    }
    return stage == NULL;
}

void weir__runtime_check(const weir_runtime *runtime) {
    uint64_t buffered = 0;
    uint64_t counted = 0;
    uint64_t in_flight = 0;
    bool all = true;
    for (unsigned i = 0; i < weir__runtime_all(runtime); i++) {
        weir__worker_check(&runtime->workers[i]);
        all = check_stages(&runtime->workers[i], &buffered, &in_flight) && all;
        counted += runtime->workers[i].host.counters.buffered;
    }
    weir_accounts accounts;
    weir_runtime_accounts(runtime, &accounts);
    WEIR__CHECK(weir_accounts_check(&accounts) == NULL);
    WEIR__CHECK(!all || counted == buffered);
    WEIR__CHECK(in_flight <= accounts.in_flight); /* parts may have more */
    weir__tokens_check(&runtime->tokens);
}
#endif
