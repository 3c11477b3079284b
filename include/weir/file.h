/*
 * Files of lines: sources that follow or read them, and sinks that append to them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A part of the library itself; they need no server.
 *
 *   weir_file_source *log;
 *   weir_must(weir_file_source_open(&(weir_file_source_options){
 *       .paths = (const char *[]){"app.log"}, .path_count = 1, .checkpoint = "position"}, &log));
 *   weir_file_sink *store;
 *   weir_must(weir_file_sink_open(&(weir_file_sink_options){.path = "store-%Y%m%d.log"}, &store));
 *   ... weir_pipeline_open with .source = weir_file_source_driver(log),
 *                               .source_contexts = (void *[]){log}, .source_count = 1, and of a
 *       batcher .sink = weir_file_sink_table(store), .sink_contexts = (void *[]){store} ...
 *   ... weir_pipeline_close ...
 *   weir_file_source_close(log);
 *   weir_file_sink_close(store);
 *
 * A line is what stands between two delimiters, "\n" if nothing else is said; it may have any
 * bytes. What is lost when, and what comes twice: docs/connect/file.md.
 */
#ifndef WEIR_FILE_H
#define WEIR_FILE_H

#include <weir/sink.h>
#include <weir/source.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_FILE_PATH_BYTES         4096 /* of a path, its end included */
#define WEIR_FILE_DELIMITER_LIMIT    16
#define WEIR_FILE_MAX_LINE_DEFAULT   65536
#define WEIR_FILE_READ_BYTES_DEFAULT 262144
#define WEIR_FILE_MAX_FILES_DEFAULT  1000
#define WEIR_FILE_SPAN_DEFAULT       (UINT32_C(64) << 20)
#define WEIR_FILE_POLL_DEFAULT       UINT64_C(1000000000)
#define WEIR_FILE_LINGER_DEFAULT     UINT64_C(5000000000)
#define WEIR_FILE_SYNC_DEFAULT       UINT64_C(1000000000)

/* ---- sources ----------------------------------------------------------------------- */

/* What becomes of lines with more than max_line bytes. */
typedef enum weir_file_long {
    WEIR_FILE_PARTS = 0, /* several messages; all but the last have the header "part"             */
    WEIR_FILE_CUT = 1,   /* its first max_line bytes are a message, with the header "cut"         */
    WEIR_FILE_SKIP = 2   /* nothing                                                               */
} weir_file_long;

typedef struct weir_file_source_options {
    /* Which files: these, in this order; */
    const char *const *paths;
    size_t path_count;
    /* or those of a folder whose names match a pattern (*, ?, [...]; default "*"), in the order of
     * their names.  The pattern is of a name, without "/". */
    const char *folder;
    const char *pattern;

    /* Where it is kept how far all is acknowledged; a restart goes on there.  The file is made; its
     * folder must be there.  Each source has its own, and whoever removes it meanwhile finds it
     * written anew.  NULL: nowhere, each start is the first. */
    const char *checkpoint;
    /* It is made sure on the disk so often at most: should the machine fail (not the process), what
     * was acknowledged so long before comes again.  Default 1 s; 1: each time. */
    uint64_t checkpoint_sync_ns;

    bool once;     /* ends behind the last file's last line; else waits for more, and for files */
    bool from_end; /* of files that are there at the first start only what comes later is read */
    /* A line without a delimiter behind it is none.  Else it is one where nothing more can come:
     * with `once`, and at the end of a file that was rotated away. */
    bool whole_only;
    bool skip_empty; /* empty lines are no messages */
    /* Messages' headers begin "at=OFFSET file=NUMBER": where the line begins, and the inode's
     * number, which together tell it from all other lines of a file system. */
    bool offsets;
    const char *delimiter;     /* default "\n" */
    size_t delimiter_bytes;    /* 1..16; 0: up to its zero byte */
    size_t max_line;           /* 1..2^29; default 65536 */
    weir_file_long long_lines; /* what becomes of longer ones */

    /* Read at a time, 4096..2^30; default 262144.  Beside messages the source takes up so much
     * memory, and max_line, twice if long lines are cut. */
    size_t read_bytes;
    /* A file is not read so many bytes beyond its oldest line that is not acknowledged; default
     * 64 MiB. */
    uint32_t span;
    size_t max_files; /* that it follows at a time; default 1000.  With more it is LOST */
    /* How often it looks for new names and for more to read where the system tells of neither
     * (inotify knows nothing of what other machines do); default 1 s. */
    uint64_t poll_ns;
    /* A file that was renamed or removed is read until nothing new came for so long; default
     * 5 s. */
    uint64_t linger_ns;
    uintptr_t reserved[6]; /* for later versions (version.h): zero */
} weir_file_source_options;

typedef struct weir_file_source weir_file_source;

/*
 * Makes a source of lines.  No file is touched until the pipeline is opened.
 *
 * A message's data is its line, without the delimiter; its key the path of its file when that was
 * opened; its time when it was read, nanoseconds since 1970; headers: none, but for what `offsets`
 * and long_lines say ("at=4096 file=1234 part").  Settlements are cumulative (source.h): what is
 * nak'd is emitted again by the source, and the checkpoint stays below it.
 *
 * A file is known by its inode and its first bytes (256 at most), whatever its name is, so one that
 * was renamed while nobody looked goes on where it was.  One that has become shorter, or begins
 * with other bytes, was emptied (copytruncate), and begins anew.
 *
 * Says LOST   and why, where none of the paths is there yet, a file cannot be opened or read, the
 *             checkpoint cannot be written, or another process has it; or while another file that
 *             is no checkpoint has taken its name.
 *      BROKEN where the checkpoint is no checkpoint, a path is no regular file, or, with `once`, is
 *             not there.
 * Arguments  options: copied.
 * Errors     INVALID (which option: weir_refusal), NO_MEMORY.
 * Lifetime   until weir_file_source_close, behind the pipeline's (or source's) close.  It may be
 *            used by one pipeline after the other.
 * Threads    any.  In runtimes without threads it never waits.
 */
weir_status weir_file_source_open(const weir_file_source_options *options, weir_file_source **out);

/* Its driver: of this one, and of those that were opened with the same span.  Lifetime: the
 * source's. */
const weir_source_driver *weir_file_source_driver(const weir_file_source *source);

/* NULL: nothing.  Threads: any; nobody uses it any more. */
void weir_file_source_close(weir_file_source *source);

/* ---- sinks ------------------------------------------------------------------------- */

/* When what was written is made sure on disk (fdatasync). */
typedef enum weir_file_sync {
    WEIR_FILE_SYNC_BATCH = 0, /* before a batch counts as written: acknowledged means on disk   */
    WEIR_FILE_SYNC_INTERVAL =
        1,                  /* with the first batch after sync_ns, and as a file is closed    */
    WEIR_FILE_SYNC_NONE = 2 /* by the system, some time; should the machine fail, lines that  */
                            /* were acknowledged are lost, as above for sync_ns               */
} weir_file_sync;

typedef struct weir_file_sink_options {
    /* Required.  %N is the file's number, from 1, in six digits; other %s are strftime's, in UTC
     * ("store-%Y%m%d.log"): when the name is another one, the next batch goes there.  %%: a %. */
    const char *path;
    const char *delimiter;  /* behind each message's data; default "\n" */
    size_t delimiter_bytes; /* 1..16; 0: up to its zero byte */
    unsigned mode;          /* of a file that is made; default 0644, less the process's mask */
    weir_file_sync sync;
    uint64_t sync_ns; /* of WEIR_FILE_SYNC_INTERVAL; default 1 s */

    /* When a batch is written to a new file, with the next number.  The path has %N then. */
    uint64_t rotate_bytes; /* the file has so many; default: never */
    uint64_t rotate_ns;    /* it was opened so long ago; default: never */
    /* Unless NULL: this says so.  The file has `bytes`, and is not empty. */
    bool (*rotate)(void *context, const char *path, uint64_t bytes, const weir_message *messages,
                   size_t count);
    /* Unless NULL: nothing will be written to this file any more, by this sink; it is on the disk,
     * but with WEIR_FILE_SYNC_NONE.  It may compress it, say.  On the sink's thread. */
    void (*finished)(void *context, const char *path);
    void *context; /* of these two */

    /* By default the file is held (flock) against other sinks, and a last line without a delimiter,
     * which a crash has left, is cut off when it is opened. */
    bool keep_torn; /* a delimiter is put behind such a line */
    /* Others append to it, too: it is not held, nothing is ever cut off, and a torn line has a
     * delimiter put behind it.  A batch's lines stay together if they are 1 MiB at most. */
    bool shared;
    uintptr_t reserved[6]; /* for later versions (version.h): zero */
} weir_file_sink_options;

typedef struct weir_file_sink weir_file_sink;

/*
 * Makes a sink that appends a batch's data, each with a delimiter behind it, with one write where
 * they are 1 MiB at most.  Data that has delimiters in it becomes several lines.
 *
 * A batch that cannot be written or made sure (full disk, errors of the device, limits) is LOST:
 * what was written of it is cut off again, weir_refusal says why, and it is written again as a
 * whole.  A file that somebody has renamed or removed is made again within 0.1 s (logrotate needs
 * to signal nobody).
 *
 * Not idempotent: when the process dies between the write and the acknowledgement's way back to the
 * source, those lines come again.
 *
 * Says LOST   also where the file cannot be opened, or another sink holds it.
 *      BROKEN where the path is no regular file.
 * Arguments  options: copied.
 * Errors     INVALID (which option: weir_refusal), NO_MEMORY.
 * Lifetime   until weir_file_sink_close, behind the pipeline's close.
 * Threads    any.
 */
weir_status weir_file_sink_open(const weir_file_sink_options *options, weir_file_sink **out);

/* Its table, of all sinks. */
const weir_sink *weir_file_sink_table(const weir_file_sink *sink);

/* NULL: nothing. */
void weir_file_sink_close(weir_file_sink *sink);

#ifdef __cplusplus
}
#endif
#endif
