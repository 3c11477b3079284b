#!/bin/bash
# The stream example counts every prime, whatever the threads do.
# SPDX-License-Identifier: Apache-2.0
#
# Goal: the counts are those of number theory, each time.
# Method: it is run a few times; below 100,000 there are 9,592 primes, 2 among them,
# of which 4,783 leave 1 when divided by 4, and 4,808 leave 3.
#
# Usage: test_stream.sh FOLDER, where FOLDER holds stream.
set -u
for try in 1 2 3 4 5; do
    printed=$("$1/stream" 2>&1) || { echo "FAILED  exit code $?: $printed"; exit 1; }
    if [ "$printed" != "below 100000: 4783 primes 4n + 1, 4808 primes 4n + 3" ]; then
        echo "FAILED  try $try: $printed"
        exit 1
    fi
done
echo "ok      $printed"
