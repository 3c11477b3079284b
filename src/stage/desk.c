/*
 * The desk: what a stage and its dispatcher ask of each other.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A dispatcher may be the program's own.  It is called between callbacks and
 * never inside itself: what one of its calls brings about for it (a selector's
 * refusals, demand for events that it dropped) comes later, as mail to the stage.
 */
#include "base/attributes.h"
#include "base/check.h"
#include "base/probe.h"
#include "edge/rack.h"
#include "memory/spans.h"
#include "stage/keeping.h"
#include "stage/mark.h"
#include "stage/onward.h"
#include "stage/stage.h"
#include "stage/stamp.h"

/* ---- what the dispatcher asks -------------------------------------------- */

void weir__stage_info_due(void *context, void *info) {
    weir_stage *stage = context;
    struct weir__message *message = info;
    message->mail.kind = WEIR__MAIL_INFO_DUE;
    weir__mail_list_push(&stage->control, &message->mail);
    weir__ready_queue(stage->ready, false);
}

void weir__stage_came_out(void *context, const struct weir__item *mark) {
    weir_stage *stage = context;
    if (weir__item_is_programs_mark(mark)) {
        weir__stage_mark_passed(stage, mark);
        return;
    }
    WEIR__CHECK(mark->kind == WEIR__MARK_INFO);
    if (!weir__desk_info(&stage->desk, &stage->dispatch, mark->mark)) {
        weir__stage_info_due(stage, mark->mark);
    }
}

/* Sends to whichever consumer is free first. */
static uint64_t put_on_rack(void *context, struct weir__queue *queue, uint64_t count,
                            uint64_t grain) {
    weir_stage *stage = context;
    struct weir__rack *rack = stage->desk.rack;
    uint64_t lost = weir__rack_publish(rack, queue, count, grain, &stage->host->pool);
    weir__count(&stage->host->counters.sent, count);
    weir__stage_discard(stage, lost, WEIR_DISCARD_NO_MEMORY, true);
    weir__outbox_touch_rack(&stage->host->outbox, rack);
    return lost;
}

/*
 * What a selector refused, or no memory allowed to send, is asked for later, in the
 * producer's own order.
 */
static void ask_again(void *context, weir_outlet *outlet, uint64_t count) {
    weir_stage *stage = context;
    struct weir__edge *edge = WEIR__CONTAINER_OF(outlet, struct weir__edge, outlet);
    if (edge->again == 0) {
        weir__edge_hold(edge);
        edge->again_mail.kind = WEIR__MAIL_EDGE_AGAIN;
        weir__mail_list_push(&stage->control, &edge->again_mail);
        weir__ready_queue(stage->ready, false);
    }
    edge->again += count;
}

/* For want of memory: it is asked for again, or its demand would stand still. */
static WEIR__NOINLINE void lose_sent(weir_stage *stage, struct weir__edge *edge, uint64_t lost) {
    weir__stage_discard(stage, lost, WEIR_DISCARD_NO_MEMORY, true);
    ask_again(stage, &edge->outlet, lost);
}

/* Something was sent, of about so many bytes. */
static WEIR__INLINE void tell_sent(weir_stage *stage, struct weir__edge *edge, uint64_t count,
                                   uint64_t bytes) {
    weir__count(&stage->host->counters.sent, count);
    if (weir__onward_note(stage, edge)) {
        return;
    }
    weir__outbox_touch(&stage->host->outbox, edge, WEIR__EVENTS);
    weir__outbox_touched_much(edge, WEIR__EVENTS, bytes);
}

/* Notes so many events with spans, in runs that are not worth less than a note.  spans: the type's,
 * a constant where it may be one.  Returns their bytes. */
static inline uint64_t load_spans(struct weir__load *load, const unsigned char *event,
                                  uint32_t event_bytes, uint64_t count, unsigned spans,
                                  uint64_t *longest) {
    const uint64_t part = load->most / WEIR__LOAD_PARTS;
    struct weir__note run = {0};
    uint64_t bytes = 0;
    for (uint64_t i = 0; i < count; i++, event += event_bytes) {
        uint64_t its = event_bytes + weir__spans_bytes(spans, event);
        *longest = its > *longest ? its : *longest;
        if (WEIR__UNLIKELY(run.bytes + its > part) && run.events > 0) {
            weir__load_sent(load, run.events, run.bytes);
            bytes += run.bytes;
            run = (struct weir__note){0};
        }
        run.events++;
        run.bytes += its;
    }
    weir__load_sent(load, run.events, run.bytes);
    return bytes + run.bytes;
}

/* Notes what is about to go.  Returns its bytes. */
static uint64_t load_up(struct weir__load *load, const struct weir__queue *queue, uint64_t count) {
    if (load->flat) {
        weir__load_sent(load, count, count * load->each);
        return count * load->each;
    }
    uint64_t bytes = 0;
    uint64_t longest = 0;
    for (uint32_t i = 0; count > 0; i++) {
        const struct weir__item *item = weir__queue_at(queue, i);
        const unsigned char *event = weir__block_event(item->block, item->first);
        const unsigned spans = item->block->type->spans;
        uint64_t some = item->count < count ? item->count : count;
        bytes += spans == 1 ? load_spans(load, event, item->event_bytes, some, 1, &longest)
                            : load_spans(load, event, item->event_bytes, some, spans, &longest);
        count -= some;
    }
    weir__load_message(load, longest);
    return bytes;
}

/*
 * Bytes are counted, as they go, where they are bounded.  If they are fewer than was expected
 * there is room, which no consumer tells of.
 */
static void send_loaded(weir_stage *stage, struct weir__edge *edge, struct weir__queue *queue,
                        uint64_t count) {
    uint64_t bytes = load_up(edge->load, queue, count);
    uint64_t lost = weir__edge_send_slices(edge, queue, count, &stage->host->pool);
    tell_sent(stage, edge, count, bytes);
    if (WEIR__UNLIKELY(lost > 0)) {
        weir__load_unsent(edge->load, lost);
        lose_sent(stage, edge, lost);
    }
    if (weir__edge_may_hear(edge)) {
        weir__edge_heat(edge, WEIR__DEMAND);
        weir__ready_queue(stage->ready, false);
    }
}

/* Apart: what is sent unweighed is one straight way. */
static WEIR__NOINLINE void send_weighed(weir_stage *stage, struct weir__edge *edge,
                                        struct weir__queue *queue, uint64_t count) {
    if (edge->load != NULL) {
        send_loaded(stage, edge, queue, count);
        return;
    }
    uint64_t bytes =
        count * stage->event_bytes + weir__spans_about(weir__queue_at(queue, 0), count);
    uint64_t lost = weir__edge_send_slices(edge, queue, count, &stage->host->pool);
    tell_sent(stage, edge, count, bytes);
    if (WEIR__UNLIKELY(lost > 0)) {
        lose_sent(stage, edge, lost);
    }
}

static void send_to_outlet(void *context, weir_outlet *outlet, struct weir__queue *queue,
                           uint64_t count) {
    weir_stage *stage = context;
    struct weir__edge *edge = WEIR__CONTAINER_OF(outlet, struct weir__edge, outlet);
    if (WEIR__METERED && WEIR__UNLIKELY(stage->host->stamps != 0)) {
        weir__stage_stamp(stage, edge);
    }
    if (WEIR__UNLIKELY(stage->weighs)) {
        send_weighed(stage, edge, queue, count);
        return;
    }
    uint64_t lost = weir__edge_send(edge, queue, count, &stage->host->pool);
    tell_sent(stage, edge, count, count * stage->event_bytes);
    if (WEIR__UNLIKELY(lost > 0)) {
        lose_sent(stage, edge, lost);
    }
}

static bool send_slice(void *context, weir_outlet *outlet, const struct weir__item *slice) {
    weir_stage *stage = context;
    struct weir__edge *edge = WEIR__CONTAINER_OF(outlet, struct weir__edge, outlet);
    struct weir__entry *slot = WEIR__UNLIKELY(stage->weighs) ? NULL : weir__edge_slot(edge);
    if (WEIR__UNLIKELY(slot == NULL)) {
        return false;
    }
    if (WEIR__METERED && WEIR__UNLIKELY(stage->host->stamps != 0)) {
        weir__stage_stamp(stage, edge);
    }
    uint64_t count = slice->count;
    weir__edge_put(edge, slot, slice, &stage->host->pool);
    tell_sent(stage, edge, count, count * stage->event_bytes);
    return true;
}

/* Demands what the dispatcher dropped and nobody in particular had asked for, as late. */
static void demand_again(void *context, uint64_t count) {
    weir_stage *stage = context;
    if (stage->again == 0) {
        stage->again_mail.kind = WEIR__MAIL_AGAIN;
        weir__mail_list_push(&stage->control, &stage->again_mail);
        weir__ready_queue(stage->ready, false);
    }
    stage->again += count;
}

static void discard_for_dispatcher(void *context, uint64_t count, weir_discard cause) {
    weir__stage_discard(context, count, cause, false);
}

static void unpin(void *context, struct weir__item *item) {
    weir__stage_unpin_item(context, item);
}

const struct weir__desk_calls weir__stage_desk_calls = {.send = send_to_outlet,
                                                        .send_slice = send_slice,
                                                        .put = put_on_rack,
                                                        .ask_again = ask_again,
                                                        .demand_again = demand_again,
                                                        .discard = discard_for_dispatcher,
                                                        .info_due = weir__stage_info_due,
                                                        .send_mark = weir__stage_send_mark,
                                                        .unpin = unpin};

/* ---- what the dispatcher is asked ------------------------------------------ */

uint64_t weir__stage_open_demand(const weir_stage *stage) {
    return stage->dispatch.table->open_demand(stage->dispatch.state);
}

void weir__stage_demand_again(weir_stage *stage) {
    uint64_t count = stage->again;
    stage->again = 0;
    weir__stage_demand(stage, count);
}

void weir__stage_ask_again(weir_stage *stage, struct weir__edge *edge) {
    const struct weir__dispatch *dispatch = &stage->dispatch;
    uint64_t count = edge->again;
    edge->again = 0;
    if (weir__edge_attached(edge)) {
        weir__stage_demand(stage, dispatch->table->ask(dispatch->state, &edge->outlet, count));
    }
}

/* What the subscription wants and its dispatcher would ignore in silence, or NULL. */
static const char *wanted_in_vain(const weir_stage *stage, const struct weir__edge *edge) {
    const weir_subscribe_options *options = edge->options;
    const weir_dispatcher *table = stage->dispatch.table;
    if (weir__selects(options) && !table->selects) {
        return "selector";
    }
    bool partition = options->partition != 0 || options->partition_name != NULL;
    if (partition && !table->partitions) {
        return "partition";
    }
    /* whoever is free takes what there is: nobody knows how many bytes will be whose */
    bool bounds = options->max_bytes != 0 && options->max_bytes != WEIR_INFINITY;
    if (weir__edge_is_limited(edge) && stage->desk.rack != NULL) {
        return "rate";
    }
    return bounds && stage->desk.rack != NULL ? "max_bytes" : NULL;
}

/* Bounds the bytes under way to a consumer, if it says so; those of any length always.  false:
 * no memory. */
static bool bound_edge(weir_stage *stage, struct weir__edge *edge) {
    bool flat = !weir__stage_has_spans(stage);
    size_t most = edge->options->max_bytes;
    if (most == 0) {
        most = flat ? WEIR_INFINITY : WEIR_MAX_BYTES_DEFAULT;
    }
    if (most == WEIR_INFINITY || stage->desk.rack != NULL) {
        return true;
    }
    stage->weighs = true;
    size_t each = stage->event_bytes + (flat ? 0 : weir__payload_limit(stage->type));
    if (!flat && each > most) {
        each = most; /* it is one event at first, either way */
    }
    return weir__edge_bound(edge, most, each, flat);
}

weir_reason weir__stage_introduce(weir_stage *stage, struct weir__edge *edge, uint64_t *upstream) {
    const struct weir__dispatch *dispatch = &stage->dispatch;
    const char *vain = wanted_in_vain(stage, edge);
    if (vain != NULL) {
        weir__host_log(stage->host, WEIR_LOG_ERROR,
                       "stage %s refuses a subscription: its dispatcher, %s, knows no %s",
                       stage->name, dispatch->table->name, vain);
        return WEIR_REASON_BAD_OPTIONS;
    }
    if (!bound_edge(stage, edge) ||
        !weir__outlet_open(&edge->outlet, dispatch->table, stage->host->allocator)) {
        return WEIR_REASON_NO_MEMORY;
    }
    return dispatch->table->subscribe(dispatch->state, &edge->outlet, upstream);
}

/* What a run came to, beside what was sent of it. */
static inline void count_run(weir_stage *stage, const struct weir_run *run) {
    if (run->multicast > 0 || run->copies > 0) {
        struct weir__counters *counters = &stage->host->counters;
        weir__count(&counters->multicast, run->multicast);
        weir__count(&counters->copies, run->copies);
        weir__stage_discard(stage, run->lost, WEIR_DISCARD_NO_MEMORY, false);
    }
}

uint64_t weir__stage_dispatch(weir_stage *stage, struct weir__queue *queue, uint64_t count) {
    WEIR__PROBE2(dispatch, stage->ref.bits, count);
    uint64_t before = queue->events;
    struct weir_run run = {.queue = queue, .left = count, .desk = &stage->desk};
    stage->dispatch.table->dispatch(stage->dispatch.state, &run, count);
    count_run(stage, &run);
    return before - queue->events;
}

bool weir__stage_offer_back(weir_stage *stage, struct weir__edge *edge,
                            struct weir__queue *events) {
    const struct weir__dispatch *dispatch = &stage->dispatch;
    if (stage->stopping || stage->discard_returned || dispatch->table->give_back == NULL) {
        return false;
    }
    uint64_t count = events->events;
    struct weir_run run = {.queue = events, .left = count, .desk = &stage->desk};
    bool wanted = dispatch->table->give_back(dispatch->state, &edge->outlet, &run);
    count_run(stage, &run);
    weir__count(&stage->host->counters.returned, count - events->events);
    return wanted;
}
