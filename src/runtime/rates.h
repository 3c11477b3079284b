/*
 * Rates, and the runtimes whose stages share them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * What a rate is, ring/rate.h tells; how a stage waits for it, stage/limit.h.  Here a rate
 * learns which runtimes' workers to wake when its terms change: those that had a subscription
 * which names it.
 *
 * All of it is under one lock of the process: these lists, and that a runtime is there as its
 * workers are sent mail.  It is taken as a rate is opened, changed or closed, as a subscription is
 * made that names one, and as a runtime closes that had some.
 */
#ifndef WEIR__RUNTIME_RATES_H
#define WEIR__RUNTIME_RATES_H

#include "runtime/runtime.h"

#include <weir/rate.h>

/*
 * A subscription of this runtime's names that rate (NULL: none).
 * Errors   INVALID: it is another runtime's, or has real time, and this runtime has not; NO_MEMORY.
 */
weir_status weir__rates_join(weir_runtime *runtime, weir_rate *rate);

/* In a child of fork: nobody here is amid anything. */
void weir__rates_forget(void);

/* The runtime closes. */
void weir__rates_leave(weir_runtime *runtime);

#endif
