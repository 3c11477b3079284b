/*
 * A shape: which of the ways to build the transport a row of the table takes.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A shape is a compile-time constant: pipe.h has the sender and the receiver
 * once, and the compiler makes a copy of them for each SHAPE of a section, in
 * which no trace of the other ways is left.  What the library would know only
 * at run time (window, block size, ring size) is a setting, not a shape.
 */
#ifndef TRANSPORT_SHAPE_H
#define TRANSPORT_SHAPE_H

#include "race.h"

#include <stdbool.h>
#include <stdint.h>

enum shape_entry {
    ENTRY_SLIM, /* 16 bytes: block, first, count */
    ENTRY_LINE, /* 64 bytes: the same, or up to 40 bytes of events inline */
};

enum shape_signal {
    SIGNAL_NONE,
    SIGNAL_WARM, /* fence, read `ready`; the owner keeps it 1 while work comes */
    SIGNAL_EACH, /* fence, read `ready`; the owner clears it whenever it is idle */
};

enum shape_memory {
    MEMORY_WINDOW, /* one window, reused: no blocks */
    MEMORY_EACH,   /* a block per emission, its count dropped by one RMW */
    MEMORY_LAST,   /* the same, but a count of 1 is seen by a load: no RMW */
    MEMORY_BIASED, /* blocks cut into slices; the receiver's RMW is in its cache */
    MEMORY_MIXED,  /* as BIASED, but what receivers read shares a line with what
                      the sender writes for every slice                            */
};

enum shape_home {
    HOME_SINGLY, /* a freed block is pushed at once */
    HOME_CHAIN,  /* one push for all freed in a turn */
};

enum shape_fill {
    FILL_IN_PLACE,
    FILL_AHEAD,   /* in place; the lines of the next batch are prefetched to write */
    FILL_SCRATCH, /* a scratch is filled and copied by memcpy */
    FILL_STRING,  /* the same by `rep movsb` */
};

struct shape {
    enum shape_entry entry;
    enum shape_signal signal;
    enum shape_memory memory;
    enum shape_home home;
    enum shape_fill fill;
    bool reserve;     /* the sender writes the ring's slot in place */
    bool peek;        /* the receiver reads it in place */
    bool stamped;     /* the receiver watches the slot itself, not the ring's tail */
    bool asked_near;  /* `asked` lies in the cache line of the ring's c_head */
    bool stamp_late;  /* the first slot of a visit is stamped last: all are seen at once */
    bool head_early;  /* the entry is copied out, and c_head published, before it is handled */
    bool head_late;   /* the receiver publishes c_head with its asks, or at half the ring */
    bool head_cached; /* the sender reads c_head only when its last view is used up */
    bool slot_ahead;  /* the sender prefetches the slot after the one it published */
    bool inlined;     /* events travel in the entry */
    bool coalesce;    /* pieces of slice_max are filled one by one, but travel as one slice */
    bool gather;      /* the receiver copies a batch together from several slices */
    bool signal_late; /* the receiver signals once per visit, not once per ask */
    bool turn;        /* mailbox and ready stack polled, callbacks, counters */
    bool pause;       /* polls with the pause instruction */
};

struct setting {
    uint32_t max;
    uint32_t min;
    uint32_t event_bytes; /* a multiple of 8 */
    uint32_t block_bytes; /* of events, in a block */
    uint32_t slice_max;   /* events in a slice at most; 0: as many as are asked */
    uint32_t ring_entries;
    uint64_t events;
};

typedef struct race_result (*shape_run)(struct race_cores cores, const struct setting *setting);

#endif
