"""A reader of the log hears the same of its tenant, whoever else writes under the same ids."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from sendopt.errors import SendoptError
from sendopt.log import Log, Reader, event_table, statements
from sendopt.records import CampaignId, Event, EventType, SendId, TenantId, UserId

NORTH, SOUTH = TWINS = (TenantId("north"), TenantId("south"))
NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

#: Where SQL says whose rows it means, and what stands there once it has forgotten.
_FORGOTTEN = {
    "tenant_id = {tenant_id}": "{tenant_id} is not null",
    "tenant_id = $tenant_id": "$tenant_id is not null",
    "using (tenant_id, event_id)": "using (event_id)",
}
_PLACE = re.compile("|".join(map(re.escape, _FORGOTTEN)))
#: Places that may forget the tenant without any effect, and why.
EQUIVALENT = {
    "suspects.sql 0": "more ids are looked at, and each is compared within its tenant",
    "stored.sql 0": "more events are looked at, and each is compared within its tenant",
    "verdicts.sql 0": "an event that came first itself repeats none",
}


def an_event(name: str, whose: TenantId, **changed: Any) -> Event:
    """Of a user of the same name, at another time, with other words."""
    given: dict[str, Any] = {
        "user_id": UserId(f"u{sum(map(ord, name)) % 4}"),
        "event_type": EventType.SESSION,
        "occurred_at": NOW + TWINS.index(whose) * HOUR,
        "attributes": {"said": f"in the {whose}"},
    }
    return Event(name, **(given | changed))


def a_send(name: str, whose: TenantId, **changed: Any) -> Event:
    sent = {"event_type": EventType.SEND, "send_id": SendId("s1"), "user_id": UserId("u1")}
    return an_event(name, whose, campaign_id=CampaignId(whose), **(sent | changed))


def live(log: Log, whose: Iterable[TenantId]) -> int:
    """Append what these tenants have, in turns; return a snapshot in the middle of it."""
    with log.appender() as appender:
        for each in whose:
            many = [an_event(f"e{number}", each) for number in range(1_100)]  # a file of its own
            appender.append(each, event_table([*many, an_event(f"only-{each}", each)]))
            appender.append(each, event_table([a_send("sent", each), a_send("again", each)]))
            appender.append(each, event_table([an_event(f"a-stray-of-{each}", each)]))
        with log.reader(NORTH) as reader:
            middle = reader.snapshot
        for each in whose:
            late = [an_event("late", each, user_id=UserId(f"late-{each}"))]
            appender.append(each, event_table(late))
            # Each has one of these already, and both are given twice in the batch that follows.
            appender.append(each, event_table([an_event(("x", "y")[TWINS.index(each)], each)]))
        batch = [
            (1 + TWINS.index(each) + 2 * number, each, an_event(name, each))
            for number, name in enumerate(("both", "x", "x", "y", "y"))
            for each in whose
        ]
        appender.append_outbox(batch)
    return middle


def answers(log: Log, us: TenantId, middle: int) -> Iterator[tuple[str, Any]]:
    """Ask the log everything about us, and let it append for us what others have already."""
    yield "tenants", us in log.tenants()
    with log.checked_reader(us) as reader:
        yield from _of_reader(reader, "checked")
        yield "appended, held", (reader.appended(), reader.held())
        yield "appended since", sorted(reader.users_appended_after(middle).to_pylist())
        for name, part in (
            ("before", reader.before(NOW + HOUR / 2)),
            ("within", reader.within(NOW - HOUR, NOW + 2 * HOUR)),
            ("of a user", reader.of_user(UserId("u1"))),
            ("for many queries", reader.for_many_queries()),
        ):
            with part as opened:
                yield from _of_reader(opened, name)
    stray = Path(log.location.data, "main", "event", f"tenant_id={us}", "stray.parquet")
    stray.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(event_table([an_event(f"a-stray-of-{each}", us) for each in TWINS]), stray)
    yield "unnamed", [each for each in log.unnamed_files() if each.tenant_id == us]
    with log.appender() as appender:
        again = [an_event(name, us) for name in ("e0", *(f"only-{each}" for each in TWINS))]
        yield "again", appender.append(us, event_table(again))
        other = [an_event("e0", us, attributes={"said": "otherwise"}), an_event("new", us)]
        yield "otherwise", appender.append(us, event_table(other))
        yield "twice", appender.append(us, event_table([an_event("two", us)] * 2))
    with log.reader(us) as reader:
        yield from _of_reader(reader, "afterwards")


def _of_reader(reader: Reader, name: str) -> Iterator[tuple[str, Any]]:
    for table in ("event", "send", "repeated_send"):
        rows = reader.query(table, f"select * from {table}").to_pylist()
        yield f"{name}: {table}", sorted(rows, key=repr)


MakeLog = Callable[[], AbstractContextManager[Log]]


def told(make_log: MakeLog, us: TenantId, whose: Iterable[TenantId]) -> Iterator[tuple[str, Any]]:
    with make_log() as log:
        yield from answers(log, us, live(log, whose))


@pytest.fixture(scope="module")
def by_ourselves(make_log: MakeLog) -> dict[TenantId, list[tuple[str, Any]]]:
    """What each twin is answered where there is no other."""
    return {us: [*told(make_log, us, [us])] for us in TWINS}


@pytest.mark.parametrize(
    "us", [TWINS[0], *(pytest.param(us, marks=pytest.mark.slow) for us in TWINS[1:])]
)
def test_answers_are_the_same_without_anybody_else(
    us: TenantId, make_log: MakeLog, by_ourselves: dict[TenantId, list[tuple[str, Any]]]
) -> None:
    for ours, expected in zip(told(make_log, us, TWINS), by_ourselves[us], strict=True):
        assert ours == expected


class _Forgetful:
    """The SQL files of the log, one of which forgets its tenant at one place."""

    def __init__(self, name: str, number: int) -> None:
        self._name, self._number = name, number
        self._place = 0

    def __call__(self, package: str) -> _Forgetful:
        return self

    def joinpath(self, folder: str, file: str) -> _Forgetful:
        self._file = file
        return self

    def read_text(self, encoding: str) -> str:
        text = files("sendopt.log").joinpath("sql", self._file).read_text(encoding)
        if self._file != self._name:
            return text
        match = [*_PLACE.finditer(text)][self._number]
        return text[: match.start()] + _FORGOTTEN[match[0]] + text[match.end() :]


def _places() -> list[tuple[str, int]]:
    sql = sorted(Path(str(files("sendopt.log"))).glob("sql/*.sql"))
    return [
        (file.name, number)
        for file in sql
        for number in range(len(_PLACE.findall(file.read_text())))
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "number"), _places())
def test_no_statement_can_forget_its_tenant(
    name: str,
    number: int,
    make_log: MakeLog,
    by_ourselves: dict[TenantId, list[tuple[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(statements, "files", _Forgetful(name, number))
    statements.statement.cache_clear()
    try:
        noticed = any(_differs(make_log, us, by_ourselves[us]) for us in TWINS)
    finally:
        statements.statement.cache_clear()
    assert noticed == (f"{name} {number}" not in EQUIVALENT)


def _differs(make_log: MakeLog, us: TenantId, expected: list[tuple[str, Any]]) -> bool:
    try:
        return any(
            ours != own for ours, own in zip(told(make_log, us, TWINS), expected, strict=True)
        )
    except SendoptError:
        return True
