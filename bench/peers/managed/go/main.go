// Go's channels as a peer: the line protocol of ../../peer.h.
// SPDX-License-Identifier: Apache-2.0
//
// The processors of a case are set before each run: two for the placement "own" (the
// scheduler of Go on both cores), one for "one_core".  What a run left behind is given
// back before the answer, so that nothing is left to do while waiting for a line.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
)

func main() {
	cases := allCases()
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		fmt.Println(answer(cases, strings.Fields(lines.Text())))
	}
}

func answer(cases []benchCase, words []string) string {
	switch {
	case len(words) == 1 && words[0] == "list":
		var list strings.Builder
		for _, one := range cases {
			list.WriteString(one.name + "\n")
		}
		return list.String() + "."
	case len(words) == 3 && words[0] == "run":
		events, err := strconv.ParseUint(words[2], 10, 64)
		if err == nil && events > 0 {
			return runNamed(cases, words[1], events)
		}
	}
	return "error usage: list, or run CASE N"
}

func runNamed(cases []benchCase, name string, events uint64) string {
	for _, one := range cases {
		if one.name != name {
			continue
		}
		runtime.GOMAXPROCS(one.processors)
		result := one.run(events)
		debug.FreeOSMemory()
		return result.line()
	}
	return "error no such case"
}
