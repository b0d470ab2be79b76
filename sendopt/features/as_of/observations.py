"""What users did and answered, each at its place in the local day."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sendopt.features.as_of.viewpoints import flat
from sendopt.features.local_time.weekends import is_weekend
from sendopt.features.local_time.zones import half_hour_cells
from sendopt.features.queries import statement
from sendopt.features.target import Target
from sendopt.features.timeline.history import History, kind
from sendopt.log import Reader
from sendopt.parallel import shared_out
from sendopt.records import EventType

#: Ends of the latency stages, as shares of the open window: how soon a send was answered.
LATENCY_STAGES = (1 / 6, 1 / 2, 1.0)

_UNKNOWN = 4  # a latency stage: what the person did is not known
_MICROSECOND = timedelta(microseconds=1)
_HALF_HOUR_US = 1_800_000_000
_EVER_US = np.iinfo(np.int64).max  # an answer in time lies before its send may be used
_EVENTS_AT_ONCE = 1 << 18  # bounds what is worked out on the way to some 20 MB


class _Outcomes(NamedTuple):
    """Of sends that were answered or whose propensity was logged."""

    at: NDArray[np.int64]  # positions in the history
    latency_stage: NDArray[np.uint8]
    propensity: NDArray[np.float64]  # NaN = not logged


def observe(reader: Reader, target: Target, past: History) -> pa.Table:
    """Return every send with its answer, and every presence, at their places in the local day.

    A presence is the first session of a user in a local half hour. Sends of which is not known what
    the person did are left out.

    Args:
        reader: the tenant's log.
        target: what answers a send.
        past: the history of `reader`.

    Returns:
        user_id (as a dictionary, all users in order), is_session, latency_stage (of the answer: 0,
        1 or 2 of LATENCY_STAGES; null = none in time), happened_us, known_us (when it may first be
        used: a send only once its open window has closed, because before, that it was not answered
        means nothing), cell (local half hour: weekdays 0-47, weekends 48-95), propensity; by user
        and time.
    """
    counts, cell = _placed(past)
    happened_us = past.key[counts] >> 4
    is_session = past.key[counts] & 15 == kind(EventType.SESSION)
    outcomes = _outcomes(reader, target, past)
    row = np.cumsum(counts)[outcomes.at] - 1
    latency_stage = np.full(len(happened_us), len(LATENCY_STAGES), np.uint8)
    latency_stage[row] = outcomes.latency_stage
    # Zeros of a log without any propensity take no memory.
    propensity, logged = np.zeros(len(happened_us)), np.zeros(len(happened_us), bool)
    propensity[row], logged[row] = outcomes.propensity, ~np.isnan(outcomes.propensity)
    user = pa.array(_users(past.first)[counts])
    known_after_us = target.known_after // _MICROSECOND
    observed = pa.table(
        {
            "user_id": pa.DictionaryArray.from_arrays(user, past.users),
            "is_session": is_session,
            "latency_stage": pa.array(latency_stage, mask=latency_stage >= len(LATENCY_STAGES)),
            "happened_us": happened_us,
            "known_us": happened_us + np.where(is_session, 1, known_after_us),
            "cell": cell[counts],
            "propensity": pa.array(propensity, mask=~logged),
        }
    )
    unknown = latency_stage == _UNKNOWN
    return observed.filter(pa.array(~unknown)) if unknown.any() else observed


def _placed(past: History) -> tuple[NDArray[np.bool_], NDArray[np.uint8]]:
    """Return which events of the history count, sends and presences, and the cell of every event.

    Ten sessions in a row say once that the user was there; counted ten times, one busy evening
    would outweigh ten quiet ones.
    """
    counts, cell = np.empty(len(past.key), bool), np.empty(len(past.key), np.uint8)

    def place(users: slice) -> None:
        first = past.first[users.start : users.stop + 1]
        some = slice(first[0], first[-1])
        zone = past.zone[some]
        local_us = past.zone_offsets.local_us(zone, past.key[some] >> 4)
        cell[some] = half_hour_cells(local_us, is_weekend(past.zones, zone, local_us))
        what = past.key[some] & 15
        counts[some] = what == kind(EventType.SEND)
        session = np.flatnonzero(what == kind(EventType.SESSION))
        half_hour, user = local_us[session] // _HALF_HOUR_US, _users(first)[session]
        again = (np.diff(half_hour, prepend=-1) == 0) & (np.diff(user, prepend=-1) == 0)
        counts[some.start + session[~again]] = True

    shared_out(len(past.users), place, shares=1 + len(past.key) // _EVENTS_AT_ONCE)
    return counts, cell


def _users(first: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return the user of every event, counted from 0."""
    return np.repeat(np.arange(len(first) - 1, dtype=np.int32), np.diff(first))


def _outcomes(reader: Reader, target: Target, past: History) -> _Outcomes:
    """Find what became of sends, and which events of the history they are."""
    params = {**target.params, "until_us": _EVER_US}
    outcomes = reader.query("send_outcomes", statement("send_outcomes"), params)
    latency_stage, propensity = (
        outcomes["latency_stage"].to_numpy(),
        outcomes["propensity"].to_numpy(),
    )
    at = past.first_since(
        past.numbers(flat(outcomes["user_id"])), outcomes["happened_us"].to_numpy()
    )
    # Sends come first at an instant; of those that a user got at one, any may have any outcome.
    order = np.lexsort((propensity, latency_stage, at))
    at = at[order]
    nth = np.arange(len(at)) - np.searchsorted(at, at)
    return _Outcomes(at + nth, latency_stage[order], propensity[order])
