/*
 * The runtime's counters: see counters.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "runtime/counters.h"

#include "base/refusal.h"
#include "os/clock.h"
#include "os/process.h"
#include "runtime/stale.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/version.h>

/* Runtimes of this process that were opened: their numbers. */
static uint32_t last_number;

/* ---- the file's name ----------------------------------------------------- */

#define FOLDER "/dev/shm"

/* A name of its own, in the place of those that others of this program have left there. */
static void name_in_folder(uint32_t number, char path[static WEIR__SHEET_PATH]) {
    char program[WEIR_COUNTERS_NAME];
    char prefix[32];
    weir__process_name(program, sizeof program);
    snprintf(prefix, sizeof prefix, "weir-%u-", weir__process_user());
    weir__stale_remove(FOLDER, prefix, program);
    snprintf(path, WEIR__SHEET_PATH, FOLDER "/%s%llu-%u", prefix,
             (unsigned long long)weir__process_number(), number);
}

static bool is_none(const char *wish) {
    return wish == NULL || *wish == '\0' || strcmp(wish, "0") == 0;
}

/* The environment's names are for all runtimes of the process: they are numbered. */
static weir_status name_file(const char *wish, bool numbered, uint32_t number,
                             char path[static WEIR__SHEET_PATH + 1]) {
    size_t room = WEIR__SHEET_PATH + 1; /* too long a name stays too long */
    if (strcmp(wish, "1") == 0) {
        name_in_folder(number, path);
    } else if (strchr(wish, '/') == NULL) {
        return weir__refuse(WEIR_INVALID,
                            "counters_file must be \"0\", \"1\" or a name with a slash, got \"%s\"",
                            wish);
    } else if (!numbered || number == 1) {
        snprintf(path, room, "%s", wish);
    } else {
        snprintf(path, room, "%s.%u", wish, number);
    }
    return WEIR_OK;
}

/* ---- the header, and the workers ----------------------------------------- */

static void fill_header(const weir_runtime *runtime, weir_counters_header *header,
                        uint32_t number) {
    bool is_file = runtime->sheet.file >= 0; /* who has no file asks nobody when it began */
    weir_counters_header fresh = {.slot.kind = WEIR_COUNTERS_HEADER,
                                  .magic = WEIR_COUNTERS_MAGIC,
                                  .version = WEIR_COUNTERS_VERSION,
                                  .slot_bytes = WEIR_COUNTERS_SLOT,
                                  .slots = header->slots,
                                  .pid = weir__process_number(),
                                  .started = is_file ? weir__process_started() : 0,
                                  .opened_ns = weir_runtime_now(runtime),
                                  .opened_utc = weir__clock_utc_ns(),
                                  .workers = runtime->worker_count,
                                  .mode = runtime->options.mode,
                                  .number = number};
    weir__process_name(fresh.program, sizeof fresh.program);
    snprintf(fresh.library, sizeof fresh.library, "%s", weir_version_text());
    weir__sheet_fill(header, &fresh);
}

bool weir__counters_worker(weir_runtime *runtime, struct weir__worker *worker, uint32_t *number) {
    struct weir__host *host = &worker->host;
    weir_counters_worker fresh = {.slot.kind = WEIR_COUNTERS_WORKER,
                                  .index = worker->index,
                                  .core =
                                      weir__worker_is_pinned(worker) ? worker->core : UINT32_MAX};
    host->sheet = &runtime->sheet;
    host->seen =
        weir__sheet_take(&runtime->sheet, weir_counters_slots(WEIR_COUNTERS_WORKER), number);
    if (host->seen == NULL) {
        return false;
    }
    weir__sheet_fill(host->seen, &fresh);
    return true;
}

/* ---- opening and closing ------------------------------------------------- */

static weir_status no_memory(const weir_runtime *runtime) {
    return weir__refuse(WEIR_NO_MEMORY, "no memory for a runtime of %u workers",
                        runtime->worker_count);
}

static weir_status open_file(weir_runtime *runtime, const char *wish, bool numbered,
                             uint32_t number, weir_counters_header **header) {
    char path[WEIR__SHEET_PATH + 1];
    weir_status status = name_file(wish, numbered, number, path);
    if (status != WEIR_OK) {
        return status;
    }
    char program[WEIR_COUNTERS_NAME];
    weir__process_name(program, sizeof program);
    int error = weir__sheet_open(&runtime->sheet, &runtime->allocator, path, header);
    if (error == EEXIST && weir__stale_replace(path, program)) {
        error = weir__sheet_open(&runtime->sheet, &runtime->allocator, path, header);
    }
    return error == 0 ? WEIR_OK
                      : weir__refuse(WEIR_SYSTEM, "counters_file %s could not be made: %s", path,
                                     strerror(error));
}

/* The option's file, else the environment's, which is no reason to fail. */
static weir_status open_sheet(weir_runtime *runtime, uint32_t number,
                              weir_counters_header **header) {
    const char *option = runtime->options.counters_file;
    const char *wish = option != NULL ? option : secure_getenv("WEIR_COUNTERS");
    if (!is_none(wish)) {
        weir_status status = open_file(runtime, wish, option == NULL, number, header);
        if (status == WEIR_OK || option != NULL) {
            return status;
        }
        weir__runtime_log(runtime, WEIR_LOG_WARNING, weir_refusal());
    }
    int error = weir__sheet_open(&runtime->sheet, &runtime->allocator, NULL, header);
    return error == 0 ? WEIR_OK : no_memory(runtime);
}

weir_status weir__counters_open(weir_runtime *runtime) {
    weir_counters_header *header = NULL;
    uint32_t number = weir__fetch_add_u32(&last_number, 1) + 1;
    weir_status status = open_sheet(runtime, number, &header);
    if (status != WEIR_OK) {
        return status;
    }
    for (unsigned i = 0; i < runtime->worker_count; i++) {
        uint32_t slot;
        if (!weir__counters_worker(runtime, &runtime->workers[i], &slot)) {
            weir__sheet_close(&runtime->sheet);
            return no_memory(runtime);
        }
    }
    fill_header(runtime, header, number);
    return WEIR_OK;
}

void weir__counters_close(weir_runtime *runtime) {
    weir_counters_header *header = weir__sheet_at(&runtime->sheet, 0);
    if (header != NULL) { /* it was opened */
        weir__sheet_put(&header->closed, 1);
        weir__sheet_close(&runtime->sheet);
    }
}
