#!/bin/bash
# The windowed counts add up.
# SPDX-License-Identifier: Apache-2.0
#
# Goal: each event is counted in a window or is late, some are, and there is a result for each key
# and window that has events: no more than keys times windows.
# Method: the printed line is read.
#
# Usage: test_windowed_counts.sh FOLDER, where FOLDER holds windowed_counts.
set -u
. "$(dirname "$0")/expect.sh"
run "$1/windowed_counts"

# "1000000 events: N counted, N late; N results": of two seconds of each source, 100000 keys
good=$(awk '/^[0-9]+ events: [0-9]+ counted, [0-9]+ late; [0-9]+ results$/ &&
    $1 == $3 + $5 && $5 > 0 && $5 < 4000 && $7 > 100000 && $7 < 600000 {good++}
    END {print good + 0}' <<<"$printed")
check "lines whose figures add up" "$good" 1
[ $failures -eq 0 ]
