/*
 * The guide: how weir's threads are, what callbacks make, and memory that is there beforehand.
 * SPDX-License-Identifier: Apache-2.0
 */
#define _POSIX_C_SOURCE 200809L

#include "guide.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

/* ---- hooks: where a virtual machine is attached, say ----------------------------- */

static void attach(void *context, const weir_thread *thread) {
    (void)context;
    if (thread->kind == WEIR_THREAD_WORKER) printf("%s begins\n", thread->name);
}

static void detach(void *context, const weir_thread *thread) {
    (void)context;
    if (thread->kind == WEIR_THREAD_WORKER) printf("%s ends\n", thread->name);
}

/* ---- a process that a callback makes ----------------------------------------------- */

/* With the worker's signals it would hear no SIGTERM. */
static pid_t spawn(char *const *arguments) {
    static char *const environment[] = {NULL};
    posix_spawnattr_t attributes;
    sigset_t signals;
    pid_t child;
    posix_spawnattr_init(&attributes);
    weir_must(weir_process_mask(&signals));
    posix_spawnattr_setsigmask(&attributes, &signals);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    int error = posix_spawnp(&child, arguments[0], NULL, &attributes, arguments, environment);
    posix_spawnattr_destroy(&attributes);
    return error == 0 ? child : -1;
}

static weir_verdict convert(weir_stage *self, const void *message, size_t bytes) {
    char program[] = "sleep", seconds[] = "60";
    int status = 0;
    (void)self, (void)message, (void)bytes;
    pid_t child = spawn((char *[]){program, seconds, NULL});
    kill(child, SIGTERM);
    waitpid(child, &status, 0);
    printf("the child %s\n", WIFSIGNALED(status) ? "was ended" : "went on");
    return WEIR_STOP;
}

static weir_verdict ignore(weir_stage *self, weir_batch batch) {
    (void)self, (void)batch;
    return WEIR_CONTINUE;
}

/* ---- the runtime --------------------------------------------------------------------- */

static weir_runtime *open_runtime(void) {
    weir_runtime *runtime;
    const weir_thread_options threads = {
        .on_start = attach, .on_stop = detach, .name = "ingest", .stack_bytes = 256 << 10};
    const weir_memory_options memory = {.huge_pages = true, .ready_bytes = 8 << 20};
    const weir_runtime_options options = {.workers = 1, .threads = &threads, .memory = &memory};
    weir_must(weir_runtime_open(&options, &runtime));
    return runtime;
}

/* What cannot be had is refused, and nothing has begun. */
static void ask_for_much(void) {
    weir_runtime *runtime;
    const weir_thread_options threads = {.realtime = 100};
    const weir_runtime_options options = {.workers = 1, .threads = &threads};
    if (weir_runtime_open(&options, &runtime) != WEIR_OK) printf("%s\n", weir_refusal());
}

int main(void) {
    weir_ref converter;
    weir_runtime *runtime = open_runtime();
    const weir_stage_options options = {.kind = WEIR_CONSUMER,
                                        .event_bytes = sizeof(uint64_t),
                                        .on = {.handle_events = ignore, .handle_cast = convert}};
    weir_must(weir_stage_start(runtime, &options, &converter));
    weir_must(weir_cast(runtime, converter, NULL, 0));
    weir_must(weir_runtime_run(runtime, WEIR_FOREVER));
    printf("memory from %s\n", weir_runtime_allocator(runtime));
    weir_must(weir_runtime_close(runtime, NULL));
    ask_for_much();
    return EXIT_SUCCESS;
}
