"""A tenant's events in the order of users and time."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sendopt.features.local_time.zones import UTC_ONLY, ZoneOffsets, zone_offsets
from sendopt.features.queries import statement
from sendopt.features.target import Target
from sendopt.log import Reader
from sendopt.parallel import AT_ONCE, in_turn, shared_out
from sendopt.records import EventType

if TYPE_CHECKING:
    from sendopt.features.timeline.numbering import Dealt, Numbering

_KINDS = tuple(EventType)


@dataclass(frozen=True, eq=False)
class History:
    """What happened to every user, ten bytes an event; each send once, however often it was told.

    The events of user u are those at first[u] <= i < first[u + 1], oldest first, and by kind where
    instants are equal. All events of one instant share its zone: the one that is last by name of
    those they give, else the last one known before, else UTC.
    """

    users: pa.Array  # ids in order; a user's number is the position
    first: NDArray[np.int64]
    key: NDArray[np.int64]  # microseconds since 1970, times 16, plus the kind
    zone: NDArray[np.int16]  # into `zones`; 0 = UTC, where none is known
    zones: tuple[str, ...]
    zone_offsets: ZoneOffsets  # of `zones`, from the first event to the last

    def numbers(self, user_id: pa.Array) -> NDArray[np.int32]:
        """Return the number of each user, -1 for users without any event."""
        return user_numbers(self.users, user_id)

    def zones_before(
        self, user: NDArray[np.int32], before_us: NDArray[np.int64]
    ) -> NDArray[np.int16]:
        """Return the zone that was known of each user just before an instant."""
        first = self.first_since(user, before_us)
        begun = first > self.first[user]
        known = np.zeros(len(user), np.int16)
        known[begun] = self.zone[first[begun] - 1]
        return known

    def known_before(
        self, user: NDArray[np.int32], before_us: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Return of whom there was any event before an instant."""
        return self.first_since(user, before_us) > self.first[user]

    def first_since(
        self, user: NDArray[np.int32], since_us: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return the position of each user's first event at or after an instant.

        It is that of the next user's first event where there is none; of nobody, everybody's end.
        """
        from sendopt.features.timeline import kernels  # noqa: PLC0415 - numba costs every command 0.3 s

        positions = np.empty(len(user), np.int64)

        def write(rows: slice) -> None:
            kernels.first_since(self.first, self.key, user[rows], since_us[rows], positions[rows])

        shared_out(len(user), write)
        return positions


def kind(event_type: EventType) -> int:
    """Return what stands for `event_type` in `History.key`."""
    return _KINDS.index(event_type)


def user_numbers(users: pa.Array, user_id: pa.Array) -> NDArray[np.int32]:
    """Return where each of `user_id` stands in `users`, which are in order; -1 = it does not."""
    from sendopt.features.timeline.arrival import find  # noqa: PLC0415 - numba costs every command 0.3 s
    from sendopt.features.timeline.numbering import text_of  # noqa: PLC0415 - as above

    names = user_id.cast(pa.string()).dictionary_encode()
    places = np.full(len(names.dictionary), -1, np.int32)
    offsets, text = text_of(users)
    asked_offsets, asked_text = text_of(names.dictionary)

    def write(rows: slice) -> None:
        of_rows = asked_offsets[rows.start : rows.stop + 1]
        find(offsets, text, of_rows, asked_text, places[rows])

    shared_out(len(places), write)
    numbers: NDArray[np.int32] = places[np.asarray(names.indices)]
    return numbers


def in_order(user: NDArray[np.int32], as_of_us: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rows of viewpoints in the order in which a pass comes by them."""
    later = user[1:] > user[:-1]
    later |= (user[1:] == user[:-1]) & (as_of_us[1:] >= as_of_us[:-1])
    return np.arange(len(user)) if later.all() else np.lexsort((as_of_us, user))


def read_history(reader: Reader, target: Target) -> History:
    """Return everything that `reader` sees of users, in order, without what machines answered."""
    named = reader.query("named_zones", statement("named_zones"))["timezone"].to_pylist()
    zones = ("UTC", *named)
    numbering = _numbered(reader, zones)
    ids, counts = numbering.finish()
    if len(ids) == 0:
        key, zone = np.empty(0, np.int64), np.empty(0, np.int16)
        return History(ids, np.zeros(1, np.int64), key, zone, zones, UTC_ONLY)
    by_id = np.asarray(pc.sort_indices(ids))
    first = np.concatenate([[0], np.cumsum(counts[by_id])])
    begin = np.empty(len(ids), np.int64)
    begin[by_id] = first[:-1]
    key, zone = _in_order(numbering.parts, begin, first)
    users = ids.take(pa.array(by_id))
    for left_out in (_repeated_sends, partial(_machine_answers, target=target)):
        at = left_out(reader, users, first, key)
        if len(at):
            key, zone = np.delete(key, at), np.delete(zone, at)
            first -= np.searchsorted(at, first)
    span_us = {
        "begin_us": int(key[first[:-1]].min()) >> 4,
        "end_us": int(key[first[1:] - 1].max()) >> 4,
    }
    offsets = zone_offsets(zones, **span_us)
    return History(users, first, key, zone, zones, offsets)


def _numbered(reader: Reader, zones: Sequence[str]) -> Numbering:
    """Number the users of all events, while more of them are read."""
    from sendopt.features.timeline.numbering import Numbering  # noqa: PLC0415 - numba costs 0.3 s

    numbering = Numbering()
    # No zone is named "": zone 0 is that of events which name none, even where another names UTC.
    names = {"kinds": list(_KINDS), "zones": ["", *zones[1:]]}
    with ThreadPoolExecutor(1) as pool:
        dealt = None
        for events in reader.batches("history", statement("history"), names):
            if dealt is not None:
                dealt.result()
            dealt = pool.submit(numbering.deal, events)
        if dealt is not None:
            dealt.result()
    return numbering


def _repeated_sends(
    reader: Reader, users: pa.Array, first: NDArray[np.int64], key: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the positions of events that tell again of a send, in order."""
    from sendopt.features.timeline import kernels  # noqa: PLC0415 - numba costs every command 0.3 s

    again = reader.query("repeated_sends", statement("repeated_sends"))
    if not len(again):
        return np.empty(0, np.int64)
    user = user_numbers(users, again["user_id"].combine_chunks())
    at = np.empty(len(again), np.int64)
    kernels.first_since(first, key, user, again["happened_us"].to_numpy(), at)
    # Sends come first at an instant, and are alike there: any of them may be the one to leave out.
    return _each_once(at)


def _machine_answers(
    reader: Reader,
    users: pa.Array,
    first: NDArray[np.int64],
    key: NDArray[np.int64],
    *,
    target: Target,
) -> NDArray[np.int64]:
    """Return the positions of answers by machines, in order."""
    params = target.answer_params
    if not params["instant_us"]:
        return np.empty(0, np.int64)
    from sendopt.features.timeline import kernels  # noqa: PLC0415 - numba costs every command 0.3 s

    wanted = {name: params[name] for name in ("outcome", "instant_us")}
    answers = reader.query("machine_answers", statement("machine_answers"), wanted)
    user = user_numbers(users, answers["user_id"].combine_chunks())
    happened_us = answers["happened_us"].to_numpy()
    at = np.empty(len(answers), np.int64)
    kernels.first_since(first, key, user, happened_us, at)
    wanted_key = (happened_us << 4) + kind(target.outcome)
    while (before := key[at] < wanted_key).any():  # what else happened at the instant
        at[before] += 1
    return _each_once(at)


def _each_once(at: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give events that are alike, and were found at the position of the first, one each."""
    at = np.sort(at)
    return at + np.arange(len(at)) - np.searchsorted(at, at)


def _in_order(
    parts: Sequence[Sequence[Dealt]], begin: NDArray[np.int64], first: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int16]]:
    """Put each event where its user's events go, part by part, and order those."""
    from sendopt.features.timeline import arrival  # noqa: PLC0415 - numba costs every command 0.3 s

    key, zone = np.empty(first[-1], np.int64), np.empty(first[-1], np.int16)

    def put(share: Sequence[Sequence[Dealt]]) -> None:
        for some in chain.from_iterable(share):
            arrival.scatter(some.user, some.key, some.zone, begin, key, zone)

    list(in_turn(put, [parts[share::AT_ONCE] for share in range(AT_ONCE)], at_once=AT_ONCE))

    def settle(users: slice) -> None:
        arrival.settle(first[users.start : users.stop + 1], key, zone)

    shared_out(len(first) - 1, settle)
    return key, zone
