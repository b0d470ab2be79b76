"""Hours are judged across days where each holds one send, as most senders' do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from trained import HALF_AN_HOUR, trained, trained_as

from sendopt.features import AsOfView, LabelledMoments
from sendopt.features.labels.labelled import labelled_sends
from sendopt.learn import ServableModel
from sendopt.learn.families import most_frequent, population
from sendopt.learn.judging.across_days import FEWEST_USERS, judge_across_days
from sendopt.learn.judging.judge_models import judge_models
from sendopt.learn.judging.predictions import OURS, predictions
from sendopt.log import Log, Reader, event_table
from sendopt.records import Event, EventType, SendId, TenantId, UserId

BEGIN, DAYS, USERS = datetime(2026, 6, 1, tzinfo=UTC), 40, 150
JUDGED_FROM, END = BEGIN + timedelta(days=28), BEGIN + timedelta(days=DAYS)
SHOP = TenantId("shop")


def events(*, by_message: bool = False) -> Iterator[Event]:
    """Each user is there, and answers, around an hour of their own; sends go out at any hour.

    With `by_message`, news are answered at any hour and offers hardly at all.
    """
    rng = np.random.default_rng(3)
    for number in range(USERS):
        user, favourite = UserId(f"u{number:03}"), 7 + number * 7 % 14
        for day in range(DAYS):
            midnight = BEGIN + timedelta(days=day)
            there = midnight + timedelta(hours=favourite + float(rng.normal(0.5, 1.0)))
            yield Event(f"v-{user}-{day}", user, EventType.SESSION, there)
            hour = int(rng.integers(24))
            send = SendId(f"{user}-{day}")
            sent = midnight + timedelta(hours=hour, minutes=float(rng.uniform(0, 59)))
            kind = ("news", "offers")[int(rng.integers(2))] if by_message else None
            yield Event(f"s-{send}", user, EventType.SEND, sent, send_id=send, message_type=kind)
            chance = 0.7 if abs(hour - favourite) <= 2 else 0.15
            if by_message:
                chance = 0.6 if kind == "news" else 0.1
            if rng.random() < chance:
                opened = sent + timedelta(minutes=float(rng.uniform(1, 20)))
                yield Event(f"o-{send}", user, EventType.OPEN, opened, send_id=send)


@pytest.fixture(scope="module")
def reader(make_log: Callable[[], AbstractContextManager[Log]]) -> Iterator[Reader]:
    with make_log() as log:
        with log.appender() as appender:
            appender.append(SHOP, event_table(list(events())))
        with log.reader(SHOP) as reader:
            yield reader


@pytest.fixture(scope="module")
def models(reader: Reader) -> dict[str, ServableModel]:
    return {
        OURS: trained(reader, until=JUDGED_FROM).model,
        "population": trained_as(population, reader, until=JUDGED_FROM),
        "most_frequent": trained_as(most_frequent, reader, until=JUDGED_FROM),
    }


def view_of(reader: Reader) -> AsOfView:
    return AsOfView(reader, HALF_AN_HOUR)


def later(reader: Reader) -> LabelledMoments:
    return labelled_sends(view_of(reader), since=JUDGED_FROM, until=END, limit=100_000)


def test_who_knows_each_users_hours_is_above_who_knows_everybodys(
    reader: Reader, models: dict[str, ServableModel]
) -> None:
    found = judge_across_days(later(reader), view_of(reader), models)
    assert found is not None
    assert found.users > USERS / 2
    assert found.gain["population"].low > 0.0
    assert found.auc[OURS] > 0.6


def test_who_orders_hours_worse_is_found_to(
    reader: Reader, models: dict[str, ServableModel]
) -> None:
    swapped = {OURS: models["population"], "better": models[OURS]}
    found = judge_across_days(later(reader), view_of(reader), swapped)
    assert found is not None
    assert found.gain["better"].high < 0.0


def test_a_model_is_not_punished_for_learning_of_an_answer(
    reader: Reader, models: dict[str, ServableModel]
) -> None:
    """Renewed daily, what follows an answer is rated above it, and is mostly silent."""
    past = later(reader)
    found = judge_across_days(past, view_of(reader), models)
    assert found is not None
    assert min(found.auc.values()) > 0.5
    assert found.auc["most_frequent"] > found.auc["population"]


@pytest.mark.slow
def test_it_is_asked_only_where_days_hold_too_few_choices(
    reader: Reader, models: dict[str, ServableModel]
) -> None:
    past, view = later(reader), view_of(reader)
    said = predictions(models, view, *past.viewpoints_and_moments(view))
    assert judge_models(past, view, models, said).across_days is not None

    days = past.local_day // 3 * 3
    threes = replace(past, local_us=days * 86_400_000_000 + past.local_us % 86_400_000_000)
    assert judge_models(threes, view, models, said).across_days is None


def test_too_few_users_tell_nothing(reader: Reader, models: dict[str, ServableModel]) -> None:
    past = later(reader)
    few = past.rows(
        np.isin(past.user_id.to_pylist(), [f"u{n:03}" for n in range(FEWEST_USERS - 1)])
    )
    assert judge_across_days(few, view_of(reader), models) is None


def test_nobody_with_both_outcomes_tells_nothing(
    reader: Reader, models: dict[str, ServableModel]
) -> None:
    past = later(reader)
    silent = past.rows(past.label == 0.0)
    assert judge_across_days(silent, view_of(reader), models) is None
    assert judge_across_days(silent.rows(silent.label > 0.5), view_of(reader), models) is None


def test_who_knows_which_messages_are_answered_knows_nothing_of_hours(empty_log: Log) -> None:
    with empty_log.appender() as appender:
        appender.append(SHOP, event_table(list(events(by_message=True))))
    with empty_log.reader(SHOP) as reader:
        ours = trained(reader, until=JUDGED_FROM).model
        rule = trained_as(population, reader, until=JUDGED_FROM)
        past = later(reader)
        found = judge_across_days(past, view_of(reader), {OURS: ours, "population": rule})
        said = predictions(
            {OURS: ours}, view_of(reader), *past.viewpoints_and_moments(view_of(reader))
        )[OURS]
    assert said[past.label > 0.5].mean() > said[past.label < 0.5].mean() + 0.1  # it does know
    assert found is not None
    assert found.auc[OURS] == pytest.approx(0.5, abs=0.05)
    assert found.gain["population"].low < 0.0 < found.gain["population"].high


def travellers(*, moved: bool, told_by: EventType) -> Iterator[Event]:
    """Each user answers around an hour of their own clock; if `moved`, lastly on Tokyo's.

    They travel in the middle of the judged days, on a day without sends. Only `told_by` events
    name the zone.
    """
    travelled_on = (28 + DAYS) // 2
    rng = np.random.default_rng(7)
    for number in range(USERS):
        user, favourite = UserId(f"u{number:03}"), 7 + number * 7 % 14
        for day in range(DAYS):
            zone = "Asia/Tokyo" if moved and day >= travelled_on else "Europe/Berlin"
            midnight = (BEGIN + timedelta(days=day)).replace(tzinfo=ZoneInfo(zone))
            named = {told_by: zone}
            there = midnight.astimezone(UTC) + timedelta(hours=favourite + rng.normal(0.5, 1.0))
            yield Event(
                f"v-{user}-{day}",
                user,
                EventType.SESSION,
                there,
                timezone=named.get(EventType.SESSION),
            )
            if day == travelled_on:
                continue
            hour = int(rng.integers(24))
            sent = midnight.astimezone(UTC) + timedelta(hours=hour, minutes=rng.uniform(0, 59))
            send, zone_of_send = SendId(f"{user}-{day}"), named.get(EventType.SEND)
            yield Event(
                f"s-{send}", user, EventType.SEND, sent, send_id=send, timezone=zone_of_send
            )
            if rng.random() < (0.7 if abs(hour - favourite) <= 2 else 0.15):
                opened = sent + timedelta(minutes=rng.uniform(1, 20))
                yield Event(f"o-{send}", user, EventType.OPEN, opened, send_id=send)


@pytest.mark.parametrize(
    "told_by", [pytest.param(EventType.SEND, marks=pytest.mark.slow), EventType.SESSION]
)
def test_who_travels_is_judged_by_the_clock_they_lived_by(
    make_log: Callable[[], AbstractContextManager[Log]], told_by: EventType
) -> None:
    auc = []
    for moved in (False, True):
        with make_log() as log:
            with log.appender() as appender:
                appender.append(SHOP, event_table(list(travellers(moved=moved, told_by=told_by))))
            with log.reader(SHOP) as reader:
                rule = trained_as(most_frequent, reader, until=JUDGED_FROM)
                found = judge_across_days(later(reader), view_of(reader), {OURS: rule})
        assert found is not None
        auc.append(found.auc[OURS])
    stayed, travelled = auc
    assert stayed > 0.65
    assert travelled == pytest.approx(stayed, abs=0.03)
