/*
 * Goal: the picture of weir top is drawn to the character.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: counters by hand, drawn on canvases of several sizes.
 */
#include "looks.h"
#include "picture.h"

#include <stdlib.h>
#include <weir/runtime.h>

#define SHARES(...) ((const unsigned[WEIR_STATES]){__VA_ARGS__})

static struct counters counters;
static struct look look;

/* As look_again does it, with rates since the beginning. */
static void look_at(void) {
    struct seen seen;
    see(&seen, &counters);
    look = (struct look){.images[0] = seen.image,
                         .views[0] = seen.view,
                         .rates = seen.rates,
                         .culprit = seen.culprit,
                         .looks = 1};
    look.views[0].image = &look.images[0];
    counters_header(&counters)->pid = 1234;
}

static void make_graph(void) {
    counters_begin(&counters);
    counters_worker(&counters, 0)->turn_ns = COUNTERS_NOW_NS / 4;
    weir_counters_worker *second = counters_worker(&counters, 1);
    weir_counters_stage *source = counters_stage(&counters, "source", 0, SHARES(3, 0, 0, 97, 0));
    weir_counters_stage *sink = counters_stage(&counters, "sink", 1, SHARES(98, 0, 2, 0, 0));
    counters_subscription(&counters, source, sink)->sent = 1000;
    source->events_out = 31800;
    sink->events_in = 30800;
    sink->stage_kind = WEIR_CONSUMER;
    source->buffered = 12;
    second->stage = sink->ref;
    second->turn_ns = COUNTERS_NOW_NS;
    uint32_t slot;
    counters_times(&counters, &slot, sink->ref, 100, 1200000);
    sink->handling = slot;
    look_at();
}

static void expect(struct picture picture, unsigned rows, unsigned columns, const char *text) {
    struct canvas canvas = {0};
    char *printed = NULL;
    size_t bytes = 0;
    rows = rows > 0 ? rows : picture_rows(&look, columns);
    assert_true(canvas_open(&canvas, rows, columns));
    assert_true(picture_draw(&canvas, &picture, &look));
    FILE *out = open_memstream(&printed, &bytes);
    canvas_print(out, &canvas);
    fclose(out);
    char *behind = strchr(printed, '\n'); /* the first row has the process's number */
    assert_non_null(behind);
    assert_string_equal(behind + 1, text);
    free(printed);
    canvas_free(&canvas);
}

static void all_of_it(void **state) {
    (void)state;
    make_graph();
    expect((struct picture){0}, 0, 110,
           "sink is full: busy 98 % of its time, 1.12 ms a callback; source (blocked 97 %) waits "
           "for it\n"
           "\n"
           "  STAGE       WORKER    IN/s   OUT/s  TIME                       BUSY   FILL    HOLDS  "
           "    p50      p99\n"
           "  source           0       -   3.18k  █▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒    3 %      -       12  "
           "      -        -\n"
           "►  sink            1   3.08k       -  ████████████████████████   98 %  100 %        -  "
           "1.12 ms  1.20 ms\n"
           "\n"
           "WORKER  CORE  TIME                      BUSY   TURNS/s   WAKES/s  STAGES  NOW\n"
           "     0     0  ██████··················  25 %         -         -       0  -\n"
           "     1     1  ████████████████████████ 100 %         -         -       0  sink\n"
           "\n"
           "  █ busy  ▓ waits for its worker  · starved  ▒ blocked\n");
    look_free(&look);
}

static void on_a_narrow_one(void **state) {
    (void)state;
    make_graph();
    expect((struct picture){0}, 0, 40,
           "sink is full: busy 98 % of its time,\n"
           "1.12 ms a callback; source (blocked\n"
           "97 %) waits for it\n"
           "\n"
           "  STAGE       WORKER    IN/s   OUT/s\n"
           "  source           0       -   3.18k\n"
           "►  sink            1   3.08k       -\n"
           "\n"
           "WORKER  CORE  TIME\n"
           "     0     0  ██████··················\n"
           "     1     1  ████████████████████████ 1\n");
    look_free(&look);
}

/* Of two stages there is room for one; what is scrolled too far is taken back. */
static void on_a_low_one(void **state) {
    (void)state;
    make_graph();
    expect((struct picture){.first = 7, .keys = true, .order = PICTURE_NAME}, 9, 100,
           "sink is full: busy 98 % of its time, 1.12 ms a callback; source (blocked 97 %) waits "
           "for it\n"
           "\n"
           "  STAGE       WORKER    IN/s   OUT/s  TIME                       BUSY   FILL    HOLDS  "
           "    p50\n"
           "  source           0       -   3.18k  █▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒    3 %      -       12  "
           "      -\n"
           "\n"
           "WORKER  CORE  TIME                      BUSY   TURNS/s   WAKES/s  STAGES  NOW\n"
           "\n"
           "                                                q quit  s sort: name  space pause  tab "
           "next  arrows\n");
    look_free(&look);
}

static void by_order(void **state) {
    (void)state;
    make_graph();
    expect((struct picture){.order = PICTURE_BUSY}, 0, 60,
           "sink is full: busy 98 % of its time, 1.12 ms a callback;\n"
           "source (blocked 97 %) waits for it\n"
           "\n"
           "  STAGE       WORKER    IN/s   OUT/s   BUSY   FILL    HOLDS\n"
           "► sink             1   3.08k       -   98 %  100 %        -\n"
           "  source           0       -   3.18k    3 %      -       12\n"
           "\n"
           "WORKER  CORE  TIME                      BUSY   TURNS/s   WAK\n"
           "     0     0  ██████··················  25 %         -\n"
           "     1     1  ████████████████████████ 100 %         -\n"
           "\n"
           "  █ busy  ▓ waits for its worker  · starved  ▒ blocked\n");
    look_free(&look);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_it),
        cmocka_unit_test(on_a_narrow_one),
        cmocka_unit_test(on_a_low_one),
        cmocka_unit_test(by_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
