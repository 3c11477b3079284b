/*
 * A crew's sink: opened, written to, closed, and what is logged of it.  See crew.c.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Such a crew has one thread, and handles one batch at a time: all of this is that one's, and, when
 * it has ended, who closes.
 */
#include "base/refusal.h"
#include "os/clock.h"
#include "pipeline/pipeline.h"
#include "runtime/runtime.h"

#include <inttypes.h>

static const uint64_t SILENCE_NS = UINT64_C(60000000000);

static const char *sink_name(const weir_sink *sink) {
    return sink->name != NULL ? sink->name : "sink";
}

/* A value that is none is BROKEN. */
static weir_pulled sound_answer(const struct weir__crew *crew, const char *call,
                                weir_pulled answer) {
    if (answer == WEIR_PULLED || answer == WEIR_LOST || answer == WEIR_BROKEN) {
        return answer;
    }
    weir__pipeline_log(crew->member->pipeline, WEIR_LOG_ERROR,
                       "%s of sink %s returned %d, which is taken for BROKEN", call,
                       sink_name(crew->bin->options.sink), (int)answer);
    return WEIR_BROKEN;
}

static weir_pulled open_sink(struct weir__crew *crew) {
    const weir_sink *sink = crew->bin->options.sink;
    if (crew->opened) {
        return WEIR_PULLED;
    }
    crew->tried = true;
    weir__refusal_clear();
    weir_pulled answer =
        sink->open == NULL ? WEIR_PULLED : sound_answer(crew, "open", sink->open(crew->context));
    crew->opened = answer == WEIR_PULLED;
    return answer;
}

void weir__crew_sink_lost(struct weir__crew *crew, uint64_t child) {
    weir_pipeline *pipeline = crew->member->pipeline;
    if (weir__load_relaxed_u64(&crew->lost) == 0) {
        weir__pipeline_log(
            pipeline, WEIR_LOG_WARNING, "sink %s of batcher %s is lost%s%s%s: it is opened again",
            sink_name(crew->bin->options.sink), crew->bin->name, WEIR__REFUSAL_ASIDE);
    }
    weir__store_relaxed_u64(&crew->lost, child);
    crew->opened = false;
    WEIR__TALLY(pipeline, reopened, 1);
}

/* It has answered otherwise than LOST, which it had said before. */
static void note_found(struct weir__crew *crew, weir_pulled answer) {
    if (weir__load_relaxed_u64(&crew->lost) == 0) {
        return;
    }
    weir__store_relaxed_u64(&crew->lost, 0);
    if (answer == WEIR_PULLED) {
        weir__pipeline_log(crew->member->pipeline, WEIR_LOG_INFO,
                           "sink %s of batcher %s is open again",
                           sink_name(crew->bin->options.sink), crew->bin->name);
    }
}

/*
 * What a sink does not take is tried again, dead, or comes again from its source for ever: nobody
 * would hear of a stream's name that is wrong.  But not of each batch.
 */
static void note_refused(struct weir__crew *crew, const weir_message *messages, size_t count) {
    size_t refused = 0;
    int32_t reason = 0;
    for (size_t i = 0; i < count; i++) {
        if (messages[i].outcome > WEIR_MESSAGE_SKIP) {
            reason = refused++ == 0 ? messages[i].reason : reason;
        }
    }
    if (refused == 0) {
        return;
    }
    weir_pipeline *pipeline = crew->member->pipeline;
    const uint64_t now = weir_runtime_now(pipeline->runtime);
    if (now < crew->silent_until) {
        return;
    }
    crew->silent_until = weir__clock_deadline(now, SILENCE_NS);
    weir__pipeline_log(pipeline, WEIR_LOG_WARNING,
                       "sink %s of batcher %s has not stored %zu of %zu messages, reason %" PRId32
                       "%s%s%s; more of this is not said for a minute",
                       sink_name(crew->bin->options.sink), crew->bin->name, refused, count, reason,
                       WEIR__REFUSAL_ASIDE);
}

weir_pulled weir__crew_write(struct weir__crew *crew, weir_message *messages, size_t count,
                             const weir_batch_info *info) {
    weir_pulled answer = open_sink(crew);
    crew->wrote = answer == WEIR_PULLED;
    if (crew->wrote) {
        weir__refusal_clear();
        answer = sound_answer(crew, "write",
                              crew->bin->options.sink->write(crew->context, messages, count, info));
    }
    if (answer != WEIR_LOST) {
        note_found(crew, answer);
    }
    if (answer == WEIR_PULLED) {
        note_refused(crew, messages, count);
    }
    if (answer == WEIR_BROKEN && !crew->broken) {
        weir__pipeline_log(crew->member->pipeline, WEIR_LOG_ERROR,
                           "sink %s of batcher %s is broken%s%s%s: %zu messages of a batch fail, "
                           "and so do those of the next ones while it is",
                           sink_name(crew->bin->options.sink), crew->bin->name, WEIR__REFUSAL_ASIDE,
                           count);
    }
    crew->broken = answer == WEIR_BROKEN || (crew->broken && answer == WEIR_LOST);
    return answer;
}

void weir__crew_close_sink(struct weir__crew *crew) {
    const weir_sink *sink = crew->bin->options.sink;
    if (crew->tried && sink->close != NULL) {
        sink->close(crew->context);
    }
    crew->tried = false;
    crew->opened = false;
}
