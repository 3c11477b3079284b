/*
 * Rates, and the runtimes whose stages share them: see rates.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "runtime/rates.h"

#include "base/refusal.h"
#include "os/clock.h"
#include "os/lock.h"
#include "ring/rate.h"
#include "runtime/options.h"

/* A runtime that has to do with a rate: in the lists of both, with a reference to the rate. */
struct weir__rate_user {
    struct weir_rate *rate;
    weir_runtime *runtime;
    struct weir__rate_user *next_of_rate;
    struct weir__rate_user *next_of_runtime;
};

static uint32_t process_lock;

void weir__rates_forget(void) {
    process_lock = 0;
}

/* ---- users: under the lock ------------------------------------------------------ */

static bool is_user(const struct weir_rate *rate, const weir_runtime *runtime) {
    const struct weir__rate_user *user = rate->users;
    while (user != NULL && user->runtime != runtime) user = user->next_of_rate;
    return user != NULL;
}

static weir_status add_user(struct weir_rate *rate, weir_runtime *runtime) {
    struct weir__rate_user *user = weir__alloc_zeroed(&runtime->allocator, sizeof *user, 16);
    if (user == NULL) {
        return weir__refuse(WEIR_NO_MEMORY, "no memory for a rate");
    }
    user->rate = rate;
    user->runtime = runtime;
    user->next_of_rate = rate->users;
    user->next_of_runtime = runtime->rates;
    rate->users = user;
    runtime->rates = user;
    weir__rate_hold(rate);
    return WEIR_OK;
}

/* From both lists; its reference goes. */
static void remove_user(struct weir__rate_user *user) {
    struct weir__rate_user **place = &user->rate->users;
    while (*place != user) place = &(*place)->next_of_rate;
    *place = user->next_of_rate;
    place = &user->runtime->rates;
    while (*place != user) place = &(*place)->next_of_runtime;
    *place = user->next_of_runtime;
    const weir_runtime *runtime = user->runtime;
    weir__rate_release(user->rate);
    weir__free(&runtime->allocator, user, sizeof *user);
}

/* Nobody but its users has it any more, and its owner, if he is just about to let go of it. */
static bool is_unused(const struct weir_rate *rate, bool owned) {
    uint32_t users = owned ? 1 : 0;
    for (const struct weir__rate_user *user = rate->users; user != NULL;
         user = user->next_of_rate) {
        users++;
    }
    return rate->closed && weir__load_relaxed_u32(&rate->refs) == users;
}

/* Those that were closed while subscriptions named them, and that none names now. */
static void sweep_rates(weir_runtime *runtime) {
    struct weir__rate_user *user = runtime->rates;
    while (user != NULL) {
        struct weir__rate_user *next = user->next_of_runtime;
        if (is_unused(user->rate, false)) {
            remove_user(user);
        }
        user = next;
    }
}

/* Why its stages may not share it; NULL: they may. */
static const char *unfit(const struct weir_rate *rate, const weir_runtime *runtime) {
    if (rate->bound) {
        return rate->runtime == runtime ? NULL : "was opened for another runtime";
    }
    return runtime->options.mode == WEIR_SIMULATED
               ? "has real time, and this runtime has not: open it for this runtime"
               : NULL;
}

weir_status weir__rates_join(weir_runtime *runtime, weir_rate *rate) {
    if (rate == NULL) {
        return WEIR_OK;
    }
    weir__lock(&process_lock);
    const char *why = unfit(rate, runtime);
    weir_status status = WEIR_OK;
    if (why != NULL) {
        status = weir__refuse(WEIR_INVALID, "rate must be of this runtime: this one %s", why);
    } else if (!is_user(rate, runtime)) {
        sweep_rates(runtime);
        status = add_user(rate, runtime);
    }
    weir__unlock(&process_lock);
    return status;
}

void weir__rates_leave(weir_runtime *runtime) {
    weir__lock(&process_lock);
    while (runtime->rates != NULL) {
        struct weir_rate *rate = runtime->rates->rate;
        if (rate->runtime == runtime) {
            rate->runtime = NULL; /* bound still: to nobody */
        }
        remove_user(runtime->rates);
    }
    weir__unlock(&process_lock);
}

/* ---- what programs call ----------------------------------------------------------- */

/* By its own clock; a bound one's runtime is there. */
static uint64_t now_of(const weir_runtime *runtime) {
    return runtime != NULL ? weir_runtime_now(runtime) : weir__clock_now_ns();
}

static weir_status open_for(weir_runtime *runtime, struct weir_rate *rate) {
    rate->runtime = runtime;
    rate->bound = runtime != NULL;
    return weir__rates_join(runtime, runtime != NULL ? rate : NULL);
}

weir_status weir_rate_open(weir_runtime *runtime, const weir_rate_options *options,
                           weir_rate **out) {
    weir_rate_options filled;
    if ((runtime != NULL && weir__unfit(runtime)) || weir__missing(options, "options") ||
        weir__missing(out, "out")) {
        return weir__refused();
    }
    weir_status status = weir__options_rate(options, &filled);
    if (status != WEIR_OK) {
        return status;
    }
    struct weir__allocator allocator;
    weir__allocator_open(&allocator, runtime != NULL ? &runtime->options.allocator : NULL);
    struct weir_rate *rate = weir__rate_make(&allocator, &filled, now_of(runtime));
    if (rate == NULL) {
        return weir__refuse(WEIR_NO_MEMORY, "no memory for a rate");
    }
    status = open_for(runtime, rate);
    if (status != WEIR_OK) {
        weir__rate_release(rate);
        return status;
    }
    *out = rate;
    return WEIR_OK;
}

static void wake_users(const struct weir_rate *rate) {
    for (const struct weir__rate_user *user = rate->users; user != NULL;
         user = user->next_of_rate) {
        for (unsigned i = 0; i < weir__runtime_all(user->runtime); i++) {
            weir__worker_rates_set(&user->runtime->workers[i]);
        }
    }
}

weir_status weir_rate_set(weir_rate *rate, const weir_rate_options *options) {
    weir_rate_options filled;
    if (weir__rate_unfit(rate) || weir__missing(options, "options")) {
        return weir__refused();
    }
    weir_status status = weir__options_rate(options, &filled);
    if (status != WEIR_OK) {
        return status;
    }
    weir__lock(&process_lock);
    bool gone = rate->bound && rate->runtime == NULL;
    if (!gone) {
        weir__rate_change(rate, &filled, now_of(rate->runtime));
        wake_users(rate);
    }
    weir__unlock(&process_lock);
    return gone ? weir__refuse(WEIR_CLOSED, "the rate's runtime has been closed") : WEIR_OK;
}

weir_status weir_rate_get(const weir_rate *rate, weir_rate_options *out) {
    if (weir__rate_unfit(rate) || weir__missing(out, "out")) {
        return weir__refused();
    }
    weir__rate_look(rate, out);
    return WEIR_OK;
}

uint64_t weir_rate_take(weir_rate *rate, uint64_t most, uint64_t now_ns, uint64_t *due_ns) {
    struct weir__reserved taken;
    if (weir__rate_unfit(rate)) {
        return 0;
    }
    uint64_t count = weir__rate_take(rate, most, now_ns, &taken);
    if (due_ns != NULL) {
        *due_ns = count == most ? now_ns : weir__rate_next(rate, now_ns);
    }
    return count;
}

weir_status weir_rate_reserve(weir_rate *rate, uint64_t count, uint64_t now_ns, uint64_t *due_ns) {
    weir_rate_options terms;
    if (weir__rate_unfit(rate) || weir__missing(due_ns, "due_ns")) {
        return weir__refused();
    }
    weir__rate_look(rate, &terms);
    if (count == 0 || count > terms.burst) {
        return weir__refuse(WEIR_INVALID, "count must be 1 to the rate's burst, %llu, got %llu",
                            (unsigned long long)terms.burst, (unsigned long long)count);
    }
    return weir__rate_book(rate, count, now_ns, due_ns)
               ? WEIR_OK
               : weir__refuse(WEIR_FULL,
                              "more of this rate's tokens are reserved than are counted");
}

void weir_rate_close(weir_rate *rate) {
    if (rate == NULL || weir__rate_unfit(rate)) {
        return;
    }
    weir__lock(&process_lock);
    rate->closed = true;
    bool unused = is_unused(rate, true);
    while (unused && rate->users != NULL) {
        remove_user(rate->users);
    }
    weir__unlock(&process_lock);
    weir__rate_release(rate);
}
