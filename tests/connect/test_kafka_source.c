/*
 * Goal: what topics have is handled by demand, in the order of each partition, and committed as far
 * as it is settled; whatever becomes of brokers and of the group.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: pipelines with threads against librdkafka's mock cluster; all messages have numbers, and
 * what the group has committed is read back.
 */
#include "connect/kafka_mock.h"
#include "connect/tally.h"
#include "support/cmocka.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <weir/kafka.h>
#include <weir/weir.h>

#define MS UINT64_C(1000000)
#define S  (1000 * MS)

enum { FEW = 400, MANY = 10000, PARTITIONS = 4 };

/* ---- the pipeline that is tried --------------------------------------------------------- */

struct trial {
    weir_kafka_source *source;
    weir_runtime *runtime;
    weir_pipeline *pipeline;
    weir_pipeline_stats stats;
    uint64_t shutdown_ns; /* 0: 5 s                                                         */
    bool unordered;       /* whoever is free has the next: one that is stuck holds up nobody */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char logged[16384];

static void keep_log(void *context, weir_log_level level, const char *text) {
    (void)context, (void)level;
    pthread_mutex_lock(&lock);
    strncat(logged, text, sizeof logged - strlen(logged) - 2);
    strcat(logged, "\n");
    pthread_mutex_unlock(&lock);
    if (getenv("WEIR_SHOW_LOG") != NULL) {
        fprintf(stderr, "%s\n", text);
    }
}

static bool has_logged(void *what) {
    pthread_mutex_lock(&lock);
    bool has = strstr(logged, what) != NULL;
    pthread_mutex_unlock(&lock);
    return has;
}

/* Unless NULL: what a test does with a message; it is noted if that is OK. */
static weir_outcome (*handle)(size_t number, const weir_message *message);
static int64_t highest[PARTITIONS];
static unsigned disorder;

/* One processor for a partition: first deliveries must come in order. */
static void note_order(size_t number) {
    size_t partition = number % PARTITIONS;
    if (number >= MANY) {
        return; /* of another topic */
    }
    pthread_mutex_lock(&lock);
    disorder += (int64_t)number <= highest[partition] && tally_of(number) == 0;
    if ((int64_t)number > highest[partition]) {
        highest[partition] = (int64_t)number;
    }
    pthread_mutex_unlock(&lock);
}

static weir_outcome handle_message(void *context, weir_work *work, weir_message *message) {
    (void)context, (void)work;
    size_t number = tally_number(message);
    if (number == TALLY_LIMIT) {
        return WEIR_MESSAGE_DEAD;
    }
    weir_outcome outcome = handle != NULL ? handle(number, message) : WEIR_MESSAGE_OK;
    if (outcome == WEIR_MESSAGE_OK) {
        note_order(number);
        tally_note(number);
    }
    return outcome;
}

static uint32_t partition_of(void *context, const weir_message *message) {
    (void)context;
    return (uint32_t)(tally_number(message) % PARTITIONS);
}

static int configure(void *context, rd_kafka_conf_t *conf) {
    char why[160];
    (void)context;
    return rd_kafka_conf_set(conf, "reconnect.backoff.max.ms", "200", why, sizeof why) !=
           RD_KAFKA_CONF_OK;
}

static weir_kafka_source_options options_of(const char *const *topics, size_t count) {
    return (weir_kafka_source_options){
        .server = {.brokers = mock_brokers(), .timeout_ns = 700 * MS, .configure = configure},
        .group = "weir",
        .topics = topics,
        .topic_count = count,
        .session_ns = MOCK_SESSION_MS * MS,
        .commit_ns = 50 * MS};
}

static void open_pipeline(struct trial *trial, size_t outstanding) {
    assert_int_equal(
        weir_runtime_open(&(weir_runtime_options){.workers = 1, .log = keep_log}, &trial->runtime),
        WEIR_OK);
    weir_status status = weir_pipeline_open(
        trial->runtime,
        &(weir_pipeline_options){
            .source = weir_kafka_source_driver(trial->source),
            .source_contexts = (void *[]){trial->source},
            .source_count = 1,
            .max_outstanding = outstanding,
            .shutdown_ns = trial->shutdown_ns != 0 ? trial->shutdown_ns : 5 * S,
            .processors = {.count = PARTITIONS,
                           .handle_message = handle_message,
                           .blocking = true,
                           .partition_by = trial->unordered ? NULL : partition_of}},
        &trial->pipeline);
    if (status != WEIR_OK) {
        fail_msg("%s", weir_refusal());
    }
}

static void forget_past(void) {
    pthread_mutex_lock(&lock);
    logged[0] = '\0';
    disorder = 0;
    memset(highest, 0xff, sizeof highest);
    pthread_mutex_unlock(&lock);
}

static void begin(struct trial *trial, const weir_kafka_source_options *options,
                  size_t outstanding) {
    assert_int_equal(weir_kafka_source_open(options, &trial->source), WEIR_OK);
    forget_past();
    open_pipeline(trial, outstanding);
}

static void close_pipeline(struct trial *trial) {
    assert_int_equal(weir_pipeline_close(trial->pipeline, &trial->stats), WEIR_OK);
    assert_int_equal(weir_runtime_close(trial->runtime, NULL), WEIR_OK);
}

static void end(struct trial *trial) {
    close_pipeline(trial);
    weir_kafka_source_close(trial->source);
    handle = NULL;
}

static bool has_come(void *count) {
    size_t came = 0;
    for (size_t i = 0; i < MANY; i++) {
        came += tally_of(i) > 0;
    }
    return came >= *(const size_t *)count;
}

static bool has_come_again(void *count) {
    return tally_again() > *(const size_t *)count;
}

static uint64_t pulled_by(const struct trial *trial) {
    weir_pipeline_stats stats;
    assert_int_equal(weir_pipeline_read_stats(trial->pipeline, &stats), WEIR_OK);
    return stats.pulled;
}

static bool has_committed_few(void *topic) {
    return mock_committed("weir", topic, PARTITIONS) == FEW;
}

static bool has_pulled(void *trial) {
    return pulled_by(trial) > 0;
}

static bool has_pulled_again(void *trial) {
    return pulled_by(trial) > FEW;
}

/* ---- the usual -------------------------------------------------------------------------- */

static void pulls_and_commits_all(void **state) {
    struct trial trial = {0};
    const weir_kafka_source_options options =
        options_of((const char *[]){"usual.one", "usual.two"}, 2);
    (void)state;
    mock_topic("usual.one", PARTITIONS);
    mock_topic("usual.two", PARTITIONS);
    mock_produce("usual.one", PARTITIONS, 0, MANY, 20, 0);
    tally_begin(MANY + 4);
    begin(&trial, &options, 0);
    mock_produce("usual.two", PARTITIONS, MANY, 4, 900000, 0);
    assert_true(tally_wait(20));
    end(&trial);
    tally_check();
    assert_int_equal(tally_again(), 0);
    assert_int_equal(disorder, 0);
    assert_int_equal(trial.stats.acked, MANY + 4);
    assert_int_equal(mock_committed("weir", "usual.one", PARTITIONS), MANY);
    assert_int_equal(mock_committed("weir", "usual.two", PARTITIONS), 4);
}

/* Threads of the client's run where the process may, not where a worker is pinned, and take no
 * signals. */
static void check_helpers(void) {
    char path[96], line[256], ours[128] = "";
    unsigned helpers = 0;
    for (int own = 1; own >= 0; own--) {
        DIR *tasks = opendir("/proc/self/task");
        for (struct dirent *task = readdir(tasks); task != NULL; task = readdir(tasks)) {
            char name[64] = "", cores[128] = "", blocked[64] = "";
            snprintf(path, sizeof path, "/proc/self/task/%.20s/status", task->d_name);
            FILE *file = fopen(path, "r");
            while (file != NULL && fgets(line, sizeof line, file) != NULL) {
                sscanf(line, "Name: %63s", name);
                sscanf(line, "Cpus_allowed_list: %127s", cores);
                sscanf(line, "SigBlk: %63s", blocked);
            }
            if (file != NULL) {
                fclose(file);
            }
            if (own && atoi(task->d_name) == (int)getpid()) {
                strcpy(ours, cores);
            } else if (!own && strncmp(name, "rdk:", 4) == 0 && strcmp(name, "rdk:mock") != 0) {
                helpers++;
                assert_string_equal(cores, ours);
                assert_int_equal(strtoull(blocked, NULL, 16) & 0x4002, 0x4002); /* TERM, INT */
            }
        }
        closedir(tasks);
    }
    assert_true(helpers >= 2);
}

static weir_outcome right_origin(size_t number, const weir_message *message) {
    char key[16], lines[256];
    snprintf(key, sizeof key, "k%zu", number % 7);
    snprintf(lines, sizeof lines,
             "kafka-topic: origin\r\nkafka-partition: %zu\r\nkafka-offset: %zu\r\n"
             "number: %zu\r\ntwo: \r\n",
             number % PARTITIONS, number / PARTITIONS, number);
    bool right = message->key.count == strlen(key) &&
                 memcmp(message->key.at, key, strlen(key)) == 0 &&
                 message->headers.count == strlen(lines) &&
                 memcmp(message->headers.at, lines, strlen(lines)) == 0 &&
                 message->time > UINT64_C(1600000000000000000) && message->deliveries == 0;
    return right ? WEIR_MESSAGE_OK : WEIR_MESSAGE_SKIP;
}

static void tells_key_time_headers_and_origin(void **state) {
    struct trial trial = {0};
    weir_kafka_source_options options = options_of((const char *[]){"origin"}, 1);
    (void)state;
    options.headers = options.origin = true;
    mock_topic("origin", PARTITIONS);
    mock_produce("origin", PARTITIONS, 0, FEW, 20, 1);
    tally_begin(FEW);
    handle = right_origin;
    begin(&trial, &options, 0);
    assert_true(tally_wait(20));
    check_helpers();
    end(&trial);
    tally_check();
}

/* ---- what is not acknowledged ------------------------------------------------------------ */

static weir_outcome some_fail(size_t number, const weir_message *message) {
    return number % 7 == 0                              ? WEIR_MESSAGE_DEAD
           : number % 3 == 0 && message->deliveries < 2 ? WEIR_MESSAGE_NAK
                                                        : WEIR_MESSAGE_OK;
}

/* A nak is weir's to bring again after a second: the position waits, and passes both in the end.
 * The group commits each lot at once, and the coordinator refuses some. */
static void counts_redeliveries_and_ends_the_dead(void **state) {
    struct trial trial = {0};
    weir_kafka_source_options options = options_of((const char *[]){"naks"}, 1);
    size_t naks = 0;
    (void)state;
    options.commit_ns = 1;
    mock_topic("naks", PARTITIONS);
    mock_produce("naks", PARTITIONS, 0, 40, 20, 0);
    tally_begin(40);
    for (size_t i = 0; i < 40; i++) {
        if (i % 7 == 0) {
            tally_note(i); /* will not come */
        }
        naks += i % 7 != 0 && i % 3 == 0 ? 2 : 0;
    }
    handle = some_fail;
    begin(&trial, &options, 0);
    rd_kafka_mock_push_request_errors(mock_cluster(), MOCK_COMMIT, 1,
                                      RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
    assert_true(tally_wait(20));
    end(&trial);
    assert_int_equal(trial.stats.given_back, naks);
    assert_int_equal(trial.stats.dead, (40 + 6) / 7);
    assert_int_equal(trial.stats.acked, 40);
    assert_true(has_logged("a commit: "));
    assert_int_equal(mock_committed("weir", "naks", PARTITIONS), 40);
}

static bool stuck;

/* The first of partition 0 is at work for as long as the test wants. */
static weir_outcome stuck_first(size_t number, const weir_message *message) {
    (void)message;
    while (number == 0 && __atomic_load_n(&stuck, __ATOMIC_RELAXED)) {
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    return WEIR_MESSAGE_OK;
}

/* One message is not settled: its lane fills up and is paused, the others go on; then what was let go
 * is fetched again, once.  The pipeline is at it for longer than the group waits for a
 * sign of life (max.poll.interval.ms). */
static int impatient(void *context, rd_kafka_conf_t *conf) {
    char why[160];
    return configure(context, conf) != 0 || rd_kafka_conf_set(conf, "max.poll.interval.ms", "3500",
                                                              why, sizeof why) != RD_KAFKA_CONF_OK;
}

static bool others_are_there(void *context) {
    (void)context;
    size_t missing = 0;
    for (size_t i = 0; i < MANY; i++) {
        missing += i % PARTITIONS != 0 && tally_of(i) == 0;
    }
    return missing == 0;
}

static void passes_over_a_full_lane(void **state) {
    struct trial trial = {.unordered = true};
    weir_kafka_source_options options = options_of((const char *[]){"full"}, 1);
    (void)state;
    options.span = 100;
    options.pause_ns = 100 * MS;
    options.server.configure = impatient;
    mock_topic("full", PARTITIONS);
    mock_produce("full", PARTITIONS, 0, MANY, 20, 0);
    tally_begin(MANY);
    handle = stuck_first;
    stuck = true;
    begin(&trial, &options, 0);
    assert_true(tally_until(others_are_there, NULL, 20));
    nanosleep(&(struct timespec){.tv_sec = 5}, NULL);
    assert_int_equal(tally_of(0), 0);
    assert_int_equal(tally_of((size_t)PARTITIONS * 100), 0); /* beyond the span */
    __atomic_store_n(&stuck, false, __ATOMIC_RELAXED);
    assert_true(tally_wait(20));
    end(&trial);
    tally_check();
    assert_int_equal(tally_again(), 0);
    assert_int_equal(mock_committed("weir", "full", PARTITIONS), MANY);
}

/* ---- the group -------------------------------------------------------------------------- */

static weir_outcome brief_nap(size_t number, const weir_message *message) {
    (void)number, (void)message;
    nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
    return WEIR_MESSAGE_OK;
}

/* Another member comes, and goes again: each time partitions change hands. */
static void shares_partitions_with_others(void **state) {
    struct trial one = {0}, other = {0};
    const weir_kafka_source_options options = options_of((const char *[]){"shared"}, 1);
    (void)state;
    mock_topic("shared", PARTITIONS);
    mock_produce("shared", PARTITIONS, 0, MANY, 20, 0);
    tally_begin(MANY);
    handle = brief_nap;
    begin(&one, &options, 500);
    assert_true(tally_until(has_come, &(size_t){1}, 20));
    begin(&other, &options, 500);
    assert_true(tally_until(has_pulled, &other, 20));
    close_pipeline(&other);
    assert_true(tally_wait(40));
    end(&one);
    weir_kafka_source_close(other.source);
    tally_check();
    assert_true(other.stats.pulled > 0);
    assert_true(one.stats.pulled + other.stats.pulled >= MANY);
    assert_int_equal(mock_committed("weir", "shared", PARTITIONS), MANY);
}

/* The coordinator has forgotten the member: its partitions are lost, and what it settles of them from
 * then on is not its to commit. */
static void begins_anew_where_partitions_were_lost(void **state) {
    struct trial trial = {.unordered = true};
    weir_kafka_source_options options = options_of((const char *[]){"lost"}, 1);
    (void)state;
    mock_topic("lost", PARTITIONS);
    mock_produce("lost", PARTITIONS, 0, FEW, 20, 0);
    tally_begin(FEW);
    handle = stuck_first;
    stuck = true;
    begin(&trial, &options, 0);
    assert_true(tally_until(has_come, &(size_t){FEW - 1}, 20));
    rd_kafka_mock_push_request_errors(mock_cluster(), MOCK_HEARTBEAT, 1,
                                      RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID);
    assert_true(tally_until(has_pulled_again, &trial, 20));
    __atomic_store_n(&stuck, false, __ATOMIC_RELAXED);
    assert_true(tally_wait(20));
    assert_true(tally_until(has_come_again, &(size_t){0}, 20)); /* delivered by both generations */
    assert_true(tally_until(has_committed_few, "lost", 20));
    end(&trial);
    tally_check();
}

/* ---- faults ----------------------------------------------------------------------------- */

static void down(bool down) {
    if (down) {
        rd_kafka_mock_broker_set_down(mock_cluster(), -1);
    } else {
        rd_kafka_mock_broker_set_up(mock_cluster(), -1);
    }
}

static void waits_for_brokers_and_outlives_their_crash(void **state) {
    struct trial trial = {0};
    const weir_kafka_source_options options = options_of((const char *[]){"away"}, 1);
    (void)state;
    mock_topic("away", PARTITIONS);
    mock_produce("away", PARTITIONS, 0, MANY, 20, 0);
    tally_begin(MANY);
    handle = brief_nap;
    down(true);
    begin(&trial, &options, 500);
    assert_true(tally_until(has_logged, "cannot connect to", 10));
    down(false);
    assert_true(tally_until(has_come, &(size_t){MANY / 8}, 20));
    down(true);
    assert_true(tally_until(has_logged, "the connection to", 10));
    down(false);
    assert_true(tally_wait(40));
    end(&trial);
    tally_check();
    assert_int_equal(mock_committed("weir", "away", PARTITIONS), MANY);
}

/* Within its deadline, and a few seconds for questions that nobody answers. */
static void ends_without_brokers(void **state) {
    struct trial trial = {0};
    const weir_kafka_source_options options = options_of((const char *[]){"alone"}, 1);
    (void)state;
    mock_topic("alone", PARTITIONS);
    mock_produce("alone", PARTITIONS, 0, FEW, 20, 0);
    tally_begin(FEW);
    begin(&trial, &options, 0);
    assert_true(tally_wait(20));
    down(true);
    end(&trial);
    assert_int_equal(trial.stats.acked + trial.stats.lost_acks, FEW);
}

/* A pipeline that has the same source begins behind what was committed at the end. */
static void begins_again_behind_what_was_committed(void **state) {
    struct trial trial = {0};
    weir_kafka_source_options options = options_of((const char *[]){"again"}, 1);
    (void)state;
    options.commit_ns = 3600 * S; /* not before */
    mock_topic("again", PARTITIONS);
    mock_produce("again", PARTITIONS, 0, FEW, 20, 0);
    tally_begin(2 * FEW);
    begin(&trial, &options, 0);
    assert_true(tally_until(has_come, &(size_t){FEW}, 20));
    close_pipeline(&trial);
    mock_produce("again", PARTITIONS, FEW, FEW, 20, 0);
    forget_past();
    open_pipeline(&trial, 0);
    assert_true(tally_wait(20));
    end(&trial);
    tally_check();
    assert_int_equal(tally_again(), 0);
    assert_int_equal(mock_committed("weir", "again", PARTITIONS), 2 * FEW);
}

static int wrong_setting(void *context, rd_kafka_conf_t *conf) {
    char why[160];
    (void)context;
    return rd_kafka_conf_set(conf, "no.such.thing", "1", why, sizeof why) != RD_KAFKA_CONF_OK;
}

static void says_what_is_wrong(void **state) {
    struct trial trial = {.shutdown_ns = 100 * MS};
    weir_kafka_source_options options = options_of((const char *[]){"nowhere"}, 1);
    (void)state;
    tally_begin(0);
    rd_kafka_mock_topic_set_error(mock_cluster(), "nowhere",
                                  RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    begin(&trial, &options, 0);
    assert_true(tally_until(has_logged, "topic nowhere: Broker: Unknown topic", 10));
    end(&trial);

    options.server.user = options.server.password = "nobody"; /* a broker without SASL */
    begin(&trial, &options, 0);
    assert_true(tally_until(has_logged, "SASL", 10));
    end(&trial);

    options.server.user = options.server.password = NULL;
    options.server.configure = wrong_setting;
    begin(&trial, &options, 0);
    assert_true(tally_until(has_logged, "server.configure has refused", 10));
    end(&trial);

    options.server.configure = NULL;
    options.server.ca = "/no/such/file";
    begin(&trial, &options, 0);
    assert_true(tally_until(has_logged, "its driver is broken (kafka: ssl.ca.location", 10));
    end(&trial);
    assert_int_equal(trial.stats.broken, 1);
}

static void refuses_bad_options(void **state) {
    static const char *const one[] = {"t"}, *const wrong[] = {"a b"};
    static const struct {
        weir_kafka_source_options options;
        const char *says;
    } rows[] = {
        {{.topics = one, .topic_count = 1}, "group must be given"},
        {{.group = "g"}, "topics must be 1 to 64, got 0"},
        {{.group = "g", .topics = one, .topic_count = 65}, "topics must be 1 to 64, got 65"},
        {{.group = "g", .topics = wrong, .topic_count = 1}, "a topic must be of letters"},
        {{.group = "g", .topics = one, .topic_count = 1, .commit_ns = 2}, "commit_ns must be at"},
        {{.group = "g", .topics = one, .topic_count = 1, .pause_ns = 1}, "pause_ns must be at"},
        {{.group = "g", .topics = one, .topic_count = 1, .session_ns = 1}, "session_ns must be"},
        {{.group = "g", .topics = one, .topic_count = 1, .prefetch = 10000001}, "prefetch must be"},
        {{.group = "g", .topics = one, .topic_count = 1, .prefetch_bytes = 1}, "prefetch_bytes"},
        {{.group = "g", .topics = one, .topic_count = 1, .from = 3}, "from must be FIRST"},
        {{.group = "g", .topics = one, .topic_count = 1, .server = {.user = "u"}},
         "server.password must be given"},
        {{.group = "g", .topics = one, .topic_count = 1, .server = {.mechanism = "PLAIN"}},
         "server.user must be given"},
        {{.group = "g", .topics = one, .topic_count = 1, .server = {.key = "k"}},
         "server.certificate"},
        {{.group = "g", .topics = one, .topic_count = 1, .server = {.timeout_ns = 5}},
         "server.timeout_ns must be"},
    };
    weir_kafka_source *source = NULL;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(weir_kafka_source_open(&rows[i].options, &source), WEIR_INVALID);
        assert_non_null(strstr(weir_refusal(), rows[i].says));
        assert_null(source);
    }
    assert_int_equal(weir_kafka_source_open(NULL, &source), WEIR_INVALID);
    weir_kafka_source_close(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_bad_options),
        cmocka_unit_test(pulls_and_commits_all),
        cmocka_unit_test(tells_key_time_headers_and_origin),
        cmocka_unit_test(counts_redeliveries_and_ends_the_dead),
        cmocka_unit_test(passes_over_a_full_lane),
        cmocka_unit_test(shares_partitions_with_others),
        cmocka_unit_test(begins_anew_where_partitions_were_lost),
        cmocka_unit_test(waits_for_brokers_and_outlives_their_crash),
        cmocka_unit_test(ends_without_brokers),
        cmocka_unit_test(begins_again_behind_what_was_committed),
        cmocka_unit_test(says_what_is_wrong),
    };
    return mock_run(tests, sizeof tests / sizeof *tests);
}
