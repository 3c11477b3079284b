/*
 * Goal: a server that cannot write what it is sent confirms none of it, and a sink takes nothing
 * else for stored: on a disk that is full, and where a file may not grow.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: a server whose folder is a small file system of the test's own (skipped where none may be
 * mounted), which a file fills and leaves; or whose limit of file sizes is lowered while it runs.
 * What each message was settled as is held against what the stream has when the server has been
 * killed and started again.
 */
#include "connect/engine.h"
#include "connect/heard.h"
#include "connect/tally.h"
#include "support/cmocka.h"

#include <fcntl.h>
#include <nats/nats.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>
#include <weir/nats.h>
#include <weir/weir.h>

#define MS UINT64_C(1000000)
#define S  (1000 * MS)

enum { LOT = 40, LOTS = 9, COUNT = LOT * LOTS, BYTES = 2000 };

static struct engine server;
static char url[64];
static weir_outcome outcomes[COUNT];

/* ---- a pipeline that publishes -------------------------------------------------------- */

struct trial {
    weir_nats_sink *sink;
    weir_runtime *runtime;
    weir_pipeline *pipeline;
};

static int id_of(void *context, const weir_message *message, char *id, size_t room) {
    (void)context;
    snprintf(id, room, "m%zu", tally_number(message));
    return 0;
}

static void begin(struct trial *trial) {
    static const char *const subjects[] = {"out"};
    const weir_nats_sink_options options = {.server = {.url = url, .timeout_ns = 500 * MS},
                                            .subject = "out",
                                            .id_of = id_of,
                                            .stream = "OUT",
                                            .subjects = subjects,
                                            .subject_count = 1,
                                            .confirm_ns = 300 * MS};
    assert_int_equal(weir_nats_sink_open(&options, &trial->sink), WEIR_OK);
    assert_int_equal(
        weir_runtime_open(&(weir_runtime_options){.workers = 1, .log = heard_log}, &trial->runtime),
        WEIR_OK);
    const weir_pipeline_batcher batcher = {.name = "out",
                                           .size = LOT,
                                           .timeout_ns = 20 * MS,
                                           .sink = weir_nats_sink_table(trial->sink),
                                           .sink_contexts = (void *[]){trial->sink},
                                           .retry = {.tries = 2, .delay = {.first_ns = 10 * MS}}};
    heard_begin();
    assert_int_equal(weir_pipeline_open(trial->runtime,
                                        &(weir_pipeline_options){.processors = {.count = 1},
                                                                 .batchers = &batcher,
                                                                 .batcher_count = 1,
                                                                 .shutdown_ns = 5 * S},
                                        &trial->pipeline),
                     WEIR_OK);
}

static void end(struct trial *trial) {
    assert_int_equal(weir_pipeline_close(trial->pipeline, NULL), WEIR_OK);
    assert_int_equal(weir_runtime_close(trial->runtime, NULL), WEIR_OK);
    weir_nats_sink_close(trial->sink);
}

/* Returns how many were settled as OK within that time. */
static unsigned send_lot(struct trial *trial, unsigned lot, uint64_t timeout_ns) {
    static char texts[LOT][BYTES];
    weir_message messages[LOT];
    unsigned stored = 0;
    for (unsigned i = 0; i < LOT; i++) {
        memset(texts[i], 'x', BYTES);
        texts[i][snprintf(texts[i], 16, "%u", lot * LOT + i)] = ' ';
        messages[i] = (weir_message){.data = {texts[i], BYTES, 0}};
    }
    weir_status status = weir_pipeline_test(trial->pipeline, messages, LOT, WEIR_BATCH_FLUSH,
                                            timeout_ns, &outcomes[(size_t)lot * LOT]);
    assert_true(status == WEIR_OK || status == WEIR_TIMEOUT);
    for (unsigned i = 0; i < LOT; i++) {
        stored += outcomes[lot * LOT + i] == WEIR_MESSAGE_OK;
    }
    return stored;
}

/* ---- the stream, read back --------------------------------------------------------------- */

static void note_stream(jsCtx *jetstream) {
    jsStreamInfo *info = NULL;
    assert_int_equal(js_GetStreamInfo(&info, jetstream, "OUT", NULL, NULL), NATS_OK);
    const uint64_t first = info->State.FirstSeq, last = info->State.LastSeq;
    jsStreamInfo_Destroy(info);
    for (uint64_t i = first; i <= last; i++) {
        natsMsg *message = NULL;
        if (js_GetMsg(&message, jetstream, "OUT", i, NULL, NULL) != NATS_OK) {
            continue; /* there may be gaps */
        }
        assert_int_equal(natsMsg_GetDataLength(message), BYTES);
        const weir_message as = {
            .data = {natsMsg_GetData(message), (uint32_t)natsMsg_GetDataLength(message), 0}};
        tally_note(tally_number(&as));
        natsMsg_Destroy(message);
    }
}

static void check_stream(void) {
    natsConnection *connection = NULL;
    jsCtx *jetstream = NULL;
    jsOptions options;
    jsOptions_Init(&options);
    options.Wait = 5000;
    tally_begin(COUNT);
    assert_int_equal(natsConnection_ConnectTo(&connection, url), NATS_OK);
    assert_int_equal(natsConnection_JetStream(&jetstream, connection, &options), NATS_OK);
    note_stream(jetstream);
    jsCtx_Destroy(jetstream);
    natsConnection_Destroy(connection);
    for (unsigned i = 0; i < COUNT; i++) {
        if (outcomes[i] == WEIR_MESSAGE_OK && tally_of(i) == 0) {
            print_error("said to be stored, and is not: %u\n", i);
        }
        assert_true(outcomes[i] != WEIR_MESSAGE_OK || tally_of(i) > 0);
    }
}

/* ---- what is tried ------------------------------------------------------------------------ */

/* A third of all lots goes to a server that writes, one to one that cannot, and one to one that has
 * been started again, and can. */
static void keeps_what_it_confirms(void (*fill)(void), void (*leave)(void)) {
    struct trial trial;
    unsigned lot = 0, stored = 0;
    begin(&trial);
    for (; lot < LOTS / 3; lot++) {
        assert_int_equal(send_lot(&trial, lot, 10 * S), LOT);
    }
    fill();
    for (; lot < 2 * LOTS / 3; lot++) {
        stored += send_lot(&trial, lot, 300 * MS);
    }
    assert_true(stored < LOT * LOTS / 3);
    leave();
    engine_kill(&server, SIGKILL);
    engine_again(&server);
    for (; lot < LOTS; lot++) {
        assert_int_equal(send_lot(&trial, lot, 20 * S), LOT);
    }
    end(&trial);
    engine_kill(&server, SIGKILL);
    engine_again(&server);
    check_stream();
}

static void start_server(void) {
    engine_start(&server, ENGINE_NATS, "");
    snprintf(url, sizeof url, "nats://127.0.0.1:%u", server.port);
}

/* ---- a file that may not grow -------------------------------------------------------------- */

static void bound_files(void) {
    const struct rlimit bound = {.rlim_cur = 200000, .rlim_max = RLIM_INFINITY};
    assert_int_equal(prlimit(server.pid, RLIMIT_FSIZE, &bound, NULL), 0);
}

static void bound_files_no_more(void) {
    const struct rlimit none = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    prlimit(server.pid, RLIMIT_FSIZE, &none, NULL); /* unless it has ended */
}

static void keeps_it_where_files_may_not_grow(void **state) {
    struct rlimit own;
    (void)state;
    getrlimit(RLIMIT_FSIZE, &own);
    if (own.rlim_max != RLIM_INFINITY) {
        skip();
    }
    start_server();
    keeps_what_it_confirms(bound_files, bound_files_no_more);
    engine_end(&server);
}

/* ---- a disk that is full -------------------------------------------------------------------- */

static char filler[128];

static void fill_disk(void) {
    static const char block[4096];
    snprintf(filler, sizeof filler, "%s/filler", server.folder);
    int file = open(filler, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(file >= 0);
    while (write(file, block, sizeof block) > 0) {}
    close(file);
}

static void empty_disk(void) {
    assert_int_equal(unlink(filler), 0);
}

/* Nobody else sees it, and it is gone with the test. */
static bool mount_small(void) {
    return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("weir", "/tmp", "tmpfs", 0, "size=16m") == 0;
}

static void keeps_it_where_the_disk_is_full(void **state) {
    (void)state;
    if (!mount_small()) {
        print_message("skipped: no file system may be mounted here\n");
        skip();
    }
    start_server();
    keeps_what_it_confirms(fill_disk, empty_disk);
    engine_end(&server);
}

static int close_client(void **state) {
    (void)state;
    nats_Close();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_it_where_files_may_not_grow),
        cmocka_unit_test(keeps_it_where_the_disk_is_full),
    };
    return engine_found(ENGINE_NATS) ? cmocka_run_group_tests(tests, NULL, close_client)
                                     : ENGINE_SKIPPED;
}
