/*
 * The commands that print something and end; see commands.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "commands.h"

#include "find.h"
#include "graph.h"
#include "look_json.h"
#include "prom.h"
#include "recording.h"
#include "stat.h"
#include "text.h"
#include "trouble.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static uint64_t ns_of(double seconds) {
    return (uint64_t)(seconds * 1e9);
}

static void sleep_for(uint64_t ns) {
    struct timespec left = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {}
}

bool open_feed(struct feed *feed, const struct options *options) {
    char path[FIND_PATH];
    if (options->replay != NULL) {
        return feed_open(feed, options->replay, true);
    }
    return find_one(path, FIND_FOLDER, options->target) && feed_open(feed, path, false);
}

/* --- list, clean -------------------------------------------------------------------------- */

static const char *folder_of(const struct options *options) {
    return options->target == NULL ? FIND_FOLDER : options->target;
}

static struct figure age_of(uint64_t opened_utc) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    return text_time(ns > opened_utc ? ns - opened_utc : 0);
}

int command_list(const struct options *options) {
    struct found_list list;
    if (!find_all(&list, folder_of(options), 0)) {
        return 1;
    }
    if (list.count > 0) {
        printf("%10s  %7s  %-6s  %7s  %6s  %10s  %-20s  %s\n", "PID", "RUNTIME", "STATE", "WORKERS",
               "STAGES", "AGE", "PROGRAM", "FILE");
    }
    for (uint32_t i = 0; i < list.count; i++) {
        const struct found *each = &list.at[i];
        if (!each->known) {
            printf("%10" PRIu64 "  %7u  %s\n", each->pid, each->number, each->why);
            continue;
        }
        printf("%10" PRIu64 "  %7u  %-6s  %7u  %6u  %10s  %-20s  %s\n", each->pid, each->number,
               each->live     ? "live"
               : each->closed ? "closed"
                              : "dead",
               each->workers, each->stages, age_of(each->opened_utc).text, each->program,
               each->path);
    }
    find_free(&list);
    return 0;
}

int command_clean(const struct options *options) {
    struct found_list list;
    if (!find_all(&list, folder_of(options), 0)) {
        return 1;
    }
    int status = 0;
    for (uint32_t i = 0; i < list.count; i++) {
        const struct found *each = &list.at[i];
        if (!each->known || each->live) {
            continue;
        }
        if (unlink(each->path) != 0) {
            trouble("%s cannot be removed: %s", each->path, strerror(errno));
            status = 1;
        } else {
            printf("removed %s (%s)\n", each->path, each->program);
        }
    }
    find_free(&list);
    return status;
}

/* --- stat, graph -------------------------------------------------------------------------- */

/* Two looks, an interval apart; or one, at what was since the beginning, where there is no
 * interval, or where nothing happens any more. */
static bool look_live(struct look *look, struct feed *feed, uint64_t interval) {
    if (!look_again(look, feed, 0)) {
        return false;
    }
    if (interval == 0 || !look_view(look)->image->live) {
        return true;
    }
    sleep_for(interval);
    return look_again(look, feed, interval);
}

/* The interval that ends at the moment; without one, all of the recording. */
static bool look_back(struct look *look, struct feed *feed, const struct options *options) {
    uint64_t interval = ns_of(options->interval_s);
    if (options->at_s < 0) {
        return look_again(look, feed, 0) &&
               (look_again(look, feed, UINT64_MAX) || feed_ended(feed));
    }
    uint64_t at = ns_of(options->at_s);
    uint64_t from = at > interval ? at - interval : 0;
    recording_pass(feed->recording, from);
    uint64_t gone = feed->recording->image.now_ns - feed->recording->begin_ns;
    return look_again(look, feed, 0) &&
           (interval == 0 || at <= gone || look_again(look, feed, at - gone) || feed_ended(feed)) &&
           recording_reaches(feed->recording, at);
}

static bool look_as_said(struct look *look, struct feed *feed, const struct options *options) {
    if (!open_feed(feed, options)) {
        return false;
    }
    return options->replay != NULL ? look_back(look, feed, options)
                                   : look_live(look, feed, ns_of(options->interval_s));
}

int command_stat(const struct options *options) {
    struct feed feed = {.mapped = {.file = -1}};
    struct look look = {0};
    bool well = look_as_said(&look, &feed, options);
    if (well && options->json) {
        struct json json = {.out = stdout};
        look_json(&json, NULL, &look, feed.path);
    } else if (well) {
        stat_print(stdout, &look);
    }
    look_free(&look);
    feed_close(&feed);
    return well ? 0 : 1;
}

int command_graph(const struct options *options) {
    struct feed feed = {.mapped = {.file = -1}};
    struct look look = {0};
    bool well = look_as_said(&look, &feed, options);
    if (well && options->svg) {
        well = graph_svg(&look);
    } else if (well) {
        graph_print(stdout, &look);
    }
    look_free(&look);
    feed_close(&feed);
    return well ? 0 : 1;
}

/* --- record ------------------------------------------------------------------------------- */

static uint64_t clock_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Until the time is over, or the process has died; that moment is in it, too.  A runtime that is
 * closed has no stages any more: its last moment is the one before. */
static bool record(struct recording *recording, struct feed *feed, const struct options *options) {
    struct image image = {0};
    uint64_t every = ns_of(options->every_ms / 1e3);
    uint64_t next = clock_now();
    uint64_t end = options->for_s > 0 ? next + ns_of(options->for_s) : UINT64_MAX;
    bool well = true;
    for (bool last = false; well && !last;) {
        last = clock_now() >= end;
        well = feed_next(feed, &image, 0);
        bool closed = well && image_header(&image)->closed != 0;
        well = well && (closed || recording_add(recording, &image));
        last = last || !image.live;
        next += every;
        uint64_t now = clock_now();
        uint64_t until = next < end ? next : end;
        if (!last && until > now) {
            sleep_for(until - now);
        }
    }
    image_free(&image);
    return well;
}

int command_record(const struct options *options) {
    struct feed feed;
    struct recording recording;
    char path[FIND_PATH];
    if (options->file == NULL) {
        return !trouble("name the file to record to");
    }
    if (!find_one(path, FIND_FOLDER, options->target) || !feed_open(&feed, path, false)) {
        return 1;
    }
    bool well = recording_create(&recording, options->file);
    if (well) {
        well = record(&recording, &feed, options);
        uint64_t moments = recording.moments;
        well = recording_close(&recording) && well;
        fprintf(stderr, "weir: %" PRIu64 " moments recorded\n", moments);
    }
    feed_close(&feed);
    return well ? 0 : 1;
}

/* --- prom --------------------------------------------------------------------------------- */

/* All that live, or the one that was named. */
int command_prom(const struct options *options) {
    struct found_list list = {0};
    char path[FIND_PATH];
    struct prom prom = {0};
    bool well = options->target == NULL
                    ? find_all(&list, FIND_FOLDER, 0)
                    : find_one(path, FIND_FOLDER, options->target) && prom_add(&prom, path);
    for (uint32_t i = 0; well && i < list.count; i++) {
        if (list.at[i].live) {
            prom_add(&prom, list.at[i].path); /* one that ended just now is left out */
        }
    }
    if (well) {
        prom_print(stdout, &prom);
    }
    find_free(&list);
    prom_free(&prom);
    return well ? 0 : 1;
}
