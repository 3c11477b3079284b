#!/bin/bash
# The consumer_supervisor example prints what it should.
# SPDX-License-Identifier: Apache-2.0
#
# Goal: each of the 50 events is printed once by a task that did not fail, one in
# ten after it failed once; no more tasks at once than max_demand; the accounts
# have each event once.
# Method: the printed text is read; it comes in no particular order.
#
# Usage: test_consumer_supervisor.sh FOLDER, where FOLDER holds consumer_supervisor.
set -u
printed=$("$1/consumer_supervisor") || { echo "FAILED  exit code $?"; exit 1; }
printf '%s\n' "$printed"
awk '
    function check(name, good) {
        print (good ? "ok      " : "FAILED  ") name
        if (!good) failures++
    }
    /^\{printer, [0-9]+\} fails$/ {if (seen[$2 + 0]) disorder++; failed[$2 + 0]++; fails++}
    /^\{printer, [0-9]+\}$/ {if (!seen[$2 + 0]++) different++; done++}
    /^at most 8 at work: yes$/ {bounded++}
    /^accounts: emitted 50 = handled 50 \+ discarded 0$/ {accounts++}
    END {
        check("each event once", done == 50 && different == 50)
        check("five fail, once each, and are done after that",
              fails == 5 && failed[9] + failed[19] + failed[29] + failed[39] + failed[49] == 5 &&
              !disorder)
        check("no more at once than were asked for", bounded == 1)
        check("the accounts add up", accounts == 1)
        exit failures > 0
    }' <<<"$printed"
