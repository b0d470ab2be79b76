"""What the champion predicts is changed by a person, never by a training alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from sendopt.errors import Conflict, InvalidInput
from sendopt.learn import Registry, TrainingReport
from sendopt.learn.families import population
from sendopt.learn.families.definition import shipped
from sendopt.learn.train import MayServe, Recipe, train
from sendopt.log import Log, event_table
from sendopt.records import Event, EventType, SendId, TenantId, UserId

SHOP = TenantId("shop")
BEGIN = datetime(2026, 9, 1, tzinfo=UTC)
USERS, DAYS = 30, 20
END = BEGIN + timedelta(days=DAYS)


def events() -> Iterator[Event]:
    """Two sends a day; evenings are opened more often, and every other open is a click as well."""
    rng = np.random.default_rng(3)
    for user in range(USERS):
        for day in range(DAYS):
            for hour in (9, 19):
                number = SendId(f"{user}-{day}-{hour}")
                at = BEGIN + timedelta(days=day, hours=hour, minutes=user)
                told = {"user_id": UserId(f"u{user}"), "send_id": number}
                yield Event(f"s{number}", event_type=EventType.SEND, occurred_at=at, **told)
                if rng.random() > (0.7 if hour == 19 else 0.2):
                    continue
                later = at + timedelta(minutes=5)
                yield Event(f"o{number}", event_type=EventType.OPEN, occurred_at=later, **told)
                if rng.random() < 0.5:
                    yield Event(f"c{number}", event_type=EventType.CLICK, occurred_at=later, **told)


@pytest.fixture(scope="module")
def shop(make_log: Callable[[], AbstractContextManager[Log]]) -> Iterator[Log]:
    with make_log() as log:
        with log.appender() as appender:
            appender.append(SHOP, event_table(list(events())))
        yield log


def run(
    log: Log,
    registry: Registry,
    outcome: EventType | None,
    *,
    may_serve: MayServe = MayServe.FOR_THE_SAME_OUTCOME,
) -> TrainingReport:
    with log.reader(SHOP) as reader:
        return train(
            reader,
            registry,
            SHOP,
            Recipe(
                shipped(population),
                as_of=END,
                open_window=timedelta(minutes=30),
                outcome=outcome,
                seed=7,
                threads=1,
            ),
            now=END,
            longest_age=timedelta(days=90),
            may_serve=may_serve,
            progress=lambda _: None,
        )


@pytest.fixture
def opens_serve(shop: Log, registry: Registry) -> Registry:
    """A registry whose champion predicts opens."""
    assert run(shop, registry, EventType.OPEN).promoted
    return registry


def test_an_outcome_that_the_log_does_not_hold_is_refused_and_the_champion_stays(
    shop: Log, opens_serve: Registry
) -> None:
    before = opens_serve.models(SHOP)
    with pytest.raises(InvalidInput) as refusal:
        run(shop, opens_serve, EventType.RESPONSE, may_serve=MayServe.FOR_ANY_OUTCOME)
    assert refusal.value.code == "outcome_absent"
    for said in ("`response`", "1,200 `send`", "`--outcome open`", "`--outcome click`"):
        assert said in str(refusal.value)
    assert opens_serve.models(SHOP) == before


def test_a_training_for_another_outcome_is_refused_and_the_champion_stays(
    shop: Log, opens_serve: Registry
) -> None:
    before = opens_serve.models(SHOP)
    with pytest.raises(Conflict) as refusal:
        run(shop, opens_serve, EventType.CLICK)
    assert refusal.value.code == "outcome_differs"
    for said in ("`open`", "`click`", "`--challenger`", "`--change-outcome`"):
        assert said in str(refusal.value)
    assert opens_serve.models(SHOP) == before


def test_a_challenger_may_predict_another_outcome_while_the_champion_serves(
    shop: Log, opens_serve: Registry
) -> None:
    serving = opens_serve.champion(SHOP).version
    assert not run(shop, opens_serve, EventType.CLICK, may_serve=MayServe.NO).promoted
    assert opens_serve.champion(SHOP).version == serving
    newest = opens_serve.models(SHOP)[0]
    assert (newest.outcome, newest.open_window_seconds) == (EventType.CLICK, 1800.0)


def test_once_changed_the_outcome_is_that_of_later_trainings(
    shop: Log, opens_serve: Registry
) -> None:
    assert run(shop, opens_serve, EventType.CLICK, may_serve=MayServe.FOR_ANY_OUTCOME).promoted
    assert opens_serve.champions_outcome(SHOP) is EventType.CLICK
    run(shop, opens_serve, None)
    assert opens_serve.models(SHOP)[0].outcome is EventType.CLICK
    with pytest.raises(Conflict):
        run(shop, opens_serve, EventType.OPEN)


def test_without_a_champion_opens_are_learned(shop: Log, registry: Registry) -> None:
    assert registry.champions_outcome(SHOP) is None
    run(shop, registry, None)
    assert registry.models(SHOP)[0].outcome is EventType.OPEN


def test_a_champion_of_an_older_release_is_asked_what_it_predicts(
    shop: Log, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its version does not carry the outcome; the model itself does."""
    monkeypatch.setattr("sendopt.learn.registry.version_facts._OUTCOME_TAG", "of.another.release")
    assert run(shop, registry, EventType.CLICK).promoted
    monkeypatch.undo()
    assert registry.models(SHOP)[0].outcome is None
    assert registry.champions_outcome(SHOP) is EventType.CLICK
