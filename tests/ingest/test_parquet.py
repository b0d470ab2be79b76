"""Parquet: its types keep their meaning, or are named."""

from __future__ import annotations

import uuid
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from event_doors import stored, take

from sendopt.errors import InvalidInput
from sendopt.log import Appender, Log
from sendopt.records import TenantId

OPEN = {
    "event_id": "e1",
    "user_id": "ann",
    "event_type": "open",
    "occurred_at": "2026-09-01T10:00:00+02:00",
    "send_id": "s1",
}
SOME_ID = uuid.UUID("0199a0f2-7b1c-7d6e-9a41-3f0c5a2b8e10")


def typed(path: Path, **columns: pa.Array) -> Path:
    """Write one event with some columns of other types than text."""
    rows = max([1, *(len(column) for column in columns.values())])
    texts = {name: pa.array([value] * rows) for name, value in OPEN.items()}
    texts["event_id"] = pa.array([f"e{n}" for n in range(rows)])
    pq.write_table(pa.table({**texts, **columns}), path)
    return path


@pytest.mark.parametrize(
    ("column", "values", "code"),
    [
        ("occurred_at", pa.array([0], pa.timestamp("us")), "time_invalid"),
        ("occurred_at", pa.array([1_788_220_800]), "time_unit_suspect"),
        ("user_id", pa.array([17.0]), "wrong_type"),
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
    assert event.occurred_at == instant
    assert event.propensity == 0.25
    assert event.attributes == {"b": 1, "tags": ["x", "y"]}


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("propensity", pa.array([True])),
        ("campaign_id", pa.array([1.5])),
        ("platform", pa.array([[1]])),
        ("timezone", pa.array([datetime(2026, 1, 1)])),  # noqa: DTZ001
        ("attributes", pa.array([7])),
    ],
)
def test_an_optional_column_of_a_type_that_cannot_be_trusted_costs_the_column(
    name: str, values: pa.Array, *, log: Log, appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    report = take(typed(tmp_path / "a.parquet", **{name: values}), appender, tenant)
    assert report.accepted == 1
    (lost,) = report.dropped_fields()
    assert (lost.row, lost.column, lost.code) == (0, name, "wrong_type")
    assert getattr(stored(log, tenant)["e0"], name) in (None, {})


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (pa.array([17]), "17"),
        (pa.array([2**64 - 1], pa.uint64()), "18446744073709551615"),
        (pa.array([Decimal(10**29 + 7)], pa.decimal128(30, 0)), str(10**29 + 7)),
        (pa.array([Decimal(10**60 + 7)], pa.decimal256(70, 0)), str(10**60 + 7)),
        (pa.array([SOME_ID.bytes], pa.uuid()), str(SOME_ID)),
        (pa.array([b"ann"]), "ann"),
        (pa.array(["ann"], pa.large_string()), "ann"),
        (pa.array(["ann"], pa.string_view()), "ann"),
        (pa.array(["ann"]).dictionary_encode(), "ann"),
    ],
)
def test_ids_become_text_without_loss(
    values: pa.Array, text: str, *, log: Log, appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    path = typed(tmp_path / "a.parquet", user_id=values, campaign_id=values)
    assert take(path, appender, tenant).accepted == 1
    event = stored(log, tenant)["e0"]
    assert (event.user_id, event.campaign_id) == (text, text)


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        (pa.array([Decimal("12.50")], pa.decimal128(10, 2)), "12.50"),
        (pa.array([Decimal(f"{10**40}.25")], pa.decimal256(60, 2)), f"{10**40}.25"),
        (pa.array([0.1]), 0.1),
        (pa.array([1e20]), 1e20),
        (pa.array([3], pa.float16()), 3.0),
        (pa.array([7], pa.uint64()), 7),
        (pa.array([True]), True),
        (pa.array([date(2026, 9, 1)]), "2026-09-01"),
        (pa.array([timedelta(seconds=90)]), None),
        (pa.array([b"text"]), "text"),
        (pa.array([SOME_ID.bytes], pa.uuid()), str(SOME_ID)),
        (pa.array([b"\x01\x02"], pa.binary(2)), "0102"),
        (pa.array([["x", None, "y"]]), ["x", None, "y"]),
        (pa.array([{"z": 1, "a": Decimal("1.5")}]), {"a": "1.5", "z": 1}),
        (pa.array([None]), None),
        (pa.array([float("nan")]), None),
        (pa.array([[1.0, float("nan")]]), [1.0, None]),
    ],
)
def test_a_further_column_of_any_type_is_kept_as_json_that_every_parser_reads(
    values: pa.Array, kept: Any, *, log: Log, appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    report = take(typed(tmp_path / "a.parquet", extra=values), appender, tenant)
    assert (report.accepted, report.dropped_fields()) == (1, [])
    found = stored(log, tenant)["e0"].attributes.get("extra")
    if kept is None and values.null_count == 0 and not pa.types.is_floating(values.type):
        assert isinstance(found, str)  # spelled as Arrow does
    else:
        assert found == kept


def test_an_infinite_number_is_left_out_and_reported(
    appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    path = typed(tmp_path / "a.parquet", extra=pa.array([1.5, float("-inf")]))
    report = take(path, appender, tenant)
    assert report.accepted == 2
    (lost,) = report.dropped_fields()
    assert (lost.row, lost.column, lost.code) == (2, "extra", "number_out_of_range")


def test_a_missing_number_of_a_data_frame_is_no_propensity(
    log: Log, appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    path = typed(tmp_path / "a.parquet", propensity=pa.array([float("nan"), 1.5, 0.5]))
    report = take(path, appender, tenant)
    assert report.accepted == 3
    assert [(each.row, each.code) for each in report.dropped_fields()] == [
        (2, "number_out_of_range")
    ]
    events = stored(log, tenant)
    assert [events[f"e{n}"].propensity for n in range(3)] == [None, None, 0.5]


def test_times_in_numbers_are_refused_with_a_guess_of_their_unit(
    appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    for values, unit in (
        (pa.array([1_788_278_400]), "seconds"),
        (pa.array([1_788_278_400.123]), "seconds"),
        (pa.array([1_788_278_400_123]), "milliseconds"),
        (pa.array([None, 1_788_278_400_123_456]), "microseconds"),
    ):
        with pytest.raises(InvalidInput) as error:
            take(typed(tmp_path / "a.parquet", occurred_at=values), appender, tenant)
        assert error.value.code == "time_unit_suspect"
        assert f"as {unit} it would be 2026-09-01T16:00:00" in (error.value.hint or "")


def test_columns_that_differ_in_case_alone_are_two(
    log: Log, appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    extra = {"Country": pa.array(["A"]), "country": pa.array([7]), "User_Id": pa.array([0.5])}
    assert take(typed(tmp_path / "a.parquet", **extra), appender, tenant).accepted == 1
    assert stored(log, tenant)["e0"].attributes == {"Country": "A", "country": 7, "User_Id": 0.5}


FAR = 2**63 - 1


@pytest.mark.parametrize("unit", ["ms", "us"])
@pytest.mark.parametrize("count", [FAR, -FAR, 2**58])
def test_a_time_beyond_the_calendar_costs_its_row_alone(
    unit: str, count: int, *, log: Log, appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    noon = 1_788_278_400 * {"ms": 10**3, "us": 10**6}[unit]
    times = pa.array([noon, count, None, noon], pa.timestamp(unit, "Europe/Berlin"))
    report = take(typed(tmp_path / "a.parquet", occurred_at=times), appender, tenant)
    assert [(each.row, each.code) for each in report.rejections()] == [
        (2, "time_unit_suspect"),
        (3, "missing_field"),
    ]
    assert str(count) in report.rejections()[0].reason
    assert set(stored(log, tenant)) == {"e0", "e3"}


def test_a_zone_that_nobody_knows_is_named(
    appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    times = pa.array([1_788_278_400], pa.timestamp("s", "Mars/X"))
    with pytest.raises(InvalidInput, match="Mars/X") as error:
        take(typed(tmp_path / "a.parquet", occurred_at=times), appender, tenant)
    assert (error.value.code, error.value.field) == ("time_invalid", "occurred_at")


STRINGS_TO_NUMBERS = pa.map_(pa.string(), pa.int64())


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        (pa.array([[("k", 1)]], STRINGS_TO_NUMBERS), {"k": 1}),
        (pa.array([[(7, "a")]], pa.map_(pa.int64(), pa.string())), {"7": "a"}),
        (pa.array([{"m": [("k", 1)]}], pa.struct([("m", STRINGS_TO_NUMBERS)])), {"m": {"k": 1}}),
        (pa.array([[5]], pa.list_(pa.duration("us"))), ["5"]),
        (pa.array([[b"\x01\x02"]], pa.list_(pa.binary(2))), ["0102"]),
        (pa.array([[[1, 2], None]], pa.list_(pa.list_(pa.int64()))), [[1, 2], None]),
    ],
)
def test_nested_values_become_json(
    values: pa.Array, kept: Any, *, log: Log, appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    report = take(typed(tmp_path / "a.parquet", extra=values), appender, tenant)
    assert (report.accepted, report.dropped_fields()) == (1, [])
    assert stored(log, tenant)["e0"].attributes["extra"] == kept


@pytest.mark.parametrize(
    ("values", "row", "code"),
    [
        (pa.array([[FAR]], pa.list_(pa.timestamp("us"))), 0, "wrong_type"),
        (pa.array([{"a": FAR}], pa.struct([("a", pa.timestamp("us"))])), 0, "wrong_type"),
        (pa.array([FAR], pa.timestamp("us", "UTC")), 0, "wrong_type"),
        (pa.array([[2**31 - 1]], pa.list_(pa.date32())), 0, "wrong_type"),
        (pa.array([[("k", 1), ("k", 2)]], STRINGS_TO_NUMBERS), 1, "malformed_json"),
    ],
)
def test_a_further_column_that_has_no_form_in_json_is_dropped_and_named(
    values: pa.Array, row: int, code: str, *, appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    report = take(typed(tmp_path / "a.parquet", extra=values), appender, tenant)
    assert report.accepted == 1
    (lost,) = report.dropped_fields()
    assert (lost.row, lost.column, lost.code) == (row, "extra", code)
