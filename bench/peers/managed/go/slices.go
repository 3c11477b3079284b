// The workloads with channels of slices of up to 1000 events, pooled.
// SPDX-License-Identifier: Apache-2.0
//
// How a channel is made fast: its price is paid once per slice, and whoever has read a
// slice gives it back, so that the collector has nothing to do.
package main

import (
	"sync"
	"sync/atomic"
)

const sliceEvents = 1000

// One message.  A pointer goes through channels and pool: a bare slice would be put on
// the heap anew each time the pool takes it.
type slice struct {
	events  []uint64
	readers int32 // of a broadcast: who still reads
}

var pool = sync.Pool{New: func() any {
	return &slice{events: make([]uint64, sliceEvents)}
}}

// A slice of the full length, with whatever stands in it.
func takeFullSlice() *slice {
	taken := pool.Get().(*slice)
	taken.events = taken.events[:sliceEvents]
	return taken
}

// Cuts first .. last into slices and gives them to send.
func eachSlice(first, last uint64, send func(*slice)) {
	for first <= last {
		next := takeFullSlice()
		events := next.events[:min(sliceEvents, last-first+1)]
		for i := range events {
			events[i] = first + uint64(i)
		}
		next.events = events
		first += uint64(len(events))
		send(next)
	}
}

func sumSlices(from <-chan *slice, done func(*slice)) uint64 {
	sum := uint64(0)
	for next := range from {
		for _, value := range next.events {
			sum += value
		}
		done(next)
	}
	return sum
}

func giveBack(done *slice) { pool.Put(done) }

func giveBackLast(done *slice) {
	if atomic.AddInt32(&done.readers, -1) == 0 {
		pool.Put(done)
	}
}

func (r *race) enterSliceSource(to chan<- *slice, n uint64) {
	r.enter(func() uint64 {
		eachSlice(1, n, func(next *slice) { to <- next })
		close(to)
		return 0
	})
}

func (r *race) enterSliceSum(from <-chan *slice, done func(*slice)) {
	r.enter(func() uint64 { return sumSlices(from, done) })
}

func pipe2Slices(n uint64) outcome {
	r := newRace()
	pipe := make(chan *slice, sliceCap)
	r.enterSliceSource(pipe, n)
	r.enterSliceSum(pipe, giveBack)
	return r.run(triangle(n))
}

func pipe3Slices(n uint64) outcome {
	r := newRace()
	first, second := make(chan *slice, sliceCap), make(chan *slice, sliceCap)
	r.enterSliceSource(first, n)
	r.enter(func() uint64 {
		for next := range first {
			events := next.events
			for i := range events {
				events[i] *= 2
			}
			second <- next
		}
		close(second)
		return 0
	})
	r.enterSliceSum(second, giveBack)
	return r.run(2 * triangle(n))
}

func shareSlices(n uint64) outcome {
	r := newRace()
	shared := make(chan *slice, sliceCap)
	r.enterSliceSource(shared, n)
	for i := 0; i < fan; i++ {
		r.enterSliceSum(shared, giveBack)
	}
	return r.run(triangle(n))
}

func (r *race) enterSliceFan(done func(*slice)) (lanes [fan]chan *slice) {
	for i := range lanes {
		lanes[i] = make(chan *slice, sliceCap)
		r.enterSliceSum(lanes[i], done)
	}
	return lanes
}

// All read the same slice; the last of them gives it back.
func broadcastSlices(n uint64) outcome {
	r := newRace()
	lanes := r.enterSliceFan(giveBackLast)
	r.enter(func() uint64 {
		eachSlice(1, n, func(next *slice) {
			next.readers = fan
			for _, lane := range lanes {
				lane <- next
			}
		})
		for _, lane := range lanes {
			close(lane)
		}
		return 0
	})
	return r.run(fan * triangle(n))
}

func partitionSlices(n uint64) outcome {
	r := newRace()
	lanes := r.enterSliceFan(giveBack)
	r.enter(func() uint64 {
		var filling [fan]*slice
		var filled [fan]int
		for key := range filling {
			filling[key] = takeFullSlice()
		}
		for value := uint64(1); value <= n; value++ {
			key := value % fan
			filling[key].events[filled[key]] = value
			filled[key]++
			if filled[key] == sliceEvents {
				lanes[key] <- filling[key]
				filling[key], filled[key] = takeFullSlice(), 0
			}
		}
		for key, lane := range lanes {
			filling[key].events = filling[key].events[:filled[key]]
			lane <- filling[key]
			close(lane)
		}
		return 0
	})
	return r.run(triangle(n))
}

func mergeSlices(n uint64) outcome {
	r := newRace()
	merged := make(chan *slice, sliceCap)
	sending := int32(fan)
	for part := uint64(0); part < fan; part++ {
		first, last := share(n, part, fan)
		r.enter(func() uint64 {
			eachSlice(first, last, func(next *slice) { merged <- next })
			if atomic.AddInt32(&sending, -1) == 0 {
				close(merged)
			}
			return 0
		})
	}
	r.enterSliceSum(merged, giveBack)
	return r.run(triangle(n))
}
