"""How much a user answers, whatever the hour, pulled to everybody."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sendopt.features import Evidence
from sendopt.learn.numerics.logistic import logit, sigmoid

#: Sends by which a user's rate is pulled to everybody's.
LEVEL_SENDS = 20.0


def level_of(evidence: Evidence, base: float) -> NDArray[np.float64]:
    """Return each row's logit of answering minus `base`, everybody's."""
    sends, answers = evidence.sends.sum(axis=(1, 2)), evidence.opens.sum(axis=(1, 2))
    everybody = float(sigmoid(np.array([base]))[0])
    level: NDArray[np.float64] = (
        logit((answers + LEVEL_SENDS * everybody) / (sends + LEVEL_SENDS)) - base
    )
    return level
