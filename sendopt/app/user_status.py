"""What only the log knows of users: their zones, and who wants nothing more."""

from __future__ import annotations

from datetime import datetime
from importlib.resources import files

import pyarrow as pa

from sendopt.log import Reader
from sendopt.records import UserId

# A path, not a package: nobody who looks up zones waits for the planning of campaigns.
_STATUS = files("sendopt").joinpath("schedule", "sql", "user_status.sql")


def user_status(reader: Reader, *, as_of: datetime, user_id: UserId | None = None) -> pa.Table:
    """Return user_id, timezone (the last one known, or null) and opted_out, one row a user.

    Of `user_id` alone, if one is given.
    """
    params = {"as_of": as_of, "user_id": user_id}
    return reader.query("user_status", _STATUS.read_text(), params)
