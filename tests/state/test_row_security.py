"""PostgreSQL keeps the rows of tenants apart by itself, whatever a query forgets to ask."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
import structlog
from emptied import Emptied

from sendopt.app import open_app
from sendopt.records import TenantId, UserId
from sendopt.settings import Settings
from sendopt.state import State, row_security, users
from sendopt.state.tables import app_user, metadata

SHOP, BANK = TenantId("shop"), TenantId("bank")


@pytest.fixture
def url(_emptied_postgres: Emptied, now: datetime) -> Iterator[str]:
    """The URI of a state with a user of the same id for each of two tenants."""
    with _emptied_postgres.lend() as url:
        with closing(State(url)) as state:
            for tenant_id in (SHOP, BANK):
                with state.write(tenant_id) as tx:
                    users.ensure(tx, UserId("ann"), now=now)
        yield url


def test_every_table_of_tenants_is_under_a_policy_that_binds_its_owner(url: str) -> None:
    of_tenants = {table.name for table in metadata.sorted_tables if "tenant_id" in table.c}
    of_tenants |= {"operator_key"}  # of none of them: who names one sees no row
    forced = "select relname from pg_class where relrowsecurity and relforcerowsecurity"
    with psycopg.connect(url) as connection:
        assert {name for (name,) in connection.execute(forced)} == of_tenants
        policies = "select tablename, policyname, cmd from pg_policies"
        assert {*connection.execute(policies)} == {
            (name, "of_tenant", "ALL") for name in of_tenants
        }


@pytest.mark.parametrize(
    ("named", "seen"),
    [(None, []), ("", []), ("shop", ["shop"]), ("nobody", []), ("*", ["bank", "shop"])],
)
def test_who_names_no_tenant_sees_nothing(url: str, named: str | None, seen: list[str]) -> None:
    with psycopg.connect(url) as connection:
        if named is not None:
            connection.execute("select set_config('sendopt.tenant', %s, true)", [named])
        found = connection.execute("select tenant_id from app_user order by tenant_id")
        assert [tenant_id for (tenant_id,) in found] == seen


def test_a_query_that_forgets_its_tenant_finds_and_changes_the_rows_of_its_own(url: str) -> None:
    with closing(State(url)) as state:
        with state.write(SHOP) as tx:
            assert tx.scalars(sa.select(app_user.c.tenant_id)).all() == [SHOP]
            assert tx.execute(sa.update(app_user).values(timezone="Europe/Vienna")).rowcount == 1
            assert tx.execute(sa.delete(app_user)).rowcount == 1
        with state.read_fleet() as tx:
            assert tx.execute(sa.select(app_user.c.tenant_id, app_user.c.timezone)).all() == [
                (BANK, None)
            ]


def test_a_row_for_another_tenant_is_refused(url: str, now: datetime) -> None:
    row = "insert into app_user (tenant_id, user_id, updated_at) values ('bank', 'bob', 0)"
    refused = pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security")
    with psycopg.connect(url) as connection:
        connection.execute("select set_config('sendopt.tenant', 'shop', true)")
        with refused:
            connection.execute(row)


def test_a_transaction_leaves_no_tenant_behind_on_its_connection(url: str) -> None:
    with closing(State(url)) as state:
        with state.read(SHOP):
            pass
        with state.engine.connect() as connection:
            assert connection.scalars(sa.select(app_user.c.tenant_id)).all() == []


@pytest.mark.parametrize(
    ("role", "said"), [("service", []), ("postgres", ["row_security_bypassed"])]
)
def test_a_role_that_no_policy_binds_is_warned_of(
    url: str, tmp_path: Path, role: str, said: list[str]
) -> None:
    settings = Settings(home=tmp_path, state={"url": url.replace("service@", f"{role}@")})
    with structlog.testing.capture_logs() as logs:
        open_app(settings).state.close()
    assert [line["event"] for line in logs] == said


def test_a_file_has_no_policies(tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("state") / "state.db"
    with closing(State(f"sqlite:///{file}")) as state, state.read_fleet() as tx:
        assert row_security.is_bypassed(tx) is False
