"""When users are active and how they differ in it, where the truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from sendopt.learn.level_shape.activity_prior import ActivityPrior, densities, learn, unlearned

NOBODY = np.zeros((1, 2, 48))

counts = arrays(np.float64, (2, 2, 48), elements=st.floats(0, 1000))


def at(hours: dict[int, float]) -> NDArray[np.float64]:
    """Sessions of one user on weekdays, by hour."""
    found = NOBODY.copy()
    for hour, count in hours.items():
        found[0, 0, 2 * hour] = count
    return found


@pytest.fixture(scope="module")
def two_kinds() -> ActivityPrior:
    """Half of the users come at 7 and again at 22, the others at 13."""
    rng = np.random.default_rng(5)
    users = np.zeros((200, 2, 48))
    for user in users[:100]:
        user[0, 14], user[0, 44] = rng.poisson(20), rng.poisson(20)
    for user in users[100:]:
        user[0, 26] = rng.poisson(40)
    return learn(users)


@given(counts)
def test_posteriors_are_densities(found: NDArray[np.float64]) -> None:
    density = densities(unlearned(), found)
    assert (density > 0).all()
    np.testing.assert_allclose(density.sum(axis=-1), 1.0)


def test_before_anybody_was_seen_all_hours_are_alike() -> None:
    np.testing.assert_allclose(densities(unlearned(), NOBODY), 1 / 48)


def test_who_is_unknown_has_everybodys_hours(two_kinds: ActivityPrior) -> None:
    own = densities(two_kinds, NOBODY)[0, 0]
    assert {int(half_hour) // 2 for half_hour in np.argsort(own)[-6:]} == {7, 13, 22}


def test_one_habit_tells_of_another(two_kinds: ActivityPrior) -> None:
    """Whoever comes at 7 will come at 22, though never seen there: that is how users differ."""
    learned = densities(two_kinds, at({7: 4.0}))[0, 0]
    assert learned[44] > 3 * learned[26]
    naive = densities(unlearned(), at({7: 4.0}))[0, 0]
    assert naive[44] == pytest.approx(naive[26], rel=0.2)


def test_evidence_moves_hours_step_by_step() -> None:
    share = [densities(unlearned(), at({3: n}))[0, 0, 6] for n in (0, 1, 5, 25, 125)]
    assert share == sorted(share)
    assert share[-1] > 0.3


def test_weekends_are_their_own_but_not_alone(two_kinds: ActivityPrior) -> None:
    own = densities(unlearned(), at({7: 40.0}))[0]
    assert own[0, 14] > own[1, 14] > 1.2 / 48


def test_the_same_users_teach_the_same() -> None:
    found = np.random.default_rng(3).poisson(1.0, (50, 2, 48)).astype(float)
    once, again = learn(found), learn(found.copy())
    assert (once.covariance == again.covariance).all()
    assert (once.mean == again.mean).all()


def test_nobody_teaches_nothing() -> None:
    np.testing.assert_allclose(learn(np.zeros((0, 2, 48))).mean, unlearned().mean)
