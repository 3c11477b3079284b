#!/bin/bash
# The event manager tells each event to each handler that wants it.
# SPDX-License-Identifier: Apache-2.0
#
# Goal: the journal has all events, the others what their selectors accept, each in
# order; every notification is answered, and before the next one is made.
# Method: the printed text is read.
#
# Usage: test_gen_event.sh FOLDER, where FOLDER holds gen_event.
set -u
. "$(dirname "$0")/expect.sh"
run "$1/gen_event"

told() { sed -n "s/^  $1: //p" <<<"$printed" | paste -sd, -; }

check "the journal has all" "$(told journal)" "order 20,complaint 1,order 300"
check "sales have the orders" "$(told sales)" "order 20,order 300"
check "the alarm has the large one" "$(told alarm)" "order 300"
check "each notification is answered" "$(grep -c '^notify .*: success$' <<<"$printed")" 3
[ $failures -eq 0 ]
