/*
 * weir's sink of files, but that it answers for what is on the disk.
 * SPDX-License-Identifier: Apache-2.0
 */
#define _POSIX_C_SOURCE 200809L /* nanosleep */
#include "service.h"

#include <string.h>
#include <time.h>

static weir_pulled open_store(void *context) {
    const struct store *store = context;
    return weir_file_sink_table(store->file)->open(store->file);
}

static weir_pulled write_batch(void *context, weir_message *messages, size_t count,
                               const weir_batch_info *batch) {
    const struct store *store = context;
    struct answer answers[BATCH];
    nanosleep(&(struct timespec){.tv_sec = store->slow_ms / 1000,
                                 .tv_nsec = store->slow_ms % 1000 * 1000000L},
              NULL);
    weir_pulled pulled =
        weir_file_sink_table(store->file)->write(store->file, messages, count, batch);
    if (pulled != WEIR_PULLED) return pulled; /* it comes again */
    for (size_t i = 0; i < count; i++) {
        answers[i].dead = store->dead;
        memcpy(&answers[i].to, messages[i].headers.at, sizeof answers[i].to);
    }
    /* Nobody is there to be told only where the service is through with waiting. */
    weir_status told = weir_cast(store->runtime, store->sockets, answers, count * sizeof *answers);
    if (told != WEIR_NO_STAGE) weir_must(told);
    return WEIR_PULLED;
}

static void close_store(void *context) {
    const struct store *store = context;
    weir_file_sink_table(store->file)->close(store->file);
}

const weir_sink answering_sink = {
    .name = "store", .open = open_store, .write = write_batch, .close = close_store};
