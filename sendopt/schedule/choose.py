"""Chooses the slots of members who share a grid: arm, then evidence of a gain.

What is chosen here, each member would get who is not explored with; see `explore`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sendopt.records import (
    AbstentionReason,
    Arm,
    Campaign,
    EndReason,
    FallbackReason,
    HoldoutTime,
    Policy,
)
from sendopt.schedule.arms import Arms
from sendopt.schedule.bars import ENDS
from sendopt.schedule.choices import Choices
from sendopt.schedule.earliest import take_earliest
from sendopt.schedule.policy import chances_of_gain, draw, even_over
from sendopt.schedule.scored import Scored

#: Keeps logits finite; no log can tell a likelihood below this from none.
_LEAST_PROBABILITY = 1e-6

#: By which rule the arms of an experiment get their times; the others go by the scores.
_RULES = {
    Arm.CONFIGURED: Policy.CONFIGURED,
    Arm.RANDOM: Policy.RANDOM,
    Arm.POPULATION_HOUR: Policy.POPULATION_HOUR,
    Arm.USER_HISTOGRAM: Policy.USER_HISTOGRAM,
}

#: Gives the chances of some members, each in [0, 1), the same whenever they are asked for.
Chances = Callable[[NDArray[np.intp]], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Knowledge:
    """What else a choice rests on; one entry a member of the audience in every column.

    Attributes:
        arm: of the member.
        explored_count: sends of the last 30 days that left this user's best slot.
        uniform: see `Chances`.
        fallback_reason: why no model spoke, or None; who alone has no score gets NOT_SCORED.
        hours: see `Forecast`.
        bonus: how much better a slot is on the logit scale for what the scores do not know, its
            wording, by the part of the day; None = nothing is known.
        turn: the chance that of the user's messages it is this one that may be explored with.
        is_turn: whether it is.
    """

    arm: Arms
    explored_count: NDArray[np.int64]
    uniform: Chances
    fallback_reason: FallbackReason | None
    hours: Mapping[Policy, NDArray[np.float64]]
    bonus: NDArray[np.float64] | None
    turn: NDArray[np.float64]
    is_turn: NDArray[np.bool_]


def choose(campaign: Campaign, scored: Scored, knowing: Knowledge, into: Choices) -> None:
    """Choose among the slots that each member may take, or say why none is taken.

    Args:
        campaign: the limits, and how to choose.
        scored: the members.
        knowing: what else is known.
        into: where the choices are written.
    """
    if campaign.at_once:
        take_earliest(scored, into)
        return
    arm = knowing.arm[scored.rows]
    optimised = np.ones(len(arm), np.bool_)
    for control, rule in _controls(campaign).items():
        is_control = arm == control
        optimised &= ~is_control
        _take_by_rule(rule, scored.among(is_control), knowing, into)
    is_scored = scored.is_scored
    by_the_model = optimised & is_scored
    left_out = scored.among(optimised & ~is_scored)
    _take_configured(left_out, into, policy=Policy.FALLBACK)
    into.fallback_reason[left_out.rows] = knowing.fallback_reason or FallbackReason.NOT_SCORED
    if by_the_model.any():
        _choose_by_scores(campaign, scored.among(by_the_model), knowing, into)


def values(scored: Scored, knowing: Knowledge) -> NDArray[np.float64]:
    """Return how good each slot is on the logit scale, (members, slots)."""
    least = _LEAST_PROBABILITY
    p = np.clip(np.nan_to_num(scored.probability), least, 1.0 - least)
    value: NDArray[np.float64] = np.log(p / (1.0 - p))
    return value if knowing.bonus is None else value + knowing.bonus[scored.grid.part]


def _controls(campaign: Campaign) -> dict[Arm, Policy]:
    """Return the arms whose times no score chooses, and by which rule they get them."""
    if campaign.holdout is not None:
        random = campaign.holdout.time == HoldoutTime.RANDOM
        return {Arm.HOLDOUT: Policy.RANDOM if random else Policy.CONFIGURED}
    arms = () if campaign.experiment is None else campaign.experiment.shares
    return {arm: _RULES[arm] for arm in arms if arm in _RULES}


def _take_by_rule(rule: Policy, scored: Scored, knowing: Knowledge, into: Choices) -> None:
    match rule:
        case Policy.RANDOM:
            _take_any(scored, knowing, into)
        case Policy.POPULATION_HOUR | Policy.USER_HISTOGRAM if rule in knowing.hours:
            _take_best_hour(scored, knowing.hours[rule][scored.rows], into, policy=rule)
        case Policy.POPULATION_HOUR | Policy.USER_HISTOGRAM:
            _take_configured(scored, into, policy=Policy.FALLBACK)
            into.fallback_reason[scored.rows] = FallbackReason.TOO_FEW_ANSWERS
        case _:
            _take_configured(scored, into, policy=Policy.CONFIGURED)


def _take_any(scored: Scored, knowing: Knowledge, into: Choices) -> None:
    """Take any free slot alike; of who has none it is told as of who gets the configured time."""
    is_free = scored.nearest >= 0
    _take_configured(scored.among(~is_free), into, policy=Policy.CONFIGURED)
    can, allowed = scored.among(is_free), scored.grid.allowed
    if not len(can.rows):
        return
    into.policy[can.rows] = Policy.RANDOM
    even = even_over((len(can.rows), len(allowed)), can.free)
    drawn = draw(even, knowing.uniform(can.rows))
    into.slot[can.rows] = allowed[drawn]
    into.propensity[can.rows] = even[np.arange(len(drawn)), drawn]
    into.explored[can.rows] = False  # the control chose it, not the policy: no budget pays for it


def _take_best_hour(
    scored: Scored, hours: NDArray[np.float64], into: Choices, *, policy: Policy
) -> None:
    """Take the earliest slot of the best hour, of those that may be taken."""
    into.policy[scored.rows] = policy
    _take_best(scored, hours[:, scored.grid.hour], into)


def _take_configured(scored: Scored, into: Choices, *, policy: Policy) -> None:
    """Take the slot that is nearest to the configured time, of those that may be taken."""
    grid, chosen = scored.grid, scored.nearest
    ideal = np.full(len(chosen), grid.nearest, np.intp)
    into.policy[scored.rows] = policy
    _end_whoever_may_take_none(scored, chosen, ideal, into)
    can = chosen >= 0
    rows = scored.rows[can]
    into.slot[rows] = chosen[can]
    into.propensity[rows] = 1.0
    into.explored[rows] = False
    bound = can & (grid.minutes_off[ideal] < grid.minutes_off[chosen])
    into.binding_constraint[scored.rows[bound]] = scored.among(bound).excluded_by(ideal[bound])


def _take_best(scored: Scored, order: NDArray[np.float64], into: Choices) -> NDArray[np.intp]:
    """Take the slot that comes first in `order`, of those that may be taken; -1 = none may."""
    ideal = order.argmax(axis=1)  # the first of equals, and slots are sorted: the earliest
    best = scored.best(order)
    each = np.arange(len(best))
    can = best >= 0
    bound = can & (order[each, ideal] > order[each, best])
    into.binding_constraint[scored.rows[bound]] = scored.among(bound).excluded_by(ideal[bound])
    _end_whoever_may_take_none(scored, best, ideal, into)
    rows = scored.rows[can]
    into.slot[rows], into.propensity[rows], into.explored[rows] = best[can], 1.0, False
    return best


def _end_whoever_may_take_none(
    scored: Scored, chosen: NDArray[np.intp], ideal: NDArray[np.intp], into: Choices
) -> None:
    """Say of each member for whom -1 was chosen why, and what keeps them from their ideal slot.

    It ends by a rule of the campaign where its grid allows no time at all, else by what bars the
    allowed time that is nearest to the configured one.
    """
    is_ended = chosen < 0
    ended, nearest = scored.among(is_ended), scored.grid.nearest_allowed
    into.binding_constraint[ended.rows] = ended.excluded_by(ideal[is_ended])
    if nearest is None:
        into.suppressed_by[ended.rows] = EndReason.NO_ALLOWED_SLOT
        return
    bars = ended.excluded_by(np.full(len(ended.rows), nearest, np.intp))
    into.suppressed_by[ended.rows] = [ENDS[bar] for bar in bars]


def _choose_by_scores(
    campaign: Campaign, scored: Scored, knowing: Knowledge, into: Choices
) -> None:
    """Take the best slot, or the configured one where no gain is proven."""
    # Ordering needs no logits, unless something is added to them.
    order = (
        np.nan_to_num(scored.probability, nan=-1.0)  # below whatever could be scored
        if knowing.bonus is None
        else values(scored, knowing)
    )
    into.fallback_reason[scored.rows] = knowing.fallback_reason
    into.policy[scored.rows] = Policy.GREEDY
    best = _take_best(scored, order, into)
    scored, best = scored.among(best >= 0), best[best >= 0]
    rows, configured = scored.rows, scored.nearest
    unproven = np.zeros(len(rows), np.bool_)
    if campaign.least_confidence is not None:
        gain = _gain(scored, knowing, best, configured)
        into.gain_probability[rows] = gain
        unproven = gain < campaign.least_confidence
    into.abstention_reason[rows[unproven]] = AbstentionReason.GAIN_NOT_PROVEN
    into.policy[rows[unproven]] = Policy.CONFIGURED
    into.slot[rows[unproven]] = configured[unproven]


def _gain(
    scored: Scored,
    knowing: Knowledge,
    best: NDArray[np.intp],
    configured: NDArray[np.intp],
) -> NDArray[np.float64]:
    """Return how likely the best slot of each member beats the configured one; NaN = it is that.

    Two slots' places are taken as independent. Neighbours in time are not: where their errors go
    together the variance is overstated, and the configured time stays more often than it need.
    """
    each = np.arange(len(best))
    unequal = (best != configured) & ~np.isnan(scored.probability[each, configured])
    some, there, other = scored.among(unequal), best[unequal], configured[unequal]
    value, sd, each = values(some, knowing), np.nan_to_num(some.logit_sd), np.arange(len(there))
    gain = np.full(len(best), np.nan)
    gain[unequal] = chances_of_gain(
        value[each, there], sd[each, there], value[each, other], sd[each, other]
    )
    return gain
