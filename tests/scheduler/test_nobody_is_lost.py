"""Whatever happens, in whatever order: nobody is lost, and no limit is broken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from scheduler.bugs import BUGS
from scheduler.machine import Scheduler
from scheduler.played_service import PlayedService
from simulation.mutations import Mutation, planted


def test_nobody_is_lost_and_no_limit_is_broken(service: PlayedService) -> None:
    tally = _try(service, lives=9, steps=30)
    assert tally["accepted"] > 10
    assert len(tally) > 5, "sends ended for few reasons"


@pytest.mark.slow
def test_nobody_is_lost_in_long_lives(service: PlayedService) -> None:
    _try(service, lives=120, steps=50)


@pytest.mark.slow
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_every_planted_bug_is_found(service: PlayedService, bug: Mutation) -> None:
    with planted(bug), pytest.raises(AssertionError):
        _try(service, lives=300, steps=40, phases=[Phase.generate])


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_every_bug_still_finds_its_place(bug: Mutation) -> None:
    before = bug.target.__code__
    with planted(bug):
        assert bug.target.__code__ != before


def _try(
    service: PlayedService, *, lives: int, steps: int, phases: Sequence[Phase] = tuple(Phase)
) -> Counter[str]:
    """Live some lives, and return how often sends ended for which reason."""
    tally = Counter[str]()
    run_state_machine_as_test(
        lambda: Scheduler(service, tally),
        settings=settings(
            max_examples=lives,
            stateful_step_count=steps,
            phases=phases,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    return tally
