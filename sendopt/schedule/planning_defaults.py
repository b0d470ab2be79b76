"""What holds for every campaign that does not say otherwise."""

from __future__ import annotations

from dataclasses import dataclass

from sendopt.records import NO_EXPLORATION, Exploration, Holdout


@dataclass(frozen=True, slots=True)
class PlanningDefaults:
    """The operator's choices; docs/decisions/0014-policies.md gives the reason of each default."""

    exploration: Exploration = NO_EXPLORATION
    holdout: Holdout | None = None
    least_confidence: float = 0.6
    urgent_message_types: frozenset[str] = frozenset()


PLANNING_DEFAULTS = PlanningDefaults()
