/*
 * The poller's listeners: when they accept, and a connection taken from one.  See poller.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A listener stays ready while there is no descriptor for a connection, so who only waited for it
 * would be called again and again, at full speed.  Descriptors are the process's: so all listeners
 * of the poller are let be for a while, and longer each time that there is none still.
 */
#include "parts/poller.h"

#include "base/refusal.h"
#include "os/clock.h"

#include <errno.h>
#include <string.h>
#include <weir/backoff.h>

/* ---- which accept ---------------------------------------------------------------- */

static void link_acceptor(struct weir__poller *poller, struct weir__polled_entry *entry) {
    entry->next = poller->acceptors;
    poller->acceptors = entry;
}

static void unlink_acceptor(struct weir__poller *poller, const struct weir__polled_entry *entry) {
    struct weir__polled_entry **at = &poller->acceptors;
    while (*at != entry) {
        at = &(*at)->next;
    }
    *at = entry->next;
}

void weir__poller_move_acceptor(struct weir__poller *poller, struct weir__polled_entry *entry,
                                unsigned now) {
    bool was = (entry->watch.want & WEIR_POLL_ACCEPT) != 0;
    bool is = (now & WEIR_POLL_ACCEPT) != 0;
    if (is && !was) {
        link_acceptor(poller, entry);
    } else if (was && !is) {
        unlink_acceptor(poller, entry);
    }
}

void weir__poller_review(struct weir__poller *poller) {
    bool accepts =
        poller->entries.count < poller->most && !poller->stage->finishing && !poller->pauses;
    if (accepts == poller->accepts) {
        return;
    }
    poller->accepts = accepts;
    for (struct weir__polled_entry *entry = poller->acceptors; entry != NULL; entry = entry->next) {
        weir__poller_ask_anew(poller, entry);
    }
}

/* ---- pausing --------------------------------------------------------------------- */

/* On the worker. */
void weir__poller_tries_again(struct weir__poller *poller) {
    if (poller->pauses) {
        poller->pauses = false;
        weir__timers_remove(&poller->stage->host->timers, &poller->pause);
    }
}

static void pause_is_over(struct weir__timer *timer) {
    struct weir__poller *poller = WEIR__CONTAINER_OF(timer, struct weir__poller, pause);
    weir__poller_tries_again(poller);
    weir__poller_review(poller);
}

static const weir_backoff pauses = {.first_ns = 10000000, .most_ns = 1000000000};

/* Of each drought once, and not of one after the other. */
static void log_pause(struct weir__poller *poller, uint64_t now_ns, int error) {
    const uint64_t between_ns = UINT64_C(10000000000);
    if (poller->failures > 0 || (poller->logged && now_ns - poller->logged_ns < between_ns)) {
        return;
    }
    poller->logged = true;
    poller->logged_ns = now_ns;
    weir__host_log(poller->stage->host, WEIR_LOG_WARNING,
                   "poller %s cannot accept connections (%s), and tries again from time to time",
                   poller->stage->name, strerror(-error));
}

/* In its init nothing is waited for yet; and there it may be tried again at once. */
static void pause_accepting(struct weir__poller *poller, int error) {
    if (!poller->joined || poller->pauses) {
        return;
    }
    const uint64_t now_ns = weir_runtime_now(poller->quay.runtime);
    log_pause(poller, now_ns, error);
    poller->pauses = true;
    poller->pause.fire = pause_is_over;
    poller->failures += poller->failures < UINT32_MAX;
    weir__timers_add(
        &poller->stage->host->timers, &poller->pause,
        weir__clock_deadline(now_ns, weir_backoff_delay(&pauses, poller->failures, 0)));
    weir__poller_review(poller);
}

/* ---- accepting ------------------------------------------------------------------- */

static weir_status not_accepted(struct weir__poller *poller, int fd, int error) {
    switch (-error) {
    case EAGAIN:
        return WEIR_TIMEOUT;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        pause_accepting(poller, error);
        return WEIR_FULL;
    case EINVAL:
    case ENOTSOCK:
    case EOPNOTSUPP:
        return weir__refuse(WEIR_INVALID, "descriptor %d does not listen", fd);
    case EBADF:
        return weir__refuse(WEIR_INVALID, "%d is no descriptor", fd);
    default:
        return weir__refuse(WEIR_SYSTEM, "no connection of descriptor %d: %s", fd,
                            strerror(-error));
    }
}

weir_status weir_poller_accept(weir_stage *self, int listener, int *out) {
    static const char function[] = "weir_poller_accept";
    struct weir__poller *poller = weir__poller_here(self, function);
    if (poller == NULL || weir__missing(out, "out") ||
        weir__poller_need(self, listener, function) == NULL) {
        return weir__refused();
    }
    int fd = weir__poll_accept(listener);
    if (fd < 0) {
        return not_accepted(poller, listener, fd);
    }
    poller->failures = 0;
    weir__poller_tries_again(poller);
    weir__poller_review(poller);
    *out = fd;
    return WEIR_OK;
}
