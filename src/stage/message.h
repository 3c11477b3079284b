/*
 * Messages: the mail that users send, with what it carries.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Allocated by the sender, freed by the receiving worker (host->used_up).
 */
#ifndef WEIR__STAGE_MESSAGE_H
#define WEIR__STAGE_MESSAGE_H

#include "ring/mail.h"

#include <stdalign.h>

struct weir__message {
    struct weir__mail mail;         /* kinds STOP..MODE */
    weir_subscription subscription; /* ASK, CANCEL                    */
    uint64_t count;                 /* ASK: events; CAST, INFO: bytes */
    weir_reason reason;             /* STOP, CANCEL                   */
    weir_demand_mode mode;          /* MODE                           */
    alignas(16) unsigned char payload[];
};

/*
 * A poke calls the stage's handle_cast with no message.  The node belongs to a
 * part (an inlet), which is told when the stage was gone already.
 */
struct weir__poke {
    struct weir__mail mail;
    void (*gone)(struct weir__poke *poke);
};

static inline struct weir__message *weir__message_of(struct weir__mail *mail) {
    return (struct weir__message *)(void *)mail; /* mail is the first member */
}

#endif
