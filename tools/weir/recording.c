/*
 * Recordings: see recording.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "recording.h"

#include "trouble.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SLOT = WEIR_COUNTERS_SLOT, ROUNDED_NS = 100000000 };

struct file_head {
    char magic[8];
    uint32_t slot_bytes;
    uint32_t reserved;
};

struct moment_head {
    uint64_t magic;
    uint64_t now_ns;
    uint32_t slots;   /* of the image */
    uint32_t changed; /* that follow */
    uint32_t live;
    uint32_t reserved;
};

struct change {
    uint64_t number;
    unsigned char slot[SLOT];
};

static const struct file_head head = {.magic = "weirrec1", .slot_bytes = SLOT};
static const uint64_t moment_magic = UINT64_C(0x746e656d6f6d); /* "moment" */

/* Whether what the file has may go: it has nothing, or is a recording itself. */
static bool may_replace(int file, const char *path) {
    struct stat stat;
    char magic[sizeof head.magic];
    if (fstat(file, &stat) != 0) {
        return trouble("%s: %s", path, strerror(errno));
    }
    if (!S_ISREG(stat.st_mode)) {
        return trouble("%s: this is not a file", path);
    }
    if (stat.st_size > 0 && (pread(file, magic, sizeof magic, 0) != (ssize_t)sizeof magic ||
                             memcmp(magic, head.magic, sizeof magic) != 0)) {
        return trouble("%s: there is a file that is not a recording, and it is not replaced", path);
    }
    return true;
}

/* Nothing is cut off before it is known what it is: it may be the very counters file that is to
 * be recorded, which a program has mapped.  Like that, a recording is the user's alone. */
bool recording_create(struct recording *recording, const char *path) {
    *recording = (struct recording){0};
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
    if (file < 0) {
        return trouble("%s: %s", path, strerror(errno));
    }
    if (!may_replace(file, path)) {
        close(file);
        return false;
    }
    recording->file = ftruncate(file, 0) == 0 ? fdopen(file, "wb") : NULL;
    if (recording->file == NULL) {
        int error = errno;
        close(file);
        return trouble("%s: %s", path, strerror(error));
    }
    if (fwrite(&head, sizeof head, 1, recording->file) != 1) {
        int error = errno;
        recording_close(recording);
        return trouble("%s: %s", path, strerror(error));
    }
    return true;
}

static bool changed(const struct image *before, const struct image *now, uint32_t number) {
    static const unsigned char zeros[SLOT];
    const unsigned char *old =
        number < before->slots ? before->bytes + (size_t)number * SLOT : zeros;
    return memcmp(old, now->bytes + (size_t)number * SLOT, SLOT) != 0;
}

bool recording_add(struct recording *recording, const struct image *image) {
    struct moment_head moment = {
        .magic = moment_magic, .now_ns = image->now_ns, .slots = image->slots, .live = image->live};
    for (uint32_t i = 0; i < image->slots; i++) {
        moment.changed += changed(&recording->image, image, i);
    }
    bool well = fwrite(&moment, sizeof moment, 1, recording->file) == 1;
    for (uint32_t i = 0; well && i < image->slots; i++) {
        if (changed(&recording->image, image, i)) {
            struct change change = {.number = i};
            memcpy(change.slot, image->bytes + (size_t)i * SLOT, SLOT);
            well = fwrite(&change, sizeof change, 1, recording->file) == 1;
        }
    }
    if (!well || fflush(recording->file) != 0) {
        return trouble("the recording cannot be written: %s", strerror(errno));
    }
    recording->moments++;
    return image_copy(&recording->image, image);
}

bool recording_open(struct recording *recording, const char *path) {
    struct file_head found;
    *recording = (struct recording){.file = fopen(path, "rbe")};
    if (recording->file == NULL) {
        return trouble("%s: %s", path, strerror(errno));
    }
    if (fread(&found, sizeof found, 1, recording->file) != 1 ||
        memcmp(found.magic, head.magic, sizeof head.magic) != 0) {
        recording_close(recording);
        return trouble("%s: this is not a recording", path);
    }
    if (found.slot_bytes != SLOT) {
        recording_close(recording);
        return trouble("%s: its slots have %u bytes, and not %d", path, found.slot_bytes, SLOT);
    }
    if (!recording_next(recording)) {
        recording_close(recording);
        return trouble("%s: there is not one whole moment in it", path);
    }
    if (!image_understood(image_header(&recording->image))) {
        recording_close(recording);
        return false;
    }
    recording->begin_ns = recording->image.now_ns;
    return true;
}

/* The head of the next moment, if that makes sense and is all there: the file's end is looked
 * up before anything is changed. */
static bool next_head(struct recording *recording, struct moment_head *moment) {
    if (fread(moment, sizeof *moment, 1, recording->file) != 1 || moment->magic != moment_magic ||
        moment->slots < 1 || moment->slots > IMAGE_SLOTS || moment->changed > moment->slots) {
        return false;
    }
    long here = ftell(recording->file);
    if (here < 0 || fseek(recording->file, 0, SEEK_END) != 0) {
        return false;
    }
    long end = ftell(recording->file);
    return end - here >= (long)moment->changed * (long)sizeof(struct change) &&
           fseek(recording->file, here, SEEK_SET) == 0;
}

bool recording_next(struct recording *recording) {
    struct moment_head moment;
    struct image *image = &recording->image;
    recording->ended =
        recording->ended || !next_head(recording, &moment) || !image_room(image, moment.slots);
    if (recording->ended) {
        return false;
    }
    image->slots = moment.slots;
    image->now_ns = moment.now_ns;
    image->live = moment.live != 0;
    for (uint32_t i = 0; i < moment.changed; i++) {
        struct change change;
        if (fread(&change, sizeof change, 1, recording->file) != 1) {
            recording->ended = true;
            return false;
        }
        if (change.number < image->slots) {
            memcpy(image->bytes + change.number * SLOT, change.slot, SLOT);
        }
    }
    recording->moments++;
    return true;
}

bool recording_pass(struct recording *recording, uint64_t ns) {
    uint64_t begin = recording->image.now_ns;
    bool moved = ns == 0;
    while (recording->image.now_ns - begin < ns && recording_next(recording)) {
        moved = true;
    }
    return moved;
}

bool recording_reaches(const struct recording *recording, uint64_t ns) {
    uint64_t length = recording->image.now_ns - recording->begin_ns;
    return !recording->ended || ns <= length + ROUNDED_NS ||
           trouble("the recording is shorter: it ends %.1f s after its begin",
                   (double)length / 1e9);
}

bool recording_close(struct recording *recording) {
    bool well = recording->file == NULL || fclose(recording->file) == 0;
    image_free(&recording->image);
    *recording = (struct recording){.ended = true};
    return well || trouble("the recording cannot be written: %s", strerror(errno));
}
