/*
 * Goal: who one is to a server, and who it is: users, tokens, TLS; what is wrong is said, and tried
 * again by back-off, not at full speed.  The client library's threads are where the process may be.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: sources of one stage against servers with authorization, with certificates that openssl
 * makes, and by a proxy that counts connections.
 */
#include "connect/engine.h"
#include "connect/heard.h"
#include "connect/proxy.h"
#include "connect/tally.h"
#include "support/cmocka.h"

#include <dirent.h>
#include <nats/nats.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <weir/nats.h>
#include <weir/weir.h>

#define MS UINT64_C(1000000)

static struct engine server;

/* ---- one source, for a while ------------------------------------------------------------ */

struct trial {
    weir_nats_source *client;
    weir_runtime *runtime;
    weir_source *source;
};

static bool has_opened(void *context) {
    const struct trial *trial = context;
    weir_source_stats stats;
    return weir_source_statistics(trial->source, &stats) == WEIR_OK && stats.opened > 0;
}

static void begin(struct trial *trial, const weir_nats_server *who) {
    static const char *const subjects[] = {"jobs"};
    const weir_nats_source_options options = {.server = *who,
                                              .stream = "JOBS",
                                              .subjects = subjects,
                                              .subject_count = 1,
                                              .consumer = "worker"};
    heard_begin();
    assert_int_equal(weir_nats_source_open(&options, &trial->client), WEIR_OK);
    assert_int_equal(
        weir_runtime_open(&(weir_runtime_options){.workers = 1, .log = heard_log}, &trial->runtime),
        WEIR_OK);
    assert_int_equal(
        weir_source_open(trial->runtime,
                         &(weir_source_options){.driver = weir_nats_source_driver(trial->client),
                                                .context = trial->client,
                                                .reopen_ns = 100 * MS,
                                                .shutdown_ns = 1000 * MS},
                         &trial->source, NULL),
        WEIR_OK);
}

static void end(struct trial *trial) {
    assert_int_equal(weir_source_close(trial->source), WEIR_OK);
    assert_int_equal(weir_runtime_close(trial->runtime, NULL), WEIR_OK);
    weir_nats_source_close(trial->client);
}

static void opens(const weir_nats_server *who) {
    struct trial trial;
    begin(&trial, who);
    assert_true(tally_until(has_opened, &trial, 10));
    end(&trial);
}

static void is_told(const weir_nats_server *who, const char *what) {
    struct trial trial;
    begin(&trial, who);
    assert_true(tally_until(heard, (void *)what, 10));
    assert_false(has_opened(&trial));
    end(&trial);
}

static void name_server(char url[64], unsigned port) {
    snprintf(url, 64, "nats://127.0.0.1:%u", port);
}

/* ---- what is tried ------------------------------------------------------------------------ */

static void users_must_be_right(void **state) {
    char url[64];
    (void)state;
    engine_start(&server, ENGINE_NATS, "authorization {user: weir, password: right}");
    name_server(url, server.port);
    opens(&(weir_nats_server){.url = url, .user = "weir", .password = "right"});
    is_told(&(weir_nats_server){.url = url, .user = "weir", .password = "wrong"},
            "Authorization Violation");
    is_told(&(weir_nats_server){.url = url}, "Authorization Violation");
    engine_end(&server);
}

static void tokens_must_be_right(void **state) {
    char url[64];
    (void)state;
    engine_start(&server, ENGINE_NATS, "authorization {token: right}");
    name_server(url, server.port);
    opens(&(weir_nats_server){.url = url, .token = "right"});
    is_told(&(weir_nats_server){.url = url, .token = "wrong"}, "Authorization Violation");
    engine_end(&server);
}

static void is_tried_again_by_backoff(void **state) {
    char url[64];
    struct trial trial;
    (void)state;
    engine_start(&server, ENGINE_NATS, "authorization {token: right}");
    proxy *between = proxy_start(server.port);
    name_server(url, proxy_port(between));
    begin(&trial, &(weir_nats_server){.url = url, .token = "wrong"});
    nanosleep(&(struct timespec){.tv_nsec = 700000000}, NULL);
    /* 100, 200, 400 ms, of which half is drawn: by now some five tries at most. */
    assert_in_range(proxy_connections(between), 1, 8);
    end(&trial);
    proxy_end(between);
    engine_end(&server);
}

static int count_configured(void *context, struct __natsOptions *options) {
    ++*(unsigned *)context;
    return natsOptions_SetToken(options, "right") == NATS_OK ? 0 : 1;
}

static int refuse_to(void *context, struct __natsOptions *options) {
    (void)context, (void)options;
    return 1;
}

static void programs_may_configure_the_client(void **state) {
    char url[64];
    unsigned configured = 0;
    (void)state;
    engine_start(&server, ENGINE_NATS, "authorization {token: right}");
    name_server(url, server.port);
    opens(&(weir_nats_server){.url = url, .configure = count_configured, .context = &configured});
    assert_int_equal(configured, 2); /* two connections */
    is_told(&(weir_nats_server){.url = url, .configure = refuse_to},
            "its driver is broken (nats: server.configure has refused)");
    engine_end(&server);
}

/* A certificate of its own authority, in the folder; false: there is no openssl. */
static bool make_certificate(const char *folder) {
    char command[512];
    snprintf(command, sizeof command,
             "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost "
             "-addext subjectAltName=IP:127.0.0.1 -keyout %s/key.pem -out %s/cert.pem "
             "> %s/openssl.log 2>&1",
             folder, folder, folder);
    return system(command) == 0;
}

static void servers_prove_who_they_are(void **state) {
    char folder[] = "/tmp/weir-nats-tls.XXXXXX", url[64], config[256], ca[64], other[64];
    (void)state;
    assert_non_null(mkdtemp(folder));
    if (!make_certificate(folder)) {
        rmdir(folder);
        skip();
    }
    snprintf(config, sizeof config, "tls {cert_file: \"%s/cert.pem\", key_file: \"%s/key.pem\"}",
             folder, folder);
    engine_start(&server, ENGINE_NATS, config);
    name_server(url, server.port);
    snprintf(ca, sizeof ca, "%s/cert.pem", folder);
    snprintf(other, sizeof other, "%s/key.pem", folder);
    opens(&(weir_nats_server){.url = url, .ca = ca});
    is_told(&(weir_nats_server){.url = url}, "cannot connect to");
    is_told(&(weir_nats_server){.url = url, .ca = other}, "its driver is broken (nats: ");
    engine_end(&server);
    for (int i = 0; i < 3; i++) {
        static const char *const files[] = {"key.pem", "cert.pem", "openssl.log"};
        char path[128];
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        remove(path);
    }
    rmdir(folder);
}

/* Of a thread, "Cpus_allowed_list: ..." and its name. */
static void read_thread(const char *id, char name[64], char cores[64]) {
    char path[300], line[256];
    snprintf(path, sizeof path, "/proc/self/task/%s/status", id);
    FILE *file = fopen(path, "re");
    *name = *cores = '\0';
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        sscanf(line, "Name: %63s", name);
        sscanf(line, "Cpus_allowed_list: %63s", cores);
    }
    if (file != NULL) {
        fclose(file);
    }
}

static void helper_threads_may_run_anywhere(void **state) {
    char url[64], own[64], id[32], name[64], cores[64];
    struct trial trial;
    const struct dirent *entry;
    unsigned others = 0;
    (void)state;
    engine_start(&server, ENGINE_NATS, "");
    name_server(url, server.port);
    begin(&trial, &(weir_nats_server){.url = url});
    assert_true(tally_until(has_opened, &trial, 10));
    snprintf(id, sizeof id, "%d", (int)getpid());
    read_thread(id, name, own);
    DIR *tasks = opendir("/proc/self/task");
    assert_non_null(tasks);
    while ((entry = readdir(tasks)) != NULL) {
        read_thread(entry->d_name, name, cores);
        if (*name != '\0' && strncmp(name, "weir/", 5) != 0) {
            assert_string_equal(cores, own);
            others++;
        }
    }
    closedir(tasks);
    assert_true(others > 3); /* the client has several */
    end(&trial);
    engine_end(&server);
}

static int close_client(void **state) {
    (void)state;
    nats_Close();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users_must_be_right),
        cmocka_unit_test(tokens_must_be_right),
        cmocka_unit_test(is_tried_again_by_backoff),
        cmocka_unit_test(programs_may_configure_the_client),
        cmocka_unit_test(servers_prove_who_they_are),
        cmocka_unit_test(helper_threads_may_run_anywhere),
    };
    return engine_found(ENGINE_NATS) ? cmocka_run_group_tests(tests, NULL, close_client)
                                     : ENGINE_SKIPPED;
}
