/*
 * The accounts: summing the workers' counters (the equations: stage/host.h).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/refusal.h"
#include "runtime/runtime.h"

#include <weir/observe.h>

#include <stdio.h>

static uint64_t read_counter(const uint64_t *counter) {
    return weir__load_relaxed_u64(counter);
}

/* Dropped for that cause, in the hands of one worker, or of its blocks elsewhere. */
static uint64_t dropped_for(const struct weir__pool *pool, unsigned why) {
    return read_counter(&pool->owned.dropped[why]) + read_counter(&pool->stray_drops[why]);
}

/* What became of events that own something, on one worker. */
static void add_owned(weir_accounts *sum, const struct weir__pool *pool) {
    sum->accepted += read_counter(&pool->owned.accepted) + read_counter(&pool->stray_accepted);
    sum->copied += read_counter(&pool->owned.copied) + read_counter(&pool->stray_copies);
    sum->taken += read_counter(&pool->owned.taken) + read_counter(&pool->stray_takes);
    for (unsigned why = 0; why < WEIR_DISCARD_CAUSES; why++) {
        sum->dropped += dropped_for(pool, why);
    }
}

uint64_t weir_runtime_dropped(const weir_runtime *runtime, weir_discard why) {
    uint64_t sum = 0;
    if (weir__unfit(runtime) || (unsigned)why >= WEIR_DISCARD_CAUSES) {
        return 0;
    }
    for (unsigned i = 0; i < weir__runtime_all(runtime); i++) {
        sum += dropped_for(&runtime->workers[i].host.pool, (unsigned)why);
    }
    return sum;
}

/* Those that somebody holds.  What came home to a worker that sleeps is nobody's. */
static uint64_t blocks_live(const weir_runtime *runtime) {
    const unsigned count = weir__runtime_all(runtime);
    uint64_t live = 0;
    for (unsigned i = 0; i < count; i++) {
        live -= weir__pool_departed(&runtime->workers[i].host.pool);
    }
    for (unsigned i = 0; i < count; i++) {
        live += weir__pool_live(&runtime->workers[i].host.pool);
        live += weir__pool_received(&runtime->workers[i].host.pool);
    }
    return live + weir__pool_live(&runtime->loose);
}

weir_status weir_runtime_accounts(const weir_runtime *runtime, weir_accounts *out) {
    if (weir__unfit(runtime) || weir__missing(out, "out")) {
        return weir__refused();
    }
    weir_accounts sum = {0};
    uint64_t sent = 0;
    uint64_t returned = 0;
    uint64_t lost = 0;
    uint64_t dropped = 0;
    uint64_t stashed = 0;
    for (unsigned i = 0; i < weir__runtime_all(runtime); i++) {
        const struct weir__worker *worker = &runtime->workers[i];
        const struct weir__counters *counters = &worker->host.counters;
        sum.emitted += read_counter(&counters->emitted);
        sum.multicast += read_counter(&counters->multicast);
        sum.copies += read_counter(&counters->copies);
        sum.handled += read_counter(&counters->handled);
        sum.buffered += read_counter(&counters->buffered);
        sum.turns += read_counter(&counters->turns);
        sum.messages += read_counter(&counters->messages);
        sum.messages_dropped += read_counter(&counters->messages_dropped);
        sum.marks += read_counter(&counters->marks);
        sum.wakes += read_counter(&worker->bell.wakes);
        sum.blocks_made += read_counter(&worker->host.pool.made);
        add_owned(&sum, &worker->host.pool);
        sent += read_counter(&counters->sent);
        returned += read_counter(&counters->returned);
        lost += read_counter(&counters->lost);
        dropped += read_counter(&counters->dropped);
        stashed += read_counter(&counters->stashed);
    }
    sum.blocks_live = blocks_live(runtime);
    sum.blocks_made += read_counter(&runtime->loose.made);
    sum.messages_dropped += read_counter(&runtime->foreign_messages_dropped);
    uint64_t foreign = read_counter(&runtime->foreign_discarded);
    sum.emitted += foreign;
    sum.handled += read_counter(&runtime->foreign_handled);
    lost += read_counter(&runtime->foreign_lost);
    sum.in_flight = sent - sum.handled - returned - lost;
    sum.discarded = lost + dropped + foreign;
    stashed = stashed < sum.handled ? stashed : sum.handled; /* amid a callback: not counted yet */
    sum.handled -= stashed;
    sum.buffered += stashed;
    *out = sum;
    return WEIR_OK;
}

void weir__runtime_discarded(weir_runtime *runtime, uint64_t count) {
    weir__fetch_add_u64(&runtime->foreign_discarded, count);
}

void weir__runtime_read(weir_runtime *runtime, uint64_t handled, uint64_t lost) {
    weir__fetch_add_u64(&runtime->foreign_handled, handled);
    weir__fetch_add_u64(&runtime->foreign_lost, lost);
}

/* NULL: not more was given away than there was. */
static const char *check_owned(const weir_accounts *accounts, char *text, size_t bytes) {
    if (accounts->taken + accounts->dropped <= accounts->accepted + accounts->copied) {
        return NULL;
    }
    snprintf(text, bytes, "accepted %llu + copied %llu, but taken %llu + dropped %llu",
             (unsigned long long)accounts->accepted, (unsigned long long)accounts->copied,
             (unsigned long long)accounts->taken, (unsigned long long)accounts->dropped);
    return text;
}

const char *weir_accounts_check(const weir_accounts *accounts) {
    if (weir__missing(accounts, "accounts")) {
        return "accounts must not be NULL";
    }
    static _Thread_local char text[320];
    uint64_t found =
        accounts->handled + accounts->buffered + accounts->in_flight + accounts->discarded;
    uint64_t due = accounts->emitted - accounts->multicast + accounts->copies;
    if (due == found) {
        return check_owned(accounts, text, sizeof text);
    }
    snprintf(
        text, sizeof text,
        "emitted %llu - multicast %llu + copies %llu = %llu, but handled %llu + buffered %llu + "
        "in flight %llu + discarded %llu "
        "= %llu",
        (unsigned long long)accounts->emitted, (unsigned long long)accounts->multicast,
        (unsigned long long)accounts->copies, (unsigned long long)due,
        (unsigned long long)accounts->handled, (unsigned long long)accounts->buffered,
        (unsigned long long)accounts->in_flight, (unsigned long long)accounts->discarded,
        (unsigned long long)found);
    return text;
}
