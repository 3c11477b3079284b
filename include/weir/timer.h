/*
 * Timers: messages that arrive later.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A timer belongs to the stage it is for, and goes with it.  Time is that of
 * weir_runtime_now: the monotonic clock, or a SIMULATED runtime's own, which
 * moves on to the next timer when nothing else is left to do (weir_runtime_run,
 * weir_runtime_advance).  Time does not wrap: a timer due beyond its end never fires
 * (WEIR_FOREVER from now, for one), and no stepped runtime waits for it.
 */
#ifndef WEIR_TIMER_H
#define WEIR_TIMER_H

#include <weir/status.h>
#include <weir/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Sends a message to handle_info `delay_ns` from now.  It does not wait behind
 * what the stage has buffered then (weir_info does).  Timers of one stage fire in
 * the order of their moments, equal ones in the order of sending.  A stage that finishes
 * waits for those that carry a message; those that carry none, which can only remind it of
 * something, come at its end, perhaps early (ending.h).
 * Arguments  message: copied; out: may be NULL.
 * Returns    WEIR_OK; FULL when the stage has as many timers as its timers_limit.
 *            One counts until its message has been handled, or it is cancelled, and
 *            not against mailbox_limit.
 * Errors     NO_STAGE, NO_MEMORY, INVALID.
 * Threads    any, also inside callbacks and init.
 * Cost       O(1) to arm; firing O(log n) of the worker's timers.  While it has timers, a busy
 *            worker looks at the clock every few turns, or, where those are long, behind each.
 * Source     Process.send_after.
 */
weir_status weir_send_after(weir_runtime *runtime, weir_ref stage, const void *message,
                            size_t bytes, uint64_t delay_ns, weir_timer *out);

/*
 * Cancels a timer.
 * Returns    inside a callback of its stage: WEIR_OK when it will not fire,
 *            NO_TIMER when it has fired (its message may be waiting) or was
 *            cancelled.  From elsewhere: WEIR_OK once that is on its way.
 * Errors     NO_STAGE, NO_MEMORY.
 * Threads    any.  Cost: O(log n) of the worker's timers.
 * Source     Process.cancel_timer.
 */
weir_status weir_cancel_timer(weir_runtime *runtime, weir_timer timer);

#ifdef __cplusplus
}
#endif
#endif
