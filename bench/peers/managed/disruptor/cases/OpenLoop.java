// The open loop: events that come when they are due, see ../../../../open_loop.cc.
// SPDX-License-Identifier: Apache-2.0
//
// The pacer publishes, on core 0; a processor's handler notes how late each event is. What
// the processor's thread takes of a core is asked of the virtual machine.

import com.lmax.disruptor.RingBuffer;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;

final class OpenLoop {
    private static final double[] QUANTILES = {0.5, 0.99, 0.999, 1};
    private static final long WAKES_LATE = 150_000;
    private static final double[] GAPS = gaps();

    private final RingBuffer<Slot> ring;
    private final Setting setting;
    private final int[] late;
    private volatile long began;
    private int arrived;
    private long end;
    private long cpu;

    private OpenLoop(Setting setting, long events) {
        this.setting = setting;
        ring = setting.newRing();
        late = new int[Math.toIntExact(events)];
    }

    static long[] run(Setting setting, long events) {
        OpenLoop loop = new OpenLoop(setting, events);
        Stage sink = new Sink(loop, events);
        sink.attach(loop.ring);
        loop.ring.addGatingSequences(sink.sequence());
        Crew.run(List.of(
            new Crew.Task(0, loop::pace),
            new Crew.Task(setting.coreOfOther(0), () -> {
                long before = ownCpu();
                sink.run();
                loop.cpu = ownCpu() - before;
            })));
        return loop.result();
    }

    // When events are due: gaps around the mean, drawn once.
    private static final class Times {
        private final double mean;
        private double due;
        private int at;

        Times(int rate) {
            mean = 1e9 / rate - 1;
        }

        long next() {
            due += GAPS[at++ % GAPS.length] * mean + 1;
            return (long) due;
        }
    }

    private static double[] gaps() {
        Random random = new Random(1);
        double[] gaps = new double[65536];
        double sum = 0;
        for (int i = 0; i < gaps.length; i++) {
            gaps[i] = -Math.log(1 - random.nextDouble());
            sum += gaps[i];
        }
        for (int i = 0; i < gaps.length; i++) gaps[i] *= gaps.length / sum;
        return gaps;
    }

    private static long ownCpu() {
        return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
    }

    private static final class Sink extends Stage {
        private final OpenLoop loop;
        private final Times expected;
        private final long last;

        Sink(OpenLoop loop, long events) {
            this.loop = loop;
            expected = new Times(loop.setting.rate());
            last = events - 1;
        }

        @Override
        public void onEvent(Slot slot, long sequence, boolean endOfBatch) {
            if (slot.value == expected.next()) loop.arrive(slot.value);
            if (sequence == last) finish();
        }
    }

    private void arrive(long due) {
        end = System.nanoTime();
        late[arrived++] = (int) Math.min(end - began - due, Integer.MAX_VALUE);
    }

    private void pace() {
        Times times = new Times(setting.rate());
        boolean alone = setting.coreOfOther(0) != 0;
        began = System.nanoTime();
        for (int i = 0; i < late.length; i++) {
            long due = times.next();
            await(began + due, alone ? WAKES_LATE : 0);
            long sequence = ring.next();
            ring.get(sequence).value = due;
            ring.publish(sequence);
        }
    }

    private static void await(long at, long margin) {
        for (long left; (left = at - System.nanoTime()) > 0;) {
            if (left > margin) {
                LockSupport.parkNanos(left - margin);
            } else {
                Thread.onSpinWait();
            }
        }
    }

    private long[] result() {
        Arrays.sort(late);
        long[] result = new long[3 + QUANTILES.length];
        result[0] = arrived == late.length ? 1 : 0;
        result[1] = end - began;
        for (int i = 0; i < QUANTILES.length; i++) {
            result[2 + i] = late[(int) (QUANTILES[i] * (late.length - 1))];
        }
        result[2 + QUANTILES.length] = Math.round(100.0 * cpu / (end - began));
        return result;
    }
}
