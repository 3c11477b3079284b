#!/usr/bin/env python3
"""Draws the picture of `weir top` that is in the README (target tool_picture).

SPDX-License-Identifier: Apache-2.0

usage: picture.py WEIR BOTTLENECKS FILE
"""

import os
import sys
import tempfile
import time

from weirtool import Program, weir

with tempfile.TemporaryDirectory() as folder:
    with Program("one_of_four", os.path.join(folder, "counters")) as program:
        time.sleep(0.5)
        picture = weir("top", program.path, "--once", "--svg", columns=108)
with open(sys.argv[3], "w", encoding="utf-8") as file:
    file.write(picture)
