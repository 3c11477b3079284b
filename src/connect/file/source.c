/*
 * The source: a driver that pulls lines.  See weir/file.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * All of it runs on the source's thread, but `wake`.  A tail is a lane, the position of a message
 * is the offset of its last byte, delimiter included, so what the source is told is all below where
 * the file is to be gone on with (reader.h, tails.h).  Each time it is told it writes the
 * checkpoint, which is made sure on disk now and then (checkpoint.h).
 *
 * It reads a tail to where its file ended when its turn began, then the next one.  Where nothing is
 * there it waits: for inotify, which tells of writes and names in its folders; and looks, in any
 * case, each poll_ns, for not all file systems tell.
 */
#include "connect/file/source.h"
#include "base/forked.h"

#include "base/refusal.h"
#include "os/clock.h"
#include "os/event.h"
#include "os/file.h"
#include "os/folder.h"

#include <stdlib.h>

/* Where no watch tells: how long it waits before it reads on. */
static const uint64_t untold_ns = 10000000;

/* ---- the checkpoint ------------------------------------------------------------------ */

static weir_pulled save_positions(weir_file_source *source) {
    if (source->options.checkpoint == NULL) {
        return WEIR_PULLED;
    }
    struct weir__file_entry *entries = weir__file_checkpoint_room(
        &source->checkpoint, weir__file_tails_entry_count(&source->tails));
    return entries == NULL
               ? WEIR_LOST
               : weir__file_checkpoint_save(&source->checkpoint,
                                            weir__file_tails_entries(&source->tails, entries));
}

static weir_pulled sync_positions(weir_file_source *source) {
    uint64_t now = weir__clock_now_ns();
    if (!source->checkpoint.unsynced || now < source->sync_at) {
        return WEIR_PULLED;
    }
    source->sync_at = weir__clock_deadline(now, source->options.checkpoint_sync_ns);
    return weir__file_checkpoint_sync(&source->checkpoint);
}

static weir_pulled open_checkpoint(weir_file_source *source) {
    struct weir__file_tails *tails = &source->tails;
    tails->first = true;
    return source->options.checkpoint == NULL
               ? WEIR_PULLED
               : weir__file_checkpoint_open(&source->checkpoint, &tails->entries,
                                            &tails->entry_count, &tails->first);
}

/* ---- looking ------------------------------------------------------------------------- */

static void watch_folders(weir_file_source *source) {
    const weir_file_source_options *options = &source->options;
    char folder[WEIR_FILE_PATH_BYTES];
    source->watch = options->once ? WEIR__FILE_NONE : weir__watch_open();
    if (source->watch >= 0 && options->folder != NULL) {
        weir__watch_folder(source->watch, options->folder);
    }
    for (size_t i = 0; source->watch >= 0 && i < options->path_count; i++) {
        weir__file_folder_of(options->paths[i], folder);
        weir__watch_folder(source->watch, folder);
    }
}

/* Who waits saves nothing: this one would notice too late that its checkpoint has gone. */
static weir_pulled look_for_checkpoint(weir_file_source *source) {
    return !source->begun || source->options.checkpoint == NULL ||
                   weir__file_checkpoint_is_named(&source->checkpoint)
               ? WEIR_PULLED
               : save_positions(source);
}

static weir_pulled look_for_files(weir_file_source *source) {
    uint64_t now = weir__clock_now_ns();
    if (source->options.once) {
        return WEIR_PULLED;
    }
    source->look_at = weir__clock_deadline(now, source->options.poll_ns);
    weir_pulled pulled = look_for_checkpoint(source);
    return pulled == WEIR_PULLED ? weir__file_tails_look(&source->tails, now) : pulled;
}

/* It is said, once, that there is nothing to read: a path may be wrong. */
static weir_pulled check_some(const weir_file_source *source) {
    const weir_file_source_options *options = &source->options;
    struct weir__file_about about;
    int said = options->once || options->folder != NULL || source->tails.count > 0
                   ? 0
                   : weir__path_about(options->paths[0], &about);
    return said < 0 ? weir__file_lost("there is no file yet:", options->paths[0], said)
                    : WEIR_PULLED;
}

/* ---- open and close ------------------------------------------------------------------ */

static void close_files(void *context) {
    weir_file_source *source = context;
    if (source->begun) {
        save_positions(source);
    }
    weir__file_checkpoint_close(&source->checkpoint);
    weir__file_tails_free(&source->tails);
    weir__file_reader_close(&source->reader);
    if (source->watch >= 0) {
        weir__watch_close(source->watch);
    }
    weir__event_clear(source->event);
    source->watch = WEIR__FILE_NONE;
    source->begun = false;
    source->turn = 0;
}

static weir_pulled begin_source(weir_file_source *source) {
    close_files(source);
    if (!weir__file_reader_open(&source->reader)) {
        weir_refuse(WEIR_NO_MEMORY, "file: no memory for a buffer of %zu bytes",
                    source->options.read_bytes + source->options.max_line);
        return WEIR_LOST;
    }
    weir_pulled pulled = open_checkpoint(source);
    if (pulled != WEIR_PULLED) {
        return pulled;
    }
    watch_folders(source); /* before the first look: nothing comes between */
    pulled = look_for_files(source);
    /* Where it begins is kept at once: else what comes from now on would be before that. */
    pulled = pulled == WEIR_PULLED ? save_positions(source) : pulled;
    source->begun = pulled == WEIR_PULLED;
    return pulled;
}

static weir_pulled open_files(void *context) {
    weir_file_source *source = context;
    weir_pulled pulled = source->begun ? look_for_files(source) : begin_source(source);
    return pulled == WEIR_PULLED ? check_some(source) : pulled;
}

/* ---- pulling ------------------------------------------------------------------------- */

static bool ends_now(const weir_file_source *source, const struct weir__file_tail *tail,
                     uint64_t now) {
    return source->options.once ||
           (tail->state == WEIR__FILE_ROTATED && now - tail->news_ns >= source->options.linger_ns);
}

/* The tail's file has nothing more. */
static weir__file_went come_to_end(weir_file_source *source, struct weir__file_tail *tail,
                                   struct weir__file_appetite *appetite, uint64_t now) {
    if (!ends_now(source, tail, now)) {
        return WEIR__FILE_AT_END;
    }
    weir__file_went went = weir__file_read_rest(&source->reader, tail, appetite);
    if (went == WEIR__FILE_AT_END) {
        weir__file_reader_leave(&source->reader, tail);
        weir__file_tail_done(&source->tails, tail);
    }
    return went;
}

static weir__file_went replace_emptied(weir_file_source *source, size_t place) {
    weir__file_reader_leave(&source->reader, source->tails.list[place]);
    if (weir__file_tail_anew(&source->tails, place) == NULL) {
        weir_refuse(WEIR_NO_MEMORY, "file: no memory for a file that was emptied");
        return WEIR__FILE_FAILED;
    }
    return WEIR__FILE_TURN;
}

static weir__file_went read_tail(weir_file_source *source, size_t place,
                                 struct weir__file_appetite *appetite, uint64_t now) {
    struct weir__file_tail *tail = source->tails.list[place];
    if (tail->file < 0) {
        return WEIR__FILE_AT_END;
    }
    weir__file_went went = weir__file_read_lines(&source->reader, tail, appetite, now);
    if (went == WEIR__FILE_NO_ROOM && weir_pull_lane_full(appetite->pull, tail->lane)) {
        return WEIR__FILE_AT_END; /* for now: others go on */
    }
    return went == WEIR__FILE_AT_END  ? come_to_end(source, tail, appetite, now)
           : went == WEIR__FILE_EMPTY ? replace_emptied(source, place)
                                      : went;
}

/* All tails, until the pull takes no more or each is at its end. */
static weir_pulled read_tails(weir_file_source *source, struct weir__file_appetite *appetite) {
    const struct weir__file_tails *tails = &source->tails;
    uint64_t now = weir__clock_now_ns();
    for (size_t ended = 0; ended < tails->count;) {
        source->turn = source->turn < tails->count ? source->turn : 0;
        weir__file_went went = read_tail(source, source->turn, appetite, now);
        if (went == WEIR__FILE_FAILED || went == WEIR__FILE_NO_ROOM) {
            return went == WEIR__FILE_FAILED ? WEIR_LOST : WEIR_PULLED;
        }
        ended = went == WEIR__FILE_AT_END ? ended + 1 : 0;
        source->turn++;
    }
    return WEIR_IDLE;
}

/* Only once: one file behind the other.  IDLE: the pull takes no more of it at present. */
static weir_pulled read_once(weir_file_source *source, struct weir__file_appetite *appetite) {
    const struct weir__file_tails *tails = &source->tails;
    while (true) {
        weir_pulled pulled = read_tails(source, appetite);
        if (pulled != WEIR_IDLE || tails->open > 0) {
            return pulled;
        }
        pulled = weir__file_tails_next(&source->tails, weir__clock_now_ns());
        if (pulled != WEIR_PULLED) {
            return pulled;
        }
        source->turn = tails->count - 1;
    }
}

/* Waits; false: there is no time left. */
static bool wait_for_news(weir_file_source *source, uint64_t *timeout_ns) {
    uint64_t now = weir__clock_now_ns();
    uint64_t wait = source->look_at > now ? source->look_at - now : 0;
    if (*timeout_ns == 0) {
        return false;
    }
    wait = wait < *timeout_ns ? wait : *timeout_ns;
    wait = source->watch >= 0 || wait < untold_ns ? wait : untold_ns;
    weir__watch_wait(source->watch, source->event, wait);
    if (source->watch >= 0 && weir__watch_clear(source->watch)) {
        source->look_at = now; /* names have changed */
    }
    uint64_t waited = weir__clock_now_ns() - now;
    *timeout_ns -= waited < *timeout_ns ? waited : *timeout_ns;
    return true;
}

static weir_pulled follow_files(weir_file_source *source, struct weir__file_appetite *appetite,
                                uint64_t timeout_ns) {
    while (true) {
        weir_pulled pulled = WEIR_PULLED;
        if (timeout_ns == 0 || weir__clock_now_ns() >= source->look_at) {
            pulled = look_for_files(source);
        }
        pulled = pulled == WEIR_PULLED ? read_tails(source, appetite) : pulled;
        if (pulled != WEIR_IDLE || appetite->added > 0 || weir_pull_stopping(appetite->pull) ||
            !wait_for_news(source, &timeout_ns)) {
            return pulled;
        }
    }
}

static weir_pulled pull_lines(void *context, weir_pull *pull, uint64_t events, uint64_t bytes,
                              uint64_t timeout_ns) {
    weir_file_source *source = context;
    struct weir__file_appetite appetite = {.pull = pull, .events = events, .bytes = bytes};
    weir__file_tails_forget(&source->tails, pull);
    weir_pulled pulled = source->options.once ? read_once(source, &appetite)
                                              : follow_files(source, &appetite, timeout_ns);
    weir__event_clear(source->event);
    if (pulled == WEIR_PULLED || pulled == WEIR_IDLE) {
        weir_pulled synced = sync_positions(source);
        pulled = synced != WEIR_PULLED ? synced : appetite.added > 0 ? WEIR_PULLED : WEIR_IDLE;
    }
    return pulled;
}

/* ---- settling ------------------------------------------------------------------------ */

static weir_pulled hear_positions(void *context, const weir_ack *acks, size_t count) {
    weir_file_source *source = context;
    for (size_t i = 0; i < count; i++) {
        struct weir__file_tail *tail = weir__file_tail_of(&source->tails, acks[i].lane);
        if (tail != NULL) {
            tail->acked = acks[i].position;
        }
    }
    weir_pulled pulled = save_positions(source);
    return pulled == WEIR_PULLED ? sync_positions(source) : pulled;
}

static void wake_pull(void *context) {
    const weir_file_source *source = context;
    weir__event_signal(source->event);
}

/* ---- the interface ------------------------------------------------------------------- */

weir_status weir_file_source_open(const weir_file_source_options *options, weir_file_source **out) {
    if (weir__missing(options, "options") || weir__missing(out, "out")) {
        return WEIR_INVALID;
    }
    weir_file_source *source = calloc(1, sizeof *source);
    if (source == NULL) {
        return weir_refuse(WEIR_NO_MEMORY, "no memory for a source of files");
    }
    source->forks = weir__forks;
    source->watch = source->checkpoint.file = WEIR__FILE_NONE;
    weir_status status = weir__file_source_set(source, options);
    source->event = status == WEIR_OK ? weir__event_open() : WEIR__FILE_NONE;
    if (status == WEIR_OK && source->event < 0) {
        status = weir_refuse(WEIR_SYSTEM, "file: no event descriptor for a source");
    }
    if (status != WEIR_OK) {
        weir_file_source_close(source);
        return status;
    }
    source->checkpoint.path = source->options.checkpoint;
    source->tails = (struct weir__file_tails){.options = &source->options,
                                              .delimiter = &source->delimiter,
                                              .checkpoint = &source->checkpoint};
    source->reader =
        (struct weir__file_reader){.options = &source->options, .delimiter = &source->delimiter};
    source->driver = (weir_source_driver){.name = "file",
                                          .cumulative = true,
                                          .needs_context = true,
                                          .span = source->options.span,
                                          .open = open_files,
                                          .pull = pull_lines,
                                          .ack = hear_positions,
                                          .wake = wake_pull,
                                          .close = close_files};
    *out = source;
    return WEIR_OK;
}

const weir_source_driver *weir_file_source_driver(const weir_file_source *source) {
    return weir__missing(source, "source") ? NULL : &source->driver;
}

void weir_file_source_close(weir_file_source *source) {
    if (source == NULL || weir__forked(source->forks)) { /* positions are the parent's to keep */
        return;
    }
    if (source->event >= 0) {
        close_files(source);
        weir__event_close(source->event);
    }
    free(source->paths);
    weir__texts_free(&source->texts);
    free(source);
}
