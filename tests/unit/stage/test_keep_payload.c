/*
 * Keeping payload: a short line that waits pins neither its neighbours nor their payload.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: of events with spans, few that wait for long, in a buffer, an input queue or a stash,
 * take memory for themselves, and not for all that was emitted beside them; they say what they
 * said, and each is dropped once; what others have, too, and what is large for what it pins,
 * stays where it is, as all does without memory.
 * Method: some lines among many are kept back; the accounts know how many blocks are alive, and
 * a ledger which lines were dropped; allocations fail in turn.
 */
#include "support/chain.h"
#include "support/worlds.h"

#include <string.h>

enum {
    TEXT = 200,   /* bytes of a line                                      */
    EACH = 400,   /* one of so many waits: about one of each pair of blocks */
    WAITING = 50, /* which would take 80 KiB each                         */
    LINES = EACH * WAITING,
    FEW = 5,    /* that wait where memory fails                         */
    BLOCKS = 16 /* that may be alive, and not twice as many as wait       */
};

struct line {
    weir_bytes text;
    uint64_t number;
};

static struct {
    struct chain chain;
    uint64_t made, limit, seen, next;
    int place;
    weir_ref keeper; /* has those that wait */
    weir_subscription asks;
    const char *first; /* where the first line lies that waits in a stash */
    uint8_t drops[LINES];
    bool starved;
} f;

static void drop_lines(void *context, const void *events, size_t count, weir_discard why) {
    const struct line *line = events;
    (void)context, (void)why;
    for (size_t i = 0; i < count; i++) f.drops[line[i].number]++;
}

static const weir_event_type lines = {.bytes = sizeof(struct line), .spans = 1, .drop = drop_lines};

static void write_text(char *text, uint64_t number) {
    memset(text, 'a' + (int)(number % 26), TEXT);
}

static bool is_right(const struct line *line) {
    char text[TEXT];
    write_text(text, line->number);
    return line->text.count == TEXT && memcmp(line->text.at, text, TEXT) == 0;
}

static bool waits(const struct line *line) {
    return line->number % EACH == 0;
}

/* ---- stages ---------------------------------------------------------------------- */

static weir_verdict produce(weir_stage *self, uint64_t demand) {
    char text[TEXT];
    for (; demand > 0 && f.made < f.limit; demand--, f.made++) {
        write_text(text, f.made);
        const struct line line = {.text = {text, TEXT, 0}, .number = f.made};
        weir_status status = weir_emit(self, &line, 1);
        RIG_CHECK(f.chain.rig, status == WEIR_OK || f.starved);
        if (status != WEIR_OK) return WEIR_CONTINUE;
    }
    return WEIR_CONTINUE;
}

/* Those that waited come in order, one of so many. */
static weir_verdict read_lines(weir_stage *self, weir_batch batch) {
    const struct line *line = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++) {
        RIG_CHECK(f.chain.rig, is_right(&line[i]));
        RIG_CHECK(f.chain.rig, f.starved || line[i].number == f.next);
        f.next += EACH;
    }
    f.seen += batch.count;
    return WEIR_CONTINUE;
}

static weir_verdict look_away(weir_stage *self, weir_batch batch) {
    (void)self, (void)batch;
    return WEIR_CONTINUE;
}

/* Batches of one: the others are handled here. */
static weir_verdict pass_some(weir_stage *self, weir_batch batch) {
    return waits(batch.events) ? weir_forward(self) : WEIR_CONTINUE;
}

static weir_verdict stash_some(weir_stage *self, weir_batch batch) {
    const struct line *line = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        if (!waits(&line[i])) continue;
        RIG_CHECK(f.chain.rig, weir_stash(self, i, 1) == WEIR_OK || f.starved);
    }
    return WEIR_CONTINUE;
}

static weir_verdict emit_stash(weir_stage *self, const void *message, size_t bytes) {
    (void)message, (void)bytes;
    RIG_CHECK(f.chain.rig,
              weir_stash_emit(self, (size_t)weir_stashed(self)) == WEIR_OK || f.starved);
    return WEIR_CONTINUE;
}

static weir_subscribe_verdict as_told(weir_stage *self, const weir_peer *peer) {
    (void)self, (void)peer;
    return WEIR_MANUAL;
}

static void open_scene(struct rig *rig, uint64_t limit) {
    memset(&f, 0, sizeof f);
    f.chain = (struct chain){.rig = rig, .type = &lines};
    f.limit = limit;
}

static weir_ref behind(weir_ref producer, weir_kind kind, chain_handles *handle,
                       weir_subscribe_options how) {
    how.cancel = WEIR_TEMPORARY;
    how.max_bytes = WEIR_INFINITY; /* all of them are to wait */
    const weir_subscribe_to to = {.producer = producer, .options = how};
    return chain_start(
        &f.chain, (weir_stage_options){.kind = kind,
                                       .subscribe_to = &to,
                                       .subscribe_count = 1,
                                       .on = {.handle_events = handle, .handle_cast = emit_stash}});
}

static void read_when_asked(weir_ref producer) {
    weir_ref reader = chain_start(
        &f.chain,
        (weir_stage_options){.kind = WEIR_CONSUMER,
                             .on = {.handle_events = read_lines, .handle_subscribe = as_told}});
    const weir_subscribe_options how = {.cancel = WEIR_TEMPORARY, .max_bytes = WEIR_INFINITY};
    assert_int_equal(weir_subscribe(f.chain.rig->runtime, reader, producer, &how, &f.asks),
                     WEIR_OK);
}

static weir_ref start_source(const weir_partition_dispatcher_options *parts) {
    return chain_start(
        &f.chain, (weir_stage_options){.kind = WEIR_PRODUCER,
                                       .demand = WEIR_ACCUMULATE,
                                       .dispatcher = parts ? weir_partition_dispatcher() : NULL,
                                       .dispatcher_options = parts,
                                       .on.handle_demand = produce});
}

/* ---- where lines wait ---------------------------------------------------------------- */

enum { BUFFER, INPUT, STASH, PLACES };

/* It has all lines in one message, and takes that for one event of demand. */
static weir_ref open_buffer(weir_ref *source) {
    *source = start_source(NULL);
    return behind(*source, WEIR_PRODUCER_CONSUMER, pass_some,
                  (weir_subscribe_options){.max_demand = f.limit, .min_demand = f.limit - 1});
}

static uint32_t where(void *context, const void *event) {
    (void)context;
    return waits(event) ? 1 : 0;
}

/* Nobody asks it for anything. */
static weir_ref open_input(weir_ref *source) {
    static const weir_partition_dispatcher_options two = {.partitions = 2, .hash = where};
    *source = start_source(&two);
    behind(*source, WEIR_CONSUMER, look_away,
           (weir_subscribe_options){.partition = WEIR_PARTITION(0)});
    return behind(*source, WEIR_PRODUCER_CONSUMER, pass_some,
                  (weir_subscribe_options){.max_demand = 2 * WAITING,
                                           .min_demand = 2 * WAITING - 1,
                                           .partition = WEIR_PARTITION(1)});
}

static weir_ref open_stash(weir_ref *source) {
    *source = start_source(NULL);
    return behind(*source, WEIR_PRODUCER_CONSUMER, stash_some, (weir_subscribe_options){0});
}

/* Runs until all lines have come to where some of them wait. */
static void let_them_wait(struct rig *rig, int place, uint64_t limit, uint64_t fails_at) {
    static weir_ref (*const open[PLACES])(weir_ref *) = {open_buffer, open_input, open_stash};
    weir_ref source;
    open_scene(rig, limit);
    f.place = place;
    f.keeper = open[place](&source);
    read_when_asked(f.keeper);
    rig_rest(rig);
    if (place != INPUT) assert_int_equal(weir_ask(rig->runtime, f.asks, 1), WEIR_OK);
    rig_rest(rig);
    f.starved = fails_at > 0;
    if (f.starved) test_memory_fail(&rig->memory, fails_at, false);
    weir_status status = weir_demand(rig->runtime, source, WEIR_FORWARD);
    assert_true(status == WEIR_OK || f.starved);
    rig_rest(rig);
}

static void let_them_go(void) {
    if (f.place == STASH) {
        assert_int_equal(weir_cast(f.chain.rig->runtime, f.keeper, NULL, 0), WEIR_OK);
    }
    assert_int_equal(weir_ask(f.chain.rig->runtime, f.asks, LINES), WEIR_OK);
    rig_rest(f.chain.rig);
}

/* Each that was made is dropped, once. */
static void close_scene(void) {
    chain_close(&f.chain);
    for (uint64_t i = 0; i < LINES; i++) assert_int_equal(f.drops[i], i < f.made);
}

static void few_that_wait_pin_little(struct rig *rig, int place) {
    let_them_wait(rig, place, LINES, 0);
    assert_int_equal(f.made, LINES);
    assert_int_equal(f.seen, place == BUFFER);
    assert_in_range(rig_accounts(rig).blocks_live, 0, BLOCKS);
    let_them_go();
    assert_int_equal(f.seen, WAITING);
    close_scene();
}

static weir_verdict stash_all(weir_stage *self, weir_batch batch) {
    const struct line *line = batch.events;
    f.first = f.first == NULL ? line->text.at : f.first;
    RIG_CHECK(f.chain.rig, weir_stash(self, 0, batch.count) == WEIR_OK);
    return WEIR_CONTINUE;
}

static weir_verdict look_at_stash(weir_stage *self, const void *message, size_t bytes) {
    const struct line *line = weir_stash_front(self, 1).events;
    (void)message, (void)bytes;
    RIG_CHECK(f.chain.rig, is_right(line) && line->text.at == f.first);
    return WEIR_CONTINUE;
}

static void many_that_wait_stay_where_they_are(struct rig *rig) {
    open_scene(rig, EACH);
    weir_ref source = start_source(NULL);
    const weir_subscribe_to to = {
        .producer = source, .options = {.cancel = WEIR_TEMPORARY, .max_bytes = WEIR_INFINITY}};
    weir_ref keeper = chain_start(
        &f.chain,
        (weir_stage_options){.kind = WEIR_CONSUMER,
                             .subscribe_to = &to,
                             .subscribe_count = 1,
                             .on = {.handle_events = stash_all, .handle_cast = look_at_stash}});
    rig_rest(rig);
    assert_int_equal(weir_demand(rig->runtime, source, WEIR_FORWARD), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(weir_cast(rig->runtime, keeper, NULL, 0), WEIR_OK);
    rig_rest(rig);
    close_scene();
}

/* Two keep the same lines: whoever copied them would drop them, too. */
static void what_others_have_stays_where_it_is(struct rig *rig) {
    open_scene(rig, LINES / 10);
    weir_ref source =
        chain_start(&f.chain, (weir_stage_options){.kind = WEIR_PRODUCER,
                                                   .demand = WEIR_ACCUMULATE,
                                                   .dispatcher = weir_broadcast_dispatcher(),
                                                   .on.handle_demand = produce});
    behind(source, WEIR_CONSUMER, stash_some, (weir_subscribe_options){0});
    f.keeper = behind(source, WEIR_PRODUCER_CONSUMER, stash_some, (weir_subscribe_options){0});
    read_when_asked(f.keeper);
    rig_rest(rig);
    assert_int_equal(weir_ask(rig->runtime, f.asks, 1), WEIR_OK);
    assert_int_equal(weir_demand(rig->runtime, source, WEIR_FORWARD), WEIR_OK);
    rig_rest(rig);
    f.place = STASH;
    let_them_go();
    assert_int_equal(f.seen, WAITING / 10);
    close_scene();
}

static void without_memory_they_stay(void **state) {
    (void)state;
    struct rig rig;
    for (int place = 0; place < PLACES; place++) {
        bool failed = true;
        for (uint64_t nth = 1; failed; nth++) {
            assert_true(rig_open_world(&rig, 0));
            let_them_wait(&rig, place, FEW * EACH, nth);
            failed = rig.memory.calls >= rig.memory.fail_at;
            test_memory_fail_never(&rig.memory);
            let_them_go();
            assert_true(failed || f.seen == FEW);
            close_scene();
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS_AND_WAYS(few_that_wait_pin_little, PLACES),
        TEST_IN_WORLDS(many_that_wait_stay_where_they_are),
        TEST_IN_WORLDS(what_others_have_stays_where_it_is),
        cmocka_unit_test(without_memory_they_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
