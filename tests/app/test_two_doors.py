"""One event id and two doors, a request and a file: what was acknowledged first stays."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from event_doors import write

from sendopt.app import accepting
from sendopt.app.answers import EventVerdict
from sendopt.app.appending import copy_outbox
from sendopt.app.importing import ImportAppender, end_abandoned
from sendopt.ingest import ImportReport, import_file
from sendopt.log import Log, Reader
from sendopt.records import TenantId
from sendopt.state import State, import_gate, tenants

SHOP = TenantId("shop")
AT = datetime(2026, 10, 1, 9, tzinfo=UTC)


@pytest.fixture
def shop(state: State, empty_log: Log) -> Shop:
    with state.write_fleet() as tx:
        tenants.create(tx, SHOP, timezone="UTC", now=AT)
    return Shop(state, empty_log)


class Shop:
    """A tenant's two doors, and what its log holds."""

    def __init__(self, state: State, log: Log) -> None:
        self.state = state
        self.log = log

    def request(self, rows: Sequence[dict[str, Any]], log: Log | None = None) -> list[EventVerdict]:
        return accepting.accept(
            list(rows), SHOP, state=self.state, log=log or self.log, now=AT + timedelta(hours=1)
        )

    def file(self, path: Path, *, meanwhile: Callable[[], object] = lambda: None) -> ImportReport:
        """Import a file; `meanwhile` happens once the outbox has been copied."""

        with self.log.appender() as appender:

            def copy() -> None:
                copy_outbox(self.state, appender, batch=1000)
                meanwhile()

            return import_file(
                path,
                ImportAppender(self.state, appender, copy),
                SHOP,
                now=AT + timedelta(hours=1),
                note_consents=lambda _: None,
                progress=lambda _: None,
            )

    def append(self) -> None:
        with self.log.appender() as appender:
            end_abandoned(self.state)
            copy_outbox(self.state, appender, batch=1000)

    def users(self) -> dict[str, str]:
        """Return the user of each event in the log, by its id."""
        with self.log.reader(SHOP) as reader:
            rows = reader.query("all", "select event_id, user_id from event").to_pylist()
        assert len({row["event_id"] for row in rows}) == len(rows)
        return {row["event_id"]: row["user_id"] for row in rows}


def an_event(event_id: str, user_id: str) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "user_id": user_id,
        "event_type": "session",
        "occurred_at": AT.isoformat(),
    }


@pytest.mark.parametrize("name", ["events.csv", "events.jsonl", "events.parquet"])
def test_an_acknowledged_event_stays_when_a_file_brings_its_id_before_it_was_copied(
    shop: Shop, tmp_path: Path, name: str
) -> None:
    rows = [an_event("same-1", "ann"), an_event("same-2", "ann")]
    assert [each.verdict for each in shop.request(rows)] == ["accepted", "accepted"]
    file = write(
        tmp_path / name,
        [an_event("same-1", "bob"), an_event("same-2", "ann"), an_event("new", "bob")],
    )
    report = shop.file(file)
    assert (report.accepted, report.repeated, report.conflicts) == (1, 1, 1)
    [refused] = report.refused.to_pylist()
    assert (refused["row"], refused["code"]) == (1, "event_conflict")
    shop.append()
    assert shop.users() == {"same-1": "ann", "same-2": "ann", "new": "bob"}


def test_an_event_that_is_acknowledged_while_a_file_is_stored_stays(
    shop: Shop, tmp_path: Path
) -> None:
    file = write(tmp_path / "events.csv", [an_event(f"e{n}", "file") for n in range(5)])
    told: list[str] = []

    def meanwhile() -> None:
        if not told:
            told.extend(each.verdict for each in shop.request([an_event("e3", "request")]))

    report = shop.file(file, meanwhile=meanwhile)
    assert told == ["accepted"]
    assert (report.accepted, report.conflicts) == (4, 1)
    shop.append()
    assert shop.users()["e3"] == "request"


def test_a_request_that_looked_before_a_file_was_stored_looks_again(
    shop: Shop, tmp_path: Path
) -> None:
    file = write(tmp_path / "events.csv", [an_event("e1", "file")])
    imported: list[ImportReport] = []

    class Overtaken(Log):
        """The same log; a file is imported right after the first look at it."""

        @contextmanager
        def reader(self, tenant_id: TenantId, *, snapshot: int | None = None) -> Iterator[Reader]:
            with shop.log.reader(tenant_id) as reader:
                yield reader
            if not imported:
                imported.append(shop.file(file))

    [verdict] = shop.request([an_event("e1", "request")], log=Overtaken(shop.log.location))
    assert imported[0].accepted == 1
    assert verdict.verdict == "conflict"
    shop.append()
    assert shop.users() == {"e1": "file"}


def test_an_import_that_died_lets_requests_look_twice_until_the_next_copy(shop: Shop) -> None:
    def number() -> int:
        with shop.state.read(SHOP) as tx:
            return import_gate.number(tx)

    with shop.state.write(SHOP) as tx:
        import_gate.announce(tx)
    assert number() % 2 == 1
    assert shop.request([an_event("e1", "request")])[0].verdict == "accepted"
    shop.append()
    assert number() % 2 == 0
    assert shop.request([an_event("e1", "again")])[0].verdict == "conflict"


def test_a_gate_stays_shut_however_long_an_import_is_paused(shop: Shop) -> None:
    with shop.state.write_fleet() as tx:
        if not tx.is_sqlite:
            tx.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = '100ms'"))
        import_gate.announce(tx.of(SHOP))
        import_gate.shut(tx.of(SHOP))
        threading.Event().wait(0.4)
        import_gate.end(tx.of(SHOP))


def test_whatever_is_acknowledged_while_files_come_in_is_what_the_log_holds(
    shop: Shop, tmp_path: Path
) -> None:
    count, said = 16, {}
    files = [
        write(
            tmp_path / f"{part}.jsonl",
            [an_event(f"e{n:03}", "file") for n in range(part, count, 2)],
        )
        for part in range(2)
    ]

    def post(first: int) -> None:
        for n in range(first, count, 2):
            said[f"e{n:03}"] = shop.request([an_event(f"e{n:03}", "request")])[0].verdict

    threads = [threading.Thread(target=post, args=(first,)) for first in range(2)]
    for thread in threads:
        thread.start()
    for file in files:
        shop.file(file)
    for thread in threads:
        thread.join()
    shop.append()
    users = shop.users()
    assert len(users) == count
    told = {"accepted": "request", "conflict": "file"}
    assert {event_id: told[verdict] for event_id, verdict in said.items()} == users
