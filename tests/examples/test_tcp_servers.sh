#!/bin/bash
# Servers of numbers, one for each kind of event loop: see tcp_client.py.
# SPDX-License-Identifier: Apache-2.0
#
# Those whose library is not installed are not built, and are left out.
#
# Usage: test_tcp_servers.sh FOLDER, where FOLDER holds tcp_poller, tcp_epoll, tcp_uv and tcp_uring.
set -u
servers=()
for name in tcp_poller tcp_epoll tcp_uv tcp_uring; do
    if [ -x "$1/$name" ]; then
        servers+=("$name")
    else
        echo "skipped $name: it was not built"
    fi
done
exec python3 "$(dirname "$0")/tcp_client.py" "$1" "${servers[@]}"
