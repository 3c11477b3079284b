/*
 * Where images come from: see feed.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "feed.h"

#include "recording.h"
#include "trouble.h"

#include <stdlib.h>

bool feed_open(struct feed *feed, const char *path, bool replay) {
    *feed = (struct feed){.mapped = {.file = -1}};
    snprintf(feed->path, sizeof feed->path, "%s", path);
    if (!replay) {
        return mapped_open(&feed->mapped, path);
    }
    feed->recording = calloc(1, sizeof *feed->recording);
    if (feed->recording == NULL) {
        return trouble("no memory to read %s", path);
    }
    if (!recording_open(feed->recording, path)) {
        feed_close(feed);
        return false;
    }
    return true;
}

void feed_close(struct feed *feed) {
    if (feed->recording != NULL) {
        recording_close(feed->recording);
        free(feed->recording);
        feed->recording = NULL;
    }
    mapped_close(&feed->mapped);
}

bool feed_next(struct feed *feed, struct image *image, uint64_t ns) {
    if (feed->recording == NULL) {
        return image_take(image, &feed->mapped);
    }
    return recording_pass(feed->recording, ns) && image_copy(image, &feed->recording->image);
}

bool feed_ended(const struct feed *feed) {
    return feed->recording != NULL && feed->recording->ended;
}
