/*
 * The sink: batches are appended to a file.  See weir/file.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A batch is gathered in a buffer, since that is faster than many pieces of a writev where lines
 * are short, and no slower where they are long (docs/decisions/51-file.md).
 *
 * When a write or a sync fails, the file is cut off where it was before the batch: what a sync has
 * failed to store the system may deem stored, so all of it is written again.  Nothing is cut off if
 * the file is not as long as it should be: somebody else writes to it.
 */
#include "base/forked.h"
#include "base/refusal.h"
#include "base/reserved.h"
#include "connect/file/place.h"
#include "connect/texts.h"
#include "os/clock.h"
#include "os/file.h"

#include <stdlib.h>
#include <string.h>

enum { GATHERED_MOST = 1 << 20 };

struct weir_file_sink {
    weir_file_sink_options options;
    struct weir__file_delimiter delimiter;
    struct weir__texts texts;
    struct weir__file_place place;
    char *gathered;
    uint32_t forks; /* constant: base/forked.h */
    size_t room;
    size_t used;
    uint64_t before;  /* the file's size as the batch began */
    uint64_t written; /* of the batch */
    uint64_t synced_ns;
};

/* ---- writing -------------------------------------------------------------------------- */

static int write_gathered(weir_file_sink *sink, const char *data, size_t bytes) {
    size_t written;
    int said = weir__file_append(sink->place.file, data, bytes, &written);
    sink->written += written;
    return said;
}

static int flush_gathered(weir_file_sink *sink) {
    int said = sink->used == 0 ? 0 : write_gathered(sink, sink->gathered, sink->used);
    sink->used = 0;
    return said;
}

static int gather_bytes(weir_file_sink *sink, const char *data, size_t bytes) {
    int said = bytes > sink->room - sink->used ? flush_gathered(sink) : 0;
    if (said == 0 && bytes > sink->room) {
        return write_gathered(sink, data, bytes);
    }
    if (said == 0 && bytes > 0) {
        memcpy(sink->gathered + sink->used, data, bytes);
        sink->used += bytes;
    }
    return said;
}

static int write_messages(weir_file_sink *sink, const weir_message *messages, size_t count) {
    int said = 0;
    sink->used = 0;
    for (size_t i = 0; i < count && said == 0; i++) {
        said = gather_bytes(sink, messages[i].data.at, messages[i].data.count);
        said = said < 0 ? said : gather_bytes(sink, sink->delimiter.at, sink->delimiter.bytes);
    }
    said = said < 0 ? said : flush_gathered(sink);
    sink->place.dirty = sink->place.dirty || sink->written > 0;
    return said;
}

/* For all of the batch, or as much as is gathered at most. */
static bool gather_room(weir_file_sink *sink, const weir_message *messages, size_t count) {
    size_t bytes = count * sink->delimiter.bytes;
    for (size_t i = 0; i < count && bytes < GATHERED_MOST; i++) {
        bytes += messages[i].data.count;
    }
    bytes = bytes < GATHERED_MOST ? bytes : GATHERED_MOST;
    if (bytes > sink->room) {
        char *larger = realloc(sink->gathered, bytes);
        if (larger == NULL) {
            return sink->room > 0; /* in smaller pieces */
        }
        sink->gathered = larger;
        sink->room = bytes;
    }
    return true;
}

/* ---- making sure, and taking back -------------------------------------------------------- */

static int sync_if_due(weir_file_sink *sink) {
    const weir_file_sink_options *options = &sink->options;
    if (options->sync == WEIR_FILE_SYNC_BATCH) {
        return weir__file_place_sync(&sink->place);
    }
    uint64_t now = options->sync == WEIR_FILE_SYNC_INTERVAL ? weir__clock_now_ns() : 0;
    if (options->sync == WEIR_FILE_SYNC_NONE || now - sink->synced_ns < options->sync_ns) {
        return 0;
    }
    sink->synced_ns = now;
    return weir__file_place_sync(&sink->place);
}

static void take_back_batch(weir_file_sink *sink) {
    struct weir__file_about about;
    if (!sink->options.shared && weir__file_about(sink->place.file, &about) == 0 &&
        about.size == sink->before + sink->written) {
        weir__file_cut(sink->place.file, sink->before);
    }
    sink->place.dirty = true;
}

static weir_pulled append_batch(void *context, weir_message *messages, size_t count,
                                const weir_batch_info *batch) {
    weir_file_sink *sink = context;
    (void)batch;
    weir_pulled pulled = weir__file_place_turn(&sink->place, messages, count);
    if (pulled != WEIR_PULLED) {
        return pulled;
    }
    if (!gather_room(sink, messages, count)) {
        weir_refuse(WEIR_NO_MEMORY, "file: no memory for a batch of %zu", count);
        return WEIR_LOST;
    }
    sink->before = sink->place.size;
    sink->written = 0;
    int said = write_messages(sink, messages, count);
    const char *what = said < 0 ? "cannot write to" : "cannot sync";
    said = said < 0 ? said : sync_if_due(sink);
    if (said < 0) {
        take_back_batch(sink);
        return weir__file_lost(what, sink->place.path, said);
    }
    sink->place.size += sink->written;
    return WEIR_PULLED;
}

/* ---- open and close ------------------------------------------------------------------ */

static weir_pulled open_store(void *context) {
    weir_file_sink *sink = context;
    sink->synced_ns = weir__clock_now_ns();
    return weir__file_place_open(&sink->place);
}

static void close_store(void *context) {
    weir_file_sink *sink = context;
    weir__file_place_close(&sink->place);
}

static const weir_sink file_sink_table = {.name = "file",
                                          .needs_context = true,
                                          .open = open_store,
                                          .write = append_batch,
                                          .close = close_store};

/* ---- options ------------------------------------------------------------------------- */

static weir_status check_rotation(const weir_file_sink_options *options, bool has_number) {
    bool rotates = options->rotate_bytes > 0 || options->rotate_ns > 0 || options->rotate != NULL;
    return rotates && !has_number
               ? weir_refuse(WEIR_INVALID, "path must have %%N where files are rotated, got \"%s\"",
                             options->path)
               : WEIR_OK;
}

static weir_status check_sink(const weir_file_sink_options *options) {
    bool has_number = false;
    if (WEIR__RESERVED_SET(options, "weir_file_sink_options")) {
        return WEIR_INVALID;
    }
    weir_status status = weir__file_place_check(options->path, &has_number);
    if (status == WEIR_OK) {
        status = check_rotation(options, has_number);
    }
    if (status == WEIR_OK && (unsigned)options->sync > WEIR_FILE_SYNC_NONE) {
        status = weir_refuse(WEIR_INVALID, "sync must be one of weir_file_sync, got %d",
                             (int)options->sync);
    }
    if (status == WEIR_OK && options->mode > 07777) {
        status = weir_refuse(WEIR_INVALID, "mode must be at most 07777, got 0%o", options->mode);
    }
    return status;
}

static weir_status set_sink_options(weir_file_sink *sink, const weir_file_sink_options *options) {
    weir_status status = check_sink(options);
    if (status == WEIR_OK) {
        status =
            weir__file_delimiter(&sink->delimiter, options->delimiter, options->delimiter_bytes);
    }
    if (status == WEIR_OK) {
        sink->options = *options;
        sink->options.path = weir__text_keep(&sink->texts, options->path);
        sink->options.sync_ns = options->sync_ns != 0 ? options->sync_ns : WEIR_FILE_SYNC_DEFAULT;
        status = sink->texts.failed
                     ? weir_refuse(WEIR_NO_MEMORY, "no memory for the options of a sink of files")
                     : WEIR_OK;
    }
    return status;
}

weir_status weir_file_sink_open(const weir_file_sink_options *options, weir_file_sink **out) {
    if (weir__missing(options, "options") || weir__missing(out, "out")) {
        return WEIR_INVALID;
    }
    weir_file_sink *sink = calloc(1, sizeof *sink);
    if (sink == NULL) {
        return weir_refuse(WEIR_NO_MEMORY, "no memory for a sink of files");
    }
    sink->forks = weir__forks;
    sink->place = (struct weir__file_place){
        .options = &sink->options, .delimiter = &sink->delimiter, .file = -1};
    weir_status status = set_sink_options(sink, options);
    if (status != WEIR_OK) {
        weir_file_sink_close(sink);
        return status;
    }
    *out = sink;
    return WEIR_OK;
}

const weir_sink *weir_file_sink_table(const weir_file_sink *sink) {
    return weir__missing(sink, "sink") ? NULL : &file_sink_table;
}

void weir_file_sink_close(weir_file_sink *sink) {
    if (sink != NULL && !weir__forked(sink->forks)) {
        close_store(sink);
        weir__texts_free(&sink->texts);
        free(sink->gathered);
        free(sink);
    }
}
