"""Exports of other senders, in the shapes that they publish, become exactly these events."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import sendopt.app
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.cli.main import commands
from sendopt.ingest.mapping import vendors
from sendopt.settings import Settings

VENDORS = Path(__file__).parent / "vendors"
Ingest = Callable[..., dict[str, Any]]


@pytest.fixture
def ingest(home: Path, monkeypatch: pytest.MonkeyPatch) -> Ingest:
    """Run `sendopt ingest --json` and return what it told."""
    monkeypatch.setattr(sendopt.app, "configure_logging", lambda: None)

    def run(*arguments: str, status: int = 0) -> dict[str, Any]:
        done = CliRunner().invoke(
            commands, ["ingest", *arguments, "--home", str(home), "--json"], catch_exceptions=True
        )
        if status == 0:
            assert done.exit_code == 0, (done.output, done.exception)
        told: dict[str, Any] = json.loads(done.stdout) if done.stdout else {"error": done.exception}
        return told

    return run


def stored(home: Path) -> list[str]:
    """Return the events in the order of their times."""
    with (
        closing(sendopt.app.open_app(Settings(home=home))) as app,
        app.reader(DEFAULT_TENANT) as reader,
    ):
        rows = reader.query(
            "all",
            "select event_id, user_id, event_type, send_id, campaign_id, platform, timezone, "
            "strftime(occurred_at, '%d %H:%M:%S') as at from event order by event_id",
        ).to_pylist()
    return [" ".join(str(value or "-") for value in row.values()) for row in rows]


def refused(told: dict[str, Any]) -> list[tuple[str, int, str, str]]:
    return [
        (each["source"], each["row"], each["column"], each["code"])
        for file in told["files"]
        for each in file["rejections"]
    ]


def test_braze(ingest: Ingest, home: Path) -> None:
    told = ingest(str(VENDORS / "braze"), "--from", "braze")
    assert stored(home) == [
        "b-1 ann send d9:5f1 c1 ios Europe/Berlin 01 16:00:00",
        "b-2 5f2 send d9:5f2 c1 android - 01 16:00:01",
        "b-3 ann open d9:5f1 c1 ios Europe/Berlin 01 16:05:00",
    ]
    ((file, row, column, code),) = refused(told)
    assert file.endswith("Send.part-0.json")
    assert (row, column, code) == (3, "dispatch_id, user_id", "missing_field")


def test_braze_in_avro_is_the_same(ingest: Ingest, home: Path, tmp_path: Path) -> None:
    schema = {
        "type": "record",
        "name": "Send",
        "fields": [
            {"name": "id", "type": "string"},
            {"name": "user_id", "type": "string"},
            {"name": "external_user_id", "type": ["null", "string"]},
            {"name": "time", "type": "long"},
            {"name": "dispatch_id", "type": ["null", "string"]},
        ],
    }
    row = {"id": "b-1", "user_id": "5f1", "external_user_id": "ann", "dispatch_id": "d9"}
    file = tmp_path / "users.messages.pushnotification.Send.avro"
    with file.open("wb") as out:
        fastavro.writer(out, schema, [{**row, "time": 1788278400}])
    ingest(str(file), "--from", "braze")
    assert stored(home) == ["b-1 ann send d9:5f1 - - - 01 16:00:00"]
    file.write_bytes(b"no avro")
    assert ingest(str(file), "--from", "braze", status=1)["error"].code == "malformed_file"


def test_brazes_rows_may_say_their_own_event_type(
    ingest: Ingest, home: Path, tmp_path: Path
) -> None:
    row = {"user_id": "5f1", "external_user_id": "ann", "dispatch_id": "d9", "time": 1788278400}
    kinds = {"b-1": "Send", "b-2": "Open", "b-3": "InfluencedOpen"}
    rows = [
        {**row, "id": name, "event_type": f"users.messages.pushnotification.{kind}"}
        for name, kind in kinds.items()
    ]
    unsaid = {**row, "id": "b-4"}
    file = tmp_path / "warehouse.json"
    file.write_text("".join(json.dumps(each) + "\n" for each in (*rows, unsaid)))
    told = ingest(str(file), "--from", "braze")
    assert [each.split()[:3] for each in stored(home)] == [
        ["b-1", "ann", "send"],
        ["b-2", "ann", "open"],
    ]
    assert [(row, code) for _, row, _, code in refused(told)] == [
        (3, "not_mapped"),
        (4, "not_mapped"),
    ]


@pytest.mark.parametrize("dispatch_id", [["d1", "d2"], ["d1"], [1, 2], {"id": "d1"}, []])
def test_a_list_where_brazes_dispatch_id_belongs_costs_the_row(
    dispatch_id: object, ingest: Ingest, home: Path, tmp_path: Path
) -> None:
    row = {"user_id": "5f1", "external_user_id": "ann", "time": 1788278400}
    rows = [
        {**row, "id": "b-1", "dispatch_id": dispatch_id},
        {**row, "id": "b-2", "dispatch_id": "d9"},
    ]
    file = tmp_path / "users.messages.pushnotification.Send.json"
    file.write_text("".join(json.dumps(each) + "\n" for each in rows))
    told = ingest(str(file), "--from", "braze")
    assert [each.split()[0] for each in stored(home)] == ["b-2"]
    ((_, at, column, _),) = refused(told)
    assert (at, column) == (1, "dispatch_id, user_id")


@pytest.mark.parametrize(
    ("time", "hint"),
    [
        (1_790_870_400_000, "as milliseconds it would be 2026-10-01T16:00:00+00:00"),
        (1_790_870_400_000_000, "as microseconds it would be 2026-10-01T16:00:00+00:00"),
        (1_790_870_400 + 2**58, None),  # the same time again, if microseconds wrap at 64 bits
        (-70_000_000_000, None),
        (260_000_000_000, None),
    ],
)
def test_a_number_that_is_no_time_in_the_mappings_unit_costs_its_row_and_is_quoted(
    time: int, hint: str | None, ingest: Ingest, home: Path, tmp_path: Path
) -> None:
    row = {"user_id": "5f1", "external_user_id": "ann", "dispatch_id": "d9", "timezone": "UTC"}
    rows = [{**row, "id": "b-1", "time": time}, {**row, "id": "b-2", "time": 1_788_278_400}]
    file = tmp_path / "users.messages.pushnotification.Send.json"
    file.write_text("".join(json.dumps(each) + "\n" for each in rows))
    told = ingest(str(file), "--from", "braze")
    assert [each.split()[0] for each in stored(home)] == ["b-2"]
    ((_, at, column, code),) = refused(told)
    assert (at, column, code) == (1, "time", "time_unit_suspect")
    (finding,) = told["files"][0]["rejections"]
    assert str(time) in finding["reason"]
    assert finding["hint"] in ({hint} if hint else {None, "check [time] unit: s, ms or us"})


def test_onesignal(ingest: Ingest, home: Path) -> None:
    (file,) = VENDORS.glob("events_audience-activity-*")
    told = ingest(str(file), "--from", "onesignal")
    message = "0b7c1f9e-5a2d-4c3e-9f10-2a6b7c8d9e0f"
    one, two = f"{message}:s-1", f"{message}:s-2"
    assert stored(home) == [
        f"{one}:clicked ann open {one} {message} iOSPush - 01 16:05:00",
        f"{one}:delivered ann delivery {one} {message} iOSPush - 01 16:00:02",
        f"{one}:sent ann send {one} {message} iOSPush - 01 16:00:00",
        f"{two}:failed s-2 bounce {two} {message} AndroidPush - 01 16:00:03",
        f"{two}:sent s-2 send {two} {message} AndroidPush - 01 16:00:01",
        f"{two}:unsubscribed s-2 opt_out {two} {message} AndroidPush - 01 16:00:03",
    ]
    nothing, without_zone = sorted(refused(told), key=lambda each: each[1])
    assert nothing[1:] == (3, "sent, delivered, clicked, failed, unsubscribed", "not_mapped")
    assert without_zone[1:] == (4, "sent", "time_invalid")


def test_onesignals_message_stands_in_the_files_name(ingest: Ingest, tmp_path: Path) -> None:
    file = tmp_path / "renamed.csv"
    file.write_text("subscription_id,sent\ns-1,2026-09-01 16:00:00\n")
    assert ingest(str(file), "--from", "onesignal", status=1)["error"].code == "file_name_unfit"


def test_airship(ingest: Ingest, home: Path) -> None:
    told = ingest(str(VENDORS / "airship.ndjson"), "--from", "airship")
    assert stored(home) == [
        "a-1 ann send p-1:ch-1 g-1 IOS - 01 16:00:00",
        "a-2 ann open p-1:ch-1 g-1 IOS - 01 16:05:00",
        "a-3 ch-2 session - - ANDROID - 01 17:00:00",
    ]
    (file,) = told["files"]
    assert (file["accepted"], file["repeated"], file["rejected"]) == (3, 1, 1)
    assert refused(told)[0][1] == 5
    assert "TAG_CHANGE" in file["rejections"][0]["reason"]


def test_mautic(ingest: Ingest, home: Path) -> None:
    ingest(str(VENDORS / "mautic.csv"), "--from", "mautic")
    assert stored(home) == [
        "11:read 501 open 11 3 - - 01 16:05:00",
        "11:sent 501 send 11 3 - - 01 16:00:00",
        "12:failed 502 bounce 12 3 - - 01 16:00:00",
        "12:sent 502 send 12 3 - - 01 16:00:00",
    ]


def test_fcm(ingest: Ingest, home: Path, tmp_path: Path) -> None:
    told = ingest(str(VENDORS / "fcm.jsonl"), "--from", "fcm")
    events = [
        "m-1:i-1:MESSAGE_ACCEPTED i-1 send m-1 autumn ANDROID - 01 16:00:00",
        "m-1:i-1:MESSAGE_DELIVERED i-1 delivery m-1 autumn ANDROID - 01 16:00:02",
    ]
    assert stored(home) == events
    ((_, row, column, code),) = refused(told)
    assert (row, column, code) == (3, "event", "not_mapped")
    lines = (VENDORS / "fcm.jsonl").read_text().splitlines()
    rows = pa.Table.from_pylist([json.loads(line) for line in lines[:2]])
    instants = pa.array([1788278400500000, 1788278402000000], pa.timestamp("us", tz="UTC"))
    pq.write_table(rows.set_column(0, "event_timestamp", instants), tmp_path / "fcm.parquet")
    (file,) = ingest(str(tmp_path / "fcm.parquet"), "--from", "fcm")["files"]
    assert (file["accepted"], file["repeated"]) == (0, 2)


def test_another_vendors_file_is_refused_by_its_columns(ingest: Ingest) -> None:
    error = ingest(str(VENDORS / "mautic.csv"), "--from", "fcm", status=1)["error"]
    assert (error.code, error.field) == ("missing_field", "event_timestamp")
    assert "lead_id" in str(error)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("event = 3", "event"),
        ("[[event]]\nevent_type = 'sent'\noccurred_at = 't'", "event_type"),
        ("[[event]]\nevent_type = 'send'\noccurred_at = 't'", "event_id"),
        ("[[event]]\nevent_type = 'send'\noccured_at = 't'", "occurred_at"),
        ("file_name = '('\n[[event]]\nevent_type='send'\noccurred_at='t'", "no mapping"),
        ("[[event", "no mapping"),
    ],
)
def test_a_mapping_that_says_nothing_clear_is_refused(
    ingest: Ingest, tmp_path: Path, text: str, told: str
) -> None:
    mapping = tmp_path / "mine.toml"
    mapping.write_text(text)
    error = ingest(str(VENDORS / "mautic.csv"), "--mapping", str(mapping), status=1)["error"]
    assert error.code == "mapping_invalid"
    assert told in str(error)


def test_everything_that_would_go_wrong_in_every_row_is_said_at_once(
    ingest: Ingest, tmp_path: Path
) -> None:
    mapping = tmp_path / "mine.toml"
    mapping.write_text(
        """
        file_name = '(?P<message>[a-z]+)'
        [columns]
        event_id = "{id"
        user_id = ["{lead_id}", "external_id"]
        send_id = "send"
        campaign_id = "{file.mesage}"
        variant_id = "a}"
        channel = "email"
        platform = "{}"
        [[event]]
        event_type = "send"
        occurred_at = "date_sent"
        when = { "file.kind" = ["x"] }
        """
    )
    error = ingest(str(VENDORS / "mautic.csv"), "--mapping", str(mapping), status=1)["error"]
    assert error.code == "mapping_invalid"
    for place in (
        *('event_id: "{id"', 'user_id: "external_id"', 'send_id: "send"', 'variant_id: "a}"'),
        *('platform: "{}"', "file.mesage: is no group", "file.kind: is no group", "file.message"),
    ):
        assert place in str(error)
    assert "channel" not in str(error)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_columns_that_no_row_has_are_named_with_what_they_may_mean(
    ingest: Ingest, tmp_path: Path, kind: str
) -> None:
    mapping = tmp_path / "mine.toml"
    mapping.write_text(
        """
        [columns]
        event_id = "{no}"
        user_id = ["{acount}", "{who}"]
        campaign_id = "{place}"
        [[event]]
        event_type = "session"
        occurred_at = "when"
        """
    )
    row = {"no": "e1", "who": "ann", "account": "a7", "when": "2026-09-01T16:00:00Z"}
    file = tmp_path / f"mine.{kind}"
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist([row]), file)
    elif kind == "csv":
        file.write_text(",".join(row) + "\n" + ",".join(row.values()) + "\n")
    else:
        file.write_text(json.dumps(row) + "\n")
    (told,) = ingest(str(file), "--mapping", str(mapping))["files"]
    assert told["accepted"] == 1
    assert told["unseen_columns"] == {"acount": "account", "place": None}


@pytest.mark.parametrize(
    ("unit", "time"),
    [
        ("s", "1788278400"),
        ("s", "1788278400.0"),
        ("ms", "1788278400000"),
        ("us", "1788278400000000"),
    ],
)
def test_a_mapping_of_ones_own(
    ingest: Ingest, home: Path, tmp_path: Path, unit: str, time: str
) -> None:
    mapping = tmp_path / "mine.toml"
    mapping.write_text(
        f"""
        [columns]
        event_id = "{{no}}"
        user_id = "{{who}}"
        send_id = "{{push}}/{{who}}"
        channel = "sms"
        attributes.label = "{{tag}}"
        [time]
        unit = "{unit}"
        [[event]]
        event_type = "send"
        occurred_at = "when"
        """
    )
    file = tmp_path / "mine.csv"
    file.write_text(f"no,who,push,tag,when\ne1,ann,p1,x,{time}\ne2,bob,p1,x,soon\n")
    told = ingest(str(file), "--mapping", str(mapping))
    assert stored(home) == ["e1 ann send p1/ann - - - 01 16:00:00"]
    assert refused(told) == [("mine.csv", 2, "when", "time_invalid")]


@pytest.mark.parametrize(
    ("unit", "time"),
    [
        ("s", "1788278400000"),  # in fact milliseconds
        ("s", "99999999999999999"),  # beyond 64 bits in microseconds
        ("s", "-99999999999999999.5"),
        ("ms", "1788278400000000"),
    ],
)
@pytest.mark.parametrize("beside", ["1788278400", "soon"])
def test_a_number_that_is_no_time_in_its_unit_is_refused_with_both(
    ingest: Ingest, tmp_path: Path, unit: str, time: str, beside: str
) -> None:
    mapping = tmp_path / "mine.toml"
    mapping.write_text(
        "[columns]\nevent_id = '{no}'\nuser_id = '{who}'\n"
        f"[time]\nunit = '{unit}'\n"
        "[[event]]\nevent_type = 'session'\noccurred_at = 'when'\n"
    )
    file = tmp_path / "mine.csv"
    file.write_text(f"no,who,when\ne1,ann,{time}\ne2,bob,{beside}\n")
    # The status is 2 where nothing is taken; what is told is looked at either way.
    (told,) = ingest(str(file), "--mapping", str(mapping), status=2)["files"]
    first = told["rejections"][0]
    assert (first["row"], first["column"], first["code"]) == (1, "when", "time_unit_suspect")
    assert f'"{time}" {unit}' in first["reason"]
    assert told["rows"] == 2


@pytest.mark.parametrize("known", [True, False])
def test_of_parquet_the_named_columns_are_read_and_every_row_is_counted(
    ingest: Ingest, tmp_path: Path, known: bool
) -> None:
    mapping = tmp_path / "mine.toml"
    mapping.write_text(
        "[columns]\nevent_id = '{no}'\nuser_id = '{who.id}'\n"
        "[[event]]\nevent_type = 'session'\noccurred_at = 'when'\n"
    )
    row = {"no": "e1", "who": {"id": "ann", "name": "Ann"}, "when": "2026-09-01T16:00:00Z"}
    file = tmp_path / "mine.parquet"
    pq.write_table(pa.Table.from_pylist([row if known else {"other": 1}] * 3), file)
    (told,) = ingest(str(file), "--mapping", str(mapping), status=0 if known else 2)["files"]
    assert told["rows"] == 3
    assert (told["accepted"], told["repeated"]) == ((1, 2) if known else (0, 0))


def test_a_vendor_that_nobody_knows_is_refused_with_the_names_of_the_others(ingest: Ingest) -> None:
    error = ingest(str(VENDORS / "mautic.csv"), "--from", "brase", status=1)["error"]
    assert error.code == "vendor_unknown"
    assert all(name in str(error) for name in vendors())
    assert all(
        name in CliRunner().invoke(commands, ["ingest", "--help"]).stdout for name in vendors()
    )


@pytest.mark.parametrize("vendor", ["braze", "onesignal"])
def test_a_path_that_does_not_fit_is_told_one_that_does(
    ingest: Ingest, tmp_path: Path, vendor: str
) -> None:
    file = tmp_path / "export.jsonl"
    file.write_text("{}\n")
    error = ingest(str(file), "--from", vendor, status=1)["error"]
    assert (error.code, "(?" in str(error)) == ("file_name_unfit", False)
    example = tmp_path / error.expected.removeprefix("a path such as ").partition(" ")[0]
    example.parent.mkdir(exist_ok=True)
    example.write_text("{}\n")
    told = ingest(str(example), "--from", vendor, status=1)
    assert getattr(told.get("error"), "code", None) != "file_name_unfit"
