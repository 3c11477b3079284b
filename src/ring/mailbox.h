/*
 * The mailbox: how many messages may wait for a stage, and the mail that always may.
 * SPDX-License-Identifier: Apache-2.0
 *
 * It lies in a slot of the registry, which outlives the stages in it, so a sender
 * never touches a stage.  Each word says in its upper part whose it is at present:
 *
 *   count  generation << 33 | open << 32 | within << 31 | messages, timers or tokens, sent and not
 *          yet used up (with the tokens: feeders that the stage is about to be told of)
 *   told   generation << 3 | 4 | STOP, FINISH: whether that mail is on its way
 *
 * Who comes too late finds another generation, or 0, and changes nothing: what
 * was counted for one stage is counted off for that one, and no other sees it.
 *
 * A count that is closed takes no more, but what it has is counted off all the same: in a ring
 * of stages it may be opened again, and is then as if it had been open.
 *
 * `within` is set, and stays, when the stage is told its end in a ring of stages that feed each
 * other (runtime/rings.h): from then on only who is at work in one of the runtime's stages may add,
 * and anybody while a token is out, which such a stage may take as its last word.
 *
 * A message is counted before it is sent, by its sender, and counted off once, by who
 * frees it.  STOP and FINISH are one node each.  Who sets a node's bit sends it; who
 * finds the bit set relies on the mail that is on its way, to the same stage.  The
 * worker clears the bit when it has taken what the node says, at the stage's turn.
 * When the stage ends the word is closed; a node that is still on its way then must
 * come home before the next stage has the mailbox.
 *
 *   writers of count, told    anybody, while the generation is theirs (CAS); the worker
 *                             closes; who starts the next stage opens, when all is home
 *   writers of limit          who starts the stage
 *   writers of the nodes and  who has set the bit, until it is sent; then the worker,
 *     `reason`                until it clears the bit
 *
 * Ordering
 *   P1 -> P2  bit cleared -> bit set (both RMW): the worker is done with the node and
 *             has read `reason`.  (What is written is published with the node: S1 -> S2.)
 *   P3 -> P4  bit set, or set again -> closed (both RMW): who waits for the stage's end
 *             has said so before (ring/caller.h); the sweep that follows closing sees it.
 *   P5 -> P6  opened (release) -> read, or set (acquire): the limit and the nodes, for
 *             who has got the reference in whatever way.
 *   P7 -> P8  counted -> closed (RMWs of one word): a stage that finishes closes a count only
 *             at the number that it knows of, so what was accepted is handled, and who comes
 *             later is refused.  Tokens go first: what is closed in vain refuses for a moment,
 *             and who holds a token may rely on not being refused.
 *             That somebody adds before `within` is set, or finds it, needs no order: it is one
 *             word.
 *   P9 -> P10  closed (release) -> found closed (acquire): who is told that the stage has gone
 *             knows all that its callbacks did.
 *   Otherwise counts are only counted.
 * Models: tests/model/mailbox.pml, drain.pml.  Progress: lock-free.
 * Wrap: a generation is told by its lower 31 bits in a count.  A sender that stood
 * still there while 2^31 stages were started could be counted for another; it is
 * counted off likewise.
 */
#ifndef WEIR__RING_MAILBOX_H
#define WEIR__RING_MAILBOX_H

#include "ring/mail.h"

enum weir__counting { WEIR__COUNT_DONE, WEIR__COUNT_FULL, WEIR__COUNT_GONE };

struct weir__counter {
    uint64_t count;
    uint64_t limit;
};

struct weir__mailbox {
    _Alignas(64) struct weir__counter messages; /* all of it atomic */
    struct weir__counter timers;
    struct weir__counter tokens;
    uint64_t generation; /* constant while it is open */
    uint64_t told;       /* atomic */
    struct weir__mail stop;
    struct weir__mail finish;
    uint32_t finishes;  /* atomic: the stage does; the worker's to set */
    weir_reason reason; /* with STOP                                          */
    uint32_t away;      /* the worker's: nodes on their way to a stage that has ended */
    bool within;        /* the worker's              */
};

_Static_assert(sizeof(struct weir__mailbox) <= 128, "two lines");

/* Before the stage of that reference is known to anybody.  Nothing is away. */
void weir__mailbox_open(struct weir__mailbox *box, weir_ref ref, uint64_t generation,
                        uint64_t messages_limit, uint64_t timers_limit);

/* ---- counting, by any thread --------------------------------------------- */

#define WEIR__COUNT_OPEN   ((uint64_t)1 << 32)
#define WEIR__COUNT_WITHIN ((uint64_t)1 << 31)

/* A count of nothing: the lower half is the number. */
static inline uint64_t weir__count_of(uint64_t generation) {
    return generation << 33 | WEIR__COUNT_OPEN;
}

static inline bool weir__counts_for(uint64_t word, uint64_t generation) {
    return word >> 32 == weir__count_of(generation) >> 32;
}

/* Open or closed.  No stage has the generation 0; but its lower bits may be, as those of a count
 * that is nobody's are. */
static inline bool weir__count_is_of(uint64_t word, uint64_t generation) {
    return word >> 33 == weir__count_of(generation) >> 33 && word != 0;
}

static inline uint32_t weir__count_number(uint64_t word) {
    return (uint32_t)(word & (WEIR__COUNT_WITHIN - 1));
}

/* For a message that is about to be sent to the stage of that generation.  inside: by a thread
 * that is in a callback, or a pool's task, or while a token is out. */
static inline enum weir__counting weir__counter_add(struct weir__counter *counter,
                                                    uint64_t generation, bool inside) {
    uint64_t word = weir__load_acquire_u64(&counter->count); /* P5 -> P6, P9 -> P10 */
    uint64_t limit = weir__load_relaxed_u64(&counter->limit);
    do {
        if (!weir__counts_for(word, generation) || (!inside && (word & WEIR__COUNT_WITHIN) != 0)) {
            return WEIR__COUNT_GONE;
        }
        if (weir__count_number(word) >= limit) {
            return WEIR__COUNT_FULL;
        }
    } while (!weir__cas_u64(&counter->count, &word, word + 1)); /* only counted: no order */
    return WEIR__COUNT_DONE;
}

/* For one that was added and has been used up, or could not be sent. */
static inline void weir__counter_take(struct weir__counter *counter, uint64_t generation) {
    uint64_t word = weir__load_relaxed_u64(&counter->count);
    while (weir__count_is_of(word, generation) &&
           !weir__cas_u64(&counter->count, &word, word - 1)) {}
}

/* ---- telling ------------------------------------------------------------- */

/*
 * Any thread: the stage is to be told to stop, with the reason, or to finish.  The mail
 * to send goes to *mail; NULL: such mail is on its way.  false: the stage has gone.
 */
bool weir__mailbox_tell(struct weir__mailbox *box, uint64_t generation, enum weir__mail_kind kind,
                        weir_reason reason, struct weir__mail **mail);

/* True for STOP and FINISH. */
static inline bool weir__mailbox_owns(const struct weir__mail *mail) {
    return mail->kind == WEIR__MAIL_STOP || mail->kind == WEIR__MAIL_FINISH;
}

/* The mailbox that such mail came from. */
struct weir__mailbox *weir__mailbox_of(struct weir__mail *mail);

/* The worker: such mail has come home, and may be sent again.  Returns STOP's reason. */
weir_reason weir__mailbox_take(struct weir__mail *mail);

/*
 * The worker, of a stage that finishes and knows of `timers` that are armed: closes it, if no
 * message was accepted that is not used up, no token is out and no other timer on its way.
 * False: it is as it was.
 */
bool weir__mailbox_end(struct weir__mailbox *box, uint64_t timers);

/* The worker: if weir__mailbox_end has closed it, it is as if it had not; tokens: for them, too. */
void weir__mailbox_reopen(struct weir__mailbox *box, bool tokens);

/* The worker: only stages of the runtime may add from here on. */
void weir__mailbox_keep_within(struct weir__mailbox *box);

/* The worker: no token is out, and none is given out any more.  False: one is. */
bool weir__mailbox_shut(struct weir__mailbox *box);

/* Any thread: the stage that lives finishes, or STOP or FINISH is on its way to it. */
bool weir__mailbox_is_ending(const struct weir__mailbox *box);

/* How many are counted: an estimate, but for the worker's own. */
static inline uint32_t weir__mailbox_messages(const struct weir__mailbox *box) {
    return weir__count_number(weir__load_relaxed_u64(&box->messages.count));
}
static inline uint32_t weir__mailbox_tokens(const struct weir__mailbox *box) {
    return weir__count_number(weir__load_relaxed_u64(&box->tokens.count));
}

/* The worker, or who could not start the stage: nobody sends to it any more. */
void weir__mailbox_close(struct weir__mailbox *box);

/* The worker, while it is open; at a quiet point. */
void weir__mailbox_check(const struct weir__mailbox *box);

/* The worker: true when the closed mailbox may be opened for another stage. */
static inline bool weir__mailbox_home(const struct weir__mailbox *box) {
    return box->away == 0;
}

#endif
