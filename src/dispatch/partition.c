/*
 * The partition dispatcher: each event to the consumer of its partition.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Its arithmetic is GenStage.PartitionDispatcher's: demand is pooled, what comes
 * for a partition beyond its consumer's demand waits in the partition's queue, and
 * was paid for when it was dealt, so a whole ask goes upstream even when the queue
 * serves it.  Where GenStage loses or delays something (see as_genstage in the
 * public header) weir does not, unless it is told to.
 *
 * What a dead consumer had not begun is back in the queue, and counted as delivered
 * already: it is `prepaid`, so the next asks of that partition pass as much less
 * upstream, and a consumer that dies again and again does not fill the queue.
 */
#include "dispatch/partition.h"

#include "base/attributes.h"
#include "base/check.h"

static uint64_t least(uint64_t one, uint64_t other) {
    return one < other ? one : other;
}

/* What is kept of a consumer. */
struct owner {
    uint32_t partition;
    weir_outlet *older; /* leaving: who cancelled before it */
};

static struct weir__partition *of(struct weir__partitions *all, weir_outlet *consumer) {
    const struct owner *owner = weir_outlet_state(consumer);
    return &all->at[owner->partition];
}

static bool waits(const struct weir__partition *partition) {
    return partition->backed_up || partition->queue->queue.events > 0;
}

static weir_status partition_init(void *state, weir_desk *desk, const void *options) {
    return weir__partitions_open(state, desk, options);
}

static void partition_close(void *state) {
    weir__partitions_close(state);
}

static weir_reason partition_subscribe(void *state, weir_outlet *consumer, uint64_t *upstream) {
    struct weir__partitions *all = state;
    struct owner *owner = weir_outlet_state(consumer);
    uint32_t *index = &owner->partition;
    *upstream = 0;
    weir_reason reason = weir__partitions_wanted(all, weir_outlet_options(consumer), index);
    if (reason != WEIR_REASON_NORMAL) return reason;
    if (all->at[*index].owner != NULL) return WEIR_REASON_PARTITION_TAKEN;
    all->at[*index].owner = consumer;
    return WEIR_REASON_NORMAL;
}

/* As much of its demand as its queue can serve. */
static inline void serve(const struct weir__partitions *all, struct weir__partition *partition) {
    if (partition->demand == 0 || weir__queue_empty(&partition->queue->queue)) return;
    uint64_t sent =
        weir__hold_send(partition->queue, partition->owner, partition->demand, all->as_genstage);
    partition->demand -= sent;
}

static uint64_t partition_ask(void *state, weir_outlet *consumer, uint64_t count) {
    struct weir__partitions *all = state;
    struct weir__partition *partition = of(all, consumer);
    /* Neither sum can wrap, whatever is asked. */
    uint64_t more = least(count, UINT64_MAX - all->waiting);
    more = least(more, UINT64_MAX - partition->demand);
    partition->demand += more;
    serve(all, partition);
    if (partition->demand > 0) partition->backed_up = false;

    uint64_t prepaid = least(partition->prepaid, more);
    partition->prepaid -= prepaid;
    more -= prepaid;
    uint64_t answered = least(all->pending, more);
    all->pending -= answered;
    all->waiting += more - answered;
    return more - answered;
}

static uint64_t partition_cancel(void *state, weir_outlet *consumer) {
    struct weir__partitions *all = state;
    struct weir__partition *partition = of(all, consumer);
    partition->owner = NULL;
    ((struct owner *)weir_outlet_state(consumer))->older = partition->leaving;
    partition->leaving = consumer;
    all->pending += partition->demand;
    partition->demand = 0;
    if (!all->discards) return 0;
    uint64_t dropped = weir_hold_drop(partition->queue, UINT64_MAX, WEIR_DISCARD_LEFT);
    partition->backed_up = false;
    all->waiting += dropped;
    return dropped;
}

static void partition_left(void *state, weir_outlet *consumer) {
    weir_outlet **at = &of(state, consumer)->leaving;
    while (*at != consumer) at = &((struct owner *)weir_outlet_state(*at))->older;
    *at = ((struct owner *)weir_outlet_state(consumer))->older;
}

/* Its order is kept: the next owner begins when the last one has ended. */
static weir_outlet *partition_behind(void *state, const weir_subscribe_options *options) {
    struct weir__partitions *all = state;
    uint32_t index;
    weir_reason reason = weir__partitions_wanted(all, options, &index);
    return reason == WEIR_REASON_NORMAL ? all->at[index].leaving : NULL;
}

/* true: it has gone. */
static bool send_straight(const struct weir__partitions *all, struct weir__partition *partition) {
    const struct weir_desk *desk = all->desk;
    struct weir__item slice = weir__partition_straight(partition);
    if (desk->calls->send_slice == NULL ||
        !desk->calls->send_slice(desk->context, partition->owner, &slice)) {
        return false;
    }
    partition->straight = 0;
    partition->demand -= slice.count;
    return true;
}

/* Sends what has arrived for the partition, as far as it was asked for. */
static void deliver_to_partition(struct weir__partitions *all, uint32_t index) {
    struct weir__partition *partition = &all->at[index];
    bool all_used = all->as_genstage && partition->arrived >= partition->demand;
    partition->backed_up = partition->backed_up || (all_used && partition->arrived > 0);
    if (partition->straight == 0 || !send_straight(all, partition)) {
        if (partition->straight > 0) weir__partitions_hold_straight(all, partition);
        serve(all, partition);
    }
    partition->arrived = 0;
    if (waits(partition)) weir__marks_set(&all->behind, index);
}

/* Events that nobody gets: said once for each dispatch. */
static void account(struct weir__partitions *all, weir_run *run) {
    if (WEIR__LIKELY((all->unwanted | all->bad | all->again) == 0)) return;
    const weir_desk *desk = all->desk;
    uint64_t unwanted = all->unwanted;
    uint64_t bad = all->bad;
    uint64_t again = least(all->again, all->waiting); /* a push may have gone beyond demand */
    all->unwanted = 0;
    all->bad = 0;
    all->again = 0;
    if (!all->as_genstage) weir_run_demand(run, again);
    if (unwanted > 0) desk->calls->discard(desk->context, unwanted, WEIR_DISCARD_UNWANTED);
    if (bad > 0) desk->calls->discard(desk->context, bad, WEIR_DISCARD_BAD_PARTITION);
}

static void partition_dispatch(void *state, weir_run *run, uint64_t count) {
    (void)count;
    struct weir__partitions *all = state;
    weir__partitions_deal(all, run);
    struct weir__marks *touched = &all->touched;
    for (uint32_t word = weir__marks_next_word(touched, 0); word < touched->size;
         word = weir__marks_next_word(touched, word + 1)) {
        for (uint64_t left = touched->words[word]; left != 0; left &= left - 1) {
            deliver_to_partition(all, word * 64 + (uint32_t)__builtin_ctzll(left));
        }
        weir__marks_clear_word(touched, word);
    }
    account(all, run);
}

static uint64_t partition_open_demand(const void *state) {
    const struct weir__partitions *all = state;
    return all->waiting;
}

static bool partition_give_back(void *state, weir_outlet *consumer, weir_run *events) {
    struct weir__partitions *all = state;
    struct weir__partition *partition = of(all, consumer);
    if (all->discards) return false;
    uint64_t count = weir_run_count(events);
    partition->prepaid += weir_run_hold_first(events, partition->queue, count);
    serve(all, partition);
    if (waits(partition)) weir__marks_set(&all->behind, (uint32_t)(partition - all->at));
    return false;
}

/* Behind the queue of every partition that is backed up. */
static void partition_info(void *state, weir_notice *info) {
    struct weir__partitions *all = state;
    struct weir__marks *behind = &all->behind;
    for (uint32_t word = weir__marks_next_word(behind, 0); word < behind->size;
         word = weir__marks_next_word(behind, word + 1)) {
        for (uint64_t left = behind->words[word]; left != 0; left &= left - 1) {
            uint32_t index = word * 64 + (uint32_t)__builtin_ctzll(left);
            if (waits(&all->at[index])) {
                (void)weir__hold_info(all->at[index].queue, info);
            } else {
                weir__marks_clear(behind, index);
            }
        }
    }
}

/* Behind what each partition holds, whoever will have it; else to its consumer, if it has one. */
static void partition_mark(void *state, weir_passing *mark) {
    struct weir__partitions *all = state;
    for (uint32_t i = 0; i < all->count; i++) {
        const struct weir__partition *partition = &all->at[i];
        if (!weir_passing_hold(mark, partition->queue) && partition->owner != NULL) {
            weir_passing_send(mark, partition->owner);
        }
    }
}

uint32_t weir__partitions_waiting(const struct weir__partitions *all) {
    uint32_t index = 0;
    while (index < all->count && weir_hold_count(all->at[index].queue) == 0) index++;
    return index;
}

const weir_dispatcher *weir_partition_dispatcher(void) {
    static const weir_dispatcher table = {
        .name = "partition",
        .partitions = true,
        .state_bytes = sizeof(struct weir__partitions),
        .outlet_bytes = sizeof(struct owner),
        .init = partition_init,
        .close = partition_close,
        .subscribe = partition_subscribe,
        .ask = partition_ask,
        .cancel = partition_cancel,
        .dispatch = partition_dispatch,
        .open_demand = partition_open_demand,
        .give_back = partition_give_back,
        .left = partition_left,
        .behind = partition_behind,
        .info = partition_info,
        .mark = partition_mark,
    };
    return &table;
}

uint32_t weir__dispatch_partitions(const struct weir__dispatch *dispatch) {
    return dispatch->table == weir_partition_dispatcher()
               ? ((const struct weir__partitions *)dispatch->state)->count
               : 0;
}

#if WEIR__CHECKED
static void check_partition(const struct weir__partitions *all, uint32_t index) {
    const struct weir__partition *partition = &all->at[index];
    const struct weir__queue *queue = &partition->queue->queue;
    WEIR__CHECK(partition->demand == 0 || partition->owner != NULL);
    WEIR__CHECK(partition->demand == 0 || queue->events == 0);
    WEIR__CHECK(partition->straight == 0);
    WEIR__CHECK(all->as_genstage || weir__queue_empty(queue) ||
                (weir__queue_at(queue, 0)->flags & WEIR__MARK) == 0);
    WEIR__CHECK(!waits(partition) ||
                (all->behind.words[index / 64] & (uint64_t)1 << index % 64) != 0);
    if (partition->fill != NULL) weir__block_check(partition->fill, all->desk->pool);
}

void weir__partition_check(const void *state) {
    const struct weir__partitions *all = state;
    if (all->count > WEIR__CHECK_MOST) return;
    uint64_t queues = 0;
    uint64_t demands = 0;
    uint64_t prepaid = 0;
    for (uint32_t i = 0; i < all->count; i++) {
        check_partition(all, i);
        queues += all->at[i].queue->queue.events;
        demands += all->at[i].demand;
        prepaid += all->at[i].prepaid;
    }
    WEIR__CHECK(all->waiting + queues == demands + all->pending + prepaid);
    WEIR__CHECK(weir__marks_next_word(&all->touched, 0) == all->touched.size);
}
#endif
