#!/bin/bash
# What README.md and the pages of docs/ show is what there is.
# SPDX-License-Identifier: Apache-2.0
#
# Goal and method: see check_docs.py.
# Usage: test_docs.sh FOLDER, where FOLDER holds the examples' executables.
set -u
here=$(cd "$(dirname "$0")" && pwd)
exec python3 "$here/check_docs.py" "$here/../.." "$1"
