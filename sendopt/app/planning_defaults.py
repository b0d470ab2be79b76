"""What the settings say of campaigns that do not say otherwise."""

from __future__ import annotations

from sendopt.records import Exploration, Holdout, HoldoutTime, Policy
from sendopt.schedule import PlanningDefaults
from sendopt.settings import ScheduleSettings


def planning_defaults(given: ScheduleSettings) -> PlanningDefaults:
    """Return what holds for every campaign that does not say otherwise."""
    return PlanningDefaults(
        exploration=Exploration(
            policy=Policy(given.policy),
            epsilon=0.0 if given.policy == "greedy" else given.epsilon,
            share=given.explored_share,
            per_user=given.explored_per_user_30_days,
        ),
        holdout=(
            Holdout(given.holdout_share, HoldoutTime(given.holdout_time))
            if given.holdout_share
            else None
        ),
        least_confidence=given.least_confidence,
        urgent_message_types=frozenset(given.urgent_message_types),
    )
