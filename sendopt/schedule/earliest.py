"""Takes the earliest allowed slot, where no time is to be chosen."""

from __future__ import annotations

from sendopt.records import EndReason, Policy
from sendopt.schedule.choices import Choices
from sendopt.schedule.scored import Scored


def take_earliest(scored: Scored, into: Choices) -> None:
    """Take the first allowed slot for each member, or say why there is none.

    Args:
        scored: the members; what is said of their slots does not matter.
        into: where the choices are written.
    """
    rows, grid = scored.rows, scored.grid
    into.policy[rows] = Policy.EARLIEST
    if not len(grid.allowed):
        into.suppressed_by[rows] = EndReason.NO_ALLOWED_SLOT
        into.binding_constraint[rows] = grid.slots[0].excluded_by
        return
    taken = int(grid.allowed[0])
    into.slot[rows] = taken
    into.propensity[rows] = 1.0
    into.explored[rows] = False
    if taken:
        into.binding_constraint[rows] = grid.slots[0].excluded_by
