#!/bin/bash
# What is there to be copied compiles without this tree's flags.
# SPDX-License-Identifier: Apache-2.0
#
# Goal: each example in C is plain C11 with the public headers, and says itself which of the
# system's names it needs; so with the flags of a user who has copied it there is no warning.  Nor
# is there of the declaration at the top of pipeline.h, with contexts of the program's own types.
# Method: each is compiled so, without being linked; those of connectors, too, which may not be
# built here.
#
# Usage: test_plain.sh FOLDER, which is not looked at.
set -u
root=$(realpath "$(dirname "$0")/../..")
failures=0
compile() { # FILE
    "${CC:-cc}" -std=c11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I"$root/include" "$@" ||
        failures=$((failures + 1))
}

for file in "$root"/docs/examples/*.c "$root"/docs/examples/*/*.c; do
    # Another library's, which may not be here.
    other=$(grep -oE '^#include <(uv|liburing)\.h>' "$file")
    if [ -n "$other" ] && ! "${CC:-cc}" -fsyntax-only -xc - <<< "$other" 2> /dev/null; then
        echo "skipped $(basename "$file"): there is nothing for $other"
        continue
    fi
    compile "$file"
done

declaration() {
    cat << 'C'
#include <weir/weir.h>
struct log;
struct file;
weir_outcome parse(void *context, weir_work *work, weir_message *message);
void ingest(weir_runtime *runtime, struct log *log, struct file *file, weir_source_driver tail,
            weir_sink sink) {
C
    sed -n '/^ \*   const weir_pipeline_batcher store/,/weir_pipeline_close/s/^ \*   //p' \
        "$root/include/weir/pipeline.h" | grep -v '^\.\.\.$'
    echo "}"
}
[ "$(declaration | wc -l)" -gt 14 ] || failures=$((failures + 1))
compile -xc <(declaration)
echo "$failures failures"
[ $failures -eq 0 ]
