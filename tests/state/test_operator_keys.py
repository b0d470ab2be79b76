"""Keys of operators open what is over tenants, and only while they are in force."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from sendopt.errors import InvalidInput, NotAuthorized, NotFound
from sendopt.records import OPERATOR_PERMISSIONS_OF, OperatorRole, TenantId
from sendopt.state import State, api_keys, operator_keys, tenants
from sendopt.state.tables_access import operator_key


def issue(state: State, now: datetime, **changed: object) -> str:
    given = {"name": "on call", "role": "operator", "expires_at": None} | changed
    with state.write_fleet() as tx:
        return operator_keys.issue(tx, now=now, random_bytes=secrets.token_bytes, **given)


def refused(state: State, key: str, now: datetime) -> str:
    with state.read_fleet() as tx, pytest.raises(NotAuthorized) as error:
        operator_keys.authenticate(tx, key, now=now)
    return str(error.value)


@pytest.mark.parametrize("role", [*OperatorRole])
def test_a_key_speaks_for_its_role(state: State, now: datetime, role: OperatorRole) -> None:
    key = issue(state, now, role=role)
    with state.read_fleet() as tx:
        found = operator_keys.authenticate(tx, key, now=now)
        (listed,) = operator_keys.everyone(tx)
    assert (found.role, found.permissions) == (role, OPERATOR_PERMISSIONS_OF[role])
    assert found.actor == f"operator key:{operator_keys.id_of(key)}"
    assert (listed.name, listed.role, listed.revoked_at) == ("on call", role, None)


def test_every_wrong_key_gets_the_same_answer(state: State, now: datetime) -> None:
    key, revoked = issue(state, now), issue(state, now)
    ended = issue(state, now, expires_at=now + timedelta(days=1))
    with state.write_fleet() as tx:
        operator_keys.revoke(tx, operator_keys.id_of(revoked), now=now)
        tenants.create(tx, TenantId("shop"), timezone="UTC", now=now)
        tenants_key = api_keys.issue(
            tx.of(TenantId("shop")),
            name="a tenant's",
            role="owner",
            expires_at=None,
            now=now,
            random_bytes=secrets.token_bytes,
        )
    later = now + timedelta(days=1)
    wrong = ["", "so_op_", key[:-1], f"{key[:-1]}g", key.upper(), revoked, ended, tenants_key]
    wrong.append(f"so_op_{'0' * 16}_{'0' * 64}")
    wrong.append(key[:-4] + ("0000" if key[-4:] != "0000" else "1111"))
    assert len({refused(state, each, later) for each in wrong}) == 1
    with state.read_fleet() as tx:
        operator_keys.authenticate(tx, key, now=later)
        with pytest.raises(NotAuthorized):
            api_keys.authenticate(tx, key, now=now)


def test_no_secret_is_stored(state: State, now: datetime) -> None:
    secret = issue(state, now).split("_")[-1]
    with state.read_fleet() as tx:
        assert secret not in str(tx.execute(sa.select(operator_key)).all())


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"role": "owner"}, "role_unknown"),
        ({"name": " "}, "text_invalid"),
    ],
)
def test_a_key_that_makes_no_sense_is_not_issued(
    state: State, now: datetime, changed: dict[str, object], code: str
) -> None:
    with pytest.raises(InvalidInput) as error:
        issue(state, now, **changed)
    assert error.value.code == code


def test_a_key_that_ends_at_once_is_not_issued(state: State, now: datetime) -> None:
    with pytest.raises(InvalidInput) as error:
        issue(state, now, expires_at=now)
    assert error.value.code == "key_expired"


def test_a_key_that_nobody_issued_cannot_be_revoked(state: State, now: datetime) -> None:
    with state.write_fleet() as tx, pytest.raises(NotFound) as error:
        operator_keys.revoke(tx, "0" * 16, now=now)
    assert error.value.code == "key_unknown"


@pytest.mark.parametrize("state_url", ["postgres"], indirect=True)
def test_who_names_a_tenant_sees_no_key_of_operators(state: State, now: datetime) -> None:
    issue(state, now)
    with state.read(TenantId("shop")) as tx:
        assert tx.execute(sa.select(operator_key)).all() == []
