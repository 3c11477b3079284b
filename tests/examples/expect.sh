# Runs an example and compares what it prints: for the scripts of this folder, which source it.
# SPDX-License-Identifier: Apache-2.0
#
#   . "$(dirname "$0")/expect.sh"
#   run PROGRAM            runs it; what it printed is in $printed
#   check NAME SEEN EXPECTED
#   [ $failures -eq 0 ]    last
failures=0

run() {
    printed=$("$1") || { echo "FAILED  exit code $?"; exit 1; }
    echo "$printed"
}

check() {
    if [ "$2" = "$3" ]; then
        echo "ok      $1"
    else
        echo "FAILED  $1: expected $3, got $2"
        failures=$((failures + 1))
    fi
}
