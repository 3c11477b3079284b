/*
 * Lines: see line.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "connect/file/line.h"

#include "os/file.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK = 16384, ERROR_TEXT = 128 };

/* ---- delimiters --------------------------------------------------------------------- */

weir_status weir__file_delimiter(struct weir__file_delimiter *delimiter, const char *at,
                                 size_t bytes) {
    if (at == NULL && bytes == 0) {
        at = "\n";
    }
    size_t length = at != NULL && bytes == 0 ? strlen(at) : bytes;
    if (at == NULL || length == 0 || length > sizeof delimiter->at) {
        return weir_refuse(WEIR_INVALID, "delimiter must have 1 to %d bytes, got %zu%s",
                           WEIR_FILE_DELIMITER_LIMIT, length, at == NULL ? " at NULL" : "");
    }
    memcpy(delimiter->at, at, length);
    delimiter->bytes = length;
    return WEIR_OK;
}

const char *weir__file_delimiter_find(const struct weir__file_delimiter *delimiter, const char *at,
                                      size_t bytes) {
    const char *end = at + bytes;
    while ((size_t)(end - at) >= delimiter->bytes) {
        at = memchr(at, delimiter->at[0], (size_t)(end - at) - delimiter->bytes + 1);
        if (at == NULL || memcmp(at, delimiter->at, delimiter->bytes) == 0) {
            return at;
        }
        at++;
    }
    return NULL;
}

/* The last one's end within these bytes, or NULL. */
static const char *last_delimiter(const struct weir__file_delimiter *delimiter, const char *from,
                                  size_t bytes) {
    for (size_t at = bytes; at >= delimiter->bytes; at--) {
        if (memcmp(from + at - delimiter->bytes, delimiter->at, delimiter->bytes) == 0) {
            return from + at;
        }
    }
    return NULL;
}

int64_t weir__file_last_line(int file, uint64_t size,
                             const struct weir__file_delimiter *delimiter) {
    char block[BLOCK];
    uint64_t end = size;
    while (end >= delimiter->bytes) {
        uint64_t from = end > BLOCK ? end - BLOCK : 0;
        int64_t had = weir__file_read(file, block, (size_t)(end - from), from);
        if (had < 0) {
            return had;
        }
        const char *behind = last_delimiter(delimiter, block, (size_t)had);
        if (behind != NULL) {
            return (int64_t)from + (behind - block);
        }
        end = from == 0 ? 0 : from + delimiter->bytes - 1; /* one may lie across */
    }
    return 0;
}

/* ---- fingerprints ------------------------------------------------------------------- */

uint64_t weir__file_hash(const void *at, size_t bytes) {
    const unsigned char *from = at;
    uint64_t hash = UINT64_C(0x9e3779b97f4a7c15) ^ bytes;
    for (size_t i = 0; i < bytes; i++) {
        hash = (hash ^ from[i]) * UINT64_C(0xd6e8feb86659fd93);
        hash ^= hash >> 32;
    }
    return hash;
}

int weir__file_print(int file, uint32_t most, struct weir__file_print *print) {
    char first[WEIR__FILE_PRINT_BYTES];
    int64_t had = weir__file_read(file, first, most < sizeof first ? most : sizeof first, 0);
    if (had < 0) {
        return (int)had;
    }
    *print = (struct weir__file_print){.hash = weir__file_hash(first, (size_t)had),
                                       .bytes = (uint32_t)had};
    return 0;
}

/* ---- what both ends need ------------------------------------------------------------- */

void weir__file_folder_of(const char *path, char folder[WEIR_FILE_PATH_BYTES]) {
    const char *slash = strrchr(path, '/');
    size_t length = slash == NULL ? 1 : (size_t)(slash - path);
    length = length == 0 ? 1 : length; /* "/" */
    memcpy(folder, slash == NULL ? "." : path, length);
    folder[length] = '\0';
}

weir_pulled weir__file_lost(const char *what, const char *path, int error) {
    char text[ERROR_TEXT];
    weir_refuse(WEIR_SYSTEM, "file: %s %s: %s", what, path,
                weir__file_error(error, text, sizeof text));
    return WEIR_LOST;
}
