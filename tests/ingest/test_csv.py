"""CSV as it comes: quotes in wrong places, delimiters, headers."""

from __future__ import annotations

import gzip
import itertools
from pathlib import Path

import pytest
from event_doors import faults, stored, take
from examples import at_most
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sendopt.errors import InvalidInput
from sendopt.ingest import Options
from sendopt.log import Appender, Log
from sendopt.records import TenantId

HEADER = "event_id,user_id,event_type,occurred_at,note"
REST = "session,2026-09-01T10:00:00Z"
_examples = itertools.count()


@pytest.mark.parametrize(
    "record",
    [
        f'e1,"ann"x,{REST},n',
        f'e1,x"ann",{REST},n',
        f'e1,an"n,{REST},n',
        f'e1,an"n,{REST},n"',
        f'e1, "ann",{REST},n',
        f'e1,"ann" ,{REST},n',
        f'e1,"an"n",{REST},n',
        f'"e1"",ann,{REST},n',
        f'e1,ann,{REST},"say \\"hi\\" now"',
        f'e1,ann,{REST},"never closed',
        f'e1,ann,{REST},five "inch" disc',
        f'e1,ann,{REST},"a""b"c',
        f'e1,ann,{REST},"two\nlines"x',
    ],
)
def test_a_quote_in_a_wrong_place_costs_its_row_and_no_other(
    record: str, log: Log, appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    lines = [HEADER, f'"e0","ann",{REST},"he said ""hi"""', record, f'e2,bob,{REST},"a,\r\n""b"""']
    (tmp_path / "a.csv").write_text("\n".join(lines), newline="")
    report = take(tmp_path / "a.csv", appender, tenant)
    assert faults(report)[0] == (2, "", "malformed_csv")
    (first, *_) = report.rejections()
    assert record.split("\n", maxsplit=1)[0][:12] in first.reason.replace('\\"', '"')
    assert ('""' in (first.hint or "")) == ('\\"' in record)
    events = stored(log, tenant)
    assert set(events) == {"e0", "e2"}
    assert events["e0"].attributes == {"note": 'he said "hi"'}
    assert events["e2"].attributes == {"note": 'a,\r\n"b"'}


@pytest.mark.parametrize(
    "record",
    [
        f"e1,ann,{REST},two\rlines",
        f"e1,an\rn,{REST},x",
        f"e1,ann,{REST},\re3,bob,{REST},x",
        f"\re1,ann,{REST},x",
        f'e1,ann,{REST},"a\rb"\rc',
        f"e1,ann,{REST},a\r\rb",
        f"\r \r{REST}",
    ],
)
def test_a_carriage_return_within_a_line_costs_its_row_and_no_other(
    record: str, log: Log, appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    lines = [HEADER, f'"e0","ann",{REST},"a\rb"', record, f"e2,bob,{REST},b\r", "e3,ann,session"]
    lines += [f"e{n},bob,{REST},x" for n in range(4, 9)]
    (tmp_path / "a.csv").write_text("\n".join(lines), newline="")
    report = take(tmp_path / "a.csv", appender, tenant)
    assert faults(report) == [(2, "", "malformed_csv"), (4, "", "malformed_csv")]
    assert "carriage return" in report.rejections()[0].reason
    events = stored(log, tenant)
    assert set(events) == {"e0", "e2", *(f"e{n}" for n in range(4, 9))}
    assert events["e0"].attributes == {"note": "a\rb"}
    assert events["e2"].attributes == {"note": "b"}


def test_lines_that_end_in_two_carriage_returns_keep_their_numbers(
    appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    lines = [HEADER, f"e1,ann,{REST},x", "e2,ann", f"e3,ann,{REST},x", "e4,ann", ""]
    (tmp_path / "a.csv").write_text("\r\r\n".join(lines), newline="")
    report = take(tmp_path / "a.csv", appender, tenant)
    assert faults(report) == [(2, "", "malformed_csv"), (4, "", "malformed_csv")]
    assert report.accepted == 2


@pytest.mark.parametrize(
    "record",
    [
        f'"e1","ann",{REST},""',
        f'e1,ann,{REST},""""',
        f'e1,ann,{REST},"\n\n"',
        f'e1,ann,{REST},"a ""b"", c"',
        f"e1,ann,{REST},a'b\\",
        f'e1,ann,{REST},"ends in one \\"',
    ],
)
def test_a_quote_in_a_right_place_costs_nothing(
    record: str, appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text(f"{HEADER}\n{record}\n", newline="")
    assert take(tmp_path / "a.csv", appender, tenant).accepted == 1


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


@pytest.mark.parametrize(
    ("name", "delimiter", "option"),
    [
        ("a.csv", ";", ";"),
        ("a.csv", "\t", "\t"),
        ("a.csv", "|", "|"),
        ("a.tsv", "\t", None),
        ("a.TSV", "\t", None),
        ("a.tsv", ",", ","),
    ],
)
def test_fields_are_separated_as_the_option_or_the_name_says(
    name: str,
    delimiter: str,
    option: str | None,
    *,
    log: Log,
    appender: Appender,
    tenant: TenantId,
    tmp_path: Path,
) -> None:
    lines = [HEADER, f'e1,ann,{REST},"quoted ; , \t | text"', f'e2,"an"n,{REST},x']
    text = "\n".join([*lines[:1], lines[2]]).replace(",", delimiter)
    first = lines[1].replace(",", delimiter, 4)
    (tmp_path / name).write_text(f"{text}\n{first}\n", newline="")
    report = take(tmp_path / name, appender, tenant, options=Options(delimiter=option))
    assert faults(report) == [(1, "", "malformed_csv")]
    assert stored(log, tenant)["e1"].attributes == {"note": "quoted ; , \t | text"}


@pytest.mark.parametrize("sep", ["sep=;", "SEP=;", '"sep=;"'])
def test_a_first_line_that_names_the_delimiter_is_heard(
    sep: str, appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    text = f"{HEADER}\ne1,ann,{REST},x\n".replace(",", ";")
    (tmp_path / "a.csv").write_text(f"\ufeff{sep}\r\n{text}", encoding="utf-8", newline="")
    assert take(tmp_path / "a.csv", appender, tenant).accepted == 1


@pytest.mark.parametrize(
    ("header", "hint"),
    [
        (HEADER.replace(",", ";"), "--delimiter ';'"),
        (HEADER.replace(",", "\t"), "--delimiter 'tab'"),
        (HEADER.replace(",", "|"), "--delimiter '|'"),
        (HEADER.upper(), '"USER_ID": did you mean user_id?'),
        ("eventId,userId,eventType,occurredAt", '"userId": did you mean user_id?'),
        (HEADER.replace(",", ", "), '" user_id": did you mean user_id?'),
        ("id,user,type,time", None),
    ],
)
def test_a_header_without_the_contracts_columns_is_shown_and_guessed_at(
    header: str, hint: str | None, appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text(header + "\n")
    with pytest.raises(InvalidInput, match=r"has no column .*user_id") as error:
        take(tmp_path / "a.csv", appender, tenant)
    assert header[:2] in error.value.message
    assert (error.value.hint is None) if hint is None else (hint in (error.value.hint or ""))


def test_columns_that_differ_in_case_alone_are_two(
    log: Log, appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text(
        f"event_id,user_id,event_type,occurred_at,Country,country,USER_ID\ne1,ann,{REST},A,b,C\n"
    )
    assert take(tmp_path / "a.csv", appender, tenant).accepted == 1
    assert stored(log, tenant)["e1"].attributes == {"Country": "A", "country": "b", "USER_ID": "C"}


@pytest.mark.parametrize("name", ["a.csv.gz", "a.csv.GZ", "A.CSV"])
def test_a_packed_file_and_a_byte_order_mark_are_read(
    name: str, appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    text = b"\xef\xbb\xbf" + f"{HEADER}\ne1,ann,{REST},x\n".encode()
    (tmp_path / name).write_bytes(text if name == "A.CSV" else gzip.compress(text))
    assert take(tmp_path / name, appender, tenant).accepted == 1


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
        "\r",
        "é",
    ]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=at_most(15))
@given(text=st.lists(cells, max_size=40))
def test_whatever_stands_in_a_csv_every_record_is_counted_once(
    text: list[str], appender: Appender, tmp_path: Path
) -> None:
    tenant_id = TenantId(f"example {next(_examples)}")
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


@pytest.mark.parametrize("name", ["timezone\u00a0", "timezone\u200b", "time\ufeffzone"])
def test_a_column_whose_name_only_looks_like_one_of_the_contract_is_named(
    name: str, appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    text = f"{HEADER},{name}\ne1,ann,{REST},x,Europe/Berlin\n"
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    report = take(tmp_path / "a.csv", appender, tenant)
    assert report.near_misses == {name: "timezone"}


def test_a_column_is_named_as_the_shell_reads_it_in_a_command(
    appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    for value in ("0", "1"):
        text = f"{HEADER},Unnamed: 0\ne1,ann,{REST},x,{value}\n"
        (tmp_path / "a.csv").write_text(text)
        report = take(tmp_path / "a.csv", appender, tenant)
    (conflict,) = report.rejections()
    assert "--ignore-column 'Unnamed: 0'" in (conflict.hint or "")


@pytest.mark.parametrize(
    ("begins", "named"),
    [(gzip.compress(b"x", mtime=0), "a.csv.gz"), (b"PAR1\0\0", "a.csv.parquet")],
)
def test_a_file_that_is_no_text_is_told_what_it_is(
    begins: bytes, named: str, appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_bytes(begins)
    with pytest.raises(InvalidInput) as error:
        take(tmp_path / "a.csv", appender, tenant)
    assert error.value.code == "malformed_file"
    assert error.value.hint == f"call it {named}"
