"""What a moment has to do with its user's recent past, carried along one pass over the log."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sendopt.features.catalog import CONTEXT_FEATURES
from sendopt.features.history import AT_ONCE, History, history, in_order, kinds
from sendopt.features.target import Target
from sendopt.features.viewpoints import INSTANT, Viewpoints, flat
from sendopt.features.zones import Clocks, zone_clocks
from sendopt.log import Reader
from sendopt.records import EventType

_MICROSECOND = timedelta(microseconds=1)


def moment_context(
    reader: Reader,
    seen: Viewpoints,
    viewpoint: NDArray[np.intp],
    at: pa.ChunkedArray,
    target: Target,
    *,
    half_life: timedelta,
) -> NDArray[np.float64]:
    """Return CONTEXT_FEATURES of the instants `at`, as known at their viewpoints.

    Activity is a session or an answer, and counts half with every half-life of its age. Hours are
    those of the user's own clock; NaN where something never happened. What `at` is compared with
    ends at as_of: the hour a day before it has no known activity if it lies at or after as_of.
    """
    past = history(reader)
    at_us = np.asarray(flat(at).cast(INSTANT).cast(pa.int64()))
    clocks = past.clocks
    if len(at_us) and len(past.key):
        ends = (int(at_us.min()), int(at_us.max()), *past.span_us)
        clocks = zone_clocks(reader, past.zones, begin_us=min(ends), end_us=max(ends))
    return context_of(
        past,
        past.numbers(seen.user_id),
        seen.as_of_us,
        viewpoint,
        at_us,
        clocks=clocks,
        target=target,
        half_life=half_life,
    )


def context_of(
    past: History,
    user: NDArray[np.int32],
    as_of_us: NDArray[np.int64],
    viewpoint: NDArray[np.intp],
    at_us: NDArray[np.int64],
    *,
    clocks: Clocks,
    target: Target,
    half_life: timedelta,
) -> NDArray[np.float64]:
    """Return CONTEXT_FEATURES of moments of users by number (-1 = without any event)."""
    from sendopt.features import passes  # noqa: PLC0415 - numba costs every command 0.3 s

    found = np.empty((len(at_us), len(CONTEXT_FEATURES)))
    asked_first = np.concatenate([[0], np.cumsum(np.bincount(viewpoint, minlength=len(user)))])
    asked = np.argsort(viewpoint, kind="stable")

    def run(order: NDArray[np.int64]) -> None:
        passes.context(
            past.first,
            past.key,
            past.zone,
            clocks.first,
            clocks.from_us,
            clocks.offset_us,
            kinds(EventType.SEND, target.outcome, EventType.SESSION),
            half_life / _MICROSECOND,
            user,
            as_of_us,
            order,
            asked_first,
            asked,
            at_us,
            found,
        )

    order = in_order(user, as_of_us)
    ends = np.searchsorted(user[order], np.linspace(-1, len(past.users), AT_ONCE + 1))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(run, (order[low:high] for low, high in pairwise(ends))))
    return found
