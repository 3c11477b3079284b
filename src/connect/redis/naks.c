/*
 * What was given back, and when it is to be taken again.  See naks.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "connect/redis/naks.h"

#include <stdlib.h>

enum { LEAST = 64 };

static bool room_for_nak(struct weir__redis_naks *naks) {
    if (naks->count < naks->room) {
        return true;
    }
    size_t room = naks->room == 0 ? LEAST : naks->room * 2;
    struct weir__redis_nak *larger =
        room > WEIR_REDIS_NAKS ? NULL : realloc(naks->at, room * sizeof *larger);
    if (larger == NULL) {
        return false;
    }
    naks->at = larger;
    naks->room = room;
    return true;
}

void weir__redis_naks_add(struct weir__redis_naks *naks, struct weir__redis_id id,
                          uint64_t due_ns) {
    if (!room_for_nak(naks)) {
        return;
    }
    size_t place = naks->count++;
    while (place > 0 && naks->at[(place - 1) / 2].due_ns > due_ns) {
        naks->at[place] = naks->at[(place - 1) / 2];
        place = (place - 1) / 2;
    }
    naks->at[place] = (struct weir__redis_nak){id, due_ns};
}

uint64_t weir__redis_naks_due(const struct weir__redis_naks *naks) {
    return naks->count == 0 ? UINT64_MAX : naks->at[0].due_ns;
}

struct weir__redis_nak weir__redis_naks_take(struct weir__redis_naks *naks) {
    const struct weir__redis_nak first = naks->at[0], last = naks->at[--naks->count];
    size_t place = 0;
    for (size_t child = 1; child < naks->count; child = 2 * place + 1) {
        child += child + 1 < naks->count && naks->at[child + 1].due_ns < naks->at[child].due_ns;
        if (last.due_ns <= naks->at[child].due_ns) {
            break;
        }
        naks->at[place] = naks->at[child];
        place = child;
    }
    naks->at[place] = last;
    return first;
}

void weir__redis_naks_free(struct weir__redis_naks *naks) {
    free(naks->at);
    *naks = (struct weir__redis_naks){0};
}
