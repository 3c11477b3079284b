/*
 * Reader: see reader.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A line is too long when it has more than max_line bytes before its delimiter, which is known as
 * soon as so many and a delimiter's bytes are there, and no delimiter begins within.  Then it goes
 * in parts, or the tail skips: what comes is left out up to the next delimiter; where it is cut its
 * first bytes are read again then, for a message's position is known only when all of it is there.
 */
#include "connect/file/reader.h"

#include "base/attributes.h"
#include "os/clock.h"
#include "os/file.h"

#include <stdlib.h>
#include <string.h>

enum { HEADER_BYTES = 64 };

bool weir__file_reader_open(struct weir__file_reader *reader) {
    const weir_file_source_options *options = reader->options;
    reader->room = options->read_bytes + options->max_line + reader->delimiter->bytes;
    reader->text = reader->text != NULL ? reader->text : malloc(reader->room);
    if (options->long_lines == WEIR_FILE_CUT && reader->head == NULL) {
        reader->head = malloc(options->max_line);
    }
    return reader->text != NULL && (options->long_lines != WEIR_FILE_CUT || reader->head != NULL);
}

void weir__file_reader_close(struct weir__file_reader *reader) {
    free(reader->text);
    free(reader->head);
    reader->text = reader->head = NULL;
    reader->tail = NULL;
}

static void empty_buffer(struct weir__file_reader *reader) {
    reader->begin = reader->end = reader->scanned = 0;
}

void weir__file_reader_leave(struct weir__file_reader *reader, const struct weir__file_tail *tail) {
    if (reader->tail == tail) {
        reader->tail = NULL;
        empty_buffer(reader);
    }
}

/* ---- messages ------------------------------------------------------------------------ */

static char *put_word(char *at, const char *text) {
    size_t length = strlen(text);
    memcpy(at, text, length);
    return at + length;
}

static char *put_number(char *at, uint64_t number) {
    char digits[20];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (count > 0) {
        *at++ = digits[--count];
    }
    return at;
}

static weir_bytes make_header(char room[HEADER_BYTES], const struct weir__file_tail *tail,
                              bool offsets, uint64_t line, const char *kind) {
    char *at = room;
    if (offsets) {
        at = put_number(put_word(at, "at="), line);
        at = put_number(put_word(at, " file="), tail->number);
    }
    if (kind != NULL) {
        at = put_word(at, offsets ? " " : "");
        at = put_word(at, kind);
    }
    return (weir_bytes){.at = room, .count = (uint32_t)(at - room)};
}

/* A message of the line that begins at `line`, with all before `behind` dealt with; false: the pull
 * takes no more. */
static bool add_line(const struct weir__file_reader *reader, struct weir__file_appetite *appetite,
                     uint64_t line, const char *data, size_t bytes, uint64_t behind,
                     const char *kind) {
    struct weir__file_tail *tail = reader->tail;
    char room[HEADER_BYTES];
    if (bytes == 0 && reader->options->skip_empty) {
        return true;
    }
    if (appetite->events == 0 || (bytes > appetite->bytes && appetite->added > 0)) {
        return false;
    }
    weir_incoming incoming = {.data = {.at = data, .count = (uint32_t)bytes},
                              .key = {.at = tail->path, .count = (uint32_t)strlen(tail->path)},
                              .position = behind - 1,
                              .lane = tail->lane,
                              .time = reader->read_at};
    if (kind != NULL || reader->options->offsets) {
        incoming.headers = make_header(room, tail, reader->options->offsets, line, kind);
    }
    if (!weir_pull_add(appetite->pull, &incoming)) {
        return false;
    }
    tail->added = behind;
    appetite->events--;
    appetite->added++;
    appetite->bytes -= bytes < appetite->bytes ? bytes : appetite->bytes;
    return true;
}

/* ---- lines --------------------------------------------------------------------------- */

/* So many bytes of the buffer are dealt with; whether the next begins a line. */
static void leave_behind(struct weir__file_reader *reader, size_t bytes, bool begins_line) {
    struct weir__file_tail *tail = reader->tail;
    reader->begin += bytes;
    tail->at += bytes;
    if (begins_line) {
        tail->rests = tail->at;
        tail->skipping = false;
    }
    if (reader->scanned < reader->begin) {
        reader->scanned = reader->begin;
    }
}

/* A part of a line that is too long, if it goes in parts. */
static bool add_part(struct weir__file_reader *reader, struct weir__file_appetite *appetite) {
    const struct weir__file_tail *tail = reader->tail;
    size_t bytes = reader->options->max_line;
    if (!add_line(reader, appetite, tail->at, reader->text + reader->begin, bytes, tail->at + bytes,
                  "part")) {
        return false;
    }
    leave_behind(reader, bytes, true);
    return true;
}

/* The first bytes of a line that was skipped: how many, or errno, negated.  Where there are fewer
 * the file ends, for it was cut off; or what is behind cannot be read. */
static int64_t read_head(struct weir__file_reader *reader) {
    const struct weir__file_tail *tail = reader->tail;
    const size_t wanted = reader->options->max_line;
    int64_t more = 0, had = weir__file_read(tail->file, reader->head, wanted, tail->rests);
    if (had >= 0 && (size_t)had < wanted) {
        more = weir__file_read(tail->file, reader->head + had, wanted - (size_t)had,
                               tail->rests + (uint64_t)had);
    }
    return more < 0 ? more : had + more;
}

/* The end of a line that was skipped.  False: no room, or it cannot be read again (`failed`). */
static bool add_skipped(struct weir__file_reader *reader, struct weir__file_appetite *appetite,
                        uint64_t behind) {
    const struct weir__file_tail *tail = reader->tail;
    if (reader->options->long_lines != WEIR_FILE_CUT) {
        return true;
    }
    int64_t had = read_head(reader);
    reader->failed = had < 0;
    if (had < 0) {
        weir__file_lost("cannot read", tail->path, (int)had);
        return false;
    }
    return add_line(reader, appetite, tail->rests, reader->head, (size_t)had, behind, "cut");
}

/* The buffer begins with a whole line of `length` bytes, and `delimiter` behind it. */
static bool take_line(struct weir__file_reader *reader, struct weir__file_appetite *appetite,
                      size_t length, size_t delimiter) {
    const struct weir__file_tail *tail = reader->tail;
    uint64_t behind = tail->at + length + delimiter;
    bool added;
    while (reader->options->long_lines == WEIR_FILE_PARTS && length > reader->options->max_line) {
        if (!add_part(reader, appetite)) {
            return false;
        }
        length -= reader->options->max_line;
    }
    if (tail->skipping || length > reader->options->max_line) {
        added = add_skipped(reader, appetite, behind);
    } else {
        added = add_line(reader, appetite, tail->at, reader->text + reader->begin, length, behind,
                         NULL);
    }
    if (added) {
        leave_behind(reader, length + delimiter, true);
    }
    return added;
}

/* What there is has no delimiter; it is too long if it must have more than max_line bytes. */
static bool take_long(struct weir__file_reader *reader, struct weir__file_appetite *appetite) {
    struct weir__file_tail *tail = reader->tail;
    const size_t limit = reader->options->max_line + reader->delimiter->bytes;
    while (!tail->skipping && reader->end - reader->begin >= limit) {
        if (reader->options->long_lines == WEIR_FILE_PARTS) {
            if (!add_part(reader, appetite)) {
                return false;
            }
        } else {
            tail->skipping = true;
        }
    }
    if (tail->skipping) {
        leave_behind(reader, reader->scanned - reader->begin, false);
    }
    return true;
}

/* All that is in the buffer.  False: the pull takes no more, or it has failed. */
static bool take_lines(struct weir__file_reader *reader, struct weir__file_appetite *appetite) {
    const struct weir__file_delimiter *delimiter = reader->delimiter;
    while (true) {
        const char *found = weir__file_delimiter_find(delimiter, reader->text + reader->scanned,
                                                      reader->end - reader->scanned);
        if (found == NULL) {
            break;
        }
        size_t length = (size_t)(found - reader->text) - reader->begin;
        if (!take_line(reader, appetite, length, delimiter->bytes)) {
            return false;
        }
    }
    if (reader->end - reader->scanned >= delimiter->bytes) {
        reader->scanned = reader->end - delimiter->bytes + 1;
    }
    return take_long(reader, appetite);
}

/* ---- reading ------------------------------------------------------------------------- */

static weir__file_went look_at_end(struct weir__file_tail *tail, uint64_t read_to) {
    int emptied = weir__file_tail_is_emptied(tail, read_to);
    if (emptied < 0) {
        weir__file_lost("cannot read", tail->path, emptied);
        return WEIR__FILE_FAILED;
    }
    return emptied > 0 ? WEIR__FILE_EMPTY : WEIR__FILE_AT_END;
}

static void begin_tail_turn(struct weir__file_reader *reader, struct weir__file_tail *tail) {
    struct weir__file_about about;
    reader->tail = tail;
    reader->turn = weir__file_about(tail->file, &about) == 0 ? about.size : 0;
    reader->turn_at = tail->at;
    empty_buffer(reader);
}

/* It has read what was there, and some of it is dealt with. */
static bool turn_is_over(struct weir__file_reader *reader) {
    const struct weir__file_tail *tail = reader->tail;
    if (reader->turn == 0 || tail->at + (reader->end - reader->begin) < reader->turn) {
        return false;
    }
    reader->turn = 0;
    return tail->at > reader->turn_at;
}

/* AT_END: it has read nothing; TURN: something. */
static weir__file_went read_more(struct weir__file_reader *reader, uint64_t now_ns) {
    struct weir__file_tail *tail = reader->tail;
    memmove(reader->text, reader->text + reader->begin, reader->end - reader->begin);
    reader->end -= reader->begin;
    reader->scanned -= reader->begin;
    reader->begin = 0;
    uint64_t from = tail->at + reader->end;
    int64_t had =
        weir__file_read(tail->file, reader->text + reader->end, reader->options->read_bytes, from);
    if (had < 0) {
        weir__file_lost("cannot read", tail->path, (int)had);
        return WEIR__FILE_FAILED;
    }
    if (had == 0 || tail->was_at_end) {
        weir__file_went end = look_at_end(tail, from);
        tail->was_at_end = had == 0;
        if (had == 0 || end != WEIR__FILE_AT_END) {
            return end;
        }
    }
    reader->end += (size_t)had;
    if (from + (uint64_t)had > tail->high) { /* it was not read before, for another's turn */
        tail->high = from + (uint64_t)had;
        tail->news_ns = now_ns;
    }
    reader->read_at = weir__clock_utc_ns();
    return WEIR__FILE_TURN;
}

/* Why not all was taken. */
static weir__file_went why_left(struct weir__file_reader *reader) {
    bool failed = reader->failed;
    reader->failed = false;
    return failed ? WEIR__FILE_FAILED : WEIR__FILE_NO_ROOM;
}

weir__file_went weir__file_read_lines(struct weir__file_reader *reader,
                                      struct weir__file_tail *tail,
                                      struct weir__file_appetite *appetite, uint64_t now_ns) {
    weir__file_went went = WEIR__FILE_TURN;
    if (reader->tail != tail) {
        begin_tail_turn(reader, tail);
    }
    while (went == WEIR__FILE_TURN) {
        if (!take_lines(reader, appetite)) {
            return why_left(reader);
        }
        if (turn_is_over(reader)) {
            return WEIR__FILE_TURN;
        }
        went = read_more(reader, now_ns);
    }
    return went;
}

weir__file_went weir__file_read_rest(struct weir__file_reader *reader, struct weir__file_tail *tail,
                                     struct weir__file_appetite *appetite) {
    size_t length = reader->end - reader->begin;
    if (reader->options->whole_only || (length == 0 && !tail->skipping)) {
        return WEIR__FILE_AT_END;
    }
    return take_line(reader, appetite, length, 0) ? WEIR__FILE_AT_END : why_left(reader);
}
