"""Chooses the slots of members who share a grid: arm, then evidence of a gain, then exploration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sendopt.records import (
    AbstentionReason,
    Campaign,
    EndReason,
    ExplorationBound,
    FallbackReason,
    HoldoutTime,
    Policy,
)
from sendopt.schedule.choices import Choices
from sendopt.schedule.policy import chances_of_gain, draw, slot_distributions
from sendopt.schedule.scored import Scored
from sendopt.schedule.slot_grid import SlotGrid

#: Keeps logits finite; no log can tell a likelihood below this from none.
_LEAST_PROBABILITY = 1e-6

#: Gives the chances of some members, each in [0, 1), the same whenever they are asked for.
Chances = Callable[[NDArray[np.intp]], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Knowledge:
    """What else a choice rests on; one entry a member of the audience in every column.

    Attributes:
        held_out: whether the member is of the holdout.
        explored_count: sends of the last 30 days that left this user's best slot.
        uniform: see `Chances`.
        fallback_reason: why no model spoke, or None; who alone has no score gets NOT_SCORED.
        bonus: how much better a slot is on the logit scale for what the scores do not know, its
            wording, by the part of the day; None = nothing is known.
    """

    held_out: NDArray[np.bool_]
    explored_count: NDArray[np.int64]
    uniform: Chances
    fallback_reason: FallbackReason | None
    bonus: NDArray[np.float64] | None


def choose(campaign: Campaign, scored: Scored, knowing: Knowledge, into: Choices) -> None:
    """Choose among the allowed slots of each member, or say why none is taken.

    Args:
        campaign: the limits, and how to choose.
        scored: the members.
        knowing: what else is known.
        into: where the choices are written.
    """
    grid = scored.grid
    held_out = knowing.held_out[scored.rows]
    asked = scored.probability[:, grid.allowed] if len(grid.allowed) else scored.probability
    is_scored = ~np.isnan(asked).all(axis=1)
    by_the_model = ~held_out & is_scored
    _hold_out(campaign, scored.rows[held_out], grid, knowing, into)
    left_out = scored.rows[~held_out & ~is_scored]
    _take_configured(left_out, grid, into, policy=Policy.FALLBACK)
    into.fallback_reason[left_out] = knowing.fallback_reason or FallbackReason.NOT_SCORED
    if by_the_model.any():
        _choose_by_scores(campaign, scored.among(by_the_model), knowing, into)


def _hold_out(
    campaign: Campaign, rows: NDArray[np.intp], grid: SlotGrid, knowing: Knowledge, into: Choices
) -> None:
    random = campaign.holdout is not None and campaign.holdout.time == HoldoutTime.RANDOM
    if not random or not len(grid.allowed):
        _take_configured(rows, grid, into, policy=Policy.CONFIGURED)
        return
    count = len(grid.allowed)
    even = np.full((len(rows), count), 1.0 / count)
    drawn = draw(even, knowing.uniform(rows))
    into.slot[rows] = grid.allowed[drawn]
    into.propensity[rows] = 1.0 / count
    into.policy[rows] = Policy.RANDOM
    into.explored[rows] = False  # the control chose it, not the policy: no budget pays for it


def _take_configured(
    rows: NDArray[np.intp], grid: SlotGrid, into: Choices, *, policy: Policy
) -> None:
    """Take the allowed slot nearest to the configured time."""
    ideal, chosen = grid.nearest, grid.nearest_allowed
    into.policy[rows] = policy
    if chosen is None:
        into.suppressed_by[rows] = EndReason.NO_ALLOWED_SLOT
        into.binding_constraint[rows] = grid.slots[ideal].excluded_by
        return
    into.slot[rows] = chosen
    into.propensity[rows] = 1.0
    into.explored[rows] = False
    if grid.minutes_off[ideal] < grid.minutes_off[chosen]:
        into.binding_constraint[rows] = grid.slots[ideal].excluded_by


def _choose_by_scores(
    campaign: Campaign, scored: Scored, knowing: Knowledge, into: Choices
) -> None:
    """Take the best slot, or the configured one where no gain is proven; then explore."""
    rows, grid = scored.rows, scored.grid
    exclusions = np.array([slot.excluded_by for slot in grid.slots], np.object_)
    # Ordering needs no logits, unless something is added to them.
    order = (
        np.nan_to_num(scored.probability, nan=-1.0)  # below whatever could be scored
        if knowing.bonus is None
        else _values(scored, knowing)
    )
    ideal = order.argmax(axis=1)  # the first of equals, and slots are sorted: the earliest
    into.fallback_reason[rows] = knowing.fallback_reason
    into.policy[rows] = campaign.exploration.policy
    configured = grid.nearest_allowed
    if configured is None:
        into.suppressed_by[rows] = EndReason.NO_ALLOWED_SLOT
        into.binding_constraint[rows] = exclusions[ideal]
        return
    best = grid.allowed[order[:, grid.allowed].argmax(axis=1)]
    each = np.arange(len(rows))
    bound = order[each, ideal] > order[each, best]
    into.binding_constraint[rows[bound]] = exclusions[ideal[bound]]
    unproven = np.zeros(len(rows), np.bool_)
    if campaign.least_confidence is not None:
        gain = _gain(scored, knowing, best, configured)
        into.gain_probability[rows] = gain
        unproven = gain < campaign.least_confidence
    into.abstention_reason[rows[unproven]] = AbstentionReason.GAIN_NOT_PROVEN
    kept = np.where(unproven, configured, best)
    _explore(campaign, scored, knowing, kept, into)
    # Greedy: nothing was drawn for them. Of these, who keeps the configured time says so.
    abstained = unproven & (into.policy[rows] == Policy.GREEDY)
    into.policy[rows[abstained]] = Policy.CONFIGURED


def _gain(
    scored: Scored,
    knowing: Knowledge,
    best: NDArray[np.intp],
    configured: int,
) -> NDArray[np.float64]:
    """Return how likely the best slot of each member beats the configured one; NaN = it is that.

    Two slots' places are taken as independent. Neighbours in time are not: where their errors go
    together the variance is overstated, and the configured time stays more often than it need.
    """
    unequal = (best != configured) & ~np.isnan(scored.probability[:, configured])
    some, there = scored.among(unequal), best[unequal]
    value, sd, each = _values(some, knowing), np.nan_to_num(some.logit_sd), np.arange(len(there))
    gain = np.full(len(best), np.nan)
    gain[unequal] = chances_of_gain(
        value[each, there], sd[each, there], value[:, configured], sd[:, configured]
    )
    return gain


def _explore(
    campaign: Campaign,
    scored: Scored,
    knowing: Knowledge,
    kept: NDArray[np.intp],
    into: Choices,
) -> None:
    """Draw the slots by the campaign's policy, or take `kept` where nothing may be explored."""
    rows, exploration = scored.rows, campaign.exploration
    into.slot[rows], into.propensity[rows], into.explored[rows] = kept, 1.0, False
    is_bound = np.ones(len(rows), np.bool_)
    if exploration.policy != Policy.GREEDY:
        if campaign.urgent:
            into.exploration_bound_by[rows] = ExplorationBound.URGENT
        else:
            is_bound = knowing.explored_count[rows] >= exploration.per_user
            into.exploration_bound_by[rows[is_bound]] = ExplorationBound.BUDGET_SPENT
    into.policy[rows[is_bound]] = Policy.GREEDY
    free = scored.among(~is_bound)
    if not len(free.rows):
        return
    allowed = scored.grid.allowed
    distributions = slot_distributions(
        _values(free, knowing)[:, allowed],
        np.nan_to_num(free.logit_sd[:, allowed]),
        best=np.searchsorted(allowed, kept[~is_bound]),
        exploration=exploration,
    )
    drawn = draw(distributions, knowing.uniform(free.rows))
    into.slot[free.rows] = allowed[drawn]
    into.propensity[free.rows] = distributions[np.arange(len(drawn)), drawn]
    into.explored[free.rows] = allowed[drawn] != kept[~is_bound]


def _values(scored: Scored, knowing: Knowledge) -> NDArray[np.float64]:
    """Return how good each slot is on the logit scale, (members, slots)."""
    least = _LEAST_PROBABILITY
    p = np.clip(np.nan_to_num(scored.probability), least, 1.0 - least)
    value: NDArray[np.float64] = np.log(p / (1.0 - p))
    return value if knowing.bonus is None else value + knowing.bonus[scored.grid.part]
