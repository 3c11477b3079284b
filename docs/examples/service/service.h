/*
 * A service, whole: records come from TCP connections, and each is answered when it is stored.
 * SPDX-License-Identifier: Apache-2.0
 *
 *             answers, a batch's at a time (weir_cast)
 *        ┌───────────────────────────────────────────────┐
 *        ▼                                               │
 *     sockets ──► by key: two totallers ──► batches ──► FILE
 *     (poller)             │
 *                          └──────────────► batches ──► FILE.dead      malformed records
 *
 *   service.c  the program: what it is made of, and how it ends
 *   sockets.c  the stage that reads records from connections, and writes answers to them
 *   totals.c   what is done with a record
 *   store.c    the sinks: files that answer
 *
 * A record is a line, "KEY VALUE ANYTHING\n", of 20 to 2,000 bytes.  It is stored as "COUNT SUM KEY
 * VALUE ANYTHING": how many of its key there were, and what their values come to.  Records of a key
 * are stored in the order in which they were read.  The answer to a connection's Nth record is
 * "N ok\n" when it is on the disk, or "N dead\n" when it is malformed, and is in FILE.dead.
 */
#ifndef SERVICE_H
#define SERVICE_H

#include <stdint.h>
#include <weir/weir.h>

#define MS UINT64_C(1000000)

enum {
    RECORD_LEAST = 20, /* bytes, without the end of the line */
    RECORD_MOST = 2000,
    KEY_MOST = 32,
    CONNECTIONS = 2000,
    OWED_MOST = 1000, /* answers that a connection waits for; then it is not read */
    TOTALLERS = 2,
    BATCH = 500
};

/* Where a record came from: its message's headers. */
struct origin {
    int fd;
    uint32_t serial; /* which of the connections that had this descriptor */
    uint64_t number; /* of its records, from 1 */
};

struct answer {
    struct origin to;
    bool dead;
};

/* ---- sockets.c: takes casts of answers ------------------------------------------ */

weir_ref open_sockets(weir_runtime *runtime, int listener);

/* ---- totals.c -------------------------------------------------------------------- */

struct totals *make_totals(void);
uint32_t totaller_of(void *context, const weir_message *record);
weir_outcome add_record(void *totals, weir_work *work, weir_message *record);

/* ---- store.c --------------------------------------------------------------------- */

struct store {
    weir_file_sink *file;
    weir_runtime *runtime;
    weir_ref sockets; /* whom it tells */
    bool dead;
    unsigned slow_ms; /* so long a batch takes more, to see what happens */
};

extern const weir_sink answering_sink;

#endif
