/*
 * Goal: what topics have is handled by demand, in the order of each partition, and committed as far
 * as it is settled; whatever becomes of the brokers.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: pipelines with threads against librdkafka's mock cluster; all messages have numbers, and
 * what the group has committed is read back.
 */
#include "connect/kafka_trial.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- the usual -------------------------------------------------------------------------- */

static void pulls_and_commits_all(void **state) {
    struct trial trial = {0};
    const weir_kafka_source_options options =
        trial_options((const char *[]){"usual.one", "usual.two"}, 2);
    (void)state;
    mock_topic("usual.one", PARTITIONS);
    mock_topic("usual.two", PARTITIONS);
    mock_produce("usual.one", PARTITIONS, 0, MANY, 20, 0);
    tally_begin(MANY + 4);
    trial_begin(&trial, &options, 0);
    mock_produce("usual.two", PARTITIONS, MANY, 4, 900000, 0);
    assert_true(tally_wait(20));
    trial_end(&trial);
    tally_check();
    assert_int_equal(tally_again(), 0);
    assert_int_equal(trial_disorder, 0);
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
    weir_kafka_source_options options = trial_options((const char *[]){"origin"}, 1);
    (void)state;
    options.headers = options.origin = true;
    mock_topic("origin", PARTITIONS);
    mock_produce("origin", PARTITIONS, 0, FEW, 20, 1);
    tally_begin(FEW);
    trial_handle = right_origin;
    trial_begin(&trial, &options, 0);
    assert_true(tally_wait(20));
    check_helpers();
    trial_end(&trial);
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
    weir_kafka_source_options options = trial_options((const char *[]){"naks"}, 1);
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
    trial_handle = some_fail;
    trial_begin(&trial, &options, 0);
    rd_kafka_mock_push_request_errors(mock_cluster(), MOCK_COMMIT, 1,
                                      RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
    assert_true(tally_wait(20));
    trial_end(&trial);
    assert_int_equal(trial.stats.given_back, naks);
    assert_int_equal(trial.stats.dead, (40 + 6) / 7);
    assert_int_equal(trial.stats.acked, 40);
    assert_true(trial_has_logged("a commit: "));
    assert_int_equal(mock_committed("weir", "naks", PARTITIONS), 40);
}

/* One message is not settled: its lane fills up and is paused, the others go on; then what was let
 * go is fetched again, once. */
static bool others_are_there(void *context) {
    (void)context;
    size_t missing = 0;
    for (size_t i = 0; i < MANY; i++) {
        missing += i % PARTITIONS != 0 && tally_of(i) == 0;
    }
    return missing == 0;
}

/* The last of partition 0 that is within it. */
static bool span_is_reached(void *context) {
    (void)context;
    return tally_of((size_t)PARTITIONS * 99) > 0;
}

static void passes_over_a_full_lane(void **state) {
    struct trial trial = {.unordered = true};
    weir_kafka_source_options options = trial_options((const char *[]){"full"}, 1);
    (void)state;
    options.span = 100;
    options.pause_ns = 100 * MS;
    mock_topic("full", PARTITIONS);
    mock_produce("full", PARTITIONS, 0, MANY, 20, 0);
    tally_begin(MANY);
    trial_handle = trial_first_is_stuck;
    trial_stuck = true;
    trial_begin(&trial, &options, 0);
    assert_true(tally_until(others_are_there, NULL, 20));
    assert_true(tally_until(span_is_reached, NULL, 20));
    nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
    assert_int_equal(tally_of(0), 0);
    assert_int_equal(tally_of((size_t)PARTITIONS * 100), 0); /* beyond the span */
    __atomic_store_n(&trial_stuck, false, __ATOMIC_RELAXED);
    assert_true(tally_wait(20));
    trial_end(&trial);
    tally_check();
    assert_int_equal(tally_again(), 0);
    assert_int_equal(mock_committed("weir", "full", PARTITIONS), MANY);
}

/* ---- faults ----------------------------------------------------------------------------- */

static void waits_for_brokers_and_outlives_their_crash(void **state) {
    struct trial trial = {0};
    const weir_kafka_source_options options = trial_options((const char *[]){"away"}, 1);
    (void)state;
    mock_topic("away", PARTITIONS);
    mock_produce("away", PARTITIONS, 0, MANY, 20, 0);
    tally_begin(MANY);
    trial_handle = trial_nap;
    trial_down(true);
    trial_begin(&trial, &options, 500);
    assert_true(tally_until(trial_has_logged, "cannot connect to", 10));
    trial_down(false);
    assert_true(tally_until(trial_has_come, &(size_t){MANY / 8}, 20));
    trial_down(true);
    assert_true(tally_until(trial_has_logged, "the connection to", 10));
    trial_down(false);
    assert_true(tally_wait(40));
    trial_end(&trial);
    tally_check();
    assert_int_equal(mock_committed("weir", "away", PARTITIONS), MANY);
}

/* Within its deadline, and a few seconds for questions that nobody answers. */
static void end_alone(void (*leave_alone)(void)) {
    struct trial trial = {0};
    const weir_kafka_source_options options = trial_options((const char *[]){"alone"}, 1);
    mock_topic("alone", PARTITIONS);
    mock_produce("alone", PARTITIONS, 0, FEW, 20, 0);
    tally_begin(FEW);
    trial_begin(&trial, &options, 0);
    assert_true(tally_wait(20));
    leave_alone();
    trial_end(&trial);
    assert_int_equal(trial.stats.acked + trial.stats.lost_acks, FEW);
}

static void take_brokers_away(void) {
    trial_down(true);
}

static void stall_brokers(void) {
    rd_kafka_mock_broker_set_rtt(mock_cluster(), -1, 60000);
}

static void ends_without_brokers(void **state) {
    (void)state;
    end_alone(take_brokers_away);
}

static void ends_beside_stalled_brokers(void **state) {
    (void)state;
    end_alone(stall_brokers);
}

static int wrong_setting(void *context, rd_kafka_conf_t *conf) {
    char why[160];
    (void)context;
    return rd_kafka_conf_set(conf, "no.such.thing", "1", why, sizeof why) != RD_KAFKA_CONF_OK;
}

static void says_what_is_wrong(void **state) {
    struct trial trial = {.shutdown_ns = 100 * MS};
    weir_kafka_source_options options = trial_options((const char *[]){"nowhere"}, 1);
    (void)state;
    tally_begin(0);
    rd_kafka_mock_topic_set_error(mock_cluster(), "nowhere",
                                  RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    trial_begin(&trial, &options, 0);
    assert_true(tally_until(trial_has_logged, "topic nowhere: Broker: Unknown topic", 10));
    trial_end(&trial);

    options.server.user = options.server.password = "nobody"; /* a broker without SASL */
    trial_begin(&trial, &options, 0);
    assert_true(tally_until(trial_has_logged, "SASL", 10));
    trial_end(&trial);

    options.server.user = options.server.password = NULL;
    options.server.configure = wrong_setting;
    trial_begin(&trial, &options, 0);
    assert_true(tally_until(trial_has_logged, "server.configure has refused", 10));
    trial_end(&trial);

    options.server.configure = NULL;
    options.server.ca = "/no/such/file";
    trial_begin(&trial, &options, 0);
    assert_true(tally_until(trial_has_logged, "its driver is broken (kafka: ssl.ca.location", 10));
    trial_end(&trial);
    assert_int_equal(trial.stats.broken, 1);
}

static void is_broken_where_there_is_no_offset(void **state) {
    struct trial trial = {.shutdown_ns = 100 * MS};
    weir_kafka_source_options options = trial_options((const char *[]){"unbegun"}, 1);
    (void)state;
    options.from = WEIR_KAFKA_FROM_NOWHERE;
    mock_topic("unbegun", PARTITIONS);
    mock_produce("unbegun", PARTITIONS, 0, FEW, 20, 0);
    tally_begin(0);
    trial_begin(&trial, &options, 0);
    assert_true(tally_until(trial_has_logged, "its driver is broken (kafka: topic unbegun", 20));
    trial_end(&trial);
    assert_int_equal(trial.stats.broken, 1);
    assert_int_equal(trial.stats.pulled, 0);
}

static void refuses_bad_options(void **state) {
    static const char *const one[] = {"t"}, *const wrong[] = {"a b"}, *const none[] = {NULL},
                             *const dot[] = {"."}, *const dots[] = {"t", ".."},
                             *const torn[] = {"^["}, *const twice[] = {"t", "^u.*", "t"};
    static const struct {
        weir_kafka_source_options options;
        const char *says;
    } rows[] = {
        {{.topics = one, .topic_count = 1}, "group must be given"},
        {{.group = "g"}, "topics must be 1 to 64, got 0"},
        {{.group = "g", .topics = one, .topic_count = 65}, "topics must be 1 to 64, got 65"},
        {{.group = "g", .topics = wrong, .topic_count = 1}, "topics[0] must be of letters"},
        {{.group = "g", .topics = none, .topic_count = 1}, "topics[0] must be given"},
        {{.group = "g", .topics = dot, .topic_count = 1}, "topics[0] must not be . or .., got"},
        {{.group = "g", .topics = dots, .topic_count = 2}, "topics[1] must not be . or .., got"},
        {{.group = "g", .topics = torn, .topic_count = 1},
         "topics[0] must be a topic, or a regular expression that begins with ^, got \"^[\": "},
        {{.group = "g", .topics = twice, .topic_count = 3},
         "topics[2] must differ from topics[0], got \"t\""},
        {{.group = "g", .topics = one, .topic_count = 1, .member = ""}, "member must not be empty"},
        {{.group = "g", .topics = one, .topic_count = 1, .reserved = {[3] = 1}},
         "reserved must be zero"},
        {{.group = "g", .topics = one, .topic_count = 1, .server = {.reserved = {1}}},
         "server.reserved must be zero"},
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
        cmocka_unit_test(waits_for_brokers_and_outlives_their_crash),
        cmocka_unit_test(ends_without_brokers),
        cmocka_unit_test(ends_beside_stalled_brokers),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(is_broken_where_there_is_no_offset),
    };
    return mock_run(tests, sizeof tests / sizeof *tests);
}
