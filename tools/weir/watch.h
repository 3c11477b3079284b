/*
 * The runtimes that `weir web` looks at, and what is said of each: a message of JSON.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Either the one that was named, which must be there, or all of the user's, as they come and go.
 * Each is looked at whether or not somebody listens, so that a page has time lines as soon as it
 * is opened.  A runtime that has ended stays as it was when it was last at work.
 */
#ifndef TOOL_WATCH_H
#define TOOL_WATCH_H

#include "history.h"
#include "options.h"

#define WATCH_SECONDS 0.5 /* from look to look */
enum { WATCH_MOST = 64 }; /* runtimes */

/* What is sent to one or several, as a server-sent event; counted by those who hold it. */
struct message {
    unsigned holders;
    size_t length;
    char text[]; /* "data: ", JSON in one line, and two ends of lines */
};

struct watch {
    char id[32]; /* "PID.NUMBER" */
    struct feed feed;
    struct look look;
    struct history history;
    struct message *said; /* of the last look; NULL: nobody has asked yet */
    unsigned listeners;   /* who hold a pointer to it */
    char ended[200];      /* why nothing more comes, in a sentence; "": it goes on */
    uint64_t opened_utc;  /* the runtime */
    unsigned ended_looks; /* so many looks ago */
};

struct watches {
    struct watch *at[WATCH_MOST];
    uint32_t count;
    bool all; /* of the user's, found anew as they come */
    unsigned looks;
};

/* Opens what the options name; nothing named, and no recording: all that there are.
 * Errors (trouble.h): there is no such runtime, or no such recording. */
bool watches_open(struct watches *watches, const struct options *options);
void watches_close(struct watches *watches);

/* Looks at each, WATCH_SECONDS after the last time. */
void watches_look(struct watches *watches);

/* By its id; NULL: the first that is at work, or else the first.  NULL if there is none. */
struct watch *watches_find(const struct watches *watches, const char *id);

/*
 * The message on a runtime, or with NULL on there being none; it is to be dropped.  With time
 * lines until now, or without.  NULL: no memory.
 */
struct message *watches_say(struct watches *watches, struct watch *watch, bool lines);
void message_drop(struct message *message);

#endif
