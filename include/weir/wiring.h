/*
 * Wiring: what nearly every program does with its stages once they are written.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   weir_ref stages[3];
 *   weir_must(weir_stages_start(runtime, (const weir_stage_options[]){
 *                                   {.kind = WEIR_PRODUCER, ...},
 *                                   {.kind = WEIR_PRODUCER_CONSUMER, ...},
 *                                   {.kind = WEIR_CONSUMER, ...},
 *                               }, 3, stages));
 *   weir_must(weir_chain(runtime, stages, 3, NULL));
 */
#ifndef WEIR_WIRING_H
#define WEIR_WIRING_H

#include <weir/stage.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Starts `count` stages, in order, as weir_stage_start does; what their subscribe_to asks for
 * is requested, in the same order, once the last one has started.
 * Arguments  out: receives their references, as many; may be NULL.
 * Errors     those of weir_stage_start, for the first that is refused; weir_refusal says which
 *            one that is.  out is as it was, and nobody has subscribed.  Where it is for its
 *            options, nobody has started either: all are looked at before.  Else (an init that
 *            stops, a dispatcher's options, a name that is taken, a producer that has gone or is
 *            of another size, no memory) those before it have started: they run, and are then
 *            stopped with SHUTDOWN, without waiting for their ends.
 * Threads    any, also inside callbacks.
 */
weir_status weir_stages_start(weir_runtime *runtime, const weir_stage_options *options,
                              size_t count, weir_ref *out);

/*
 * Subscribes each stage of a row to the one before it: inlets, iterators and pools are stages
 * as well.  The last one of the row is the first to ask.  Behind a stage with a partition
 * dispatcher no row goes on: each of its consumers wants another partition, and what `options`
 * says is said of every link.  They subscribe one by one (weir_subscribe, subscribe_to).
 * Arguments  count: with 0 or 1 there is nothing to do.  options: of every subscription; may be
 *            NULL: all defaults.
 * Returns    WEIR_OK once all requests are on their way, as weir_subscribe.
 * Errors     those of weir_subscribe, for any of them; weir_refusal says between which two.
 *            Nobody has subscribed then.
 * Threads    any, also inside callbacks.
 */
weir_status weir_chain(weir_runtime *runtime, const weir_ref *stages, size_t count,
                       const weir_subscribe_options *options);

/*
 * For programs that cannot go on when a call is refused: unless the status is WEIR_OK, says
 * where that was and why on stderr ("main.c:12: WEIR_INVALID: max_demand must be at least 1,
 * got 0"), and ends the program with EXIT_FAILURE.
 * Threads    any.
 */
#define weir_must(status) weir_must_at(status, __FILE__, __LINE__)
void weir_must_at(weir_status status, const char *file, int line);

#ifdef __cplusplus
}
#endif
#endif
