/*
 * The guide: bounds in bytes: documents of 100 to 900 bytes, of which 2,000 may be under way.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     names ──name──► loader ──document──► printer
 */
#include "guide.h"

#include <string.h>

enum { NAMES = 9, MAX_BYTES = 2000, LONGEST = 900 };

struct document {
    weir_bytes text;
    uint64_t name;
};

static const weir_event_type documents = {
    .bytes = sizeof(struct document), .spans = 1, .payload_limit = LONGEST};

static weir_verdict name_some(weir_stage *self, uint64_t demand) {
    uint64_t *next = weir_state(self);
    for (; demand > 0 && *next < NAMES; demand--, ++*next) weir_must(weir_emit(self, next, 1));
    return *next < NAMES ? WEIR_CONTINUE : WEIR_FINISH;
}

static struct document load(uint64_t name) {
    static char text[LONGEST];
    memset(text, 'a' + (int)name, sizeof text);
    return (struct document){.text = {text, (uint32_t)(100 * (1 + name * 5 % 9)), 0}, .name = name};
}

/* A document for each name, as long as there is room for the longest. */
static weir_verdict load_some(weir_stage *self, weir_batch batch) {
    const uint64_t *name = batch.events;
    printf("loader: %zu names", batch.count);
    for (size_t i = 0; i < batch.count; i++) {
        weir_asked asked = weir_open_demand(self);
        if (asked.events == 0 || asked.bytes < sizeof(struct document) + LONGEST) {
            printf(", leaves %zu: room for %" PRIu64 " events, %" PRIu64 " bytes\n",
                   batch.count - i, asked.events, asked.bytes);
            weir_must(weir_batch_rest(self, i));
            return WEIR_CONTINUE;
        }
        const struct document document = load(name[i]);
        weir_must(weir_emit(self, &document, 1));
        printf(", %" PRIu32 " bytes", document.text.count);
    }
    printf("\n");
    return WEIR_CONTINUE;
}

static weir_verdict print(weir_stage *self, weir_batch batch) {
    const struct document *document = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++) {
        printf("    document %" PRIu64 ": %" PRIu32 " bytes\n", document[i].name,
               document[i].text.count);
    }
    return WEIR_CONTINUE;
}

int main(void) {
    const weir_stage_options row[] = {
        {.kind = WEIR_PRODUCER,
         .event_bytes = sizeof(uint64_t),
         .state_bytes = sizeof(uint64_t),
         .on = {.handle_demand = name_some}},
        {.kind = WEIR_PRODUCER_CONSUMER, .on = {.handle_events = load_some}, .type = &documents},
        {.kind = WEIR_CONSUMER, .on = {.handle_events = print}},
    };
    weir_runtime *runtime = open_stepped();
    weir_ref stages[3];
    weir_must(weir_stages_start(runtime, row, 3, stages));
    weir_must(weir_subscribe(runtime, stages[1], stages[0], NULL, NULL));
    const weir_subscribe_options few = {.max_bytes = MAX_BYTES};
    weir_must(weir_subscribe(runtime, stages[2], stages[1], &few, NULL));
    weir_must(weir_runtime_run(runtime, WEIR_FOREVER));
    weir_must(weir_runtime_close(runtime, NULL));
    return EXIT_SUCCESS;
}
