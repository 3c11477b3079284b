/*
 * Middle: a part that is a stage between producers and consumers, and options as such a stage has.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Batchers, retries and conflaters have options of their own kinds, in which what is the
 * stage's has the names that it has in weir_stage_options.
 */
#ifndef WEIR__PARTS_MIDDLE_H
#define WEIR__PARTS_MIDDLE_H

#include <weir/stage.h>

/* Its name; none is not enough for one that is to be found by it. */
static inline const char *weir__middle_name(const char *name, bool registered, const char *usual) {
    return name != NULL || registered ? name : usual;
}

/* Of the members of a weir_stage_options those that a part's options (a pointer) say as they are;
 * the part has its own say of the others.  usual: the stage's name by default. */
/* clang-format off */
#define WEIR__MIDDLE(options, usual)                                                 \
    .kind = WEIR_PRODUCER_CONSUMER,                                                  \
    .name = weir__middle_name((options)->name, (options)->registered, usual),        \
    .registered = (options)->registered,                                             \
    .worker = (options)->worker,                                                     \
    .dispatcher = (options)->dispatcher,                                             \
    .dispatcher_options = (options)->dispatcher_options,                             \
    .on_cancel = (options)->on_cancel,                                               \
    .subscribe_to = (options)->subscribe_to,                                         \
    .subscribe_count = (options)->subscribe_count,                                   \
    .mailbox_limit = (options)->mailbox_limit
/* clang-format on */

#endif
