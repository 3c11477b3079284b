#!/bin/bash
# The counter pipeline prints what it should.
# SPDX-License-Identifier: Apache-2.0
#
# Goal: the first events are the even numbers in order, and every event is accounted
# for, with one consumer and with four.
# Method: the printed text is read; rates are printed but not judged.
#
# Usage: test_counter.sh FOLDER, where FOLDER holds counter.
set -u
. "$(dirname "$0")/expect.sh"
run "$1/counter"

count() { grep -c "$1" <<<"$printed"; }

# Lines of the form "  consumer N begins with A B ...": even numbers, one after the other.
out_of_order=$(awk '/begins with/ {
    for (i = 5; i < NF; i++) if ($i % 2 || (i > 5 && $i != $(i - 1) + 2)) bad++
} END {print bad + 0}' <<<"$printed")

# Each line of accounts adds up, has nothing left over, and matches the consumers' own count:
# an event is emitted and handled twice, once by the multiplier.
rounds=$(awk '
    /together/ {together = $2}
    /accounts: emitted/ && $3 == $6 && !$9 && !$13 && !$16 && $6 == 2 * together {good++}
    END {print good + 0}' <<<"$printed")

check "rounds in which somebody begins with 0 2 4" \
    "$(count '^  consumer [1-4] begins with 0 2 4 6 8 10 12 14 \.\.\.$')" 2
check "events out of order" "$out_of_order" 0
check "rounds in which events came through" "$(count '^  together  *[1-9][0-9]* events')" 2
check "one and then four consumers" "$(count '^  consumer [1-4] took  *[0-9][0-9]* events')" 5
check "rounds whose accounts add up" "$rounds" 2
[ $failures -eq 0 ]
