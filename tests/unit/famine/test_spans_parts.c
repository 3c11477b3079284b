/*
 * Inlets, ports and iterators with events of any length, without memory.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: whichever allocation fails, once or for good, what was refused is the caller's, each line
 * that was accepted comes whole to its one end, nothing is leaked, and the accounts balance.
 * Method: a scenario is played with each allocation failing in turn; lines say their own bytes.
 */
#include "support/cmocka.h"
#include "support/rig.h"

#include <string.h>

struct line {
    weir_bytes text;
    uint64_t number;
};

enum { MOST = 256, TEXT_MOST = 70000 };

static struct {
    struct rig rig;
    weir_inlet *inlet;
    weir_port *port;
    weir_ref stage;
    uint64_t made, handled; /* made: and accepted */
    unsigned char over[MOST];
} f;

static uint32_t length_of(uint64_t number) {
    return number % 16 == 15 ? TEXT_MOST : (uint32_t)(number * 613 % 2000);
}

static char letter_of(uint64_t number, uint32_t at) {
    return (char)('a' + (number + at / 64) % 26);
}

static void look_at(const struct line *line) {
    uint32_t i = 0;
    RIG_CHECK(&f.rig, line->number < MOST && !f.over[line->number]);
    while (i < line->text.count && line->text.at[i] == letter_of(line->number, i)) i++;
    RIG_CHECK(&f.rig, i == line->text.count && i == length_of(line->number));
}

static void drop_lines(void *context, const void *events, size_t count, weir_discard why) {
    const struct line *line = events;
    (void)context, (void)why;
    for (size_t i = 0; i < count; i++) {
        look_at(&line[i]);
        f.over[line[i].number] = 1;
    }
}

static const weir_event_type lines = {.bytes = sizeof(struct line), .spans = 1, .drop = drop_lines};

/* The next `count` lines, whose text lies where the next ones' will. */
static void make_lines(struct line *line, size_t count) {
    static char text[3 * TEXT_MOST];
    char *at = text;
    for (size_t i = 0; i < count; i++) {
        uint64_t number = f.made + i;
        uint32_t length = length_of(number);
        line[i] = (struct line){.text = {.at = at, .count = length}, .number = number};
        for (uint32_t k = 0; k < length; k++) *at++ = letter_of(number, k);
    }
}

static weir_verdict read_lines(weir_stage *self, weir_batch batch) {
    const struct line *line = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++) look_at(&line[i]);
    f.handled += batch.count;
    return WEIR_CONTINUE;
}

static void tell_nobody(void *context, uint64_t count, weir_discard why) {
    (void)context, (void)count, (void)why;
}

static void start_consumer(void) {
    const weir_subscribe_to to = {.producer = f.stage,
                                  .options = {.max_demand = 5, .cancel = WEIR_TEMPORARY}};
    const weir_stage_options options = {.kind = WEIR_CONSUMER,
                                        .subscribe_to = &to,
                                        .subscribe_count = 1,
                                        .on.handle_events = read_lines};
    assert_int_equal(weir_stage_start(f.rig.runtime, &options, NULL), WEIR_OK);
}

/* ---- inlets and ports ---------------------------------------------------------- */

static void open_inlet(int way) {
    const weir_inlet_options options = {.type = &lines,
                                        .capacity = 12,
                                        .capacity_bytes = 20000,
                                        .when_full = way < 2 ? WEIR_REFUSE : WEIR_DROP_OLDEST,
                                        .discarded = tell_nobody};
    assert_int_equal(weir_inlet_open(f.rig.runtime, &options, &f.inlet, &f.stage), WEIR_OK);
    if (way == 1) assert_int_equal(weir_port_open(f.inlet, &f.port), WEIR_OK);
}

static void push_some(void) {
    for (size_t i = 0; i < 30; i++) {
        struct line line[3];
        size_t count = f.made % 16 >= 13 ? 1 : 1 + i % 3; /* what is long comes alone */
        make_lines(line, count);
        weir_status status = f.port != NULL ? weir_port_push(f.port, line, count, 0)
                                            : weir_inlet_push(f.inlet, line, count, 0);
        if (status == WEIR_OK || status == WEIR_DROPPED) f.made += count;
        if (i % 4 > 0) weir_runtime_step(f.rig.runtime, i % 4);
    }
}

static void close_inlet(void) {
    weir_port_close(f.port);
    weir_inlet_close(f.inlet);
}

/* ---- iterators ----------------------------------------------------------------- */

static weir_made next(void *context, weir_room room) {
    size_t count = room.count < 3 ? room.count : 3;
    (void)context;
    make_lines(room.events, count);
    f.made += count;
    return (weir_made){count, f.made < 60 ? WEIR_ITERATOR_MORE : WEIR_ITERATOR_END};
}

static void open_iterator(int way) {
    const weir_iterator_options options = {.type = &lines, .next = next, .discarded = tell_nobody};
    (void)way;
    assert_int_equal(weir_iterator_start(f.rig.runtime, &options, &f.stage), WEIR_OK);
}

static void iterate(void) {
    rig_rest(&f.rig);
}

static void close_iterator(void) {}

/* ---- famine -------------------------------------------------------------------- */

struct scenario {
    void (*open)(int way);
    void (*play)(void);
    void (*close)(void);
};

/* The `fail`th allocation fails or, for good, those behind it too.  false: there are fewer. */
static bool play(const struct scenario *scenario, int way, uint64_t fail, bool for_good) {
    memset(&f, 0, sizeof f);
    rig_open(&f.rig, NULL);
    scenario->open(way);
    start_consumer();
    uint64_t before = f.rig.memory.calls;
    test_memory_fail(&f.rig.memory, fail, for_good);
    scenario->play();
    bool reached = f.rig.memory.calls - before >= fail;
    test_memory_fail_never(&f.rig.memory);
    rig_rest(&f.rig);
    scenario->close();
    rig_rest(&f.rig);
    f.rig.emitted = f.made;
    f.rig.handled = f.handled;
    f.rig.log.used = 0; /* of who was refused a subscription, say */
    weir_accounts accounts = rig_close(&f.rig);
    assert_int_equal(accounts.accepted, f.made);
    assert_int_equal(accounts.dropped, f.made);
    for (uint64_t i = 0; i < f.made; i++) assert_true(f.over[i]);
    return reached;
}

static void play_all(const struct scenario *scenario, int ways) {
    for (int way = 0; way < ways; way++) {
        for (int for_good = 0; for_good < 2; for_good++) {
            uint64_t fail = 1;
            while (play(scenario, way, fail, for_good)) fail++;
            assert_true(fail > 3);
        }
    }
}

static void inlets_and_ports(void **state) {
    (void)state;
    play_all(&(struct scenario){open_inlet, push_some, close_inlet}, 3);
}

static void iterators(void **state) {
    (void)state;
    play_all(&(struct scenario){open_iterator, iterate, close_iterator}, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inlets_and_ports),
        cmocka_unit_test(iterators),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
