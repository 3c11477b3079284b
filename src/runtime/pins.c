/*
 * Pins: see pins.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "runtime/pins.h"

#include "base/refusal.h"
#include "os/lock.h"
#include "os/topology.h"

#include <stdio.h>
#include <string.h>

/* The process's. */
static struct {
    uint32_t lock;
    uint32_t used[WEIR__CORES_MAX]; /* pins of each core */
} process;

/* ---- what a program names -------------------------------------------------- */

/* "0-3,8" of the cores allowed; one that is too long ends in "...". */
static const char *list_cores(const struct weir__allowed *allowed, char *text, size_t bytes) {
    size_t used = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < allowed->count; i++) {
        unsigned first = allowed->cores[i];
        while (i + 1 < allowed->count && allowed->cores[i + 1] == allowed->cores[i] + 1) {
            i++;
        }
        char run[32];
        const char *comma = used > 0 ? "," : "";
        int length = first == allowed->cores[i]
                         ? snprintf(run, sizeof run, "%s%u", comma, first)
                         : snprintf(run, sizeof run, "%s%u-%u", comma, first, allowed->cores[i]);
        if (used + (size_t)length + sizeof ",..." > bytes) {
            snprintf(text + used, bytes - used, ",...");
            break;
        }
        memcpy(text + used, run, (size_t)length + 1);
        used += (size_t)length;
    }
    return text;
}

static bool is_among(const unsigned *cores, size_t count, unsigned core) {
    for (size_t i = 0; i < count; i++) {
        if (cores[i] == core) {
            return true;
        }
    }
    return false;
}

/* Also of a process that has more cores than there may be workers. */
static bool may_use(const struct weir__allowed *allowed, unsigned core) {
    return is_among(allowed->cores, allowed->count, core) ||
           (allowed->count == WEIR_WORKERS_LIMIT && weir__topology_may_use(core));
}

static weir_status check_named(const weir_runtime_options *options,
                               const struct weir__allowed *allowed) {
    for (size_t i = 0; i < options->core_count; i++) {
        unsigned core = options->cores[i];
        if (is_among(options->cores, i, core)) {
            return weir__refuse(WEIR_INVALID, "cores must differ: core %u is named twice", core);
        }
        if (!may_use(allowed, core)) {
            char text[64];
            return weir__refuse(WEIR_INVALID,
                                "cores must be of those that this process may use, %s, got %u",
                                list_cores(allowed, text, sizeof text), core);
        }
    }
    return WEIR_OK;
}

static weir_status check(const weir_runtime_options *options, const struct weir__allowed *allowed) {
    if (options->cores == NULL) {
        return options->core_count == 0
                   ? WEIR_OK
                   : weir__refuse(WEIR_INVALID, "cores must be set when core_count is %zu",
                                  options->core_count);
    }
    if (options->core_count == 0 || options->core_count > WEIR_WORKERS_LIMIT) {
        return weir__refuse(WEIR_INVALID, "core_count must be at %s %d, got %zu",
                            options->core_count == 0 ? "least" : "most",
                            options->core_count == 0 ? 1 : WEIR_WORKERS_LIMIT, options->core_count);
    }
    if (options->spare_cores > 0 || options->unpinned) {
        return weir__refuse(WEIR_INVALID, "cores and %s cannot both be set",
                            options->unpinned ? "unpinned" : "spare_cores");
    }
    return check_named(options, allowed);
}

/* ---- opening ---------------------------------------------------------------- */

/* Less `spare`, but one is left. */
static unsigned without(unsigned count, unsigned spare) {
    return spare < count ? count - spare : 1;
}

weir_status weir__pins_open_in(struct weir__pins *pins, const weir_runtime_options *options,
                               const struct weir__allowed *allowed) {
    static const weir_runtime_options usual = {.workers = 0};
    options = options != NULL ? options : &usual;
    weir_status status = check(options, allowed);
    if (status != WEIR_OK) {
        return status;
    }
    pins->in_order = options->cores != NULL;
    pins->count = pins->in_order ? (unsigned)options->core_count
                                 : without(allowed->count, options->spare_cores);
    memcpy(pins->cores, pins->in_order ? options->cores : allowed->cores,
           pins->count * sizeof *pins->cores);
    pins->workers = pins->in_order ? pins->count : without(allowed->at_once, options->spare_cores);
    return WEIR_OK;
}

/*
 * How many of the process's threads can run at the same time, as far as it matters to a runtime
 * with those options: a quota is read from files, and one worker is never crowded, more of them
 * than there are cores always are.
 */
static unsigned at_once(const weir_runtime_options *options, unsigned cores) {
    unsigned workers = options != NULL ? options->workers : 0;
    return workers == 1 || workers > cores ? cores : weir__topology_at_once();
}

weir_status weir__pins_open(struct weir__pins *pins, const weir_runtime_options *options) {
    struct weir__allowed allowed;
    unsigned count = weir__topology_cores(allowed.cores, WEIR_WORKERS_LIMIT);
    allowed.count = count < WEIR_WORKERS_LIMIT ? count : WEIR_WORKERS_LIMIT;
    allowed.at_once = at_once(options, count);
    return weir__pins_open_in(pins, options, &allowed);
}

/* ---- pinning ------------------------------------------------------------------ */

static unsigned least_used(const struct weir__pins *pins) {
    unsigned least = pins->cores[0];
    for (unsigned i = 1; i < pins->count; i++) {
        least = process.used[pins->cores[i]] < process.used[least] ? pins->cores[i] : least;
    }
    return least;
}

unsigned weir__pins_take(const struct weir__pins *pins, unsigned worker) {
    weir__lock(&process.lock);
    unsigned core = pins->in_order ? pins->cores[worker % pins->count] : least_used(pins);
    process.used[core]++;
    weir__unlock(&process.lock);
    return core;
}

void weir__pins_forget(void) {
    memset(&process, 0, sizeof process);
}

void weir__pins_give(unsigned core) {
    weir__lock(&process.lock);
    process.used[core]--;
    weir__unlock(&process.lock);
}
