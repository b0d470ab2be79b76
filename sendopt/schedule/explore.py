"""Leaves the slots that were chosen for members, now and then, to learn about others."""

from __future__ import annotations

import numpy as np

from sendopt.records import Campaign, ExplorationBound, Policy
from sendopt.schedule.choices import Choices
from sendopt.schedule.choose import Knowledge, values
from sendopt.schedule.policy import draw, slot_distributions
from sendopt.schedule.scored import Scored


def explore(campaign: Campaign, scored: Scored, knowing: Knowledge, into: Choices) -> None:
    """Draw the slots of those whose times a model chose, by the campaign's policy.

    Args:
        campaign: the policy, and how far it may go.
        scored: members for whom something was chosen.
        knowing: what else is known.
        into: what was chosen; overwritten by what is drawn.
    """
    exploration = campaign.exploration
    by_the_model = into.policy[scored.rows] == Policy.GREEDY
    # Who stays at the configured time for want of a proven gain is explored with as well.
    by_the_model |= into.abstention_reason[scored.rows] != None  # noqa: E711 - entry by entry
    if exploration.policy == Policy.GREEDY or not by_the_model.any():
        return
    scored = scored.among(by_the_model)
    rows = scored.rows
    has_slot = into.slot[rows] >= 0
    into.policy[rows[~has_slot]] = exploration.policy
    if campaign.urgent:
        into.exploration_bound_by[rows[has_slot]] = ExplorationBound.URGENT
        return
    is_spent = knowing.explored_count[rows] >= exploration.per_user
    into.exploration_bound_by[rows[has_slot & is_spent]] = ExplorationBound.BUDGET_SPENT
    drawn_for = scored.among(has_slot & ~is_spent)
    if len(drawn_for.rows):
        _draw(campaign, drawn_for, knowing, into)


def _draw(campaign: Campaign, scored: Scored, knowing: Knowledge, into: Choices) -> None:
    rows, allowed = scored.rows, scored.grid.allowed
    kept = into.slot[rows]
    distributions = slot_distributions(
        values(scored, knowing)[:, allowed],
        np.nan_to_num(scored.logit_sd[:, allowed]),
        best=np.searchsorted(allowed, kept),
        exploration=campaign.exploration,
        free=scored.free,
    )
    drawn = draw(distributions, knowing.uniform(rows))
    into.policy[rows] = campaign.exploration.policy
    into.slot[rows] = allowed[drawn]
    into.propensity[rows] = distributions[np.arange(len(drawn)), drawn]
    into.explored[rows] = allowed[drawn] != kept
