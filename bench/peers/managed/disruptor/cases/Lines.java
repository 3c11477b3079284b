// The workloads along a line: one producer, and one or two stages behind it.
// SPDX-License-Identifier: Apache-2.0
//
// Both stages of pipe3 work on the one ring: the second follows the first's sequence.

import com.lmax.disruptor.RingBuffer;
import java.util.List;

final class Lines {
    private Lines() {}

    static long[] pipe2(Setting setting, long events) {
        RingBuffer<Slot> ring = setting.newRing();
        Stage sum = new Stage.Sum(events);
        sum.attach(ring);
        ring.addGatingSequences(sum.sequence());
        long start = Crew.run(List.of(
            new Crew.Task(0, new Source(ring, setting.claim(), 1, events)),
            new Crew.Task(setting.coreOfOther(0), sum::run)));
        return result(Cases.triangle(events), start, sum);
    }

    static long[] pipe3(Setting setting, long events) {
        RingBuffer<Slot> ring = setting.newRing();
        Stage twice = new Stage.Twice(events);
        Stage sum = new Stage.Sum(events);
        twice.attach(ring);
        sum.attach(ring, twice.sequence());
        ring.addGatingSequences(sum.sequence());
        long start = Crew.run(List.of(
            new Crew.Task(0, new Source(ring, setting.claim(), 1, events)),
            new Crew.Task(setting.coreOfOther(0), twice::run),
            new Crew.Task(setting.coreOfOther(1), sum::run)));
        return result(2 * Cases.triangle(events), start, sum);
    }

    static long[] result(long expected, long start, Stage... stages) {
        long sum = 0;
        long end = start;
        for (Stage stage : stages) {
            sum += stage.sum;
            end = Math.max(end, stage.end);
        }
        return new long[] {sum == expected ? 1 : 0, end - start};
    }
}
