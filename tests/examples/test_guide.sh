#!/bin/bash
# The guide's programs run, end, and need no luck: twice the same output.
# SPDX-License-Identifier: Apache-2.0
#
# Goal: each guide_* ends with success and prints the same every time.
# Method: each is run twice.  (test_docs compares the output with the guide.)
#
# Usage: test_guide.sh FOLDER, where FOLDER holds the examples' executables.
set -u
failures=0
for program in "$1"/guide_*; do
    name=$(basename "$program")
    first=$("$program" 2>&1)
    code=$?
    second=$("$program" 2>&1)
    if [ $code -eq 0 ] && [ -n "$first" ] && [ "$first" = "$second" ]; then
        echo "ok      $name"
    else
        echo "FAILED  $name: exit code $code"
        echo "$first"
        failures=$((failures + 1))
    fi
done
[ $failures -eq 0 ]
