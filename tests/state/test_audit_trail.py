"""What anybody did is kept, found, and never changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import psycopg
import pytest
import sqlalchemy as sa

from sendopt.errors import StoreFailure
from sendopt.records import AuditFilter, AuditRecord, Origin, TenantId
from sendopt.state import State, audit_trail
from sendopt.state.audit_trail import AuditKey
from sendopt.state.tables_access import audit_record

SHOP, BANK = TenantId("shop"), TenantId("bank")


@pytest.fixture
def record(now: datetime) -> AuditRecord:
    return AuditRecord(
        audit_id="a1",
        at=now,
        actor="key:3f2a",
        role="admin",
        origin=Origin("203.0.113.7", "r-1"),
        action="role:put",
        target="desk",
        before={"permissions": ["sends:read"]},
        after={"permissions": ["sends:read", "users:read"]},
    )


def found(state: State, tenant_id: TenantId = SHOP, **chosen: object) -> list[AuditRecord]:
    with state.read(tenant_id) as tx:
        wanted = AuditFilter(**chosen)  # type: ignore[arg-type]
        return list(audit_trail.page(tx, wanted, behind=None, limit=100).items)


def test_a_record_comes_back_as_it_was_written(state: State, record: AuditRecord) -> None:
    bare = replace(record, audit_id="a2", origin=Origin("root@host"), before=None, after=None)
    with state.write(SHOP) as tx:
        audit_trail.add(tx, record)
        audit_trail.add(tx, bare)
    assert found(state) == [record, bare]
    assert found(state, BANK) == []


def test_a_record_is_gone_with_the_change_that_failed(state: State, record: AuditRecord) -> None:
    def change_that_fails() -> None:
        with state.write(SHOP) as tx:
            audit_trail.add(tx, record)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change_that_fails()
    assert found(state) == []


@pytest.mark.parametrize(
    "statement",
    [
        "update audit_record set actor = 'somebody else'",
        "update audit_record set at = at",
        "delete from audit_record",
        "delete from audit_record where audit_id = 'a1'",
        """insert into audit_record select * from audit_record where true
        on conflict (tenant_id, audit_id) do update set actor = 'somebody else'""",
    ],
)
def test_no_statement_changes_a_record_or_takes_it_away(
    state: State, record: AuditRecord, statement: str
) -> None:
    with state.write(SHOP) as tx:
        audit_trail.add(tx, record)
    with pytest.raises(StoreFailure), state.write(SHOP) as tx:
        tx.execute(sa.text(statement))
    with pytest.raises(StoreFailure), state.write_fleet() as tx:
        tx.execute(sa.text(statement))
    assert found(state) == [record]


@pytest.mark.parametrize("state_url", ["sqlite"], indirect=True)
def test_no_record_takes_the_place_of_another(state: State, record: AuditRecord) -> None:
    """Where SQLite replaces a row it fires no trigger of the one that goes."""
    columns = [column.name for column in audit_record.c]
    others = ", ".join("'x'" if name == "actor" else name for name in columns)
    replaced = f"insert or replace into audit_record select {others} from audit_record"
    with state.write(SHOP) as tx:
        audit_trail.add(tx, record)
    with pytest.raises(StoreFailure), state.write(SHOP) as tx:
        tx.execute(sa.text(replaced))
    assert found(state) == [record]


@pytest.mark.parametrize("state_url", ["postgres"], indirect=True)
@pytest.mark.parametrize("verb", ["update {} set actor = 'x'", "delete from {}", "truncate {}"])
def test_the_owner_of_the_tables_is_held_to_it_too(
    state: State, record: AuditRecord, verb: str
) -> None:
    with state.write(SHOP) as tx:
        audit_trail.add(tx, record)
    owner = state.engine.url.set(username="postgres", drivername="postgresql")
    with (
        psycopg.connect(owner.render_as_string(hide_password=False)) as connection,
        pytest.raises(psycopg.errors.RestrictViolation),
        connection.transaction(),
    ):
        connection.execute(verb.format("audit_record"))
    assert found(state) == [record]


def test_records_are_found_by_who_what_on_what_and_when(
    state: State, record: AuditRecord, now: datetime
) -> None:
    hour = timedelta(hours=1)
    by_bob = replace(record, audit_id="a2", at=now + hour, actor="oidc:bob", target="till")
    revoked = replace(record, audit_id="a3", at=now + 2 * hour, action="key:revoke")
    with state.write(SHOP) as tx:
        for each in (by_bob, record, revoked):
            audit_trail.add(tx, each)
    assert found(state) == [revoked, by_bob, record]
    assert found(state, actor="oidc:bob") == [by_bob]
    assert found(state, action="key:revoke") == [revoked]
    assert found(state, target="desk") == [revoked, record]
    assert found(state, target="desk", action="role:put") == [record]
    assert found(state, since=now + hour) == [revoked, by_bob]
    assert found(state, until=now + hour) == [record]
    assert found(state, since=now + hour, until=now + 2 * hour) == [by_bob]


def test_pages_hold_every_record_once(state: State, record: AuditRecord, now: datetime) -> None:
    made = [
        replace(record, audit_id=f"a{number}", at=now + timedelta(minutes=number // 3))
        for number in range(10)
    ]
    with state.write(SHOP) as tx:
        for each in made:
            audit_trail.add(tx, each)
    seen: list[str] = []
    behind: AuditKey | None = None
    while True:
        with state.read(SHOP) as tx:
            page = audit_trail.page(tx, AuditFilter(), behind=behind, limit=4)
        seen += [each.audit_id for each in page.items]
        if page.behind is None:
            break
        behind = AuditKey(*page.behind)
    assert seen == ["a9", "a6", "a7", "a8", "a3", "a4", "a5", "a0", "a1", "a2"]


def test_what_operators_do_is_no_tenants(state: State, record: AuditRecord) -> None:
    with state.write_fleet() as tx:
        audit_trail.add_of_operator(tx, record)
    with state.write(SHOP) as tx:
        audit_trail.add(tx, replace(record, target="of the shop"))
    with state.read_fleet() as tx:
        page = audit_trail.page_of_operators(tx, AuditFilter(), behind=None, limit=10)
    assert page.items == (record,)
    assert [each.target for each in found(state)] == ["of the shop"]
    assert found(state, TenantId("*")) == [record]  # no tenant can be called so
