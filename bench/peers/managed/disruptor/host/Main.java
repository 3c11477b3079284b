// LMAX Disruptor as a peer: the line protocol of ../../../peer.h.
// SPDX-License-Identifier: Apache-2.0
//
// Each case is loaded by a class loader of its own, and with it the Disruptor: so each
// has a copy of its code that is compiled for its handlers alone, as in a program that
// does one thing.  In shared code the calls of the handlers would go through tables as
// soon as three kinds of handler have been seen.
//
//   java -cp HOST Main CASES...   where CASES are the folder of the cases and the library

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongFunction;

public final class Main {
    private static final String ENTRY = "Cases";
    private static final long WARM_NANOSECONDS = 600_000_000;

    private final URL[] path;
    private final List<String> names;
    private final Map<String, LongFunction<long[]>> warm = new HashMap<>();

    private Main(String[] arguments) throws Exception {
        path = new URL[arguments.length];
        for (int i = 0; i < arguments.length; i++) {
            path[i] = Path.of(arguments[i]).toUri().toURL();
        }
        @SuppressWarnings("unchecked")
        List<String> listed = (List<String>) freshEntry().getMethod("names").invoke(null);
        names = List.copyOf(listed);
    }

    public static void main(String[] arguments) throws Exception {
        Main main = new Main(arguments);
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            System.out.println(main.answer(line.trim().split(" +")));
            System.out.flush();
        }
        System.exit(0);
    }

    private Class<?> freshEntry() throws Exception {
        ClassLoader fresh = new URLClassLoader(path, Main.class.getClassLoader());
        return Class.forName(ENTRY, true, fresh);
    }

    private String answer(String[] words) {
        if (words.length == 1 && words[0].equals("list")) {
            return String.join("\n", names) + "\n.";
        }
        try {
            if (words.length == 3 && words[0].equals("run")) {
                return run(words[1], Long.parseLong(words[2]));
            }
        } catch (NumberFormatException notOne) {
            // told below
        } catch (Exception | LinkageError problem) {
            return ("error " + problem).replace('\n', ' ');
        }
        return "error usage: list, or run CASE N";
    }

    private String run(String name, long events) throws Exception {
        if (!names.contains(name)) return "error no such case";
        if (events <= 0) return "error no events";
        LongFunction<long[]> one = warm.get(name);
        if (one == null) {
            one = load(name);
            warm.put(name, one);
        }
        long[] result = one.apply(events);
        System.gc(); // now, rather than in the next run
        if (result[0] == 0) return "error a wrong sum";
        StringBuilder line = new StringBuilder("ok");
        for (int i = 1; i < result.length; i++) line.append(' ').append(result[i]);
        return line.toString();
    }

    // Runs it until the compilers have had their time; at least twice.
    @SuppressWarnings("unchecked")
    private LongFunction<long[]> load(String name) throws Exception {
        Object made = freshEntry().getMethod("named", String.class).invoke(null, name);
        LongFunction<long[]> one = (LongFunction<long[]>) made;
        long events = 500_000;
        if (name.startsWith("round_trip/")) events = 5_000;
        if (name.startsWith("open_loop/")) events = 300;
        long start = System.nanoTime();
        for (int i = 0; i < 2 || System.nanoTime() - start < WARM_NANOSECONDS; i++) {
            one.apply(events);
        }
        return one;
    }
}
