"""What is to be predicted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sendopt.clock import as_utc
from sendopt.errors import InvalidInput
from sendopt.features.queries import statement
from sendopt.log import Reader
from sendopt.records import EventType

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
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


def microseconds(at: datetime) -> int:
    """Return whole microseconds since 1970-01-01 UTC."""
    return (as_utc(at) - _EPOCH) // _MICROSECOND


def instant(us: int) -> datetime:
    """Return the instant `us` microseconds after 1970-01-01 UTC."""
    return _EPOCH + us * _MICROSECOND
