/*
 * Back-off: how long to wait before something that failed is tried again.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The delay after the nth failure is first_ns, times `factor` for each failure before that one,
 * most_ns at most; and of that a random share is taken off, so that those who failed together are
 * not all back at the same moment.  With first_ns 100 ms, factor 2, most_ns 1 s, jitter 0.5:
 *
 *   failures   1     2     3     4     5 and more
 *   most ms    100   200   400   800   1000
 *   least ms   50    100   200   400   500
 *
 * It is arithmetic only: nothing here waits.  A pool's restarts wait so (pool.h).
 */
#ifndef WEIR_BACKOFF_H
#define WEIR_BACKOFF_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_BACKOFF_MOST_DEFAULT   UINT64_C(60000000000)         /* a minute                  */
#define WEIR_BACKOFF_MOST_LIMIT     UINT64_C(1000000000000000000) /* 10^18 ns, some 31 years   */
#define WEIR_BACKOFF_FACTOR_DEFAULT 2.0
#define WEIR_BACKOFF_FACTOR_LIMIT   1000.0

typedef struct weir_backoff {
    uint64_t first_ns; /* after the first failure, before jitter; 0..10^18; 0: no delay, ever  */
    uint64_t most_ns;  /* no delay is longer; first_ns..10^18; default: a minute, or first_ns  */
                       /* where that is more                                                   */
    double factor;     /* from one failure to the next, 1..1000; default 2; 1: always first_ns */
    double jitter;     /* the share of a delay that chance may take off, 0..1; default 0: none; */
                       /* 1: anything from 0 to the whole                                      */
    uintptr_t reserved[2]; /* for later versions (version.h): zero */
} weir_backoff;

/*
 * The delay after so many failures.
 * Arguments  failures: 1 after the first; 0: there was none, so there is no delay.
 *            random: any 64 bits, each as likely as the next.  The same give the same delay.
 * Returns    nanoseconds: d where jitter is 0, else d - jitter * d to d, each as likely as the next,
 *            where d is as above.  Never more than most_ns, whatever it is called with: a factor
 *            below 1 is taken for 1, jitter outside of 0..1 for the nearer end, what is not a number
 *            for the default, and most_ns below first_ns bounds the first delay, too.
 * Threads    any; wait-free.  Cost: tens of nanoseconds.
 */
uint64_t weir_backoff_delay(const weir_backoff *backoff, unsigned failures, uint64_t random);

#ifdef __cplusplus
}
#endif
#endif
