/*
 * Famine: see famine.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/famine.h"

#include "runtime/runtime.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum how { NEVER, ONCE, SOME, UNTIL_REST, UNTIL_CLOSED, HOWS };

static struct {
    const struct famine_scenario *scenario;
    unsigned world;
    enum how how;
    uint64_t k;
    size_t words;
} now; /* for messages */

static void say_where(void) {
    static const char *const hows[] = {"none fails", "fails", "and the next ones fail",
                                       "and later ones fail", "and all later ones fail"};
    fprintf(stderr, "famine: %s, %zu words, world %u, allocation %llu %s\n", now.scenario->name,
            now.words, now.world, (unsigned long long)now.k, hows[now.how]);
}

void famine_wrong(const struct famine *famine, const char *file, int line, const char *condition) {
    say_where();
    fprintf(stderr, "%s:%d: wrong: %s\n", file, line, condition);
    fprintf(stderr, "emitted %llu, handled %llu, told %llu\n", (unsigned long long)famine->emitted,
            (unsigned long long)famine->handled, (unsigned long long)famine->told);
    abort();
}

static void time_is_up(int signal) {
    (void)signal;
    say_where();
    fprintf(stderr, "wrong: it hangs\n");
    abort();
}

/* ---- memory and the log -------------------------------------------------- */

static bool has_failed(const struct famine *famine) {
    return now.how != NEVER && famine->memory.calls >= now.k;
}

bool famine_done(struct famine *famine, weir_status status) {
    famine->whole = famine->whole && status >= 0;
    static const weir_status led_to[] = {WEIR_NO_STAGE, WEIR_NO_SUBSCRIPTION, WEIR_NO_NAME,
                                         WEIR_NO_TIMER, WEIR_NO_CALLER,       WEIR_INIT_STOPPED,
                                         WEIR_NO_CHILD, WEIR_CLOSED};
    bool expected = status >= 0 || status == WEIR_NO_MEMORY;
    for (size_t i = 0; i < sizeof led_to / sizeof *led_to; i++) {
        expected = expected || status == led_to[i];
    }
    if (status < 0 && (!expected || !has_failed(famine))) {
        say_where();
        fprintf(stderr, "wrong: %s: %s\n", weir_status_name(status), weir_refusal());
        abort();
    }
    return status >= 0;
}

void famine_discarded(void *context, uint64_t count, weir_discard cause) {
    struct famine *famine = context;
    (void)cause;
    famine->told += count;
}

/* Where there is no stage to tell, the log is told of a discard. */
static void note(void *context, weir_log_level level, const char *text) {
    struct famine *famine = context;
    unsigned long long count;
    (void)level;
    const char *discarded = strstr(text, " has discarded ");
    if (sscanf(text, "%llu events", &count) == 1 ||
        (discarded != NULL && sscanf(discarded, " has discarded %llu", &count) == 1)) {
        famine->told += count;
    }
}

/* ---- numbers ------------------------------------------------------------- */

struct famine_maker *famine_add_maker(struct famine *famine, weir_ref ref) {
    FAMINE_REQUIRE(famine, famine->maker_count < FAMINE_MAKERS);
    struct famine_maker *maker = &famine->makers[famine->maker_count++];
    maker->ref = ref;
    return maker;
}

struct famine_maker *famine_maker_of(struct famine *famine, weir_ref ref) {
    unsigned i = 0;
    while (i < famine->maker_count && famine->makers[i].ref.bits != ref.bits) i++;
    FAMINE_REQUIRE(famine, i < famine->maker_count);
    return &famine->makers[i];
}

static unsigned maker_in(uint64_t event) {
    return (unsigned)(event >> 32);
}

void famine_numbers(const struct famine *famine, const struct famine_maker *maker, uint64_t *events,
                    uint32_t count) {
    uint64_t number = maker->next;
    for (uint32_t i = 0; i < count; i++, events += famine->words) {
        FAMINE_REQUIRE(famine, number < FAMINE_NUMBERS);
        memset(events, 0, famine->event_bytes);
        events[0] = (uint64_t)(maker - famine->makers) << 32 | number++;
    }
}

void famine_made(struct famine *famine, struct famine_maker *maker, const uint64_t *events,
                 size_t count) {
    for (size_t i = 0; i < count; i++, events += famine->words) {
        uint8_t *is_made = &maker->is_made[maker_in(events[0])][(uint32_t)events[0]];
        FAMINE_REQUIRE(famine, *is_made == 0);
        *is_made = 1;
    }
    maker->made += count;
    famine->emitted += count;
}

void famine_seen(struct famine *famine, struct famine_maker *maker, unsigned view,
                 const uint64_t *events, size_t count) {
    for (size_t i = 0; i < count; i++, events += famine->words) {
        unsigned of = maker_in(events[0]);
        uint32_t number = (uint32_t)events[0];
        FAMINE_REQUIRE(famine, of < famine->maker_count && number < FAMINE_NUMBERS);
        FAMINE_REQUIRE(famine, maker->is_made[of][number] == 1);
        FAMINE_REQUIRE(famine, maker->is_seen[view][of][number] == 0);
        maker->is_seen[view][of][number] = 1;
    }
    famine->handled += count;
}

/* Events that were made, and that nobody has seen. */
static uint64_t unseen(const struct famine_maker *maker) {
    uint64_t count = 0;
    for (unsigned of = 0; of < FAMINE_MAKERS; of++) {
        for (uint32_t i = 0; i < FAMINE_NUMBERS; i++) {
            count += maker->is_made[of][i] > maker->is_seen[0][of][i];
        }
    }
    return count;
}

/* ---- playing ------------------------------------------------------------- */

void famine_step(struct famine *famine, size_t turns) {
    weir_runtime_step(famine->runtime, turns);
}

void famine_rest(struct famine *famine) {
    enum { TURNS_MOST = 200000 };
    FAMINE_REQUIRE(famine, weir_runtime_step(famine->runtime, TURNS_MOST) < TURNS_MOST);
}

/* Memory is there, nobody has stopped: so all that was wanted has come. */
static void check_flow(struct famine *famine) {
    weir_accounts accounts;
    if (!famine->whole || famine->scenario->endless) return;
    weir_runtime_accounts(famine->runtime, &accounts);
    FAMINE_REQUIRE(famine, accounts.in_flight == 0);
    FAMINE_REQUIRE(famine, accounts.buffered == 0);
    for (unsigned i = 0; i < famine->maker_count; i++) {
        FAMINE_REQUIRE(famine, famine->makers[i].next == famine->makers[i].limit);
    }
}

static const weir_stage *living(const struct famine *famine, weir_ref ref) {
    const struct weir__slot *slot =
        ref.bits != 0 ? weir__registry_find(&famine->runtime->registry, ref) : NULL;
    return slot != NULL ? slot->stage : NULL;
}

/* Every consumer awaits something. */
static bool are_hungry(const weir_stage *stage) {
    const struct weir__edge *edge = stage->consumers;
    if (edge == NULL) return false;
    while (edge != NULL && edge->asked > (edge->rack != NULL ? edge->received : edge->sent)) {
        edge = edge->consumers_next;
    }
    return edge == NULL;
}

/*
 * The dispatcher knows of all that its consumers await, and its stage of all that the
 * dispatcher does: what was lost on the way is asked for again.
 */
static void check_demand(const struct famine *famine, const struct famine_maker *maker,
                         const weir_stage *stage) {
    uint64_t open = weir__stage_open_demand(stage);
    uint64_t sum = 0;
    uint64_t least = UINT64_MAX;
    for (const struct weir__edge *edge = stage->consumers; edge != NULL;
         edge = edge->consumers_next) {
        uint64_t awaited = weir__edge_open_demand(edge);
        sum += awaited;
        least = awaited < least ? awaited : least;
    }
    if (stage->dispatch.table == weir_demand_dispatcher()) FAMINE_REQUIRE(famine, open == sum);
    if (stage->dispatch.table == weir_broadcast_dispatcher() && stage->consumers != NULL) {
        FAMINE_REQUIRE(famine, open == least);
    }
    if (stage->kind == WEIR_PRODUCER && !maker->unasked && !stage->finishing &&
        WEIR__PART(stage, supply) == NULL) {
        FAMINE_REQUIRE(famine, maker->demanded - maker->made >= open);
    }
}

/* What a maker has waits for nothing that is there, and it was asked for what is awaited. */
static void check_maker(const struct famine *famine, const struct famine_maker *maker) {
    const weir_stage *stage = living(famine, maker->ref);
    if (stage == NULL || stage->mode == WEIR_ACCUMULATE) return;
    FAMINE_REQUIRE(famine, stage->buffer.queue.events == 0 || weir__stage_open_demand(stage) == 0);
    for (struct weir__edge *edge = stage->consumers; edge != NULL; edge = edge->consumers_next) {
        FAMINE_REQUIRE(famine, !weir__edge_has_demand(edge));
    }
    check_demand(famine, maker, stage);
    bool may_wait = famine->scenario->partitions && !famine->whole; /* for one that nobody takes */
    bool has_more = maker->next < maker->limit && !stage->finishing;
    FAMINE_REQUIRE(famine, !has_more || may_wait || !are_hungry(stage));
}

/* A consumer has handled what it could. */
static void check_consumer(const struct famine *famine, const struct famine_stage *player) {
    const weir_stage *stage = living(famine, player->ref);
    if (stage == NULL) return;
    FAMINE_REQUIRE(famine, !weir__stage_can_drain(stage));
    for (const struct weir__edge *edge = stage->producers; edge != NULL;
         edge = edge->producers_next) {
        FAMINE_REQUIRE(famine, !weir__edge_has_events(edge));
        uint64_t awaited = edge->asked - edge->received;
        bool all = edge->manual ? awaited == player->manual : awaited > edge->options->min_demand;
        FAMINE_REQUIRE(famine, all || weir__edge_ended(edge) || !weir__queue_empty(&stage->inq));
    }
}

/* At rest, with memory: nothing stands still for something that is there. */
static void check_rest(const struct famine *famine) {
    for (unsigned i = 0; i < famine->maker_count; i++) check_maker(famine, &famine->makers[i]);
    for (unsigned i = 0; i < FAMINE_STAGES; i++) check_consumer(famine, &famine->stages[i]);
}

static void check_accounts(const struct famine *famine, const weir_accounts *accounts) {
    FAMINE_REQUIRE(famine, weir_accounts_check(accounts) == NULL);
    FAMINE_REQUIRE(famine, accounts->in_flight == 0);
    FAMINE_REQUIRE(famine, accounts->buffered == 0);
    FAMINE_REQUIRE(famine, accounts->blocks_live == 0);
    FAMINE_REQUIRE(famine,
                   accounts->accepted + accounts->copied == accounts->taken + accounts->dropped);
    FAMINE_REQUIRE(famine, accounts->emitted == famine->emitted);
    FAMINE_REQUIRE(famine, accounts->handled == famine->handled);
    FAMINE_REQUIRE(famine, accounts->discarded == famine->told);
}

/* Not seen, they were discarded, and that was told. */
static void check_events(const struct famine *famine) {
    uint64_t missing = 0;
    for (unsigned i = 0; i < famine->maker_count; i++) {
        if (famine->makers[i].broadcasts) return;
        missing += unseen(&famine->makers[i]);
    }
    FAMINE_REQUIRE(famine, missing == famine->told);
}

static const weir_runtime_options worlds[] = {
    {.mode = WEIR_STEPPED, .workers = 1},
    {.mode = WEIR_STEPPED, .workers = 1},
    {.mode = WEIR_SIMULATED, .workers = 2, .seed = 7},
    {.mode = WEIR_SIMULATED, .workers = 3, .seed = 8},
};

static struct famine famine;

static void play(void) {
    famine.scenario->play(&famine);
    famine_rest(&famine);
    if (now.how != UNTIL_CLOSED) {
        test_memory_fail_never(&famine.memory);
        if (now.how == NEVER) FAMINE_REQUIRE(&famine, famine.whole || famine.scenario->endless);
        check_flow(&famine);
        check_rest(&famine);
    }
    if (famine.scenario->end != NULL) famine.scenario->end(&famine);
    weir_accounts accounts;
    FAMINE_REQUIRE(&famine, weir_runtime_close(famine.runtime, &accounts) == WEIR_OK);
    check_accounts(&famine, &accounts);
    check_events(&famine);
    if (famine.scenario->closed != NULL) famine.scenario->closed(&famine);
}

/* Returns how many allocations were asked for. */
static uint64_t play_once(const struct famine_scenario *scenario, size_t words, unsigned world,
                          enum how how, uint64_t k) {
    now.scenario = scenario;
    now.world = world;
    now.how = how;
    now.k = k;
    now.words = words;
    memset(&famine, 0, sizeof famine);
    famine.scenario = scenario;
    famine.whole = true;
    famine.words = words;
    famine.event_bytes = words * sizeof(uint64_t);
    test_memory_open(&famine.memory);
    if (how != NEVER) test_memory_fail(&famine.memory, k, how > SOME);
    if (how == SOME) famine.memory.fail_count = 5;
    weir_runtime_options options = worlds[world];
    options.allocator = famine.memory.allocator.use;
    options.log = note;
    options.log_context = &famine;
    options.default_worker = WEIR_SPREAD;
    alarm(60);
    if (famine_done(&famine, weir_runtime_open(&options, &famine.runtime))) play();
    alarm(0);
    FAMINE_REQUIRE(&famine, famine.memory.live == 0);
    return famine.memory.calls;
}

/* In half of the worlds one fails, or all until rest; in the others some, or all until closed. */
static void play_all(const struct famine_scenario *scenario, size_t words, unsigned world) {
    uint64_t count = play_once(scenario, words, world, NEVER, 0);
    for (uint64_t k = 1; k <= count; k++) {
        for (int how = world / 2 % 2 == 0 ? ONCE : SOME; how < HOWS; how += 2) {
            if (how >= UNTIL_REST && k % 2 == 0) continue; /* much the same as before */
            play_once(scenario, words, world, (enum how)how, k);
        }
    }
}

void famine_run(const struct famine_scenario *scenario) {
    signal(SIGALRM, time_is_up);
    for (unsigned world = 0; world < sizeof worlds / sizeof *worlds; world++) {
        play_all(scenario, world % 2 == 0 ? 1 : FAMINE_WORDS, world);
    }
}
