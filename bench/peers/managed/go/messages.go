// Messages of any length: the streams of ../../../messages.h, made again.
// SPDX-License-Identifier: Apache-2.0
//
// That they are the same is checked by the sum of a whole cycle.
package main

import "encoding/binary"

const (
	cycleMessages = 512
	leastBytes    = 20
	mostBytes     = 2000

	// Of either kind: how many lengths there are, and the sum of a cycle.
	lines, linesSum = 200, 0xB26D168306C46673
	mixed, mixedSum = mostBytes - leastBytes + 1, 0xE406F5515518BC4E
)

type messages struct {
	cycle [cycleMessages][]byte
	sums  [cycleMessages + 1]uint64 // of so many from the first on
}

func newMessages(lengths, cycleSum uint64) *messages {
	var source [4096 + mostBytes]byte
	for i := range source {
		source[i] = byte(uint64(i) * 2654435761 >> 13)
	}
	made := &messages{}
	for i := range made.cycle {
		at := uint64(i) * 40 % 4096
		bytes := leastBytes + uint64(i)*2654435761>>7%lengths
		made.cycle[i] = source[at : at+bytes]
		made.sums[i+1] = made.sums[i] + addMessage(made.cycle[i])
	}
	if made.sums[cycleMessages] != cycleSum {
		panic("the stream is not that of messages.h")
	}
	return made
}

func (m *messages) at(number uint64) []byte { return m.cycle[number%cycleMessages] }

// The sum of a stream of n.
func (m *messages) expected(n uint64) uint64 {
	return n/cycleMessages*m.sums[cycleMessages] + m.sums[n%cycleMessages]
}

// The words of a message, added up, the last of them 8 bytes before its end.
func addMessage(text []byte) uint64 {
	sum := binary.LittleEndian.Uint64(text[len(text)-8:])
	for len(text) >= 8 {
		sum += binary.LittleEndian.Uint64(text)
		text = text[8:]
	}
	return sum
}
