#!/bin/bash
# weir-words against tr, sort and uniq.
# SPDX-License-Identifier: Apache-2.0
#
# Goal: its answer is that of the shell's own tools on every kind of input; what
# cannot be read is named, with a non-zero exit; memory does not grow with the
# length of the text.
# Method: inputs are made here, the same ones each time; with `--all` both sides
# print every word with its count.  WEIR_LONG=1 adds an input of 1 GB.
#
# Usage: test_words.sh FOLDER, where FOLDER holds weir-words.
set -u
export LC_ALL=C
words=$(cd "$1" && pwd)/weir-words
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
failures=0

passed() { echo "ok      $1"; }
failed() {
    echo "FAILED  $1"
    failures=$((failures + 1))
}

# --- what the shell's tools say: a word ends with its file -----------------------------------
expect() {
    for file; do
        tr -cs A-Za-z '\n' <"$file"
        echo
    done | tr A-Z a-z | sort | uniq -c | awk 'NF == 2 {print $1, $2}' | sort -k1,1nr -k2,2
}

# same NAME OPTION... -- FILE...
same() {
    local name=$1 options=()
    shift
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    expect "$@" >expected
    if ! "$words" --all --no-progress "${options[@]}" "$@" >raw 2>notes; then
        failed "$name: exit code"
        cat notes
        return
    fi
    awk '{print $1, $2}' raw >seen
    if cmp -s expected seen; then
        passed "$name"
    else
        failed "$name"
        diff expected seen | cut -c 1-200 | head -n 5
    fi
}

# --- inputs ----------------------------------------------------------------------------------
# text BYTES VOCABULARY: lines of words of 1 to 13 letters, some in upper case.
text() {
    awk -v bytes="$1" -v vocabulary="$2" '
        function draw(n) { x = (x * 16807) % 2147483647; return x % n }
        BEGIN {
            x = 20240229
            for (i = 0; i < vocabulary; i++) {
                word = ""
                for (n = 1 + draw(13); n > 0; n--) word = word sprintf("%c", 97 + draw(26))
                words[i] = draw(5) == 0 ? toupper(word) : word
            }
            while (bytes > 0) {
                i = draw(vocabulary)
                if (draw(2)) i = draw(i + 1)
                word = words[i] (draw(9) == 0 ? ",\n" : draw(40) == 0 ? " 42 \n" : " ")
                printf "%s", word
                bytes -= length(word)
            }
        }'
}

# letters COUNT: a word of that many letters, in both cases.
letters() {
    awk -v count="$1" 'BEGIN {
        for (i = 0; i < count; i++) printf "%c", (i % 3 ? 97 : 65) + (i * i + i % 7) % 26
    }'
}

: >empty
printf 'one Two two\nthree three THREE' >no_line_feed
printf 'two' >one_word
printf '12 34\n\n--\t..\n' >no_letters
text 300000 2000 >small
text 5000000 30000 >medium
awk 'BEGIN { for (i = 0; i < 150000; i++) {
                 word = ""
                 for (n = i + 1; n > 0; n = int(n / 26)) word = word sprintf("%c", 97 + n % 26)
                 print word "x" } }' >different
head -c 400000 "$words" >binary
letters 100000 >long_word
{
    # Around what is read at once, twice that and so on, and where two chunks meet.
    for length in 8191 8192 8193 16383 16384 16385 32767 32768 32769 5 65535 65537 300000; do
        letters "$length"
        printf ' and\n'
    done
    letters 20000
} >long_words
{
    letters 16384
    printf ' '
    letters 16383
    printf ' '
    text 40000 50
} >exact

# --- answers ---------------------------------------------------------------------------------
same "an empty file" -- empty
same "no line feed at the end" -- no_line_feed
same "no letters" -- no_letters
same "a word ends with its file" -- one_word one_word no_line_feed one_word
same "words across the ends of chunks" -- medium
same "150,000 different words" -- different
same "binary bytes" -- binary
same "one word longer than a chunk" -- long_word
same "words about as long as a chunk" -- long_words
same "words that fill a chunk exactly" -- exact
same "the same files more than once" -- small long_words small binary long_words
same "one tokenizer, one worker" --tokenizers 1 --workers 1 -- small long_words
same "seven tokenizers, three workers" --tokenizers 7 --workers 3 -- medium
same "a hundred tokenizers for two words" --tokenizers 100 -- one_word

mkdir many
for i in $(seq 400); do
    tail -c +$((i * 700)) small | head -c $((i * 11 % 900)) >"many/$i"
done
same "400 files" -- many/*

"$words" --all --quiet --repeat 3 small long_words >seen 2>notes
expect small long_words small long_words small long_words >expected
awk '{print $1, $2}' seen | cmp -s expected - && passed "--repeat 3" || failed "--repeat 3"

"$words" --all --quiet --mb 1 small | awk '{print $1, $2}' >seen
expect small small small small >expected
cmp -s expected seen && passed "--mb 1 reads 300 kB four times" || failed "--mb 1"

"$words" --all --quiet <(cat small) | awk '{print $1, $2}' >seen
expect small >expected
cmp -s expected seen && passed "a pipe" || failed "a pipe"

"$words" --top 3 --quiet medium | awk '{print $1, $2}' >seen
expect medium >all
head -n 3 all | cmp -s - seen && passed "--top 3" || failed "--top 3"

"$words" small >seen 2>notes
[ "$(wc -l <seen)" -eq 20 ] && passed "20 words unless told" || failed "20 words unless told"
emitted=$(sed -n 's/.*emitted \([0-9]*\) = handled \1 + discarded 0$/\1/p' notes)
[ -n "$emitted" ] && passed "no event is lost" || failed "no event is lost: $(cat notes)"

# --- refusals --------------------------------------------------------------------------------
# refuses NAME TEXT ARGUMENT...: exits with 1, names TEXT, prints no words.
refuses() {
    local name=$1 text=$2
    shift 2
    "$words" "$@" >seen 2>notes
    local code=$?
    if [ $code -eq 1 ] && [ ! -s seen ] && grep -qF -- "$text" notes; then
        passed "$name"
    else
        failed "$name: exit code $code"
        cat notes
    fi
}

mkdir folder
refuses "a missing file" "weir-words: missing: No such file or directory" small missing
refuses "a folder" "weir-words: folder: Is a directory" folder small
refuses "all bad files are named" "weir-words: other: No such file or directory" missing other
refuses "an error in the middle" "weir-words: /proc/self/mem: Input/output error" \
    small /proc/self/mem small
refuses "a number too small" "--top must be 1 to 1000000000, got 0" --top 0 small
refuses "no number" "--repeat must be 1 to 1000000000, got x" --repeat x small
refuses "an unknown option" "weir-words: see weir-words --help" --unknown small
refuses "a pipe cannot be repeated" "can be read only once" --repeat 2 <(cat small)
"$words" --help | grep -q -- '--tokenizers N' && passed "--help" || failed "--help"
"$words" --all small >/dev/full 2>notes && failed "a full disk" || passed "a full disk"

# Root reads everything, so root asks as somebody else.
as_nobody() { "$@"; }
if [ "$(id -u)" -eq 0 ]; then
    as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@"; }
fi
chmod 755 "$scratch"
cp "$words" ./copy && chmod 755 copy
printf 'secret' >secret
chmod 000 secret
if as_nobody ./copy --help >/dev/null 2>&1; then
    as_nobody ./copy secret >seen 2>notes
    code=$?
    [ $code -eq 1 ] && [ ! -s seen ] && grep -q '^weir-words: secret: Permission denied$' notes &&
        passed "an unreadable file" || failed "an unreadable file: exit code $code"
else
    echo "skipped an unreadable file: setpriv is missing"
fi

# --- memory ----------------------------------------------------------------------------------
# What can grow is bounded by the demand: 16 chunks of 16 KiB for each tokenizer, a quarter of a
# MB, in blocks of 64 KiB; the rest is the tables, the program and its threads.
bound=48
if grep -qE '__(asan|tsan)_init' "$words"; then bound=1000; fi

# memory MEGABYTES
memory() {
    "$words" --no-progress --mb "$1" medium >seen 2>notes
    local peak
    peak=$(sed -n 's/^weir-words: peak memory \([0-9.]*\) MB$/\1/p' notes)
    if awk -v peak="$peak" -v bound="$bound" 'BEGIN {exit !(peak > 0 && peak < bound)}'; then
        passed "$1 MB in $peak MB of memory (at most $bound)"
    else
        failed "$1 MB in $peak MB of memory (at most $bound)"
    fi
}
memory 10
memory 100
[ "${WEIR_LONG:-0}" = 1 ] && memory 1000

echo "$failures failed"
[ $failures -eq 0 ]
