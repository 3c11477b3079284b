/*
 * Messages: the event of pipelines, which is acknowledged to where it came from.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A message is a flat event of 96 bytes that owns something (event.h): what its spans point at,
 * and its acknowledgement.  Stages that take and emit messages have weir_message_type() as their
 * type; else they are stages like any others, and messages are forwarded, taken (weir_take),
 * stashed, kept in arrays and emitted again like any events.  Each that was taken is emitted once,
 * or settled (weir_message_settle).
 *
 * Settling.  weir drops each event once, and says why.  For a message that is its settlement:
 *
 *   HANDLED    what its `outcome` says: OK and SKIP acknowledge it; DEAD too, and says that it is
 *              dead; FAILED, RETRY and NAK are a nak: it is to be delivered again
 *   UNWANTED   acknowledges it: nobody wants such messages
 *   any other  a nak, whatever its outcome; the acknowledgement says what befell it
 *
 * So a consumer that returns from handle_events has acknowledged its batch, unless it wrote other
 * outcomes there (weir_own) or stopped with an abnormal reason; and no way out of the graph
 * forgets a message.
 *
 * What became of several.  A message that is made into more (weir_message_more), or that several
 * consumers have, is settled when all of them are, with the outcome that is worst: the highest
 * number.
 *
 * Dead letters.  `tries`, `batcher`, failed_as and failed_in say how a pipeline's came to be
 * (pipeline.h); of other messages the last two are 0.
 *
 * Lifetime.  What spans point at lasts until the message has been dropped or settled, and all that
 * was made of it; whoever keeps bytes for longer copies them.
 */
#ifndef WEIR_MESSAGE_H
#define WEIR_MESSAGE_H

#include <weir/event.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What became of a message.  Of those that one became, the highest number counts: so it is
 * acknowledged only where nothing that was made of it failed.
 */
typedef enum weir_outcome {
    WEIR_MESSAGE_OK = 0,     /* acknowledge                                            */
    WEIR_MESSAGE_SKIP = 1,   /* acknowledge: there was nothing to do                   */
    WEIR_MESSAGE_DEAD = 2,   /* acknowledge, or end it where the source has a way to:  */
                             /* nobody will ever handle it                             */
    WEIR_MESSAGE_FAILED = 3, /* nak: it failed                                         */
    WEIR_MESSAGE_RETRY = 4,  /* nak: it is to be tried again                           */
    WEIR_MESSAGE_NAK = 5     /* nak: it was not handled                                */
} weir_outcome;

#define WEIR_MESSAGE_OUTCOMES 6

typedef struct weir_message {
    weir_bytes data; /* what it says; weir_message_set changes it   */
    weir_bytes key;
    weir_bytes headers;  /* in whatever form its source has them        */
    uint64_t ack;        /* weir's: whom it is settled with; 0: with nobody */
    uint64_t time;       /* of the event, as its source says, in its units  */
    uint64_t batch_key;  /* whom it is batched with                     */
    uint64_t room;       /* weir's: where bytes of a stage lie; 0: nowhere  */
    uint32_t tries;      /* here, before this one; of a dead letter: that made it one */
    uint16_t deliveries; /* by its source, before this one; 65535: or more */
    uint16_t batcher;    /* where it goes, by number; of a dead letter: where it went */
    uint8_t outcome;     /* a weir_outcome                              */
    uint8_t flush;       /* not 0: its batch goes at once               */
    uint8_t failed_as;   /* weir's: of a dead letter: FAILED or DEAD; else OK */
    uint8_t failed_in; /* weir's: the weir_role (pipeline.h) that failed: PROCESSOR or BATCHES; 0 */
    int32_t reason;    /* the program's, beside the outcome           */
} weir_message;

/*
 * The type of messages, for weir_stage_options.type and the like: of sizeof(weir_message) bytes,
 * without spans for weir, so that messages can be taken.  A message of zeros (but for spans that
 * point at what lasts, a constant say) is one that acknowledges nobody: whoever makes messages
 * begins with that, and gives them bytes by weir_message_set.
 * Threads    any; wait-free.
 */
const weir_event_type *weir_message_type(void);

/*
 * Gives a message new data, copied to memory of the stage's, which lasts until the message is
 * settled, and begins at a multiple of 8: a struct that was copied may be read there.  What it had
 * before is let go; its key and headers are as they were.
 * Arguments  message: the caller's to write: in a batch it owns (weir_own), taken, or being made.
 *            count: bytes; 0 is none, and needs no memory.
 * Returns    true; false: no memory, or count is above WEIR_PAYLOAD_LIMIT_MAX (weir_refusal), and
 *            nothing has changed.
 * Cost       a copy, and no allocation for a message: bytes lie side by side in blocks of up to
 *            64 KiB.  A block is kept as long as one message has bytes there.
 * Threads    the running callback's.
 */
bool weir_message_set(weir_stage *self, weir_message *message, const void *data, size_t count);

/*
 * The same, to be written by the caller: returns `count` bytes, from a multiple of 8 on, and data
 * points there.  NULL: as
 * weir_message_set says false.  What data pointed at before may be read until the stage calls this
 * again, or the callback ends.  Key or headers may be made to point to the new bytes as well.
 */
char *weir_message_room(weir_stage *self, weir_message *message, size_t count);

/*
 * One message becomes one more: *more is a copy of *of, with the same bytes, and both are to be
 * settled.  The source is told when both are (and all that is made of either).
 * Arguments  of: the caller's to write, as above.  more: where to; it is the caller's, who emits
 *            it, or settles it.
 * Cost       no shared line is touched but once in some 30 times, for each message that it is
 *            made of; where `of` has bytes of a stage's, one locked operation.
 * Threads    any; wait-free.
 */
void weir_message_more(weir_message *of, weir_message *more);

/*
 * Settles messages that were taken, or made: as weir would that drops them for `why`, so with
 * WEIR_DISCARD_HANDLED by their outcomes.  They must not be used any more, nor what they point
 * at.  (An event that owns messages, a batch, calls this in its type's drop.)
 * Threads    any; lock-free.
 */
void weir_message_settle(const weir_message *messages, size_t count, weir_discard why);

/*
 * Settles a message now, by its outcome, and keeps it: what its spans point at is copied to memory
 * of the stage's, and whatever becomes of it from now on its source is not told of.  (Broadway's
 * ack_immediately.)
 * Returns    true; false: no memory, and nothing has changed.
 * Arguments, threads   as weir_message_set.
 */
bool weir_message_ack(weir_stage *self, weir_message *message);

#ifdef __cplusplus
}
#endif
#endif
