/*
 * Dealing: from a run of events to the queues of their partitions.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Some events at a time.  First the hash says for each whose it is (hash.c).  Then, for
 * each partition, its events are counted, and the runs they come in: neighbours in one
 * slice.  Then they are moved.  Where runs are long the partition gets slices, which
 * cost some tens of nanoseconds each, here, on the ring, and at the consumer, who
 * gathers them for a batch; where they are short their bytes are copied, one after
 * the other, into a block that the partition fills (`fill`).  Measured with 4
 * partitions, the consumers included: single events of 8 bytes 5 ns copied and 90
 * sliced, of 1 KiB 65 and 150; at runs of 2 to 4 KiB there is no difference.
 * What will wait in the queue is copied sooner: a slice would pin its block.
 * Many small events that hardly come in runs have faster ways to be counted and
 * copied (sort.c).
 *
 * Events are dealt while demand waits; the first that finds none, and all behind
 * it, are left in the run.  Those that nobody gets use up no demand.
 */
#include "base/attributes.h"
#include "dispatch/partition.h"
#include "memory/pool.h"

#include <string.h>

enum {
    SLICE_BYTES = 2048,       /* runs of this length on average are not copied */
    SLICE_WAITS_BYTES = 8192, /* nor these, though they may have to wait      */
    FILL_BYTES_LEAST = 4096,
    FILL_MESSAGES = 16 /* that a block is made for */
};

/* ---- the first walk: how many, and in which runs? ------------------------ */

/* Where runs are short: no branch that hangs on where one ends. */
static void count_scattered(struct weir__partitions *all, uint32_t count) {
    struct weir__partition *const at = all->at;
    const uint32_t *chosen = all->chosen;
    const uint32_t nobody = all->count;
    uint32_t before = nobody;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index = chosen[i];
        if (index != nobody) {
            if (at[index].chosen++ == 0) weir__marks_set(&all->touched, index);
            at[index].runs += index != before;
        }
        before = index;
    }
}

static void count_by_runs(struct weir__partitions *all, uint32_t count) {
    const uint32_t *chosen = all->chosen;
    for (uint32_t from = 0, to = 0; from < count; from = to) {
        uint32_t index = chosen[from];
        while (to < count && chosen[to] == index) to++;
        if (index >= all->count) continue;
        weir__marks_set(&all->touched, index);
        all->at[index].chosen += to - from;
        all->at[index].runs++;
    }
}

/* ---- how they get there -------------------------------------------------- */

static bool will_wait(const struct weir__partition *partition) {
    return partition->arrived + partition->chosen > partition->demand;
}

static bool are_sliced(const struct weir__partitions *all, const struct weir__partition *partition,
                       uint32_t event_bytes) {
    if (all->owning) return true;
    uint64_t bytes = (uint64_t)partition->chosen * event_bytes;
    if (will_wait(partition)) return bytes >= (uint64_t)partition->runs * SLICE_WAITS_BYTES;
    return partition->runs == 1 || bytes >= (uint64_t)partition->runs * SLICE_BYTES;
}

/* All of what is dealt now is wanted, and nothing waits before it. */
static bool part_goes_straight(const struct weir__partition *partition) {
    return weir__queue_empty(&partition->queue->queue) && !will_wait(partition);
}

/* A block for several messages like this one; what is left of the last one is given up. */
static WEIR__NOINLINE struct weir__block *
make_room(struct weir__pool *pool, struct weir__partition *partition, uint32_t event_bytes) {
    uint32_t count = partition->chosen;
    uint64_t most = WEIR__BLOCK_BYTES_MAX / event_bytes;
    uint64_t fresh = (uint64_t)count * FILL_MESSAGES;
    if (fresh < FILL_BYTES_LEAST / event_bytes) fresh = FILL_BYTES_LEAST / event_bytes;
    if (fresh > most) fresh = most;
    if (fresh < count) fresh = count;
    return weir__pool_room(pool, &partition->fill, event_bytes, NULL, count, fresh);
}

/* Room in the partition's own block.  The slice that it makes is queued already, or goes straight.
 */
static bool open_own_block(const struct weir__partitions *all, struct weir__partition *partition,
                           uint32_t event_bytes) {
    uint32_t count = partition->chosen;
    struct weir__pool *pool = all->desk->pool;
    struct weir__block *block = partition->fill;
    if (block == NULL || !weir__block_has_room(block, event_bytes, NULL, count)) {
        block = make_room(pool, partition, event_bytes);
        if (block == NULL) return false;
    }
    partition->to = weir__block_at(block, block->used, event_bytes);
    weir__block_hold_filling(block, pool);
    if (part_goes_straight(partition)) {
        partition->straight = count;
        partition->first = block->used;
    } else {
        struct weir__item item = {
            .block = block, .first = block->used, .count = count, .event_bytes = event_bytes};
        if (!weir__hold_push(partition->queue, item)) {
            weir__block_drop(block, pool);
            return false;
        }
    }
    block->used += count;
    return true;
}

/* Without memory events are lost; they have used up no demand, and are demanded anew. */
static void lose_and_demand_anew(struct weir__partitions *all, uint32_t count) {
    all->waiting += count;
    all->again += count;
    all->desk->calls->discard(all->desk->context, count, WEIR_DISCARD_NO_MEMORY);
}

void weir__partitions_hold_straight(struct weir__partitions *all,
                                    struct weir__partition *partition) {
    struct weir__item slice = weir__partition_straight(partition);
    partition->straight = 0;
    if (weir__hold_push(partition->queue, slice)) return;
    weir__block_drop(slice.block, all->desk->pool);
    partition->arrived -= slice.count;
    lose_and_demand_anew(all, slice.count);
}

/* Returns whether there is a place to copy them to. */
static bool prepare(struct weir__partitions *all, struct weir__partition *partition,
                    uint32_t event_bytes) {
    if (partition->straight > 0) weir__partitions_hold_straight(all, partition);
    bool sliced = are_sliced(all, partition, event_bytes);
    partition->to = NULL;
    partition->lost = !sliced && !open_own_block(all, partition, event_bytes);
    if (partition->lost) {
        lose_and_demand_anew(all, partition->chosen);
    } else {
        partition->arrived += partition->chosen;
    }
    partition->chosen = 0;
    partition->runs = 0;
    return !sliced && !partition->lost;
}

/* Returns whether all of them have one. */
static bool prepare_all(struct weir__partitions *all, uint32_t event_bytes) {
    bool all_copied = true;
    const struct weir__marks *touched = &all->touched;
    for (uint32_t word = weir__marks_next_word(touched, 0); word < touched->size;
         word = weir__marks_next_word(touched, word + 1)) {
        for (uint64_t left = touched->words[word]; left != 0; left &= left - 1) {
            struct weir__partition *partition =
                &all->at[word * 64 + (uint32_t)__builtin_ctzll(left)];
            if (partition->chosen > 0) all_copied &= prepare(all, partition, event_bytes);
        }
    }
    return all_copied;
}

/* ---- the second walk: they go -------------------------------------------- */

/* Events that nobody gets: their bytes just stay where they are. */
static void give_nobody(const struct weir__partitions *all, uint32_t index,
                        const struct weir__item *run) {
    if (all->owning) {
        weir_discard why = index == all->count ? WEIR_DISCARD_UNWANTED : WEIR_DISCARD_BAD_PARTITION;
        weir__owned_let_go(run->block, run->first, run->count, weir__fate_of(why), all->desk->pool);
    }
}

/* A run of one slice, which is not copied. */
static void give_slice(struct weir__partitions *all, uint32_t index, struct weir__item run) {
    if (index >= all->count) {
        give_nobody(all, index, &run);
        return;
    }
    if (all->at[index].lost) return;
    weir__block_hold(run.block, all->desk->pool);
    if (weir__hold_push(all->at[index].queue, run)) return;
    weir__item_discard(&run, WEIR_DISCARD_NO_MEMORY, all->desk->pool);
    all->at[index].arrived -= run.count;
    lose_and_demand_anew(all, run.count);
}

/* Copies single events as long as that is what becomes of them; returns how many. */
static uint32_t copy_words(const struct weir__partitions *all, const uint32_t *chosen,
                           const unsigned char *event, uint32_t most) {
    uint32_t done = 0;
    for (; done < most && chosen[done] != all->count; done++) {
        struct weir__partition *partition = &all->at[chosen[done]];
        if (partition->to == NULL) break;
        memcpy(partition->to, event, sizeof(uint64_t));
        partition->to += sizeof(uint64_t);
        event += sizeof(uint64_t);
    }
    return done;
}

/* The same run by run, for events of any size; the rest of one item. */
static void deal_run_by_run(struct weir__partitions *all, const uint32_t *chosen,
                            struct weir__item item, bool short_runs) {
    for (uint32_t from = 0; from < item.count;) {
        struct weir__item run = item;
        const unsigned char *events =
            weir__block_at(item.block, item.first + from, item.event_bytes);
        if (short_runs && item.event_bytes == sizeof(uint64_t)) {
            from += copy_words(all, &chosen[from], events, item.count - from);
            if (from == item.count) return;
            events = weir__block_at(item.block, item.first + from, item.event_bytes);
        }
        uint32_t index = chosen[from];
        run.first = item.first + from;
        run.count = 1;
        while (from + run.count < item.count && chosen[from + run.count] == index) run.count++;
        from += run.count;
        unsigned char **to = index >= all->count ? NULL : &all->at[index].to;
        if (to != NULL && *to != NULL) {
            memcpy(*to, events, (size_t)run.count * item.event_bytes);
            *to += (size_t)run.count * item.event_bytes;
        } else {
            give_slice(all, index, run);
        }
    }
}

static void move_all(struct weir__partitions *all, const weir_run *run, uint32_t count,
                     bool short_runs) {
    for (uint32_t at = 0, done = 0; done < count; at++) {
        struct weir__item item = *weir__queue_at(run->queue, at);
        item.flags &= WEIR__LASTING;
        if (item.count > count - done) item.count = count - done;
        deal_run_by_run(all, &all->chosen[done], item, short_runs);
        done += item.count;
    }
}

/* ---- both ---------------------------------------------------------------- */

/*
 * No memory for a copy of the first slice, which its hash may not write to.  It is lost, as
 * far as demand waits for it: left in the run it would be buffered beside open demand, and
 * nobody would ask again.  What is behind it goes when that is demanded anew.
 */
static void lose_front(const struct weir__partitions *all, weir_run *run) {
    uint64_t count = weir__queue_at(run->queue, 0)->count;
    if (count > run->left) count = run->left;
    if (count > all->waiting) count = all->waiting;
    weir_run_drop(run, count, WEIR_DISCARD_NO_MEMORY);
    weir_run_demand(run, count);
}

void weir__partitions_deal(struct weir__partitions *all, weir_run *run) {
    while (run->left > 0 && all->waiting > 0) {
        uint32_t event_bytes = weir__queue_at(run->queue, 0)->event_bytes;
        all->owning = (weir__queue_at(run->queue, 0)->flags & WEIR__OWNING) != 0;
        uint32_t count = weir__partitions_choose(all, run);
        if (count == 0) {
            lose_front(all, run);
            return;
        }
        bool short_runs = !all->owning && weir__sort_short_runs(all, count, event_bytes);
        bool sorted = short_runs && weir__sort_count(all, count);
        if (!sorted) (short_runs ? count_scattered : count_by_runs)(all, count);
        bool all_copied = prepare_all(all, event_bytes);
        if (!sorted || !all_copied || !weir__sort_move(all, run, count)) {
            move_all(all, run, count, short_runs);
        }
        weir__queue_moved(run->queue, count, all->desk->pool);
        run->left -= count;
    }
}
