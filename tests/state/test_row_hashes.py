"""Every row is held against what was inserted, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from state.sample_rows import BEGAN, HASHED, sample, sample_row
from state.unprotected import unprotected

from sendopt.records import Channel, Device, DeviceId, TenantId, UserId
from sendopt.state import FleetRead, State, devices, tenants
from sendopt.state.instant import Instant, microseconds
from sendopt.state.json_text import json_text
from sendopt.state.row_hash import digest, hash_of, hashed_columns, hashes_of
from sendopt.state.tables import api_key, metadata, tenant
from sendopt.state.tables import device as device_table
from sendopt.state.unchanged import changed
from sendopt.state.violation import NOBODY, Violation

WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
INSTANTS = st.datetimes(
    datetime(1970, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    datetime(2199, 1, 1),  # noqa: DTZ001
    timezones=st.timezones(),
)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
OF_TYPE: dict[type[sa.types.TypeEngine[Any]], st.SearchStrategy[Any]] = {
    sa.Text: WORDS,
    Instant: INSTANTS,
    sa.Integer: st.integers(-(2**31), 2**31 - 1),
    sa.Float: FLOATS | st.integers(-1000, 1000),
    sa.Boolean: st.booleans(),
    sa.LargeBinary: st.binary(max_size=20),
    sa.JSON: st.recursive(
        st.none() | st.booleans() | FLOATS | WORDS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    ).filter(lambda value: isinstance(value, list | dict)),  # SQLite makes a number of "0.0"
}


def values_of(table: sa.Table) -> st.SearchStrategy[dict[str, Any]]:
    def of(column: sa.Column[Any]) -> st.SearchStrategy[Any]:
        if column.foreign_keys:
            return st.just("shop")
        kind = next(values for kind, values in OF_TYPE.items() if isinstance(column.type, kind))
        return st.none() | kind if column.nullable else kind

    return st.fixed_dictionaries(
        {column.name: of(column) for column in hashed_columns(table)}
        | {
            column.name: of(column)
            for column in table.c
            if not column.nullable and column.server_default is None and column.name != "sequence"
        }
    )


def found(tx: FleetRead, table: sa.Table) -> list[Violation]:
    return list(changed(tx, table))


def test_all_that_is_owed_has_a_hash() -> None:
    assert set(metadata.sorted_tables) - set(HASHED) == {
        metadata.tables["app_user"],
        metadata.tables["drift_alarm"],
        metadata.tables["keyed_request"],  # of a day, and its answer has a checksum
    }


def test_the_form_of_a_hash_is_fixed() -> None:
    row = {"at": 1_790_000_000_000_000, "money": "0.10", "none": None, "p": 0.1, "ü": "\u20ac\n"}
    assert digest(row).hex() == "52f570a2419c3fdebc6341b23e7d6d29"
    assert digest({**row, "none": ""}) != digest(row)
    assert digest({**row, "p": -0.0}) == digest({**row, "p": 0.0})


@pytest.mark.parametrize("table", HASHED, ids=lambda table: table.name)
def test_many_rows_have_the_hashes_that_each_has_alone(table: sa.Table) -> None:
    rows = [sample_row(table, number) for number in (1, 2)]
    needed = [each.name for each in table.c if not each.nullable and each.name in rows[0]]
    rows.append({name: rows[0][name] for name in needed})
    columns = {
        column.name: [as_it_is_stored(column, row.get(column.name)) for row in rows]
        for column in hashed_columns(table)
    }
    assert hashes_of(table, columns) == [hash_of(table, row) for row in rows]


def as_it_is_stored(column: sa.Column[Any], value: Any) -> Any:
    if value is None:
        return None
    if isinstance(column.type, Instant):
        return microseconds(value)
    return json_text(value) if isinstance(column.type, sa.JSON) else value


@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_whatever_is_inserted_is_found_unchanged(state: State, data: st.DataObject) -> None:
    with state.write_fleet() as tx:
        for table in HASHED:
            values = data.draw(values_of(table))
            inside = tx.begin_nested()
            if table is api_key:
                tenants.create(tx, TenantId("shop"), timezone="UTC", now=BEGAN)
            tx.execute(sa.insert(table), [values])
            assert found(tx, table) == []
            inside.rollback()


@pytest.mark.parametrize("table", HASHED, ids=lambda table: table.name)
def test_a_change_of_any_hashed_column_is_named_with_its_row_alone(
    state: State, table: sa.Table
) -> None:
    with unprotected(state) as tx:
        if table is api_key:  # its tenants have to be there
            tx.execute(sa.insert(tenant), [sample_row(tenant, number) for number in (1, 3, 5)])
        tx.execute(sa.insert(table), [sample_row(table, number) for number in (1, 3)])
        if table.primary_key.columns.keys() == ["sequence"]:
            one = table.c.event_id == "é1"
        else:
            one = sa.and_(*(key == sample(key, 1) for key in table.primary_key))
        for column in hashed_columns(table):
            inside = tx.begin_nested()
            is_boolean = isinstance(column.type, sa.Boolean)
            other = not sample(column, 1) if is_boolean else sample(column, 5)
            tx.execute(sa.update(table).where(one).values({column: other}))
            (finding,) = found(tx, table)
            assert finding.rule == "row_unchanged"
            assert finding.subject.startswith(table.name)
            assert column.name in finding.explanation
            whose = "é5" if column.name == "tenant_id" else "é1"
            assert finding.tenant_id == (whose if "tenant_id" in table.c else NOBODY)
            inside.rollback()
        tx.execute(sa.update(table).where(one).values(row_hash=None))
        (finding,) = found(tx, table)
        assert "has no hash" in finding.explanation


def test_a_device_that_is_registered_again_is_what_was_registered_last(state: State) -> None:
    device = Device(DeviceId("d1"), UserId("ann"), Channel.SIMULATOR, {}, None, None)
    with state.write_fleet() as tx:
        for address in ({"a": 1}, {"b": 2}):
            again = replace(device, address=address)
            devices.register(tx.of(TenantId("shop")), again, now=BEGAN)
            assert found(tx, device_table) == []
        devices.mark_dead(tx.of(TenantId("shop")), device.device_id, reason="gone", now=BEGAN)
        assert found(tx, device_table) == []
