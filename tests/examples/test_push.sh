#!/bin/bash
# The push example prints what it should.
# SPDX-License-Identifier: Apache-2.0
#
# Goal: each of the 60 events is taken once; each printer takes its events in
# order; the slow printer takes fewer than the fast one.
# Method: the printed text is read.  The third printer needs ten times as long
# for an event as the first; but on a machine that is busy with other things
# anybody may be slow, so that point has five tries, and the others hold in each.
#
# Usage: test_push.sh FOLDER, where FOLDER holds push.
set -u

# Exits with 0, with 1 when something is wrong, with 3 when only the shares are.
judge() {
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
        /^printer [123] took/ {if ($4 != taken[$2] + 0) miscounted++}
        /^accounts: emitted 60 = handled 60 \+ discarded 0$/ {accounts++}
        END {
            check("each event once", lines == 60 && different == 60)
            check("in order", !disorder)
            check("the printers count what they print", !miscounted)
            check("the accounts add up", accounts == 1)
            if (failures) exit 1
            check("the slow one took fewer", taken[3] < taken[1])
            exit failures ? 3 : 0
        }'
}

for try in 1 2 3 4 5; do
    printed=$("$1/push") || { echo "FAILED  exit code $?"; exit 1; }
    printf '%s\n' "--- try $try" "$printed"
    judge <<<"$printed"
    code=$?
    [ $code -eq 3 ] || exit $code
done
exit 1
