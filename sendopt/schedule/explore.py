"""Leaves the slots that were chosen for members, now and then, to learn about others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sendopt.records import Campaign, ExplorationBound, Policy
from sendopt.schedule.choices import Choices
from sendopt.schedule.choose import Knowledge, values
from sendopt.schedule.policy import draw, slot_distributions
from sendopt.schedule.scored import Scored


def explorable(
    campaign: Campaign, scored: Scored, knowing: Knowledge, choices: Choices
) -> NDArray[np.bool_]:
    """Tell of which members another slot may be drawn, by the campaign's policy.

    Those are members whose times a model chose. Who stays at the configured time for want of a
    proven gain is explored with as well.
    """
    rows = scored.rows
    if campaign.exploration.policy == Policy.GREEDY or campaign.urgent:
        return np.zeros(len(rows), np.bool_)
    is_spent = knowing.explored_count[rows] >= campaign.exploration.per_user
    may: NDArray[np.bool_] = by_the_model(scored, choices) & (choices.slot[rows] >= 0) & ~is_spent
    return may


def by_the_model(scored: Scored, choices: Choices) -> NDArray[np.bool_]:
    """Tell for which members a model spoke, and no arm of an experiment or fallback instead."""
    rows = scored.rows
    unproven = choices.abstention_reason[rows] != None  # noqa: E711 - entry by entry
    found: NDArray[np.bool_] = (choices.policy[rows] == Policy.GREEDY) | unproven
    return found


def chances(
    campaign: Campaign, scored: Scored, knowing: Knowledge, choices: Choices
) -> NDArray[np.float64]:
    """Return with which probability each slot that the grid allows is taken, (members, slots).

    Args:
        campaign: by whose policy.
        scored: members who may be explored with, see `explorable`.
        knowing: what else is known.
        choices: of the slots that are taken where nothing is explored.
    """
    wanted = _wanted(campaign, scored, knowing, choices)
    is_kept = scored.grid.allowed == choices.slot[scored.rows][:, np.newaxis]
    turn = knowing.turn[scored.rows][:, np.newaxis]
    found: NDArray[np.float64] = turn * wanted + (1.0 - turn) * is_kept
    return found


def _wanted(
    campaign: Campaign, scored: Scored, knowing: Knowledge, choices: Choices
) -> NDArray[np.float64]:
    """Return the same of those whose turn it is."""
    allowed = scored.grid.allowed
    return slot_distributions(
        values(scored, knowing)[:, allowed],
        np.nan_to_num(scored.logit_sd[:, allowed]),
        best=np.searchsorted(allowed, choices.slot[scored.rows]),
        exploration=campaign.exploration,
        free=scored.free,
    )


def explore(campaign: Campaign, scored: Scored, knowing: Knowledge, into: Choices) -> None:
    """Draw the slots of those who may be explored with.

    Args:
        campaign: the policy, and how far it may go.
        scored: members for whom something was chosen.
        knowing: what else is known.
        into: what was chosen; overwritten by what is drawn.
    """
    policy = campaign.exploration.policy
    if policy == Policy.GREEDY:
        return
    may = explorable(campaign, scored, knowing, into)
    theirs = by_the_model(scored, into)
    has_slot = into.slot[scored.rows] >= 0
    into.policy[scored.rows[theirs & ~has_slot]] = policy
    bound = ExplorationBound.URGENT if campaign.urgent else ExplorationBound.BUDGET_SPENT
    into.exploration_bound_by[scored.rows[theirs & has_slot & ~may]] = bound
    if may.any():
        _draw(campaign, scored.among(may), knowing, into)


def _draw(campaign: Campaign, scored: Scored, knowing: Knowledge, into: Choices) -> None:
    rows, allowed = scored.rows, scored.grid.allowed
    wanted = _wanted(campaign, scored, knowing, into)
    kept = np.searchsorted(allowed, into.slot[rows])
    turn = knowing.turn[rows]
    drawn = np.where(knowing.is_turn[rows], draw(wanted, knowing.uniform(rows)), kept)
    into.policy[rows] = campaign.exploration.policy
    into.slot[rows] = allowed[drawn]
    into.propensity[rows] = np.where(drawn == kept, 1.0 - turn, 0.0) + (
        turn * wanted[np.arange(len(drawn)), drawn]
    )
    into.explored[rows] = drawn != kept
