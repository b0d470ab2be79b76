"""One grammar at every door: the same value gets the same verdict, however it comes in."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from event_doors import FILES, NOW, Verdicts, by_file, by_request
from event_grammar import COSTS_THE_EVENT, GOOD, KINDS, MISSING, Kind, event
from examples import at_most
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sendopt.errors import InvalidInput
from sendopt.ingest.headers import near_misses
from sendopt.ingest.raw import CONTRACT_COLUMNS
from sendopt.log import Appender, Log, event_table
from sendopt.records import Event, EventType, TenantId
from sendopt.text import quoted

DOORS = (*FILES, "request")
Through = Callable[[str, list[dict[str, Any]]], Verdicts]
_tenants = itertools.count()


@pytest.fixture
def through(log: Log, appender: Appender, tmp_path: Path) -> Through:
    """Lets rows in through a door, for a tenant of their own."""

    def let_in(door: str, rows: list[dict[str, Any]]) -> Verdicts:
        if door == "request":
            return by_request(rows)
        tenant_id = TenantId(f"tenant {next(_tenants)}")
        return by_file(tmp_path / door, rows, log, appender, tenant_id)

    return let_in


def why_refused(through: Through, door: str, rows: list[dict[str, Any]]) -> str:
    """Return what is said of rows of which none is taken: of each, or of the whole file."""
    try:
        return str(through(door, rows).rejected)
    except InvalidInput as refusal:
        return str(refusal)


def expected(kind: Kind, event_id: str) -> Event | None:
    """Return the event that a row of this kind is, or None."""
    if kind.code and (kind.field in COSTS_THE_EVENT or kind.code == "attribute_reserved"):
        return None
    whole = Event(
        **{
            **GOOD,
            "event_id": event_id,
            "event_type": EventType.OPEN,
            "occurred_at": datetime.fromisoformat(GOOD["occurred_at"]),
            "propensity": 0.25,
            "attributes": {"app": "3.1"},
        }
    )
    nothing: Any = {} if kind.field == "attributes" else None
    meaning = nothing if kind.meaning is None else kind.meaning
    if kind.field == "occurred_at":
        meaning = datetime.fromisoformat(meaning)
    return replace(whole, **{kind.field: meaning})


@pytest.mark.parametrize("door", DOORS)
def test_every_kind_of_value_is_worth_the_same_at_every_door(door: str, through: Through) -> None:
    ids = [kind.value if kind.field == "event_id" else f"e-{n}" for n, kind in enumerate(KINDS)]
    rows = [event(kind, event_id) for kind, event_id in zip(KINDS, ids, strict=True)]
    told = through(door, rows)
    wrong = []
    for row, (kind, event_id) in enumerate(zip(KINDS, ids, strict=True), start=1):
        meant = expected(kind, event_id)
        faults = (
            told.dropped[row] if meant else [told.rejected[row]] if row in told.rejected else []
        )
        found = [(each.column.split("/")[0], each.code) for each in faults]
        if found != ([(kind.field, kind.code)] if kind.code else []):
            wrong.append((kind, found))
        elif meant is not None and told.events.get(event_id) != meant:
            wrong.append((kind, told.events.get(event_id)))
    assert wrong == []


@pytest.mark.parametrize("door", DOORS)
def test_what_is_refused_is_quoted(door: str, through: Through) -> None:
    kinds = [k for k in KINDS if k.code and k.code != "missing_field" and k.field != "attributes"]
    rows = [event(kind, f"e-{number}") for number, kind in enumerate(kinds)]
    told = through(door, rows)
    for row, kind in enumerate(kinds, start=1):
        (finding,) = [told.rejected[row]] if row in told.rejected else told.dropped[row]
        assert quoted(kind.value).strip('"')[:20] in finding.reason, kind
        assert len(finding.reason) < 300
        assert finding.expected, kind


@pytest.mark.parametrize("door", DOORS)
def test_an_opt_out_counts_whatever_else_is_wrong_with_it(door: str, through: Through) -> None:
    kinds = [kind for kind in KINDS if kind.code and kind.field not in {"user_id", "event_type"}]
    rows = [
        {**event(kind, f"e-{n}"), "event_type": "opt_out", "user_id": f"u-{n}"}
        for n, kind in enumerate(kinds)
    ]
    told = through(door, rows)
    assert told.rejected == {}
    assert {each.user_id for each in told.events.values()} == {f"u-{n}" for n in range(len(kinds))}
    if door != "request":
        assert {each.user_id for each in told.said} == {f"u-{n}" for n in range(len(kinds))}
    for row, kind in enumerate(kinds, start=1):
        found = {each.column.split("/")[0] for each in told.dropped[row]}
        optional = kind.field == "send_id" and kind.code == "missing_field"
        assert found == (set() if optional else {kind.field}), kind


@pytest.mark.parametrize("door", DOORS)
def test_an_opt_out_without_a_usable_time_counts_from_now(door: str, through: Through) -> None:
    row = {**GOOD, "event_type": "opt_out", "occurred_at": "2026-10-01T09:36:00Z"}
    (taken,) = through(door, [row]).events.values()
    assert taken.occurred_at == NOW


@pytest.mark.parametrize("door", DOORS)
def test_further_columns_are_kept_and_near_misses_are_not_taken_for_the_contract(
    door: str, through: Through
) -> None:
    rows = [{**GOOD, "Country": "AT", "country": "at", "Timezone": "Asia/Tokyo", "app": "4"}]
    (taken,) = through(door, rows).events.values()
    assert taken.attributes == {
        "Country": "AT",
        "country": "at",
        "Timezone": "Asia/Tokyo",
        "app": "4",  # the column goes before the member of attributes
    }
    assert taken.timezone == "Europe/Berlin"


@given(
    column=st.sampled_from(CONTRACT_COLUMNS),
    cut=st.integers(0, 12),
    other=st.text("abcdeimnoprstuy_ ", max_size=3),
    cut_off=st.integers(0, 4),
)
def test_the_nearest_column_is_that_of_a_comparison_with_all_of_them(
    column: str, cut: int, other: str, cut_off: int
) -> None:
    name = column[:cut] + other + column[cut + cut_off :]
    bare = {each.replace("_", ""): each for each in CONTRACT_COLUMNS}
    spelled = name.replace("_", "").replace(" ", "")
    close = difflib.get_close_matches(spelled, bare, n=1, cutoff=0.85)
    expected = {} if name in CONTRACT_COLUMNS or not close else {name: bare[close[0]]}
    assert near_misses((name,)) == expected


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("name", "meant"),
    [
        *(
            ("occured_at", "occurred_at"),
            ("occurredAt", "occurred_at"),
            ("OCCURRED_AT", "occurred_at"),
        ),
        *(
            ("userid", "user_id"),
            ("user_ID", "user_id"),
            ("userId", "user_id"),
            ("usr_id", "user_id"),
        ),
        *(("eventtype", "event_type"), ("event_typ", "event_type"), ("eventId", "event_id")),
        *(("sendid", "send_id"), ("Send_Id", "send_id")),
    ],
)
def test_a_needed_field_that_is_nearly_named_is_told_with_the_name_that_was_meant(
    door: str, name: str, meant: str, through: Through
) -> None:
    misnamed = {name if key == meant else key: value for key, value in GOOD.items()}
    opt_out = {**GOOD, "event_id": "out", "event_type": "opt_out"}
    if door in ("events.jsonl", "request"):
        told = str(through(door, [opt_out, misnamed]).rejected[2])
    else:  # a column is missing in every row
        told = why_refused(through, door, [misnamed])
    assert f"did you mean {meant}?" in told
    assert f'"{name}"' in told


@pytest.mark.parametrize("door", ["events.jsonl", "request"])
@pytest.mark.parametrize(
    ("value", "code"),
    [(True, "wrong_type"), (17.5, "wrong_type"), (["x"], "wrong_type"), ({"x": 1}, "wrong_type")],
)
def test_json_that_is_no_text_is_refused_as_text(
    door: str, value: Any, code: str, through: Through
) -> None:
    needed = [{**GOOD, "event_id": f"e-{name}", name: value} for name in ("user_id", "send_id")]
    told = through(door, [*needed, {**GOOD, "platform": value}])
    assert [each.code for each in told.rejected.values()] == [code, code]
    assert [each.code for each in told.dropped[3]] == [code]


@pytest.mark.parametrize("door", ["events.jsonl", "request"])
@pytest.mark.parametrize("digits", [20, 309, 400, 401, 4_000])
def test_a_whole_number_that_nothing_can_hold_costs_its_field(
    door: str, digits: int, through: Through
) -> None:
    number = int("9" * (digits - 1)) * 10
    rows: list[dict[str, Any]] = [
        {**GOOD, "event_type": "opt_out", "seen": number},
        {**GOOD, "event_id": "e-2", "seen": {"times": [1, -number]}},
    ]
    told = through(door, rows)
    assert told.rejected == {}
    for row in (1, 2):
        assert [(f.column, f.code) for f in told.dropped[row]] == [("seen", "number_out_of_range")]


# Which code points are unassigned depends on the version of Unicode, and not on the door.
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=4) | st.sampled_from(
    [
        "x" * 256,
        "x" * 257,
        "\u202e",
        "a b",
        "Europe/Berlin",
        "CST",
        "UTC",
        "open",
        "NULL",
        '"',
        "\\",
    ]
)
times = st.datetimes(datetime(1969, 1, 1), datetime(2027, 1, 1)).map(  # noqa: DTZ001
    lambda each: each.isoformat() + "Z"
) | st.sampled_from(
    [kind.value for kind in KINDS if kind.field == "occurred_at" and kind.value is not MISSING]
)
rows_of_events = st.lists(
    st.fixed_dictionaries(
        {
            "event_id": texts,
            "user_id": texts,
            "event_type": st.sampled_from([*(each.value for each in EventType), "opened"]),
            "occurred_at": times,
        },
        optional={
            "send_id": texts,
            "channel": texts,
            "timezone": texts,
            "propensity": st.sampled_from([0, 0.5, 1, 1.5, -1, "0.5", "nan"]),
            "note": texts,
            "attributes": st.dictionaries(
                texts, st.integers(-9, 9) | texts | st.lists(texts), max_size=3
            ),
        },
    ),
    min_size=1,
    max_size=60,
    unique_by=lambda item: item["event_id"],
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=at_most(10),
)
@given(rows=rows_of_events)
def test_all_doors_give_the_same_verdicts(
    rows: list[dict[str, Any]], through: Through, appender: Appender
) -> None:
    # A file that lacks `send_id` as a whole says so once, and no longer row by row.
    named = {"event_id": "named", "user_id": "ann", "event_type": "send", "send_id": "s"}
    rows = [*rows, {**named, "occurred_at": "2026-09-01T16:00:00Z"}]
    by_door = {door: through(door, rows) for door in DOORS}
    asked = by_door["request"]
    tenant_id = TenantId(f"tenant {next(_tenants)}")
    events = event_table(asked.events.values())
    appender.append(tenant_id, events)
    for door, told in by_door.items():
        assert told.rejected.keys() == asked.rejected.keys(), door
        found = {row: sorted(f.code for f in each) for row, each in told.dropped.items() if each}
        assert found == {r: sorted(f.code for f in e) for r, e in asked.dropped.items() if e}, door
        # Equal to the last attribute: the log takes one door's events for repeats of another's.
        again = appender.append(tenant_id, event_table(told.events.values()))
        assert again.repeated == len(events), door
