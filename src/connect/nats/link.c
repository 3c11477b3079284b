/*
 * A connection to NATS servers, and what of a stream is made through it.  See link.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "connect/nats/link.h"

#include "connect/nats/subject.h"

#include <stdio.h>
#include <string.h>

/* ---- options ----------------------------------------------------------------------- */

static weir_status check_server(const weir_nats_server *server) {
    if (weir__nats_is_set(server->reserved, sizeof server->reserved / sizeof *server->reserved)) {
        return weir_refuse(WEIR_INVALID, "server.reserved must be zero");
    }
    if ((server->user == NULL) != (server->password == NULL)) {
        return weir_refuse(WEIR_INVALID, "server.%s must be given with server.%s",
                           server->user == NULL ? "user" : "password",
                           server->user == NULL ? "password" : "user");
    }
    if ((server->certificate == NULL) != (server->key == NULL)) {
        return weir_refuse(WEIR_INVALID, "server.certificate and server.key must be given both");
    }
    if (server->user != NULL && server->token != NULL) {
        return weir_refuse(WEIR_INVALID, "server.user and server.token must not be given both");
    }
    if (server->timeout_ns != 0 && server->timeout_ns < WEIR__NATS_MS) {
        return weir_refuse(WEIR_INVALID, "server.timeout_ns must be at least 1000000, got %llu",
                           (unsigned long long)server->timeout_ns);
    }
    return WEIR_OK;
}

weir_status weir__nats_copy_server(struct weir__texts *texts, const weir_nats_server *from,
                                   weir_nats_server *to, struct weir__nats_addresses *addresses) {
    weir_status status = check_server(from);
    if (status == WEIR_OK) {
        status = weir__nats_copy_addresses(
            texts, from->url != NULL ? from->url : WEIR_NATS_URL_DEFAULT, addresses);
    }
    if (status != WEIR_OK) {
        return status;
    }
    *to = *from;
    to->url = weir__text_keep(texts, from->url != NULL ? from->url : WEIR_NATS_URL_DEFAULT);
    to->name = weir__text_keep(texts, from->name != NULL ? from->name : "weir");
    to->user = weir__text_keep(texts, from->user);
    to->password = weir__text_keep(texts, from->password);
    to->token = weir__text_keep(texts, from->token);
    to->credentials = weir__text_keep(texts, from->credentials);
    to->ca = weir__text_keep(texts, from->ca);
    to->certificate = weir__text_keep(texts, from->certificate);
    to->key = weir__text_keep(texts, from->key);
    to->timeout_ns = from->timeout_ns != 0 ? from->timeout_ns : WEIR_NATS_TIMEOUT_DEFAULT;
    return WEIR_OK;
}

weir_status weir__nats_check_name(const char *what, const char *name) {
    if (name == NULL || *name == '\0') {
        return weir_refuse(WEIR_INVALID, "%s must be given", what);
    }
    if (strpbrk(name, ".*>/\\ \t\r\n") != NULL) {
        return weir_refuse(WEIR_INVALID,
                           "%s must be without dots, blanks, slashes, * and >, got \"%s\"", what,
                           name);
    }
    if (strlen(name) > WEIR__NATS_NAME_MOST) {
        return weir_refuse(WEIR_INVALID, "%s must have at most %d characters, got %zu", what,
                           WEIR__NATS_NAME_MOST, strlen(name));
    }
    return WEIR_OK;
}

weir_status weir__nats_copy_stream(struct weir__texts *texts, const char *name,
                                   const char *const *subjects, size_t count, unsigned replicas,
                                   bool in_memory, struct weir__nats_stream *to) {
    weir_status status = weir__nats_check_name("stream", name);
    if (status != WEIR_OK) {
        return status;
    }
    if (count > WEIR__NATS_SUBJECTS || (count > 0) != (subjects != NULL)) {
        return weir_refuse(WEIR_INVALID,
                           "subject_count must be 0 without subjects, and 1 to %d with them, "
                           "got %zu",
                           WEIR__NATS_SUBJECTS, count);
    }
    if (replicas > 5) {
        return weir_refuse(WEIR_INVALID, "replicas must be 1 to 5, got %u", replicas);
    }
    *to = (struct weir__nats_stream){.name = weir__text_keep(texts, name),
                                     .subject_count = count,
                                     .replicas = replicas != 0 ? replicas : 1,
                                     .in_memory = in_memory};
    for (size_t i = 0; i < count; i++) {
        if (subjects[i] == NULL || *subjects[i] == '\0') {
            return weir_refuse(WEIR_INVALID, "subjects[%zu] must be given", i);
        }
        char what[32];
        snprintf(what, sizeof what, "subjects[%zu]", i);
        status = weir__nats_check_subject(what, subjects[i], true);
        if (status != WEIR_OK) {
            return status;
        }
        to->subjects[i] = weir__text_keep(texts, subjects[i]);
    }
    return WEIR_OK;
}

/* ---- connecting --------------------------------------------------------------------- */

/* What the client has to say beside the status's own text: "(conn.c:2088): Authorization
 * Violation".  NULL: nothing. */
static const char *last_words(natsStatus said) {
    natsStatus last = NATS_OK;
    const char *words = nats_GetLastError(&last);
    const char *behind = words == NULL || last != said ? NULL : strstr(words, "): ");
    return behind == NULL || strcmp(behind + 3, natsStatus_GetText(said)) == 0 ? NULL : behind + 3;
}

weir_pulled weir__nats_lost(const char *tried, natsStatus said) {
    const char *why = said == NATS_OK ? NULL : last_words(said);
    weir_refuse(WEIR_SYSTEM, "nats: %s: %s%s%s", tried, natsStatus_GetText(said),
                why != NULL ? ": " : "", why != NULL ? why : "");
    return WEIR_LOST;
}

static natsStatus set_who(natsOptions *options, const weir_nats_server *server) {
    natsStatus said = NATS_OK;
    if (server->user != NULL) {
        said = natsOptions_SetUserInfo(options, server->user, server->password);
    }
    if (said == NATS_OK && server->token != NULL) {
        said = natsOptions_SetToken(options, server->token);
    }
    if (said == NATS_OK && server->credentials != NULL) {
        said = natsOptions_SetUserCredentialsFromFiles(options, server->credentials, NULL);
    }
    if (said == NATS_OK && (server->ca != NULL || server->certificate != NULL)) {
        said = natsOptions_SetSecure(options, true);
    }
    if (said == NATS_OK && server->ca != NULL) {
        said = natsOptions_LoadCATrustedCertificates(options, server->ca);
    }
    if (said == NATS_OK && server->certificate != NULL) {
        said = natsOptions_LoadCertificatesChain(options, server->certificate, server->key);
    }
    return said;
}

static natsStatus set_options(natsOptions *options, const weir_nats_server *server,
                              const char *address, uint64_t within_ns, bool asap) {
    natsStatus said = natsOptions_SetServers(options, &address, 1);
    if (said == NATS_OK) {
        said = natsOptions_SetName(options, server->name);
    }
    if (said == NATS_OK) {
        said = natsOptions_SetTimeout(options, weir__nats_in_ms(within_ns));
    }
    /* Else whoever writes to a server that takes nothing waits as long as that lasts. */
    if (said == NATS_OK) {
        said = natsOptions_SetWriteDeadline(options, weir__nats_in_ms(server->timeout_ns));
    }
    if (said == NATS_OK) {
        said = natsOptions_SetAllowReconnect(options, false);
    }
    if (said == NATS_OK) {
        said = natsOptions_SetSendAsap(options, asap);
    }
    if (said == NATS_OK) {
        said = natsOptions_SetMaxPendingMsgs(options, 1 << 20);
    }
    return said == NATS_OK ? set_who(options, server) : said;
}

/* Silent: what the library says by itself on stderr is said in the log. */
static void hear_nothing(natsConnection *connection, natsSubscription *subscription,
                         natsStatus error, void *context) {
    (void)connection, (void)subscription, (void)error, (void)context;
}

static natsStatus make_options(const weir_nats_server *server, const char *address,
                               uint64_t within_ns, bool asap, natsOptions **out) {
    natsStatus said = natsOptions_Create(out);
    if (said == NATS_OK) {
        said = natsOptions_SetErrorHandler(*out, hear_nothing, NULL);
    }
    return said == NATS_OK ? set_options(*out, server, address, within_ns, asap) : said;
}

static weir_pulled connect_to(const weir_nats_server *server,
                              const struct weir__nats_addresses *addresses, uint64_t within_ns,
                              bool asap, natsConnection **out) {
    natsOptions *options = NULL;
    natsStatus said =
        make_options(server, addresses->each[addresses->at], within_ns, asap, &options);
    if (said != NATS_OK) {
        natsOptions_Destroy(options);
        weir__nats_lost("the options of server", said);
        return said == NATS_NO_MEMORY ? WEIR_LOST : WEIR_BROKEN;
    }
    if (server->configure != NULL && server->configure(server->context, options) != 0) {
        natsOptions_Destroy(options);
        weir_refuse(WEIR_INVALID, "nats: server.configure has refused");
        return WEIR_BROKEN;
    }
    said = natsConnection_Connect(out, options);
    natsOptions_Destroy(options);
    if (said == NATS_OK) {
        return WEIR_PULLED;
    }
    char tried[256];
    snprintf(tried, sizeof tried, "cannot connect to %s", weir__nats_address_shown(addresses));
    return weir__nats_lost(tried, said);
}

weir_pulled weir__nats_connect(const weir_nats_server *server,
                               struct weir__nats_addresses *addresses,
                               const struct weir__nats_attempt *attempt, bool asap,
                               natsConnection **out) {
    const uint64_t begun = weir__nats_now();
    uint64_t gone = 0;
    weir_pulled pulled = WEIR_LOST;
    for (unsigned tried = 0; tried < addresses->count && gone < attempt->within_ns; tried++) {
        if (tried > 0 && attempt->end != NULL && weir__nats_end_asked(attempt->end)) {
            break;
        }
        pulled = connect_to(server, addresses, attempt->within_ns - gone, asap, out);
        if (pulled != WEIR_LOST) {
            break;
        }
        weir__nats_address_next(addresses);
        gone = weir__nats_now() - begun;
    }
    return pulled;
}

/* ---- a stream ----------------------------------------------------------------------- */

static natsStatus make_stream(jsCtx *stream, const struct weir__nats_stream *options,
                              jsErrCode *code) {
    jsStreamConfig config;
    jsStreamConfig_Init(&config);
    config.Name = options->name;
    config.Subjects = (const char **)options->subjects;
    config.SubjectsLen = (int)options->subject_count;
    config.Replicas = options->replicas;
    config.Storage = options->in_memory ? js_MemoryStorage : js_FileStorage;
    return js_AddStream(NULL, stream, &config, NULL, code);
}

weir_pulled weir__nats_have_stream(jsCtx *stream, const struct weir__nats_stream *options) {
    jsStreamInfo *info = NULL;
    jsErrCode code = 0;
    char tried[256];
    natsStatus said = js_GetStreamInfo(&info, stream, options->name, NULL, &code);
    jsStreamInfo_Destroy(info);
    if (said == NATS_OK) {
        return WEIR_PULLED;
    }
    snprintf(tried, sizeof tried, "stream %s", options->name);
    if (said != NATS_NOT_FOUND || options->subject_count == 0) {
        return weir__nats_lost(tried, said);
    }
    said = make_stream(stream, options, &code);
    /* Another made it meanwhile. */
    if (said == NATS_OK || code == JSStreamNameExistErr) {
        return WEIR_PULLED;
    }
    return weir__nats_lost(tried, said);
}
