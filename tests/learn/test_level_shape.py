"""Mathematical properties of the level-shape model, on counts whose truth is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from trained import PRIOR

from sendopt.features import Evidence
from sendopt.learn.level_shape import activity_prior
from sendopt.learn.level_shape.beliefs import LevelShape
from sendopt.learn.level_shape.curves import Curves, estimate, population_density
from sendopt.learn.level_shape.knowledge import Knowledge
from sendopt.learn.level_shape.segments import Segments

ACTIVITY = activity_prior.unlearned()
SHAPE = (1, 2, 48)
NOBODY = np.zeros(SHAPE)
SILENCE = np.zeros((1, 3, 2, 48))
NONE = Evidence(NOBODY, NOBODY, SILENCE)
ONE = np.zeros(1, np.intp)

counts = arrays(np.float64, SHAPE, elements=st.floats(0, 1000))


def sends(at: dict[int, tuple[float, float]], *, stage: int = 0) -> Evidence:
    """Sends on weekdays by half hour: how many, and which share was answered at that stage."""
    sent, answered = NOBODY.copy(), SILENCE.copy()
    for half_hour, (count, share) in at.items():
        sent[0, 0, half_hour] = count
        answered[0, stage, 0, half_hour] = count * share
    return Evidence(NOBODY, sent, answered)


#: Others are sent to at all hours, and answer three of ten.
EVERYBODY = sends({hour * 2: (1000, 0.3) for hour in range(24)})


def curves(
    user: Evidence, everybody: Evidence | None = None, *, model: LevelShape = PRIOR
) -> Curves:
    return estimate(
        model,
        ACTIVITY,
        Knowledge(
            user=user,
            everybody=everybody or EVERYBODY,
            population_row=ONE,
            activity=activity_prior.posterior(ACTIVITY, user.sessions),
            late=None,
            platform=pa.nulls(1, pa.string()),
            user_features=np.zeros((1, 0)),
        ),
        Segments(),
        open_window=timedelta(hours=1),
    )


def sessions(at: dict[int, float]) -> Evidence:
    found = NOBODY.copy()
    for half_hour, count in at.items():
        found[0, :, half_hour] = count
    return Evidence(found, NOBODY, SILENCE)


@given(counts)
def test_everybodys_density_sums_to_one(everybody: NDArray[np.float64]) -> None:
    density = population_density(PRIOR, ACTIVITY, Evidence(everybody, NOBODY, SILENCE))
    assert (density > 0).all()
    np.testing.assert_allclose(density.sum(axis=-1), 1.0)


@given(st.floats(0.0, 1e9))
def test_hours_at_which_nobody_was_seen_are_rare_and_never_impossible(count: float) -> None:
    """However many were seen at one hour on the first day, nothing is known of the others."""
    density = population_density(PRIOR, ACTIVITY, sessions({20: count}))
    assert np.log(48.0 * density).min() >= np.log(0.01)


def test_after_years_of_silence_the_hours_of_training_are_left() -> None:
    learned = activity_prior.learn(np.repeat(sessions({40: 30.0}).sessions, 20, axis=0))
    faded = Evidence(sessions({20: 1e-9}).sessions, NOBODY, SILENCE)
    density = population_density(PRIOR, learned, faded)
    assert density[0, 0].argmax() in range(39, 42)
    expected = learned.of_everybody[0].mean(axis=0)
    np.testing.assert_allclose(
        density[0].mean(axis=0), expected, atol=0.01 / 48 + 0.01 * expected.max()
    )


@given(counts, st.integers(0, 23))
def test_midnight_is_nothing_special(found: NDArray[np.float64], hours: int) -> None:
    answers = np.repeat(found[:, None] / 9.0, 3, axis=1)

    def turned(by: int) -> Curves:
        roll = Evidence(*(np.roll(c, by, axis=-1) for c in (found, found, answers)))
        return curves(roll, roll)

    straight, rolled = turned(0), turned(2 * hours)
    for name in ("activity", "answering", "population_activity", "population_answering"):
        np.testing.assert_allclose(
            np.roll(getattr(straight, name), 2 * hours, axis=-1), getattr(rolled, name), atol=1e-6
        )
    np.testing.assert_allclose(straight.level, rolled.level, atol=1e-6)


def test_where_activity_tells_against_hours_it_is_turned_round_and_everybodys_are_left_alone() -> (
    None
):
    user = sessions({40: 30.0})
    everybody = Evidence(user.sessions * 100, EVERYBODY.sends, EVERYBODY.answers)
    against = replace(PRIOR, activity_weight=-1.0, everybodys_activity=0.0)
    usual, turned = (curves(user, everybody, model=model) for model in (PRIOR, against))
    np.testing.assert_allclose(turned.activity, -usual.activity)
    assert usual.population_activity.any()
    assert not turned.population_activity.any()


def test_the_hour_that_is_answered_stands_out() -> None:
    shape = curves(sends({hour * 2: (30, 0.9 if hour == 20 else 0.3) for hour in range(8, 23)}))
    assert shape.answering[0, 0].argmax() == 40


def test_a_prompt_answer_says_more_than_a_late_one() -> None:
    """All hours are answered alike within the window; at eight in the evening at once."""
    late = sends({hour * 2: (30, 0.5) for hour in range(8, 23) if hour != 20}, stage=2)
    prompt = sends({40: (30, 0.5)})
    user = Evidence(NOBODY, late.sends + prompt.sends, late.answers + prompt.answers)
    assert curves(user).answering[0, 0].argmax() == 40


def test_activity_just_ahead_makes_a_time_good() -> None:
    shape = curves(sessions({40: 50.0}))
    assert shape.activity[0, 0].argmax() in (39, 40)  # [t, t + 1 h) holds 20:00
    assert shape.activity[0, 0, 39] > shape.activity[0, 0, 42]


@pytest.mark.parametrize("sent", [0, 1, 5])
def test_a_few_sends_do_not_silence_a_few_sessions(sent: int) -> None:
    """Evenings have three times the sessions of mornings; almost no send was answered."""
    tried = sends({hour * 2: (sent, 0.02) for hour in range(24)})

    def contrast(evening: float) -> float:
        active = sessions({hour * 2: evening / (1 if hour >= 12 else 3) for hour in range(24)})
        shape = curves(NONE, Evidence(active.sessions, tried.sends, tried.answers))
        order = (shape.population_activity + shape.population_answering)[0, 0]
        return float(order[36] - order[12])

    assert contrast(9.0) == pytest.approx(contrast(9000.0), abs=0.1)


def test_many_answers_correct_the_activity_of_everybody() -> None:
    active = sessions({hour * 2: 2.0 if 18 <= hour < 24 else 0.0 for hour in range(24)})
    heard = sends({hour * 2: (200, 0.6 if hour < 12 else 0.1) for hour in range(24)})
    shape = curves(NONE, Evidence(active.sessions, heard.sends, heard.answers))
    order = (shape.population_activity + shape.population_answering)[0, 0]
    assert order[16] > order[40]


def test_more_evidence_is_believed_more() -> None:
    strength = [
        float(np.ptp(curves(sends({20: (n, 0.9), 40: (n, 0.3)})).answering))
        for n in (1, 5, 25, 125)
    ]
    assert strength == sorted(strength)
    assert strength[0] < 0.4
    assert strength[-1] > 1.5
    habit = [float(np.ptp(curves(sessions({40: n})).activity)) for n in (0, 1, 5, 25, 125)]
    assert habit == sorted(habit)
    assert habit[0] == pytest.approx(0.0)


def test_whether_is_not_when() -> None:
    """A user who answers everything has a high level and no preferred hour."""
    shape = curves(sends({hour * 2: (20, 1.0) for hour in range(8, 22)}))
    assert shape.level[0] > 2.0
    assert np.ptp(shape.answering[0, 0, 16:44]) < 0.25


def test_nothing_is_claimed_of_hours_that_were_never_tried() -> None:
    tried = sends({hour * 2: (300, 0.6 if hour == 20 else 0.1) for hour in range(8, 23)})
    shape = curves(tried, tried)
    together = (shape.population_answering + shape.answering)[0, 0]
    assert together[:12].max() < 0.2 * together.max()  # the night
    assert together.argmax() == 40


def test_without_own_evidence_everybody_decides() -> None:
    everybody = sends({hour * 2: (1000, 0.2 + 0.02 * hour) for hour in range(8, 23)})
    shape = curves(NONE, everybody)
    assert np.ptp(shape.answering) == 0.0
    assert shape.population_answering[0, 0].argmax() in range(43, 47)


def test_doubt_is_never_greater_than_of_a_stranger() -> None:
    """Hours at which a user was never seen are doubtful, not boundless."""
    stranger = curves(NONE).variance
    known = curves(sessions({40: 60.0})).variance
    assert known.max() <= stranger.max() * 1.01
    assert known[0, 0, 40] < 0.2 * stranger[0, 0, 40]
    assert stranger.max() < 2.0
