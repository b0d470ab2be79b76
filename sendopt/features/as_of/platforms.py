"""On which platform a user was seen last."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sendopt.features.as_of.viewpoints import Viewpoints
from sendopt.features.queries import statement
from sendopt.features.timeline.history import user_numbers
from sendopt.log import Reader

_DAY_US = 86_400_000_000


def last_platforms(reader: Reader, seen: Viewpoints) -> pa.Array:
    """Return the platform of each viewpoint's user, null where none is known.

    It is the one told along, else the last one that the log names on a UTC day before as_of.
    """
    changes = _changes(reader)
    if len(changes) == 0:
        known = pa.nulls(len(seen), pa.string())
    else:
        encoded = changes["user_id"].combine_chunks().dictionary_encode()
        user = np.asarray(encoded.indices, np.int64)
        number = user_numbers(encoded.dictionary, seen.user_id).astype(np.int64)
        day = seen.as_of_us // _DAY_US
        days = np.asarray(changes["known_day"])
        most = int(max(days.max(), day.max(initial=0))) + 1
        last = np.searchsorted(user * most + days, number * most + day, side="right") - 1
        found = (number >= 0) & (last >= 0) & (user[np.maximum(last, 0)] == number)
        known = changes["platform"].combine_chunks().take(pa.array(last, mask=~found))
    return known if seen.platform is None else pc.coalesce(seen.platform, known)


_of_readers: WeakKeyDictionary[Reader, pa.Table] = WeakKeyDictionary()


def _changes(reader: Reader) -> pa.Table:
    """Return `platform_changes`, asked once a reader: it is frozen at its snapshot."""
    found = _of_readers.get(reader)
    if found is None:
        found = reader.query("platform_changes", statement("platform_changes"))
        _of_readers[reader] = found
    return found
