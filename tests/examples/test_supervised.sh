#!/bin/bash
# The supervised pipeline goes on when its stages die.
# SPDX-License-Identifier: Apache-2.0
#
# Goal: the sink gets the square of each number but 10 once, in order; source and
# work are started again as often as they die; the accounts add up.
# Method: the printed text is read.
#
# Usage: test_supervised.sh FOLDER, where FOLDER holds supervised.
set -u
. "$(dirname "$0")/expect.sh"
run "$1/supervised"

squares=$(sed -n 's/^sink: //p' <<<"$printed" | tr '\n' ' ')
expected=$(for ((i = 0; i < 20; i++)); do [ $i = 10 ] || printf '%d ' $((i * i)); done)
check "each square once" "$squares" "$expected"
check "deaths of the source" "$(grep -c 'restarts source, which stopped: user$' <<<"$printed")" 2
check "deaths of the work stage" "$(grep -c 'restarts work, which stopped: user$' <<<"$printed")" 1
check "the accounts" "$(grep '^emitted' <<<"$printed")" "emitted 39 = handled 39 + discarded 0"
[ $failures -eq 0 ]
