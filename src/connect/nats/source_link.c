/*
 * A source's connections: made together, and let go of together.  See source.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "connect/nats/source.h"

#include <stdio.h>
#include <stdlib.h>

/* How long the first attempt for acks that are left may take when its source ends. */
static const uint64_t at_the_end_ns = 500000000;

bool weir__nats_connected(const weir_nats_source *source) {
    return natsConnection_Status(source->asking) == NATS_CONN_STATUS_CONNECTED &&
           natsConnection_Status(source->telling) == NATS_CONN_STATUS_CONNECTED;
}

weir_pulled weir__nats_away(const weir_nats_source *source) {
    const char *why = "";
    natsConnection *gone = natsConnection_Status(source->asking) == NATS_CONN_STATUS_CONNECTED
                               ? source->telling
                               : source->asking;
    natsConnection_GetLastError(gone, &why);
    weir_refuse(WEIR_SYSTEM, "nats: the connection to %s is lost%s%s",
                weir__nats_address_shown(&source->addresses),
                why != NULL && *why != '\0' ? ": " : "", why != NULL ? why : "");
    return WEIR_LOST;
}

/* ---- what has come and was not taken ------------------------------------------------- */

struct late {
    natsMsg **each;
    size_t count;
    size_t room;
};

/* false: no memory; it is the caller's. */
static bool keep_late(struct late *late, natsMsg *message) {
    if (late->count == late->room) {
        size_t room = late->room == 0 ? 64 : 2 * late->room;
        natsMsg **larger = realloc(late->each, room * sizeof *larger);
        if (larger == NULL) {
            return false;
        }
        late->each = larger;
        late->room = room;
    }
    late->each[late->count++] = message;
    return true;
}

/* Takes all that comes until the server has confirmed that no more does.  false: it has not, in
 * time. */
static bool take_late(weir_nats_source *source, struct late *late) {
    const int64_t most = weir__nats_in_ms(source->options.server.timeout_ns);
    natsStatus said = natsSubscription_DrainTimeout(source->incoming, most);
    bool drains = said == NATS_OK;
    natsMsg *message;
    while ((message = weir__nats_next(source, drains ? source->options.server.timeout_ns : 0,
                                      &said)) != NULL) {
        if (weir__nats_is_status(message) || !keep_late(late, message)) {
            natsMsg_Destroy(message);
        }
    }
    return drains && natsSubscription_DrainCompletionStatus(source->incoming) == NATS_OK;
}

/* Requests that are out are of nobody now, and the server finds that out when it looks for what
 * waits, as it does to answer this.  Otherwise it would only when it has a message for one of them
 * (and some servers, 2.9 among them, then keep that message until ack_wait has passed).  Asked for
 * where they were: so it is heard behind the end of their inbox. */
static void end_requests(weir_nats_source *source) {
    jsConsumerInfo *info = NULL;
    jsCtx *stream = NULL;
    jsOptions options;
    jsOptions_Init(&options);
    options.Wait = weir__nats_in_ms(source->options.server.timeout_ns);
    if (natsConnection_JetStream(&stream, source->asking, &options) == NATS_OK) {
        js_GetConsumerInfo(&info, stream, source->stream.name, source->options.consumer, NULL,
                           NULL);
    }
    jsConsumerInfo_Destroy(info);
    jsCtx_Destroy(stream);
}

/* It goes to others at once: not before its request is gone, which would have it again. */
static void give_back(weir_nats_source *source) {
    struct late late = {0};
    bool gone = take_late(source, &late);
    if (gone && source->asks.count > 0) {
        end_requests(source);
    }
    for (size_t i = 0; i < late.count; i++) {
        if (gone && source->telling != NULL) {
            weir__nats_tell(source, late.each[i], "-NAK");
        }
        natsMsg_Destroy(late.each[i]);
    }
    free(late.each);
    if (gone && source->telling != NULL &&
        natsConnection_Status(source->telling) == NATS_CONN_STATUS_CONNECTED) {
        natsConnection_FlushTimeout(source->telling,
                                    weir__nats_in_ms(source->options.server.timeout_ns));
    }
}

/* ---- let go of, and made --------------------------------------------------------------- */

void weir__nats_let_go(weir_nats_source *source) {
    if (source->incoming != NULL) {
        give_back(source);
        natsSubscription_Destroy(source->incoming);
        source->incoming = NULL;
    }
    natsInbox_Destroy(source->inbox);
    source->inbox = NULL;
    natsConnection_Destroy(source->asking);
    natsConnection_Destroy(source->telling);
    source->asking = source->telling = NULL;
    weir__nats_asks_clear(&source->asks);
}

static weir_pulled listen_for(weir_nats_source *source) {
    char subject[WEIR__NATS_INBOX_BYTES];
    natsStatus said = natsInbox_Create(&source->inbox);
    if (said == NATS_OK) {
        snprintf(subject, sizeof subject, "%s.*", source->inbox);
        said = natsConnection_SubscribeSync(&source->incoming, source->asking, subject);
    }
    if (said == NATS_OK) {
        said = natsSubscription_SetPendingLimits(source->incoming, -1, -1);
    }
    return said == NATS_OK ? WEIR_PULLED : weir__nats_lost("its inbox", said);
}

/* Its source ends meanwhile: nobody waits for what is not there yet. */
static weir_pulled goes_on(struct weir__nats_end *end) {
    if (end == NULL || !weir__nats_end_asked(end)) {
        return WEIR_PULLED;
    }
    weir_refuse(WEIR_INVALID, "nats: the source ends, and connects no more");
    return WEIR_LOST;
}

/* Both connections.  Where its source has ended already they are for what is still to be told: what
 * there is at the server was looked at before. */
static weir_pulled connect_both(weir_nats_source *source,
                                const struct weir__nats_attempt *attempt) {
    const weir_nats_server *server = &source->options.server;
    weir_pulled pulled =
        weir__nats_connect(server, &source->addresses, attempt, false, &source->telling);
    if (pulled == WEIR_PULLED) {
        pulled = goes_on(attempt->end);
    }
    if (pulled == WEIR_PULLED && attempt->end != NULL) {
        pulled = weir__nats_have_consumer(source);
    }
    if (pulled == WEIR_PULLED) {
        pulled = goes_on(attempt->end);
    }
    return pulled == WEIR_PULLED
               ? weir__nats_connect(server, &source->addresses, attempt, true, &source->asking)
               : pulled;
}

/* A source that ends has a deadline, which is not known here: the first attempts are short, and
 * none is as long as the pipeline waits for. */
static uint64_t time_to_connect(weir_nats_source *source, bool ends) {
    enum { DOUBLED_MOST = 16 };
    const uint64_t timeout_ns = source->options.server.timeout_ns;
    const uint64_t most_ns = timeout_ns - timeout_ns / 4;
    if (!ends) {
        return timeout_ns;
    }
    const uint64_t ns = at_the_end_ns << source->last_tries;
    source->last_tries += source->last_tries < DOUBLED_MOST;
    return ns < most_ns ? ns : most_ns;
}

weir_pulled weir__nats_open_source(void *context) {
    weir_nats_source *source = context;
    const bool ends = weir__nats_end_asked(&source->end);
    const struct weir__nats_attempt attempt = {.within_ns = time_to_connect(source, ends),
                                               .end = ends ? NULL : &source->end};
    weir__nats_let_go(source);
    weir_pulled pulled = connect_both(source, &attempt);
    if (pulled == WEIR_PULLED) {
        pulled = listen_for(source);
    }
    if (pulled != WEIR_PULLED) {
        weir__nats_let_go(source);
    }
    return pulled;
}

void weir__nats_wake_source(void *context) {
    weir_nats_source *source = context;
    weir__nats_end_set(&source->end, true);
}

void weir__nats_close_source(void *context) {
    weir_nats_source *source = context;
    weir__nats_let_go(source);
    source->last_tries = 0;
    weir__nats_end_set(&source->end, false); /* it may be another source's */
}
