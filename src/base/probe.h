/*
 * Probes: places where a tracer may look, in a program that runs.
 * SPDX-License-Identifier: Apache-2.0
 *
 * USDT probes of the provider `weir`, where <sys/sdt.h> was there when the library was built:
 * each is one instruction that does nothing, and a note that tells tracers (bpftrace, perf,
 * SystemTap, gdb) where it is and where its arguments lie.  Without it they are nothing at all.
 *
 *   turn__begin(stage)                     a worker visits a stage: weir_ref.bits
 *   turn__end(stage, busy)                 1: it has done something
 *   callback__begin(stage, name)           a function of the program's is called; the stage's name
 *   callback__end(stage, name, callback)   "handle_events", ...; behind it what it emitted goes
 *   dispatch(stage, events)                the dispatcher gets so many
 *   ask(subscription, events)              a consumer asks for so many more: weir_subscription.id
 *   discard(stage, events, cause)          a weir_discard
 *   park(worker)                           a worker sleeps; `worker` is an address of its
 *   ring(worker)                           a thread wakes it
 *   wake(worker, rung)                     it is awake; 0: its time was up
 *
 * tools/trace/ has scripts.
 */
#ifndef WEIR__BASE_PROBE_H
#define WEIR__BASE_PROBE_H

#ifdef WEIR_SDT
#include <sys/sdt.h>
#define WEIR__PROBE1(name, a)       DTRACE_PROBE1(weir, name, a)
#define WEIR__PROBE2(name, a, b)    DTRACE_PROBE2(weir, name, a, b)
#define WEIR__PROBE3(name, a, b, c) DTRACE_PROBE3(weir, name, a, b, c)
#else
#define WEIR__PROBE1(name, a)       ((void)0)
#define WEIR__PROBE2(name, a, b)    ((void)0)
#define WEIR__PROBE3(name, a, b, c) ((void)0)
#endif

#endif
