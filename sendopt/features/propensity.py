"""What a logged propensity makes of a send.

A send whose slot had the propensity p weighs 1 / p, at most `MAX_WEIGHT`. Weights move what is
known between slots and make no more of it: over all sends that carry a propensity they are scaled
to as many as these sends are. Sends that carry none weigh 1, however many others there are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Of a send whose time was an unlikely choice; beyond it, variance wins.
MAX_WEIGHT = 20.0


def is_logged(propensity: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which sends carry a propensity; NaN stands for none."""
    return propensity > 0


def inverse(propensity: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weights that undo the sender's choice of times; 1 where it was never logged."""
    weight = np.ones(len(propensity))
    logged = is_logged(propensity)
    weight[logged] = np.minimum(1.0 / propensity[logged], MAX_WEIGHT)
    return weight


def scaled_inverse(propensity: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the inverse of each propensity, scaled over those that were logged to a mean of 1."""
    weight, logged = inverse(propensity), is_logged(propensity)
    if logged.any():
        weight[logged] /= weight[logged].mean()
    return weight
