// A stage: a handler with its processor, which ends itself after the last event.
// SPDX-License-Identifier: Apache-2.0
//
// The sequence tells the last event.  The handler reads the clock there, so that what
// follows, the way out of the processor's loop, is not measured.

import com.lmax.disruptor.BatchEventProcessor;
import com.lmax.disruptor.EventHandler;
import com.lmax.disruptor.RingBuffer;
import com.lmax.disruptor.Sequence;

abstract class Stage implements EventHandler<Slot> {
    long sum;
    long end; // System.nanoTime() after the last event

    private BatchEventProcessor<Slot> processor;

    /** A barrier of its own for each: to halt one processor alerts all on its barrier. */
    void attach(RingBuffer<Slot> ring, Sequence... behind) {
        processor = new BatchEventProcessor<>(ring, ring.newBarrier(behind), this);
    }

    Sequence sequence() {
        return processor.getSequence();
    }

    void run() {
        processor.run();
    }

    final void finish() {
        end = System.nanoTime();
        processor.halt();
    }

    /** Adds up every event. */
    static final class Sum extends Stage {
        private final long last;

        Sum(long events) {
            last = events - 1;
        }

        @Override
        public void onEvent(Slot slot, long sequence, boolean endOfBatch) {
            sum += slot.value;
            if (sequence == last) finish();
        }
    }

    /** Adds up the events of one key; the ring shows it all of them. */
    static final class SumOfKey extends Stage {
        private final long last;
        private final long key;

        SumOfKey(long events, long key) {
            last = events - 1;
            this.key = key;
        }

        @Override
        public void onEvent(Slot slot, long sequence, boolean endOfBatch) {
            if ((slot.value & (Cases.FAN - 1)) == key) sum += slot.value;
            if (sequence == last) finish();
        }
    }

    /** Doubles every event where it lies. */
    static final class Twice extends Stage {
        private final long last;

        Twice(long events) {
            last = events - 1;
        }

        @Override
        public void onEvent(Slot slot, long sequence, boolean endOfBatch) {
            slot.value *= 2;
            if (sequence == last) finish();
        }
    }
}
