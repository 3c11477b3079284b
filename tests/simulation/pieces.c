/*
 * Simulates the shared pieces alone: readiness and parking, rings, mail, blocks.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: small workers, written here as the protocol in ring/ready.h tells it and
 * with the library's own functions, exchange a few numbers and park when they have
 * nothing to do, with no deadline.  A wake-up that is lost leaves everybody asleep,
 * which the simulator reports.  Numbers arrive in order, once each.
 *
 *   park    two publishers and a sender of mail, one worker
 *   pipe    two workers, events one way and demand the other, both park
 *   join    two producing workers, one consuming
 *   blocks  one worker's blocks, dropped on two others and by a foreign thread
 */
#include "base/attributes.h"
#include "driver.h"
#include "memory/pool.h"
#include "ring/mail.h"
#include "ring/ready.h"
#include "ring/ring.h"

#include <string.h>

enum {
    WORKERS = 3,
    EDGES = 2,
    ENTRIES = 4,
    MAX_DEMAND = 3,
    MIN_DEMAND = 1,
    EVENTS = 12,
    MAILS = 3
};

struct worker {
    struct weir__bell bell;
    struct weir__ready_stage stage;
    struct edge *edges[EDGES]; /* that it is the producer or consumer of */
    uint64_t mails;            /* yet to come */
};

struct edge {
    struct weir__ring ring;
    struct weir__entry entries[ENTRIES];
    struct weir__ready_edge ready[2];
    struct worker *at[2]; /* by direction; NULL: nobody to tell */
    uint64_t asked, asked_seen, sent, received;
};

static struct worker workers[WORKERS];
static struct edge edges[EDGES];
static struct weir__mail mails[MAILS];
static uint32_t polls; /* before something cools */

/* --- edges -------------------------------------------------------------------------------- */

static void publish(struct edge *edge, enum weir__direction direction) {
    weir__fence_full(); /* F1 */
    if (weir__ready_raise(&edge->ready[direction]))
        weir__ready_push(&edge->ready[direction], &edge->at[direction]->stage);
}

static bool send_one(struct edge *edge) {
    struct weir__entry *slot = weir__ring_reserve(&edge->ring);
    if (slot == NULL) return false;
    slot->first = (uint32_t)++edge->sent;
    slot->count = 1;
    slot->block = NULL;
    weir__ring_commit(&edge->ring, slot);
    return true;
}

static void ask(struct edge *edge, uint64_t count) {
    edge->asked += count;
    weir__store_release_u64(&edge->ring.consumer.asked, edge->asked);
    publish(edge, WEIR__DEMAND);
}

/* The producer's poll: sends what is asked for, in up to two batches. */
static bool supply(struct edge *edge) {
    uint64_t asked = weir__load_acquire_u64(&edge->ring.consumer.asked);
    if (asked == edge->asked_seen) return false;
    edge->asked_seen = asked;
    while (edge->sent < asked && edge->sent < EVENTS) {
        SIM_REQUIRE(send_one(edge));
        if (edge->sent % 2 == 0) publish(edge, WEIR__EVENTS);
    }
    publish(edge, WEIR__EVENTS);
    return true;
}

/* The consumer's poll. */
static bool consume(struct edge *edge) {
    struct weir__entry entry;
    bool any = false;
    while (weir__ring_pop(&edge->ring, &entry)) {
        any = true;
        SIM_REQUIRE(entry.first == ++edge->received);
        SIM_REQUIRE(edge->at[WEIR__DEMAND] == NULL || edge->received <= edge->asked);
        uint64_t open = edge->asked - edge->received;
        if (edge->at[WEIR__DEMAND] != NULL && open <= MIN_DEMAND) ask(edge, MAX_DEMAND - open);
    }
    return any;
}

static bool has_work(struct edge *edge, enum weir__direction direction) {
    if (direction == WEIR__EVENTS) return !weir__ring_empty(&edge->ring);
    return weir__load_relaxed_u64(&edge->ring.consumer.asked) != edge->asked_seen;
}

/* --- workers ------------------------------------------------------------------------------ */

static void take(void *stage, struct weir__ready_edge *ready) {
    weir__ready_heat(stage, ready);
}

static bool poll(struct worker *worker, struct weir__ready_edge *ready) {
    struct edge *edge = ready->edge;
    bool demand = ready->direction == WEIR__DEMAND;
    if (demand ? supply(edge) : consume(edge)) {
        ready->polls = 0;
        return true;
    }
    if (++ready->polls <= polls) return false;
    weir__ready_lower(&ready->raised); /* F2 */
    if (has_work(edge, ready->direction) && weir__ready_retake(&ready->raised)) {
        ready->polls = 0;
        return false;
    }
    weir__ready_unheat(&worker->stage, ready);
    return false;
}

static void visit(struct worker *worker) {
    struct weir__ready_stage *stage = &worker->stage;
    bool busy = false;
    weir__ready_collect(stage, take, stage);
    for (int direction = 0; direction < 2; direction++) {
        struct weir__ready_list *hot = &stage->hot[direction];
        for (uint32_t left = hot->count; left > 0 && hot->count > 0; left--) {
            struct weir__ready_edge *ready = hot->first;
            hot->first = ready->hot_next;
            busy = poll(worker, ready) || busy;
        }
    }
    bool hot = stage->hot[0].count > 0 || stage->hot[1].count > 0;
    if ((busy || hot || !weir__ready_cool_stage(stage)) && stage->owned)
        weir__ready_queue(stage, false);
}

static bool take_mail(struct worker *worker) {
    struct weir__mail *mail = weir__mail_take(&worker->bell);
    bool any = mail != NULL;
    for (; mail != NULL; mail = mail->next) {
        SIM_REQUIRE(mail == &mails[MAILS - worker->mails]);
        worker->mails--;
    }
    return any;
}

static bool finished(const struct worker *worker) {
    if (worker->mails > 0) return false;
    for (int i = 0; i < EDGES; i++) {
        struct edge *edge = worker->edges[i];
        if (edge == NULL) continue;
        uint64_t position = edge->at[WEIR__EVENTS] == worker ? edge->received : edge->sent;
        if (position < EVENTS) return false;
    }
    return true;
}

static void run_worker(void *argument) {
    struct worker *worker = argument;
    while (!finished(worker)) {
        bool mail = take_mail(worker);
        weir__bell_collect(&worker->bell);
        if (weir__bell_next(&worker->bell) != NULL)
            visit(worker);
        else if (!mail)
            weir__bell_park(&worker->bell, UINT64_MAX);
    }
}

static void begin_world(void) {
    static const uint32_t polls_of[] = {0, 1, 4};
    memset(workers, 0, sizeof workers);
    memset(edges, 0, sizeof edges);
    memset(mails, 0, sizeof mails);
    polls = polls_of[sim_draw(3)];
    for (int i = 0; i < WORKERS; i++) {
        weir__bell_open(&workers[i].bell);
        weir__ready_stage_open(&workers[i].stage, &workers[i].bell);
        weir__ready_goes_abroad(&workers[i].stage);
    }
}

/* producer NULL: somebody who waits for room instead of demand. */
static void begin_edge(struct edge *edge, struct worker *producer, struct worker *consumer) {
    weir__ring_open(&edge->ring, edge->entries, ENTRIES, UINT32_MAX - (uint32_t)sim_draw(8), NULL);
    weir__ready_edge_open(&edge->ready[WEIR__DEMAND], WEIR__DEMAND, edge);
    weir__ready_edge_open(&edge->ready[WEIR__EVENTS], WEIR__EVENTS, edge);
    edge->at[WEIR__DEMAND] = producer;
    edge->at[WEIR__EVENTS] = consumer;
    if (producer != NULL) producer->edges[edge - edges] = edge;
    consumer->edges[edge - edges] = edge;
}

/* A consumer's first ask, when it starts. */
static void run_consumer(void *argument) {
    struct worker *worker = argument;
    for (int i = 0; i < EDGES; i++)
        if (worker->edges[i] != NULL) ask(worker->edges[i], MAX_DEMAND);
    run_worker(worker);
}

/* --- park, pipe, join --------------------------------------------------------------------- */

static void run_publisher(void *argument) {
    struct edge *edge = argument;
    while (edge->sent < EVENTS) {
        while (!send_one(edge)) weir__cpu_relax();
        publish(edge, WEIR__EVENTS);
    }
}

static void run_sender(void *unused) {
    (void)unused;
    for (int i = 0; i < MAILS; i++) weir__mail_send(&workers[0].bell, &mails[i]);
}

static void begin_park(const struct sim_scenario *scenario) {
    (void)scenario;
    begin_world();
    workers[0].mails = MAILS;
    for (int i = 0; i < EDGES; i++) {
        begin_edge(&edges[i], NULL, &workers[0]);
        sim_spawn("publisher", run_publisher, &edges[i]);
    }
    sim_spawn("sender", run_sender, NULL);
    sim_spawn("worker", run_worker, &workers[0]);
}

static void begin_pipe(const struct sim_scenario *scenario) {
    (void)scenario;
    begin_world();
    begin_edge(&edges[0], &workers[0], &workers[1]);
    sim_spawn("producer", run_worker, &workers[0]);
    sim_spawn("consumer", run_consumer, &workers[1]);
}

static void begin_join(const struct sim_scenario *scenario) {
    (void)scenario;
    begin_world();
    for (int i = 0; i < 2; i++) {
        begin_edge(&edges[i], &workers[i], &workers[2]);
        sim_spawn(i == 0 ? "producer 0" : "producer 1", run_worker, &workers[i]);
    }
    sim_spawn("consumer", run_consumer, &workers[2]);
}

static void end_edges(void) {
    for (int i = 0; i < EDGES; i++) {
        if (edges[i].at[WEIR__EVENTS] == NULL) continue;
        SIM_REQUIRE(edges[i].received == edges[i].sent && weir__ring_empty(&edges[i].ring));
    }
}

/* --- blocks ------------------------------------------------------------------------------- */

enum { HOLDERS = 3, ROUNDS = 5, EVENTS_OF_BLOCK = 4 };

static struct weir__allocator allocator;
static struct weir__pool pools[HOLDERS]; /* the owner's, then two others'; one has none */
static struct edge lanes[HOLDERS];

/* Each event tells its round: a block that is used again too early shows another one. */
static void check_events(const struct weir__block *block, uint64_t round) {
    for (uint32_t i = 0; i < EVENTS_OF_BLOCK; i++)
        SIM_REQUIRE(*(const uint64_t *)weir__block_event(block, i) == round);
}

static void run_holder(void *argument) {
    struct edge *lane = argument;
    struct weir__pool *pool = lane == &lanes[HOLDERS - 1] ? NULL : &pools[1 + (lane - lanes)];
    for (uint64_t round = 0; round < ROUNDS; round++) {
        struct weir__entry entry;
        while (!weir__ring_pop(&lane->ring, &entry)) weir__cpu_relax();
        check_events(entry.block, round);
        if (sim_draw(2) == 0) {
            weir__block_hold(entry.block, pool);
            weir__block_drop(entry.block, pool);
        }
        check_events(entry.block, round);
        weir__block_drop(entry.block, pool);
        if (pool != NULL && (sim_draw(2) == 0 || round == ROUNDS - 1)) weir__pool_flush(pool);
    }
}

static void run_owner(void *unused) {
    (void)unused;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        struct weir__block *block =
            weir__pool_get(&pools[0], sizeof(uint64_t), NULL, EVENTS_OF_BLOCK);
        SIM_REQUIRE(block != NULL);
        for (uint32_t i = 0; i < EVENTS_OF_BLOCK; i++)
            *(uint64_t *)weir__block_event(block, i) = round;
        for (int i = 0; i < HOLDERS; i++) {
            struct weir__entry *slot;
            while ((slot = weir__ring_reserve(&lanes[i].ring)) == NULL) weir__cpu_relax();
            weir__block_hold(block, &pools[0]);
            slot->block = block;
            weir__ring_commit(&lanes[i].ring, slot);
        }
        weir__block_close(block, &pools[0]);
    }
    while (weir__pool_live(&pools[0]) > 0) {
        weir__pool_collect(&pools[0]);
        weir__cpu_relax();
    }
}

static void begin_blocks(const struct sim_scenario *scenario) {
    (void)scenario;
    weir__allocator_open(&allocator, NULL);
    memset(lanes, 0, sizeof lanes);
    for (int i = 0; i < HOLDERS; i++) {
        weir__pool_open(&pools[i], &allocator);
        weir__ring_open(&lanes[i].ring, lanes[i].entries, ENTRIES, 0, NULL);
        sim_spawn("holder", run_holder, &lanes[i]);
    }
    sim_spawn("owner", run_owner, NULL);
}

static void end_blocks(void) {
    for (int i = 0; i < HOLDERS; i++) SIM_REQUIRE(weir__pool_close(&pools[i]) == 0);
}

int main(int count, char **arguments) {
    static const struct sim_scenario scenarios[] = {
        {"park", 10000, 100000, false, begin_park, end_edges, NULL, 0},
        {"pipe", 10000, 100000, false, begin_pipe, end_edges, NULL, 0},
        {"join", 10000, 100000, false, begin_join, end_edges, NULL, 0},
        {"blocks", 10000, 100000, false, begin_blocks, end_blocks, NULL, 0},
    };
    return SIM_MAIN(count, arguments, scenarios);
}
