/*
 * weir-words: counts the words of files on all cores.
 * SPDX-License-Identifier: Apache-2.0
 *
 * words.h shows the pipeline.  Here: what is read, the pipeline's life, and what
 * is printed.  Words go to standard output, everything else to standard error.
 */
#define _POSIX_C_SOURCE 200809L

#include "options.h"
#include "words.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define MEGABYTE        1000000u
#define FOUND_MEGABYTES 512

struct job {
    struct options options;
    struct input input;
    struct table *tables; /* one for each tokenizer */
    struct merged merged;
    weir_accounts accounts;
    double seconds;
};

/* ---- what is read ---------------------------------------------------------- */

static bool choose_input(struct job *job, char **paths, int count) {
    struct options *options = &job->options;
    struct input *input = &job->input;
    if (count > 0) {
        if (!input_add_named(input, paths, (size_t)count)) return false;
    } else {
        if (options->repeat == 0 && options->megabytes == 0) options->megabytes = FOUND_MEGABYTES;
        if (!input_add_found(input, (uint64_t)FOUND_MEGABYTES * MEGABYTE) || input->count == 0) {
            fputs("weir-words: no text was found on this machine; name a file\n", stderr);
            return false;
        }
    }
    if (options->repeat > 0) input->passes = options->repeat;
    uint64_t wanted = options->megabytes * MEGABYTE;
    if (wanted > 0 && input->bytes > 0) input->passes = (wanted + input->bytes - 1) / input->bytes;
    if (input->passes > 1 && input->only_once) {
        fputs("weir-words: what is no regular file can be read only once\n", stderr);
        return false;
    }
    if (count == 0 && !options->quiet)
        fprintf(stderr,
                "weir-words: no file named: reading %zu text files found under /usr, %.1f MB, "
                "%" PRIu64 " time%s\n",
                input->count, (double)input->bytes / MEGABYTE, input->passes,
                input->passes == 1 ? "" : "s");
    return true;
}

/* ---- the pipeline ---------------------------------------------------------- */

static weir_status start_stages(weir_runtime *runtime, struct job *job, weir_ref *reader) {
    if (job->options.tokenizers == 0) job->options.tokenizers = weir_runtime_workers(runtime);
    unsigned count = job->options.tokenizers;
    weir_ref *tokenizers = calloc(count, sizeof *tokenizers);
    job->tables = calloc(count, sizeof *job->tables);
    weir_status status = tokenizers == NULL || job->tables == NULL
                             ? WEIR_NO_MEMORY
                             : reader_start(runtime, &job->input, reader);
    for (unsigned i = 0; i < count && status == WEIR_OK; i++)
        status = tokenizer_start(runtime, *reader, &job->tables[i], &tokenizers[i]);
    if (status == WEIR_OK) status = merger_start(runtime, tokenizers, count, &job->merged);
    free(tokenizers);
    return status;
}

static weir_status run_stages(weir_runtime *runtime, struct job *job) {
    weir_ref reader;
    weir_status status = start_stages(runtime, job, &reader);
    if (status != WEIR_OK) return status;
    weir_runtime_settle(runtime, WEIR_FOREVER); /* all have subscribed */
    uint64_t begin = weir_runtime_now(runtime);
    bool silent = job->options.quiet || !job->options.progress;
    progress_begin(&job->merged.progress, job->input.bytes * job->input.passes, silent, begin);
    status = weir_demand(runtime, reader, WEIR_FORWARD);
    if (status != WEIR_OK) return status;
    weir_runtime_run(runtime, WEIR_FOREVER);
    progress_end(&job->merged.progress);
    job->seconds = (double)(weir_runtime_now(runtime) - begin) / 1e9;
    return WEIR_OK;
}

static bool run(struct job *job) {
    weir_runtime *runtime;
    weir_status status =
        weir_runtime_open(&(weir_runtime_options){.workers = job->options.workers}, &runtime);
    if (status == WEIR_OK) {
        status = run_stages(runtime, job);
        weir_runtime_close(runtime, &job->accounts);
    }
    if (status != WEIR_OK) {
        fprintf(stderr, "weir-words: %s: %s\n", weir_status_text(status), weir_refusal());
        return false;
    }
    if (job->input.error != 0)
        fprintf(stderr, "weir-words: %s: %s\n", job->input.error_path, strerror(job->input.error));
    else if (job->merged.reason != WEIR_REASON_NORMAL)
        fprintf(stderr, "weir-words: stopped: %s\n", weir_reason_text(job->merged.reason));
    return job->merged.reason == WEIR_REASON_NORMAL;
}

/* ---- what is printed ------------------------------------------------------- */

static bool print_words(const struct job *job) {
    const struct table *table = &job->merged.table;
    struct entry *sorted = table_sorted(table);
    if (sorted == NULL) {
        fputs("weir-words: no memory\n", stderr);
        return false;
    }
    size_t count = table->used < job->options.top ? table->used : job->options.top;
    for (size_t i = 0; i < count; i++) {
        printf("%7" PRIu64 " ", sorted[i].count);
        fwrite(sorted[i].word, 1, sorted[i].length, stdout);
        putchar('\n');
    }
    free(sorted);
    if (fflush(stdout) == 0 && !ferror(stdout)) return true;
    perror("weir-words: standard output");
    return false;
}

static void print_summary(const struct job *job) {
    const weir_accounts *accounts = &job->accounts;
    struct rusage usage;
    double megabytes = (double)job->input.bytes_read / MEGABYTE;
    uint64_t words = 0;
    size_t place = 0;
    const struct entry *entry;
    while ((entry = table_next(&job->merged.table, &place)) != NULL) words += entry->count;
    getrusage(RUSAGE_SELF, &usage);
    fprintf(stderr, "weir-words: %" PRIu64 " words, %zu different, in %.1f MB\n", words,
            job->merged.table.used, megabytes);
    fprintf(stderr, "weir-words: %.2f s: %.1f MB/s, %.0f events/s\n", job->seconds,
            megabytes / job->seconds, (double)accounts->handled / job->seconds);
    fprintf(stderr,
            "weir-words: events emitted %" PRIu64 " = handled %" PRIu64 " + discarded %" PRIu64
            "\n",
            accounts->emitted, accounts->handled, accounts->discarded);
    fprintf(stderr, "weir-words: peak memory %.1f MB\n", (double)usage.ru_maxrss * 1024 / MEGABYTE);
}

int main(int argument_count, char **arguments) {
    struct job job = {.input = INPUT_EMPTY};
    int exit_code;
    int first = options_read(&job.options, argument_count, arguments, &exit_code);
    if (first < 0) return exit_code;
    bool good = choose_input(&job, arguments + first, argument_count - first) && run(&job);
    if (good) good = print_words(&job);
    if (good && !job.options.quiet) print_summary(&job);

    for (unsigned i = 0; job.tables != NULL && i < job.options.tokenizers; i++)
        table_close(&job.tables[i]);
    free(job.tables);
    table_close(&job.merged.table);
    input_close(&job.input);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
