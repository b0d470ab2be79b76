"""Whoever opts out gets nothing more, however we learn of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sendopt.app import App, open_app
from sendopt.clock import VirtualClock
from sendopt.errors import InvalidInput
from sendopt.records import TenantId, UserId
from sendopt.settings import Settings

TENANT = TenantId("default")
START = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)


def a_campaign(name: str) -> dict[str, object]:
    return {
        "campaign_id": name,
        "channel": "simulator",
        "variants": [{"variant_id": "v", "title": "t", "body": "b"}],
        "send_window": {
            "earliest_at": (START + timedelta(hours=1)).isoformat(),
            "latest_at": (START + timedelta(hours=3)).isoformat(),
        },
        "quiet_hours": None,
        "audience": "everyone",
    }


def by_file(app: App, folder: Path) -> None:
    file = folder / "opt_outs.csv"
    file.write_text(f"event_id,user_id,event_type,occurred_at\no,u,opt_out,{START.isoformat()}\n")
    (report,) = app.as_owner_of(TENANT).events.import_files(
        [file], progress=lambda _path, _rows: None
    )
    assert report.accepted == 1


def by_file_before_a_damaged_one(app: App, folder: Path) -> None:
    good, damaged = folder / "opt_outs.csv", folder / "damaged.csv.gz"
    good.write_text(f"event_id,user_id,event_type,occurred_at\no,u,opt_out,{START.isoformat()}\n")
    damaged.write_bytes(b"not packed")
    with pytest.raises(InvalidInput, match=r"damaged\.csv\.gz"):
        app.as_owner_of(TENANT).events.import_files(
            [good, damaged], progress=lambda _path, _rows: None
        )


def by_request(app: App, folder: Path) -> None:
    del folder
    event = {
        "event_id": "o",
        "user_id": "u",
        "event_type": "opt_out",
        "occurred_at": START.isoformat(),
    }
    (verdict,) = app.as_owner_of(TENANT).events.accept([event])
    assert verdict.verdict == "accepted"


@pytest.mark.parametrize("opt_out", [by_file, by_file_before_a_damaged_one, by_request])
@pytest.mark.parametrize("already_planned", [False, True])
def test_nothing_is_sent_after_an_opt_out(
    home: Path, tmp_path: Path, opt_out: Callable[[App, Path], None], already_planned: bool
) -> None:
    clock = VirtualClock(START)
    sent = []
    with closing(open_app(Settings(home=home), clock=clock)) as app:
        app.as_owner_of(TENANT).devices.register(
            {"device_id": "d", "user_id": "u", "channel": "simulator", "address": {}}
        )
        campaign = a_campaign("hello")
        if already_planned:
            app.as_owner_of(TENANT).campaigns.put(campaign, commit=True)
        opt_out(app, tmp_path)
        app.as_owner_of(TENANT).campaigns.put(campaign, commit=True)
        clock.advance(timedelta(hours=2))
        app.rounds.dispatcher(on_simulated=sent.append).dispatch_due()
        assert sent == []
        assert app.as_owner_of(TENANT).campaigns.get("hello").counts["suppressed"] == 1  # type: ignore[arg-type]


HEADER = "event_id,user_id,event_type,occurred_at\n"


def test_an_imported_opt_out_has_its_own_time_and_accuses_no_earlier_send(
    home: Path, tmp_path: Path
) -> None:
    """What was sent before anybody knew of it broke no promise, and did no harm."""
    clock = VirtualClock(START)
    file = tmp_path / "said.csv"
    with closing(open_app(Settings(home=home), clock=clock)) as app:
        app.as_owner_of(TENANT).devices.register(
            {"device_id": "d", "user_id": "u", "channel": "simulator", "address": {}}
        )
        app.as_owner_of(TENANT).campaigns.put(a_campaign("first"), commit=True)
        clock.advance(timedelta(hours=2))
        sent: list[object] = []
        app.rounds.dispatcher(on_simulated=sent.append).dispatch_due()
        assert len(sent) == 1
        said_at = START - timedelta(days=400)
        file.write_text(f"{HEADER}o,u,opt_out,{said_at.isoformat()}\n")
        app.as_owner_of(TENANT).events.import_files([file], progress=lambda _path, _rows: None)
        assert app.as_owner_of(TENANT).users.get(UserId("u")).opted_out_at == said_at
        assert app.operator.verify(progress=lambda _part: None).findings == ()


@pytest.mark.parametrize("order", [("opt_out", "opt_in"), ("opt_in", "opt_out")])
def test_an_opt_in_ends_an_earlier_opt_out_in_whatever_order_they_come(
    home: Path, tmp_path: Path, order: tuple[str, str]
) -> None:
    said = {"opt_out": START - timedelta(days=9), "opt_in": START - timedelta(days=3)}
    file = tmp_path / "said.csv"
    with closing(open_app(Settings(home=home), clock=VirtualClock(START))) as app:
        app.as_owner_of(TENANT).devices.register(
            {"device_id": "d", "user_id": "u", "channel": "simulator", "address": {}}
        )
        for word in order:
            file.write_text(f"{HEADER}{word},u,{word},{said[word].isoformat()}\n")
            app.as_owner_of(TENANT).events.import_files([file], progress=lambda _path, _rows: None)
        app.as_owner_of(TENANT).campaigns.put(a_campaign("hello"), commit=True)
        assert app.as_owner_of(TENANT).campaigns.get("hello").counts["suppressed"] == 0  # type: ignore[arg-type]
        again = START - timedelta(days=1)
        file.write_text(f"{HEADER}again,u,opt_out,{again.isoformat()}\n")
        app.as_owner_of(TENANT).events.import_files([file], progress=lambda _path, _rows: None)
        assert app.as_owner_of(TENANT).users.get(UserId("u")).opted_out_at == again


def test_a_file_that_is_missing_keeps_every_other_one_out(home: Path, tmp_path: Path) -> None:
    """Whoever mistyped the last name begins again, with nothing half done."""
    good = tmp_path / "events.csv"
    good.write_text("event_id,user_id,event_type,occurred_at\ne,u,session,2026-09-01T10:00:00Z\n")
    with closing(open_app(Settings(home=home), clock=VirtualClock(START))) as app:
        with pytest.raises(InvalidInput, match=r"gone\.csv"):
            app.as_owner_of(TENANT).events.import_files(
                [good, tmp_path / "gone.csv"], progress=lambda _path, _rows: None
            )
        with app.reader(TENANT) as reader:
            assert len(reader.query("all", "select * from event")) == 0
