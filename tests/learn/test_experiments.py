"""The natural experiments of small logs, counted by hand."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from sendopt.features import LabelledMoments
from sendopt.learn.judging.experiments import natural_experiments

HOUR, DAY = 3_600_000_000, 86_400_000_000


def sends(*rows: tuple[str, int, float]) -> LabelledMoments:
    """One send a row: user, day, hour of the day."""
    day = np.array([day for _, day, _ in rows], np.int64)
    at = day * DAY + np.array([round(hour * HOUR) for _, _, hour in rows], np.int64)
    ones = np.ones(len(rows))
    return LabelledMoments(
        user_id=pa.array([user for user, _, _ in rows]),
        as_of_us=day * DAY,
        at_us=at,
        local_us=at,
        label=ones,
        weight=ones,
    )


def test_choices_are_days_with_several_sends() -> None:
    found = natural_experiments(
        sends(
            ("ann", 0, 20.0),
            ("ann", 0, 8.0),
            ("ann", 0, 12.5),
            ("ann", 1, 8.0),
            ("bob", 0, 9.0),
            ("bob", 0, 9.5),
            ("cid", 0, 7.0),
            ("cid", 3, 7.9),
        )
    )
    assert (found.user_days, found.choices, found.apart) == (5, 2, 1)
    assert found.times_per_choice == 2.5
    assert found.hours_apart == (12 + 0.5) / 2
    assert (found.users, found.users_at_one_hour) == (3, 2)
    assert found.varied


def test_one_send_a_day_is_no_choice() -> None:
    found = natural_experiments(sends(("ann", 0, 9.0), ("ann", 1, 21.0)))
    assert (found.choices, found.times_per_choice, found.hours_apart) == (0, None, None)
    assert not found.varied
