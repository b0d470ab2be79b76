"""No tenant is answered with anything of another, and none changes a row of another."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterator
from types import CodeType, FrameType, FunctionType
from typing import Any

import pytest
from state import isolation
from state.twins import ABSENT, NORTH, TWINS, forget, live, stored

import sendopt.state
from sendopt.records import TenantId
from sendopt.state import State

#: Functions of all tenants at once that are given nothing of one, and answer with nothing of one.
OF_NO_TENANT = {
    "home._become",
    "home._original",
    "home.begin",
    "home.home_id",
    "home.part",
    "home.part_from_twins",
    "home.take_place",
    "audit.send_count",
    "audit_trail.add_of_operator",
    "due.next_ready_at",
    "erasures.are_any_left",
    "hold.is_anything_held",
    "home.is_copy",
    "inventory.wal_position",
    "migrate.schema_version",
    "operator_keys.authenticate",
    "operator_keys.everyone",
    "operator_keys.get",
    "operator_keys.issue",
    "operator_keys.revoke",
    "outbox.assign_positions",
    "outbox.is_waiting",
    "outbox.last_position",
    "outbox.require_given",
    "row_security.is_bypassed",
    "rows.storage",
    "schema.changed",
    "secrets_in_use.are_secrets_in_use",
}
#: Functions of all tenants at once whose effect, or the size of whose answer, is about them all.
OF_THE_FLEET = {
    "hold.held",
    "hold.hold",
    "hold.resume",
    "outbox.after",
    "requests.forget_expired",
}


@pytest.mark.parametrize(
    "us", [TWINS[0], *(pytest.param(us, marks=pytest.mark.slow) for us in (*TWINS[1:], ABSENT))]
)
def test_answers_are_the_same_without_anybody_else(us: TenantId, state: State) -> None:
    live(state, [us])
    by_ourselves, own = isolation.answers(state, us), stored(state, us)
    forget(state)
    others = [each for each in TWINS if each != us]
    live(state, sorted([us, *others]))
    before = {each: stored(state, each) for each in others}
    for ours, expected in zip(isolation.answers(state, us), by_ourselves, strict=True):
        assert ours == expected
    assert stored(state, us) == own
    assert {each: stored(state, each) for each in others} == before


@pytest.mark.parametrize("state_url", ["sqlite"], indirect=True)
def test_every_function_that_is_given_a_tenant_is_asked(state: State) -> None:
    live(state, TWINS)
    asked = set[CodeType]()

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            asked.add(frame.f_code)

    sys.setprofile(note)
    try:
        isolation.answers(state, NORTH)
    finally:
        sys.setprofile(None)
    functions = dict(_with_a_transaction())
    apart = OF_NO_TENANT | OF_THE_FLEET
    missed = {name for name, each in functions.items() if each.__code__ not in asked}
    assert missed - apart == set()
    assert apart - missed == set()
    of_one = {"TenantRead", "TenantWrite"}
    assert [name for name in apart if of_one & {*functions[name].__annotations__.values()}] == []


def _with_a_transaction() -> Iterator[tuple[str, FunctionType]]:
    """Every function of the state that takes a transaction, private ones too."""
    kinds = {"TenantRead", "TenantWrite", "FleetRead", "FleetWrite", "Transaction"}
    for module in pkgutil.iter_modules(sendopt.state.__path__):
        imported = importlib.import_module(f"sendopt.state.{module.name}")
        for function in vars(imported).values():
            if inspect.isfunction(function) and function.__module__ == imported.__name__:
                plain = inspect.unwrap(function)
                if kinds & {*plain.__annotations__.values()}:
                    yield f"{module.name}.{plain.__name__}", plain
