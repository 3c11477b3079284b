// The threads that run the cases, each pinned to one of two cores.
// SPDX-License-Identifier: Apache-2.0
//
// They are made once and wait, blocked, between runs: Java cannot pin a thread, so each
// starts the program taskset on itself, which is too slow to do before every run.  All
// tasks of a run begin together, when the last thread stands ready.

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;

public final class Crew {
    public static final int CORES = Math.min(2, Cores.ALLOWED.size());

    private static final List<List<Crew>> MEMBERS = List.of(new ArrayList<>(), new ArrayList<>());

    private final LinkedBlockingQueue<Runnable> tasks = new LinkedBlockingQueue<>();

    private Crew(int core) {
        Thread thread = new Thread(() -> {
            pin(core);
            while (true) takeTask().run();
        }, "crew" + core);
        thread.setDaemon(true);
        thread.start();
    }

    /** What one thread shall do, and on which core: 0 or 1. */
    public record Task(int core, Runnable work) {}

    /** Runs all of them, each on a thread of its own; returns System.nanoTime() at the start. */
    public static long run(List<Task> tasks) {
        AtomicInteger missing = new AtomicInteger(tasks.size());
        AtomicLong start = new AtomicLong();
        AtomicReference<Throwable> problem = new AtomicReference<>();
        CountDownLatch done = new CountDownLatch(tasks.size());
        int[] used = new int[2];
        for (Task task : tasks) {
            member(task.core(), used[task.core()]++).tasks.add(() -> {
                if (missing.decrementAndGet() == 0) start.set(System.nanoTime());
                while (start.get() == 0) Thread.yield();
                try {
                    task.work().run();
                } catch (RuntimeException | Error thrown) {
                    problem.set(thrown);
                }
                done.countDown();
            });
        }
        try {
            done.await();
        } catch (InterruptedException never) {
            throw new IllegalStateException(never);
        }
        if (problem.get() != null) throw new IllegalStateException(problem.get());
        return start.get();
    }

    private static Crew member(int core, int index) {
        List<Crew> members = MEMBERS.get(core);
        while (members.size() <= index) members.add(new Crew(core));
        return members.get(index);
    }

    private Runnable takeTask() {
        try {
            return tasks.take();
        } catch (InterruptedException never) {
            throw new IllegalStateException(never);
        }
    }

    // Where that is not possible it runs unpinned.
    private static void pin(int core) {
        try {
            Path self = Files.readSymbolicLink(Path.of("/proc/thread-self"));
            String thread = self.getFileName().toString();
            String allowed = Integer.toString(Cores.ALLOWED.get(core % CORES));
            new ProcessBuilder("taskset", "-cp", allowed, thread)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(ProcessBuilder.Redirect.DISCARD).start().waitFor();
        } catch (Exception unpinned) {
            System.err.println("disruptor: a thread is not pinned: " + unpinned);
        }
    }
}
