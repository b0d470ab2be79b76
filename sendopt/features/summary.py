"""How much there is in a log, and what of it is not taken as it stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sendopt.features.queries import statement
from sendopt.features.target import Target, instant, microseconds
from sendopt.log import Reader
from sendopt.records import EventType

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class DoubtfulChances:
    """Propensities that cannot be the chances of the times of these sends."""

    logged: int = 0  # sends that carry a propensity, but the service's own
    certain: int = 0  # of them, with exactly 1: no other time could have come out
    moved_users: int = 0  # who got some of them at different hours
    moved_user: str | None = None  # one of these
    summed_sends: int = 0  # told of at several times, whose chances add up to more than 1
    summed: tuple[str, str, float] | None = None  # user, send and sum of one of these


@dataclass(frozen=True)
class Summary:
    """How much a log holds before an instant."""

    events: int
    users: int
    placed_users: int  # whose zone any event names
    sends: int
    repeated_sends: int  # `send` events that tell again of one of those
    opens: int  # answered within the open window
    early_answers: int  # stamped before their send, within the tolerance
    earliest_answer: timedelta | None  # by how much the most of them; None = there is none
    too_early_answers: int  # stamped before their send by more than the tolerance: no answers
    instant_answers: int  # machines', at the instant of the send
    unknown_sends: int  # of which is not known what the person did: a machine answered
    stray_answers: int  # events of the outcome that belong to no send of their user
    sessions: int
    first_at: datetime | None
    chances: DoubtfulChances = DoubtfulChances()


def summarise(reader: Reader, target: Target, *, until: datetime) -> Summary:
    """Count what there is to learn from before `until`."""
    params = {**target.params, "until_us": microseconds(until)}
    row = reader.query("summary", statement("summary"), params).to_pylist()[0]
    return Summary(
        events=row["events"],
        users=row["users"],
        placed_users=row["placed_users"],
        sends=row["sends"],
        repeated_sends=row["send_events"] - row["sends"],
        opens=row["opens"] or 0,
        early_answers=row["early"],
        earliest_answer=_duration(row["earliest_us"]),
        too_early_answers=row["too_early"],
        instant_answers=row["instant"],
        unknown_sends=row["unknown"],
        stray_answers=row["stray_answers"],
        sessions=row["sessions"],
        first_at=None if row["first_us"] is None else instant(row["first_us"]),
        chances=_doubtful_chances(reader, until=until),
    )


def _doubtful_chances(reader: Reader, *, until: datetime) -> DoubtfulChances:
    params = {"until_us": microseconds(until)}
    doubtful = reader.query("doubtful_chances", statement("doubtful_chances"), params).to_pylist()[
        0
    ]
    summed = doubtful["summed"]
    example = None if summed is None else (summed["user_id"], summed["send_id"], summed["total"])
    return DoubtfulChances(**{**doubtful, "summed": example})


def events_by_kind(reader: Reader, *, until: datetime) -> dict[EventType, int]:
    """Count the events of each kind before `until`; kinds without any are left out."""
    kinds = reader.query("kinds", statement("kinds"), {"until_us": microseconds(until)})
    return {EventType(row["event_type"]): row["events"] for row in kinds.to_pylist()}


def _duration(us: int | None) -> timedelta | None:
    return None if us is None else us * _MICROSECOND
