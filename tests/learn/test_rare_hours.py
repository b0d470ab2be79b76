"""Hours that were hardly ever drawn: named, chosen among, and no reason for a causal figure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from trained import HALF_AN_HOUR, trained_as

from sendopt.evaluate.off_policy import DR, Value
from sendopt.evaluate.refusal import Refusal
from sendopt.features import AsOfView
from sendopt.learn import ServableModel
from sendopt.learn.families import population
from sendopt.learn.judging.off_policy import OffPolicyEvaluation, evaluate_off_policy
from sendopt.learn.judging.predictions import OURS
from sendopt.log import Log, event_table
from sendopt.records import Event, EventType, SendId, TenantId, UserId

SHOP = TenantId("shop")
BEGIN = datetime(2026, 6, 1, tzinfo=UTC)
USERS, DAYS = 40, 50
RARE, HOURS = 3, (3, 9, 15, 21)
CHANCE = {3: 0.002, 9: 0.300, 15: 0.398, 21: 0.300}
RATE = {3: 0.9, 9: 0.2, 15: 0.4, 21: 0.3}


def events() -> Iterator[Event]:
    """One send a day to each user, at an hour drawn with a known chance; nights hardly ever."""
    rng = np.random.default_rng(11)
    for number in range(USERS):
        user = UserId(f"u{number:02}")
        for day in range(DAYS):
            hour = int(rng.choice(HOURS, p=list(CHANCE.values())))
            sent = BEGIN + timedelta(days=day, hours=hour, minutes=30)
            send = SendId(f"{user}-{day}")
            yield Event(
                f"s-{send}", user, EventType.SEND, sent, send_id=send, propensity=CHANCE[hour]
            )
            if rng.random() < RATE[hour]:
                yield Event(
                    f"o-{send}", user, EventType.OPEN, sent + timedelta(minutes=5), send_id=send
                )


def preferring(model: ServableModel, hour: int) -> ServableModel:
    """The rule of everybody's hours, with one hour that it likes best."""
    scorer = model.scorer
    assert isinstance(scorer, population.PopulationRule)
    logits = np.full_like(scorer.hours.logits, -1.0)
    logits[:, [2 * hour, 2 * hour + 1]] = 1.0
    return replace(model, scorer=replace(scorer, hours=replace(scorer.hours, logits=logits)))


@pytest.fixture(scope="module")
def found(make_log: Callable[[], AbstractContextManager[Log]]) -> OffPolicyEvaluation:
    """One policy that keeps to an hour that was often drawn, and one that wants the night."""
    end = BEGIN + timedelta(days=DAYS)
    with make_log() as log:
        with log.appender() as appender:
            appender.append(SHOP, event_table(list(events())))
        with log.reader(SHOP) as reader:
            model = trained_as(population, reader, until=end)
            policies = {OURS: preferring(model, 15), "night": preferring(model, RARE)}
            view = AsOfView(reader, HALF_AN_HOUR)
            return evaluate_off_policy(view, policies, since=BEGIN, until=end)


def test_every_hour_that_was_drawn_is_told_and_the_rare_ones_are_named(
    found: OffPolicyEvaluation,
) -> None:
    assert found.hours == HOURS
    assert found.rare_hours == (RARE,)
    assert 0.0 < found.rare_share < 0.005
    assert found.evaluated >= USERS * DAYS - USERS, "sends at rare hours are among them"


def test_a_policy_that_wants_a_rare_hour_is_refused_a_value(found: OffPolicyEvaluation) -> None:
    """Its few sends there say nothing, however high their share of answers is."""
    refused = found.value["night"]
    assert isinstance(refused, Refusal)
    assert refused.code == "no_support"
    assert "100.0% of the target's sends" in refused.reason
    assert "never or hardly drawn" in refused.reason
    assert "night" not in found.gain


def test_a_policy_of_often_drawn_hours_has_its_value(found: OffPolicyEvaluation) -> None:
    value = found.value[OURS]
    assert isinstance(value, Value)
    assert value.support.unreachable == 0.0
    interval = value.estimates[DR]
    assert interval.low < RATE[15] < interval.high
