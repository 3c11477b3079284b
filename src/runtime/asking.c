/*
 * Asking workers: see asking.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "runtime/asking.h"

#include "base/check.h"
#include "os/clock.h"
#include "runtime/post.h"

#include <string.h>

enum {
    GRACE_NS = 100000000,
    GRACE_LEAST_NS = 10000000, /* for those who are asked when it is over */
    AT_A_TIME = 32             /* calls are few */
};

void weir__worker_answer(struct weir__worker *worker, struct weir__message *message) {
    _Alignas(16) unsigned char answer[WEIR__ANSWER_BYTES] = {0};
    message->ask.function(worker, message->ask.argument, answer);
    weir__caller_answer(worker->host.calls, message->from, WEIR_OK, answer, message->ask.bytes);
    worker->host.used_up(&worker->host, message);
}

/* A question on its way. */
struct asked {
    struct weir__caller *call; /* NULL: it could not be asked, or was at once */
    weir_status status;
    _Alignas(16) unsigned char answer[WEIR__ANSWER_BYTES];
};

static weir_status send_query(weir_runtime *runtime, struct weir__worker *worker,
                              weir__worker_query *function, uint64_t argument, size_t bytes,
                              struct asked *out) {
    struct weir__message *message;
    struct weir__message head = {.mail = {.kind = WEIR__MAIL_ASK_WORKER}, /* to no stage */
                                 .ask = {function, argument, bytes}};
    weir_status status = weir__make_message(runtime, &head, NULL, &message);
    if (status != WEIR_OK) {
        return status;
    }
    status = weir__caller_begin(&runtime->calls, message->mail.to, out->answer, bytes, true,
                                &out->call, &message->from);
    if (status != WEIR_OK) {
        out->call = NULL;
        weir__drop_message(runtime, message);
        return status;
    }
    weir__mail_send(&worker->bell, &message->mail);
    return WEIR_OK;
}

static void begin_query(weir_runtime *runtime, struct weir__worker *worker,
                        weir__worker_query *function, uint64_t argument, size_t bytes,
                        struct asked *out) {
    WEIR__CHECK(bytes <= WEIR__ANSWER_BYTES);
    memset(out, 0, sizeof *out);
    if (runtime->options.mode != WEIR_THREADS) {
        function(worker, argument, out->answer);
        return;
    }
    out->status = send_query(runtime, worker, function, argument, bytes, out);
}

static weir_status end_query(struct asked *asked, uint64_t deadline) {
    return asked->call == NULL ? asked->status : weir__caller_end(asked->call, deadline, NULL);
}

weir_status weir__ask_worker(weir_runtime *runtime, struct weir__worker *worker,
                             weir__worker_query *function, uint64_t argument, void *answer,
                             size_t bytes) {
    struct asked asked;
    begin_query(runtime, worker, function, argument, bytes, &asked);
    weir_status status = end_query(&asked, weir__clock_now_ns() + GRACE_NS);
    if (status == WEIR_OK) {
        memcpy(answer, asked.answer, bytes);
    }
    return status;
}

void weir__ask_workers(weir_runtime *runtime, weir__worker_query *function, uint64_t argument,
                       size_t bytes,
                       void (*heard)(void *context, struct weir__worker *worker, weir_status status,
                                     const void *answer),
                       void *context) {
    struct asked asked[AT_A_TIME];
    uint64_t first = weir__clock_now_ns() + GRACE_NS;
    const unsigned all = weir__runtime_all(runtime);
    for (unsigned done = 0; done < all; done += AT_A_TIME) {
        struct weir__worker *workers = &runtime->workers[done];
        unsigned left = all - done;
        unsigned count = left < AT_A_TIME ? left : AT_A_TIME;
        for (unsigned i = 0; i < count; i++) {
            begin_query(runtime, &workers[i], function, argument, bytes, &asked[i]);
        }
        uint64_t least = weir__clock_now_ns() + GRACE_LEAST_NS;
        uint64_t deadline = first > least ? first : least;
        for (unsigned i = 0; i < count; i++) {
            weir_status status = end_query(&asked[i], deadline);
            heard(context, &workers[i], status, status == WEIR_OK ? asked[i].answer : NULL);
        }
    }
}
