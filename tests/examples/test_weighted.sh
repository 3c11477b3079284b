#!/bin/bash
# The dispatcher of the program's own shares by weight.
# SPDX-License-Identifier: Apache-2.0
#
# Goal: consumers of weights 1, 2 and 3 get exactly a sixth, two and three of the jobs,
# however the threads run, and every job is done once.
# Method: the printed text is compared, of several runs.
#
# Usage: test_weighted.sh FOLDER, where FOLDER holds weighted.
set -u
expected='weight 1 took 1000 of 6000
weight 2 took 2000 of 6000
weight 3 took 3000 of 6000
accounts: emitted 6000 = handled 6000 + discarded 0'
for run in 1 2 3 4 5; do
    printed=$("$1/weighted") || { echo "FAILED  exit code $?"; exit 1; }
    if [ "$printed" != "$expected" ]; then
        echo "FAILED  run $run printed"
        echo "$printed"
        exit 1
    fi
    echo "ok      run $run"
done
