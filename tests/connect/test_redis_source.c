/*
 * Goal: what a stream has is pulled by demand, and settled as each message says: acked, taken again
 * later; what is at work is not taken by others.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: pipelines with threads against a server of the test's own; all messages have numbers, and
 * what the server has pending says what it knows of.
 */
#include "connect/redis_rig.h"

enum { FEW = 500, MANY = 20000 };

/* ---- the usual ------------------------------------------------------------------------ */

static void pulls_and_acks_all(void **state) {
    struct trial trial;
    const weir_redis_source_options options = options_at(address);
    (void)state;
    publish("jobs", 0, MANY, 20);
    tally_begin(MANY + FEW);
    begin(&trial, &options, 0, 0);
    publish("jobs", MANY, FEW, 20); /* beside it */
    assert_true(tally_wait(20));
    assert_true(tally_until(none_pending, NULL, 10));
    end(&trial);
    tally_check();
    assert_int_equal(tally_again(), 0);
    assert_int_equal(trial.stats.acked, MANY + FEW);
    assert_int_equal(SAY("XLEN jobs"), MANY + FEW);
    assert_int_equal(SAY("XINFO CONSUMERS jobs workers"), 0); /* it has left */
}

static void bounds_bytes_and_takes_large_ones(void **state) {
    struct trial trial;
    const weir_redis_source_options options = options_at(address);
    (void)state;
    publish("jobs", 0, 200, 100);
    publish("jobs", 200, 5, 2000000); /* each larger than all that may be out */
    publish("jobs", 205, 200, 100);
    tally_begin(405);
    begin(&trial, &options, 0, 50000);
    assert_true(tally_wait(20));
    assert_true(tally_until(none_pending, NULL, 10));
    end(&trial);
    tally_check();
    assert_int_equal(tally_again(), 0);
}

static bool is(weir_bytes bytes, const char *text) {
    return bytes.count == strlen(text) && memcmp(bytes.at, text, bytes.count) == 0;
}

static weir_outcome by_id(size_t number, const weir_message *message) {
    char id[32];
    snprintf(id, sizeof id, "%zu-7", number + 1);
    return is(message->key, id) && message->headers.count == 0 && message->deliveries == 0 &&
                   message->time == (number + 1) * MS
               ? WEIR_MESSAGE_OK
               : WEIR_MESSAGE_SKIP;
}

static weir_outcome by_field(size_t number, const weir_message *message) {
    return is(message->key, "red") && number == 1 &&
                   is(message->headers, "data: 9\r\nsize: 3\r\nempty: \r\n")
               ? WEIR_MESSAGE_OK
               : WEIR_MESSAGE_SKIP;
}

static weir_outcome without_data(size_t number, const weir_message *message) {
    tally_note(message->data.count == 0 && number == TALLY_LIMIT ? 0 : 1);
    return WEIR_MESSAGE_SKIP;
}

static void tells_data_key_time_and_headers(void **state) {
    struct trial trial;
    weir_redis_source_options options = options_at(address);
    (void)state;
    SAY("XADD jobs 1-7 data 0 colour red");
    SAY("XADD jobs 2-7 data 1 colour red");
    tally_begin(2);
    handle = by_id;
    begin(&trial, &options, 0, 0);
    assert_true(tally_wait(20));
    end(&trial);

    options = (weir_redis_source_options){.server = options.server,
                                          .stream = "jobs",
                                          .group = "others",
                                          .only_new = true,
                                          .field = "body",
                                          .key = "colour",
                                          .headers = true};
    SAY("XGROUP CREATE jobs others $"); /* as the first of them would */
    redisReply *reply = redisCommand(client,
                                     "XADD jobs 4-7 data %s colour red size 3 empty %s "
                                     "body 1",
                                     "9", "");
    freeReplyObject(reply);
    tally_begin(2);
    tally_note(0);
    handle = by_field;
    begin(&trial, &options, 0, 0);
    assert_true(tally_wait(20));
    end(&trial);

    SAY("XADD jobs 5-7 other 1");
    options.field = NULL;
    tally_begin(1);
    handle = without_data;
    begin(&trial, &options, 0, 0);
    assert_true(tally_wait(20));
    end(&trial);
    assert_int_equal(tally_of(1), 0);
}

static void begins_with_what_is_new(void **state) {
    struct trial trial;
    weir_redis_source_options options = options_at(address);
    (void)state;
    options.only_new = true;
    publish("jobs", 0, FEW, 10);
    tally_begin(2 * FEW);
    begin(&trial, &options, 0, 0);
    for (int i = 0; i < 5000 && SAY("XINFO GROUPS jobs") != 1; i++) {
        nap(2);
    }
    publish("jobs", FEW, FEW, 10);
    while (tally_missing() > FEW) {
        nap(2);
    }
    end(&trial);
    assert_int_equal(trial.stats.acked, FEW);
    assert_int_equal(tally_of(0), 0);
}

static void deletes_what_is_acked(void **state) {
    struct trial trial;
    weir_redis_source_options options = options_at(address);
    (void)state;
    options.delete_acked = true;
    publish("jobs", 0, FEW, 10);
    tally_begin(FEW);
    begin(&trial, &options, 0, 0);
    assert_true(tally_wait(20));
    end(&trial);
    assert_int_equal(SAY("XLEN jobs"), 0);
    assert_int_equal(pending(), 0);
}

/* ---- outcomes ------------------------------------------------------------------------- */

/* The first time every third is given back; every seventh is dead. */
static weir_outcome some_fail(size_t number, const weir_message *message) {
    return number % 7 == 0                              ? WEIR_MESSAGE_DEAD
           : number % 3 == 0 && message->deliveries < 1 ? WEIR_MESSAGE_NAK
                                                        : WEIR_MESSAGE_OK;
}

static void counts_redeliveries_and_ends_the_dead(void **state) {
    struct trial trial;
    const weir_redis_source_options options = options_at(address);
    (void)state;
    publish("jobs", 0, FEW, 10);
    tally_begin(FEW);
    for (size_t i = 0; i < FEW; i += 7) {
        tally_note(i); /* will not come */
    }
    handle = some_fail;
    begin(&trial, &options, 0, 0);
    assert_true(tally_wait(20));
    assert_true(tally_until(none_pending, NULL, 10)); /* the dead, too */
    end(&trial);
    size_t naks = 0;
    for (size_t i = 0; i < FEW; i += 3) {
        naks += i % 7 != 0;
    }
    assert_int_equal(trial.stats.naks, naks);
    assert_int_equal(trial.more.redelivered, naks);
    assert_int_equal(trial.more.claimed, 0);
    assert_int_equal(trial.stats.acked, FEW);
    assert_int_equal(trial.stats.dead, (FEW + 6) / 7);
    assert_int_equal(tally_again(), 0);
}

static weir_outcome never_one(size_t number, const weir_message *message) {
    if (number == 3) {
        tally_note(100 + message->deliveries);
        return WEIR_MESSAGE_NAK;
    }
    return WEIR_MESSAGE_OK;
}

static void ends_poison(void **state) {
    struct trial trial;
    weir_redis_source_options options = options_at(address);
    (void)state;
    options.max_deliver = 1;
    publish("jobs", 0, 10, 10);
    tally_begin(10);
    tally_note(3);
    handle = never_one;
    begin(&trial, &options, 0, 0);
    assert_true(tally_wait(20));
    assert_true(tally_until(none_pending, NULL, 10));
    end(&trial);
    assert_int_equal(trial.more.poisoned, 1);
    assert_int_equal(trial.stats.naks, 1);
    assert_int_equal(tally_of(100), 1);
    assert_int_equal(tally_of(101), 0);
}

static weir_outcome slow_one(size_t number, const weir_message *message) {
    (void)message;
    if (number == 0) {
        nap(1000);
    }
    return WEIR_MESSAGE_OK;
}

/* Longer than a lease, and another is there to take it. */
static void keeps_what_takes_long(void **state) {
    struct trial one, other;
    weir_redis_source_options options = options_at(address);
    (void)state;
    options.lease_ns = 300 * MS;
    publish("jobs", 0, 1, 10);
    tally_begin(2);
    handle = slow_one;
    begin(&one, &options, 0, 0);
    while (pending() != 1) {
        nap(2);
    }
    begin(&other, &options, 0, 0);
    nap(800);
    publish("jobs", 1, 1, 10);
    assert_true(tally_wait(20));
    assert_true(tally_until(none_pending, NULL, 10));
    end(&other);
    end(&one);
    assert_int_equal(tally_of(0), 1);
    assert_int_equal(one.more.claimed + other.more.claimed, 0);
}

/* ---- options ---------------------------------------------------------------------------- */

#define TEN "/123456789"

/* A socket's path has 107 bytes at most. */
static const char long_path[] = TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN "/1234567";

static void refuses_bad_options(void **state) {
    static const struct {
        weir_redis_source_options options;
        const char *says;
    } rows[] = {
        {{.group = "g"}, "stream must be given"},
        {{.stream = "s"}, "group must be given"},
        {{.stream = "", .group = "g"}, "stream must not be empty"},
        {{.stream = "s", .group = "g", .consumer = ""}, "consumer must not be empty"},
        {{.stream = "s", .group = "g", .field = ""}, "field must not be empty"},
        {{.stream = "s", .group = "g", .lease_ns = 5}, "lease_ns must be 30000000 to"},
        {{.stream = "s", .group = "g", .max_deliver = UINT64_MAX}, "max_deliver must be at most"},
        {{.stream = "s", .group = "g", .bind = true, .only_new = true}, "only_new must not"},
        {{.stream = "s", .group = "g", .reserved = {1}}, "reserved must be zero"},
        {{.stream = "s", .group = "g", .server = {.user = "u"}}, "server.password"},
        {{.stream = "s", .group = "g", .server = {.reserved = {1}}}, "server.reserved"},
        {{.stream = "s", .group = "g", .server = {.name = "a b"}}, "server.name"},
        {{.stream = "s", .group = "g", .server = {.timeout_ns = 1}}, "server.timeout_ns"},
        {{.stream = "s", .group = "g", .server = {.address = ""}}, "must not be empty"},
        {{.stream = "s", .group = "g", .server = {.address = "h:0"}}, "server.address"},
        {{.stream = "s", .group = "g", .server = {.address = "h:99999"}}, "server.address"},
        {{.stream = "s", .group = "g", .server = {.address = "h,[::1:5"}}, "\"[::1:5\""},
        {{.stream = "s", .group = "g", .server = {.address = "[::1]x:80"}}, "\"[::1]x:80\""},
        {{.stream = "s", .group = "g", .server = {.address = "[]:80"}}, "\"[]:80\""},
        {{.stream = "s", .group = "g", .server = {.address = "::1"}},
         "server.address must have brackets around an IPv6 address, as in \"[::1]:6379\", got "},
        {{.stream = "s", .group = "g", .server = {.address = "h,fe80::1:6379"}}, "brackets"},
        {{.stream = "s", .group = "g", .server = {.address = "h:"}}, "port of 1 to 65535"},
        {{.stream = "s", .group = "g", .server = {.address = "h:+80"}}, "port of 1 to 65535"},
        {{.stream = "s", .group = "g", .server = {.address = "h:80x"}}, "port of 1 to 65535"},
        {{.stream = "s", .group = "g", .server = {.address = long_path}}, "path that is too long"},
        {{.stream = "s", .group = "g", .server = {.address = "1,2,3,4,5,6,7,8,9,a,b,c,d,e,f,g,h"}},
         "at most 16 addresses"},
    };
    weir_redis_source *source = NULL;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(weir_redis_source_open(&rows[i].options, &source), WEIR_INVALID);
        assert_non_null(strstr(weir_refusal(), rows[i].says));
        assert_null(source);
    }
    assert_int_equal(weir_redis_source_open(NULL, &source), WEIR_INVALID);
    weir_redis_source_close(NULL);
}

static int start_server(void **state) {
    (void)state;
    return begin_server("");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(refuses_bad_options),
        TEST(pulls_and_acks_all),
        TEST(bounds_bytes_and_takes_large_ones),
        TEST(tells_data_key_time_and_headers),
        TEST(begins_with_what_is_new),
        TEST(deletes_what_is_acked),
        TEST(counts_redeliveries_and_ends_the_dead),
        TEST(ends_poison),
        TEST(keeps_what_takes_long),
    };
    return engine_found(ENGINE_REDIS) ? cmocka_run_group_tests(tests, start_server, end_server)
                                      : ENGINE_SKIPPED;
}
