"""A query of the state that forgets its tenant is noticed."""

from __future__ import annotations

import pytest
from state.tenant_mutations import EQUIVALENT, Place, places, row_of, trials

#: One of each kind: of a query, of a join, of what is written.
A_FEW = {
    "devices.get: tx.owns(devices)",
    "lift._answers: found.c.tenant_id == planned_send.c.tenant_id",
    "metering.stamp: tx.owns(source.table)",
}


def test_every_exception_is_a_place() -> None:
    assert (EQUIVALENT.keys() | A_FEW) - {each.name for each in places()} == set()


@pytest.mark.parametrize(
    "chosen",
    [
        pytest.param(
            [each for each in places() if each.name in A_FEW], id="a few", marks=pytest.mark.slow
        ),
        pytest.param(places(), id="all", marks=[pytest.mark.slow, pytest.mark.timeout(3600)]),
    ],
)
def test_no_query_can_forget_its_tenant(chosen: list[Place]) -> None:
    amiss = [row_of(trial) for trial in trials(chosen) if not trial.is_as_it_should]
    assert amiss == []
