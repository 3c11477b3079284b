/*
 * The source: its options, and its driver's calls.  See weir/kafka.h and source.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A client that was lent from is not destroyed before the source is closed: somebody may keep a
 * record beyond the driver's end, and librdkafka's destroy waits for all of them.
 */
#include "connect/kafka/source.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { LEASE_MS = 3000, QUIET_MS = 500, BEAT_MS = 3000, PREFETCH_LIMIT = 10000000, KIB = 1024 };

static const uint64_t bytes_limit = UINT64_C(2097151) * KIB;

/* ---- open and close ------------------------------------------------------------------ */

static bool set_usual_of_source(const struct weir__kafka_link *link, rd_kafka_conf_t *conf) {
    static const char *const resets[] = {"earliest", "latest", "error"};
    const weir_kafka_source_options *options = &((const weir_kafka_source *)link)->options;
    uint64_t session = (uint64_t)weir__kafka_in_ms(options->session_ns), beat = session / 10 + 1;
    return weir__kafka_set(conf, "group.id", options->group) &&
           weir__kafka_set(conf, "group.instance.id", options->member) &&
           weir__kafka_set(conf, "auto.offset.reset", resets[options->from]) &&
           weir__kafka_set_number(conf, "session.timeout.ms", session) &&
           weir__kafka_set_number(conf, "heartbeat.interval.ms", beat < BEAT_MS ? beat : BEAT_MS) &&
           weir__kafka_set_number(conf, "queued.min.messages", options->prefetch) &&
           weir__kafka_set_number(conf, "queued.max.messages.kbytes",
                                  options->prefetch_bytes / KIB);
}

static bool set_own_of_source(const struct weir__kafka_link *link, rd_kafka_conf_t *conf) {
    const weir_kafka_source_options *options = &((const weir_kafka_source *)link)->options;
    rd_kafka_conf_set_rebalance_cb(conf, weir__kafka_on_rebalance);
    return weir__kafka_set(conf, "enable.auto.offset.store", "false") &&
           weir__kafka_set(conf, "enable.auto.commit", options->commit_ns > 1 ? "true" : "false") &&
           (options->commit_ns == 1 ||
            weir__kafka_set_number(conf, "auto.commit.interval.ms",
                                   (uint64_t)weir__kafka_in_ms(options->commit_ns)));
}

static const struct weir__kafka_role source_role = {
    .type = RD_KAFKA_CONSUMER, .usual = set_usual_of_source, .own = set_own_of_source};

static weir_pulled check_topics(weir_kafka_source *source) {
    weir_pulled pulled = WEIR_PULLED;
    for (size_t i = 0; i < source->options.topic_count && pulled == WEIR_PULLED; i++) {
        bool named = source->topics[i][0] != '^';
        pulled = weir__kafka_check_topic(source->client, &source->link, &source->options.server,
                                         named ? source->topics[i] : NULL);
    }
    return pulled;
}

static weir_pulled make_kafka_consumer(weir_kafka_source *source) {
    struct weir__kafka_client *client = calloc(1, sizeof *client);
    if (client == NULL) {
        weir_refuse(WEIR_NO_MEMORY, "kafka: no memory for a client");
        return WEIR_LOST;
    }
    weir_pulled pulled =
        weir__kafka_make(&source->link, &source->options.server, &source_role, &client->handle);
    if (pulled != WEIR_PULLED) {
        free(client);
        return pulled;
    }
    client->before = source->clients;
    source->clients = client;
    source->client = client->handle;
    rd_kafka_poll(source->client, 0); /* tokens that are asked for */
    return WEIR_PULLED;
}

/* A member stays one while the brokers are away. */
static weir_pulled open_kafka_source(void *context) {
    weir_kafka_source *source = context;
    weir_pulled pulled = source->client != NULL ? WEIR_PULLED : make_kafka_consumer(source);
    if (pulled == WEIR_PULLED) {
        pulled = check_topics(source);
    }
    return pulled == WEIR_PULLED && !source->joined ? weir__kafka_join(source) : pulled;
}

static void close_kafka_source(void *context) {
    weir__kafka_leave(context);
}

/* ---- pulling ------------------------------------------------------------------------- */

static void wait_for_bell(const weir_kafka_source *source, uint64_t ns) {
    uint64_t rung;
    struct pollfd bell = {.fd = source->bell, .events = POLLIN};
    struct timespec timeout = {.tv_sec = (time_t)(ns / 1000000000),
                               .tv_nsec = (long)(ns % 1000000000)};
    if (ppoll(&bell, 1, &timeout, NULL) > 0) {
        (void)!read(source->bell, &rung, sizeof rung);
    }
}

static void wake(void *context) {
    static const uint64_t one = 1;
    const weir_kafka_source *source = context;
    (void)!write(source->bell, &one, sizeof one);
}

/* What came out of the group's queue, at last or earlier. */
static weir_pulled say(weir_kafka_source *source) {
    weir_pulled said = source->said;
    if (said != WEIR_PULLED) {
        weir_refuse(WEIR_SYSTEM, "kafka: %s", source->why);
        source->said = WEIR_PULLED;
    }
    return said;
}

static weir_pulled pull_records(void *context, weir_pull *pull, uint64_t events, uint64_t bytes,
                                uint64_t timeout_ns) {
    weir_kafka_source *source = context;
    (void)bytes; /* each add says */
    source->pull = pull;
    weir__kafka_lanes_forget(source);
    weir_pulled pulled = weir__kafka_serve(source);
    uint64_t until = source->served_ns + timeout_ns, added = 0;
    while (pulled == WEIR_PULLED) {
        added = weir__kafka_lanes_take(source, events);
        pulled = say(source);
        if (added > 0 || source->served_ns >= until || weir_pull_stopping(pull)) {
            break;
        }
        if (pulled == WEIR_PULLED) {
            wait_for_bell(source, until - source->served_ns);
            pulled = weir__kafka_serve(source);
        }
    }
    source->pull = NULL;
    return pulled == WEIR_PULLED && added == 0 ? WEIR_IDLE : pulled;
}

/* Something has been under way for long, and nothing was pulled: a member that does not look at its
 * group at least each max.poll.interval.ms would be put out of it, and holds up all others. */
static void show_life(void *context, const uint64_t *tokens, size_t count) {
    weir_kafka_source *source = context;
    (void)tokens, (void)count;
    if (source->client != NULL &&
        weir__kafka_now() - source->served_ns >= QUIET_MS * (uint64_t)WEIR__KAFKA_MS) {
        weir__kafka_serve_group(source);
    }
}

/* ---- options ------------------------------------------------------------------------- */

static weir_status check_kafka_times(const weir_kafka_source_options *options) {
    const struct {
        const char *name;
        uint64_t value;
        bool one; /* 1 has a meaning */
    } times[] = {{"commit_ns", options->commit_ns, true},
                 {"revoke_ns", options->revoke_ns, true},
                 {"pause_ns", options->pause_ns, false},
                 {"session_ns", options->session_ns, false}};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        if (times[i].value != 0 && times[i].value < WEIR__KAFKA_MS &&
            !(times[i].one && times[i].value == 1)) {
            return weir_refuse(WEIR_INVALID, "%s must be at least 1000000%s, got %" PRIu64,
                               times[i].name, times[i].one ? ", or 1" : "", times[i].value);
        }
    }
    return WEIR_OK;
}

static weir_status check_kafka_sizes(const weir_kafka_source_options *options) {
    if (options->prefetch > PREFETCH_LIMIT) {
        return weir_refuse(WEIR_INVALID, "prefetch must be 1 to %d, got %zu", PREFETCH_LIMIT,
                           options->prefetch);
    }
    if (options->prefetch_bytes != 0 &&
        (options->prefetch_bytes < KIB || options->prefetch_bytes > bytes_limit)) {
        return weir_refuse(WEIR_INVALID, "prefetch_bytes must be %d to %" PRIu64 ", got %zu", KIB,
                           bytes_limit, options->prefetch_bytes);
    }
    if ((unsigned)options->from > WEIR_KAFKA_FROM_NOWHERE) {
        return weir_refuse(WEIR_INVALID, "from must be FIRST, NEXT or NOWHERE, got %d",
                           (int)options->from);
    }
    return WEIR_OK;
}

/* As librdkafka will compile it. */
static weir_status check_pattern(const char *what, const char *pattern) {
    regex_t made;
    char why[80];
    int said = regcomp(&made, pattern, REG_EXTENDED | REG_NOSUB);
    if (said == 0) {
        regfree(&made);
        return WEIR_OK;
    }
    regerror(said, &made, why, sizeof why);
    return weir_refuse(WEIR_INVALID,
                       "%s must be a topic, or a regular expression that begins with ^, got "
                       "\"%.100s\": %s",
                       what, pattern, why);
}

static weir_status check_one_topic(const char *const *topics, size_t at) {
    char what[32];
    snprintf(what, sizeof what, "topics[%zu]", at);
    weir_status status = topics[at] != NULL && topics[at][0] == '^'
                             ? check_pattern(what, topics[at])
                             : weir__kafka_check_topic_name(what, topics[at]);
    for (size_t i = 0; i < at && status == WEIR_OK; i++) {
        if (strcmp(topics[i], topics[at]) == 0) {
            status = weir_refuse(WEIR_INVALID, "%s must differ from topics[%zu], got \"%.150s\"",
                                 what, i, topics[at]);
        }
    }
    return status;
}

static weir_status copy_topics(weir_kafka_source *source, const weir_kafka_source_options *from) {
    if (from->group == NULL || *from->group == '\0') {
        return weir_refuse(WEIR_INVALID, "group must be given");
    }
    if (from->member != NULL && *from->member == '\0') {
        return weir_refuse(WEIR_INVALID, "member must not be empty");
    }
    if (from->topics == NULL || from->topic_count == 0 || from->topic_count > WEIR__KAFKA_TOPICS) {
        return weir_refuse(WEIR_INVALID, "topics must be 1 to %d, got %zu", WEIR__KAFKA_TOPICS,
                           from->topics == NULL ? 0 : from->topic_count);
    }
    for (size_t i = 0; i < from->topic_count; i++) {
        weir_status status = check_one_topic(from->topics, i);
        if (status != WEIR_OK) {
            return status;
        }
        source->topics[i] = weir__text_keep(&source->texts, from->topics[i]);
    }
    return WEIR_OK;
}

static void fill_defaults(weir_kafka_source_options *options) {
    const weir_kafka_source_options given = *options;
    options->span = given.span != 0 ? given.span : WEIR_SOURCE_SPAN_DEFAULT;
    options->commit_ns = given.commit_ns != 0 ? given.commit_ns : WEIR_KAFKA_COMMIT_DEFAULT;
    options->revoke_ns = given.revoke_ns != 0 ? given.revoke_ns : WEIR_KAFKA_REVOKE_DEFAULT;
    options->pause_ns = given.pause_ns != 0 ? given.pause_ns : WEIR_KAFKA_PAUSE_DEFAULT;
    options->session_ns = given.session_ns != 0 ? given.session_ns : WEIR_KAFKA_SESSION_DEFAULT;
    options->prefetch = given.prefetch != 0 ? given.prefetch : WEIR_KAFKA_PREFETCH_DEFAULT;
    options->prefetch_bytes =
        given.prefetch_bytes != 0 ? given.prefetch_bytes : WEIR_KAFKA_PREFETCH_BYTES_DEFAULT;
}

static weir_status copy_source_options(weir_kafka_source *source,
                                       const weir_kafka_source_options *from) {
    weir_kafka_source_options *to = &source->options;
    if (weir__kafka_is_set(from->reserved, sizeof from->reserved / sizeof *from->reserved)) {
        return weir_refuse(WEIR_INVALID, "reserved must be zero");
    }
    *to = *from;
    fill_defaults(to);
    weir_status status = copy_topics(source, from);
    if (status == WEIR_OK) {
        status = check_kafka_times(from);
    }
    if (status == WEIR_OK) {
        status = check_kafka_sizes(from);
    }
    if (status == WEIR_OK) {
        status = weir__kafka_copy_server(&source->texts, &from->server, &to->server);
    }
    to->topics = source->topics;
    to->group = weir__text_keep(&source->texts, from->group);
    to->member = weir__text_keep(&source->texts, from->member);
    if (status == WEIR_OK && source->texts.failed) {
        status = weir_refuse(WEIR_NO_MEMORY, "no memory for the options of a source of kafka");
    }
    return status;
}

static weir_status make_bell(weir_kafka_source *source) {
    source->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return source->bell >= 0 ? WEIR_OK
                             : weir_refuse(WEIR_SYSTEM, "no descriptor for a source of kafka: %s",
                                           strerror(errno));
}

weir_status weir_kafka_source_open(const weir_kafka_source_options *options,
                                   weir_kafka_source **out) {
    if (options == NULL || out == NULL) {
        return weir_refuse(WEIR_INVALID, "%s must not be NULL",
                           options == NULL ? "options" : "out");
    }
    weir_kafka_source *source = calloc(1, sizeof *source);
    if (source == NULL) {
        return weir_refuse(WEIR_NO_MEMORY, "no memory for a source of kafka");
    }
    weir__kafka_link_init(&source->link);
    source->bell = -1;
    weir_status status = copy_source_options(source, options);
    if (status == WEIR_OK) {
        status = make_bell(source);
    }
    if (status != WEIR_OK) {
        weir_kafka_source_close(source);
        return status;
    }
    source->driver = (weir_source_driver){.name = "kafka",
                                          .cumulative = true,
                                          .needs_context = true,
                                          .span = source->options.span,
                                          .lease_ns = LEASE_MS * (uint64_t)WEIR__KAFKA_MS,
                                          .open = open_kafka_source,
                                          .pull = pull_records,
                                          .ack = weir__kafka_ack,
                                          .extend = show_life,
                                          .release = weir__kafka_release,
                                          .wake = wake,
                                          .close = close_kafka_source};
    *out = source;
    return WEIR_OK;
}

const weir_source_driver *weir_kafka_source_driver(const weir_kafka_source *source) {
    return &source->driver;
}

void weir_kafka_source_close(weir_kafka_source *source) {
    if (source == NULL) {
        return;
    }
    weir__kafka_leave(source);
    weir__kafka_lanes_free(source);
    while (source->clients != NULL) {
        struct weir__kafka_client *client = source->clients;
        source->clients = client->before;
        rd_kafka_destroy_flags(client->handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        free(client);
    }
    if (source->bell >= 0) {
        close(source->bell);
    }
    weir__texts_free(&source->texts);
    weir__kafka_link_free(&source->link);
    free(source);
}
