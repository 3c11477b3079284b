#!/bin/bash
# The applications of pipelines do what they should.
# SPDX-License-Identifier: Apache-2.0
#
# Goal: all orders and jobs are settled, every call counted; and a shipper that is killed again and
# again has in the end stored each line of its log, and each line that is no line among the dead.
# Method: the lines that they print are compared.  The shipper is killed (SIGKILL) at four moments,
# begun again each time, and ended when the last line is stored; then what it has stored is what the
# log has, when doubles are left out.  One whose checkpoint is none ends by itself.
#
# Usage: test_pipelines.sh FOLDER, where FOLDER holds orders, rate_limited and log_shipper; perhaps
# log_shipper_cpp, too.
set -u
programs=$(realpath "$1")
failures=0

expect() { # PROGRAM LINE
    printed=$("$programs/$1") || printed="exit code $?: $printed"
    if [ "$printed" = "$2" ]; then
        echo "ok      $1: $printed"
    else
        echo "FAILED  $1: $printed"
        failures=$((failures + 1))
    fi
}

expect orders "990 orders stored, 990 acknowledged, 10 given back"
expect rate_limited "297 jobs done, 3 dead; every call counted: yes"
expect log_shipper "4995 lines stored or left out, 5 dead"
if [ -x "$programs/log_shipper_cpp" ]; then # with a C++ compiler, and no sanitizer
    expect log_shipper_cpp "4995 lines stored or left out, 5 dead, 5 of them thrown"
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
awk 'BEGIN {for (i = 0; i < 100000; i++) print i % 1000 == 7 ? "no" i : i " I line"}' > log
echo "100000 I last" >> log
for pause in 0.02 0.05 0.1 0.05; do
    "$programs/log_shipper" log store checkpoint > /dev/null 2>&1 &
    sleep $pause
    kill -KILL $!
    wait $! 2> /dev/null
done
"$programs/log_shipper" log store checkpoint > /dev/null 2>&1 &
for ((i = 0; i < 600; i++)); do
    if tail -n 1 store | grep -q last; then break; fi
    sleep 0.1
done
kill -TERM $!
wait $!
grep -v no log | sort > wanted
sort -u store > found
grep no log | sort > wanted.dead
sort -u store.dead > found.dead
if cmp -s wanted found && cmp -s wanted.dead found.dead; then
    echo "ok      log_shipper, killed: $(wc -l < store) lines stored for $(wc -l < wanted)"
else
    echo "FAILED  log_shipper, killed: $(diff wanted found | wc -l) lines differ"
    failures=$((failures + 1))
fi

# What is no checkpoint breaks the source: the pipeline ends, and so does the program.
cp log none
timeout 20 "$programs/log_shipper" log store2 none > /dev/null 2> says
status=$?
if [ $status = 1 ] && grep -q "is no checkpoint" says; then
    echo "ok      log_shipper ends with its source"
else
    echo "FAILED  log_shipper with a broken source: exit status $status, $(cat says)"
    failures=$((failures + 1))
fi
exit $((failures > 0))
