"""A model that is to be judged is the same, to the bit, without the days that judge it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from trained import trained

from sendopt.learn.families import artifact
from sendopt.log import Log, Reader, event_table
from sendopt.records import Event, EventType, TenantId, UserId

SHOP = TenantId("shop")
BEGIN, DAYS = datetime(2026, 6, 1, tzinfo=UTC), 12


def assert_judged_days_taught_nothing(reader: Reader, until: datetime, folder: Path) -> None:
    fitted = trained(reader, until=until, judged=True)
    assert fitted.split.judge(fitted.moments).any()
    with reader.before(fitted.split.judge_from) as known:
        without = trained(known, until=fitted.split.judge_from)
    assert without.split == fitted.split
    same_origin = replace(without.model, provenance=fitted.model.provenance)
    versions = [artifact.write(each, folder).version for each in (fitted.model, same_origin)]
    assert versions[0] == versions[1]


@pytest.mark.parametrize(
    "study", [pytest.param("westhoff2024", marks=pytest.mark.slow), "dejonckheere2019"]
)
def test_the_days_that_judge_a_model_taught_it_nothing(
    studies: Log, study: str, tmp_path: Path
) -> None:
    with studies.reader(TenantId(study)) as reader:
        assert_judged_days_taught_nothing(reader, datetime(2025, 3, 16, tzinfo=UTC), tmp_path)


@pytest.fixture
def young(make_log: Callable[[], AbstractContextManager[Log]]) -> Iterator[Log]:
    """Ten sends a day, more and more of them answered; a hundred are known to the last days."""
    events = []
    for number in range(10 * DAYS):
        sent = BEGIN + timedelta(days=number // 10, hours=9 + number % 10)
        user, send = UserId(f"u{number % 5}"), f"send-{number}"
        events.append(Event(f"s-{number}", user, EventType.SEND, sent, send_id=send))
        if number % 10 < number // 10:
            opened = sent + timedelta(minutes=25)
            events.append(Event(f"o-{number}", user, EventType.OPEN, opened, send_id=send))
    with make_log() as log:
        with log.appender() as appender:
            appender.append(SHOP, event_table(events))
        yield log


def test_nor_did_they_in_a_young_log(young: Log, tmp_path: Path) -> None:
    until = BEGIN + timedelta(days=DAYS)
    with young.reader(SHOP) as reader:
        assert_judged_days_taught_nothing(reader, until, tmp_path)
        fitted = trained(reader, until=until, judged=True)
        judged = fitted.split.judge(fitted.moments)
        described = fitted.model.labelled_inputs(fitted.view, fitted.moments)
    np.testing.assert_array_equal(fitted.rows.base[judged], described.base[judged])
