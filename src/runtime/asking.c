/*
 * Asking workers: see asking.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "runtime/asking.h"

#include "base/check.h"
#include "os/clock.h"

enum { GRACE_NS = 100000000 };

void weir__worker_answer(struct weir__worker *worker, struct weir__message *message) {
    _Alignas(16) unsigned char answer[WEIR__ANSWER_BYTES] = {0};
    message->ask.function(worker, message->ask.argument, answer);
    weir__call_answer(worker->host.calls, message->from, WEIR_OK, answer, message->ask.bytes);
    worker->host.used_up(&worker->host, message);
}

weir_status weir__ask_worker(weir_runtime *runtime, struct weir__worker *worker,
                             weir__worker_query *function, uint64_t argument, void *answer,
                             size_t bytes) {
    WEIR__CHECK(bytes <= WEIR__ANSWER_BYTES);
    if (runtime->options.mode != WEIR_THREADS) {
        function(worker, argument, answer);
        return WEIR_OK;
    }
    struct weir__call *slot;
    struct weir__message *message = weir__alloc_zeroed(&runtime->allocator, sizeof *message, 16);
    if (message == NULL) {
        return WEIR_NO_MEMORY;
    }
    message->mail.kind = WEIR__MAIL_ASK_WORKER; /* it is for the worker: `to` is nobody */
    message->ask.function = function;
    message->ask.argument = argument;
    message->ask.bytes = bytes;
    weir_status status = weir__call_begin(&runtime->calls, message->mail.to, answer, bytes, true,
                                          &slot, &message->from);
    if (status != WEIR_OK) {
        weir__free(&runtime->allocator, message, sizeof *message);
        return status;
    }
    weir__mail_send(&worker->bell, &message->mail);
    return weir__call_end(slot, weir__clock_now_ns() + GRACE_NS, NULL);
}
