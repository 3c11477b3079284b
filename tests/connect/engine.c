/*
 * Servers of engines, for tests.  See engine.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "connect/engine.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TRIES = 5, WAIT_MS = 10000, PATH_BYTES = 128 };

static const char *const programs[] = {
    [ENGINE_NATS] = "nats-server", [ENGINE_REDIS] = "redis-server"};

static void give_up(const char *what, const char *about) {
    fprintf(stderr, "engine: %s %s\n", what, about);
    exit(1);
}

static void sleep_ms(unsigned ms) {
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

/* ---- its program and its port ----------------------------------------------------- */

/* Servers are often where only root's path leads. */
static bool find_program(const char *name, char path[PATH_BYTES]) {
    static const char *const places[] = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
                                         "/usr/bin"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        snprintf(path, PATH_BYTES, "%s/%s", places[i], name);
        if (access(path, X_OK) == 0) {
            return true;
        }
    }
    return false;
}

bool engine_found(engine_kind kind) {
    char path[PATH_BYTES];
    if (find_program(programs[kind], path)) {
        return true;
    }
    printf("skipped: there is no %s\n", programs[kind]);
    return false;
}

static struct sockaddr_in loopback(unsigned port) {
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

unsigned engine_free_port(void) {
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (file < 0 || bind(file, (struct sockaddr *)&address, size) != 0 ||
        getsockname(file, (struct sockaddr *)&address, &size) != 0) {
        give_up("no port is free", "");
    }
    close(file);
    return ntohs(address.sin_port);
}

bool engine_answers(unsigned port) {
    struct sockaddr_in address = loopback(port);
    int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool answers = connect(file, (struct sockaddr *)&address, sizeof address) == 0;
    close(file);
    return answers;
}

/* ---- its configuration ------------------------------------------------------------ */

static void write_config(const struct engine *engine, const char *more) {
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/config", engine->folder);
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        give_up("cannot write", path);
    }
    if (engine->kind == ENGINE_NATS) {
        fprintf(file,
                "host: 127.0.0.1\nport: %u\njetstream {store_dir: \"%s\", max_mem: 64MB, "
                "max_file: 256MB}\n%s\n",
                engine->port, engine->folder, more);
    } else {
        fprintf(file, "bind 127.0.0.1\nport %u\ndir %s\nsave \"\"\ndaemonize no\n%s\n",
                engine->port, engine->folder, more);
    }
    fclose(file);
}

/* ---- its process ------------------------------------------------------------------ */

static void become(const struct engine *engine) {
    char path[PATH_BYTES], config[PATH_BYTES], log[PATH_BYTES];
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    snprintf(config, sizeof config, "%s/config", engine->folder);
    snprintf(log, sizeof log, "%s/log", engine->folder);
    int file = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(file, STDOUT_FILENO);
    dup2(file, STDERR_FILENO);
    find_program(programs[engine->kind], path);
    if (engine->kind == ENGINE_NATS) {
        execl(path, path, "-c", config, (char *)NULL);
    } else {
        execl(path, path, config, (char *)NULL);
    }
    _exit(127);
}

/* false: it has ended instead, for its port was taken meanwhile, say. */
static bool run(struct engine *engine) {
    fflush(NULL);
    engine->pid = fork();
    if (engine->pid < 0) {
        give_up("cannot fork", "");
    }
    if (engine->pid == 0) {
        become(engine);
    }
    for (unsigned ms = 0; ms < WAIT_MS; ms += 5) {
        if (waitpid(engine->pid, NULL, WNOHANG) == engine->pid) {
            engine->pid = 0;
            return false;
        }
        if (engine_answers(engine->port)) {
            return true;
        }
        sleep_ms(5);
    }
    give_up("does not answer:", programs[engine->kind]);
    return false;
}

static void show_log(const struct engine *engine) {
    char line[512], path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/log", engine->folder);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        fputs(line, stderr);
    }
    if (file != NULL) {
        fclose(file);
    }
}

void engine_start(struct engine *engine, engine_kind kind, const char *more) {
    *engine = (struct engine){.kind = kind, .folder = "/tmp/weir-engine.XXXXXX"};
    if (mkdtemp(engine->folder) == NULL) {
        give_up("cannot make", engine->folder);
    }
    for (int tries = 0; tries < TRIES; tries++) {
        engine->port = engine_free_port();
        write_config(engine, more);
        if (run(engine)) {
            return;
        }
    }
    show_log(engine);
    give_up("ends at once:", programs[kind]);
}

void engine_again(struct engine *engine) {
    if (engine->pid == 0 && !run(engine)) {
        show_log(engine);
        give_up("ends at once:", programs[engine->kind]);
    }
}

void engine_kill(struct engine *engine, int signal) {
    int status = 0;
    int options = signal == SIGSTOP ? WUNTRACED : signal == SIGCONT ? WCONTINUED : 0;
    if (engine->pid == 0) {
        return;
    }
    kill(engine->pid, signal);
    waitpid(engine->pid, &status, options);
    if (WIFEXITED(status) || WIFSIGNALED(status)) {
        engine->pid = 0;
    }
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *place) {
    (void)info, (void)kind, (void)place;
    return remove(path);
}

void engine_end(struct engine *engine) {
    engine_kill(engine, SIGKILL);
    nftw(engine->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
