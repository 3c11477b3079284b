// The workloads with four consumers or four producers on one ring.
// SPDX-License-Identifier: Apache-2.0
//
// Broadcast is what a ring does by itself: every stage reads it all.  Partitions are a
// broadcast of which each stage takes its key.  For sharing there is the WorkerPool.

import com.lmax.disruptor.FatalExceptionHandler;
import com.lmax.disruptor.RingBuffer;
import com.lmax.disruptor.WorkHandler;
import com.lmax.disruptor.WorkerPool;
import java.util.ArrayList;
import java.util.List;

final class Fans {
    private Fans() {}

    static long[] broadcast(Setting setting, long events) {
        Stage[] sums = new Stage[Cases.FAN];
        for (int i = 0; i < sums.length; i++) sums[i] = new Stage.Sum(events);
        long start = toAll(setting, events, sums);
        return Lines.result(Cases.FAN * Cases.triangle(events), start, sums);
    }

    static long[] partition(Setting setting, long events) {
        Stage[] sums = new Stage[Cases.FAN];
        for (int i = 0; i < sums.length; i++) sums[i] = new Stage.SumOfKey(events, i);
        long start = toAll(setting, events, sums);
        return Lines.result(Cases.triangle(events), start, sums);
    }

    private static long toAll(Setting setting, long events, Stage[] stages) {
        RingBuffer<Slot> ring = setting.newRing();
        List<Crew.Task> tasks = new ArrayList<>();
        tasks.add(new Crew.Task(0, new Source(ring, setting.claim(), 1, events)));
        for (Stage stage : stages) {
            stage.attach(ring);
            ring.addGatingSequences(stage.sequence());
            tasks.add(new Crew.Task(setting.coreOfOther(tasks.size() - 1), stage::run));
        }
        return Crew.run(tasks);
    }

    private static final class Worker implements WorkHandler<Slot> {
        long sum;

        @Override
        public void onEvent(Slot slot) {
            sum += slot.value;
        }
    }

    static long[] share(Setting setting, long events) {
        RingBuffer<Slot> ring = setting.newRing();
        Worker[] workers = new Worker[Cases.FAN];
        for (int i = 0; i < workers.length; i++) workers[i] = new Worker();
        WorkerPool<Slot> pool = new WorkerPool<>(
            ring, ring.newBarrier(), new FatalExceptionHandler(), workers);
        ring.addGatingSequences(pool.getWorkerSequences());
        List<Crew.Task> tasks = new ArrayList<>();
        pool.start(processor -> tasks.add(
            new Crew.Task(setting.coreOfOther(tasks.size()), processor)));
        // No worker knows that all are done, so the producer waits for it: a worker's
        // sequence is behind the event that it works on.
        long[] end = new long[1];
        Source source = new Source(ring, setting.claim(), 1, events);
        tasks.add(new Crew.Task(0, () -> {
            source.run();
            while (ring.getMinimumGatingSequence() < events - 1) Thread.yield();
            end[0] = System.nanoTime();
            pool.halt();
        }));
        long start = Crew.run(tasks);
        long sum = 0;
        for (Worker worker : workers) sum += worker.sum;
        return new long[] {sum == Cases.triangle(events) ? 1 : 0, end[0] - start};
    }

    static long[] merge(Setting setting, long events) {
        RingBuffer<Slot> ring = setting.newRingOfMany();
        Stage sum = new Stage.Sum(events);
        sum.attach(ring);
        ring.addGatingSequences(sum.sequence());
        List<Crew.Task> tasks = new ArrayList<>();
        tasks.add(new Crew.Task(0, sum::run));
        long last = 0;
        for (int part = 0; part < Cases.FAN; part++) {
            long first = last + 1;
            last = events * (part + 1) / Cases.FAN;
            tasks.add(new Crew.Task(setting.coreOfOther(part),
                                    new Source(ring, setting.claim(), first, last)));
        }
        return Lines.result(Cases.triangle(events), Crew.run(tasks), sum);
    }
}
