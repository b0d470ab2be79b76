"""Two models are compared on moments that neither learned from, and on the same ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from trained import HALF_AN_HOUR, trained_as

from sendopt.errors import InvalidInput, NotFound
from sendopt.evaluate.metrics import Interval
from sendopt.features import AsOfView, Target, labelled_sends
from sendopt.features.recording import Recording
from sendopt.learn import Comparison, ServableModel
from sendopt.learn.compare import compare
from sendopt.learn.families import FAMILIES
from sendopt.learn.registry.promotions import RegisteredModel, named
from sendopt.log import Log, Reader, event_table
from sendopt.records import Event, EventType, SendId, TenantId, UserId

SHOP = TenantId("shop")
BEGIN = datetime(2026, 6, 1, tzinfo=UTC)
A_UNTIL, B_UNTIL, END = (BEGIN + timedelta(days=days) for days in (20, 24, 34))


def events() -> Iterator[Event]:
    """Evening users and morning users, three sends a day."""
    rng = np.random.default_rng(3)
    for number in range(30):
        user, likes = UserId(f"u{number}"), (8, 20)[number % 2]
        for day in range(34):
            for hour in (8, 14, 20):
                send = SendId(f"{user}-{day}-{hour}")
                at = BEGIN + timedelta(days=day, hours=hour, minutes=float(rng.uniform(0, 50)))
                yield Event(f"s-{send}", user, EventType.SEND, at, send_id=send)
                if rng.random() < (0.7 if hour == likes else 0.2):
                    opened = at + timedelta(minutes=float(rng.uniform(1, 20)))
                    yield Event(f"o-{send}", user, EventType.OPEN, opened, send_id=send)


@pytest.fixture
def reader(empty_log: Log) -> Iterator[Reader]:
    with empty_log.appender() as appender:
        appender.append(SHOP, event_table(list(events())))
    with empty_log.reader(SHOP) as opened:
        yield opened


def models(reader: Reader) -> tuple[ServableModel, ServableModel]:
    """Return everybody's hours, and the user's own, which learned longer and know better."""
    first = trained_as(FAMILIES["population"], reader, until=A_UNTIL)
    second = trained_as(FAMILIES["empirical_bayes"], reader, until=B_UNTIL)
    return replace(first, version="a" * 16), replace(second, version="b" * 16)


def held(reader: Reader, a: ServableModel, b: ServableModel) -> Comparison:
    return compare(reader, a, b, until=END, seed=7)


def turned(interval: Interval | None) -> tuple[float, float, float]:
    assert interval is not None
    return -interval.estimate, -interval.high, -interval.low


def test_both_are_judged_on_the_moments_after_the_later_one_had_learned(reader: Reader) -> None:
    a, b = models(reader)
    found = held(reader, a, b)
    view = AsOfView(reader, HALF_AN_HOUR)
    later = labelled_sends(view, since=B_UNTIL, until=found.until, limit=10**6)
    assert (found.since, found.moments, found.users) == (B_UNTIL, len(later), 30)
    assert found.choices == 300
    for told, model in ((found.a, a), (found.b, b)):
        said = model.predict(model.labelled_inputs(view, later))
        loss = -np.log(np.where(later.label > 0.5, said, 1.0 - said)).mean()
        assert told.quality.log_loss == pytest.approx(loss)
    difference = found.b.quality.log_loss - found.a.quality.log_loss
    assert found.log_loss.estimate == pytest.approx(difference)
    assert found.log_loss.high < 0.0, "own hours say more than everybody's, beyond chance"
    assert found.within_day_auc is not None
    assert found.within_day_auc.low > 0.0
    assert found.reward is not None
    assert found.reward.low > 0.0


def test_the_other_way_round_every_difference_turns(reader: Reader) -> None:
    a, b = models(reader)
    one, other = held(reader, a, b), held(reader, b, a)
    assert (one.a, one.b) == (other.b, other.a)
    for name in ("log_loss", "within_day_auc", "reward"):
        back = getattr(other, name)
        assert (back.estimate, back.low, back.high) == pytest.approx(turned(getattr(one, name)))
    assert one.calibration_error == pytest.approx(-other.calibration_error)


def test_what_cannot_be_compared_is_refused_in_words(reader: Reader) -> None:
    a, b = models(reader)
    hours = Target(timedelta(hours=2))
    other = replace(b, scorer=replace(b.scorer, target=hours))  # type: ignore[type-var]
    late = replace(b, provenance=replace(b.provenance, learned_until=END + timedelta(days=1)))
    for one, two, code in (
        (a, a, "same_model"),
        (a, other, "targets_differ"),
        (a, late, "nothing_to_compare"),
    ):
        with pytest.raises(InvalidInput) as refusal:
            held(reader, one, two)
        assert refusal.value.code == code
        assert refusal.value.expected


def test_logs_that_record_answers_differently_are_told_apart_in_words(reader: Reader) -> None:
    a, b = models(reader)
    hourly = replace(a.target, recording=Recording(step=timedelta(hours=1), rounded_down=True))
    other = replace(b, scorer=replace(b.scorer, target=hourly))  # type: ignore[type-var]
    with pytest.raises(InvalidInput) as refusal:
        held(reader, a, other)
    assert refusal.value.code == "targets_differ"
    assert "answers stamped when a step of 1:00:00 begins" in refusal.value.message
    assert refusal.value.message.count("stamped") == 1, "the other records them as they were given"


def registered(number: str, version: str, *aliases: str) -> RegisteredModel:
    return RegisteredModel(
        number, version, aliases, None, None, None, None, "", served=False, promotions=()
    )


def test_a_few_digits_are_a_number_and_never_the_beginning_of_another_models_version() -> None:
    known = [registered("3", "912345ab"), registered("2", "9abc"), registered("1", "91ab")]
    assert named(known, "3").version == "912345ab"
    for digits in ("9", "91", "91234"):
        with pytest.raises(NotFound) as refusal:
            named(known, digits)
        assert refusal.value.message == f"no model has the number {digits}"
        for model in known:
            is_near = model.version.startswith(digits)
            assert (f"{model.number} ({model.version})" in str(refusal.value)) is is_near
    for sure in ("912345", "912345a", "9a", "91a"):
        assert named(known, sure).version.startswith(sure)


def test_a_model_is_named_by_alias_number_version_or_its_beginning() -> None:
    known = [
        registered("3", "2ab0", "challenger"),
        registered("2", "2aff", "champion"),
        registered("1", "77aa"),
    ]
    for name, number in (
        ("champion", "2"), ("challenger", "3"), ("2", "2"), ("77a", "1"), ("2ab0", "3"),
        ("2af", "2"),
    ):  # fmt: skip
        assert named(known, name).number == number
    with pytest.raises(InvalidInput, match="2ab0, 2aff"):
        named(known, "2a")
    for unknown in ("", "nobody", "9", "7"):
        with pytest.raises(NotFound):
            named(known, unknown)
