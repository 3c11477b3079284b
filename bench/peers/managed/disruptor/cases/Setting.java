// What the name of a case says about ring, claim, waiting, rate and placement.
// SPDX-License-Identifier: Apache-2.0
//
// The threads of the side that is one stand on core 0, those of the other side on core 1
// (split) or on both in turns (spread); one_core puts all on core 0.

import com.lmax.disruptor.BlockingWaitStrategy;
import com.lmax.disruptor.BusySpinWaitStrategy;
import com.lmax.disruptor.RingBuffer;
import com.lmax.disruptor.WaitStrategy;
import com.lmax.disruptor.YieldingWaitStrategy;

record Setting(String placement, int ring, int claim, String waiting, int rate) {
    static Setting of(String placement, String text) {
        int ring = 0;
        int claim = 1;
        int rate = 0;
        String waiting = "";
        for (String part : text.split(",")) {
            if (part.startsWith("ring:")) ring = size(part.substring(5));
            else if (part.startsWith("claim:")) claim = size(part.substring(6));
            else if (part.startsWith("rate:")) rate = size(part.substring(5));
            else waiting = part;
        }
        return new Setting(placement, ring, claim, waiting, rate);
    }

    RingBuffer<Slot> newRing() {
        return RingBuffer.createSingleProducer(Slot::new, ring, newWait());
    }

    RingBuffer<Slot> newRingOfMany() {
        return RingBuffer.createMultiProducer(Slot::new, ring, newWait());
    }

    int coreOfOther(int index) {
        return switch (placement) {
            case "one_core" -> 0;
            case "spread" -> (index + 1) % 2;
            default -> 1;
        };
    }

    private WaitStrategy newWait() {
        return switch (waiting) {
            case "busy_spin" -> new BusySpinWaitStrategy();
            case "yielding" -> new YieldingWaitStrategy();
            case "blocking" -> new BlockingWaitStrategy();
            default -> throw new IllegalArgumentException(waiting);
        };
    }

    private static int size(String text) {
        if (!text.endsWith("K")) return Integer.parseInt(text);
        return 1024 * Integer.parseInt(text.substring(0, text.length() - 1));
    }
}
