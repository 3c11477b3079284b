// Go's channels as a peer of the benchmarks: the standard library only.
// SPDX-License-Identifier: Apache-2.0
//
// A module without dependencies, so that the build asks no proxy for anything.
module weir/bench/peers/go

go 1.19
