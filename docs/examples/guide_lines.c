/*
 * The guide: events of any length: chunks of a file, and the lines in them.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     reader ──chunk──► splitter ──line──► numberer ──numbered──► printer
 *
 * Reads a text that it has with it; with an argument, whatever it is, standard input.
 */
#define _POSIX_C_SOURCE 200809L /* pipe, read */

#include "guide.h"

#include <string.h>
#include <unistd.h>

enum { LINE_MOST = 4096 }; /* a longer one may be cut */

struct chunk {
    weir_bytes text; /* whole lines */
};

struct line {
    weir_bytes text;
    uint64_t number;
};

struct numbered {
    weir_bytes head, text;
};

static const weir_event_type chunks = {.bytes = sizeof(struct chunk), .spans = 1};
static const weir_event_type lines = {.bytes = sizeof(struct line), .spans = 1};
static const weir_event_type numbered_lines = {.bytes = sizeof(struct numbered), .spans = 2};

/* ---- read where it will lie ---------------------------------------------- */

struct reader {
    int file;
    size_t carried; /* the beginning of a line whose end is not here yet */
    char carry[LINE_MOST];
};

/* How much of the text goes on now. */
static size_t whole_lines(const char *text, size_t bytes) {
    size_t whole = bytes;
    while (whole > 0 && text[whole - 1] != '\n') whole--;
    return bytes - whole > LINE_MOST ? bytes : whole;
}

static weir_verdict read_chunks(weir_stage *self, uint64_t demand) {
    struct reader *reader = weir_state(self);
    for (; demand > 0; demand--) {
        weir_room room = weir_reserve_bytes(self, 2 * LINE_MOST); /* or more: all there is */
        char *text = room.events;
        if (text == NULL) return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
        memcpy(text, reader->carry, reader->carried);
        ssize_t got = read(reader->file, text + reader->carried, room.count - reader->carried);
        if (got < 0) return weir_stop_with(self, WEIR_REASON_USER);

        size_t bytes = reader->carried + (size_t)got;
        size_t used = got == 0 ? bytes : whole_lines(text, bytes);
        reader->carried = bytes - used;
        memcpy(reader->carry, text + used, reader->carried);
        const struct chunk chunk = {.text = {text, (uint32_t)used, 0}};
        weir_must(weir_commit_bytes(self, used, &chunk, used > 0 ? 1 : 0));
        if (got == 0) return WEIR_FINISH;
    }
    return WEIR_CONTINUE;
}

/* ---- split where it lies ------------------------------------------------- */

static weir_verdict split(weir_stage *self, weir_batch batch) {
    const struct chunk *chunk = batch.events;
    uint64_t *number = weir_state(self);
    for (size_t i = 0; i < batch.count; i++) {
        if (i > 0 && weir_open_demand(self).events == 0) {
            weir_must(weir_batch_rest(self, i)); /* nobody asks for so many lines: later */
            return WEIR_CONTINUE;
        }
        const char *at = chunk[i].text.at, *end = at + chunk[i].text.count;
        while (at < end) {
            const char *feed = memchr(at, '\n', (size_t)(end - at));
            const char *stop = feed != NULL ? feed : end;
            const struct line line = {{at, (uint32_t)(stop - at), 0}, ++*number};
            weir_must(weir_emit_slices(self, &line, 1));
            at = stop + 1;
        }
    }
    return WEIR_CONTINUE;
}

/* ---- made anew ------------------------------------------------------------ */

static weir_verdict add_numbers(weir_stage *self, weir_batch batch) {
    const struct line *line = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        char head[64]; /* on the stack: weir_emit copies what spans point at */
        int bytes = snprintf(head, sizeof head, "%2" PRIu64 " (%2" PRIu32 "): ", line[i].number,
                             line[i].text.count);
        const struct numbered numbered = {.head = {head, (uint32_t)bytes, 0}, .text = line[i].text};
        weir_must(weir_emit(self, &numbered, 1));
    }
    return WEIR_CONTINUE;
}

static weir_verdict print(weir_stage *self, weir_batch batch) {
    const struct numbered *line = batch.events;
    uint64_t *count = weir_state(self);
    for (size_t i = 0; i < batch.count; i++) {
        fwrite(line[i].head.at, 1, line[i].head.count, stdout);
        fwrite(line[i].text.at, 1, line[i].text.count, stdout);
        putchar('\n');
    }
    *count += batch.count;
    return WEIR_CONTINUE;
}

static void print_count(weir_stage *self, weir_reason reason) {
    const uint64_t *count = weir_state(self);
    printf("%" PRIu64 " lines; the end: %s\n", *count, weir_reason_text(reason));
}

/* ---- all of it ------------------------------------------------------------ */

/* A text in a pipe. */
static int text_in_pipe(void) {
    static const char text[] = "A stage asks,\n"
                               "and is sent what it asked for:\n"
                               "\n"
                               "lines of any length, read once, and split where they lie.\n"
                               "The last has no line feed.";
    int ends[2];
    if (pipe(ends) != 0 || write(ends[1], text, sizeof text - 1) != sizeof text - 1) {
        perror("guide_lines");
        exit(EXIT_FAILURE);
    }
    close(ends[1]);
    return ends[0];
}

int main(int arguments, char **argument) {
    (void)argument;
    const struct reader reader = {.file = arguments > 1 ? STDIN_FILENO : text_in_pipe()};
    const weir_stage_options row[] = {
        {.kind = WEIR_PRODUCER,
         .state = &reader,
         .state_bytes = sizeof reader,
         .on = {.handle_demand = read_chunks},
         .type = &chunks},
        {.kind = WEIR_PRODUCER_CONSUMER,
         .takes_bytes = sizeof(struct chunk),
         .state_bytes = sizeof(uint64_t),
         .on = {.handle_events = split},
         .type = &lines},
        {.kind = WEIR_PRODUCER_CONSUMER,
         .takes_bytes = sizeof(struct line),
         .on = {.handle_events = add_numbers},
         .type = &numbered_lines},
        {.kind = WEIR_CONSUMER,
         .takes_bytes = sizeof(struct numbered),
         .state_bytes = sizeof(uint64_t),
         .on = {.handle_events = print, .terminate = print_count}},
    };
    weir_ref stages[4];
    weir_runtime *runtime = open_stepped();
    weir_must(weir_stages_start(runtime, row, 4, stages));
    weir_must(weir_chain(runtime, stages, 4, &(weir_subscribe_options){.max_demand = 8}));
    weir_must(weir_runtime_run(runtime, WEIR_FOREVER));
    weir_must(weir_runtime_close(runtime, NULL));
    return EXIT_SUCCESS;
}
