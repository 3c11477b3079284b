/*
 * A source's rounds: what its owner does, in order.  See source.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * 1  looks at what others have said: what consumers ask for, that it is to end
 * 2  takes what was settled
 * 3  connects, if it is not, and it is time to
 * 4  tells the driver what is settled
 * 5  emits again what was nak'd, if that is its affair; extends leases
 * 6  pulls, and sends on what came
 *
 * So acks never run beside a pull, and come before the next one.  As it ends the stage is told
 * first, and then 2 to 4 go on until nothing is out, or the deadline, if there is one, has passed:
 * what is out then is nak'd, what cannot be told is given up, and the driver is closed.  Who
 * finishes or closes the source names a deadline; so do a broken driver and a stage that is
 * stopped.  What ends by itself, or with a drain, has none.  A pipeline's source whose driver is
 * broken does not stop its stage: what was pulled goes on, and the pipeline (its kin) is told.
 */
#include "base/attributes.h"
#include "os/clock.h"
#include "os/futex.h"
#include "os/lock.h"
#include "pipeline/source.h"
#include "runtime/errand.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static const uint64_t never_ns = UINT64_MAX;

enum { LONG_PULL_NS = 1000000000, NS_IN_MS = 1000000 };

static uint64_t sooner(uint64_t one, uint64_t other) {
    return one < other ? one : other;
}

/* ---- what is logged ------------------------------------------------------------- */

void weir__source_log(const weir_source *source, weir_log_level level, const char *format, ...) {
    char what[512];
    char text[576];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    snprintf(text, sizeof text, "source %s: %s", source->name, what);
    weir__runtime_log(source->quay.runtime, level, text);
}

weir_pulled weir__source_said(const weir_source *source, const char *call, weir_pulled said) {
    if ((unsigned)said <= WEIR_BROKEN) {
        return said;
    }
    weir__source_log(source, WEIR_LOG_ERROR, "%s of driver %s has returned %d, which says nothing",
                     call, source->driver.name, (int)said);
    return WEIR_BROKEN;
}

void weir__source_broke(weir_source *source) {
    if (!source->broken) {
        source->broken = true;
        const bool ends_all = source->kin != NULL && !source->no_more;
        weir__source_log(source, WEIR_LOG_ERROR, "its driver is broken%s%s%s%s",
                         WEIR__REFUSAL_ASIDE, ends_all ? ": the pipeline ends" : "");
    }
}

/* Before whatever may take long. */
static void show_figures(weir_source *source) {
    uint64_t outstanding = source->outstanding - source->told;
    for (const struct weir__lane *lane = source->due; lane != NULL; lane = lane->next_due) {
        outstanding += lane->untold; /* whose receipts are free */
    }
    weir__store_relaxed_u64(&source->stats.outstanding, outstanding);
    weir__store_relaxed_u64(&source->stats.bytes, source->bytes);
}

/* ---- connecting ----------------------------------------------------------------- */

/* Half of the time that it waits is drawn, so that many do not come back at once. */
void weir__source_lost(weir_source *source, const char *call) {
    uint64_t half = source->reopen_wait / 2;
    source->opened = false;
    source->reopen_at =
        weir__clock_deadline(source->now_ns, half + weir__rng_below(&source->rng, half + 1));
    source->reopen_wait = source->reopen_wait > source->options.reopen_most_ns / 2
                              ? source->options.reopen_most_ns
                              : source->reopen_wait * 2;
    weir__source_count(&source->stats.lost, 1);
    if (!source->broken && !source->told_lost) {
        source->told_lost = true;
        weir__source_log(source, WEIR_LOG_WARNING,
                         "driver %s is not connected: %s has said LOST%s%s%s; it is tried again "
                         "in %" PRIu64 " ms",
                         source->driver.name, call, WEIR__REFUSAL_ASIDE,
                         (source->reopen_at - source->now_ns) / NS_IN_MS);
    }
}

static void tell_opened(weir_source *source) {
    if (source->told_lost) {
        source->told_lost = false;
        weir__source_log(source, WEIR_LOG_INFO, "driver %s is connected%s", source->driver.name,
                         weir__load_relaxed_u64(&source->stats.opened) > 1 ? " again" : "");
    }
}

static weir_pulled call_open(weir_source *source) {
    struct weir__errand errand;
    if (source->driver.open == NULL) {
        return WEIR_PULLED;
    }
    weir__driver_enter(source, &errand);
    weir_pulled said = source->driver.open(source->options.context);
    weir__driver_returned(source, &errand);
    return weir__source_said(source, "open", said);
}

static void connect_driver(weir_source *source) {
    if (source->opened || source->broken || source->now_ns < source->reopen_at) {
        return;
    }
    source->tried = true;
    weir_pulled said = call_open(source);
    if (said == WEIR_PULLED) {
        source->opened = true;
        source->extend_at = source->driver.lease_ns == 0
                                ? never_ns
                                : weir__clock_deadline(source->now_ns, source->driver.lease_ns / 3);
        weir__source_count(&source->stats.opened, 1);
        tell_opened(source);
        return;
    }
    if (said == WEIR_BROKEN) {
        weir__source_broke(source);
    }
    weir__source_lost(source, "open");
}

/* ---- it pulls no more ----------------------------------------------------------- */

static void fall_deadline(weir_source *source, uint64_t within_ns) {
    uint64_t asked = weir__clock_deadline(source->now_ns, within_ns);
    uint64_t seen = weir__load_relaxed_u64(&source->deadline);
    while (asked < seen && !weir__cas_u64(&source->deadline, &seen, asked)) {}
    source->seen_deadline = weir__load_relaxed_u64(&source->deadline);
}

/* What was pulled goes on; then the stage ends. */
static void pull_no_more(weir_source *source) {
    source->no_more = true;
    weir__exchange_u32(&source->ended, 1);
    weir__lanes_hold(source);
    weir__source_send(source);
    weir_port_close(source->port);
    source->port = NULL;
    weir_inlet_finish(source->inlet);
    source->broke_off = source->broken;
    if (source->broken && source->kin == NULL) {
        weir_stop(source->quay.runtime, source->inlet->quay.stage, WEIR_REASON_USER);
    }
    weir_done(source->quay.runtime, source->inlet_token);
    if (source->broken || weir__load_relaxed_u32(&source->gone) != 0) {
        fall_deadline(source, source->options.shutdown_ns);
    }
}

static void hear_others(weir_source *source) {
    source->seen_wanted = weir__load_acquire_u64(&source->wanted); /* SO1 -> SO2 */
    source->seen_deadline = weir__load_relaxed_u64(&source->deadline);
    if (!source->no_more && weir__source_has_ended(source)) {
        pull_no_more(source);
    }
    /* Behind the inlet's end (a full fence): who came in before that is counted (I3 -> I4). */
    source->seen_pushed = weir__load_relaxed_u64(&source->pushed);
}

bool weir__source_is_called(const weir_source *source) {
    return weir__load_relaxed_u64(&source->wanted) != source->seen_wanted ||
           weir__load_relaxed_u64(&source->deadline) != source->seen_deadline ||
           (source->no_more ? weir__load_relaxed_u64(&source->pushed) != source->seen_pushed
                            : weir__source_has_ended(source)) ||
           !weir__returns_none(&source->returns);
}

/* ---- pulling -------------------------------------------------------------------- */

static uint64_t pull_timeout(const weir_source *source, uint64_t due) {
    if (!source->threaded) {
        return 0;
    }
    uint64_t usual = source->outstanding > 0 ? source->driver.idle_ns : LONG_PULL_NS;
    uint64_t left = due <= source->now_ns ? 1 : due - source->now_ns;
    return sooner(usual, left);
}

static weir_pulled call_pull(weir_source *source, uint64_t events, uint64_t timeout_ns) {
    uint64_t most = source->options.max_outstanding_bytes;
    uint64_t bytes = source->bytes < most ? most - source->bytes : 1;
    struct weir__errand errand;
    show_figures(source);
    source->pull = (struct weir_pull){.source = source};
    weir__driver_enter(source, &errand);
    weir_pulled said = source->driver.pull(source->options.context, &source->pull, events,
                                           most == WEIR_INFINITY ? UINT64_MAX : bytes, timeout_ns);
    weir__driver_returned(source, &errand);
    weir__source_count(&source->stats.pulled, source->pull.added);
    weir__source_send(source);
    show_figures(source);
    return weir__source_said(source, "pull", said);
}

/* What a pull has said.  Returns when there may be another: `waited`, if it had nothing, which has
 * passed unless the driver came back without having waited. */
static uint64_t have_pulled(weir_source *source, weir_pulled said, uint64_t waited) {
    switch (said) {
    case WEIR_PULLED:
    case WEIR_IDLE:
        source->reopen_wait = source->options.reopen_ns;
        if (source->pull.added > 0) {
            return 0;
        }
        /* One that had something, but for which there was no room, is not called without end. */
        source->idle_until = said == WEIR_IDLE && source->threaded && !source->pull.refused
                                 ? waited
                                 : weir__clock_deadline(source->now_ns, source->driver.idle_ns);
        return source->idle_until;
    case WEIR_LOST:
        weir__source_lost(source, "pull");
        return 0;
    default:
        if (said != WEIR_SOURCE_END) { /* if it is that, an ack within the pull may have broken */
            weir__source_broke(source);
        }
        pull_no_more(source);
        return 0;
    }
}

static uint64_t pull_some(weir_source *source, uint64_t due) {
    uint64_t asked = weir__source_asked(source);
    uint64_t room = asked == 0 ? 0 : weir__source_room(source);
    if (room == 0 || source->cramped) {
        return due; /* until it is called */
    }
    if (source->now_ns < source->idle_until) {
        return sooner(due, source->idle_until);
    }
    uint64_t timeout = pull_timeout(source, due);
    uint64_t waited = weir__clock_deadline(source->now_ns, sooner(timeout, source->driver.idle_ns));
    weir_pulled said = call_pull(source, sooner(asked, room), timeout);
    return sooner(due, have_pulled(source, said, waited));
}

/* ---- ending --------------------------------------------------------------------- */

static void close_driver(weir_source *source) {
    weir__lock(&source->wake_lock);
    source->closed = true;
    weir__unlock(&source->wake_lock);
    struct weir__errand errand;
    if (source->tried && source->driver.close != NULL) {
        weir__driver_enter(source, &errand);
        source->driver.close(source->options.context);
        weir__driver_returned(source, &errand);
    }
}

/* It is in a figure from now on; so those that somebody has still are outstanding no more. */
static void leave_receipt(weir_source *source, struct weir__receipt *receipt) {
    uint64_t *figure = receipt->forgotten ? &source->stats.forgotten : &source->stats.left;
    if (receipt->state != WEIR__RECEIPT_TOLD) {
        weir__source_count(figure, 1);
    }
    if (!receipt->away) {
        weir__receipt_give(source, receipt);
    } else if (receipt->state != WEIR__RECEIPT_TOLD) {
        receipt->state = WEIR__RECEIPT_TOLD;
        source->told++;
    }
}

/* What no position has passed is the engine's to deliver again. */
static void leave_receipts(weir_source *source) {
    for (uint32_t place = 1; place <= source->used; place++) {
        struct weir__receipt *receipt = weir__source_receipt(source, place);
        if (receipt->state != WEIR__RECEIPT_FREE) {
            leave_receipt(source, receipt);
        }
    }
}

/* Records that are out are an orphan's from now on: who settles the last one buries it. */
static void orphan(weir_source *source) {
    if (source->out == 0) {
        return;
    }
    uint64_t count = 0;
    weir__quay_hold(&source->quay, 1);
    struct weir__record *head = weir__returns_orphan(&source->returns, source->out);
    for (; head != NULL; head = head->next) {
        count += weir__run_release(source, head);
    }
    if (count > 0 && weir__returns_count_off(&source->returns, count)) {
        weir__quay_release(&source->quay, 1);
    }
}

static void end_source(weir_source *source) {
    weir_runtime *runtime = source->quay.runtime;
    close_driver(source);
    leave_receipts(source);
    orphan(source);
    show_figures(source);
    weir_finish(runtime, source->quay.stage);
    weir_token token = source->own_token;
    weir__store_release_u32(&source->over, 1); /* SO5 -> SO6 */
    weir__futex_wake(&source->over, INT32_MAX);
    weir_done(runtime, token);
}

/* When it has to look again; *held: and it is not over before. */
static uint64_t look_at_kin(const weir_source *source, bool late, bool *held) {
    if (source->kin == NULL) {
        *held = false;
        return never_ns;
    }
    uint64_t look = source->kin->ends(source->kin, source->now_ns, source->broke_off, late);
    *held = source->broke_off && look != never_ns && !late;
    return look;
}

static uint64_t end_round(weir_source *source) {
    bool late = source->now_ns >= source->seen_deadline;
    bool held;
    uint64_t look = look_at_kin(source, late, &held);
    if (late && !source->abandoned) {
        weir_stop(source->quay.runtime, source->inlet->quay.stage, WEIR_REASON_SHUTDOWN);
        weir__source_abandon(source);
    }
    if (weir__source_has_news(source)) {
        connect_driver(source);
        bool told = source->opened && weir__source_tell(source);
        if (!told && (late || source->broken)) {
            weir__source_tell_nobody(source);
        }
    }
    bool news = weir__source_has_news(source);
    if (!news && !held && ((source->out == 0 && source->seen_pushed == 0) || source->abandoned)) {
        end_source(source);
        return never_ns;
    }
    uint64_t due = sooner(look, late ? never_ns : source->seen_deadline);
    if (source->opened && source->now_ns >= source->extend_at) {
        weir__source_extend(source);
    }
    due = source->opened ? sooner(due, source->extend_at) : due;
    return news ? sooner(due, source->reopen_at) : due;
}

void weir__source_end_now(weir_source *source) {
    source->now_ns = weir_runtime_now(source->quay.runtime);
    weir__exchange_u32(&source->gone, 1);
    hear_others(source);
    weir__source_take_settled(source);
    fall_deadline(source, 0);
    while (weir__load_relaxed_u32(&source->over) == 0) {
        end_round(source);
    }
}

/* ---- the round ------------------------------------------------------------------ */

static uint64_t pull_round(weir_source *source) {
    connect_driver(source);
    if (source->broken) {
        pull_no_more(source);
        return 0;
    }
    if (!source->opened || !weir__source_tell(source)) {
        return source->broken ? 0 : source->reopen_at;
    }
    if (source->now_ns >= source->extend_at && source->driver.extend != NULL) {
        weir__source_extend(source);
    }
    weir__lanes_redeliver(source);
    uint64_t due = source->driver.extend != NULL ? source->extend_at : never_ns;
    if (source->waits.first != 0 && weir__source_asked(source) > 0) {
        due = sooner(due, weir__source_receipt(source, source->waits.first)->due_ns);
    }
    return pull_some(source, due);
}

uint64_t weir__source_round(weir_source *source) {
    source->now_ns = weir_runtime_now(source->quay.runtime);
    hear_others(source);
    weir__source_take_settled(source);
    uint64_t due = source->no_more  ? end_round(source)
                   : source->driven ? pull_round(source)
                                    : never_ns;
    show_figures(source); /* at rest they are right */
    return due;
}
