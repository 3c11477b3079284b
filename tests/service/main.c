/*
 * A service that is terminated under load, again and again.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   service [--rounds N] [--seed N] [--verbose]      default: 300 rounds
 *
 * Goal     A program as a user would write it ends on SIGTERM without losing anything that it
 *          has accepted, at whatever moment the signal comes.
 * Method   Each round starts a service and its clients as processes of their own, sends SIGTERM
 *          to the service at a random moment, and waits for both. Then it looks whether
 *            each request that was accepted is answered once, and is in the ledger once
 *            each that was refused was told so, and is not in the ledger
 *            each that was read is one or the other
 *          The service itself sees to it that the drain says OK, that the accounts balance and
 *          that nobody is refused who holds a token or feeds an inlet. There are no limits of
 *          time but for one that only a hang comes to.
 */
#include "service.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { HANG_SECONDS = 60, MOMENT_US = 25000 };

void give_up(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "service: ");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    _exit(EXIT_FAILURE);
}

void nap(uint64_t microseconds) {
    struct timespec time = {.tv_sec = (time_t)(microseconds / 1000000),
                            .tv_nsec = (long)(microseconds % 1000000 * 1000)};
    nanosleep(&time, NULL);
}

static uint64_t now_us(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

/* ---- starting ---------------------------------------------------------------------- */

static int open_listener(unsigned short *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(fd, 128) != 0 || getsockname(fd, (struct sockaddr *)&address, &length) != 0) {
        give_up("no socket to listen at: %s", strerror(errno));
    }
    *port = ntohs(address.sin_port);
    return fd;
}

static int open_ledger(void) {
    FILE *file = tmpfile();
    int fd = file == NULL ? -1 : dup(fileno(file));
    if (fd < 0) {
        give_up("no file for the ledger: %s", strerror(errno));
    }
    fclose(file);
    return fd;
}

static void block_sigterm(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

static pid_t start_service(struct round *round, int listener, int ledger) {
    pid_t pid = fork();
    if (pid == 0) {
        exit(run_service(round, listener, ledger));
    }
    return pid;
}

static pid_t start_clients(struct round *round, int listener, unsigned short port, int served) {
    pid_t pid = fork();
    if (pid == 0) {
        close(listener);
        exit(run_clients(round, port, served));
    }
    return pid;
}

/* ---- ending ------------------------------------------------------------------------- */

static bool ended_well(pid_t pid, const char *who) {
    int status;
    uint64_t begun = now_us();
    pid_t found;
    while ((found = waitpid(pid, &status, WNOHANG)) == 0 &&
           now_us() - begun < HANG_SECONDS * UINT64_C(1000000)) {
        nap(500);
    }
    if (found == 0) {
        fprintf(stderr, "service: the %s does not end\n", who);
        kill(pid, SIGABRT);
        waitpid(pid, &status, 0);
        return false;
    }
    if (found != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "service: the %s ended with status %#x\n", who, (unsigned)status);
        return false;
    }
    return true;
}

static bool wrong(uint64_t id, const char *what) {
    fprintf(stderr, "service: request %" PRIu64 " %s\n", id, what);
    return false;
}

/* Marks in `entered` who is in the ledger. */
static bool read_ledger(int ledger, unsigned char *entered, uint64_t *entries) {
    uint64_t id;
    memset(entered, 0, REQUESTS_MOST);
    *entries = 0;
    lseek(ledger, 0, SEEK_SET);
    FILE *file = fdopen(dup(ledger), "r");
    bool good = file != NULL;
    while (good && fread(&id, sizeof id, 1, file) == 1) {
        if (id >= REQUESTS_MOST || entered[id]++ != 0) {
            good = wrong(id, "is in the ledger twice, or is none");
        }
        ++*entries;
    }
    if (file != NULL) {
        fclose(file);
    }
    return good;
}

struct sums {
    uint64_t done, busy, closing, unheard;
};

/* What became of each request, as its client knows it, and whether the ledger agrees. */
static bool compare(const struct round *round, const unsigned char *entered, struct sums *sums) {
    *sums = (struct sums){0};
    for (uint64_t id = 0; id < REQUESTS_MOST; id++) {
        unsigned state = round->state[id];
        sums->done += state == ANSWER_DONE;
        sums->busy += state == ANSWER_BUSY;
        sums->closing += state == ANSWER_CLOSING;
        sums->unheard += state == REQUEST_UNHEARD;
        if (state == REQUEST_SENT) {
            return wrong(id, "has no answer");
        }
        if ((state == ANSWER_DONE) != (entered[id] == 1)) {
            return wrong(id, state == ANSWER_DONE ? "was answered, and is not in the ledger"
                                                  : "is in the ledger, and was refused");
        }
    }
    return true;
}

static bool good_round(const struct round *round, int ledger, struct sums *sums) {
    static unsigned char entered[REQUESTS_MOST];
    uint64_t entries;
    if (!read_ledger(ledger, entered, &entries) || !compare(round, entered, sums)) {
        return false;
    }
    uint64_t read = round->read, accepted = round->accepted;
    if (accepted != sums->done || entries != accepted ||
        read != sums->done + sums->busy + sums->closing) {
        fprintf(stderr,
                "service: %" PRIu64 " requests read, %" PRIu64 " accepted, %" PRIu64
                " in the ledger; %" PRIu64 " done, %" PRIu64 " busy, %" PRIu64 " too late\n",
                read, accepted, entries, sums->done, sums->busy, sums->closing);
        return false;
    }
    return true;
}

/* ---- a round -------------------------------------------------------------------------- */

/* Where weir is to learn by itself who feeds the second inlet, somebody has to have done so. */
static bool wait_for_moment(const struct round *round, int served) {
    struct pollfd wait = {.fd = served, .events = POLLIN};
    bool good = round->declared || poll(&wait, 1, HANG_SECONDS * 1000) == 1;
    if (!good) {
        fprintf(stderr, "service: nobody is served\n");
    }
    nap(mix(round->seed ^ 1) % MOMENT_US);
    return good;
}

static bool run_round(struct round *round, uint64_t seed, struct sums *sums) {
    unsigned short port;
    memset(round, 0, sizeof *round);
    round->seed = seed;
    round->declared = mix(seed ^ 2) % 2 == 0;
    int listener = open_listener(&port);
    int ledger = open_ledger();
    int served[2];
    if (pipe(served) != 0) {
        give_up("no pipe: %s", strerror(errno));
    }
    pid_t service = start_service(round, listener, ledger);
    pid_t clients = start_clients(round, listener, port, served[1]);
    if (service < 0 || clients < 0) {
        give_up("fork: %s", strerror(errno));
    }
    close(listener);
    bool good = wait_for_moment(round, served[0]);
    kill(service, SIGTERM);
    good = ended_well(service, "service") && good;
    if (!good) {
        kill(clients, SIGKILL);
    }
    good = ended_well(clients, "clients") && good;
    good = good && good_round(round, ledger, sums);
    close(served[0]);
    close(served[1]);
    close(ledger);
    return good;
}

int main(int argc, char **argv) {
    uint64_t rounds = 300, seed = (uint64_t)getpid() << 32 | (uint64_t)time(NULL);
    bool verbose = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc) {
            rounds = strtoull(argv[++i], NULL, 0);
        } else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            seed = strtoull(argv[++i], NULL, 0);
        } else if (strcmp(argv[i], "--verbose") == 0) {
            verbose = true;
        } else {
            give_up("usage: service [--rounds N] [--seed N] [--verbose]");
        }
    }
    block_sigterm(); /* the service, which inherits that, reads it as it reads all else */
    setvbuf(stdout, NULL, _IOLBF, 0); /* nothing is left in it for the processes to come */
    struct round *round =
        mmap(NULL, sizeof *round, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (round == MAP_FAILED) {
        give_up("no memory");
    }
    struct sums all = {0};
    for (uint64_t i = 0; i < rounds; i++) {
        struct sums sums = {0};
        if (!run_round(round, seed + i, &sums)) {
            fprintf(stderr, "service: round %" PRIu64 ", --rounds 1 --seed %" PRIu64 "\n", i,
                    seed + i);
            return EXIT_FAILURE;
        }
        if (verbose) {
            printf("%" PRIu64 ": %s\n", i, round->said);
        }
        all.done += sums.done;
        all.busy += sums.busy;
        all.closing += sums.closing;
        all.unheard += sums.unheard;
    }
    printf("%" PRIu64 " rounds: %" PRIu64 " requests done, %" PRIu64 " refused as busy, %" PRIu64
           " as too late, %" PRIu64 " never read\n",
           rounds, all.done, all.busy, all.closing, all.unheard);
    return EXIT_SUCCESS;
}
