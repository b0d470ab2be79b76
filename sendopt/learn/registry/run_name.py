"""What a run is called on MLflow's pages, where it would else be `crawling-bass-964`."""

from __future__ import annotations

import json

from sendopt.learn.families.definition import differences
from sendopt.learn.model.model import ServableModel

_LONGEST = 200  # characters; MLflow's own tables keep 250


def run_name(model: ServableModel, number: str) -> str:
    """Say what was trained and as what it is registered.

    Such as `level_shape_trees v3 98471643c7d4083f shape.deviation_sd=0.4`: the family, MLflow's
    number of the version, the version itself, and what its definition sets otherwise than as
    shipped.
    """
    changed = differences(model.provenance.defined)
    settings = (f"{key}={json.dumps(value)}" for key, value in changed.items())
    name = " ".join([model.family, f"v{number}", model.version, *settings])
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 3]}..."
