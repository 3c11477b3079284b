// Paced: the open loop, see ../../../paced.h and ../../../open_loop.cc.
// SPDX-License-Identifier: Apache-2.0
//
// The pacer is a goroutine on a thread of its own, so that it can sleep to the microsecond:
// the timers of the runtime's own go by milliseconds where nothing runs.
package main

import (
	"fmt"
	"math"
	"math/rand"
	"runtime"
	"sync"
	"syscall"
	"time"
)

const (
	pacedGaps     = 65536
	wakesLate     = 150 * time.Microsecond
	pacedCap      = 65536
	threadOfUsage = 1 // RUSAGE_THREAD
)

// When events are due: gaps around the mean, drawn once.
type schedule struct {
	gaps []float64
	mean float64
	due  float64
	at   int
}

var unitGaps = func() []float64 {
	random := rand.New(rand.NewSource(1))
	gaps, sum := make([]float64, pacedGaps), 0.0
	for i := range gaps {
		gaps[i] = random.ExpFloat64()
		sum += gaps[i]
	}
	for i := range gaps {
		gaps[i] *= pacedGaps / sum
	}
	return gaps
}()

func newSchedule(rate float64) *schedule {
	return &schedule{gaps: unitGaps, mean: 1e9/rate - 1}
}

func (s *schedule) next() time.Duration {
	s.due += s.gaps[s.at%pacedGaps]*s.mean + 1
	s.at++
	return time.Duration(s.due)
}

func cpuOf(who int) time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(who, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// alone: it has its core to itself, and spins for the last stretch.
func waitUntil(began time.Time, due time.Duration, alone bool) {
	margin := time.Duration(0)
	if alone {
		margin = wakesLate
	}
	for {
		left := due - time.Since(began)
		if left <= 0 {
			return
		}
		if left > margin {
			length := syscall.NsecToTimespec(int64(left - margin))
			_ = syscall.Nanosleep(&length, nil)
		}
	}
}

func paced(n uint64, rate float64, alone bool) outcome {
	to := make(chan uint64, pacedCap)
	late := make([]uint32, n)
	var began time.Time
	var begun, received sync.WaitGroup
	var arrived uint64
	begun.Add(1)
	received.Add(1)
	go func() {
		defer received.Done()
		begun.Wait()
		expected := newSchedule(rate)
		for due := range to {
			if time.Duration(due) == expected.next() {
				now := time.Since(began) - time.Duration(due)
				late[arrived] = uint32(min(uint64(now), math.MaxUint32))
				arrived++
			}
		}
	}()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	times := newSchedule(rate)
	all, own := cpuOf(syscall.RUSAGE_SELF), cpuOf(threadOfUsage)
	began = time.Now()
	begun.Done()
	for i := uint64(0); i < n; i++ {
		due := times.next()
		waitUntil(began, due, alone)
		to <- uint64(due)
	}
	close(to)
	received.Wait()
	result := outcome{elapsed: time.Since(began), sum: arrived, expected: n, trips: late}
	used := cpuOf(syscall.RUSAGE_SELF) - all - (cpuOf(threadOfUsage) - own)
	result.cpu = float64(used) / float64(result.elapsed) * 100
	return result
}

func pacedWorkloads() []workload {
	var all []workload
	for _, rate := range []uint64{1000, 10000, 50000, 200000, 1000000, 5000000} {
		rate := rate
		setting := fmt.Sprintf("item,cap:%d,rate:%d", pacedCap, rate)
		all = append(all, workload{"open_loop", setting, func(n uint64) outcome {
			return paced(n, float64(rate), runtime.GOMAXPROCS(0) > 1)
		}})
	}
	return all
}
