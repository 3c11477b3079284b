#!/bin/bash
# What photos and thumbnails own is given back, whatever becomes of them.
# SPDX-License-Identifier: Apache-2.0
#
# Goal: what was made is dropped for the causes that the scene has, or was taken; nothing is
# left, in the middle of a close either; what was not lost is on the sheet.
# Method: the program's own counts are added up here, and the sheet that it writes is read.  The
# first round is the same each time; how far the second gets is chance, so it runs a few times.
#
# Usage: test_thumbnails.sh FOLDER, where FOLDER holds thumbnails.
set -u
. "$(dirname "$0")/expect.sh"
sheet=$(mktemp)
trap 'rm -f "$sheet"' EXIT

# number KIND CAUSE: what the line of photos or thumbnails says.
number() { sed -n "s/^$1: .*\\b$2 \\([0-9]*\\).*/\\1/p" <<<"$printed"; }

# pictures: how many of the sheet's 16 by 8 places of 16 by 16 pixels are not black.
pictures() {
    python3 - "$sheet" <<'END'
import sys
head, pixels = open(sys.argv[1], "rb").read().split(b"\n", 1)
assert head == b"P5 256 128 255" and len(pixels) == 256 * 128
rows = [pixels[i:i + 256] for i in range(0, len(pixels), 256)]
print(sum(any(any(row[x:x + 16]) for row in rows[y:y + 16])
          for y in range(0, 128, 16) for x in range(0, 256, 16)))
END
}

for try in 1 2 3; do
    printed=$("$1/thumbnails" "$sheet" 2>&1) || { echo "FAILED  exit code $?: $printed"; exit 1; }
    echo "$printed"
    check "40 photos had a place, 5 are broken, one is deadly" \
        "$(sed -n 's/^the first round: \([0-9]*\) .*/\1/p' <<<"$printed")" 34
    check "photos of two rounds" "$(number photos made)" 128
    check "a scaler died of one" "$(number photos abandoned)" 1
    [ "$(number photos overflow)" -ge 24 ]
    check "the oldest of the first round overflow" $? 0
    check "each photo has one fate" \
        $(($(number photos handled) + $(number photos overflow) + $(number photos abandoned) + \
            $(number photos stopped))) 128
    check "no photo is left" "$(number photos left)" 0
    check "no thumbnail is left" "$(number thumbnails left)" 0
    taken=$(sed -n 's/.* taken //p' <<<"$printed")
    check "the sheet has what was handled or taken" "$(pictures)" \
        $(($(number thumbnails handled) + taken))
done
[ $failures -eq 0 ]
