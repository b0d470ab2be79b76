"""What an hour does, whoever was sent to at it: found where planted, refused where untrue."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from learn.test_strata import APART, EVEN, EVENING, HOURS, LEANING, Sender, a_log

from sendopt.features.labels.randomised import RandomisedSends
from sendopt.learn.judging.hour_effects import HourEffects, compare_hours
from sendopt.learn.judging.randomised_hours import randomised_hours

#: What each hour adds beyond the others, each of which comes as often.
TRUTH = EVENING - (EVENING.sum() - EVENING) / (len(EVENING) - 1)
LOGS = 60


def compared(sends: RandomisedSends) -> HourEffects:
    return compare_hours(sends, randomised_hours(sends), np.zeros(len(sends)))


@pytest.mark.parametrize(
    "sender", [Sender(EVEN, EVEN), Sender(LEANING, LEANING)], ids=["alike", "by platform"]
)
def test_the_planted_effect_of_every_hour_is_found(sender: Sender) -> None:
    """A sender that leans by the platform, whose users answer at other rates, changes nothing."""
    estimates, held = [], []
    for seed in range(LOGS):
        found = compared(a_log(sender, seed)[0])
        assert found.refusal is None
        assert [each.hour for each in found.hours] == HOURS.tolist()
        estimates.append([each.effect.estimate for each in found.hours])
        held.append(
            all(
                each.effect.low <= true <= each.effect.high
                for each, true in zip(found.hours, TRUTH, strict=True)
            )
        )
    errors = np.array(estimates) - TRUTH
    assert (abs(errors.mean(axis=0)) < 4 * errors.std(axis=0) / LOGS**0.5).all()
    assert np.mean(held) > 0.95 - 3.5 * (0.95 * 0.05 / LOGS) ** 0.5


def test_as_sent_the_evening_would_look_worse_than_it_is() -> None:
    """Android users answer less, and get more of the evening: the effect is not what is counted."""
    sends, _ = a_log(Sender(LEANING, LEANING), seed=1)
    found = compared(sends)
    as_sent = {each.hour: each.answered for each in found.hours}
    assert as_sent[18] < as_sent[8]
    effects = {each.hour: each.effect for each in found.hours}
    assert effects[18].estimate > effects[8].estimate


def test_hours_that_no_send_could_have_both_are_not_compared() -> None:
    found = compared(a_log(Sender(APART, APART), seed=1)[0])
    assert (found.hours, found.compared) == ((), 0)
    assert found.refusal is not None
    assert found.refusal.code == "no_support"


def test_chances_that_do_not_know_what_the_sender_drew_by_are_refused() -> None:
    marginal = np.tile(LEANING.mean(axis=0), (2, 1))
    found = compared(a_log(Sender(LEANING, marginal), seed=1)[0])
    assert found.hours == ()
    assert found.refusal is not None
    assert found.refusal.code == "no_support"
    assert "platform" in found.refusal.reason


def test_too_few_answers_are_refused() -> None:
    sends, _ = a_log(Sender(EVEN, EVEN), seed=1)
    silent = replace(sends, answered=np.zeros(len(sends)))
    refusal = compared(silent).refusal
    assert refusal is not None
    assert refusal.code == "too_few_outcomes"
