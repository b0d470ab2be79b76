"""What several models say of the same moments."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from sendopt.features import AsOfView, Moments, Viewpoints
from sendopt.learn.model.model import ServableModel

Vector = NDArray[np.float64]

OURS = "ours"  # the name of the model that is judged


def predictions(
    models: Mapping[str, ServableModel],
    view: AsOfView,
    viewpoints: Viewpoints,
    moments: Moments,
) -> dict[str, Vector]:
    """Return the probabilities of every model, by its name; they are also its order of hours."""
    return {
        name: model.predict(model.inputs(view, viewpoints, moments))
        for name, model in models.items()
    }
