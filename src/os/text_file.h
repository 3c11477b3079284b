/*
 * Text files: small ones, as the kernel writes them below /proc and /sys, read at once.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR__OS_TEXT_FILE_H
#define WEIR__OS_TEXT_FILE_H

#include <stddef.h>

/*
 * Reads the file's first room - 1 bytes into `text`, and ends it with a zero: no memory is taken,
 * as stdio does.  room is at least 1.  Returns how many bytes these are; 0: there is no such file,
 * or it cannot be read.
 */
size_t weir__text_file_read(const char *path, char *text, size_t room);

#endif
