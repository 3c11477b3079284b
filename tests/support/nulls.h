/*
 * Rows of the table of NULL arguments.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A row is of one of three kinds:
 *   REFUSED   WEIR_INVALID, and the sentence names the argument
 *   HARMLESS  the function returns no status: what it returns instead, and the sentence
 *   ALLOWED   NULL means something; the header says what
 * The other arguments are right, or, where nothing is looked at before, only not NULL: SOME.
 * Whoever has rows has a rig, named `rig`; its text `wrong` receives those that do not hold.
 */
#ifndef TESTS_SUPPORT_NULLS_H
#define TESTS_SUPPORT_NULLS_H

#include "support/rig.h"

/* What was refused before is not to be taken for this row's. */
void nulls_forget(void);

/* right: it returned what it should; refused: and the sentence is to say that it is missing. */
void nulls_check(struct rig *rig, bool right, const char *function, const char *argument,
                 bool refused);

#define REFUSED(function, argument, call) \
    (nulls_forget(), nulls_check(&rig, (call) == WEIR_INVALID, #function, #argument, true))
#define HARMLESS(function, argument, expression) \
    (nulls_forget(), nulls_check(&rig, (expression), #function, #argument, true))
#define ALLOWED(function, argument, expression) \
    (nulls_forget(), nulls_check(&rig, (expression), #function, #argument, false))

/* Something that is not NULL, for arguments that are not looked at. */
extern unsigned char nulls_place[256];
#define SOME ((void *)nulls_place)

/* The end: every row held, nothing is left.  Closes the rig's runtime. */
void nulls_end(struct rig *rig);

#endif
