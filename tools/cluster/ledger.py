"""What was stored of what was sent.
SPDX-License-Identifier: Apache-2.0

Workers store lines "DELIVERIES KEY NUMBER", where a key is "PRODUCER-K", and all of a key are with
one worker. A line for a message that is there already is a double. Where DELIVERIES is not 0 the
engine says that it had delivered it before; where it is, the producer has put it in again, since
the confirmation was lost, or the engine has forgotten. The order is that of messages which came for
the first time, and by their first delivery.
"""
import collections


class Ledger:
    """Of files that grow, and of which some may not be there yet."""

    def __init__(self, paths):
        self.paths = paths
        self.at = [0] * len(paths)
        self.times = collections.Counter()
        self.newest = {}  # of a key, among those that came for the first time
        self.redelivered = 0  # doubles that the engine knows of
        self.unaware = 0      # and others
        self.disorder = 0
        self.torn = 0

    def read(self):
        for i, path in enumerate(self.paths):
            if not path.exists():
                continue
            with path.open("rb") as file:
                file.seek(self.at[i])
                text = file.read()
            whole = text[:text.rfind(b"\n") + 1]
            self.at[i] += len(whole)
            for line in whole.decode(errors="replace").splitlines():
                self.note(line)

    def note(self, line):
        words = line.split()
        if len(words) != 3 or not words[0].isdigit() or not words[2].isdigit():
            self.torn += 1
            return
        key, number, first_delivery = words[1], int(words[2]), int(words[0]) == 0
        message = key.rpartition("-")[0], number
        if self.times[message] == 0 and first_delivery:
            self.disorder += number < self.newest.get(key, -1)
            self.newest[key] = max(number, self.newest.get(key, -1))
        elif self.times[message] > 0:
            self.unaware += first_delivery
            self.redelivered += not first_delivery
        self.times[message] += 1

    def stored(self):
        return len(self.times)

    def doubles(self):
        return self.redelivered + self.unaware

    def missing(self, producers, messages):
        return [(name, i) for name in producers for i in range(messages)
                if (name, i) not in self.times]

    def strangers(self, producers, messages):
        """What nobody has sent."""
        return [message for message in self.times
                if message[0] not in producers or message[1] >= messages]
