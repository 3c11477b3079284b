/*
 * The service (docs/examples/service) by hand: libuv, one mutex, and a thread.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     service_plain [-w MS] PORT FILE
 *
 * The loop reads records into a queue, and writes the answers; the thread takes what is there, when
 * it is 500 or its first is 50 ms old, and reads, counts, writes and syncs it.  While the queue is
 * full, or a client owed 1,000 answers or does not take them, sockets are not read.  What it says
 * and stores is what the service does.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

enum {
    RECORD_LEAST = 20,
    RECORD_MOST = 2000,
    KEY_MOST = 32,
    OWED_MOST = 1000,
    BATCH = 500,
    QUEUE = 10000,
    SLOTS = 1 << 17,
    READ_MOST = 16384
};

struct connection {
    uv_tcp_t tcp; /* first */
    struct connection *next, *previous;
    uint64_t number;
    size_t owed;
    bool ended, skips, reads, closing, closed;
    uv_write_t write;
    bool writes;
    size_t begun;
    char begin[RECORD_MOST + 1];
    char *out, *writing; /* collected; on their way */
    size_t out_bytes, out_room, writing_room;
};

struct record {
    struct connection *from; /* it is not freed while it is owed */
    uint64_t number;
    uint64_t came_ns;
    char *text; /* of the ring's place; used again */
    uint32_t bytes, room;
    bool dead;
};

struct total {
    char key[KEY_MOST];
    uint64_t count;
    int64_t sum;
};

static uv_loop_t *loop;
static uv_tcp_t listener;
static uv_async_t answered;
static uv_signal_t signals[2];
static uv_timer_t giving_up;
static struct connection *connections;
static char bytes_read[RECORD_MOST + 1 + READ_MOST];
static uint64_t owed_to_all;
static bool ending, over;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t some, enough;
static struct record ring[QUEUE + READ_MOST]; /* one read may be more than there is room for */
static uint64_t put, taken, answers;          /* records: by the loop, by the thread; answered */
static bool full, last;
static uint64_t wait_ns = 50000000;

static struct total totals[SLOTS];
static int store, dead;

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static struct record *at(uint64_t position) {
    return &ring[position % (QUEUE + READ_MOST)];
}

/* ---- the thread ------------------------------------------------------------------ */

static struct total *find_total(const char *key, size_t bytes) {
    char padded[KEY_MOST] = {0};
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    memcpy(padded, key, bytes);
    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ (unsigned char)key[i]) * UINT64_C(0x100000001b3);
    for (hash >>= 32;; hash++) {
        struct total *total = &totals[hash % SLOTS];
        if (memcmp(total->key, padded, KEY_MOST) == 0) return total;
        if (total->key[0] == 0) {
            memcpy(total->key, padded, KEY_MOST);
            return total;
        }
    }
}

static struct total *parse(const struct record *record, int64_t *value) {
    const char *text = record->text, *end = text + record->bytes;
    const char *space = memchr(text, ' ', record->bytes);
    if (record->bytes < RECORD_LEAST || record->bytes > RECORD_MOST || space == NULL) return NULL;
    if (space == text || space - text > KEY_MOST) return NULL;
    for (const char *c = text; c < space; c++)
        if (!isgraph((unsigned char)*c)) return NULL;
    const char *c = space + 1;
    bool minus = c < end && *c == '-';
    const char *digits = c += minus;
    for (*value = 0; c < end && *c >= '0' && *c <= '9' && c - digits < 18; c++)
        *value = *value * 10 + (*c - '0');
    if (minus) *value = -*value;
    return c > digits && (c == end || *c == ' ') ? find_total(text, (size_t)(space - text)) : NULL;
}

static void write_all(int fd, const char *text, size_t bytes) {
    if (bytes == 0) return;
    for (ssize_t wrote; bytes > 0; text += wrote, bytes -= (size_t)wrote)
        if ((wrote = write(fd, text, bytes)) < 0) abort();
    if (fdatasync(fd) != 0 && errno != EINVAL) abort();
}

static void handle(uint64_t first, uint64_t count) {
    static char lines[BATCH * (RECORD_MOST + 64)], deads[BATCH * (RECORD_MOST + 64)];
    size_t line_bytes = 0, dead_bytes = 0;
    for (uint64_t i = first; i < first + count; i++) {
        struct record *record = at(i);
        int64_t value;
        struct total *total = parse(record, &value);
        record->dead = total == NULL;
        if (total != NULL) {
            total->sum = (int64_t)((uint64_t)total->sum + (uint64_t)value);
            line_bytes += (size_t)sprintf(lines + line_bytes, "%" PRIu64 " %" PRId64 " ",
                                          ++total->count, total->sum);
        }
        char *out = total != NULL ? lines : deads;
        size_t *bytes = total != NULL ? &line_bytes : &dead_bytes;
        memcpy(out + *bytes, record->text, record->bytes);
        *bytes += record->bytes;
        out[(*bytes)++] = '\n';
    }
    write_all(store, lines, line_bytes);
    write_all(dead, deads, dead_bytes);
}

/* With the lock: how many go now; 0: it is over. */
static uint64_t wait_for_batch(void) {
    while (put == taken && !last) pthread_cond_wait(&some, &lock);
    if (put == taken) return 0;
    uint64_t due = at(taken)->came_ns + wait_ns;
    const struct timespec until = {.tv_sec = (time_t)(due / 1000000000u),
                                   .tv_nsec = (long)(due % 1000000000u)};
    while (put - taken < BATCH && !last && now_ns() < due)
        if (pthread_cond_timedwait(&enough, &lock, &until) != 0) break;
    return put - taken < BATCH ? put - taken : BATCH;
}

static void *run(void *context) {
    uint64_t count;
    pthread_mutex_lock(&lock);
    while ((count = wait_for_batch()) > 0) {
        uint64_t first = taken;
        pthread_mutex_unlock(&lock);
        handle(first, count);
        pthread_mutex_lock(&lock);
        taken += count;
        uv_async_send(&answered);
    }
    pthread_mutex_unlock(&lock);
    return context;
}

/* ---- connections ----------------------------------------------------------------- */

static void has_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer);

static void say_where(uv_handle_t *handle, size_t suggested, uv_buf_t *out) {
    struct connection *connection = (struct connection *)handle;
    (void)suggested;
    memcpy(bytes_read, connection->begin, connection->begun);
    *out = uv_buf_init(bytes_read + connection->begun, READ_MOST);
}

static void maybe_free(struct connection *connection) {
    if (connection->owed > 0 || !connection->closed) return;
    free(connection->out), free(connection->writing), free(connection);
}

static void has_closed(uv_handle_t *handle) {
    struct connection *connection = (struct connection *)handle;
    *(connection->previous != NULL ? &connection->previous->next : &connections) = connection->next;
    if (connection->next != NULL) connection->next->previous = connection->previous;
    connection->closed = true;
    maybe_free(connection);
}

static void shut(struct connection *connection) {
    if (connection->closing) return;
    connection->closing = true;
    uv_close((uv_handle_t *)&connection->tcp, has_closed);
}

static void go_on(struct connection *connection);

static void has_written(uv_write_t *write, int status) {
    struct connection *connection = write->data;
    connection->writes = false;
    if (status < 0) shut(connection);
    go_on(connection);
}

static void go_on(struct connection *connection) {
    if (connection->closing) return;
    if (connection->out_bytes > 0 && !connection->writes) {
        uv_buf_t buffer = uv_buf_init(connection->out, (unsigned)connection->out_bytes);
        int wrote = uv_try_write((uv_stream_t *)&connection->tcp, &buffer, 1);
        if (wrote < 0 && wrote != UV_EAGAIN) {
            shut(connection);
            return;
        }
        size_t left = connection->out_bytes - (wrote > 0 ? (size_t)wrote : 0);
        memmove(connection->out, connection->out + connection->out_bytes - left, left);
        connection->out_bytes = 0;
        if (left > 0) {
            char *out = connection->out;
            size_t room = connection->out_room;
            connection->out = connection->writing, connection->out_room = connection->writing_room;
            connection->writing = out, connection->writing_room = room;
            buffer = uv_buf_init(out, (unsigned)left);
            connection->write.data = connection;
            connection->writes = true;
            uv_write(&connection->write, (uv_stream_t *)&connection->tcp, &buffer, 1, has_written);
        }
    }
    if (connection->ended && connection->owed == 0 && !connection->writes) {
        shut(connection);
        return;
    }
    bool reads = !connection->ended && !full && !ending && connection->owed < OWED_MOST &&
                 !connection->writes;
    if (reads == connection->reads) return;
    connection->reads = reads;
    if (reads)
        uv_read_start((uv_stream_t *)&connection->tcp, say_where, has_read);
    else
        uv_read_stop((uv_stream_t *)&connection->tcp);
}

static void add(struct connection *from, const char *text, size_t bytes) {
    struct record *record = at(put);
    if (bytes > RECORD_MOST) bytes = RECORD_MOST + 1;
    if (record->room < bytes) {
        record->room = (uint32_t)(bytes + bytes / 2);
        record->text = realloc(record->text, record->room);
        if (record->text == NULL) abort();
    }
    memcpy(record->text, text, bytes);
    record->bytes = (uint32_t)bytes;
    record->from = from;
    record->number = ++from->number;
    record->came_ns = now_ns();
    from->owed++, owed_to_all++;
    if (put == taken) pthread_cond_signal(&some);
    if (++put - taken == BATCH) pthread_cond_signal(&enough);
}

static void take(struct connection *from, size_t bytes) {
    const char *text = bytes_read, *end;
    pthread_mutex_lock(&lock);
    for (; (end = memchr(text, '\n', bytes)) != NULL; text = end + 1) {
        bytes -= (size_t)(end + 1 - text);
        if (!from->skips) add(from, text, (size_t)(end - text));
        from->skips = false;
    }
    if (!from->skips && bytes > RECORD_MOST) {
        add(from, text, bytes);
        from->skips = true;
    }
    pthread_mutex_unlock(&lock);
    from->begun = from->skips ? 0 : bytes;
    memcpy(from->begin, text, from->begun);
    if (full || put - answers < QUEUE) return;
    full = true;
    for (struct connection *c = connections; c != NULL; c = c->next) go_on(c);
}

static void has_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer) {
    struct connection *connection = (struct connection *)stream;
    (void)buffer;
    if (got == UV_EOF) connection->ended = true;
    if (got < 0 && got != UV_EOF) {
        shut(connection);
        return;
    }
    if (got > 0) take(connection, connection->begun + (size_t)got);
    go_on(connection);
}

static void came(uv_stream_t *server, int status) {
    if (status < 0) return;
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) abort();
    uv_tcp_init(loop, &connection->tcp);
    connection->next = connections;
    if (connections != NULL) connections->previous = connection;
    connections = connection;
    if (uv_accept(server, (uv_stream_t *)&connection->tcp) != 0)
        shut(connection);
    else
        uv_tcp_nodelay(&connection->tcp, 1), go_on(connection);
}

/* ---- answers and the end ----------------------------------------------------------- */

static void append(struct connection *to, const struct record *record) {
    if (to->out_bytes + 32 > to->out_room) {
        to->out_room = 2 * to->out_room + 256;
        to->out = realloc(to->out, to->out_room);
        if (to->out == NULL) abort();
    }
    to->out_bytes += (size_t)snprintf(to->out + to->out_bytes, 32, "%" PRIu64 " %s\n",
                                      record->number, record->dead ? "dead" : "ok");
}

static void end_all(void) {
    if (!ending || over || owed_to_all > 0) return;
    for (struct connection *c = connections; c != NULL; c = c->next)
        if (c->writes && uv_is_active((uv_handle_t *)&giving_up)) return;
    over = true;
    for (struct connection *c = connections; c != NULL; c = c->next) shut(c);
    uv_close((uv_handle_t *)&answered, NULL);
    uv_close((uv_handle_t *)&giving_up, NULL);
    for (int i = 0; i < 2; i++) uv_close((uv_handle_t *)&signals[i], NULL);
}

static void answer(uv_async_t *handle) {
    (void)handle;
    pthread_mutex_lock(&lock);
    uint64_t until = taken;
    pthread_mutex_unlock(&lock);
    for (uint64_t i = answers; i < until; i++)
        if (!at(i)->from->closing) append(at(i)->from, at(i));
    for (uint64_t i = answers; i < until; i++) {
        struct connection *to = at(i)->from;
        to->owed--, owed_to_all--;
        if (to->closing)
            maybe_free(to);
        else
            go_on(to);
    }
    bool was_full = full;
    answers = until;
    full = put - answers >= QUEUE;
    if (was_full && !full)
        for (struct connection *c = connections; c != NULL; c = c->next) go_on(c);
    end_all();
}

static void time_is_up(uv_timer_t *timer) {
    uv_timer_stop(timer);
    end_all();
}

static void end(uv_signal_t *handle, int number) {
    (void)handle, (void)number;
    if (ending) return;
    ending = true;
    uv_close((uv_handle_t *)&listener, NULL);
    for (struct connection *c = connections; c != NULL; c = c->next) go_on(c);
    uv_timer_start(&giving_up, time_is_up, 5000, 0);
    pthread_mutex_lock(&lock);
    last = true;
    pthread_cond_signal(&some), pthread_cond_signal(&enough);
    pthread_mutex_unlock(&lock);
    end_all();
}

int main(int count, char **arguments) {
    int option;
    pthread_t thread;
    pthread_condattr_t monotonic;
    while ((option = getopt(count, arguments, "w:")) == 'w')
        wait_ns = (uint64_t)atoi(optarg) * 1000000;
    if (count - optind != 2) return 2;
    char dead_path[4096];
    struct sockaddr_in address;
    int bytes = sizeof address;
    snprintf(dead_path, sizeof dead_path, "%s.dead", arguments[optind + 1]);
    store = open(arguments[optind + 1], O_WRONLY | O_APPEND | O_CREAT, 0644);
    dead = open(dead_path, O_WRONLY | O_APPEND | O_CREAT, 0644);
    loop = uv_default_loop();
    uv_ip4_addr("127.0.0.1", atoi(arguments[optind]), &address);
    uv_tcp_init(loop, &listener);
    if (store < 0 || dead < 0 || uv_tcp_bind(&listener, (struct sockaddr *)&address, 0) != 0 ||
        uv_listen((uv_stream_t *)&listener, 1024, came) != 0)
        return 1;
    uv_tcp_getsockname(&listener, (struct sockaddr *)&address, &bytes);
    printf("port %u\n", (unsigned)ntohs(address.sin_port));
    fflush(stdout);
    uv_async_init(loop, &answered, answer);
    uv_timer_init(loop, &giving_up);
    for (int i = 0; i < 2; i++) {
        uv_signal_init(loop, &signals[i]);
        uv_signal_start(&signals[i], end, i == 0 ? SIGTERM : SIGINT);
    }
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&some, &monotonic), pthread_cond_init(&enough, &monotonic);
    pthread_create(&thread, NULL, run, NULL);
    uv_run(loop, UV_RUN_DEFAULT);
    pthread_join(thread, NULL);
    printf("%" PRIu64 " answered\n", answers);
    return 0;
}
