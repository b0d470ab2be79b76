"""What was planned together: a slot a message, what bounds it, and by how much it may be off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Why a message is not at the allowed slot that is best for it alone: rule r is the number r.
NOTHING_BINDS = -1  # it is
BY_CAPACITY = -2
NOT_WORTH_ITS_COST = -3
NO_ALLOWED_SLOT = -4


@dataclass(frozen=True, eq=False)
class JointPlan:
    """A plan that breaks no rule and overfills no bucket.

    Attributes:
        slot: of each message, within its own grid; -1 = it is not sent.
        prices: of each bucket: what one message more there would bring. The next call may begin
            with them.
        value: what the plan brings: Σ value x score - cost.
        bound: no plan brings more.
        load: messages in each bucket.
        bound_by: of each message, the number of a rule or one of the constants above.
        given_up: of each message: what it brings less than at the allowed slot that is best for it
            alone; in the unit of value.
        user_bound: of each user: the most that a plan of theirs brings after paying `prices`.
            `bound` is their sum and what all capacity costs.
    """

    slot: NDArray[np.int16]
    prices: NDArray[np.float64]
    value: float
    bound: float
    load: NDArray[np.int64]
    bound_by: NDArray[np.int8]
    given_up: NDArray[np.float32]
    user_bound: NDArray[np.float64]

    @property
    def gap(self) -> float:
        """By which share of `bound` the plan may be below the best one, >= 0."""
        return max(self.bound - self.value, 0.0) / self.bound if self.bound > 0 else 0.0
