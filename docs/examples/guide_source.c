/*
 * The guide: a source of messages, and how each is settled.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The engine is an array. It runs in a simulated runtime, as a test of a program's own would.
 */
#include "guide.h"

#include <string.h>

static const char *const letters[] = {"alpha", "beta", "", "gamma", "delta", "epsilon"};

struct post {
    size_t next;
};

/* ---- the driver: a broker's client, say, whose calls may block ---- */

static weir_pulled pull(void *context, weir_pull *pull, uint64_t events, uint64_t bytes,
                        uint64_t timeout_ns) {
    struct post *post = context;
    (void)bytes, (void)timeout_ns; /* how long it may wait for the first one */
    for (; events > 0 && post->next < sizeof letters / sizeof *letters; events--) {
        const char *text = letters[post->next];
        const weir_incoming incoming = {.data = {.at = text, .count = (uint32_t)strlen(text)},
                                        .token = post->next};
        if (!weir_pull_add(pull, &incoming)) break; /* no room: it is the broker's still */
        post->next++;
    }
    return post->next < sizeof letters / sizeof *letters ? WEIR_PULLED : WEIR_SOURCE_END;
}

static weir_pulled ack(void *context, const weir_ack *acks, size_t count) {
    static const char *const said[] = {"ok", "skip", "dead", "failed", "retry", "nak"};
    (void)context;
    for (size_t i = 0; i < count; i++) {
        printf("ack %" PRIu64 ": %s\n", acks[i].token, said[acks[i].outcome]);
    }
    return WEIR_PULLED;
}

static const weir_source_driver driver = {.name = "post", .pull = pull, .ack = ack};

/* ---- the stages ---- */

static weir_verdict shout(weir_stage *self, weir_batch batch) {
    weir_message *messages = weir_own(self); /* to be written to */
    for (size_t i = 0; i < batch.count; i++) {
        weir_bytes text = messages[i].data;
        char *loud = weir_message_room(self, &messages[i], text.count);
        for (uint32_t n = 0; n < text.count; n++) loud[n] = (char)(text.at[n] & ~0x20);
        if (text.count == 0) messages[i].outcome = WEIR_MESSAGE_SKIP;
    }
    return weir_forward(self);
}

static weir_verdict store(weir_stage *self, weir_batch batch) {
    weir_message *messages = weir_own(self);
    for (size_t i = 0; i < batch.count; i++) {
        printf("store \"%.*s\"\n", (int)messages[i].data.count, messages[i].data.at);
        if (messages[i].data.count == 5 && memcmp(messages[i].data.at, "GAMMA", 5) == 0) {
            messages[i].outcome = WEIR_MESSAGE_FAILED; /* the disk is full, say */
        }
    }
    return WEIR_CONTINUE; /* each is settled by its outcome now */
}

int main(void) {
    weir_runtime *runtime;
    weir_source *source;
    weir_ref stage;
    struct post post = {0};
    const weir_runtime_options simulated = {.mode = WEIR_SIMULATED, .workers = 1};
    weir_must(weir_runtime_open(&simulated, &runtime));
    const weir_source_options options = {
        .driver = &driver, .context = &post, .max_outstanding = 1000};
    weir_must(weir_source_open(runtime, &options, &source, &stage));
    const weir_stage_options shouts = {.kind = WEIR_PRODUCER_CONSUMER,
                                       .subscribe_to = &(weir_subscribe_to){.producer = stage},
                                       .subscribe_count = 1,
                                       .on = {.handle_events = shout},
                                       .type = weir_message_type()};
    weir_must(weir_stage_start(runtime, &shouts, &stage));
    const weir_stage_options stores = {.kind = WEIR_CONSUMER,
                                       .subscribe_to = &(weir_subscribe_to){.producer = stage},
                                       .subscribe_count = 1,
                                       .on = {.handle_events = store}};
    weir_must(weir_stage_start(runtime, &stores, NULL));
    weir_must(weir_runtime_run(runtime, WEIR_FOREVER)); /* until the source has ended */
    weir_source_stats stats;
    weir_must(weir_source_statistics(source, &stats));
    printf("acked %" PRIu64 ", naks %" PRIu64 "\n", stats.acked, stats.naks);
    weir_must(weir_source_close(source));
    weir_must(weir_runtime_close(runtime, NULL));
    return EXIT_SUCCESS;
}
