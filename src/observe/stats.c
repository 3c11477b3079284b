/*
 * Stats: what stages and subscriptions do, out of the runtime's own sheet.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Readers only: the sheet's head says by what right (memory/sheet.h, V1 -> V2).
 */
#include "base/refusal.h"
#include "runtime/runtime.h"

#include <weir/observe.h>

#include <string.h>

/* A copy of a slot of that kind, whichever it is; false: it is none just now. */
static bool copy_slot(const weir_runtime *runtime, uint64_t number, weir_counters_kind kind,
                      void *out) {
    uint64_t words[WEIR_COUNTERS_MOST / sizeof(uint64_t)];
    const void *slot = weir__sheet_at(&runtime->sheet, number);
    if (slot == NULL || !weir_counters_copy(slot, words)) {
        return false;
    }
    weir_counters_slot head;
    memcpy(&head, words, sizeof head);
    if (head.kind != (uint32_t)kind) {
        return false;
    }
    memcpy(out, words, (size_t)weir_counters_slots(head.kind) * WEIR_COUNTERS_SLOT);
    return true;
}

static weir_status no_stage(void) {
    return weir__refuse(WEIR_NO_STAGE, "the stage has ended");
}

/* ---- one stage ----------------------------------------------------------- */

static bool find_stage(const weir_runtime *runtime, weir_ref stage, weir_counters_stage *out) {
    const struct weir__slot *slot = weir__registry_find(&runtime->registry, stage);
    return slot != NULL &&
           copy_slot(runtime, weir__load_relaxed_u32(&slot->seen), WEIR_COUNTERS_STAGE, out) &&
           out->ref == stage.bits;
}

static void add_stage(weir_counters_stage *sum, const weir_counters_stage *one) {
    sum->turns += one->turns;
    sum->batches += one->batches;
    sum->events_in += one->events_in;
    sum->handled += one->handled;
    sum->bytes_in += one->bytes_in;
    sum->demands += one->demands;
    sum->events_out += one->events_out;
    sum->messages += one->messages;
    sum->calls += one->calls;
    sum->restarts += one->restarts;
    sum->buffered += one->buffered;
    sum->held += one->held;
    sum->stashed += one->stashed;
    sum->queued += one->queued;
    sum->consumers += one->consumers;
    sum->producers += one->producers;
    sum->marks += one->marks;
    for (unsigned i = 0; i < WEIR_STATES; i++) {
        sum->times[i] += one->times[i];
    }
    for (unsigned i = 0; i < WEIR_DISCARD_CAUSES; i++) {
        sum->discarded[i] += one->discarded[i];
    }
}

static void add_ended(weir_counters_stage *sum, const weir_counters_worker *worker) {
    sum->batches += worker->ended_batches;
    sum->events_in += worker->ended_in;
    sum->handled += worker->ended_handled;
    sum->events_out += worker->ended_out;
    sum->messages += worker->ended_messages;
    sum->calls += worker->ended_calls;
    for (unsigned i = 0; i < WEIR_DISCARD_CAUSES; i++) {
        sum->discarded[i] += worker->ended_discarded[i];
    }
}

/* By other threads, of a part whose stage has gone. */
static void add_foreign(weir_counters_stage *sum, const weir_runtime *runtime) {
    uint64_t discarded = weir__load_relaxed_u64(&runtime->foreign_discarded);
    sum->events_out += discarded;
    sum->handled += weir__load_relaxed_u64(&runtime->foreign_handled);
    sum->discarded[WEIR_DISCARD_STOPPED] +=
        discarded + weir__load_relaxed_u64(&runtime->foreign_lost);
}

static void sum_up(const weir_runtime *runtime, weir_counters_stage *sum) {
    weir_counters_stage stage;
    weir_counters_worker worker;
    uint64_t slots = weir__sheet_slots(&runtime->sheet);
    *sum = (weir_counters_stage){.slot.kind = WEIR_COUNTERS_STAGE};
    for (uint64_t i = 1; i < slots; i++) {
        if (copy_slot(runtime, i, WEIR_COUNTERS_STAGE, &stage)) {
            add_stage(sum, &stage);
        } else if (copy_slot(runtime, i, WEIR_COUNTERS_WORKER, &worker)) {
            add_ended(sum, &worker);
            sum->turns += worker.turns;
        }
    }
    add_foreign(sum, runtime);
}

weir_status weir_stage_stats(const weir_runtime *runtime, weir_ref stage,
                             weir_counters_stage *out) {
    if (weir__unfit(runtime) || weir__missing(out, "out")) {
        return weir__refused();
    }
    if (stage.bits == 0) {
        sum_up(runtime, out);
        return WEIR_OK;
    }
    return find_stage(runtime, stage, out) ? WEIR_OK : no_stage();
}

/* ---- all ----------------------------------------------------------------- */

size_t weir_stages(const weir_runtime *runtime, weir_counters_stage *out, size_t room) {
    if (weir__unfit(runtime) || (room > 0 && weir__missing(out, "out"))) {
        return 0;
    }
    weir_counters_stage stage;
    size_t count = 0;
    uint64_t slots = weir__sheet_slots(&runtime->sheet);
    for (uint64_t i = 1; i < slots; i++) {
        if (copy_slot(runtime, i, WEIR_COUNTERS_STAGE, &stage)) {
            if (count < room) {
                out[count] = stage;
            }
            count++;
        }
    }
    return count;
}

size_t weir_subscriptions(const weir_runtime *runtime, weir_ref stage,
                          weir_counters_subscription *out, size_t room) {
    if (weir__unfit(runtime) || (room > 0 && weir__missing(out, "out"))) {
        return 0;
    }
    weir_counters_subscription one;
    size_t count = 0;
    uint64_t slots = weir__sheet_slots(&runtime->sheet);
    for (uint64_t i = 1; i < slots; i++) {
        if (!copy_slot(runtime, i, WEIR_COUNTERS_SUBSCRIPTION, &one) ||
            (stage.bits != 0 && one.producer != stage.bits && one.consumer != stage.bits)) {
            continue;
        }
        if (count < room) {
            out[count] = one;
        }
        count++;
    }
    return count;
}

/* ---- times --------------------------------------------------------------- */

/* The times in that slot, of whom they should be. */
static weir_status copy_times(const weir_runtime *runtime, uint32_t number, uint64_t owner,
                              weir_counters_times *out) {
    if (number == 0 || !copy_slot(runtime, number, WEIR_COUNTERS_TIMES, out) ||
        out->owner != owner) {
        *out = (weir_counters_times){.slot.kind = WEIR_COUNTERS_TIMES, .owner = owner};
    }
    return WEIR_OK;
}

weir_status weir_stage_times(const weir_runtime *runtime, weir_ref stage, weir_times_of which,
                             weir_counters_times *out) {
    if (weir__unfit(runtime) || weir__missing(out, "out")) {
        return weir__refused();
    }
    if ((unsigned)which > WEIR_TIMES_PIPELINE) {
        return weir__refuse(WEIR_INVALID,
                            "which must be one of WEIR_TIMES_HANDLING, WEIR_TIMES_PIPELINE, got %d",
                            (int)which);
    }
    weir_counters_stage found;
    if (!find_stage(runtime, stage, &found)) {
        return no_stage();
    }
    uint32_t number = which == WEIR_TIMES_HANDLING ? found.handling : found.pipeline;
    return copy_times(runtime, number, stage.bits, out);
}

weir_status weir_subscription_times(const weir_runtime *runtime, weir_subscription subscription,
                                    weir_counters_times *out) {
    if (weir__unfit(runtime) || weir__missing(out, "out")) {
        return weir__refused();
    }
    weir_counters_subscription found;
    uint64_t slots = weir__sheet_slots(&runtime->sheet);
    for (uint64_t i = 1; i < slots; i++) {
        if (copy_slot(runtime, i, WEIR_COUNTERS_SUBSCRIPTION, &found) &&
            found.id == subscription.id && subscription.id != 0) {
            return copy_times(runtime, found.waiting, found.id, out);
        }
    }
    return weir__refuse(WEIR_NO_STAGE, "the subscription has ended");
}
