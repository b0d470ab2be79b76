"""On which platform a user was seen last."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sendopt.features.as_of.viewpoints import Viewpoints
from sendopt.features.queries import statement
from sendopt.features.timeline.history import user_numbers
from sendopt.log import Reader

_DAY_US = 86_400_000_000


def platform_changes(reader: Reader) -> pa.Table:
    """Return user_id, known_day (UTC, since 1970) and platform, by user and day."""
    return reader.query("platform_changes", statement("platform_changes"))


def last_platforms(changes: pa.Table, viewpoints: Viewpoints) -> pa.Array:
    """Return the platform of each viewpoint's user, null where none is known.

    It is the one told along, else the last one that the log names on a UTC day before as_of.
    """
    if len(changes) == 0:
        known = pa.nulls(len(viewpoints), pa.string())
    else:
        encoded = changes["user_id"].combine_chunks().dictionary_encode()
        user = np.asarray(encoded.indices, np.int64)
        number = user_numbers(encoded.dictionary, viewpoints.user_id).astype(np.int64)
        day = viewpoints.as_of_us // _DAY_US
        days = np.asarray(changes["known_day"])
        most = int(max(days.max(), day.max(initial=0))) + 1
        last = np.searchsorted(user * most + days, number * most + day, side="right") - 1
        found = (number >= 0) & (last >= 0) & (user[np.maximum(last, 0)] == number)
        known = changes["platform"].combine_chunks().take(pa.array(last, mask=~found))
    return known if viewpoints.platform is None else pc.coalesce(viewpoints.platform, known)
