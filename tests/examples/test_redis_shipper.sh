#!/bin/bash
# The shipper of Redis streams loses nothing.
# SPDX-License-Identifier: Apache-2.0
#
# Goal: what was in a stream is in the other one, though two shippers that share it are killed again
# and again, and the server, which stores what it says (appendfsync always), twice.
# Method: 20,000 numbered entries, of which one is poison (delivered so often already); the other
# stream's numbers, when doubles are left out, are those; and the poison is among the dead.
#
# Usage: test_redis_shipper.sh FOLDER, where FOLDER holds redis_shipper.
set -u
shipper=$(realpath "$1")/redis_shipper
server=$(PATH=$PATH:/usr/sbin:/usr/local/sbin command -v redis-server)
client=$(command -v redis-cli)
if [ ! -x "$shipper" ] || [ -z "$server" ] || [ -z "$client" ]; then
    echo "skipped: there is no redis-server, redis-cli or redis_shipper"
    exit 0
fi
folder=$(mktemp -d)
processes=()
# shellcheck disable=SC2317
clean_up() {
    for process in "${processes[@]}"; do kill -KILL "$process" 2> /dev/null; done
    rm -rf "$folder"
}
trap clean_up EXIT
cd "$folder" || exit 1

at=$folder/socket
start_server() {
    "$server" --port 0 --unixsocket "$at" --dir "$folder" --save "" --appendonly yes \
        --appendfsync always > log 2>&1 &
    redis=$!
    processes+=("$redis")
    for ((i = 0; i < 500; i++)); do
        if [ "$(ask PING)" = PONG ]; then return; fi
        sleep 0.02
    done
    cat log
}
start_shipper() {
    "$shipper" "$at" from shippers "$at" to > "shipped$1" 2>> says &
    shippers[$1]=$!
    processes+=($!)
}
ask() {
    "$client" -s "$at" "$@" 2> /dev/null
}
kill_off() {
    kill -KILL "$1"
    wait "$1"
}

start_server
fill="for i = 0, 19999 do redis.call('XADD', 'from', '*', 'data', i, 'kind', i % 7) end"
ask EVAL "$fill" 0 > /dev/null
ask XGROUP CREATE from shippers 0 > /dev/null
poison=$(ask --raw XRANGE from - + COUNT 8 |
    awk '/^data$/ {getline; if ($1 == 7) print id} /-/ {id = $1}')
ask XREADGROUP GROUP shippers poisoned COUNT 8 STREAMS from ">" > /dev/null
ask XCLAIM from shippers poisoned 0 "$poison" IDLE 60000 RETRYCOUNT 9 > /dev/null

last=$(ask XINFO STREAM from | awk '/^last-generated-id$/ {getline; print}')
shippers=()
start_shipper 0
start_shipper 1
for pause in 0.05 0.1 0.05; do
    sleep $pause
    kill_off "${shippers[0]}" 2> /dev/null
    kill_off "$redis" 2> /dev/null
    start_server
    start_shipper 0
done
for ((i = 0; i < 300; i++)); do
    if [ "$(ask XPENDING from shippers | head -n 1)" = 0 ] &&
        ask XINFO GROUPS from | grep -qx "$last"; then break; fi
    sleep 0.1
done
kill -TERM "${shippers[0]}" "${shippers[1]}"
wait "${shippers[0]}" "${shippers[1]}"
ask --raw XRANGE to - + | awk '/^data$/ {getline; print}' > came
sort -n -u came > found
seq 0 19999 | grep -vx 7 > wanted
dead=$(ask --raw XRANGE to.dead - + | awk '/^data$/ {getline; print}' | sort -u)
if cmp -s wanted found && [ "$dead" = 7 ]; then
    echo "ok      redis_shipper: $(wc -l < came) stored for $(wc -l < wanted), and the dead one"
else
    echo "FAILED  redis_shipper: $(diff wanted found | wc -l) differ, dead: $dead"
    diff wanted found | head -5
    tail -5 says
    exit 1
fi
