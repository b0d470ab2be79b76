"""What a logged propensity makes of a send."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Of a send whose time was an unlikely choice; beyond it, variance wins.
MAX_WEIGHT = 20.0


def inverse(propensity: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weights that undo the sender's choice of times; 1 where it was never logged."""
    weight = np.ones(len(propensity))
    logged = propensity > 0  # false for NaN: never logged
    weight[logged] = np.minimum(1.0 / propensity[logged], MAX_WEIGHT)
    return weight
