"""Files of events: every row gets a verdict, the counts add up, nothing stops at a bad row."""

from __future__ import annotations

import gzip
import itertools
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sendopt.errors import InvalidInput
from sendopt.ingest import ImportReport, import_file
from sendopt.log import Appender, Log
from sendopt.records import TenantId, UserId

NOW = datetime.fromisoformat("2026-10-01T09:30:00+00:00")
_tenants = itertools.count()

OPEN = {
    "event_id": "e1",
    "user_id": "ann",
    "event_type": "open",
    "occurred_at": "2026-09-01T10:00:00+02:00",
    "send_id": "s1",
}


PACKED = gzip.compress(b"event_id,user_id,event_type,occurred_at\n" * 100)


@pytest.fixture(scope="module")
def log(make_log: Callable[[], AbstractContextManager[Log]]) -> Iterator[Log]:
    with make_log() as log:
        yield log


@pytest.fixture(scope="module")
def appender(log: Log) -> Iterator[Appender]:
    with log.appender() as appender:
        yield appender


@pytest.fixture
def tenant() -> TenantId:
    """A tenant that no other test has."""
    return TenantId(f"tenant {next(_tenants)}")


def take(path: Path, appender: Appender, tenant_id: TenantId) -> ImportReport:
    progress: list[int] = []
    report = import_file(
        path,
        appender,
        tenant_id,
        now=NOW,
        note_opt_outs=lambda _user_ids: None,
        progress=progress.append,
    )
    assert progress == sorted(progress)
    assert (progress or [0])[-1] == report.rows
    assert len(report.refused) == report.conflicts + report.rejected
    return report


def faults(report: ImportReport) -> list[tuple[int, str, str]]:
    return [(each.row, each.column, each.code) for each in report.rejections()]


def stored(log: Log, tenant_id: TenantId) -> dict[str, dict[str, Any]]:
    with log.reader(tenant_id) as reader:
        rows = reader.query("all", "select * from event").to_pylist()
    return {row["event_id"]: row for row in rows}


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write text rows in the format that the name of `path` asks for."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    if path.suffix == ".parquet":
        table = pa.Table.from_pylist([{n: row.get(n) for n in names} for row in rows])
        pq.write_table(table, path)
    elif path.suffix == ".csv":
        lines = [names] + [[row.get(name, "") for name in names] for row in rows]
        quoted = [
            ",".join('"' + str(value).replace('"', '""') + '"' for value in line) for line in lines
        ]
        path.write_text("\n".join(quoted), encoding="utf-8", newline="")
    else:
        lines_of_json = [json.dumps(row, ensure_ascii=False) for row in rows]
        path.write_text("\n".join(lines_of_json), encoding="utf-8", newline="")
    return path


FORMATS = ["events.csv", "events.jsonl", "events.parquet"]


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_stores_the_same_events_once(
    name: str, log: Log, appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    rows = [
        {**OPEN, "plan": 'gold, "new"', "timezone": "Europe/Berlin"},
        {**OPEN, "event_id": "e2", "event_type": "session", "city": "Zürich\nWest"},
    ]
    report = take(write(tmp_path / name, rows), appender, tenant)
    assert (report.accepted, report.rejected) == (2, 0)
    events = stored(log, tenant)
    assert events["e1"]["occurred_at"] == datetime.fromisoformat("2026-09-01T08:00:00+00:00")
    assert events["e1"]["timezone"] == "Europe/Berlin"
    assert events["e1"]["campaign_id"] is None
    assert json.loads(events["e1"]["attributes"]) == {"plan": 'gold, "new"'}
    assert json.loads(events["e2"]["attributes"]) == {"city": "Zürich\nWest"}
    for other in FORMATS:
        again = take(write(tmp_path / other, rows), appender, tenant)
        assert (again.accepted, again.repeated) == (0, 2), other


BAD_VALUES = [
    ("event_id", "", "event_id_invalid"),
    ("event_id", "x" * 129, "event_id_invalid"),
    ("event_id", "a b", "event_id_invalid"),
    ("event_id", "a\u0007", "event_id_invalid"),
    ("user_id", "", "missing_field"),
    ("user_id", "ann\u0000", "text_invalid"),
    ("user_id", "gpj\u202eexe", "text_invalid"),
    ("send_id", "x" * 257, "text_invalid"),
    ("event_type", "opened", "event_type_unknown"),
    ("event_type", "", "missing_field"),
    ("send_id", "", "missing_field"),
    ("occurred_at", "", "time_invalid"),
    ("occurred_at", "2026-09-01T10:00:00", "time_invalid"),
    ("occurred_at", "2026-02-31T10:00:00Z", "time_invalid"),
    ("occurred_at", "2026-09-01T24:00:00Z", "time_invalid"),
    ("occurred_at", "2026-06-30T23:59:60Z", "time_invalid"),
    ("occurred_at", "2026-09-01 10:00:00 Europe/Berlin", "time_invalid"),
    ("occurred_at", "yesterday", "time_invalid"),
    ("occurred_at", "1788220800", "time_unit_suspect"),
    ("occurred_at", "1788220800000", "time_unit_suspect"),
    ("occurred_at", "1970-01-21T16:43:40Z", "time_unit_suspect"),
    ("occurred_at", "2026-10-01T09:35:01Z", "time_in_future"),
    ("timezone", "CST", "zone_invalid"),
    ("timezone", "Europe/Atlantis", "zone_invalid"),
    ("propensity", "0", "number_out_of_range"),
    ("propensity", "1.01", "number_out_of_range"),
    ("propensity", "nan", "number_out_of_range"),
    ("propensity", "often", "wrong_type"),
    ("attributes", "[1]", "malformed_json"),
    ("attributes", "{cut", "malformed_json"),
    ("attributes", '{"counting_rules":1}', "attribute_reserved"),
    ("attributes", '{"a":' + "[" * 40 + "]" * 40 + "}", "too_complex"),
]


@pytest.mark.parametrize("name", FORMATS)
def test_every_broken_rule_has_its_code_and_its_row(
    name: str, appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    rows: list[dict[str, Any]] = []
    expected = []
    for row, (column, value, code) in enumerate(BAD_VALUES, start=1):
        good = {**OPEN, "event_id": f"bad{row}", "timezone": "", "propensity": "", "attributes": ""}
        rows += [{**good, column: value}, {**good, "event_id": f"good{row}"}]
        expected.append((2 * row - 1, column, code))
    report = take(write(tmp_path / name, rows), appender, tenant)
    assert faults(report) == expected
    assert report.accepted == len(BAD_VALUES)


def test_the_same_id_with_other_content_is_a_conflict_with_its_row(
    log: Log, appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    rows = [OPEN, {**OPEN, "user_id": "bob"}, OPEN, {**OPEN, "event_id": ""}]
    report = take(write(tmp_path / "a.csv", rows), appender, tenant)
    assert (report.accepted, report.repeated, report.conflicts, report.rejected) == (1, 1, 1, 1)
    assert faults(report) == [
        (2, "event_id", "event_conflict"),
        (4, "event_id", "event_id_invalid"),
    ]
    assert stored(log, tenant)["e1"]["user_id"] == "ann"


def test_a_quote_left_open_costs_one_row(
    appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    lines = ["event_id,user_id,event_type,occurred_at,note"]
    lines += [f"e{n},ann,session,2026-09-01T10:00:00Z,x" for n in range(1, 2_001)]
    lines[431] = 'e431,ann,session,2026-09-01T10:00:00Z,"x'
    lines[700] = 'e700,ann,session,2026-09-01T10:00:00Z,"two\r\nlines"'
    lines[900] = "e900,ann,session"
    (tmp_path / "a.csv").write_text("\r\n".join(lines), newline="")
    report = take(tmp_path / "a.csv", appender, tenant)
    assert faults(report) == [(431, "", "malformed_csv"), (900, "", "malformed_csv")]
    assert report.accepted == 1_998


def test_a_cut_line_of_json_costs_one_row(
    appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    good = [json.dumps({**OPEN, "event_id": f"e{n}"}) for n in range(4)]
    bad = [
        good[0][:40],
        "[]",
        '{"event_id": "a", "event_id": "b"}',
        '{"x": NaN}',
        '{"user_id": []}',
    ]
    text = "\n".join([good[0], bad[0], "", good[1], *bad[1:], good[2], good[3][:-9]])
    (tmp_path / "a.jsonl").write_text(text)
    report = take(tmp_path / "a.jsonl", appender, tenant)
    assert faults(report) == [
        (2, "", "malformed_json"),
        (5, "", "malformed_json"),
        (6, "", "malformed_json"),
        (7, "", "malformed_json"),
        (8, "user_id", "wrong_type"),
        (10, "", "malformed_json"),
    ]
    assert report.accepted == 3


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_bytes_that_are_no_text_cost_one_row(
    name: str, log: Log, appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    path = write(tmp_path / name, [{**OPEN, "event_id": each} for each in ("a", "bQ", "c")])
    path.write_bytes(path.read_bytes().replace(b"bQ", b"b\xff"))
    report = take(path, appender, tenant)
    assert [(row, code) for row, _, code in faults(report)] == [(2, "text_invalid")]
    assert set(stored(log, tenant)) == {"a", "c"}


def test_a_packed_file_and_a_byte_order_mark_are_read(
    appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.csv", [OPEN])
    packed = tmp_path / "a.csv.gz"
    packed.write_bytes(gzip.compress(b"\xef\xbb\xbf" + path.read_bytes()))
    assert take(packed, appender, tenant).accepted == 1


def test_a_line_that_never_ends_costs_one_row_and_no_memory(
    appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    good = json.dumps({**OPEN, "event_id": "e2"})
    with gzip.open(tmp_path / "a.jsonl.gz", "wb", compresslevel=1) as file:
        file.write(json.dumps(OPEN).encode() + b"\n")
        for _ in range(40):
            file.write(b"x" * 1_000_000)
        file.write(b"\n" + good.encode())
    report = take(tmp_path / "a.jsonl.gz", appender, tenant)
    assert faults(report) == [(2, "", "too_complex")]
    assert report.accepted == 2


@pytest.mark.parametrize(
    ("column", "values", "code"),
    [
        ("occurred_at", pa.array([0], pa.timestamp("us")), "time_invalid"),
        ("occurred_at", pa.array([1_788_220_800]), "time_unit_suspect"),
        ("user_id", pa.array([17.0]), "wrong_type"),
        ("propensity", pa.array([True]), "wrong_type"),
    ],
)
def test_a_parquet_column_whose_type_cannot_be_trusted_is_named(
    column: str,
    values: pa.Array,
    code: str,
    *,
    appender: Appender,
    tenant: TenantId,
    tmp_path: Path,
) -> None:
    columns = {name: pa.array([value]) for name, value in OPEN.items()}
    pq.write_table(pa.table({**columns, column: values}), tmp_path / "typed.parquet")
    with pytest.raises(InvalidInput, match=r"typed\.parquet") as error:
        take(tmp_path / "typed.parquet", appender, tenant)
    assert (error.value.field, error.value.code) == (column, code)
    assert error.value.expected
    assert error.value.hint


def test_parquet_columns_keep_their_meaning(
    log: Log, appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    instant = datetime.fromisoformat("2026-09-01T08:00:00.123456+00:00")
    table = pa.table(
        {
            "event_id": pa.array([1], pa.int64()),
            "user_id": pa.array(["ann"], pa.large_string()),
            "event_type": pa.array(["send"]).dictionary_encode(),
            "occurred_at": pa.array([instant], pa.timestamp("ns", tz="Asia/Tokyo")),
            "send_id": ["s1"],
            "propensity": pa.array([0.25], pa.float32()),
            "attributes": pa.array([{"b": 1, "a": None}]),
            "tags": pa.array([["x", "y"]]),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    assert take(tmp_path / "a.parquet", appender, tenant).accepted == 1
    event = stored(log, tenant)["1"]
    assert event["occurred_at"] == instant
    assert event["propensity"] == 0.25
    assert event["attributes"] == '{"b":1,"tags":["x","y"]}'


@pytest.mark.parametrize(
    ("name", "content", "code", "field"),
    [
        ("gone.csv", None, "file_missing", None),
        ("events.xlsx", b"PK", "file_kind_unknown", None),
        ("events.csv", b"event_id,user_id,event_type\n", "missing_field", "occurred_at"),
        ("events.csv", b"event_id;user_id;event_type;occurred_at\n", "missing_field", "event_id"),
        ("events.csv", b"", "missing_field", "event_id"),
        (
            "events.csv",
            b"event_id,event_id,user_id,event_type,occurred_at\n",
            "invalid",
            "event_id",
        ),
        ("events.csv", "event_id".encode("utf-16"), "text_invalid", None),
        ("events.parquet", b"PAR1 not really", "malformed_file", None),
        ("events.csv.gz", b"event_id,user_id\n", "malformed_file", None),
        ("events.csv.gz", PACKED[:-9], "malformed_file", None),
        ("events.jsonl.gz", PACKED[:12] + b"!" * 20, "malformed_file", None),
    ],
)
def test_a_file_that_cannot_be_read_says_why(
    name: str,
    content: bytes | None,
    code: str,
    field: str | None,
    *,
    appender: Appender,
    tenant: TenantId,
    tmp_path: Path,
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInput) as error:
        take(tmp_path / name, appender, tenant)
    assert (error.value.code, error.value.field) == (code, field)


def test_what_stands_before_damage_is_stored_and_who_opted_out_is_told(
    log: Log, appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    rows = [{**OPEN, "event_id": f"e{n}", "note": "x" * 60_000} for n in range(400)]
    rows[0]["event_type"] = "opt_out"
    whole = gzip.compress(write(tmp_path / "a.csv", rows).read_bytes(), compresslevel=1)
    (tmp_path / "a.csv.gz").write_bytes(whole[:-100])
    opted_out: list[UserId] = []
    with pytest.raises(InvalidInput, match="cannot be read to its end"):
        import_file(
            tmp_path / "a.csv.gz",
            appender,
            tenant,
            now=NOW,
            note_opt_outs=opted_out.extend,
            progress=lambda _: None,
        )
    assert opted_out == ["ann"]
    before = len(stored(log, tenant))
    assert 0 < before < 400
    (tmp_path / "a.csv.gz").write_bytes(whole)
    report = take(tmp_path / "a.csv.gz", appender, tenant)
    assert (report.accepted, report.repeated) == (400 - before, before)


def test_events_at_the_edge_of_the_future_are_accepted(
    appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    edge = (NOW + timedelta(minutes=5)).isoformat()
    assert take(
        write(tmp_path / "a.csv", [{**OPEN, "occurred_at": edge}]), appender, tenant
    ).accepted


cells = st.sampled_from(
    [
        "",
        "a",
        "b",
        "open",
        "session",
        "2026-09-01T10:00:00Z",
        '"',
        '"x',
        'x"',
        ",",
        "\n",
        "\r\n",
        "é",
    ]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(text=st.lists(cells, max_size=40))
def test_whatever_stands_in_a_csv_every_record_is_counted_once(
    text: list[str], appender: Appender, tmp_path: Path
) -> None:
    tenant_id = TenantId(f"tenant {next(_tenants)}")
    mark = '"marker-{}","ann",session,2026-09-01T10:00:00Z'
    lines = ["event_id,user_id,event_type,occurred_at", mark.format(1), "".join(text)]
    (tmp_path / "a.csv").write_text("\n".join([*lines, mark.format(2)]), newline="")
    report = take(tmp_path / "a.csv", appender, tenant_id)
    refused = [each.row for each in report.rejections()]
    assert len(set(refused)) == len(refused)
    assert set(refused) <= set(range(1, report.rows + 1))
    assert 1 not in refused
    again = take(tmp_path / "a.csv", appender, tenant_id)
    assert (again.accepted, again.repeated) == (0, report.accepted + report.repeated)
    assert faults(again) == faults(report)


def test_a_second_import_stores_what_a_broken_one_left(
    log: Log, appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    rows = [{**OPEN, "event_id": f"e{n}"} for n in range(50)]
    half = write(tmp_path / "half.csv", rows[:20])
    whole = shutil.copyfile(write(tmp_path / "whole.csv", rows), tmp_path / "again.csv")
    take(half, appender, tenant)
    report = take(Path(whole), appender, tenant)
    assert (report.accepted, report.repeated) == (30, 20)
    assert len(stored(log, tenant)) == 50
