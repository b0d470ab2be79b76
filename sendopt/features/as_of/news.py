"""Of whom anything became known between two instants."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from sendopt.features.as_of.population import day_of
from sendopt.features.queries import statement
from sendopt.features.target import Target, microseconds
from sendopt.log import Reader


def users_with_news(
    reader: Reader, target: Target, *, since: datetime, snapshot: int, until: datetime
) -> pa.Array:
    """Return who may look otherwise as of `until` than as of `since`, but for time gone by.

    Those are the users of whom the log holds an event that `snapshot` did not, whenever it
    happened, and those with an event that was there but could not be used yet. A platform or a
    zone is used from the next UTC day on, a send once its outcome is known: so everything counts
    that happened after the UTC day of `since` began, less what a send waits for. A few too many
    are returned.

    Args:
        reader: the tenant's log.
        target: what answers a send.
        since: as of when users were looked at before.
        snapshot: of the log, then.
        until: as of when they are looked at now.

    Returns:
        User ids in order; not all of them need an event before `until`.
    """
    appended = reader.users_appended_after(snapshot)
    waited = target.known_after + target.clock_tolerance
    params = {
        "since_us": microseconds(day_of(since) - waited),
        "until_us": microseconds(until),
    }
    since_then = reader.query("users_since", statement("users_since"), params)["user_id"]
    both = pa.concat_arrays([appended, since_then.combine_chunks()]).unique()
    return both.take(pc.sort_indices(both))
