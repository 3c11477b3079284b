/*
 * Errands: see errand.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "runtime/errand.h"

#include "base/refusal.h"
#include "runtime/runtime.h"
#include "stage/stage.h"

_Thread_local const struct weir__errand *weir__errands;

void weir__errand_begin(struct weir__errand *errand, const weir_runtime *runtime,
                        const char *what) {
    *errand = (struct weir__errand){.runtime = runtime, .what = what, .outer = weir__errands};
    weir__errands = errand;
}

void weir__errand_end(const struct weir__errand *errand) {
    weir__runtime_forked(errand->runtime, errand->what);
    weir__errands = errand->outer;
}

weir_ref weir__errand_stage(const weir_runtime *runtime) {
    const struct weir__host *here = weir__here;
    if (here != NULL && here->runtime == runtime && here->running != NULL) {
        return here->running->ref;
    }
    for (const struct weir__errand *errand = weir__errands; errand != NULL;
         errand = errand->outer) {
        if (errand->runtime == runtime && errand->stage.bits != 0) {
            return errand->stage;
        }
    }
    return (weir_ref){0};
}

bool weir_ending_here(void) {
    const struct weir__host *here = weir__here;
    if (here != NULL) {
        return here->running != NULL && weir_ending(here->runtime, here->running->ref);
    }
    return weir__errands != NULL && weir__errands->stage.bits != 0 &&
           weir_ending(weir__errands->runtime, weir__errands->stage);
}

static weir_status refuse_in_errand(const char *call, const char *what) {
    return weir__refuse(WEIR_WRONG_THREAD, "%s would wait for the %s that calls it", call, what);
}

weir_status weir__check_outside(const weir_runtime *runtime, const char *call) {
    if (weir__unfit(runtime)) {
        return weir__refused();
    }
    if (weir__here != NULL) {
        return refuse_in_errand(call, "worker");
    }
    for (const struct weir__errand *errand = weir__errands; errand != NULL;
         errand = errand->outer) {
        if (errand->runtime == runtime) {
            return refuse_in_errand(call, errand->what);
        }
    }
    return WEIR_OK;
}
