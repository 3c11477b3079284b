#!/bin/bash
# The push example prints what it should.
# SPDX-License-Identifier: Apache-2.0
#
# Goal: each of the 60 events is taken once; each printer takes its events in
# order; the slow printer takes fewer than the fast one.
# Method: the printed text is read.  The third printer needs ten times as long
# for an event, so the last point does not hang on the clock's mood.
#
# Usage: test_push.sh FOLDER, where FOLDER holds push.
set -u
printed=$("$1/push") || { echo "FAILED  exit code $?"; exit 1; }
echo "$printed"
awk '
    function check(name, good) {
        print (good ? "ok      " : "FAILED  ") name
        if (!good) failures++
    }
    /^\{printer [123], [0-9]+\}$/ {
        printer = $2 + 0
        event = $3 + 0
        if (event <= last[printer]) disorder++
        last[printer] = event
        if (!seen[event]++) different++
        lines++
        taken[printer]++
    }
    /^printer [123] took/ {if ($4 != taken[$2]) miscounted++}
    /^accounts: emitted 60 = handled 60 \+ discarded 0$/ {accounts++}
    END {
        check("each event once", lines == 60 && different == 60)
        check("in order", !disorder)
        check("the printers count what they print", !miscounted)
        check("the slow one took fewer", taken[3] > 0 && taken[3] < taken[1])
        check("the accounts add up", accounts == 1)
        exit failures > 0
    }' <<<"$printed"
