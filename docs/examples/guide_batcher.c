/*
 * The guide: a batcher, which keeps events in its state, and loses none of them.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     inlet (letters) ──► packer (crates of four) ──► lorry
 *
 * A crate leaves when it is full, or a second after its first letter came.  What lies in it
 * when no more letters can come leaves too: at the end of the source, and in a drain.
 */
#include "guide.h"

#include <string.h>

enum { SECOND = 1000000000, ROOM = 4 };

struct crate {
    char letters[ROOM + 1];
};

struct packer {
    struct crate crate;
    weir_timer due; /* of the crate in hand */
};

static void send_off(weir_stage *self, struct packer *packer) {
    if (packer->crate.letters[0] == '\0') return;
    weir_cancel_timer(weir_stage_runtime(self), packer->due); /* or it is what brought us here */
    weir_must(weir_emit(self, &packer->crate, 1));
    memset(&packer->crate, 0, sizeof packer->crate);
}

static weir_verdict pack(weir_stage *self, weir_batch batch) {
    struct packer *packer = weir_state(self);
    const char *letter = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        size_t packed = strlen(packer->crate.letters);
        if (packed == 0)
            weir_must(weir_send_after(weir_stage_runtime(self), weir_self(self), NULL, 0, SECOND,
                                      &packer->due));
        packer->crate.letters[packed] = letter[i];
        if (packed + 1 == ROOM) send_off(self, packer);
    }
    return WEIR_CONTINUE;
}

/* The reminder: the letters have waited for a second. */
static weir_verdict due(weir_stage *self, const void *message, size_t bytes) {
    (void)message, (void)bytes;
    send_off(self, weir_state(self));
    return WEIR_CONTINUE;
}

/* No letter can come any more. */
static weir_verdict no_more(weir_stage *self) {
    send_off(self, weir_state(self));
    return WEIR_CONTINUE;
}

static weir_verdict take_away(weir_stage *self, weir_batch batch) {
    const struct crate *crate = batch.events;
    double seconds = (double)weir_runtime_now(weir_stage_runtime(self)) / SECOND;
    for (size_t i = 0; i < batch.count; i++)
        printf("%3.1f s: crate of %s\n", seconds, crate[i].letters);
    return WEIR_CONTINUE;
}

static weir_inlet *start(weir_runtime *runtime) {
    weir_inlet *inlet;
    weir_ref row[3]; /* letters, packer, lorry */
    const weir_stage_options stages[] = {
        {.kind = WEIR_PRODUCER_CONSUMER,
         .event_bytes = sizeof(struct crate),
         .takes_bytes = 1,
         .state_bytes = sizeof(struct packer),
         .on = {.handle_events = pack, .handle_info = due, .handle_end = no_more}},
        {.kind = WEIR_CONSUMER,
         .takes_bytes = sizeof(struct crate),
         .on = {.handle_events = take_away}},
    };
    weir_must(weir_inlet_open(runtime, &(weir_inlet_options){.event_bytes = 1}, &inlet, &row[0]));
    weir_must(weir_stages_start(runtime, stages, 2, &row[1]));
    weir_must(weir_chain(runtime, row, 3, NULL));
    return inlet;
}

int main(void) {
    for (int drains = 0; drains < 2; drains++) {
        weir_runtime *runtime;
        weir_runtime_options options = {.mode = WEIR_SIMULATED, .workers = 1};
        weir_must(weir_runtime_open(&options, &runtime));
        weir_inlet *inlet = start(runtime);
        weir_must(weir_inlet_push(inlet, "abcdef", 6, 0));
        weir_must(weir_runtime_advance(runtime, 2 * (uint64_t)SECOND));
        weir_must(weir_inlet_push(inlet, "ghi", 3, 0));
        if (drains) {
            weir_must(weir_runtime_drain(runtime, WEIR_FOREVER, NULL));
        } else {
            weir_must(weir_inlet_finish(inlet));
            weir_must(weir_runtime_run(runtime, WEIR_FOREVER));
        }
        printf("%3.1f s: %s\n", (double)weir_runtime_now(runtime) / SECOND,
               drains ? "drained" : "the source has ended");
        weir_inlet_close(inlet);
        weir_must(weir_runtime_close(runtime, NULL));
    }
    return EXIT_SUCCESS;
}
