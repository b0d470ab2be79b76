"""What people set of a model; everything else of it is learned from a log."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from importlib.metadata import version

from sendopt.features import MOMENT_FEATURES, USER_FEATURES
from sendopt.learn.level_shape import LevelShape
from sendopt.learn.trees import OffsetTrees


def fingerprint() -> str:
    """Return 16 hex digits that change with the release, the definitions and the features.

    The definitions are those of `models/`. The seed and the number of threads are left out: they
    move a model as other data would.
    """
    settings = {
        "release": version("sendopt"),
        "shape": asdict(LevelShape()),
        "trees": asdict(OffsetTrees()),
        "features": USER_FEATURES + MOMENT_FEATURES,
    }
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
