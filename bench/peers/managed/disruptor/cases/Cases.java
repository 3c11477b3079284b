// The cases of the Disruptor: their names, and what each name stands for.
// SPDX-License-Identifier: Apache-2.0
//
// Where each thread has a core of its own the waiting is BusySpin, else Yielding: with
// more threads than cores a spinning thread would keep the core from the one that it
// waits for.  A push with one event outstanding per consumer is left out: a ring hands
// over by its length, and one of a single slot is no use of it that anybody makes.

import java.util.ArrayList;
import java.util.List;
import java.util.function.LongFunction;

public final class Cases {
    static final int FAN = 4; // consumers, or producers of a merge

    private static final String BUSY = Crew.CORES >= 2 ? ",busy_spin" : ",yielding";

    private Cases() {}

    public static List<String> names() {
        List<String> names = new ArrayList<>();
        for (String settings : List.of("item,ring:8K", "item,ring:64K", "claim:256,ring:8K",
                                       "claim:256,ring:64K")) {
            names.add("pipe2/split/" + settings + BUSY);
            for (String crowded : List.of("pipe3/split/", "pipe3/spread/", "share/split/",
                                          "broadcast/split/", "partition/split/",
                                          "merge/split/")) {
                names.add(crowded + settings + ",yielding");
            }
        }
        if (Crew.CORES >= 2) names.add("round_trip/split/ring:1024,busy_spin");
        names.add("round_trip/split/ring:1024,blocking");
        names.add("round_trip/one_core/ring:1024,blocking");
        names.add("round_trip/one_core/ring:1024,yielding");
        for (int rate : new int[] {1000, 10000, 50000, 200000, 1000000, 5000000}) {
            for (String placement : List.of("split", "one_core")) {
                names.add("open_loop/" + placement + "/ring:64K,blocking,rate:" + rate);
            }
        }
        return names;
    }

    /** The case of that name; it returns 1 for a right sum, its nanoseconds, and quantiles. */
    public static LongFunction<long[]> named(String name) {
        String[] parts = name.split("/");
        Setting setting = Setting.of(parts[1], parts[2]);
        return switch (parts[0]) {
            case "pipe2" -> events -> Lines.pipe2(setting, events);
            case "pipe3" -> events -> Lines.pipe3(setting, events);
            case "share" -> events -> Fans.share(setting, events);
            case "broadcast" -> events -> Fans.broadcast(setting, events);
            case "partition" -> events -> Fans.partition(setting, events);
            case "merge" -> events -> Fans.merge(setting, events);
            case "open_loop" -> events -> OpenLoop.run(setting, events);
            case "round_trip" -> events -> RoundTrip.run(setting, events);
            default -> throw new IllegalArgumentException(name);
        };
    }

    /** The sum of 1 .. n. */
    static long triangle(long n) {
        return n % 2 == 0 ? n / 2 * (n + 1) : (n + 1) / 2 * n;
    }
}
