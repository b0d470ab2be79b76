"""Counts what a log knew of one user: that is what an explanation rests on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sendopt.features import DAY_TYPES, HALF_HOURS, AsOfView, Viewpoints, instant
from sendopt.records import UserId


@dataclass(frozen=True, slots=True)
class Known:
    """What the log knew of the user; old events count less, by half after each half-life."""

    visits: int  # local half hours in which the user was there
    sends: int  # whose open window had closed
    answers: int  # of these sends, in time
    late_answers: int  # of sends, after their open window and within a day
    decayed_visits: float
    decayed_sends: float
    decayed_answers: float
    half_life_days: float
    first_at: datetime | None  # of visits and sends; None = nothing is known
    last_at: datetime | None
    visits_at: tuple[tuple[int, ...], ...]  # weekdays and weekends, by local half hour
    answered_at: tuple[tuple[int, ...], ...]  # sends by their own half hour
    unanswered_at: tuple[tuple[int, ...], ...]


def known_of(
    user_id: UserId, view: AsOfView, viewpoint: Viewpoints, *, half_life: timedelta
) -> Known:
    """Count what was known of a user.

    Args:
        user_id: who.
        view: of the tenant's log.
        viewpoint: the user, as of when.
        half_life: after which an event counts half.
    """
    decayed = view.user_evidence(viewpoint, half_life=half_life)
    mine = _of_user(view.observations, user_id, known_by_us=int(viewpoint.as_of_us[0]))
    is_visit = mine["is_session"].to_numpy()
    is_answered = mine["latency_stage"].is_valid().to_numpy() & ~is_visit
    at_us, cell = mine["happened_us"].to_numpy(), mine["cell"].to_numpy()

    def counted(chosen: NDArray[np.bool_]) -> tuple[tuple[int, ...], ...]:
        cells = np.bincount(cell[chosen], minlength=DAY_TYPES * HALF_HOURS)
        return tuple(map(tuple, cells.reshape(DAY_TYPES, HALF_HOURS).tolist()))

    return Known(
        visits=int(is_visit.sum()),
        sends=int((~is_visit).sum()),
        answers=int(is_answered.sum()),
        late_answers=_late_answers(view, user_id, before_us=int(viewpoint.as_of_us[0])),
        decayed_visits=float(decayed.sessions.sum()),
        decayed_sends=float(decayed.sends.sum()),
        decayed_answers=float(decayed.answers.sum()),
        half_life_days=half_life / timedelta(days=1),
        first_at=instant(int(at_us.min())) if len(at_us) else None,
        last_at=instant(int(at_us.max())) if len(at_us) else None,
        visits_at=counted(is_visit),
        answered_at=counted(is_answered),
        unanswered_at=counted(~is_visit & ~is_answered),
    )


def _of_user(observations: pa.Table, user_id: UserId, *, known_by_us: int) -> pa.Table:
    """Return what was known of one user by an instant."""
    users = observations["user_id"].combine_chunks()
    number = pc.index(users.dictionary, pa.scalar(user_id, users.dictionary.type)).as_py()
    mine = np.asarray(users.indices) == number  # -1 is nobody's
    mine &= observations["known_us"].to_numpy() <= known_by_us
    return observations.filter(pa.array(mine))


def _late_answers(view: AsOfView, user_id: UserId, *, before_us: int) -> int:
    late = view.late_answers
    users = late["user_id"].combine_chunks()
    number = pc.index(users.dictionary, pa.scalar(user_id, users.dictionary.type)).as_py()
    known = late["answered_us"].to_numpy() < before_us
    return int((known & (np.asarray(users.indices) == number)).sum())
