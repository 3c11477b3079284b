// The workloads of single events that are waited for: round trips and pushes.
// SPDX-License-Identifier: Apache-2.0
//
// An unbuffered channel holds nothing: a send ends when a receiver has the value, so a
// push has at most one event under way for each of its four receivers.
package main

import (
	"math"
	"time"
)

func roundTrip(n uint64) outcome {
	r := newRace()
	there, back := make(chan uint64), make(chan uint64)
	trips := make([]uint32, n)
	r.enter(func() uint64 {
		for value := range there {
			back <- value
		}
		return 0
	})
	r.enter(func() uint64 {
		sum, base := uint64(0), time.Now()
		before := time.Duration(0)
		for i := range trips {
			there <- uint64(i) + 1
			sum += <-back
			now := time.Since(base)
			trips[i] = uint32(min(uint64(now-before), math.MaxUint32))
			before = now
		}
		close(there)
		return sum
	})
	result := r.run(triangle(n))
	result.trips = trips
	return result
}

func push(n uint64) outcome {
	r := newRace()
	pushed := make(chan uint64)
	r.enterItemSource(pushed, n)
	for i := 0; i < fan; i++ {
		r.enterItemSum(pushed)
	}
	return r.run(triangle(n))
}
