/*
 * A counters file at one moment: see image.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "image.h"

#include "trouble.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SLOT = WEIR_COUNTERS_SLOT, HEADER = sizeof(weir_counters_header) };

/* The slots that lie in the file wholly. */
static uint64_t slots_of(size_t length) {
    uint64_t slots = length / SLOT;
    return slots < IMAGE_SLOTS ? slots : IMAGE_SLOTS;
}

static bool length_of(int file, size_t *length) {
    struct stat stat;
    if (fstat(file, &stat) != 0) {
        return trouble("the file cannot be looked at: %s", strerror(errno));
    }
    if (!S_ISREG(stat.st_mode)) {
        return trouble("this is not a file");
    }
    if (stat.st_size < HEADER) {
        return trouble("this is not a counters file: it has %lld bytes, and the header %d",
                       (long long)stat.st_size, HEADER);
    }
    *length = (size_t)slots_of((size_t)stat.st_size) * SLOT;
    return true;
}

/* Behind the file lie two pages of zeros: a slot that says it were a longer one than there is
 * room for leads into those. */
static bool map_file(struct mapped *mapped, size_t length) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t room = (length + page - 1) / page * page + 2 * page;
    unsigned char *bytes =
        mmap(NULL, room, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (bytes == MAP_FAILED) {
        return trouble("no memory to map %zu bytes", length);
    }
    if (mmap(bytes, length, PROT_READ, MAP_SHARED | MAP_FIXED, mapped->file, 0) == MAP_FAILED) {
        int error = errno;
        munmap(bytes, room);
        return trouble("the file cannot be mapped: %s", strerror(error));
    }
    if (mapped->bytes != NULL) {
        munmap(mapped->bytes, (mapped->length + page - 1) / page * page + 2 * page);
    }
    mapped->bytes = bytes;
    mapped->length = length;
    return true;
}

bool image_understood(const weir_counters_header *header) {
    if (header->magic != WEIR_COUNTERS_MAGIC) {
        return trouble("this is not a counters file: it does not begin as one");
    }
    if (header->version != WEIR_COUNTERS_VERSION) {
        return trouble("version %u of counters files is not known to this tool, which reads %d",
                       header->version, WEIR_COUNTERS_VERSION);
    }
    if (header->slot_bytes != SLOT) {
        return trouble("its slots have %u bytes, and not %d", header->slot_bytes, SLOT);
    }
    return true;
}

bool mapped_open(struct mapped *mapped, const char *path) {
    *mapped = (struct mapped){.file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (mapped->file < 0) {
        return trouble("%s: %s", path, strerror(errno));
    }
    size_t length;
    if (length_of(mapped->file, &length) && map_file(mapped, length) &&
        image_understood((const weir_counters_header *)(const void *)mapped->bytes)) {
        return true;
    }
    mapped_close(mapped);
    char why[256];
    snprintf(why, sizeof why, "%s", trouble_text());
    return trouble("%s: %s", path, why);
}

void mapped_close(struct mapped *mapped) {
    if (mapped->bytes != NULL) {
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        munmap(mapped->bytes, (mapped->length + page - 1) / page * page + 2 * page);
    }
    if (mapped->file >= 0) {
        close(mapped->file);
    }
    *mapped = (struct mapped){.file = -1};
}

bool image_room(struct image *image, uint32_t slots) {
    if (slots <= image->slots) {
        return true;
    }
    unsigned char *bytes = calloc(slots, SLOT);
    if (bytes == NULL) {
        return trouble("no memory for %u slots", slots);
    }
    if (image->bytes != NULL) {
        memcpy(bytes, image->bytes, (size_t)image->slots * SLOT);
        free(image->bytes);
    }
    image->bytes = bytes;
    image->slots = slots;
    return true;
}

/* What begins with a slot; returns how many it was. */
static uint32_t take_slot(struct image *image, const struct mapped *mapped, uint32_t number) {
    const unsigned char *from = mapped->bytes + (size_t)number * SLOT;
    unsigned char *to = image->bytes + (size_t)number * SLOT;
    uint64_t copy[WEIR_COUNTERS_MOST / sizeof(uint64_t)];
    const weir_counters_slot *slot = (const void *)copy;
    uint32_t kind = ((const weir_counters_slot *)(const void *)from)->kind;
    if (kind == WEIR_COUNTERS_FREE || kind > WEIR_COUNTERS_TIMES ||
        !weir_counters_copy(from, copy)) {
        memset(to, 0, SLOT);
        return 1;
    }
    uint32_t count = weir_counters_slots(slot->kind);
    if (number + count > image->slots) {
        memset(to, 0, SLOT); /* it says it were more than there are left */
        return 1;
    }
    memcpy(to, copy, (size_t)count * SLOT);
    return count;
}

/* --- what the kernel says of the workers' threads ------------------------------------------ */

enum { DELAY = sizeof((weir_counters_worker *)0)->reserved / sizeof(uint64_t) - 1 };

uint64_t image_delay(const weir_counters_worker *worker) {
    return worker->reserved[DELAY];
}

/* The second figure of its schedstat. */
static uint64_t delay_of(uint64_t pid, uint64_t thread) {
    char path[96];
    uint64_t delay = 0;
    snprintf(path, sizeof path, "/proc/%" PRIu64 "/task/%" PRIu64 "/schedstat", pid, thread);
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        if (fscanf(file, "%*u %" SCNu64, &delay) != 1) {
            delay = 0;
        }
        fclose(file);
    }
    return delay;
}

static void take_delays(struct image *image) {
    for (uint32_t i = 1; i < image->slots; i++) {
        weir_counters_worker *worker = (void *)(image->bytes + (size_t)i * SLOT);
        if (worker->slot.kind == WEIR_COUNTERS_WORKER && worker->thread != 0 && image->live) {
            worker->reserved[DELAY] = delay_of(image_header(image)->pid, worker->thread);
        }
        i += weir_counters_slots(worker->slot.kind) - 1;
    }
}

/* Its process does so as long as it lives, whatever number it has here. */
static bool is_held(int file) {
    if (flock(file, LOCK_SH | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK;
    }
    (void)flock(file, LOCK_UN);
    return false;
}

bool image_take(struct image *image, struct mapped *mapped) {
    size_t length;
    if (!length_of(mapped->file, &length)) {
        return false;
    }
    if (length < mapped->length) {
        return trouble("the file was cut off");
    }
    if (length > mapped->length && !map_file(mapped, length)) {
        return false;
    }
    const weir_counters_header *header = (const void *)mapped->bytes;
    if (!image_understood(header)) {
        return false;
    }
    uint64_t used = __atomic_load_n(&header->slots, __ATOMIC_ACQUIRE);
    uint32_t slots = (uint32_t)(used < slots_of(length) ? used : slots_of(length));
    if (slots < HEADER / SLOT) {
        slots = HEADER / SLOT;
    }
    if (!image_room(image, slots)) {
        return false;
    }
    image->slots = slots;
    memcpy(image->bytes, header, HEADER); /* it is written once, but for `slots` and `closed` */
    for (uint32_t i = HEADER / SLOT; i < slots; i += take_slot(image, mapped, i)) {}
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    image->now_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    /* In this order: a process that has closed its runtime and gone is not taken for a dead one. */
    bool lives = is_held(mapped->file) || process_lives(header->pid, header->started);
    uint64_t closed = __atomic_load_n(&header->closed, __ATOMIC_ACQUIRE);
    ((weir_counters_header *)(void *)image->bytes)->closed = closed;
    image->live = lives && closed == 0;
    take_delays(image);
    return true;
}

void image_free(struct image *image) {
    free(image->bytes);
    *image = (struct image){0};
}

bool image_copy(struct image *to, const struct image *from) {
    if (!image_room(to, from->slots)) {
        return false;
    }
    to->slots = from->slots;
    to->now_ns = from->now_ns;
    to->live = from->live;
    for (size_t at = 0; at < (size_t)from->slots * SLOT; at += SLOT) {
        if (memcmp(to->bytes + at, from->bytes + at, SLOT) != 0) {
            memcpy(to->bytes + at, from->bytes + at, SLOT);
        }
    }
    return true;
}

const weir_counters_header *image_header(const struct image *image) {
    return (const weir_counters_header *)(const void *)image->bytes;
}

const weir_counters_slot *image_slot(const struct image *image, uint64_t number) {
    if (number >= image->slots) {
        return NULL;
    }
    const weir_counters_slot *slot = (const void *)(image->bytes + (size_t)number * SLOT);
    return number + weir_counters_slots(slot->kind) <= image->slots ? slot : NULL;
}

bool process_lives(uint64_t pid, uint64_t started) {
    char path[64];
    char line[1024];
    snprintf(path, sizeof path, "/proc/%" PRIu64 "/stat", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    size_t bytes = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    line[bytes] = 0;
    /* The second field, a name in parentheses, may have blanks and parentheses of its own. */
    char *at = strrchr(line, ')');
    if (at == NULL || at[1] != ' ' || at[2] == 'Z' || at[2] == 'X') {
        return false; /* a zombie does nothing any more */
    }
    for (int field = 2; field < 22 && at != NULL; field++) {
        at = strchr(at + 1, ' ');
    }
    return at != NULL && strtoull(at + 1, NULL, 10) == started;
}
