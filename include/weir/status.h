/*
 * Statuses: the one list of results that weir's functions return.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Three kinds, never mixed.  Zero is success.  Positive values are ordinary
 * "not now" results (a full inlet, a timeout): they are expected in a healthy
 * program and are never logged.  Negative values are refusals: the call
 * changed nothing, and weir_refusal() holds a sentence that names what was
 * wrong, with the value given and the values allowed.
 *
 * A pointer that is NULL where that has no meaning is refused by every function, with
 * WEIR_INVALID and a sentence that names the argument ("runtime must not be NULL").
 * One that returns no status then does nothing, leaves that sentence, and returns 0,
 * false, NULL, {0} or ""; a verdict is WEIR_STOP.
 */
#ifndef WEIR_STATUS_H
#define WEIR_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

/* X(name, value, text) */
#define WEIR_STATUS_LIST(X)                                               \
    X(OK, 0, "success")                                                   \
    X(FULL, 1, "no room at present")                                      \
    X(TIMEOUT, 2, "the time allowed has passed")                          \
    X(DROPPED, 3, "accepted, and an event was dropped to make room")      \
    X(END, 4, "there is nothing more to come")                            \
    X(AT_MARK, 5, "a mark comes before the next event")                   \
    X(INVALID, -1, "an option or argument is outside its allowed values") \
    X(NO_MEMORY, -2, "memory could not be allocated")                     \
    X(NO_STAGE, -3, "the reference names no living stage")                \
    X(NO_SUBSCRIPTION, -4, "the subscription has ended")                  \
    X(NOT_A_CONSUMER, -5, "the stage cannot consume")                     \
    X(NOT_A_PRODUCER, -6, "the stage cannot produce")                     \
    X(WRONG_THREAD, -7, "the call is not allowed from this thread")       \
    X(WRONG_MODE, -8, "the runtime's mode does not allow the call")       \
    X(INIT_STOPPED, -9, "the stage's init asked to stop")                 \
    X(CLOSED, -10, "the runtime is closing")                              \
    X(SYSTEM, -11, "the operating system refused")                        \
    X(NAME_TAKEN, -12, "the name belongs to another living stage")        \
    X(NO_NAME, -13, "no living stage has that name")                      \
    X(NO_TIMER, -14, "the timer has fired, or was cancelled")             \
    X(NO_CALLER, -15, "nobody waits for that answer any more")            \
    X(UNHANDLED, -16, "the stage has no callback for that")               \
    X(NO_CHILD, -17, "the child has ended, or never was")                 \
    X(START_FAILED, -18, "the child's start has refused it")              \
    X(NO_TOKEN, -19, "the token was given back already, or never was")    \
    X(FORKED, -20, "the runtime is the parent's of this process")

typedef enum weir_status {
#define WEIR_STATUS_ENUM(name, value, text) WEIR_##name = (value),
    WEIR_STATUS_LIST(WEIR_STATUS_ENUM)
#undef WEIR_STATUS_ENUM
} weir_status;

/*
 * The sentence that belongs to a status ("no room at present").
 * Returns   a constant string, "unknown status" for a value not in the list.
 * Threads   any; wait-free.
 */
const char *weir_status_text(weir_status status);

/* The status's name as written in the source ("WEIR_FULL").  As above. */
const char *weir_status_name(weir_status status);

/*
 * Why the last refused call on this thread was refused, for example
 * "max_demand must be at least 1, got 0".
 * Returns   a string, "" when nothing was refused on this thread yet.
 * Threads   any; each thread sees its own.
 * Lifetime  until the next refused call on this thread.
 */
const char *weir_refusal(void);

/*
 * For what is built upon weir, a driver say: has weir_refusal on this thread say this sentence, cut
 * off behind 255 bytes, and returns the status:
 *   return weir_refuse(WEIR_INVALID, "size must be 1 to 100, got %zu", size);
 * A driver that says LOST or BROKEN (source.h, sink.h) tells the log why by it.
 * Arguments format: as printf's; an argument may be what weir_refusal has returned.
 * Threads   any.
 */
weir_status weir_refuse(weir_status status, const char *format, ...)
#ifdef __GNUC__
    __attribute__((format(printf, 2, 3)))
#endif
    ;

#ifdef __cplusplus
}
#endif
#endif
