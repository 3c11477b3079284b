// The cases: each workload by single items and by slices, on two processors and on one.
// SPDX-License-Identifier: Apache-2.0
//
// The capacities are those that were found best: of items 1024, of slices 64; a push
// and a round trip hand over through unbuffered channels, where the sender gives the
// value to the waiting receiver itself.
package main

type benchCase struct {
	name       string
	processors int
	run        func(events uint64) outcome
}

const (
	fan      = 4 // consumers, or producers of a merge
	itemCap  = 1024
	sliceCap = 64
)

type workload struct {
	name, setting string
	run           func(events uint64) outcome
}

var workloads = []workload{
	{"pipe2", "item,cap:1024", pipe2Items},
	{"pipe2", "slices:1000,cap:64", pipe2Slices},
	{"pipe3", "item,cap:1024", pipe3Items},
	{"pipe3", "slices:1000,cap:64", pipe3Slices},
	{"share", "item,cap:1024", shareItems},
	{"share", "slices:1000,cap:64", shareSlices},
	{"broadcast", "item,cap:1024", broadcastItems},
	{"broadcast", "slices:1000,cap:64", broadcastSlices},
	{"partition", "item,cap:1024", partitionItems},
	{"partition", "slices:1000,cap:64", partitionSlices},
	{"merge", "item,cap:1024", mergeItems},
	{"merge", "slices:1000,cap:64", mergeSlices},
	{"round_trip", "unbuffered", roundTrip},
	{"push", "unbuffered", push},
}

func allCases() []benchCase {
	placements := []struct {
		name       string
		processors int
	}{{"own", 2}, {"one_core", 1}}
	var cases []benchCase
	for _, work := range append(append(workloads, textWorkloads()...), pacedWorkloads()...) {
		for _, place := range placements {
			name := work.name + "/" + place.name + "/" + work.setting
			cases = append(cases, benchCase{name, place.processors, work.run})
		}
	}
	return cases
}
