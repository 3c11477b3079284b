/*
 * The guide: two ways out of a stage, of which one is slow.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     lines ──► parse ──► adder
 *                 └─────► dead letters      which are looked at in the evening
 *
 * What is no number goes to an output of its own.  Nobody takes from that yet, and the numbers do
 * not wait.
 */
#include "guide.h"

enum { NUMBERS = 0, DEAD = 1 };

struct line {
    char text[8];
};

static weir_verdict read_lines(weir_stage *self, uint64_t demand) {
    static const struct line lines[] = {{"12"}, {"30"}, {"x"}, {"4"}, {"ten"}, {"6"}};
    size_t *next = weir_state(self);
    for (; demand > 0; demand--) {
        if (*next == sizeof lines / sizeof *lines) return WEIR_FINISH;
        weir_must(weir_emit(self, &lines[(*next)++], 1));
    }
    return WEIR_CONTINUE;
}

static weir_verdict parse(weir_stage *self, weir_batch batch) {
    const struct line *lines = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        char *end;
        uint64_t number = strtoull(lines[i].text, &end, 10);
        if (*end == '\0')
            weir_must(weir_emit_to(self, NUMBERS, &number, 1));
        else
            weir_must(weir_forward_to(self, DEAD, i, 1)); /* as it came */
    }
    return WEIR_CONTINUE;
}

static weir_verdict add(weir_stage *self, weir_batch batch) {
    const uint64_t *numbers = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++) printf("number %" PRIu64 "\n", numbers[i]);
    return WEIR_CONTINUE;
}

static weir_verdict bury(weir_stage *self, weir_batch batch) {
    const struct line *lines = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++) printf("dead: %s\n", lines[i].text);
    return WEIR_CONTINUE;
}

int main(void) {
    weir_runtime *runtime = open_stepped();
    const weir_output_options outputs[] = {
        {.name = "dead", .event_bytes = sizeof(struct line), .buffer_size = 1000},
    };
    const weir_stage_options stages[] = {
        {.kind = WEIR_PRODUCER,
         .name = "lines",
         .event_bytes = sizeof(struct line),
         .state_bytes = sizeof(size_t),
         .on = {.handle_demand = read_lines}},
        {.kind = WEIR_PRODUCER_CONSUMER,
         .name = "parse",
         .event_bytes = sizeof(uint64_t),
         .on = {.handle_events = parse},
         .outputs = outputs,
         .output_count = 1},
        {.kind = WEIR_CONSUMER, .name = "adder", .on = {.handle_events = add}},
    };
    weir_ref refs[3], dead, letters;
    weir_must(weir_stages_start(runtime, stages, 3, refs));
    weir_must(weir_stage_output(runtime, refs[1], DEAD, &dead));
    weir_must(weir_chain(runtime, refs, 3, NULL));
    weir_must(weir_runtime_settle(runtime, WEIR_FOREVER));

    printf("evening\n");
    const weir_subscribe_to to = {.producer = dead};
    const weir_stage_options looks = {.kind = WEIR_CONSUMER,
                                      .name = "letters",
                                      .subscribe_to = &to,
                                      .subscribe_count = 1,
                                      .on = {.handle_events = bury}};
    weir_must(weir_stage_start(runtime, &looks, &letters));
    weir_must(weir_runtime_run(runtime, WEIR_FOREVER)); /* all have ended */
    weir_must(weir_runtime_close(runtime, NULL));
    return EXIT_SUCCESS;
}
