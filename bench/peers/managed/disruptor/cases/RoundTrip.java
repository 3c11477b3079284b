// One event there and back over two rings, each trip timed.
// SPDX-License-Identifier: Apache-2.0
//
// The far side is a processor whose handler publishes to the second ring; the near side
// waits at that ring's barrier itself.

import com.lmax.disruptor.AlertException;
import com.lmax.disruptor.RingBuffer;
import com.lmax.disruptor.Sequence;
import com.lmax.disruptor.SequenceBarrier;
import com.lmax.disruptor.TimeoutException;
import java.util.Arrays;
import java.util.List;

final class RoundTrip {
    private static final double[] QUANTILES = {0.5, 0.99, 0.999};

    private final RingBuffer<Slot> there;
    private final RingBuffer<Slot> back;
    private final SequenceBarrier arrivals;
    private final Sequence taken = new Sequence();
    private final int[] trips;
    private long sum;
    private long end;

    private RoundTrip(Setting setting, long events) {
        there = setting.newRing();
        back = setting.newRing();
        arrivals = back.newBarrier();
        back.addGatingSequences(taken);
        trips = new int[Math.toIntExact(events)];
    }

    static long[] run(Setting setting, long events) {
        RoundTrip trip = new RoundTrip(setting, events);
        Stage echo = new Echo(trip.back, events);
        echo.attach(trip.there);
        trip.there.addGatingSequences(echo.sequence());
        long start = Crew.run(List.of(
            new Crew.Task(0, trip::travel),
            new Crew.Task(setting.coreOfOther(0), echo::run)));
        return trip.result(start);
    }

    private static final class Echo extends Stage {
        private final RingBuffer<Slot> back;
        private final long last;

        Echo(RingBuffer<Slot> back, long events) {
            this.back = back;
            last = events - 1;
        }

        @Override
        public void onEvent(Slot slot, long sequence, boolean endOfBatch) {
            publish(back, slot.value);
            if (sequence == last) finish();
        }
    }

    private static void publish(RingBuffer<Slot> ring, long value) {
        long sequence = ring.next();
        ring.get(sequence).value = value;
        ring.publish(sequence);
    }

    private void travel() {
        try {
            long before = System.nanoTime();
            for (int i = 0; i < trips.length; i++) {
                publish(there, i + 1L);
                arrivals.waitFor(i);
                sum += back.get(i).value;
                taken.set(i);
                long now = System.nanoTime();
                trips[i] = (int) Math.min(now - before, Integer.MAX_VALUE);
                before = now;
            }
            end = before;
        } catch (AlertException | InterruptedException | TimeoutException never) {
            throw new IllegalStateException(never);
        }
    }

    private long[] result(long start) {
        Arrays.sort(trips);
        long[] result = new long[2 + QUANTILES.length];
        result[0] = sum == Cases.triangle(trips.length) ? 1 : 0;
        result[1] = end - start;
        for (int i = 0; i < QUANTILES.length; i++) {
            int at = (int) (QUANTILES[i] * trips.length);
            result[2 + i] = trips[Math.min(at, trips.length - 1)];
        }
        return result;
    }
}
