/*
 * The source's options.  See weir/file.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/reserved.h"
#include "connect/file/source.h"

#include <stdlib.h>
#include <string.h>

enum {
    READ_LEAST = 4096,
    BYTES_MOST = 1 << 30,
    LINE_MOST = 1 << 29 /* with its key and header it is a message */
};

/* What names are looked for, and where; the last part of a path is all that a pattern sees. */
static weir_status check_folder(const char *folder, const char *pattern) {
    size_t bytes = folder == NULL ? 1 : strlen(folder), escapes = 0;
    if (bytes == 0 || bytes >= WEIR_FILE_PATH_BYTES) {
        return weir_refuse(WEIR_INVALID, "folder must have 1 to %d bytes, got %zu",
                           WEIR_FILE_PATH_BYTES - 1, bytes);
    }
    if (pattern == NULL) {
        return WEIR_OK;
    }
    if (folder == NULL) {
        return weir_refuse(WEIR_INVALID, "pattern needs a folder, got \"%s\"", pattern);
    }
    for (bytes = strlen(pattern); escapes < bytes && pattern[bytes - escapes - 1] == '\\';) {
        escapes++;
    }
    if (bytes == 0 || strchr(pattern, '/') != NULL || escapes % 2 != 0 ||
        strcmp(pattern, ".") == 0 || strcmp(pattern, "..") == 0) {
        return weir_refuse(WEIR_INVALID,
                           "pattern must be one that names of files can match (not empty, . or .., "
                           "no /, no \\ at its end), got \"%s\"",
                           pattern);
    }
    return WEIR_OK;
}

static weir_status check_which(const weir_file_source_options *options) {
    if ((options->folder == NULL) == (options->path_count == 0)) {
        return weir_refuse(WEIR_INVALID, "one of paths and folder must be given");
    }
    if (options->path_count > 0 && options->paths == NULL) {
        return weir_refuse(WEIR_INVALID, "paths must not be NULL with a path_count of %zu",
                           options->path_count);
    }
    for (size_t i = 0; i < options->path_count; i++) {
        const char *path = options->paths[i];
        if (path == NULL || *path == '\0' || strlen(path) >= WEIR_FILE_PATH_BYTES) {
            return weir_refuse(WEIR_INVALID, "paths[%zu] must have 1 to %d bytes, got %s", i,
                               WEIR_FILE_PATH_BYTES - 1, path == NULL ? "NULL" : "others");
        }
        if (options->checkpoint != NULL && strcmp(path, options->checkpoint) == 0) {
            return weir_refuse(WEIR_INVALID, "checkpoint must not be one of paths, got \"%s\"",
                               path);
        }
    }
    return check_folder(options->folder, options->pattern);
}

static weir_status check_size(const char *name, size_t value, size_t least, size_t most) {
    return value == 0 || (value >= least && value <= most)
               ? WEIR_OK
               : weir_refuse(WEIR_INVALID, "%s must be %zu to %zu, got %zu", name, least, most,
                             value);
}

static weir_status check_lines(const weir_file_source_options *options) {
    weir_status status = check_size("max_line", options->max_line, 1, LINE_MOST);
    if (status == WEIR_OK) {
        status = check_size("read_bytes", options->read_bytes, READ_LEAST, BYTES_MOST);
    }
    if (status == WEIR_OK && (unsigned)options->long_lines > WEIR_FILE_SKIP) {
        status = weir_refuse(WEIR_INVALID, "long_lines must be one of weir_file_long, got %d",
                             (int)options->long_lines);
    }
    if (status == WEIR_OK && options->from_end && options->once) {
        status = weir_refuse(WEIR_INVALID, "from_end and once exclude each other");
    }
    if (status == WEIR_OK && options->checkpoint != NULL &&
        (*options->checkpoint == '\0' || strlen(options->checkpoint) >= WEIR_FILE_PATH_BYTES)) {
        status = weir_refuse(WEIR_INVALID, "checkpoint must have 1 to %d bytes",
                             WEIR_FILE_PATH_BYTES - 1);
    }
    return status;
}

static void set_defaults(weir_file_source_options *options) {
    options->max_line = options->max_line != 0 ? options->max_line : WEIR_FILE_MAX_LINE_DEFAULT;
    options->read_bytes =
        options->read_bytes != 0 ? options->read_bytes : WEIR_FILE_READ_BYTES_DEFAULT;
    options->span = options->span != 0 ? options->span : WEIR_FILE_SPAN_DEFAULT;
    options->max_files = options->max_files != 0 ? options->max_files : WEIR_FILE_MAX_FILES_DEFAULT;
    options->poll_ns = options->poll_ns != 0 ? options->poll_ns : WEIR_FILE_POLL_DEFAULT;
    options->linger_ns = options->linger_ns != 0 ? options->linger_ns : WEIR_FILE_LINGER_DEFAULT;
    options->checkpoint_sync_ns =
        options->checkpoint_sync_ns != 0 ? options->checkpoint_sync_ns : WEIR_FILE_SYNC_DEFAULT;
    options->pattern = options->pattern != NULL ? options->pattern : "*";
}

static weir_status keep_texts(weir_file_source *source, const weir_file_source_options *from) {
    weir_file_source_options *to = &source->options;
    source->paths = calloc(from->path_count + 1, sizeof *source->paths);
    for (size_t i = 0; source->paths != NULL && i < from->path_count; i++) {
        source->paths[i] = weir__text_keep(&source->texts, from->paths[i]);
    }
    to->paths = source->paths;
    to->folder = weir__text_keep(&source->texts, to->folder);
    to->pattern = weir__text_keep(&source->texts, to->pattern);
    to->checkpoint = weir__text_keep(&source->texts, to->checkpoint);
    return source->paths != NULL && !source->texts.failed
               ? WEIR_OK
               : weir_refuse(WEIR_NO_MEMORY, "no memory for the options of a source of files");
}

weir_status weir__file_source_set(weir_file_source *source,
                                  const weir_file_source_options *options) {
    weir_status status = WEIR__RESERVED_SET(options, "weir_file_source_options")
                             ? WEIR_INVALID
                             : check_which(options);
    if (status == WEIR_OK) {
        status = check_lines(options);
    }
    if (status == WEIR_OK) {
        status =
            weir__file_delimiter(&source->delimiter, options->delimiter, options->delimiter_bytes);
    }
    if (status == WEIR_OK) {
        source->options = *options;
        set_defaults(&source->options);
        status = keep_texts(source, options);
    }
    return status;
}
