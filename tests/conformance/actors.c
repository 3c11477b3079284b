/*
 * The stages of suite "stages": see actors.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Between them they use all ways to emit: copied (counter, queue, repeat2), in
 * place (direct, drop_odd), and forwarded after a change in place (double).
 */
#include "conformance/actors.h"

#include <stdlib.h>
#include <string.h>

const char manual_subscription[] = "manual";

static struct actor *self_of(weir_stage *self) {
    return *(struct actor **)weir_state(self);
}

struct actor *troupe_find(const struct troupe *troupe, const char *name) {
    for (size_t i = 0; i < troupe->count; i++)
        if (strcmp(troupe->at[i].name, name) == 0) return &troupe->at[i];
    return NULL;
}

static const char *name_of(const struct actor *actor, weir_ref stage) {
    for (size_t i = 0; i < actor->troupe->count; i++)
        if (actor->troupe->at[i].stage.bits == stage.bits) return actor->troupe->at[i].name;
    return "nobody";
}

const char *reason_word(weir_reason reason) {
    return reason >= WEIR_REASON_USER ? "oops" : weir_reason_text(reason);
}

weir_reason reason_of(const char *word) {
    for (int value = 0; value < WEIR_REASON_USER; value++)
        if (strcmp(weir_reason_text((weir_reason)value), word) == 0) return (weir_reason)value;
    return WEIR_REASON_USER;
}

/* ---- emitting ------------------------------------------------------------ */

static void must_emit(weir_stage *self, weir_status status, uint64_t count) {
    struct actor *actor = self_of(self);
    if (status == WEIR_OK)
        actor->events_emitted += count;
    else
        lines_addf(&actor->journal, "%s emit refused: %s", actor->name, weir_status_text(status));
}

/* Emits first, first + 1, ... as one emission, by copying. */
static void emit_range(weir_stage *self, uint64_t first, uint64_t count) {
    if (count == 0) return;
    uint64_t *numbers = must_resize(NULL, (size_t)count * sizeof *numbers);
    for (uint64_t i = 0; i < count; i++) numbers[i] = first + i;
    must_emit(self, weir_emit(self, numbers, (size_t)count), count);
    free(numbers);
}

/* The same, written in place. */
static void write_range(weir_stage *self, uint64_t first, uint64_t count) {
    while (count > 0) {
        weir_room room = weir_reserve(self, (size_t)count);
        uint64_t *numbers = room.events;
        if (!numbers) {
            must_emit(self, WEIR_NO_MEMORY, count);
            return;
        }
        for (size_t i = 0; i < room.count; i++) numbers[i] = first + i;
        must_emit(self, weir_commit(self, room.count), room.count);
        first += room.count;
        count -= room.count;
    }
}

static void emit_queue(weir_stage *self) {
    struct actor *actor = self_of(self);
    uint64_t waiting = actor->next - actor->emitted;
    uint64_t count = waiting < actor->pending ? waiting : actor->pending;
    emit_range(self, actor->emitted, count);
    actor->emitted += count;
    actor->pending -= count;
}

/* ---- callbacks ----------------------------------------------------------- */

static weir_verdict handle_demand(weir_stage *self, uint64_t demand) {
    struct actor *actor = self_of(self);
    lines_addf(&actor->journal, "%s handle_demand %llu", actor->name, (unsigned long long)demand);
    if (actor->trade == TRADE_COUNTER) {
        uint64_t left = actor->limit - actor->next;
        uint64_t count = demand < left ? demand : left;
        emit_range(self, actor->next, count);
        actor->next += count;
    } else if (actor->trade == TRADE_QUEUE) {
        actor->pending += demand;
        emit_queue(self);
    }
    return WEIR_CONTINUE;
}

static weir_verdict forward_doubled(weir_stage *self, weir_batch batch) {
    uint64_t *numbers = weir_own(self);
    if (!numbers) return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
    for (size_t i = 0; i < batch.count; i++) numbers[i] *= 2;
    size_t count = batch.count;
    weir_verdict verdict = weir_forward(self);
    if (verdict == WEIR_CONTINUE) self_of(self)->events_emitted += count;
    return verdict;
}

static void emit_even(weir_stage *self, const uint64_t *numbers, size_t count) {
    size_t even = 0;
    for (size_t i = 0; i < count; i++) even += numbers[i] % 2 == 0;
    for (size_t from = 0; even > 0;) {
        weir_room room = weir_reserve(self, even);
        uint64_t *out = room.events;
        if (!out) {
            must_emit(self, WEIR_NO_MEMORY, even);
            return;
        }
        for (size_t written = 0; written < room.count; from++)
            if (numbers[from] % 2 == 0) out[written++] = numbers[from];
        must_emit(self, weir_commit(self, room.count), room.count);
        even -= room.count;
    }
}

static void emit_twice(weir_stage *self, const uint64_t *numbers, size_t count) {
    uint64_t *out = must_resize(NULL, 2 * count * sizeof *out);
    for (size_t i = 0; i < 2 * count; i++) out[i] = numbers[i / 2];
    must_emit(self, weir_emit(self, out, 2 * count), 2 * count);
    free(out);
}

static weir_verdict handle_events(weir_stage *self, weir_batch batch) {
    struct actor *actor = self_of(self);
    const uint64_t *numbers = batch.events;
    char before[128];
    snprintf(before, sizeof before, "%s handle_events %s", actor->name,
             name_of(actor, weir_batch_subscription(self).producer));
    lines_add_numbers(&actor->journal, before, numbers, batch.count);
    actor->events_handled += batch.count;
    if (batch.count == 0) return WEIR_CONTINUE;
    if (actor->trade == TRADE_DOUBLE) return forward_doubled(self, batch);
    if (actor->trade == TRADE_DROP_ODD) emit_even(self, numbers, batch.count);
    if (actor->trade == TRADE_REPEAT2) emit_twice(self, numbers, batch.count);
    return WEIR_CONTINUE;
}

static weir_subscribe_verdict handle_subscribe(weir_stage *self, const weir_peer *peer) {
    struct actor *actor = self_of(self);
    lines_addf(&actor->journal, "%s handle_subscribe %s", actor->name, name_of(actor, peer->stage));
    bool manual = peer->side == WEIR_PRODUCER && peer->options->user == manual_subscription;
    return manual ? WEIR_MANUAL : WEIR_AUTOMATIC;
}

static weir_verdict handle_cancel(weir_stage *self, const weir_peer *peer, weir_cancel_cause cause,
                                  weir_reason reason) {
    struct actor *actor = self_of(self);
    lines_addf(&actor->journal, "%s handle_cancel %s %s %s", actor->name,
               name_of(actor, peer->stage), cause == WEIR_DOWN ? "down" : "cancel",
               reason_word(reason));
    actor->ended = must_resize(actor->ended, (actor->ended_count + 1) * sizeof *actor->ended);
    actor->ended[actor->ended_count++] = peer->subscription.id;
    return WEIR_CONTINUE;
}

static weir_verdict handle_cast(weir_stage *self, const void *message, size_t bytes) {
    struct actor *actor = self_of(self);
    struct order order;
    if (bytes != sizeof order) return weir_stop_with(self, WEIR_REASON_BAD_RETURN);
    memcpy(&order, message, sizeof order);
    if (order.what == ORDER_BUFFERED) {
        lines_addf(&actor->journal, "%s buffered %llu", actor->name,
                   (unsigned long long)weir_buffered(self));
        return WEIR_CONTINUE;
    }
    uint64_t first = actor->next;
    actor->next += order.count;
    if (actor->trade == TRADE_DIRECT) write_range(self, first, order.count);
    if (actor->trade == TRADE_QUEUE) emit_queue(self);
    return WEIR_CONTINUE;
}

static weir_verdict handle_info(weir_stage *self, const void *message, size_t bytes) {
    struct actor *actor = self_of(self);
    uint64_t number = 0;
    if (bytes != sizeof number) return weir_stop_with(self, WEIR_REASON_BAD_RETURN);
    memcpy(&number, message, sizeof number);
    lines_addf(&actor->journal, "%s handle_info %llu", actor->name, (unsigned long long)number);
    return WEIR_CONTINUE;
}

/* The corpus knows of the buffer's discards only; the accounts of all. */
static void discarded(weir_stage *self, uint64_t count, weir_discard cause) {
    struct actor *actor = self_of(self);
    actor->events_discarded += count;
    if (cause == WEIR_DISCARD_OVERFLOW)
        lines_addf(&actor->journal, "%s discarded %llu", actor->name, (unsigned long long)count);
}

static void terminate(weir_stage *self, weir_reason reason) {
    struct actor *actor = self_of(self);
    lines_addf(&actor->journal, "%s terminate %s", actor->name, reason_word(reason));
}

/* ---- setup --------------------------------------------------------------- */

static const struct {
    const char *kind;
    const char *word;
    enum trade trade;
} trades[] = {
    {"producer", "counter", TRADE_COUNTER},
    {"producer", "queue", TRADE_QUEUE},
    {"producer", "direct", TRADE_DIRECT},
    {"producer_consumer", "double", TRADE_DOUBLE},
    {"producer_consumer", "drop_odd", TRADE_DROP_ODD},
    {"producer_consumer", "repeat2", TRADE_REPEAT2},
    {"consumer", "collect", TRADE_COLLECT},
};

static bool read_trade(const struct words *words, enum trade *trade) {
    for (size_t i = 0; i < sizeof trades / sizeof *trades; i++) {
        if (words_are(words, 2, trades[i].kind) && words_are(words, 3, trades[i].word)) {
            *trade = trades[i].trade;
            return true;
        }
    }
    return false;
}

static weir_kind kind_of(enum trade trade) {
    if (trade <= TRADE_DIRECT) return WEIR_PRODUCER;
    return trade == TRADE_COLLECT ? WEIR_CONSUMER : WEIR_PRODUCER_CONSUMER;
}

static weir_callbacks callbacks_of(weir_kind kind) {
    weir_callbacks on = {.handle_subscribe = handle_subscribe,
                         .handle_cancel = handle_cancel,
                         .handle_cast = handle_cast,
                         .handle_info = handle_info,
                         .discarded = discarded,
                         .terminate = terminate};
    if (kind == WEIR_PRODUCER)
        on.handle_demand = handle_demand;
    else
        on.handle_events = handle_events;
    return on;
}

static uint32_t hash_number(void *context, const void *event) {
    return (uint32_t)(*(const uint64_t *)event % (uintptr_t)context);
}

/* Reads "partition P", whose first word is at `index`. */
static bool read_partition(const struct words *words, size_t index, struct actor *actor) {
    uint64_t partitions = 0;
    if (!words_are(words, index, "partition") || !words_number(words, index + 1, &partitions))
        return false;
    actor->partition = (weir_partition_dispatcher_options){.partitions = (size_t)partitions,
                                                           .hash = hash_number,
                                                           .context = (void *)(uintptr_t)partitions,
                                                           .as_genstage = true};
    actor->options.dispatcher = weir_partition_dispatcher();
    return true;
}

/* Reads one option at `index`; returns how many words it had, 0: not understood. */
static size_t read_option(const struct words *words, size_t index, struct actor *actor) {
    weir_stage_options *options = &actor->options;
    uint64_t number = 0;
    size_t value = index + 1;
    if (words_are(words, index, "buffer")) {
        if (words_are(words, value, "infinity"))
            options->buffer_size = WEIR_INFINITY;
        else if (words_number(words, value, &number))
            options->buffer_size = number == 0 ? WEIR_NONE : (size_t)number;
        else
            return 0;
    } else if (words_are(words, index, "keep")) {
        options->buffer_keep = words_are(words, value, "first") ? WEIR_KEEP_FIRST : WEIR_KEEP_LAST;
    } else if (words_are(words, index, "dispatcher") && words_are(words, value, "demand")) {
        options->dispatcher = weir_demand_dispatcher();
    } else if (words_are(words, index, "dispatcher") && words_are(words, value, "broadcast")) {
        static const weir_broadcast_dispatcher_options recorded = {.as_genstage = true,
                                                                   .forgets_refused = true};
        options->dispatcher = weir_broadcast_dispatcher();
        options->dispatcher_options = &recorded;
    } else if (words_are(words, index, "dispatcher") && read_partition(words, value, actor)) {
        return 3;
    } else if (words_are(words, index, "demand") && words_are(words, value, "accumulate")) {
        options->demand = WEIR_ACCUMULATE;
    } else {
        return 0;
    }
    return 2;
}

bool actor_read(const struct words *words, struct actor *actor) {
    if (words->count < 4 || !read_trade(words, &actor->trade)) return false;
    weir_kind kind = kind_of(actor->trade);
    actor->name = must_copy(words->at[1]);
    actor->options = (weir_stage_options){.kind = kind,
                                          .name = actor->name,
                                          .event_bytes = kind == WEIR_CONSUMER ? 0 : 8,
                                          .state_bytes = sizeof actor,
                                          .as_genstage = true,
                                          .on = callbacks_of(kind)};
    size_t index = 4;
    if (actor->trade == TRADE_COUNTER && !words_number(words, index++, &actor->limit)) return false;
    while (index < words->count) {
        size_t used = read_option(words, index, actor);
        if (used == 0) return false;
        index += used;
    }
    return true;
}

weir_status actor_start(struct actor *actor, weir_runtime *runtime) {
    actor->options.state = &actor; /* its address is copied */
    if (actor->partition.partitions > 0) actor->options.dispatcher_options = &actor->partition;
    return weir_stage_start(runtime, &actor->options, &actor->stage);
}

void actor_free(struct actor *actor) {
    lines_clear(&actor->journal);
    free(actor->ended);
    free(actor->name);
}
