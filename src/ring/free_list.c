/*
 * Taking from a free list.  See free_list.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ring/free_list.h"

/* What others gave meanwhile goes in front.  Whoever takes it cannot have the rest too. */
static ck_stack_entry_t *joined(ck_stack_entry_t *newer, ck_stack_entry_t *rest) {
    ck_stack_entry_t *last = newer;
    while (last->next != NULL) {
        last = last->next;
    }
    last->next = rest;
    return newer;
}

static void put_rest_back(ck_stack_t *list, ck_stack_entry_t *rest) {
    ck_stack_entry_t *none = NULL;
    while (rest != NULL && !weir__cas_ptr(&list->head, &none, rest)) { /* Z1 -> Z2 */
        ck_stack_entry_t *newer = weir__stack_take(list);              /* Z1 -> Z2 */
        rest = newer == NULL ? rest : joined(newer, rest);
        none = NULL;
    }
}

ck_stack_entry_t *weir__free_list_take(ck_stack_t *list) {
    ck_stack_entry_t *entry = weir__stack_take(list); /* Z1 -> Z2 */
    if (entry != NULL) {
        put_rest_back(list, entry->next);
    }
    return entry;
}

void weir__free_list_give(ck_stack_t *list, ck_stack_entry_t *entry) {
    weir__stack_push(list, entry); /* Z1 -> Z2 */
}
