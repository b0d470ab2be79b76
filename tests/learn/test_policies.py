"""The most frequent hour is the user's own; where there is none, everybody's decides."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
from untrained import untrained

from sendopt.features import AsOfView, Viewpoints
from sendopt.learn.judging.judge import MOST_FREQUENT, OURS, POPULATION_BEST
from sendopt.learn.judging.policies import rankings
from sendopt.log import Log
from sendopt.records import TenantId

SEPTEMBER = datetime(2026, 9, 1, tzinfo=UTC)


def test_a_habit_comes_first_and_everybody_breaks_its_ties(habits: Log) -> None:
    model = untrained(until=SEPTEMBER)
    with habits.reader(TenantId("shop")) as reader:
        seen = Viewpoints(pa.array(["u-8-0", "u-20-2", "stranger"]), pa.array([SEPTEMBER] * 3))
        view = AsOfView(reader, model.target)
        rows = model.inputs(view, seen, view.hours_of_week(seen))
    ranking = {name: rank.reshape(3, 168) for name, rank in rankings(model, rows).items()}
    best = ranking[MOST_FREQUENT].argmax(axis=1) % 24
    np.testing.assert_allclose(best[:2], [8, 20], atol=1)
    order = np.argsort(ranking[MOST_FREQUENT][2], kind="stable")
    everybodys = ranking[POPULATION_BEST][2]
    assert (np.diff(everybodys[order]) >= 0).all()
    assert np.ptp(everybodys) > 0
    np.testing.assert_array_equal(ranking[OURS].ravel(), model.predict(rows))
