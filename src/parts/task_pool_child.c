/*
 * The worker pool's children: the table of them, and what any thread may do.
 * SPDX-License-Identifier: Apache-2.0
 *
 * See task_pool.h.  Chunks of slots double in size, and none is freed while the
 * pool lives, so a handle, which is an index and a serial, can always be looked up.  (Those of
 * ring/chunks.h are of one size: for slots as large as events are, either the first would be too
 * large, or all of them too few.)
 */
#include "parts/task_pool.h"

#include "base/refusal.h"
#include "ring/free_list.h"
#include "runtime/errand.h"

#include <string.h>

struct weir__serials weir__child_serials = {.last = (UINT64_C(1) << 60) - 1};

/* ---- the table ----------------------------------------------------------- */

/* Which chunk an index is in; *first: the index that this chunk begins with. */
static uint32_t chunk_of(uint32_t index, uint32_t *first) {
    uint32_t chunk = 0;
    uint32_t slots = WEIR__TASK_CHUNK_FIRST;
    *first = 0;
    while (index - *first >= slots) {
        *first += slots;
        slots *= 2;
        chunk++;
    }
    return chunk;
}

static size_t chunk_bytes(const weir_pool *pool, uint32_t chunk) {
    return ((size_t)WEIR__TASK_CHUNK_FIRST << chunk) * pool->task_bytes;
}

static weir_task *slot_of(const weir_pool *pool, unsigned char *chunk, uint32_t at) {
    return (weir_task *)(void *)(chunk + at * pool->task_bytes);
}

weir_task *weir__task_at(const weir_pool *pool, uint32_t index) {
    uint32_t first;
    uint32_t chunk = chunk_of(index, &first);
    return slot_of(pool, weir__load_acquire_ptr(&pool->chunks[chunk]), /* G3 -> G4 */
                   index - first);
}

static void open_more(const weir_pool *pool, weir_task *task) {
    struct weir__task_more *more = weir__task_more(task);
    more->task = task;
    weir__results_open(&more->results,
                       weir__results_own_bytes(&pool->rules.results) > 0 ? more->own : NULL);
}

/* The chunk that the index is in, made if need be. */
static bool have_chunk(weir_pool *pool, uint32_t index) {
    uint32_t first;
    uint32_t number = chunk_of(index, &first);
    if (number >= WEIR__TASK_CHUNKS) {
        return false;
    }
    if (weir__load_relaxed_ptr(&pool->chunks[number]) != NULL) {
        return true;
    }
    size_t bytes = chunk_bytes(pool, number);
    uint32_t slots = (uint32_t)WEIR__TASK_CHUNK_FIRST << number;
    unsigned char *chunk = weir__alloc_zeroed(&pool->quay.runtime->allocator, bytes, 64);
    uint64_t serial = chunk == NULL ? 0 : weir__serials_draw(&weir__child_serials, slots);
    if (serial == 0) {
        weir__free(&pool->quay.runtime->allocator, chunk, bytes);
        return weir__load_relaxed_ptr(&pool->chunks[number]) != NULL;
    }
    for (uint32_t i = 0; i < slots; i++) {
        weir_task *task = slot_of(pool, chunk, i);
        task->word = weir__task_word(serial + i, WEIR__TASK_FREE);
        task->pool = pool;
        task->index = first + i;
        task->back.task = task;
        task->end.task = task;
        if (pool->rules.more_at > 0) {
            open_more(pool, task);
        }
    }
    unsigned char *none = NULL;
    if (!weir__cas_ptr(&pool->chunks[number], &none, chunk)) { /* G3 -> G4 */
        weir__free(&pool->quay.runtime->allocator, chunk, bytes);
    }
    return true;
}

weir_task *weir__task_fresh(weir_pool *pool) {
    uint32_t index = weir__load_relaxed_u32(&pool->used);
    do {
        if (!have_chunk(pool, index)) {
            return NULL;
        }
    } while (!weir__cas_u32(&pool->used, &index, index + 1)); /* G3 -> G4 */
    return weir__task_at(pool, index);
}

weir_task *weir__task_take_slot(weir_pool *pool) {
    weir_task *task = pool->free;
    if (task != NULL) {
        pool->free = task->next;
    } else if ((task = weir__task_fresh(pool)) == NULL) {
        weir__host_log(weir__here, WEIR_LOG_ERROR, "pool %s has no memory for a child", pool->name);
    }
    return task;
}

void weir__task_free_all(weir_pool *pool) {
    for (uint32_t i = 0; weir__task_emits(pool) && i < pool->used; i++) {
        weir__results_close(&weir__task_more(weir__task_at(pool, i))->results,
                            &pool->rules.results);
    }
    for (uint32_t i = 0; i < WEIR__TASK_CHUNKS; i++) {
        if (pool->chunks[i] != NULL) {
            weir__free(&pool->quay.runtime->allocator, pool->chunks[i], chunk_bytes(pool, i));
        }
    }
}

weir_child weir__task_child(const weir_task *task) {
    return (weir_child){.bits = weir__task_serial(weir__load_relaxed_u64(&task->word)),
                        .place = task->index};
}

/* ---- starting by hand ---------------------------------------------------- */

/* A slot that was used before, or a fresh one.  NULL: no memory. */
static weir_task *slot_by_hand(weir_pool *pool) {
    ck_stack_entry_t *entry = weir__free_list_take(&pool->hand_free);
    return entry != NULL ? WEIR__CONTAINER_OF(entry, struct weir__task_note, link)->task
                         : weir__task_fresh(pool);
}

static weir_status refuse_dead(void) {
    return weir__refuse(WEIR_NO_STAGE, "the pool has stopped");
}

weir_status weir_pool_start_child(weir_pool *pool, const void *event, weir_child *out) {
    if (weir__pool_unfit(pool) || weir__missing(event, "event")) {
        return weir__refused();
    }
    if (weir__load_relaxed_u32(&pool->dead) != 0) {
        return refuse_dead();
    }
    if (pool->iteration != NULL) {
        return weir__refuse(WEIR_INVALID, "%s is an iterator: it has no children but its own",
                            pool->name);
    }
    weir_start_verdict verdict = WEIR_CHILD_START;
    if (pool->options.start != NULL) {
        struct weir__errand errand;
        weir__errand_begin(&errand, pool->quay.runtime, "start");
        verdict = pool->options.start(pool->options.context, event);
        weir__errand_end(&errand);
    }
    if (verdict != WEIR_CHILD_START) {
        if (out != NULL) {
            *out = (weir_child){0};
        }
        return verdict == WEIR_CHILD_IGNORE
                   ? WEIR_OK
                   : weir__refuse(WEIR_START_FAILED, "start has refused the child (%d)",
                                  (int)verdict);
    }
    weir_task *task = slot_by_hand(pool);
    if (task == NULL) {
        return weir__refuse(WEIR_NO_MEMORY, "no memory for a child of %zu bytes",
                            pool->options.event_bytes);
    }
    memcpy(task->event, event, pool->options.event_bytes);
    task->by_hand = true;
    task->away = true;
    weir__store_release_u64(&task->producer, 0); /* G5 -> G6 */
    weir__task_move(task, WEIR__TASK_FREE, WEIR__TASK_NEW);
    if (out != NULL) {
        *out = weir__task_child(task);
    }
    weir__task_send(pool, &task->back);
    return WEIR_OK;
}

/* ---- ending by hand ------------------------------------------------------ */

/* Not begun, and about to end: as good as gone. */
static bool is_on_its_way_out(uint64_t word) {
    enum weir__task_state state = weir__task_state(word);
    return weir__task_is_ending(word) && state != WEIR__TASK_RUNNING && state != WEIR__TASK_DONE &&
           state != WEIR__TASK_WAITING;
}

static weir_status refuse_child(weir_child child) {
    return weir__refuse(WEIR_NO_CHILD, "child %#llx has ended", (unsigned long long)child.bits);
}

weir_status weir_pool_end_child(weir_pool *pool, weir_child child) {
    if (weir__pool_unfit(pool)) {
        return weir__refused();
    }
    if (child.place >= weir__load_acquire_u32(&pool->used)) { /* G3 -> G4 */
        return refuse_child(child);
    }
    weir_task *task = weir__task_at(pool, child.place);
    uint64_t word = weir__load_relaxed_u64(&task->word);
    do {
        enum weir__task_state state = weir__task_state(word);
        if (weir__task_serial(word) != child.bits || state == WEIR__TASK_FREE ||
            state == WEIR__TASK_ENDED || state == WEIR__TASK_WAITING || is_on_its_way_out(word)) {
            return refuse_child(child);
        }
        if (weir__task_is_ending(word)) {
            return WEIR_OK; /* it was asked already */
        }
    } while (!weir__cas_u64(&task->word, &word, word | WEIR__TASK_ENDING));
    weir__task_send(pool, &task->end);
    return WEIR_OK;
}

/* ---- looking ------------------------------------------------------------- */

/* What the slot holds, if a child; false: none, or another by now. */
static bool look_at_child(const weir_task *task, weir_child_info *out) {
    static const weir_child_state states[] = {
        [WEIR__TASK_NEW] = WEIR_CHILD_QUEUED,
        [WEIR__TASK_QUEUED] = WEIR_CHILD_QUEUED,
        [WEIR__TASK_RUNNING] = WEIR_CHILD_RUNNING,
        [WEIR__TASK_DONE] = WEIR_CHILD_RUNNING,
        [WEIR__TASK_RESTARTING] = WEIR_CHILD_RESTARTING,
        [WEIR__TASK_ENDED] = (weir_child_state)0,
        [WEIR__TASK_WAITING] = WEIR_CHILD_WAITING,
    };
    uint64_t word = weir__load_acquire_u64(&task->word); /* G3 -> G4 */
    enum weir__task_state state = weir__task_state(word);
    weir_ref producer = {weir__load_acquire_u64(&task->producer)}; /* G5 -> G6 */
    uint64_t now = weir__task_serial(weir__load_relaxed_u64(&task->word));
    if (states[state] == 0 || is_on_its_way_out(word) || now != weir__task_serial(word)) {
        return false;
    }
    *out = (weir_child_info){
        .child = {.bits = now, .place = task->index},
        .state = states[state],
        .ending = weir__task_is_ending(word),
        .producer = producer,
    };
    return true;
}

size_t weir_pool_children(const weir_pool *pool, weir_child_info *list, size_t room) {
    if (weir__pool_unfit(pool)) {
        return 0;
    }
    uint32_t used = weir__load_acquire_u32(&pool->used); /* G3 -> G4 */
    size_t count = 0;
    for (uint32_t i = 0; i < used; i++) {
        weir_child_info info;
        if (look_at_child(weir__task_at(pool, i), &info)) {
            if (count < room && list != NULL) {
                list[count] = info;
            }
            count++;
        }
    }
    return count;
}

void weir__task_end_waiting(weir_pool *pool, const uint64_t *but) {
    uint32_t used = weir__load_acquire_u32(&pool->used); /* G3 -> G4 */
    for (uint32_t i = 0; i < used; i++) {
        weir_child_info info;
        if (look_at_child(weir__task_at(pool, i), &info) && info.state == WEIR_CHILD_RESTARTING &&
            (but == NULL || weir__load_relaxed_u64(but) != info.child.bits)) {
            weir_pool_end_child(pool, info.child);
        }
    }
}

weir_status weir_pool_count(const weir_pool *pool, weir_pool_counts *out) {
    if (weir__pool_unfit(pool) || weir__missing(out, "out")) {
        return weir__refused();
    }
    weir_pool_counts counts = {.specs = 1};
    uint32_t used = weir__load_acquire_u32(&pool->used); /* G3 -> G4 */
    for (uint32_t i = 0; i < used; i++) {
        weir_child_info info;
        if (look_at_child(weir__task_at(pool, i), &info)) {
            counts.queued += info.state == WEIR_CHILD_QUEUED;
            counts.running += info.state == WEIR_CHILD_RUNNING;
            counts.restarting += info.state == WEIR_CHILD_RESTARTING;
            counts.waiting += info.state == WEIR_CHILD_WAITING;
        }
    }
    counts.active = counts.queued + counts.running;
    counts.workers = counts.active + counts.restarting + counts.waiting;
    *out = counts;
    return WEIR_OK;
}

size_t weir_pool_threads(const weir_pool *pool) {
    if (weir__pool_unfit(pool)) {
        return 0;
    }
    return pool->options.threads;
}
