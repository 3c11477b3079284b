/*
 * Stress: graphs that several threads build, change and tear down at random.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal    Whatever is called, in whatever order, with references that may be
 *         stale, wrong or made up: no event is handled twice, each is handled
 *         or discarded, and each discard is told of.
 * Method  Threads start and stop producers, relays and consumers of all cancel
 *         modes, and subscribe, cancel, ask, cast, inform and switch modes among
 *         them, and callbacks do the same.  Subscriptions follow the order of
 *         levels, or, in rounds that do not settle, make cycles too.  Each event
 *         has a cell that counts who handled it; the discards of callbacks and
 *         log lines make up what the accounts say.
 */
#include "stress/nodes.h"

#include "base/atomic.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { PRODUCERS = 2000, EVENTS_EACH = 512, RECENT = 96, LEVELS = 4 };

static struct weir__rng rng;

static struct graph {
    weir_runtime *runtime;
    enum stress_pauses pauses;
    size_t event_bytes;
    bool cycles;        /* among relays                            */
    uint64_t deeds;     /* of each thread */
    uint32_t producers; /* atomic: numbers given out                */
    uint64_t discarded; /* atomic: told to callbacks               */
    uint64_t handled;   /* atomic: by all stages                   */
    uint64_t emitted;   /* atomic: by producers and relays         */
    uint32_t *cells;    /* PRODUCERS * EVENTS_EACH: handled by consumers (atomic) */
    pthread_mutex_t lock;
    struct node {
        weir_ref ref;
        unsigned level;
    } nodes[RECENT];
    weir_subscription subscriptions[RECENT];
} graph;

/* A node's state: what it draws from, and what it is. */
struct state {
    struct weir__rng rng;
    uint32_t number; /* a producer's */
    uint64_t next;
    uint64_t pending;
    bool manual;
};

static void deed(struct weir__rng *from);

/* ---- an allocator that fails now and then ---- */

static struct {
    uint64_t one_in; /* 0: never fails */
    uint64_t calls;  /* atomic         */
    uint64_t live;   /* atomic: bytes  */
} memory;

static void *allocate(void *context, size_t bytes, size_t alignment) {
    (void)context;
    uint64_t call = weir__fetch_add_u64(&memory.calls, 1);
    uint64_t one_in = weir__load_relaxed_u64(&memory.one_in);
    if (one_in > 0 && weir__rng_splitmix(&call) % one_in == 0) return NULL;
    void *place = aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
    if (place != NULL) weir__fetch_add_u64(&memory.live, bytes);
    return place;
}

static void deallocate(void *context, void *place, size_t bytes) {
    (void)context;
    if (place != NULL) weir__fetch_sub_u64(&memory.live, bytes);
    free(place);
}

static bool memory_fails(void) {
    return weir__load_relaxed_u64(&memory.one_in) > 0;
}

/* ---- callbacks ----------------------------------------------------------- */

static void settled(weir_status status) {
    if (status == WEIR_NO_MEMORY && memory_fails()) return;
    if (status == WEIR_INVALID || status == WEIR_NO_MEMORY || status < WEIR_CLOSED) {
        stress_fail("%s: %s", weir_status_name(status), weir_refusal());
    }
}

static weir_reason draw_reason(struct weir__rng *from) {
    return (weir_reason)(stress_chance(from, 3) ? 256 + weir__rng_below(from, 9)
                                                : weir__rng_below(from, 2));
}

/* How a callback ends; it may do deeds of its own. */
static weir_verdict verdict(weir_stage *self, struct state *state, uint64_t one_in) {
    stress_pause(&state->rng, graph.pauses);
    if (stress_chance(&state->rng, 40)) deed(&state->rng);
    if (!stress_chance(&state->rng, one_in)) return WEIR_CONTINUE;
    return stress_chance(&state->rng, 4) ? WEIR_STOP
                                         : weir_stop_with(self, draw_reason(&state->rng));
}

static void emit(weir_stage *self, struct state *state, uint64_t count) {
    uint64_t left = EVENTS_EACH - state->next;
    if (count > left) count = left;
    while (count > 0) {
        size_t want = stress_chance(&state->rng, 4) ? 1 : (size_t)count;
        weir_room room = weir_reserve(self, want);
        unsigned char *to = room.events;
        if (to == NULL && memory_fails()) return;
        STRESS_CHECK(to != NULL);
        for (size_t i = 0; i < room.count; i++, to += graph.event_bytes) {
            stress_event_write(to, graph.event_bytes, stress_word(state->number, state->next++));
        }
        weir_status status = weir_commit(self, room.count);
        settled(status);
        if (status != WEIR_OK) return;
        weir__fetch_add_u64(&graph.emitted, room.count);
        count -= room.count;
    }
}

static weir_verdict producer_demand(weir_stage *self, uint64_t demand) {
    struct state *state = weir_state(self);
    state->pending += demand;
    uint64_t part = stress_between(&state->rng, 0, state->pending + 1);
    emit(self, state, part);
    state->pending -= part < state->pending ? part : state->pending;
    return verdict(self, state, state->next < EVENTS_EACH ? 300 : 4);
}

static weir_verdict producer_cast(weir_stage *self, const void *message, size_t bytes) {
    struct state *state = weir_state(self);
    (void)message;
    (void)bytes;
    uint64_t part = stress_between(&state->rng, 0, state->pending + 2);
    emit(self, state, part);
    state->pending -= part < state->pending ? part : state->pending;
    return verdict(self, state, 100);
}

static weir_verdict relay_events(weir_stage *self, weir_batch batch) {
    struct state *state = weir_state(self);
    size_t count = batch.count;
    bool emitted;
    weir__fetch_add_u64(&graph.handled, count);
    if (stress_chance(&state->rng, 3)) {
        weir_status status = weir_emit(self, batch.events, count);
        settled(status);
        emitted = status == WEIR_OK;
    } else {
        void *events = stress_chance(&state->rng, 2) ? weir_own(self) : NULL;
        if (events != NULL) stress_event_hop(events, weir_batch_event_bytes(self));
        emitted = weir_forward(self) == WEIR_CONTINUE;
        STRESS_CHECK(emitted || memory_fails());
        if (!emitted) { /* it is discarded, and told, as what was emitted is */
            weir__fetch_add_u64(&graph.emitted, count);
            return WEIR_STOP;
        }
    }
    if (emitted) weir__fetch_add_u64(&graph.emitted, count);
    return verdict(self, state, 500);
}

static weir_verdict consumer_events(weir_stage *self, weir_batch batch) {
    struct state *state = weir_state(self);
    const unsigned char *event = batch.events;
    weir__fetch_add_u64(&graph.handled, batch.count);
    size_t bytes = weir_batch_event_bytes(self);
    for (size_t i = 0; i < batch.count; i++, event += bytes) {
        uint64_t word = stress_event_read(event, bytes);
        uint64_t number = stress_word_number(word);
        STRESS_CHECK(stress_word_source(word) < PRODUCERS && number < EVENTS_EACH);
        uint32_t *cell = &graph.cells[stress_word_source(word) * EVENTS_EACH + number];
        if (weir__fetch_add_u32(cell, 1) != 0) {
            stress_fail("event %" PRIu64 " of producer %u was handled twice", number,
                        stress_word_source(word));
        }
    }
    if (state->manual) {
        settled(weir_ask(graph.runtime, weir_batch_subscription(self),
                         stress_between(&state->rng, 0, 99)));
    }
    return verdict(self, state, 300);
}

static void remember(struct weir__rng *from, const weir_subscription *subscription) {
    pthread_mutex_lock(&graph.lock);
    graph.subscriptions[weir__rng_below(from, RECENT)] = *subscription;
    pthread_mutex_unlock(&graph.lock);
}

static weir_subscribe_verdict any_subscribe(weir_stage *self, const weir_peer *peer) {
    struct state *state = weir_state(self);
    remember(&state->rng, &peer->subscription);
    uint64_t drawn = weir__rng_below(&state->rng, 64);
    if (drawn < 2) return drawn == 0 ? WEIR_SUBSCRIBE_REFUSE : WEIR_SUBSCRIBE_STOP;
    return state->manual && peer->side == WEIR_PRODUCER ? WEIR_MANUAL : WEIR_AUTOMATIC;
}

static weir_verdict any_cancel(weir_stage *self, const weir_peer *peer, weir_cancel_cause cause,
                               weir_reason reason) {
    (void)peer;
    (void)cause;
    (void)reason;
    return verdict(self, weir_state(self), 50);
}

static weir_verdict any_message(weir_stage *self, const void *message, size_t bytes) {
    (void)message;
    (void)bytes;
    return verdict(self, weir_state(self), 100);
}

static void any_discarded(weir_stage *self, uint64_t count, weir_discard cause) {
    (void)self;
    (void)cause;
    weir__fetch_add_u64(&graph.discarded, count);
}

static weir_verdict any_init(weir_stage *self, void *argument) {
    struct state *state = weir_state(self);
    (void)argument;
    return stress_chance(&state->rng, 20) ? weir_stop_with(self, WEIR_REASON_USER) : WEIR_CONTINUE;
}

/* ---- deeds --------------------------------------------------------------- */

static struct node draw_node(struct weir__rng *from) {
    pthread_mutex_lock(&graph.lock);
    struct node node = graph.nodes[weir__rng_below(from, RECENT)];
    pthread_mutex_unlock(&graph.lock);
    if (stress_chance(from, 50)) node.ref.bits ^= weir__rng_next(from);
    return node;
}

static weir_subscription draw_subscription(struct weir__rng *from) {
    pthread_mutex_lock(&graph.lock);
    weir_subscription subscription = graph.subscriptions[weir__rng_below(from, RECENT)];
    pthread_mutex_unlock(&graph.lock);
    return subscription;
}

static weir_subscribe_options draw_options(struct weir__rng *from) {
    static const size_t windows[] = {1, 2, 7, 64, 256, 300, 1000};
    weir_subscribe_options options = stress_demand(from, windows, 7);
    options.cancel =
        stress_chance(from, 2) ? WEIR_TEMPORARY : (weir_cancel_mode)weir__rng_below(from, 3);
    return options;
}

static weir_stage_options options_of(unsigned level, const struct state *state) {
    weir_kind kind = level == 0            ? WEIR_PRODUCER
                     : level == LEVELS - 1 ? WEIR_CONSUMER
                                           : WEIR_PRODUCER_CONSUMER;
    return (weir_stage_options){
        .kind = kind,
        .event_bytes = kind == WEIR_CONSUMER ? 0 : graph.event_bytes,
        .state_bytes = sizeof *state,
        .state = state,
        .on = {.init = any_init,
               .handle_demand = kind == WEIR_PRODUCER ? producer_demand : NULL,
               .handle_events = kind == WEIR_PRODUCER   ? NULL
                                : kind == WEIR_CONSUMER ? consumer_events
                                                        : relay_events,
               .handle_subscribe = any_subscribe,
               .handle_cancel = any_cancel,
               .handle_cast = kind == WEIR_PRODUCER ? producer_cast : any_message,
               .handle_info = any_message,
               .discarded = any_discarded}};
}

static void start(struct weir__rng *from) {
    unsigned level = (unsigned)weir__rng_below(from, LEVELS);
    struct state state = {.manual = stress_chance(from, 5)};
    weir_subscribe_to upstream[3] = {0};
    size_t count = 0;
    if (level == 0) {
        state.number = weir__fetch_add_u32(&graph.producers, 1);
        if (state.number >= PRODUCERS) return;
    }
    weir__rng_seed(&state.rng, weir__rng_next(from));
    for (int i = 0; i < 3 && level > 0; i++) {
        struct node node = draw_node(from);
        if (node.ref.bits == 0 || node.level >= level) continue;
        upstream[count].producer = node.ref;
        upstream[count++].options = draw_options(from);
    }
    weir_stage_options options = options_of(level, &state);
    options.subscribe_to = count > 0 ? upstream : NULL;
    options.subscribe_count = count;
    size_t bound = stress_chance(from, 3) ? (size_t)stress_between(from, 1, 50) : 0;
    if (options.kind != WEIR_CONSUMER) options.buffer_size = bound;
    options.buffer_keep = (weir_keep)weir__rng_below(from, 2);
    options.demand = (weir_demand_mode)(level == 0 && stress_chance(from, 4));
    weir_ref ref;
    weir_status status = weir_stage_start(graph.runtime, &options, &ref);
    settled(status);
    if (status != WEIR_OK) return;
    pthread_mutex_lock(&graph.lock);
    graph.nodes[weir__rng_below(from, RECENT)] = (struct node){ref, level};
    pthread_mutex_unlock(&graph.lock);
}

static void subscribe(struct weir__rng *from) {
    struct node consumer = draw_node(from);
    struct node producer = draw_node(from);
    weir_subscribe_options options = draw_options(from);
    weir_subscription subscription;
    bool round = graph.cycles && producer.level > 0 && consumer.level < LEVELS - 1;
    if (producer.level >= consumer.level && !round) return;
    weir_status status =
        weir_subscribe(graph.runtime, consumer.ref, producer.ref, &options, &subscription);
    settled(status);
    if (status == WEIR_OK) remember(from, &subscription);
}

static void deed(struct weir__rng *from) {
    char message[64] = "";
    size_t bytes = (size_t)weir__rng_below(from, sizeof message);
    struct node node = draw_node(from);
    switch (weir__rng_below(from, 16)) {
    case 0:
    case 1:
    case 2:
        start(from);
        return;
    case 3:
    case 4:
    case 5:
    case 6:
        subscribe(from);
        return;
    case 7:
    case 8:
        settled(weir_cancel(graph.runtime, draw_subscription(from), draw_reason(from)));
        return;
    case 9:
    case 10:
        settled(weir_ask(graph.runtime, draw_subscription(from), stress_between(from, 0, 999)));
        return;
    case 11:
        settled(weir_stop(graph.runtime, node.ref, draw_reason(from)));
        return;
    case 12:
        settled(weir_info(graph.runtime, node.ref, message, bytes));
        return;
    case 13:
        settled(weir_demand(graph.runtime, node.ref, (weir_demand_mode)weir__rng_below(from, 2)));
        return;
    default:
        settled(weir_cast(graph.runtime, node.ref, message, bytes));
        return;
    }
}

static void do_deeds(struct weir__rng *from) {
    for (uint64_t i = 0; i < graph.deeds; i++) {
        deed(from);
        stress_pause(from, graph.pauses);
    }
    stress_hear_alarms(false);
}

/* ---- rounds -------------------------------------------------------------- */

static void check(const weir_accounts *accounts) {
    if (accounts->emitted != graph.emitted || accounts->handled != graph.handled ||
        accounts->discarded != graph.discarded + stress_logged_discards()) {
        stress_fail("accounts: emitted %" PRIu64 " handled %" PRIu64 " discarded %" PRIu64
                    "; seen by callbacks %" PRIu64 ", %" PRIu64 ", %" PRIu64 " and logged %" PRIu64,
                    accounts->emitted, accounts->handled, accounts->discarded, graph.emitted,
                    graph.handled, graph.discarded, stress_logged_discards());
    }
}

static void run_graph(weir_runtime_options *options, unsigned threads, bool alarms, bool settles,
                      uint64_t fails_one_in) {
    options->allocator = (weir_allocator){.alloc = allocate, .free = deallocate};
    weir__exchange_u64(&memory.one_in, 0);
    graph.runtime = stress_open(options);
    weir__exchange_u64(&memory.one_in, fails_one_in);
    stress_allow_excess();
    graph.producers = 0;
    graph.discarded = graph.handled = graph.emitted = 0;
    memset(graph.cells, 0, sizeof *graph.cells * PRODUCERS * EVENTS_EACH);
    memset(graph.nodes, 0, sizeof graph.nodes);
    memset(graph.subscriptions, 0, sizeof graph.subscriptions);
    stress_crowd(threads, alarms, do_deeds);
    if (settles) {
        weir_accounts accounts;
        STRESS_OK(weir_runtime_settle(graph.runtime, WEIR_FOREVER));
        STRESS_OK(weir_runtime_accounts(graph.runtime, &accounts));
        const char *wrong = weir_accounts_check(&accounts);
        if (wrong != NULL) stress_fail("at rest: %s", wrong);
        check(&accounts);
    }
    weir_accounts accounts = stress_close(graph.runtime);
    check(&accounts);
    STRESS_CHECK(weir__load_relaxed_u64(&memory.live) == 0);
    stress_step("graphs: emitted %" PRIu64 " handled %" PRIu64 " discarded %" PRIu64
                " with nobody left %" PRIu64,
                accounts.emitted, accounts.handled, accounts.discarded, stress_logged_discards());
}

/* Deeds, not events, are what is counted here. */
static void rounds(const char *name, uint64_t events, bool fails) {
    stress_rng(&rng);
    graph.cells = calloc((size_t)PRODUCERS * EVENTS_EACH, sizeof *graph.cells);
    STRESS_CHECK(graph.cells != NULL && pthread_mutex_init(&graph.lock, NULL) == 0);
    for (uint64_t done = 0; done < events;) {
        static const size_t sizes[] = {8, 16, 40, 64, 1024};
        weir_runtime_options options = {.workers = (unsigned)stress_between(&rng, 1, 4),
                                        .idle = stress_idle(&rng)};
        if (options.idle == WEIR_IDLE_SPIN) options.workers = 2;
        if (stress_chance(&rng, 4)) options.mailbox_limit = (size_t)stress_between(&rng, 1, 100);
        stress_ring_start(&rng);
        unsigned threads = (unsigned)stress_between(&rng, 1, STRESS_CROWD_MAX);
        bool alarms = stress_chance(&rng, 2);
        graph.cycles = stress_chance(&rng, 3);
        bool settles = !graph.cycles && stress_chance(&rng, 2);
        graph.event_bytes = sizes[weir__rng_below(&rng, 5)];
        graph.pauses = (enum stress_pauses)weir__rng_below(&rng, 3);
        graph.deeds = stress_between(&rng, 1, events < 20000 ? events / 10 + 1 : 2000);
        uint64_t fails_one_in = fails ? stress_between(&rng, 2, 300) : 0;
        stress_step("%s: workers %u idle %d limit %zu threads %u deeds %" PRIu64
                    " bytes %zu pauses %d alarms %d cycles %d settles %d fails %" PRIu64,
                    name, options.workers, (int)options.idle, options.mailbox_limit, threads,
                    graph.deeds, graph.event_bytes, (int)graph.pauses, alarms, graph.cycles,
                    settles, fails_one_in);
        run_graph(&options, threads, alarms, settles, fails_one_in);
        done += graph.deeds * threads;
    }
    pthread_mutex_destroy(&graph.lock);
    free(graph.cells);
}

static void graphs(uint64_t events) {
    rounds("graphs", events, false);
}

/* The same without memory, every so many allocations. */
static void failing(uint64_t events) {
    rounds("failing", events, true);
}

int main(int count, char **arguments) {
    static const struct stress_scenario scenarios[] = {{"graphs", 2, graphs},
                                                       {"failing", 1, failing}};
    return stress_main(count, arguments, 200000, scenarios, sizeof scenarios / sizeof *scenarios);
}
