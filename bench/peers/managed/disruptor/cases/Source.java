// A producer: publishes the values of a range, one by one or by claims of many.
// SPDX-License-Identifier: Apache-2.0
//
// A claim of many slots is published at once; it costs the consumers nothing and the
// producer one look at their progress for all of them.

import com.lmax.disruptor.RingBuffer;

final class Source implements Runnable {
    private final RingBuffer<Slot> ring;
    private final int claim;
    private final long first;
    private final long last;

    Source(RingBuffer<Slot> ring, int claim, long first, long last) {
        this.ring = ring;
        this.claim = claim;
        this.first = first;
        this.last = last;
    }

    @Override
    public void run() {
        if (claim == 1) {
            publishItems();
        } else {
            publishClaims();
        }
    }

    private void publishItems() {
        for (long value = first; value <= last; value++) {
            long sequence = ring.next();
            ring.get(sequence).value = value;
            ring.publish(sequence);
        }
    }

    private void publishClaims() {
        long value = first;
        while (value <= last) {
            int count = (int) Math.min(claim, last - value + 1);
            long high = ring.next(count);
            long low = high - count + 1;
            for (long sequence = low; sequence <= high; sequence++) {
                ring.get(sequence).value = value++;
            }
            ring.publish(low, high);
        }
    }
}
