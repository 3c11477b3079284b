#!/bin/bash
# What the examples write C++20 can write, too.
# SPDX-License-Identifier: Apache-2.0
#
# Goal and method: see check_designators.py.
# Usage: test_designators.sh FOLDER, which is not looked at.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
python3 "$here/check_designators.py" --self-test
exec python3 "$here/check_designators.py" . docs/examples/*.[ch] docs/examples/*.cc \
    docs/examples/*/*.[ch]
