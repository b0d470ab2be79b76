"""What is to be predicted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sendopt.clock import as_utc
from sendopt.errors import InvalidInput
from sendopt.features.catalog import statement
from sendopt.features.history import history
from sendopt.features.weekends import is_weekend
from sendopt.features.zones import half_hour_cells
from sendopt.log import Reader
from sendopt.records import EventType

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_HALF_HOUR_US = 1_800_000_000
_OUTCOMES = (EventType.OPEN, EventType.CLICK, EventType.RESPONSE)


@dataclass(frozen=True)
class Target:
    """Whether a send is answered by `outcome` in [sent, sent + open_window)."""

    open_window: timedelta
    outcome: EventType = EventType.OPEN

    def __post_init__(self) -> None:
        if self.open_window <= timedelta(0):
            raise InvalidInput(
                "the open window is empty", field="open_window", expected="a positive duration"
            )
        if self.outcome not in _OUTCOMES:
            raise InvalidInput(
                f"{self.outcome.value!r} answers no send",
                field="outcome",
                expected=", ".join(_OUTCOMES),
            )

    @property
    def params(self) -> dict[str, object]:
        """The target as parameters of the queries."""
        return {"outcome": self.outcome.value, "window_us": self.open_window // _MICROSECOND}


@dataclass(frozen=True)
class Summary:
    """How much a log holds before an instant."""

    events: int
    users: int
    sends: int
    opens: int  # answered within the open window
    sessions: int
    first_at: datetime | None
    late_answer: timedelta | None  # 95 of 100 answers came sooner; None = no answer yet


def summarise(reader: Reader, target: Target, *, until: datetime) -> Summary:
    """Count what there is to learn from before `until`."""
    params = {**target.params, "until_us": microseconds(until)}
    row = reader.query("summary", statement("summary"), params).to_pylist()[0]
    late_us = row["late_us"]
    return Summary(
        events=row["events"],
        users=row["users"],
        sends=row["sends"],
        opens=row["opens"] or 0,
        sessions=row["sessions"],
        first_at=None if row["first_us"] is None else instant(row["first_us"]),
        late_answer=None if late_us is None else late_us * _MICROSECOND,
    )


def observe(reader: Reader, target: Target) -> pa.Table:
    """Return every send with its answer, and every presence, at their places in the local day.

    A presence is the first session of a user in a local half hour.

    Returns:
        user_id (as a dictionary, all users in order), is_session, promptness (of the answer: stage
        0, 1 or 2 of PROMPTNESS; null = none in time), happened_us, known_us (when it may first be
        used: a send only once its open window has closed), cell (local half hour: weekdays 0-47,
        weekends 48-95), propensity; by user and time.
    """
    past = history(reader)
    found = reader.query(
        "observation",
        statement("observation"),
        target.params,
        inputs={"known_user": past.known_user()},
    )
    user, happened_us = found["user"].combine_chunks(), found["happened_us"].to_numpy()
    zone = past.zones_before(np.asarray(user), happened_us + 1)
    local_us = past.clocks.local_us(zone, happened_us)
    cell = half_hour_cells(local_us, is_weekend(past.zones, zone, local_us))
    named = found.set_column(
        0, "user_id", pa.DictionaryArray.from_arrays(user, past.users)
    ).append_column("cell", pa.array(cell))
    kept = _presences(found["is_session"].to_numpy(), np.asarray(user), local_us)
    return named.filter(pa.array(kept))


def _presences(
    is_session: NDArray[np.bool_], user: NDArray[np.int32], local_us: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Keep every send, and of a user's sessions in one local half hour the first.

    Ten sessions in a row say once that the user was there; counted ten times, one busy evening
    would outweigh ten quiet ones.
    """
    session = np.flatnonzero(is_session)
    half_hour = local_us[session] // _HALF_HOUR_US
    kept = np.ones(len(is_session), bool)
    again = (np.diff(half_hour) == 0) & (np.diff(user[session]) == 0)
    kept[session[1:][again]] = False
    return kept


def microseconds(at: datetime) -> int:
    """Return whole microseconds since 1970-01-01 UTC."""
    return (as_utc(at) - _EPOCH) // _MICROSECOND


def instant(us: int) -> datetime:
    """Return the instant `us` microseconds after 1970-01-01 UTC."""
    return _EPOCH + us * _MICROSECOND
