/*
 * README's counter and multiplier, and a consumer that adds up, on one worker or more.
 * SPDX-License-Identifier: Apache-2.0
 *
 * `count` and `multiply` are README's to the letter (tests/tools/test_loops.py sees to that);
 * by_hand runs the same with all that their loops look at copied to locals first.
 */
#ifndef BENCH_README_LOOPS_H
#define BENCH_README_LOOPS_H

#include "race.h"

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct readme_shape {
    bool by_hand;
    unsigned workers; /* stages are spread over them in order */
    size_t max_demand;
    size_t min_demand; /* 0: the default */
};

/* Until the consumer has had as many events; it may get a batch more. */
struct race_result readme_run(struct readme_shape shape, uint64_t events);

#ifdef __cplusplus
}
#endif

#endif
