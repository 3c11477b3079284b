/*
 * The poller's descriptors: what its program calls.  See poller.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "parts/poller.h"

#include "base/refusal.h"
#include "base/reserved.h"
#include "stage/unfit.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* ---- who calls ------------------------------------------------------------------- */

/* A callback of its runs here, or its init. */
static bool runs_here(const weir_stage *self) {
    return (weir__here != NULL && weir__here->running == self) || weir__stage_is_starting(self);
}

struct weir__poller *weir__poller_here(const weir_stage *self, const char *function) {
    if (weir__self_unfit(self)) {
        return NULL;
    }
    if (!runs_here(self) || self->poller == NULL || self->poller->busy) {
        weir__refuse(WEIR_WRONG_THREAD, "%s is for callbacks of a poller, about their own stage",
                     function);
        return NULL;
    }
    return self->poller;
}

static struct weir__polled_entry *entry_of(const struct weir__poller *poller, int fd) {
    return WEIR__INDEX_FIND(&poller->entries, (uint64_t)(int64_t)fd, struct weir__polled_entry,
                            node);
}

struct weir__polled_entry *weir__poller_need(const weir_stage *self, int fd, const char *function) {
    const struct weir__poller *poller = weir__poller_here(self, function);
    struct weir__polled_entry *entry = poller != NULL ? entry_of(poller, fd) : NULL;
    if (poller != NULL && entry == NULL) {
        weir__refuse(WEIR_INVALID, "the poller has no descriptor %d", fd);
    }
    return entry;
}

/* ---- what the sets are asked ------------------------------------------------------ */

static unsigned asked_of(const struct weir__poller *poller, unsigned want, unsigned set) {
    if (set == WEIR__POLLER_INPUT) {
        return (want & WEIR_POLL_READ) != 0 ? WEIR__POLL_IN : 0;
    }
    bool in =
        (want & WEIR_POLL_READ_ALWAYS) != 0 || ((want & WEIR_POLL_ACCEPT) != 0 && poller->accepts);
    return (in ? (unsigned)WEIR__POLL_IN : 0u) |
           ((want & WEIR_POLL_WRITE) != 0 ? (unsigned)WEIR__POLL_OUT : 0u);
}

static int ask_set(struct weir__poller *poller, struct weir__polled_entry *entry, unsigned set,
                   unsigned asked) {
    int error =
        weir__poll_set(poller->sets[set].watch.poll, entry->fd, entry->asked[set], asked, entry);
    if (error == 0) {
        entry->asked[set] = asked;
    }
    return error;
}

/* What was found before it is asked for something else says nothing. */
static void forget_found(struct weir__poller *poller, const struct weir__polled_entry *entry) {
    for (int i = 0; i < WEIR__POLLER_SETS; i++) {
        struct weir__poller_set *set = &poller->sets[i];
        for (uint32_t k = set->next; k < set->count; k++) {
            if (set->found[k].what == entry) {
                set->found[k].what = NULL;
            }
        }
    }
}

/* By `want`; all or nothing. */
static int ask_sets(struct weir__poller *poller, struct weir__polled_entry *entry, unsigned want) {
    const unsigned before = entry->asked[WEIR__POLLER_INPUT];
    int error =
        ask_set(poller, entry, WEIR__POLLER_INPUT, asked_of(poller, want, WEIR__POLLER_INPUT));
    if (error != 0) {
        return error;
    }
    error = ask_set(poller, entry, WEIR__POLLER_OTHER, asked_of(poller, want, WEIR__POLLER_OTHER));
    if (error != 0) {
        ask_set(poller, entry, WEIR__POLLER_INPUT, before);
    }
    return error;
}

void weir__poller_ask_anew(struct weir__poller *poller, struct weir__polled_entry *entry) {
    forget_found(poller, entry);
    ask_set(poller, entry, WEIR__POLLER_OTHER,
            asked_of(poller, entry->watch.want, WEIR__POLLER_OTHER));
}

static void count_writer(struct weir__poller *poller, unsigned before, unsigned now) {
    poller->writers += (now & WEIR_POLL_WRITE) != 0;
    poller->writers -= (before & WEIR_POLL_WRITE) != 0;
}

/* ---- adding ---------------------------------------------------------------------- */

static weir_status refuse_errno(int fd, int error) {
    switch (-error) {
    case EPERM:
        return weir__refuse(WEIR_INVALID,
                            "descriptor %d cannot be waited for: it is a file, or the like", fd);
    case EBADF:
        return weir__refuse(WEIR_INVALID, "%d is no descriptor", fd);
    case ENOENT:
        return weir__refuse(WEIR_INVALID,
                            "descriptor %d is not the one that was added: that was closed by "
                            "somebody else",
                            fd);
    case ENOMEM:
        return weir__refuse(WEIR_NO_MEMORY, "no memory to wait for descriptor %d", fd);
    default:
        return weir__refuse(WEIR_SYSTEM, "descriptor %d cannot be waited for: %s", fd,
                            strerror(-error));
    }
}

static weir_status check_want(unsigned want) {
    const unsigned all =
        WEIR_POLL_READ | WEIR_POLL_READ_ALWAYS | WEIR_POLL_WRITE | WEIR_POLL_ACCEPT;
    return (want & ~all) == 0
               ? WEIR_OK
               : weir__refuse(WEIR_INVALID, "want must be of WEIR_POLL_*, got %#x", want);
}

static weir_status check_added(const struct weir__poller *poller, int fd,
                               const weir_poller_watch *watch) {
    if (weir__missing(watch, "watch") || weir__missing(watch->ready, "ready") ||
        WEIR__RESERVED_SET(watch, "weir_poller_watch") || check_want(watch->want) != WEIR_OK) {
        return WEIR_INVALID;
    }
    if (entry_of(poller, fd) != NULL) {
        return weir__refuse(WEIR_INVALID, "the poller has descriptor %d already", fd);
    }
    return WEIR_OK;
}

/* Last of all it is made non-blocking: one that is refused stays as it was. */
static int ask_new(struct weir__poller *poller, struct weir__polled_entry *entry, unsigned want) {
    int error = ask_sets(poller, entry, want);
    if (error == 0) {
        error = weir__poll_never_wait(entry->fd);
        if (error != 0) {
            ask_sets(poller, entry, 0);
        }
    }
    return error;
}

weir_status weir_poller_add(weir_stage *self, int fd, const weir_poller_watch *watch) {
    struct weir__poller *poller = weir__poller_here(self, "weir_poller_add");
    if (poller == NULL) {
        return weir__refused();
    }
    weir_status status = check_added(poller, fd, watch);
    if (status != WEIR_OK || poller->entries.count == poller->most) {
        return status != WEIR_OK ? status : WEIR_FULL;
    }
    const struct weir__allocator *allocator = &poller->quay.runtime->allocator;
    struct weir__polled_entry *entry = weir__alloc_zeroed(allocator, sizeof *entry, 64);
    if (entry == NULL) {
        return weir__refuse(WEIR_NO_MEMORY, "no memory for a descriptor");
    }
    entry->fd = fd;
    int error = ask_new(poller, entry, watch->want);
    if (error != 0) {
        weir__free(allocator, entry, sizeof *entry);
        return refuse_errno(fd, error);
    }
    weir__poller_move_acceptor(poller, entry, watch->want);
    count_writer(poller, 0, watch->want);
    entry->watch = *watch;
    weir__index_add(&poller->entries, &entry->node, (uint64_t)(int64_t)fd);
    weir__poller_review(poller);
    return WEIR_OK;
}

weir_status weir_poller_want(weir_stage *self, int fd, unsigned want) {
    struct weir__polled_entry *entry = weir__poller_need(self, fd, "weir_poller_want");
    if (entry == NULL || check_want(want) != WEIR_OK) {
        return weir__refused();
    }
    struct weir__poller *poller = self->poller;
    if (entry->watch.want == want) {
        return WEIR_OK;
    }
    int error = ask_sets(poller, entry, want);
    if (error != 0) {
        return refuse_errno(fd, error);
    }
    forget_found(poller, entry);
    weir__poller_move_acceptor(poller, entry, want);
    count_writer(poller, entry->watch.want, want);
    entry->watch.want = want;
    return WEIR_OK;
}

/* ---- removing, closing ------------------------------------------------------------- */

/*
 * It may be open elsewhere, and so would stay in the sets.  False: it does, perhaps, as somebody
 * has closed it, and a set is only told by its number what is to go.
 */
static bool forget(struct weir__poller *poller, struct weir__polled_entry *entry) {
    int error = ask_set(poller, entry, WEIR__POLLER_INPUT, 0);
    int other = ask_set(poller, entry, WEIR__POLLER_OTHER, 0);
    forget_found(poller, entry);
    weir__poller_move_acceptor(poller, entry, 0);
    count_writer(poller, entry->watch.want, 0);
    entry->watch.want = 0;
    return error == 0 && other == 0;
}

static void free_polled(struct weir__poller *poller, struct weir__polled_entry *entry) {
    weir__free(&poller->quay.runtime->allocator, entry, sizeof *entry);
}

/* What a set may name still is kept, to the end. */
static void keep_ghost(struct weir__poller *poller, struct weir__polled_entry *entry) {
    if (poller->ghosts == NULL) {
        weir__host_log(poller->stage->host, WEIR_LOG_ERROR,
                       "descriptor %d of poller %s was closed by somebody else", entry->fd,
                       poller->stage->name);
    }
    entry->next = poller->ghosts;
    poller->ghosts = entry;
}

static void let_go_of_entry(struct weir__poller *poller, struct weir__polled_entry *entry,
                            bool forgotten) {
    if (forgotten) {
        free_polled(poller, entry);
    } else {
        keep_ghost(poller, entry);
    }
}

static void close_entry(struct weir__poller *poller, struct weir__polled_entry *entry) {
    bool forgotten = forget(poller, entry);
    if (entry->watch.closed != NULL) {
        poller->busy = true;
        entry->watch.closed(poller->stage, entry->fd, entry->watch.context);
        poller->busy = false;
    }
    if (forgotten) { /* else the number is nobody's, or somebody else's */
        weir__poll_drop(entry->fd);
    }
    let_go_of_entry(poller, entry, forgotten);
}

weir_status weir_poller_close(weir_stage *self, int fd) {
    struct weir__polled_entry *entry = weir__poller_need(self, fd, "weir_poller_close");
    if (entry == NULL) {
        return weir__refused();
    }
    struct weir__poller *poller = self->poller;
    weir__index_remove(&poller->entries, &entry->node);
    close_entry(poller, entry);
    weir__poller_tries_again(poller); /* there is one more now */
    weir__poller_review(poller);
    return WEIR_OK;
}

weir_status weir_poller_remove(weir_stage *self, int fd) {
    struct weir__polled_entry *entry = weir__poller_need(self, fd, "weir_poller_remove");
    if (entry == NULL) {
        return weir__refused();
    }
    struct weir__poller *poller = self->poller;
    weir__index_remove(&poller->entries, &entry->node);
    let_go_of_entry(poller, entry, forget(poller, entry));
    weir__poller_review(poller);
    return WEIR_OK;
}

static void close_left(void *poller, struct weir__index_node *node) {
    close_entry(poller, WEIR__CONTAINER_OF(node, struct weir__polled_entry, node));
}

void weir__poller_close_all(struct weir__poller *poller) {
    weir__index_empty(&poller->entries, close_left, poller);
    while (poller->ghosts != NULL) {
        struct weir__polled_entry *ghost = poller->ghosts;
        poller->ghosts = ghost->next;
        free_polled(poller, ghost);
    }
}

size_t weir_poller_count(const weir_stage *self) {
    bool here = !weir__self_unfit(self) && runs_here(self) && self->poller != NULL;
    return here ? self->poller->entries.count : 0;
}
