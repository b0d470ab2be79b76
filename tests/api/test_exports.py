"""Whole lists and reports as CSV and Parquet: complete, exact, harmless, and a piece at a time."""

from __future__ import annotations

import csv
import io
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from api.conftest import NOW
from waiting import wait_until

from sendopt.app import App, exports
from sendopt.app.table_files import INSTANT, TEXT, WHOLE, Form, Table, written
from sendopt.records import CampaignId, TenantId
from sendopt.state.send_list import SendFilter
from sendopt.state.tables import app_user, planned_send

TENANT = TenantId("exported")
COUNT = 25_000
Ask = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def ask(app: App, url: str) -> Iterator[Ask]:
    """A tenant of many sends, and of users with names that a spreadsheet would work out."""
    app.operator.create_tenant(TENANT, timezone="Europe/Vienna")
    users = ["=cmd|'/c calc'!A0", "+1", "-1", "@x", 'a,"b"', "ann", "é"]
    with app.state.write(TENANT) as tx:
        row = {"tenant_id": TENANT, "updated_at": NOW}
        tx.execute(sa.insert(app_user), [row | {"user_id": user} for user in users])
        sends = [
            {
                "tenant_id": TENANT,
                "send_id": f"s{number:05}",
                "campaign_id": "autumn",
                "variant_id": "plain",
                "user_id": f"u{number:05}",
                "channel": "simulator",
                "due_at": datetime(2026, 10, 25, 0, 30, 0, number, tzinfo=UTC),
                "state": "planned" if number % 2 else "failed",
                "reason": None if number % 2 else "gave_up",
                "planned_at": NOW,
            }
            for number in range(COUNT)
        ]
        tx.execute(sa.insert(planned_send), sends)
    headers = {"Authorization": f"Bearer {app.as_owner_of(TENANT).keys.issue('tests').key}"}
    with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
        yield lambda path, **options: client.get(f"/v1/exports/{path}", **options)


def rows(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def test_every_send_stands_in_it_once_in_order_and_as_it_is(ask: Ask) -> None:
    answer = ask("sends")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="sends.csv"'
    found = rows(answer)
    assert [each["send_id"] for each in found] == [f"s{number:05}" for number in range(COUNT)]
    assert found[1]["due_at"] == "2026-10-25T00:30:00.000001Z"
    assert (found[1]["reason"], found[1]["state"]) == ("", "planned")
    table = pq.read_table(io.BytesIO(ask("sends", params={"format": "parquet"}).content))
    assert table["send_id"].to_pylist() == [each["send_id"] for each in found]
    assert table["due_at"][1].as_py() == datetime(2026, 10, 25, 0, 30, 0, 1, tzinfo=UTC)
    assert table["reason"][1].as_py() is None
    assert table.column_names == list(found[0])


def test_filters_narrow_it_and_others_are_refused(ask: Ask) -> None:
    assert len(rows(ask("sends", params={"state": "failed"}))) == COUNT // 2
    assert rows(ask("sends", params={"campaign_id": "none"})) == []
    refused = ask("sends", params={"limit": 3})
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_parameter")
    assert ask("sends", params={"format": "xlsx"}).status_code == 422


def test_the_header_accept_chooses_the_form(ask: Ask) -> None:
    answer = ask("users", headers={"Accept": "application/vnd.apache.parquet"})
    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    assert answer.content.startswith(b"PAR1")


def test_no_text_is_a_formula(ask: Ask) -> None:
    found = [each["user_id"] for each in rows(ask("users"))]
    assert sorted(found) == sorted(["'=cmd|'/c calc'!A0", "'+1", "'-1", "'@x", 'a,"b"', "ann", "é"])
    table = pq.read_table(io.BytesIO(ask("users", params={"format": "parquet"}).content))
    assert "=cmd|'/c calc'!A0" in table["user_id"].to_pylist()


def test_results_and_statements_are_tables_too(ask: Ask, app: App) -> None:
    assert ask("campaigns/none/results").json()["code"] == "campaign_unknown"
    assert ask("statements/october").json()["code"] == "period_invalid"
    assert rows(ask("statements/2026-10")) == []
    assert rows(ask("devices")) == []
    definition: dict[str, Any] = {
        "campaign_id": "autumn",
        "channel": "simulator",
        "variants": [
            {"variant_id": "plain", "title": "T", "body": "B", "url": "https://a.example/"}
        ],
        "send_window": {
            "earliest_at": "2026-10-02T00:00:00Z",
            "latest_at": "2026-10-03T00:00:00Z",
        },
        "audience": ["ann"],
        "quiet_hours": None,
    }
    app.as_owner_of(TENANT).campaigns.put(definition, commit=False)
    (total, *_) = rows(ask("campaigns/autumn/results"))
    assert (total["by"], total["value"]) == ("total", "")
    other = TenantId("divided")
    app.operator.create_tenant(other, timezone="UTC")
    work = app.as_owner_of(other)
    work.campaigns.put(definition, commit=True)
    table = exports.results(work, CampaignId("autumn"))
    divided = {row[0]: row[1] for row in next(table.batches)}
    divisions = {"total", "revision", "variant", "arm", "local_hour", "channel"}
    assert (divided.keys(), divided["revision"]) == (divisions, "1")


def test_who_goes_away_in_the_midst_gives_back_the_turn(ask: Ask, app: App, url: str) -> None:
    headers = {"Authorization": f"Bearer {app.as_owner_of(TENANT).keys.issue('leaves').key}"}
    for _ in range(10):
        with (
            httpx.Client(base_url=url, headers=headers, timeout=60) as client,
            client.stream("GET", "/v1/exports/sends") as answer,
        ):
            wait_until(lambda: answer.status_code in {200, 503}, "the answer's head")
            next(answer.iter_bytes(1024), None)
    wait_until(lambda: ask("users").status_code == 200, "a free turn")


@pytest.mark.slow
def test_a_table_of_any_length_needs_no_more_memory() -> None:
    def batches(count: int) -> Iterator[list[list[Any]]]:
        for number in range(count):
            yield [[f"user-{number}-{row}", row, NOW] for row in range(1_000)]

    columns = [("user_id", TEXT), ("number", WHOLE), ("at", INSTANT)]
    for form in Form:
        peaks = []
        for count in (20, 100):
            tracemalloc.start()
            for _ in written(Table("users", columns, batches(count)), form):
                pass
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        assert peaks[1] < 1.5 * peaks[0], form


def test_a_row_that_cannot_be_read_stands_in_it_by_its_id(app: App, ask: Ask) -> None:
    with app.state.write(TENANT) as tx:
        one = (tx.owns(planned_send), planned_send.c.send_id == "s00007")
        tx.execute(sa.update(planned_send).where(*one).values(channel="pigeon"))
    try:
        found = rows(ask("sends"))
        assert len(found) == COUNT
        (damaged,) = [each for each in found if each["send_id"] == "s00007"]
        assert set(damaged.values()) == {"s00007", ""}
    finally:
        with app.state.write(TENANT) as tx:
            tx.execute(sa.update(planned_send).where(*one).values(channel="simulator"))


@pytest.mark.usefixtures("ask")
def test_what_is_exported_is_what_the_list_says(app: App) -> None:
    table = exports.sends(app.as_owner_of(TENANT), SendFilter())
    names = [name for name, _ in table.columns]
    first = dict(zip(names, next(table.batches)[0], strict=True))
    assert first["user_id"] == "u00000"
