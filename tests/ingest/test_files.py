"""Files of events: every row gets a verdict, the counts add up, nothing stops at a bad row."""

from __future__ import annotations

import gzip
import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from event_doors import FILES, NOW, faults, stored, take, write

from sendopt.errors import InvalidInput
from sendopt.ingest import Options
from sendopt.log import Appender, Log
from sendopt.records import Consent, TenantId, UserId

OPEN = {
    "event_id": "e1",
    "user_id": "ann",
    "event_type": "open",
    "occurred_at": "2026-09-01T10:00:00+02:00",
    "send_id": "s1",
}
# Without the time of packing, which would name the test otherwise in each process.
PACKED = gzip.compress(b"event_id,user_id,event_type,occurred_at\n" * 100, mtime=0)


@pytest.mark.parametrize("name", FILES)
def test_each_format_stores_the_same_events_once(
    name: str, log: Log, appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    rows = [
        {**OPEN, "plan": 'gold, "new"', "timezone": "Europe/Berlin"},
        {**OPEN, "event_id": "e2", "event_type": "session", "city": "Zürich\nWest"},
    ]
    report = take(write(tmp_path / name, rows), appender, tenant)
    assert (report.accepted, report.rejected, report.with_zone) == (2, 0, 1)
    events = stored(log, tenant)
    assert events["e1"].occurred_at == datetime.fromisoformat("2026-09-01T08:00:00+00:00")
    assert events["e1"].timezone == "Europe/Berlin"
    assert events["e1"].campaign_id is None
    assert events["e1"].attributes == {"plan": 'gold, "new"'}
    assert events["e2"].attributes == {"city": "Zürich\nWest"}
    for other in FILES:
        again = take(write(tmp_path / other, rows), appender, tenant)
        assert (again.accepted, again.repeated) == (0, 2), other


def test_the_same_id_with_other_content_is_a_conflict_that_names_what_differs(
    log: Log, appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    rows = [OPEN, {**OPEN, "user_id": "bob", "timezone": "UTC"}, OPEN, {**OPEN, "event_id": ""}]
    report = take(write(tmp_path / "a.csv", rows), appender, tenant)
    assert (report.accepted, report.repeated, report.conflicts, report.rejected) == (1, 1, 1, 1)
    assert faults(report) == [(2, "event_id", "event_conflict"), (4, "event_id", "missing_field")]
    assert "another user_id, timezone;" in report.rejections()[0].reason
    assert stored(log, tenant)["e1"].user_id == "ann"


@pytest.mark.parametrize("name", FILES)
def test_a_column_of_the_export_alone_is_named_and_can_be_left_out(
    name: str, appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    take(write(tmp_path / "first.csv", [{**OPEN, "row": "1", "city": "Rome"}]), appender, tenant)
    again = write(tmp_path / name, [{**OPEN, "row": "7", "page": "2", "city": "Rome"}])
    report = take(again, appender, tenant)
    (conflict,) = report.rejections()
    assert "another attributes.page, attributes.row;" in conflict.reason
    assert conflict.hint is not None
    assert "--ignore-column page --ignore-column row" in conflict.hint
    first = write(tmp_path / "again.csv", [{**OPEN, "event_id": "e2", "city": "Rome"}])
    take(first, appender, tenant)
    more = write(tmp_path / name, [{**OPEN, "event_id": "e2", "row": "8", "city": "Rome"}])
    left_out = Options(ignored=frozenset({"row"}))
    assert take(more, appender, tenant, options=left_out).repeated == 1


@pytest.mark.parametrize("name", FILES)
def test_a_text_that_is_said_to_mean_nothing_is_no_value(
    name: str, log: Log, appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    spelled = {"platform": "NULL", "timezone": "\\N", "propensity": "NULL", "note": "NULL"}
    options = Options(nulls=frozenset({"NULL", "\\N"}))
    rows = [{**OPEN, **spelled}, {**OPEN, "event_id": "e2", "user_id": "NULL"}]
    report = take(write(tmp_path / name, rows), appender, tenant, options=options)
    assert faults(report) == [(2, "user_id", "missing_field")]
    assert report.dropped_fields() == []
    assert stored(log, tenant)["e1"].attributes == {}


def test_a_cut_line_of_json_costs_one_row(
    appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    good = [json.dumps({**OPEN, "event_id": f"e{n}"}) for n in range(4)]
    bad = [
        good[0][:40],
        "[]",
        '{"event_id": "a", "event_id": "b"}',
        '{"x": NaN}',
        '{"event_id":"e9","user_id": []}',
        '{"a":' * 300 + "1" + "}" * 300,
    ]
    text = "\n".join([good[0], bad[0], "", good[1], *bad[1:], good[2], good[3][:-9]])
    (tmp_path / "a.jsonl").write_text(text)
    report = take(tmp_path / "a.jsonl", appender, tenant)
    assert faults(report) == [
        (2, "", "malformed_json"),
        (5, "", "wrong_type"),
        (6, "", "malformed_json"),
        (7, "", "number_out_of_range"),
        (8, "user_id", "wrong_type"),
        (9, "", "too_complex"),
        (11, "", "malformed_json"),
    ]
    assert report.accepted == 3


def test_no_words_in_a_text_make_its_line_wrong(
    log: Log, appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    titles = ["Hello, Nancy", "a: NaN", ":-Infinity", "[" * 300, '{"a":' * 300, '\\"', "null,\x7f"]
    rows = [{**OPEN, "event_id": f"e{n}", "title": title} for n, title in enumerate(titles)]
    report = take(write(tmp_path / "a.jsonl", rows), appender, tenant)
    assert faults(report) == []
    assert [stored(log, tenant)[f"e{n}"].attributes["title"] for n in range(7)] == titles


@pytest.mark.parametrize("name", FILES)
def test_bytes_that_are_no_text_cost_the_field_that_they_stand_in(
    name: str, log: Log, appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    rows = [{**OPEN, "event_id": each} for each in ("a", "bQ", "c", "d", "e")]
    rows[3]["platform"] = "bQ"
    rows[4] |= {"city": "bQ", "plan": "gold"}
    path = write(tmp_path / name, rows)
    path.write_bytes(path.read_bytes().replace(b"bQ", b"b\xff"))
    report = take(path, appender, tenant)
    assert faults(report) == [(2, "event_id", "event_id_invalid")]
    assert [(each.row, each.column, each.code) for each in report.dropped_fields()] == [
        (4, "platform", "text_invalid"),
        (5, "city", "text_invalid"),
    ]
    assert set(stored(log, tenant)) == {"a", "c", "d", "e"}
    assert stored(log, tenant)["e"].attributes == {"plan": "gold"}


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


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("missing", ["event_id", "occurred_at"])
def test_a_column_that_a_whole_file_lacks_is_told_once(
    name: str, missing: str, *, appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    rows = [
        {
            column: value
            for column, value in {**OPEN, "event_id": f"e{n}"}.items()
            if column != missing
        }
        for n in range(3)
    ]
    with pytest.raises(InvalidInput) as error:
        take(write(tmp_path / name, rows), appender, tenant)
    assert (error.value.code, error.value.field) == ("missing_field", missing)
    rows.append({**rows[0], "event_type": "opt_out"})  # which counts all the same
    report = take(write(tmp_path / name, rows), appender, tenant)
    assert (report.accepted, report.rejected) == (1, 3)
    assert faults(report) == [(0, missing, "missing_field")]


@pytest.mark.parametrize("name", FILES)
def test_near_misses_of_the_contracts_columns_are_named(
    name: str, appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    row = {**OPEN, "Timezone": "UTC", "campaignId": "c", "platfrom": "ios", "city": "Rome"}
    report = take(write(tmp_path / name, [row]), appender, tenant)
    assert report.near_misses == {
        "Timezone": "timezone",
        "campaignId": "campaign_id",
        "platfrom": "platform",
    }
    assert report.with_zone == 0


@pytest.mark.parametrize(
    ("name", "content", "code", "field"),
    [
        ("gone.csv", None, "file_missing", None),
        ("events.xlsx", b"PK", "file_kind_unknown", None),
        ("events.csv.zip", b"PK", "file_kind_unknown", None),
        ("events.json", b"[\n{}\n]", "file_kind_unknown", None),
        ("events.json", b'{\n "event_id": "e1"\n}', "file_kind_unknown", None),
        ("events.csv", b"event_id,user_id,event_type\n", None, None),
        ("events.csv", b"", "file_empty", None),
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
    code: str | None,
    field: str | None,
    *,
    appender: Appender,
    tenant: TenantId,
    tmp_path: Path,
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    if code is None:
        assert take(tmp_path / name, appender, tenant).rows == 0
        return
    with pytest.raises(InvalidInput) as error:
        take(tmp_path / name, appender, tenant)
    assert (error.value.code, error.value.field) == (code, field)


@pytest.mark.slow
def test_what_stands_before_damage_is_stored_and_who_opted_out_is_told(
    log: Log, appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    rows = [{**OPEN, "event_id": f"e{n}", "note": "x" * 60_000} for n in range(400)]
    rows[0]["event_type"] = "opt_out"
    whole = gzip.compress(write(tmp_path / "a.csv", rows).read_bytes(), compresslevel=1)
    (tmp_path / "a.csv.gz").write_bytes(whole[:-100])
    said: list[Consent] = []
    with pytest.raises(InvalidInput, match="cannot be read to its end"):
        take(tmp_path / "a.csv.gz", appender, tenant, said=said)
    at = datetime.fromisoformat(OPEN["occurred_at"])
    assert said == [Consent(UserId("ann"), given=False, at=at)]
    before = len(stored(log, tenant))
    assert 0 < before < 400
    (tmp_path / "a.csv.gz").write_bytes(whole)
    report = take(tmp_path / "a.csv.gz", appender, tenant)
    assert (report.accepted, report.repeated) == (400 - before, before)


def test_consent_is_told_with_its_own_time_and_an_opt_in_only_if_it_is_stored(
    appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    out = {**OPEN, "event_id": "o", "event_type": "opt_out", "occurred_at": "2024-05-01T00:00:00Z"}
    back = {**OPEN, "event_id": "i", "event_type": "opt_in", "occurred_at": "2024-06-01T00:00:00Z"}
    conflicting = {**back, "occurred_at": "2026-01-01T00:00:00Z"}
    said: list[Consent] = []
    report = take(write(tmp_path / "a.csv", [back, out, conflicting]), appender, tenant, said=said)
    assert (report.accepted, report.conflicts) == (2, 1)
    may, june = (datetime.fromisoformat(each["occurred_at"]) for each in (out, back))
    assert said == [
        Consent(UserId("ann"), given=False, at=may),
        Consent(UserId("ann"), given=True, at=june),
    ]


def test_an_opt_out_at_a_time_of_ours_repeats_itself(
    appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    row = {**OPEN, "event_id": "", "event_type": "opt_out", "occurred_at": "2031-01-01T00:00:00Z"}
    path = write(tmp_path / "a.csv", [row])
    assert take(path, appender, tenant).accepted == 1
    later = take(path, appender, tenant, now=NOW + timedelta(days=1))
    assert (later.repeated, later.conflicts) == (1, 0)


def test_events_at_the_edge_of_the_future_are_accepted(
    appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    edge = (NOW + timedelta(minutes=5)).isoformat()
    path = write(tmp_path / "a.csv", [{**OPEN, "occurred_at": edge}])
    assert take(path, appender, tenant).accepted


def test_a_second_import_stores_what_a_broken_one_left(
    log: Log, appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    rows = [{**OPEN, "event_id": f"e{n}"} for n in range(50)]
    take(write(tmp_path / "half.csv", rows[:20]), appender, tenant)
    report = take(write(tmp_path / "whole.csv", rows), appender, tenant)
    assert (report.accepted, report.repeated) == (30, 20)
    assert len(stored(log, tenant)) == 50
