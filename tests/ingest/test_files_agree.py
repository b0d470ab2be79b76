"""Files and requests judge by the same rules: one event, one verdict, whichever door it takes."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sendopt.ingest import import_file
from sendopt.ingest.accept import accept_events
from sendopt.log import Appender, Log, event_table
from sendopt.records import Event, EventType, TenantId, UserId

NOW = datetime(2026, 10, 1, 9, 30, tzinfo=UTC)
_tenants = itertools.count()

# Which code points are unassigned depends on the version of Unicode; the doors may differ there.
texts = st.text(
    st.characters(exclude_categories=["Cs", "Cn"]), min_size=1, max_size=4
) | st.sampled_from(
    ["x" * 256, "x" * 257, "\u202e", "\x00", "a b", "Europe/Berlin", "CST", "UTC", "open"]
)
ids = texts | st.sampled_from(["x" * 128, "x" * 129, "\u00a0", "\ue000"])
times = st.datetimes(datetime(1969, 1, 1), datetime(2027, 1, 1)).map(  # noqa: DTZ001
    lambda each: each.replace(tzinfo=UTC).isoformat()
) | st.sampled_from(
    [
        "2026-09-01T10:00:00",
        "2026-09-01T24:00:00Z",
        "2026-09-01T10:00:60Z",
        "2026-02-29T10:00:00Z",
        "2026-09-01T10:00:00.123456+05:45",
        "2026-09-01",
        "1788220800",
        "1788220800000",
        "now",
        "",
    ]
)
items = st.lists(
    st.fixed_dictionaries(
        {
            "event_id": ids,
            "user_id": texts,
            "event_type": st.sampled_from([*(kind.value for kind in EventType), "opened"]),
            "occurred_at": times,
        },
        optional={
            "send_id": texts,
            "channel": texts,
            "timezone": texts,
            "propensity": st.sampled_from([0, 0.5, 1, 1.5, -1]),
            "attributes": st.dictionaries(
                st.text(st.characters(exclude_categories=["C"]), max_size=3),
                st.none() | st.integers(-9, 9) | st.sampled_from(["é", '"', [1, {"b": 1}]]),
                max_size=3,
            ),
        },
    ),
    min_size=1,
    max_size=30,
    unique_by=lambda item: item["event_id"],
)


@pytest.fixture(scope="module")
def appender(make_log: Callable[[], AbstractContextManager[Log]]) -> Iterator[Appender]:
    with make_log() as log, log.appender() as appender:
        yield appender


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(items=items)
def test_both_doors_give_the_same_verdicts(
    items: list[dict[str, Any]], appender: Appender, tmp_path: Path
) -> None:
    tenant_id = TenantId(f"tenant {next(_tenants)}")
    verdicts = accept_events(items, now=NOW)
    events = [each for each in verdicts if isinstance(each, Event)]
    file = tmp_path / "items.jsonl"
    file.write_text("\n".join(json.dumps(item) for item in items))
    told: list[UserId] = []
    report = import_file(
        file, appender, tenant_id, now=NOW, note_opt_outs=told.extend, progress=lambda _: None
    )
    assert [each.row for each in report.rejections()] == [
        row for row, each in enumerate(verdicts, start=1) if not isinstance(each, Event)
    ]
    # Equal to the last attribute: the log takes the request's events for repeats of the file's.
    assert report.accepted == len(events)
    assert set(told) == {each.user_id for each in events if each.event_type is EventType.OPT_OUT}
    assert appender.append(tenant_id, event_table(events)).repeated == len(events)
