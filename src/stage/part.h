/*
 * A part's calls: what its stage does beside what all stages do.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A part is a stage that comes with weir (an inlet, a stream, a pool, a supervisor).  Its init
 * sets stage->part, once, to a table of its own; a stage that is no part has NULL there.  Each
 * call may be NULL as well.  All of them are made on the stage's worker.
 */
#ifndef WEIR__STAGE_PART_H
#define WEIR__STAGE_PART_H

#include <weir/runtime.h>
#include <weir/stage.h>

struct weir__item;

/*
 * Whom a part takes nothing from any more, once it finishes: anybody, as nobody feeds it; or, in a
 * ring of stages, who is not at work in one of the runtime's stages, and then, if it comes to that,
 * anybody: tried, for it may be taken back, by saying OUTSIDE again.
 */
enum weir__shutting { WEIR__SHUT_ALL, WEIR__SHUT_OUTSIDE, WEIR__SHUT_TRIED };

struct weir__part_calls {
    /* A callback: mail POKE has come. */
    weir_verdict (*poke)(weir_stage *stage);

    /* A callback, late in the turn: demand or the buffer has changed.  The part's events are not
     * the stage's: handle_demand is not called. */
    weir_verdict (*supply)(weir_stage *stage);

    /* A callback: a mark that would go on by itself, with watermarks combined.  The part has it go
     * (weir__stage_emit_mark), now or, behind what it keeps, later (parts/behind.h). */
    weir_verdict (*mark)(weir_stage *stage, const struct weir__item *mark);

    /* While ready->watched: true, something came / before that ends: false, look on. */
    bool (*look)(weir_stage *stage);
    bool (*rest)(weir_stage *stage);

    /* Likewise, between two visits: it has come.  A hint, which changes nothing, and reads no line
     * that who brings it writes more than once.  NULL: visits will do. */
    bool (*news)(weir_stage *stage);

    /* Lending (lend.c), all of them or none: something was added to `lent` / the end, and lent is
     * to be what was not read / its producers have been left, but for stage->amid. */
    void (*lend)(weir_stage *stage);
    void (*recall)(weir_stage *stage);
    void (*left)(weir_stage *stage);

    /* Between turns: a rate has other terms, perhaps (runtime/rates.h).  Who waits for tokens has
     * himself called, and looks again. */
    void (*rates_set)(weir_stage *stage);

    /* The stage ends, before `terminate`; or its start has failed behind its init, on that thread.
     * The last call, as it takes the part off. */
    void (*gone)(weir_stage *stage);

    /* The end (ending.c): it is to finish / takes no more, see there / what it holds; NONE:
     * nothing / it is to stop; true: it will, but not yet. */
    void (*drained)(weir_stage *stage);
    void (*shut)(weir_stage *stage, enum weir__shutting whom);
    weir_holdup (*holds)(const weir_stage *stage);
    bool (*stop_asked)(weir_stage *stage, weir_reason reason);
};

/* That call of a stage's part; NULL: there is none. */
#define WEIR__PART(stage, call) ((stage)->part == NULL ? NULL : (stage)->part->call)

#endif
