"""The most frequent hour is the user's own; where there is none, everybody's decides."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
from trained import trained

from sendopt.features import Viewpoints
from sendopt.learn.families import most_frequent, population
from sendopt.learn.families.definition import shipped
from sendopt.learn.fitting.fit import fit_to
from sendopt.log import Log
from sendopt.records import TenantId

SCORE_STEP = 2e-6  # of a probability, coarser than the score store's
SEPTEMBER = datetime(2026, 9, 1, tzinfo=UTC)


def test_a_habit_comes_first_and_everybody_breaks_its_ties(habits: Log) -> None:
    """The rules of the most frequent hour and of everybody's, as they serve."""
    with habits.reader(TenantId("shop")) as reader:
        fitted = trained(reader, until=SEPTEMBER)
        view = fitted.view
        frequent, everybodys = (
            fit_to(fitted.past, shipped(family)).model for family in (most_frequent, population)
        )
        seen = Viewpoints(pa.array(["u-8-0", "u-20-2", "stranger"]), pa.array([SEPTEMBER] * 3))
        week = view.hours_of_week(seen)
        said = frequent.predict(frequent.inputs(view, seen, week)).reshape(3, 168)
        of_all = everybodys.predict(everybodys.inputs(view, seen, week)).reshape(3, 168)
    np.testing.assert_allclose(said[:2].argmax(axis=1) % 24, [8, 20], atol=1)
    assert (np.argsort(said[2], kind="stable") == np.argsort(of_all[2], kind="stable")).all()
    assert (of_all == of_all[0]).all(), "everybody's hours know of no user"
    assert np.ptp(of_all[0]) > 0
    # Where a user was never seen, everybody decides, also once scores are rounded to be kept.
    never = said[0] < said[0].min() * 1.01
    kept = np.unique(np.round(said[0, never] / SCORE_STEP))
    assert len(kept) > 5
    assert said[0, never].argmax() == of_all[0, never].argmax()
