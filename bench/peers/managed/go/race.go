// A race: goroutines that begin together, timed until the last is done.
// SPDX-License-Identifier: Apache-2.0
//
// All stand at a gate before the clock is read, so that starting them is not measured.
// Each returns the sum of what it received; a run counts only if they add up to what
// was sent.
package main

import (
	"fmt"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

type outcome struct {
	elapsed  time.Duration
	sum      uint64
	expected uint64
	trips    []uint32 // nanoseconds each; of round trips and open loops only
	cpu      float64  // percent of a core; of open loops only
}

type race struct {
	standing, running sync.WaitGroup
	gate              chan struct{}
	sum               uint64
}

func newRace() *race {
	return &race{gate: make(chan struct{})}
}

func (r *race) enter(work func() uint64) {
	r.standing.Add(1)
	r.running.Add(1)
	go func() {
		defer r.running.Done()
		r.standing.Done()
		<-r.gate
		atomic.AddUint64(&r.sum, work())
	}()
}

func (r *race) run(expected uint64) outcome {
	r.standing.Wait()
	start := time.Now()
	close(r.gate)
	r.running.Wait()
	return outcome{elapsed: time.Since(start), sum: r.sum, expected: expected}
}

// The sum of 1 .. n.
func triangle(n uint64) uint64 {
	return n * (n + 1) / 2
}

// The first and last value of one of `parts` disjoint ranges that make up 1 .. n.
func share(n uint64, part, parts uint64) (first, last uint64) {
	size, rest := n/parts, n%parts
	first = part*size + min(part, rest) + 1
	if part < rest {
		size++
	}
	return first, first + size - 1
}

func min(a, b uint64) uint64 {
	if a < b {
		return a
	}
	return b
}

func (o outcome) line() string {
	if o.sum != o.expected {
		return "error a wrong sum"
	}
	text := fmt.Sprintf("ok %d", o.elapsed.Nanoseconds())
	if len(o.trips) == 0 {
		return text
	}
	sort.Slice(o.trips, func(i, j int) bool { return o.trips[i] < o.trips[j] })
	for _, part := range []float64{0.5, 0.99, 0.999} {
		at := min(uint64(part*float64(len(o.trips))), uint64(len(o.trips)-1))
		text += fmt.Sprintf(" %d", o.trips[at])
	}
	if o.cpu > 0 {
		text += fmt.Sprintf(" %d %.3f", o.trips[len(o.trips)-1], o.cpu)
	}
	return text
}
