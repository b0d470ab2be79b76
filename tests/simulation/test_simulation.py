"""Simulated days hold every promise, repeat to the byte, and find what is planted."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from sendopt.deliver import transitions
from sendopt.records import Campaign, CampaignId, Channel, QuietHours, UserId, Variant, VariantId
from sendopt.schedule.audience import AudienceMember
from sendopt.schedule.candidates import candidate_slots
from simulation import script
from simulation.hunt import hunt, hunt_planted, shorten, world
from simulation.mutations import MUTATIONS, Mutation, MutationGone, planted

TESTS = Path(__file__).parents[1]


def test_simulated_days_hold_every_promise() -> None:
    """Between them these days have imports, clocks that are set, a holdout, and a backup."""
    first, days = 6, 4
    faults = [script.write(seed).faults for seed in range(first, first + days)]
    assert any(each.clock for each in faults)

    lived = hunt(first, days)

    assert lived.failed is None, f"cd tests && python -m simulation {lived.failed.script.seed}"
    assert lived.counts["hand-overs"] > 3
    assert lived.counts["people held out"] > 0


@pytest.mark.slow
def test_a_seed_gives_the_same_day_to_the_byte_in_any_process() -> None:
    seed = 3
    with world() as lived_in:
        lived_in.live(script.write(seed + 1), verified=False)  # no day knows of the one before
        here = lived_in.live(script.write(seed)).digest
    elsewhere = subprocess.run(
        [sys.executable, "-m", "simulation", str(seed)],
        cwd=TESTS,
        env={**os.environ, "PYTHONHASHSEED": "17"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert elsewhere.stdout.splitlines()[-1] == f"digest {here}"


def test_nothing_is_left_of_a_planted_bug_in_any_cache() -> None:
    """The slots of a campaign are kept, and were worked out with the quiet hours of the bug."""
    night = QuietHours(time(22), time(8))
    evening = datetime(2026, 7, 1, 19, tzinfo=UTC)
    campaign = Campaign(
        CampaignId("summer"),
        (Variant(VariantId("a"), "title", "body"),),
        Channel.SIMULATOR,
        evening,
        evening + timedelta(hours=3),
        quiet_hours=night,
    )
    somebody = AudienceMember(UserId("ann"), None, "Europe/Berlin", "device")
    mutation = next(each for each in MUTATIONS if each.name.startswith("quiet hours"))

    before = candidate_slots(campaign, somebody, now=evening)
    with planted(mutation):
        meanwhile = candidate_slots(campaign, somebody, now=evening)
    afterwards = candidate_slots(campaign, somebody, now=evening)

    assert meanwhile != before
    assert afterwards == before


@pytest.mark.slow
def test_a_planted_bug_is_found() -> None:
    mutation = next(each for each in MUTATIONS if each.name.startswith("an answer counts before"))
    found = hunt_planted(mutation.name, first=1000, days=20)

    assert found.failed is not None
    assert not found.fails_anyway


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_every_bug_still_finds_its_place(mutation: Mutation) -> None:
    function = inspect.unwrap(mutation.target)
    before = function.__code__
    with planted(mutation):
        assert function.__code__ != before
    assert function.__code__ == before


def test_a_bug_whose_place_is_gone_fails_loudly() -> None:
    gone = Mutation("gone", transitions.before_attempt, "no such text", "anything")

    with pytest.raises(MutationGone, match="0 times"), planted(gone):
        pass


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 6, 14])
def test_a_day_over_a_real_lake_is_the_same_day(seed: int) -> None:
    with world() as lived_in:
        in_memory = lived_in.live(script.write(seed))
    with world(lake=True) as lived_in:
        over_a_lake = lived_in.live(script.write(seed))

    assert over_a_lake.story == in_memory.story
    assert over_a_lake.digest == in_memory.digest


@pytest.mark.slow
def test_a_day_that_fails_is_shortened_and_still_fails() -> None:
    mutation = next(each for each in MUTATIONS if each.name.startswith("an answer counts before"))
    with world(mutation) as lived_in:
        failed = lived_in.live(script.write(1000))
        shorter = shorten(lived_in, failed)

    assert shorter.failed
    assert len(shorter.script.actions) < len(failed.script.actions)


@pytest.mark.slow
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_every_planted_bug_is_found(mutation: Mutation) -> None:
    assert hunt(first=100_000, days=2000, mutation=mutation).failed is not None
