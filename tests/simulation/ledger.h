/*
 * The ledger: what became of each event of a simulated graph.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Every event carries an identity, source << 32 | number, where the source is the node of
 * the graph that made it.  An identity has one fate at a time:
 *
 *   NOT_YET   nobody was given it
 *   OUT       a node (`at`) has emitted it, or an inlet accepted it: it is weir's
 *   REFUSED   weir said no: it is the pusher's
 *   KEPT      with user code, which got it from weir or made it: in a callback or its state
 *   MAILING   with user code that sends it as a message
 *   MAILED    in a message, or a timer, that was accepted
 *   HANDLED   somebody is done with it
 *   MERGED    it has become part of another one
 *   LEFT      the stage whose user code had it, or whose mail, was stopped, and said so
 *
 * Of what a broadcaster emits several get copies: it stays OUT, with who `had` it; and each
 * copy goes on as an identity of its consumer's own.
 *
 * When all is over, what is OUT must have been told as discarded, one by one (weir tells
 * numbers, not which); and where everybody finished, and nobody was stopped, there is no
 * such thing, and nothing is KEPT, MAILED or LEFT.
 */
#ifndef WEIR_TESTS_LEDGER_H
#define WEIR_TESTS_LEDGER_H

#include "sim.h"

#include <weir/weir.h>

enum { LEDGER_SOURCES = 20, LEDGER_NUMBERS = 192, LEDGER_ANYBODY = 255 };

enum fate { NOT_YET, OUT, REFUSED, KEPT, MAILING, MAILED, HANDLED, MERGED, LEFT };

void ledger_begin(void);

/* What this one emits is given to several: it emits only identities of its own.  ordered: as
 * ledger_out is called, so who comes late has all from then on. */
void ledger_shares(unsigned source, bool ordered);
bool ledger_is_shared(unsigned source);

/* A new identity, KEPT by who makes it; 0: there are enough. */
uint64_t ledger_new(unsigned source);

enum fate ledger_fate(uint64_t identity);

/* It has that fate, with that keeper. */
bool ledger_is(uint64_t identity, enum fate fate, unsigned keeper);

/* How often it went round a ring. */
unsigned ledger_rounds(uint64_t identity);
void ledger_round(uint64_t identity);

/* Emitted, or about to be pushed; taken back, where the push was refused. */
void ledger_out(uint64_t identity, unsigned at);
void ledger_refused(uint64_t identity);

/*
 * A consumer gets it from that source (LEDGER_ANYBODY: it cannot tell).  Returns the identity
 * that is its own now; 0: it was a copy, and there are no more numbers: done with.
 */
uint64_t ledger_came(unsigned consumer, unsigned from, uint64_t identity);

/* User code has done that with it: HANDLED, MERGED, LEFT, or about to send it. */
void ledger_becomes(uint64_t identity, enum fate fate, unsigned keeper);

/* How many the keeper has that have that fate; and all of them become another. */
unsigned ledger_count(unsigned keeper, enum fate fate);
void ledger_all_become(unsigned keeper, enum fate from, enum fate to);

/* At rest, and at the end: weir's accounts tell the same. */
void ledger_compare(const weir_accounts *accounts, uint64_t discarded);

/* Everybody has finished: each was handled. */
void ledger_is_clean(void);

/* Writes to standard error what was not handled. */
void ledger_tell(void);

#endif
