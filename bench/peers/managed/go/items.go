// The workloads with channels of single items.
// SPDX-License-Identifier: Apache-2.0
//
// What everyone writes first in Go; the price of a channel operation for each event.
package main

import "sync/atomic"

func sendItems(to chan<- uint64, first, last uint64) {
	for value := first; value <= last; value++ {
		to <- value
	}
}

func sumItems(from <-chan uint64) uint64 {
	sum := uint64(0)
	for value := range from {
		sum += value
	}
	return sum
}

func (r *race) enterItemSource(to chan<- uint64, n uint64) {
	r.enter(func() uint64 {
		sendItems(to, 1, n)
		close(to)
		return 0
	})
}

func (r *race) enterItemSum(from <-chan uint64) {
	r.enter(func() uint64 { return sumItems(from) })
}

func pipe2Items(n uint64) outcome {
	r := newRace()
	pipe := make(chan uint64, itemCap)
	r.enterItemSource(pipe, n)
	r.enterItemSum(pipe)
	return r.run(triangle(n))
}

func pipe3Items(n uint64) outcome {
	r := newRace()
	first, second := make(chan uint64, itemCap), make(chan uint64, itemCap)
	r.enterItemSource(first, n)
	r.enter(func() uint64 {
		for value := range first {
			second <- 2 * value
		}
		close(second)
		return 0
	})
	r.enterItemSum(second)
	return r.run(2 * triangle(n))
}

func shareItems(n uint64) outcome {
	r := newRace()
	shared := make(chan uint64, itemCap)
	r.enterItemSource(shared, n)
	for i := 0; i < fan; i++ {
		r.enterItemSum(shared)
	}
	return r.run(triangle(n))
}

func (r *race) enterItemFan() (lanes [fan]chan uint64) {
	for i := range lanes {
		lanes[i] = make(chan uint64, itemCap)
		r.enterItemSum(lanes[i])
	}
	return lanes
}

func broadcastItems(n uint64) outcome {
	r := newRace()
	lanes := r.enterItemFan()
	r.enter(func() uint64 {
		for value := uint64(1); value <= n; value++ {
			for _, lane := range lanes {
				lane <- value
			}
		}
		for _, lane := range lanes {
			close(lane)
		}
		return 0
	})
	return r.run(fan * triangle(n))
}

func partitionItems(n uint64) outcome {
	r := newRace()
	lanes := r.enterItemFan()
	r.enter(func() uint64 {
		for value := uint64(1); value <= n; value++ {
			lanes[value%fan] <- value
		}
		for _, lane := range lanes {
			close(lane)
		}
		return 0
	})
	return r.run(triangle(n))
}

func mergeItems(n uint64) outcome {
	r := newRace()
	merged := make(chan uint64, itemCap)
	sending := int32(fan)
	for part := uint64(0); part < fan; part++ {
		first, last := share(n, part, fan)
		r.enter(func() uint64 {
			sendItems(merged, first, last)
			if atomic.AddInt32(&sending, -1) == 0 {
				close(merged)
			}
			return 0
		})
	}
	r.enterItemSum(merged)
	return r.run(triangle(n))
}
