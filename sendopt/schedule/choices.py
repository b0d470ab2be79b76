"""What was chosen for each member of an audience, in columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Columns of words hold members of an enumeration, or None.
Words = NDArray[np.object_]


@dataclass(frozen=True, eq=False)
class Choices:
    """One entry a member in every column; they mean what they mean in `Decision`.

    Attributes:
        slot: which of the member's slots is taken; -1 = none.
        delay: minutes from the beginning of that slot until the message falls due: no minute may
            get more than it takes.
        propensity: NaN = no slot is taken.
        policy: a Policy.
        suppressed_by: an EndReason.
        binding_constraint: an Exclusion.
        fallback_reason: a FallbackReason.
        gain_probability: NaN = it was not asked for.
        abstention_reason: an AbstentionReason.
        explored: True or False; None = no slot is taken.
        exploration_bound_by: an ExplorationBound.
    """

    slot: NDArray[np.int16]
    delay: NDArray[np.int32]
    propensity: NDArray[np.float64]
    policy: Words
    suppressed_by: Words
    binding_constraint: Words
    fallback_reason: Words
    gain_probability: NDArray[np.float64]
    abstention_reason: Words
    explored: Words
    exploration_bound_by: Words

    @classmethod
    def none(cls, count: int) -> Choices:
        """Return `count` members for whom nothing was chosen yet."""

        def words() -> Words:
            return np.full(count, None, np.object_)

        def numbers() -> NDArray[np.float64]:
            return np.full(count, np.nan)

        return cls(
            slot=np.full(count, -1, np.int16),
            delay=np.zeros(count, np.int32),
            propensity=numbers(),
            policy=words(),
            suppressed_by=words(),
            binding_constraint=words(),
            fallback_reason=words(),
            gain_probability=numbers(),
            abstention_reason=words(),
            explored=words(),
            exploration_bound_by=words(),
        )
