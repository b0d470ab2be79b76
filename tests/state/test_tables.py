from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sendopt.records import TenantId, UserId
from sendopt.state import State, users
from sendopt.state.tables import home, metadata
from sendopt.state.tables_access import operator_key

SHOP = TenantId("shop")


def test_every_row_belongs_to_a_tenant() -> None:
    for table in set(metadata.tables.values()) - {home, operator_key}:
        assert "tenant_id" in table.columns, table.name
        assert not table.c.tenant_id.nullable, table.name


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.datetimes(
        min_value=datetime(1900, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
        max_value=datetime(2200, 1, 1),  # noqa: DTZ001
        timezones=st.timezones(),
    )
)
def test_an_instant_comes_back_to_the_microsecond_in_utc(state: State, instant: datetime) -> None:
    with state.write_fleet() as tx:
        tx.execute(sa.text("DELETE FROM app_user"))
        users.opt_out(tx.of(SHOP), UserId("ann"), at=instant, now=instant)
        stored = users.get(tx.of(SHOP), UserId("ann")).opted_out_at
    assert stored is not None
    assert stored == instant.astimezone(UTC)
    assert stored.tzinfo is UTC
    assert stored.utcoffset() == timedelta(0)
