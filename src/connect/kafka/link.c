/*
 * A client of Kafka's: what it is configured with, and what it has to say.  See link.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "connect/kafka/link.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

uint64_t weir__kafka_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void weir__kafka_link_init(struct weir__kafka_link *link) {
    pthread_mutex_init(&link->lock, NULL);
}

void weir__kafka_link_free(struct weir__kafka_link *link) {
    pthread_mutex_destroy(&link->lock);
}

/* ---- options ----------------------------------------------------------------------- */

static weir_status check_kafka_server(const weir_kafka_server *server) {
    if (weir__kafka_is_set(server->reserved, sizeof server->reserved / sizeof *server->reserved)) {
        return weir_refuse(WEIR_INVALID, "server.reserved must be zero");
    }
    if ((server->user == NULL) != (server->password == NULL)) {
        return weir_refuse(WEIR_INVALID, "server.%s must be given with server.%s",
                           server->user == NULL ? "user" : "password",
                           server->user == NULL ? "password" : "user");
    }
    if (server->mechanism != NULL && server->user == NULL) {
        return weir_refuse(WEIR_INVALID, "server.user must be given with server.mechanism");
    }
    if ((server->certificate == NULL) != (server->key == NULL)) {
        return weir_refuse(WEIR_INVALID, "server.certificate and server.key must be given both");
    }
    if (server->brokers != NULL && *server->brokers == '\0') {
        return weir_refuse(WEIR_INVALID, "server.brokers must not be empty");
    }
    if (server->timeout_ns != 0 && server->timeout_ns < WEIR__KAFKA_MS) {
        return weir_refuse(WEIR_INVALID, "server.timeout_ns must be at least 1000000, got %llu",
                           (unsigned long long)server->timeout_ns);
    }
    return WEIR_OK;
}

weir_status weir__kafka_copy_server(struct weir__texts *texts, const weir_kafka_server *from,
                                    weir_kafka_server *to) {
    weir_status status = check_kafka_server(from);
    if (status != WEIR_OK) {
        return status;
    }
    *to = *from;
    to->brokers =
        weir__text_keep(texts, from->brokers != NULL ? from->brokers : WEIR_KAFKA_BROKERS_DEFAULT);
    to->name = weir__text_keep(texts, from->name != NULL ? from->name : "weir");
    to->user = weir__text_keep(texts, from->user);
    to->password = weir__text_keep(texts, from->password);
    to->mechanism = weir__text_keep(texts, from->mechanism != NULL ? from->mechanism : "PLAIN");
    to->tls = from->tls || from->ca != NULL || from->certificate != NULL;
    to->ca = weir__text_keep(texts, from->ca);
    to->certificate = weir__text_keep(texts, from->certificate);
    to->key = weir__text_keep(texts, from->key);
    to->timeout_ns = from->timeout_ns != 0 ? from->timeout_ns : WEIR_KAFKA_TIMEOUT_DEFAULT;
    return WEIR_OK;
}

weir_status weir__kafka_check_topic_name(const char *what, const char *name) {
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    if (name == NULL || *name == '\0') {
        return weir_refuse(WEIR_INVALID, "%s must be given", what);
    }
    if (strlen(name) >= WEIR_KAFKA_TOPIC_BYTES) {
        return weir_refuse(WEIR_INVALID, "%s must have at most %d characters, got %zu", what,
                           WEIR_KAFKA_TOPIC_BYTES - 1, strlen(name));
    }
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return weir_refuse(WEIR_INVALID, "%s must not be . or .., got \"%s\"", what, name);
    }
    if (name[strspn(name, allowed)] != '\0') {
        return weir_refuse(WEIR_INVALID, "%s must be of letters, digits, ., _ and -, got \"%s\"",
                           what, name);
    }
    return WEIR_OK;
}

/* ---- configuration ------------------------------------------------------------------ */

bool weir__kafka_set(rd_kafka_conf_t *conf, const char *name, const char *value) {
    char why[160];
    if (value == NULL ||
        rd_kafka_conf_set(conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK) {
        return true;
    }
    weir_refuse(WEIR_INVALID, "kafka: %s", why);
    return false;
}

bool weir__kafka_set_number(rd_kafka_conf_t *conf, const char *name, uint64_t value) {
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    return weir__kafka_set(conf, name, text);
}

static bool set_server(rd_kafka_conf_t *conf, const weir_kafka_server *server) {
    const char *protocol = server->user == NULL ? server->tls ? "ssl" : "plaintext"
                           : server->tls        ? "sasl_ssl"
                                                : "sasl_plaintext";
    return weir__kafka_set(conf, "bootstrap.servers", server->brokers) &&
           weir__kafka_set(conf, "client.id", server->name) &&
           weir__kafka_set(conf, "security.protocol", protocol) &&
           (server->user == NULL || (weir__kafka_set(conf, "sasl.mechanisms", server->mechanism) &&
                                     weir__kafka_set(conf, "sasl.username", server->user) &&
                                     weir__kafka_set(conf, "sasl.password", server->password))) &&
           weir__kafka_set(conf, "ssl.ca.location", server->ca) &&
           weir__kafka_set(conf, "ssl.certificate.location", server->certificate) &&
           weir__kafka_set(conf, "ssl.key.location", server->key) &&
           weir__kafka_set(conf, "log.thread.name", "false");
}

/* ---- what it says ------------------------------------------------------------------- */

static void keep_words(struct weir__kafka_link *link, const char *words) {
    pthread_mutex_lock(&link->lock);
    snprintf(link->words, sizeof link->words, "%s", words);
    pthread_mutex_unlock(&link->lock);
}

/* On any thread of the client's. */
static void hear_log(const rd_kafka_t *client, int level, const char *facility, const char *text) {
    struct weir__kafka_link *link = rd_kafka_opaque(client);
    if (level <= LOG_ERR && strcmp(facility, "ERROR") != 0 && link != NULL) {
        keep_words(link, text);
    }
}

/* Which of two errors says more of what is to be done. */
static int weight_of_error(rd_kafka_resp_err_t error) {
    switch (error) {
    case RD_KAFKA_RESP_ERR__FATAL:
        return 3;
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR__SSL:
        return 2;
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
        return 1;
    default:
        return 0; /* the client mends it */
    }
}

/* On the thread that polls. */
static void hear_client_error(rd_kafka_t *client, int error, const char *text, void *opaque) {
    struct weir__kafka_link *link = opaque;
    (void)client;
    if (error != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && error != RD_KAFKA_RESP_ERR__FATAL) {
        keep_words(link, text);
    }
    if (weight_of_error((rd_kafka_resp_err_t)error) > weight_of_error(link->trouble)) {
        link->trouble = (rd_kafka_resp_err_t)error;
    }
}

weir_pulled weir__kafka_lost(struct weir__kafka_link *link, const char *tried,
                             rd_kafka_resp_err_t said) {
    pthread_mutex_lock(&link->lock);
    weir_refuse(WEIR_SYSTEM, "kafka: %s: %s%s%s", tried, rd_kafka_err2str(said),
                link->words[0] != '\0' ? ": " : "", link->words);
    link->words[0] = '\0';
    pthread_mutex_unlock(&link->lock);
    return WEIR_LOST;
}

weir_pulled weir__kafka_trouble(rd_kafka_t *client, struct weir__kafka_link *link,
                                const weir_kafka_server *server) {
    rd_kafka_resp_err_t trouble = link->trouble;
    char text[WEIR__KAFKA_WORDS];
    link->trouble = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (weight_of_error(trouble) == 0) {
        return WEIR_PULLED;
    }
    if (trouble == RD_KAFKA_RESP_ERR__FATAL) {
        rd_kafka_resp_err_t why = rd_kafka_fatal_error(client, text, sizeof text);
        weir_refuse(WEIR_SYSTEM, "kafka: %s: %s", rd_kafka_err2name(why), text);
        return WEIR_BROKEN;
    }
    snprintf(text, sizeof text, "the connection to %s", server->brokers);
    return weir__kafka_lost(link, text, trouble);
}

/* ---- making one --------------------------------------------------------------------- */

static rd_kafka_conf_t *configure(struct weir__kafka_link *link, const weir_kafka_server *server,
                                  const struct weir__kafka_role *role) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, hear_log);
    bool right = set_server(conf, server) && role->usual(link, conf);
    if (right && server->configure != NULL && server->configure(server->context, conf) != 0) {
        weir_refuse(WEIR_INVALID, "kafka: server.configure has refused");
        right = false;
    }
    rd_kafka_conf_set_opaque(conf, link);
    rd_kafka_conf_set_error_cb(conf, hear_client_error);
    if (right && role->own(link, conf)) {
        return conf;
    }
    rd_kafka_conf_destroy(conf);
    return NULL;
}

weir_pulled weir__kafka_make(struct weir__kafka_link *link, const weir_kafka_server *server,
                             const struct weir__kafka_role *role, rd_kafka_t **out) {
    char why[160];
    rd_kafka_conf_t *conf = configure(link, server, role);
    if (conf == NULL) {
        return WEIR_BROKEN;
    }
    *out = rd_kafka_new(role->type, conf, why, sizeof why);
    if (*out != NULL) {
        return WEIR_PULLED;
    }
    rd_kafka_resp_err_t error = rd_kafka_last_error();
    rd_kafka_conf_destroy(conf);
    weir_refuse(WEIR_SYSTEM, "kafka: %s", why);
    return error == RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE ? WEIR_LOST : WEIR_BROKEN;
}

/* ---- topics ------------------------------------------------------------------------- */

static rd_kafka_resp_err_t ask_topic(rd_kafka_t *client, const char *name, int timeout_ms,
                                     rd_kafka_resp_err_t *of_topic) {
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *topic = name == NULL ? NULL : rd_kafka_topic_new(client, name, NULL);
    rd_kafka_resp_err_t said = rd_kafka_metadata(client, 0, topic, &metadata, timeout_ms);
    *of_topic = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (said == RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (name != NULL) {
            *of_topic = metadata->topic_cnt == 1 ? metadata->topics[0].err
                                                 : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        }
        rd_kafka_metadata_destroy(metadata);
    }
    if (topic != NULL) {
        rd_kafka_topic_destroy(topic);
    }
    return said;
}

weir_pulled weir__kafka_check_topic(rd_kafka_t *client, struct weir__kafka_link *link,
                                    const weir_kafka_server *server, const char *topic) {
    char tried[WEIR__KAFKA_WORDS];
    rd_kafka_resp_err_t of_topic;
    rd_kafka_resp_err_t said =
        ask_topic(client, topic, weir__kafka_in_ms(server->timeout_ns), &of_topic);
    rd_kafka_poll(client, 0); /* errors that tell why; tokens that are asked for */
    if (said != RD_KAFKA_RESP_ERR_NO_ERROR) {
        snprintf(tried, sizeof tried, "cannot connect to %.150s", server->brokers);
        return weir__kafka_lost(link, tried, said);
    }
    if (of_topic != RD_KAFKA_RESP_ERR_NO_ERROR) {
        weir_refuse(WEIR_SYSTEM, "kafka: topic %s: %s", topic, rd_kafka_err2str(of_topic));
        return WEIR_LOST;
    }
    link->trouble = RD_KAFKA_RESP_ERR_NO_ERROR; /* it is over */
    return WEIR_PULLED;
}
