/*
 * Ships a log: each line of a file that is still being written goes to another, at least once.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     tail ──► parse ──► batches of 1000 lines, 64 KiB or 100 ms ──► append and sync
 *
 * A line begins with a time and a level; those of level D are left out, those without go to a file
 * of their own.  How far all is stored is written to a checkpoint, from which the next run goes on.
 * A line of more than 64 KiB is shipped in parts, as if each was a line.
 *
 *     log_shipper LOG STORE CHECKPOINT      until SIGTERM or SIGINT
 *     log_shipper                           a short show, with files in a folder of its own
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <weir/weir.h>

#define MS UINT64_C(1000000)

/* ---- the log: where it is read, and how far it is stored ---------------------------- */

struct tail {
    int log, checkpoint;
    uint64_t at;
};

static weir_pulled tail_pull(void *context, weir_pull *pull, uint64_t events, uint64_t bytes,
                             uint64_t timeout_ns) {
    struct tail *tail = context;
    static char text[65536];
    const uint64_t from = tail->at;
    (void)bytes;
    const ssize_t count = pread(tail->log, text, sizeof text, (off_t)from);
    const char *line = text, *end;
    for (bool part = false; count > 0 && events > 0; events--, line = end + !part) {
        end = memchr(line, '\n', (size_t)(text + count - line));
        part = end == NULL && line == text && count == sizeof text;
        if (part) end = text + count;
        const uint64_t behind = end == NULL ? 0 : from + (uint64_t)(end + !part - text);
        if (end == NULL ||
            !weir_pull_add(pull,
                           &(weir_incoming){.data = {.at = line, .count = (uint32_t)(end - line)},
                                            .position = behind - 1}))
            break;
        tail->at = behind;
    }
    if (tail->at > from) return WEIR_PULLED;
    usleep(timeout_ns < MS ? (useconds_t)(timeout_ns / 1000) : 1000);
    return WEIR_IDLE;
}

static weir_pulled tail_ack(void *context, const weir_ack *acks, size_t count) {
    const struct tail *tail = context; /* all below this position is stored */
    const uint64_t stored = acks[count - 1].position;
    return pwrite(tail->checkpoint, &stored, sizeof stored, 0) == sizeof stored ? WEIR_PULLED
                                                                                : WEIR_LOST;
}

static const weir_source_driver tail_driver = {
    .name = "tail", .cumulative = true, .span = 1 << 20, .pull = tail_pull, .ack = tail_ack};

/* ---- the store ------------------------------------------------------------------------ */

static weir_pulled store_write(void *context, weir_message *messages, size_t count,
                               const weir_batch_info *batch) {
    FILE *store = context;
    (void)batch;
    for (size_t i = 0; i < count; i++)
        fwrite(messages[i].data.at, 1, messages[i].data.count, store), putc('\n', store);
    const bool stored = !ferror(store) && fflush(store) == 0 && fdatasync(fileno(store)) == 0;
    if (!stored) clearerr(store);
    return stored ? WEIR_PULLED
                  : WEIR_LOST; /* LOST: it is written again, when there is room, say */
}

static const weir_sink store_sink = {.name = "store", .write = store_write};

static weir_outcome parse(void *context, weir_work *work, weir_message *message) {
    const char *level = memchr(message->data.at, ' ', message->data.count);
    (void)context, (void)work;
    if (level == NULL) return WEIR_MESSAGE_DEAD;
    return level + 1 < message->data.at + message->data.count && level[1] == 'D' ? WEIR_MESSAGE_SKIP
                                                                                 : WEIR_MESSAGE_OK;
}

static weir_pipeline *open_shipper(weir_runtime *runtime, struct tail *tail, FILE **stores) {
    const weir_pipeline_batcher batchers[] = {
        {.name = "store",
         .size = 1000,
         .bytes = 65536,
         .timeout_ns = 100 * MS,
         .sink = &store_sink,
         .sink_contexts = (void **)&stores[0]},
        {.name = "dead", .sink = &store_sink, .sink_contexts = (void **)&stores[1]}};
    weir_pipeline *pipeline;
    weir_must(weir_pipeline_open(
        runtime,
        &(weir_pipeline_options){.name = "shipper",
                                 .source = &tail_driver,
                                 .source_contexts = (void *[]){tail},
                                 .source_count = 1,
                                 .max_outstanding_bytes = 1 << 20,
                                 .processors = {.count = 1, .handle_message = parse},
                                 .batchers = batchers,
                                 .batcher_count = 2,
                                 .dead = "dead"},
        &pipeline));
    return pipeline;
}

static FILE *open_beside(const char *name, const char *ending) {
    char path[4096];
    snprintf(path, sizeof path, "%s%s", name, ending);
    FILE *file = fopen(path, "a");
    return file != NULL ? file : (perror(path), exit(1), NULL);
}

int main(int count, char **arguments) {
    char show[] = "/tmp/log_shipper.XXXXXX";
    const char *names[] = {"log", "store", "checkpoint"};
    const bool shows = count < 4;
    if (shows && (mkdtemp(show) == NULL || chdir(show) != 0)) return 1;
    for (int i = 0; i < 3 && !shows; i++) names[i] = arguments[i + 1];
    if (shows) {
        FILE *log = open_beside("log", "");
        for (int i = 0; i < 5000; i++)
            fprintf(log, i % 1000 == 7 ? "?\n" : "%d %c line\n", i, "IDWE"[i % 4]);
        fclose(log);
    }
    sigset_t ends;
    sigemptyset(&ends), sigaddset(&ends, SIGTERM), sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    struct tail tail = {.log = open(names[0], O_RDONLY),
                        .checkpoint = open(names[2], O_RDWR | O_CREAT, 0644)};
    if (tail.log < 0 || tail.checkpoint < 0) return perror("open"), 1;
    if (pread(tail.checkpoint, &tail.at, sizeof tail.at, 0) != sizeof tail.at) tail.at = 0;
    FILE *stores[] = {open_beside(names[1], ""), open_beside(names[1], ".dead")};
    weir_runtime *runtime;
    weir_must(weir_runtime_open(NULL, &runtime));
    weir_pipeline *pipeline = open_shipper(runtime, &tail, stores);
    int signal = 0;
    if (shows)
        sigtimedwait(&ends, NULL, &(struct timespec){.tv_nsec = 300 * MS});
    else
        sigwait(&ends, &signal);
    weir_pipeline_stats stats;
    weir_must(weir_pipeline_close(pipeline, &stats));
    weir_must(weir_runtime_close(runtime, NULL));
    for (int i = 0; i < 3 && shows; i++) remove(names[i]);
    if (shows) remove("store.dead"), rmdir(show);
    printf("%llu lines stored or left out, %llu dead\n", (unsigned long long)stats.done,
           (unsigned long long)stats.dead);
}
