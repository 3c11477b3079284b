#!/bin/bash
# The rate limiter lets through what it may, when it may.
# SPDX-License-Identifier: Apache-2.0
#
# Goal: 3 events of the one producer every 5 seconds, 2 of the other every 2 seconds,
# from the first moment on, in order, and the same each time, without waiting.
# Method: the printed text is read; time is simulated.
#
# Usage: test_rate_limiter.sh FOLDER, where FOLDER holds rate_limiter.
set -u
printed=$("$1/rate_limiter") || { echo "FAILED  exit code $?"; exit 1; }
expected=$(for ((second = 0; second < 12; second++)); do
    ((second % 5 == 0)) && printf '%2d s: from slow %d %d %d\n' $second \
        $((second / 5 * 3)) $((second / 5 * 3 + 1)) $((second / 5 * 3 + 2))
    ((second % 2 == 0)) && printf '%2d s: from fast %d %d\n' $second \
        $((1000 + second)) $((1001 + second))
done)
# At the same moment either may be first.
if [ "$(sort <<<"$printed")" = "$(sort <<<"$expected")" ] &&
    [ "$(cut -c1-2 <<<"$printed")" = "$(cut -c1-2 <<<"$expected")" ] &&
    [ "$("$1/rate_limiter")" = "$printed" ]; then
    echo "ok      rate_limiter"
else
    echo "FAILED  expected:"
    echo "$expected"
    echo "printed:"
    echo "$printed"
    exit 1
fi
