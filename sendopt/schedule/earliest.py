"""Takes the earliest allowed slot, where no time is to be chosen."""

from __future__ import annotations

import numpy as np

from sendopt.records import EndReason, Policy
from sendopt.schedule.bars import ENDS
from sendopt.schedule.choices import Choices
from sendopt.schedule.scored import Scored


def take_earliest(scored: Scored, into: Choices) -> None:
    """Take the first slot that each member may take, or say why there is none.

    Args:
        scored: the members; what is said of their slots does not matter.
        into: where the choices are written.
    """
    rows, allowed = scored.rows, scored.grid.allowed
    into.policy[rows] = Policy.EARLIEST
    earlier_first = -np.arange(len(scored.grid.slots), dtype=np.float64)
    taken = scored.best(np.broadcast_to(earlier_first, scored.probability.shape))
    into.slot[rows] = taken
    can = taken >= 0
    into.propensity[rows[can]], into.explored[rows[can]] = 1.0, False
    first = np.zeros(len(rows), np.intp)
    kept = taken != 0
    into.binding_constraint[rows[kept]] = scored.among(kept).excluded_by(first[kept])
    if len(allowed):
        bars = scored.among(~can).excluded_by(np.full((~can).sum(), allowed[0], np.intp))
        into.suppressed_by[rows[~can]] = [ENDS[bar] for bar in bars]
    else:
        into.suppressed_by[rows] = EndReason.NO_ALLOWED_SLOT
