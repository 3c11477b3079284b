#!/bin/bash
# The counter pipeline prints what it should.
# SPDX-License-Identifier: Apache-2.0
#
# Goal: the first events are the even numbers in order, every consumer works, and
# every event is accounted for.
# Method: the printed text is read; rates are printed but not judged.
#
# Usage: test_counter.sh FOLDER, where FOLDER holds counter.
set -u
printed=$("$1/counter") || { echo "FAILED  exit code $?"; exit 1; }
echo "$printed"
failures=0

check() {
    if eval "$2"; then
        echo "ok      $1"
    else
        echo "FAILED  $1"
        failures=$((failures + 1))
    fi
}

# Lines of the form "  consumer N begins with A B ...": even numbers, one after the other.
in_order=$(awk '/begins with/ {
    for (i = 5; i < NF; i++) if ($i % 2 || (i > 5 && $i != $(i - 1) + 2)) bad++
} END {print bad + 0}' <<<"$printed")
# Each line of accounts adds up, has nothing left over, and matches the consumers' own count:
# an event is emitted and handled twice, once by the multiplier.
adds_up=$(awk '
    /together/ {together = $2}
    /accounts: emitted/ {
        rounds++
        if ($3 != $6 + $9 + $13 + $16 || $9 || $13 || $16 || $6 != 2 * together) bad++
    }
    END {print rounds + 0, bad + 0}' <<<"$printed")

check "one consumer begins with 0 2 4" \
    'grep -q "^  consumer 1 begins with 0 2 4 6 8 10 12 14 \.\.\.$" <<<"$printed"'
check "consecutive events" '[ "$in_order" = 0 ]'
check "four consumers took events" \
    '[ "$(grep -c "^  consumer [1-4] took  *[1-9][0-9]* events" <<<"$printed")" -eq 5 ]'
check "the accounts of both rounds add up" '[ "$adds_up" = "2 0" ]'
[ $failures -eq 0 ]
