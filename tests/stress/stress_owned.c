/*
 * Stress: events that own something, in graphs whose stages are killed while they run.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal    Each event is dropped once, or taken once: whoever lets go of it last on whichever
 *         thread, whatever stops meanwhile, and whoever has it when all is closed.
 * Method  A source gives to several relays, by a dispatcher that is drawn; they forward, write to,
 *         take or stash what they get; sinks take some of it. The main thread stops some of them,
 *         starts others, casts events, and closes. An event owns a title: a place in a table,
 *         which says whether it is alive; whoever gives it up twice, or uses it afterwards, fails,
 *         and all are given up in the end.
 */
#include "base/atomic.h"
#include "stress/stress.h"

#include <stdlib.h>
#include <string.h>

enum { TITLES = 1 << 20, ALIVE = 1, OVER = 2, STAGES_MAX = 12, TEXT_MOST = 700 };

struct deed {
    weir_bytes text; /* of deeds with payload; else nothing */
    uint64_t title;
    uint64_t check; /* its complement */
    uint64_t says;  /* the title that its text is of: a copy has a title of its own, and the text */
};

static uint32_t *titles; /* atomic, by number */
static uint64_t titles_used, drawn;
static bool with_payload;
static char letters[TEXT_MOST + 26];

/* What a deed of that title says, and its copies: so many letters, from one of its own on. */
static weir_bytes text_of(uint64_t title) {
    return (weir_bytes){letters + title % 26, (uint32_t)(title * 7919 % TEXT_MOST), 0};
}

static void read_text(const struct deed *deed) {
    weir_bytes right = text_of(deed->says);
    STRESS_CHECK(deed->text.count == right.count);
    STRESS_CHECK(memcmp(deed->text.at, right.at, right.count) == 0);
}

static void use(const struct deed *deed) {
    STRESS_CHECK(deed->check == ~deed->title && deed->title < TITLES);
    if (with_payload) read_text(deed);
    STRESS_CHECK(weir__load_relaxed_u32(&titles[deed->title]) == ALIVE);
}

static struct deed make(void) {
    uint64_t title = weir__fetch_add_u64(&titles_used, 1);
    STRESS_CHECK(title < TITLES);
    weir__store_relaxed_u32(&titles[title], ALIVE);
    weir_bytes text = with_payload ? text_of(title) : (weir_bytes){0};
    return (struct deed){.text = text, .title = title, .check = ~title, .says = title};
}

static void give_up(const struct deed *deed) {
    STRESS_CHECK(deed->check == ~deed->title && deed->title < TITLES);
    STRESS_CHECK(weir__exchange_u32(&titles[deed->title], OVER) == ALIVE);
}

static void drop_deeds(void *context, const void *events, size_t count, weir_discard why) {
    const struct deed *deeds = events;
    (void)context;
    STRESS_CHECK((unsigned)why < WEIR_DISCARD_CAUSES);
    for (size_t i = 0; i < count; i++) give_up(&deeds[i]);
}

static bool copy_deed(void *context, const void *event, void *copy) {
    (void)context;
    use(event);
    struct deed made = make();
    made.says = ((const struct deed *)event)->says;
    made.text = (weir_bytes){0}; /* not its affair */
    *(struct deed *)copy = made;
    return true;
}

static const weir_event_type flat = {
    .bytes = sizeof(struct deed), .drop = drop_deeds, .copy = copy_deed};
static const weir_event_type spanned = {
    .bytes = sizeof(struct deed), .spans = 1, .drop = drop_deeds, .copy = copy_deed};
static const weir_event_type *type; /* one of these */

/* ---- stages ---------------------------------------------------------------- */

struct worker_of_deeds {
    struct weir__rng rng;
    uint64_t left; /* of a source */
    unsigned manner;
};

static struct worker_of_deeds *mine(weir_stage *self) {
    return weir_state(self);
}

static weir_verdict produce(weir_stage *self, uint64_t demand) {
    struct worker_of_deeds *me = mine(self);
    uint64_t count = demand < me->left ? demand : me->left;
    if (stress_chance(&me->rng, 50) && me->left - count > 40) count += 40; /* more than is asked */
    for (uint64_t i = 0; i < count; i++) {
        struct deed deed = make();
        STRESS_OK(weir_emit(self, &deed, 1));
    }
    me->left -= count;
    return me->left == 0 ? WEIR_FINISH : WEIR_CONTINUE;
}

static void take_some(weir_stage *self, struct worker_of_deeds *me, size_t count) {
    enum { MOST = 16 };
    struct deed deeds[MOST];
    size_t first = (size_t)weir__rng_below(&me->rng, count);
    size_t some = 1 + (size_t)weir__rng_below(&me->rng, count - first);
    some = some < MOST ? some : MOST;
    STRESS_OK(weir_take(self, first, some, deeds));
    for (size_t i = 0; i < some; i++) {
        use(&deeds[i]);
        give_up(&deeds[i]);
    }
}

static weir_verdict handle(weir_stage *self, weir_batch batch) {
    struct worker_of_deeds *me = mine(self);
    const struct deed *deeds = batch.events;
    for (size_t i = 0; i < batch.count; i++) use(&deeds[i]);
    switch (weir__rng_below(&me->rng, me->manner)) {
    case 0:
        return WEIR_CONTINUE;
    case 1:
        if (!with_payload) take_some(self, me, batch.count);
        return stress_chance(&me->rng, 400) ? weir_stop_with(self, WEIR_REASON_USER)
                                            : WEIR_CONTINUE;
    case 2:
        return weir_forward(self);
    case 3:
        STRESS_CHECK(weir_own(self) != NULL);
        return weir_forward(self);
    default:
        STRESS_OK(weir_stash_emit(self, (size_t)weir_stashed(self)));
        STRESS_OK(weir_stash(self, batch.count / 3, batch.count - batch.count / 3));
        return WEIR_CONTINUE;
    }
}

static weir_verdict hear(weir_stage *self, const void *message, size_t bytes) {
    struct deed deed;
    STRESS_CHECK(bytes == sizeof deed);
    use(message);
    if (stress_chance(&mine(self)->rng, 2)) {
        STRESS_OK(weir_take_message(self, &deed));
        give_up(&deed);
    }
    return WEIR_CONTINUE;
}

static weir_verdict let_go_of_stash(weir_stage *self) {
    STRESS_OK(weir_stash_emit(self, (size_t)weir_stashed(self)));
    return WEIR_CONTINUE;
}

/* A partition may be taken: then it has no producer. */
static weir_verdict stay(weir_stage *self, const weir_peer *peer, weir_cancel_cause cause,
                         weir_reason reason) {
    (void)self, (void)peer, (void)cause, (void)reason;
    return WEIR_CONTINUE;
}

static void untold(weir_stage *self, uint64_t count, weir_discard why) {
    (void)self, (void)count, (void)why;
}

static uint32_t by_title(void *context, const void *event) {
    (void)context;
    uint64_t title = ((const struct deed *)event)->title;
    use(event);
    return title % 17 == 0 ? WEIR_PARTITION_NONE : (uint32_t)(title % 3);
}

/* ---- a round ------------------------------------------------------------------ */

static struct weir__rng rng;
static const weir_partition_dispatcher_options three = {.partitions = 3, .hash = by_title};

struct round {
    weir_runtime *runtime;
    weir_ref stages[STAGES_MAX];
    unsigned count;
    bool partitioned[STAGES_MAX];
};

static void start(struct round *round, weir_kind kind, unsigned from, uint64_t left) {
    static const size_t windows[] = {1, 5, 20, 300};
    struct worker_of_deeds state = {.left = left, .manner = kind == WEIR_CONSUMER ? 2 : 5};
    stress_rng(&state.rng);
    weir_subscribe_to to = {.producer = round->stages[from],
                            .options = stress_demand(&rng, windows, 4)};
    to.options.cancel = WEIR_TEMPORARY;
    if (round->partitioned[from]) to.options.partition = WEIR_PARTITION(round->count % 3);
    const weir_dispatcher *const dispatchers[] = {
        weir_demand_dispatcher(), weir_broadcast_dispatcher(), weir_shared_dispatcher(),
        weir_partition_dispatcher()};
    unsigned drawn_one = kind == WEIR_CONSUMER ? 0 : (unsigned)weir__rng_below(&rng, 4);
    weir_stage_options options = {
        .kind = kind,
        .type = kind == WEIR_CONSUMER ? NULL : type,
        .state = &state,
        .state_bytes = sizeof state,
        .buffer_size = kind == WEIR_PRODUCER && stress_chance(&rng, 2) ? 50 : 0,
        .dispatcher = kind == WEIR_CONSUMER ? NULL : dispatchers[drawn_one],
        .dispatcher_options = drawn_one == 3 ? &three : NULL,
        .subscribe_to = &to,
        .subscribe_count = kind == WEIR_PRODUCER ? 0 : 1,
        .on = {.handle_demand = produce,
               .handle_events = handle,
               .handle_cancel = stay,
               .handle_cast = hear,
               .handle_info = hear,
               .handle_end = kind == WEIR_PRODUCER_CONSUMER ? let_go_of_stash : NULL,
               .discarded = untold}};
    weir_status status = weir_stage_start(round->runtime, &options, &round->stages[round->count]);
    if (status == WEIR_NO_STAGE || status == WEIR_NOT_A_PRODUCER)
        return; /* it has gone, or is none */
    STRESS_OK(status);
    round->partitioned[round->count++] = drawn_one == 3;
}

static void cast_to(const struct round *round, weir_ref stage) {
    struct deed deed = make();
    weir_status status = stress_chance(&rng, 2)
                             ? weir_cast_event(round->runtime, stage, &flat, &deed)
                             : weir_info_event(round->runtime, stage, &flat, &deed);
    if (status != WEIR_OK) give_up(&deed);
}

static void meddle(struct round *round) {
    weir_ref stage = round->stages[weir__rng_below(&rng, round->count)];
    switch (weir__rng_below(&rng, 6)) {
    case 0:
        (void)weir_stop(round->runtime, stage, WEIR_REASON_USER);
        return;
    case 1:
        (void)weir_finish(round->runtime, stage);
        return;
    case 2:
        if (round->count < STAGES_MAX) start(round, WEIR_CONSUMER, 1 + round->count % 3, 0);
        return;
    default:
        cast_to(round, stage);
    }
}

static void check_titles(uint64_t from) {
    for (uint64_t title = from; title < titles_used; title++) {
        STRESS_CHECK(weir__load_relaxed_u32(&titles[title]) == OVER);
    }
}

static void run_round(uint64_t events) {
    struct round round = {
        .runtime = stress_open(&(weir_runtime_options){
            .workers = (unsigned)stress_between(&rng, 1, 4), .idle = stress_idle(&rng)})};
    uint64_t first = titles_used;
    start(&round, WEIR_PRODUCER, 0, events);
    for (unsigned i = 0; i < 3; i++) start(&round, WEIR_PRODUCER_CONSUMER, 0, 0);
    for (unsigned i = 0; i < 4; i++) start(&round, WEIR_CONSUMER, 1 + i % 3, 0);
    for (uint64_t left = weir__rng_below(&rng, 12); left > 0; left--) {
        stress_pause(&rng, STRESS_PAUSE_OFTEN);
        meddle(&round);
    }
    if (stress_chance(&rng, 2)) (void)weir_runtime_drain(round.runtime, 20000000, NULL);
    weir_accounts accounts = stress_close(round.runtime);
    STRESS_CHECK(accounts.accepted + accounts.copied == accounts.taken + accounts.dropped);
    check_titles(first);
}

static void kill_some(uint64_t events, const char *name, bool payload) {
    with_payload = payload;
    type = payload ? &spanned : &flat;
    for (size_t i = 0; i < sizeof letters; i++) letters[i] = (char)('a' + i % 26);
    stress_rng(&rng);
    titles = calloc(TITLES, sizeof *titles);
    STRESS_CHECK(titles != NULL);
    for (drawn = 0; drawn < events;) {
        uint64_t count = stress_between(&rng, 1, 600);
        if (titles_used > TITLES / 2) titles_used = 0; /* all that were used are over */
        stress_step("%s: %llu events", name, (unsigned long long)count);
        run_round(count);
        drawn += count;
    }
    free(titles);
}

static void killed(uint64_t events) {
    kill_some(events, "killed", false);
}

static void payload(uint64_t events) {
    kill_some(events, "payload", true);
}

int main(int count, char **arguments) {
    static const struct stress_scenario scenarios[] = {{"killed", 2, killed},
                                                       {"payload", 1, payload}};
    return stress_main(count, arguments, 60000, scenarios, 2);
}
