/*
 * A counters file as it was at one moment: a copy of all its slots.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A source (struct mapped) is a file that is mapped; an image is taken from it as often as one
 * likes, also after its process has died.  A recording gives images, too (recording.h).
 * Nothing that a file may contain makes this crash; what it says is for view.h to judge.
 */
#ifndef TOOL_IMAGE_H
#define TOOL_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weir/counters.h>

/* More slots of a file are not looked at: a damaged one takes half a gigabyte at most. */
#define IMAGE_SLOTS (UINT32_C(1) << 22)

struct mapped {
    int file;
    unsigned char *bytes;
    size_t length; /* mapped, of the file; behind it lie zeros for the largest kind */
};

/* Takes slot numbers from 0; those that are free, or were just being given away, are zeros. */
struct image {
    uint64_t now_ns; /* CLOCK_MONOTONIC when it was taken */
    bool live;       /* its process ran then */
    uint32_t slots;
    unsigned char *bytes; /* aligned to 16; owned */
};

/* Opens and maps a file.  Errors (trouble.h): no such file, no counters file, another version. */
bool mapped_open(struct mapped *mapped, const char *path);
void mapped_close(struct mapped *mapped);

/* Copies all slots; the image's memory is used again.  A file that grew is mapped anew.  Errors:
 * no memory; the file was cut off, or is no counters file any more.  The image is as before. */
bool image_take(struct image *image, struct mapped *mapped);
void image_free(struct image *image);

/* Makes room for so many slots, keeping those it has; new ones are zeros. */
bool image_room(struct image *image, uint32_t slots);

/* Copies an image; where slots are the same, not even a page of zeros is touched. */
bool image_copy(struct image *to, const struct image *from);

/* Whether this is a header that the tool understands; if not, trouble.h tells why. */
bool image_understood(const weir_counters_header *header);

const weir_counters_header *image_header(const struct image *image);

/* A slot, or NULL when there is none of that number, or not all of what begins there. */
const weir_counters_slot *image_slot(const struct image *image, uint64_t number);

/* How long the worker's thread was ready to run, and had no core: what the kernel says of it as the
 * image was taken, in nanoseconds.  0: it says nothing.  (In the image alone: a reserved word.) */
uint64_t image_delay(const weir_counters_worker *worker);

/* Whether a process with that number began at that moment (field 22 of its stat) and lives. */
bool process_lives(uint64_t pid, uint64_t started);

#endif
