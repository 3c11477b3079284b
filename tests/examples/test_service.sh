#!/bin/bash
# The service loses nothing, whatever its clients do: see service_client.py.
# SPDX-License-Identifier: Apache-2.0
#
# Usage: test_service.sh FOLDER, where FOLDER holds service.
exec python3 "$(dirname "$0")/service_client.py" "$1/service"
