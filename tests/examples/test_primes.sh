#!/bin/bash
# The C++ example prints what it should.
# SPDX-License-Identifier: Apache-2.0
#
# Goal: five stages, wired and written in C++20, sift all primes out, and no event is lost.
# Method: its one line is compared.  Without a C++ compiler, or with a sanitizer, it is not
# built, and there is nothing to look at.
#
# Usage: test_primes.sh FOLDER, where FOLDER holds primes.
set -u
if [ ! -x "$1/primes" ]; then
    echo "primes was not built"
    exit 0
fi
printed=$("$1/primes") || { echo "FAILED  exit code $?"; exit 1; }
echo "$printed"
[ "$printed" = "12 primes, together 318; the accounts: right" ] || { echo FAILED; exit 1; }
