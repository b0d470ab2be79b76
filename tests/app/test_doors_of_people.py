"""One grammar of devices and of users, whichever door they come through, on both databases."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from doors_of_people import by_file, many_at_once, one_by_one, write

from sendopt.app import App, open_app
from sendopt.app.work import Work
from sendopt.clock import VirtualClock
from sendopt.errors import InvalidInput
from sendopt.records import Channel, TenantId, UserId
from sendopt.settings import Settings, StateSettings
from sendopt.state import devices, erasures, users

NOW = datetime(2026, 10, 1, 9, tzinfo=UTC)
DOORS = [one_by_one, many_at_once, *map(by_file, ("rows.csv", "rows.jsonl", "rows.parquet"))]
NAMES = ["one by one", "many at once", "CSV", "JSON Lines", "Parquet"]
SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"


@pytest.fixture
def app(state_url: str, tmp_path: Path) -> Iterator[App]:
    settings = Settings(home=tmp_path / "home", state=StateSettings(url=state_url))
    with closing(open_app(settings, clock=VirtualClock(NOW))) as app:
        app.operator.create_tenant(TenantId("shop"), timezone="UTC")
        yield app


@pytest.fixture
def work(app: App) -> Work:
    return app.as_owner_of(TenantId("shop"))


def a_webhook(user: str, **said: Any) -> dict[str, Any]:
    address = {"url": f"https://gateway.example.com/{user}", "secret": SECRET}
    return {
        "device_id": f"d-{user}",
        "user_id": user,
        "channel": "webhook",
        "address": address,
    } | said


def an_opt_out(**said: Any) -> dict[str, Any]:
    return {"given": False, "source": "letter", "at": "2026-09-01T00:00:00Z"} | said


DEVICES = [
    a_webhook("ann", platform="web", timezone="Asia/Tokyo"),
    a_webhook("bob", channel="pigeon", consent=an_opt_out()),
    a_webhook("cat", address={"url": "http://127.0.0.1/", "secret": SECRET}),
    a_webhook("dan", timezone="Etc/Unknown"),
    a_webhook("eve", consent=an_opt_out(at="yesterday")),
    a_webhook("ann", platform=None) | {"device_id": "another"},  # the address is Ann's already
    a_webhook("fay", consent={"given": True, "source": "shop", "at": "2026-09-01T00:00:00Z"}),
    {"channel": "webhook", "device_id": "d-nobody", "consent": an_opt_out()},
]
REFUSED = {
    2: ("channel", "channel_unknown"),
    3: ("address.url", "url_not_allowed"),
    8: ("user_id", "missing_field"),
}


@pytest.mark.parametrize("door", DOORS, ids=NAMES)
def test_devices_are_the_same_through_every_door(
    app: App, work: Work, tmp_path: Path, door: Callable[..., Any]
) -> None:
    for _ in range(2):
        told = door(work, "devices", DEVICES, tmp_path)
        assert {row: fault in told[row] for row, fault in REFUSED.items()} == dict.fromkeys(
            REFUSED, True
        )
        assert told.keys() == REFUSED.keys()
        with app.state.read(TenantId("shop")) as tx:
            kept = {each.user_id: each for each in devices.reachable(tx, channel=Channel.WEBHOOK)}
            standing = {each.user_id: each.opted_out_at for each in users.everyone(tx)}
        assert sorted(kept) == ["ann", "dan", "eve", "fay"]
        assert (kept[UserId("ann")].device_id, kept[UserId("ann")].timezone) == (
            "d-ann",
            "Asia/Tokyo",
        )
        assert kept[UserId("dan")].timezone is None
        assert standing == {
            "ann": None,
            "bob": datetime(2026, 9, 1, tzinfo=UTC),
            "dan": None,
            "eve": NOW,
            "fay": None,
        }
    for user, count in (("bob", 1), ("eve", 1), ("fay", 1), ("ann", 0)):
        assert len(work.users.consent(UserId(user)).statements) == count


USERS: list[dict[str, Any]] = [
    {"user_id": "ann", "timezone": "Asia/Tokyo"},
    {"user_id": "bob", "timezone": "CST", "consent": an_opt_out()},
    {"user_id": "nan", "timezone": "UTC"},
    {"user_id": "cat", "timezone": "UTC", "consent": an_opt_out(source="x" * 300)},
    {"user_id": "dan", "timezone": "UTC", "consent": {"given": True, "source": ""}},
]


@pytest.mark.parametrize("door", DOORS, ids=NAMES)
def test_users_are_the_same_through_every_door(
    app: App, work: Work, tmp_path: Path, door: Callable[..., Any]
) -> None:
    for _ in range(2):
        told = door(work, "users", USERS, tmp_path)
        assert ("timezone", "zone_invalid") in told[2]
        assert ("user_id", "null_spelled") in told[3]
        assert {column for column, _ in told[5]} == {"consent.source"}
        assert told.keys() == {2, 3, 5}
        with app.state.read(TenantId("shop")) as tx:
            kept = {each.user_id: (each.timezone, each.opted_out_at) for each in users.everyone(tx)}
        said_at = datetime(2026, 9, 1, tzinfo=UTC)
        assert kept == {
            "ann": ("Asia/Tokyo", None),
            "bob": (None, said_at),
            "cat": ("UTC", said_at),
        }


def test_an_import_again_is_no_news(work: Work, tmp_path: Path) -> None:
    rows = [a_webhook(f"u{number}", timezone="UTC") for number in range(20)]
    profiles = [{"user_id": f"u{n}", "timezone": "UTC", "consent": an_opt_out()} for n in range(20)]
    for accepted, repeated in ((20, 0), (0, 20)):
        (report,) = work.devices.import_files(
            [write(tmp_path / "d.csv", rows)], progress=lambda *_: None
        )
        assert (report.accepted, report.repeated, report.rejected) == (accepted, repeated, 0)
        (report,) = work.users.import_files(
            [write(tmp_path / "u.parquet", profiles)], progress=lambda *_: None
        )
        assert (report.accepted, report.repeated, report.rejected) == (accepted, repeated, 0)


def test_a_zone_that_is_left_out_of_a_row_stays_and_null_forgets_it(
    work: Work, tmp_path: Path
) -> None:
    work.users.put("ann", {"timezone": "UTC"})
    for row, timezone in (({}, "UTC"), ({"timezone": None}, None)):
        path = write(tmp_path / "u.jsonl", [{"user_id": "ann", **row}])
        work.users.import_files([path], progress=lambda *_: None)
        assert work.users.get(UserId("ann")).timezone == timezone
    work.devices.register(a_webhook("ann", timezone="UTC"))
    silent = a_webhook("ann")
    for body, zone in ((silent, "UTC"), ({**silent, "timezone": None}, None)):
        assert work.devices.register(body).device.timezone == zone


def test_whoever_was_erased_is_refused_alone(app: App, work: Work, tmp_path: Path) -> None:
    work.users.put("ann", {"timezone": "UTC"})
    with app.state.write(TenantId("shop")) as tx:
        erasures.begin(tx, UserId("ann"), asked_by="me", now=NOW, random_bytes=os.urandom)
    path = write(tmp_path / "d.csv", [a_webhook("ann"), a_webhook("bob")])
    (report,) = work.devices.import_files([path], progress=lambda *_: None)
    assert (report.accepted, report.rejected) == (1, 1)
    (rejection,) = report.rejections()
    assert (rejection.row, rejection.code) == (1, "user_erased")


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("d.csv", "user_id,channel,colour\nann,simulator,red\n", "unknown_field"),
        ("d.txt", "user_id\n", "file_kind_unknown"),
        ("d.csv", "", "file_empty"),
        ("d.jsonl", "not json\n", "malformed_json"),
    ],
)
def test_a_file_of_another_kind_is_refused_as_a_whole(
    work: Work, tmp_path: Path, name: str, content: str, code: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InvalidInput) as refused:
        work.devices.import_files([tmp_path / name], progress=lambda *_: None)
    assert refused.value.code == code


def test_what_stands_before_damage_is_stored(work: Work, tmp_path: Path) -> None:
    good = "".join(f"u{number},simulator\n" for number in range(3))
    (tmp_path / "d.csv").write_text(f"user_id,channel\n{good}u4,simulator,7\n")
    (report,) = work.devices.import_files([tmp_path / "d.csv"], progress=lambda *_: None)
    assert (report.accepted, report.rejected) == (3, 1)
    assert report.rejections()[0].code == "malformed_csv"


def test_an_address_may_be_json_in_a_cell(work: Work, tmp_path: Path) -> None:
    cell = '{""url"": ""https://gateway.example.com/a"", ""secret"": ""' + SECRET + '""}'
    (tmp_path / "d.csv").write_text(f'user_id,channel,address\nann,webhook,"{cell}"\n')
    (report,) = work.devices.import_files([tmp_path / "d.csv"], progress=lambda *_: None)
    assert (report.accepted, report.rejected) == (1, 0)


def test_progress_and_counts_add_up_over_batches(work: Work, tmp_path: Path) -> None:
    rows = [{"user_id": f"u{n % 6_000}", "channel": "simulator"} for n in range(6_500)]
    seen: list[int] = []
    (report,) = work.devices.import_files(
        [write(tmp_path / "d.csv", rows)], progress=lambda _path, done: seen.append(done)
    )
    assert seen == [6_500]
    assert report.accepted + report.repeated == 6_500
