/*
 * Pools: free lists of blocks, and the blocks' way home.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Writers: `returned` any thread (push) and the owner (takes it whole);
 * `strays` threads that are no workers; everything else the owner.  Readers: the
 * same; the counters also any observer.  A block that nobody holds belongs to who
 * dropped it last, then to the chain, then to `returned`, then to the owner.
 * Invariants: a block in a free list, a chain or `returned` has refs == 0;
 * taken - back == blocks in use + blocks on their way home.
 *
 * Ordering
 *   label  place                         order    what it carries
 *   P0     send_chain, push (a CAS)      release  the blocks' headers (next) and
 *                                                 the last holder's use of the events
 *   P1     collect, stack take           acquire  sees them before any is used again
 *          (an exchange)
 *   P2     put_home and weir__pool_live  release, whoever reads `back` reads a `taken` and
 *                                        acquire  a `received` that are at least as new
 * The peek at `returned` in weir__pool_get is relaxed: it is a hint, and P1 follows.
 * The stack is only ever taken whole, so a block that comes back while a push is
 * under way cannot mislead it (ABA): a push needs its head to be what it linked,
 * and if it is, the link is right, whatever happened between.
 *
 * Progress: get and flush by the owner are lock-free (the allocator aside); a put
 * on another thread is lock-free, a put at home wait-free.
 * Wrap: the counters are 64-bit and count blocks.
 */
#include "memory/pool.h"

#include "base/attributes.h"
#include "base/bits.h"
#include "base/check.h"
#include "memory/poison.h"

#include <string.h>

_Static_assert(offsetof(struct weir__pool, free) == WEIR__CACHE_LINES, "writers are apart");

/* `used` of a block that nobody holds, so that a second put is noticed. */
static const uint32_t used_free = UINT32_MAX;

/* One writer: no read-modify-write is needed. */
static void count_alone(uint64_t *counter, uint64_t more) {
    weir__store_relaxed_u64(counter, *counter + more);
}

static void *events_of(struct weir__block *block) {
    return (unsigned char *)block + WEIR__BLOCK_HEADER_BYTES;
}

void weir__pool_open(struct weir__pool *pool, const struct weir__allocator *allocator) {
    memset(pool, 0, sizeof *pool);
    ck_stack_init(&pool->returned);
    pool->allocator = allocator;
}

void weir__pool_open_loose(struct weir__pool *pool, const struct weir__allocator *allocator) {
    weir__pool_open(pool, allocator);
    pool->loose = true;
}

static void free_block(struct weir__pool *pool, struct weir__block *block) {
    weir__unpoison(events_of(block), block->bytes - WEIR__BLOCK_HEADER_BYTES);
    weir__free(pool->allocator, block, block->bytes);
}

uint64_t weir__pool_close(struct weir__pool *pool) {
    for (int i = 0; i < WEIR__POOL_CHAINS; i++) WEIR__CHECK(pool->chains[i].first == NULL);
    weir__pool_collect(pool);
    for (int i = 0; i < WEIR__POOL_CLASSES; i++) {
        while (pool->free[i] != NULL) {
            struct weir__block *block = pool->free[i];
            pool->free[i] = block->next;
            free_block(pool, block);
        }
    }
    return pool->taken - pool->back;
}

/* --- getting -------------------------------------------------------------------------------- */

/* The class that holds `bytes` of events; WEIR__POOL_CLASSES for those too large to keep. */
static uint32_t size_class(uint64_t bytes) {
    unsigned exponent = weir__log2_up_u64(bytes);
    if (exponent <= WEIR__POOL_CLASS_MIN_LOG2) return 0;
    if (exponent > WEIR__POOL_CLASS_MAX_LOG2) return WEIR__POOL_CLASSES;
    return exponent - WEIR__POOL_CLASS_MIN_LOG2;
}

static struct weir__block *take_free(struct weir__pool *pool, uint32_t class) {
    if (class == WEIR__POOL_CLASSES) return NULL;
    if (pool->free[class] == NULL && weir__load_relaxed_ptr(&pool->returned.head) != NULL) {
        weir__pool_collect(pool);
    }
    struct weir__block *block = pool->free[class];
    if (block == NULL) return NULL;
    pool->free[class] = block->next;
    WEIR__CHECK(block->used == used_free);
    weir__unpoison(events_of(block), block->bytes - WEIR__BLOCK_HEADER_BYTES);
    return block;
}

static struct weir__block *make_block(struct weir__pool *pool, uint32_t class,
                                      uint64_t events_bytes) {
    uint64_t room = class == WEIR__POOL_CLASSES
                        ? (events_bytes + 15) / 16 * 16 /* the words at the end are aligned */
                        : (uint64_t)1 << (class + WEIR__POOL_CLASS_MIN_LOG2);
    size_t bytes = WEIR__BLOCK_HEADER_BYTES + room;
    struct weir__block *block = weir__alloc(pool->allocator, bytes, WEIR__CACHE_LINES);
    if (block == NULL) return NULL;
    memset(block, 0, sizeof *block);
    block->home = pool;
    block->size_class = class;
    block->bytes = bytes;
    count_alone(&pool->made, 1);
    return block;
}

struct weir__block *weir__pool_get(struct weir__pool *pool, uint32_t event_bytes,
                                   const weir_event_type *type, uint64_t events) {
    WEIR__CHECK(event_bytes > 0);
    if (events > WEIR__BLOCK_EVENTS_MAX) return NULL;
    uint64_t each = event_bytes + (type != NULL ? WEIR__OWNED_WORD_BYTES : 0);
    uint64_t bytes = (events == 0 ? 1 : events) * each; /* below 2^62 */
    uint32_t class = size_class(bytes);
    struct weir__block *block = take_free(pool, class);
    if (block == NULL) block = make_block(pool, class, bytes);
    if (block == NULL) return NULL;
    block->capacity = (uint32_t)((block->bytes - WEIR__BLOCK_HEADER_BYTES) / each);
    block->event_bytes = event_bytes;
    block->type = type;
    block->lender = NULL;
    if (WEIR__UNLIKELY(type != NULL)) {
        weir__owned_open(block);
    } else {
        block->words = 0;
    }
    block->used = 0;
    block->spare = WEIR__BLOCK_BIAS;
    weir__store_relaxed_u32(&block->refs, WEIR__BLOCK_BIAS);
    count_alone(&pool->taken, 1);
    return block;
}

struct weir__block *weir__pool_get_loose(struct weir__pool *pool, size_t bytes) {
    const size_t room = (bytes + 15) / 16 * 16;
    struct weir__block *block =
        weir__alloc(pool->allocator, WEIR__BLOCK_HEADER_BYTES + room, WEIR__CACHE_LINES);
    if (block == NULL) return NULL;
    *block = (struct weir__block){.event_bytes = 1,
                                  .size_class = WEIR__POOL_CLASSES,
                                  .bytes = WEIR__BLOCK_HEADER_BYTES + room,
                                  .home = pool,
                                  .capacity = (uint32_t)room};
    weir__store_relaxed_u32(&block->refs, 1);
    weir__fetch_add_u64(&pool->made, 1);
    weir__fetch_add_u64(&pool->taken, 1);
    return block;
}

/* --- the way home --------------------------------------------------------------------------- */

/* The owner puts a block away, or frees it when its kind is not kept. */
static void put_home(struct weir__pool *pool, struct weir__block *block) {
    weir__store_release_u64(&pool->back, pool->back + 1); /* P2 */
    if (block->size_class == WEIR__POOL_CLASSES) {
        free_block(pool, block);
        return;
    }
    block->next = pool->free[block->size_class];
    pool->free[block->size_class] = block;
}

static void free_loose(struct weir__pool *home, struct weir__block *block) {
    free_block(home, block);
    weir__fetch_add_u64(&home->back, 1); /* P2 */
}

static void send_chain(struct weir__pool *home, struct weir__block *first) {
    weir__stack_push(&home->returned, &first->home_link); /* P0 */
}

void weir__pool_collect(struct weir__pool *pool) {
    if (weir__load_relaxed_ptr(&pool->returned.head) == NULL) {
        return;
    }
    ck_stack_entry_t *entry = weir__stack_take(&pool->returned); /* P1 */
    while (entry != NULL) {
        struct weir__block *block = WEIR__CONTAINER_OF(entry, struct weir__block, home_link);
        /* Read first: what is put away may be freed. */
        entry = entry->next;
        while (block != NULL) {
            struct weir__block *next = block->next;
            count_alone(&pool->received, 1); /* before it is back: observers read that first */
            put_home(pool, block);
            block = next;
        }
    }
}

static void flush_chain(struct weir__pool *here, struct weir__pool_chain *chain) {
    if (chain->first != NULL) {
        send_chain(chain->home, chain->first);
        count_alone(&here->sent, chain->count);
    }
    *chain = (struct weir__pool_chain){0};
}

void weir__pool_flush_chains(struct weir__pool *pool) {
    for (int i = 0; i < WEIR__POOL_CHAINS; i++) flush_chain(pool, &pool->chains[i]);
    pool->chained = false;
}

static inline bool chain_is_long(const struct weir__pool_chain *chain) {
    return chain->count >= WEIR__POOL_CHAIN_MAX || chain->bytes >= WEIR__POOL_CHAIN_BYTES;
}

/* The chain for a home: its own, else an empty one, else the fullest is sent to make room. */
static struct weir__pool_chain *chain_for(struct weir__pool *here, struct weir__pool *home) {
    struct weir__pool_chain *best = &here->chains[0];
    for (int i = 0; i < WEIR__POOL_CHAINS; i++) {
        struct weir__pool_chain *chain = &here->chains[i];
        if (chain->home == home) return chain;
        bool better = chain->first == NULL ? best->first != NULL
                                           : best->first != NULL && chain->count > best->count;
        if (better) best = chain;
    }
    flush_chain(here, best);
    best->home = home;
    return best;
}

struct weir__block *weir__pool_room(struct weir__pool *pool, struct weir__block **block,
                                    uint32_t event_bytes, const weir_event_type *type,
                                    uint64_t events, uint64_t fresh) {
    struct weir__block *old = *block;
    if (old != NULL && weir__block_has_room(old, event_bytes, type, events)) return old;
    if (old != NULL) weir__block_close(old, pool);
    *block = weir__pool_get(pool, event_bytes, type, fresh);
    return *block;
}

/* At a block's end: they stay as they are while it is at home. */
static size_t words_bytes(const struct weir__block *block) {
    return block->words == 0 ? 0 : block->capacity * (size_t)WEIR__OWNED_WORD_BYTES;
}

void weir__pool_put(struct weir__block *block, struct weir__pool *here) {
    struct weir__pool *home = block->home;
    if (WEIR__UNLIKELY(block->lender != NULL)) weir__block_drop(block->lender, here);
    WEIR__CHECK(weir__load_relaxed_u32(&block->refs) == 0);
    WEIR__CHECK(block->used != used_free);
    if (block->type != NULL) WEIR__VERIFY(weir__owned_check_home(block));
    if (WEIR__CHECKED) block->used = used_free;
    weir__poison(events_of(block), block->bytes - WEIR__BLOCK_HEADER_BYTES - words_bytes(block));
    if (here == home) {
        put_home(home, block);
    } else if (home->loose) {
        free_loose(home, block);
    } else if (here == NULL) {
        block->next = NULL;
        weir__fetch_add_u64(&home->strays, 1);
        send_chain(home, block);
    } else {
        struct weir__pool_chain *chain = chain_for(here, home);
        block->next = chain->first;
        chain->first = block;
        chain->count++;
        chain->bytes += block->bytes;
        here->chained = true;
        if (chain_is_long(chain)) flush_chain(here, chain);
    }
}

#if WEIR__CHECKED
void weir__pool_check(const struct weir__pool *pool) {
    WEIR__CHECK(pool->back <= pool->taken);
    WEIR__CHECK(!pool->chained);
    for (int i = 0; i < WEIR__POOL_CHAINS; i++) WEIR__CHECK(pool->chains[i].first == NULL);
    int left = WEIR__CHECK_MOST;
    for (uint32_t i = 0; i < WEIR__POOL_CLASSES; i++) {
        for (struct weir__block *block = pool->free[i]; block != NULL && left > 0;
             block = block->next, left--) {
            WEIR__CHECK(block->home == pool && block->size_class == i);
            WEIR__CHECK(block->used == used_free);
            WEIR__CHECK(block->refs == 0); /* nobody's but the owner's by now */
        }
    }
}
#endif
