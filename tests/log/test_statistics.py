"""Statistics of the catalog decide what a query passes over: wrong ones are found, no others."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from sendopt.errors import StoreFailure
from sendopt.log import Log, event_table
from sendopt.records import Event, TenantId

SHOP, RIVAL = TenantId("shop"), TenantId("a rival/1")
MANY, FEW = 1_200, 5  # what makes a file, and what stays in the catalog


def events(an_event: Callable[..., Event], name: str, count: int) -> list[Event]:
    """Make events of values that statistics may stumble over."""
    odd = ["", "é" * 200, "\U0001f600", "10", "9", "~", "'\"; --", "x" * 20_000]
    return [
        an_event(
            event_id=f"{name}{number}",
            user_id=odd[number % len(odd)] or "-",
            occurred_at=datetime(2026, 3, 1, tzinfo=UTC) + timedelta(microseconds=number * 333_333),
            campaign_id=odd[number % 5] or None,
            propensity=None if number % 3 else 1 / (number + 1),
            attributes={"text": odd[number % len(odd)]},
        )
        for number in range(count)
    ]


def test_right_statistics_are_never_called_wrong(log: Log, an_event: Callable[..., Event]) -> None:
    with log.appender() as appender:
        for turn, count in enumerate((MANY, FEW, MANY, FEW)):
            appender.append(SHOP, event_table(events(an_event, f"{turn}-", count)))
            appender.append(RIVAL, event_table(events(an_event, f"{turn}-", count)))
            assert log.look_at_files().damaged == ()
        appender.compact()
        assert log.look_at_files().damaged == ()
        appender.append(SHOP, event_table(events(an_event, "last", FEW)))
        appender.append_outbox([(7, RIVAL, an_event(event_id="copied"))])
    assert log.look_at_files().damaged == ()


@pytest.mark.parametrize(
    "change",
    [
        (
            "update ducklake_file_column_stats set min_value = '2026-03-01 00:05:00+00' where "
            "min_value like '2026%'"
        ),
        (
            "update ducklake_file_column_stats set max_value = '2026-03-01 00:05:00+00' where "
            "max_value like '2026%'"
        ),
        "update ducklake_file_column_stats set value_count = 0 where column_id = 3",
        "update ducklake_file_column_stats set null_count = null_count + 1 where column_id = 3",
        (
            "update ducklake_table_column_stats set min_value = '2026-03-01 00:05:00+00' where "
            "min_value like '2026%'"
        ),
        (
            "update ducklake_table_column_stats set max_value = '2026-03-01 00:00:00+00' where "
            "max_value like '2026%'"
        ),
        "update ducklake_table_column_stats set contains_null = 0 where contains_null = 1",
        (
            "update ducklake_table_column_stats set max_value = 'x' where table_id in "
            "(select table_id from ducklake_table where table_name = 'batch') and column_id = 2"
        ),
    ],
)
def test_a_statistic_that_hides_events_is_found_before_they_are_missed(
    local_log: Log, an_event: Callable[..., Event], change: str
) -> None:
    with local_log.appender() as appender:
        appender.append(SHOP, event_table(events(an_event, "many", MANY)))
        appender.append(SHOP, event_table(events(an_event, "few", FEW)))
    local_log.close()
    with closing(sqlite3.connect(local_log.location.catalog)) as catalog:
        assert catalog.execute(change).rowcount
        catalog.commit()
    assert local_log.look_at_files().damaged
    for open_reader in (local_log.reader, local_log.checked_reader):
        with pytest.raises(StoreFailure, match="statistics") as refused, open_reader(SHOP):
            pass
        assert refused.value.code == "log_damaged"
