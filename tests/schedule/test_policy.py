"""A policy is a distribution over the allowed slots, and the choice is drawn from exactly that."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from schedule.oracle.identity import send_id, uniform

from sendopt.records import Exploration
from sendopt.schedule.identity import send_ids, uniforms
from sendopt.schedule.policy import (
    chance_of_being_best,
    chance_of_gain,
    draw,
    slot_distributions,
)


def distribution(
    values: list[float], sds: list[float], *, best: int, exploration: Exploration
) -> list[float]:
    """Return the distribution of one user."""
    row: list[float] = slot_distributions(
        np.array([values]), np.array([sds]), best=np.array([best]), exploration=exploration
    )[0].tolist()
    return row


logits = st.lists(st.floats(-14, 14), min_size=1, max_size=30)
explorations = st.builds(
    Exploration,
    policy=st.sampled_from(["greedy", "epsilon_greedy", "thompson"]),
    epsilon=st.floats(0, 0.5),
    share=st.floats(0, 0.5),
)


@given(data=st.data(), values=logits, exploration=explorations)
def test_it_sums_to_one_and_keeps_its_share(
    data: st.DataObject, values: list[float], exploration: Exploration
) -> None:
    sds = data.draw(st.lists(st.floats(0, 5), min_size=len(values), max_size=len(values)))
    best = data.draw(st.integers(0, len(values) - 1))
    chances = distribution(values, sds, best=best, exploration=exploration)
    uniform = data.draw(st.floats(0, 1, exclude_max=True))
    (chosen,) = draw(np.array([chances]), np.array([uniform])).tolist()
    assert len(chances) == len(values)
    assert all(0 <= p <= 1 for p in chances)
    assert sum(chances) == pytest.approx(1, abs=1e-12)
    assert chances[chosen] > 0
    assert 1 - chances[best] <= exploration.share + 1e-9
    if exploration.policy == "greedy":
        assert (chosen, chances[chosen]) == (best, 1.0)


@given(
    values=logits,
    epsilon=st.floats(0.01, 0.5),
    policy=st.sampled_from(["epsilon_greedy", "thompson"]),
)
def test_no_allowed_slot_is_left_without_a_chance(
    values: list[float], epsilon: float, policy: str
) -> None:
    exploration = Exploration(policy, epsilon, share=1.0)
    chances = distribution(values, [0.3] * len(values), best=0, exploration=exploration)
    assert min(chances) >= epsilon / len(values) * (1 - 1e-9)


def test_epsilon_greedy_is_what_the_books_say() -> None:
    chances = distribution(
        [0.1, 0.2, 0.9, 0.3, 0.4],
        [1.0] * 5,
        best=2,
        exploration=Exploration("epsilon_greedy", 0.1),
    )
    assert chances == pytest.approx((0.02, 0.02, 0.92, 0.02, 0.02))


def test_what_lies_above_the_share_goes_to_the_best() -> None:
    chances = distribution(
        [0.0, 0.0, 0.0, 0.0],
        [1.0] * 4,
        best=1,
        exploration=Exploration("thompson", 0.0, share=0.1),
    )
    assert chances == pytest.approx((0.1 / 3, 0.9, 0.1 / 3, 0.1 / 3))


@given(
    seed=st.integers(0, 2**32),
    means=st.lists(st.floats(-3, 3), min_size=2, max_size=12),
    sd=st.floats(0.05, 2),
)
def test_thompsons_chances_are_those_of_drawing_from_every_slot(
    seed: int, means: list[float], sd: float
) -> None:
    rng = np.random.default_rng(seed)
    sds = sd * rng.uniform(0.5, 2.0, len(means))
    draws = rng.normal(means, sds, (20_000, len(means))).argmax(axis=1)
    found = np.bincount(draws, minlength=len(means)) / 20_000
    expected = np.array(chance_of_being_best(means, sds.tolist()))
    # Five standard errors of a frequency, and what the grid may be off.
    assert np.all(np.abs(found - expected) < 5 * np.sqrt(expected / 20_000) + 0.005)


@given(
    mean=st.floats(-3, 3), other=st.floats(-3, 3), sd=st.floats(0.01, 2), other_sd=st.floats(0, 2)
)
def test_the_chance_of_a_gain_is_that_of_two_draws(
    mean: float, other: float, sd: float, other_sd: float
) -> None:
    gain = chance_of_gain(mean, sd, other, other_sd)
    assert gain == pytest.approx(1 - chance_of_gain(other, other_sd, mean, sd))
    assert (gain > 0.5) == (mean > other) or abs(mean - other) < 1e-9
    pair = chance_of_being_best([mean, other], [sd, max(other_sd, 0.01)])
    assert pair[0] == pytest.approx(chance_of_gain(mean, sd, other, max(other_sd, 0.01)), abs=0.03)


def test_users_fall_into_slots_as_often_as_their_propensities_say() -> None:
    rng = np.random.default_rng(7)
    surprise, variance = np.zeros(6), np.zeros(6)
    for number, policy in enumerate(("epsilon_greedy", "thompson")):
        values = rng.normal(0, 0.5, (10_000, 6))
        p = slot_distributions(
            values,
            np.full_like(values, 0.4),
            best=values.argmax(axis=1),
            exploration=Exploration(policy, 0.2, share=0.5),
        )
        chances = uniforms(3, "slot", [(f"s_{number}_{n}",) for n in range(len(values))])
        chosen = draw(p, chances)
        surprise += ((np.arange(6) == chosen[:, np.newaxis]) - p).sum(axis=0)
        variance += (p * (1 - p)).sum(axis=0)
    assert np.all(np.abs(surprise) < 4 * np.sqrt(variance))


def test_chance_is_even_and_another_one_for_every_purpose() -> None:
    found = np.array(
        [[uniform(1, purpose, f"s_{n}") for purpose in ("slot", "variant")] for n in range(20_000)]
    )
    assert found.min() >= 0
    assert found.max() < 1
    counts = np.histogram(found[:, 0], bins=20, range=(0, 1))[0]
    assert np.all(np.abs(counts - 1000) < 5 * np.sqrt(1000))
    assert abs(np.corrcoef(found.T)[0, 1]) < 5 / np.sqrt(20_000)
    assert uniform(1, "slot", "s_1") == uniform(1, "slot", "s_1") != uniform(2, "slot", "s_1")


@given(
    seed=st.integers(0, 2**64 - 1),
    tenant=st.text(max_size=8),
    campaign=st.text(max_size=8),
    users=st.lists(st.text(max_size=12), max_size=6),
)
def test_what_is_derived_of_many_is_that_of_each(
    seed: int, tenant: str, campaign: str, users: list[str]
) -> None:
    assert send_ids(tenant, campaign, users) == [send_id(tenant, campaign, u) for u in users]
    parts = [(tenant, user) for user in users]
    expected = [uniform(seed, "arm", *each) for each in parts]
    assert uniforms(seed, "arm", parts).tolist() == expected


def test_a_sliver_below_one_is_nobodys_loss() -> None:
    third = np.array([[0.1, 0.2, 0.7 - 1e-12]])
    assert draw(third, np.array([1 - 1e-16])).tolist() == [2]
