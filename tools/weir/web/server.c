/*
 * The server of `weir web`: see server.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server.h"

#include "page.h"
#include "trouble.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { CLIENTS_MOST = 64, SILENT_S = 30, PIECE = 32768, FRAME = 6 /* "data: " */ };

/* Who listens.  Between two messages its connection is suspended: `waits`. */
struct client {
    struct server *server;
    struct client *next;
    struct client **link; /* what points to it */
    struct MHD_Connection *connection;
    struct watch *watch;     /* NULL: there is none as yet */
    struct message *message; /* that is being sent */
    size_t sent;
    unsigned looks; /* the server's, at its last message */
    bool once;      /* it wants one message, without its frame */
    bool lines;     /* it has had the time lines */
    bool done;
    bool waits;
};

struct server {
    struct watches *watches;
    struct MHD_Daemon *daemon;
    struct client *clients;
    unsigned looks; /* from 1 */
    bool ending;
};

/* --- messages ----------------------------------------------------------------------------- */

static void find_watch(struct client *client) {
    if (client->watch == NULL) {
        client->watch = watches_find(client->server->watches, NULL);
        if (client->watch != NULL) {
            client->watch->listeners++;
        }
    }
}

/* The first look has no rates: who wants one message waits for the second. */
static bool is_due(const struct client *client) {
    const struct watch *watch = client->watch;
    if (client->server->ending || client->done || client->looks == client->server->looks) {
        return false;
    }
    return !client->once || watch == NULL || watch->look.looks > 1 || watch->ended[0] != 0;
}

static bool take_message(struct client *client) {
    bool lines = client->watch != NULL && !client->lines;
    client->message = watches_say(client->server->watches, client->watch, lines);
    if (client->message == NULL) {
        return false;
    }
    client->looks = client->server->looks;
    client->lines = client->lines || lines;
    client->sent = client->once ? FRAME : 0;
    client->done = client->once;
    return true;
}

static ssize_t send_some(struct client *client, char *to, size_t room) {
    size_t end = client->message->length - client->once;
    size_t count = end - client->sent < room ? end - client->sent : room;
    memcpy(to, client->message->text + client->sent, count);
    client->sent += count;
    if (client->sent == end) {
        message_drop(client->message);
        client->message = NULL;
    }
    return (ssize_t)count;
}

static ssize_t read_on(void *context, uint64_t position, char *to, size_t room) {
    struct client *client = context;
    (void)position;
    if (client->message != NULL) {
        return send_some(client, to, room);
    }
    find_watch(client);
    if (is_due(client)) {
        return take_message(client) ? send_some(client, to, room)
                                    : MHD_CONTENT_READER_END_WITH_ERROR;
    }
    if (client->done || client->server->ending) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    client->waits = true;
    MHD_suspend_connection(client->connection);
    return 0;
}

static void let_go(void *context) {
    struct client *client = context;
    if (client->watch != NULL) {
        client->watch->listeners--;
    }
    message_drop(client->message);
    *client->link = client->next;
    if (client->next != NULL) {
        client->next->link = client->link;
    }
    free(client);
}

static struct client *add_client(struct server *server, struct MHD_Connection *connection,
                                 struct watch *watch, bool once) {
    struct client *client = calloc(1, sizeof *client);
    if (client == NULL) {
        return NULL;
    }
    *client = (struct client){.server = server,
                              .next = server->clients,
                              .link = &server->clients,
                              .connection = connection,
                              .watch = watch,
                              .once = once};
    if (client->next != NULL) {
        client->next->link = &client->next;
    }
    server->clients = client;
    if (watch != NULL) {
        watch->listeners++;
    }
    return client;
}

/* --- answers ------------------------------------------------------------------------------ */

static enum MHD_Result queue(struct MHD_Connection *connection, unsigned status, const char *type,
                             struct MHD_Response *response) {
    if (response == NULL) {
        return MHD_NO;
    }
    enum MHD_Result result = MHD_NO;
    if (MHD_add_response_header(response, "Content-Type", type) == MHD_YES &&
        MHD_add_response_header(response, "Cache-Control", "no-store") == MHD_YES &&
        MHD_add_response_header(response, "X-Content-Type-Options", "nosniff") == MHD_YES &&
        MHD_add_response_header(response, "Content-Security-Policy", "default-src 'self'") ==
            MHD_YES) {
        result = MHD_queue_response(connection, status, response);
    }
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned status,
                              const char *sentence) {
    return queue(connection, status, "text/plain; charset=utf-8",
                 MHD_create_response_from_buffer(strlen(sentence), (void *)(uintptr_t)sentence,
                                                 MHD_RESPMEM_MUST_COPY));
}

static enum MHD_Result answer_file(struct MHD_Connection *connection, const char *name) {
    const char *ending = strrchr(name, '.');
    const char *type = ending == NULL                 ? "text/plain"
                       : strcmp(ending, ".html") == 0 ? "text/html; charset=utf-8"
                       : strcmp(ending, ".css") == 0  ? "text/css; charset=utf-8"
                                                      : "text/javascript; charset=utf-8";
    for (const struct page_file *each = page_files; each->name != NULL; each++) {
        if (strcmp(each->name, name) == 0) {
            return queue(connection, MHD_HTTP_OK, type,
                         MHD_create_response_from_buffer(
                             each->length, (void *)(uintptr_t)each->bytes, MHD_RESPMEM_PERSISTENT));
        }
    }
    return refuse(connection, MHD_HTTP_NOT_FOUND, "There is no such page.\n");
}

static enum MHD_Result answer_messages(struct server *server, struct MHD_Connection *connection,
                                       bool once) {
    const char *id = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "runtime");
    struct watch *watch = id == NULL ? NULL : watches_find(server->watches, id);
    if (id != NULL && watch == NULL) {
        return refuse(connection, MHD_HTTP_NOT_FOUND, "There is no such runtime.\n");
    }
    struct client *client = add_client(server, connection, watch, once);
    if (client == NULL) {
        return MHD_NO;
    }
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, PIECE, read_on, client, let_go);
    if (response == NULL) {
        let_go(client);
        return MHD_NO;
    }
    return queue(connection, MHD_HTTP_OK,
                 once ? "application/json; charset=utf-8" : "text/event-stream; charset=utf-8",
                 response);
}

/* A page of somewhere else whose name leads here must not read what is shown. */
static bool is_for_us(struct MHD_Connection *connection) {
    const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host");
    if (host == NULL) {
        return true;
    }
    size_t length = strcspn(host, ":");
    bool ours = length == 9 && (strncasecmp(host, "127.0.0.1", length) == 0 ||
                                strncasecmp(host, "localhost", length) == 0);
    const char *port = host + length + (host[length] == ':');
    return ours && port[strspn(port, "0123456789")] == 0;
}

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_bytes, void **state) {
    static char begun;
    struct server *server = context;
    (void)version;
    (void)upload;
    if (*state == NULL || *upload_bytes > 0) { /* answers wait for the end of what is asked */
        *state = &begun;
        *upload_bytes = 0;
        return MHD_YES;
    }
    if (!is_for_us(connection)) {
        return refuse(connection, MHD_HTTP_FORBIDDEN, "This is served to this machine alone.\n");
    }
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "There is only GET.\n");
    }
    if (strcmp(url, "/events") == 0 || strcmp(url, "/look") == 0) {
        return answer_messages(server, connection, url[1] == 'l');
    }
    return answer_file(connection, strcmp(url, "/") == 0 ? "page.html" : url + (url[0] == '/'));
}

/* --- the server --------------------------------------------------------------------------- */

struct server *server_open(struct watches *watches, int listener) {
    struct server *server = calloc(1, sizeof *server);
    if (server != NULL) {
        *server = (struct server){.watches = watches, .looks = 1};
        server->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
                                          answer, server, MHD_OPTION_LISTEN_SOCKET, listener,
                                          MHD_OPTION_CONNECTION_LIMIT, CLIENTS_MOST,
                                          MHD_OPTION_CONNECTION_TIMEOUT, SILENT_S, MHD_OPTION_END);
    }
    if (server == NULL || server->daemon == NULL) {
        close(listener);
        free(server);
        trouble("libmicrohttpd does not start");
        return NULL;
    }
    return server;
}

static void wake_all(struct server *server) {
    for (struct client *each = server->clients; each != NULL; each = each->next) {
        if (each->waits) {
            each->waits = false;
            MHD_resume_connection(each->connection);
        }
    }
}

void server_close(struct server *server) {
    server->ending = true;
    wake_all(server); /* it cannot end with connections that are suspended */
    MHD_run(server->daemon);
    MHD_stop_daemon(server->daemon);
    free(server);
}

int server_descriptor(const struct server *server) {
    return MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

int server_patience_ms(const struct server *server, int most_ms) {
    MHD_UNSIGNED_LONG_LONG patience;
    if (MHD_get_timeout(server->daemon, &patience) == MHD_NO ||
        patience > (MHD_UNSIGNED_LONG_LONG)most_ms) {
        return most_ms;
    }
    return (int)patience;
}

void server_run(struct server *server) {
    MHD_run(server->daemon);
}

void server_tell(struct server *server) {
    server->looks++;
    wake_all(server);
}
