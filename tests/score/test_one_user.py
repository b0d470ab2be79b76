"""Read alone, with everybody's part brought along, a user scores as in the whole log."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from examples import at_most
from hypothesis import given, settings
from hypothesis import strategies as st
from untrained import noise, untrained

from sendopt.features import USER_FEATURES, AsOfView
from sendopt.learn import ServableModel
from sendopt.log import Log, event_table
from sendopt.records import Event, EventType, SendId, TenantId, UserId
from sendopt.schedule.policy import chance_of_gain
from sendopt.score import score_slots
from sendopt.score.explain import explain

SHOP, BANK = TenantId("shop"), TenantId("bank")
AS_OF = datetime(2026, 9, 28, 15, tzinfo=UTC)
TODAY = datetime(2026, 9, 28, tzinfo=UTC)
USERS = [UserId(name) for name in ("ann", "bob", "c'em", "nobody")]


@pytest.fixture(scope="module")
def model() -> ServableModel:
    return untrained(until=AS_OF, booster=noise(USER_FEATURES), version="98471643c7d4083f")


def any_events(seed: int) -> list[Event]:
    """Sends, visits and answers until tomorrow; some answers name somebody else than the send."""
    rng = np.random.default_rng(seed)
    events = []
    for number in range(int(rng.integers(1, 120))):
        user, other = (UserId(name) for name in rng.choice(USERS[:3], 2))
        at = AS_OF + timedelta(hours=12) - timedelta(seconds=int(rng.integers(20 * 86_400)))
        zone = [None, "UTC", "Asia/Tokyo", "America/New_York"][rng.integers(4)]
        if rng.random() < 0.4:
            visit = Event(f"v{number}", user, EventType.SESSION, at, timezone=zone)
            events.append(visit)
            continue
        send = SendId(f"s{number}")
        events.append(Event(f"{send}-send", user, EventType.SEND, at, send, timezone=zone))
        if rng.random() < 0.5:
            who = user if rng.random() < 0.7 else other
            kind = EventType.OPEN if rng.random() < 0.8 else EventType.DISMISSAL
            soon = at + timedelta(seconds=int(rng.integers(3_600)))
            events.append(Event(f"{send}-answer", who, kind, soon, send, timezone=zone))
    return events


@settings(max_examples=at_most(4), deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_one_user_scores_and_is_explained_as_in_the_whole_log(
    model: ServableModel, make_log: Callable[[], AbstractContextManager[Log]], seed: int
) -> None:
    with make_log() as log:
        with log.appender() as appender:
            appender.append(SHOP, event_table(any_events(seed)))
            appender.append(BANK, event_table(any_events(seed + 1)))
        with log.reader(SHOP) as reader:
            view = AsOfView(reader, model.target)
            everybody = model.scorer.population(view, as_of=AS_OF)
            whole = score_slots(model, view, as_of=AS_OF, user_ids=list(USERS))
            for at, user in enumerate(USERS):
                with reader.of_user(user) as own:
                    of_user = AsOfView(own, model.target, everybody)
                    alone = score_slots(model, of_user, as_of=AS_OF, user_ids=[user])
                    assert alone.equals(whole.slice(168 * at, 168))
                    told, expected = (
                        explain(
                            model,
                            each,
                            user,
                            as_of=AS_OF,
                            configured_hour=18,
                            chance_of_gain=chance_of_gain,
                        )
                        for each in (of_user, view)
                    )
                    assert told == expected


@pytest.mark.slow
@settings(max_examples=at_most(8), deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_everybodys_part_follows_from_what_happened_before_the_day(
    model: ServableModel, make_log: Callable[[], AbstractContextManager[Log]], seed: int
) -> None:
    with make_log() as log:
        with log.appender() as appender:
            appender.append(SHOP, event_table(any_events(seed)))
        with log.reader(SHOP) as reader, reader.before(TODAY) as earlier:
            now, then = (
                model.scorer.population(AsOfView(each, model.target), as_of=AS_OF)
                for each in (reader, earlier)
            )
    for name in ("sessions", "sends", "answers"):
        assert np.array_equal(getattr(now.evidence, name), getattr(then.evidence, name))
    assert np.array_equal(now.sends, then.sends)
