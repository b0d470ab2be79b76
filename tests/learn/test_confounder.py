"""People are about in the morning and answer in the evening: a planted confounder.

Sixty people open the app every morning around nine, on their own. They answer three of five pushes
that reach them around eight in the evening, and one of ten at any other time. The sender tried all
hours from 8 to 22 with known chances. Whoever counts activity sends at nine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from trained import trained

from sendopt.features import (
    AsOfView,
    Viewpoints,
)
from sendopt.log import Log, event_table
from sendopt.records import Event, EventType, TenantId, UserId

SHOP = TenantId("shop")
BEGIN = datetime(2026, 6, 1, tzinfo=UTC)
DAYS, PEOPLE = 70, 60
END = BEGIN + timedelta(days=DAYS)
MORNING, EVENING = 9, 20


@pytest.fixture(scope="module")
def confounded(make_log: Callable[[], AbstractContextManager[Log]]) -> Iterator[Log]:
    with make_log() as log:
        with log.appender() as appender:
            appender.append(SHOP, event_table(list(events())))
        yield log


def events() -> Iterator[Event]:
    rng = np.random.default_rng(11)
    for person in range(PEOPLE):
        user = UserId(f"p{person:02}")
        for day in range(DAYS):
            at = BEGIN + timedelta(days=day)
            for visit in range(rng.poisson(1.5)):
                minute = MORNING * 60 + int(rng.normal(0, 25))
                seen = at + timedelta(minutes=minute, seconds=visit)
                yield Event(f"v-{user}-{day}-{visit}", user, EventType.SESSION, seen)
            hour = int(rng.integers(8, 23))
            send = f"{user}-{day}"
            sent = at + timedelta(hours=hour)
            yield Event(f"s-{send}", user, EventType.SEND, sent, send_id=send, propensity=1 / 15)
            if rng.random() < (0.6 if abs(hour - EVENING) <= 1 else 0.1):
                opened = sent + timedelta(minutes=float(rng.uniform(1, 25)))
                yield Event(f"o-{send}", user, EventType.OPEN, opened, send_id=send)


@pytest.mark.slow
def test_the_model_sends_in_the_evening_and_the_histogram_in_the_morning(confounded: Log) -> None:
    with confounded.reader(SHOP) as reader:
        model = trained(reader, until=END).model
        people = pa.array([f"p{person:02}" for person in range(PEOPLE)])
        seen = Viewpoints(people, pa.array([END] * PEOPLE, pa.timestamp("us", tz="UTC")))
        view = AsOfView(reader, model.target)
        rows = model.inputs(view, seen, view.hours_of_week(seen))
        evidence = view.user_evidence(seen, half_life=timedelta(days=60))
    best = model.predict(rows).reshape(PEOPLE, 7, 24).mean(axis=1).argmax(axis=1)
    assert (np.abs(best - EVENING) <= 1).mean() > 0.95
    naive = (evidence.sessions + evidence.opens).sum(axis=1).reshape(PEOPLE, 24, 2).sum(axis=2)
    assert (np.abs(naive.argmax(axis=1) - MORNING) <= 1).mean() > 0.95


def test_the_probability_is_that_of_answering_not_of_being_there(confounded: Log) -> None:
    with confounded.reader(SHOP) as reader:
        model = trained(reader, until=END).model
        seen = Viewpoints(pa.array(["p00"]), pa.array([END], pa.timestamp("us", tz="UTC")))
        view = AsOfView(reader, model.target)
        rows = model.inputs(view, seen, view.hours_of_week(seen))
    week = model.predict(rows).reshape(7, 24)
    assert week[:5, EVENING].mean() == pytest.approx(0.6, abs=0.12)
    assert week[:5, MORNING].mean() == pytest.approx(0.1, abs=0.08)
