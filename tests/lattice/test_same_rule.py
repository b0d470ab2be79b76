"""The rule that stands in for a model is the rule that the lattice holds it against."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
from lattice import rules
from trained import trained

from sendopt.features import Viewpoints
from sendopt.learn.families import most_frequent
from sendopt.log import Log, event_table
from sendopt.records import Event, EventType, SendId, TenantId, UserId

SHOP = TenantId("shop")
BEGIN = datetime(2026, 6, 1, tzinfo=UTC)
DAYS, USERS, SENDS_A_DAY = 20, 40, 2
END = BEGIN + timedelta(days=DAYS)
HOUR = timedelta(hours=1)
FOREVER = timedelta(days=365_000)


def planted() -> Iterator[tuple[int, Event]]:
    """Each user answers some sends in time, most of the others hours later, when they are there."""
    rng = np.random.default_rng(11)
    favourite = rng.integers(0, 24, USERS)
    for number, day in np.ndindex(USERS, DAYS):
        user, midnight = UserId(f"u{number:02}"), BEGIN + timedelta(days=day)
        if rng.random() < 0.3:
            there = midnight + float(favourite[number] + rng.normal(0.5, 2.0)) * HOUR
            yield number, Event(f"v-{user}-{day}", user, EventType.SESSION, there)
        for each in range(SENDS_A_DAY):
            send = SendId(f"{user}-{day}-{each}")
            sent = midnight + float(rng.uniform(0, 24)) * HOUR
            yield number, Event(f"s-{send}", user, EventType.SEND, sent, send_id=send)
            if rng.random() < 0.2:
                delay = float(rng.uniform(0, 0.5)) * HOUR
            else:
                at = (favourite[number] + rng.normal(0.5, 1.5)) % 24
                away = (at - (sent - midnight) / HOUR) % 24
                delay = float(away + 24 * rng.integers(0, 3)) * HOUR  # up to three days
            if rng.random() < 0.8 and sent + delay < END:
                yield number, Event(f"o-{send}", user, EventType.OPEN, sent + delay, send_id=send)


def test_the_rule_of_the_most_frequent_hour_orders_hours_as_the_lattices(empty_log: Log) -> None:
    """However late an answer is, it counts in the hour in which it was given."""
    happened = [(number, event) for number, event in planted() if BEGIN <= event.occurred_at < END]
    with empty_log.appender() as appender:
        appender.append(SHOP, event_table([event for _, event in happened]))
    counts = rules.Counts.nothing(USERS)
    of_type = {EventType.SEND: counts.sends, EventType.OPEN: counts.opens}
    of_type[EventType.SESSION] = counts.sessions
    for number, event in happened:
        of_type[event.event_type][number, event.occurred_at.hour] += 1
    theirs = rules.most_frequent(counts, np.arange(USERS))

    with empty_log.reader(SHOP) as reader:
        past = trained(reader, until=END).past
        learned, _ = most_frequent.fit(past, most_frequent.Settings())
        rule = replace(learned, half_life=FOREVER)  # the lattice's counts do not fade
        seen = Viewpoints(
            pa.array([f"u{number:02}" for number in range(USERS)]), pa.array([END] * USERS)
        )
        week = past.view.hours_of_week(seen)
        ours = rule.logit(rule.inputs(past.view, seen, week)).reshape(USERS, 7, 24)
    assert np.ptp(ours, axis=1).max() < 1e-9, "it knows no days"
    more = theirs[:, :, None] - theirs[:, None, :] > 0.5
    mine = ours[:, 0, :, None] - ours[:, 0, None, :]
    assert (mine[more] > 0.0).all()
    sure = np.sort(theirs, axis=1)
    sure = sure[:, -1] - sure[:, -2] > 0.5
    assert sure.sum() > USERS / 2
    assert (ours[sure, 0].argmax(axis=1) == theirs[sure].argmax(axis=1)).all()
