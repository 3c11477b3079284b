/*
 * A stage's life: made on the thread that starts it, ended on its worker.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/reason.h"
#include "base/refusal.h"
#include "stage/control.h"
#include "stage/ending.h"
#include "stage/keeping.h"
#include "stage/outputs.h"
#include "stage/subscription.h"
#include "stage/takers.h"

#include <string.h>

_Thread_local weir_stage *weir__starting;

static size_t round_up(size_t bytes, size_t to) {
    return (bytes + to - 1) / to * to;
}

/* ---- start --------------------------------------------------------------- */

static uint64_t buffer_size(const weir_stage_options *options) {
    switch (options->buffer_size) {
    case 0:
        return options->kind == WEIR_PRODUCER ? WEIR_BUFFER_SIZE_DEFAULT : UINT64_MAX;
    case WEIR_NONE:
        return 0;
    case WEIR_INFINITY:
        return UINT64_MAX;
    default:
        return options->buffer_size;
    }
}

/* In events; of flat ones a bound in bytes is one in events, of one at least. */
static uint64_t buffer_bound(const weir_stage *stage, const weir_stage_options *options) {
    uint64_t size = buffer_size(options);
    if (options->buffer_bytes == 0 || options->buffer_bytes == WEIR_INFINITY || size == 0 ||
        weir__stage_has_spans(stage)) {
        return size;
    }
    uint64_t fit = options->buffer_bytes / stage->event_bytes;
    fit = fit > 0 ? fit : 1;
    return fit < size ? fit : size;
}

static uint64_t buffer_most(const weir_stage *stage, const weir_stage_options *options) {
    bool bounded = options->buffer_bytes != 0 && options->buffer_bytes != WEIR_INFINITY;
    return bounded && weir__stage_has_spans(stage) ? options->buffer_bytes : UINT64_MAX;
}

static void open_queues(weir_stage *stage, const weir_stage_options *options) {
    const struct weir__allocator *allocator = stage->host->allocator;
    weir__queue_open(&stage->emission, allocator);
    weir__queue_open(&stage->scratch, allocator);
    weir__queue_open(&stage->deferred, allocator);
    weir__queue_open(&stage->inq, allocator);
    weir__queue_open(&stage->lent, allocator);
    weir__queue_open(&stage->stash, allocator);
    weir__index_open(&stage->known, allocator);
    weir__index_open(&stage->leaving, allocator);
    weir__index_open(&stage->subscriptions, allocator);
    weir__buffer_open(&stage->buffer, buffer_bound(stage, options), buffer_most(stage, options),
                      options->buffer_keep, allocator, &stage->host->pool);
}

static void open_desk(weir_stage *stage) {
    struct weir__host *host = stage->host;
    stage->desk = (struct weir_desk){.calls = &weir__stage_desk_calls,
                                     .context = stage,
                                     .pool = &host->pool,
                                     .scratch = &stage->scratch,
                                     .allocator = host->allocator,
                                     .buffered = &host->counters.buffered};
}

static weir_status open_dispatcher(weir_stage *stage, const weir_stage_options *options) {
    const weir_dispatcher *table =
        options->dispatcher != NULL ? options->dispatcher : weir_demand_dispatcher();
    if (stage->kind == WEIR_CONSUMER) {
        return WEIR_OK;
    }
    if (table->state_bytes > 0) {
        stage->dispatch.state = weir__alloc_zeroed(stage->host->allocator, table->state_bytes, 64);
        if (stage->dispatch.state == NULL) {
            return weir__refuse(WEIR_NO_MEMORY, "no memory for dispatcher %s", table->name);
        }
    }
    open_desk(stage);
    weir_status status = table->init == NULL ? WEIR_OK
                                             : table->init(stage->dispatch.state, &stage->desk,
                                                           options->dispatcher_options);
    if (status != WEIR_OK) {
        weir__desk_close(&stage->desk);
        weir__free(stage->host->allocator, stage->dispatch.state, table->state_bytes);
        return weir__dispatch_is_weirs(table)
                   ? weir__refuse(status, "stage %.63s: %s", stage->name, weir_refusal())
                   : status;
    }
    stage->dispatch.table = table;
    stage->in_step = table == weir_broadcast_dispatcher();
    return WEIR_OK;
}

static weir_stage *make_stage(struct weir__host *host, const weir_stage_options *options) {
    static const char *const kinds[] = {"", "producer", "producer_consumer", "consumer"};
    const char *name = options->name != NULL ? options->name : kinds[options->kind];
    size_t name_bytes = strlen(name) + 1;
    size_t state_at = round_up(sizeof(weir_stage), 64);
    size_t name_at = state_at + round_up(options->state_bytes, 64);
    weir_stage *stage = weir__alloc_zeroed(host->allocator, name_at + name_bytes, 64);
    if (stage == NULL) {
        return NULL;
    }
    stage->on = options->on;
    stage->bytes = name_at + name_bytes;
    stage->state = options->state_bytes > 0 ? (unsigned char *)stage + state_at : NULL;
    stage->name = (char *)stage + name_at;
    memcpy(stage->name, name, name_bytes);
    if (options->state != NULL && options->state_bytes > 0) {
        memcpy(stage->state, options->state, options->state_bytes);
    }
    return stage;
}

/* What init sends to the stage itself waits in `control` (see weir__starting). */
static bool run_init(weir_stage *stage, void *argument) {
    if (stage->on.init == NULL) {
        return true;
    }
    stage->outer = weir__starting;
    weir__starting = stage;
    weir_verdict verdict = stage->on.init(stage, argument);
    weir__starting = stage->outer;
    return verdict == WEIR_CONTINUE;
}

weir_status weir__stage_open(struct weir__host *host, struct weir__ready_stage *ready, weir_ref ref,
                             const weir_stage_options *options, weir_stage **out) {
    weir_stage *stage = make_stage(host, options);
    if (stage == NULL) {
        return weir__refuse(WEIR_NO_MEMORY, "no memory for a stage with %zu bytes of state",
                            options->state_bytes);
    }
    stage->host = host;
    stage->ready = ready;
    stage->ref = ref;
    stage->kind = (uint8_t)options->kind;
    stage->event_bytes = options->kind == WEIR_CONSUMER ? 0
                         : options->type != NULL        ? options->type->bytes
                                                        : options->event_bytes;
    stage->type = options->kind == WEIR_CONSUMER ? NULL : options->type;
    stage->weighs = weir__stage_has_spans(stage);
    stage->takes_bytes = options->takes_bytes;
    stage->mode = options->demand;
    stage->as_genstage = options->as_genstage;
    stage->drop_unheard = options->drop_unheard;
    stage->discard_returned = options->discard_returned;
    stage->on_cancel = options->on_cancel;
    weir__index_open(&stage->timers, host->allocator);
    weir__index_open(&stage->watching, host->allocator);
    weir__index_open(&stage->fed_by, host->allocator);
    open_queues(stage, options);
    weir_status status = weir__meter_open(stage)
                             ? open_dispatcher(stage, options)
                             : weir__refuse(WEIR_NO_MEMORY, "no memory for a stage's counters");
    if (status != WEIR_OK) {
        weir__meter_close(stage);
        weir__free(host->allocator, stage, stage->bytes);
        return status;
    }
    *out = stage;
    return run_init(stage, options->argument) ? WEIR_OK : WEIR_INIT_STOPPED;
}

/* ---- end ----------------------------------------------------------------- */

/* What came too late; but who asks for the end hears of it with all others, when the
 * stage's name is free. */
static void end_control(weir_stage *stage) {
    struct weir__mail *mail;
    while ((mail = weir__mail_list_pop(&stage->control)) != NULL) {
        if (mail->kind == WEIR__MAIL_ON_END || mail->kind == WEIR__MAIL_WATCH) {
            weir__stage_mail(stage, mail);
        } else {
            weir__mail_bounce(stage->host, mail);
        }
    }
}

weir_status weir__stage_abandon(weir_stage *stage) {
    weir__stage_end_monitors(stage);
    end_control(stage);
    weir__stage_send_replies(stage);
    weir__stage_tell_enders(stage);
    weir_status status = weir__refuse(WEIR_INIT_STOPPED, "init of stage %s stopped it: %s",
                                      stage->name, weir__reason_words(stage->reason).text);
    weir__stage_free(stage);
    return status;
}

static void drop_info(void *context, void *info) {
    weir_stage *stage = context;
    stage->host->used_up(stage->host, info);
}

static void drop_mark(void *context, const struct weir__item *mark) {
    if (mark->kind == WEIR__MARK_INFO) {
        drop_info(context, mark->mark);
    }
}

/* Empties a queue of events and marks. */
static void empty(weir_stage *stage, struct weir__queue *queue) {
    while (!weir__queue_empty(queue)) {
        struct weir__item item = weir__queue_pop(queue);
        if ((item.flags & WEIR__MARK) != 0) {
            drop_mark(stage, &item);
        } else {
            weir__item_discard(&item, WEIR_DISCARD_STOPPED, &stage->host->pool);
        }
    }
}

/* What it emitted and nobody has got: discarded, and said so. */
static void discard_unsent(weir_stage *stage) {
    uint64_t count = stage->buffer.queue.events + stage->deferred.events;
    weir__count(&stage->host->counters.buffered, 0 - count);
    weir__buffer_close(&stage->buffer, drop_mark, stage);
    empty(stage, &stage->deferred);
    if (stage->dispatch.table != NULL) {
        count += weir__desk_empty(&stage->desk, drop_info, stage);
    }
    weir__stage_discard(stage, count, WEIR_DISCARD_STOPPED, false);
}

/* Gives a queue's events back to the edges that they came by.  Returns how many are lost. */
static uint64_t give_back_input(weir_stage *stage, struct weir__queue *queue) {
    uint64_t lost = 0;
    while (!weir__queue_empty(queue)) {
        struct weir__item item = weir__queue_pop(queue);
        if ((item.flags & WEIR__MARK) != 0) {
            drop_mark(stage, &item);
            continue;
        }
        struct weir__edge *edge = item.owner;
        if (!weir__queue_push(&edge->returned, item)) {
            lost += item.count;
            weir__item_discard(&item, WEIR_DISCARD_NO_MEMORY, &stage->host->pool);
        }
    }
    return lost;
}

/*
 * What it received and has not begun goes back with the edge it came by: what a reader
 * outside has not read came before what waits.
 */
static void return_unbegun(weir_stage *stage) {
    weir__stage_recall_ends(stage);
    if (WEIR__PART(stage, recall) != NULL) {
        stage->part->recall(stage);
    }
    uint64_t lost = give_back_input(stage, &stage->lent) + give_back_input(stage, &stage->inq);
    for (struct weir__edge *edge = stage->producers; edge != NULL; edge = edge->producers_next) {
        if (weir__edge_is_limited(edge)) { /* before what is not a message yet */
            lost += give_back_input(stage, &edge->limit->queue);
        }
        lost += give_back_input(stage, &edge->partial);
    }
    stage->limit_events = 0;
    weir__stage_discard(stage, lost, WEIR_DISCARD_NO_MEMORY, true);
}

/* Of those that tell of something. */
static uint64_t dropped_so_far(const struct weir__host *host) {
    return host->counters.messages_dropped - host->wakes_dropped;
}

/* They were accepted, and nobody hears of them otherwise. */
static void say_dropped(const weir_stage *stage, uint64_t messages) {
    if (messages > 0) {
        weir__host_log(stage->host, WEIR_LOG_WARNING,
                       "stage %s has stopped before it came to %llu messages: they were dropped",
                       stage->name, (unsigned long long)messages);
    }
}

static void part_goes(weir_stage *stage) {
    if (WEIR__PART(stage, gone) != NULL) {
        stage->part->gone(stage);
        stage->part = NULL;
    }
}

void weir__stage_terminate(weir_stage *stage) {
    const uint64_t dropped = dropped_so_far(stage->host);
    if (stage->emission.count > 0) {
        weir__stage_emitted(stage);
    }
    discard_unsent(stage);
    weir__stage_discard(stage, weir__stage_lose_rack(stage), WEIR_DISCARD_STOPPED, true);
    weir__stage_lose_stash(stage);
    return_unbegun(stage);
    part_goes(stage);
    if (stage->on.terminate != NULL) {
        stage->host->running = stage;
        stage->on.terminate(stage, stage->reason);
        stage->host->running = NULL;
    }
    weir__outputs_end(stage);
    weir__stage_leave_consumers(stage);
    weir__stage_leave_producers(stage);
    weir__stage_drop_timers(stage);
    end_control(stage);
    say_dropped(stage, dropped_so_far(stage->host) - dropped);
    weir__stage_send_replies(stage);
    weir__stage_leave_rack(stage);
}

static void close_filled(weir_stage *stage, struct weir__block **block) {
    if (*block != NULL) {
        weir__block_close(*block, &stage->host->pool);
        *block = NULL;
    }
}

void weir__stage_free(weir_stage *stage) {
    struct weir__host *host = stage->host;
    part_goes(stage);
    weir__index_close(&stage->timers);
    weir__index_close(&stage->watching);
    weir__index_close(&stage->fed_by);
    close_filled(stage, &stage->open);
    close_filled(stage, &stage->keep);
    close_filled(stage, &stage->keep_payload);
    close_filled(stage, &stage->payload);
    if (stage->outdated != NULL) {
        weir__block_drop(stage->outdated, &stage->host->pool);
        stage->outdated = NULL;
    }
    weir__queue_close(&stage->emission, WEIR_DISCARD_STOPPED, &host->pool);
    weir__queue_close(&stage->scratch, WEIR_DISCARD_STOPPED, &host->pool);
    weir__queue_close(&stage->deferred, WEIR_DISCARD_STOPPED, &host->pool);
    weir__queue_close(&stage->inq, WEIR_DISCARD_STOPPED, &host->pool);
    weir__queue_close(&stage->lent, WEIR_DISCARD_STOPPED, &host->pool);
    weir__queue_close(&stage->stash, WEIR_DISCARD_STOPPED, &host->pool);
    weir__index_close(&stage->known);
    weir__index_close(&stage->leaving);
    weir__index_close(&stage->subscriptions);
    const weir_dispatcher *table = stage->dispatch.table;
    if (table != NULL) {
        if (table->close != NULL) {
            table->close(stage->dispatch.state);
        }
        weir__desk_close(&stage->desk);
        weir__free(host->allocator, stage->dispatch.state, table->state_bytes);
    }
    weir__meter_close(stage);
    if (stage->outputs != NULL) {
        weir__free(host->allocator, stage->outputs, stage->outputs->bytes);
    }
    weir__free(host->allocator, stage, stage->bytes);
}
