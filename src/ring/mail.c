/*
 * Mail: sending and taking.  See mail.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ring/mail.h"

#include "base/attributes.h"

void weir__mail_send(struct weir__bell *bell, struct weir__mail *mail) {
    weir__stack_push(&bell->mail, &mail->link); /* S1 -> S2, F1 -> F3 */
    weir__bell_ring(bell);
}

struct weir__mail *weir__mail_take(struct weir__bell *bell) {
    if (weir__load_relaxed_ptr(&bell->mail.head) == NULL) {
        return NULL;
    }
    struct weir__mail *first = NULL;
    ck_stack_entry_t *entry = weir__stack_take(&bell->mail); /* S1 -> S2 */
    while (entry != NULL) {
        struct weir__mail *mail = WEIR__CONTAINER_OF(entry, struct weir__mail, link);
        entry = entry->next; /* whose place `next` takes */
        mail->next = first;
        first = mail;
    }
    return first;
}
