/*
 * Back-off: see weir/backoff.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/backoff.h"

#include "base/refusal.h"
#include "base/reserved.h"

#include <inttypes.h>

/* ---- the delay ----------------------------------------------------------- */

/* At least 1, whatever is given. */
static double factor_of(const weir_backoff *backoff) {
    double factor = backoff->factor;
    if (factor == 0 || factor != factor) {
        return WEIR_BACKOFF_FACTOR_DEFAULT;
    }
    return factor < 1 ? 1 : factor;
}

static double jitter_of(const weir_backoff *backoff) {
    double jitter = backoff->jitter;
    return jitter > 1 ? 1 : jitter > 0 ? jitter : 0;
}

static uint64_t longest_of(const weir_backoff *backoff) {
    uint64_t usual = WEIR_BACKOFF_MOST_DEFAULT;
    uint64_t first = backoff->first_ns;
    return backoff->most_ns != 0 ? backoff->most_ns : first > usual ? first : usual;
}

/* factor^power by squaring; infinite where it is too large, which is no harm. */
static double power_of(double factor, unsigned power) {
    double result = 1;
    for (double square = factor; power > 0; power >>= 1, square *= square) {
        if ((power & 1) != 0) {
            result *= square;
        }
    }
    return result;
}

/* Before jitter. */
static uint64_t whole_delay(const weir_backoff *backoff, unsigned failures) {
    uint64_t most = longest_of(backoff);
    double factor = factor_of(backoff);
    if (failures == 1 || factor == 1) { /* exact, where a double is not */
        return backoff->first_ns < most ? backoff->first_ns : most;
    }
    double grown = (double)backoff->first_ns * power_of(factor, failures - 1);
    if (!(grown < (double)most)) {
        return most;
    }
    return (uint64_t)grown; /* no double lies between `most` and what that is rounded to */
}

/* random * below / 2^64, rounded down: 0..below-1. */
static uint64_t share_of(uint64_t random, uint64_t below) {
    uint64_t high = random >> 32;
    uint64_t low = (uint32_t)random;
    uint64_t middle = high * (uint32_t)below + (low * (uint32_t)below >> 32);
    uint64_t other = low * (below >> 32) + (uint32_t)middle;
    return high * (below >> 32) + (middle >> 32) + (other >> 32);
}

uint64_t weir_backoff_delay(const weir_backoff *backoff, unsigned failures, uint64_t random) {
    if (weir__missing(backoff, "backoff") || failures == 0 || backoff->first_ns == 0) {
        return 0;
    }
    uint64_t delay = whole_delay(backoff, failures);
    double jitter = jitter_of(backoff);
    double wide = jitter * (double)delay;
    uint64_t most_off = jitter == 1 || !(wide < (double)delay) ? delay : (uint64_t)wide;
    if (jitter == 0) {
        return delay;
    }
    return delay - (most_off == UINT64_MAX ? random : share_of(random, most_off + 1));
}

/* ---- the checker --------------------------------------------------------- */

static weir_status check_within(const char *of, const char *field, double value, double least,
                                double most) {
    if (value >= least && value <= most) {
        return WEIR_OK;
    }
    if (value < least) {
        return weir__refuse(WEIR_INVALID, "%s.%s must be at least %g, got %g", of, field, least,
                            value);
    }
    return weir__refuse(WEIR_INVALID, "%s.%s must be at most %g, got %g", of, field, most, value);
}

static weir_status check_delays(const weir_backoff *backoff, const char *of) {
    const uint64_t limit = WEIR_BACKOFF_MOST_LIMIT;
    if (backoff->first_ns > limit) {
        return weir__refuse(WEIR_INVALID, "%s.first_ns must be at most %" PRIu64 ", got %" PRIu64,
                            of, limit, backoff->first_ns);
    }
    if (backoff->most_ns > limit) {
        return weir__refuse(WEIR_INVALID, "%s.most_ns must be at most %" PRIu64 ", got %" PRIu64,
                            of, limit, backoff->most_ns);
    }
    if (backoff->most_ns != 0 && backoff->most_ns < backoff->first_ns) {
        return weir__refuse(WEIR_INVALID,
                            "%s.most_ns must be at least first_ns, which is %" PRIu64
                            ", got %" PRIu64,
                            of, backoff->first_ns, backoff->most_ns);
    }
    if (backoff->first_ns == 0 &&
        (backoff->most_ns != 0 || backoff->factor != 0 || backoff->jitter != 0)) {
        return weir__refuse(WEIR_INVALID,
                            "%s.first_ns must be set where most_ns, factor or jitter is: "
                            "without it there is no delay",
                            of);
    }
    return WEIR_OK;
}

weir_status weir__backoff_check(const weir_backoff *backoff, const char *of) {
    if (WEIR__RESERVED_SET(backoff, of)) {
        return WEIR_INVALID;
    }
    weir_status status = check_delays(backoff, of);
    if (status == WEIR_OK && backoff->factor != 0) {
        status = check_within(of, "factor", backoff->factor, 1, WEIR_BACKOFF_FACTOR_LIMIT);
    }
    if (status == WEIR_OK) {
        status = check_within(of, "jitter", backoff->jitter, 0, 1);
    }
    return status;
}
