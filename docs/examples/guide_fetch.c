/*
 * The guide: an asynchronous source, which has its events fetched and does not wait for them.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     a client's thread ── cast ──► pages ──► reader
 *               ▲                     │
 *               └────── fetch ────────┘
 *
 * Demand makes the source have a page fetched, and take a token for that.  A thread, which
 * stands for the client of a database, sends the page by a cast, and gives the token back.
 * When the runtime is drained the second page is under way: it comes all the same.
 */
#include "guide.h"

#include <pthread.h>
#include <semaphore.h>

enum { WORDS = 3, PAGES = 2 };

struct fetch {
    weir_runtime *runtime;
    weir_ref to;
    weir_token token;
    uint64_t page;
    pthread_t thread;
};

static struct fetch fetches[PAGES];
static sem_t begun, may_come; /* a page: so that this program does the same each time */

static void *fetch_page(void *argument) {
    struct fetch *fetch = argument;
    uint64_t words[WORDS];
    sem_post(&begun);
    sem_wait(&may_come); /* it is far away */
    for (uint64_t i = 0; i < WORDS; i++) words[i] = 100 * fetch->page + i;
    weir_must(weir_cast(fetch->runtime, fetch->to, words, sizeof words));
    weir_must(weir_done(fetch->runtime, fetch->token)); /* it comes behind the cast */
    return NULL;
}

static weir_verdict fetch(weir_stage *self, uint64_t demand) {
    uint64_t *pages = weir_state(self);
    struct fetch *fetch = &fetches[*pages];
    (void)demand; /* WORDS: the reader asks for a page at a time */
    *fetch = (struct fetch){.runtime = weir_stage_runtime(self), .to = weir_self(self)};
    fetch->page = ++*pages;
    weir_must(weir_busy(fetch->runtime, fetch->to, &fetch->token));
    pthread_create(&fetch->thread, NULL, fetch_page, fetch);
    return WEIR_CONTINUE; /* what comes is emitted later */
}

static weir_verdict page_came(weir_stage *self, const void *words, size_t bytes) {
    weir_must(weir_emit(self, words, bytes / sizeof(uint64_t)));
    return WEIR_CONTINUE;
}

static weir_verdict read_page(weir_stage *self, weir_batch batch) {
    (void)self;
    print_numbers("reader:", batch);
    return WEIR_CONTINUE;
}

static void start(weir_runtime *runtime) {
    const weir_stage_options pair[] = {
        {.kind = WEIR_PRODUCER,
         .name = "pages",
         .event_bytes = sizeof(uint64_t),
         .state_bytes = sizeof(uint64_t),
         .on = {.handle_demand = fetch, .handle_cast = page_came}},
        {.kind = WEIR_CONSUMER,
         .takes_bytes = sizeof(uint64_t),
         .on = {.handle_events = read_page}},
    };
    const weir_subscribe_options a_page = {.max_demand = WORDS, .min_demand = WEIR_NONE};
    weir_ref stages[2];
    weir_must(weir_stages_start(runtime, pair, 2, stages));
    weir_must(weir_chain(runtime, stages, 2, &a_page));
}

int main(void) {
    weir_runtime *runtime;
    weir_drain_report report;
    sem_init(&begun, 0, 0);
    sem_init(&may_come, 0, 0);
    weir_must(weir_runtime_open(&(weir_runtime_options){.workers = 1, .unpinned = true}, &runtime));
    start(runtime);
    sem_wait(&begun);
    sem_post(&may_come); /* the first page */
    sem_wait(&begun);

    weir_status status;
    do status = weir_runtime_drain(runtime, 10000000, &report);
    while (report.why != WEIR_HOLDUP_TOKENS); /* and not that somebody is at work still */
    printf("%s: %s waits for %s\n", weir_status_name(status), report.name,
           weir_holdup_text(report.why));
    sem_post(&may_come);
    status = weir_runtime_drain(runtime, WEIR_FOREVER, &report);
    printf("%s: %" PRIu64 " words fetched, %" PRIu64 " read\n", weir_status_name(status),
           report.accounts.emitted, report.accounts.handled);

    for (int i = 0; i < PAGES; i++) pthread_join(fetches[i].thread, NULL);
    weir_must(weir_runtime_close(runtime, NULL)); /* when nobody uses it any more */
    return EXIT_SUCCESS;
}
