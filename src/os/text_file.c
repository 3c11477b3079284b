/*
 * Text files: see text_file.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "os/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

size_t weir__text_file_read(const char *path, char *text, size_t room) {
    size_t bytes = 0;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    while (file >= 0 && bytes < room - 1) {
        ssize_t more = read(file, text + bytes, room - 1 - bytes);
        if (more <= 0 && !(more < 0 && errno == EINTR)) {
            break;
        }
        bytes += more > 0 ? (size_t)more : 0;
    }
    if (file >= 0) {
        close(file);
    }
    text[bytes] = '\0';
    return bytes;
}
