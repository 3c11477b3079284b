/*
 * The stages of a random graph: see random_stages.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A stage's state is the number of its node.
 */
#include "random_stages.h"
#include "random_estate.h"

#include <string.h>

static weir_inlet *inlet;
static struct node *inlet_node;
static weir_rate *rate;

void stages_begin(void) {
    rate = NULL;
    inlet = NULL;
    inlet_node = NULL;
}

bool may(weir_status status) {
    switch (status) {
    case WEIR_NO_STAGE:
    case WEIR_NO_SUBSCRIPTION:
    case WEIR_NO_TIMER:
    case WEIR_NO_CALLER:
    case WEIR_CLOSED:
        return false;
    default:
        return must(status);
    }
}

static struct node *self_node(weir_stage *self) {
    return &books.node[*(const unsigned *)weir_state(self)];
}

/* --- emitting ----------------------------------------------------------------------------- */

static void write_events(void *place, size_t event_bytes, const uint64_t *labels, size_t count) {
    for (size_t i = 0; i < count; i++) {
        memset((char *)place + i * event_bytes, (int)labels[i], event_bytes);
        memcpy((char *)place + i * event_bytes, &labels[i], sizeof labels[i]);
    }
}

/* What they own stays theirs. */
static void relabel(void *place, size_t event_bytes, const uint64_t *labels, size_t count) {
    if (!estate_is_owned()) {
        write_events(place, event_bytes, labels, count);
        return;
    }
    for (size_t i = 0; i < count; i++)
        memcpy((char *)place + i * event_bytes, &labels[i], sizeof labels[i]);
}

/* One for which there is no memory has its number all the same, and nobody has it. */
static void mark_some(weir_stage *self, struct node *node) {
    if (node->deal == BY_SHARE) return;
    while (sim_draw(8) == 0) {
        const weir_mark mark = books_mark(node);
        must(weir_emit_mark(self, &mark));
    }
}

/* By copy or in place, in one run or several.  Returns how many there was memory for. */
static unsigned emit(weir_stage *self, struct node *node, const uint64_t *labels, unsigned count) {
    unsigned char events[LOG * 48];
    unsigned done = 0;
    mark_some(self, node);
    while (done < count) {
        size_t run = 1 + (size_t)sim_draw(count - done);
        if (sim_draw(2) == 0) {
            write_events(events, node->event_bytes, &labels[done], run);
            estate_write(events, node->event_bytes, run);
            if (!must(weir_emit(self, events, run))) {
                estate_return(events, node->event_bytes, run);
                break;
            }
        } else {
            weir_room room = weir_reserve(self, run);
            run = room.count;
            SIM_REQUIRE(room.events != NULL || books.failing);
            if (room.events == NULL) break;
            write_events(room.events, node->event_bytes, &labels[done], run);
            estate_write(room.events, node->event_bytes, run);
            if (!must(weir_commit(self, run))) break;
        }
        books_emitted(node, &labels[done], (unsigned)run);
        done += (unsigned)run;
        mark_some(self, node);
    }
    return done;
}

/* Numbers of its own. */
static void make(weir_stage *self, struct node *node, uint64_t want) {
    uint64_t labels[LOG];
    unsigned left = node->total - node->emitted;
    unsigned count = want < left ? (unsigned)want : left;
    for (unsigned i = 0; i < count; i++) labels[i] = books_label(node, 0, node->emitted + i);
    uint64_t done = emit(self, node, labels, count);
    sim_note("emitted", done);
    node->debt -= done < node->debt ? done : node->debt;
}

/* Also of a consumer: what demand there is for it is no matter. */
static void emit_beside(weir_stage *self, struct node *node) {
    struct node *output = node->output;
    uint64_t labels[4];
    if (output == NULL || sim_draw(2) == 0) return;
    unsigned count = 1 + (unsigned)sim_draw(4);
    if (count > LOG - output->emitted) return;
    for (unsigned i = 0; i < count; i++) labels[i] = books_label(output, 0, output->emitted + i);
    if (may(weir_emit_to(self, 1, labels, count))) books_emitted(output, labels, count);
}

static weir_verdict fail_now(weir_stage *self, struct node *node) {
    if (node->mine == 0 || --node->mine > 0) return WEIR_CONTINUE;
    return weir_stop_with(self, WEIR_REASON_USER);
}

static weir_verdict on_demand(weir_stage *self, uint64_t demand) {
    struct node *node = self_node(self);
    SIM_REQUIRE(demand > 0 && node->alive);
    if (sim_draw(12) == 0) { /* as if it had not been asked for: it comes again */
        uint64_t left = sim_draw(demand + 1);
        must(weir_demand_rest(self, left));
        demand -= left;
    }
    node->debt += demand;
    sim_note("demand of node", books_number(node));
    sim_note("... for", demand);
    uint64_t want = node->debt;
    if (node->lazy && sim_draw(2) == 0) want = sim_draw(want);
    if (node->surplus && sim_draw(4) == 0) want += sim_draw(8);
    make(self, node, want);
    emit_beside(self, node);
    if (node->ends && node->emitted == node->total) return WEIR_STOP;
    return fail_now(self, node);
}

/* --- passing on --------------------------------------------------------------------------- */

/* The labels of what becomes of a batch, none more than HOPS long or than the log can take. */
static unsigned renew(const struct node *node, const struct line *from, weir_batch batch,
                      uint64_t *labels) {
    unsigned count = 0;
    unsigned times = node->way == EXPAND ? 2 : 1;
    for (size_t i = 0; i < batch.count; i++) {
        unsigned hops = books_hops(books_event(from, batch, i)) + 1;
        if (hops > HOPS || (node->way == FILTER && sim_draw(2) == 0)) continue;
        for (unsigned again = 0; again < times && node->emitted + count < LOG; again++, count++)
            labels[count] = books_label(node, hops, node->emitted + count);
    }
    return count;
}

static bool all_new(const struct node *node, const struct line *from, weir_batch batch) {
    for (size_t i = 0; i < batch.count; i++)
        if (books_in_log(node, books_event(from, batch, i))) return false;
    return true;
}

static weir_verdict pass(weir_stage *self, struct node *node, const struct line *from,
                         weir_batch batch) {
    uint64_t labels[LOG];
    for (size_t i = 0; i < batch.count; i++) labels[i] = books_event(from, batch, i);
    books_emitted(node, labels, (unsigned)batch.count); /* or, without memory, discarded */
    weir_verdict verdict = weir_forward(self);
    SIM_REQUIRE(verdict == WEIR_CONTINUE || books.failing);
    return verdict;
}

static weir_verdict pass_on(weir_stage *self, struct node *node, const struct line *from,
                            weir_batch batch) {
    uint64_t labels[LOG];
    bool fits =
        batch.count <= LOG - node->emitted && from->producer->event_bytes == node->event_bytes;
    if (fits && node->way == PASS && all_new(node, from, batch))
        return pass(self, node, from, batch);
    unsigned count = renew(node, from, batch, labels);
    if (!fits || node->way != CHANGE || count != batch.count) {
        emit(self, node, labels, count);
        return WEIR_CONTINUE;
    }
    void *events = weir_own(self);
    SIM_REQUIRE(events != NULL || books.failing);
    if (events == NULL) return WEIR_CONTINUE;
    relabel(events, node->event_bytes, labels, count);
    return pass(self, node, from, (weir_batch){.events = events, .count = count});
}

static void ask_by_hand(struct line *line) {
    uint64_t more = sim_draw(6);
    line->asked += more;
    if (!may(weir_ask(world.runtime, line->id, more))) line->asked -= more;
}

/* They are the program's from then on. */
static void take_some(weir_stage *self, const struct line *line, weir_batch batch) {
    unsigned char events[LOG * 48];
    if (line->producer->inlet || sim_draw(4) > 0) return;
    size_t first = (size_t)sim_draw(batch.count + 1);
    size_t count = (size_t)sim_draw(batch.count - first + 1);
    if (must(weir_take(self, first, count, events)))
        estate_return(events, line->producer->event_bytes, count);
}

/* As if they had not come: they come again. */
static void leave_some(weir_stage *self, weir_batch *batch) {
    if (sim_draw(12) > 0) return;
    size_t count = (size_t)sim_draw(batch->count + 1);
    if (must(weir_batch_rest(self, count))) batch->count = count;
}

static weir_verdict on_events(weir_stage *self, weir_batch batch) {
    struct node *node = self_node(self);
    struct line *line = books_line(weir_batch_subscription(self));
    size_t came = batch.count;
    leave_some(self, &batch);
    if (batch.count == 0 && came > 0) return WEIR_CONTINUE;
    books_handled(node, line, batch);
    SIM_REQUIRE(weir_batch_event_bytes(self) == line->producer->event_bytes);
    if (!line->producer->inlet) estate_look(batch.events, line->producer->event_bytes, batch.count);
    if (line->by_hand) ask_by_hand(line);
    emit_beside(self, node);
    weir_verdict verdict = WEIR_CONTINUE;
    if (node->kind == WEIR_PRODUCER_CONSUMER) verdict = pass_on(self, node, line, batch);
    if (node->kind == WEIR_CONSUMER && estate_is_owned()) take_some(self, line, batch);
    return verdict == WEIR_CONTINUE ? fail_now(self, node) : verdict;
}

static weir_verdict on_mark(weir_stage *self, const weir_peer *from, const weir_mark *mark) {
    struct node *node = self_node(self);
    books_marked(node, books_line(from->subscription), mark);
    return fail_now(self, node);
}

/* --- beginnings and ends ------------------------------------------------------------------ */

static weir_verdict on_init(weir_stage *self, void *argument) {
    struct node *node = argument;
    *(unsigned *)weir_state(self) = books_number(node);
    node->ref = weir_self(self);
    node->alive = true;
    return WEIR_CONTINUE;
}

static weir_subscribe_verdict on_subscribe(weir_stage *self, const weir_peer *peer) {
    struct node *node = self_node(self);
    if (sim_draw(32) == 0) return WEIR_SUBSCRIBE_REFUSE;
    if (peer->side == WEIR_CONSUMER) return books_subscribed(node, peer, false), WEIR_AUTOMATIC;
    if (!books_subscribed(node, peer, node->by_hand)) return WEIR_SUBSCRIBE_REFUSE;
    if (node->by_hand) ask_by_hand(books_line(peer->subscription));
    return node->by_hand ? WEIR_MANUAL : WEIR_AUTOMATIC;
}

static weir_verdict on_cancel(weir_stage *self, const weir_peer *peer, weir_cancel_cause cause,
                              weir_reason reason) {
    (void)cause, (void)reason;
    books_cancelled(self_node(self), peer);
    if (sim_draw(8) == 0) do_deed(self);
    return WEIR_CONTINUE;
}

static void on_terminate(weir_stage *self, weir_reason reason) {
    sim_note("gone: node", books_number(self_node(self)));
    sim_note("... with", reason);
    books_gone(self_node(self));
}

static void note_discard(uint64_t count, weir_discard cause) {
    world.discarded += count;
    sim_note("discarded", count);
    sim_note("... because", cause);
    if (cause == WEIR_DISCARD_STOPPED || cause == WEIR_DISCARD_CONSUMER) books.stopped += count;
}

static void on_discarded(weir_stage *self, uint64_t count, weir_discard cause) {
    sim_note("node", books_number(self_node(self)));
    note_discard(count, cause);
}

static void on_inlet_discarded(void *context, uint64_t count, weir_discard cause) {
    (void)context;
    note_discard(count, cause);
}

/* --- messages ----------------------------------------------------------------------------- */

static struct word word_in(const void *message, size_t bytes) {
    struct word word;
    SIM_REQUIRE(bytes == sizeof word);
    memcpy(&word, message, sizeof word);
    return word;
}

static weir_verdict on_cast(weir_stage *self, const void *message, size_t bytes) {
    struct node *node = self_node(self);
    struct word word = word_in(message, bytes);
    if (word.what == DEED) do_deed(self);
    if (word.what == EMIT && node->kind == WEIR_PRODUCER)
        make(self, node, node->surplus ? 1 + sim_draw(6) : node->debt);
    return fail_now(self, node);
}

static weir_verdict on_info(weir_stage *self, const void *message, size_t bytes) {
    struct node *node = self_node(self);
    struct word word = word_in(message, bytes);
    if (word.what == SERIAL) {
        /* One for which there is no memory to wait goes on at once. */
        SIM_REQUIRE(word.serial > node->info || books.failing);
        node->info = word.serial;
    }
    return WEIR_CONTINUE;
}

static weir_verdict on_call(weir_stage *self, weir_from from, const void *request, size_t bytes) {
    struct word word = word_in(request, bytes);
    unsigned answer = word.serial * 3;
    bool later = sim_draw(2) == 0 && must(weir_reply_after(self, from, &answer, sizeof answer));
    if (!later) may(weir_reply(world.runtime, from, &answer, sizeof answer));
    return fail_now(self, self_node(self));
}

static weir_verdict on_down(weir_stage *self, weir_ref stage, weir_reason reason) {
    struct node *node = self_node(self);
    struct node *other = books_find(stage);
    (void)reason;
    SIM_REQUIRE(!other->alive || other->inlet);
    node->told[books_number(other)]++;
    SIM_REQUIRE(node->told[books_number(other)] <= node->watches[books_number(other)]);
    return WEIR_CONTINUE;
}

/* --- starting ----------------------------------------------------------------------------- */

static const weir_callbacks callbacks = {
    .init = on_init,
    .handle_demand = on_demand,
    .handle_events = on_events,
    .handle_mark = on_mark,
    .handle_subscribe = on_subscribe,
    .handle_cancel = on_cancel,
    .handle_cast = on_cast,
    .handle_info = on_info,
    .handle_call = on_call,
    .handle_down = on_down,
    .discarded = on_discarded,
    .terminate = on_terminate,
};

static unsigned choose_producers(const struct node *node, weir_subscribe_to *list) {
    unsigned count = 0;
    for (uint64_t i = sim_draw(8) == 0 ? 0 : 1 + sim_draw(4); i > 0; i--) {
        const struct node *producer = some_producer(node);
        if (producer == NULL || !producer->alive) continue;
        list[count++] =
            (weir_subscribe_to){.producer = producer->ref, .options = some_options(producer)};
    }
    return count;
}

/* Its events own nothing, and nobody tells us of its ends. */
static void choose_output(struct node *node, weir_stage_options *options,
                          weir_output_options *output) {
    struct node *beside = sim_draw(6) == 0 ? books_node() : NULL;
    if (beside == NULL) return;
    *beside = (struct node){.kind = WEIR_PRODUCER, .inlet = true, .event_bytes = 8, .alive = true};
    *output = (weir_output_options){.name = "beside", .event_bytes = 8};
    node->output = beside;
    options->outputs = output;
    options->output_count = 1;
}

static void know_output(const struct node *node) {
    struct node *beside = node->output;
    if (beside == NULL) return;
    beside->known =
        node->known && may(weir_stage_output(world.runtime, node->ref, 1, &beside->ref));
    beside->alive = node->known;
}

void start_some_stage(weir_kind kind) {
    struct node *node = books_node();
    if (node == NULL) return;
    node->kind = kind;
    choose_character(node);
    weir_output_options output;
    weir_subscribe_to list[5];
    struct dealing dealing;
    weir_stage_options options = {.kind = kind,
                                  .event_bytes = node->event_bytes,
                                  .type =
                                      kind == WEIR_CONSUMER ? NULL : estate_type(node->event_bytes),
                                  .state_bytes = sizeof(unsigned),
                                  .argument = node,
                                  .worker = world_somewhere(),
                                  .on = callbacks};
    if (kind != WEIR_CONSUMER) choose_dispatcher(node, &options, &dealing);
    if (kind != WEIR_CONSUMER) choose_buffer(&options);
    if (kind == WEIR_PRODUCER) options.demand = sim_draw(4) == 0 ? WEIR_ACCUMULATE : WEIR_FORWARD;
    if (kind != WEIR_PRODUCER) options.subscribe_count = choose_producers(node, list);
    if (options.subscribe_count > 0) options.subscribe_to = list;
    if (kind != WEIR_PRODUCER) options.on.handle_demand = NULL;
    if (kind == WEIR_PRODUCER) options.on.handle_events = NULL;
    if (kind == WEIR_PRODUCER || !node->looks) options.on.handle_mark = NULL;
    choose_output(node, &options, &output);
    node->known = may(weir_stage_start(world.runtime, &options, NULL));
    if (!node->known) node->alive = false;
    know_output(node);
}

void start_some_inlet(void) {
    struct node *node = inlet_node == NULL ? books_node() : NULL;
    if (node == NULL) return;
    *node = (struct node){.kind = WEIR_PRODUCER, .inlet = true, .event_bytes = 8, .alive = true};
    weir_inlet_options options = {.event_bytes = node->event_bytes,
                                  .capacity = 2 + (size_t)sim_draw(12),
                                  .when_full = (weir_when_full)sim_draw(4),
                                  .worker = world_somewhere(),
                                  .discarded = on_inlet_discarded};
    books.has_inlet = true;
    inlet_node = node;
    node->known = may(weir_inlet_open(world.runtime, &options, &inlet, &node->ref));
    if (!node->known) node->alive = false;
}

/* Only the main thread does: what several push has no order between them. */
void push_some(void) {
    uint64_t labels[4];
    struct node *node = inlet_node;
    unsigned count = 1 + (unsigned)sim_draw(2);
    if (inlet == NULL || node->emitted + count > LOG) return;
    for (unsigned i = 0; i < count; i++) labels[i] = books_label(node, 0, node->emitted + i);
    if (sim_draw(4) == 0) {
        const weir_mark mark = books_mark(node);
        weir_status status = weir_inlet_push_mark(inlet, &mark, 0);
        if (status == WEIR_OK || status == WEIR_DROPPED) return;
        node->marks--;
        if (status != WEIR_FULL && status != WEIR_TIMEOUT) may(status);
        return;
    }
    books_emitted(node, labels, count);
    weir_status status = weir_inlet_push(inlet, labels, count, 0);
    if (status == WEIR_OK || status == WEIR_DROPPED) return;
    node->emitted -= count;
    if (status != WEIR_FULL && status != WEIR_TIMEOUT) may(status);
}

/* One for all: some events at once, and then one every so often. */
void open_rate(void) {
    const weir_rate_options options = {
        .allowed = 1, .interval_ns = 1 + sim_draw(500), .burst = 1 + sim_draw(8)};
    if (sim_draw(3) == 0 && !must(weir_rate_open(world.runtime, &options, &rate))) rate = NULL;
}

weir_rate *some_rate(void) {
    return sim_draw(6) == 0 ? rate : NULL;
}

void close_rate(void) {
    if (rate != NULL) weir_rate_close(rate);
    rate = NULL;
}

void close_inlet(void) {
    if (inlet != NULL) weir_inlet_close(inlet);
    inlet = NULL;
}
