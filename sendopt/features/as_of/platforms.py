"""On which platform a user was seen last."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sendopt.features.as_of.viewpoints import Viewpoints
from sendopt.features.queries import statement
from sendopt.features.timeline.history import user_numbers
from sendopt.log import Reader

_DAY_US = 86_400_000_000
_FIRST_DAY = -719_163  # since 1970: before the year 1
_DAY_BITS = 22  # to the year 9999 and beyond


@dataclass(frozen=True, eq=False)
class PlatformChanges:
    """From when on which platform was known of whom, by user and day."""

    users: pa.Array  # ids in order
    when: NDArray[np.int64]  # of each change: the user's place among `users`, then the UTC day
    platform: pa.Array


def read_platform_changes(reader: Reader) -> PlatformChanges:
    """Return every change that the log tells of."""
    changes = reader.query("platform_changes", statement("platform_changes"))
    users = changes["user_id"].combine_chunks().dictionary_encode()
    when = _when(np.asarray(users.indices, np.int64), np.asarray(changes["known_day"]))
    return PlatformChanges(users.dictionary, when, changes["platform"].combine_chunks())


def last_platforms(changes: PlatformChanges, viewpoints: Viewpoints) -> pa.Array:
    """Return the platform of each viewpoint's user, null where none is known.

    It is the one told along, else the last one that the log names on a UTC day before as_of.
    """
    if len(changes.when) == 0:
        known = pa.nulls(len(viewpoints), pa.string())
    else:
        number = user_numbers(changes.users, viewpoints.user_id).astype(np.int64)
        place = _when(number, viewpoints.as_of_us // _DAY_US)
        last = np.searchsorted(changes.when, place, side="right") - 1
        named = (number >= 0) & (last >= 0)
        named &= changes.when[np.maximum(last, 0)] >= _when(number, _FIRST_DAY)
        known = changes.platform.take(pa.array(last, mask=~named))
    return known if viewpoints.platform is None else pc.coalesce(viewpoints.platform, known)


def _when(user: NDArray[np.int64], day: NDArray[np.int64] | int) -> NDArray[np.int64]:
    """Put the number of a user and a day into one number, which orders by both."""
    return (user << _DAY_BITS) + (day - _FIRST_DAY)
