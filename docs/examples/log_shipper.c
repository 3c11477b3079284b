/*
 * Ships a log: each line of a file that is still being written goes to another, at least once.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     tail ──► parse ──► batches of 1000 lines, 64 KiB or 100 ms ──► append and sync
 *
 * A line begins with a time and a level; those of level D are left out, those without go to a file
 * of their own.  How far all is stored is written to a checkpoint, from which the next run goes on,
 * whatever has become of the log's name meanwhile.  A line of more than 64 KiB is shipped in parts.
 *
 *     log_shipper LOG STORE CHECKPOINT      until SIGTERM or SIGINT
 *     log_shipper                           a short show, with files in a folder of its own
 */
#define _POSIX_C_SOURCE 200809L /* sigtimedwait */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <weir/weir.h>

#define MS UINT64_C(1000000)

static weir_outcome parse(void *context, weir_work *work, weir_message *message) {
    const char *level = memchr(message->data.at, ' ', message->data.count);
    (void)context, (void)work;
    if (level == NULL) return WEIR_MESSAGE_DEAD;
    return level + 1 < message->data.at + message->data.count && level[1] == 'D' ? WEIR_MESSAGE_SKIP
                                                                                 : WEIR_MESSAGE_OK;
}

static weir_pipeline *open_shipper(weir_runtime *runtime, weir_file_source *log,
                                   weir_file_sink *store, weir_file_sink *dead) {
    const weir_pipeline_batcher batchers[] = {
        {.name = "store",
         .size = 1000,
         .bytes = 65536,
         .timeout_ns = 100 * MS,
         .sink = weir_file_sink_table(store),
         .sink_contexts = (void *[]){store}},
        {.name = "dead", .sink = weir_file_sink_table(dead), .sink_contexts = (void *[]){dead}}};
    const weir_pipeline_options options = {.name = "shipper",
                                           .source = weir_file_source_driver(log),
                                           .source_contexts = (void *[]){log},
                                           .source_count = 1,
                                           .max_outstanding_bytes = 1 << 20,
                                           .processors = {.count = 1, .handle_message = parse},
                                           .batchers = batchers,
                                           .batcher_count = 2,
                                           .dead = "dead"};
    weir_pipeline *pipeline;
    weir_must(weir_pipeline_open(runtime, &options, &pipeline));
    return pipeline;
}

/* Until a signal comes, or the pipeline has ended by itself: its source is broken. */
static void wait_for_end(weir_pipeline *pipeline, const sigset_t *ends) {
    const struct timespec second = {.tv_sec = 1};
    while (weir_pipeline_await(pipeline, 0) == WEIR_TIMEOUT &&
           sigtimedwait(ends, NULL, &second) < 0) {}
}

/* From the log to the store, until a signal comes; or once.  What the program is to exit with. */
static int ship(const char *log, const char *store, const char *checkpoint, bool once) {
    weir_file_source *source;
    weir_file_sink *sink, *dead_sink;
    weir_runtime *runtime;
    weir_pipeline_stats stats;
    char dead[4096];
    sigset_t ends; /* blocked before threads are made: they are for sigtimedwait */
    sigemptyset(&ends), sigaddset(&ends, SIGTERM), sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    snprintf(dead, sizeof dead, "%s.dead", store);
    weir_must(weir_file_source_open(
        &(weir_file_source_options){
            .paths = &log, .path_count = 1, .checkpoint = checkpoint, .once = once},
        &source));
    weir_must(weir_file_sink_open(&(weir_file_sink_options){.path = store}, &sink));
    weir_must(weir_file_sink_open(&(weir_file_sink_options){.path = dead}, &dead_sink));
    weir_must(weir_runtime_open(NULL, &runtime));
    weir_pipeline *pipeline = open_shipper(runtime, source, sink, dead_sink);
    if (once)
        weir_must(weir_pipeline_await(pipeline, WEIR_FOREVER));
    else
        wait_for_end(pipeline, &ends);
    weir_must(weir_pipeline_close(pipeline, &stats));
    weir_must(weir_runtime_close(runtime, NULL));
    weir_file_source_close(source);
    weir_file_sink_close(sink);
    weir_file_sink_close(dead_sink);
    printf("%llu lines stored or left out, %llu dead\n", (unsigned long long)stats.done,
           (unsigned long long)stats.dead);
    return stats.broken > 0;
}

static int show(void) {
    char folder[] = "/tmp/log_shipper.XXXXXX";
    if (mkdtemp(folder) == NULL || chdir(folder) != 0) return 1;
    FILE *log = fopen("log", "w");
    if (log == NULL) return 1;
    for (int i = 0; i < 5000; i++)
        fprintf(log, i % 1000 == 7 ? "?\n" : "%d %c line\n", i, "IDWE"[i % 4]);
    fclose(log);
    ship("log", "store", "checkpoint", true);
    remove("log"), remove("store"), remove("store.dead"), remove("checkpoint");
    return rmdir(folder);
}

int main(int count, char **arguments) {
    if (count < 4) return show();
    return ship(arguments[1], arguments[2], arguments[3], false);
}
