// A slot of a ring: the event, which the ring creates once and everybody writes in place.
// SPDX-License-Identifier: Apache-2.0
//
// Mutable on purpose: that slots live as long as their ring is what the Disruptor is.

final class Slot {
    long value;
}
