"""How many messages each minute still takes, and how a plan is laid out over minutes.

Without capacities every message of a candidate time falls due at its beginning. With them, times
are cut into bins, all as long, that begin at the same minutes for users of all zones. A bin holds
what its minutes hold together, and its messages are laid out over them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sendopt.records import Capacity, Channel

MINUTE_US = 60_000_000
#: Lengths that a bin may have; the longest that fits is taken: the fewer bins, the fewer prices.
_LENGTHS = (60, 30, 15, 10, 5, 1)
#: More messages than anybody plans: a minute that is not limited takes so many.
_ENDLESS = 1 << 24

#: How many messages fall due already: (channel, minute since 1970) to their number.
Due = Mapping[tuple[Channel, int], int]


@dataclass(frozen=True, eq=False)
class Room:
    """What minutes take beside what falls due in them already.

    Attributes:
        begin: the first minute, since 1970; a whole number of bins.
        length: of a bin, in minutes.
        channels: of the messages that are planned.
        shares: (channels, groups) which part of what is left to a channel is left to each of its
            groups, the arms of an experiment: no arm pushes another one away from its times.
        left: (channels, minutes) what is left to messages of a channel alone.
        left_to_all: (minutes) what is left to all of them together.
    """

    begin: int
    length: int
    channels: Sequence[Channel]
    shares: NDArray[np.float64]
    left: NDArray[np.int64]
    left_to_all: NDArray[np.int64]

    @property
    def bins(self) -> int:
        return len(self.left_to_all) // self.length

    @property
    def capacity(self) -> NDArray[np.int64]:
        """How many messages each bin takes: of each group of each channel, then of all, flat."""
        alone = self._of_bins(np.minimum(self.left, self.left_to_all))
        # What is left over by rounding is the first group's.
        of_groups = np.floor(self.shares[:, :, np.newaxis] * alone[:, np.newaxis]).astype(np.int64)
        of_groups[:, 0] += alone - of_groups.sum(axis=1)
        return np.append(of_groups, self._of_bins(self.left_to_all))

    def buckets(self, channel: Channel, group: int, minute: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return which entries of `capacity` bins are that begin at `minute`, (bins, 2)."""
        at = (minute - self.begin) // self.length
        groups = self.shares.shape[1]
        own = self.channels.index(channel) * groups + group
        both = (own * self.bins + at, len(self.channels) * groups * self.bins + at)
        return np.stack(both, axis=1).astype(np.int32)

    def _of_bins(self, minutes: NDArray[np.int64]) -> NDArray[np.int64]:
        of_bins: NDArray[np.int64] = minutes.reshape(*minutes.shape[:-1], self.bins, self.length)
        return np.asarray(of_bins.sum(axis=-1))


def room_of(
    capacities: Sequence[Capacity],
    channels: Sequence[Channel],
    shares: NDArray[np.float64],
    due: Due,
    *,
    begin: int,
    end: int,
    length: int,
) -> Room:
    """Return what minutes take.

    Args:
        capacities: the tenant's.
        channels: of the messages that are planned, each once.
        shares: of their groups, see `Room`.
        due: what falls due already.
        begin: the first minute, since 1970.
        end: the first one that is none of them.
        length: of a bin, in minutes.
    """
    begin = begin // length * length
    minutes = -(-(end - begin) // length) * length

    def left(channel: Channel | None) -> NDArray[np.int64]:
        most = [each.per_minute for each in capacities if each.channel == channel]
        room = np.full(minutes, min(most, default=_ENDLESS), np.int64)
        for (of_channel, minute), count in due.items():
            if channel in {None, of_channel} and 0 <= minute - begin < minutes:
                room[minute - begin] -= count
        return np.maximum(room, 0)

    of_channels = np.array([left(channel) for channel in channels]).reshape(len(channels), minutes)
    return Room(begin, length, channels, shares, of_channels, left(None))


def bin_length(minutes: Sequence[NDArray[np.int64]]) -> int:
    """Return how long a bin is so that each of these minutes, since 1970, begins one."""
    within = {int(each) % 60 for some in minutes for each in some}
    return next(length for length in _LENGTHS if all(minute % length == 0 for minute in within))


def lay_out(
    room: Room, channel: NDArray[np.int64], bin_minute: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the minute of each message, so that none takes more than it may; -1 = none was left.

    Messages of a bin are spread evenly over what it takes, in their order.

    Args:
        room: what minutes take.
        channel: of each message, its place among the room's.
        bin_minute: when the bin of each begins.
    """
    found = np.full(len(bin_minute), -1, np.int64)
    left_to_all = room.left_to_all.copy()
    keys = channel * room.bins + (bin_minute - room.begin) // room.length
    order = np.argsort(keys, kind="stable")
    for mine in np.split(order, np.flatnonzero(np.diff(keys[order])) + 1):
        if not len(mine):  # there is no message at all
            continue
        first = int(bin_minute[mine[0]] - room.begin)
        minutes = slice(first, first + room.length)
        free = np.minimum(room.left[channel[mine[0]], minutes], left_to_all[minutes])
        taken = _spread(len(mine), free)
        found[mine[: len(taken)]] = room.begin + first + taken
        left_to_all[minutes] -= np.bincount(taken, minlength=room.length)
    return found


def _spread(count: int, free: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the minute of each of `count` messages, fewer where there is less room than that."""
    filled = np.cumsum(free)
    room = int(filled[-1])
    count = min(count, room)
    if count == 0:
        return np.zeros(0, np.int64)
    place = np.arange(count) * room // count  # each another one: room >= count
    return np.searchsorted(filled, place, side="right")
