/*
 * Dealing, however it is done: each event goes where the hash says, as it was.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: neither how many partitions there are, nor how large events are, nor how long
 * their runs, nor which kind of hash says whose they are, nor where the blocks end makes
 * a difference; the hash is asked once for each, in order; without memory what is not
 * delivered is told.
 * Method: random streams, each known beforehand: what a partition gets is compared byte
 * by byte with what is next for it.
 */
#include "dispatch/partition.h"

#include "base/rng.h"
#include "memory/pool.h"
#include "support/cmocka.h"
#include "support/memory.h"

#include <stdlib.h>
#include <string.h>

enum { PARTITIONS = 300, EVENTS = 6000, BYTES = 200 };

struct stream {
    uint32_t partitions;
    uint32_t bytes; /* of an event */
    uint32_t whose[EVENTS];
    unsigned char events[EVENTS * BYTES];
    uint32_t asked;            /* the hash, so often       */
    uint32_t next[PARTITIONS]; /* that a partition may get */
    uint64_t sent;
    uint64_t discarded[WEIR_DISCARD_LEFT + 1];
    uint64_t again;
    bool lossy;
};

struct fixture {
    struct test_memory memory;
    struct weir__pool pool;
    struct weir__queue queue;
    struct weir_desk desk;
    struct weir__partitions *state;
    uint64_t buffered;
    uint64_t slices; /* shown to send_slice */
    weir_outlet outlets[PARTITIONS];
    weir_subscribe_options options[PARTITIONS];
    struct stream stream;
};

/* ---- streams ------------------------------------------------------------- */

static void open_stream(struct stream *stream, struct weir__rng *rng, uint32_t partitions,
                        uint32_t bytes) {
    memset(stream, 0, sizeof *stream);
    stream->partitions = partitions;
    stream->bytes = bytes;
    uint64_t run = weir__rng_below(rng, 3) == 0 ? 200 : 1 + weir__rng_below(rng, 3);
    bool all_wanted = weir__rng_below(rng, 2) == 0;
    for (uint32_t i = 0; i < EVENTS; i++) {
        uint32_t whose = (uint32_t)weir__rng_below(rng, partitions);
        uint64_t dice = all_wanted ? 100 : weir__rng_below(rng, 20);
        if (dice == 0) whose = WEIR_PARTITION_NONE;
        if (dice == 1) whose = partitions + (uint32_t)weir__rng_below(rng, 3);
        if (dice == 2) whose = (uint32_t)weir__rng_next(rng) | 1u << 31;
        stream->whose[i] = whose;
        for (uint64_t more = weir__rng_below(rng, run); more > 0 && i + 1 < EVENTS; more--) {
            stream->whose[++i] = whose;
        }
    }
    for (size_t i = 0; i < (size_t)EVENTS * bytes; i++) {
        stream->events[i] = (unsigned char)weir__rng_next(rng);
    }
}

static const unsigned char *event_at(const struct stream *stream, uint32_t index) {
    return &stream->events[(size_t)index * stream->bytes];
}

static uint32_t hash(void *context, const void *event) {
    struct stream *stream = context;
    assert_in_range(stream->asked, 0, EVENTS - 1);
    assert_memory_equal(event, event_at(stream, stream->asked), stream->bytes);
    return stream->whose[stream->asked++];
}

static void hash_many(void *context, weir_batch batch, uint32_t *partitions) {
    const struct stream *stream = context;
    assert_true(batch.count > 0);
    for (size_t i = 0; i < batch.count; i++) {
        partitions[i] = hash(context, (const unsigned char *)batch.events + i * stream->bytes);
    }
}

/* The complement of each event, which is so undone. */
static uint32_t rewrite(void *context, void *event) {
    const struct stream *stream = context;
    unsigned char *at = event;
    for (uint32_t i = 0; i < stream->bytes; i++) at[i] ^= 0xff;
    return hash(context, event);
}

/* ---- the dispatcher ------------------------------------------------------ */

/* The partition's next events; with losses, one of its next. */
static void expect_next(struct stream *stream, uint32_t partition, const unsigned char *event) {
    uint32_t *next = &stream->next[partition];
    for (;; ++*next) {
        assert_in_range(*next, 0, EVENTS - 1);
        if (stream->whose[*next] != partition) continue;
        if (memcmp(event, event_at(stream, *next), stream->bytes) == 0) break;
        assert_true(stream->lossy);
    }
    ++*next;
    stream->sent++;
}

static void send(void *context, weir_outlet *outlet, struct weir__queue *queue, uint64_t count) {
    struct fixture *fixture = context;
    static unsigned char events[EVENTS * BYTES];
    assert_in_range(count, 1, EVENTS);
    weir__queue_gather(queue, events, count, &fixture->pool);
    for (uint64_t i = 0; i < count; i++) {
        expect_next(&fixture->stream, (uint32_t)(outlet - fixture->outlets),
                    &events[i * fixture->stream.bytes]);
    }
}

/* In the end each other one goes so. */
static bool send_slice(void *context, weir_outlet *outlet, const struct weir__item *slice) {
    struct fixture *fixture = context;
    if (fixture->slices++ % 2 == 0) return false;
    const unsigned char *events = weir__block_at(slice->block, slice->first, slice->event_bytes);
    for (uint32_t i = 0; i < slice->count; i++) {
        expect_next(&fixture->stream, (uint32_t)(outlet - fixture->outlets),
                    &events[(size_t)i * slice->event_bytes]);
    }
    weir__block_drop(slice->block, &fixture->pool);
    return true;
}

static void again(void *context, uint64_t count) {
    ((struct fixture *)context)->stream.again += count;
}

static void discard(void *context, uint64_t count, weir_discard cause) {
    ((struct fixture *)context)->stream.discarded[cause] += count;
}

static const struct weir__desk_calls calls = {
    .send = send, .send_slice = send_slice, .demand_again = again, .discard = discard};

enum kind { HASH, HASH_MANY, REWRITE, KINDS };

static void open_dispatcher(struct fixture *f, enum kind kind) {
    const weir_dispatcher *table = weir_partition_dispatcher();
    test_memory_open(&f->memory);
    weir__pool_open(&f->pool, &f->memory.allocator);
    weir__queue_open(&f->queue, &f->memory.allocator);
    f->desk = (struct weir_desk){.calls = &calls,
                                 .context = f,
                                 .pool = &f->pool,
                                 .allocator = &f->memory.allocator,
                                 .buffered = &f->buffered};
    f->state = weir__alloc_zeroed(&f->memory.allocator, table->state_bytes, 64);
    assert_non_null(f->state);
    const weir_partition_dispatcher_options options = {.partitions = f->stream.partitions,
                                                       .hash = kind == HASH ? hash : NULL,
                                                       .hash_many =
                                                           kind == HASH_MANY ? hash_many : NULL,
                                                       .rewrite = kind == REWRITE ? rewrite : NULL,
                                                       .context = &f->stream};
    assert_int_equal(table->init(f->state, &f->desk, &options), WEIR_OK);
    memset(f->outlets, 0, sizeof f->outlets);
    for (uint32_t i = 0; i < f->stream.partitions; i++) {
        uint64_t upstream;
        f->options[i] = (weir_subscribe_options){.partition = WEIR_PARTITION(i)};
        f->outlets[i].options = &f->options[i];
        assert_true(weir__outlet_open(&f->outlets[i], table, &f->memory.allocator));
        assert_int_equal(table->subscribe(f->state, &f->outlets[i], &upstream), WEIR_REASON_NORMAL);
    }
}

static void close_dispatcher(struct fixture *f) {
    const weir_dispatcher *table = weir_partition_dispatcher();
    weir__desk_empty(&f->desk, NULL, NULL);
    table->close(f->state);
    weir__desk_close(&f->desk);
    for (uint32_t i = 0; i < f->stream.partitions; i++) {
        weir__outlet_close(&f->outlets[i], &f->memory.allocator);
    }
    weir__free(&f->memory.allocator, f->state, table->state_bytes);
    weir__queue_close(&f->queue, WEIR_DISCARD_STOPPED, &f->pool);
    assert_int_equal(weir__pool_close(&f->pool), 0);
    test_memory_close(&f->memory);
}

static void ask_all(struct fixture *f, uint64_t count) {
    for (uint32_t i = 0; i < f->stream.partitions; i++) {
        weir_partition_dispatcher()->ask(f->state, &f->outlets[i], count);
    }
}

/* Puts the stream's next events behind what the run has left, in a block of their own. */
static void push(struct fixture *f, uint32_t first, uint32_t count, enum kind kind) {
    struct weir__block *block = weir__pool_get(&f->pool, f->stream.bytes, NULL, count);
    assert_non_null(block);
    size_t bytes = (size_t)count * f->stream.bytes;
    unsigned char *to = weir__block_event(block, 0);
    memcpy(to, event_at(&f->stream, first), bytes);
    for (size_t i = 0; kind == REWRITE && i < bytes; i++) to[i] ^= 0xff;
    weir__block_hold(block, &f->pool);
    weir__block_close(block, &f->pool);
    const struct weir__item item = {.block = block, .count = count, .event_bytes = f->stream.bytes};
    assert_true(weir__queue_push(&f->queue, item));
}

static void dispatch(struct fixture *f) {
    struct weir_run run = {.queue = &f->queue, .left = f->queue.events, .desk = &f->desk};
    weir_partition_dispatcher()->dispatch(f->state, &run, run.left);
    assert_int_equal(run.left, f->queue.events);
}

/* All of the stream, in blocks and dispatches that are drawn. */
static void deal_all(struct fixture *f, struct weir__rng *rng, enum kind kind) {
    uint32_t first = 0;
    while (first < EVENTS) {
        for (uint64_t blocks = 1 + weir__rng_below(rng, 4); blocks > 0 && first < EVENTS;
             blocks--) {
            uint32_t count = 1 + (uint32_t)weir__rng_below(rng, 1500);
            if (count > EVENTS - first) count = EVENTS - first;
            push(f, first, count, kind);
            first += count;
        }
        if (weir__rng_below(rng, 3) == 0) ask_all(f, weir__rng_below(rng, 5) + 1);
        dispatch(f);
    }
    ask_all(f, EVENTS);
    dispatch(f);
    assert_true(weir__queue_empty(&f->queue));
}

static void expect_books(const struct stream *stream) {
    uint64_t unwanted = 0;
    uint64_t bad = 0;
    for (uint32_t i = 0; i < EVENTS; i++) {
        unwanted += stream->whose[i] == WEIR_PARTITION_NONE;
        bad += stream->whose[i] != WEIR_PARTITION_NONE && stream->whose[i] >= stream->partitions;
    }
    uint64_t lost = stream->discarded[WEIR_DISCARD_NO_MEMORY];
    assert_int_equal(stream->asked, EVENTS);
    assert_int_equal(stream->discarded[WEIR_DISCARD_UNWANTED], unwanted);
    assert_int_equal(stream->discarded[WEIR_DISCARD_BAD_PARTITION], bad);
    assert_int_equal(stream->sent + unwanted + bad + lost, EVENTS);
    assert_true(stream->again <= unwanted + bad + lost);
}

/* ---- tests --------------------------------------------------------------- */

static struct fixture fixture;

static void each_event_goes_where_the_hash_says(void **state) {
    (void)state;
    static const uint32_t partitions[] = {1, 2, 4, 5, 8, 13, 16, 17, 64, 255, 256, 300};
    static const uint32_t bytes[] = {1, 3, 4, 8, 12, 16, 32, 64, 100, 200};
    struct weir__rng rng;
    weir__rng_seed(&rng, 1);
    for (size_t i = 0; i < sizeof partitions / sizeof *partitions; i++) {
        for (size_t j = 0; j < sizeof bytes / sizeof *bytes; j++) {
            enum kind kind = (enum kind)((i + j) % KINDS);
            open_stream(&fixture.stream, &rng, partitions[i], bytes[j]);
            open_dispatcher(&fixture, kind);
            ask_all(&fixture, 1 + weir__rng_below(&rng, EVENTS));
            deal_all(&fixture, &rng, kind);
            expect_books(&fixture.stream);
            assert_int_equal(fixture.stream.discarded[WEIR_DISCARD_NO_MEMORY], 0);
            assert_int_equal(fixture.buffered, 0);
            close_dispatcher(&fixture);
        }
    }
}

/* The requests for memory fail in turn, once or from then on. */
static void what_no_memory_allows_to_deal_is_told(void **state) {
    (void)state;
    struct weir__rng rng;
    weir__rng_seed(&rng, 2);
    uint64_t lost = 0;
    for (uint64_t fail_at = 1; fail_at < 60; fail_at++) {
        struct fixture *f = &fixture;
        open_stream(&f->stream, &rng, fail_at % 3 == 0 ? 30 : 4, 8);
        f->stream.lossy = true;
        open_dispatcher(f, HASH_MANY);
        ask_all(f, EVENTS);
        for (uint32_t first = 0; first < EVENTS; first += EVENTS / 4) {
            push(f, first, EVENTS / 4, HASH_MANY);
            test_memory_fail(&f->memory, 1 + fail_at / 2, fail_at % 2 == 0);
            dispatch(f);
            test_memory_fail_never(&f->memory);
        }
        expect_books(&f->stream);
        lost += f->stream.discarded[WEIR_DISCARD_NO_MEMORY];
        close_dispatcher(f);
    }
    assert_true(lost > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_event_goes_where_the_hash_says),
        cmocka_unit_test(what_no_memory_allows_to_deal_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
