// Messages of any length through channels, as byte slices.
// SPDX-License-Identifier: Apache-2.0
//
//	made       a slice of its own for each message, which the collector sees to
//	pooled     slices that are used again: whoever has read one gives it back
//	made:64   slices of so many messages, each of which is made
//	packed:64K messages cut from one slice of so many bytes, which is used again
package main

import "sync"

const (
	batchMessages = 64
	packedBytes   = 64 << 10
)

// Sends and reads; the other side of a channel of T's.
func passTexts[T any](capacity int, expected uint64, send func(chan<- T),
	read func(T) uint64) outcome {
	r := newRace()
	pipe := make(chan T, capacity)
	r.enter(func() uint64 {
		send(pipe)
		close(pipe)
		return 0
	})
	r.enter(func() uint64 {
		sum := uint64(0)
		for next := range pipe {
			sum += read(next)
		}
		return sum
	})
	return r.run(expected)
}

func addMessages(texts [][]byte) uint64 {
	sum := uint64(0)
	for _, text := range texts {
		sum += addMessage(text)
	}
	return sum
}

func cloned(text []byte) []byte {
	clone := make([]byte, len(text))
	copy(clone, text)
	return clone
}

func (m *messages) made(n uint64) outcome {
	return passTexts(itemCap, m.expected(n), func(to chan<- []byte) {
		for i := uint64(0); i < n; i++ {
			to <- cloned(m.at(i))
		}
	}, addMessage)
}

// Pointers: a bare slice would be put on the heap anew each time the pool takes it.
func (m *messages) pooled(n uint64) outcome {
	pool := sync.Pool{New: func() any { return new([]byte) }}
	return passTexts(itemCap, m.expected(n), func(to chan<- *[]byte) {
		for i := uint64(0); i < n; i++ {
			text := pool.Get().(*[]byte)
			*text = append((*text)[:0], m.at(i)...)
			to <- text
		}
	}, func(text *[]byte) uint64 {
		sum := addMessage(*text)
		pool.Put(text)
		return sum
	})
}

func (m *messages) madeInBatches(n uint64) outcome {
	return passTexts(sliceCap, m.expected(n), func(to chan<- [][]byte) {
		for i := uint64(0); i < n; {
			texts := make([][]byte, min(batchMessages, n-i))
			for at := range texts {
				texts[at] = cloned(m.at(i))
				i++
			}
			to <- texts
		}
	}, addMessages)
}

// Its messages are parts of its bytes.
type packed struct {
	bytes []byte
	texts [][]byte
}

func (p *packed) add(text []byte) bool {
	start := len(p.bytes)
	if start+len(text) > packedBytes {
		return false
	}
	p.bytes = append(p.bytes, text...)
	p.texts = append(p.texts, p.bytes[start:])
	return true
}

func (m *messages) packed(n uint64) outcome {
	pool := sync.Pool{New: func() any { return &packed{bytes: make([]byte, 0, packedBytes)} }}
	return passTexts(sliceCap, m.expected(n), func(to chan<- *packed) {
		for i := uint64(0); i < n; {
			next := pool.Get().(*packed)
			next.bytes, next.texts = next.bytes[:0], next.texts[:0]
			for i < n && next.add(m.at(i)) {
				i++
			}
			to <- next
		}
	}, func(done *packed) uint64 {
		sum := addMessages(done.texts)
		pool.Put(done)
		return sum
	})
}

func textWorkloads() []workload {
	var all []workload
	add := func(setting, suffix string, run func(uint64) outcome) {
		all = append(all, workload{"payload", setting + suffix, run})
	}
	for _, stream := range []struct {
		suffix string
		*messages
	}{
		{",bytes:120", newMessages(lines, linesSum)},
		{",bytes:1010", newMessages(mixed, mixedSum)},
	} {
		add("made,cap:1024", stream.suffix, stream.made)
		add("pooled,cap:1024", stream.suffix, stream.pooled)
		add("made:64,cap:64", stream.suffix, stream.madeInBatches)
		add("packed:64K,cap:64", stream.suffix, stream.packed)
	}
	return all
}
