// Which cores this process may use, by their numbers.
// SPDX-License-Identifier: Apache-2.0
//
// Java tells only how many; taskset wants to know which.

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

final class Cores {
    static final List<Integer> ALLOWED = read();

    private static final String FIELD = "Cpus_allowed_list:";

    private Cores() {}

    private static List<Integer> read() {
        try {
            for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
                if (line.startsWith(FIELD)) return parse(line.substring(FIELD.length()).trim());
            }
        } catch (IOException unknown) {
            // as below
        }
        return List.of(0);
    }

    // Of the form 0-1,4,8-11
    private static List<Integer> parse(String text) {
        List<Integer> cores = new ArrayList<>();
        for (String part : text.split(",")) {
            String[] ends = part.split("-");
            int last = Integer.parseInt(ends[ends.length - 1]);
            for (int core = Integer.parseInt(ends[0]); core <= last; core++) cores.add(core);
        }
        return cores;
    }
}
