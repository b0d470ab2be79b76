"""What people set of a model; everything else of it is learned from a log."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict

from sendopt.features import MOMENT_FEATURES, USER_FEATURES
from sendopt.learn.boosting.trees import OffsetTrees
from sendopt.learn.level_shape.curves import LevelShape


def fingerprint() -> str:
    """Return 16 hex digits that change with the definitions and the features.

    The definitions are those of `models/`. The seed and the number of threads are left out: they
    move a model as other data would. So is the release: most change nothing of the model, and
    after each the champion would grow old until a successor is proven to be better.
    """
    settings = {
        "shape": asdict(LevelShape()),
        "trees": asdict(OffsetTrees()),
        "features": USER_FEATURES + MOMENT_FEATURES,
    }
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
