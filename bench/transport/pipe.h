/*
 * The pipe: one sender and one receiver over one edge, in any shape.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The sender's visit reads `asked` and answers the whole demand; the receiver's
 * visit takes slices until the ring is empty, cuts them into batches of at most
 * max - min, and asks back up to max when min or fewer are outstanding.  That is
 * GenStage's contract, and the same in every shape.
 *
 *   sent <= asked <= received + max       received <= sent
 */
#ifndef TRANSPORT_PIPE_H
#define TRANSPORT_PIPE_H

#include "edge.h"
#include "owner.h"
#include "work.h"

typedef void fill_callback(uint64_t *to, size_t count, uint64_t first);
typedef uint64_t sum_callback(const uint64_t *from, size_t count);

struct pipe {
    struct edge edge;
    struct owner sending;
    struct owner receiving;
    struct pool pool;
    /* constant */
    _Alignas(MEMORY_APART) struct setting setting;
    uint64_t words;       /* of an event                       */
    struct block *window; /* MEMORY_WINDOW: all there is       */
    uint64_t *scratch;    /* the sender's                      */
    uint64_t *gathered;   /* the receiver's                    */
    fill_callback *fill;  /* called through where turn is true */
    sum_callback *sum;
};

struct sender {
    struct pipe *pipe;
    struct sender_view view;
    uint64_t sent;
    struct room last; /* that was filled */
};

struct receiver {
    struct pipe *pipe;
    struct receiver_view view;
    struct chain chain;
    uint64_t received;
    uint64_t asked;
    uint64_t held; /* events in `gathered` that wait for the rest of their batch */
    uint64_t sum;
    bool spoke; /* asked and not yet signalled */
};

static inline uint64_t smaller(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* --- the sender ------------------------------------------------------------ */

static inline void call_fill(const struct pipe *pipe, const struct shape *shape, uint64_t *to,
                             uint64_t words, uint64_t value) {
    if (shape->turn) {
        pipe->fill(to, words, value);
    } else {
        work_fill(to, words, value);
    }
}

static inline void sender_fill(const struct sender *sender, const struct shape *shape, uint64_t *to,
                               uint64_t count) {
    const struct pipe *pipe = sender->pipe;
    uint64_t words = count * pipe->words;
    uint64_t value = sender->sent * pipe->words + 1;
    if (shape->coalesce) {
        uint64_t piece = pipe->setting.slice_max * pipe->words;
        for (uint64_t done = 0; done < words; done += piece) {
            call_fill(pipe, shape, to + done, smaller(piece, words - done), value + done);
        }
        return;
    }
    if (shape->fill <= FILL_AHEAD) {
        call_fill(pipe, shape, to, words, value);
        return;
    }
    call_fill(pipe, shape, pipe->scratch, words, value);
    if (shape->fill == FILL_SCRATCH) {
        memcpy(to, pipe->scratch, words * sizeof *to);
    } else {
        string_copy(to, pipe->scratch, words * sizeof *to);
    }
}

/*
 * The next batch is likely to lie behind this one, as far as the block goes.
 * Only after publishing: before, these requests would stand in its way.
 */
static inline void sender_look_ahead(const struct sender *sender, const struct shape *shape) {
    const struct room *last = &sender->last;
    if (shape->fill != FILL_AHEAD || last->block == NULL) return;
    uint64_t words = sender->pipe->words;
    uint32_t next = last->first + last->count;
    uint64_t events = smaller(last->count, last->block->capacity - next);
    prefetch_lines_to_write(last->block->words + next * words, events * words * sizeof(uint64_t));
}

static inline struct room sender_room(struct sender *sender, const struct shape *shape,
                                      uint32_t want) {
    struct pipe *pipe = sender->pipe;
    if (shape->memory != MEMORY_WINDOW) return room_take(&pipe->pool, shape, want);
    uint32_t first = (uint32_t)(sender->sent % pipe->setting.max);
    uint32_t left = pipe->setting.max - first;
    return (struct room){pipe->window, first, want < left ? want : left};
}

/* Fills and sends one slice of at most `want` events. */
static inline uint64_t sender_emit(struct sender *sender, const struct shape *shape,
                                   uint32_t want) {
    struct pipe *pipe = sender->pipe;
    struct slim slice = {NULL, 0, want};
    uint64_t small[EDGE_INLINE_BYTES / sizeof(uint64_t)];
    uint64_t words = want * pipe->words;
    if (shape->inlined && words <= EDGE_INLINE_BYTES / sizeof(uint64_t)) {
        sender_fill(sender, shape, small, want);
    } else {
        struct room room = sender_room(sender, shape, want);
        uint64_t *to = room.block->words + room.first * pipe->words;
        words = room.count * pipe->words;
        sender_fill(sender, shape, to, room.count);
        sender->last = room;
        room_hand_out(&pipe->pool, shape, room);
        slice = (struct slim){room.block, room.first, room.count};
    }
    while (!edge_send(&pipe->edge, shape, &sender->view, &slice, small, words)) continue;
    sender->sent += slice.count;
    return slice.count;
}

static inline __attribute__((always_inline)) uint64_t sender_visit(void *state,
                                                                   const struct shape *shape) {
    struct sender *sender = state;
    struct pipe *pipe = sender->pipe;
    uint64_t asked = load_acquire(edge_asked(&pipe->edge, shape)); /* E6 */
    uint64_t demand = smaller(asked, pipe->setting.events) - sender->sent;
    bool pieces = pipe->setting.slice_max > 0 && !shape->coalesce;
    uint64_t most = pieces ? pipe->setting.slice_max : UINT32_MAX;
    uint64_t moved = 0;
    while (moved < demand) {
        moved += sender_emit(sender, shape, (uint32_t)smaller(demand - moved, most));
    }
    edge_publish_first(&sender->view);
    if (moved == 0) return 0;
    owner_signal(&pipe->receiving, shape);
    sender_look_ahead(sender, shape);
    return moved;
}

/* --- the receiver ---------------------------------------------------------- */

static inline void receiver_ask(struct receiver *receiver, const struct shape *shape) {
    struct pipe *pipe = receiver->pipe;
    if (receiver->asked - receiver->received > pipe->setting.min) return;
    receiver->asked = receiver->received + pipe->setting.max;
    if (shape->head_late && receiver->view.unpublished) {
        edge_publish_head(&pipe->edge, &receiver->view);
    }
    store_release(edge_asked(&pipe->edge, shape), receiver->asked); /* E5 */
    if (shape->signal_late) {
        receiver->spoke = true;
    } else {
        owner_signal(&pipe->sending, shape);
    }
}

static inline void receiver_batch(struct receiver *receiver, const struct shape *shape,
                                  const uint64_t *from, uint64_t count) {
    const struct pipe *pipe = receiver->pipe;
    uint64_t words = count * pipe->words;
    receiver->sum += shape->turn ? pipe->sum(from, words) : work_sum(from, words);
    receiver->received += count;
}

/* Cuts the slice into batches where it lies. */
static inline void receiver_cut(struct receiver *receiver, const struct shape *shape,
                                const uint64_t *from, uint64_t count) {
    const struct pipe *pipe = receiver->pipe;
    for (uint64_t left = count; left > 0;) {
        uint64_t batch = smaller(left, pipe->setting.max - pipe->setting.min);
        receiver_batch(receiver, shape, from, batch);
        from += batch * pipe->words;
        left -= batch;
        if (left > 0) receiver_ask(receiver, shape); /* the last one asks after its drop */
    }
}

/* Copies slices together until a batch is whole. */
static inline void receiver_gather(struct receiver *receiver, const struct shape *shape,
                                   const uint64_t *from, uint64_t count) {
    struct pipe *pipe = receiver->pipe;
    uint64_t whole = pipe->setting.max - pipe->setting.min;
    for (uint64_t left = count; left > 0;) {
        uint64_t batch = smaller(left, whole - receiver->held);
        memcpy(pipe->gathered + receiver->held * pipe->words, from,
               batch * pipe->words * sizeof *from);
        from += batch * pipe->words;
        receiver->held += batch;
        left -= batch;
        bool last = receiver->received + receiver->held == pipe->setting.events;
        if (receiver->held < whole && !last) continue;
        receiver_batch(receiver, shape, pipe->gathered, receiver->held);
        receiver->held = 0;
        if (left > 0) receiver_ask(receiver, shape);
    }
}

static inline void receiver_slice(struct receiver *receiver, const struct shape *shape,
                                  const struct line *entry) {
    struct pipe *pipe = receiver->pipe;
    struct block *block = entry->block;
    if (shape->inlined && block == NULL) {
        receiver_batch(receiver, shape, entry->words, entry->count);
        return;
    }
    uint64_t words = pipe->words;
    if (shape->memory == MEMORY_MIXED) words = block->event_bytes / sizeof(uint64_t);
    const uint64_t *from = block->words + entry->first * words;
    if (shape->gather) {
        receiver_gather(receiver, shape, from, entry->count);
    } else {
        receiver_cut(receiver, shape, from, entry->count);
    }
    if (shape->memory != MEMORY_WINDOW) block_drop(&pipe->pool, shape, &receiver->chain, block);
}

static inline __attribute__((always_inline)) uint64_t receiver_visit(void *state,
                                                                     const struct shape *shape) {
    struct receiver *receiver = state;
    struct pipe *pipe = receiver->pipe;
    uint64_t before = receiver->received;
    struct line copy;
    for (;;) {
        const struct line *entry = edge_next(&pipe->edge, shape, &receiver->view, &copy);
        if (entry == NULL) break;
        receiver_slice(receiver, shape, entry);
        edge_advance(&pipe->edge, shape, &receiver->view);
        receiver_ask(receiver, shape);
    }
    if (receiver->spoke) owner_signal(&pipe->sending, shape);
    receiver->spoke = false;
    chain_flush(&pipe->pool, &receiver->chain);
    return receiver->received - before;
}

/* --- a run ----------------------------------------------------------------- */

struct race_result pipe_run(struct race_cores cores, const struct setting *setting,
                            const struct shape *shape, void (*send)(void *),
                            uint64_t (*receive)(void *));

static inline __attribute__((always_inline)) void pipe_send(void *course,
                                                            const struct shape *shape) {
    struct pipe *pipe = course;
    struct sender sender = {.pipe = pipe};
    owner_run(&pipe->sending, shape, sender_visit, &sender, pipe->setting.events);
}

static inline __attribute__((always_inline)) uint64_t pipe_receive(void *course,
                                                                   const struct shape *shape) {
    struct pipe *pipe = course;
    struct receiver receiver = {.pipe = pipe, .asked = pipe->setting.max};
    store_release(edge_asked(&pipe->edge, shape), receiver.asked); /* E5 */
    owner_signal(&pipe->sending, shape);
    owner_run(&pipe->receiving, shape, receiver_visit, &receiver, pipe->setting.events);
    return receiver.sum;
}

#endif
